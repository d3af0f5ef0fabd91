"""Connections through an upstream proxy: HTTP, HTTPS (CONNECT, RFC 9110 section 9.3.6) and SOCKS 5
(RFC 1928, 1929).

The proxy is asked for an address that the guard has checked, never for a name: it would look the
name up itself, and its answer could be a private address of its network.
"""

from __future__ import annotations

import asyncio
import base64
import os
import re
import socket
import ssl
from collections.abc import Callable, Sequence
from functools import cache
from ipaddress import ip_address

from mediavault.core.failures import AddressRefused, NetworkFailure, ProxyFailed, TookTooLong
from mediavault.core.messages import Message
from mediavault.core.upstream_proxies import ProxyScheme, UpstreamProxy
from mediavault.egress.addresses import judge
from mediavault.egress.guard import EgressGuard, Endpoint
from mediavault.egress.tcp import BUFFER_BYTES, Streams, first_socket

MAX_ADDRESSES = 3  # of one host: each that the proxy does not reach costs its time limit
ATTEMPTS = MAX_ADDRESSES + 1  # and one that shows who is at fault
MAX_HEAD_BYTES = 16_384
TRIAL_S = 5.0
# Answers on every network that is connected at all; shows whether the proxy or the site is at
# fault.
WELL_KNOWN: Endpoint = (socket.AF_INET, ("1.1.1.1", 443))

_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-9][0-9]{2})(?: [^\r\n]*)?\r\n")


def is_reached_directly(address: str) -> bool:
    """Whether this address is reached without a proxy: it is private,
    and the proxy's network has other hosts there.
    """
    return judge(ip_address(address)) is not None


async def connect(
    proxy: UpstreamProxy, endpoints: Sequence[Endpoint], guard: EgressGuard, *, within_s: float
) -> Tunnel:
    """Connect to one of ``endpoints``, which the guard has checked, through the proxy.

    Each attempt may take ``within_s`` seconds. IPv4 comes first: many proxies have no IPv6. Raises
    ProxyFailed, and NetworkFailure or TookTooLong where the proxy reaches other addresses, but not
    these.
    """
    refusal = NotConnected("")
    for endpoint in sorted(endpoints, key=lambda each: each[0] != socket.AF_INET)[:MAX_ADDRESSES]:
        try:
            return await _try(proxy, endpoint, guard, within_s)
        except NotConnected as exc:
            refusal = exc
    try:
        (await _try(proxy, WELL_KNOWN, guard, min(within_s, TRIAL_S))).abort()
    except NotConnected:
        raise failed(proxy, refusal.reason) from refusal
    kind = TookTooLong if refusal.is_late else NetworkFailure
    raise kind(
        Message(
            "The proxy %(proxy)s could not connect to the site: %(reason)s.",
            proxy=proxy,
            reason=refusal.reason,
        )
    ) from refusal


async def open_streams(
    proxy: UpstreamProxy, endpoints: Sequence[Endpoint], guard: EgressGuard, *, within_s: float
) -> Streams:
    """Connect as :func:`connect`, and return the connection as asyncio streams."""
    tunnel = await connect(proxy, endpoints, guard, within_s=within_s)
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=BUFFER_BYTES, loop=loop)
    protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
    transport = tunnel.hand_over(protocol)
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop)


def failed(proxy: UpstreamProxy, reason: str) -> ProxyFailed:
    """Return the failure for a proxy that cannot be used."""
    return ProxyFailed(
        Message("The proxy %(proxy)s cannot be used: %(reason)s.", proxy=proxy, reason=reason)
    )


