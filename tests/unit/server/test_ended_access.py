"""A long answer ends with the session, the token or the open door that let its caller in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from mediavault.auth.owner import Owner
from mediavault.auth.proxies import SECRET_HEADER
from mediavault.auth.scopes import Scope
from mediavault.auth.tokens import ApiTokens
from mediavault.auth.ttl_cache import KNOWN_FOR_S
from mediavault.auth.web_sessions import IDLE_FOR, WebSessions
from mediavault.core.failures import StoreError
from mediavault.server.long_responses import CHECK_EVERY_S, PROXY_SIGN_IN_LASTS_S, RELAY_PATH
from tests.asgi_client import Connection, Socket
from tests.http_vault import POST, House, MakeHouse
from tests.patience import patient
from tests.unit.api.test_access import PASSWORD, PROXIED, SECRET, desk_of, owned, signed_in

SOON = timedelta(seconds=CHECK_EVERY_S + KNOWN_FOR_S)
NEW_PASSWORD = "eleven brown otters"
Ending = Callable[[House, str], Awaitable[object]]


pytestmark = pytest.mark.usefixtures("cheap_hashing")


@asynccontextmanager
async def listening(house: House, **headers: str) -> AsyncIterator[Connection]:
    async with house.client.open("/api/events", **headers) as stream:
        assert await stream.chunk() == b"retry: 2000\n\n"
        for _ in range(100):  # the watch over the caller's access may begin after the first piece
            await asyncio.sleep(0)
        yield stream


async def is_over(stream: Connection) -> bool:
    """Whether the stream has ended, properly, so that an EventSource comes back and is refused."""
    for _ in range(200):
        if stream.done.is_set():
            return True
        await asyncio.sleep(0)
    return False


async def delivers(house: House, stream: Connection) -> bool:
    """Whether a change that happens now reaches the stream."""
    job = await house.add(POST)
    await house.client.app.state.feed.poll()  # type: ignore[attr-defined]
    for _ in range(200):
        await asyncio.sleep(0)
    stream.leave()
    await asyncio.wait_for(stream.done.wait(), patient(30))
    return job.id.encode() in stream.answer().body


async def post_form(house: House, path: str, cookie: str, fields: dict[str, str] | None = None) -> None:
    assert (await house.client.submit(path, fields, cookie=cookie)).status == 303


async def sign_out(house: House, cookie: str) -> None:
    await post_form(house, "/logout", cookie)


async def sign_out_everywhere(house: House, _: str) -> None:
    await post_form(house, "/access/sign-out-everywhere", await signed_in(house))


async def end_that_session(house: House, cookie: str) -> None:
    session = await desk_of(house).session_of({cookie.partition("=")[0]: cookie.partition("=")[2]})
    assert session is not None
    await post_form(house, f"/access/sessions/{session.name}/end", await signed_in(house))


async def set_a_new_password(house: House, _: str) -> None:
    fields = {"current": PASSWORD, "password": NEW_PASSWORD, "again": NEW_PASSWORD}
    await post_form(house, "/access/password", await signed_in(house), fields)


@pytest.mark.parametrize("end", [sign_out, sign_out_everywhere, end_that_session, set_a_new_password])
async def test_an_event_stream_ends_at_once_with_its_session(make_house: MakeHouse, end: Ending) -> None:
    house = await owned(make_house)
    cookie = await signed_in(house)
    async with listening(house, cookie=cookie) as stream:
        await end(house, cookie)

        assert await is_over(stream)
        assert not await delivers(house, stream)


async def revoke_by_form(house: House, token: str) -> None:
    (made,) = await desk_of(house).tokens.all()
    await post_form(house, f"/access/tokens/{made.id}/revoke", await signed_in(house))


async def revoke_directly(house: House, token: str) -> None:
    await desk_of(house).tokens.revoke("program")


@pytest.mark.parametrize("end", [revoke_by_form, revoke_directly])
async def test_an_event_stream_ends_at_once_with_its_token(make_house: MakeHouse, end: Ending) -> None:
    house = await owned(make_house)
    token, _ = await desk_of(house).tokens.add("program", Scope.READ)
    async with listening(house, authorization=f"Bearer {token}") as stream:
        await end(house, token)

        assert await is_over(stream)
        assert not await delivers(house, stream)


async def elsewhere_sign_out_everywhere(house: House) -> None:
    await WebSessions(house.store.records, house.clock).end_all()


async def elsewhere_new_password(house: House) -> None:
    """As `mediavault password` does."""
    await Owner(house.store.records, house.clock).set_password(NEW_PASSWORD)
    await WebSessions(house.store.records, house.clock).end_all()


@pytest.mark.parametrize("end", [elsewhere_sign_out_everywhere, elsewhere_new_password])
async def test_what_another_process_ended_is_noticed_at_the_next_check(
    make_house: MakeHouse, end: Callable[[House], Awaitable[None]]
) -> None:
    house = await owned(make_house)
    async with listening(house, cookie=await signed_in(house)) as stream:
        await end(house)
        assert not await is_over(stream)
        house.clock.advance(SOON)

        assert await is_over(stream)


async def test_a_token_that_another_process_revoked_ends_its_stream(make_house: MakeHouse) -> None:
    house = await owned(make_house)
    token, _ = await desk_of(house).tokens.add("program", Scope.READ)
    async with listening(house, authorization=f"Bearer {token}") as stream:
        await ApiTokens(house.store.records, house.clock).revoke("program")
        house.clock.advance(SOON)

        assert await is_over(stream)


async def test_a_token_that_expires_ends_its_stream(make_house: MakeHouse) -> None:
    house = await owned(make_house)
    token, _ = await desk_of(house).tokens.add("program", Scope.READ, lives=timedelta(hours=1))
    async with listening(house, authorization=f"Bearer {token}") as stream:
        house.clock.advance(timedelta(hours=1))

        assert await is_over(stream)


async def test_a_session_that_expires_ends_its_stream(make_house: MakeHouse) -> None:
    house = await owned(make_house)
    async with listening(house, cookie=await signed_in(house)) as stream:
        house.clock.advance(IDLE_FOR + SOON)

        assert await is_over(stream)


async def test_a_stream_of_an_open_vault_ends_when_the_vault_gets_a_password(house: House) -> None:
    async with listening(house) as stream:
        await desk_of(house).owner.take(PASSWORD)

        assert await is_over(stream)


async def test_a_stream_that_a_proxy_signed_in_has_to_come_through_the_proxy_again(make_house: MakeHouse) -> None:
    """Nobody tells the vault that a person has signed out at the proxy, which looks at each new request alone."""
    house = make_house(**PROXIED)
    signed_in_there = {"remote_user": "jane", SECRET_HEADER: SECRET}
    async with listening(house, **signed_in_there) as stream:
        house.clock.advance(SOON)
        assert not await is_over(stream)
        house.clock.advance(PROXY_SIGN_IN_LASTS_S)

        assert await is_over(stream)


async def test_what_still_holds_goes_on(make_house: MakeHouse) -> None:
    """Other people's endings, and a store that cannot be asked, cut nobody off."""
    house = await owned(make_house)
    other = await signed_in(house)
    async with listening(house, cookie=await signed_in(house)) as stream:
        await sign_out(house, other)
        house.clock.advance(timedelta(hours=12))

        assert not await is_over(stream)
        assert await delivers(house, stream)


