"""The feed delivers every change to every listener once and in order,
and no client can make it grow.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import pytest

from mediavault.api.events import EventStream, read_moment
from mediavault.api.feed import (
    CLOCKS_DIFFER,
    LATER,
    MAX_QUEUED_EVENTS,
    MAX_STREAMS_PER_CLIENT,
    MAX_WRITE_BYTES,
    OVERLAP,
    Feed,
    FeedListener,
)
from mediavault.auth.authenticator import COOKIE, Authenticator
from mediavault.auth.credentials import ClientInfo
from mediavault.auth.permissions import Scope
from mediavault.core.job import Stage
from mediavault.server.errors import HttpRefusal
from tests.asgi_client import Connection
from tests.fakes import START, FakeClock
from tests.http_vault import POST, TOKEN, ApiVault, MakeVault
from tests.patience import patient

CLIENT = "192.0.2.7"


@pytest.fixture
def feed(vault: ApiVault) -> Feed:
    """A feed that the test polls itself: its poller is already set, so joining starts none."""
    feed = Feed(vault.store.catalogue, vault.clock)
    feed._poller = object()  # type: ignore[assignment]
    return feed


async def received(listener: FeedListener) -> list[dict[str, Any]]:
    """Take the events that wait for the listener, and return their data."""
    events = []
    while listener._waiting.qsize():
        event = await listener.next()
        assert event is not None
        events.append(json.loads(event.decode().partition("data: ")[2]))
    return events


async def test_a_change_is_delivered_once(vault: ApiVault, feed: Feed) -> None:
    listener = feed.join(CLIENT)
    job = await vault.add()

    assert await feed.poll() == 1
    assert await feed.poll() == 0
    assert [event["id"] for event in await received(listener)] == [job.id]


async def test_progress_is_delivered_with_its_bytes(vault: ApiVault, feed: Feed) -> None:
    await vault.add()
    claim = await vault.claim()
    listener = feed.join(CLIENT)
    await feed.poll()
    await received(listener)
    vault.clock.advance(1)
    await vault.store.queue.progress(
        claim, stage=Stage.DOWNLOAD, progress_pct=60, bytes_done=5, bytes_total=10
    )
    await feed.poll()

    (event,) = await received(listener)
    assert (event["stage"], event["bytes_done"], event["bytes_total"], event["progress_pct"]) == (
        "download",
        5,
        10,
        60,
    )
    assert event["display"]["state"] == "Downloading"


async def test_more_changes_in_one_instant_than_a_page_holds_are_all_delivered(
    vault: ApiVault, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mediavault.api.feed.PAGE", 2)
    for number in range(7):
        await vault.add(f"https://videos.example/watch/{number}")
    listener = feed.join(CLIENT)
    await feed.poll()

    assert len(await received(listener)) == 7


async def test_a_change_stamped_before_a_delivered_one_is_not_lost(
    vault: ApiVault, feed: Feed
) -> None:
    """Writers stamp before they commit, so a later stamp may be seen first."""
    listener = feed.join(CLIENT)
    vault.clock.advance(1)
    await vault.add()
    await feed.poll()
    vault.clock.jump(-0.5)
    late = await vault.add("https://videos.example/watch/2")
    await feed.poll()

    assert (await received(listener))[-1]["id"] == late.id


async def test_the_memory_of_delivered_changes_does_not_grow(vault: ApiVault, feed: Feed) -> None:
    feed.join(CLIENT)
    for number in range(50):
        await vault.add(f"https://videos.example/watch/{number}")
        vault.clock.advance(1)
        await feed.poll()

    assert len(feed._seen) <= OVERLAP.total_seconds() + 1


async def test_changes_are_delivered_although_our_clock_is_ahead_of_the_stores(
    vault: ApiVault,
) -> None:
    ahead = FakeClock()
    ahead.jump(CLOCKS_DIFFER)
    feed = Feed(vault.store.catalogue, ahead)
    await vault.add()
    listener = feed.join(CLIENT)
    await feed.poll()

    assert len(await received(listener)) == 1
    await feed.aclose()


async def test_a_listener_that_lags_too_far_behind_is_dropped(
    vault: ApiVault, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mediavault.api.feed.MAX_LISTENERS", 2)
    slow, quick = feed.join(CLIENT), feed.join(CLIENT)
    for number in range(MAX_QUEUED_EVENTS + 1):
        feed.removed((await vault.add(f"https://videos.example/watch/{number}")).id)
        await quick.next()

    assert slow.finished
    assert not quick.finished
    assert await slow.next() is None
    assert not feed.join(CLIENT).finished  # its slot is free again


async def test_waiting_changes_are_sent_in_one_chunk(vault: ApiVault) -> None:
    async with vault.client.open("/api/events") as stream:
        await stream.chunk()
        jobs = [await vault.add(f"https://videos.example/watch/{number}") for number in range(3)]
        vault.client.app.state.feed.wake()  # type: ignore[attr-defined]
        sent = (await stream.chunk()).decode()

    assert [sent.count(job.id) > 0 for job in jobs] == [True] * 3


async def test_waiting_events_are_taken_piece_by_piece_and_dropped_when_the_listener_ends() -> None:
    listener = FeedListener()
    for number in range(3):
        listener.offer(bytes([number]) * MAX_WRITE_BYTES)
    pieces = [await listener.next(), listener.more()]
    listener.end()

    assert [piece and piece[:1] for piece in pieces] == [b"\0", b"\1"]
    assert (listener.more(), await listener.next()) == (b"", None)


async def test_too_many_listeners_are_turned_away(
    feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mediavault.api.feed.MAX_LISTENERS", 1)
    feed.join(CLIENT)

    with pytest.raises(HttpRefusal) as refused:
        feed.join(CLIENT)
    assert refused.value.status == 503


async def test_a_clients_sixth_stream_ends_its_oldest_and_says_when_to_reconnect(
    feed: Feed,
) -> None:
    """The window opened last is the one being looked at. No other client's stream ends."""
    other = feed.join("192.0.2.8")
    oldest, *others = [feed.join(CLIENT) for _ in range(MAX_STREAMS_PER_CLIENT)]
    newest = feed.join(CLIENT)

    assert await oldest.next() == b"retry: 60000\nevent: later\ndata: {}\n\n"
    assert (oldest.more(), await oldest.next()) == (b"", None)
    assert not any(listener.finished for listener in (other, *others, newest))


