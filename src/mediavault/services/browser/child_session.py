"""A DevTools session of a target below another one: a frame that Chromium keeps in a process of its own.

Playwright routes messages only to the sessions that it opened itself, so a child is spoken to through its parent
(``Target.sendMessageToTarget``, the form without ``flatten``; checked with Chromium 147 and 156 on 2026-11-24). A child
can have children of its own, which are reached the same way.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

from mediavault.services.browser.driver import Cdp, PageFailed


class ChildSession:
    """Speaks DevTools with one attached target, by way of ``parent``. As :class:`Cdp`."""

    def __init__(self, parent: Cdp, session_id: str) -> None:
        self._parent = parent
        self._session_id = session_id
        self._count = 0
        self._waiting: dict[int, asyncio.Future[Mapping[str, Any]]] = {}
        self._handlers: dict[str, list[Callable[..., Any]]] = defaultdict(list)

    def on(self, event: str, f: Callable[..., Any]) -> None:
        self._handlers[event].append(f)

    async def send(self, method: str, params: dict[str, Any] | None = None) -> Mapping[str, Any]:
        """The target's answer. Raises PageFailed for a refusal, and when the target goes away first."""
        self._count += 1
        number = self._count
        answer: asyncio.Future[Mapping[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        message = json.dumps({"id": number, "method": method, "params": params or {}})
        try:
            wrapped = {"sessionId": self._session_id, "message": message}
            await self._parent.send("Target.sendMessageToTarget", wrapped)
            return await answer
        finally:
            del self._waiting[number]
            if answer.done() and not answer.cancelled():
                answer.exception()  # `end` may have failed it while the question was being sent: asyncio would log that

    def receive(self, message: str) -> None:
        """Take in what ``Target.receivedMessageFromTarget`` of the parent carries for this session."""
        try:
            document = json.loads(message)
        except ValueError:
            return
        if "id" not in document:
            for handler in self._handlers[document.get("method", "")]:
                handler(document.get("params", {}))
            return
        answer = self._waiting.get(document["id"])
        if answer is None or answer.done():
            return
        if "error" in document:
            answer.set_exception(PageFailed(str(document["error"].get("message", "refused"))))
        else:
            answer.set_result(document.get("result", {}))

    def end(self) -> None:
        """The target is gone: nobody waits for its answers any longer."""
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(PageFailed("the frame is gone"))
