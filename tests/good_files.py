"""Files that are unusual but whole, and play: each kind must be accepted, however strict the checks
become.

``GOOD`` in ``tests/component/media/test_probe.py`` has the usual ones.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from itertools import accumulate
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import av
from av.stream import Disposition

from tests import media
from tests.damage import TS_PACKET, Scope, pieces_of
from tests.films import RATE, SAMPLE_RATE, VIDEO, frames, samples

_MS = Fraction(1, 1_000)
_FAST = {"preset": "ultrafast", "g": "25"}
_FRAGMENTS = "+frag_keyframe+empty_moov+default_base_moof"
_CLOCK_OF_TS_S = 2**33 / 90_000  # it begins again from zero
_NULL_PACKET = b"\x47\x1f\xff\x10".ljust(TS_PACKET, b"\xff")


def _each(first_s: float, until_s: float, step_s: float = 1 / RATE) -> Sequence[float]:
    return tuple(first_s + number * step_s for number in range(round((until_s - first_s) / step_s)))


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a file is made."""

    container: str
    video: str = "libx264"
    coded: Mapping[str, str] | None = None  # options of the encoder, instead of fast ones
    pixels: str = "yuv420p"
    size: tuple[int, int] = (320, 180)
    shown_at_s: Sequence[float] = _each(0, 3)
    sound: str | None = "aac"
    sound_options: Mapping[str, str] = field(default_factory=dict)
    sample_rate: int = SAMPLE_RATE
    layout: str = "stereo"
    heard_s: tuple[float, float] = (0, 3)  # from, until
    sounds: int = 1  # tracks
    is_silent: bool = False
    options: Mapping[str, str] = field(default_factory=dict)  # of the container


def made(recipe: Recipe) -> bytes:
    """Return the file."""
    with media.encoding_av1(), TemporaryDirectory() as folder:
        path = f"{folder}/file"
        with av.open(path, "w", format=recipe.container, options=dict(recipe.options)) as out:
            feeds = [_pictures(out, recipe)]
            feeds += [_sound(out, recipe) for _ in range(recipe.sounds if recipe.sound else 0)]
            for _, encoder, frame in sorted(
                (entry for feed in feeds for entry in feed), key=lambda entry: entry[0]
            ):
                out.mux(encoder.encode(frame))
            streams: Any = out.streams
            for stream in streams:
                out.mux(stream.encode(None))
        return Path(path).read_bytes()


def _pictures(out: Any, recipe: Recipe) -> Iterable[tuple[float, Any, Any]]:
    usual = {"g": f"{RATE}", **dict(VIDEO.values()).get(recipe.video, {})}
    stream = out.add_stream(
        recipe.video, rate=RATE, options=dict(usual if recipe.coded is None else recipe.coded)
    )
    (stream.width, stream.height), stream.pix_fmt = recipe.size, recipe.pixels
    stream.bit_rate, stream.codec_context.thread_count = 300_000, 1
    is_regular = all(abs(at_s * RATE - round(at_s * RATE)) < 0.01 for at_s in recipe.shown_at_s)
    tick = Fraction(1, RATE) if is_regular else _MS
    stream.codec_context.time_base = tick
    return _shown(stream, recipe, tick)


def _shown(stream: Any, recipe: Recipe, tick: Fraction) -> Iterator[tuple[float, Any, Any]]:
    for at_s, frame in zip(
        recipe.shown_at_s, frames(*recipe.size, len(recipe.shown_at_s)), strict=True
    ):
        picture = frame.reformat(format=recipe.pixels)
        picture.pts, picture.time_base = round(at_s / tick), tick
        yield at_s, stream, picture


def _sound(out: Any, recipe: Recipe) -> Iterable[tuple[float, Any, Any]]:
    options = dict(recipe.sound_options)
    stream = out.add_stream(
        recipe.sound, rate=recipe.sample_rate, layout=recipe.layout, options=options
    )
    return _heard(stream, recipe)


def _heard(stream: Any, recipe: Recipe) -> Iterator[tuple[float, Any, Any]]:
    from_s, until_s = recipe.heard_s
    for frame in samples(until_s - from_s):
        assert frame.pts is not None
        frame.pts += round(from_s * SAMPLE_RATE)
        for plane in frame.planes if recipe.is_silent else ():
            plane.update(bytes(plane.buffer_size))
        yield frame.pts / SAMPLE_RATE, stream, frame


