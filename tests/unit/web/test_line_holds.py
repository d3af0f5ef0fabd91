"""What quiet hours and the volume of the day hold back says until when it waits,
on pages and in the API.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta

import pytest

from mediavault.core.clock import local
from mediavault.core.records import RecordKind
from mediavault.store.holds import day_of
from mediavault.store.live_settings import CHECK_AGAIN_S
from tests.http_vault import ApiVault

POST = "https://videos.example/post"


@pytest.fixture(autouse=True)
def in_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


async def begin_quiet_hours(vault: ApiVault) -> str:
    """Make it quiet for two hours; return when they end, as pages have it."""
    hour = local(vault.services.clock.now()).replace(minute=0, second=0, microsecond=0)
    end = hour + timedelta(hours=2)
    await vault.services.live.change("quiet_hours", f"{hour:%H:%M}-{end:%H:%M}", by="owner")
    return end.isoformat()


async def test_a_job_that_quiet_hours_hold_back_says_until_when(vault: ApiVault) -> None:
    end = await begin_quiet_hours(vault)
    job = (await vault.client.post("/api/jobs", {"post_url": POST})).json()
    shown = (await vault.client.get(f"/api/jobs/{job['id']}")).json()
    listed = (await vault.client.get("/api/jobs")).json()["jobs"][0]
    queue = (await vault.client.get("/api/queue")).json()
    page = (await vault.client.get(f"/jobs/{job['id']}")).text
    home = (await vault.client.get("/")).text

    assert (
        shown["hold"]["why"] == listed["hold"]["why"] == queue["holds"][0]["why"] == "quiet_hours"
    )
    assert shown["hold"]["until"] == end.replace("+00:00", "Z")
    assert "Quiet hours · waiting until <time" in page
    assert f'datetime="{end}"' in page
    assert home.count(f'datetime="{end}"') >= 3  # the line, the notice and the row
    assert "Running downloads continue, and posts that you move to the front start anyway." in home


async def test_a_job_that_is_now_first_is_not_held_back(vault: ApiVault) -> None:
    await begin_quiet_hours(vault)
    job = (await vault.client.post("/api/jobs", {"post_url": POST, "priority": "now"})).json()

    assert (await vault.client.get(f"/api/jobs/{job['id']}")).json()["hold"] is None


async def test_a_used_up_volume_says_so_and_the_queue_can_still_be_paused(vault: ApiVault) -> None:
    now = vault.services.clock.now()
    await vault.services.live.change("daily_volume_gb", 1, by="owner")
    await vault.store.records.put(RecordKind.VOLUME, f"{day_of(now)}/w-1", {"bytes": 10**9})
    await vault.client.post("/api/jobs", {"post_url": POST})
    home = (await vault.client.get("/")).text

    assert "The daily volume is used up." in home
    assert 'action="/queue/pause"' in home
    assert 'action="/queue/resume"' not in home


async def test_a_pause_is_named_before_quiet_hours(vault: ApiVault) -> None:
    await begin_quiet_hours(vault)
    job = (await vault.client.post("/api/jobs", {"post_url": POST})).json()
    await vault.client.post("/api/queue/pause", {})

    assert (await vault.client.get(f"/api/jobs/{job['id']}")).json()["hold"]["why"] == "paused"


async def test_the_home_page_says_that_downloads_are_limited(vault: ApiVault) -> None:
    before = (await vault.client.get("/")).text
    await vault.client.post("/api/jobs", {"post_url": POST})
    await vault.services.live.change("bandwidth", "2 MB/s", by="owner")
    vault.clock.advance(CHECK_AGAIN_S)

    assert "at most" not in before
    assert "at most 2 MB/s" in (await vault.client.get("/")).text
