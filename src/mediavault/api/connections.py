"""How many connections the server holds: of one address, and altogether; and what the next one is told.

A trusted proxy's connections are not counted, since they are everybody's; what it forwards is counted by the gate,
request by request, for the address that it names.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

from mediavault.access.back_off import place_of
from mediavault.access.head_count import HeadCount
from mediavault.access.proxies import ProxyRules, is_trusted
from mediavault.core.errors import ErrorCode
from mediavault.core.logs import get_logger

log = get_logger(__name__)

OF_AN_ADDRESS = 200  # as specified; a browser makes six
RETRY_AFTER_S = 10  # slow requests have been given up by then
MAX_TOLD = 64  # of those who are being told at a time; others are cut off without a word
TOLD_WITHIN_S = 0.5  # whether or not a request has come: an answer that meets an unread one may be lost on its way


def _answer(status: str, code: ErrorCode, message: str, advice: str) -> bytes:
    """In our own form, and in English: nobody has read which language is asked for."""
    body = json.dumps({"code": code, "message": message, "help": advice}).encode()
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nCache-Control: no-store\r\n"
        f"Retry-After: {RETRY_AFTER_S}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body


_TOO_MANY = _answer(
    "429 Too Many Requests",
    ErrorCode.TOO_MANY,
    "Too many connections from this address.",
    "Close some, or use one of them again for the next request.",
)
_FULL = _answer(
    "503 Service Unavailable", ErrorCode.TOO_MANY, "The vault has no connection left.", "Try again in a moment."
)


class Connections:
    """Those of one server. ``altogether`` is what its process can hold; no address gets more than half of it."""

    def __init__(self, proxies: ProxyRules, *, altogether: int) -> None:
        self._proxies = proxies
        self._altogether = altogether
        self._of_an_address = min(OF_AN_ADDRESS, max(1, altogether // 2))
        self._count = HeadCount(self._of_an_address)
        self._held = 0
        self._named: set[str] = set()
        self._told: set[_TurnedAway] = set()

    def hold(self, transport: asyncio.Transport, peer: str) -> Callable[[], None] | None:
        """What to call when it has ended; None when there is no place for it: it is then told so, and ended here."""
        if self._held >= self._altogether:
            self._turn_away(transport, _FULL)
            return None
        place = None if is_trusted(self._proxies, peer) else place_of(peer)
        if place is not None and not self._count.come(place):
            self._name(place)
            self._turn_away(transport, _TOO_MANY)
            return None
        self._held += 1
        return lambda: self._ended(place)

    def _ended(self, place: str | None) -> None:
        self._held -= 1
        if place is not None and self._count.leave(place):
            self._named.discard(place)

    def _name(self, place: str) -> None:
        """In the log, once until all of its connections have ended."""
        if place not in self._named:
            self._named.add(place)
            advice = "If it is your reverse proxy, name it in MEDIAVAULT_TRUSTED_PROXIES."
            log.warning("too_many_connections", address=place, most=self._of_an_address, help=advice)

    def _turn_away(self, transport: asyncio.Transport, answer: bytes) -> None:
        if len(self._told) >= MAX_TOLD:
            transport.abort()
            return
        turned_away = _TurnedAway(self._told, answer)
        transport.set_protocol(turned_away)
        turned_away.connection_made(transport)


class _TurnedAway(asyncio.Protocol):
    """Says its one answer to the first bytes, or to silence, and ends."""

    def __init__(self, all_of_them: set[_TurnedAway], answer: bytes) -> None:
        self._all_of_them = all_of_them
        self._answer = answer

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._all_of_them.add(self)
        self._transport = transport
        self._timer = asyncio.get_running_loop().call_later(TOLD_WITHIN_S, self._tell)

    def data_received(self, _: bytes) -> None:
        self._tell()

    def connection_lost(self, _: Exception | None) -> None:
        self._timer.cancel()
        self._all_of_them.discard(self)

    def _tell(self) -> None:
        self._timer.cancel()
        if not self._transport.is_closing():
            self._transport.write(self._answer)
            self._transport.close()
