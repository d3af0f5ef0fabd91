"""Films of any length for the benchmarks: noise, so that they are as large as real ones,
encoded once and repeated.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import av

WIDTH, HEIGHT, RATE = 1_280, 720, 30
PIECE_S = 20
BITS_PER_S = 3_000_000
SOUND_RATE, SOUND_SAMPLES = 44_100, 1_024
HLS = {"hls_time": "6", "hls_playlist_type": "vod", "hls_list_size": "0"}
_EXACTLY = {
    "b": "3000k",
    "minrate": "3000k",
    "maxrate": "3000k",
    "bufsize": "3000k",
    "nal-hrd": "cbr",
}


def make_film(into: Path, *, seconds: int) -> Path:
    """Write an MP4 of about 385 KB a second with its table of contents in front,
    or an HLS stream for ``.m3u8``.
    """
    piece = into.with_name("piece.mp4")
    if not piece.exists():
        _encode(piece)
    is_stream = into.suffix == ".m3u8"
    _repeat(
        piece,
        into,
        seconds // PIECE_S,
        "hls" if is_stream else "mp4",
        HLS if is_stream else {"movflags": "+faststart"},
    )
    return into


def _encode(path: Path) -> None:
    noise = [random.Random(number).randbytes(2 * WIDTH * HEIGHT) for number in range(8)]
    with av.open(str(path), "w") as out:
        pictures = out.add_stream(
            "libx264", rate=RATE, options={"preset": "ultrafast", "g": str(2 * RATE), **_EXACTLY}
        )
        pictures.width, pictures.height, pictures.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        sound = out.add_stream("aac", rate=SOUND_RATE)
        for number in range(RATE * PIECE_S):
            picture = av.VideoFrame(WIDTH, HEIGHT, "yuv420p")
            for plane in picture.planes:
                plane.update(noise[number % 8][97 * number % 5_000 :][: plane.buffer_size])
            picture.pts, picture.time_base = number, Fraction(1, RATE)
            out.mux(pictures.encode(picture))
        out.mux(pictures.encode(None))
        for number in range(SOUND_RATE * PIECE_S // SOUND_SAMPLES):
            silence = av.AudioFrame("fltp", "stereo", SOUND_SAMPLES)
            silence.sample_rate, silence.pts, silence.time_base = (
                SOUND_RATE,
                number * SOUND_SAMPLES,
                Fraction(1, SOUND_RATE),
            )
            for channel in silence.planes:
                channel.update(bytes(channel.buffer_size))
            out.mux(sound.encode(silence))
        out.mux(sound.encode(None))


def _repeat(piece: Path, into: Path, times: int, form: str, options: Mapping[str, str]) -> None:
    with av.open(str(into), "w", format=form, options=dict(options)) as out:
        streams: dict[int, av.stream.Stream] = {}
        for turn in range(times):
            with av.open(str(piece)) as source:
                streams = streams or {
                    stream.index: out.add_stream_from_template(stream) for stream in source.streams
                }
                for packet in source.demux():
                    if packet.dts is None or packet.pts is None:
                        continue
                    shift = round(turn * PIECE_S / packet.time_base)
                    packet.dts, packet.pts = packet.dts + shift, packet.pts + shift
                    packet.stream = streams[packet.stream_index]
                    out.mux(packet)


def copy(url: str, into: Path) -> None:
    """Copy a stream into an MP4 without encoding."""
    with av.open(url) as source, av.open(str(into), "w", options={"movflags": "+faststart"}) as out:
        streams = {stream.index: out.add_stream_from_template(stream) for stream in source.streams}
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream_index]
                out.mux(packet)
