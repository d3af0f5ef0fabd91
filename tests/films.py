"""Films of 1, 30 and 120 MB in many containers and codecs, which the tests damage.

A group of pictures is encoded once and repeated with rising times, which costs as much as copying
the file; the sound is encoded for the whole length. Each film is written once into a folder that
the caller provides, and is the same in every run.
"""

from __future__ import annotations

import random
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from tests.media import encoding_av1

RATE = 25
SAMPLE_RATE = 48_000
SOUND_FRAME = 1_024
SOUND_BITS_PER_S = 64_000
_TICK = Fraction(1, 90_000)


@dataclass(frozen=True, slots=True)
class Size:
    """How large a film is: its pictures, its length, and the bits of its pictures in a second."""

    width: int
    height: int
    seconds: int
    bits_per_s: int
    faintness: int  # the noise is divided by it, so that each encoder can reach the bits


SIZES: Mapping[int, Size] = {  # by megabytes
    1: Size(320, 180, 20, 330_000, 4),
    30: Size(640, 360, 120, 1_950_000, 8),
    120: Size(1_920, 1_080, 300, 3_150_000, 16),
}
# container -> FFmpeg's muxer and its options
CONTAINERS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "MP4": ("mp4", {"movflags": "+faststart"}),
    "MP4, moov last": ("mp4", {}),
    "MP4, fragmented": ("mp4", {"movflags": "+frag_keyframe+empty_moov+default_base_moof"}),
    "MOV": ("mov", {}),
    "MKV": ("matroska", {}),
    "WebM": ("webm", {}),
    "TS": ("mpegts", {}),
    "FLV": ("flv", {}),
    "AVI": ("avi", {}),
}
# codec -> FFmpeg's encoder and its options; each group of pictures stands alone
VIDEO: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "H.264": ("libx264", {"preset": "ultrafast", "sc_threshold": "0"}),
    "HEVC": (
        "libx265",
        {"preset": "ultrafast", "x265-params": "log-level=none:open-gop=0:scenecut=0:pools=none"},
    ),
    "AV1": ("libsvtav1", {"preset": "12"}),
    "VP8": ("libvpx", {"deadline": "realtime", "cpu-used": "8"}),
    "VP9": ("libvpx-vp9", {"deadline": "realtime", "cpu-used": "8"}),
    "MPEG-2": ("mpeg2video", {}),
    "MPEG-4": ("mpeg4", {}),
}
SOUND: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "AAC": ("aac", {}),
    "MP3": ("libmp3lame", {}),
    "Opus": ("libopus", {}),
    "Vorbis": ("vorbis", {"strict": "experimental"}),
    "AC-3": ("ac3", {}),
    "PCM": ("pcm_s16le", {}),
}


@dataclass(frozen=True, slots=True)
class Film:
    """A film to be made: names of the tables above; ``seed`` selects the contents."""

    container: str
    video: str
    sound: str | None
    megabytes: int = 1
    key_frame_s: int = 2  # between key frames
    seed: int = 1

    @property
    def name(self) -> str:
        """The film in words."""
        sound = f" + {self.sound}" if self.sound else ""
        spacing = f", a key frame each {self.key_frame_s} s" if self.key_frame_s != 2 else ""
        return f"{self.container} {self.video}{sound}{spacing}"

    @property
    def other(self) -> Film:
        """Another film of the same form."""
        return replace(self, seed=self.seed + 1)


def film(wanted: Film, folder: Path) -> Path:
    """Return the path of the film in ``folder``, which is made if it is missing."""
    path = folder / f"{wanted.name} {wanted.megabytes} MB {wanted.seed}".replace("/", "-")
    if not path.exists():
        size = SIZES[wanted.megabytes]
        tracks = [_pictures(wanted, size, folder)]
        if wanted.sound is not None:
            tracks.append(_sound(wanted.sound, size.seconds, wanted.seed, folder))
        draft = path.with_name(f"{path.name}.draft")
        muxer, options = CONTAINERS[wanted.container]
        write(draft, muxer, options, tracks, seconds=size.seconds)
        draft.replace(path)
    return path


