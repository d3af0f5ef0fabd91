"""Password hashes. The only importer of argon2, which is loaded when the first password is hashed or checked."""

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
AT_ONCE = 2  # hashes at the same time, 38 MiB at most; further ones wait


class PasswordHashes:
    """Makes and checks hashes in threads, so that the event loop is not blocked."""

    def __init__(self) -> None:
        self._turn = asyncio.Semaphore(AT_ONCE)

    async def make(self, password: str) -> str:
        async with self._turn:
            return await asyncio.to_thread(lambda: _hasher().hash(_bytes(password)))

    async def holds(self, made: str, password: str) -> bool:
        """Whether ``made`` is the hash of ``password``. A wrong one takes equally long; False when it is not a hash."""
        async with self._turn:
            return await asyncio.to_thread(_holds, made, password)

    def is_outdated(self, made: str) -> bool:
        """Whether the hash was made with other costs than today's."""
        return _hasher().check_needs_rehash(made)


@cache
def _hasher() -> PasswordHasher:
    from argon2 import PasswordHasher

    _return_large_memory()
    return PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES)


def _return_large_memory() -> None:
    """Make glibc return the memory of hashes to the system; without it, a few sign-ins leave 57 MiB in use.

    After the first free of 19 MiB, glibc raises its mmap threshold and keeps such blocks for each thread. A threshold that
    is set explicitly stays (mallopt(3)). Other C libraries have no mallopt.
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
    """The password in NFC, so that the way a keyboard composes letters does not matter (RFC 8265, section 4.2)."""
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")
