"""Names to addresses: the system's resolver, on threads of its own."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from mediavault.core.errors import NetworkFailure

LOOKUPS_AT_ONCE = 16  # a dead DNS server holds a thread for 10 to 30 s; the loop's default threads write files


class Resolver(Protocol):
    """Looks a name up once."""

    async def __call__(self, host: str) -> Sequence[str]:
        """All addresses of ``host`` as text, best first. Raises NetworkFailure when there is no such name."""


class SystemResolver:
    """``getaddrinfo``."""

    def __init__(self) -> None:
        self._threads: ThreadPoolExecutor | None = None

    async def __call__(self, host: str) -> Sequence[str]:
        if self._threads is None:
            self._threads = ThreadPoolExecutor(LOOKUPS_AT_ONCE, thread_name_prefix="dns")
        found = await asyncio.get_running_loop().run_in_executor(self._threads, _lookup, host)
        return list(dict.fromkeys(found))

    def close(self) -> None:
        """Forget lookups that did not begin yet. It can be used again afterwards."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
            self._threads = None


def _lookup(host: str) -> list[str]:
    try:
        answers = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    except (OSError, UnicodeError) as exc:  # UnicodeError: a label that is no DNS label
        raise NetworkFailure(f"The name {host} could not be resolved ({exc}).") from exc
    return [str(sockaddr[0]) for *_, sockaddr in answers]
