"""The rules for passwords, and their hashes. The only importer of argon2,
loaded when the first one is hashed or checked.
"""

from __future__ import annotations

import asyncio
import ctypes
import string
import unicodedata
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING

from mediavault.core.failures import BadInput
from mediavault.core.messages import Message

if TYPE_CHECKING:
    from argon2 import PasswordHasher

MIN_CHARS = 10
# OWASP, Authentication Cheat Sheet: at least 64 must be allowed, and there must be a limit
MAX_CHARS = 128
ENOUGH_DIGITS = 16  # for a password without letters; fewer are a date or a telephone number
RUN_CHARS = 6  # adjacent keys, with any digits after them
MIN_DISTINCT = 4  # "aaaaaaaaaa", "abababababab"

# The most common leaked passwords of at least ten characters that the rules below do not catch.
_COMMONEST_WORDS = """
12345678910 123456789a a123456789 aa12345678 abc1234567 1q2w3e4r5t q1w2e3r4t5 1q2w3e4r5t6z
qazwsxedcrfv mypassword changemenow correcthorsebatterystaple trustno1
"""
_COMMONEST = frozenset(_COMMONEST_WORDS.split())

# Words to which people add digits, a year or an exclamation mark to reach ten characters, in the
# pages' languages.
_STEM_WORDS = """
password passwort kennwort passphrase login access admin administrator root user guest test secret
geheim welcome willkommen hello hallo letmein changeme iloveyou ichliebedich schatz qwerty qwertz
asdf football fussball baseball basketball superman batman starwars pokemon dragon monkey master
shadow princess sunshine summer winter spring autumn sommer herbst computer internet samsung
google facebook youtube instagram tiktok mediavault
"""
_STEMS = frozenset(_STEM_WORDS.split())
# Rows of keys, columns of keys, the alphabet, the digits; forwards and backwards.
_RUNS = (
    "qwertyuiop[]asdfghjkl;'zxcvbnm,./",
    "qwertzuiopü+asdfghjklöä#yxcvbnm,.-",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,9ol.",
    "1qay2wsx3edc4rfv5tgb6zhn7ujm8ik,9ol.",
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890123456789",
)
_AROUND = string.digits + string.punctuation + string.whitespace
_SUBSTITUTED_LETTERS = str.maketrans("0134578@$!", "oieastbasi")


def check_password(password: str) -> None:
    """Raise BadInput that says what is wrong with a new password.
    The message never contains the password.
    """
    if len(password) < MIN_CHARS:
        raise BadInput(
            Message("The password is shorter than %(min_chars)s characters.", min_chars=MIN_CHARS),
            help=_HELP,
        )
    if len(password) > MAX_CHARS:
        raise BadInput(
            Message("The password is longer than %(max_chars)s characters.", max_chars=MAX_CHARS),
            help=_HELP,
        )
    if _is_easy(_once(password.casefold())) or len(set(password)) < MIN_DISTINCT:
        raise BadInput("That password is too common.", help=_HELP)


def _once(text: str) -> str:
    """Return the part that a text repeats throughout,
    or the text itself when it is not a repetition.
    """
    return text and text[: (text + text).index(text, 1)]


def _is_easy(text: str) -> bool:
    """Whether the text is a common word (also with digits or signs added or as letters),
    a run of keys, or a number.
    """
    word = _once(text.strip(_AROUND))
    return (
        text in _COMMONEST
        or word.translate(_SUBSTITUTED_LETTERS) in _STEMS
        or (not word and len(text) < ENOUGH_DIGITS)
        or _is_run(text)
        or (len(word) >= RUN_CHARS and _is_run(word))
    )


def _is_run(text: str) -> bool:
    return any(text in run or text in run[::-1] for run in _RUNS)


_HELP = Message(
    "Several words that do not belong together are long, hard to guess and easy to remember."
)


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
        """Whether ``made`` is the hash of ``password``. A wrong one takes equally long;
        False when it is not a hash.
        """
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
    """Make glibc return the memory of hashes to the system; without it, a few sign-ins leave 57 MiB
    in use.

    After the first free of 19 MiB, glibc raises its mmap threshold and keeps such blocks for each
    thread. A threshold that is set explicitly stays (mallopt(3)). Other C libraries have no
    mallopt.
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
    """The password in NFC, so that the way a keyboard composes letters does not matter (RFC 8265,
    section 4.2).
    """
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")
