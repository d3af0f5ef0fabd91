"""What the doctor learns about real servers."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from mediavault.core.clock import SystemClock
from mediavault.core.failures import StoreError
from mediavault.store.postgres.server import query_facts
from mediavault.store.postgres.store import PostgresJobStore
from tests.fakes import FakeClock
from tests.servers import postgres
from tests.servers.pgbouncer import pgbouncer


@pytest.fixture
def url(tmp_path: Path) -> str:
    return postgres.database_for(tmp_path)


async def test_a_server_is_described_and_nothing_is_created_there(url: str) -> None:
    facts = await query_facts(url, SystemClock())

    assert (facts.may_create_schema, facts.has_schema, facts.is_standby) == (True, False, False)
    assert (facts.isolation, facts.has_wake_ups, facts.is_local) == ("read committed", True, True)
    assert facts.version >= 15
    assert abs(facts.ahead_by) < timedelta(minutes=1)
    assert postgres.sql(url, "SELECT to_regnamespace('mediavault') IS NULL") == "t"


async def test_a_database_that_cannot_store_every_title_is_refused_untouched(url: str) -> None:
    name = f"ascii_{url.rpartition('/')[2]}"
    postgres.sql(url, f"CREATE DATABASE {name} ENCODING 'SQL_ASCII' TEMPLATE template0")
    ascii_url = f"{url.rpartition('/')[0]}/{name}"
    with pytest.raises(StoreError, match="encoding is SQL_ASCII") as refused:
        await PostgresJobStore(ascii_url).open()

    assert "createdb --encoding UTF8" in refused.value.help
    assert (await query_facts(ascii_url, SystemClock())).encoding == "SQL_ASCII"
    assert postgres.sql(ascii_url, "SELECT to_regnamespace('mediavault') IS NULL") == "t"
    postgres.sql(url, f"DROP DATABASE {name}")


async def test_a_clock_difference_is_reported(url: str) -> None:
    clock = FakeClock()  # frozen, on another day
    facts = await query_facts(url, clock)

    assert facts.ahead_by == pytest.approx(
        SystemClock().now() - clock.now(), abs=timedelta(minutes=1)
    )


async def test_a_role_without_rights_is_reported_before_it_is_needed(url: str) -> None:
    store = PostgresJobStore(url)
    await store.open()
    await store.close()
    role = f"role_{url.rpartition('/')[2]}"
    postgres.sql(
        url,
        (
            f"CREATE ROLE {role} LOGIN; ALTER ROLE {role} SET default_transaction_isolation ="
            " 'serializable'"
        ),
    )
    facts = await query_facts(url.replace("postgres@", f"{role}@"), SystemClock())
    postgres.sql(url, f"DROP ROLE {role}")

    assert (facts.user, facts.has_schema, facts.may_use_schema, facts.may_create_schema) == (
        role,
        True,
        False,
        False,
    )
    assert facts.isolation == "serializable"


async def test_a_pooler_is_recognised_by_missing_wake_ups(url: str) -> None:
    with pgbouncer(url, prepared=0) as pooled:
        assert not (await query_facts(pooled, SystemClock())).has_wake_ups


async def test_a_server_that_does_not_answer_is_reported_with_help() -> None:
    with pytest.raises(StoreError, match="cannot be reached") as caught:
        await query_facts("postgresql://me:secret@127.0.0.1:1/vault", SystemClock())

    assert caught.value.help
    assert "secret" not in caught.value.message
