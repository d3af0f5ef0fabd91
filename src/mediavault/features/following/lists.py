"""Reads the lists of sources that other programs export: OPML, Google Takeout, NewPipe, FreeTube,
Invidious, and plain text.

The format is recognised by the content of the file, never by its name. Nothing here decides whether
a source can be followed.
"""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mediavault.core.failures import BadInput
from mediavault.core.listings import MAX_LIST_BYTES
from mediavault.core.messages import Message
from mediavault.core.xml_tree import BadXml, XmlNode, read_xml

MOST_LISTED = 20_000
MAX_DEPTH, MAX_ELEMENTS = 32, 100_000  # of OPML
MAX_ZIP_FILES = 5_000
MOST_UNPACKED_BYTES = 4 * MAX_LIST_BYTES
# between a zipped file's size and what it takes in the zip: tables compress to a tenth
MAX_RATIO = 100
MAX_TITLE_CHARS = 300

_CHANNEL_ID = re.compile(r"UC[\w-]{22}", re.ASCII)
# YouTube's own feeds and those of Invidious: the channel's page can be read in more ways.
_CHANNEL_FEED = re.compile(
    r"^https?://[^/?#]+/feeds?/(?:videos\.xml\?channel_id=|channel/)(UC[\w-]{22})$", re.ASCII
)
_DECLARATION = re.compile(
    rb"^\s{0,9}<\?xml\s[^>]{0,200}?encoding\s{0,9}=\s{0,9}[\"']([\w.:-]{1,40})[\"']"
)
# Not every codec of Python: some take quadratic time, or are no encodings of texts.
_ENCODINGS = re.compile(
    r"(?:utf-?(?:8|16|16le|16be)|us-ascii|iso-?8859-?\d{1,2}|(?:windows-?|cp)125\d|koi8-[ru]|macintosh|gb2312|gbk|gb18030"
    r"|big5|shift_jis|euc-(?:jp|kr)|iso-2022-jp)",
    re.IGNORECASE,
)
_BYTE_ORDER_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_LISTS_IN_ZIP = (".csv", ".json", ".opml", ".xml", ".db")


@dataclass(frozen=True, slots=True)
class ListedSource:
    """An entry of a list: ``line`` is its line, from 1, or its number if the file has no lines.

    ``feed`` and ``page`` are URLs, "" for none. ``settings`` is the JSON that our own export adds.
    """

    line: int
    feed: str = ""
    page: str = ""
    title: str = ""
    settings: str = ""

    @property
    def text(self) -> str:
        """The name of the entry in a report."""
        return self.feed or self.page or self.title


def read_source_list(content: bytes) -> tuple[ListedSource, ...]:
    """Return what a file lists, in its order; each entry once.

    Raises BadInput for a file that is too large, lists nothing, or is not in one of the forms.
    """
    if len(content) > MAX_LIST_BYTES:
        raise _too_large()
    found = (
        _of_zip(content)
        if content.startswith((b"PK\x03\x04", b"PK\x05\x06"))
        else _of_text(_decoded(content))
    )
    listed: dict[tuple[str, ...], ListedSource] = {}
    for entry in found:
        listed.setdefault(
            (entry.feed, entry.page, "" if entry.feed or entry.page else entry.title), entry
        )
        if len(listed) > MOST_LISTED:
            raise BadInput(
                Message("The file lists more than %(most)s sources.", most=MOST_LISTED),
                help="Split it into several files.",
            )
    if not listed:
        raise BadInput(
            "The file lists nothing that can be followed.",
            help=(
                "Use an OPML file, the subscriptions from Google Takeout, or a text file with one"
                " link per line."
            ),
        )
    return tuple(listed.values())


def channel_page(channel_id: str) -> str:
    """Return the page of a YouTube channel."""
    return f"https://www.youtube.com/channel/{channel_id}"


def _too_large() -> BadInput:
    return BadInput(
        Message("The file is larger than %(most)s MB.", most=MAX_LIST_BYTES >> 20),
        help="Use only the list of subscriptions, or split it into several files.",
    )


