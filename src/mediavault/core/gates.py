"""A site's gate: closed while the site wants to be left alone, for every worker of the fleet."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from mediavault.core.errors import ErrorCode


@dataclass(frozen=True, slots=True)
class Gate:
    """What the store knows of a platform's gate. ``strikes`` counts closings since a job last got through.

    Once ``closed_until`` has passed with strikes left the gate is half open: one job may probe, and the others wait
    for what comes of it.
    """

    platform: str
    closed_until: datetime | None = None
    probing_until: datetime | None = None  # a job is finding out whether the site lets us in again
    strikes: int = 0
    code: ErrorCode | None = None
    reason: str = ""
    next_turn_at: datetime | None = None

    @property
    def blocked_until(self) -> datetime | None:
        """The later of the two; jobs of the platform are not claimed before."""
        return max((at for at in (self.closed_until, self.probing_until) if at is not None), default=None)

    def is_closed(self, now: datetime) -> bool:
        return self.blocked_until is not None and self.blocked_until > now


@dataclass(frozen=True, slots=True)
class Turn:
    """When a job may reach out to its site: at ``at``; or, with ``closed_until``, not before that, and not by now."""

    at: datetime | None
    closed_until: datetime | None = None
    is_probe: bool = False
