"""Changes reach everybody who listens, once, in order; nobody can make the feed grow."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import pytest

from mediavault.api.events import EventStream, read_moment
from mediavault.api.feed import AT_ONCE_BYTES, CLOCKS_DIFFER, LATER, MAX_WAITING, OF_ONE, OVERLAP, Feed, FeedListener
from mediavault.auth.authenticator import COOKIE, Authenticator
from mediavault.auth.scopes import Scope
from mediavault.auth.web_sessions import ClientInfo
from mediavault.core.job import Stage
from mediavault.server.errors import HttpRefusal
from tests.asgi_client import Connection
from tests.fakes import START, FakeClock
from tests.http_vault import POST, TOKEN, House, MakeHouse
from tests.patience import patient

WHO = "192.0.2.7"


@pytest.fixture
def feed(house: House) -> Feed:
    """A feed whose looks the test makes itself: with one listener there already, no poller is started."""
    feed = Feed(house.store.catalogue, house.clock)
    feed._poller = object()  # type: ignore[assignment]
    return feed


async def heard(listener: FeedListener) -> list[dict[str, Any]]:
    """What waits for the listener, as the events' data."""
    events = []
    while listener._waiting.qsize():
        event = await listener.next()
        assert event is not None
        events.append(json.loads(event.decode().partition("data: ")[2]))
    return events


async def test_a_change_is_heard_once(house: House, feed: Feed) -> None:
    listener = feed.join(WHO)
    job = await house.add()

    assert await feed.poll() == 1
    assert await feed.poll() == 0
    assert [event["id"] for event in await heard(listener)] == [job.id]


async def test_progress_is_heard_with_its_bytes(house: House, feed: Feed) -> None:
    await house.add()
    claim = await house.claim()
    listener = feed.join(WHO)
    await feed.poll()
    await heard(listener)
    house.clock.advance(1)
    await house.store.queue.progress(claim, stage=Stage.DOWNLOAD, progress_pct=60, bytes_done=5, bytes_total=10)
    await feed.poll()

    (event,) = await heard(listener)
    assert (event["stage"], event["bytes_done"], event["bytes_total"], event["progress_pct"]) == ("download", 5, 10, 60)
    assert event["display"]["state"] == "Downloading"


