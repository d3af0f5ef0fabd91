"""The HTTP client: aiohttp, with every connection checked by the egress guard.
The only importer of aiohttp.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import zlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_proto import ResponseHandler
from yarl import URL

from mediavault import __version__
from mediavault.core import unreached
from mediavault.core.clock import Clock, SystemClock
from mediavault.core.cookies import Cookie, cookie_header, cookies_for
from mediavault.core.failures import (
    HttpError,
    Incomplete,
    NetworkFailure,
    TooLarge,
)
from mediavault.core.messages import Message
from mediavault.core.upstream_proxies import UpstreamProxy
from mediavault.core.urls import MAX_MEDIA_URL_CHARS, EgressScope, HttpUrl, parse_http_url
from mediavault.egress import upstream
from mediavault.egress.guard import EgressGuard, endpoint_of
from mediavault.egress.port import HttpResponse, Timeouts
from mediavault.egress.redirects import REDIRECTS, Hop, after_redirect, request_headers
from mediavault.egress.tcp import not_connected

# 2,308 MB/s against 1,681 with aiohttp's 64 KiB; memory stays flat either way
READ_BUFFER_BYTES = 1 << 20
CONNECTIONS = 256  # in each pool
MAX_LINE_BYTES = 32_768  # status line and each header; Location may hold a long signed URL
MAX_HEADERS = 256
ACCEPTED = "gzip, deflate"
USER_AGENT = f"mediavault/{__version__}"


class AiohttpClient:
    """``HttpClient`` over two connection pools for each proxy: one for posts that have exemptions,
    one for all others.

    So a connection that an exempt post opened to a private host is never reused for a public one,
    and none that left another way.
    """

    def __init__(
        self,
        guard: EgressGuard,
        *,
        clock: Clock | None = None,
        ssl_context: ssl.SSLContext | None = None,
        buffer_bytes: Callable[[], int | None] = lambda: None,
    ) -> None:
        """``buffer_bytes`` returns how much a connection may hold that was not read yet;
        None for the usual amount.
        """
        self._guard, self._buffer_bytes = guard, buffer_bytes
        self._clock = clock or SystemClock()
        self._ssl = ssl_context
        # by exemption and proxy
        self._sessions: dict[tuple[bool, UpstreamProxy | None], aiohttp.ClientSession] = {}

    @asynccontextmanager
    async def get(
        self,
        url: str,
        *,
        scope: EgressScope,
        headers: Mapping[str, str] | None = None,
        cookies: Sequence[Cookie] = (),
        timeouts: Timeouts | None = None,
        max_redirects: int = 10,
        decode: bool = False,
    ) -> AsyncIterator[HttpResponse]:
        limits = timeouts or Timeouts()
        target = parse_http_url(url, max_chars=MAX_MEDIA_URL_CHARS)
        first = Hop(
            target,
            {
                "user-agent": USER_AGENT,
                "accept": "*/*",
                **request_headers(headers or {}, target),
                "accept-encoding": ACCEPTED if decode else "identity",
            },
            tuple(cookies),
        )
        deadline = _deadline(limits.total_s)
        hop, raw = await self._follow(first, scope, limits, deadline, max_redirects)
        try:
            yield _Response(raw, hop.url, deadline, decode=decode)
        finally:
            raw.release()

    @asynccontextmanager
    async def post(
        self,
        url: str,
        form: Mapping[str, str] | bytes,
        *,
        scope: EgressScope,
        headers: Mapping[str, str] | None = None,
        timeouts: Timeouts | None = None,
    ) -> AsyncIterator[HttpResponse]:
        """POST a form, or bytes of the type that ``headers`` name, under the same guard.

        A redirect is the response, and the body comes as it is sent.

        Raises BadUrl, AddressRefused, NetworkFailure, TookTooLong.
        """
        limits = timeouts or Timeouts()
        target = parse_http_url(url)
        sent = {
            "user-agent": USER_AGENT,
            "accept": "*/*",
            **(headers or {}),
            "accept-encoding": "identity",
        }
        deadline = _deadline(limits.total_s)
        raw = await self._send(Hop(target, sent, ()), None, scope, limits, deadline, form)
        try:
            yield _Response(raw, target, deadline, decode=False)
        finally:
            raw.release()

    async def close(self) -> None:
        sessions, self._sessions = list(self._sessions.values()), {}
        for session in sessions:
            await session.close()

    async def _follow(
        self,
        hop: Hop,
        scope: EgressScope,
        limits: Timeouts,
        deadline: float | None,
        max_redirects: int,
    ) -> tuple[Hop, aiohttp.ClientResponse]:
        for _ in range(max_redirects + 1):
            cookies = cookie_header(cookies_for(hop.url, hop.cookies, now=self._clock.now()))
            raw = await self._send(hop, cookies, scope, limits, deadline)
            location = raw.headers.get("Location")
            if raw.status not in REDIRECTS or location is None or max_redirects == 0:
                return hop, raw
            raw.release()  # closes the connection if there is a body: it is not read
            hop = after_redirect(hop, location, status=raw.status, sent_cookies=cookies is not None)
        raise unreached.circle(hop.url.host, http_status=raw.status)

    async def _send(
        self,
        hop: Hop,
        cookies: str | None,
        scope: EgressScope,
        limits: Timeouts,
        deadline: float | None,
        form: Mapping[str, str] | bytes | None = None,
    ) -> aiohttp.ClientResponse:
        headers = {**hop.headers, **({"cookie": cookies} if cookies else {})}
        proxy = self._guard.proxies.for_post(scope.page)
        timeout = aiohttp.ClientTimeout(
            total=None,
            connect=None if proxy else limits.connect_s,  # `upstream` limits the time itself
            sock_connect=limits.connect_s,
            sock_read=limits.read_s,
        )
        connect_s = limits.connect_s * upstream.ATTEMPTS if proxy else limits.connect_s
        with _translate_errors(hop.url.host):
            async with asyncio.timeout_at(_earlier(deadline, _deadline(connect_s + limits.read_s))):
                exempt = await self._guard.exempts(scope.exemptible)
                # literals bypass the resolver, and pooled connections bypass the socket factory too
                self._guard.check(hop.url, exempt=exempt)
                _CONNECTING.set(_Connecting(hop.url.host, hop.url.port, exempt, proxy))
                held_bytes = self._buffer_bytes()
                return await self._session(exempt=exempt, proxy=proxy).request(
                    "GET" if form is None else "POST",
                    URL(hop.url.without_fragment, encoded=True),
                    headers=headers,
                    data=form,
                    timeout=timeout,
                    allow_redirects=False,
                    # aiohttp reads on until it holds twice as much
                    read_bufsize=held_bytes // 2 if held_bytes else None,
                )

    def _session(self, *, exempt: bool, proxy: UpstreamProxy | None) -> aiohttp.ClientSession:
        if (exempt, proxy) not in self._sessions:
            self._sessions[exempt, proxy] = aiohttp.ClientSession(
                connector=_Connector(
                    self._guard,
                    resolver=_GuardedResolver(self._guard),
                    socket_factory=self._checked_socket,
                    # one lookup per connection, which goes to the address that was checked
                    use_dns_cache=False,
                    ssl=self._ssl or True,
                    limit=CONNECTIONS,
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                auto_decompress=False,
                read_bufsize=READ_BUFFER_BYTES,
                max_line_size=MAX_LINE_BYTES,
                max_field_size=MAX_LINE_BYTES,
                max_headers=MAX_HEADERS,
            )
        return self._sessions[exempt, proxy]

    def _checked_socket(self, info: aiohttp.AddrInfoType) -> socket.socket:
        """Create a socket after the last check before a SYN,
        however aiohttp came to the address.
        """
        family, kind, protocol, _, sockaddr = info
        target = _CONNECTING.get()
        self._guard.check_address(
            target.host, target.port, ip_address(sockaddr[0]), exempt=target.exempt
        )
        if target.proxy is not None and not upstream.is_reached_directly(sockaddr[0]):
            # it no longer calls _Connector's method
            raise RuntimeError("aiohttp would have gone round the proxy")
        return socket.socket(family, kind, protocol)


@dataclass(frozen=True, slots=True)
class _Connecting:
    host: str
    port: int
    exempt: bool
    proxy: UpstreamProxy | None


# The request that this task, or a task aiohttp started for it, is connecting for.
_CONNECTING: ContextVar[_Connecting] = ContextVar("connecting")


class _Connector(aiohttp.TCPConnector):
    """Connects through the post's proxy, where it has one."""

    def __init__(self, guard: EgressGuard, **options: Any) -> None:
        super().__init__(**options)
        self._guard = guard

    # aiohttp has no public hook for a connection made elsewhere (3.14)
    async def _wrap_create_connection(
        self,
        *args: Any,
        addr_infos: list[aiohttp.AddrInfoType],
        timeout: aiohttp.ClientTimeout,
        **kwargs: Any,
    ) -> tuple[asyncio.Transport, ResponseHandler]:
        target = _CONNECTING.get()
        direct = [info for info in addr_infos if upstream.is_reached_directly(info[4][0])]
        if target.proxy is None or direct:
            return await super()._wrap_create_connection(
                *args, addr_infos=direct or addr_infos, timeout=timeout, **kwargs
            )
        addresses = [ip_address(sockaddr[0]) for *_, sockaddr in addr_infos]
        for address in addresses:
            self._guard.check_address(target.host, target.port, address, exempt=target.exempt)
        endpoints = [endpoint_of(address, target.port) for address in addresses]
        within_s = timeout.sock_connect or Timeouts().connect_s
        tunnel = await upstream.connect(target.proxy, endpoints, self._guard, within_s=within_s)
        protocol: ResponseHandler = args[0]()
        try:
            transport = await tunnel.hand_over_securely(
                protocol, kwargs.get("ssl"), kwargs.get("server_hostname")
            )
        except ssl.SSLCertVerificationError as exc:  # as aiohttp does for its own connections
            raise aiohttp.ClientConnectorCertificateError(
                kwargs["req"].connection_key, exc
            ) from exc
        return transport, protocol


