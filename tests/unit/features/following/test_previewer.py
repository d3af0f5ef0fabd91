"""Previews of sources: what would be taken is read for a user, decided as a look decides,
and nothing is taken.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediavault.core.failures import BadInput, LoginRequired, NotFound, RateLimited, TookTooLong
from mediavault.core.job import JobStatus
from mediavault.core.listings import Entry, EntryKind
from mediavault.core.records import MOVING_KINDS, RecordKind
from mediavault.core.submission import Submission
from mediavault.features.following import previews as stored
from mediavault.features.following import records as following
from mediavault.features.following.background.previewer import MOST_OF_A_LIST, SourcePreviewer
from mediavault.features.following.filters import Filters, Reason
from mediavault.features.following.model import Source, Start
from mediavault.features.following.preview_views import (
    Outcome,
    PreviewState,
    SourcePreviewView,
    outcome_label,
    source_preview_view,
)
from mediavault.platforms.registry import identify
from mediavault.store import holds
from mediavault.store.tables import SOURCE_ENTRIES
from mediavault.store.trash import move_to_trash, new_batch, no_paths
from tests.fakes import START
from tests.stubs import new_job
from tests.unit.features.following.test_checks import CHANNEL, HOUR, StubLister, Vault, video

MINUTE = timedelta(minutes=1)


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault(tmp_path)


def previewer(vault: Vault) -> SourcePreviewer:
    submission = Submission(identify=identify, check_url=lambda *_: None, clock=vault.clock)
    return SourcePreviewer(replace(vault.context, listers=vault.listers), submission.read)


def draft(vault: Vault, **settings: Any) -> Source:
    return replace(Source("s-draft", CHANNEL, "youtube", vault.clock.now()), **settings)


async def ask(vault: Vault, **settings: Any) -> str:
    return await stored.ask(vault.store, draft(vault, **settings), vault.clock)


async def shown(vault: Vault, preview_id: str) -> SourcePreviewView:
    found = await stored.find_preview(vault.store, preview_id)
    return await source_preview_view(found, vault.store, vault.clock.now())


async def preview(vault: Vault, **settings: Any) -> SourcePreviewView:
    preview_id = await ask(vault, **settings)
    await previewer(vault).round()
    return await shown(vault, preview_id)


def outcomes(view: SourcePreviewView) -> list[str]:
    return [outcome_label(entry) for entry in view.entries]


async def test_a_preview_shows_what_would_be_taken_and_takes_nothing(vault: Vault) -> None:
    vault.feed.entries = [video(3), video(2, members_only=True), video(1, duration_s=30.0)]
    view = await preview(vault, start=Start.EVERYTHING, filters=Filters(shortest_s=60))

    assert (view.state, view.source.name, view.is_whole) == (PreviewState.READ, "A channel", True)
    assert [entry.outcome for entry in view.entries] == [
        Outcome.UNDECIDED,
        Outcome.SKIPPED,
        Outcome.SKIPPED,
    ]
    assert outcomes(view) == ["Not on the list: length", "Members only", "Too short or too long"]
    assert (view.counts.in_turn, view.counts.skipped_for) == (
        1,
        {Reason.MEMBERS: 1, Reason.LENGTH: 1},
    )
    assert await following.followed(vault.store.tables) == []
    assert await vault.jobs() == []
    assert await vault.store.tables.select(SOURCE_ENTRIES, {}) == []


async def test_another_wish_is_decided_without_another_request(vault: Vault) -> None:
    vault.feed.entries = [video(2), video(1)]
    first = await preview(vault)
    second = await shown(vault, await ask(vault, start=Start.NEWEST, newest=1))

    assert outcomes(first) == ["Published before you followed"] * 2
    assert (second.state, outcomes(second)) == (
        PreviewState.READ,
        ["Later, in turn", "Published before you followed"],
    )
    assert len(vault.feed.checks) == 1


async def test_a_list_that_was_read_a_while_ago_is_read_again(vault: Vault) -> None:
    await preview(vault)
    vault.clock.advance(stored.FRESH_FOR + MINUTE)
    vault.feed.entries = [video(1)]
    view = await preview(vault)

    assert len(view.entries) == 1
    assert len(vault.feed.checks) == 2


async def test_a_preview_reads_everything_that_the_list_says_up_to_a_number(vault: Vault) -> None:
    rest = StubLister(
        [video(number) for number in range(MOST_OF_A_LIST + 9, 0, -1)], "list", shows=MOST_OF_A_LIST
    )
    vault.feed.entries, vault.feed.shows = rest.entries, 15
    never = StubLister(rest.entries, "browser")
    vault.listers += [rest, never]
    view = await preview(vault, filters=Filters(kinds=(EntryKind.VIDEO,)))

    assert (len(view.entries), view.is_whole) == (MOST_OF_A_LIST, False)
    assert (rest.checks[0].limit, rest.checks[0].reposts, len(rest.checks[0].kinds)) == (
        MOST_OF_A_LIST,
        True,
        3,
    )
    assert never.checks == []


async def test_posts_that_wait_are_counted_with_the_days_that_they_take(vault: Vault) -> None:
    vault.feed.entries = [video(number) for number in range(20, 0, -1)]
    view = await preview(vault, start=Start.EVERYTHING, per_day=10)

    assert view.counts.in_turn == 20
    assert view.fill_s == timedelta(days=2).total_seconds()


async def test_posts_that_the_vault_has_or_a_user_deleted_are_named(vault: Vault) -> None:
    for number in (1, 2):
        await vault.store.queue.enqueue(
            [new_job(video(number).url, clock=vault.clock, platform="youtube")]
        )
    deleted, job = sorted(await vault.jobs(), key=lambda job: job.canonical_url)
    await move_to_trash(
        vault.store, vault.context.library, vault.clock, deleted.id, no_paths, batch=new_batch()
    )
    vault.feed.entries = [video(3), video(2), video(1)]
    view = await preview(vault, start=Start.EVERYTHING)

    assert outcomes(view) == ["Later, in turn", "Already in downloads", "You deleted it"]
    assert (view.entries[1].job_id, view.entries[1].job_status, view.counts.had) == (
        job.id,
        JobStatus.QUEUED,
        1,
    )


async def test_a_change_of_a_source_is_decided_with_what_it_has_seen(vault: Vault) -> None:
    vault.feed.entries = [video(2), video(1)]
    source = await vault.follow()
    await vault.check()
    vault.feed.entries.insert(0, video(3))
    await vault.check(after=HOUR)
    one = await vault.one()
    wanted = replace(source, start=Start.NEWEST, newest=1)
    preview_id = await stored.ask_of_change(vault.store, one, wanted, vault.clock)
    await previewer(vault).round()
    view = await shown(vault, preview_id)

    assert view.is_followed
    assert outcomes(view) == [
        "Already in downloads",
        "Later, in turn",
        "Published before you followed",
    ]
    assert await vault.one() == one


async def test_a_list_that_cannot_be_read_is_shown_with_what_helps_and_asked_again(
    vault: Vault,
) -> None:
    vault.feed.failure = LoginRequired("This list is private.", help="Sign in to YouTube.")
    view = await preview(vault)
    assert (view.state, view.error, view.help) == (
        PreviewState.FAILED,
        "This list is private.",
        "Sign in to YouTube.",
    )

    vault.feed.failure = TookTooLong("No answer.")
    vault.clock.advance(MINUTE)
    assert (await preview(vault)).help == "The site was too slow. Try again later."

    vault.feed.failure = None
    vault.clock.advance(MINUTE)
    assert (await preview(vault)).state is PreviewState.READ


async def test_a_paused_site_and_a_closed_one_hold_the_reading_back(vault: Vault) -> None:
    await holds.pause(vault.store.records, "youtube")
    view = await preview(vault)
    assert (view.state, view.held, view.has_worker) == (
        PreviewState.WAITING,
        "YouTube is paused",
        False,
    )

    await holds.resume(vault.store.records, "youtube")
    code = RateLimited.code
    await vault.store.site_limits.pause_site(
        "youtube", duration=HOUR, code=code, reason="Slow down."
    )
    view = await preview(vault)
    assert (view.state, view.not_before) == (PreviewState.WAITING, vault.clock.now() + HOUR)
    assert vault.feed.checks == []

    vault.clock.advance(HOUR - MINUTE)
    await ask(vault)
    vault.clock.advance(2 * MINUTE)
    await previewer(vault).round()
    assert len(vault.feed.checks) == 1


async def test_only_one_worker_reads_a_list_and_another_one_after_its_death(vault: Vault) -> None:
    states = []

    async def another_worker() -> None:
        vault.feed.during = None
        await previewer(vault).round()
        states.append((await shown(vault, preview_id)).state)

    preview_id = await ask(vault)
    vault.feed.during = another_worker
    await previewer(vault).round()
    assert (states, len(vault.feed.checks)) == ([PreviewState.READING], 1)

    await ask(vault, url=CHANNEL + "/videos")
    [reading] = await stored.waiting_readings(vault.store.records, vault.clock.now())
    assert await stored.acquire_reading(vault.store.records, vault.clock, reading) is not None
    await previewer(vault).round()
    assert len(vault.feed.checks) == 1
    vault.clock.advance(stored.ACQUIRED_FOR)
    await previewer(vault).round()
    assert len(vault.feed.checks) == 2


async def test_a_preview_expires_with_its_list_and_moves_nowhere(vault: Vault) -> None:
    view = await preview(vault)
    assert len(await vault.store.records.all(RecordKind.SOURCE_PREVIEW)) == 3

    vault.clock.advance(stored.LASTS)
    with pytest.raises(NotFound, match="expired"):
        await shown(vault, view.id)
    assert await vault.store.records.all(RecordKind.SOURCE_PREVIEW) == []
    assert RecordKind.SOURCE_PREVIEW not in MOVING_KINDS


async def test_the_oldest_previews_give_way(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored, "MOST_DRAFTS", 2)
    monkeypatch.setattr(stored, "MOST_LISTS", 2)
    asked = []
    for tab in ("", "/videos", "/shorts"):
        asked.append(await ask(vault, url=CHANNEL + tab))
        await previewer(vault).round()
        vault.clock.advance(MINUTE)

    assert [(await shown(vault, one)).state for one in asked[1:]] == [PreviewState.READ] * 2
    assert len(await vault.store.records.all(RecordKind.SOURCE_PREVIEW)) == 6
    with pytest.raises(NotFound):
        await shown(vault, asked[0])


async def test_a_list_that_is_read_again_needs_no_more_room(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored, "MOST_LISTS", 1)
    await preview(vault)
    vault.clock.advance(stored.FRESH_FOR + MINUTE)

    assert (await preview(vault)).state is PreviewState.READ


async def test_what_cannot_be_followed_has_no_preview(vault: Vault) -> None:
    with pytest.raises(BadInput):
        await ask(vault, start=Start.NEWEST, newest=0)
    await vault.follow()
    with pytest.raises(BadInput, match="already followed"):
        await ask(vault)
    assert await vault.store.records.all(RecordKind.SOURCE_PREVIEW) == []


async def test_a_list_that_another_version_has_stored_is_read_again(vault: Vault) -> None:
    view = await preview(vault)
    [listed] = await vault.store.records.under(RecordKind.SOURCE_PREVIEW, "list/")
    await vault.store.records.put(
        RecordKind.SOURCE_PREVIEW, listed.key, {"posts": [["only a key"]]}
    )

    with pytest.raises(NotFound):
        await shown(vault, view.id)
    vault.clock.advance(MINUTE)
    assert (await preview(vault)).state is PreviewState.READ


ENTRIES = st.lists(
    st.builds(
        lambda number, facts: video(number, **facts),
        st.integers(1, 12),
        st.fixed_dictionaries(
            {},
            optional={
                "published_at": st.integers(-30, 3).map(
                    lambda days: START + timedelta(days=days, hours=1)
                ),
                "is_date_exact": st.booleans(),
                "duration_s": st.sampled_from([30.0, 300.0]),
                "kind": st.sampled_from(EntryKind),
                "members_only": st.booleans(),
                "is_repost": st.booleans(),
                "title": st.sampled_from(["trains", "boats"]),
                "text": st.sampled_from(["trains", "boats"]),
                "url": st.sampled_from(["https://www.youtube.com/@jane", "no address"]),
            },
        ),
    ),
    max_size=30,
)
WISHES = st.fixed_dictionaries(
    {
        "start": st.sampled_from(Start),
        "since": st.just(START - 9 * 24 * HOUR),
        "newest": st.integers(1, 4),
    },
    optional={
        "filters": st.builds(
            Filters,
            having=st.sampled_from([(), ("trains",)]),
            lacking=st.sampled_from([(), ("boats",)]),
            shortest_s=st.sampled_from([None, 60.0]),
            kinds=st.sampled_from([(EntryKind.VIDEO,), tuple(EntryKind)]),
            reposts=st.booleans(),
        )
    },
)


@given(ENTRIES, WISHES, st.booleans())
def test_a_preview_and_the_first_look_decide_the_same_for_every_entry(
    entries: list[Entry], settings: dict[str, Any], is_newest_first: bool
) -> None:
    async def both() -> None:
        with TemporaryDirectory() as folder:
            vault = Vault(Path(folder))
            vault.feed.entries, vault.feed.facts = (
                entries,
                {"is_newest_first": is_newest_first, "is_whole": True},
            )
            view = await preview(vault, **settings)
            # so that none of those that wait is taken in the same round
            await following.take_fill_turn(
                vault.store.records, "youtube", None, vault.clock.now() + HOUR
            )
            vault.clock.advance(MINUTE)  # it is the site's turn again
            await vault.follow(**settings)
            await vault.follower.round()
            seen = await following.all_seen(vault.store.tables, "s-1", limit=100)

            expected = {(entry.url, entry.state, entry.reason) for entry in view.entries}
            assert {(entry.url, entry.state, entry.reason) for entry in seen.values()} == expected
            assert len(seen) == len(view.entries)

    asyncio.run(both())
