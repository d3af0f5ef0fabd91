"""Throttles sign-ins: a number of tries a minute from one address, for one user, and for all users
from all addresses.

The limits for all could lock the owner out, so they leave out the tries of a user from an address
where that user's sign-in has succeeded: these have a count of their own. A success clears that
count and no other, so that a user with a password cannot guess another's. Memory is bounded,
however many addresses and users are named.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from mediavault.core.clock import Clock

WINDOW_S = 60.0
TRIES_OF_AN_ADDRESS = 10  # per minute, as specified
# per minute, from all addresses; more than one address gets, or one could lock the user out
TRIES_FOR_A_USER = 20
# per minute; like the two above, without those where the user has signed in from the address
TRIES_ALTOGETHER = 60
MAX_ADDRESSES = 4_096
# who has signed in, and at which addresses: of each user the latest
MAX_KNOWN_USERS, MAX_KNOWN_ADDRESSES = 256, 64
MAX_NAME_CHARS = 100  # of a user that a try names
_IPV6_HOME = 64  # bits: one home or server usually has a whole /64


T = TypeVar("T")


class LoginThrottle:
    """Counts tries before the secret is checked, so that a hundred at once are limited like a
    hundred in sequence.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        per_address: int = TRIES_OF_AN_ADDRESS,
        per_user: int = TRIES_FOR_A_USER,
        total: int = TRIES_ALTOGETHER,
    ):
        self._clock = clock
        self._limit, self._of_user, self._altogether = per_address, per_user, total
        self._tries: OrderedDict[str, list[_Try]] = OrderedDict()  # by address
        self._all: deque[_Try] = deque(maxlen=total)
        # the addresses of each user
        self._known: OrderedDict[str, OrderedDict[str, None]] = OrderedDict()

    def begin(self, address: str, user: str = "") -> float | None:
        """Count a try and return None if it may proceed; else return the seconds until one may.

        ``user`` is who the try names: a user's name, or the key of what a password opens.
        """
        now, bucket, user = self._clock.monotonic(), address_bucket(address), user[:MAX_NAME_CHARS]
        tries = [one for one in self._tries.get(bucket, ()) if now - one.at < WINDOW_S]
        _put_last(self._tries, bucket, tries, MAX_ADDRESSES)
        is_known = bucket in self._known.get(user, ())
        waits = [_wait([entry for entry in tries if entry.user == user], self._limit, now)]
        if not is_known:
            waits += [
                _wait(tries, self._limit, now),
                _wait([one for one in self._all if one.user == user], self._of_user, now),
                _wait(self._all, self._altogether, now),
            ]
        if (longest := max(waits)) > 0:
            return longest
        tries.append(_Try(now, user))
        if not is_known:
            self._all.append(_Try(now, user))
        return None

    def succeeded(self, address: str, user: str = "") -> None:
        """Reset the user's count at the address, and exempt it from the limits for all addresses
        and all users.
        """
        bucket, user = address_bucket(address), user[:MAX_NAME_CHARS]
        if bucket in self._tries:
            self._tries[bucket] = [entry for entry in self._tries[bucket] if entry.user != user]
        _put_last(self._known.setdefault(user, OrderedDict()), bucket, None, MAX_KNOWN_ADDRESSES)
        _put_last(self._known, user, self._known[user], MAX_KNOWN_USERS)


def _put_last(known: OrderedDict[str, T], key: str, value: T, most: int) -> None:
    known[key] = value
    known.move_to_end(key)
    while len(known) > most:
        known.popitem(last=False)


@dataclass(frozen=True, slots=True)
class _Try:
    at: float
    user: str


def address_bucket(address: str) -> str:
    """Return the key to count an address under: an IPv6 address's /64; for an IPv4-mapped one,
    the IPv4 address.
    """
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, _IPV6_HOME), strict=False))
    return str(parsed)


def _wait(tries: Sequence[_Try], limit: int, now: float) -> float:
    """Return the seconds until the window holds fewer than ``limit`` tries."""
    if len(tries) < limit:
        return 0.0
    return max(0.0, tries[-limit].at + WINDOW_S - now)
