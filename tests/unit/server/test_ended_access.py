"""A long response ends with the session, the token or the open access that admitted its caller."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from mediavault.auth.credentials import IDLE_FOR, ApiTokens, WebSessions
from mediavault.auth.grants import KNOWN_FOR_S
from mediavault.auth.permissions import Scope
from mediavault.auth.proxies import SECRET_HEADER
from mediavault.auth.users import Users
from mediavault.core.failures import StoreError
from mediavault.core.users import Role
from mediavault.features.rss.service import RssFeeds
from mediavault.features.sharing.service import SharedLinks
from mediavault.server.authentication import FEEDS_PREFIX, SHARED_PREFIX
from mediavault.server.long_responses import CHECK_EVERY_S, PROXY_SIGN_IN_LASTS_S, RELAY_PATH
from mediavault.store.port import JobQuery
from tests.asgi_client import Connection, Socket
from tests.http_vault import POST, ApiVault, MakeVault
from tests.patience import patient, until
from tests.unit.api.test_access import PASSWORD, PROXIED, SECRET, authenticator_of, owned, signed_in

SOON = timedelta(seconds=CHECK_EVERY_S + KNOWN_FOR_S)
NEW_PASSWORD = "eleven brown otters"
Ending = Callable[[ApiVault, str], Awaitable[object]]


pytestmark = pytest.mark.usefixtures("cheap_hashing")


@asynccontextmanager
async def listening(vault: ApiVault, **headers: str) -> AsyncIterator[Connection]:
    async with vault.client.open("/api/events", **headers) as stream:
        assert await stream.chunk() == b"retry: 2000\n\n"
        for _ in range(100):  # the check of the caller's access may start after the first chunk
            await asyncio.sleep(0)
        yield stream


async def finished(stream: Connection) -> bool:
    """Whether the stream has ended cleanly, so that an EventSource reconnects and is refused."""
    for _ in range(200):
        if stream.done.is_set():
            return True
        await asyncio.sleep(0)
    return False


async def delivers(vault: ApiVault, stream: Connection) -> bool:
    """Whether a change that happens now reaches the stream."""
    job = await vault.add(POST)
    await vault.client.app.state.feed.poll()  # type: ignore[attr-defined]
    for _ in range(200):
        await asyncio.sleep(0)
    stream.leave()
    await asyncio.wait_for(stream.done.wait(), patient(30))
    return job.id.encode() in stream.answer().body


async def post_form(
    vault: ApiVault, path: str, cookie: str, fields: dict[str, str] | None = None
) -> None:
    assert (await vault.client.submit(path, fields, cookie=cookie)).status == 303


async def sign_out(vault: ApiVault, cookie: str) -> None:
    await post_form(vault, "/logout", cookie)


async def sign_out_everywhere(vault: ApiVault, _: str) -> None:
    await post_form(vault, "/access/sign-out-everywhere", await signed_in(vault))


async def end_that_session(vault: ApiVault, cookie: str) -> None:
    session = await authenticator_of(vault).session_of(
        {cookie.partition("=")[0]: cookie.partition("=")[2]}
    )
    assert session is not None
    await post_form(vault, f"/access/sessions/{session.id}/end", await signed_in(vault))


async def set_a_new_password(vault: ApiVault, _: str) -> None:
    fields = {"current": PASSWORD, "password": NEW_PASSWORD, "again": NEW_PASSWORD}
    await post_form(vault, "/access/password", await signed_in(vault), fields)


@pytest.mark.parametrize(
    "end", [sign_out, sign_out_everywhere, end_that_session, set_a_new_password]
)
async def test_an_event_stream_ends_at_once_with_its_session(
    make_vault: MakeVault, end: Ending
) -> None:
    vault = await owned(make_vault)
    cookie = await signed_in(vault)
    async with listening(vault, cookie=cookie) as stream:
        await end(vault, cookie)

        assert await finished(stream)
        assert not await delivers(vault, stream)


async def revoke_by_form(vault: ApiVault, token: str) -> None:
    (made,) = await authenticator_of(vault).tokens.all()
    await post_form(vault, f"/access/tokens/{made.id}/revoke", await signed_in(vault))


async def revoke_directly(vault: ApiVault, token: str) -> None:
    await authenticator_of(vault).tokens.revoke("program")


@pytest.mark.parametrize("end", [revoke_by_form, revoke_directly])
async def test_an_event_stream_ends_at_once_with_its_token(
    make_vault: MakeVault, end: Ending
) -> None:
    vault = await owned(make_vault)
    token, _ = await authenticator_of(vault).tokens.add("program", Scope.READ)
    async with listening(vault, authorization=f"Bearer {token}") as stream:
        await end(vault, token)

        assert await finished(stream)
        assert not await delivers(vault, stream)


async def elsewhere_sign_out_everywhere(vault: ApiVault) -> None:
    await WebSessions(vault.store.records, vault.clock).end_all()


async def elsewhere_new_password(vault: ApiVault) -> None:
    """As `mediavault password` does."""
    await Users(vault.store.records, vault.clock).set_password(NEW_PASSWORD)
    await WebSessions(vault.store.records, vault.clock).end_all()


@pytest.mark.parametrize("end", [elsewhere_sign_out_everywhere, elsewhere_new_password])
async def test_access_ended_by_another_process_is_noticed_at_the_next_check(
    make_vault: MakeVault, end: Callable[[ApiVault], Awaitable[None]]
) -> None:
    vault = await owned(make_vault)
    async with listening(vault, cookie=await signed_in(vault)) as stream:
        await end(vault)
        assert not await finished(stream)
        vault.clock.advance(SOON)

        assert await finished(stream)


async def test_a_token_that_another_process_revoked_ends_its_stream(make_vault: MakeVault) -> None:
    vault = await owned(make_vault)
    token, _ = await authenticator_of(vault).tokens.add("program", Scope.READ)
    async with listening(vault, authorization=f"Bearer {token}") as stream:
        await ApiTokens(vault.store.records, vault.clock).revoke("program")
        vault.clock.advance(SOON)

        assert await finished(stream)


async def test_a_token_that_expires_ends_its_stream(make_vault: MakeVault) -> None:
    vault = await owned(make_vault)
    token, _ = await authenticator_of(vault).tokens.add(
        "program", Scope.READ, lives=timedelta(hours=1)
    )
    async with listening(vault, authorization=f"Bearer {token}") as stream:
        vault.clock.advance(timedelta(hours=1))

        assert await finished(stream)


async def test_a_session_that_expires_ends_its_stream(make_vault: MakeVault) -> None:
    vault = await owned(make_vault)
    async with listening(vault, cookie=await signed_in(vault)) as stream:
        vault.clock.advance(IDLE_FOR + SOON)

        assert await finished(stream)


async def test_a_stream_of_an_open_vault_ends_when_the_vault_gets_a_password(
    vault: ApiVault,
) -> None:
    async with listening(vault) as stream:
        await authenticator_of(vault).users.take(PASSWORD)

        assert await finished(stream)


async def test_a_stream_signed_in_by_a_proxy_has_to_reconnect_through_the_proxy(
    make_vault: MakeVault,
) -> None:
    """The vault is not notified when a user signs out at the proxy,
    which checks only new requests.
    """
    vault = make_vault(**PROXIED)
    proxy_headers = {"remote_user": "jane", SECRET_HEADER: SECRET}
    async with listening(vault, **proxy_headers) as stream:
        vault.clock.advance(SOON)
        assert not await finished(stream)
        vault.clock.advance(PROXY_SIGN_IN_LASTS_S)

        assert await finished(stream)


async def test_a_stream_whose_access_is_still_valid_continues(make_vault: MakeVault) -> None:
    """The end of another session does not affect it."""
    vault = await owned(make_vault)
    other = await signed_in(vault)
    async with listening(vault, cookie=await signed_in(vault)) as stream:
        await sign_out(vault, other)
        vault.clock.advance(timedelta(hours=12))

        assert not await finished(stream)
        assert await delivers(vault, stream)


async def test_an_unreachable_store_ends_no_stream(
    make_vault: MakeVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = await owned(make_vault)

    async def away(*_: object) -> None:
        raise StoreError("away for a moment")

    async with listening(vault, cookie=await signed_in(vault)) as stream:
        with monkeypatch.context() as patched:
            patched.setattr(vault.store.records, "get", away)
            vault.clock.advance(SOON)
            assert not await finished(stream)
        await authenticator_of(vault).sessions.end_all()

        assert await finished(stream)


@pytest.mark.parametrize("path", ["video", "zip"])
async def test_a_file_transfer_is_cut_off_when_access_ends(
    make_vault: MakeVault, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """It must not look complete to the recipient."""
    vault = await owned(make_vault)
    job = await vault.add_saved()
    token, _ = await authenticator_of(vault).tokens.add("program", Scope.ADMIN)
    reached, go_on = asyncio.Event(), asyncio.Event()
    slow_down(vault, monkeypatch, reached, go_on)
    address = f"/files/{job.id}/video" if path == "video" else f"/library/zip?id={job.id}"
    async with vault.client.open(address, authorization=f"Bearer {token}") as answer:
        await asyncio.wait_for(reached.wait(), patient(30))
        await authenticator_of(vault).tokens.revoke("program")
        await vault.clock.settle()
        go_on.set()
        await asyncio.sleep(0)

    whole = answer.answer()
    assert whole.status == 200
    assert b"the second half" not in whole.body


async def revoke_link(vault: ApiVault) -> None:
    (link,) = await vault.shared_links.all()
    await vault.shared_links.revoke(link.id)


async def revoke_feed(vault: ApiVault) -> None:
    await vault.rss_feeds.revoke("Films")


async def remove_its_user(vault: ApiVault) -> None:
    await authenticator_of(vault).remove_user("jane", vault.store)


async def revoke_link_elsewhere(vault: ApiVault) -> None:
    links = SharedLinks(vault.store, vault.clock, vault.services.settings.state_dir)
    (link,) = await links.all()
    await links.revoke(link.id)
    vault.clock.advance(SOON)


async def revoke_feed_elsewhere(vault: ApiVault) -> None:
    await RssFeeds(vault.store, vault.clock, vault.services.settings.state_dir).revoke("Films")
    vault.clock.advance(SOON)


async def let_it_expire(vault: ApiVault) -> None:
    vault.clock.advance(timedelta(days=1) + SOON)


async def delete_the_post(vault: ApiVault) -> None:
    for job in (await vault.store.catalogue.jobs(JobQuery())).jobs:
        await vault.store.catalogue.remove(job.id)
    vault.clock.advance(SOON)


async def end_nothing(vault: ApiVault) -> None:
    """Of the link or the feed: another one ends, and time passes."""
    (job,) = (await vault.store.catalogue.jobs(JobQuery())).jobs
    _, other = await vault.shared_links.add(job, 0)
    await vault.shared_links.revoke(other.id)
    vault.clock.advance(timedelta(hours=12))


@pytest.mark.parametrize(
    ("through", "end", "goes_on"),
    [
        ("link", revoke_link, False),
        ("link", revoke_link_elsewhere, False),
        ("link", let_it_expire, False),
        ("link", remove_its_user, False),
        ("link", delete_the_post, False),
        ("link", end_nothing, True),
        ("feed", revoke_feed, False),
        ("feed", revoke_feed_elsewhere, False),
        ("feed", remove_its_user, False),
        ("feed", end_nothing, True),
    ],
)
async def test_a_file_transfer_is_cut_off_when_its_link_or_feed_ends(
    make_vault: MakeVault,
    monkeypatch: pytest.MonkeyPatch,
    through: str,
    end: Callable[[ApiVault], Awaitable[None]],
    goes_on: bool,
) -> None:
    vault = await owned(make_vault)
    authenticator, job = authenticator_of(vault), await vault.add_saved()
    await authenticator.add_user("jane", Role.MEMBER, NEW_PASSWORD)
    if through == "link":
        key, _ = await vault.shared_links.add(job, 0, lives=timedelta(days=1), user="jane")
        address = f"{SHARED_PREFIX}{key}/video"
    else:
        feed = await vault.rss_feeds.add("Films", "", user="jane")
        address = f"{FEEDS_PREFIX}{await vault.rss_feeds.secret_of(feed)}/{job.id}-0.mp4"
    reached, go_on = asyncio.Event(), asyncio.Event()
    slow_down(vault, monkeypatch, reached, go_on)
    with capture_logs() as lines:
        async with vault.client.open(address) as answer:
            await asyncio.wait_for(reached.wait(), patient(30))
            # so that it waits for the end, or the clock, before these come
            await vault.clock.settle()
            await end(vault)
            await vault.clock.settle()
            if not goes_on:  # a thread of the store reads what has ended
                await until(
                    lambda: any(line["event"] == "answer_ended_with_access" for line in lines)
                )
            go_on.set()
            await asyncio.sleep(0)

    whole = answer.answer()
    assert whole.status == 200
    assert (b"the second half" in whole.body) is goes_on
    ended = [line["path"] for line in lines if line["event"] == "answer_ended_with_access"]
    # without the secret
    assert ended == ([] if goes_on else [address[: address.index("/", 1) + 1]])


def slow_down(
    vault: ApiVault, monkeypatch: pytest.MonkeyPatch, reached: asyncio.Event, go_on: asyncio.Event
) -> None:
    """Make the library's files come in two halves, with a wait between them."""
    original = vault.services.library.open

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

    monkeypatch.setattr(vault.services.library, "open", opened)


