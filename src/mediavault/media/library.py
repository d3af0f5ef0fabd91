"""The only importer of PyAV (FFmpeg's libraries): how files are opened, and what needs the
library's own types.

Used in child processes only. It opens paths, never URLs, and only with the demuxer that ``sniff``
chose from the first bytes: playlists and scripts, which make a demuxer open other files, have no
demuxer here.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import av
import av.filter

# PyAV imports it when it first opens a file: here, no fork of a helper does so again
import av.subtitles.stream
from av.container import InputContainer, OutputContainer
from av.stream import Discard, Disposition

from mediavault.media.sniff import SNIFF_BYTES, demuxer_of

# --- Takes off what is between the frames of an MP3 file: tags, and padding at its end. Players
# skip both. Joined episodes and advertisements bring their own tags along. FFmpeg's parser hands
# them out in front of the next frame, and its decoder then refuses both.

MP3_FRAME_BYTES = 1_441  # the longest: 320 kbit/s at 32 kHz, padded
_PADDING = b"\0\r\n\t "
_APE_BYTES = 32  # of its header and of its footer, each


def without_tags(packet: bytes) -> bytes:
    """Return a packet without the tags in front of its frame; b"" for one that has nothing else,
    or only padding.
    """
    rest = packet
    while size := _tag_bytes(rest):
        rest = rest[size:]
    return rest if rest.strip(_PADDING) else b""


def _tag_bytes(rest: bytes) -> int:
    """Return the length of the tag at the start, 0 if there is none."""
    # id3.org, ID3v2.4.0, section 3.1
    if rest[:3] == b"ID3" and len(rest) >= 10 and max(rest[6:10]) < 0x80:
        content = rest[6] << 21 | rest[7] << 14 | rest[8] << 7 | rest[9]
        return 10 + content + (10 if rest[5] & 0x10 else 0)
    # its size is without the header, and with the footer
    if rest[:8] == b"APETAGEX" and len(rest) >= _APE_BYTES:
        is_header = int.from_bytes(rest[20:24], "little") & 1 << 29
        return _APE_BYTES + int.from_bytes(rest[12:16], "little") if is_header else _APE_BYTES
    return 128 if rest[:3] == b"TAG" else 0  # ID3v1


class Readable(Protocol):
    """What a demuxer can read. It has no method to seek,
    by which PyAV knows that it is to be read in order.
    """

    def read(self, count: int, /) -> bytes:
        """Return at most ``count`` bytes, and none at the end."""


LogLine = tuple[int, str, str]  # level, name of the codec or format, text

TIME_BASE: int = av.time_base  # units of a container's own times in a second

# Exceptions that reading and decoding damaged files have raised.
FAULTS = (
    av.FFmpegError, ArithmeticError, AttributeError, EOFError, LookupError, MemoryError, OSError,
    RuntimeError, TypeError,
    ValueError,
)  # fmt: skip

# A decoder raises this for a form of its codec that it does not support; that does not prove the
# file bad.
NOT_WRITTEN_YET = (av.PatchWelcomeError,)

# How much may be read to learn a stream's form: FFmpeg's own five seconds are less than one picture
# of a slide show.
_ANALYSE = {"analyzeduration": "30000000", "probesize": "50000000"}
_NOT_A_FILM = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image
# Log lines by which a decoder says that it could not read part of a picture, and went on.
_DAMAGE = re.compile(
    r"concealing \d+ DC, \d+ AC, \d+ MV errors"  # H.264 and the families of MPEG and H.263
    # HEVC
    r"|Skipping invalid undecodable NALU|cu_qp_delta -?\d+ is outside|CABAC_MAX_BIN|Incorrect MD5"
    r"|Could not find ref with POC|Error constructing the frame RPS"
    r"|error y=\d+ x=\d+|mjpeg_decode_dc: bad vlc"  # Motion JPEG
    r"|slice CRC mismatch"  # FFV1
)
# Checksums that a codec has, and (AV1) what its standard forbids after each tile: flipped bits show
# nowhere else.
_STRICT: Mapping[str, Mapping[str, str]] = {
    "av1": {"strict": "2"},
    "hevc": {"err_detect": "crccheck"},
    **{codec: {"err_detect": "crccheck+explode"} for codec in ("flac", "ac3", "eac3")},
}
_ENCODERS = {"mp3": "libmp3lame", "opus": "libopus"}  # FFmpeg's own one of Opus is experimental
# Bits a second at which each is transparent for most listeners: 160, 192 and 128 kbit/s in stereo.
_BITS_PER_CHANNEL = {"aac": 80_000, "mp3": 96_000, "opus": 64_000}
_JPEG_QUALITY = "3"  # FFmpeg's scale: 2 is best, 31 worst


def quiet() -> None:
    """Turn log lines off. PyAV's own log callback has dead-locked with frame threads on damaged
    files; FFmpeg's does not.
    """
    av.logging.restore_default_callback()
    av.logging.set_libav_level(av.logging.PANIC)


@contextmanager
def listening() -> Iterator[list[LogLine]]:
    """Collect the library's log lines of this thread while the block runs.
    Decoders inside must not use threads.
    """
    av.logging.set_level(av.logging.INFO)
    av.logging.set_skip_repeated(False)  # each picture is to have its own line
    try:
        with av.logging.Capture(local=True) as lines:
            yield lines
    finally:
        av.logging.set_skip_repeated(True)
        av.logging.set_level(None)
        quiet()


def damage_marks(lines: Sequence[LogLine]) -> int:
    """Count the lines by which a decoder says that it could not read part of a picture."""
    return sum(_DAMAGE.search(text) is not None for _, _, text in lines)


def demuxer_at(path: Path) -> str | None:
    """Return the one demuxer that may read the file; None when it is not a media file.
    Raises OSError.
    """
    with path.open("rb") as file:
        return demuxer_of(file.read(SNIFF_BYTES))


def open_input(source: Path | Readable, demuxer: str, **options: str) -> InputContainer:
    """Open ``source`` as that container and no other, so that it cannot pull in further files.
    Raises av.FFmpegError.

    What is not a path is read from its beginning to its end, without looking ahead.
    """
    allowed = {"protocol_whitelist": "file", **_ANALYSE, **options}
    file = f"file:{source}" if isinstance(source, Path) else source
    return av.open(file, "r", format=demuxer, options=allowed, metadata_errors="replace")


def open_mp4(path: Path) -> OutputContainer:
    """Open an MP4 for writing, with its table of contents at the front."""
    return av.open(f"file:{path}", "w", format="mp4", options={"movflags": "+faststart"})


def open_output(path: Path, muxer: str, **options: str) -> OutputContainer:
    """Open a file for writing by this muxer of FFmpeg."""
    return av.open(f"file:{path}", "w", format=muxer, options=options)


def add_text_stream(out: OutputContainer, codec: str, tags: Mapping[str, str]) -> Any:
    """Add a stream of subtitles, whose packets ``text_packet`` makes, with these tags of FFmpeg."""
    stream: Any = out.add_mux_stream(codec, time_base=Fraction(1, 1_000))
    stream.metadata.update(tags)
    return stream


def text_packet(stream: Any, body: bytes, start_s: float, end_s: float) -> Any:
    """Return a subtitle's packet, shown from ``start_s`` to ``end_s``."""
    packet: Any = av.Packet(body)
    packet.stream, packet.time_base = stream, Fraction(1, 1_000)
    packet.pts = packet.dts = round(start_s * 1_000)
    packet.duration = max(1, round(end_s * 1_000) - packet.pts)
    return packet


