"""Who is at the other end of a loopback connection: the kernel's table of sockets tells (proc(5), /proc/net/tcp)."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from pathlib import Path

TABLE = Path("/proc/net/tcp")
_LOCAL, _REMOTE, _UID = 1, 2, 7


def is_of_our_user(writer: asyncio.StreamWriter) -> bool:
    """Whether a process of our own user made this connection. Always true where there is no such table."""
    try:
        table = TABLE.read_text("ascii", "replace")
    except OSError:
        return True
    return owner_of(table, writer.get_extra_info("peername"), writer.get_extra_info("sockname")) == os.getuid()


def owner_of(table: str, local: tuple[str, int], remote: tuple[str, int]) -> int | None:
    """The user of the IPv4 socket at ``local`` that is connected to ``remote``; None when there is none."""
    wanted = [_written(*local), _written(*remote)]
    for line in table.splitlines()[1:]:
        columns = line.split()
        if len(columns) > _UID and columns[_LOCAL : _REMOTE + 1] == wanted:
            return int(columns[_UID])
    return None


def _written(host: str, port: int) -> str:
    """As the kernel writes it: the address as a number in the machine's own byte order."""
    (number,) = struct.unpack("=I", socket.inet_aton(host))
    return f"{number:08X}:{port:04X}"
