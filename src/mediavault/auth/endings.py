"""Notifies long responses of this process that a session, token, shared link or RSS feed may have ended, or that a password was set."""

from __future__ import annotations

import asyncio


class AccessEndings:
    """The notifications of one authenticator. All methods must be called in the event loop's thread."""

    def __init__(self) -> None:
        self._next = asyncio.Event()

    @property
    def next(self) -> asyncio.Event:
        """The event that the next ending sets. Take it before a check, so that an ending during the check is not missed."""
        return self._next

    def announce(self) -> None:
        """Wake all waiting responses, so that they check again."""
        ended, self._next = self._next, asyncio.Event()
        ended.set()
