"""Reads a saved page, or a saved JSON answer, as the extractor would have read it live. Pure; no network."""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from mediavault.core.failures import BadInput, Failure, MediavaultError
from mediavault.core.media import Extraction, Post, account
from mediavault.core.messages import Message
from mediavault.core.platform import PageData, Platform
from mediavault.services.extraction.assembly import (
    PageSource,
    declared_sightings,
    from_page,
    from_page_data,
    read_source,
    settle_own,
)
from mediavault.services.extraction.outcome import LookOutcome, outcome_of, outcome_of_error, shown_by
from mediavault.services.extraction.ownership import Owned, settle
from mediavault.services.extraction.page_data import values
from mediavault.services.extraction.page_data.document import MAX_JSON_CHARS, parse_json
from mediavault.services.extraction.page_data.html_page import read_page
from mediavault.services.extraction.page_data.page_identity import addresses_in, articles_linking, is_another_post
from mediavault.services.extraction.page_data.readers import read_page_data, read_story
from mediavault.services.extraction.page_data.refusals import told_refusal
from mediavault.services.extraction.page_data.timelines import listing
from mediavault.services.extraction.saved_players import as_capture, by_article, by_script, sightings
from mediavault.services.extraction.visible_text import visible_text
from mediavault.services.extraction.walls import hard_wall, soft_wall

EXTRACTOR = "saved_page"


@dataclass(frozen=True, slots=True)
class SavedDocument:
    """What a file holds: a page, or an answer (``html`` is "" then), and its data."""

    source: PageSource
    html: str = ""
    words: str = ""  # that the page shows


@dataclass(frozen=True, slots=True)
class SavedLook:
    """What a saved document says about a post. ``error`` says why there is no video; there can be an extraction too."""

    outcome: LookOutcome
    extraction: Extraction | None = None
    error: MediavaultError | None = None


def open_saved(document: bytes, url: str) -> SavedDocument:
    """Parse a saved page or answer that came from ``url`` ("" where it is unknown). Raises BadInput where it is neither."""
    text = _decoded(document)
    if text.lstrip().startswith("<"):
        return _page(url, text)
    if len(text) > MAX_JSON_CHARS:
        raise BadInput(
            Message("The answer is longer than %(max_json_chars)d characters.", max_json_chars=MAX_JSON_CHARS),
            help="Save the post's own answer only.",
        )
    documents = tuple(parse_json(text))
    if any(isinstance(value, dict | list) for value in documents):
        return SavedDocument(PageSource(read_page((), url), documents))
    if "<" not in text:
        raise BadInput("This is neither a page nor an answer in JSON.")
    return _page(url, text)


MAX_PAGE_BYTES = 8_000_000  # of a page; its head and data come before that
_CHARSET = re.compile(rb"""<meta[^>]{0,200}?charset\s*+=\s*+["']?\s*+([\w.:-]{2,40})""", re.IGNORECASE)
_HEAD_BYTES = 4_096
_MAX_STRANGE = 0.1  # share of control and replacement characters that a text may have
_SAMPLE_CHARS = 20_000


def _decoded(document: bytes) -> str:
    """The text of a saved file: UTF-8, UTF-16 with its mark, or what the page states. Raises BadInput where it is not text."""
    if not document.strip(b"\0 \t\r\n"):
        raise BadInput("The document is empty.")
    is_page = document.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<"
    document = document[:MAX_PAGE_BYTES] if is_page else document
    text = document.decode(_encoding(document), "replace").removeprefix("\ufeff")
    sample = text[:_SAMPLE_CHARS]
    strange = sum(1 for char in sample if char == "\ufffd" or (char < " " and char not in "\t\r\n\f"))
    if strange > len(sample) * _MAX_STRANGE:
        raise BadInput("This is neither a page nor an answer in JSON.")
    return text


def _encoding(document: bytes) -> str:
    """Source: https://html.spec.whatwg.org/#determining-the-character-encoding."""
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
    return SavedDocument(read_source(url, text), text, words if any(map(str.isalnum, words)) else "")


def look_at_saved(platform: Platform, post: Post, saved: SavedDocument) -> SavedLook:
    """What a saved document says about the post, and in one word how it turned out. Never raises."""
    try:
        found, data, names_foreign = _read(platform, post, saved)
    except Failure as exc:
        record = read_story(post, platform, saved.source.documents)
        story = _story_only(platform, post, saved)
        return SavedLook(outcome_of_error(exc), _with_facts(story, record) if record else story, exc)
    known = data is not None and data.found
    if not known and not found.videos and (failure := _wall(post, platform, saved)) is not None:
        return SavedLook(outcome_of_error(failure), found, failure)
    shown = shown_by(
        post, platform, saved.source, data, html=saved.html, words=saved.words, names_foreign=names_foreign
    )
    if saved.html and not (data or found.candidates or shown.others_videos or _holds_anything(saved)):
        return SavedLook(LookOutcome.UNREADABLE, found, BadInput("The page is empty."))
    return SavedLook(outcome_of(found, shown), found)


