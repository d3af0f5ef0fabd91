"""A MongoDB for the tests: the one that ``MEDIAVAULT_TEST_MONGODB_URL`` names, else a wire-compatible one of our own.

Ours is mongoeco with its SQLite engine. It needs Python 3.13 or newer and has an environment of its own, which
``scripts/test-servers`` makes; no mongod is to be had from Debian or PyPI. It runs one command at a time, so it shows
our logic free of races and its data kept through a crash, but no write conflicts, elections or change streams.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from tests.servers.postgres import free_port

NAMED_BY = "MEDIAVAULT_TEST_MONGODB_URL"
PYTHON = Path(__file__).parents[2] / ".venv-mongo" / "bin" / "python"
START_TIMEOUT_S = 30.0
DATABASES_A_SERVER = 20

PROGRAM = """
import asyncio, sys
from mongoeco.engines.sqlite import SQLiteEngine
from mongoeco.wire import AsyncMongoEcoProxyServer

async def serve(path, port):
    await AsyncMongoEcoProxyServer(engine=SQLiteEngine(path), host="127.0.0.1", port=port).start()
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.read)  # ends with whoever started it, however that one ends

asyncio.run(serve(sys.argv[1], int(sys.argv[2])))
"""


@dataclass(slots=True)
class Server:
    """A server of ours; ``folder`` holds its data."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"mongodb://127.0.0.1:{self.port}/"

    def start(self) -> None:
        if not PYTHON.exists():
            raise RuntimeError(f"The MongoDB stand-in is not installed: run scripts/test-servers, or set {NAMED_BY}.")
        command = [str(PYTHON), "-c", PROGRAM, str(self.folder / "data.db"), str(self.port)]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log, cwd=self.folder)
        began, seen = time.monotonic(), (self.folder / "log").read_bytes().count(b"ready\n")
        while (self.folder / "log").read_bytes().count(b"ready\n") == seen:
            if self.process.poll() is not None or time.monotonic() - began > START_TIMEOUT_S:
                text = (self.folder / "log").read_text(errors="replace")
                raise RuntimeError(f"mongoeco did not start: {text[-2000:]}")
            time.sleep(0.02)

    def kill(self) -> None:
        """As a crash would."""
        if self.process is not None:
            self.process.kill()
            self.process.communicate()

    def remove(self) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def new_server() -> Server:
    """A server without data, started."""
    server = Server(Path(tempfile.mkdtemp(prefix="mediavault-mongo-")), free_port())
    server.start()
    return server


class OurServers:
    """Databases on servers of ours. One with hundreds of them takes a second for what it did in milliseconds, so each gets
    a few, and is ended once a later one is full: whatever used it is over by then.
    """

    def __init__(self) -> None:
        self._running: list[Server] = []
        self._left = 0
        self._home: dict[str, str] = {}  # of a database: its server's address

    def address_for(self, name: str) -> str:
        if name not in self._home:
            self._home[name] = self._with_room()
        return self._home[name]

    def _with_room(self) -> str:
        if self._left == 0:
            self._running.append(new_server())
            self._left = DATABASES_A_SERVER
            for server in self._running[:-2]:
                server.remove()
            del self._running[:-2]
        self._left -= 1
        return self._running[-1].url

    def remove(self) -> None:
        for server in self._running:
            server.remove()


@cache
def _ours() -> OurServers:
    servers = OurServers()
    atexit.register(servers.remove)
    return servers


def database_for(folder: Path) -> str:
    """The address of an empty database of its own; the same folder, the same database."""
    name = "test_" + hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    address = os.environ.get(NAMED_BY) or _ours().address_for(name)
    return str(urlunsplit(urlsplit(address)._replace(path=f"/{name}")))
