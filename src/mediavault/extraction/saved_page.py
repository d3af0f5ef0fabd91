"""Reads a saved page, or a saved JSON answer, as the extractor would have read it live. Pure;
no network.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from html import unescape

from mediavault.browser.port import PageCapture, SeenVideo
from mediavault.core.failures import BadInput, Failure, MediavaultError
from mediavault.core.media import Extraction, Ownership, Post, account
from mediavault.core.messages import Message
from mediavault.core.platform import PageData, Platform
from mediavault.extraction.assembly import (
    PageSource,
    assign_own_media,
    data_of,
    declared_sightings,
    from_page,
    from_page_data,
    read_source,
)
from mediavault.extraction.candidates import NamedBy, Sighting, network_media, with_written_size
from mediavault.extraction.media_urls import identity
from mediavault.extraction.outcome import PageOutcome, outcome_of, outcome_of_error, shown_by
from mediavault.extraction.ownership import OwnershipResult, assign_ownership
from mediavault.extraction.page_data import values
from mediavault.extraction.page_data.document import MAX_JSON_CHARS, parse_json
from mediavault.extraction.page_data.html_page import HtmlPage, HtmlPlayer, read_page
from mediavault.extraction.page_data.other_posts import read_timeline
from mediavault.extraction.page_data.page_identity import (
    addresses_in,
    articles_linking,
    is_another_post,
)
from mediavault.extraction.page_data.readers import read_story
from mediavault.extraction.page_data.refusals import reported_refusal
from mediavault.extraction.page_data.values import Node
from mediavault.extraction.players import player_sightings
from mediavault.extraction.walls import hard_wall, soft_wall
from mediavault.extraction.ytdlp_reading import read_answer

# --- The visible text of a saved page, for recognising walls. One pass, linear in time.

MAX_CHARS = 20_000
_MAX_HTML_CHARS = 4_000_000  # only the beginning of a page counts

_HIDDEN = re.compile(
    r"<(?=[!A-Za-z])(?:(script|style|noscript|template|svg|head|textarea|select)(?=[\s/>])|!--)",
    re.IGNORECASE,
)
_END_OF = {
    name: re.compile(rf"</{name}\s*>", re.IGNORECASE)
    for name in ("script", "style", "noscript", "template", "svg", "head", "textarea", "select")
}
_TAG = re.compile(r"<[A-Za-z/!][^<>]*>")


def visible_text(html: str) -> str:
    """Return at most ``MAX_CHARS`` characters of the text outside hidden elements."""
    pieces: list[str] = []
    position, length = 0, 0
    html = html[:_MAX_HTML_CHARS]
    while length < MAX_CHARS and (hidden := _HIDDEN.search(html, position)):
        piece = _words(html[position : hidden.start()])
        pieces.append(piece)
        length += len(piece)
        position = _end(html, hidden)
        if position < 0:
            return " ".join(filter(None, pieces))[:MAX_CHARS]
    if length < MAX_CHARS:
        pieces.append(_words(html[position : position + 50 * MAX_CHARS]))
    return " ".join(filter(None, pieces))[:MAX_CHARS]


def _end(html: str, hidden: re.Match[str]) -> int:
    """Return the position after the hidden element; -1 where it never ends."""
    if hidden[1] is None:
        end = html.find("-->", hidden.end())
        return end + 3 if end >= 0 else -1
    match = _END_OF[hidden[1].lower()].search(html, hidden.end())
    return match.end() if match else -1


def _words(html: str) -> str:
    return " ".join(unescape(_TAG.sub(" ", html)).split())


# --- The players of a saved page, in the form in which a visit would have seen them.
# Sizes on the screen are not saved: all players count as equal, and as large enough.

_WIDTH, _HEIGHT = 640, 360


def sightings(page: HtmlPage, written: Sequence[HtmlPlayer], platform: Platform) -> list[Sighting]:
    """Return what the players of a saved page play,
    with the sizes that are written with their files.
    """
    capture = as_capture(page, written)
    sizes = {
        page.absolute(source.address): source for player in written for source in player.sources
    }
    return [
        replace(
            seen, candidates=tuple(with_written_size(c, sizes.get(c.url)) for c in seen.candidates)
        )
        for seen in player_sightings(capture, network_media((), platform), platform)
    ]


def by_script(page: HtmlPage, players: Sequence[Sighting], platform: Platform) -> list[Sighting]:
    """Return the videos that only scripts play and no written player, each once.

    There are none on platforms that always send their data.
    """
    if platform.reader.always_sent:
        return []
    held = {identity(c.url) for sighting in players for c in sighting.candidates}
    scripted: list[Sighting] = []
    for seen in sightings(page, page.set_up, platform):
        new = tuple(c for c in seen.candidates if identity(c.url) not in held)
        held |= {identity(c.url) for c in new}
        scripted += (
            [
                replace(
                    seen, candidates=new, player=None, named_by=NamedBy.SETUP, names=_names_of(seen)
                )
            ]
            if new
            else []
        )
    return scripted


def _names_of(seen: Sighting) -> str:
    return seen.player.names if seen.player else ""


def by_article(
    players: Sequence[Sighting], linked: frozenset[str]
) -> tuple[list[Sighting], list[Sighting]]:
    """Split the players into those that may be the post's and those of other posts.

    Where an article links to the post, only its own players may be the post's.
    """
    own = [s for s in players if not linked or s.player is None or s.player.container in linked]
    unsure = [
        replace(c, ownership=Ownership.UNKNOWN)
        for s in players
        if s not in own
        for c in s.candidates
    ]
    return own, [Sighting((candidate,)) for candidate in unsure]


def as_capture(page: HtmlPage, players: Sequence[HtmlPlayer]) -> PageCapture:
    """Return a visit that saw only these players."""
    return PageCapture(
        url=page.url,
        final_url=page.url,
        status=None,
        html="",
        title="",
        visible_text="",
        responses=(),
        videos=tuple(_as_seen(page, player) for player in players),
        drm_requested=False,
        user_agent="",
    )


def _as_seen(page: HtmlPage, player: HtmlPlayer) -> SeenVideo:
    sources: Sequence[str] = [
        url for source in player.sources if (url := page.absolute(source.address))
    ]
    return SeenVideo(
        current_src=sources[0] if sources else "",
        sources=tuple(dict.fromkeys(sources)),
        poster=page.absolute(player.poster),
        duration_s=None,
        width=_WIDTH,
        height=_HEIGHT,
        video_width=0,
        video_height=0,
        visible=True,
        muted_loop=player.muted_loop,
        frame_url=page.url,
        container=player.container,
        names=player.names,
    )


EXTRACTOR = "saved_page"
_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class SavedDocument:
    """A saved file: a page, or a JSON answer (``html`` is "" then), and its data."""

    source: PageSource
    html: str = ""
    words: str = ""  # the visible ones


@dataclass(frozen=True, slots=True)
class SavedPageResult:
    """What a saved document says about a post. ``error`` says why there is no video;
    there can be an extraction too.
    """

    outcome: PageOutcome
    extraction: Extraction | None = None
    error: MediavaultError | None = None


def open_saved(document: bytes, url: str) -> SavedDocument:
    """Parse a saved page or answer that came from ``url`` ("" where unknown).
    Raises BadInput where it is neither.
    """
    text = _decoded(document)
    if text.lstrip().startswith("<"):
        return _page(url, text)
    if len(text) > MAX_JSON_CHARS:
        raise BadInput(
            Message(
                "The answer is longer than %(max_json_chars)d characters.",
                max_json_chars=MAX_JSON_CHARS,
            ),
            help="Save the post's own answer only.",
        )
    documents = tuple(parse_json(text))
    if any(isinstance(value, dict | list) for value in documents):
        return SavedDocument(PageSource(read_page((), url), documents))
    if "<" not in text:
        raise BadInput("This is neither an HTML page nor a JSON response.")
    return _page(url, text)


MAX_PAGE_BYTES = 8_000_000  # of a page; its head and data come before that
_CHARSET = re.compile(
    rb"""<meta[^>]{0,200}?charset\s*+=\s*+["']?\s*+([\w.:-]{2,40})""", re.IGNORECASE
)
_HEAD_BYTES = 4_096
_MAX_STRANGE = 0.1  # share of control and replacement characters that a text may have
_SAMPLE_CHARS = 20_000