def look_at_list(platform: Platform, url: str, saved: SavedDocument) -> SavedLook:
    """A document for an address that names no post: whose page it is, and whether it lists posts."""
    post = Post(url, url, platform.name)
    found = _story_only(platform, post, saved)
    record = listing(saved.source.documents)
    if record.posts > 1:
        who = account(platform.name, record.handle, record.display_name)
        return SavedLook(LookOutcome.MANY_POSTS, replace(found, account=who) if record.handle else found)
    return SavedLook(LookOutcome.NOT_A_POST, found)


def _read(platform: Platform, post: Post, saved: SavedDocument) -> tuple[Extraction, PageData | None, bool]:
    """What was found, what the platform's own data say, and whether they give some of the videos to other posts."""
    source, names_foreign = saved.source, False
    data = read_page_data(post, platform, source.documents)
    if data is not None and data.found:
        found = _with_story(from_page_data(post, platform, data, None, source), _story_only(platform, post, saved))
    else:
        players = sightings(source.page, source.page.players, platform)
        own, foreign = by_article(players, articles_linking(saved.html, post.post_id))
        declared = declared_sightings(source.page, platform)
        scripted = [] if declared else by_script(source.page, players, platform)
        lone = scripted if len(scripted) == 1 else []
        owned = settle_own(
            own, [*declared, *lone], [] if lone else scripted, post=post, platform=platform, source=source
        )
        names_foreign = owned.names_foreign
        if is_another_post(post, platform, source.page):
            owned, foreign = Owned((), ()), [*foreign, *owned.items, *owned.others]
        found = from_page(post, platform, source, Owned(owned.items, (*owned.others, *foreign)))
        found = _with_facts(found, data) if data is not None else found
    return replace(found, extractor=EXTRACTOR), data, names_foreign


def _story_only(platform: Platform, post: Post, saved: SavedDocument) -> Extraction:
    return replace(from_page(post, platform, saved.source, settle((), (), ())), extractor=EXTRACTOR)


def _with_story(found: Extraction, story: Extraction) -> Extraction:
    """The post's own data come first; the account and a picture may be in the page's metadata alone."""
    handle, name = (
        found.account.handle or story.account.handle,
        found.account.display_name or story.account.display_name,
    )
    return replace(
        found,
        account=account(found.account.platform, handle, name, fallback=found.account.slug),
        title=found.title or story.title,
        text=found.text or story.text,
        published_at=found.published_at or story.published_at,
        thumbnail_url=found.thumbnail_url or story.thumbnail_url,
    )


def _with_facts(found: Extraction, data: PageData) -> Extraction:
    """Data without the media themselves still say best who posted what."""
    handle, name = data.handle or found.account.handle, data.display_name or found.account.display_name
    return replace(
        found,
        account=account(found.account.platform, handle, name, fallback=found.account.slug),
        title=data.title or found.title,
        text=data.text or found.text,
        published_at=data.published_at or found.published_at,
        thumbnail_url=data.thumbnail_url or found.thumbnail_url,
    )


def _wall(post: Post, platform: Platform, saved: SavedDocument) -> Failure | None:
    if (record := told_refusal(post, platform, saved.source.documents)) is not None:
        return record
    if not saved.html:
        return None
    page = saved.source.page
    capture = replace(
        as_capture(page, page.players),
        html=saved.html[:200_000],
        title=page.title,
        visible_text=saved.words,
        final_url=page.canonical or page.url,
    )
    return hard_wall(capture, platform) or soft_wall(capture, page, platform)


def _holds_anything(saved: SavedDocument) -> bool:
    page = saved.source.page
    said = saved.words or page.title or page.metas or page.players or page.linked or any(saved.source.documents)
    return bool(said) or "<img" in saved.html


def says_nothing(found: Extraction) -> bool:
    """Whether a document did not even tell who posted what."""
    return not (found.title or found.text or found.account.display_name or found.thumbnail_url)


def stated_addresses(saved: SavedDocument, platforms: Sequence[Platform]) -> list[str]:
    """The addresses that a document states as its own, surest first: for a file whose post was not given."""
    page = saved.source.page
    stated = [page.canonical, page.meta("og:url")] if saved.html else []
    found = [
        *stated,
        *(address for document in saved.source.documents[:5] for address in addresses_in(document, platforms)),
    ]
    return list(dict.fromkeys(url for one in found if (url := values.url(one))))
