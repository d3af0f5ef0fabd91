"""Stage 3: find out what media the post has, unless an earlier attempt did and its address still holds."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from mediavault.core.errors import (
    BadInput,
    Deleted,
    ErrorCode,
    Failure,
    Final,
    NeedsPerson,
    NoVideo,
    SeemsDeleted,
    StoryExpired,
    TookTooLong,
    ToolMissing,
)
from mediavault.core.job import RungName, Stage
from mediavault.core.media import Extraction
from mediavault.core.platform import names_story
from mediavault.core.urls import parse_http_url
from mediavault.platforms import registry
from mediavault.worker import gatekeeper
from mediavault.worker.checkpoint import saved_extraction
from mediavault.worker.dispatch import Route, extractors_of
from mediavault.worker.journal import Journal
from mediavault.worker.tools import Tools


async def extract(route: Route, tools: Tools, journal: Journal) -> Extraction:
    """Reuse the checkpoint of an earlier attempt, or ask the extractors."""
    job = journal.claim.job
    if (saved := saved_extraction(job, route, now=tools.clock.now())) is not None:
        await journal.skipped(Stage.EXTRACT, "the address found by an earlier attempt has not expired")
        return saved
    return await extract_afresh(route, tools, journal)


async def extract_afresh(route: Route, tools: Tools, journal: Journal, *, rung: RungName | None = None) -> Extraction:
    """Ask the route's extractors in order; the first that answers wins.

    Raises the most telling failure, and GateClosed when the site is to be left alone.
    """
    journal.turn = await gatekeeper.take_turn(route.platform, tools)
    found = await _ask(route, tools, journal, rung)
    await gatekeeper.tell(route.platform, journal.turn, None, tools)
    return found


async def _ask(route: Route, tools: Tools, journal: Journal, rung: RungName | None) -> Extraction:
    async with journal.step(Stage.EXTRACT, rung=rung) as note:
        found = await ask_extractors(route, tools)
        note.detail = f"{found.extractor}: {len(found.candidates)} candidates"
        return found


async def ask_extractors(route: Route, tools: Tools, *, follow_embeds: bool = True) -> Extraction:
    """The first extractor's answer that says which media are the post's; else one that leaves a person to choose.

    A page that has no video itself and shows one post of another site is followed there, once.
    Raises the most telling failure of all that were asked.
    """
    failures: list[Failure] = []
    unsure: Extraction | None = None
    within_s = tools.extraction_timeout_s
    try:
        async with asyncio.timeout(within_s):
            for extractor in filter(None, map(tools.extractors.get, route.extractors)):
                try:
                    found = await extractor.extract(route.post, route.platform, within_s=within_s)
                except Failure as failure:
                    failures.append(failure)
                    if is_verdict(failure, by=extractor.name):
                        break
                    continue
                if found.items or not found.others:
                    return found
                unsure = unsure or found
    except TimeoutError as exc:
        if unsure is None and not failures:
            raise TookTooLong(f"The post was not read within {within_s:.0f} seconds.") from exc
    if unsure is not None:
        return unsure
    if follow_embeds and (elsewhere := embedded_post(failures, route)) is not None:
        found = await ask_extractors(elsewhere, tools, follow_embeds=False)
        return replace(found, metadata={**found.metadata, "embedded_in": route.post.url})
    raise _of_story(confirmed(most_telling(failures), failures), route)


def confirmed(failure: Failure, failures: Sequence[Failure]) -> Failure:
    """What two extractors, by signs of their own, take for gone is gone."""
    if isinstance(failure, SeemsDeleted) and sum(isinstance(one, SeemsDeleted) for one in failures) > 1:
        return Deleted(failure.message, http_status=failure.http_status)
    return failure


def embedded_post(failures: Sequence[Failure], route: Route) -> Route | None:
    """The one post of another known site that a page without a video of its own shows or links to; None where unsure."""
    found: dict[str, Route] = {}
    for address in (one for failure in failures if isinstance(failure, NoVideo) for one in failure.embeds):
        try:
            post, platform = registry.identify(parse_http_url(address))
        except (BadInput, Final):
            continue
        if post.post_id is not None and platform.name != route.platform.name:
            found[post.canonical_url] = Route(post, platform, extractors_of(platform))
    return next(iter(found.values())) if len(found) == 1 else None


def _of_story(failure: Failure, route: Route) -> Failure:
    """What is gone of a story has run out."""
    url = parse_http_url(route.post.url)
    if isinstance(failure, Deleted | SeemsDeleted | NoVideo) and names_story(route.platform, url):
        return StoryExpired(f"{route.platform.title} does not show this story any more.")
    return failure


# What another extractor may see differently, also after the browser itself has looked.
_UNSETTLED = frozenset(
    {
        ErrorCode.NO_VIDEO,
        ErrorCode.UNSUPPORTED,
        ErrorCode.EXTRACTOR_BROKEN,
        ErrorCode.BROWSER_UNAVAILABLE,
        ErrorCode.TOOL_MISSING,
        ErrorCode.NETWORK,
        ErrorCode.TIMEOUT,
        ErrorCode.HTTP_ERROR,
        ErrorCode.IP_BLOCKED,
    }
)


def is_verdict(failure: Failure, *, by: str) -> bool:
    """Whether no other extractor need be asked. The browser sees what a person sees; a site that asks us to slow down
    is not asked in another way."""
    if isinstance(failure, SeemsDeleted):
        return False
    return failure.code is ErrorCode.RATE_LIMITED or (by == "browser" and failure.code not in _UNSETTLED)


def most_telling(failures: list[Failure]) -> Failure:
    """A verdict about the post beats one about the way there, and anything beats "I do not know this site"."""
    if not failures:
        return ToolMissing("No extractor can look at this post.")
    return min(failures, key=_how_vague)


def _how_vague(failure: Failure) -> int:
    if failure.code in (ErrorCode.UNSUPPORTED, ErrorCode.TOOL_MISSING):
        return 5
    if failure.code is ErrorCode.NO_VIDEO:
        return 2
    if isinstance(failure, SeemsDeleted):
        return 3
    if isinstance(failure, Final | NeedsPerson) or failure.code is ErrorCode.RATE_LIMITED:
        return 1
    return 4