def with_ends(chapters: Sequence[Sequence[Any]], length_s: float) -> list[tuple[float, float, str]]:
    """Return the chapters that begin inside the file, each [start, end, title]:
    a chapter lasts until the next one.
    """
    known = [(start_s, title) for start_s, title in chapters if start_s < length_s]
    ends = [start_s for start_s, _ in known[1:]] + [length_s] if known else []
    return [(start_s, end_s, title) for (start_s, title), end_s in zip(known, ends, strict=True)]


def set_chapters(out: OutputContainer, chapters: Sequence[Sequence[Any]]) -> None:
    """Give a file that is being written chapters, each [start, end, title], in seconds."""
    tick = Fraction(1, 1_000)
    out.set_chapters(
        [
            {
                "id": number,
                "start": round(start_s / tick),
                "end": round(end_s / tick),
                "time_base": tick,
                "metadata": {"title": title},
            }
            for number, (start_s, end_s, title) in enumerate(chapters, 1)
        ]
    )


def add_copy(out: OutputContainer, stream: Any) -> Any:
    """Add a stream for packets that are copied from ``stream``, and return it. Raises ValueError
    where the new file cannot hold its codec.
    """
    # Otherwise PyAV looks for an encoder with the decoder's name, which AV1 does not have.
    return out.add_stream_from_template(stream, opaque=True)


def add_cover(out: OutputContainer, picture: InputContainer) -> Iterator[Any]:
    """Add a stream for the picture of an opened JPEG,
    and yield its packet when the others' streams have been added too.
    """
    stream = add_copy(out, picture.streams.video[0])
    stream.disposition = Disposition.attached_pic
    for packet in itertools.islice(picture.demux(picture.streams.video[0]), 1):
        packet.stream, packet.pts, packet.dts = stream, 0, 0
        yield packet


