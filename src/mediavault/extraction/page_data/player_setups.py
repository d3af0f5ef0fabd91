"""The files that a player is set up with: in a script (``jwplayer(…).setup({…})``), or in an
element's attribute.

Adverts, captions and thumbnails of a setup have other names and are ignored. Linear in time.
Source: the options that video.js, JW Player, Flowplayer, Plyr, Clappr, DPlayer, ArtPlayer, Playerjs
and hls.js document; checked 2026-11-24.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import unescape
from itertools import islice
from urllib.parse import unquote

from mediavault.extraction.media_urls import MediaKind, classify_media
from mediavault.extraction.page_data import values
from mediavault.extraction.page_data.js_literal import parse_literal, unescaped
from mediavault.extraction.page_data.oembed import is_hosted
from mediavault.extraction.page_data.values import Node, walk

MAX_SETUPS = 50
MAX_SCRIPT_CHARS = 500_000  # a setup is in a short script; longer ones are a site's program
_MAX_ARGUMENT_CHARS = 50_000
_MAX_EFFORT_CHARS = 1_000_000
_MAX_CALLS = 2_000
_MAX_DEPTH = 4

_CALL = re.compile(
    r"""(?:\.setup|\bflowplayer|\bvideojs|\bfluidPlayer|\.loadSource|\.attachSource|\.src|\.load
        |\bnew\s+(?:Clappr\.Player|DPlayer|Artplayer|Playerjs|Plyr|MediaElementPlayer|TCPlayer|Aliplayer|Xgplayer|Player))
        \s*\(\s*(?:["'#.\w$\[\]()]{1,100}\s*,\s*)?(?=[{\["'])""",
    re.VERBOSE,
)
_FILE = re.compile(
    r"""["']?\b(?:file|src|source|url|hls|mp4)["']?\s*:\s*(["'])((?:https?:)?\\?/[^"'\s<>]{5,2000})\1"""
)
_FILES = (
    "sources",
    "source",
    "src",
    "file",
    "levels",
    "clip",
    "video",
    "media",
    "hls",
    "dash",
    "mp4",
    "webm",
    "url",
    "uri",
    "renditions",
    "encodings",
    "qualities",
)
_PRIMARY = frozenset(
    f"{first}{second}"
    for first in ("primary", "main", "lead", "hero", "featured")
    for second in ("Video", "_video", "Media", "_media")
)
_MAX_NODES = 20_000
_PICTURES = ("image", "poster", "pic", "thumbnail", "splash", "thumb")
_MIMES = {
    "hls": "application/x-mpegurl",
    "m3u8": "application/x-mpegurl",
    "dash": "application/dash+xml",
}


@dataclass(frozen=True, slots=True)
class PlayerFile:
    """One file of a player as written, with its facts. ``height`` is in pixels."""

    address: str
    type: str = ""
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True, slots=True)
class Setup:
    """The sources of one player: the qualities of one video.
    ``names`` are of its element and the boxes around it.
    """

    sources: tuple[PlayerFile, ...]
    poster: str = ""
    names: str = ""


def setups_in_script(script: str) -> list[Setup]:
    """Return the setups that a script calls a player with, in order."""
    if len(script) > MAX_SCRIPT_CHARS:
        return []
    setups: list[Setup] = []
    effort = _MAX_EFFORT_CHARS
    for call in islice(_CALL.finditer(script), _MAX_CALLS):
        new, read = _argument(script, call.end(), effort)
        setups, effort = setups + new, effort - read
        if len(setups) >= MAX_SETUPS or effort <= 0:
            break
    return setups[:MAX_SETUPS]


_VARIABLE = re.compile(
    r"""(?<![\w$])([A-Za-z_$][\w$]{0,60}+)["']?\s*+[:=]\s*+(["'])((?:https?:)?\\?/\\?/[^"'\s<>]{5,2000}+)\2"""
)
_OF_VIDEO = re.compile(r"video|src|stream|hls|media|mp4|asset|file|movie|clip", re.IGNORECASE)


def variables_in_script(script: str) -> list[Setup]:
    """Return the files that a script keeps in variables which are named like a video's,
    each once (``videoSrc = "…"``).
    """
    if len(script) > MAX_SCRIPT_CHARS or not _A_FILE.search(script):
        return []
    found: dict[str, Setup] = {}
    for variable in islice(_VARIABLE.finditer(script), _MAX_CALLS):
        name, address = variable[1], _address(variable[3])
        if _OF_VIDEO.search(name) and _may_hold_a_file(name) and _is_file(address):
            found.setdefault(address, Setup((PlayerFile(address),), names=name))
    return list(found.values())[:MAX_SETUPS]


def setups_of(value: object) -> list[Setup]:
    """Return the setups of a configuration: one per video,
    so that the entries of a playlist are several.
    """
    config = values.obj(value)
    if isinstance(value, list):
        config = {"sources": value}
    playlist = config.get("playlist")
    entries = (
        values.objects(playlist)[:MAX_SETUPS]
        if isinstance(playlist, list)
        else [values.obj(playlist)]
    )
    held = [setup for entry in entries if (setup := _setup(entry)) is not None]
    own = _setup(config)
    return held or ([own] if own is not None else [])


def primary_setups(documents: Sequence[object]) -> list[Setup]:
    """Return the videos that data mark as the main one (``primaryVideo``), each once."""
    found: dict[tuple[str, ...], Setup] = {}
    for document in documents:
        for node in islice(walk(document), _MAX_NODES):
            for name in _PRIMARY & node.keys():
                for setup in setups_of(node[name]):
                    found.setdefault(tuple(source.address for source in setup.sources), setup)
    return list(found.values())


def setup_in_attributes(attributes: Mapping[str, str]) -> Setup | None:
    """Return the setup in the attributes of any element: URLs of files,
    or a configuration in JSON; None for none.
    """
    sources: list[PlayerFile] = []
    poster = ""
    for name, text in attributes.items():
        if text.lstrip()[:1] in ("{", "[") or text[:3].upper() in ("%7B", "%5B"):
            for setup in setups_of(_parsed(text) or _parsed(_once_escaped(text)))[:1]:
                sources += setup.sources
                poster = poster or setup.poster
        elif _may_hold_a_file(name) and _ONE_ADDRESS.fullmatch(text.strip()) and _is_file(text):
            sources.append(PlayerFile(text.strip()))
        elif name.removeprefix("data-") in _PICTURES:
            poster = poster or text
    return Setup(tuple(sources), poster) if sources else None


def _once_escaped(text: str) -> str:
    """Return JSON in an attribute as JSON: some pages escape it once more, as entities,
    for a URL or for a string.
    """
    text = unquote(text) if text.startswith("%") else text
    text = unescape(text)
    return text.replace('\\"', '"') if text.lstrip("{[ \n").startswith('\\"') else text


def _address(written: str) -> str:
    """Return a URL as it is written in a script's string."""
    return unescape(unescaped(written))


def source_of(attributes: Mapping[str, str]) -> PlayerFile | None:
    """Return what a ``<source>`` names, with the sizes that players write in it;
    None where it has no address.
    """
    address = attributes.get("src") or attributes.get("data-src") or ""
    sizes = (
        attributes.get(name)
        for name in ("data-height", "size", "res", "data-res", "data-quality", "label", "title")
    )
    height = next(filter(None, map(_height_of, sizes)), None)
    return (
        PlayerFile(
            address,
            attributes.get("type", ""),
            values.integer(attributes.get("data-width")),
            height,
        )
        if address
        else None
    )


def _argument(script: str, start: int, effort: int) -> tuple[list[Setup], int]:
    """Return the setups in a call's argument, and how many characters were read for them."""
    if script[start] in "\"'":
        end = script.find(script[start], start + 1, start + 3_000)
        address = _address(script[start + 1 : end]) if end > 0 else ""
        return [Setup((PlayerFile(address),))] if _is_file(address) else [], len(address)
    try:
        value, end = parse_literal(script, start)
        return setups_of(value), end - start
    except ValueError as exc:  # it has functions and variables
        text = _balanced(script, start, effort)
        files = (_address(match[2]) for match in _FILE.finditer(text))
        sources = tuple(
            PlayerFile(address) for address in dict.fromkeys(files) if _is_file(address)
        )
        return [Setup(sources)] if sources else [], len(text) + int(exc.args[-1]) - start


_BRACKET = re.compile(r"""[{\[(]|[}\])]|"(?:[^"\\\n]|\\.)*+"|'(?:[^'\\\n]|\\.)*+'""")


def _balanced(script: str, start: int, effort: int) -> str:
    stop = start + min(_MAX_ARGUMENT_CHARS, max(effort, 0))
    depth = 0
    for mark in _BRACKET.finditer(script, start, stop):
        depth += (mark[0] in "{[(") - (mark[0] in "}])")
        if depth == 0:
            return script[start : mark.end()]
    return script[start:stop]


def _setup(config: Node) -> Setup | None:
    sources = tuple(dict.fromkeys(_sources(config, "", 0)))
    poster = next(filter(None, (values.text(config.get(name)) for name in _PICTURES)), "")
    return Setup(sources, poster) if sources else None


def _sources(config: Node, kind: str, depth: int) -> Iterator[PlayerFile]:
    kind = str(config.get("type") or config.get("mime") or kind)
    sizes = (
        config.get(name) for name in ("height", "res", "size", "label", "quality", "title", "html")
    )
    height = next(filter(None, map(_height_of, sizes)), None)
    for name in _FILES:
        value = config.get(name)
        for entry in value if isinstance(value, list) else [value]:
            if isinstance(entry, str) and entry.lstrip()[:1] in ("{", "["):  # JSON in JSON
                inner = (
                    _parsed(entry)
                    if depth < _MAX_DEPTH and len(entry) <= _MAX_ARGUMENT_CHARS
                    else None
                )
                for held in inner if isinstance(inner, list) else [inner]:
                    yield from _sources(values.obj(held), "", depth + 1)
            elif isinstance(entry, str) and entry.strip() and not is_hosted(entry):
                mime = _MIMES.get(kind.lower(), kind if "/" in kind else _MIMES.get(name, ""))
                if "/" in entry and (
                    _is_file(entry, mime) or (name in ("file", "src") and _may_be_file(entry))
                ):
                    yield PlayerFile(
                        entry.strip(), mime, values.integer(config.get("width")), height
                    )
            elif isinstance(entry, dict) and depth < _MAX_DEPTH:
                yield from _sources(entry, "", depth + 1)


def _height_of(value: object) -> int | None:
    """Return the height in a label: ``720``, ``"720p"``, ``"720p HD"``, ``"1080p60"``;
    None for any other.
    """
    match = re.match(r"\s*(\d{3,4})(?:\s*p|\s*$)", str(value or ""))
    return int(match[1]) if match and 100 <= int(match[1]) <= 4320 else None


_EXTENSION = re.compile(r"\.(?:mp4|m4v|mov|webm|ogv|m3u8|mpd|mkv|flv)(?:[?#&]|$)", re.IGNORECASE)
_A_FILE = re.compile(r"\.(?:mp4|m4v|mov|webm|ogv|m3u8|mpd|mkv|flv)\b", re.IGNORECASE)
_ONE_ADDRESS = re.compile(r"(?:https?:)?/[^\s,;\"'<>]+", re.IGNORECASE)
_NO_FILE = re.compile(
    r"thumb|poster|image|icon|script|style|css|track|caption|subtitle|preview|teaser|hover|ad-|share"
    r"|suggest|recommend|related|audio|podcast|speech",
    re.IGNORECASE,
)


def _may_hold_a_file(name: str) -> bool:
    return not _NO_FILE.search(name)


def _is_file(address: str, mime: str = "") -> bool:
    return _may_be_file(address) and (
        bool(_EXTENSION.search(address)) or mime.startswith(("video/", "application/"))
    )


def _may_be_file(address: str) -> bool:
    kind = classify_media(as_absolute(address)).kind
    return kind not in {
        MediaKind.IMAGE,
        MediaKind.STATIC,
        MediaKind.SUBTITLE,
        MediaKind.AUDIO_ONLY,
        MediaKind.PREVIEW,
    }


def as_absolute(address: str) -> str:
    if address.startswith(("http://", "https://")):
        return address
    return (
        f"https:{address}"
        if address.startswith("//")
        else f"https://unknown.invalid/{address.lstrip('/')}"
    )


def _parsed(text: str) -> object:
    if (held := values.parsed(text)) is not None:
        return held
    try:
        return parse_literal(text, 0)[0]
    except (ValueError, IndexError):
        return None
