"""The vault as a separate process: what it refuses to start with, its set-up over the network, its
secrets.

Access, end to end, over real sockets and a real database.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path
from typing import Any

from tests.patience import patient

PASSWORD = "seven grey herons"
START_WITHIN_S = 60.0


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


@dataclass
class Process:
    """A running vault: ``lines`` is its log so far, ``base`` its URL."""

    running: asyncio.subprocess.Process
    base: str = ""
    lines: list[str] = field(default_factory=list)

    async def line(self, event: str) -> dict[str, Any]:
        """Return the next log line of this event."""
        assert self.running.stderr is not None
        async with asyncio.timeout(patient(START_WITHIN_S)):
            while raw := await self.running.stderr.readline():
                self.lines.append(raw.decode())
                entry = json.loads(raw) if raw.startswith(b"{") else {}
                if entry.get("event") == event:
                    return dict(entry)
        raise AssertionError(f"it ended before {event}: {self.lines}")

    async def ask(
        self, path: str, form: dict[str, str] | None = None, **headers: str
    ) -> tuple[int, Message, str]:
        return await asyncio.to_thread(self._ask, path, form, headers)

    def _ask(
        self, path: str, form: dict[str, str] | None, headers: dict[str, str]
    ) -> tuple[int, Message, str]:
        data = None if form is None else urllib.parse.urlencode(form).encode()
        request = urllib.request.Request(self.base + path, data=data, headers=headers)
        try:
            with urllib.request.build_opener(_NoRedirect).open(
                request, timeout=patient(30)
            ) as answer:
                return answer.status, answer.headers, answer.read().decode()
        except urllib.error.HTTPError as exc:
            with exc:
                return exc.code, exc.headers, exc.read().decode()


def environment(root: Path, **settings: str) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("MEDIAVAULT_")}
    defaults = {
        "STATE_DIR": str(root / "state"),
        "DOWNLOAD_DIR": str(root / "downloads"),
        "PORT": "0",
    }
    return own | {f"MEDIAVAULT_{name}": value for name, value in (defaults | settings).items()}


@asynccontextmanager
async def started(root: Path, **settings: str) -> AsyncIterator[Process]:
    running = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "mediavault",
        "api",
        env=environment(root, **settings),
        stderr=asyncio.subprocess.PIPE,
    )
    process = Process(running)
    try:
        process.base = (await process.line("vault_open"))["address"]
        yield process
    finally:
        running.terminate()
        _, rest = await running.communicate()
        process.lines += rest.decode().splitlines()


async def ran(
    root: Path, *arguments: str, stdin: str = "", **settings: str
) -> tuple[int, str, str]:
    running = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "mediavault", *arguments, env=environment(root, **settings),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await running.communicate(stdin.encode())
    assert running.returncode is not None
    return running.returncode, out.decode(), err.decode()


async def test_without_a_password_it_does_not_listen_on_the_network(tmp_path: Path) -> None:
    """The refused first start leaves no files. With a password it listens; once that is removed,
    it does not.
    """
    code, _, err = await ran(tmp_path, "api", HOST="0.0.0.0")
    assert code == 2
    assert "mediavault password" in err
    assert not (tmp_path / "state").exists()

    assert (await ran(tmp_path, "password", "--stdin", stdin=f"{PASSWORD}\n"))[0] == 0
    async with started(tmp_path, HOST="0.0.0.0") as vault:
        assert (await vault.ask("/api/jobs"))[0] == 401
    assert (await ran(tmp_path, "password", "--remove"))[0] == 0
    code, _, err = await ran(tmp_path, "api", HOST="0.0.0.0")
    assert (code, "without a password" in err) == (2, True)


async def test_it_is_set_up_once_with_the_link_printed_at_the_start(tmp_path: Path) -> None:
    """Of two simultaneous requests with the token, one sets the password."""
    async with started(tmp_path, SETUP="true", HOST="0.0.0.0") as vault:
        link = next(json.loads(line) for line in vault.lines if "set_up_wanted" in line)["link"]
        assert link.startswith(
            f"http://localhost:{urllib.parse.urlsplit(vault.base).port}/setup?invitation="
        )
        token = link.partition("invitation=")[2]
        _, _, page = await vault.ask(f"/setup?invitation={token}")
        assert f'value="{token}"' in page, "the link fills in the token"
        assert (await vault.ask("/api/jobs"))[0] == 401
        forms = [
            {"invitation": token, "password": password, "again": password}
            for password in (PASSWORD, "nine brown horses")
        ]
        answers = await asyncio.gather(*(vault.ask("/setup", form) for form in forms))
        statuses = sorted(status for status, _, _ in answers)
        signed_in = [await vault.ask("/login", {"password": form["password"]}) for form in forms]

    assert statuses == [303, 401]
    assert sorted(status for status, _, _ in signed_in) == [303, 401]
    async with started(tmp_path, SETUP="true", HOST="0.0.0.0") as vault:
        assert not any("invitation" in line for line in vault.lines)


async def test_secrets_are_stored_and_logged_nowhere(tmp_path: Path) -> None:
    """Neither the files of the state folder nor the log contain one,
    and no other user can read the folder.
    """
    await ran(tmp_path, "password", "--stdin", stdin=f"{PASSWORD}\n")
    _, out, _ = await ran(tmp_path, "token", "add", "phone", "--scope", "read")
    token = out.strip()
    async with started(tmp_path, TOKEN="mv_canary-of-the-vault", LOG_LEVEL="debug") as vault:
        assert (await vault.ask("/api/jobs", Authorization=f"Bearer {token}"))[0] == 200
        assert (await vault.ask(f"/api/jobs?token={token}"))[0] == 401
        await vault.ask("/login", {"password": "almost " + PASSWORD})
        _, headers, _ = await vault.ask("/login", {"password": PASSWORD})
        session = headers["set-cookie"].partition("=")[2].partition(";")[0]
        for n in range(50):
            await vault.ask(
                f"/nothing/{n}",
                Cookie=f"mediavault_session={session}",
                Authorization=f"Bearer {token}",
            )
        await vault.ask("/metrics", Authorization="Bearer mv_canary-of-the-vault")
        written = {
            path: path.read_bytes() for path in (tmp_path / "state").rglob("*") if path.is_file()
        }
        modes = {path.name: path.stat().st_mode & 0o077 for path in written}
    logged = "".join(vault.lines)

    assert written
    for secret in (PASSWORD, token, session, "mv_canary-of-the-vault"):
        assert [path.name for path, content in written.items() if secret.encode() in content] == []
        assert secret not in logged
    assert (tmp_path / "state").stat().st_mode & 0o077 == 0
    assert not any(modes.values()), modes


async def test_a_thousand_guesses_over_real_connections(tmp_path: Path) -> None:
    """Nearly all are refused, and the vault still answers other requests."""
    await ran(tmp_path, "password", "--stdin", stdin=f"{PASSWORD}\n")
    async with started(tmp_path) as vault:

        async def some(first: int) -> list[int]:
            return [
                (await vault.ask("/login", {"password": f"guess {n}"}))[0]
                for n in range(first, 1_000, 8)
            ]

        statuses = [
            status for batch in await asyncio.gather(*map(some, range(8))) for status in batch
        ]
        assert (await vault.ask("/healthz"))[0] == 200

    assert len(statuses) == 1_000
    assert sum(status != 429 for status in statuses) <= 20