async def test_more_changes_in_one_instant_than_a_page_holds_are_all_heard(
    house: House, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mediavault.api.feed.PAGE", 2)
    for number in range(7):
        await house.add(f"https://videos.example/watch/{number}")
    listener = feed.join(WHO)
    await feed.poll()

    assert len(await heard(listener)) == 7


async def test_a_change_that_was_stamped_before_one_already_heard_is_not_lost(house: House, feed: Feed) -> None:
    """Writers stamp before they commit, so a younger stamp may be seen first."""
    listener = feed.join(WHO)
    house.clock.advance(1)
    await house.add()
    await feed.poll()
    house.clock.jump(-0.5)
    late = await house.add("https://videos.example/watch/2")
    await feed.poll()

    assert (await heard(listener))[-1]["id"] == late.id


async def test_what_is_remembered_does_not_grow(house: House, feed: Feed) -> None:
    feed.join(WHO)
    for number in range(50):
        await house.add(f"https://videos.example/watch/{number}")
        house.clock.advance(1)
        await feed.poll()

    assert len(feed._seen) <= OVERLAP.total_seconds() + 1


async def test_changes_are_heard_though_our_clock_is_ahead_of_the_stores(house: House) -> None:
    ahead = FakeClock()
    ahead.jump(CLOCKS_DIFFER)
    feed = Feed(house.store.catalogue, ahead)
    await house.add()
    listener = feed.join(WHO)
    await feed.poll()

    assert len(await heard(listener)) == 1
    await feed.aclose()


async def test_a_listener_that_lags_too_far_behind_is_dropped(
    house: House, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mediavault.api.feed.MAX_LISTENERS", 2)
    slow, quick = feed.join(WHO), feed.join(WHO)
    for number in range(MAX_WAITING + 1):
        feed.removed((await house.add(f"https://videos.example/watch/{number}")).id)
        await quick.next()

    assert slow.is_over
    assert not quick.is_over
    assert await slow.next() is None
    assert not feed.join(WHO).is_over  # its place is free again


async def test_changes_that_wait_leave_in_one_piece(house: House) -> None:
    async with house.client.open("/api/events") as stream:
        await stream.chunk()
        jobs = [await house.add(f"https://videos.example/watch/{number}") for number in range(3)]
        house.client.app.state.feed.wake()  # type: ignore[attr-defined]
        told = (await stream.chunk()).decode()

    assert [told.count(job.id) > 0 for job in jobs] == [True] * 3


async def test_what_waits_is_taken_by_and_by_and_ends_with_the_listener() -> None:
    listener = FeedListener()
    for number in range(3):
        listener.offer(bytes([number]) * AT_ONCE_BYTES)
    pieces = [await listener.next(), listener.more()]
    listener.end()

    assert [piece and piece[:1] for piece in pieces] == [b"\0", b"\1"]
    assert (listener.more(), await listener.next()) == (b"", None)


async def test_too_many_listeners_are_turned_away(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mediavault.api.feed.MAX_LISTENERS", 1)
    feed.join(WHO)

    with pytest.raises(HttpRefusal) as refused:
        feed.join(WHO)
    assert refused.value.status == 503


async def test_a_sixth_stream_of_one_ends_the_oldest_with_a_word_when_to_come_back(feed: Feed) -> None:
    """The window that was opened last is the one that is looked at. Nobody else's stream ends for it."""
    other = feed.join("192.0.2.8")
    oldest, *others = [feed.join(WHO) for _ in range(OF_ONE)]
    newest = feed.join(WHO)

    assert await oldest.next() == b"retry: 60000\nevent: later\ndata: {}\n\n"
    assert (oldest.more(), await oldest.next()) == (b"", None)
    assert not any(each.is_over for each in (other, *others, newest))


async def test_who_makes_room_for_oneself_takes_nobodys_place(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mediavault.api.feed.MAX_LISTENERS", OF_ONE)
    for _ in range(OF_ONE):
        feed.join(WHO)

    assert not feed.join(WHO).is_over
    with pytest.raises(HttpRefusal):
        feed.join("192.0.2.8")


async def test_what_an_ended_stream_was_to_be_told_is_not_waited_for(house: House, feed: Feed) -> None:
    """It hears what it missed when it comes back."""
    oldest = feed.join(WHO)
    await house.add()
    await feed.poll()
    for _ in range(OF_ONE):
        feed.join(WHO)

    assert [await oldest.next(), await oldest.next()] == [LATER, None]


async def test_a_closed_feed_ends_every_stream_old_and_new(feed: Feed) -> None:
    old = feed.join(WHO)
    feed.close()

    assert await old.next() is None
    assert await feed.join(WHO).next() is None


async def test_the_store_is_asked_only_while_somebody_listens(house: House) -> None:
    feed = Feed(house.store.catalogue, house.clock)
    listener = feed.join(WHO)
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
def test_an_unreadable_event_id_is_passed_over(texts: tuple[str | None, ...], moment: object) -> None:
    assert read_moment(*texts) == moment


async def test_the_stream_opens_at_once_and_tells_of_new_jobs(house: House) -> None:
    async with house.client.open("/api/events") as stream:
        assert await stream.chunk() == b"retry: 2000\n\n"
        job = await house.add()
        house.client.app.state.feed.wake()  # type: ignore[attr-defined]
        event = (await stream.chunk()).decode()

    assert stream.answer().headers["content-type"].startswith("text/event-stream")
    assert "event: job\n" in event
    assert job.id in event


async def test_what_was_missed_comes_first(house: House) -> None:
    old = await house.add()
    house.clock.advance(timedelta(hours=1))
    async with house.client.open("/api/events", last_event_id=START.isoformat()) as stream:
        await stream.chunk()
        event = (await stream.chunk()).decode()

    assert old.id in event
    assert "id: 2026-11-24T12:00:00Z\n" in event


async def test_a_removed_job_is_told(house: House) -> None:
    job = await house.add()
    async with house.client.open("/api/events") as stream:
        await stream.chunk()
        await house.client.delete(f"/api/jobs/{job.id}")
        told = b""
        while b"event: removed" not in told:
            told = await stream.chunk()

    assert job.id.encode() in told


async def test_a_listener_who_leaves_makes_room_for_another(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mediavault.api.feed.MAX_LISTENERS", 1)
    async with house.client.open("/api/events") as stream:
        await stream.chunk()
        assert (await house.client.get("/api/events")).status == 503

    async with house.client.open("/api/events") as stream:
        assert await stream.chunk() == b"retry: 2000\n\n"


async def streams(house: House, stack: AsyncExitStack, count: int, **headers: str) -> list[Connection]:
    """One after the other."""
    opened = []
    for _ in range(count):
        opened.append(await stack.enter_async_context(house.client.open("/api/events", **headers)))
        assert await opened[-1].chunk() == b"retry: 2000\n\n"
    return opened


async def test_streams_are_counted_for_a_session_a_token_or_an_address(make_house: MakeHouse) -> None:
    """So two who come from one address, a browser and a program, take nothing from each other."""
    house = make_house(token=TOKEN, trusted_proxies=("127.0.0.1",))
    desk: Authenticator = house.client.app.state.desk  # type: ignore[attr-defined]
    program, _ = await desk.tokens.add("program", Scope.READ)
    ids = [await desk.sessions.begin(ClientInfo(), bound_to=TOKEN) for _ in range(2)]
    known = [{"cookie": f"{COOKIE}={each}"} for each in ids]
    known += [{"authorization": f"Bearer {each}"} for each in (TOKEN, program)]
    async with AsyncExitStack() as stack:
        full = [await streams(house, stack, OF_ONE, **each) for each in known]
        assert not any(each.done.is_set() for some in full for each in some)

        for each, some in zip(known, full, strict=True):
            (newest,) = await streams(house, stack, 1, **each)
            assert await some[0].chunk() == LATER
            await asyncio.wait_for(some[0].done.wait(), patient(30))
            assert not any(one.done.is_set() for one in (*some[1:], newest))


async def test_where_nobody_signs_in_streams_are_counted_for_an_address(house: House) -> None:
    async with AsyncExitStack() as stack:
        oldest, *others = await streams(house, stack, OF_ONE + 1)
        assert await oldest.chunk() == LATER
        await asyncio.wait_for(oldest.done.wait(), patient(30))

        assert not any(each.done.is_set() for each in others)


async def test_a_shutdown_ends_the_stream(house: House) -> None:
    feed: Feed = house.client.app.state.feed  # type: ignore[attr-defined]
    async with house.client.open("/api/events") as stream:
        await stream.chunk()
        feed.close()
        assert await stream.chunk() == b""

    assert stream.done.is_set()


async def test_a_silent_stream_shows_that_it_lives(house: House, feed: Feed) -> None:
    listener = feed.join(WHO)
    stream = EventStream(feed, listener, [], heartbeat_s=0.001)

    assert await stream._next() == b": still here\n\n"


async def test_a_store_that_fails_does_not_end_the_stream(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    from mediavault.core.failures import StoreError

    failures: list[bool] = []

    async def down(*_: object, **__: object) -> list[object]:
        failures.append(True)
        raise StoreError("away for a moment")

    feed: Feed = house.client.app.state.feed  # type: ignore[attr-defined]
    async with house.client.open("/api/events") as stream:
        await stream.chunk()
        with monkeypatch.context() as patched:
            patched.setattr(house.store.catalogue, "changed_since", down)
            feed.wake()
            while not failures:
                await house.clock.settle()
        job = await house.add(POST)
        feed.wake()

        assert job.id.encode() in await stream.chunk()
