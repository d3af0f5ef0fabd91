"""The practice site's videos, encoded when they are needed: nothing is downloaded or shipped.

Each clip has its own colour, number, tone and length, so that a wrong video is noticed by eye, by
ear and by :func:`fingerprint`. All clips together take a few seconds of CPU; they are cached in the
caller's folder.
"""

from __future__ import annotations

import hashlib
import shutil
import threading
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import av
import av.filter
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from mediavault.core.failures import ToolMissing

WIDTH, HEIGHT = 640, 360
RATE = 12  # frames per second
SAMPLE_RATE = 44_100
MAKERS = 2  # encoders at once
SEGMENT_S = 1

_MEDIA_VERSION = 1  # part of the cache key: raise it when the recipe below changes


@dataclass(frozen=True, slots=True)
class ClipSpec:
    """What distinguishes a clip from all others. ``seconds`` is its exact duration."""

    name: str
    number: int  # 0 to 99, painted into the picture
    seconds: int = 5
    sound: bool = True

    @property
    def hue(self) -> int:
        """The colour in degrees; consecutive numbers are far apart (the golden angle)."""
        return self.number * 137 % 360

    @property
    def tone_hz(self) -> int:
        return 220 + 30 * self.number


@dataclass(frozen=True, slots=True)
class Clip:
    """A finished clip: ``files`` maps names below the clip's address to bytes.

    ``video.mp4`` (H.264 and AAC, faststart), ``poster.jpg``, ``master.m3u8``, ``fmp4/index.m3u8``
    with its ``init.mp4`` and segments, ``ts/index.m3u8`` with its segments: the same frames in
    three formats.
    """

    spec: ClipSpec
    files: Mapping[str, bytes]
    sha256: str  # of video.mp4
    fingerprint: str
    codecs: str  # as in RFC 6381: avc1.42c01e,mp4a.40.2

    @property
    def duration_s(self) -> float:
        return float(self.spec.seconds)


def make_clips(
    specs: Iterable[ClipSpec], folder: Path, *, stop: threading.Event | None = None
) -> dict[str, Clip]:
    """Encode the clips that ``folder`` lacks and return all by name. Blocks for seconds: call it in
    a thread.

    After ``stop`` is set, no further clip is begun. Raises ToolMissing when this PyAV cannot encode
    H.264.
    """
    if "libx264" not in av.codecs_available:
        raise ToolMissing(
            "This PyAV has no H.264 encoder; the practice site cannot make its videos."
        )
    with ThreadPoolExecutor(MAKERS, thread_name_prefix="practice-media") as makers:
        clips = makers.map(
            lambda spec: None if stop and stop.is_set() else _clip(spec, folder), specs
        )
        return {clip.spec.name: clip for clip in clips if clip}


def fingerprint(path: Path) -> str | None:
    """Return the SHA-256 of a file's coded H.264 slices: the same for MP4, fragmented MP4 and a
    remuxed TS.

    Only slice units count (types 1 and 5, ISO/IEC 14496-10, table 7-1): containers add and drop the
    others. None when the file has no H.264 with length prefixes.
    """
    digest = hashlib.sha256()
    try:
        with av.open(str(path)) as container:
            video = container.streams.video
            if not video or video[0].codec_context.name != "h264":
                return None
            for packet in container.demux(video[0]):
                for unit in _units(bytes(packet)):
                    if unit[0] & 0x1F in (1, 5):
                        digest.update(unit)
    except (av.FFmpegError, _UnexpectedFormat):
        return None
    return digest.hexdigest()


def has_sound(path: Path) -> bool:
    """Whether the file has an audio track with at least one packet."""
    try:
        with av.open(str(path)) as container:
            return any(
                packet.size
                for track in container.streams.audio[:1]
                for packet in container.demux(track)
            )
    except av.FFmpegError:
        return False


class _UnexpectedFormat(Exception):
    """The video's packets have no length prefixes."""


