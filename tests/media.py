"""Small real media for tests, made with PyAV in memory and cached for the session.

A moving noise picture (so that a few seconds have well over 20 kB) with a tone. Every function
returns the same bytes when it is called again, so tests may cut, damage and join them as they like.
"""

from __future__ import annotations

import io
import math
import os
import random
import tempfile
from array import array
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import av
import av.container
from Crypto.Cipher import AES
from Crypto.Util.Padding import pad

RATE = 25
SAMPLE_RATE = 48_000
AUDIO_FRAME = 1_024
AES_KEY = bytes(range(16))


# --- single files ---------------------------------------------------------------------------------


@cache
def mp4(
    seconds: float = 2.0, *, sound: bool = True, layout: str = "faststart", gop: int = RATE
) -> bytes:
    """H.264 (+ AAC) 320x180. ``layout``: ``faststart``, ``moov_last`` or ``fragmented``."""
    flags = {
        "faststart": "+faststart",
        "moov_last": "0",
        "fragmented": "+frag_keyframe+empty_moov+default_base_moof",
    }
    return encode("mp4", seconds, sound=sound, options={"movflags": flags[layout]}, gop=gop)


@cache
def with_sound_of(seconds: float, *, pictures_s: float, container: str = "mp4") -> bytes:
    """A film whose pictures and sound are not equally long."""
    return encode(container, pictures_s, sound_s=seconds)


@cache
def ts(seconds: float = 2.0, *, sound: bool = True) -> bytes:
    return encode("mpegts", seconds, sound=sound)


@cache
def slide_show_ts(seconds: float, *, every_s: float) -> bytes:
    """A tone with one picture every few seconds."""
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/clip"
        with av.open(path, "w", format="mpegts") as out:
            step = round(every_s * RATE)
            pictures = _video_stream(out, "libx264", 1, 300_000, None)
            tone: Any = out.add_stream("aac", rate=SAMPLE_RATE, layout="mono")
            shown = (
                ((pts * step) / RATE, pictures, pts * step, frame)
                for pts, frame in _frames(round(seconds / every_s))
            )
            heard = (
                (pts / SAMPLE_RATE, tone, pts, frame)
                for pts, frame in _tone(round(seconds * SAMPLE_RATE))
            )
            for _, stream, pts, frame in sorted([*shown, *heard], key=lambda item: item[0]):
                frame.pts = pts
                out.mux(stream.encode(frame))
            for stream in (pictures, tone):
                out.mux(stream.encode(None))
        return Path(path).read_bytes()


@cache
def webm(seconds: float = 2.0, *, sound: bool = True) -> bytes:
    """VP9 (+ Opus)."""
    return encode("webm", seconds, sound=sound, video="libvpx-vp9", audio="libopus")


@cache
def live_webm(seconds: float = 2.0) -> bytes:
    """As a browser records it: without sizes, duration or index."""
    return encode("webm", seconds, sound=False, video="libvpx-vp9", options={"live": "1"})


@cache
def mkv(seconds: float = 2.0) -> bytes:
    return encode("matroska", seconds)


@cache
def flv(seconds: float = 2.0) -> bytes:
    return encode("flv", seconds, sound=False)


@cache
def avi(seconds: float = 2.0) -> bytes:
    return encode("avi", seconds, sound=False, video="mpeg4")


@cache
def mov(seconds: float = 2.0) -> bytes:
    return encode("mov", seconds)


@cache
def ogg() -> bytes:
    return encode("ogg", 2.0, sound=False, video="libvpx")


@cache
def program_stream() -> bytes:
    return encode("vob", 2.0, sound=False, video="mpeg2video")


@cache
def asf() -> bytes:
    return encode("asf", 2.0, sound=False, video="wmv2")


@cache
def cenc_mp4(seconds: float = 2.0) -> bytes:
    """Copy-protected as common encryption does it, with a key that belongs to no one."""
    key = "00112233445566778899aabbccddeeff"
    options = {"encryption_scheme": "cenc-aes-ctr", "encryption_key": key, "encryption_kid": key}
    return encode("mp4", seconds, options=options)


@cache
def reordered_mp4() -> bytes:
    """Open groups of pictures and B-frames: the order of decoding differs from the order of
    display.
    """
    speed = {"preset": "fast", "x264-params": "open-gop=1:keyint=25:bframes=3"}
    return encode("mp4", 2.0, speed=speed)


