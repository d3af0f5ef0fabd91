"""Changes reach everybody who listens, once, in order; nobody can make the feed grow."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from mediavault.api.errors import HttpRefusal
from mediavault.api.events import EventStream, read_moment
from mediavault.api.feed import AT_ONCE_BYTES, CLOCKS_DIFFER, MAX_WAITING, OVERLAP, Feed, Listener
from mediavault.core.job import Stage
from tests.fakes import START, FakeClock
from tests.unit.api.conftest import POST, House


@pytest.fixture
def feed(house: House) -> Feed:
    """A feed whose looks the test makes itself: with one listener there already, no poller is started."""
    feed = Feed(house.store, house.clock)
    feed._poller = object()  # type: ignore[assignment]
    return feed


async def heard(listener: Listener) -> list[dict[str, Any]]:
    """What waits for the listener, as the events' data."""
    events = []
    while listener._waiting.qsize():
        event = await listener.next()
        assert event is not None
        events.append(json.loads(event.decode().partition("data: ")[2]))
    return events


async def test_a_change_is_heard_once(house: House, feed: Feed) -> None:
    listener = feed.join()
    job = await house.add()

    assert await feed.poll() == 1
    assert await feed.poll() == 0
    assert [event["id"] for event in await heard(listener)] == [job.id]


async def test_progress_is_heard_with_its_bytes(house: House, feed: Feed) -> None:
    await house.add()
    claim = await house.claim()
    listener = feed.join()
    await feed.poll()
    await heard(listener)
    house.clock.advance(1)
    await house.store.progress(claim, stage=Stage.DOWNLOAD, progress_pct=60, bytes_done=5, bytes_total=10)
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
    listener = feed.join()
    await feed.poll()

    assert len(await heard(listener)) == 7


async def test_a_change_that_was_stamped_before_one_already_heard_is_not_lost(house: House, feed: Feed) -> None:
    """Writers stamp before they commit, so a younger stamp may be seen first."""
    listener = feed.join()
    house.clock.advance(1)
    await house.add()
    await feed.poll()
    house.clock.jump(-0.5)
    late = await house.add("https://videos.example/watch/2")
    await feed.poll()

    assert (await heard(listener))[-1]["id"] == late.id


async def test_what_is_remembered_does_not_grow(house: House, feed: Feed) -> None:
    feed.join()
    for number in range(50):
        await house.add(f"https://videos.example/watch/{number}")
        house.clock.advance(1)
        await feed.poll()

    assert len(feed._seen) <= OVERLAP.total_seconds() + 1


async def test_changes_are_heard_though_our_clock_is_ahead_of_the_stores(house: House) -> None:
    ahead = FakeClock()
    ahead.jump(CLOCKS_DIFFER)
    feed = Feed(house.store, ahead)
    await house.add()
    listener = feed.join()
    await feed.poll()

    assert len(await heard(listener)) == 1
    await feed.aclose()


async def test_a_listener_that_lags_too_far_behind_is_dropped(
    house: House, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mediavault.api.feed.MAX_LISTENERS", 2)
    slow, quick = feed.join(), feed.join()
    for number in range(MAX_WAITING + 1):
        feed.removed((await house.add(f"https://videos.example/watch/{number}")).id)
        await quick.next()

    assert slow.is_over
    assert not quick.is_over
    assert await slow.next() is None
    assert not feed.join().is_over  # its place is free again


async def test_changes_that_wait_leave_in_one_piece(house: House) -> None:
    async with house.client.open("/api/events") as stream:
        await stream.chunk()
        jobs = [await house.add(f"https://videos.example/watch/{number}") for number in range(3)]
        house.client.app.state.feed.wake()  # type: ignore[attr-defined]
        told = (await stream.chunk()).decode()

    assert [told.count(job.id) > 0 for job in jobs] == [True] * 3


async def test_what_waits_is_taken_by_and_by_and_ends_with_the_listener() -> None:
    listener = Listener()
    for number in range(3):
        listener.offer(bytes([number]) * AT_ONCE_BYTES)
    pieces = [await listener.next(), listener.more()]
    listener.end()

    assert [piece and piece[:1] for piece in pieces] == [b"\0", b"\1"]
    assert (listener.more(), await listener.next()) == (b"", None)


async def test_too_many_listeners_are_turned_away(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mediavault.api.feed.MAX_LISTENERS", 1)
    feed.join()

    with pytest.raises(HttpRefusal) as refused:
        feed.join()
    assert refused.value.status == 503


async def test_a_closed_feed_ends_every_stream_old_and_new(feed: Feed) -> None:
    old = feed.join()
    feed.close()

    assert await old.next() is None
    assert await feed.join().next() is None


async def test_the_store_is_asked_only_while_somebody_listens(house: House) -> None:
    feed = Feed(house.store, house.clock)
    listener = feed.join()
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


async def test_a_shutdown_ends_the_stream(house: House) -> None:
    feed: Feed = house.client.app.state.feed  # type: ignore[attr-defined]
    async with house.client.open("/api/events") as stream:
        await stream.chunk()
        feed.close()
        assert await stream.chunk() == b""

    assert stream.done.is_set()


async def test_a_silent_stream_shows_that_it_lives(house: House, feed: Feed) -> None:
    listener = feed.join()
    stream = EventStream(feed, listener, [], heartbeat_s=0.001)

    assert await stream._next() == b": still here\n\n"


async def test_a_store_that_fails_does_not_end_the_stream(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    from mediavault.core.errors import StoreError

    failures: list[bool] = []

    async def down(*_: object, **__: object) -> list[object]:
        failures.append(True)
        raise StoreError("away for a moment")

    feed: Feed = house.client.app.state.feed  # type: ignore[attr-defined]
    async with house.client.open("/api/events") as stream:
        await stream.chunk()
        with monkeypatch.context() as patched:
            patched.setattr(house.store, "changed_since", down)
            feed.wake()
            while not failures:
                await house.clock.settle()
        job = await house.add(POST)
        feed.wake()

        assert job.id.encode() in await stream.chunk()