def _units(packet: bytes) -> Iterator[bytes]:
    """Yield the NAL units of a packet in which each has a length prefix of four bytes."""
    at = 0
    while at + 4 < len(packet):
        size = int.from_bytes(packet[at : at + 4], "big")
        if not 0 < size <= len(packet) - at - 4:
            raise _UnexpectedFormat
        yield packet[at + 4 : at + 4 + size]
        at += 4 + size


def _clip(spec: ClipSpec, folder: Path) -> Clip:
    recipe = hashlib.sha256(f"{_MEDIA_VERSION} {spec}".encode()).hexdigest()[:12]
    home = folder / f"{spec.name}-{recipe}"
    if not home.is_dir():
        _make(spec, home)
    return _read(spec, home)


def _make(spec: ClipSpec, home: Path) -> None:
    """Build the clip in a temporary folder and rename it,
    so that a folder that exists is complete.
    """
    building = home.with_name(home.name + ".part")
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir(parents=True)
    movie = building / "video.mp4"
    _encode(spec, movie)
    _poster(movie, building / "poster.jpg")
    _segment(
        movie,
        building / "fmp4",
        suffix="m4s",
        hls_segment_type="fmp4",
        hls_fmp4_init_filename="init.mp4",
    )
    _segment(movie, building / "ts", suffix="ts")
    building.rename(home)


def _read(spec: ClipSpec, home: Path) -> Clip:
    files = {
        path.relative_to(home).as_posix(): path.read_bytes()
        for path in sorted(home.rglob("*"))
        if path.is_file()
    }
    codecs = _codecs(home / "video.mp4")
    files["master.m3u8"] = _master(files, codecs)
    pictures = fingerprint(home / "video.mp4")
    assert pictures is not None, "our own encoder wrote it"
    return Clip(spec, files, hashlib.sha256(files["video.mp4"]).hexdigest(), pictures, codecs)


def _encode(spec: ClipSpec, path: Path) -> None:
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as out:
        picture = _video_stream(out)
        sound = _audio_stream(out) if spec.sound else None
        _mux(out, picture, _pictures(spec))
        if sound is not None:
            _mux(out, sound, _tone(spec))


def _video_stream(out: OutputContainer) -> VideoStream:
    """Add a stream with a key frame per second, for segments; one thread,
    so that the bytes are reproducible.
    """
    options = {
        "preset": "ultrafast",
        "crf": "40",
        "g": str(RATE),
        "sc_threshold": "0",
        "bf": "0",
        "threads": "1",
    }
    stream = out.add_stream("libx264", rate=RATE, options=options)
    stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    return stream


def _audio_stream(out: OutputContainer) -> AudioStream:
    stream = out.add_stream("aac", rate=SAMPLE_RATE, layout="mono")
    stream.bit_rate = 64_000
    return stream


def _mux(
    out: OutputContainer,
    stream: VideoStream | AudioStream,
    frames: Iterator[VideoFrame | AudioFrame],
) -> None:
    for frame in frames:
        out.mux(stream.encode(frame))  # type: ignore[arg-type]  # each stream gets its own kind of frame
    out.mux(stream.encode(None))


def _pictures(spec: ClipSpec) -> Iterator[VideoFrame | AudioFrame]:
    chain = [
        ("testsrc2", f"size={WIDTH}x{HEIGHT}:rate={RATE}:duration={spec.seconds}"),
        ("hue", f"h={spec.hue}:s=1.4"),
        ("noise", f"alls=6:allf=t:all_seed={spec.number + 1}"),
        ("drawbox", "x=16:y=16:w=184:h=168:color=black:t=fill"),
        *(
            ("drawbox", f"x={x}:y={y}:w={w}:h={h}:color=white:t=fill")
            for x, y, w, h in number_boxes(spec.number)
        ),
        ("format", "pix_fmts=yuv420p"),
        ("buffersink", ""),
    ]
    return _run(chain)