def main_video(container: InputContainer) -> Any:
    """Return the largest video stream that has a decoder and is not cover art;
    None when there is none.
    """
    videos = [stream for stream in container.streams.video if stream.codec_context is not None]
    films = [stream for stream in videos if not stream.disposition & _NOT_A_FILM]
    return max(films, key=lambda stream: stream.width * stream.height, default=None)


def main_sound(container: InputContainer) -> Any:
    """Return the first sound stream that has a decoder; None when there is none."""
    return next(
        (stream for stream in container.streams.audio if stream.codec_context is not None), None
    )


def codec_name(stream: Any) -> str:
    """Return the codec's own name ("av1"), not that of the decoder that happens to be built in
    ("libdav1d").
    """
    context = stream.codec_context
    codec = context.codec if context is not None else None
    return str(
        codec.canonical_name if codec is not None else getattr(context, "name", None) or "unknown"
    )


def extradata(stream: Any) -> bytes:
    """Return the decoder's configuration as the container stores it; empty when there is none."""
    context = stream.codec_context
    return bytes(context.extradata or b"") if context is not None else b""


def sound_packets(container: InputContainer, sound: Any) -> Iterator[Any]:
    """Yield the packets of this stream; of an MP3 file without tags and padding."""
    packets = container.demux(sound)
    return _frames_of_mp3(packets) if container.format.name == "mp3" else packets


def _frames_of_mp3(packets: Iterator[Any]) -> Iterator[Any]:
    for packet in packets:
        whole = bytes(packet)
        frame = without_tags(whole)
        if frame == whole:
            yield packet
        elif frame:
            yield with_bytes(packet, frame)


def add_encoder(out: OutputContainer, codec: str, sound: Any) -> Any:
    """Add a stream to which ``encoded`` converts this sound: mono or stereo, but for FLAC, which
    loses nothing.

    Raises ValueError where this build of FFmpeg has no such encoder.
    """
    source, is_lossless = sound.codec_context, codec == "flac"
    encoder = av.Codec(_ENCODERS.get(codec, codec), "w")
    rates = sorted(encoder.audio_rates or [source.sample_rate])
    rate = next((rate for rate in rates if rate >= source.sample_rate), rates[-1])
    channels = source.channels if is_lossless else min(source.channels, 2)
    stream: Any = out.add_stream(encoder.name, rate=rate)
    stream.codec_context.layout = source.layout if channels == source.channels else "stereo"
    if is_lossless:
        stream.codec_context.format = "s16" if source.format.bytes <= 2 else "s32"
    else:
        stream.codec_context.bit_rate = channels * _BITS_PER_CHANNEL[codec]
    return stream


def encoded(packets: Iterable[Any], stream: Any) -> Iterator[Any]:
    """Yield the packets of sound converted to the codec of ``stream``.
    Sound that cannot be decoded is left out.
    """
    for packet in packets:
        try:
            frames = packet.decode()
        except av.InvalidDataError:
            continue
        for frame in frames:
            yield from stream.encode(frame)
    yield from stream.encode(None)


def with_bytes(packet: Any, body: bytes) -> Any:
    """Return a packet with these bytes, and the times and the stream of ``packet``."""
    other: Any = av.Packet(body)
    other.pts, other.dts, other.duration = packet.pts, packet.dts, packet.duration
    other.time_base, other.is_keyframe, other.stream = (
        packet.time_base,
        packet.is_keyframe,
        packet.stream,
    )
    return other


def new_decoder(codec: str) -> Any:
    """Return a decoder without any file, for packets of ``packet_of``."""
    return av.CodecContext.create(codec, "r")


def packet_of(body: bytes) -> Any:
    """Return the bytes as a packet."""
    return av.Packet(body)


def decode_in_this_thread(video: Any) -> None:
    """Turn frame threads off: they hide which picture an error belongs to,
    and hang on some damaged files.
    """
    video.codec_context.thread_type, video.codec_context.thread_count = "NONE", 1


def prepare_decoder(stream: Any, *, strict: bool = True) -> None:
    """Let the stream's decoder work in this thread and, where ``strict``,
    check all that its codec lets it check.
    """
    decode_in_this_thread(stream)
    if strict and (checks := _STRICT.get(codec_name(stream))):
        stream.codec_context.options = dict(checks)


def start_s(container: InputContainer) -> float:
    """Return the container's own start, in seconds of its clock."""
    return float((container.start_time or 0) / TIME_BASE)


