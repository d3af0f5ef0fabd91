"""Limits how many connections or requests of one address are open at once."""

from __future__ import annotations

from collections import Counter


class HeadCount:
    """Counts by address bucket (``place_of``). Only buckets in use are stored, so memory is bounded by them."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._there: Counter[str] = Counter()

    def come(self, place: str) -> bool:
        """Take a place; False when all are taken. After True, ``leave`` must be called."""
        if self._there[place] >= self._most:
            return False
        self._there[place] += 1
        return True

    def leave(self, place: str) -> bool:
        """Give a place back; return whether it was the last one in use."""
        self._there[place] -= 1
        if is_last := self._there[place] <= 0:
            del self._there[place]
        return is_last
