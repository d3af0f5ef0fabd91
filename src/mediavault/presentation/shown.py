"""Records as their reader may see them: only admins see the secrets of addresses.

An address of a private feed or a signed medium opens it to everyone who has it. What remains still names the host and the post.
"""

from __future__ import annotations

from dataclasses import replace

from mediavault.core.job import HistoryRecord, Job
from mediavault.core.redaction import redact_media, redact_message, redact_page, redact_values
from mediavault.presentation.preferences import current


def shown_job(job: Job) -> Job:
    """Return a job to be shown. Its candidates keep their order: they are chosen by number."""
    if current().with_secrets:
        return job
    return replace(
        job,
        post_url=redact_page(job.post_url),
        canonical_url=redact_page(job.canonical_url),
        extracted_url=shown_media(job.extracted_url),
        candidates=tuple(
            replace(
                candidate,
                url=redact_media(candidate.url),
                audio_url=shown_media(candidate.audio_url),
                thumbnail_url=shown_media(candidate.thumbnail_url),
            )
            for candidate in job.candidates
        ),
        chosen_urls=tuple(map(redact_media, job.chosen_urls)),
        items=tuple(
            replace(
                item,
                item=replace(item.item, thumbnail_url=shown_media(item.item.thumbnail_url)),
                error=redact_message(item.error) if item.error else item.error,
            )
            for item in job.items
        ),
        image_urls=tuple(map(redact_media, job.image_urls)),
        thumbnail_url=shown_media(job.thumbnail_url),
        metadata=redact_values(job.metadata),
        error=redact_message(job.error) if job.error else job.error,
    )


def shown_record(record: HistoryRecord) -> HistoryRecord:
    return record if current().with_secrets else replace(record, detail=redact_message(record.detail))


def shown_page(url: str) -> str:
    """Return a page's address to be shown."""
    return url if current().with_secrets else redact_page(url)


def shown_media(url: str | None) -> str | None:
    """Return a medium's address to be shown."""
    return redact_media(url) if url else url