def _decoded(content: bytes) -> str:
    """Return the text, in the encoding that its first bytes or its XML declaration state,
    else UTF-8.
    """
    mark = next((mark for mark in _BYTE_ORDER_MARKS if content.startswith(mark)), None)
    if mark is not None:
        return _text(content, _BYTE_ORDER_MARKS[mark])
    declared = _DECLARATION.match(content)
    if declared is None:
        return content.decode("utf-8", "replace")
    name = declared[1].decode("ascii", "replace")
    if not _ENCODINGS.fullmatch(name):
        raise BadInput(
            Message("The file declares an unsupported encoding: %(name)s.", name=name),
            help="Save it as UTF-8.",
        )
    return _text(content, name)


def _text(content: bytes, encoding: str) -> str:
    try:
        return content.decode(encoding)
    except (LookupError, UnicodeError) as exc:
        raise BadInput(
            Message("The file is not in the encoding it declares: %(name)s.", name=encoding),
            help="Save it as UTF-8.",
        ) from exc


def _of_text(text: str) -> Iterable[ListedSource]:
    start = text.lstrip("\ufeff \t\r\n")[:1]
    if start == "<":
        return _of_opml(text)
    if start in {"[", "{"}:
        return _of_json(text)
    rows = _rows(text)
    return _of_rows(rows) if _id_column(rows) is not None else _of_lines(text)


# --- OPML -----------------------------------------------------------------------------------------


def _of_opml(text: str) -> Iterator[ListedSource]:
    try:
        root = read_xml(text, max_depth=MAX_DEPTH, max_elements=MAX_ELEMENTS)
    except BadXml as exc:
        raise BadInput(
            Message("The file is not valid XML: %(error)s.", error=exc.message),
            help="Export it again from the program it came from.",
        ) from exc
    if root.name.lower() != "opml":
        raise BadInput("The file is XML, but not OPML.", help="Export the list of feeds as OPML.")
    for node in root.walk():
        if node.name.lower() == "outline" and (entry := _of_outline(node)):
            yield entry


def _of_outline(node: XmlNode) -> ListedSource | None:
    """Return the source of an outline; None for a folder."""
    attributes = {name.lower(): value.strip() for name, value in node.attributes.items()}
    feed, page = (
        attributes.get("xmlurl", ""),
        attributes.get("htmlurl", "") or attributes.get("url", ""),
    )
    title = attributes.get("title") or attributes.get("text") or ""
    settings = attributes.get("settings", "")
    if not (feed or page):
        return None
    return _entry(node.line, feed, page, title, settings if settings.startswith("{") else "")


def _entry(line: int, feed: str, page: str, title: object, settings: str = "") -> ListedSource:
    channel = _CHANNEL_FEED.fullmatch(feed)
    if channel and not settings:
        feed, page = "", channel_page(channel[1])
    name = " ".join(title.split())[:MAX_TITLE_CHARS] if isinstance(title, str) else ""
    return ListedSource(line, feed, page, name, settings)


# --- JSON -----------------------------------------------------------------------------------------


def _of_json(text: str) -> Iterator[ListedSource]:
    for number, item in enumerate(_items(_documents(text)), start=1):
        url, title = _of_item(item)
        yield _entry(number, "", url, title)


def _documents(text: str) -> list[object]:
    """Return the JSON document, or those of each line: FreeTube's databases have one on each."""
    try:
        return [json.loads(text.lstrip("\ufeff"))]
    except (ValueError, RecursionError):
        pass
    try:
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    except (ValueError, RecursionError) as exc:
        raise BadInput(
            "The file is not valid JSON.", help="Export it again from the program it came from."
        ) from exc


def _items(documents: Sequence[object]) -> Iterator[object]:
    """Yield the entries of Takeout's list, and of the ``subscriptions`` of NewPipe,
    FreeTube and Invidious.
    """
    for document in documents:
        listed = document.get("subscriptions") if isinstance(document, Mapping) else document
        if isinstance(listed, Sequence) and not isinstance(listed, str):
            yield from listed


def _of_item(item: object) -> tuple[str, object]:
    """Return the URL and the title; the URL is whatever the entry says where it is not
    understood.
    """
    if isinstance(item, str):
        return channel_page(item) if _CHANNEL_ID.fullmatch(item) else item, ""
    if not isinstance(item, Mapping):
        return "", str(item)[:MAX_TITLE_CHARS]
    snippet: Any = item.get("snippet")
    if isinstance(snippet, Mapping):  # Google Takeout until 2020
        resource = snippet.get("resourceId")
        channel, title = (
            resource.get("channelId") if isinstance(resource, Mapping) else None,
            snippet.get("title"),
        )
    else:
        channel, title = item.get("id"), item.get("name")  # FreeTube
    if isinstance(channel, str) and _CHANNEL_ID.fullmatch(channel):
        return channel_page(channel), title
    url = item.get("url")
    return (url if isinstance(url, str) else ""), title or "?"


