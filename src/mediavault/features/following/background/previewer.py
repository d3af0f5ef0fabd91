"""Reads the lists for which users request previews. Saves nothing, and records nothing as seen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from mediavault.core.failures import Failure
from mediavault.core.logs import get_logger
from mediavault.core.messages import Message
from mediavault.features.following import previews as stored
from mediavault.features.following.background.list_reading import (
    ReadListed,
    SourceListing,
    SourceListReader,
)
from mediavault.features.following.filters import Filters
from mediavault.features.following.model import Source, SourceState, Start
from mediavault.features.following.previews import ListReading, ReadList
from mediavault.features.following.records import Followed
from mediavault.store.holds import all_holds
from mediavault.worker.context import WorkerContext
from mediavault.worker.site_limits import NotAllowedYet

ROUND_S = 2.0  # a user waits for it
READ_WITHIN_S = 60.0  # by each way
MOST_OF_A_LIST, MOST_ENTRIES = 500, 2_000  # a site may list videos, shorts and live streams apart

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SourcePreviewer:
    """The worker's part of previews. ``read`` reads the URL of a post that a list names."""

    context: WorkerContext
    read: ReadListed

    async def round(self) -> None:
        """Read the waiting lists, oldest request first. What holds back a site's jobs also holds
        back its lists.

        Raises StoreError.
        """
        records, clock = self.context.store.records, self.context.clock
        readings = await stored.waiting_readings(records, clock.now())
        if not readings:
            return
        held_back = {hold.site for hold in await all_holds(records)}
        for reading in readings:
            if not held_back & {None, reading.platform}:
                held = await stored.acquire_reading(records, clock, reading)
                if held is not None:
                    await self._read(held)

    async def _read(self, held: ListReading) -> None:
        records, clock = self.context.store.records, self.context.clock
        reader = SourceListReader(
            self.context, self.read, most=MOST_OF_A_LIST, within_s=READ_WITHIN_S
        )
        try:
            read, _ = await reader.read_list(_as_source(held))
        except NotAllowedYet as exc:
            later = replace(held, not_before=max(exc.at, clock.now() + timedelta(seconds=ROUND_S)))
            await stored.release_reading(records, held, later)
        except Failure as failure:
            log.info(
                "preview_not_read",
                platform=held.platform,
                error_code=failure.code,
                error=failure.message,
            )
            await stored.release_reading(records, held, _failed(held, failure, clock.now()))
        else:
            log.info(
                "preview_read",
                platform=held.platform,
                method=read.listing.method,
                entries=len(read.listing.entries),
            )
            await stored.release_reading(
                records, held, replace(held, read_at=clock.now()), _as_stored(read)
            )


def _as_stored(read: SourceListing) -> ReadList:
    listing, posts = read.listing, tuple(read.posts[:MOST_ENTRIES])
    is_whole = listing.is_whole and len(read.posts) <= MOST_ENTRIES
    return ReadList(
        posts, listing.title, listing.handle, is_whole, listing.is_newest_first, listing.method
    )


def _failed(held: ListReading, failure: Failure, now: datetime) -> ListReading:
    """Return the reading with the reason why it failed;
    ``help`` only if it says more than that of the error code.
    """
    own_help = None if failure.help == failure.spec.hint else failure.help
    help_text = own_help if own_help is None or isinstance(own_help, Message) else Message(own_help)
    return replace(
        held, read_at=now, error=failure.message, help=help_text, error_code=failure.code
    )


def _as_source(reading: ListReading) -> Followed:
    """Return a source that wants everything: which posts of the list are wanted may change until it
    is followed.
    """
    everything = Source(
        reading.key,
        reading.url,
        reading.platform,
        reading.asked_at,
        start=Start.EVERYTHING,
        filters=Filters(members_only=True, reposts=True),
    )
    return Followed(everything, SourceState(stable_id=reading.stable_id))
