"""Which of PostgreSQL's errors may be gone at the next call."""

from __future__ import annotations

import asyncpg
import pytest

from mediavault.core.failures import StoreError
from mediavault.store.calls import ConnectionLost
from mediavault.store.postgres.engine import translate_errors


@pytest.mark.parametrize(
    "refusal",
    [
        asyncpg.SerializationError,
        asyncpg.DeadlockDetectedError,
        asyncpg.QueryCanceledError,  # statement_timeout
        asyncpg.LockNotAvailableError,
        asyncpg.TooManyConnectionsError,
        asyncpg.CannotConnectNowError,
    ],
)
def test_a_temporary_error_is_retried(refusal: type[asyncpg.PostgresError]) -> None:
    with pytest.raises(ConnectionLost, match="PostgreSQL refused"), translate_errors():
        raise refusal("not now")


@pytest.mark.parametrize(
    "refusal",
    [
        asyncpg.InvalidPasswordError,
        asyncpg.InvalidCatalogNameError,
        asyncpg.InsufficientPrivilegeError,
    ],
)
def test_a_permanent_error_is_not_retried(refusal: type[asyncpg.PostgresError]) -> None:
    with pytest.raises(StoreError) as refused, translate_errors():
        raise refusal("never")

    assert not isinstance(refused.value, ConnectionLost)


def test_a_url_that_cannot_be_used_is_not_waited_for() -> None:
    with pytest.raises(StoreError, match="MEDIAVAULT_DATABASE_URL") as refused, translate_errors():
        raise asyncpg.exceptions.ClientConfigurationError("no such option")

    assert not isinstance(refused.value, ConnectionLost)