@cache
def hevc_ts() -> bytes:
    """HEVC with a single key frame, in a transport stream: no seek succeeds."""
    return encode(
        "mpegts",
        2.0,
        video="libx265",
        speed={"preset": "ultrafast", "x265-params": "log-level=none"},
    )


@cache
def av1_mp4() -> bytes:
    return encode("mp4", 0.6, video="libsvtav1", speed={"preset": "12"})


@contextmanager
def encoding_av1() -> Iterator[None]:
    """Keep SVT-AV1 quiet, and undo what it does as root:
    it lets the calling thread run before all others from then on.
    """
    os.environ.setdefault("SVT_LOG", "1")  # errors only
    if not hasattr(os, "sched_getscheduler"):  # macOS
        yield
        return
    policy, priority = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        os.sched_setscheduler(0, policy, priority)


@cache
def picture(
    container: str = "image2", codec: str = "mjpeg", pixels: str = "yuvj420p", *, count: int = 1
) -> bytes:
    """Return a picture of 320 x 180 pixels; an animation of ``count`` of them."""
    with encoding_av1(), tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/picture"
        with av.open(
            path, "w", format=container, options={"update": "1"} if container == "image2" else {}
        ) as out:
            stream: Any = out.add_stream(codec, rate=RATE)
            stream.width, stream.height, stream.pix_fmt = 320, 180, pixels
            for pts, frame in _frames(count):
                fitting = frame.reformat(format=pixels)
                fitting.pts = pts
                out.mux(stream.encode(fitting))
            out.mux(stream.encode(None))
        return Path(path).read_bytes()


@cache
def rotated_mp4() -> bytes:
    """Filmed with the phone upright: the picture is stored in landscape,
    and its matrix rotates it by 90 degrees.
    """
    plain, identity, turned = (
        mp4(sound=False),
        (1, 0, 0, 0, 1, 0, 0, 0, 0x4000),
        (0, 1, 0, -1, 0, 0, 0, 0, 0x4000),
    )
    assert plain.count(_matrix(identity)) == 2  # mvhd and tkhd
    head, _, tail = plain.rpartition(_matrix(identity))
    return head + _matrix(turned) + tail


@cache
def sound_only_mp4(seconds: float = 2.0) -> bytes:
    return encode("mp4", seconds, video=None)


@cache
def sound(container: str = "mp4", codec: str = "aac", seconds: float = 3.0) -> bytes:
    """A tone alone."""
    return encode(container, seconds, video=None, audio=codec)


Cue = tuple[float, float, str]  # start and end in seconds, and the text


@cache
def subtitled(
    container: str = "mp4",
    seconds: float = 4.0,
    *,
    cues: tuple[Cue, ...] = ((0.5, 1.5, "Hello"), (2.0, 3.0, "Goodbye")),
    chapters: tuple[tuple[float, str], ...] = ((0.0, "Start"), (2.0, "End")),
    language: str = "eng",
    title: str = "Dialogue",
) -> bytes:
    """A video with chapters and one stream of subtitles: SubRip in ``matroska``, timed text in
    ``mp4``, and closed captions, which only QuickTime files hold, in ``mov``.
    """
    codec = {"matroska": "subrip", "mov": "eia_608"}.get(container, "mov_text")
    with tempfile.TemporaryDirectory() as folder:
        plain, path = Path(folder, "plain"), Path(folder, "clip")
        plain.write_bytes(encode(container, seconds))
        with av.open(str(plain)) as source, av.open(str(path), "w", format=container) as out:
            clock = Fraction(1, 1_000)
            streams = {
                stream.index: out.add_stream_from_template(stream) for stream in source.streams
            }
            texts: Any = out.add_mux_stream(codec, time_base=clock)
            texts.metadata.update({"language": language, "title": title, "handler_name": title})
            ends = [start for start, _ in chapters[1:]] + [seconds]
            out.set_chapters(
                [
                    {"id": number, "start": round(start * 1_000), "end": round(end * 1_000),
                     "time_base": clock, "metadata": {"title": name}}
                    for number,
                    ((start, name), end) in enumerate(zip(chapters, ends, strict=True), start=1)
                ]
            )  # fmt: skip
            packets: list[Any] = [packet for packet in source.demux() if packet.dts is not None]
            waiting = [_text_packet(cue, texts, with_length=codec == "mov_text") for cue in cues]
            for packet in packets:
                while waiting and waiting[0].pts / 1_000 <= packet.dts * packet.time_base:
                    out.mux_one(waiting.pop(0))
                packet.stream = streams[packet.stream_index]
                out.mux_one(packet)
            out.mux(waiting)
        return path.read_bytes()


