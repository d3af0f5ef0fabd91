"""What is known about a MongoDB server and the connection to it:
pure checks for start-up and doctor.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mediavault.core.failures import StoreError
from mediavault.core.messages import Message
from mediavault.store.port import Concern

OLDEST_VERSION = (5, 0)
PROTECT_IT = Message("Add tls=true and a user to MEDIAVAULT_DATABASE_URL.")
# CVE-2025-14847, "MongoBleed": anyone who reaches the port can read the server's memory. The first
# fixed release of each series.
SOUND = {(4, 4): 30, (5, 0): 32, (6, 0): 27, (7, 0): 28, (8, 0): 17, (8, 2): 3}


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What the server says about itself. ``is_router``: it is a mongos, in front of several."""

    version: str = ""
    replica_set: str | None = None
    is_router: bool = False

    @property
    def has_change_streams(self) -> bool:
        return self.is_router or self.replica_set is not None

    @property
    def numbers(self) -> tuple[int, ...]:
        return tuple(int(part) for part in self.version.split("-")[0].split(".") if part.isdigit())

    def __str__(self) -> str:
        where = (
            "sharded"
            if self.is_router
            else f"replica set {self.replica_set}"
            if self.replica_set
            else "one server"
        )
        return f"MongoDB {self.version}, {where}, w: majority"


def concerns(facts: ServerFacts, options: Mapping[str, Any]) -> tuple[Concern, ...]:
    """Return what an administrator should fix. ``options`` are from :func:`engine.options_of`."""
    return tuple(_concerns(facts, options))


def _concerns(facts: ServerFacts, options: Mapping[str, Any]) -> Iterable[Concern]:
    if has_memory_leak(facts.numbers):
        yield Concern(
            Message(
                "MongoDB %(version)s lets anyone who reaches its port read its memory"
                " (CVE-2025-14847)",
                version=facts.version,
            ),
            Message("Upgrade it to the newest release of its series."),
        )
    if (what := lacks_protection(options)) is not None:
        yield Concern(what, PROTECT_IT)


def lacks_protection(options: Mapping[str, Any]) -> str | None:
    """Return what the connection lacks; None if it has TLS and a password,
    or does not leave this machine.
    """
    has_tls, has_password = bool(options.get("tls")), bool(options.get("username"))
    if (has_tls and has_password) or all(is_loopback(host) for host in options["hosts"]):
        return None
    if has_tls:
        return Message("MongoDB is reached over the network without a password")
    if has_password:
        return Message("MongoDB is reached over the network without TLS")
    return Message("MongoDB is reached over the network without TLS and a password")


def refuse_unprotected(options: Mapping[str, Any]) -> None:
    """Raise StoreError without protection: MongoDB requires no password by default,
    and worms look for its port.
    """
    if (what := lacks_protection(options)) is not None:
        raise StoreError(
            Message("%(what)s: anyone who reaches it can read and change the queue.", what=what),
            help=Message(
                (
                    "%(protect_it)s If nobody else can reach it:"
                    " MEDIAVAULT_ALLOW_UNPROTECTED_DATABASE=true."
                ),
                protect_it=PROTECT_IT,
            ),
        )


def has_memory_leak(version: tuple[int, ...]) -> bool:
    """Return whether this release is older than the fix of its series;
    a series newer than all of them is not.
    """
    series, release = version[:2], version[2] if len(version) > 2 else 0
    if len(series) < 2:
        return False
    sound = SOUND.get((series[0], series[1]))
    return series < max(SOUND) if sound is None else release < sound


def is_loopback(host: str) -> bool:
    if host == "localhost" or host.startswith("/"):  # a unix socket
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
