"""The rules for passwords, and how they are hashed."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading

import pytest

from mediavault.auth import passwords
from mediavault.auth.passwords import AT_ONCE, MAX_CHARS, MIN_CHARS, PasswordHashes, check_password
from mediavault.core.failures import BadInput

GOOD = "seven grey herons"
EASY = (
    *("Password1!", "P@ssw0rd2024", "!!pa$$word99", "Passwort!!11", "Willkommen2025", "HalloHallo1",
      "Sommer2024!!", "Mediavault!1"),
    *("passwordpassword", "Admin1234Admin1234", "letmein!letmein!", "qwertzuiop", "QWERTZUIOPÜ",
      "poiuytrewq", "abcdefghijklm"),
    *("zyxwvutsrqp", "4567890123", "1qay2wsx3edc", "asdfghjk123", "trustno1trustno1", "2026-11-26",
      "26.11.2026..", "+49 170 1234567"),
)  # fmt: skip
FINE = (
    "password manager",
    "summer by the lake",
    "Passwort ist blau",
    "admin of nothing",
    "qwerty but not only",
    "x 2026-11-26",
)


@pytest.mark.parametrize(
    "password",
    [
        GOOD,
        "x7" + "y9z." * 4,
        "häßlich-schön",
        "a b c d e ",
        "q" * 60 + GOOD,
        "日本語のパスワード例文",
        *FINE,
    ],
)
def test_a_long_uncommon_password_is_accepted(password: str) -> None:
    check_password(password)


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("", "shorter"),
        ("123456789", "shorter"),
        ("a" * (MAX_CHARS + 1), "longer"),
        ("password123", "too common"),
        ("PassWord123", "too common"),
        ("1234567890", "too common"),
        ("mediavault", "too common"),
        ("aaaaaaaaaaaa", "too common"),
        ("ababababababab", "too common"),
        *[(easy, "too common") for easy in EASY],
    ],
)
def test_a_bad_password_is_refused_and_not_repeated_in_the_error(password: str, why: str) -> None:
    with pytest.raises(BadInput, match=why) as refused:
        check_password(password)
    assert not password or password not in f"{refused.value.message} {refused.value.help}"


def test_the_limits_are_as_promised() -> None:
    assert (MIN_CHARS, MAX_CHARS) == (10, 128)
    check_password("abcd" + "x" * (MAX_CHARS - 4))


async def test_a_hash_matches_only_its_password() -> None:
    hashes = PasswordHashes()
    made, other = await hashes.make(GOOD), await hashes.make(GOOD)

    assert await hashes.holds(made, GOOD)
    assert not await hashes.holds(made, GOOD + " ")
    assert made != other
    assert GOOD not in made


async def test_passwords_match_regardless_of_unicode_composition() -> None:
    hashes = PasswordHashes()
    made = await hashes.make("scho\u0308n gru\u0308n")

    assert await hashes.holds(made, "sch\u00f6n gr\u00fcn")


@pytest.mark.parametrize("made", ["", "x", "$argon2id$", "$2b$12$abcdefghijklmnopqrstuv", "\ud800"])
async def test_an_invalid_hash_matches_no_password(made: str) -> None:
    assert not await PasswordHashes().holds(made, GOOD)


async def test_hashes_use_the_recommended_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    """OWASP's minimum: argon2id, 19 MiB, two passes, one lane."""
    monkeypatch.undo()
    passwords._hasher.cache_clear()
    made = await PasswordHashes().make(GOOD)

    assert made.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


async def test_a_cheaper_hash_is_outdated(monkeypatch: pytest.MonkeyPatch) -> None:
    made = await PasswordHashes().make(GOOD)
    assert not PasswordHashes().is_outdated(made)

    monkeypatch.setattr(passwords, "MEMORY_KIB", 128)
    passwords._hasher.cache_clear()
    assert PasswordHashes().is_outdated(made)


async def test_hashing_is_limited_and_never_runs_in_the_event_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Otherwise a burst of tries would cost 19 MiB each, and every other request would wait."""
    under_way, most, loops_thread = [0], [0], threading.get_ident()
    barrier = threading.Barrier(AT_ONCE)

    def watched(_: str, __: str) -> bool:
        assert threading.get_ident() != loops_thread
        under_way[0] += 1
        most[0] = max(most[0], under_way[0])
        barrier.wait(5)
        under_way[0] -= 1
        return True

    monkeypatch.setattr(passwords, "_holds", watched)
    hashes = PasswordHashes()
    await asyncio.gather(*(hashes.holds("made", "given") for _ in range(8)))

    assert most[0] == AT_ONCE


def test_the_memory_of_a_hash_is_released() -> None:
    """Measured in a separate process: ten hashes with the real costs leave less than the memory of
    one in use.
    """
    script = (
        "import asyncio\n"
        "from mediavault.auth.passwords import PasswordHashes\n"
        "def rss(): return int(open('/proc/self/statm').read().split()[1]) * 4 // 1024\n"
        "async def main():\n"
        "    hashes = PasswordHashes()\n"
        "    made = await hashes.make('seven grey herons')\n"
        "    before = rss()\n"
        "    await asyncio.gather(*(hashes.holds(made, 'x') for _ in range(10)))\n"
        "    print(rss() - before)\n"
        "asyncio.run(main())\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert int(answer.stdout) < 19