class NotConnected(Exception):
    """The proxy answered, but did not connect to the address;
    ``is_late`` when it took too long to.
    """

    def __init__(self, reason: str, *, is_late: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.is_late = is_late


class Tunnel(asyncio.Protocol):
    """A connection to the proxy, until the proxy has connected it to the target and
    :meth:`hand_over` ends this role.
    """

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._changed = asyncio.Event()
        self._has_ended = False

    @property
    def transport(self) -> asyncio.Transport:
        assert self._transport is not None, "the connection is made"
        return self._transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        if len(self._received) > MAX_HEAD_BYTES:
            self.transport.abort()
        self._changed.set()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._has_ended = True
        self._changed.set()

    def send(self, data: bytes) -> None:
        """Send the next bytes of the handshake."""
        self.transport.write(data)

    async def receive(self, count: int) -> bytes:
        """Return the next ``count`` bytes. Raises EOFError if the proxy closes the connection
        first.
        """
        return await self._take(lambda: count if len(self._received) >= count else None)

    async def receive_head(self) -> bytes:
        """Return the head of an HTTP response with its empty line. Raises EOFError if the proxy
        closes the connection first.
        """
        return await self._take(
            lambda: end + 4 if (end := self._received.find(b"\r\n\r\n")) >= 0 else None
        )

    async def _take(self, length: Callable[[], int | None]) -> bytes:
        while (count := length()) is None:
            if self._has_ended:
                raise EOFError
            self._changed.clear()
            await self._changed.wait()
        taken = bytes(self._received[:count])
        del self._received[:count]
        return taken

    def hand_over(self, protocol: asyncio.BaseProtocol) -> asyncio.Transport:
        """Give the connection, which now leads to the target, to ``protocol``."""
        self.transport.set_protocol(protocol)
        protocol.connection_made(self.transport)
        if self._has_ended or self.transport.is_closing():  # nothing would tell the protocol
            protocol.connection_lost(None)
        return self.transport

    async def hand_over_securely(
        self, protocol: asyncio.BaseProtocol, tls: ssl.SSLContext | None, name: str | None
    ) -> asyncio.Transport:
        """Hand over, after a TLS handshake with the target if ``tls`` is given.
        Raises OSError if that fails.
        """
        if tls is None:
            return self.hand_over(protocol)
        loop = asyncio.get_running_loop()
        secured = await loop.start_tls(self.transport, protocol, tls, server_hostname=name)
        if secured is None:
            raise ConnectionResetError("the connection was closed")
        protocol.connection_made(secured)
        return secured

    @property
    def is_clean(self) -> bool:
        """Whether nothing was received before the first request to the target:
        no web server speaks first.
        """
        return not self._received and not self._has_ended

    def abort(self) -> None:
        """Abort the connection."""
        if self._transport is not None:
            self._transport.abort()


async def _try(
    proxy: UpstreamProxy, endpoint: Endpoint, guard: EgressGuard, within_s: float
) -> Tunnel:
    """Ask the proxy for one address. Raises ProxyFailed,
    and NotConnected if the proxy did not connect to it.
    """
    tunnel: Tunnel | None = None
    is_asked = False
    try:
        async with asyncio.timeout(within_s):
            tunnel = await _reach(proxy, guard)
            if proxy.scheme is ProxyScheme.SOCKS5:
                await _greet(tunnel, proxy)
            is_asked = True
            await (_ask_socks5 if proxy.scheme is ProxyScheme.SOCKS5 else _ask_http)(
                tunnel, proxy, endpoint
            )
            if not tunnel.is_clean:
                raise failed(proxy, Message("its response could not be read"))
        connected, tunnel = tunnel, None
        return connected
    except TimeoutError as exc:
        if is_asked:
            raise NotConnected(Message("it did not connect in time"), is_late=True) from exc
        raise failed(proxy, Message("it did not answer in time")) from exc
    except EOFError as exc:
        if is_asked:
            raise NotConnected(Message("it closed the connection")) from exc
        raise failed(proxy, Message("it closed the connection")) from exc
    finally:
        if tunnel is not None:
            tunnel.abort()


async def _reach(proxy: UpstreamProxy, guard: EgressGuard) -> Tunnel:
    loop = asyncio.get_running_loop()
    try:
        connected = await first_socket(await guard.resolve_proxy(proxy))
        tls = tls_context() if proxy.scheme is ProxyScheme.HTTPS else None
        name = proxy.host if tls else None
        _, tunnel = await loop.create_connection(
            Tunnel, sock=connected, ssl=tls, server_hostname=name
        )
    except NetworkFailure as exc:
        raise failed(proxy, Message("its name could not be resolved")) from exc
    except AddressRefused as exc:
        raise failed(proxy, Message("its address and port are mediavault's own")) from exc
    except ssl.SSLCertVerificationError as exc:
        raise failed(
            proxy, Message("its certificate is not valid (%(error)s)", error=exc.verify_message)
        ) from exc
    except ssl.SSLError as exc:
        raise failed(proxy, Message("it does not speak TLS")) from exc
    except OSError as exc:
        if isinstance(exc, TimeoutError):
            raise
        raise failed(
            proxy,
            Message(
                "no connection (%(error)s)", error=os.strerror(exc.errno) if exc.errno else exc
            ),
        ) from exc
    return tunnel


@cache
def tls_context() -> ssl.SSLContext:
    """Return the context for the connection to an ``https://`` proxy,
    whose certificate is checked.
    """
    return ssl.create_default_context()


# --- HTTP -----------------------------------------------------------------------------------------


async def _ask_http(tunnel: Tunnel, proxy: UpstreamProxy, endpoint: Endpoint) -> None:
    address, port = endpoint[1][0], endpoint[1][1]
    target = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
    if proxy.has_credentials:
        token = base64.b64encode(proxy.username + b":" + proxy.password).decode()
        lines.append(f"Proxy-Authorization: Basic {token}")
    tunnel.send("\r\n".join([*lines, "", ""]).encode("ascii"))
    match = _STATUS_LINE.match(await tunnel.receive_head())
    if match is None:
        raise failed(proxy, Message("it is not an HTTP proxy"))
    status = int(match[1])
    if status == 407:
        raise failed(proxy, _password_words(proxy))
    if not 200 <= status < 300:
        raise NotConnected(Message("it answered with HTTP %(status)s", status=status))


def _password_words(proxy: UpstreamProxy) -> str:
    if proxy.has_credentials:
        return Message("it does not accept the user name and password")
    return Message("it requires a user name and password, as in http://user:password@host:port")


# --- SOCKS 5 --------------------------------------------------------------------------------------

_VERSION, _CONNECT, _RESERVED = 5, 1, 0
_NO_PASSWORD, _PASSWORD, _NONE_ACCEPTABLE = 0, 2, 0xFF
_IPV4, _NAME, _IPV6 = 1, 3, 4
_REPLIES = {
    1: Message("a general failure of the proxy"),
    2: Message("its rules forbid it"),
    3: Message("it does not reach that network"),
    4: Message("it does not reach that address"),
    5: Message("the connection was refused"),
    6: Message("the address is too many hops away"),
    7: Message("it does not support outgoing connections"),
    8: Message("it does not support this kind of address"),
}


async def _greet(tunnel: Tunnel, proxy: UpstreamProxy) -> None:
    """Agree on a method, and send the password if the proxy requires one (RFC 1929)."""
    methods = [_NO_PASSWORD, *([_PASSWORD] if proxy.has_credentials else [])]
    tunnel.send(bytes([_VERSION, len(methods), *methods]))
    version, method = await tunnel.receive(2)
    if version != _VERSION:
        raise failed(proxy, Message("it is not a SOCKS 5 proxy"))
    if method == _NONE_ACCEPTABLE or method not in methods:
        raise failed(proxy, _password_words(proxy))
    if method == _PASSWORD:
        name, password = proxy.username, proxy.password
        tunnel.send(bytes([1, len(name), *name, len(password), *password]))
        _, status = await tunnel.receive(2)
        if status != 0:
            raise failed(proxy, _password_words(proxy))


async def _ask_socks5(tunnel: Tunnel, proxy: UpstreamProxy, endpoint: Endpoint) -> None:
    address, port = ip_address(endpoint[1][0]), endpoint[1][1]
    kind = _IPV4 if address.version == 4 else _IPV6
    tunnel.send(
        bytes([_VERSION, _CONNECT, _RESERVED, kind, *address.packed, *port.to_bytes(2, "big")])
    )
    version, reply, _, bound = await tunnel.receive(4)
    if version != _VERSION:
        raise failed(proxy, Message("it is not a SOCKS 5 proxy"))
    if reply != 0:
        raise NotConnected(_REPLIES.get(reply, Message("an unknown response")))
    length = {_IPV4: 4, _IPV6: 16}.get(bound) or (await tunnel.receive(1))[0]
    # the address and port at the proxy's end; nothing here needs them
    await tunnel.receive(length + 2)
