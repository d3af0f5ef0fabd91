"""Every page works, whatever a sidecar or an old row contains."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediavault.api.feed import Feed
from mediavault.core.clock import EARLIEST, LATEST
from mediavault.core.job import Job
from mediavault.core.media import Account, SavedFile
from mediavault.library.local_library import LocalLibrary
from mediavault.library.sidecars import BadSidecar, read_sidecar, write_sidecar
from mediavault.maintenance.rebuilding import stored_job
from mediavault.maintenance.verifying import Verification
from mediavault.store.port import StoredJob
from mediavault.store.sqlite.store import SqliteJobStore
from mediavault.web.app import create_app
from tests.asgi_client import AsgiClient
from tests.fakes import START
from tests.http_vault import ApiVault, build_vault
from tests.patience import patient

PATH = "jane/A film [1].info.json"
OWN_LIMITS = (
    datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),
    datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))),
)
ADDRESSES = (
    "/",
    "/library",
    "/library?q=film",
    "/library?order=longest",
    "/accounts",
    "/platforms",
    "/api/jobs",
    "/api/jobs?q=film",
    "/api/jobs?order=oldest",
    "/api/jobs?order=largest",
    "/api/jobs?status=completed&since=2026-01-01T00:00:00Z",
    "/api/totals",
    "/api/accounts",
    "/metrics",
    "/library/export?format=csv",
    "/library/export?format=jsonl",
    "/library/zip?sidecars=on",
)
OF_A_JOB = ("/jobs/{}", "/jobs/{}/log", "/api/jobs/{}", "/api/jobs/{}/history", "/files/{}/video")


def sidecar_of_a_film() -> dict[str, Any]:
    """As mediavault writes it."""
    job = Job(
        id="0199d0a0-0000-7000-8000-000000000001",  # type: ignore[arg-type]
        trace_id="0" * 32,
        post_url="https://videos.example/watch/1",
        canonical_url="https://videos.example/watch/1",
        platform="generic",
        status="completed",  # type: ignore[arg-type]
        created_at=START,
        updated_at=START,
        attempt_count=1,
        account=Account("generic", "jane", "Jane", "jane"),
        metadata={
            "title": "A film",
            "text": "Of a river",
            "published_at": START.isoformat(),
            "post_id": "1",
        },
    )
    file = SavedFile("jane/A film [1].mp4", "jane/A film [1].jpg", 1_000, "ab" * 32, 4.0, 320, 180)
    items = sidecar_items(file)
    return write_sidecar(job, None, items, 0, file, saved_at=START)


def sidecar_items(file: SavedFile) -> Any:
    from mediavault.core.job import ItemStatus, JobItem
    from mediavault.core.media import Item

    return (JobItem(Item(media_id="1"), ItemStatus.SAVED, file),)


def film() -> StoredJob:
    return stored_job([read_sidecar(sidecar_of_a_film(), PATH)])


class SqliteVault:
    """The API over a SQLite store, in a folder that is removed when the block ends."""

    async def __aenter__(self) -> SqliteVault:
        self._folder = tempfile.TemporaryDirectory()
        root = Path(self._folder.name)
        (root / "downloads").mkdir()
        vault = build_vault(root)
        self.store = SqliteJobStore(root / "vault.db", clock=vault.clock)
        await self.store.open()
        self.library = LocalLibrary(root / "downloads")
        self.app = create_app(replace(vault.services, store=self.store))
        self.client = AsgiClient(self.app)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.app.state.feed.aclose()
        await self.store.close()
        self._folder.cleanup()

    async def statuses(self, *job_ids: str) -> dict[str, int]:
        addresses = [*ADDRESSES, *(form.format(job_id) for job_id in job_ids for form in OF_A_JOB)]
        return {
            path: (await self.client.get(path, accept="text/html")).status for path in addresses
        }

    async def crashes(self, *job_ids: str) -> dict[str, int]:
        return {
            path: status
            for path, status in (await self.statuses(*job_ids)).items()
            if status >= 500
        }

    async def verify(self) -> int:
        """Verify all jobs, and return how many there are."""
        verification = Verification(self.store, self.library, read_data=True)
        async for _ in verification.run():
            pass
        return verification.done.jobs


# --- sidecars -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "moment",
    [
        "9999-12-31T23:59:59+00:00",
        "0001-01-01T00:00:00+14:00",
        "0001-01-01T00:00:00-14:00",
        "1969-12-31T23:59:59+00:00",
        "2200-01-01T00:00:01+00:00",
    ],
)
@pytest.mark.parametrize("name", ["created_at", "saved_at"])
def test_a_sidecar_with_an_impossible_time_is_refused(name: str, moment: str) -> None:
    with pytest.raises(BadSidecar, match=name):
        read_sidecar({**sidecar_of_a_film(), name: moment}, PATH)


@pytest.mark.parametrize(
    ("field", "number"),
    [
        ("version", 1 << 31),
        ("attempt", 1 << 31),
        ("video.bytes", 1 << 61),
        ("video.width", 1 << 31),
        ("video.height", 1 << 63),
        ("video.duration_s", float("nan")),
        ("video.duration_s", float("inf")),
        ("video.duration_s", -1),
    ],
)
def test_a_number_that_no_database_could_add_up_is_refused(field: str, number: float) -> None:
    value = sidecar_of_a_film()
    _put(value, field, number)

    with pytest.raises(BadSidecar):
        read_sidecar(value, PATH)


_TEXTS = st.one_of(
    st.sampled_from(
        [
            "",
            "\0",
            "\ud800",
            "http://[",
            "https://a/\n",
            "javascript:alert(1)",
            "http://x:99999/",
            "//",
            "a" * 5_000,
        ]
    ),
    st.sampled_from([moment.isoformat() for moment in (*OWN_LIMITS, EARLIEST, LATEST, START)]),
    st.sampled_from(
        [
            "2026-11-24",
            "2026-11-24T12:00:00",
            "9999-12-31",
            "0001-01-01T00:00:00+23:59",
            "generic",
            "youtube",
        ]
    ),
    st.text(max_size=20),
)
_NUMBERS = st.one_of(
    st.sampled_from([0, -1, 1, 2**31, 2**53, 2**62 - 1, 2**63, 2**64, 10**400, 1e308]),
    st.sampled_from([float("nan"), float("inf"), float("-inf"), 1e9 - 1, 0.1]),
    st.integers(),
)
_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), _NUMBERS, _TEXTS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(_TEXTS, inner, max_size=3)
    ),
    max_leaves=5,
)


def _fields(value: dict[str, Any], before: str = "") -> Sequence[str]:
    """Return the names of all fields, the nested ones as ``outer.inner``."""
    names = []
    for name, inner in value.items():
        names.append(before + name)
        names += _fields(inner, f"{before}{name}.") if isinstance(inner, dict) else []
    return names


def _put(value: dict[str, Any], field: str, replacement: Any) -> None:
    *outer, last = field.split(".")
    for name in outer:
        value = value[name] if isinstance(value.get(name), dict) else {}
    value[last] = replacement


_CHANGES = st.dictionaries(
    st.sampled_from(_fields(sidecar_of_a_film())), st.one_of(_TEXTS, _NUMBERS, _JSON), max_size=4
)


@settings(max_examples=8)
@given(changes=st.lists(_CHANGES, min_size=1, max_size=12))
def test_every_page_works_whatever_sidecars_contain(changes: list[dict[str, Any]]) -> None:
    async def crashes() -> dict[str, int]:
        async with SqliteVault() as vault:
            ids = []
            for number, changed in enumerate(changes):
                value = deepcopy(sidecar_of_a_film())
                value["job_id"] = f"0199d0a0-0000-7000-8000-{number:012}"
                value["canonical_url"] = f"https://videos.example/watch/{number}"
                for field, replacement in changed.items():
                    _put(value, field, replacement)
                try:
                    job = stored_job([read_sidecar(value, PATH)])
                except BadSidecar:
                    continue
                await vault.store.catalogue.import_jobs([job])
                ids.append(job.job.id)
            await vault.verify()
            return await vault.crashes(*ids)

    assert asyncio.run(crashes()) == {}


# --- existing rows --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "moment", [*OWN_LIMITS, datetime(2_100, 1, 1, tzinfo=UTC), datetime(1960, 1, 1, tzinfo=UTC)]
)
async def test_a_row_with_an_impossible_time_breaks_no_page(moment: datetime) -> None:
    job = replace(film().job, created_at=moment, updated_at=moment, completed_at=moment)
    async with SqliteVault() as vault:
        await vault.store.catalogue.import_jobs([StoredJob(job, film().history)])

        assert await vault.crashes(job.id) == {}
        assert await vault.verify() == 1
        matches = (await vault.client.get("/api/jobs?q=film")).json()["jobs"]
        assert [match["id"] for match in matches] == [job.id]


@pytest.mark.parametrize("order", ["newest", "oldest"])
@pytest.mark.parametrize("moment", OWN_LIMITS)
async def test_paging_over_rows_with_impossible_times_ends(moment: datetime, order: str) -> None:
    async with SqliteVault() as vault:
        for number in range(5):
            job = replace(
                film().job,
                id=f"0199d0a0-0000-7000-8000-{number:012}",  # type: ignore[arg-type]
                canonical_url=f"https://videos.example/watch/{number}",
                created_at=moment if number else START,
            )
            await vault.store.catalogue.import_jobs([StoredJob(job, ())])
        cursor, pages = "", 0
        while cursor is not None and pages < 10:
            page = (
                await vault.client.get(f"/api/jobs?limit=2&order={order}&cursor={cursor}")
            ).json()
            cursor, pages = page["next_cursor"], pages + 1

    assert pages < 10


async def test_a_row_from_the_future_does_not_stop_live_changes(vault: ApiVault) -> None:
    """The feed goes by the latest change that it has seen."""
    future = LATEST - timedelta(days=1)
    await vault.store.catalogue.import_jobs([StoredJob(replace(film().job, updated_at=future), ())])
    feed = Feed(vault.store.catalogue, vault.clock)
    feed._poller = object()  # type: ignore[assignment]
    listener = feed.join("192.0.2.7")
    await feed.poll()
    await listener.next()
    vault.clock.advance(60)
    job = await vault.add("https://videos.example/watch/2")
    await feed.poll()

    assert job.id.encode() in (await asyncio.wait_for(listener.next(), patient(30)) or b"")
