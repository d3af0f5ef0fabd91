"""Finds out what keeps helper processes off the network here,
with a helper that examines itself.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

from mediavault.sandbox.guard import serve
from mediavault.sandbox.process import ChildLimits, run_child

_NAMESPACE = Path("/proc/self/ns/net")


class NoNetwork(StrEnum):
    """What keeps a helper off the network. yt-dlp's process needs sockets,
    so only a namespace serves it.
    """

    NAMESPACE = "namespace"
    FILTER = "filter"  # it may create no sockets
    NOTHING = "nothing"


async def find_isolation() -> NoNetwork:
    """Return what keeps a helper, confined like any other, off the network.
    Raises ChildFailed and OSError.
    """
    if sys.platform != "linux":
        return NoNetwork.NOTHING
    request = {"namespace": _namespace()}
    answer = await run_child(__name__, request, limits=ChildLimits(wall_s=20.0, cpu_s=5))
    return NoNetwork(answer["by"])


def check_isolation(request: Mapping[str, Any]) -> Mapping[str, Any]:
    """Report, in the helper, whether it is in another network namespace than its parent or may not
    create sockets.
    """
    if _namespace() != request["namespace"]:
        return {"by": NoNetwork.NAMESPACE}
    try:
        socket.socket().close()
    except PermissionError:
        return {"by": NoNetwork.FILTER}
    return {"by": NoNetwork.NOTHING}


def _namespace() -> int:
    return _NAMESPACE.stat().st_ino


if __name__ == "__main__":
    sys.exit(serve(check_isolation))
