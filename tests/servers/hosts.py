"""Machines with their own network, made of network namespaces. Two connect to the third,
the database's. Needs root.
"""

from __future__ import annotations

import os
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.servers import postgres

PORT = 5432


@dataclass(frozen=True, slots=True)
class Host:
    """A namespace with one cable to the database's namespace. ``under`` runs a program in it."""

    namespace: str
    address: str
    their_end: str  # the other end of its cable, in the database's namespace
    database: str  # the namespace of the database
    url: str  # the URL of the database, as seen from this host

    @property
    def under(self) -> tuple[str, ...]:
        return ("ip", "netns", "exec", self.namespace)

    def unplug(self) -> None:
        """Take down the switch's side: packets vanish without notice to either side."""
        _ip("-n", self.database, "link", "set", self.their_end, "down")

    def plug_in(self) -> None:
        _ip("-n", self.database, "link", "set", self.their_end, "up")

    def lose_answers(self) -> None:
        """Packets from this host arrive; those from the database do not."""
        _ip("-n", self.database, "route", "add", "blackhole", f"{self.address}/32")

    def find_answers(self) -> None:
        _ip("-n", self.database, "route", "del", "blackhole", f"{self.address}/32")


@dataclass(frozen=True, slots=True)
class Network:
    """``own_url`` connects to the database from outside, by its socket in the file system."""

    ann: Host
    bob: Host
    own_url: str


@contextmanager
def two_hosts_and_a_database() -> Iterator[Network]:
    if os.geteuid():
        raise RuntimeError("Network namespaces need root: run these tests as root.")
    mark = secrets.token_hex(2)
    database, ann, bob = (f"mediavault-{mark}-{name}" for name in ("db", "ann", "bob"))
    try:
        for namespace in (database, ann, bob):
            _ip("netns", "add", namespace)
            _ip("-n", namespace, "link", "set", "lo", "up")
        hosts = [
            _cabled(namespace, database, number)
            for number, namespace in enumerate((ann, bob), start=1)
        ]
        server = postgres.new_server(
            settings=(), under=("ip", "netns", "exec", database), port=PORT, network="10.77.0.0/16"
        )
        try:
            yield Network(hosts[0], hosts[1], server.socket_url)
        finally:
            server.remove()
    finally:
        for namespace in (ann, bob, database):
            subprocess.run(
                ["ip", "netns", "del", namespace], check=False, stderr=subprocess.DEVNULL
            )


def _cabled(namespace: str, database: str, number: int) -> Host:
    here, other_end, net = "eth0", f"eth{number}", f"10.77.{number}"
    _ip(
        "link",
        "add",
        here,
        "netns",
        namespace,
        "type",
        "veth",
        "peer",
        "name",
        other_end,
        "netns",
        database,
    )
    for where, end, address in (
        (namespace, here, f"{net}.2/30"),
        (database, other_end, f"{net}.1/30"),
    ):
        _ip("-n", where, "address", "add", address, "dev", end)
        _ip("-n", where, "link", "set", end, "up")
    return Host(
        namespace, f"{net}.2", other_end, database, f"postgresql://postgres@{net}.1:{PORT}/postgres"
    )


def _ip(*arguments: str) -> None:
    made = subprocess.run([_program(), *arguments], check=False, capture_output=True, text=True)
    if made.returncode:
        raise RuntimeError(f"ip {' '.join(arguments)}: {made.stderr.strip()}")


def _program() -> str:
    """Return the path of ``ip``: Debian installs it where a user's PATH may not lead."""
    return next(
        (str(path) for path in (Path("/usr/sbin/ip"), Path("/sbin/ip")) if path.exists()), "ip"
    )
