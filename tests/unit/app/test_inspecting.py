"""``inspect``: a post is looked at with a worker's tools, and nothing of that is kept."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from mediavault.app.one_shot import Inspection, inspect_url
from mediavault.app.storage import is_new
from mediavault.core.failures import LoginRequired, StoreError
from mediavault.core.media import Extraction
from mediavault.core.records import RecordKind
from mediavault.core.settings import Settings
from mediavault.worker.context import WorkerContext
from mediavault.worker.stages.route import Route
from tests.stubs import POST_URL, extraction


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(state_dir=tmp_path / "state", download_dir=tmp_path / "library", port=0)


def temporary_folders(settings: Settings) -> list[Path]:
    return list(settings.state_dir.glob("temporary-*"))


@pytest.mark.parametrize(
    ("failure", "ends_with"),
    [
        (None, Inspection),
        (LoginRequired("A sign-in is needed."), Inspection),
        (ZeroDivisionError(), ZeroDivisionError),
        (asyncio.CancelledError(), asyncio.CancelledError),
    ],
    ids=["found", "failed", "error", "cancelled"],
)
async def test_inspecting_leaves_no_temporary_folder_behind(
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    failure: BaseException | None,
    ends_with: type[object],
) -> None:
    """However it ends. Meanwhile the tools have a store that works, and that is not the vault's."""

    async def ask_extractors(route: Route, context: WorkerContext) -> Extraction:
        assert len(temporary_folders(settings)) == 1
        await context.store.records.put(RecordKind.PAUSE, "a-site", {})
        if failure is not None:
            raise failure
        return extraction()

    monkeypatch.setattr("mediavault.worker.stages.extract.ask_extractors", ask_extractors)
    inspecting = asyncio.create_task(inspect_url(settings, POST_URL))
    (ended,) = await asyncio.gather(inspecting, return_exceptions=True)

    assert isinstance(ended, ends_with), repr(ended)
    assert temporary_folders(settings) == []
    assert is_new(settings)


async def test_a_state_folder_that_cannot_be_written_is_an_error_of_the_store(
    settings: Settings,
) -> None:
    settings.state_dir.write_bytes(b"a file")

    with pytest.raises(StoreError, match="cannot be written"):
        await inspect_url(settings, POST_URL)