# --- what a muxer does not write ------------------------------------------------------------------


def _box(name: bytes, content: bytes) -> bytes:
    return (8 + len(content)).to_bytes(4, "big") + name + content


def padded_mp4() -> bytes:
    """An MP4 with an empty box of 100 kB at its end."""
    return media.mp4() + _box(b"free", bytes(100_000))


def mp4_with_free_boxes() -> bytes:
    """An MP4 with empty boxes among its tables, and one without a length at all,
    which goes on to the end of the file.
    """
    body = media.mp4(layout="moov_last")
    at = body.rindex(b"moov") - 4
    tables = _box(b"free", b"") + body[at + 8 :] + _box(b"free", bytes(64))
    return body[:at] + _box(b"moov", tables) + bytes(4) + b"free" + bytes(500)


def mp4_with_an_empty_last_packet() -> bytes:
    """An MP4 whose last packet of sound has no bytes, by its table."""
    body = media.mp4()
    sizes = body.rindex(b"stsz") + 16
    count = int.from_bytes(body[sizes - 4 : sizes], "big")
    last = sizes + 4 * (count - 1)
    return body[:last] + bytes(4) + body[last + 4 :]


def padded_ts() -> bytes:
    """A transport stream with null packets inside and at its end."""
    body, half = media.ts(), len(media.ts()) // TS_PACKET // 2 * TS_PACKET
    return body[:half] + 20 * _NULL_PACKET + body[half:] + 500 * _NULL_PACKET


def ts_with_a_discontinuity() -> bytes:
    """A transport stream whose second half another muxer has written, which says so."""
    second = Recipe(
        "mpegts",
        shown_at_s=_each(3, 6),
        heard_s=(3, 6),
        options={"mpegts_flags": "+initial_discontinuity"},
    )
    return made(Recipe("mpegts")) + made(second)


def with_new_parameters(container: str, *, size: tuple[int, int] = (320, 180)) -> bytes:
    """A file whose pictures are coded in another way, or have another size, from the middle on."""
    with TemporaryDirectory() as folder:
        path = f"{folder}/file"
        with av.open(path, "w", format=container) as out:
            stream: Any = out.add_stream("libx264", rate=RATE, options=_FAST)
            stream.width, stream.height = 320, 180
            encoders = [stream, av.CodecContext.create("libx264", "w")]
            second: Any = encoders[1]
            (second.width, second.height), second.pix_fmt = size, "yuv420p"
            second.time_base, second.options = (
                Fraction(1, RATE),
                {"preset": "superfast", "g": "25", "bf": "0"},
            )
            for number, (encoder, (width, height)) in enumerate(
                zip(encoders, ((320, 180), size), strict=True)
            ):
                pictures = [*frames(width, height, 2 * RATE), None]
                for frame in pictures:
                    if frame is not None and frame.pts is not None:
                        frame.pts += number * 2 * RATE
                    for packet in encoder.encode(frame):
                        packet.stream = stream
                        out.mux_one(packet)
        return Path(path).read_bytes()


def webm_with_hidden_pictures() -> bytes:
    """A VP8 film of whose pictures some are only referred to,
    so that fewer come out of the decoder than went in.
    """
    body = bytearray(made(Recipe("webm", "libvpx", sound="libopus")))
    for at, _ in pieces_of(bytes(body), Scope.PICTURES)[5::10]:
        body[at] &= ~0x10  # RFC 6386, 9.1: show_frame
    return bytes(body)


def webm_without_silence() -> bytes:
    """A film in whose sound a second of silence has no packets."""
    film = made(
        Recipe("webm", "libvpx", sound="libopus", sound_options={"dtx": "1"}, is_silent=True)
    )
    return _copied(
        film,
        "webm",
        keep=lambda packet: (
            packet.stream.type == "video" or not 1 <= packet.pts * packet.time_base < 2
        ),
    )


def with_cover(container: str) -> bytes:
    """A film with a picture that represents it in lists."""
    return _copied(media.mp4(), container, cover=media.picture())


