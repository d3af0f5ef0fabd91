"""Turns at something that only holders of equal keys can use together."""

from __future__ import annotations

import asyncio


class KeyedLock:
    """Lets holders of equal keys in together, and those of different keys one key after the other, in order of arrival."""

    def __init__(self) -> None:
        self._key: object = None
        self._inside = 0
        self._waiting: list[tuple[object, asyncio.Future[None]]] = []

    async def begin(self, key: object) -> None:
        """Wait until ``key`` is let in. Everyone who has been let in calls :meth:`end`."""
        if not self._inside or (key == self._key and not self._waiting):
            self._key, self._inside = key, self._inside + 1
            return
        entry = (key, asyncio.get_running_loop().create_future())
        self._waiting.append(entry)
        try:
            await entry[1]
        except asyncio.CancelledError:
            if entry in self._waiting:
                self._waiting.remove(entry)
            else:  # let in at the same moment
                self.end()
            raise

    def end(self) -> None:
        """Leave; the last one lets in all that wait with the key of the one that has waited longest."""
        self._inside -= 1
        if self._inside or not self._waiting:
            return
        self._key = self._waiting[0][0]
        admitted = [entry for entry in self._waiting if entry[0] == self._key]
        self._waiting = [entry for entry in self._waiting if entry[0] != self._key]
        self._inside = len(admitted)
        for _, admission in admitted:
            admission.set_result(None)
