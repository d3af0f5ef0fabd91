"""Which jobs a claim is for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whose jobs a worker takes (empty: everybody's), and where its machine is signed in."""

    platforms: frozenset[str] = frozenset()
    sessions: frozenset[str] = frozenset()


EVERYTHING = Wanted()
