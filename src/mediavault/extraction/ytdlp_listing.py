"""Reads a list in the child: entry by entry, so that no page is requested that the caller does not
want.

yt-dlp's own options for this are of no use: they look at each entry's post, or lose what was read
when they stop. So the extractor's raw result is read, whose entries are a generator that requests a
page whenever it needs one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

MAX_ENTRIES = 10_000
MAX_REFERENCES = 3  # from the list's URL to the list: a channel's old name, a playlist's channel
MAX_DEPTH = 1  # lists in the list: the tabs of a channel, a collection among videos
MAX_TITLE_CHARS = 500
MAX_DESCRIPTION_CHARS = 1_000
MAX_URL_CHARS = 2_048
_REFERENCES = frozenset({"url", "url_transparent"})
_LISTS = frozenset({"playlist", "multi_video", "compat_list"})
_OF_ENTRY = (
    "id", "title", "duration", "timestamp", "release_timestamp", "live_status", "availability",
    "channel_id", "channel",
    "uploader_id", "uploader",
)  # fmt: skip
_OF_LIST = (
    "id",
    "channel_id",
    "channel",
    "title",
    "uploader",
    "uploader_id",
    "playlist_count",
    "webpage_url",
)

Raw = Mapping[str, Any]
Extract = Callable[
    [str, str | None], Any
]  # a URL and the extractor's key: its raw result; None if it reported an error


class ListReader:
    """Reads one list. ``ended`` says why the reading stopped: "end", "limit", "known", "time" or
    "error".

    ``lists`` says whether an extractor's key is one that the request allows: such an entry is a
    list itself. ``is_late`` says whether the time for the list is over; it is asked after each
    entry, so that what was read is kept.
    """

    def __init__(
        self,
        request: Mapping[str, Any],
        *,
        extract: Extract,
        lists: Callable[[str], bool],
        report: Callable[[Exception], None],
        is_late: Callable[[], bool],
    ) -> None:
        self._extract, self._lists, self._report, self._is_late = extract, lists, report, is_late
        self._url: str = request["list"]
        self._known = frozenset(request.get("known") or ())
        # known ids in a row; 0: they stop nothing
        self._stop_after: int = request.get("stop_after_known") or 0
        self._limit = min(request.get("limit") or MAX_ENTRIES, MAX_ENTRIES)
        self.ended = "end"

    def read(self) -> dict[str, Any]:
        """Return the list's own fields (None if it could not be read), its entries,
        and why the reading stopped.
        """
        found = self._follow({"url": self._url})
        if found is None or not _is_list(found):
            return {
                "list": None if found is None else _fields(found, _OF_LIST),
                "entries": [],
                "ended": "error",
            }
        entries: list[dict[str, Any]] = []
        for entry in self._entries(found, depth=0):
            entries.append(_slim(entry))
            # before the next is asked for, which may cost a request
            if len(entries) >= self._limit:
                self.ended = "limit"
                break
        own = {**_fields(found, _OF_LIST), "thumbnail": _picture(found), "is_list": True}
        return {"list": own, "entries": entries, "ended": self.ended}

    def _follow(self, reference: Raw) -> Raw | None:
        """Return the result that a reference leads to; None after an error, which was reported."""
        outer: dict[str, Any] = {}
        for _ in range(1 + MAX_REFERENCES):
            found = self._extract(str(reference.get("url")), reference.get("ie_key"))
            if not isinstance(found, dict):
                return None
            if found.get("_type") not in _REFERENCES:
                return {**found, **outer}
            if found["_type"] == "url_transparent":
                outer |= {name: found[name] for name in _OF_LIST if found.get(name) is not None}
            reference = found
        self._report(ValueError("The list's URL leads from one to the next and never to a list."))
        return None

    def _entries(self, found: Raw, depth: int) -> Iterator[Raw]:
        """Yield the posts of a list and of the lists in it, up to the known ones,
        the end of the time, or an error.
        """
        entries, known_in_a_row = found.get("entries"), 0
        try:
            for entry in entries if entries is not None else ():
                nested = self._nested(entry) if isinstance(entry, dict) else None
                if nested is not None:
                    yield from self._entries_of_nested(nested, depth + 1)
                elif isinstance(entry, dict):
                    yield entry
                    known_in_a_row = known_in_a_row + 1 if self._is_known(entry) else 0
                    if self._stop_after and known_in_a_row >= self._stop_after:
                        self._note("known")
                        return
                if self._is_late():
                    self.ended = "time"
                    return
        except Exception as exc:  # noqa: BLE001 - a site's answer may break an extractor in any way; what was read is kept
            self._report(exc)
            self._note("error")

    def _nested(self, entry: Raw) -> Raw | None:
        """Return the entry itself if it is a list, or a reference to one."""
        if _is_list(entry):
            return entry
        key = entry.get("ie_key")
        return (
            entry if entry.get("_type") in _REFERENCES and key and self._lists(str(key)) else None
        )

    def _entries_of_nested(self, nested: Raw, depth: int) -> Iterator[Raw]:
        if depth > MAX_DEPTH:
            self._note("error")
            return
        found = nested if _is_list(nested) else self._follow(nested)
        if found is None:
            self._note("error")
        else:
            yield from self._entries(found, depth)

    def _note(self, ended: str) -> None:
        """Remember why the reading of a list stopped;
        an error in one tab is not forgotten at the end of the next.
        """
        if self.ended not in {"error", "time"}:
            self.ended = ended

    def _is_known(self, entry: Raw) -> bool:
        """Whether an entry's id is known, or one that its URL names:
        ``v12`` is at ``/videos/12``.
        """
        named = re.split(r"[/?&=#]", str(_address(entry) or "")) if self._known else []
        return str(entry.get("id")) in self._known or not self._known.isdisjoint(named)


def _is_list(found: Raw) -> bool:
    return found.get("_type") in _LISTS


def _slim(entry: Raw) -> dict[str, Any]:
    fields = _fields(entry, _OF_ENTRY)
    fields |= {
        "url": _address(entry),
        "ie_key": _cut(entry.get("ie_key") or entry.get("extractor_key"), 100),
    }
    return fields | {
        "description": _cut(entry.get("description"), MAX_DESCRIPTION_CHARS),
        "thumbnail": _picture(entry),
    }


def _address(entry: Raw) -> Any:
    """Return the post's URL. The ``url`` of a whole result is that of its file."""
    name = "url" if entry.get("_type") in _REFERENCES else "webpage_url"
    return _cut(entry.get(name), MAX_URL_CHARS)


def _fields(found: Raw, names: Sequence[str]) -> dict[str, Any]:
    return {
        name: _cut(found[name], MAX_TITLE_CHARS) for name in names if found.get(name) is not None
    }


def _cut(value: Any, chars: int) -> Any:
    """Return a number, or a text up to a length; None for anything else, which no answer needs."""
    if isinstance(value, str):
        return value[:chars]
    return value if isinstance(value, int | float) else None


def _picture(found: Raw) -> Any:
    """Return the URL of the best picture: yt-dlp prefers a channel's portrait to its banner."""
    pictures = found.get("thumbnails")
    known = (
        [picture for picture in pictures if isinstance(picture, dict)]
        if isinstance(pictures, list)
        else []
    )
    best = max(
        enumerate(known), key=lambda numbered: (*_rank(numbered[1]), numbered[0]), default=None
    )
    return _cut(best[1].get("url") if best else found.get("thumbnail"), MAX_URL_CHARS)


def _rank(picture: Raw) -> tuple[float, ...]:
    values = (picture.get(name) for name in ("preference", "width", "height"))
    return tuple(value if isinstance(value, int | float) else -1 for value in values)
