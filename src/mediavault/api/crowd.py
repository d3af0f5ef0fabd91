"""How many requests of one address are under way at once.

The server counts connections already. But those of a trusted proxy are everybody's: here each request counts for the
address that the proxy names. One that names nobody cannot be limited by it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import Request

from mediavault.access.back_off import place_of
from mediavault.access.desk import AccessDesk
from mediavault.access.head_count import HeadCount
from mediavault.api.connections import OF_AN_ADDRESS, RETRY_AFTER_S
from mediavault.api.doorkeeper import knock_of
from mediavault.api.errors import HttpRefusal
from mediavault.core.errors import ErrorCode


class Crowd:
    def __init__(self, desk: AccessDesk) -> None:
        self._desk = desk
        self._count = HeadCount(OF_AN_ADDRESS)

    @contextmanager
    def one_more(self, request: Request) -> Iterator[None]:
        """Counted for the length of the block. Raises HttpRefusal where there are too many."""
        address = self._desk.address_of(knock_of(request))
        if self._desk.is_proxy(address):
            yield
            return
        place = place_of(address)
        if not self._count.come(place):
            raise HttpRefusal(
                429,
                ErrorCode.TOO_MANY,
                "Too many requests at once from this address.",
                headers={"Retry-After": str(RETRY_AFTER_S)},
            )
        try:
            yield
        finally:
            self._count.leave(place)
