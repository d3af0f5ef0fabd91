"""Starts the child that sends by Apprise, with nothing but what it may have,
and returns its answer.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mediavault.egress.proxy_bridge import bridge_to
from mediavault.sandbox.process import ChildContext, ChildLimits, run_child

CHILD = "mediavault.apprise.apprise_child"
# all of Apprise's services are loaded; where they are not compiled yet, that takes seconds
WALL_S = 45.0
LIMITS = ChildLimits(wall_s=WALL_S, cpu_s=40, answer_bytes=1 << 16)


async def ask_apprise(
    request: Mapping[str, Any], *, proxy: str, state_dir: Path
) -> Mapping[str, Any]:
    """Return the child's answer to a request with ``url``, and ``title``, ``text`` and ``tone`` to
    send.

    The answer has ``missing`` (Apprise is not installed), ``unknown`` (it knows no such service
    that may be used), or ``service``, and ``sent`` and ``status`` if something was to be sent.
    Raises ChildFailed and OSError.
    """
    with _empty_folder(state_dir) as folder:
        async with bridge_to(urlsplit(proxy).port or 0) as door:
            whole = {**request, "proxy": proxy, "door": door}
            return await run_child(
                CHILD,
                whole,
                limits=LIMITS,
                context=ChildContext(Path(folder), _environment(folder, proxy), (door,)),
            )


@contextmanager
def _empty_folder(state_dir: Path) -> Iterator[str]:
    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="apprise-", dir=state_dir) as folder:
        yield folder


def _environment(folder: str, proxy: str) -> dict[str, str]:
    """Return an environment with nothing of the user's home, in which requests uses the proxy."""
    home = dict.fromkeys(
        ("HOME", "TMPDIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME"), folder
    )
    return (
        home | dict.fromkeys(("http_proxy", "https_proxy", "all_proxy"), proxy) | {"no_proxy": ""}
    )