def _copied(
    film: bytes, container: str, *, keep: Callable[[Any], bool] = lambda _: True, cover: bytes = b""
) -> bytes:
    """Return these packets of a film in another file, behind a picture as its cover."""
    with TemporaryDirectory() as folder, av.open(io.BytesIO(film), "r") as source:
        path = Path(folder, "file")
        with av.open(str(path), "w", format=container) as out:
            streams = {
                stream.index: out.add_stream_from_template(stream, opaque=True)
                for stream in source.streams
            }
            if cover:
                _add_cover(out, cover)
            for packet in source.demux():
                if packet.dts is not None and keep(packet):
                    packet.stream = streams[packet.stream_index]
                    out.mux_one(packet)
        return path.read_bytes()


def _add_cover(out: Any, picture: bytes) -> None:
    with av.open(io.BytesIO(picture), "r", format="jpeg_pipe") as source:
        stream = out.add_stream_from_template(source.streams.video[0])
        stream.disposition = Disposition.attached_pic
        stream.metadata.update({"filename": "cover.jpg", "mimetype": "image/jpeg"})
        packet: Any = next(iter(source.demux()))
        packet.stream, packet.pts, packet.dts = stream, 0, 0
        out.mux_one(packet)


# --- all of them ----------------------------------------------------------------------------------

_TEN_BIT = {"preset": "ultrafast", "x265-params": "log-level=none:pools=none"}
_RARE = (0.0, 0.04, 0.08, 5.0, 5.04, 5.08, 11.0, 11.96)  # a screen that hardly changes

