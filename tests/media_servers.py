"""What Jellyfin, Kodi and Plex make of a library's files, by their rules for names, NFOs and
pictures.

Emby reads what Jellyfin reads, except for the season's names: see ``season_nfo``. Sources:
Jellyfin, Emby.Naming and MediaBrowser.XbmcMetadata; kodi.wiki, NFO files;
xbmc/settings/AdvancedSettings.cpp; the documents of Plex on naming.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from xml.etree import ElementTree

VIDEOS = (".mp4", ".mkv", ".webm")
ROOTS = {"movie", "episodedetails", "tvshow", "season"}
HEADER = b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'

JELLYFIN_EPISODE = re.compile(r"[Ss](\d+)[][ ._-]*[Ee](\d+)")
JELLYFIN_SEASON = re.compile(r"Season (\d+)(?!\d)", re.IGNORECASE)
JELLYFIN_EXTRA = re.compile(
    (
        r"(?:[-._]|- )(trailer|sample|theme|scene|clip|interview|behindthescenes|deleted|"
        r"deletedscene|featurette|short|extra|other)$"
    ),
    re.IGNORECASE,
)
KODI_EPISODE = re.compile(
    r"s([0-9]+)[\[\] ._x-]*e([0-9]+(?:(?:[a-i]|\.[1-9])(?![0-9]))?)([^\\/]*)$", re.IGNORECASE
)
KODI_MORE = re.compile(r"^[-_ex]+([0-9]+(?:(?:[a-i]|\.[1-9])(?![0-9]))?)", re.IGNORECASE)
KODI_EXCLUDED = re.compile(r"[!-._ \\/]sample[-._ \\/]", re.IGNORECASE)
DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
JELLYFIN_YEARS = range(1928, 2501)  # other seasons above 200 are taken for part of a title


@dataclass(frozen=True)
class Shown:
    """A video as a server shows it. ``episodes`` are its numbers,
    several where the server sees several.
    """

    title: str
    show: str | None
    season: int | None
    episodes: tuple[int, ...]
    date: str | None
    minutes: int | None
    picture: str | None


def parse(body: bytes) -> ElementTree.Element:
    """Return the NFO's root, as strict about XML as Jellyfin,
    which ignores a file with an error.
    """
    assert body.startswith(HEADER)
    root = ElementTree.fromstring(body)
    assert root.tag in ROOTS, root.tag
    return root


def text_of(root: ElementTree.Element | None, *names: str) -> str | None:
    for element in root if root is not None else ():
        if element.tag in names:
            return element.text
    return None


def date_of(root: ElementTree.Element | None, *names: str) -> str | None:
    text = text_of(root, *names)
    return text if text is not None and DATE.fullmatch(text) else None


def minutes_of(root: ElementTree.Element | None) -> int | None:
    text = text_of(root, "runtime")
    return int(text) if text is not None and re.fullmatch(r"[1-9]\d*", text) else None


def sibling_of(path: str, *endings: str, files: Mapping[str, bytes]) -> str | None:
    stem = str(PurePosixPath(path).with_suffix(""))
    return next((stem + ending for ending in endings if stem + ending in files), None)


def nfo_of(path: str, files: Mapping[str, bytes]) -> ElementTree.Element | None:
    found = sibling_of(path, ".nfo", files=files)
    return parse(files[found]) if found else None


def in_jellyfin(path: str, files: Mapping[str, bytes]) -> Shown | None:
    """Return the video as Jellyfin shows it, in a library of shows or of home videos;
    None for an extra.
    """
    root, name = nfo_of(path, files), PurePosixPath(path)
    if JELLYFIN_EXTRA.search(name.stem):
        return None
    picture = sibling_of(path, ".jpg", ".png", ".webp", "-thumb.jpg", files=files)
    title = text_of(root, "title") or name.stem
    if root is None or root.tag == "movie":
        date = date_of(root, "premiered", "aired")
        return Shown(title, None, None, (), date, minutes_of(root), picture)
    season = JELLYFIN_SEASON.search(name.parts[-2].replace(name.parts[-3], ""))
    numbers = JELLYFIN_EPISODE.search(name.name)
    assert season is not None
    assert numbers is not None
    assert int(season[1]) in JELLYFIN_YEARS
    assert (text_of(root, "season"), text_of(root, "episode")) == (season[1], str(int(numbers[2])))
    assert season[1] == numbers[1]
    show = text_of(parse(files[f"{name.parts[-3]}/tvshow.nfo"]), "title")
    return Shown(
        title,
        show,
        int(season[1]),
        (int(numbers[2]),),
        date_of(root, "aired"),
        minutes_of(root),
        picture,
    )


def in_kodi(path: str, files: Mapping[str, bytes]) -> Shown | None:
    """Return the video as Kodi shows it: season and episodes from the name only;
    None for an excluded file.
    """
    assert all(
        ord(char) < 0x10000
        for name, body in files.items()
        if name.endswith(".nfo")
        for char in body.decode()
    )
    root, name = nfo_of(path, files), PurePosixPath(path)
    if KODI_EXCLUDED.search(f"/{path}"):
        return None
    picture = sibling_of(path, "-thumb.jpg", "-thumb.png", "-thumb.webp", files=files)
    title = text_of(root, "title") or name.stem
    if root is None or root.tag == "movie":
        return Shown(title, None, None, (), date_of(root, "premiered"), minutes_of(root), picture)
    found = KODI_EPISODE.search(name.name)
    assert found is not None
    episodes, rest = [int(found[2])], found[3]
    while more := (KODI_MORE.search(rest) or KODI_EPISODE.search(rest)):
        episodes.append(int(more[2] if more.re is KODI_EPISODE else more[1]))
        rest = rest[more.end() :] if more.re is KODI_MORE else more[3]
    show = text_of(parse(files[f"{name.parts[-3]}/tvshow.nfo"]), "title")
    return Shown(
        title,
        show,
        int(found[1]),
        tuple(episodes),
        date_of(root, "aired"),
        minutes_of(root),
        picture,
    )


def in_plex(path: str, files: Mapping[str, bytes]) -> Shown:
    """Return the video as Plex shows it, which reads names and pictures only."""
    name = PurePosixPath(path)
    picture = sibling_of(path, ".jpg", ".png", files=files)
    numbers = re.fullmatch(r"s(\d+)\.e(\d+) - (.+)", name.stem)
    if numbers is None:
        return Shown(name.stem, None, None, (), None, None, picture)
    assert name.parts[-2] == f"Season {numbers[1]}"
    return Shown(
        numbers[3], name.parts[-3], int(numbers[1]), (int(numbers[2]),), None, None, picture
    )


def videos_in(files: Mapping[str, bytes]) -> list[str]:
    return sorted(path for path in files if path.endswith(VIDEOS))
