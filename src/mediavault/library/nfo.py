"""The files that media servers read next to a video: its NFO, its picture, and those of its show
(pure).

Jellyfin, Kodi and Emby read NFOs; Plex reads names and pictures. Their rules that are easy to miss:

- A date is ``yyyy-MM-dd``, nothing else; ``runtime`` is in whole minutes.
- One character that XML does not allow, and Jellyfin ignores the whole file without a word.
- Kodi's MySQL databases hold no characters beyond the Basic Multilingual Plane: emoji are left out,
  letters are replaced.

Sources: kodi.wiki, NFO files; Jellyfin, MediaBrowser.XbmcMetadata/Parsers and
docs/general/server/metadata/nfo.md.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from mediavault.core.clock import moment_or_none
from mediavault.core.companions import NFO_SUFFIX, sibling, thumb_path
from mediavault.core.media import PICTURE_SUFFIXES, is_picture
from mediavault.core.names import shown_text
from mediavault.core.shows import Episode, episode_of
from mediavault.library.sidecars import FILE_DATE

MAX_TITLE_CHARS = 250
MAX_PLOT_CHARS = 20_000
HEADER = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'

# XML 1.0, section 2.2, without the control characters of Latin-1, which it discourages
_FORBIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
# with what joins an emoji to the next
_BEYOND_BMP = re.compile("[\U00010000-\U0010ffff][\ufe0f\u200d\u20e3]*")
_SPACES = re.compile(r"[ \t]{2,}")
_OTHER = "□"


@dataclass(frozen=True, slots=True)
class ServerFile:
    """A small file of the library. It is written unless its name, or one of ``unless``,
    is taken.
    """

    path: str
    body: bytes
    unless: tuple[str, ...] = ()


def server_files(
    facts: Mapping[str, Any], picture: bytes | None, *, site: str
) -> Iterator[ServerFile]:
    """Yield the files that belong next to a video, and to its show if it is an episode.

    ``facts`` are those of its sidecar, ``picture`` is the content of its own picture, None without
    one. ``site`` is the site's name as people write it, "" for a file that is from none.
    """
    path, picture_path = facts["video"]["path"], facts["thumbnail"]
    if is_picture(path):  # media servers know pictures by themselves
        return
    episode = episode_of(path)
    yield ServerFile(sibling(path, NFO_SUFFIX), video_nfo(facts, site).encode())
    if picture is not None and picture_path:
        yield ServerFile(thumb_path(picture_path), picture)
    if episode is not None:
        yield from _show_files(
            facts, site, episode, picture, PurePosixPath(picture_path or "").suffix
        )


def _show_files(
    facts: Mapping[str, Any], site: str, episode: Episode, picture: bytes | None, suffix: str
) -> Iterator[ServerFile]:
    yield ServerFile(f"{episode.show}/tvshow.nfo", show_nfo(facts, site).encode())
    yield ServerFile(f"{episode.folder}/season.nfo", season_nfo(episode.season).encode())
    season = f"{episode.season:04}"
    # the last one is for Plex, which looks for a season's picture in its folder
    for stem in ("poster", "fanart", f"season{season}-poster", f"Season {season}/Season{season}"):
        if picture is not None:
            names = tuple(f"{episode.show}/{stem}{other}" for other in PICTURE_SUFFIXES)
            yield ServerFile(f"{episode.show}/{stem}{suffix}", picture, names)


def video_nfo(facts: Mapping[str, Any], site: str) -> str:
    """Return the NFO of a video: that of an episode where its path says so, else that of a film."""
    episode, published = episode_of(facts["video"]["path"]), _published(facts)
    account = _account_name(facts)
    lines = [
        _line("title", _title(facts)),
        *([_line("showtitle", account)] if episode else []),
        *([_line("season", episode.season), _line("episode", episode.number)] if episode else []),
        _line("plot", _plot(facts)),
        _line("aired" if episode else "premiered", f"{published:%Y-%m-%d}"),
        _line("year", f"{published:%Y}"),
        _runtime(facts["video"]["duration_s"]),
        _line("studio", site),
        _line("director", account),
        _line(
            "dateadded",
            f"{datetime.fromisoformat(facts['saved_at']).astimezone(UTC):%Y-%m-%d %H:%M:%S}",
        ),
        _unique_id(facts, facts["post_id"] or facts["job_id"], number=_number(facts, "-{}")),
    ]
    return _document("episodedetails" if episode else "movie", lines)


def show_nfo(facts: Mapping[str, Any], site: str) -> str:
    """Return the ``tvshow.nfo`` of the account that a video is from."""
    account = facts["account"]
    lines = [
        _line("title", _account_name(facts)),
        _line("plot", " · ".join(filter(None, (account["handle"], site)))),
        _line("studio", site),
        _unique_id(facts, account["slug"] or facts["platform"]),
    ]
    return _document("tvshow", lines)


def season_nfo(year: int) -> str:
    """Return the ``season.nfo`` of a year: Emby reads no ``namedseason``."""
    return _document(
        "season", [_line("seasonnumber", year), _line("title", year), _line("seasonname", year)]
    )


def nfo_text(text: str) -> str:
    """Return what every media server can read of a text,
    in XML 1.0 and with characters of at most three bytes.
    """
    text = _FORBIDDEN.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return _SPACES.sub(" ", _BEYOND_BMP.sub(_within_bmp, text)).strip()


def _within_bmp(match: re.Match[str]) -> str:
    char = match[0][0]
    # mathematical letters, which posts use as bold ones
    plain = unicodedata.normalize("NFKC", char)
    if all(ord(letter) < 0x10000 for letter in plain):
        return plain
    return _OTHER if unicodedata.category(char) in {"Lo", "Ll", "Lu", "Nd", "No"} else ""


def _title(facts: Mapping[str, Any]) -> str:
    """Return one line: the title, the beginning of the text, or the account;
    numbered if the post has several videos.
    """
    options = (facts["title"], facts["text"], _account_name(facts))
    title = next(
        (line for text in options if text and (line := shown_text(nfo_text(text)))), facts["job_id"]
    )
    if len(title) > MAX_TITLE_CHARS:
        title = f"{title[: MAX_TITLE_CHARS - 1].rstrip()}…"
    return title + _number(facts, f" ({{}}/{facts['video']['of']})")


def _number(facts: Mapping[str, Any], form: str) -> str:
    """Return the video's number among those of its post; "" if it is the only one."""
    return form.format(facts["video"]["number"]) if facts["video"]["of"] > 1 else ""


