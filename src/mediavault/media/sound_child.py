"""The sound of a file, in the helper process: whether it is whole, and how it is copied into its
own file.

A file of sound has its title, artist, date, chapters and cover inside, where its format can hold
them.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mediavault.core.messages import Message
from mediavault.core.typed_records import to_named_json
from mediavault.media.boxes import walk
from mediavault.media.decode import decode_sound
from mediavault.media.facts import FileFacts, PacketFacts, StreamFacts
from mediavault.media.library import (
    TIME_BASE,
    add_copy,
    add_cover,
    add_encoder,
    codec_name,
    demuxer_at,
    encoded,
    main_sound,
    main_video,
    only_read,
    open_input,
    open_output,
    quiet,
    set_chapters,
    sound_packets,
    with_ends,
)
from mediavault.media.packets import read_packets
from mediavault.media.picture_child import small_jpeg
from mediavault.media.sniff import SNIFF_BYTES, Kind, demuxer_of, sniff
from mediavault.sandbox.guard import error_text

MAX_COVER_SIDE = 1_400


@dataclass(frozen=True, slots=True)
class SoundFormat:
    """A form of file for sound of some codec: FFmpeg's muxer with its options.

    ``is_vorbis``: everything else about it is in the tags of its stream (Vorbis comments), also the
    cover and the chapters, whose times FFmpeg rounds up to the next second.
    """

    suffix: str
    muxer: str
    options: Mapping[str, str]
    is_vorbis: bool = False


_M4A = SoundFormat(".m4a", "mp4", {"movflags": "+faststart", "brand": "M4A "})
_OGG = SoundFormat(".ogg", "ogg", {}, is_vorbis=True)
FORMATS: Mapping[str, SoundFormat] = {
    **dict.fromkeys(("aac", "alac", "ac3", "eac3"), _M4A),
    "opus": replace(_OGG, suffix=".opus", muxer="opus"),
    "vorbis": _OGG,
    "mp3": SoundFormat(".mp3", "mp3", {"id3v2_version": "3"}),
    "flac": SoundFormat(".flac", "flac", {}),  # no chapters
}


def answer(request: Mapping[str, Any]) -> Mapping[str, Any]:
    """``{"task": "sound", "path", "formats_only"}`` -> FileFacts;
    ``{"task": "extract", "path", "into": stem, "tags", "chapters", "cover",
    "codec"}`` -> ``{"path"}``.
    """
    quiet()
    path = Path(request["path"])
    if request["task"] == "sound":
        return to_named_json(examine(path, formats_only=request.get("formats_only", False)))
    cover = Path(request["cover"]) if request["cover"] else None
    into = extract(
        path, Path(request["into"]), request["tags"], request["chapters"], cover, request["codec"]
    )
    return {"path": str(into)}


# --- whether it is whole --------------------------------------------------------------------------


def examine(path: Path, *, formats_only: bool = False) -> FileFacts:
    """Run checks S, B, O, D and F on a file's sound, or S and O alone;
    its pictures are not examined.
    """
    with path.open("rb") as file:
        head = file.read(SNIFF_BYTES)
        facts = FileFacts(size=path.stat().st_size, kind=sniff(head))
        demuxer = demuxer_of(head)
        if demuxer is None:
            return facts
        if not formats_only and (demuxer == "mov" or facts.kind is not Kind.AUDIO):
            kind = Kind.MP4 if facts.kind is Kind.AUDIO else facts.kind
            facts = replace(facts, structure=walk(file, facts.size, kind))
    try:
        with open_input(path, demuxer) as container:
            sound, film = main_sound(container), main_video(container)
            known_s = container.duration / TIME_BASE if container.duration else None
            facts = replace(
                facts,
                audio=_stream_facts(container, sound),
                duration_s=known_s if film is None else None,
            )
            if facts.audio is not None and facts.audio.duration_s is not None:
                facts = replace(facts, duration_s=facts.audio.duration_s)
        if sound is not None and not formats_only and not facts.structure.problems:
            facts = replace(
                facts, whole=_read_whole(path, demuxer), decoded=decode_sound(path, demuxer)
            )
    except Exception as exc:  # noqa: BLE001 - damaged files make PyAV raise anything
        return replace(facts, open_error=error_text(exc))
    return facts


def _stream_facts(container: Any, sound: Any) -> StreamFacts | None:
    if sound is None:
        return StreamFacts("unknown", decodable=False) if container.streams.audio else None
    duration = (
        float(sound.duration * sound.time_base) if sound.duration and sound.time_base else None
    )
    return StreamFacts(codec=codec_name(sound), duration_s=duration, frames=sound.frames)


def _read_whole(path: Path, demuxer: str) -> PacketFacts:
    options = {"advanced_editlist": "0"} if demuxer == "mov" else {}
    try:
        with open_input(path, demuxer, **options) as container:
            sound = main_sound(container)
            only_read(container, [sound])
            start_s = float((sound.start_time or 0) * sound.time_base)
            return read_packets(sound_packets(container, sound), None, start_s=start_s, exact=True)
    except Exception as exc:  # noqa: BLE001 - see above
        return PacketFacts(error=error_text(exc))


# --- its own file ---------------------------------------------------------------------------------


def extract(
    path: Path,
    stem: Path,
    tags: Mapping[str, str],
    chapters: Sequence[Sequence[Any]],
    cover: Path | None,
    codec: str | None,
) -> Path:
    """Copy a file's sound into a file at ``stem`` and the suffix of its codec; return its path.

    It is converted where it has another codec than ``codec``, and PCM becomes FLAC, which is the
    same sound. ``chapters`` are [start, title], by their start in seconds. Raises ValueError for
    sound that no format here holds.
    """
    demuxer = demuxer_at(path)
    if demuxer is None:
        raise ValueError(Message("it is not a media file"))
    with ExitStack() as stack:
        source = stack.enter_context(open_input(path, demuxer))
        sound = main_sound(source)
        if sound is None:
            raise ValueError(Message("it has no sound"))
        original = codec_name(sound)
        wanted = codec or ("flac" if original.startswith("pcm_") else original)
        if (form := FORMATS.get(wanted)) is None:
            raise ValueError(
                Message("no format for audio files here can contain %(codec)s", codec=original)
            )
        only_read(source, [sound])
        into = stem.with_name(f"{stem.name}{form.suffix}")
        out = stack.enter_context(open_output(into, form.muxer, **form.options))
        into_stream = (
            add_copy(out, sound) if wanted == original else add_encoder(out, wanted, sound)
        )
        picture = small_jpeg(cover, MAX_COVER_SIDE) if cover is not None else None
        known = with_ends(chapters, _length_s(source, sound))
        if form.is_vorbis:
            into_stream.metadata.update({**tags, **_vorbis_comments(known, picture)})
        else:
            out.metadata.update(tags)
            set_chapters(out, known)
            _add_picture(out, picture, stem.with_name(f"{stem.name}.cover.jpg"), stack)
        packets = _from_zero(sound_packets(source, sound))
        for packet in packets if wanted == original else encoded(packets, into_stream):
            packet.stream = into_stream
            out.mux_one(packet)
    return into


def _add_picture(out: Any, picture: bytes | None, scratch: Path, stack: ExitStack) -> None:
    if picture is not None:
        scratch.write_bytes(picture)
        opened = stack.enter_context(open_input(scratch, "jpeg_pipe"))
        for packet in add_cover(out, opened):
            out.mux_one(packet)
        scratch.unlink()


def _vorbis_comments(
    chapters: Sequence[tuple[float, float, str]], picture: bytes | None
) -> dict[str, str]:
    """Return chapters and cover as tags, as players of Ogg files read them."""
    comments = {} if picture is None else {"METADATA_BLOCK_PICTURE": _picture_block(picture)}
    for number, (start_s, _, title) in enumerate(chapters):
        minutes, seconds = divmod(round(start_s * 1_000), 60_000)
        comments[f"CHAPTER{number:03}"] = (
            f"{minutes // 60:02}:{minutes % 60:02}:{seconds / 1_000:06.3f}"
        )
        comments[f"CHAPTER{number:03}NAME"] = title
    return comments


def _length_s(container: Any, stream: Any) -> float:
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return (container.duration or 0) / TIME_BASE


def _from_zero(packets: Iterator[Any]) -> Iterator[Any]:
    """Yield the packets with the first at zero, unless it begins before that:
    a decoder's delay is to be kept.
    """
    shift: int | None = None
    for packet in packets:
        if packet.dts is None:
            continue
        shift = max(0, packet.dts) if shift is None else shift
        packet.dts -= shift
        packet.pts = packet.dts if packet.pts is None else packet.pts - shift
        yield packet


def _picture_block(picture: bytes) -> str:
    """Return a front cover as the tag of Ogg files has it: a FLAC picture block (RFC 9639,
    section 8.8) in base64.
    """
    mime = b"image/jpeg"
    head = (
        struct.pack(">II", 3, len(mime))
        + mime
        + struct.pack(">IIIIII", 0, 0, 0, 0, 0, len(picture))
    )
    return base64.b64encode(head + picture).decode("ascii")
