"""Starts the worker child, with nothing but what it may have, and returns its answer.

Each request has its own process, so a new version is used from the next one on
(``mediavault doctor --upgrade-ytdlp``), and a process that hangs is killed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit

from mediavault.core.clock import Clock
from mediavault.core.cookies import Cookie
from mediavault.core.failures import ExtractorBroken, Failure, TookTooLong, ToolMissing, Unsupported
from mediavault.core.logs import get_logger
from mediavault.core.messages import Message
from mediavault.core.system_errors import failure_of_code, failure_of_disk, is_of_the_machine
from mediavault.core.urls import EgressScope
from mediavault.egress.proxy import EgressProxy
from mediavault.egress.proxy_bridge import bridge_to
from mediavault.extraction.page_data import values
from mediavault.extraction.ytdlp_formats import to_netscape_format
from mediavault.extraction.ytdlp_home import (
    YtdlpInstallation,
    bundled,
    home_of,
    installed,
    step_back,
    work_folder,
)
from mediavault.sandbox.process import (
    ChildContext,
    ChildFailed,
    ChildLimits,
    ChildTookTooLong,
    run_child,
)

CHILD = "mediavault.extraction.ytdlp_worker"
MAX_ANSWER_BYTES = 32 << 20
MAX_FILE_BYTES = 64 << 20  # deno keeps its cache in the child's folder

T = TypeVar("T")

log = get_logger(__name__)


class Session(Protocol):
    """Where the signed-in user's cookies come from: the browser."""

    async def cookies(self, url: str, *, signed_in: bool = ...) -> Sequence[Cookie]: ...

    async def user_agent(self) -> str: ...


class YtdlpChild:
    """Asks yt-dlp, with a pass for the egress proxy and an empty folder;
    with a ``session`` as the signed-in user.
    """

    def __init__(
        self, proxy: EgressProxy, clock: Clock, *, state_dir: Path, session: Session | None = None
    ) -> None:
        self._proxy = proxy
        self._clock = clock
        self._home = home_of(state_dir)
        self._session = session

    async def cookies(self, url: str) -> Sequence[Cookie]:
        """Return the signed-in user's cookies for ``url``; none without a session."""
        return await self._session.cookies(url, signed_in=True) if self._session else ()

    async def ask(
        self,
        request: dict[str, Any],
        scope: EgressScope,
        read: Callable[[Mapping[str, Any]], T],
        *,
        cookies: Sequence[Cookie],
        wall_s: float,
    ) -> T:
        """Return what ``read`` makes of the child's answer; it may raise the failures that the
        answer reports.

        It runs in a thread: a list of twenty videos in four hundred qualities each takes seconds.
        ``scope`` is that whose exemption from the egress guard, and whose proxy, applies:
        ProxyFailed replaces a failure that this caused. Raises as :func:`ask`, and Unsupported with
        a session that has no cookie.
        """
        whole = {**request, **await self._signed_in(cookies)}
        async with AsyncExitStack() as stack:
            try:
                folder = stack.enter_context(work_folder(self._home, now=self._clock.now()))
            except OSError as exc:
                raise failure_of_disk(exc, self._home) from exc
            proxy = stack.enter_context(self._proxy.pass_for(scope))
            current = await asyncio.to_thread(installed, self._home)
            answer = await ask(whole, proxy=proxy, folder=folder, installed=current, wall_s=wall_s)
            if answer.get("missing") and current.library is not None:
                other = await asyncio.to_thread(self._fall_back)
                answer = await ask(
                    whole, proxy=proxy, folder=folder, installed=other, wall_s=wall_s
                )
            return await asyncio.to_thread(read, answer)

    def _fall_back(self) -> YtdlpInstallation:
        """Go back from a version that cannot be imported, and return what to use:
        if there is no former one, the bundled.
        """
        try:
            step_back(
                self._home,
                now=self._clock.now(),
                why=Message("it could not be imported"),
                reason="not_importable",
            )
        except Failure:
            return bundled()
        return installed(self._home)

    async def _signed_in(self, session: Sequence[Cookie]) -> dict[str, str]:
        if self._session is None:
            return {}
        cookies = to_netscape_format(session)
        if not cookies:
            raise Unsupported("The browser's profile has no cookie for this post.")
        return {"cookies": cookies, "user_agent": await self._session.user_agent()}


async def ask(
    request: Mapping[str, Any],
    *,
    proxy: str,
    folder: Path,
    installed: YtdlpInstallation,
    wall_s: float,
) -> Mapping[str, Any]:
    """Return the child's answer to ``request``.

    The child and all that it started are gone when this returns, raises or is cancelled. Raises
    TookTooLong, ExtractorBroken (it crashed, or its answer never ends) and StorageFailure.
    """
    limits = ChildLimits(
        wall_s=wall_s,
        cpu_s=int(wall_s) + 1,
        file_bytes=MAX_FILE_BYTES,
        answer_bytes=MAX_ANSWER_BYTES,
    )
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
            raise ExtractorBroken(
                Message("yt-dlp gave no answer: %(error)s.", error=exc.reason)
            ) from exc
        except OSError as exc:
            raise failure_of_disk(exc, folder, doing=Message("used to start yt-dlp")) from exc


async def try_out(
    installed: YtdlpInstallation, folder: Path, *, extractors: Sequence[str]
) -> str | None:
    """Return the version of a yt-dlp that passed a trial without any network; None when it cannot
    be imported.

    The child loads each extractor that ``extractors`` (regular expressions) name, and takes a
    made-up post with two formats through everything that follows the site's answer. Raises
    ToolMissing if that fails or most extractors are gone, and as :func:`ask`.
    """
    request = {"try": list(extractors)}
    answer = await ask(
        request, proxy=_NO_PROXY, folder=folder, installed=installed, wall_s=_TRIAL_S
    )
    version = answer.get("version")
    if not isinstance(version, str):
        return None
    lost = values.items(answer.get("lost"))
    if answer.get("formats") != 2:
        raise ToolMissing("It could not read a post that is made for the trial.")
    if len(lost) * 2 > len(extractors):
        raise ToolMissing(Message("It lacks the extractors of %(count)s sites.", count=len(lost)))
    if lost:
        log.info("ytdlp_extractors_gone", version=version, names=[str(name)[:100] for name in lost])
    return version


_NO_PROXY = "http://127.0.0.1:9"
_TRIAL_S = 120.0


def _environment(folder: Path) -> dict[str, str]:
    """Return an environment with nothing of the user's home: no configuration, no plug-ins,
    no cache.
    """
    home = dict.fromkeys(
        ("HOME", "TMPDIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "DENO_DIR"), str(folder)
    )
    return home | {"YTDLP_NO_PLUGINS": "1", "DENO_NO_UPDATE_CHECK": "1"}
