"""How many from one address are there at the same time. Only who is there is remembered, so memory is bounded by them."""

from __future__ import annotations

from collections import Counter


class HeadCount:
    """Counts by place, as ``back_off.place_of`` names them."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._there: Counter[str] = Counter()

    def come(self, place: str) -> bool:
        """False, and not counted, where as many as may be are there already. Who was let in must ``leave``."""
        if self._there[place] >= self._most:
            return False
        self._there[place] += 1
        return True

    def leave(self, place: str) -> bool:
        """Whether that was the last one there."""
        self._there[place] -= 1
        if is_last := self._there[place] <= 0:
            del self._there[place]
        return is_last
