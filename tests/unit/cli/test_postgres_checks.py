"""The doctor's checks of a PostgreSQL server: what is wrong with it, and the help that is shown."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from mediavault.app.doctor.postgres_checks import judge_postgres
from mediavault.presentation.doctor_report import DoctorVerdict
from mediavault.store.postgres.facts import PostgresFacts
from tests.unit.cli.conftest import Run, StubHouse

SOUND = PostgresFacts(
    server="db.example/vault",
    version=17,
    ahead_by=timedelta(milliseconds=-3),
    user="jane",
    database="vault",
    may_create_schema=True,
    has_schema=True,
    may_use_schema=True,
    is_standby=False,
    isolation="read committed",
    has_tls=True,
    is_local=False,
    fsync=True,
    full_page_writes=True,
    synchronous_commit="on",
    has_wake_ups=True,
)


def test_a_healthy_server_passes_every_check() -> None:
    assert {check.verdict for check in judge_postgres(SOUND)} == {DoctorVerdict.OK}


@pytest.mark.parametrize(
    ("changed", "name", "verdict", "helps"),
    [
        ({"version": 14}, "PostgreSQL", DoctorVerdict.BROKEN, "PostgreSQL 15 or newer"),
        ({"version": 19}, "PostgreSQL", DoctorVerdict.WARNING, "15 to 18"),
        ({"is_standby": True}, "PostgreSQL", DoctorVerdict.BROKEN, "primary"),
        (
            {"has_schema": False, "may_create_schema": False},
            "PostgreSQL privileges",
            DoctorVerdict.BROKEN,
            """psql -d vault -c 'GRANT CREATE ON DATABASE "vault" TO "jane"'""",
        ),
        (
            {"may_use_schema": False},
            "PostgreSQL privileges",
            DoctorVerdict.BROKEN,
            "GRANT USAGE, CREATE ON SCHEMA mediavault",
        ),
        ({"fsync": False}, "PostgreSQL durability", DoctorVerdict.WARNING, "ALTER SYSTEM SET fsync = on"),
        ({"synchronous_commit": "off"}, "PostgreSQL durability", DoctorVerdict.WARNING, "SET synchronous_commit = on"),
        ({"isolation": "serializable"}, "PostgreSQL isolation", DoctorVerdict.WARNING, 'ALTER ROLE "jane" SET default'),
        ({"has_tls": False}, "PostgreSQL connection", DoctorVerdict.WARNING, "sslmode=verify-full"),
        ({"ahead_by": timedelta(seconds=-6)}, "Clocks", DoctorVerdict.WARNING, "timedatectl set-ntp true"),
        ({"has_wake_ups": False}, "Wake-ups", DoctorVerdict.WARNING, "pooler"),
    ],
)
def test_each_problem_is_the_only_one_reported_and_comes_with_help(
    changed: dict[str, Any], name: str, verdict: DoctorVerdict, helps: str
) -> None:
    (problem,) = [check for check in judge_postgres(replace(SOUND, **changed)) if check.verdict is not DoctorVerdict.OK]

    assert (problem.name, problem.verdict) == (name, verdict)
    assert helps in problem.help


def test_a_local_server_that_may_create_its_schema_passes_every_check() -> None:
    local = replace(SOUND, has_schema=False, may_use_schema=False, has_tls=False, is_local=True)

    assert {check.verdict for check in judge_postgres(local)} == {DoctorVerdict.OK}


def test_the_doctor_checks_the_server_that_the_settings_name(run: Run, house: StubHouse) -> None:
    assert not any("PostgreSQL" in check["name"] for check in run("doctor", "--json").json()["checks"])
    house.postgres = replace(SOUND, version=14)
    ended = run("doctor", "--json")

    assert (ended.code, ended.json()["ok"]) == (1, False)
    assert any(check["name"] == "PostgreSQL" and check["verdict"] == "broken" for check in ended.json()["checks"])
