"""A loopback HTTP proxy that puts the browser, and other programs that fetch on their own, behind
the egress guard.

A browser has two dozen ways to open a connection, and its own hooks miss some of them (redirects,
shared workers, WebSockets in workers, preconnect). All of them go through its proxy. The proxy
resolves, checks and connects by address, and the browser never resolves a name. It supports
CONNECT, and plain http in absolute form.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import re
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import Context, copy_context
from dataclasses import dataclass, field

from mediavault.core import unreached
from mediavault.core.failures import (
    AddressRefused,
    BadUrl,
    BrowserUnavailable,
    Failure,
    NetworkFailure,
    ProxyFailed,
    SiteUnreachable,
    TookTooLong,
)
from mediavault.core.logs import get_logger
from mediavault.core.messages import Message
from mediavault.core.upstream_proxies import UpstreamProxy
from mediavault.core.urls import EgressScope, HttpUrl, parse_http_url
from mediavault.egress.guard import EgressGuard
from mediavault.egress.http1 import (
    BadMessage,
    HttpConnection,
    Request,
    ResponseInterrupted,
    forward,
    header,
)
from mediavault.egress.port import REFUSED_HEADER as REFUSED_HEADER
from mediavault.egress.tcp import BUFFER_BYTES, Streams, close, dial, stop_tasks, tunnel
from mediavault.egress.upstream import is_reached_directly, open_streams

# --- Turns at something that only holders of equal keys can use together.


class KeyedLock:
    """Lets holders of equal keys in together, and those of different keys one key after the other,
    in order of arrival.
    """

    def __init__(self) -> None:
        self._key: object = None
        self._inside = 0
        self._waiting: list[tuple[object, asyncio.Future[None]]] = []

    async def begin(self, key: object) -> None:
        """Wait until ``key`` is let in. Everyone who has been let in calls :meth:`end`."""
        if not self._inside or (key == self._key and not self._waiting):
            self._key, self._inside = key, self._inside + 1
            return
        entry = (key, asyncio.get_running_loop().create_future())
        self._waiting.append(entry)
        try:
            await entry[1]
        except asyncio.CancelledError:
            if entry in self._waiting:
                self._waiting.remove(entry)
            else:  # let in at the same moment
                self.end()
            raise

    def end(self) -> None:
        """Leave; the last one lets in all that wait with the key of the one that has waited
        longest.
        """
        self._inside -= 1
        if self._inside or not self._waiting:
            return
        self._key = self._waiting[0][0]
        admitted = [entry for entry in self._waiting if entry[0] == self._key]
        self._waiting = [entry for entry in self._waiting if entry[0] != self._key]
        self._inside = len(admitted)
        for _, admission in admitted:
            admission.set_result(None)


MAX_CONNECTIONS = 512
CONNECT_S = 15.0
USERNAME = "mediavault"

# Chromium's switches that go with the proxy. WebRTC's UDP ignores proxies, QUIC is UDP too; the
# others stop traffic that no post asked for.
CHROMIUM_ARGS = (
    "--webrtc-ip-handling-policy=disable_non_proxied_udp",  # Chromium and Chrome
    # the same in chrome-headless-shell
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--disable-quic",
    "--disable-background-networking",
    "--no-first-run",
    "--disable-component-update",
    "--disable-sync",
)

log = get_logger(__name__)


@dataclass(eq=False, slots=True)
class ProxyCredential:
    """A password, and the posts that are processed with it: the ``hosts`` of all, and those that
    may be exempt.

    ``exempt`` are those of the latter that the guard has found so.
    ``upstream`` is the proxy of these posts, afterwards still that of the last one: what a page
    leaves behind goes its way. ``failures`` counts how often it failed. ``unreached`` is why the
    host of one of these posts was not reached last. ``context`` is the caller's, so that the log of
    a refusal has the ids of the job whose process was refused.
    """

    password: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    hosts: list[str] = field(default_factory=list)
    scopes: list[HttpUrl] = field(default_factory=list)
    exempt: set[HttpUrl] = field(default_factory=set)
    context: Context = field(default_factory=copy_context)
    upstream: UpstreamProxy | None = None
    failures: int = 0
    last_failure: str = ""
    unreached: dict[str, Failure] = field(default_factory=dict)

    def note_unreached(self, host: str, failure: Failure) -> None:
        if host in self.hosts:
            self.unreached[host] = failure

    @property
    def token(self) -> str:
        return base64.b64encode(f"{USERNAME}:{self.password}".encode()).decode()


class EgressProxy:
    """One per process, on a random port of 127.0.0.1, with a random password that keeps out other
    users of the machine.

    The browser's connections all use the same password, so its pages cannot be told apart: in
    :meth:`visiting`, exempt posts and others take turns. :meth:`pass_for` is for a process per
    post.
    """

    def __init__(
        self,
        guard: EgressGuard,
        *,
        connect_s: float = CONNECT_S,
        admits: Callable[[asyncio.StreamWriter], bool] | None = None,
    ) -> None:
        """``admits`` decides on each connection instead of the password,
        for a browser that cannot be given one.
        """
        self.refused = 0  # connections that the guard refused
        self._guard = guard
        self._connect_s = connect_s
        self._admits = admits
        self._browser = ProxyCredential()
        self._credentials = [self._browser]
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        # connections that only an exemption allows
        self._private: dict[asyncio.Task[None], ProxyCredential] = {}
        # the way of the browser's connections
        self._upstream: dict[asyncio.Task[None], UpstreamProxy | None] = {}
        self._turns = KeyedLock()
        self._browser.upstream = guard.proxies.vault

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
    def exempting(self, scope: EgressScope) -> Iterator[None]:
        """Let the browser use the exemptions and the proxy of ``scope`` while the block runs.

        For a browser with one post at a time; others take :meth:`visiting`.
        """
        with self._processing(self._browser, scope.page, scope.exemptible):
            yield

    @asynccontextmanager
    async def visiting(self, scope: EgressScope, *, within_s: float) -> AsyncIterator[None]:
        """Wait for posts in the browser that may not be open together with this one, then do as
        :meth:`exempting`.

        The pages of one browser cannot be told apart, so all that are open at a time leave the same
        way, and either all of them are exempt or none is. Raises BrowserUnavailable after
        ``within_s`` seconds, and in place of a failure of the network what caused it: ProxyFailed,
        or why the post's host was not reached, which no browser says.
        """
        page, upstream = scope.page, self._guard.proxies.for_post(scope.page)
        try:
            async with asyncio.timeout(within_s):
                is_exempt = await self._guard.exempts(scope.exemptible)
                await self._turns.begin((upstream, is_exempt))
        except TimeoutError as exc:
            raise BrowserUnavailable("The browser is busy with other posts.") from exc
        try:
            with self._processing(self._browser, page, page if is_exempt else None):
                yield
        finally:
            self._turns.end()

    @contextmanager
    def pass_for(self, scope: EgressScope) -> Iterator[str]:
        """Yield a proxy URL with its own password, for a process that works on one post while the
        block runs.

        Raises as :meth:`visiting` in place of a failure of the network.
        """
        credential = ProxyCredential()
        self._credentials.append(credential)
        try:
            with self._processing(credential, scope.page, scope.exemptible):
                yield f"http://{USERNAME}:{credential.password}@127.0.0.1:{self.port}"
        finally:
            self._credentials.remove(credential)

    @contextmanager
    def _processing(
        self, credential: ProxyCredential, page: HttpUrl, exemptible: HttpUrl | None
    ) -> Iterator[None]:
        credential.hosts.append(page.host)
        if exemptible is not None:
            credential.scopes.append(exemptible)
        self._leave_through(self._guard.proxies.for_post(page), credential)
        before = credential.failures
        try:
            yield
        except (NetworkFailure, TookTooLong) as exc:
            if credential.failures > before:
                raise ProxyFailed(credential.last_failure) from exc
            cause = credential.unreached.get(page.host)
            # the others say more
            if cause is not None and type(exc) in (NetworkFailure, TookTooLong):
                raise cause from exc
            raise
        finally:
            credential.hosts.remove(page.host)
            if page.host not in credential.hosts:
                credential.unreached.pop(page.host, None)
            if exemptible is not None:
                credential.scopes.remove(exemptible)
            self._withdraw_exemption(credential)

    def _leave_through(self, upstream: UpstreamProxy | None, credential: ProxyCredential) -> None:
        """Let connections leave through ``upstream``;
        those of the browser that left another way are closed.
        """
        if credential.upstream != upstream and credential is self._browser:
            for task, way in list(self._upstream.items()):
                if way != upstream:
                    task.cancel()
        credential.upstream = upstream

    def _withdraw_exemption(self, credential: ProxyCredential) -> None:
        """Close connections to private hosts once no exempt post is processed:
        browsers keep them for the next page.
        """
        credential.exempt.intersection_update(credential.scopes)
        if credential.exempt or any(
            self._guard.opens_by_name(scope) for scope in credential.scopes
        ):
            return
        for task, holder in list(self._private.items()):
            if holder is credential:
                task.cancel()

    # --- a connection -----------------------------------------------------------------------------

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        is_refused = self._admits is not None and not self._admits(writer)
        if len(self._connections) >= MAX_CONNECTIONS or self._server is None or is_refused:
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
            self._forget_connection()
            await close(client.streams)

    async def _serve_requests(self, client: HttpConnection) -> None:
        try:
            while request := await client.receive_request():
                await self._answer(client, request)
                self._forget_connection()
                if not client.start_next_cycle():
                    return
        except (BadMessage, asyncio.LimitOverrunError):
            await client.respond(400, "The proxy does not accept this request.")

    async def _answer(self, client: HttpConnection, request: Request) -> None:
        credential = self._credential_of(request)
        if credential is None:
            challenge = ("Proxy-Authenticate", f'Basic realm="{USERNAME}"')
            return await client.respond(407, "A password is needed.", challenge)
        try:
            target, path = _target(request)
            server = await self._connect(target, credential)
        except BadUrl:
            return await client.respond(400, "This is not a target that the proxy takes.")
        except AddressRefused as exc:
            self.refused += 1
            credential.context.copy().run(_log_refusal, target, exc)
            credential.note_unreached(target.host, exc)
            return await client.respond(
                403, "mediavault does not connect there.", (REFUSED_HEADER, "refused")
            )
        except TookTooLong as exc:
            credential.note_unreached(target.host, exc)
            return await client.respond(
                504, "The server did not answer in time.", (REFUSED_HEADER, "late")
            )
        except (NetworkFailure, ProxyFailed) as exc:
            if isinstance(exc, ProxyFailed):
                credential.failures, credential.last_failure = credential.failures + 1, exc.message
            credential.note_unreached(target.host, exc)
            return await client.respond(
                502, "The server cannot be reached.", (REFUSED_HEADER, "unreachable")
            )
        try:
            if request.method == b"CONNECT":
                client.streams[1].write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                return await tunnel(client.streams, server)
            await forward(client, server, request, host=target.netloc, path=path)
        except (BadMessage, OSError, EOFError, asyncio.LimitOverrunError) as exc:
            credential.note_unreached(target.host, _no_answer(exc, target.host))
            await client.respond(
                502, "The server's answer cannot be read.", (REFUSED_HEADER, "unreadable")
            )
        finally:
            await close(server)

    def _credential_of(self, request: Request) -> ProxyCredential | None:
        if self._admits is not None:
            return self._browser
        scheme, _, token = (header(request, b"proxy-authorization") or "").partition(" ")
        presented = token.strip().encode()
        matches = [
            credential
            for credential in self._credentials
            if hmac.compare_digest(credential.token.encode(), presented)
        ]
        return matches[0] if matches and scheme.lower() == "basic" else None

    def _forget_connection(self) -> None:
        self._private.pop(_this_task(), None)
        self._upstream.pop(_this_task(), None)

    async def _connect(self, target: HttpUrl, credential: ProxyCredential) -> Streams:
        upstream = credential.upstream
        if credential is self._browser:
            self._upstream[_this_task()] = upstream
        try:
            async with asyncio.timeout(self._connect_s):
                scope = await self._exempt_scope(credential)
                endpoints = await self._guard.resolve(target.host, target.port, scope=scope)
        except TimeoutError as exc:
            raise TookTooLong(
                Message("%(host)s could not be resolved in time.", host=target.host)
            ) from exc
        if not all(self._guard.is_public(endpoint) for endpoint in endpoints):
            # the post ended during the lookup, so nothing would close this later
            if scope not in credential.scopes:
                raise AddressRefused(
                    Message(
                        "blocked: %(host)s, whose post is no longer being saved.", host=target.host
                    )
                )
            self._private[_this_task()] = credential
        direct = [endpoint for endpoint in endpoints if is_reached_directly(endpoint[1][0])]
        if upstream is None or direct:
            return await dial(direct or endpoints, host=target.host, within_s=self._connect_s)
        return await open_streams(upstream, endpoints, self._guard, within_s=self._connect_s)

    async def _exempt_scope(self, credential: ProxyCredential) -> HttpUrl | None:
        for scope in list(credential.scopes):
            if await self._guard.exempts(scope):
                if scope in credential.scopes:
                    credential.exempt.add(scope)
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
    return parse_http_url(f"http://{match['authority']}/"), path if path.startswith(
        "/"
    ) else f"/{path}"


def _no_answer(exc: Exception, host: str) -> SiteUnreachable:
    return (
        unreached.hung_up(host) if isinstance(exc, EOFError | OSError) else unreached.not_http(host)
    )


def _log_refusal(target: HttpUrl, refusal: AddressRefused) -> None:
    log.info("egress_refused", host=target.host, port=target.port, reason=refusal.message)


def _this_task() -> asyncio.Task[None]:
    task: asyncio.Task[None] | None = asyncio.current_task()
    assert task is not None
    return task
