"""The call to a media server after a batch of saved videos, over real connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from mediavault.app.clients import open_media_server
from mediavault.app.doctor.bundle import shown_settings
from mediavault.app.doctor.runner import Context
from mediavault.app.doctor.vault import media_server
from mediavault.app.storage import open_store
from mediavault.core.failures import BadSetting, StoreError
from mediavault.core.job import JobStatus, WorkerId
from mediavault.core.settings import MediaServer, Settings
from mediavault.features.media_servers.background import MediaServerRefresh
from mediavault.features.media_servers.records import HELD_FOR, last_call, note_saved, take_due
from mediavault.presentation.doctor_report import Check
from mediavault.worker.hooks import Hooks
from tests.fakes import FakeClock
from tests.memory_store import MemoryJobStore
from tests.stubs import make_context, new_job, worked

LEASE = timedelta(seconds=90)
TOKEN = "0123456789abcdef-token"


class StubServer:
    """A media server that answers each request with the next of ``statuses``,
    the last one again and again.
    """

    def __init__(self, *statuses: int) -> None:
        self._statuses = list(statuses) or [204]
        self.asked: list[str] = []
        self.heads: list[str] = []
        self.url = ""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[StubServer]:
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        async with server:
            self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            yield self

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.heads.append(head)
        self.asked.append(" ".join(head.split()[:2]))
        status = self._statuses.pop(0) if len(self._statuses) > 1 else self._statuses[0]
        extra = "Location: /elsewhere\r\n" if 300 <= status < 400 else ""
        writer.write(
            f"HTTP/1.1 {status} X\r\n{extra}Content-Length: 0\r\nConnection: close\r\n\r\n".encode()
        )
        await writer.drain()
        writer.close()


def settings_of(
    tmp_path: Path, url: str, kind: MediaServer = MediaServer.JELLYFIN, **more: Any
) -> Settings:
    options = {
        "state_dir": tmp_path,
        "download_dir": tmp_path / "library",
        "media_server_token": TOKEN,
        **more,
    }
    return Settings(media_server=kind, media_server_url=url, **options)


@asynccontextmanager
async def refreshing(
    tmp_path: Path, url: str, clock: FakeClock
) -> AsyncIterator[tuple[MediaServerRefresh, MemoryJobStore]]:
    store = MemoryJobStore(clock)
    async with open_media_server(settings_of(tmp_path, url)) as connection:
        assert connection is not None
        yield MediaServerRefresh(connection, store.records, clock), store


@pytest.mark.parametrize(
    ("kind", "asked", "header"),
    [
        (
            MediaServer.JELLYFIN,
            "POST /Library/Refresh",
            f'authorization: MediaBrowser Token="{TOKEN}"',
        ),
        (MediaServer.EMBY, "POST /Library/Refresh", f"x-emby-token: {TOKEN}"),
        (MediaServer.PLEX, "GET /library/sections/all/refresh", f"x-plex-token: {TOKEN}"),
    ],
)
async def test_each_server_is_asked_in_its_own_way(
    tmp_path: Path, kind: MediaServer, asked: str, header: str
) -> None:
    async with (
        StubServer(204).running() as server,
        open_media_server(settings_of(tmp_path, f"{server.url}/", kind)) as connection,
    ):
        assert connection is not None
        assert await connection.refresh() is None

    assert server.asked == [asked]
    assert header.lower() in server.heads[0].lower()


async def test_one_call_is_made_a_minute_after_the_last_saved_video(tmp_path: Path) -> None:
    clock = FakeClock()
    async with (
        StubServer().running() as server,
        refreshing(tmp_path, server.url, clock) as (refresh, store),
    ):
        calls = []
        for _ in range(5):
            await refresh.saved()
            clock.advance(50)
            await refresh.call_if_due()
            calls.append(len(server.asked))
        clock.advance(10)
        await refresh.call_if_due()
        calls.append(len(server.asked))
        clock.advance(3600)
        await refresh.call_if_due()

    assert calls == [0, 0, 0, 0, 0, 1]
    assert len(server.asked) == 1
    last = await last_call(store.records)
    assert last is not None
    assert last.error is None


async def test_of_several_workers_one_makes_the_call(tmp_path: Path) -> None:
    clock = FakeClock()
    async with (
        StubServer().running() as server,
        refreshing(tmp_path, server.url, clock) as (refresh, store),
        open_media_server(settings_of(tmp_path, server.url)) as second,
    ):
        assert second is not None
        other = MediaServerRefresh(second, store.records, clock)
        await refresh.saved()
        clock.advance(60)
        await asyncio.gather(refresh.call_if_due(), other.call_if_due())

    assert len(server.asked) == 1


async def test_a_call_whose_worker_dies_is_made_by_another_one_later(tmp_path: Path) -> None:
    clock = FakeClock()
    async with (
        StubServer().running() as server,
        refreshing(tmp_path, server.url, clock) as (refresh, store),
    ):
        await refresh.saved()
        clock.advance(60)
        dying = await take_due(store.records, clock)
        assert dying is not None
        await refresh.call_if_due()
        assert server.asked == []

        clock.advance(HELD_FOR)
        await refresh.call_if_due()
        clock.advance(3600)
        await refresh.call_if_due()
        assert len(server.asked) == 1


async def test_a_failed_call_is_logged_and_made_again_a_few_times(tmp_path: Path) -> None:
    clock = FakeClock()
    async with (
        StubServer(500).running() as server,
        refreshing(tmp_path, server.url, clock) as (refresh, store),
    ):
        with capture_logs() as events:
            await refresh.saved()
            for _ in range(200):
                clock.advance(600)
                await refresh.call_if_due()
        last = await last_call(store.records)

    assert len(server.asked) == 4
    assert [event["event"] for event in events] == ["media_server_refresh_failed"] * 4
    assert last is not None
    assert last.error == "The server answered with HTTP 500."
    assert TOKEN not in repr(events)


async def test_a_video_saved_during_a_failing_call_is_told_in_its_own_time(tmp_path: Path) -> None:
    clock = FakeClock()
    async with (
        StubServer(500, 204).running() as server,
        refreshing(tmp_path, server.url, clock) as (refresh, store),
    ):
        send = refresh._connection.refresh

        async def meanwhile() -> str | None:
            error = await send()
            await note_saved(store.records, clock)
            return error

        refresh._connection.refresh = meanwhile  # type: ignore[method-assign]
        await refresh.saved()
        clock.advance(60)
        await refresh.call_if_due()
        clock.advance(60)
        await refresh.call_if_due()

    assert len(server.asked) == 2


async def doctor_check(settings: Settings) -> Check:
    found = await media_server(Context(settings))
    assert isinstance(found, Check)
    return found


@pytest.mark.parametrize("status", [301, 401, 403, 404, 500])
async def test_what_the_server_says_is_reported_without_the_token(
    tmp_path: Path, status: int
) -> None:
    """A redirect is not followed: the token goes to the host of the settings only."""
    async with StubServer(status).running() as server:
        check = await doctor_check(settings_of(tmp_path, server.url))

    assert check.verdict == "warning"
    assert str(status) in check.detail
    assert TOKEN not in repr(check)
    assert server.asked == ["GET /System/Info"]


async def test_doctor_reports_a_sound_server_and_a_failed_last_call(tmp_path: Path) -> None:
    async with StubServer(200).running() as server:
        settings = settings_of(tmp_path, server.url)
        sound = await doctor_check(settings)
        async with open_store(settings) as store, open_media_server(settings) as connection:
            assert connection is not None
            clock = FakeClock()
            refresh = MediaServerRefresh(connection, store.records, clock)
            server._statuses = [503]
            await refresh.saved()
            clock.advance(60)
            await refresh.call_if_due()
        server._statuses = [200]
        failed = await doctor_check(settings)

    assert (sound.verdict, failed.verdict) == ("ok", "warning")
    assert "503" in failed.detail


async def test_an_unreachable_server_is_a_warning(tmp_path: Path) -> None:
    async with StubServer().running() as server:
        pass

    check = await doctor_check(settings_of(tmp_path, server.url))
    assert check.verdict == "warning"


async def test_only_the_server_of_the_settings_is_reached(tmp_path: Path) -> None:
    async with (
        StubServer().running() as server,
        StubServer().running() as other,
        open_media_server(settings_of(tmp_path, server.url)) as connection,
    ):
        assert connection is not None
        connection._url = other.url
        assert await connection.refresh() is not None

    assert other.asked == []


async def test_a_store_that_is_away_fails_no_job(tmp_path: Path) -> None:
    clock = FakeClock(auto=True)
    async with (
        StubServer().running() as server,
        refreshing(tmp_path, server.url, clock) as (refresh, store),
    ):
        put = store.records.put

        async def away(*args: Any, **options: Any) -> None:
            raise StoreError("The database is away.")

        store.records.put = away  # type: ignore[method-assign]
        await store.queue.enqueue([new_job(clock=clock)])
        (claim,) = await store.queue.claim(WorkerId("w"), limit=1, lease=LEASE)
        with capture_logs() as events:
            job = await worked(
                claim,
                replace(make_context(store, clock, tmp_path), hooks=Hooks(on_saved=refresh.saved)),
            )
        store.records.put = put  # type: ignore[method-assign]

    assert job.status is JobStatus.COMPLETED
    assert "media_server_call_not_recorded" in [event["event"] for event in events]


async def test_a_saved_video_is_noted_for_the_call(tmp_path: Path) -> None:
    clock = FakeClock(auto=True)
    async with (
        StubServer().running() as server,
        refreshing(tmp_path, server.url, clock) as (refresh, store),
    ):
        await store.queue.enqueue([new_job(clock=clock)])
        (claim,) = await store.queue.claim(WorkerId("w"), limit=1, lease=LEASE)
        await worked(
            claim,
            replace(make_context(store, clock, tmp_path), hooks=Hooks(on_saved=refresh.saved)),
        )
        clock.advance(60)
        await refresh.call_if_due()

    assert len(server.asked) == 1


@pytest.mark.parametrize("missing", ["media_server", "media_server_url", "media_server_token"])
async def test_a_server_without_a_part_is_refused_by_name(tmp_path: Path, missing: str) -> None:
    settings = settings_of(tmp_path, "http://nas.lan:8096").model_copy(update={missing: None})

    with pytest.raises(BadSetting, match=f"MEDIAVAULT_{missing.upper()}"):
        await media_server(Context(settings))


async def test_without_a_server_nothing_is_opened(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path, download_dir=tmp_path)
    async with open_media_server(settings) as connection:
        assert connection is None
    assert await media_server(Context(settings)) is None


def test_a_bundle_has_neither_address_nor_token(tmp_path: Path) -> None:
    shown = shown_settings(settings_of(tmp_path, "http://nas.lan:8096"))

    assert (shown["media_server"], shown["media_server_url"], shown["media_server_token"]) == (
        "jellyfin",
        "(set)",
        "(set)",
    )
    assert TOKEN not in repr(settings_of(tmp_path, "http://nas.lan:8096"))


@pytest.mark.parametrize(
    "url",
    [
        "nas.lan:8096",
        "ftp://nas.lan",
        "http://u:p@nas.lan",
        "http://nas.lan/?token=x",
        "http:// nas",
    ],
)
def test_an_address_that_is_none_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(ValueError, match="address"):
        settings_of(tmp_path, url)