def _text_packet(cue: Cue, stream: Any, *, with_length: bool) -> Any:
    start, end, text = cue
    body = text.encode()
    packet: Any = av.Packet(len(body).to_bytes(2, "big") + body if with_length else body)
    packet.stream, packet.time_base = stream, Fraction(1, 1_000)
    packet.pts = packet.dts = round(start * 1_000)
    packet.duration = round((end - start) * 1_000)
    return packet


@cache
def one_picture_mp4() -> bytes:
    return encode("mp4", 1 / RATE, sound=False, bit_rate=4_000_000)


@cache
def png() -> bytes:
    """An image of some 60 kB."""
    return _encode_picture("png", "rgb24")


@cache
def jpeg() -> bytes:
    return _encode_picture("mjpeg", "yuvj420p")


def html(size: int = 12_000) -> bytes:
    """A login page that is long enough not to be rejected for its size alone."""
    page = (
        b"<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body>"
        + b"<p>Please sign in.</p>" * (size // 22)
    )
    return page + b"</body></html>"


# --- segmented streams: file name -> bytes, "index.m3u8" is where a player starts -----------------


@cache
def hls(
    kind: str = "ts", *, seconds: float = 6.0, segment_s: float = 2.0, bit_rate: int = 300_000
) -> Mapping[str, bytes]:
    """``ts`` or ``fmp4`` (with its init section), as FFmpeg's muxer writes them,
    with #EXT-X-ENDLIST.
    """
    options = {
        "hls_time": f"{segment_s}",
        "hls_playlist_type": "vod",
        "hls_segment_type": {"ts": "mpegts"}.get(kind, kind),
    }
    suffix = "ts" if kind == "ts" else "m4s"
    with tempfile.TemporaryDirectory() as folder:
        options["hls_segment_filename"] = f"{folder}/seg%03d.{suffix}"
        if kind == "fmp4":
            options["hls_fmp4_init_filename"] = "init.mp4"
        with av.open(f"{folder}/index.m3u8", "w", format="hls", options=options) as out:
            _encode_into(out, seconds, sound=True, gop=int(RATE * segment_s), bit_rate=bit_rate)
        return {path.name: path.read_bytes() for path in sorted(Path(folder).iterdir())}


@cache
def hls_aes(*, with_iv: bool = False) -> Mapping[str, bytes]:
    """The ``ts`` set with AES-128: ``key.bin``; the IV is the sequence number unless
    ``with_iv``.
    """
    files = dict(hls("ts"))
    names = sorted(name for name in files if name.endswith(".ts"))
    for sequence, name in enumerate(names):
        iv = b"\x07" * 16 if with_iv else sequence.to_bytes(16, "big")
        files[name] = AES.new(AES_KEY, AES.MODE_CBC, iv).encrypt(pad(files[name], 16))
    tag = '#EXT-X-KEY:METHOD=AES-128,URI="key.bin"' + (",IV=0x" + "07" * 16 if with_iv else "")
    files["index.m3u8"] = files["index.m3u8"].replace(b"#EXTINF", tag.encode() + b"\n#EXTINF", 1)
    files["key.bin"] = AES_KEY
    return files


@cache
def hls_split() -> Mapping[str, bytes]:
    """A master playlist: two video-only variants and one separate audio rendition,
    fragmented MP4.
    """
    files: dict[str, bytes] = {}
    for name, streams in (("low", "video"), ("high", "video"), ("sound", "audio")):
        for file, body in one_track_hls(streams, 90_000 if name == "low" else 300_000).items():
            files[f"{name}/{file}"] = body
    files["index.m3u8"] = (
        b'#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="snd",NAME="English",DEFAULT=YES,URI="sound/index.m3u8"\n'
        b'#EXT-X-STREAM-INF:BANDWIDTH=90000,RESOLUTION=160x90,CODECS="avc1.42c01e,mp4a.40.2",AUDIO="snd"\nlow/index.m3u8\n'
        b'#EXT-X-STREAM-INF:BANDWIDTH=400000,RESOLUTION=320x180,CODECS="avc1.42c01e,mp4a.40.2",AUDIO="snd"\nhigh/index.m3u8\n'
    )
    return files


def one_track_hls(
    track: str, bit_rate: int = 300_000, *, segment_s: float = 2.0
) -> dict[str, bytes]:
    """Six seconds of only ``video`` or ``audio``, in fragments of ``segment_s`` (video:
    two seconds).
    """
    options = {"hls_time": f"{segment_s}", "hls_playlist_type": "vod", "hls_segment_type": "fmp4"}
    with tempfile.TemporaryDirectory() as folder:
        options |= {
            "hls_segment_filename": f"{folder}/seg%03d.m4s",
            "hls_fmp4_init_filename": "init.mp4",
        }
        with av.open(f"{folder}/index.m3u8", "w", format="hls", options=options) as out:
            video = "libx264" if track == "video" else None
            _encode_into(
                out, 6.0, sound=track == "audio", video=video, gop=2 * RATE, bit_rate=bit_rate
            )
        return {path.name: path.read_bytes() for path in sorted(Path(folder).iterdir())}


# --- the encoder ----------------------------------------------------------------------------------


def encode(
    container: str,
    seconds: float,
    *,
    sound: bool = True,
    sound_s: float | None = None,
    video: str | None = "libx264",
    audio: str = "aac",
    options: dict[str, str] | None = None,
    gop: int = RATE,
    bit_rate: int = 300_000,
    speed: dict[str, str] | None = None,
) -> bytes:
    """Return a whole file of any kind that the encoder supports;
    its sound lasts as long as its pictures, or ``sound_s``.
    """
    with encoding_av1(), tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/clip"
        with av.open(path, "w", format=container, options=options or {}) as out:
            _encode_into(
                out,
                seconds,
                sound=sound,
                sound_s=sound_s,
                video=video,
                audio=audio,
                gop=gop,
                bit_rate=bit_rate,
                speed=speed,
            )
        return Path(path).read_bytes()


def _encode_into(
    out: av.container.OutputContainer,
    seconds: float,
    *,
    sound: bool,
    sound_s: float | None = None,
    video: str | None = "libx264",
    audio: str = "aac",
    gop: int = RATE,
    bit_rate: int = 300_000,
    speed: dict[str, str] | None = None,
) -> None:
    pictures = _video_stream(out, video, gop, bit_rate, speed) if video else None
    tone: Any = out.add_stream(audio, rate=SAMPLE_RATE, layout="mono") if sound else None
    feeds: list[Iterator[tuple[float, Any, Any]]] = []
    if pictures is not None:
        feeds.append(
            ((pts / RATE, pictures, frame) for pts, frame in _frames(round(seconds * RATE)))
        )
    if tone is not None:
        feeds.append(
            (
                (pts / SAMPLE_RATE, tone, frame)
                for pts, frame in _tone(round((sound_s or seconds) * SAMPLE_RATE))
            )
        )
    merged = sorted((item for feed in feeds for item in feed), key=lambda item: item[0])
    for _, stream, frame in merged:
        out.mux(stream.encode(frame))
    for stream in (pictures, tone):
        if stream is not None:
            out.mux(stream.encode(None))


def _video_stream(
    out: av.container.OutputContainer,
    codec: str,
    gop: int,
    bit_rate: int,
    speed: dict[str, str] | None,
) -> Any:
    usual = {
        "libx264": {
            "preset": "ultrafast",
            "g": f"{gop}",
            "sc_threshold": "0",
            "keyint_min": f"{gop}",
        },
        "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8", "g": f"{gop}"},
    }
    stream: Any = out.add_stream(
        codec, rate=RATE, options=speed if speed is not None else usual.get(codec, {})
    )
    stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 320, 180, "yuv420p", bit_rate
    stream.codec_context.thread_count = 1
    return stream


