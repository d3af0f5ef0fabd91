"""A loopback HTTP proxy that puts the browser, and other programs that fetch by themselves, behind the egress guard.

A browser has two dozen ways to open a connection, and its own hooks miss some of them (redirects, shared workers,
WebSockets in workers, preconnect). All of them go through its proxy. The proxy resolves, checks and connects by address,
and the browser never resolves a name. It supports CONNECT, and plain http in absolute form.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import Context, copy_context
from dataclasses import dataclass, field

from mediavault.core.failures import AddressRefused, BadUrl, NetworkFailure, TookTooLong
from mediavault.core.logs import get_logger
from mediavault.core.messages import Message
from mediavault.core.urls import MAX_MEDIA_URL_CHARS, HttpUrl, parse_http_url
from mediavault.services.egress.guard import EgressGuard
from mediavault.services.egress.http1 import BadMessage, HttpConnection, Request, ResponseInterrupted, forward, header
from mediavault.services.egress.tcp import BUFFER_BYTES, Streams, close, dial, stop_tasks, tunnel

MAX_CONNECTIONS = 512
CONNECT_S = 15.0
USERNAME = "mediavault"
REFUSED_HEADER = "Mediavault-Egress"  # distinguishes the proxy's responses for a plain http target from a site's

# Chromium's switches that go with the proxy. WebRTC's UDP knows no proxy, QUIC is UDP too; the others stop traffic
# that no post asked for.
CHROMIUM_ARGS = (
    "--webrtc-ip-handling-policy=disable_non_proxied_udp",  # Chromium and Chrome
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",  # the same in chrome-headless-shell
    "--disable-quic",
    "--disable-background-networking",
    "--no-first-run",
    "--disable-component-update",
    "--disable-sync",
)

log = get_logger(__name__)


@dataclass(eq=False, slots=True)
class ProxyCredential:
    """A password, and the posts that are processed with it; ``exempt`` are those that the guard has found exempt.

    ``context`` is the caller's, so that the log of a refusal has the ids of the job whose process was refused.
    """

    password: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    scopes: list[HttpUrl] = field(default_factory=list)
    exempt: set[HttpUrl] = field(default_factory=set)
    context: Context = field(default_factory=copy_context)

    @property
    def token(self) -> str:
        return base64.b64encode(f"{USERNAME}:{self.password}".encode()).decode()


class EgressProxy:
    """One per process, on a random port of 127.0.0.1, with a random password that keeps out other users of the machine.

    The browser's connections all use the same password, so while :meth:`exempting` holds an exempt post, pages of
    other posts in the same browser share its exemptions. :meth:`pass_for`, for a process per post, has no such gap.
    """

    def __init__(
        self,
        guard: EgressGuard,
        *,
        connect_s: float = CONNECT_S,
        admits: Callable[[asyncio.StreamWriter], bool] | None = None,
    ) -> None:
        """``admits`` decides on each connection instead of the password, for a browser that cannot be given one."""
        self._guard = guard
        self._connect_s = connect_s
        self._admits = admits
        self._browser = ProxyCredential()
        self._passes = [self._browser]
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._private: dict[asyncio.Task[None], ProxyCredential] = {}  # connections that only an exemption allows

    async def start(self) -> None:
        """Listen. Raises OSError where loopback has no free port."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=BUFFER_BYTES)
        self._guard.claim_port(self.port)

    async def close(self) -> None:
        """Stop listening and break all connections. Safe to call twice."""
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        await stop_tasks(*self._connections)
        await server.wait_closed()

    @property
    def port(self) -> int:
        assert self._server is not None, "the proxy is not started"
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @property
    def server(self) -> str:
        """The URL for Playwright's ``proxy={"server": …, "username": …, "password": …}``."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def username(self) -> str:
        return USERNAME

    @property
    def password(self) -> str:
        return self._browser.password

    @contextmanager
    def exempting(self, scope_url: str) -> Iterator[None]:
        """Let the browser use the exemptions of the post at ``scope_url``, if it has any, while the block runs."""
        with self._at_work(self._browser, scope_url):
            yield

    @contextmanager
    def pass_for(self, scope_url: str) -> Iterator[str]:
        """Yield a proxy URL with its own password, for a process that works on one post while the block runs."""
        own = ProxyCredential()
        self._passes.append(own)
        try:
            with self._at_work(own, scope_url):
                yield f"http://{USERNAME}:{own.password}@127.0.0.1:{self.port}"
        finally:
            self._passes.remove(own)

    @contextmanager
    def _at_work(self, own: ProxyCredential, scope_url: str) -> Iterator[None]:
        scope = parse_http_url(scope_url, max_chars=MAX_MEDIA_URL_CHARS)
        own.scopes.append(scope)
        try:
            yield
        finally:
            own.scopes.remove(scope)
            self._withdraw(own)

    def _withdraw(self, own: ProxyCredential) -> None:
        """Close connections to private hosts once no exempt post is processed: browsers keep them for the next page."""
        own.exempt.intersection_update(own.scopes)
        if own.exempt or any(self._guard.opens_by_name(scope) for scope in own.scopes):
            return
        for task, held_by in list(self._private.items()):
            if held_by is own:
                task.cancel()

    # --- a connection ------------------------------------------------------------------------------------------

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        is_stranger = self._admits is not None and not self._admits(writer)
        if len(self._connections) >= MAX_CONNECTIONS or self._server is None or is_stranger:
            writer.transport.abort()
            return
        task = asyncio.create_task(self._serve(HttpConnection((reader, writer), is_server=True)))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _serve(self, client: HttpConnection) -> None:
        try:
            await self._serve_requests(client)
        except (OSError, EOFError, ResponseInterrupted):  # TimeoutError is an OSError
            client.streams[1].transport.abort()
        finally:
            self._private.pop(_this_task(), None)
            await close(client.streams)

    async def _serve_requests(self, client: HttpConnection) -> None:
        try:
            while request := await client.receive_request():
                await self._answer(client, request)
                self._private.pop(_this_task(), None)
                if not client.start_next_cycle():
                    return
        except (BadMessage, asyncio.LimitOverrunError):
            await client.respond(400, "This is not a request that the proxy takes.")

    async def _answer(self, client: HttpConnection, request: Request) -> None:
        own = self._pass_of(request)
        if own is None:
            challenge = ("Proxy-Authenticate", f'Basic realm="{USERNAME}"')
            return await client.respond(407, "A password is needed.", challenge)
        try:
            target, path = _target(request)
            server = await self._reach(target, own)
        except BadUrl:
            return await client.respond(400, "This is not a target that the proxy takes.")
        except AddressRefused as exc:
            own.context.copy().run(_log_refusal, target, exc)
            return await client.respond(403, "mediavault does not connect there.", (REFUSED_HEADER, "refused"))
        except TookTooLong:
            return await client.respond(504, "The server did not answer in time.", (REFUSED_HEADER, "late"))
        except NetworkFailure:
            return await client.respond(502, "The server cannot be reached.", (REFUSED_HEADER, "unreachable"))
        try:
            if request.method == b"CONNECT":
                client.streams[1].write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                return await tunnel(client.streams, server)
            await forward(client, server, request, host=target.netloc, path=path)
        except (BadMessage, OSError, EOFError, asyncio.LimitOverrunError):
            await client.respond(502, "The server's answer cannot be read.")
        finally:
            await close(server)

    def _pass_of(self, request: Request) -> ProxyCredential | None:
        if self._admits is not None:
            return self._browser
        scheme, _, token = (header(request, b"proxy-authorization") or "").partition(" ")
        given = token.strip().encode()
        fitting = [own for own in self._passes if hmac.compare_digest(own.token.encode(), given)]
        return fitting[0] if fitting and scheme.lower() == "basic" else None

    async def _reach(self, target: HttpUrl, own: ProxyCredential) -> Streams:
        try:
            async with asyncio.timeout(self._connect_s):
                scope = await self._exempt_scope(own)
                endpoints = await self._guard.resolve(target.host, target.port, scope=scope)
        except TimeoutError as exc:
            raise TookTooLong(Message("%(host)s could not be resolved in time.", host=target.host)) from exc
        if not all(self._guard.is_public(endpoint) for endpoint in endpoints):
            if (
                scope not in own.scopes
            ):  # the post was done while the name was looked up, so nothing would close this later
                raise AddressRefused(
                    Message("blocked: %(host)s, whose post is no longer being saved.", host=target.host)
                )
            self._private[_this_task()] = own
        return await dial(endpoints, within_s=self._connect_s)

    async def _exempt_scope(self, own: ProxyCredential) -> HttpUrl | None:
        for scope in list(own.scopes):
            if await self._guard.exempts(scope):
                if scope in own.scopes:
                    own.exempt.add(scope)
                return scope
        return None


_CONNECT_TARGET = re.compile(r"[^/?#@]+:[0-9]+")
_ABSOLUTE = re.compile(r"http://(?P<authority>[^/?#]*)(?P<path>[^#]*)", re.IGNORECASE)


def _target(request: Request) -> tuple[HttpUrl, str]:
    """Return the URL to connect to, and the path to request, unchanged. Raises BadUrl."""
    target = request.target.decode("ascii")
    if request.method == b"CONNECT":
        if not _CONNECT_TARGET.fullmatch(target):
            raise BadUrl("CONNECT needs host:port.")
        return parse_http_url(f"https://{target}/"), "/"
    match = _ABSOLUTE.match(target)
    if match is None or request.http_version == b"1.0":
        raise BadUrl("Only http:// in absolute form, over HTTP/1.1.")
    path = match["path"]
    return parse_http_url(f"http://{match['authority']}/"), path if path.startswith("/") else f"/{path}"


def _log_refusal(target: HttpUrl, refusal: AddressRefused) -> None:
    log.info("egress_refused", host=target.host, port=target.port, reason=refusal.message)


def _this_task() -> asyncio.Task[None]:
    task: asyncio.Task[None] | None = asyncio.current_task()
    assert task is not None
    return task