class _GuardedResolver(AbstractResolver):
    """Gives aiohttp only addresses that the guard has checked."""

    def __init__(self, guard: EgressGuard) -> None:
        self._guard = guard

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,  # noqa: ARG002 - aiohttp's signature
    ) -> list[ResolveResult]:
        exempt = _CONNECTING.get().exempt
        return [
            ResolveResult(
                hostname=host,
                host=sockaddr[0],
                port=port,
                family=family,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for family, sockaddr in await self._guard.resolve_under(host, port, exempt=exempt)
        ]

    async def close(self) -> None:
        """Do nothing: there is nothing to close."""


class _Response:
    """``HttpResponse`` over aiohttp's response."""

    def __init__(
        self, raw: aiohttp.ClientResponse, url: HttpUrl, deadline: float | None, *, decode: bool
    ) -> None:
        self.status = raw.status
        self.url = str(url)
        self.headers: Mapping[str, str] = {
            name.lower(): value for name, value in raw.headers.items()
        }
        self._raw = raw
        self._host = url.host
        self._deadline = deadline
        self._received = 0
        encoding = self.headers.get("content-encoding", "").strip().lower()
        self._encoding = encoding if decode and encoding not in {"", "identity"} else None
        self._inflater: Inflater | None = None

    async def read_chunk(self, limit: int = 1 << 20) -> bytes:
        if self._encoding is None:
            return await self._read_raw(limit)
        if self._inflater is None:
            self._inflater = Inflater(self._encoding)
        while not (out := self._inflater.take(limit)) and not self._inflater.ended:
            compressed = await self._read_raw(65_536)
            if not compressed:
                return self._end_of_compressed()
            self._inflater.feed(compressed)
        return out

    async def read(self, *, limit: int) -> bytes:
        body = bytearray()
        while chunk := await self.read_chunk(min(READ_BUFFER_BYTES, limit + 1 - len(body))):
            body += chunk
            if len(body) > limit:
                raise TooLarge(
                    Message(
                        "%(host)s sent more than %(limit)s bytes where less was expected.",
                        host=self._host,
                        limit=limit,
                    )
                )
        return bytes(body)

    def _end_of_compressed(self) -> bytes:
        if self._received:
            raise Incomplete(
                Message("The compressed answer of %(host)s is incomplete.", host=self._host),
                bytes_received=self._received,
            )
        return b""  # HEAD-like answers and 304 announce an encoding and have no body

    async def _read_raw(self, limit: int) -> bytes:
        with _translate_errors(self._host, received=self._received):
            async with asyncio.timeout_at(self._deadline):
                chunk = await self._raw.content.read(limit)
        self._received += len(chunk)
        return chunk


def _deadline(seconds: float | None) -> float | None:
    """Return the running loop's time in ``seconds`` from now; None for no limit."""
    return None if seconds is None else asyncio.get_running_loop().time() + seconds


def _earlier(first: float | None, second: float | None) -> float | None:
    return min((moment for moment in (first, second) if moment is not None), default=None)


@contextmanager
def _translate_errors(host: str, *, received: int = 0) -> Iterator[None]:
    try:
        yield
    except TimeoutError as exc:  # aiohttp's timeouts are among them
        raise unreached.too_slow(host, received=received) from exc
    except aiohttp.ClientPayloadError as exc:
        raise Incomplete(
            Message("%(host)s interrupted the transfer.", host=host), bytes_received=received
        ) from exc
    except aiohttp.ClientConnectorCertificateError as exc:
        raise unreached.bad_certificate(host) from exc
    except aiohttp.ClientConnectorSSLError as exc:
        raise unreached.not_https(host) from exc
    except (aiohttp.ClientResponseError, aiohttp.InvalidURL) as exc:
        # their texts contain the URL with its signature
        raise unreached.not_http(host, received=received) from exc
    except aiohttp.ServerDisconnectedError as exc:
        raise unreached.hung_up(host, received=received) from exc
    except aiohttp.ClientConnectorError as exc:
        raise not_connected(exc.os_error, host) from exc
    except (aiohttp.ClientError, OSError) as exc:
        reason = (
            os.strerror(exc.errno) if isinstance(exc, OSError) and exc.errno else type(exc).__name__
        )
        raise NetworkFailure(
            Message("The connection to %(host)s failed (%(error)s).", host=host, error=reason),
            bytes_received=received,
        ) from exc


# --- compressed bodies ----------------------------------------------------------------------------

_GZIP_OR_ZLIB = zlib.MAX_WBITS | 32
_RAW = -zlib.MAX_WBITS


class Inflater:
    """A decompressor: feed it compressed bytes, take decompressed ones in pieces of limited size.

    Only the first member of a gzip stream counts, as in browsers: a million empty members cost
    nothing.
    """

    def __init__(self, encoding: str) -> None:
        """``encoding`` is the Content-Encoding header.
        Raises HttpError unless it is exactly one that was offered.
        """
        if encoding not in {"gzip", "x-gzip", "deflate"}:
            raise HttpError(
                Message(
                    "The response uses the encoding %(encoding)s, which was not requested.",
                    encoding=f"{encoding[:40]!r}",
                )
            )
        self._stream = zlib.decompressobj(_GZIP_OR_ZLIB)
        self._waiting = b""
        # kept while it may turn out to be raw
        self._head: bytes | None = b"" if encoding == "deflate" else None

    @property
    def ended(self) -> bool:
        """Whether the compressed stream has ended; anything after it is ignored."""
        return self._stream.eof

    def feed(self, data: bytes) -> None:
        """Add compressed bytes. Call only after :meth:`take` has returned b""."""
        self._waiting += data
        if self._head is not None:
            self._head += data

    def take(self, limit: int) -> bytes:
        """Return at most ``limit`` decompressed bytes, b"" if it needs more input. Raises
        Incomplete for damaged data.
        """
        try:
            out = self._stream.decompress(self._waiting, limit)
        except zlib.error as exc:
            out = self._take_raw(limit, exc)
        self._waiting = self._stream.unconsumed_tail
        if out:
            self._head = None
        return out

    def _take_raw(self, limit: int, error: zlib.error) -> bytes:
        """Read the input as raw deflate: some servers omit zlib's header, which RFC 9110,
        section 8.4.1.2, requires.
        """
        if self._head is None:
            raise Incomplete("The compressed answer is damaged.") from error
        head, self._head = self._head, None
        self._stream = zlib.decompressobj(_RAW)
        try:
            return self._stream.decompress(head, limit)
        except zlib.error as exc:
            raise Incomplete("The compressed answer is damaged.") from exc