def _tone(spec: ClipSpec) -> Iterator[VideoFrame | AudioFrame]:
    chain = [
        (
            "sine",
            f"frequency={spec.tone_hz}:beep_factor=4:sample_rate={SAMPLE_RATE}:duration={spec.seconds}",
        ),
        ("aformat", f"sample_fmts=fltp:sample_rates={SAMPLE_RATE}:channel_layouts=mono"),
        ("abuffersink", ""),
    ]
    return _run(chain)


def _run(chain: list[tuple[str, str]]) -> Iterator[VideoFrame | AudioFrame]:
    graph = av.filter.Graph()
    graph.link_nodes(*(graph.add(name, arguments or None) for name, arguments in chain)).configure()
    while True:
        try:
            frame = graph.pull()
        except (av.EOFError, av.BlockingIOError):
            return
        assert isinstance(frame, VideoFrame | AudioFrame)
        yield frame


_SEGMENTS_OF = (
    "abcdef",
    "bc",
    "abged",
    "abgcd",
    "fgbc",
    "afgcd",
    "afgedc",
    "abc",
    "abcdefg",
    "abfgcd",
)
_SEGMENT_BOXES = {  # x, y, width, height within a digit of 70 x 136
    "a": (0, 0, 70, 12),
    "b": (58, 0, 12, 68),
    "c": (58, 68, 12, 68),
    "d": (0, 124, 70, 12),
    "e": (0, 68, 12, 68),
    "f": (0, 0, 12, 68),
    "g": (0, 62, 70, 12),
}


def number_boxes(number: int) -> list[tuple[int, int, int, int]]:
    """Return two seven-segment digits as boxes (x, y, width, height):
    the FFmpeg of PyAV's wheel has no fonts.
    """
    boxes: list[tuple[int, int, int, int]] = []
    for left, digit in zip((32, 114), divmod(number, 10), strict=True):
        for segment in _SEGMENTS_OF[digit]:
            x, y, width, height = _SEGMENT_BOXES[segment]
            boxes.append((left + x, 32 + y, width, height))
    return boxes


def _poster(movie: Path, path: Path) -> None:
    with av.open(str(movie)) as source:
        frame = next(source.decode(video=0)).reformat(format="yuvj420p")
    frame.pts = 0
    with av.open(str(path), "w", format="image2", options={"update": "1"}) as out:
        stream = out.add_stream("mjpeg", rate=1)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuvj420p"
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


def _segment(movie: Path, folder: Path, *, suffix: str, **options: str) -> None:
    """Remux a movie to an HLS playlist with segments of one second."""
    folder.mkdir()
    options |= {
        "hls_time": str(SEGMENT_S),
        "hls_list_size": "0",
        "hls_playlist_type": "vod",
        "hls_flags": "independent_segments",
        "hls_segment_filename": str(folder / f"seg-%d.{suffix}"),
    }
    with (
        av.open(str(movie)) as source,
        av.open(str(folder / "index.m3u8"), "w", format="hls", options=options) as out,
    ):
        streams = {stream.index: out.add_stream_from_template(stream) for stream in source.streams}
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                out.mux(packet)


def _codecs(movie: Path) -> str:
    """Return the codecs string: profile, compatibility and level are bytes two to four of the
    decoder configuration.
    """
    with av.open(str(movie)) as source:
        extradata = source.streams.video[0].codec_context.extradata or b""
        names = [f"avc1.{extradata[1:4].hex()}"]
        if source.streams.audio:
            names.append("mp4a.40.2")
    return ",".join(names)


def _master(files: Mapping[str, bytes], codecs: str) -> bytes:
    size = sum(len(data) for name, data in files.items() if name.endswith(".m4s"))
    seconds = sum(1 for name in files if name.endswith(".m4s")) * SEGMENT_S
    stream = (
        f"BANDWIDTH={size * 8 // seconds},RESOLUTION={WIDTH}x{HEIGHT},FRAME-RATE={RATE}.000,"
        f'CODECS="{codecs}"'
    )
    return f"#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-STREAM-INF:{stream}\nfmp4/index.m3u8\n".encode()