async def test_a_store_that_is_away_cuts_nobody_off(make_house: MakeHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    house = await owned(make_house)

    async def away(*_: object) -> None:
        raise StoreError("away for a moment")

    async with listening(house, cookie=await signed_in(house)) as stream:
        with monkeypatch.context() as patched:
            patched.setattr(house.store.records, "get", away)
            house.clock.advance(SOON)
            assert not await is_over(stream)
        await desk_of(house).sessions.end_all()

        assert await is_over(stream)


@pytest.mark.parametrize("path", ["video", "zip"])
async def test_a_file_under_way_is_cut_off(make_house: MakeHouse, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    """It must not look whole to whoever receives it."""
    house = await owned(make_house)
    job = await house.add_kept()
    token, _ = await desk_of(house).tokens.add("program", Scope.ADMIN)
    reached, go_on = asyncio.Event(), asyncio.Event()
    slow_down(house, monkeypatch, reached, go_on)
    address = f"/files/{job.id}/video" if path == "video" else f"/library/zip?id={job.id}"
    async with house.client.open(address, authorization=f"Bearer {token}") as answer:
        await asyncio.wait_for(reached.wait(), patient(30))
        await desk_of(house).tokens.revoke("program")
        await house.clock.settle()
        go_on.set()
        await asyncio.sleep(0)

    whole = answer.answer()
    assert whole.status == 200
    assert b"the second half" not in whole.body


def slow_down(house: House, monkeypatch: pytest.MonkeyPatch, reached: asyncio.Event, go_on: asyncio.Event) -> None:
    """Files of the library come in two halves, with a wait between them."""
    original = house.services.library.open

    class Slow:
        def __init__(self, file: Any) -> None:
            self._file = file
            self.size, self.version = file.size, file.version

        async def chunks(self, start: int, end: int) -> AsyncIterator[bytes]:
            yield b"the first half"
            reached.set()
            await go_on.wait()
            yield b"the second half"

        async def close(self) -> None:
            await self._file.close()

    async def opened(relative: str) -> Any:
        return Slow(await original(relative))

    monkeypatch.setattr(house.services.library, "open", opened)


# --- the WebSocket of the sign-in window


async def is_closed(socket: Socket) -> bool:
    for _ in range(200):
        if socket.closed.is_set():
            return True
        await asyncio.sleep(0)
    return False


@asynccontextmanager
async def viewing(house: House, **headers: str) -> AsyncIterator[Socket]:
    async with house.client.socket(RELAY_PATH, "vnc", "the-key", **headers) as socket:
        assert socket.accepted == "vnc"
        yield socket


@pytest.mark.parametrize("end", [sign_out, sign_out_everywhere, end_that_session, set_a_new_password])
async def test_the_sign_in_window_is_shown_no_longer_than_the_session(make_house: MakeHouse, end: Ending) -> None:
    house = await owned(make_house)
    cookie = await signed_in(house)
    async with viewing(house, cookie=cookie) as socket:
        await end(house, cookie)

        assert await is_closed(socket)
    async with house.client.socket(RELAY_PATH, "vnc", "the-key", cookie=cookie) as socket:
        assert socket.accepted is None


async def test_the_sign_in_window_is_shown_no_longer_than_the_token(make_house: MakeHouse) -> None:
    house = await owned(make_house)
    token, _ = await desk_of(house).tokens.add("program", Scope.ADMIN)
    async with viewing(house, authorization=f"Bearer {token}") as socket:
        await desk_of(house).tokens.revoke("program")

        assert await is_closed(socket)


async def test_a_token_for_less_than_everything_does_not_show_the_sign_in_window(make_house: MakeHouse) -> None:
    house = await owned(make_house)
    token, _ = await desk_of(house).tokens.add("program", Scope.READ)
    async with house.client.socket(RELAY_PATH, "vnc", "the-key", authorization=f"Bearer {token}") as socket:
        assert (socket.accepted, socket.code) == (None, 1008)


async def test_what_another_process_ended_closes_the_sign_in_window_at_the_next_check(make_house: MakeHouse) -> None:
    house = await owned(make_house)
    async with viewing(house, cookie=await signed_in(house)) as socket:
        await elsewhere_sign_out_everywhere(house)
        assert not await is_closed(socket)
        house.clock.advance(SOON)

        assert await is_closed(socket)


async def test_a_viewer_that_is_never_quiet_is_checked_as_well(make_house: MakeHouse) -> None:
    house = await owned(make_house)
    async with viewing(house, cookie=await signed_in(house)) as socket:
        await elsewhere_sign_out_everywhere(house)
        for _ in range(round(SOON.total_seconds()) + 1):
            socket.put(b"a move of the mouse")
            house.clock.advance(timedelta(seconds=1))
            await house.clock.settle()

        assert await is_closed(socket)


async def test_a_sign_in_window_that_a_proxy_let_in_has_to_come_through_the_proxy_again(make_house: MakeHouse) -> None:
    house = make_house(**PROXIED)
    async with viewing(house, remote_user="jane", **{SECRET_HEADER: SECRET}) as socket:
        house.clock.advance(SOON)
        assert not await is_closed(socket)
        house.clock.advance(PROXY_SIGN_IN_LASTS_S)

        assert await is_closed(socket)