def write(
    into: Path, muxer: str, options: Mapping[str, str], tracks: Sequence[Path], *, seconds: float
) -> None:
    """Write the first stream of each file into one,
    each repeated with rising times until ``seconds``.
    """
    with av.open(str(into), "w", format=muxer, options=dict(options)) as out:
        sources = [av.open(str(track)) for track in tracks]
        streams = [
            out.add_stream_from_template(source.streams[0], opaque=True) for source in sources
        ]
        for stream in streams:
            if stream.type == "video":
                stream.time_base = Fraction(1, RATE)  # AVI counts its pictures
        feeds = [_repeated(source, seconds) for source in sources]
        waiting = [next(feed) for feed in feeds]
        while any(waiting):
            number = min(
                (n for n, packet in enumerate(waiting) if packet), key=lambda n: waiting[n].dts
            )
            packet, waiting[number] = waiting[number], next(feeds[number], None)
            packet.stream = streams[number]
            out.mux_one(packet)
        for source in sources:
            source.close()


def _repeated(source: Any, seconds: float) -> Iterator[Any]:
    """Yield the packets with times in units of 1/90,000 s, again and again."""
    length = round(source.duration / av.time_base / _TICK)
    if source.streams[0].type == "video":
        length = round(source.streams[0].frames * Fraction(1, RATE) / _TICK) or length
    shift = 0
    while shift * _TICK < seconds:
        source.seek(0)
        for packet in source.demux(0):
            if packet.dts is None:
                continue
            packet.pts = packet.dts if packet.pts is None else packet.pts  # AVI has none
            for name in ("pts", "dts", "duration"):
                setattr(packet, name, round(getattr(packet, name) * packet.time_base / _TICK))
            packet.time_base = _TICK
            packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
            yield packet
        shift += length


def _pictures(wanted: Film, size: Size, folder: Path) -> Path:
    """Return the path of one encoded group of pictures."""
    seconds = min(wanted.key_frame_s, size.seconds)
    container = (
        "avi" if wanted.container == "AVI" else "mp4" if wanted.video != "VP8" else "matroska"
    )
    path = (
        folder / f"group {wanted.video} {seconds} s {wanted.megabytes} MB {wanted.seed} {container}"
    )
    if not path.exists():
        encoder, options = VIDEO[wanted.video]
        with encoding_av1(), av.open(str(path), "w", format=container) as out:
            stream: Any = out.add_stream(
                encoder, rate=RATE, options={"g": f"{seconds * RATE}", **options}
            )
            stream.width, stream.height, stream.pix_fmt = size.width, size.height, "yuv420p"
            stream.bit_rate, stream.codec_context.thread_count = size.bits_per_s, 1
            for frame in frames(
                size.width, size.height, seconds * RATE, wanted.seed, size.faintness
            ):
                out.mux(stream.encode(frame))
            out.mux(stream.encode(None))
    return path


def frames(
    width: int, height: int, count: int, seed: int = 1, faintness: int = 4
) -> Iterator[av.VideoFrame]:
    """Yield pictures of faint moving noise, which any encoder reduces to any size."""
    source = random.Random(seed)
    faint = bytes(96 + byte // faintness for byte in range(256))
    # rows may be longer in memory than they are wide
    texture = source.randbytes(3 * width * height).translate(faint)
    for number in range(count):
        shift = source.randrange(width * height)
        frame = av.VideoFrame(width, height, "yuv420p")
        bright, *colours = frame.planes
        bright.update(texture[shift : shift + bright.buffer_size])
        for plane in colours:
            plane.update(bytes([96 + number % 64]) * plane.buffer_size)
        frame.pts, frame.time_base = number, Fraction(1, RATE)
        yield frame


def _sound(codec: str, seconds: int, seed: int, folder: Path) -> Path:
    path = folder / f"sound {codec} {seconds} s {seed}"
    if not path.exists():
        encoder, options = SOUND[codec]
        with av.open(str(path), "w", format="matroska") as out:
            stream: Any = out.add_stream(
                encoder, rate=SAMPLE_RATE, layout="stereo", options=dict(options)
            )
            stream.bit_rate = SOUND_BITS_PER_S
            for frame in samples(seconds, seed):
                out.mux(stream.encode(frame))
            out.mux(stream.encode(None))
    return path


def samples(seconds: float, seed: int = 1) -> Iterator[av.AudioFrame]:
    """Yield pieces of noise."""
    source = random.Random(seed)
    noise = array("f", (source.uniform(-0.3, 0.3) for _ in range(SAMPLE_RATE))).tobytes() * 2
    for start in range(0, round(seconds * SAMPLE_RATE), SOUND_FRAME):
        frame = av.AudioFrame(format="fltp", layout="stereo", samples=SOUND_FRAME)
        at = 4 * (start * 7 % SAMPLE_RATE)
        for plane in frame.planes:
            plane.update(noise[at : at + plane.buffer_size])
        frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, start, Fraction(1, SAMPLE_RATE)
        yield frame
