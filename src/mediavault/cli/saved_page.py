"""Inspects saved pages, or saved JSON responses, instead of the network."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from mediavault.core.failures import BadInput, MediavaultError, NotAPost
from mediavault.core.media import Candidate, Extraction, NoVideo, Post
from mediavault.core.platform import Platform
from mediavault.core.typed_records import from_json
from mediavault.core.urls import parse_http_url
from mediavault.extraction.confined_reader import LIMITS, unreadable
from mediavault.extraction.outcome import PageOutcome, outcome_of_error
from mediavault.extraction.ranking import choose_candidate, explain, items_to_save
from mediavault.extraction.saved_page import (
    SavedDocument,
    SavedPageResult,
    open_saved,
    read_saved_list,
    read_saved_post,
    says_nothing,
    stated_addresses,
)
from mediavault.platforms import registry
from mediavault.presentation.labels import format_size
from mediavault.sandbox.process import ChildFailed
from mediavault.sandbox.standing import PersistentChild

CHILD = "mediavault.cli.saved_page_child"
MAX_SAVED_PAGE_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class SavedInspection:
    """The result of inspecting a saved page, without the network."""

    outcome: PageOutcome
    extraction: Extraction | None
    choice: Candidate | None
    reason: str
    error: MediavaultError | None = None
    file: str = ""
    url: str = ""
    post: Post | None = None  # as identified by the URL alone


@contextmanager
def confined_inspection() -> Iterator[Callable[[str | None, Path], SavedInspection]]:
    """Yield :func:`inspect_saved_page` as run in a separate process,
    with the limits for a visited page.
    """
    with asyncio.Runner() as runner:
        child = PersistentChild(CHILD)

        def inspect(url: str | None, page: Path) -> SavedInspection:
            try:
                answer = runner.run(child.ask({"url": url, "page": str(page)}, limits=LIMITS))
            except ChildFailed as exc:
                error = unreadable(exc, what=str(page))
                return _failed_inspection(error, url, page)
            return from_json(SavedInspection, answer["inspected"])

        try:
            yield inspect
        finally:
            runner.run(child.close())


def _failed_inspection(error: MediavaultError, url: str | None, page: Path) -> SavedInspection:
    return SavedInspection(
        outcome_of_error(error),
        None,
        None,
        error.message,
        error,
        str(page),
        url or "",
        _post_of(url),
    )


def inspect_saved_page(url: str | None, page: Path) -> SavedInspection:
    """Read a saved page, or a saved JSON response, as the post's extractor would. Never raises.

    Without ``url``, the post is the one that the document itself states.
    """
    try:
        saved = open_saved(_read(page), url or "")
        result, address = _read_page(url, saved)
    except MediavaultError as exc:
        return _failed_inspection(exc, url, page)
    return _inspection(result, str(page), address)


def _post_of(url: str | None) -> Post | None:
    try:
        return registry.identify(parse_http_url(url))[0] if url else None
    except MediavaultError:
        return None


def _read_page(url: str | None, saved: SavedDocument) -> tuple[SavedPageResult, str]:
    if url is not None:
        return _inspect_post(url, saved), url
    for post, platform in _stated_posts(saved):
        return read_saved_post(platform, post, saved), post.url
    unknown = registry.platform("generic")
    return read_saved_post(unknown, Post("", "", unknown.name), saved), ""


def _inspect_post(url: str, saved: SavedDocument) -> SavedPageResult:
    """Inspect a saved document as the post ``url``.
    Raises Unsupported and BadUrl for a URL that is not a post's.
    """
    address = parse_http_url(url)
    try:
        post, platform = registry.identify(address)
    except NotAPost as exc:
        result = read_saved_list(registry.platform_at(address), url, saved)
        return SavedPageResult(result.outcome, result.extraction, exc)
    # a share link: the document names its post
    if post.post_id is None and platform.matching.posts:
        stated = (
            found for found, site in _stated_posts(saved) if site is platform and found.post_id
        )
        post = next((replace(found, url=url) for found in stated), post)
    return read_saved_post(platform, post, saved)


def _stated_posts(saved: SavedDocument) -> Iterator[tuple[Post, Platform]]:
    """Yield the posts that a document says it is about, the most certain first."""
    for address in stated_addresses(saved, registry.all_platforms()):
        try:
            yield registry.identify(parse_http_url(address))
        except MediavaultError:
            continue


def _inspection(result: SavedPageResult, file: str, url: str) -> SavedInspection:
    extraction = result.extraction
    if result.error is not None or extraction is None or result.outcome is not PageOutcome.VIDEO:
        is_silent = (
            result.outcome is PageOutcome.METADATA_ONLY
            and extraction is not None
            and says_nothing(extraction)
        )
        error = (
            result.error
            or (_NO_POST_FACTS if is_silent else _NO_VIDEO_HERE.get(result.outcome))
            or _reason_without_choice(extraction)
        )
        return SavedInspection(
            result.outcome, extraction, None, error.message if error else "", error, file, url
        )
    choice = choose_candidate(items_to_save(extraction)[0])
    return SavedInspection(result.outcome, extraction, choice, explain(choice), None, file, url)


_NO_POST_FACTS = NoVideo(
    "This document contains nothing about the post.",
    help="Save the page once more after it has loaded, or the JSON answer that it received.",
)
_NO_VIDEO_HERE: Mapping[PageOutcome, MediavaultError] = {
    PageOutcome.METADATA_ONLY: NoVideo(
        "This document tells who posted what, but not where the video is.",
        help="Save the page once more after it has loaded, or the JSON answer that it received.",
    ),
    PageOutcome.NO_OWN_VIDEO: NoVideo(
        "There are videos in this document, but none is this post's own."
    ),
    PageOutcome.MANY_POSTS: NoVideo("This is a list of posts, without the one that was asked for."),
}


def _reason_without_choice(extraction: Extraction | None) -> MediavaultError | None:
    try:
        if extraction is not None:
            choose_candidate(items_to_save(extraction)[0])
    except MediavaultError as exc:
        return exc
    return None


def pairs(
    pages: Sequence[str], urls: Sequence[str], lines: Iterator[str]
) -> Iterator[tuple[str | None, Path]]:
    """Yield (URL, file) pairs in order; the page ``-`` means ``lines``, each with one pair.

    Raises BadInput when there are more addresses than pages, or a line is neither ``FILE<TAB>URL``
    nor an object with ``file`` and ``url``.
    """
    if len(urls) > len(pages):
        raise BadInput(
            "There are more addresses than pages.", help="Give one --url for each --saved-page."
        )
    for number, page in enumerate(pages):
        if page == "-":
            yield from (_pair(line) for line in lines if line.strip())
        else:
            yield urls[number] if number < len(urls) else None, Path(page)


def _pair(line: str) -> tuple[str | None, Path]:
    import json

    line = line.rstrip("\r\n")
    if not line.lstrip().startswith("{"):
        file, _, url = line.partition("\t")
        return url.strip() or None, Path(file)
    try:
        value = json.loads(line)
        return value.get("url") or None, Path(value["file"])
    except (ValueError, KeyError, TypeError, RecursionError) as exc:
        raise BadInput(
            f"This line does not name a file: {line[:80]}",
            help='Write FILE<TAB>URL, or {"file": …, "url": …}.',
        ) from exc


def _read(page: Path) -> bytes:
    try:
        with page.open("rb") as file:
            content = file.read(MAX_SAVED_PAGE_BYTES + 1)
    except (OSError, ValueError) as exc:
        raise BadInput(f"{page} cannot be read: {getattr(exc, 'strerror', None) or exc}.") from exc
    if len(content) > MAX_SAVED_PAGE_BYTES:
        raise BadInput(f"{page} is larger than {format_size(MAX_SAVED_PAGE_BYTES)}.")
    return content
