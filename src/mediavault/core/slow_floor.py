"""When a transfer is too slow to be worth a slot, in our client or in the browser (pure)."""

from __future__ import annotations


class SlowTransferDetector:
    """Detects a server that sends too slowly: fewer than ``bytes_per_s`` over ``window_s`` of waiting for it.

    Only waiting for the network counts: a slow disk of our own is not the server's fault.
    """

    def __init__(self, bytes_per_s: int, window_s: float) -> None:
        self.bytes_per_s, self._window_s = bytes_per_s, window_s
        self._waited_s, self._bytes = 0.0, 0

    def is_too_slow(self, *, count: int, waited_s: float) -> bool:
        """Record ``count`` bytes that came after ``waited_s``; return whether the window that ends now was too slow."""
        self._waited_s += waited_s
        self._bytes += count
        if self._waited_s < self._window_s:
            return False
        slow = self._bytes < self.bytes_per_s * self._waited_s
        self._waited_s, self._bytes = 0.0, 0
        return slow