def upright(frame: Any) -> Any:
    """Return the frame turned upright: phones store frames sideways and a rotation with them."""
    turns = {90: ("cclock",), 180: ("cclock", "cclock"), 270: ("clock",)}.get(frame.rotation % 360)
    if not turns:
        return frame
    graph = av.filter.Graph()
    size = {"width": frame.width, "height": frame.height}
    nodes = [graph.add_buffer(**size, format=frame.format, time_base=Fraction(1, 1_000))]
    nodes += [graph.add("transpose", direction) for direction in turns]
    nodes.append(graph.add("buffersink"))
    graph.link_nodes(*nodes).configure()
    graph.push(frame)
    return graph.pull()


def even(length: float) -> int:
    """Round to an even number of pixels: colour is stored at half the size."""
    return max(2, round(length) // 2 * 2)


def shrunk(frames: Iterable[Any], longer_px: int) -> Iterator[Any]:
    """Yield the frames upright, all of the size of the first one,
    whose longer side becomes ``longer_px``.
    """
    size: tuple[int, int] | None = None
    for frame in frames:
        picture = upright(frame)
        if size is None:
            scale = longer_px / max(picture.width, picture.height)
            size = even(picture.width * scale), even(picture.height * scale)
        yield picture.reformat(width=size[0], height=size[1], format="yuvj420p")


def jpeg(frame: Any, width: int, height: int) -> bytes:
    """Return the frame as a JPEG of ``width`` x ``height`` pixels."""
    context: Any = av.CodecContext.create("mjpeg", "w")
    context.width, context.height, context.pix_fmt = width, height, "yuvj420p"
    context.time_base, context.options = (
        Fraction(1, 25),
        {"qmin": _JPEG_QUALITY, "qmax": _JPEG_QUALITY},
    )
    picture = frame.reformat(width=width, height=height, format="yuvj420p")
    picture.pts, picture.time_base = 0, Fraction(1, 25)
    return b"".join(bytes(packet) for packet in (*context.encode(picture), *context.encode(None)))


def only_read(container: InputContainer, streams: Sequence[Any]) -> None:
    """Let the demuxer skip the packets of all other streams,
    without reading them where the container has an index.
    """
    for stream in container.streams:
        if stream not in streams:
            stream.discard = Discard.all


def is_end(packet: Any) -> bool:
    """Return whether the packet is only the mark that its stream has ended."""
    return not packet.size and packet.dts is None


def plain_text(packet: Any) -> str:
    """Return the text of a packet of a subtitle stream, without the marks of its format.
    Raises ``FAULTS``.
    """
    return "\n".join(
        rect.dialogue.decode("utf-8", "replace")
        for rect in packet.decode()
        if hasattr(rect, "dialogue")
    ).strip()


def contact_sheet(pictures: Sequence[Any], columns: int) -> Any:
    """Return the pictures, which have one size and format, side by side in rows of ``columns``."""
    first = pictures[0]
    rows = -(-len(pictures) // columns)
    graph = av.filter.Graph()
    size = {"width": first.width, "height": first.height}
    source = graph.add_buffer(**size, format=first.format, time_base=Fraction(1, 25))
    sink = graph.add("buffersink")
    graph.link_nodes(source, graph.add("tile", f"layout={columns}x{rows}"), sink).configure()
    for number, picture in enumerate(pictures):
        picture.pts, picture.time_base = number, Fraction(1, 25)
        graph.push(picture)
    graph.push(None)
    return graph.pull()


def plane_rows(picture: Any, number: int) -> Iterator[bytes]:
    """Yield the rows of one 8-bit plane, without padding."""
    plane = picture.planes[number]
    body = bytes(plane)
    for start in range(0, plane.height * plane.line_size, plane.line_size):
        yield body[start : start + plane.width]


def squares(
    pictures: Sequence[Any], part: tuple[int, int, int, int], side: int
) -> Iterator[Sequence[bytes]]:
    """Yield this part of each picture as a square, as the bytes of each of its planes: ``side`` x
    ``side`` of brightness.

    The pictures have one size and the format ``yuvj420p``. ``part`` is left, top, width and height.
    """
    first, (left, top, width, height) = pictures[0], part
    graph = av.filter.Graph()
    size = {"width": first.width, "height": first.height}
    source = graph.add_buffer(**size, format=first.format, time_base=Fraction(1, 25))
    crop = graph.add("crop", f"{width}:{height}:{left}:{top}:exact=1")
    scale = graph.add("scale", f"{side}:{side}:flags=area")
    graph.link_nodes(source, crop, scale, graph.add("buffersink")).configure()
    for number, picture in enumerate(pictures):
        picture.pts, picture.time_base = number, Fraction(1, 25)
        graph.push(picture)
        square = graph.pull()
        yield [b"".join(plane_rows(square, plane)) for plane in range(len(square.planes))]