def _decoded(document: bytes) -> str:
    """Return a saved file's text: in UTF-8, UTF-16 with its mark, or what the page states.

    Raises BadInput where it is not text.
    """
    if not document.strip(b"\0 \t\r\n"):
        raise BadInput("The document is empty.")
    is_page = document.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<"
    document = document[:MAX_PAGE_BYTES] if is_page else document
    text = document.decode(_encoding(document), "replace").removeprefix("\ufeff")
    sample = text[:_SAMPLE_CHARS]
    strange = sum(
        1 for char in sample if char == "\ufffd" or (char < " " and char not in "\t\r\n\f")
    )
    if strange > len(sample) * _MAX_STRANGE:
        raise BadInput("This is neither an HTML page nor a JSON response.")
    return text


def _encoding(document: bytes) -> str:
    """Return the document's encoding. Source: https://html.spec.whatwg.org/#determining-the-character-encoding."""
    if document.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if document.startswith(codecs.BOM_UTF8):
        return "utf-8"
    match = _CHARSET.search(document[:_HEAD_BYTES])
    try:
        info = codecs.lookup(match[1].decode("ascii", "replace") if match else "utf-8")
    except LookupError:
        return "utf-8"
    if not info._is_text_encoding:
        return "utf-8"
    return "cp1252" if info.name in {"iso8859-1", "ascii"} else info.name  # as browsers read them


