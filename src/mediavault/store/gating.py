"""How a platform's gate moves: pure functions that every store runs inside one transaction."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from mediavault.core.errors import ErrorCode
from mediavault.core.gates import Gate, Turn


def take_turn(gate: Gate, now: datetime, *, interval: timedelta, probe_within: timedelta) -> tuple[Turn, Gate]:
    """The answer, and the gate as it is then."""
    if gate.is_closed(now):
        return Turn(None, closed_until=gate.blocked_until), gate
    at = max(now, gate.next_turn_at or now)
    if gate.strikes:
        return Turn(at, is_probe=True), replace(gate, probing_until=now + probe_within, next_turn_at=at + interval)
    return Turn(at), replace(gate, next_turn_at=at + interval)


def close(gate: Gate, now: datetime, *, duration: timedelta, code: ErrorCode, reason: str) -> Gate:
    """A longer closing that stands already keeps its end and its reason."""
    until, strikes = now + duration, gate.strikes + 1
    if gate.closed_until is not None and gate.closed_until >= until:
        return replace(gate, strikes=strikes, probing_until=None)
    return replace(gate, closed_until=until, probing_until=None, strikes=strikes, code=code, reason=reason)


def open_(gate: Gate) -> Gate:
    return Gate(gate.platform, next_turn_at=gate.next_turn_at)