RECIPES: Mapping[str, Recipe] = {
    # times
    "variable rate": Recipe(
        "mp4", shown_at_s=tuple(accumulate(0.02 + number % 5 * 0.015 for number in range(60)))
    ),
    "one picture a second": Recipe("mp4", shown_at_s=_each(0, 12, 1), heard_s=(0, 12)),
    "one picture in five seconds": Recipe("mp4", shown_at_s=_each(0, 30, 5), heard_s=(0, 30)),
    "a screen that hardly changes": Recipe(
        "webm", "libvpx-vp9", shown_at_s=_RARE, sound="libopus", heard_s=(0, 12)
    ),
    "pictures repeated by empty packets": Recipe(
        "avi", "mpeg4", shown_at_s=(*_each(0, 1), *_each(1.2, 3)), sound=None
    ),
    "edit list": Recipe(
        "mp4", shown_at_s=_each(-0.48, 3), options={"avoid_negative_ts": "disabled"}
    ),
    "sound longer by 5 %": Recipe("mp4", shown_at_s=_each(0, 12), heard_s=(0, 12.6)),
    "sound shorter by 5 %": Recipe("mp4", shown_at_s=_each(0, 12), heard_s=(0, 11.4)),
    "sound shorter by 5 %, MKV": Recipe("matroska", shown_at_s=_each(0, 12), heard_s=(0, 11.4)),
    "sound begins late": Recipe("mp4", shown_at_s=_each(0, 12), heard_s=(1, 12)),
    "pictures begin late": Recipe("mp4", shown_at_s=_each(1, 12), heard_s=(0, 12)),
    "clock begins again": Recipe(
        "mpegts", options={"output_ts_offset": f"{_CLOCK_OF_TS_S - 2:.0f}"}
    ),
    # pictures
    "B-frames": Recipe("mp4", coded={"preset": "fast", "bf": "3", "g": "50"}),
    "4:4:4": Recipe("mp4", pixels="yuv444p"),
    "interlaced H.264": Recipe(
        "mpegts", coded={"preset": "ultrafast", "x264-params": "interlaced=1:keyint=25"}
    ),
    "interlaced MPEG-2": Recipe(
        "mpegts", "mpeg2video", {"flags": "+ildct+ilme", "g": "12", "bf": "2"}, sound="mp2"
    ),
    "intra refresh": Recipe(
        "mp4", coded={"preset": "ultrafast", "x264-params": "intra-refresh=1:keyint=25"}
    ),
    "odd size": Recipe("webm", "libvpx-vp9", size=(319, 179), sound="libopus"),
    "10-bit HEVC": Recipe("mp4", "libx265", _TEN_BIT, pixels="yuv420p10le"),
    "HEVC, open groups": Recipe(
        "matroska",
        "libx265",
        {"preset": "fast", "x265-params": "log-level=none:pools=none:keyint=25"},
    ),
    "VP9, alternate references": Recipe(
        "webm",
        "libvpx-vp9",
        {"auto-alt-ref": "1", "lag-in-frames": "16", "cpu-used": "5"},
        sound=None,
    ),
    "AV1": Recipe("webm", "libsvtav1", sound="libopus"),
    "AV1, MP4": Recipe("mp4", "libsvtav1", sound="libopus"),
    "HEVC, fragmented": Recipe("mp4", "libx265", options={"movflags": _FRAGMENTS}),
    "MPEG-4 with B-frames": Recipe("avi", "mpeg4", {"bf": "2", "g": "25"}, sound="libmp3lame"),
    # codecs and containers
    "a silent track": Recipe("mp4", is_silent=True),
    "three tracks of sound": Recipe("matroska", sounds=3),
    "surround": Recipe("mp4", layout="5.1"),
    "AC-3": Recipe("mp4", sound="ac3"),
    "E-AC-3": Recipe("matroska", sound="eac3"),
    "MP3 in MP4": Recipe("mp4", sound="libmp3lame"),
    "PCM in MOV": Recipe("mov", sound="pcm_s16le"),
    "FLAC in MP4": Recipe("mp4", sound="flac", options={"strict": "experimental"}),
    "ProRes": Recipe("mov", "prores_ks", {}, pixels="yuv422p10le", sound="pcm_s16le"),
    "QuickTime RLE": Recipe("mov", "qtrle", {}, pixels="rgb24", sound="pcm_s16be"),
    "Motion JPEG": Recipe("avi", "mjpeg", {}, pixels="yuvj420p", sound="pcm_s16le"),
    "FFV1": Recipe("matroska", "ffv1", {}, sound="flac"),
    "H.263 in 3GP": Recipe(
        "3gp",
        "h263",
        {},
        size=(176, 144),
        sound="libopencore_amrnb",
        sample_rate=8_000,
        layout="mono",
    ),
    "FLV1": Recipe("flv", "flv", {}, sound="libmp3lame", sample_rate=44_100),
    "WMV": Recipe("asf", "wmv2", {}, sound="wmav2", sound_options={"b": "64000"}),
    "MPEG-1": Recipe("mpeg", "mpeg1video", {}, sound="mp2"),
    "MPEG-2 and AC-3": Recipe("vob", "mpeg2video", {"bf": "2"}, sound="ac3"),
    "Blu-ray": Recipe("mpegts", sound="ac3", options={"mpegts_m2ts_mode": "1"}),
    "VP8 and Vorbis": Recipe(
        "webm", "libvpx", sound="vorbis", sound_options={"strict": "experimental"}
    ),
    "fragments of DASH": Recipe(
        "mp4", options={"movflags": "+dash+frag_keyframe+empty_moov+default_base_moof+global_sidx"}
    ),
    "FLV with AAC": Recipe("flv"),
}

GOOD_FILES: Mapping[str, Callable[[], bytes]] = {
    **{name: partial(made, recipe) for name, recipe in RECIPES.items()},
    "padded MP4": padded_mp4,
    "MP4 with free boxes": mp4_with_free_boxes,
    "MP4 with an empty last packet": mp4_with_an_empty_last_packet,
    "padded TS": padded_ts,
    "TS with a discontinuity": ts_with_a_discontinuity,
    "new parameters half way": partial(with_new_parameters, "mpegts"),
    "a new size half way": partial(with_new_parameters, "mpegts", size=(256, 144)),
    "cover, MP4": partial(with_cover, "mp4"),
    "cover, MKV": partial(with_cover, "matroska"),
    "Opus without its silence": webm_without_silence,
    "pictures that are not shown": webm_with_hidden_pictures,
    "subtitles and chapters, MKV": partial(media.subtitled, "matroska"),
    "subtitles and chapters, MP4": partial(media.subtitled, "mp4"),
    "closed captions": partial(media.subtitled, "mov"),
}
