"""Guessing a password: a user's own sign-ins give no more tries at that of another."""

from __future__ import annotations

from pathlib import Path

from mediavault.auth.authenticator import BEARER_TRIES, Authenticator, Credentials
from mediavault.auth.credentials import ClientInfo
from mediavault.auth.errors import TooManyTries, WrongSecret
from mediavault.auth.login_throttle import TRIES_OF_AN_ADDRESS
from mediavault.core.settings import Settings
from mediavault.core.users import Role
from tests.fakes import FakeClock
from tests.memory_store import MemoryJobStore

ADDRESS = "192.0.2.1"
TOKEN = "the vault's own long token, which nobody guesses"
RIGHT, OWN = "the owner's long password", "the viewer's long password"


async def test_a_users_own_sign_ins_give_no_more_guesses_at_the_owners_password(
    clock: FakeClock, tmp_path: Path
) -> None:
    records = MemoryJobStore(clock).records
    authenticator = Authenticator(records, Settings(state_dir=tmp_path), clock, loopback=True)
    visit = ClientInfo("a browser", ADDRESS)
    await authenticator.users.take(RIGHT)
    await authenticator.add_user("viewer", Role.VIEWER, OWN)
    guesses = refused = 0
    for _ in range(6):
        for _ in range(9):
            try:
                await authenticator.sign_in("wrong", visit, name="owner")
            except WrongSecret:
                guesses += 1
            except TooManyTries:
                refused += 1
        await authenticator.sign_in(OWN, visit, name="viewer")
        await authenticator.change_password(OWN, OWN, visit, user="viewer")

    assert (guesses, refused) == (TRIES_OF_AN_ADDRESS, 54 - TRIES_OF_AN_ADDRESS)


async def test_wrong_tokens_from_one_address_lock_no_token_out_at_another(
    clock: FakeClock, tmp_path: Path
) -> None:
    settings = Settings(state_dir=tmp_path, token=TOKEN)
    authenticator = Authenticator(MemoryJobStore(clock).records, settings, clock, loopback=True)
    refused = 0
    for number in range(2 * BEARER_TRIES):
        try:
            await authenticator.authenticate(Credentials(ADDRESS, bearer=f"wrong {number}"))
        except TooManyTries:
            refused += 1

    assert refused == BEARER_TRIES
    assert await authenticator.authenticate(Credentials("192.0.2.2", bearer=TOKEN)) is not None
