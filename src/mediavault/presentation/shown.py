"""Records as their reader may see them: only admins see the secrets of addresses.

An address of a private feed or a signed medium opens it to everyone who has it. What remains still names the host and the post.
"""

from __future__ import annotations

from dataclasses import replace

from mediavault.core.following import SeenEntry
from mediavault.core.job import HistoryRecord, Job
from mediavault.core.redaction import redact_media, redact_message, redact_page, redact_values
from mediavault.presentation.preferences import current
from mediavault.store.following import Followed


def shown_job(job: Job) -> Job:
    """Return a job to be shown. Its candidates keep their order: they are chosen by number."""
    if current().with_secrets:
        return job
    return replace(
        job,
        post_url=redact_page(job.post_url),
        canonical_url=redact_page(job.canonical_url),
        extracted_url=_media(job.extracted_url),
        candidates=tuple(
            replace(
                candidate,
                url=redact_media(candidate.url),
                audio_url=_media(candidate.audio_url),
                thumbnail_url=_media(candidate.thumbnail_url),
            )
            for candidate in job.candidates
        ),
        chosen_urls=tuple(map(redact_media, job.chosen_urls)),
        items=tuple(
            replace(
                item,
                item=replace(item.item, thumbnail_url=_media(item.item.thumbnail_url)),
                error=redact_message(item.error) if item.error else item.error,
            )
            for item in job.items
        ),
        image_urls=tuple(map(redact_media, job.image_urls)),
        thumbnail_url=_media(job.thumbnail_url),
        metadata=redact_values(job.metadata),
        error=redact_message(job.error) if job.error else job.error,
    )


def shown_record(record: HistoryRecord) -> HistoryRecord:
    return record if current().with_secrets else replace(record, detail=redact_message(record.detail))


def shown_source(one: Followed) -> Followed:
    """Return a source to be shown. Without its secret, its list can't be read from what remains of the address."""
    if current().with_secrets:
        return one
    state = one.state
    return Followed(
        replace(one.source, url=redact_page(one.source.url)),
        replace(
            state,
            picture_url=_media(state.picture_url),
            validators=replace(state.validators, url=redact_page(state.validators.url)),
            error=redact_message(state.error) if state.error else None,
        ),
    )


def shown_entry(entry: SeenEntry) -> SeenEntry:
    return replace(entry, url=shown_page(entry.url))


def shown_page(url: str) -> str:
    """Return a page's address to be shown."""
    return url if current().with_secrets else redact_page(url)


def _media(url: str | None) -> str | None:
    return redact_media(url) if url else url
