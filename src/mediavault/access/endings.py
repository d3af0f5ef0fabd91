"""Tells what lasts in this process that a session, a token or the open door of the vault may have ended."""

from __future__ import annotations

import asyncio


class Endings:
    """One per desk. All methods belong to the event loop's thread."""

    def __init__(self) -> None:
        self._next = asyncio.Event()

    @property
    def next(self) -> asyncio.Event:
        """Set by the next ending. Take it before you check something, so that an ending during the check is not missed."""
        return self._next

    def announce(self) -> None:
        """Wake everybody who waits, to check again."""
        ended, self._next = self._next, asyncio.Event()
        ended.set()
