"""How often a secret may be tried: so often in a minute from one address, and so often altogether.

The owner is one account, so what is counted for the account could lock the owner out. It does not: the addresses from
which somebody has signed in are counted by themselves alone. Memory is bounded, whoever asks from how many addresses.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict, deque

from mediavault.core.clock import Clock

WINDOW_S = 60.0
TRIES_OF_AN_ADDRESS = 10  # in a minute, as specified
TRIES_ALTOGETHER = 20  # in a minute, from addresses that are not known
MAX_ADDRESSES = 4_096
MAX_KNOWN = 256
_IPV6_HOME = 64  # bits: one home or server has all addresses below them


class BackOff:
    """Counts tries before they are looked at, so that a hundred at once are no more than ten in turn."""

    def __init__(self, clock: Clock, *, of_an_address: int = TRIES_OF_AN_ADDRESS, altogether: int = TRIES_ALTOGETHER):
        self._clock = clock
        self._limit, self._altogether = of_an_address, altogether
        self._tries: OrderedDict[str, deque[float]] = OrderedDict()
        self._all: deque[float] = deque(maxlen=altogether)
        self._known: OrderedDict[str, None] = OrderedDict()

    def begin(self, address: str) -> float | None:
        """None counts a try that may go on; else the seconds until one may."""
        now, place = self._clock.monotonic(), place_of(address)
        mine = self._tries.setdefault(place, deque(maxlen=self._limit))
        self._tries.move_to_end(place)
        while len(self._tries) > MAX_ADDRESSES:
            self._tries.popitem(last=False)
        waits = [_wait(mine, self._limit, now)]
        if place not in self._known:
            waits.append(_wait(self._all, self._altogether, now))
        if (longest := max(waits)) > 0:
            return longest
        mine.append(now)
        if place not in self._known:
            self._all.append(now)
        return None

    def succeeded(self, address: str) -> None:
        """Whoever was right may be wrong ten times again, and does not wait for strangers."""
        place = place_of(address)
        self._tries.pop(place, None)
        self._known[place] = None
        self._known.move_to_end(place)
        while len(self._known) > MAX_KNOWN:
            self._known.popitem(last=False)


def place_of(address: str) -> str:
    """What counts as one address: all of an IPv6 /64; an IPv4 address in its IPv6 form is the IPv4 address."""
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
    """Seconds until fewer than ``limit`` tries lie within the window."""
    if len(tries) < limit:
        return 0.0
    return max(0.0, tries[-limit] + WINDOW_S - now)
