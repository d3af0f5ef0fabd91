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


@cache
def server_url() -> str:
    """The address of this process's server, without a database of the tests."""
    named = os.environ.get(NAMED_BY)
    if named:
        return named
    server = new_server()
    atexit.register(server.remove)
    return server.url


def database_for(folder: Path) -> str:
    """The address of an empty database of its own; the same folder, the same database."""
    name = "test_" + hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    return str(urlunsplit(urlsplit(server_url())._replace(path=f"/{name}")))
