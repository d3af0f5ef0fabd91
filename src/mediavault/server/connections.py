"""Limits for each client address: how many connections the server holds, and how many requests run
at once.

A trusted proxy's connections are not limited, since all clients share them: each request that it
forwards counts for the client address that it names. A proxy that names no address cannot be
limited.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from fastapi import Request

from mediavault.auth.authenticator import Authenticator
from mediavault.auth.login_throttle import address_bucket
from mediavault.auth.proxies import ProxyRules, is_trusted
from mediavault.core.failures import ErrorCode
from mediavault.core.logs import get_logger
from mediavault.server.authentication import credentials_of
from mediavault.server.errors import HttpRefusal

log = get_logger(__name__)

MAX_PER_ADDRESS = 200  # as specified; a browser makes six
RETRY_AFTER_S = 10  # slow requests have timed out by then
MAX_REFUSALS = 64  # being sent at a time; further connections are closed without a response
# also without a request; a response sent while a request is still unread may be lost
REFUSE_WITHIN_S = 0.5


class AddressCounter:
    """Counts by address, in the form of ``address_bucket``;
    only addresses with a count above 0 use memory.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._counts: Counter[str] = Counter()

    def acquire(self, address: str) -> bool:
        """Count one more, to be released later. Returns False, without counting, at the limit."""
        if self._counts[address] >= self._limit:
            return False
        self._counts[address] += 1
        return True

    def release(self, address: str) -> bool:
        """Count one less. Returns whether it was the last one."""
        self._counts[address] -= 1
        if is_last := self._counts[address] <= 0:
            del self._counts[address]
        return is_last


class ConcurrencyLimit:
    """Limits how many requests of one address run at once."""

    def __init__(self, authenticator: Authenticator) -> None:
        self._authenticator = authenticator
        self._counter = AddressCounter(MAX_PER_ADDRESS)

    @contextmanager
    def hold(self, request: Request) -> Iterator[None]:
        """Count the request while the block runs. Raises HttpRefusal at the limit."""
        address = self._authenticator.address_of(credentials_of(request))
        if self._authenticator.is_proxy(address):
            yield
            return
        bucket = address_bucket(address)
        if not self._counter.acquire(bucket):
            raise HttpRefusal(
                429,
                ErrorCode.TOO_MANY,
                "Too many requests at once from this address.",
                headers={"Retry-After": str(RETRY_AFTER_S)},
            )
        try:
            yield
        finally:
            self._counter.release(bucket)


def _response(status: str, code: ErrorCode, message: str, advice: str) -> bytes:
    """Return an error response in the API's form, in English:
    no request has been read that names a language.
    """
    body = json.dumps({"code": code, "message": message, "help": advice}).encode()
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nCache-Control: no-store\r\n"
        f"Retry-After: {RETRY_AFTER_S}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body


_TOO_MANY = _response(
    "429 Too Many Requests",
    ErrorCode.TOO_MANY,
    "Too many connections from this address.",
    "Close some, or reuse one for the next request.",
)
_FULL = _response(
    "503 Service Unavailable",
    ErrorCode.TOO_MANY,
    "The vault has too many connections.",
    "Try again in a moment.",
)


class Connections:
    """The connections of one server, at most ``limit``; one address gets at most half of them."""

    def __init__(self, proxies: ProxyRules, *, limit: int) -> None:
        self._proxies = proxies
        self._limit = limit
        self._address_limit = min(MAX_PER_ADDRESS, max(1, limit // 2))
        self._counter = AddressCounter(self._address_limit)
        self._count = 0
        self._logged: set[str] = set()
        self._refusals: set[_Refusal] = set()

    def hold(self, transport: asyncio.Transport, peer: str) -> Callable[[], None] | None:
        """Return a function to call when the connection has ended; None at a limit,
        when it is refused and closed.
        """
        if self._count >= self._limit:
            self._refuse(transport, _FULL)
            return None
        bucket = None if is_trusted(self._proxies, peer) else address_bucket(peer)
        if bucket is not None and not self._counter.acquire(bucket):
            self._log_once(bucket)
            self._refuse(transport, _TOO_MANY)
            return None
        self._count += 1
        return lambda: self._release(bucket)

    def _release(self, bucket: str | None) -> None:
        self._count -= 1
        if bucket is not None and self._counter.release(bucket):
            self._logged.discard(bucket)

    def _log_once(self, bucket: str) -> None:
        """Log an address, and not again before all of its connections have ended."""
        if bucket not in self._logged:
            self._logged.add(bucket)
            advice = "If it is your reverse proxy, name it in MEDIAVAULT_TRUSTED_PROXIES."
            log.warning(
                "too_many_connections", address=bucket, most=self._address_limit, help=advice
            )

    def _refuse(self, transport: asyncio.Transport, response: bytes) -> None:
        if len(self._refusals) >= MAX_REFUSALS:
            transport.abort()
            return
        refusal = _Refusal(self._refusals, response)
        transport.set_protocol(refusal)
        refusal.connection_made(transport)


class _Refusal(asyncio.Protocol):
    """Sends its response after the first bytes or after REFUSE_WITHIN_S, and closes."""

    def __init__(self, refusals: set[_Refusal], response: bytes) -> None:
        self._refusals = refusals
        self._response = response

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._refusals.add(self)
        self._transport = transport
        self._timer = asyncio.get_running_loop().call_later(REFUSE_WITHIN_S, self._respond)

    def data_received(self, _: bytes) -> None:
        self._respond()

    def connection_lost(self, _: Exception | None) -> None:
        self._timer.cancel()
        self._refusals.discard(self)

    def _respond(self) -> None:
        self._timer.cancel()
        if not self._transport.is_closing():
            self._transport.write(self._response)
            self._transport.close()
