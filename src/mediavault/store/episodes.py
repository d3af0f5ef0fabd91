"""Which number each episode of a show has. A number is given once, and is never given to another
video.

So a video that is added late, or in another order, gets a number that is free and changes none; and
a post that comes back from the trash has its own again. Each number is a record: the show, the
season and the number as its key, and the video that has it as its value.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from typing import Any, Protocol

from mediavault.core.failures import StorageFailure
from mediavault.core.job import JobId
from mediavault.core.messages import Message
from mediavault.core.name_template import NamedPost, folder_of, stem_of
from mediavault.core.records import Record, RecordKind
from mediavault.core.shows import Episode, Layout, episode_numbers, episode_of


class EpisodeRecords(Protocol):
    """What this needs of ``Records``."""

    async def get(self, kind: RecordKind, key: str) -> Record | None: ...
    async def replace(
        self,
        kind: RecordKind,
        key: str,
        value: Mapping[str, Any],
        *,
        if_value: Mapping[str, Any] | None,
    ) -> bool: ...


class EpisodePreview:
    """Records to which nothing is written: what would be given is remembered here only."""

    def __init__(self, records: EpisodeRecords) -> None:
        self._records = records
        self._given: set[str] = set()

    async def get(self, kind: RecordKind, key: str) -> Record | None:
        return await self._records.get(kind, key)

    async def replace(
        self,
        kind: RecordKind,
        key: str,
        value: Mapping[str, Any],
        *,
        if_value: Mapping[str, Any] | None,
    ) -> bool:
        is_free = key not in self._given and await self._records.get(kind, key) is None
        self._given.add(key)
        return is_free and if_value is None and bool(value)


async def folder_and_stem(
    post: NamedPost,
    account_folder: str,
    job_id: JobId,
    index: int,
    *,
    layout: Layout,
    template: str,
    records: EpisodeRecords,
) -> tuple[str, str]:
    """Return where the video of this item belongs: its folder, and its name without the suffix."""
    if layout is Layout.ACCOUNTS:
        return folder_of(post, template, account_folder), stem_of(post, template)
    episode = await _episode(post, account_folder, _video(job_id, index), records)
    return episode.folder, episode.stem(post.title or "")


async def remember_episode(path: str, job_id: JobId, index: int, records: EpisodeRecords) -> None:
    """Record the number of a video that was found in a library, so that no other video gets it."""
    if (episode := episode_of(path)) is not None:
        await records.replace(
            RecordKind.EPISODE, _key(episode), {"video": _video(job_id, index)}, if_value=None
        )


async def _episode(post: NamedPost, show: str, video: str, records: EpisodeRecords) -> Episode:
    published = post.published.astimezone(UTC)  # as its NFO has it
    for number in episode_numbers(published):
        episode = Episode(show, published.year, number)
        if await records.replace(
            RecordKind.EPISODE, _key(episode), {"video": video}, if_value=None
        ):
            return episode
        holder = await records.get(RecordKind.EPISODE, _key(episode))
        if holder is not None and holder.value.get("video") == video:
            return episode
    raise StorageFailure(
        Message("No episode number is left in %(show)s for this month.", show=f"{show!r}")
    )


def _key(episode: Episode) -> str:
    return f"{episode.show}/{episode.season:04}/{episode.number:06}"


def _video(job_id: JobId, index: int) -> str:
    return f"{job_id}/{index}"