def _plot(facts: Mapping[str, Any]) -> str:
    text = str(facts["text"] or facts["title"] or "")
    url = facts.get("webpage_url") or ""  # a file that was imported without a link has none
    return f"{text[:MAX_PLOT_CHARS].strip()}\n\n{url}".strip()


def _account_name(facts: Mapping[str, Any]) -> str:
    account = facts["account"]
    options = (account["display_name"], account["handle"], account["slug"])
    return next(
        (line for text in options if text and (line := shown_text(nfo_text(text)))),
        str(facts["platform"]),
    )


def _published(facts: Mapping[str, Any]) -> datetime:
    """Return when the post was published, in UTC; where that is not known,
    the file's date or when it was submitted.
    """
    known = moment_or_none(facts["published_at"] or facts.get(FILE_DATE))
    return known or datetime.fromisoformat(facts["created_at"]).astimezone(UTC)


def _runtime(seconds: float | None) -> str:
    return "" if not seconds else _line("runtime", max(1, round(seconds / 60)))


def _unique_id(facts: Mapping[str, Any], value: str, *, number: str = "") -> str:
    kind = quoteattr(nfo_text(str(facts["platform"])))
    return f' <uniqueid type={kind} default="true">{escape(nfo_text(value))}{number}</uniqueid>'


def _line(name: str, value: object) -> str:
    text = escape(nfo_text(str(value)))
    return f" <{name}>{text}</{name}>" if text else ""


def _document(root: str, lines: list[str]) -> str:
    return f"{HEADER}<{root}>\n" + "\n".join(filter(None, lines)) + f"\n</{root}>\n"
