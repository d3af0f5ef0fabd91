"""Checks that the configured library is the one that holds the store's files."""

from __future__ import annotations

import uuid

from mediavault.core.failures import StorageFailure
from mediavault.core.job import JobStatus
from mediavault.core.logs import get_logger
from mediavault.library.port import Library
from mediavault.store.losses import LIBRARY, note_loss
from mediavault.store.port import JobCatalogue, Store

AGREED_AS = "library"

log = get_logger(__name__)


async def ensure_library_id(store: Store, vault: Library) -> None:
    """Check the library's id against the one that all processes of this store have agreed on. Raises StorageFailure.

    A library without an id gets one the first time, and later only while no job has a file in it: what looks like an
    empty library may be the mount point of a disk that is not mounted, and files would be saved below it.
    """
    agreed = (await store.records.constants()).get(AGREED_AS)
    is_first = agreed is None
    try:
        carried = await vault.identity()
        if is_first and carried is None:
            await vault.prepare()  # before an id is agreed on: a disk that comes later may bring its own
    except StorageFailure:
        if agreed is not None:
            await vault.require_identity(agreed)  # so that no one takes what comes later for the library
        raise
    if agreed is None:
        agreed = await store.records.set_once(AGREED_AS, carried or str(uuid.uuid4()))
    if is_first and carried is not None and not await _has_completed_jobs(store.catalogue):  # new, or emptied
        await note_loss(store.records, LIBRARY)
        log.warning(
            "library_has_an_older_store", library=carried, help="`mediavault rebuild` reads its files into this one."
        )
    if carried is None and (is_first or not await _has_completed_jobs(store.catalogue)):
        await vault.write_identity(agreed)
        log.info("library_marked", library=agreed)
    await vault.require_identity(agreed)


async def check_library(store: Store, vault: Library) -> None:
    """Run the check of :func:`recognise` for callers that only read: nothing is written."""
    agreed = (await store.records.constants()).get(AGREED_AS)
    if agreed is not None and (await vault.identity() is not None or await _has_completed_jobs(store.catalogue)):
        await vault.require_identity(agreed)


async def _has_completed_jobs(catalogue: JobCatalogue) -> bool:
    return bool((await catalogue.report()).counts.get(JobStatus.COMPLETED))
