"""The doctor's page, and yt-dlp's upgrade from it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import cast

from mediavault.core.messages import Message
from mediavault.core.settings import UpgradeSchedule
from mediavault.extraction.port import UpgradeRecord
from mediavault.presentation.doctor_report import (
    CACHE_S,
    JOBS,
    LIBRARY,
    MACHINE,
    SITES,
    Check,
    Doctor,
    DoctorVerdict,
)
from tests.fakes import FakeClock
from tests.http_vault import ApiVault, MakeVault, StubYtdlp

CHECKS = [
    Check(
        "PostgreSQL durability", DoctorVerdict.OK, "what is committed is on the disk", group=JOBS
    ),
    Check("Library", DoctorVerdict.BROKEN, "<b>/mnt</b> is away", "Mount it.", group=LIBRARY),
    Check(
        "yt-dlp",
        DoctorVerdict.WARNING,
        "100 days old",
        "Run `mediavault doctor --upgrade-ytdlp`.",
        group=SITES,
    ),
    Check("Python", DoctorVerdict.OK, "3.13 on Linux", group=MACHINE),
]


class Examiner:
    def __init__(self) -> None:
        self.runs = 0

    async def __call__(self) -> Sequence[Check]:
        self.runs += 1
        await asyncio.sleep(0)
        return CHECKS


async def test_opening_the_page_runs_no_checks(make_vault: MakeVault) -> None:
    vault = make_vault(checks=CHECKS)
    page = await vault.client.get("/doctor")

    assert page.status == 200
    assert "Not checked yet" in page.text
    assert vault.services.doctor.last is None


async def test_results_are_grouped_by_topic_and_shown_with_their_help(
    make_vault: MakeVault,
) -> None:
    vault = make_vault(checks=CHECKS)
    answer = await vault.client.submit("/doctor")
    page = await vault.client.get("/doctor")

    assert (answer.status, answer.headers["location"]) == (303, "/doctor")
    assert [heading for heading, _ in (await vault.services.doctor.run()).groups] == [
        MACHINE,
        LIBRARY,
        SITES,
        JOBS,
    ]
    for words in (
        "2 OK",
        "1 failed",
        "Mount it.",
        "&lt;b&gt;/mnt&lt;/b&gt; is away",
        "Jobs and workers",
    ):
        assert words in page.text


async def test_requests_within_a_minute_share_one_report() -> None:
    clock, examine = FakeClock(), Examiner()
    doctor = Doctor(examine, clock)
    first, second = await asyncio.gather(doctor.run(), doctor.run())
    clock.advance(CACHE_S)
    third = await doctor.run()

    assert examine.runs == 2
    assert first is second
    assert third is not first


async def test_results_are_shown_in_the_readers_language(make_vault: MakeVault) -> None:
    vault = make_vault(checks=CHECKS)
    await vault.client.submit("/doctor")
    page = (await vault.client.get("/doctor", accept_language="de")).text

    assert "was bestätigt ist, steht auf dem Datenträger" in page
    assert "&lt;b&gt;/mnt&lt;/b&gt; is away" in page


def set_ytdlp(vault: ApiVault, **facts: object) -> StubYtdlp:
    stub = cast("StubYtdlp", vault.services.ytdlp)
    stub.now = replace(stub.now, **facts)  # type: ignore[arg-type]
    return stub


async def test_ytdlp_is_shown_with_its_age_and_upgraded_on_request(vault: ApiVault) -> None:
    stub = set_ytdlp(vault, age_days=90)
    page = await vault.client.get("/doctor")
    answer = await vault.client.submit("/doctor/ytdlp")

    for words in ("2026.11.20", "90 days", "came with mediavault", "old", "Upgrade"):
        assert words in page.text
    assert (answer.status, stub.started) == (303, 1)


async def test_during_an_upgrade_the_page_polls_for_its_result(vault: ApiVault) -> None:
    set_ytdlp(vault, is_upgrading=True)
    under_way = await vault.client.get("/doctor/ytdlp")
    set_ytdlp(
        vault,
        is_upgrading=False,
        record=UpgradeRecord(vault.clock.now(), "2026.10.1", "2026.11.20"),
    )
    done = await vault.client.get("/doctor/ytdlp")

    assert 'hx-get="/doctor/ytdlp"' in under_way.text
    assert "<form" not in under_way.text
    assert "Upgraded from 2026.10.1 to 2026.11.20." in done.text
    assert "hx-get" not in done.text
    assert "<html" not in done.text


async def test_a_failed_upgrade_says_why_and_what_helps(vault: ApiVault) -> None:
    error, help_ = Message("<i>No</i> connection."), Message("Try again.")
    set_ytdlp(vault, record=UpgradeRecord(vault.clock.now(), error=error, help=help_))

    assert (
        "&lt;i&gt;No&lt;/i&gt; connection.</bdi></strong> <bdi>Try again.</bdi>"
        in (await vault.client.get("/doctor")).text
    )


async def test_no_upgrade_is_offered_where_it_cannot_work(vault: ApiVault) -> None:
    set_ytdlp(
        vault,
        version=None,
        age_days=None,
        obstacle="Neither pip nor uv is available to install yt-dlp.",
    )
    page = await vault.client.get("/doctor")

    assert "Neither pip nor uv is available" in page.text
    assert 'action="/doctor/ytdlp"' not in page.text


async def test_going_back_to_the_former_version_is_offered_where_there_is_one(
    vault: ApiVault,
) -> None:
    without = await vault.client.get("/doctor")
    stub = set_ytdlp(vault, former="2026.10.1")
    page = await vault.client.get("/doctor")
    answer = await vault.client.submit("/doctor/ytdlp/former")

    assert "Go back to" not in without.text
    assert "Go back to 2026.10.1" in page.text
    assert (answer.status, stub.now.version) == (303, "2026.10.1")


async def test_a_version_that_was_given_up_is_named_with_the_reason(vault: ApiVault) -> None:
    why = Message("it could not be imported")
    set_ytdlp(
        vault,
        record=UpgradeRecord(
            vault.clock.now(), "2026.11.20", "2026.10.1", refused="2026.11.20", why=why
        ),
    )
    page = (await vault.client.get("/doctor")).text

    assert "2026.10.1 is used again." in page
    assert "2026.11.20 was given up: it could not be imported." in page


async def test_a_schedule_is_shown_with_the_next_upgrade(vault: ApiVault) -> None:
    without = (await vault.client.get("/doctor")).text
    set_ytdlp(
        vault, schedule=UpgradeSchedule.WEEKLY, record=UpgradeRecord(next_at=vault.clock.now())
    )
    page = (await vault.client.get("/doctor")).text

    assert "Upgraded automatically" not in without
    assert "every week" in page
    assert f'next <time datetime="{vault.clock.now().isoformat()}">' in page
