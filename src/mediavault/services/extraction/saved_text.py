"""The text of a saved page or answer: what is packed is unpacked, and whatever encoding it has is read. Bounded.

Source: https://html.spec.whatwg.org/#determining-the-character-encoding (byte order mark, then the page's own word).
"""

from __future__ import annotations

import codecs
import re
import zlib

from mediavault.core.errors import BadInput

MAX_PAGE_BYTES = 8_000_000  # of a page; its head and data stand before that
MAX_UNPACKED_BYTES = 64_000_000
_HEAD_BYTES = 4_096

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CHARSET = re.compile(
    rb"""<meta[^>]{0,200}?charset\s*+=\s*+["']?\s*+([\w.:-]{2,40})|<\?xml[^>]{0,100}?encoding=["']([\w.:-]{2,40})""",
    re.I,
)
_MAX_STRANGE = 0.1  # share of control and replacement characters that a text may have
_SAMPLE_CHARS = 20_000


def saved_text(document: bytes) -> str:
    """The text of ``document``. Raises BadInput where there is none: empty, a picture, a film, an archive, noise."""
    if document[:2] == b"\x1f\x8b":
        document = _unpacked(document)
    if not document.strip(b"\0 \t\r\n"):
        raise BadInput("The document is empty.")
    is_page = document.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<"
    text = _decoded(document[:MAX_PAGE_BYTES] if is_page else document)
    if _is_noise(text[:_SAMPLE_CHARS]):
        raise BadInput("This is neither a page nor an answer in JSON.")
    return text


def _unpacked(packed: bytes) -> bytes:
    unpacker = zlib.decompressobj(wbits=31)
    try:
        return unpacker.decompress(packed, MAX_UNPACKED_BYTES)
    except zlib.error as exc:
        raise BadInput("The document is packed with gzip and damaged.") from exc


def _decoded(document: bytes) -> str:
    for mark, encoding in _MARKS:
        if document.startswith(mark):
            return document.decode(encoding, "replace").removeprefix("\ufeff")
    head = document[:_HEAD_BYTES]
    if head[1:2] == b"\0" and head[3:4] == b"\0":
        return document.decode("utf-16-le", "replace")
    if head[:1] == b"\0" and head[2:3] == b"\0":
        return document.decode("utf-16-be", "replace")
    try:
        return document.decode("utf-8")
    except UnicodeDecodeError:
        return document.decode(_stated(head), "replace")


def _stated(head: bytes) -> str:
    """The encoding that a page states for itself; utf-8 where it states none, or one that is not known."""
    match = _CHARSET.search(head)
    name = (match[1] or match[2]).decode("ascii", "replace") if match else "utf-8"
    try:
        info = codecs.lookup(name)
    except LookupError:
        return "utf-8"
    if not info._is_text_encoding:
        return "utf-8"
    return "cp1252" if info.name in {"iso8859-1", "ascii"} else info.name  # as browsers read them


def _is_noise(text: str) -> bool:
    strange = sum(1 for char in text if char == "\ufffd" or (char < " " and char not in "\t\r\n\f"))
    return not text or strange > len(text) * _MAX_STRANGE
