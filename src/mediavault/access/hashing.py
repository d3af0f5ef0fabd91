"""Hashes of passwords. The only importer of argon2, and only once there is a password to make or to look at."""

from __future__ import annotations

import asyncio
import ctypes
import unicodedata
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argon2 import PasswordHasher

# OWASP, Password Storage Cheat Sheet: argon2id with 19 MiB, two passes, one lane.
MEMORY_KIB = 19 * 1024
PASSES = 2
LANES = 1
MMAP_THRESHOLD_BYTES = 1 << 20
_M_MMAP_THRESHOLD = -3  # malloc.h
AT_ONCE = 2  # so that tries cost 38 MiB at most; more of them wait


class PasswordHashes:
    """Makes and compares in threads: the event loop goes on meanwhile."""

    def __init__(self) -> None:
        self._turn = asyncio.Semaphore(AT_ONCE)

    async def make(self, password: str) -> str:
        async with self._turn:
            return await asyncio.to_thread(lambda: _hasher().hash(_bytes(password)))

    async def holds(self, made: str, password: str) -> bool:
        """Takes as long when it is wrong. What is no hash holds for nobody."""
        async with self._turn:
            return await asyncio.to_thread(_holds, made, password)

    def is_outdated(self, made: str) -> bool:
        """Whether it was made with other costs than are asked for today."""
        return _hasher().check_needs_rehash(made)


@cache
def _hasher() -> PasswordHasher:
    from argon2 import PasswordHasher

    _give_large_memory_back()
    return PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES)


def _give_large_memory_back() -> None:
    """glibc learns from the first 19 MiB that are freed to keep the next ones, for each thread: 57 MiB after a few sign-ins.

    With a threshold that is said it learns nothing, and hands such pieces back (mallopt(3)). Elsewhere there is no mallopt.
    """
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, MMAP_THRESHOLD_BYTES)


def _holds(made: str, password: str) -> bool:
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        return _hasher().verify(made, _bytes(password))
    except (VerificationError, InvalidHashError, UnicodeError):
        return False


def _bytes(password: str) -> bytes:
    """The same password, whichever way a keyboard composes its letters (RFC 8265, section 4.2)."""
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")
