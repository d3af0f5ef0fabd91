"""An event stream's connection ends with its caller's access, not only what is sent over it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from mediavault.auth.authenticator import COOKIE
from mediavault.auth.credentials import ClientInfo
from mediavault.auth.permissions import Scope
from mediavault.core.users import Role
from mediavault.server import http_server
from tests.component.server.serving import connect, serving
from tests.http_vault import ApiVault, MakeVault
from tests.patience import patient
from tests.unit.api.test_access import authenticator_of, owned

pytestmark = pytest.mark.usefixtures("cheap_hashing")
HOUR_S = 3600


async def sign_out(vault: ApiVault, session: str) -> None:
    answer = await vault.client.submit("/logout", cookie=f"{COOKIE}={session}")
    assert answer.status == 303


async def revoke_the_token(vault: ApiVault, _: str) -> None:
    await authenticator_of(vault).tokens.revoke("program")


async def remove_the_user(vault: ApiVault, _: str) -> None:
    await authenticator_of(vault).remove_user("jane", vault.store)


async def change_the_role(vault: ApiVault, _: str) -> None:
    await authenticator_of(vault).users.change_role("jane", Role.VIEWER)


@pytest.mark.parametrize("end", [sign_out, revoke_the_token, remove_the_user, change_the_role])
async def test_the_connection_of_an_event_stream_ends_at_once(
    make_vault: MakeVault,
    monkeypatch: pytest.MonkeyPatch,
    end: Callable[[ApiVault, str], Awaitable[None]],
) -> None:
    """The server would otherwise keep it open for another request."""
    monkeypatch.setattr(http_server, "KEEP_ALIVE_S", HOUR_S)
    vault = await owned(make_vault)
    authenticator = authenticator_of(vault)
    await authenticator.add_user("jane", Role.MEMBER, "nine brown horses")
    session = await authenticator.sessions.begin(ClientInfo(), user="jane")
    token, _ = await authenticator.tokens.add("program", Scope.READ, user="jane")
    access = (
        f"Authorization: Bearer {token}"
        if end is revoke_the_token
        else f"Cookie: {COOKIE}={session}"
    )
    async with serving(vault) as address:
        reader, writer = await connect(address)
        writer.write(f"GET /api/events HTTP/1.1\r\nHost: {address}\r\n{access}\r\n\r\n".encode())
        async with asyncio.timeout(patient(30)):
            await reader.readuntil(b"retry: 2000\n\n")
            await end(vault, session)
            rest = await reader.read()
        writer.close()

    # in order, so that an EventSource connects again and is refused
    assert rest.endswith(b"0\r\n\r\n")
