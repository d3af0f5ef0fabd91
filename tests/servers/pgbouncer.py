"""PgBouncer in transaction mode in front of a PostgreSQL server, as many hosted ones have it."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from tests.patience import patient
from tests.servers import folder_for
from tests.servers.postgres import free_port

CONFIG = """[databases]
* = host={host} port={port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {own_port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 4
max_prepared_statements = {prepared}
logfile = {folder}/log
"""


@contextmanager
def pgbouncer(url: str, *, prepared: int) -> Iterator[str]:
    """Yield the URL of the database of ``url`` through PgBouncer with ``prepared`` statements;
    0 as before 1.21.
    """
    program = shutil.which("pgbouncer") or "/usr/sbin/pgbouncer"
    parts, own_port = urlsplit(url), free_port()
    folder = folder_for("pgbouncer")
    text = CONFIG.format(
        host=parts.hostname,
        port=parts.port or 5432,
        own_port=own_port,
        folder=folder,
        prepared=prepared,
    )
    (folder / "pgbouncer.ini").write_text(text.replace("* = ", f"* = user={parts.username} ", 1))
    user: dict[str, Any] = {}
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    process = subprocess.Popen(
        [program, "-q", str(folder / "pgbouncer.ini")], stderr=subprocess.PIPE, cwd=folder, **user
    )
    try:
        deadline = time.monotonic() + patient(30)
        while (
            "listening on 127.0.0.1" not in (folder / "log").read_text()
            if (folder / "log").exists()
            else True
        ):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"pgbouncer did not start: {process.communicate()[1]!r}")
            time.sleep(0.02)
        yield f"postgresql://{parts.username}@127.0.0.1:{own_port}{parts.path}"
    finally:
        process.terminate()
        process.communicate(timeout=patient(30))
        shutil.rmtree(folder, ignore_errors=True)
