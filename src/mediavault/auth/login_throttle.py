"""Throttles sign-ins: a number of tries a minute from one address, and a number from all addresses together.

A limit for all could lock the owner out, so it leaves out the addresses from which a sign-in has succeeded. Memory is
bounded, however many addresses there are.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict, deque

from mediavault.core.clock import Clock

WINDOW_S = 60.0
TRIES_OF_AN_ADDRESS = 10  # per minute, as specified
TRIES_ALTOGETHER = 20  # per minute, from addresses without a successful sign-in
MAX_ADDRESSES = 4_096
MAX_KNOWN = 256
_IPV6_HOME = 64  # bits: one home or server usually has a whole /64


class LoginThrottle:
    """Counts tries before the secret is checked, so that a hundred at once are limited like a hundred in sequence."""

    def __init__(self, clock: Clock, *, per_address: int = TRIES_OF_AN_ADDRESS, total: int = TRIES_ALTOGETHER):
        self._clock = clock
        self._limit, self._altogether = per_address, total
        self._tries: OrderedDict[str, deque[float]] = OrderedDict()
        self._all: deque[float] = deque(maxlen=total)
        self._known: OrderedDict[str, None] = OrderedDict()

    def begin(self, address: str) -> float | None:
        """Count a try and return None if it may proceed; else return the seconds until one may."""
        now, bucket = self._clock.monotonic(), address_bucket(address)
        own_tries = self._tries.setdefault(bucket, deque(maxlen=self._limit))
        self._tries.move_to_end(bucket)
        while len(self._tries) > MAX_ADDRESSES:
            self._tries.popitem(last=False)
        waits = [_wait(own_tries, self._limit, now)]
        if bucket not in self._known:
            waits.append(_wait(self._all, self._altogether, now))
        if (longest := max(waits)) > 0:
            return longest
        own_tries.append(now)
        if bucket not in self._known:
            self._all.append(now)
        return None

    def succeeded(self, address: str) -> None:
        """Reset the address's count, and exempt it from the limit for all addresses."""
        bucket = address_bucket(address)
        self._tries.pop(bucket, None)
        self._known[bucket] = None
        self._known.move_to_end(bucket)
        while len(self._known) > MAX_KNOWN:
            self._known.popitem(last=False)


def address_bucket(address: str) -> str:
    """Return the key to count an address under: an IPv6 address's /64; for an IPv4-mapped one, the IPv4 address."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, _IPV6_HOME), strict=False))
    return str(parsed)


def _wait(tries: deque[float], limit: int, now: float) -> float:
    """Return the seconds until the window holds fewer than ``limit`` tries."""
    if len(tries) < limit:
        return 0.0
    return max(0.0, tries[-limit] + WINDOW_S - now)
