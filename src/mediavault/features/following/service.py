"""What users do with sources: follow, preview, change, check, remove, import and export them.
All surfaces call this.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from mediavault.core.clock import Clock
from mediavault.core.failures import NotFound
from mediavault.core.job import NewJob
from mediavault.core.listings import Entry
from mediavault.core.submission import Submission
from mediavault.core.users import OWNER
from mediavault.features.following import previews, records, transfer
from mediavault.features.following.model import (
    EntryState,
    SeenEntry,
    SettingValues,
    Source,
    changed,
)
from mediavault.features.following.preview_views import SourcePreviewView, source_preview_view
from mediavault.features.following.records import Followed
from mediavault.features.following.taking import take
from mediavault.features.following.transfer import ImportTerms, SourcesImport
from mediavault.features.following.views import shown_source
from mediavault.store.live_settings import LiveSettings
from mediavault.store.port import Store
from mediavault.store.profiles import all_profiles, known_profile


@dataclass(frozen=True, slots=True)
class Chosen:
    """The posts of a list that a user has chosen by hand, by their keys, and the preview that has
    those which no check has seen.
    """

    posts: Sequence[str] = ()
    preview_id: str | None = None


@dataclass(frozen=True, slots=True)
class ChosenPost:
    """A chosen post, and its job. ``is_new``: no check of the source has seen it."""

    key: str
    entry: Entry | SeenEntry
    job: NewJob
    is_new: bool


NONE = Chosen()


@dataclass(frozen=True, slots=True)
class Following:
    """The sources of a vault. Unknown ids raise NotFound,
    URLs and settings that can't be used BadInput.
    """

    store: Store
    clock: Clock
    submit: Submission
    live: LiveSettings

    async def all(self) -> list[Followed]:
        """Return the sources in the order in which they were followed."""
        return await records.followed(self.store.tables)

    async def find(self, source_id: str) -> Followed:
        return await records.find_followed(self.store.tables, source_id)

    async def follow(
        self, url: str, settings: SettingValues, chosen: Chosen = NONE, *, user: str = OWNER
    ) -> Followed:
        """Follow an account, a list or a feed, and save the chosen posts of its preview. Nothing
        is read yet: a worker checks it within a minute.
        """
        draft = await self._draft(url, settings, user)
        posts = await self._read(draft.id, chosen)
        source = await records.follow(self.store.tables, draft)
        await self._take(source, posts, user)
        return await self.find(source.id)

    async def change(
        self, source_id: str, settings: SettingValues, chosen: Chosen = NONE, *, user: str = OWNER
    ) -> Followed:
        """Change, pause or resume a source, and save chosen posts. If its start or filters change,
        skipped entries are decided again.
        """
        known, posts = await self._known(settings), await self._read(source_id, chosen)
        source = await records.change_source(
            self.store.tables, source_id, lambda source: changed(source, known)
        )
        await self._take(source, posts, user)
        return await self.find(source_id)

    async def save(self, source_id: str, chosen: Chosen, *, user: str = OWNER) -> int:
        """Save posts of a source's list, whatever its settings say. Returns how many were chosen.

        Raises NotFound for a post that it has not seen, and the errors of a submission; nothing is
        saved then.
        """
        one = await self.find(source_id)
        posts = await self._read(source_id, chosen)
        await self._take(one.source, posts, user)
        return len(posts)

    async def check(self, source_id: str) -> Followed:
        """Let a worker check a source as soon as possible, whatever its interval."""
        await records.check_now(self.store.tables, source_id)
        return await self.find(source_id)

    async def remove(self, source_id: str) -> None:
        """Stop following a source, and forget its entries. Its posts stay."""
        await records.unfollow(self.store, source_id)

    async def preview(self, url: str, settings: SettingValues) -> str:
        """Let a worker read what would be saved if this were followed;
        return the id of the preview.
        """
        return await previews.ask(self.store, await self._draft(url, settings, OWNER), self.clock)

    async def preview_change(self, source_id: str, settings: SettingValues) -> str:
        """Let a worker read what would be saved if a source were changed like this;
        return the id of the preview.
        """
        one = await self.find(source_id)
        draft = changed(one.source, await self._known(settings))
        return await previews.ask_of_change(self.store, one, draft, self.clock)

    async def find_preview(self, preview_id: str) -> SourcePreviewView:
        """Return a preview, decided now from the list that was read.
        Raises NotFound once it has expired.
        """
        preview = await previews.find_preview(self.store, preview_id)
        return await source_preview_view(preview, self.store, self.clock.now())

    async def entries(
        self, source_id: str, *, limit: int, state: EntryState | None = None, unlisted: bool = False
    ) -> dict[str, SeenEntry]:
        """Return entries that were seen on a source's list by their posts' keys, newest first; with
        ``unlisted`` those that it names no more, the latest to disappear first.
        """
        await self.find(source_id)
        if unlisted:
            missing = await records.unlisted_entries(self.store.tables, source_id, limit=limit)
            return {key: entry for key, entry in missing.items() if state in {None, entry.state}}
        seen = await records.all_seen(self.store.tables, source_id, limit=limit, state=state)
        now = self.clock.now()

        def moment(item: tuple[str, SeenEntry]) -> datetime:
            return item[1].published_at or item[1].seen_at or now

        return dict(sorted(seen.items(), key=moment, reverse=True))

    async def read_import(
        self, content: bytes, settings: SettingValues, *, user: str = OWNER
    ) -> SourcesImport:
        """Return what an import of a file would follow, each with these settings.
        Raises BadInput for a file without a list.
        """
        profiles = await all_profiles(self.store.records)
        terms = ImportTerms(
            self.submit,
            await self.all(),
            profiles,
            await self._known(settings),
            self.clock.now(),
            _named(user),
        )
        return await transfer.read_import(content, terms)

    async def follow_all(self, read: SourcesImport) -> None:
        """Follow what an import has found."""
        await records.follow_all(self.store.tables, read.new)

    async def export(self, sources: Sequence[Followed] | None = None) -> bytes:
        """Return sources as OPML, all of them by default. Writing thousands takes a second,
        so it runs in a thread.
        """
        shown = [shown_source(one) for one in (await self.all() if sources is None else sources)]
        return await asyncio.to_thread(transfer.sources_opml, shown)

    async def _draft(self, url: str, settings: SettingValues, user: str) -> Source:
        address = self.submit.read_source(url)
        source = Source(
            records.new_source_id(),
            address.url,
            address.platform,
            self.clock.now(),
            added_by=_named(user),
        )
        return changed(source, await self._known(settings))

    async def _read(self, source_id: str, chosen: Chosen) -> list[ChosenPost]:
        """Return the chosen posts with their jobs. Raises NotFound for an unknown one,
        and the errors of a submission.
        """
        wanted = list(dict.fromkeys(chosen.posts))
        found: dict[str, Entry | SeenEntry] = {}
        if chosen.preview_id:
            preview = await previews.find_preview(self.store, chosen.preview_id)
            listed = preview.listing.posts if preview.listing else ()
            found = {post.key: post.entry for post in listed}
        seen = await records.seen(self.store.tables, source_id, wanted)
        found |= seen
        if any(key not in found for key in wanted):
            raise NotFound(
                "This post isn't on the source's list.",
                help="Check the source again, and choose from what it lists then.",
            )
        return [
            ChosenPost(key, found[key], self.submit.read(found[key].url), is_new=key not in seen)
            for key in wanted
        ]

    async def _take(self, source: Source, posts: Sequence[ChosenPost], user: str) -> None:
        if not posts:
            return
        store, settings = self.store, await self.live.current()
        jobs = [(post.key, post.job) for post in posts]
        entries = {post.key: post.entry for post in posts}
        await take(store, self.clock, settings, source, jobs, entries, chosen_by=user)
        skipped = await records.count_skipped(store.tables, source.id)
        waiting = await records.count_waiting(store.tables, source.id)
        more = sum(post.is_new for post in posts)
        await records.change_state(
            store.tables,
            source.id,
            lambda state: replace(state, seen=state.seen + more, skipped=skipped, waiting=waiting),
        )

    async def _known(self, settings: SettingValues) -> SettingValues:
        """Return the settings with the stored name of their profile.
        Raises BadInput if there is no such profile.
        """
        if not settings.get("profile"):
            return settings
        return {**settings, "profile": await known_profile(self.store.records, settings["profile"])}


def _named(user: str) -> str | None:
    return None if user == OWNER else user
