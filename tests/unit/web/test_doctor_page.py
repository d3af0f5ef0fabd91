"""The doctor's page, and yt-dlp's upgrade from it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import pytest

from mediavault.core.failures import StorageFailure
from mediavault.presentation import doctor_report
from mediavault.presentation.doctor_report import KEPT_FOR_S, Check, Doctor, DoctorVerdict, UpgradeOutcome, grouped
from mediavault.presentation.preferences import Appearance, use
from tests.fakes import FakeClock
from tests.http_vault import House, MakeHouse, StubYtdlp

CHECKS = [
    Check("Python", DoctorVerdict.OK, "3.13 on Linux"),
    Check("Library", DoctorVerdict.BROKEN, "<b>/mnt</b> is away", "Mount it."),
    Check("yt-dlp", DoctorVerdict.WARNING, "100 days old", "Run `mediavault doctor --upgrade-ytdlp`."),
    Check("PostgreSQL durability", DoctorVerdict.OK, "what is committed is on the disk"),
    Check("Horoscope", DoctorVerdict.OK, "fine"),
]


class Examiner:
    def __init__(self) -> None:
        self.asked = 0

    async def __call__(self) -> Sequence[Check]:
        self.asked += 1
        await asyncio.sleep(0)
        return CHECKS


async def test_nothing_is_examined_by_looking(make_house: MakeHouse) -> None:
    house = make_house(checks=CHECKS)
    page = await house.client.get("/doctor")

    assert page.status == 200
    assert "Not checked yet" in page.text
    assert house.services.doctor.last is None


async def test_what_was_found_is_shown_by_what_it_is_about_with_what_helps(make_house: MakeHouse) -> None:
    house = make_house(checks=CHECKS)
    answer = await house.client.submit("/doctor")
    page = await house.client.get("/doctor")

    assert (answer.status, answer.headers["location"]) == (303, "/doctor")
    for words in ("3 OK", "1 failed", "Mount it.", "&lt;b&gt;/mnt&lt;/b&gt; is away", "Others"):
        assert words in page.text


def test_every_examination_stands_in_one_group() -> None:
    groups = grouped(CHECKS)

    assert [check for _, checks in groups for check in checks] == [
        CHECKS[0],
        CHECKS[1],
        CHECKS[2],
        CHECKS[3],
        CHECKS[4],
    ]
    assert len(groups) == 5


async def test_whoever_asks_within_a_minute_gets_what_stands_there() -> None:
    clock, examine = FakeClock(), Examiner()
    doctor = Doctor(examine, clock)
    first, second = await asyncio.gather(doctor.run(), doctor.run())
    clock.advance(KEPT_FOR_S)
    third = await doctor.run()

    assert examine.asked == 2
    assert first is second
    assert third is not first


async def test_each_language_has_an_examination_of_its_own_and_is_shown_anothers_until_then() -> None:
    examine = Examiner()
    doctor = Doctor(examine, FakeClock())
    english = await doctor.run()
    use(Appearance(locale="de"))
    seen = doctor.last
    german = await doctor.run()
    use(Appearance())

    assert examine.asked == 2
    assert seen is english
    assert german is not english
    assert doctor.last is english


async def test_what_was_found_is_shown_in_the_readers_language(make_house: MakeHouse) -> None:
    house = make_house(checks=CHECKS)
    await house.client.submit("/doctor")
    page = (await house.client.get("/doctor", accept_language="de")).text

    assert "was bestätigt ist, steht auf dem Datenträger" in page
    assert "&lt;b&gt;/mnt&lt;/b&gt; is away" in page


async def test_an_examination_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang() -> Sequence[Check]:
        await asyncio.Event().wait()
        return ()

    monkeypatch.setattr(doctor_report, "WITHIN_S", 0.0)
    found = await Doctor(hang, FakeClock()).run()

    assert found.count(DoctorVerdict.BROKEN) == 1


async def test_an_examination_that_cannot_be_made_says_why() -> None:
    async def fail() -> Sequence[Check]:
        raise StorageFailure("The state folder cannot be written.")

    [(_, [check])] = (await Doctor(fail, FakeClock()).run()).groups

    assert (check.verdict, check.detail) == (DoctorVerdict.BROKEN, "The state folder cannot be written.")


def set_ytdlp(house: House, **facts: object) -> StubYtdlp:
    stub = cast("StubYtdlp", house.services.ytdlp)
    stub.now = replace(stub.now, **facts)  # type: ignore[arg-type]
    return stub


async def test_ytdlp_is_shown_with_its_age_and_upgraded_at_a_persons_word(house: House) -> None:
    stub = set_ytdlp(house, age_days=90)
    page = await house.client.get("/doctor")
    answer = await house.client.submit("/doctor/ytdlp")

    for words in ("2026.11.20", "90 days", "came with mediavault", "old", "Upgrade"):
        assert words in page.text
    assert (answer.status, stub.started) == (303, 1)


async def test_while_an_upgrade_is_under_way_the_page_asks_how_it_goes(house: House) -> None:
    set_ytdlp(house, is_upgrading=True)
    under_way = await house.client.get("/doctor/ytdlp")
    set_ytdlp(house, is_upgrading=False, outcome=UpgradeOutcome(house.clock.now(), "2026.10.1", "2026.11.20"))
    done = await house.client.get("/doctor/ytdlp")

    assert 'hx-get="/doctor/ytdlp"' in under_way.text
    assert "<form" not in under_way.text
    assert "Upgraded from 2026.10.1 to 2026.11.20." in done.text
    assert "hx-get" not in done.text
    assert "<html" not in done.text


async def test_a_failed_upgrade_says_why_and_what_helps(house: House) -> None:
    set_ytdlp(house, outcome=UpgradeOutcome(house.clock.now(), error="<i>No</i> connection.", help="Try again."))

    assert (
        "&lt;i&gt;No&lt;/i&gt; connection.</bdi></strong> <bdi>Try again.</bdi>"
        in (await house.client.get("/doctor")).text
    )


async def test_no_upgrade_is_offered_where_it_cannot_work(house: House) -> None:
    set_ytdlp(house, version=None, age_days=None, obstacle="Neither pip nor uv is there to install yt-dlp.")
    page = await house.client.get("/doctor")

    assert "Neither pip nor uv is there" in page.text
    assert 'action="/doctor/ytdlp"' not in page.text
