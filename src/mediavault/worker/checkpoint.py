"""Stage 5: converts an extraction to the checkpoint that the store holds, and back. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from mediavault.core.job import ItemStatus, Job, JobItem
from mediavault.core.media import Candidate, Extraction, ItemType, SourceType, account
from mediavault.store.port import Checkpoint
from mediavault.worker.stages.route import Route

EXPIRY_MARGIN = timedelta(minutes=2)  # a URL that expires sooner counts as expired


def checkpoint_of(
    extraction: Extraction, items: Sequence[JobItem], *, chosen: Candidate | None
) -> Checkpoint:
    """Return what a later attempt needs to continue without extracting,
    and a user to choose a candidate.
    """
    return Checkpoint(
        extracted_url=chosen.url if chosen else None,
        extracted_url_expires_at=chosen.expires_at if chosen else None,
        source_type=chosen.source_type if chosen else SourceType.UNKNOWN,
        candidates=_numbered(extraction, items),
        items=tuple(items),
        image_urls=extraction.image_urls,
        account=extraction.account,
        thumbnail_url=extraction.thumbnail_url,
        metadata={
            **extraction.metadata,
            "title": extraction.title,
            "text": extraction.text,
            "published_at": extraction.published_at.isoformat()
            if extraction.published_at
            else None,
            "final_url": extraction.final_url,
            "user_agent": extraction.user_agent,
            "extractor": extraction.extractor,
            "as_person": extraction.signed_in,
            "selected": extraction.selected,
            "post_id": extraction.post.post_id,
        },
    )


def _numbered(extraction: Extraction, items: Sequence[JobItem]) -> tuple[Candidate, ...]:
    """All candidates in one list, each with the index of its item.

    Those of pictures only where they are to be saved: a user who chooses is shown what may be the
    post's video.
    """
    saved = {index for index, item in enumerate(items) if item.status is not ItemStatus.SKIPPED}
    owned = [
        replace(c, item=index)
        for index, item in enumerate(extraction.items)
        if item.type is not ItemType.IMAGE or index in saved
        for c in item.candidates
    ]
    return (*owned, *extraction.others)


def saved_extraction(job: Job, route: Route, *, now: datetime | None) -> Extraction | None:
    """Return the checkpoint as an extraction; None without one, or when all URLs of an unsaved item
    have expired.

    ``now`` None admits expired URLs, as if they had not expired.
    """
    items = tuple(
        replace(
            job_item.item,
            candidates=tuple(_as_of(c, now) for c in job.candidates if c.item == index),
        )
        for index, job_item in enumerate(job.items)
    )
    others = tuple(c for c in job.candidates if c.item is None)
    unsaved = [
        item for item, job_item in zip(items, job.items, strict=True) if job_item.status in _UNSAVED
    ]
    needed = [item.candidates for item in unsaved] or ([others] if job.chosen_urls else [])
    if not needed or not all(_any_valid(candidates, now) for candidates in needed):
        return None
    facts: Mapping[str, Any] = job.metadata
    published = facts.get("published_at")
    return Extraction(
        # a share link contains none
        post=replace(route.post, post_id=route.post.post_id or facts.get("post_id")),
        final_url=facts.get("final_url") or route.post.url,
        account=job.account or account(route.platform.name, route.post.handle, None),
        items=items,
        others=others,
        selected=facts.get("selected"),
        title=facts.get("title"),
        text=facts.get("text"),
        published_at=datetime.fromisoformat(published) if published else None,
        thumbnail_url=job.thumbnail_url,
        image_urls=job.image_urls,
        user_agent=facts.get("user_agent"),
        extractor=facts.get("extractor") or "",
        signed_in=bool(facts.get("as_person")),
        metadata={k: v for k, v in facts.items() if k not in _OWN_KEYS},
    )


def _as_of(candidate: Candidate, now: datetime | None) -> Candidate:
    return candidate if now is not None else replace(candidate, expires_at=None)


def _any_valid(candidates: Sequence[Candidate], now: datetime | None) -> bool:
    """Whether at least one URL has not expired."""
    return any(
        now is None or c.expires_at is None or c.expires_at > now + EXPIRY_MARGIN
        for c in candidates
    )


_UNSAVED = (ItemStatus.WAITING, ItemStatus.FAILED, ItemStatus.COMMITTING)
_OWN_KEYS = frozenset(
    {
        "title",
        "text",
        "published_at",
        "final_url",
        "user_agent",
        "extractor",
        "as_person",
        "selected",
        "post_id",
    }
)
