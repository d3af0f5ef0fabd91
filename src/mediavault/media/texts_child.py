"""Copies a file and puts subtitles and chapters into it, in the helper process. Nothing is
re-encoded.

MP4 holds texts as ``mov_text``: two bytes of length, then UTF-8 (3GPP TS 26.245, section 5.17).
Matroska holds SubRip.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mediavault.core.messages import Message
from mediavault.media.library import (
    TIME_BASE,
    add_copy,
    add_text_stream,
    open_input,
    open_output,
    quiet,
    set_chapters,
    text_packet,
    with_ends,
)
from mediavault.media.sniff import SNIFF_BYTES, Kind, demuxer_of, sniff

MUXERS: Mapping[str, tuple[str, str]] = {
    "mov": ("mp4", "mov_text"),
    "matroska": ("matroska", "subrip"),
}
MAX_TEXT_BYTES = 0xFFFF
EMPTY_TEXT_BYTES = 2  # the length alone
# SubRip has markup, and no way to write its signs as text
_NO_MARKUP = str.maketrans("<>{}", "‹›()")

# The two letters of a language (ISO 639-1), then its three (ISO 639-2/T).
_LANGUAGES = """
    aaaar ababk aeave afafr akaka amamh anarg arara asasm avava ayaym azaze babak bebel bgbul
    bhbih bibis bmbam bnben bobod brbre bsbos cacat ceche chcha cocos crcre csces cuchu cvchv
    cycym dadan dedeu dvdiv dzdzo eeewe elell eneng eoepo esspa etest eueus fafas ffful fifin
    fjfij fofao frfra fyfry gagle gdgla glglg gngrn guguj gvglv hahau heheb hihin hohmo hrhrv
    hthat huhun hyhye hzher iaina idind ieile igibo iiiii ikipk ioido isisl itita iuiku jajpn
    jvjav kakat kgkon kikik kjkua kkkaz klkal kmkhm knkan kokor krkau kskas kukur kvkom kwcor
    kykir lalat lbltz lglug lilim lnlin lolao ltlit lulub lvlav mgmlg mhmah mimri mkmkd mlmal
    mnmon mrmar msmsa mtmlt mymya nanau nbnob ndnde nenep ngndo nlnld nnnno nonor nrnbl nvnav
    nynya ococi ojoji omorm orori ososs papan peper pipli plpol pspus ptpor quque rmroh rnrun
    roron rurus rwkin sasan scsrd sdsnd sesme sgsag sisin skslk slslv smsmo snsna sosom sqsqi
    srsrp ssssw stsot susun svswe swswa tatam tetel tgtgk ththa titir tktuk tltgl tntsn toton
    trtur tstso tttat twtwi tytah uguig ukukr ururd uzuzb veven vivie vovol wawln wowol xhxho
    yiyid yoyor zazha zhzho zuzul
"""
_THREE_LETTERS = {pair[:2]: pair[2:] for pair in _LANGUAGES.split()}


def answer(request: Mapping[str, Any]) -> Mapping[str, Any]:
    """``{"task": "embed", "path", "into", "texts": {language: [[start, end, text]]}, "chapters":
    [[start, title]]}`` -> ``{}``.
    """
    quiet()
    embed(Path(request["path"]), Path(request["into"]), request["texts"], request["chapters"])
    return {}


def embed(
    path: Path,
    into: Path,
    texts: Mapping[str, Sequence[Sequence[Any]]],
    chapters: Sequence[Sequence[Any]],
) -> None:
    """Copy a file's pictures, sound and subtitles, and add a stream for each language. Times are in
    seconds.

    Subtitles of the file that the new one cannot hold are left out. Raises ValueError for a
    container that holds no texts here.
    """
    with path.open("rb") as file:
        head = file.read(SNIFF_BYTES)
    demuxer = demuxer_of(head)
    # which holds WebVTT alone
    if demuxer is None or demuxer not in MUXERS or sniff(head) is Kind.WEBM:
        raise ValueError(Message("its container does not support subtitles"))
    muxer, codec = MUXERS[demuxer]
    options = {"movflags": "+faststart"} if muxer == "mp4" else {}
    with open_input(path, demuxer) as source, open_output(into, muxer, **options) as out:
        copies = {
            stream.index: copy
            for stream in source.streams
            if (copy := _copy_of(stream, out)) is not None
        }
        wanted = [stream for stream in source.streams if stream.index in copies]
        out.metadata.update(
            {name: text for name, text in source.metadata.items() if name not in _OF_THE_CONTAINER}
        )
        streams = [
            (add_text_stream(out, codec, _tags(codec, language)), cues)
            for language, cues in texts.items()
        ]
        set_chapters(out, _chapters(chapters, (source.duration or 0) / TIME_BASE, source))
        packets = _copied(source, wanted, copies)
        for _, packet in heapq.merge(
            packets, *(_cues(*one, codec=codec) for one in streams), key=lambda item: item[0]
        ):
            out.mux_one(packet)


_OF_THE_CONTAINER = frozenset({"major_brand", "minor_version", "compatible_brands", "encoder"})


def _copy_of(stream: Any, out: Any) -> Any:
    """Return a new stream for the packets of this one; None for one that is left out."""
    if stream.codec_context is None or stream.type not in ("video", "audio", "subtitle"):
        return None
    try:
        copy = add_copy(out, stream)
    except ValueError:  # the new file cannot hold its codec
        if stream.type != "subtitle":
            raise
        return None
    copy.metadata.update(stream.metadata)
    copy.disposition = stream.disposition
    return copy


def _tags(codec: str, language: str) -> dict[str, str]:
    """Return the tags of a stream in this language.

    MP4 stores a language as three letters, and FFmpeg leaves out any other. A tag that says more,
    such as ``pt-BR``, is the stream's name as well.
    """
    if codec != "mov_text":
        return {"language": language}
    first, _, more = language.lower().partition("-")
    tags = {"language": _THREE_LETTERS.get(first, first)}
    return {**tags, "handler_name": language} if more else tags


def _copied(
    source: Any, wanted: Sequence[Any], copies: Mapping[int, Any]
) -> Iterator[tuple[float, Any]]:
    last_s = 0.0
    for packet in source.demux(*wanted):
        if packet.dts is None or _is_gap(packet):
            continue
        # merged by time: it must never go back
        last_s = max(last_s, float(packet.dts * packet.time_base))
        packet.stream = copies[packet.stream_index]
        yield last_s, packet


def _is_gap(packet: Any) -> bool:
    """Whether it is the empty text between two others in an MP4: the muxer writes those itself."""
    return bool(packet.stream.codec_context.name == "mov_text" and packet.size <= EMPTY_TEXT_BYTES)


def _cues(stream: Any, cues: Sequence[Sequence[Any]], *, codec: str) -> Iterator[tuple[float, Any]]:
    for start_s, end_s, text in cues:
        if codec == "mov_text":
            body = text.encode("utf-8", "replace")[:MAX_TEXT_BYTES]
            body = len(body).to_bytes(2, "big") + body
        else:
            body = text.translate(_NO_MARKUP).encode("utf-8", "replace")
        yield start_s, text_packet(stream, body, start_s, end_s)


def _chapters(
    chapters: Sequence[Sequence[Any]], length_s: float, source: Any
) -> list[tuple[float, float, str]]:
    """Return these chapters, or without any those that the file has, each [start, end, title]."""
    if not chapters:
        return [
            (
                float(c["start"] * c["time_base"]),
                float(c["end"] * c["time_base"]),
                c["metadata"].get("title", ""),
            )
            for c in source.chapters()
        ]
    return with_ends(chapters, length_s)
