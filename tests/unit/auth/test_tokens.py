"""API tokens."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mediavault.auth.credentials import MAX_TOKENS, ApiTokens
from mediavault.auth.permissions import Scope
from mediavault.core.failures import BadInput, ErrorCode
from mediavault.core.records import RecordKind
from tests.fakes import START, FakeClock
from tests.memory_store import MemoryJobStore


@pytest.fixture
def tokens(store: MemoryJobStore, clock: FakeClock) -> ApiTokens:
    return ApiTokens(store.records, clock)


async def test_a_token_is_found_only_by_its_exact_text(tokens: ApiTokens) -> None:
    token, made = await tokens.add("phone", Scope.SUBMIT)
    stored = await tokens.find(token)

    assert stored is not None
    assert (stored.name, stored.scope, stored.key) == ("phone", Scope.SUBMIT, made.key)
    for other in (
        token[:-1],
        token + "x",
        token.removeprefix("mv_"),
        made.key,
        f"mv_{made.key}",
        "mv_",
        "",
    ):
        assert await tokens.find(other) is None


async def test_a_token_is_32_random_bytes_after_a_prefix(tokens: ApiTokens) -> None:
    made = [(await tokens.add(f"number {n}", Scope.READ))[0] for n in range(20)]

    assert all(token.startswith("mv_") and len(token) == 3 + 43 for token in made)
    assert len(set(made)) == 20


async def test_the_store_does_not_hold_the_token_itself(
    tokens: ApiTokens, store: MemoryJobStore
) -> None:
    token, _ = await tokens.add("phone", Scope.ADMIN)

    assert token.removeprefix("mv_") not in str(await store.records.all(RecordKind.API_TOKEN))


async def test_the_last_use_is_recorded_to_the_minute(tokens: ApiTokens, clock: FakeClock) -> None:
    token, _ = await tokens.add("phone", Scope.READ)
    assert (await tokens.all())[0].used_at is None

    await tokens.find(token)
    assert (await tokens.all())[0].used_at == START
    clock.advance(59)
    await tokens.find(token)
    assert (await tokens.all())[0].used_at == START
    clock.advance(5)
    await tokens.find(token)
    assert (await tokens.all())[0].used_at == START + timedelta(seconds=64)


async def test_a_token_expires_at_the_set_time(tokens: ApiTokens, clock: FakeClock) -> None:
    token, _ = await tokens.add("guest", Scope.READ, lives=timedelta(days=1))
    clock.advance(86_399)
    assert await tokens.find(token)

    clock.advance(1)
    assert await tokens.find(token) is None
    assert await tokens.all() == []


@pytest.mark.parametrize("by", ["name", "id"])
async def test_a_revoked_token_is_no_longer_valid(tokens: ApiTokens, by: str) -> None:
    token, made = await tokens.add("phone", Scope.ADMIN)
    other, _ = await tokens.add("tablet", Scope.ADMIN)
    assert await tokens.find(token)

    assert [revoked.name for revoked in await tokens.revoke(getattr(made, by))] == ["phone"]
    assert await tokens.find(token) is None
    assert await tokens.find(other)


async def test_revoking_an_unknown_token_is_an_error(tokens: ApiTokens) -> None:
    with pytest.raises(BadInput) as refused:
        await tokens.revoke("phone")
    assert refused.value.code is ErrorCode.NOT_FOUND


@pytest.mark.parametrize(
    "name", ["", "   ", "x" * 81, "a\x00b", "right\u202eleft", "phone", " phone "]
)
async def test_a_name_must_be_short_printable_and_unique(tokens: ApiTokens, name: str) -> None:
    await tokens.add("phone", Scope.READ)
    with pytest.raises(BadInput):
        await tokens.add(name, Scope.READ)


async def test_the_number_of_tokens_is_limited(tokens: ApiTokens) -> None:
    for n in range(MAX_TOKENS):
        await tokens.add(f"number {n}", Scope.READ)
    with pytest.raises(BadInput, match="already 200"):
        await tokens.add("one more", Scope.READ)
