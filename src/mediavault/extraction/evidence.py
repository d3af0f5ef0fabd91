"""What speaks for a video being the post's own, and what against it, on a page of a site that has
no reader. Pure.

A page shows videos that are not its own: adverts, teasers, recommended clips, spoken articles.
Being the only video, or the only player, proves nothing. So each piece of evidence has a name,
which inspection and a job's history show, and what they amount to is decided in one place
(:func:`is_own`).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from html import unescape
from itertools import islice
from urllib.parse import unquote, urlsplit

from mediavault.core.media import Sign
from mediavault.extraction.candidates import NamedBy, Sighting
from mediavault.extraction.media_urls import identity, site_of
from mediavault.extraction.page_data import values

SAME_LENGTH_S = 2.0  # metadata round
_MIN_LETTERS = 4  # shorter words are in every text
_PREFIX = 5  # letters that make two forms of a word one: bake, baked, baking
_MIN_TITLE_WORDS = 2
_MAX_WORDS = 300  # of a text
_MIN_ID_CHARS = 5

_OF_ITSELF = frozenset({Sign.MAIN_ITEM, Sign.NAMED, Sign.RECORD})
_IN_AGREEMENT = frozenset(
    {Sign.OWN_HOST, Sign.SAME_ID, Sign.SAME_TITLE, Sign.SAME_PICTURE, Sign.SAME_LENGTH}
)
AGAINST = frozenset(
    {
        Sign.ADVERT,
        Sign.SUGGESTED,
        Sign.PREVIEW,
        Sign.SPOKEN,
        Sign.OUTSIDE,
        Sign.OTHER_TITLE,
        Sign.INDEX,
    }
)

# Of boxes: whole words, in ids, classes and headings
_BOXES = {
    Sign.ADVERT: re.compile(
            r"\b(?:ads?|adslot|advert\w*|anzeigen?|sponsor\w*|promos?|promoted|promotions?|"
            r"outstream|preroll)\b"),
    Sign.SUGGESTED: re.compile(
        r"\b(?:recommend\w*|recirc\w*|suggest\w*|related|trending|popular|upnext|up next|more"
        r" from|more videos?|more stories"
        r"|you may|feed|newsletter|next video|latest videos?)\b"
    ),
    Sign.PREVIEW: re.compile(
            r"\b(?:previews?|teasers?|loading|loader|background|bg|modal|popup|pop"
            r" up|tooltip|hover)\b"),
    Sign.SPOKEN: re.compile(
            r"\b(?:audio|text ?2 ?speech|text to speech|tts|read"
            r" aloud|listen|podcasts?|narrat\w*)\b"),
}  # fmt: skip
# Of a button: its names and its text, in the languages of the pages that are shown here
_SKIP = ("skip", "Skip", "SKIP", "überspringen", "Passer l", "Ignorer l")
_SKIPS_ADVERTS = re.compile(
    r"\b(?:skip (?:the |this )?(?:video )?(?:ads?|advert\w*)|ads? (?:ui )?skip(?! lazy)|jw skip"
    r"|(?:werbung|anzeige) überspringen|(?:passer|ignorer) (?:l annonce|la pub\w*))\b"
)
# Not a link: that leads past a banner, or out of an advert that is shown instead of the page
_MAY_BE_BUTTON = re.compile(r"<(?:button|div|span)[\s>]", re.IGNORECASE)
_MAX_SKIPS = 200
_MAX_BUTTON_CHARS = 1_000
_WORD = re.compile(rf"[^\W\d_]{{{_MIN_LETTERS},}}")
_COMMON = frozenset(
    "video videos watch clip film movie official full episode with from this that have your about"  # noqa: SIM905
    " into https http html"
    " index news article articles blog post posts page".split()
)


@dataclass(frozen=True, slots=True)
class PageFacts:
    """What a page says of itself and of its video, without naming one.

    ``site`` is that of its address, as of :func:`site_of`, ``path`` the rest of it. ``marks_main``:
    it has an article or a main element. ``is_index``: it is a list of posts. ``is_about_video``:
    its metadata say that it shows a video, and that is not another site's. ``words`` are those of
    its titles and its address, ``all_words`` those of its text too. ``hosts`` serve its own
    pictures, and ``pictures`` are the names of their files. ``length_s`` is the length of its
    video, None where it states none, or several. ``skips_adverts``: a video may be an advert that
    it shows before its own.
    """

    site: str = ""
    path: str = ""
    marks_main: bool = False
    is_about_video: bool = False
    is_index: bool = False
    words: frozenset[str] = frozenset()
    all_words: frozenset[str] = frozenset()
    hosts: frozenset[str] = frozenset()
    pictures: frozenset[str] = frozenset()
    length_s: float | None = None
    skips_adverts: bool = False


def page_facts(
    url: str,
    *,
    titles: Iterable[str | None],
    text: str | None = None,
    pictures: Iterable[str],
    length_s: float | None,
    marks_main: bool,
    is_about_video: bool,
    is_index: bool = False,
    skips_adverts: bool = False,
) -> PageFacts:
    """Return the facts of the page at ``url``: ``titles`` are those that it has,
    ``pictures`` the URLs of its own pictures.
    """
    parts, named = urlsplit(url), list(pictures)
    words = frozenset(word for title in (*titles, _path(url)) for word in _words(title or ""))
    return PageFacts(
        site=site_of(url),
        path=f"{parts.path}?{parts.query}",
        marks_main=marks_main,
        is_about_video=is_about_video,
        is_index=is_index,
        words=words,
        all_words=words | set(_words(text or "")),
        hosts=frozenset(urlsplit(picture).hostname or "" for picture in named) - {""},
        pictures=frozenset(filter(None, map(_file, named))),
        length_s=length_s,
        skips_adverts=skips_adverts,
    )


def offers_to_skip(html: str) -> bool:
    """Return whether a page has a button that skips adverts."""
    return any(
        _is_skip_button(html, place)
        for word in _SKIP
        for place in islice(_places(html, word), _MAX_SKIPS)
    )


def _places(html: str, word: str) -> Iterator[int]:
    """Yield where a word is in a page: a pattern for all of them takes many times as long."""
    place = html.find(word)
    while place >= 0:
        yield place
        place = html.find(word, place + len(word))


def _is_skip_button(html: str, place: int) -> bool:
    """Whether the element in whose names or text a word is at ``place`` is a button that skips
    adverts.
    """
    start = html.rfind("<", max(0, place - _MAX_BUTTON_CHARS), place)
    if start < 0 or not _MAY_BE_BUTTON.match(html, start):
        return False
    end = html.find("<", place, place + _MAX_BUTTON_CHARS)
    button = html[start : end if end >= 0 else place + _MAX_BUTTON_CHARS]
    return _SKIPS_ADVERTS.search(values.as_words(unescape(button))) is not None


def evidence(sighting: Sighting, page: PageFacts) -> tuple[Sign, ...]:
    """Return what speaks for and against a video that a page shows."""
    return tuple(sign for sign, holds in _checked(sighting, page) if holds)


def is_own(signs: Collection[Sign]) -> bool:
    """Whether the evidence is enough to save a video without asking.

    What the page's main item names is its video. Otherwise nothing may speak against it, and
    something has to speak for it: that its data name it, that its host is the page's, or that it
    agrees with what the page says.
    """
    if Sign.MAIN_ITEM in signs:
        return True
    return not AGAINST & set(signs) and bool((_OF_ITSELF | _IN_AGREEMENT) & set(signs))


def is_outside(sighting: Sighting, page: PageFacts) -> bool:
    """Whether nothing says that a player is part of the post: it is in a sidebar,
    or outside the main content.
    """
    player = sighting.player
    if player is None:
        return False
    return player.container == "aside" or (
        page.marks_main
        and not page.is_about_video
        and not player.container
        and not player.holds_permalink
    )


def _checked(sighting: Sighting, page: PageFacts) -> Iterable[tuple[Sign, bool]]:
    player, urls = sighting.player, [candidate.url for candidate in sighting.candidates]
    sites = {site_of(url) for url in urls}
    is_made = any(url.startswith("data:") for url in urls)  # a manifest that the page makes itself
    is_own_host = (
        is_made or page.site in sites or bool(page.hosts & {urlsplit(url).hostname for url in urls})
    )
    names = player.names if player else sighting.names
    title = set(_words(sighting.title or ""))
    named = title or {word for url in urls for word in _words(_file(url))}
    yield Sign.MAIN_ITEM, sighting.named_by is NamedBy.MAIN_ITEM
    yield Sign.NAMED, sighting.named_by is NamedBy.OBJECT or "u-video" in names.split()
    yield Sign.RECORD, sighting.named_by is NamedBy.RECORD
    yield Sign.CARD, sighting.named_by is NamedBy.CARD
    yield Sign.PLAYER, player is not None
    yield Sign.OWN_HOST, is_own_host
    yield (
        Sign.SAME_ID,
        any(_is_id(part, page) for part in (sighting.media_id or "", *map(_file, urls))),
    )
    yield Sign.SAME_TITLE, _agree(named, page.words)
    yield (
        Sign.SAME_PICTURE,
        bool(sighting.thumbnail_url) and _file(sighting.thumbnail_url or "") in page.pictures,
    )
    yield Sign.SAME_LENGTH, _is_as_long(sighting, page)
    yield Sign.OTHER_HOST, bool(urls) and not is_own_host
    yield (
        Sign.OTHER_TITLE,
        len(title) >= _MIN_TITLE_WORDS and bool(page.words) and not _agree(title, page.all_words),
    )
    yield Sign.OUTSIDE, is_outside(sighting, page)
    yield Sign.INDEX, page.is_index
    yield Sign.LOOP, player is not None and player.muted_loop
    yield Sign.SKIPS_ADVERTS, page.skips_adverts
    box = values.as_words(names)
    for sign, words in _BOXES.items():
        yield sign, words.search(box) is not None


def _is_as_long(sighting: Sighting, page: PageFacts) -> bool:
    played = sighting.player.duration_s if sighting.player else None
    return (
        played is not None
        and page.length_s is not None
        and abs(played - page.length_s) <= SAME_LENGTH_S
    )


def _is_id(part: str, page: PageFacts) -> bool:
    """Whether a name is an id, and a step or a value of the page's address."""
    return (
        len(part) >= _MIN_ID_CHARS
        and any(map(str.isdigit, part))
        and part in re.split(r"[/?&=._-]", page.path)
    )


def _agree(words: Iterable[str], others: Collection[str]) -> bool:
    """Whether a word of one text is in the other, also in another form or as a part of a longer
    one.
    """
    stems = {other[:_PREFIX] for other in others}
    return any(word[:_PREFIX] in stems or any(other in word for other in others) for word in words)


def _words(text: str) -> list[str]:
    # each is compared with each of another text
    words = islice(_WORD.finditer(values.as_words(text)), _MAX_WORDS)
    return [word[0] for word in words if word[0] not in _COMMON]


def _path(url: str) -> str:
    return unquote(urlsplit(url).path)


def _file(url: str) -> str:
    """Return the name of a URL's file, without its suffix."""
    return _path(identity(url)).rstrip("/").rpartition("/")[2].partition(".")[0]