def _page(url: str, text: str) -> SavedDocument:
    words = visible_text(text)
    return SavedDocument(
        read_source(url, text), text, words if any(map(str.isalnum, words)) else ""
    )


def read_saved_post(platform: Platform, post: Post, saved: SavedDocument) -> SavedPageResult:
    """Return what a saved document says about the post, and the outcome. Never raises."""
    try:
        extraction, data, names_foreign = _read(platform, post, saved)
    except Failure as exc:
        record = read_story(post, platform, saved.source.documents)
        story = _story_only(platform, post, saved)
        return SavedPageResult(
            outcome_of_error(exc), _with_facts(story, record) if record else story, exc
        )
    known = data is not None and data.found
    if (
        not known
        and not extraction.videos
        and (failure := _wall(post, platform, saved)) is not None
    ):
        return SavedPageResult(outcome_of_error(failure), extraction, failure)
    shown = shown_by(
        post,
        platform,
        saved.source,
        data,
        html=saved.html,
        words=saved.words,
        names_foreign=names_foreign,
    )
    if saved.html and not (
        data or extraction.candidates or shown.others_videos or _holds_anything(saved)
    ):
        return SavedPageResult(PageOutcome.UNREADABLE, extraction, BadInput("The page is empty."))
    return SavedPageResult(outcome_of(extraction, shown), extraction)


def read_saved_list(platform: Platform, url: str, saved: SavedDocument) -> SavedPageResult:
    """Read a document whose URL does not name a post: whose page it is,
    and whether it lists posts.
    """
    post = Post(url, url, platform.name)
    extraction = _story_only(platform, post, saved)
    record = read_timeline(saved.source.documents)
    if record.posts > 1:
        who = account(platform.name, record.handle, record.display_name)
        return SavedPageResult(
            PageOutcome.MANY_POSTS,
            replace(extraction, account=who) if record.handle else extraction,
        )
    return SavedPageResult(PageOutcome.NOT_A_POST, extraction)


def _read(
    platform: Platform, post: Post, saved: SavedDocument
) -> tuple[Extraction, PageData | None, bool]:
    """Return what was found, the platform's own data,
    and whether these assign some of the videos to other posts.
    """
    source, names_foreign = saved.source, False
    if (
        not saved.html
        and platform.ytdlp is not None
        and (info := _info_json(source.documents)) is not None
    ):
        extraction = read_answer({"info": info}, post, platform, platform.ytdlp, now=_NEVER)
        return replace(extraction, extractor=EXTRACTOR, cookies=()), None, False
    data = data_of(post, platform, source)
    if data is not None and data.found:
        extraction = _with_story(
            from_page_data(post, platform, data, None, source), _story_only(platform, post, saved)
        )
    else:
        players = sightings(source.page, source.page.players, platform)
        own, foreign = by_article(players, articles_linking(saved.html, post.post_id))
        declared = declared_sightings(source.page, platform)
        scripted = [] if declared else by_script(source.page, players, platform)
        lone = scripted if len(scripted) == 1 else []
        owned = assign_own_media(
            own,
            [*declared, *lone],
            [] if lone else scripted,
            post=post,
            platform=platform,
            source=source,
        )
        names_foreign = owned.names_foreign
        if is_another_post(post, platform, source.page):
            owned, foreign = OwnershipResult((), ()), [*foreign, *owned.items, *owned.others]
        extraction = from_page(
            post, platform, source, OwnershipResult(owned.items, (*owned.others, *foreign))
        )
        extraction = _with_facts(extraction, data) if data is not None else extraction
    return replace(extraction, extractor=EXTRACTOR), data, names_foreign