async def test_a_client_can_replace_its_own_stream_when_the_feed_is_full(
    feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mediavault.api.feed.MAX_LISTENERS", MAX_STREAMS_PER_CLIENT)
    for _ in range(MAX_STREAMS_PER_CLIENT):
        feed.join(CLIENT)

    assert not feed.join(CLIENT).finished
    with pytest.raises(HttpRefusal):
        feed.join("192.0.2.8")


async def test_an_ended_stream_drops_its_waiting_events(vault: ApiVault, feed: Feed) -> None:
    """The client gets them when it reconnects."""
    oldest = feed.join(CLIENT)
    await vault.add()
    await feed.poll()
    for _ in range(MAX_STREAMS_PER_CLIENT):
        feed.join(CLIENT)

    assert [await oldest.next(), await oldest.next()] == [LATER, None]


async def test_a_closed_feed_ends_every_stream_old_and_new(feed: Feed) -> None:
    old = feed.join(CLIENT)
    feed.close()

    assert await old.next() is None
    assert await feed.join(CLIENT).next() is None


async def test_the_store_is_polled_only_while_there_are_listeners(vault: ApiVault) -> None:
    feed = Feed(vault.store.catalogue, vault.clock)
    listener = feed.join(CLIENT)
    assert feed._poller is not None
    poller = feed._poller
    feed.leave(listener)
    await poller

    assert feed._poller is None


@pytest.mark.parametrize(
    ("texts", "moment"),
    [
        ((None, None), None),
        (("2026-11-24T12:00:00Z",), START),
        ((None, "2026-11-24T13:00:00+01:00"), START),
        (("17", "2026-11-24T12:00:00.000000Z"), START),
        (("2026-11-24T12:00:00",), None),
        (("\x00", "x" * 9_999), None),
    ],
)
def test_an_unreadable_event_id_is_ignored(texts: tuple[str | None, ...], moment: object) -> None:
    assert read_moment(*texts) == moment


async def test_the_stream_opens_at_once_and_reports_new_jobs(vault: ApiVault) -> None:
    async with vault.client.open("/api/events") as stream:
        assert await stream.chunk() == b"retry: 2000\n\n"
        job = await vault.add()
        vault.client.app.state.feed.wake()  # type: ignore[attr-defined]
        event = (await stream.chunk()).decode()

    assert stream.answer().headers["content-type"].startswith("text/event-stream")
    assert "event: job\n" in event
    assert job.id in event


async def test_missed_changes_come_first(vault: ApiVault) -> None:
    old = await vault.add()
    vault.clock.advance(timedelta(hours=1))
    async with vault.client.open("/api/events", last_event_id=START.isoformat()) as stream:
        await stream.chunk()
        event = (await stream.chunk()).decode()

    assert old.id in event
    assert "id: 2026-11-24T12:00:00Z\n" in event


async def test_a_removed_job_is_reported(vault: ApiVault) -> None:
    job = await vault.add()
    async with vault.client.open("/api/events") as stream:
        await stream.chunk()
        await vault.client.delete(f"/api/jobs/{job.id}")
        event = b""
        while b"event: removed" not in event:
            event = await stream.chunk()

    assert job.id.encode() in event


async def test_a_listener_who_leaves_makes_room_for_another(
    vault: ApiVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mediavault.api.feed.MAX_LISTENERS", 1)
    async with vault.client.open("/api/events") as stream:
        await stream.chunk()
        assert (await vault.client.get("/api/events")).status == 503

    async with vault.client.open("/api/events") as stream:
        assert await stream.chunk() == b"retry: 2000\n\n"


async def streams(
    vault: ApiVault, stack: AsyncExitStack, count: int, **headers: str
) -> list[Connection]:
    """Open ``count`` streams, one after the other."""
    opened = []
    for _ in range(count):
        opened.append(await stack.enter_async_context(vault.client.open("/api/events", **headers)))
        assert await opened[-1].chunk() == b"retry: 2000\n\n"
    return opened


async def test_streams_are_counted_per_session_token_or_address(make_vault: MakeVault) -> None:
    """So a browser and a program at the same address do not take each other's slots."""
    vault = make_vault(token=TOKEN, trusted_proxies=("127.0.0.1",))
    authenticator: Authenticator = vault.client.app.state.authenticator  # type: ignore[attr-defined]
    program, _ = await authenticator.tokens.add("program", Scope.READ)
    ids = [await authenticator.sessions.begin(ClientInfo(), bound_to=TOKEN) for _ in range(2)]
    callers = [{"cookie": f"{COOKIE}={session_id}"} for session_id in ids]
    callers += [{"authorization": f"Bearer {token}"} for token in (TOKEN, program)]
    async with AsyncExitStack() as stack:
        full = [
            await streams(vault, stack, MAX_STREAMS_PER_CLIENT, **headers) for headers in callers
        ]
        assert not any(stream.done.is_set() for opened in full for stream in opened)

        for headers, (oldest, *others) in zip(callers, full, strict=True):
            (newest,) = await streams(vault, stack, 1, **headers)
            assert await oldest.chunk() == LATER
            await asyncio.wait_for(oldest.done.wait(), patient(30))
            assert not any(stream.done.is_set() for stream in (*others, newest))


async def test_in_an_open_vault_streams_are_counted_per_address(vault: ApiVault) -> None:
    async with AsyncExitStack() as stack:
        oldest, *others = await streams(vault, stack, MAX_STREAMS_PER_CLIENT + 1)
        assert await oldest.chunk() == LATER
        await asyncio.wait_for(oldest.done.wait(), patient(30))

        assert not any(stream.done.is_set() for stream in others)


async def test_a_shutdown_ends_the_stream(vault: ApiVault) -> None:
    feed: Feed = vault.client.app.state.feed  # type: ignore[attr-defined]
    async with vault.client.open("/api/events") as stream:
        await stream.chunk()
        feed.close()
        assert await stream.chunk() == b""

    assert stream.done.is_set()


async def test_a_silent_stream_sends_heartbeats(vault: ApiVault, feed: Feed) -> None:
    listener = feed.join(CLIENT)
    stream = EventStream(feed, listener, [], heartbeat_s=0.001)

    assert await stream._next() == b": still here\n\n"


async def test_a_store_that_fails_does_not_end_the_stream(
    vault: ApiVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mediavault.core.failures import StoreError

    failures: list[bool] = []

    async def down(*_: object, **__: object) -> list[object]:
        failures.append(True)
        raise StoreError("away for a moment")

    feed: Feed = vault.client.app.state.feed  # type: ignore[attr-defined]
    async with vault.client.open("/api/events") as stream:
        await stream.chunk()
        with monkeypatch.context() as patched:
            patched.setattr(vault.store.catalogue, "changed_since", down)
            feed.wake()
            while not failures:
                await vault.clock.settle()
        job = await vault.add(POST)
        feed.wake()

        assert job.id.encode() in await stream.chunk()
