"""The HTTP server: bound sockets, connection limits, deadlines, orderly shutdown. The only importer
of uvicorn.

It handles no signals: the composition root decides when to stop and sets the event. Methods of
uvicorn's protocol and server are overridden here, so pyproject.toml has an upper bound for uvicorn
and a test compares their signatures.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import resource
import socket
from collections.abc import Callable, Iterator
from enum import Enum, auto
from typing import cast

import h11
from fastapi import FastAPI
from uvicorn import Config, Server
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from mediavault.auth.proxies import ProxyRules
from mediavault.core.failures import BadSetting
from mediavault.core.messages import Message
from mediavault.server.connections import Connections
from mediavault.server.long_responses import RELAY_PATH

HEADER_DEADLINE_S = 10.0  # uvicorn alone waits forever for a header that comes byte by byte
LEFTOVER_DEADLINE_S = 10.0  # for the rest of an unread body after the request has been answered
KEEP_ALIVE_S = 15
GRACE_S = 5  # for responses under way when the server stops; file downloads can be resumed
_BACKLOG = 512
MAX_SOCKET_MESSAGE_BYTES = 128 * 1024  # enough for pasted text
SOCKET_PING_S = 20.0  # a client that does not answer a ping within the same time again has gone
NO_PROXIES = ProxyRules()
_FAMILY_IS_MISSING = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


async def serve_app(
    app: FastAPI,
    *,
    host: str,
    port: int,
    stop: asyncio.Event,
    on_started: Callable[[str], None] | None = None,
    proxies: ProxyRules = NO_PROXIES,
    base: str = "",
) -> None:
    """Serve until ``stop`` is set. ``on_started`` gets the address, with the real port when
    ``port`` is 0.

    ``base`` is the path that the application is served below, as for ``BasePathMiddleware``.

    Raises BadSetting when the address cannot be bound.
    """
    sockets = bind(host, port)
    server = _Server(
        _config(app, proxies, base),
        stop,
        on_ready=lambda: on_started(_address(sockets[0])) if on_started else None,
    )
    try:
        await server.serve(sockets=sockets)
    finally:
        if server.stopping is not None:
            server.stopping.cancel()
        for sock in sockets:
            sock.close()


def bind(host: str, port: int) -> list[socket.socket]:
    """Return sockets for every address of ``host``, all on one port. Raises BadSetting."""
    bound: list[socket.socket] = []
    missing: OSError | None = None
    try:
        infos = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        for family, address in dict.fromkeys((info[0], str(info[4][0])) for info in infos):
            real_port = bound[0].getsockname()[1] if bound else port
            try:
                bound.append(
                    socket.create_server((address, real_port), family=family, backlog=_BACKLOG)
                )
            except OSError as exc:
                if exc.errno not in _FAMILY_IS_MISSING:
                    raise
                # localhost resolves to ::1 even where there is no IPv6: one address that works is
                # enough
                missing = exc
        if not bound and missing is not None:
            raise missing
    except OSError as exc:
        for sock in bound:
            sock.close()
        raise _not_bound(host, port, exc) from exc
    return bound


def check_address(host: str, port: int) -> None:
    """Check that the address can be bound now; the sockets are closed again. Raises BadSetting."""
    for sock in bind(host, port):
        sock.close()


class _Awaited(Enum):
    """What a connection must send within a deadline."""

    HEADER = auto()
    LEFTOVER = auto()


class _Config(Config):
    """uvicorn's configuration, which every protocol object gets,
    with the server's connections and base path.
    """

    connections: Connections
    base: str


class _GuardedProtocol(H11Protocol):
    """Refuses connections at a limit, and closes those whose request is not complete in time."""

    _deadline: asyncio.TimerHandle | None = None
    _deadline_for: _Awaited | None = None
    _release: Callable[[], None] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        host, *_ = transport.get_extra_info("peername") or ("",)
        self._release = cast("_Config", self.config).connections.hold(transport, host)
        if self._release is not None:
            super().connection_made(transport)
            self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def _should_upgrade(self) -> bool:
        """Upgrade to a WebSocket only on its path; elsewhere the request is answered as HTTP."""
        path = self.scope["path"].removeprefix(cast("_Config", self.config).base)
        return path == RELAY_PATH and super()._should_upgrade()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """Hand the connection to the WebSocket protocol, which then releases it at its end."""
        self._cancel_deadline()
        release, self._release = self._release, None
        super().handle_websocket_upgrade(event)
        cast("_WebSocketProtocol", self.transport.get_protocol()).release = release

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._awaited() is _Awaited.LEFTOVER:
            self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._release is not None:
            self._release()
            self._release = None
            self._cancel_deadline()
            super().connection_lost(exc)

    def _watch(self) -> None:
        """Set the deadline for what the client must send now.
        Further bytes of the same do not extend it.
        """
        awaited = self._awaited()
        if awaited is self._deadline_for:
            return
        self._cancel_deadline()
        if awaited is not None:
            within_s = HEADER_DEADLINE_S if awaited is _Awaited.HEADER else LEFTOVER_DEADLINE_S
            self._deadline_for, self._deadline = (
                awaited,
                self.loop.call_later(within_s, self.transport.abort),
            )

    def _awaited(self) -> _Awaited | None:
        if self.conn.their_state is h11.IDLE:
            return _Awaited.HEADER
        is_answered = self.conn.their_state is h11.SEND_BODY and self.conn.our_state is h11.DONE
        # the middleware has a deadline for a body that is read
        return _Awaited.LEFTOVER if is_answered else None

    def _cancel_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline_for = self._deadline = None


class _WebSocketProtocol(WebSocketsSansIOProtocol):
    """An upgraded connection. It is released when it ends;
    one whose client no longer answers pings is aborted.
    """

    release: Callable[[], None] | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self.release is not None:
            self.release()

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self.transport.abort()


class _Server(Server):
    """uvicorn's server without its signal handlers, stopped by an event."""

    def __init__(self, config: Config, stop: asyncio.Event, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._stop = stop
        self._on_ready = on_ready
        self.stopping: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.stopping = asyncio.create_task(self._stop_on_event())
        self._on_ready()

    async def _stop_on_event(self) -> None:
        await self._stop.wait()
        app = self.config.app
        if isinstance(app, FastAPI) and hasattr(app.state, "feed"):
            # event streams never end on their own, and the server would wait for them
            app.state.feed.close()
        self.should_exit = True

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _config(app: FastAPI, proxies: ProxyRules, base: str) -> Config:
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    half = max(64, descriptors // 2)  # the rest is for the store, downloads and the browser
    config = _Config(
        app,
        http=_GuardedProtocol,
        ws=_WebSocketProtocol,
        ws_max_size=MAX_SOCKET_MESSAGE_BYTES,
        ws_ping_interval=SOCKET_PING_S,
        ws_ping_timeout=SOCKET_PING_S,
        ws_per_message_deflate=False,  # the pictures are compressed already
        lifespan="on",
        proxy_headers=False,  # X-Forwarded-For never grants any rights
        server_header=False,
        access_log=False,
        log_config=None,
        log_level="warning",
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACE_S,
    )
    config.connections, config.base = Connections(proxies, limit=half), base
    return config


def _address(bound: socket.socket) -> str:
    host, port = bound.getsockname()[:2]
    shown = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - shown, not bound to
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"


def _not_bound(host: str, port: int, exc: OSError) -> BadSetting:
    if exc.errno == errno.EADDRINUSE:
        return BadSetting(
            Message(
                "MEDIAVAULT_PORT: %(port)s on %(host)s is used by another program.",
                port=port,
                host=host,
            ),
            help=(
                "Another vault may be running. Choose another MEDIAVAULT_PORT, or 0 for any free"
                " one."
            ),
        )
    return BadSetting(
        Message(
            "MEDIAVAULT_HOST: %(host)s:%(port)s cannot be listened on: %(error)s.",
            host=host,
            port=port,
            error=exc.strerror or exc,
        )
    )