def _info_json(documents: Sequence[object]) -> Node | None:
    """Return the ``.info.json`` that yt-dlp has written; None for other answers."""
    info = values.obj(documents[0] if len(documents) == 1 else None)
    return info if info.keys() >= {"formats", "extractor_key", "webpage_url"} else None


def _story_only(platform: Platform, post: Post, saved: SavedDocument) -> Extraction:
    return replace(
        from_page(post, platform, saved.source, assign_ownership((), (), ())), extractor=EXTRACTOR
    )


def _with_story(extraction: Extraction, story: Extraction) -> Extraction:
    """Fill the gaps of the post's own data: its account and picture may be in the page's metadata
    alone.
    """
    handle, name = (
        extraction.account.handle or story.account.handle,
        extraction.account.display_name or story.account.display_name,
    )
    return replace(
        extraction,
        account=account(
            extraction.account.platform, handle, name, fallback=extraction.account.slug
        ),
        title=extraction.title or story.title,
        text=extraction.text or story.text,
        published_at=extraction.published_at or story.published_at,
        thumbnail_url=extraction.thumbnail_url or story.thumbnail_url,
    )


def _with_facts(extraction: Extraction, data: PageData) -> Extraction:
    """Return the extraction with the facts of ``data``,
    which know best who posted what even without the media.
    """
    handle, name = (
        data.handle or extraction.account.handle,
        data.display_name or extraction.account.display_name,
    )
    return replace(
        extraction,
        account=account(
            extraction.account.platform, handle, name, fallback=extraction.account.slug
        ),
        title=data.title or extraction.title,
        text=data.text or extraction.text,
        published_at=data.published_at or extraction.published_at,
        thumbnail_url=data.thumbnail_url or extraction.thumbnail_url,
    )


def _wall(post: Post, platform: Platform, saved: SavedDocument) -> Failure | None:
    if (record := reported_refusal(post, platform, saved.source.documents)) is not None:
        return record
    if not saved.html:
        return None
    page = saved.source.page
    capture = replace(capture_of(saved), final_url=page.canonical or page.url)
    return hard_wall(capture, platform) or soft_wall(capture, page, platform)


def capture_of(saved: SavedDocument) -> PageCapture:
    """Return a visit that saw only what the document holds: its players,
    and the words that a wall is known by.
    """
    page = saved.source.page
    capture = as_capture(page, page.players)
    return replace(capture, html=saved.html[:200_000], title=page.title, visible_text=saved.words)


def _holds_anything(saved: SavedDocument) -> bool:
    page = saved.source.page
    content = (
        saved.words
        or page.title
        or page.metas
        or page.players
        or page.linked
        or any(saved.source.documents)
    )
    return bool(content) or "<img" in saved.html


def says_nothing(extraction: Extraction) -> bool:
    """Whether a document does not even say who posted what."""
    return not (
        extraction.title
        or extraction.text
        or extraction.account.display_name
        or extraction.thumbnail_url
    )


def stated_addresses(saved: SavedDocument, platforms: Sequence[Platform]) -> list[str]:
    """Return the URLs that a document states as its own, surest first:
    for a file whose post was not given.
    """
    page = saved.source.page
    stated = [page.canonical, page.meta("og:url")] if saved.html else []
    addresses = [
        *stated,
        *(
            address
            for document in saved.source.documents[:5]
            for address in addresses_in(document, platforms)
        ),
    ]
    return list(dict.fromkeys(url for address in addresses if (url := values.url(address))))
