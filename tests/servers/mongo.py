"""A MongoDB for the tests: the one that ``MEDIAVAULT_TEST_MONGODB_URL`` names, else SecantusDB.

Neither Debian nor PyPI has a mongod. SecantusDB stores its data with WiredTiger, mongod's own
engine, answers as a replica set of one server, and has change streams. ``scripts/test-servers``
installs it in a separate virtual environment. Its licence is the GPL: it is only started as a
program, and none of our code imports it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from tests.patience import patient
from tests.servers import AT_END, folder_for
from tests.servers.postgres import free_port

NAMED_BY = "MEDIAVAULT_TEST_MONGODB_URL"
PROGRAM = Path(__file__).parents[2] / ".venv-mongo" / "bin" / "secantusd-py"
START_TIMEOUT_S = 30.0
ENDS_WITH_US = ("setpriv", "--pdeathsig", "KILL")
WRITES_TO_DISK = ("--sync-on-commit",)


@dataclass(slots=True)
class Server:
    """A server that the tests own; ``folder`` holds its data."""

    folder: Path
    port: int
    settings: tuple[str, ...] = ()
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"mongodb://127.0.0.1:{self.port}/"

    def start(self) -> None:
        """Start the server. Raises RuntimeError if it is not installed,
        or does not listen within 30 seconds.
        """
        if not PROGRAM.exists():
            raise RuntimeError(
                f"SecantusDB is not installed: run scripts/test-servers, or set {NAMED_BY}."
            )
        command = [
            *ENDS_WITH_US,
            str(PROGRAM),
            "--port",
            str(self.port),
            "--storage-path",
            str(self.folder / "data"),
        ]
        command += ["--cache-size", "256M", *self.settings]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder)
        deadline = time.monotonic() + patient(START_TIMEOUT_S)
        while not self._listens():
            if self.process.poll() is not None or time.monotonic() > deadline:
                text = (self.folder / "log").read_text(errors="replace")
                raise RuntimeError(f"SecantusDB did not start: {text[-2000:]}")
            time.sleep(0.02)

    def _listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=patient(30)).close()
        except OSError:
            return False
        return True

    def kill(self) -> None:
        """End the server as a crash would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def remove(self) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def new_server(settings: tuple[str, ...] = WRITES_TO_DISK) -> Server:
    """Return a started server without data."""
    server = Server(folder_for("mongo"), free_port(), settings)
    server.start()
    return server


@cache
def _shared() -> Server:
    """Return the server for all tests of this process. Its data need not survive,
    so it does not wait for the disk.
    """
    server = new_server(settings=())
    AT_END.callback(server.remove)
    return server


def database_for(folder: Path) -> str:
    """Return the URL of an empty database; the same folder gives the same database."""
    name = "test_" + hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    address = os.environ.get(NAMED_BY) or _shared().url
    return str(urlunsplit(urlsplit(address)._replace(path=f"/{name}")))
