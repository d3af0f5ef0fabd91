"""How long a sign-in takes reveals nothing.

The hashes are as expensive as the real ones. The CPU time of this process is measured, which the
load of other programs hardly affects. tests/unit/api/test_access.py counts the hashes.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from mediavault.auth.authenticator import Authenticator
from tests.http_vault import TOKEN, ApiVault, MakeVault

PASSWORD = "seven grey herons"
ROUNDS = 15
AGAIN = 10  # other load on the machine may spoil a series; a missing hash would spoil all of them
WITHIN = 0.10  # as specified


@dataclass(frozen=True)
class Try:
    name: str
    vault: ApiVault
    secret: Callable[[int], str]
    status: int


async def processor_s(attempt: Try, number: int) -> float:
    """Return the CPU time of one sign-in (``CLOCK_PROCESS_CPUTIME_ID``,
    which includes the thread of the hash).
    """
    attempt.vault.clock.advance(60)  # so that no attempt is throttled
    began = time.process_time()
    answer = await attempt.vault.client.submit("/login", {"password": attempt.secret(number)})
    took = time.process_time() - began
    assert answer.status == attempt.status
    return took


async def medians(tries: list[Try]) -> dict[str, float]:
    """Return the median of each; they run interleaved, so that a slow moment affects all alike."""
    took: dict[str, list[float]] = {attempt.name: [] for attempt in tries}
    for number in range(ROUNDS):
        for attempt in tries:
            took[attempt.name].append(await processor_s(attempt, number))
    return {name: statistics.median(some) for name, some in took.items()}


async def test_a_wrong_secret_takes_as_long_as_the_right_one_with_and_without_an_owner(
    make_vault: MakeVault,
) -> None:
    owned = make_vault()
    authenticator: Authenticator = owned.client.app.state.authenticator  # type: ignore[attr-defined]
    await authenticator.users.take(PASSWORD)
    ownerless = make_vault(token=TOKEN)
    tries = [
        Try("right", owned, lambda _: PASSWORD, 303),
        Try("wrong", owned, lambda n: f"seven grey hero{n:02}", 401),
        Try("long", owned, lambda n: "x" * 2_000 + str(n), 401),
        Try("no owner, right token", ownerless, lambda _: TOKEN, 303),
        Try("no owner, wrong", ownerless, lambda n: f"seven grey hero{n:02}", 401),
    ]
    for attempt in tries:
        await processor_s(attempt, 0)  # warm-up: what is loaded and compiled once
    for _ in range(AGAIN):
        medians_s = await medians(tries)
        deviations = {name: took / medians_s["right"] - 1 for name, took in medians_s.items()}
        print({name: round(took * 1_000, 2) for name, took in medians_s.items()}, deviations)
        if all(abs(by) < WITHIN for by in deviations.values()):
            return
    pytest.fail(f"a sign-in takes another time than the right one: {deviations}")
