"""What a worker does before its first job."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import structlog

from mediavault.app.composition import open_app
from mediavault.app.storage import open_store
from mediavault.core.clock import SystemClock
from mediavault.core.failures import StorageFailure, StoreError
from mediavault.core.records import RecordKind
from mediavault.core.settings import Settings
from mediavault.features.following.background.checks import ROUNDS_AT_ONCE, Follower
from mediavault.store.patience import DatabaseWait
from tests.patience import patient


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(state_dir=tmp_path / "state", download_dir=tmp_path / "library", port=0)


async def test_a_worker_starts_although_an_interrupted_move_cannot_be_finished(
    settings: Settings,
) -> None:
    """It is tried again when the next one starts."""
    settings.download_dir.mkdir(parents=True)
    (settings.download_dir / "taken").write_bytes(b"a file where the folder should be")
    (settings.download_dir / "a.jpg").write_bytes(b"a picture")
    async with open_store(settings) as store:
        move = {"companions": {"a.jpg": "taken/a.jpg"}, "videos": {}}
        await store.records.put(RecordKind.ARRANGING, "a-job", move)

    with structlog.testing.capture_logs() as lines:
        async with open_app(settings, worker=True) as app:
            assert app.working is not None
            assert not app.working.done()
            assert await app.store.records.get(RecordKind.ARRANGING, "a-job") is not None
    assert "moves_not_finished" in [line["event"] for line in lines]


async def test_a_vault_starts_without_its_library_and_uses_it_once_it_is_there(
    settings: Settings,
) -> None:
    """The disk may come later than the vault. Until then links are accepted,
    and nothing is claimed.
    """
    async with open_store(settings) as store:
        move = {"companions": {"a.jpg": "new/a.jpg"}, "videos": {}}
        await store.records.put(RecordKind.ARRANGING, "a-job", move)
    settings.download_dir.write_bytes(b"in the way")
    async with open_app(settings, worker=True, patience=DatabaseWait(SystemClock())) as app:
        problem = app.library_watch.problem
        await app.store.queue.enqueue([app.submit("https://example.com/watch/1")])
        settings.download_dir.unlink()
        async with asyncio.timeout(patient(30)):
            while app.library_watch.problem is not None:
                await asyncio.sleep(0.05)
        marked = await app.library.identity()
        agreed = await app.store.records.constants()
        interrupted_move = await app.store.records.get(RecordKind.ARRANGING, "a-job")

    assert problem is not None
    assert str(settings.download_dir) in problem.message
    assert agreed["library"] == marked
    assert interrupted_move is None, "it was finished"


async def test_a_command_that_saves_a_post_at_once_says_that_the_library_is_not_there(
    settings: Settings,
) -> None:
    settings.download_dir.write_bytes(b"in the way")

    with pytest.raises(StorageFailure):
        async with open_app(settings, worker=True):
            pass


async def test_a_command_does_not_create_a_second_database_beside_a_library_that_has_one(
    settings: Settings,
) -> None:
    """The state folder was removed, or its disk is not mounted:
    what the second database accepts, no vault saves.
    """
    async with open_app(settings):
        pass
    settings.state_dir.rename(settings.state_dir.with_name("elsewhere"))

    with pytest.raises(StoreError, match="is missing, but the library at") as refused:
        async with open_store(settings):
            pass
    assert not settings.state_dir.exists()
    assert "mediavault rebuild" in refused.value.help
    async with open_store(settings, may_replace=True) as store:
        assert sum((await store.catalogue.report()).counts.values()) == 0


async def test_a_slow_look_at_a_source_does_not_hold_up_the_next_round(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, all_began = 0, asyncio.Event()

    async def never_ends(_: Follower) -> None:
        nonlocal began
        began += 1
        if began == ROUNDS_AT_ONCE:
            all_began.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(Follower, "round", never_ends)
    async with open_app(settings, worker=True):
        await asyncio.wait_for(all_began.wait(), patient(10))
    assert ROUNDS_AT_ONCE > 1