# --- the WebSocket of the sign-in window


async def is_closed(socket: Socket) -> bool:
    for _ in range(200):
        if socket.closed.is_set():
            return True
        await asyncio.sleep(0)
    return False


@asynccontextmanager
async def viewing(vault: ApiVault, **headers: str) -> AsyncIterator[Socket]:
    async with vault.client.socket(RELAY_PATH, "vnc", "the-key", **headers) as socket:
        assert socket.accepted == "vnc"
        yield socket


@pytest.mark.parametrize(
    "end", [sign_out, sign_out_everywhere, end_that_session, set_a_new_password]
)
async def test_the_sign_in_window_closes_with_the_session(
    make_vault: MakeVault, end: Ending
) -> None:
    vault = await owned(make_vault)
    cookie = await signed_in(vault)
    async with viewing(vault, cookie=cookie) as socket:
        await end(vault, cookie)

        assert await is_closed(socket)
    async with vault.client.socket(RELAY_PATH, "vnc", "the-key", cookie=cookie) as socket:
        assert socket.accepted is None


async def test_the_sign_in_window_closes_with_the_token(make_vault: MakeVault) -> None:
    vault = await owned(make_vault)
    token, _ = await authenticator_of(vault).tokens.add("program", Scope.ADMIN)
    async with viewing(vault, authorization=f"Bearer {token}") as socket:
        await authenticator_of(vault).tokens.revoke("program")

        assert await is_closed(socket)


