"""What a post's page says about how far its files have been decoded, and about what becomes of a damaged one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from mediavault.core.failures import JobNotFound
from mediavault.core.job import Job, JobId, JobStatus
from mediavault.core.marks import MarkKind
from mediavault.core.post_urls import has_url
from mediavault.presentation.translation import gettext
from mediavault.server.services import ApiServices
from mediavault.store.file_checks import decoded_at, read_position
from mediavault.store.holds import all_holds
from mediavault.web.post_view import Video


@dataclass(frozen=True, slots=True)
class DecodingState:
    """``at``: when all of each file had been decoded. ``words`` say what is still to be done about the file that is shown.

    ``replacing`` says whether a damaged post is saved again, ``new_version`` is the job that does so.
    """

    at: datetime | None
    words: str
    replacing: str
    new_version: JobId | None


async def decoding_state(services: ApiServices, job: Job, video: Video) -> DecodingState:
    """Return the state of a post with files, of which ``video`` is shown."""
    at = await decoded_at(services.store.marks, job.id)
    _, position = await read_position(services.store.records, job.id)
    is_in_folder = services.settings.vault_url is None
    replacing, new_version = await _replacing(services, job)
    words = "" if at else _words(is_examined=video.place in position.starts, is_in_folder=is_in_folder)
    return DecodingState(at, words, replacing, new_version)


def _words(*, is_examined: bool, is_in_folder: bool) -> str:
    if is_in_folder and is_examined:
        return gettext(
            "All packets read, all sound and every key frame decoded; the other pictures follow in the background."
        )
    if is_in_folder:
        return gettext("It will be examined again in the background, and every picture decoded.")
    if is_examined:
        return gettext(
            "All packets read, all sound and every key frame decoded when it was saved. The other pictures are not decoded: "
            "the object storage would have to send the whole file again."
        )
    return ""


async def _replacing(services: ApiServices, job: Job) -> tuple[str, JobId | None]:
    store = services.store
    marks = (await store.marks.of_jobs([job.id])).get(job.id, ())
    replaced = next((mark for mark in marks if mark.name == MarkKind.REPLACED), None)
    if replaced is not None and not replaced.text:
        return gettext("It was itself saved in place of a damaged one, and is not saved again automatically."), None
    if replaced is not None:
        try:
            new = await store.catalogue.get(JobId(replaced.text))
        except JobNotFound:
            return gettext("It was saved again automatically; that version was deleted."), None
        if new.status is JobStatus.COMPLETED:
            return gettext("It was saved again automatically. This version stays until you delete it."), new.id
        return gettext("It is being saved again automatically. This version stays until you delete it."), new.id
    newest = (await store.catalogue.of_posts([job.canonical_url])).get(job.canonical_url)
    if not has_url(job.canonical_url) or job.status is not JobStatus.COMPLETED or newest is None or newest.id != job.id:
        return "", None
    if {None, job.platform} & {hold.site for hold in await all_holds(store.records)}:
        return gettext("It will be saved again once the queue is resumed."), None
    return gettext("It will be saved again once, if it is still online."), None