def _frames(count: int) -> Iterator[tuple[int, av.VideoFrame]]:
    noise = random.Random(7)
    textures = [noise.randbytes(320 * 180) for _ in range(4)]
    for index in range(count):
        frame = av.VideoFrame(320, 180, "yuv420p")
        texture = textures[index // 8 % 4]
        shift = index * 320 % len(texture)
        frame.planes[0].update(_plane(texture[shift:] + texture[:shift], frame.planes[0], 320, 180))
        for plane in frame.planes[1:]:
            plane.update(bytes([64 + index % 128]) * plane.buffer_size)
        frame.pts, frame.time_base = index, Fraction(1, RATE)
        yield index, frame


def _plane(pixels: bytes, plane: Any, width: int, height: int) -> bytes:
    if plane.line_size == width:
        return pixels[: plane.buffer_size].ljust(plane.buffer_size, b"\0")
    gap = bytes(plane.line_size - width)
    return b"".join(pixels[row * width : (row + 1) * width] + gap for row in range(height)).ljust(
        plane.buffer_size, b"\0"
    )


def _tone(samples: int) -> Iterator[tuple[int, av.AudioFrame]]:
    period = 1_200  # eleven waves of 440 Hz
    waves = (
        array("f", [0.3 * math.sin(2 * math.pi * 440 * n / SAMPLE_RATE) for n in range(period)]) * 2
    )
    for start in range(0, samples, AUDIO_FRAME):
        frame = av.AudioFrame(format="fltp", layout="mono", samples=AUDIO_FRAME)
        for plane in frame.planes:
            plane.update(waves[start % period : start % period + AUDIO_FRAME].tobytes())
        frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, start, Fraction(1, SAMPLE_RATE)
        yield start, frame


def _encode_picture(codec: str, pix_fmt: str) -> bytes:
    _, frame = next(_frames(1))
    context: Any = av.CodecContext.create(codec, "w")
    context.width, context.height, context.pix_fmt, context.time_base = (
        320,
        180,
        pix_fmt,
        Fraction(1, RATE),
    )
    out = io.BytesIO()
    for packet in (*context.encode(frame.reformat(format=pix_fmt)), *context.encode(None)):
        out.write(bytes(packet))
    return out.getvalue()


def _matrix(values: tuple[int, ...]) -> bytes:
    """Return numbers of the form 16.16, the last 2.30; ``values`` in units of one, the last in
    1/0x10000 of its own unit.
    """
    units = [value << 16 for value in values[:8]] + [values[8] << 16]
    return b"".join((unit & 0xFFFF_FFFF).to_bytes(4, "big") for unit in units)


def tag(path: Path, tags: Mapping[str, str]) -> None:
    """Write a Matroska file again, with these tags."""
    draft = path.with_suffix(".draft.mkv")
    with av.open(str(path)) as source, av.open(str(draft), "w", format="matroska") as out:
        out.metadata.update(tags)
        streams = {stream.index: out.add_stream_from_template(stream) for stream in source.streams}
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                out.mux(packet)
    draft.replace(path)


def copied(
    video: bytes,
    *steps: tuple[str, str],
    container: str = "mp4",
    codec: str = "libx264",
    bit_rate: int = 300_000,
    until_s: float = math.inf,
) -> bytes:
    """Return a video encoded again, without sound: its frames go through these filters,
    up to ``until_s``.
    """
    with tempfile.TemporaryDirectory() as folder:
        source, path = Path(f"{folder}/source"), f"{folder}/copy"
        source.write_bytes(video)
        with av.open(str(source)) as film, av.open(path, "w", format=container) as out:
            stream: Any = None
            for frame in film.decode(video=0):
                if frame.time is not None and frame.time >= until_s:
                    break
                graph = av.filter.Graph()
                nodes = [graph.add_buffer(template=film.streams.video[0])]
                nodes += [
                    graph.add(*step) for step in (*steps, ("format", "yuv420p"), ("buffersink", ""))
                ]
                graph.link_nodes(*nodes).configure()
                graph.push(frame)
                picture: Any = graph.pull()
                if stream is None:
                    stream = out.add_stream(codec, rate=film.streams.video[0].average_rate)
                    stream.width, stream.height, stream.pix_fmt = (
                        picture.width,
                        picture.height,
                        "yuv420p",
                    )
                    stream.bit_rate, stream.codec_context.thread_count = bit_rate, 1
                    if codec == "libvpx-vp9":
                        # a tenth of the time
                        stream.options = {"deadline": "realtime", "cpu-used": "8"}
                picture.pts, picture.time_base = frame.pts, frame.time_base
                out.mux(stream.encode(picture))
            out.mux(stream.encode(None))
        return Path(path).read_bytes()
