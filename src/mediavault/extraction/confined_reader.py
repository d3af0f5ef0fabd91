"""Reads what a site sent in a separate process, so that a document that never finishes costs one
post, not the vault.

Threads would not help: Python runs one at a time, and a running regular expression cannot be
interrupted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from mediavault.browser.port import PageCapture
from mediavault.core.clock import Clock
from mediavault.core.failures import Failure, PageUnreadable
from mediavault.core.listings import ListCheck, Listing, ListPage
from mediavault.core.logs import get_logger
from mediavault.core.media import Extraction, Post
from mediavault.core.messages import Message
from mediavault.core.platform import Platform
from mediavault.core.typed_records import from_json, to_json
from mediavault.download.manifest_reading import ManifestContents, ManifestText
from mediavault.extraction.port import ApiAnswer, PageAnswer, VisitReading
from mediavault.sandbox.process import ChildFailed, ChildLimits, ChildTookTooLong
from mediavault.sandbox.standing import ChildPool

MAX_CHILDREN = 2  # for posts, and as many for lists: a slow list must not hold up a post
# CPU time distinguishes a hostile document from a busy machine; the largest pages take a few
# seconds of it.
LIMITS = ChildLimits(wall_s=60.0, cpu_s=20, answer_bytes=32 << 20)
# A page's source is only a first look: one that takes longer is left to the browser, after which it
# is read again.
MAX_PAGE_CPU_S, MAX_PAGE_WALL_S = 5, 20.0
MAX_MANIFEST_CPU_S = 10  # the largest, of 5 MB, takes two

T = TypeVar("T")

log = get_logger(__name__)


class ConfinedReader:
    """The worker's Reader and ManifestReader. It reads at most MAX_CHILDREN documents of posts at a
    time, and as many lists; others wait.

    ``child`` is the module that reads; it looks up the platform by its name.
    """

    def __init__(self, clock: Clock, *, child: str, limits: ChildLimits = LIMITS) -> None:
        self._limits = limits
        self._page_limits = replace(
            limits,
            wall_s=min(limits.wall_s, MAX_PAGE_WALL_S),
            cpu_s=min(limits.cpu_s, MAX_PAGE_CPU_S),
        )
        self._manifest_limits = replace(limits, cpu_s=min(limits.cpu_s, MAX_MANIFEST_CPU_S))
        self._for_posts = ChildPool(child, clock, size=MAX_CHILDREN)
        self._for_lists = ChildPool(child, clock, size=MAX_CHILDREN)

    async def read_visit(
        self, post: Post, platform: Platform, capture: PageCapture, *, with_viewer: bool
    ) -> VisitReading:
        return await self._read(
            "visit", post, platform, capture, VisitReading, with_viewer=with_viewer
        )

    async def read_answer(self, post: Post, platform: Platform, answer: ApiAnswer) -> Extraction:
        return await self._read("answer", post, platform, answer, Extraction)

    async def read_page(self, post: Post, platform: Platform, answer: PageAnswer) -> Extraction:
        return await self._read(
            "page", post, platform, answer, Extraction, limits=self._page_limits
        )

    async def read_feed(self, check: ListCheck, platform: Platform, answer: PageAnswer) -> ListPage:
        return await self._read("feed", check, platform, answer, ListPage)

    async def read_profile(
        self, check: ListCheck, platform: Platform, capture: PageCapture
    ) -> Listing:
        return await self._read("profile", check, platform, capture, Listing)

    async def read_manifest(self, manifest: ManifestText) -> ManifestContents:
        answer = await self._ask(
            self._for_posts,
            lambda: {"task": "manifest", "given": to_json(ManifestText, manifest)},
            self._manifest_limits,
        )
        return await asyncio.to_thread(_result, answer, ManifestContents)

    async def close(self) -> None:
        """End the processes. Safe to call twice."""
        await self._for_posts.close()
        await self._for_lists.close()

    async def _read(
        self,
        task: str,
        subject: Post | ListCheck,
        platform: Platform,
        document: PageCapture | ApiAnswer | PageAnswer,
        result_type: type[T],
        *,
        limits: ChildLimits | None = None,
        **options: object,
    ) -> T:
        make_request = partial(_request, task, subject, platform, document, options)
        children = self._for_lists if isinstance(subject, ListCheck) else self._for_posts
        answer = await self._ask(children, make_request, limits or self._limits)
        return await asyncio.to_thread(_result, answer, result_type)

    async def _ask(
        self,
        children: ChildPool,
        make_request: Callable[[], Mapping[str, Any]],
        limits: ChildLimits,
    ) -> Mapping[str, Any]:
        try:
            answer = await children.ask(make_request, limits=limits)
        except ChildFailed as exc:
            raise unreadable(exc, what=Message("What the site sent")) from exc
        if "bug" in answer:
            log.error("reader_hit_a_bug", error=answer["bug"], trace=answer["trace"])
            raise unreadable(ChildFailed(answer["bug"]), what=Message("What the site sent"))
        return answer


def unreadable(exc: ChildFailed, *, what: str) -> PageUnreadable:
    """Return the failure of a document whose reader crashed or was killed."""
    if isinstance(exc, ChildTookTooLong):
        return PageUnreadable(
            Message("%(what)s could not be read in time: %(error)s.", what=what, error=exc.reason)
        )
    return PageUnreadable(
        Message("%(what)s could not be read: %(error)s.", what=what, error=exc.reason)
    )


def _request(
    task: str,
    subject: Post | ListCheck,
    platform: Platform,
    document: PageCapture | ApiAnswer | PageAnswer,
    options: Mapping[str, object],
) -> Mapping[str, Any]:
    return {
        "task": task,
        "subject": to_json(type(subject), subject),
        "platform": platform.name,  # its readers are functions: the child looks it up
        "given": to_json(type(document), document),
        **options,
    }


def _result(answer: Mapping[str, Any], result_type: type[T]) -> T:
    """Return the child's result, or raise the failure that the reading raised."""
    if "failure" in answer:
        raise from_json(Failure, answer["failure"])
    return from_json(result_type, answer["read"])
