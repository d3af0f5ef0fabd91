"""A site's gate and pace, for the whole fleet: a job asks for its turn before it reaches out, and tells how it went.

A 429, a wall, a challenge or a warning closes the gate of that site until a time; other sites go on. Then one job
probes, and what comes of it opens the gate or closes it for longer. Where one name stands for many sites there is no
gate: one of them must not stop the others.
"""

from __future__ import annotations

from datetime import timedelta

from mediavault.core.errors import ErrorCode, Failure
from mediavault.core.gates import Turn
from mediavault.core.logs import get_logger
from mediavault.core.platform import Platform
from mediavault.worker.tools import Tools

MANY_SITES = frozenset({"generic", "mastodon"})  # one name for many sites
PROBE_WITHIN = timedelta(minutes=10)  # a probe that has told nothing by then is lost; another may go
MAX_CLOSED = timedelta(days=1)
_BASE = {
    ErrorCode.ACCOUNT_WARNING: timedelta(days=1),
    ErrorCode.IP_BLOCKED: timedelta(hours=6),
    ErrorCode.CHALLENGE: timedelta(hours=1),
    ErrorCode.SESSION_EXPIRED: timedelta(hours=1),
}
LOGIN_WALL = timedelta(minutes=15)  # one post may be private; a probe tells soon whether all are behind the wall
# These tell nothing about the site's mind.
_SILENT = frozenset(
    {
        ErrorCode.NETWORK,
        ErrorCode.TIMEOUT,
        ErrorCode.BROWSER_UNAVAILABLE,
        ErrorCode.TOOL_MISSING,
        ErrorCode.NO_SPACE,
        ErrorCode.STORAGE,
        ErrorCode.INTERNAL,
    }
)

log = get_logger(__name__)


class GateClosed(Exception):
    """The site is to be left alone: the job goes back into the queue, which passes it over until the gate opens."""


async def take_turn(platform: Platform, tools: Tools) -> Turn | None:
    """Wait for the site's next free moment; None where the site has no gate. Raises GateClosed."""
    if platform.name in MANY_SITES:
        return None
    shortest, longest = platform.pace.interval_s
    interval = timedelta(seconds=shortest + (longest - shortest) * tools.retry.jitter())
    turn = await tools.store.take_turn(platform.name, interval=interval, probe_within=PROBE_WITHIN)
    if turn.at is None:
        raise GateClosed(f"{platform.title} is left alone for now.")
    wait_s = (turn.at - tools.clock.now()).total_seconds()
    if wait_s > 0:
        await tools.clock.sleep(wait_s)
    return turn


async def opens_in(platform: Platform, tools: Tools) -> timedelta:
    """How long the site's gate stays closed yet; as long as a probe may take where one is on its way."""
    closed = next((gate.closed_until for gate in await tools.store.gates() if gate.platform == platform.name), None)
    left = closed - tools.clock.now() if closed is not None else timedelta(0)
    return left if left > timedelta(0) else PROBE_WITHIN


async def tell(platform: Platform, turn: Turn | None, failure: Failure | None, tools: Tools) -> None:
    """How a job's visit went: None that it got through."""
    if platform.name in MANY_SITES:
        return
    if failure is not None and (closed := closing(failure, platform)) is not None:
        strikes = next((g.strikes for g in await tools.store.gates() if g.platform == platform.name), 0)
        duration = min(closed * 2 ** min(strikes, 8), max(MAX_CLOSED, closed))
        await tools.store.close_gate(platform.name, duration=duration, code=failure.code, reason=failure.message)
        log.warning("gate_closed", platform=platform.name, error_code=failure.code, for_s=duration.total_seconds())
    elif turn is not None and turn.is_probe and (failure is None or failure.code not in _SILENT):
        await tools.store.open_gate(platform.name)
        log.info("gate_opened", platform=platform.name)


def closing(failure: Failure, platform: Platform) -> timedelta | None:
    """For how long a failure closes its site's gate the first time; None when it does not."""
    if failure.code is ErrorCode.RATE_LIMITED:
        return failure.retry_after or timedelta(seconds=platform.pace.cooldown_s)
    if failure.code is ErrorCode.LOGIN_REQUIRED:
        return LOGIN_WALL if platform.wall_blocks_media else None
    return _BASE.get(failure.code)
