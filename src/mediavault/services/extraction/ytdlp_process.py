"""Starts the worker child, with nothing but what it may have, and returns its answer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mediavault.core.failures import ExtractorBroken, TookTooLong
from mediavault.core.messages import Message
from mediavault.core.system_errors import failure_of_code, failure_of_disk, is_of_the_machine
from mediavault.services.egress.proxy_bridge import bridge_to
from mediavault.services.extraction.ytdlp_home import YtdlpInstallation
from mediavault.services.sandbox.process import ChildContext, ChildFailed, ChildLimits, ChildTookTooLong, run_child

CHILD = "mediavault.services.extraction.ytdlp_worker"
MAX_ANSWER_BYTES = 32 << 20
MAX_FILE_BYTES = 64 << 20  # deno keeps its cache in the child's folder


async def ask(
    request: Mapping[str, Any], *, proxy: str, folder: Path, installed: YtdlpInstallation, wall_s: float
) -> Mapping[str, Any]:
    """Return the child's answer to ``request``.

    The child and all that it started are gone when this returns, raises or is cancelled. Raises TookTooLong,
    ExtractorBroken (it crashed, or its answer never ends) and StorageFailure.
    """
    limits = ChildLimits(wall_s=wall_s, cpu_s=int(wall_s) + 1, file_bytes=MAX_FILE_BYTES, answer_bytes=MAX_ANSWER_BYTES)
    async with bridge_to(urlsplit(proxy).port or 0) as door:
        library = str(installed.library) if installed.library else None
        whole = {**request, "proxy": proxy, "door": door, "library": library}
        child_folder = ChildContext(folder, _environment(folder), (door,))
        try:
            return await run_child(CHILD, whole, limits=limits, context=child_folder)
        except ChildTookTooLong as exc:
            raise TookTooLong(Message("yt-dlp was stopped: %(error)s.", error=exc.reason)) from exc
        except ChildFailed as exc:
            if is_of_the_machine(exc.errno):
                raise failure_of_code(exc.errno, folder, doing=Message("used")) from exc
            raise ExtractorBroken(Message("yt-dlp gave no answer: %(error)s.", error=exc.reason)) from exc
        except OSError as exc:
            raise failure_of_disk(exc, folder, doing=Message("used to start yt-dlp")) from exc


async def version_of(installed: YtdlpInstallation, folder: Path) -> str | None:
    """Return the version that a child finds when it imports yt-dlp; None when it cannot. Raises as :func:`ask`."""
    answer = await ask({}, proxy="http://127.0.0.1:9", folder=folder, installed=installed, wall_s=_IMPORT_S)
    version = answer.get("version")
    return version if isinstance(version, str) else None


_IMPORT_S = 60.0  # on a slow disk; measured: 0.3


def _environment(folder: Path) -> dict[str, str]:
    """Return an environment with nothing of the user's home: no configuration, no plug-ins, no cache."""
    home = dict.fromkeys(("HOME", "TMPDIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "DENO_DIR"), str(folder))
    return home | {"YTDLP_NO_PLUGINS": "1", "DENO_NO_UPDATE_CHECK": "1"}
