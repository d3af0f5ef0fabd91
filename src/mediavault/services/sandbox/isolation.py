"""Checks whether helper processes really have no network here, with a helper that examines itself."""

from __future__ import annotations

import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mediavault.services.sandbox.guard import serve
from mediavault.services.sandbox.process import ChildLimits, run_child

_NAMESPACE = Path("/proc/self/ns/net")


async def is_isolated() -> bool:
    """Return whether a helper confined like any other cannot reach the network. Raises ChildFailed and OSError."""
    if sys.platform != "linux":
        return False
    request = {"namespace": _namespace()}
    answer = await run_child(__name__, request, limits=ChildLimits(wall_s=20.0, cpu_s=5))
    return bool(answer["isolated"])


def check_isolation(request: Mapping[str, Any]) -> Mapping[str, Any]:
    """Report, in the helper, whether it is in another network namespace than its parent or may not create sockets."""
    if _namespace() != request["namespace"]:
        return {"isolated": True}
    try:
        socket.socket().close()
    except PermissionError:
        return {"isolated": True}
    return {"isolated": False}


def _namespace() -> int:
    return _NAMESPACE.stat().st_ino


if __name__ == "__main__":
    sys.exit(serve(check_isolation))