# --- tables, and plain text -----------------------------------------------------------------------


def _rows(text: str) -> list[tuple[int, list[str]]]:
    """Return the rows of a table with the lines on which they end; none where it is not a table."""
    reader = csv.reader(io.StringIO(text, newline=""))
    try:
        return [(reader.line_num, row) for row in reader if row]
    except csv.Error:
        return []


def _id_column(rows: Iterable[tuple[int, Sequence[str]]]) -> int | None:
    """Return which column of a table has the channels' ids:
    its header is in the language of the account.
    """
    for _, row in rows:
        for index, value in enumerate(row):
            if len(row) > 1 and _CHANNEL_ID.fullmatch(value.strip()):
                return index
    return None


def _of_rows(rows: Sequence[tuple[int, Sequence[str]]]) -> Iterator[ListedSource]:
    column = _id_column(rows) or 0
    for number, (line, row) in enumerate(rows):
        value = row[column].strip() if column < len(row) else ""
        others = [
            cell
            for cell in row[column + 1 :]
            if cell.strip() and not cell.startswith(("http://", "https://"))
        ]
        if _CHANNEL_ID.fullmatch(value):
            yield _entry(line, "", channel_page(value), others[-1] if others else "")
        elif number:  # the first row is the header
            yield _entry(line, "", value, others[-1] if others else ", ".join(row))


def _of_lines(text: str) -> Iterator[ListedSource]:
    for number, line in enumerate(text.splitlines(), start=1):
        if (address := line.strip()) and not address.startswith("#"):
            yield _entry(number, address, "", "")


# --- a zip ----------------------------------------------------------------------------------------


def _of_zip(content: bytes) -> Iterable[ListedSource]:
    """Return what the first list in a zip names. A Takeout has many other tables,
    with ids of channels among them.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            infos = archive.infolist()
            if len(infos) > MAX_ZIP_FILES:
                raise BadInput(
                    "The zip contains too many files.", help="Use only the list of subscriptions."
                )
            left = MOST_UNPACKED_BYTES
            for info in infos:
                packed = _unpacked(archive, info, min(left, MAX_LIST_BYTES))
                left -= len(packed)
                if packed and (listed := _of_packed(packed)):
                    return listed
    except (
        zipfile.BadZipFile,
        NotImplementedError,
        RuntimeError,
        EOFError,
        ValueError,
        OSError,
        zlib.error,
    ) as exc:
        raise BadInput(
            "The zip can't be read.", help="Unpack it and use the list of subscriptions inside."
        ) from exc
    return ()


def _unpacked(archive: zipfile.ZipFile, info: zipfile.ZipInfo, limit: int) -> bytes:
    """Return a file of the zip, of which zipfile reads no more than its stated size; nothing for
    one that is too large, or no list.
    """
    is_list = info.filename.lower().endswith(_LISTS_IN_ZIP) and not info.is_dir()
    is_small = info.file_size <= min(limit, MAX_RATIO * max(info.compress_size, 1_024))
    return archive.read(info) if is_list and is_small else b""


def _of_packed(content: bytes) -> list[ListedSource]:
    """Return what a file of a zip lists, nothing where it is something else."""
    try:
        text = _decoded(content)
        if text.lstrip("\ufeff \t\r\n")[:1] in {"<", "[", "{"}:
            return [
                entry for entry in _of_text(text) if entry.feed or entry.page.startswith("http")
            ]
    except BadInput:
        return []
    rows = _rows(text)
    column = _id_column(rows)
    if column is None or not any(_is_subscription(row, column) for _, row in rows):
        return []
    return list(_of_rows(rows))


def _is_subscription(row: Sequence[str], column: int) -> bool:
    """Whether a row has a channel's id and the URL with it, as Takeout's subscriptions do."""
    channel = row[column].strip() if column < len(row) else ""
    return bool(_CHANNEL_ID.fullmatch(channel)) and any(
        cell.rstrip("/").endswith(f"/{channel}") for cell in row
    )