async def test_a_token_without_admin_scope_cannot_view_the_sign_in_window(
    make_vault: MakeVault,
) -> None:
    vault = await owned(make_vault)
    token, _ = await authenticator_of(vault).tokens.add("program", Scope.READ)
    async with vault.client.socket(
        RELAY_PATH, "vnc", "the-key", authorization=f"Bearer {token}"
    ) as socket:
        assert (socket.accepted, socket.code) == (None, 1008)


async def test_access_ended_by_another_process_closes_the_sign_in_window_at_the_next_check(
    make_vault: MakeVault,
) -> None:
    vault = await owned(make_vault)
    async with viewing(vault, cookie=await signed_in(vault)) as socket:
        await elsewhere_sign_out_everywhere(vault)
        assert not await is_closed(socket)
        vault.clock.advance(SOON)

        assert await is_closed(socket)


async def test_a_constantly_active_viewer_is_checked_too(make_vault: MakeVault) -> None:
    vault = await owned(make_vault)
    async with viewing(vault, cookie=await signed_in(vault)) as socket:
        await elsewhere_sign_out_everywhere(vault)
        for _ in range(round(SOON.total_seconds()) + 1):
            socket.put(b"a move of the mouse")
            vault.clock.advance(timedelta(seconds=1))
            await vault.clock.settle()

        assert await is_closed(socket)


async def test_a_sign_in_window_admitted_by_a_proxy_has_to_reconnect_through_the_proxy(
    make_vault: MakeVault,
) -> None:
    vault = make_vault(**PROXIED)
    async with viewing(vault, remote_user="jane", **{SECRET_HEADER: SECRET}) as socket:
        vault.clock.advance(SOON)
        assert not await is_closed(socket)
        vault.clock.advance(PROXY_SIGN_IN_LASTS_S)

        assert await is_closed(socket)
