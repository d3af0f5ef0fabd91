"""Stage 3: find out what media the post has, unless an earlier attempt did and its address still holds."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from mediavault.core.accounts import account
from mediavault.core.errors import Failure, Final, NeedsPerson, TookTooLong, ToolMissing
from mediavault.core.job import Job, RungName, Stage
from mediavault.core.media import Candidate, Expected, Extraction, Item, ItemRole, ItemType
from mediavault.store.port import Checkpoint
from mediavault.worker.dispatch import Route
from mediavault.worker.journal import Journal
from mediavault.worker.tools import Tools

EXPIRY_MARGIN = timedelta(minutes=2)  # an address that ends sooner is as good as expired (facts: extraction, section c)


async def extract(route: Route, tools: Tools, journal: Journal) -> Extraction:
    """Reuse the checkpoint of an earlier attempt, or ask the extractors."""
    job = journal.claim.job
    if (saved := saved_extraction(job, route, now=tools.clock.now())) is not None:
        await journal.skipped(Stage.EXTRACT, "the address found by an earlier attempt has not expired")
        return saved
    return await extract_afresh(route, tools, journal)


async def extract_afresh(route: Route, tools: Tools, journal: Journal, *, rung: RungName | None = None) -> Extraction:
    """Ask the route's extractors in order; the first that answers wins. Raises the most telling failure."""
    async with journal.step(Stage.EXTRACT, rung=rung) as note:
        failures: list[Failure] = []
        try:
            async with asyncio.timeout(tools.extraction_timeout_s):
                for name in route.extractors:
                    try:
                        found = await tools.extractors[name].extract(
                            route.post, route.platform, within_s=tools.extraction_timeout_s
                        )
                    except Failure as failure:
                        failures.append(failure)
                        continue
                    note.detail = f"{name}: {len(found.candidates)} candidates"
                    return found
        except TimeoutError as exc:
            raise TookTooLong(f"The post was not read within {tools.extraction_timeout_s:.0f} seconds.") from exc
        raise most_telling(failures)


def most_telling(failures: list[Failure]) -> Failure:
    """A verdict about the post beats one about the way there."""
    if not failures:
        return ToolMissing("No extractor can look at this post.")
    for kind in (Final, NeedsPerson):
        for failure in failures:
            if isinstance(failure, kind) and not isinstance(failure, ToolMissing):
                return failure
    return failures[-1]


def checkpoint_of(extraction: Extraction, chosen_url: str) -> Checkpoint:
    """What a later attempt needs in order to go on without extracting."""
    chosen = next(c for c in extraction.candidates if c.url == chosen_url)
    return Checkpoint(
        extracted_url=chosen.url,
        extracted_url_expires_at=chosen.expires_at,
        source_type=chosen.source_type,
        candidates=_numbered(extraction),
        image_urls=extraction.image_urls,
        account=extraction.account,
        thumbnail_url=extraction.thumbnail_url,
        metadata={
            **extraction.metadata,
            "title": extraction.title,
            "text": extraction.text,
            "published_at": extraction.published_at.isoformat() if extraction.published_at else None,
            "final_url": extraction.final_url,
            "user_agent": extraction.user_agent,
            "extractor": extraction.extractor,
            "items": [_item_facts(item) for item in extraction.items],
            "selected": extraction.selected,
        },
    )


def _numbered(extraction: Extraction) -> tuple[Candidate, ...]:
    """All candidates in one list, each with the number of its item."""
    owned = [replace(c, item=number) for number, item in enumerate(extraction.items) for c in item.candidates]
    return (*owned, *extraction.others)


def _item_facts(item: Item) -> dict[str, Any]:
    return {
        "role": item.role.value,
        "type": item.type.value,
        "media_id": item.media_id,
        "thumbnail_url": item.thumbnail_url,
        "duration_s": item.expected.duration_s,
        "audio": item.expected.audio,
        "size": item.expected.size,
        "label": item.label,
    }


def _item_of(facts: Mapping[str, Any], candidates: tuple[Candidate, ...]) -> Item:
    return Item(
        candidates=candidates,
        role=ItemRole(facts["role"]),
        type=ItemType(facts["type"]),
        media_id=facts["media_id"],
        thumbnail_url=facts["thumbnail_url"],
        expected=Expected(facts["duration_s"], facts["audio"], facts["size"]),
        label=facts["label"],
    )


def saved_extraction(job: Job, route: Route, *, now: datetime) -> Extraction | None:
    """The checkpoint as an extraction; None when there is none or its address has expired."""
    if job.extracted_url is None or not job.candidates:
        return None
    if job.extracted_url_expires_at is not None and job.extracted_url_expires_at <= now + EXPIRY_MARGIN:
        return None
    facts: Mapping[str, Any] = job.metadata
    if not facts.get("items"):
        return None  # written by an earlier version
    published = facts.get("published_at")
    return Extraction(
        post=route.post,
        final_url=facts.get("final_url") or route.post.url,
        account=job.account or account(route.platform.name, route.post.handle, None),
        title=facts.get("title"),
        text=facts.get("text"),
        published_at=datetime.fromisoformat(published) if published else None,
        thumbnail_url=job.thumbnail_url,
        image_urls=job.image_urls,
        items=tuple(
            _item_of(item, tuple(c for c in job.candidates if c.item == number))
            for number, item in enumerate(facts["items"])
        ),
        others=tuple(c for c in job.candidates if c.item is None),
        selected=facts.get("selected"),
        user_agent=facts.get("user_agent"),
        extractor=facts.get("extractor") or "",
        metadata={k: v for k, v in facts.items() if k not in _OWN_KEYS},
    )


_OWN_KEYS = frozenset({"title", "text", "published_at", "final_url", "user_agent", "extractor", "items", "selected"})
