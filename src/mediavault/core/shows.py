"""How the library is laid out, and the names in the layout for media servers' shows (pure).

``accounts`` is one folder for each account. ``shows`` makes each account a show that has a season
for each year, as Jellyfin, Kodi, Emby and Plex expect it::

    <account>/tvshow.nfo, poster.jpg, fanart.jpg, season2026-poster.jpg
    <account>/Season 2026/s2026.e110102 - <title>.mp4

An episode's number is its month, its day and a number of that day: MMDDnn. It is all that keeps two
videos of a day apart: Kodi takes season and episode from the file's name only.
``store/episodes.py`` gives each number once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import chain

from mediavault.core.names import MAX_STEM_BYTES, safe_text, truncate_bytes

LAST_OF_DAY = 99  # two digits
LAST_DAY = 31

_PLACE = re.compile(
    r"(?P<show>[^/]+)/Season (?P<season>\d{4})/s(?P=season)\.e(?P<episode>\d{6}) - [^/]+"
)
# What a title must not contain: Kodi adds another episode for the first, and leaves out a file with
# the second; Jellyfin takes a file with the third for an extra of its show. None of them takes a
# non-breaking space for a separator. Sources: tvshowmatching and excludetvshowsfromscan in
# xbmc/settings/AdvancedSettings.cpp; VideoExtraRules in Emby.Naming/Common/NamingOptions.cs.
_NO_BREAK = "\N{NO-BREAK SPACE}"
_EPISODE_IN_TITLE = re.compile(r"(s[0-9]+)[\[\] ._x-]*(e[0-9])", re.IGNORECASE)
_SAMPLE = re.compile(r"[!-._ ](sample)(?=[-._ ]|$)", re.IGNORECASE)
_EXTRA = re.compile(
    (
        r"[-._ ](trailer|sample|theme|scene|clip|interview|behindthescenes|deleted|deletedscene|"
        r"featurette|short|extra|other)$"
    ),
    re.IGNORECASE,
)


class Layout(StrEnum):
    """How the videos are arranged. The values are stored: never rename one."""

    ACCOUNTS = "accounts"
    SHOWS = "shows"


@dataclass(frozen=True, slots=True)
class Episode:
    """The place of a video in a show. ``show`` is the show's folder."""

    show: str
    season: int
    number: int

    @property
    def folder(self) -> str:
        return f"{self.show}/Season {self.season:04}"

    def stem(self, title: str) -> str:
        """Return the name of the video's file without its suffix."""
        start = f"s{self.season:04}.e{self.number:06} - "
        words = _EPISODE_IN_TITLE.sub(rf"\1{_NO_BREAK}\2", f" {safe_text(title)}")
        words = truncate_bytes(
            _SAMPLE.sub(rf"{_NO_BREAK}\1", words), MAX_STEM_BYTES - len(start) - 1
        )
        words = _EXTRA.sub(rf"{_NO_BREAK}\1", words.rstrip(" ."))
        return start + (words.strip(" .") or "Video")


def episode_of(path: str) -> Episode | None:
    """Return the place of the video at ``path`` in the library;
    None where it is not an episode of a show.
    """
    found = _PLACE.fullmatch(path)
    return Episode(found["show"], int(found["season"]), int(found["episode"])) if found else None


def episode_numbers(published: datetime) -> Iterator[int]:
    """Yield the numbers that a video of that day may get, in turn.

    After 99 of one day come those of the days that a month does not have, 32 to 99.
    """
    days = chain([published.day], range(LAST_DAY + 1, 100))
    return (
        published.month * 10_000 + day * 100 + number
        for day in days
        for number in range(1, LAST_OF_DAY + 1)
    )
