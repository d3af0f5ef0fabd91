"""A sender of notifications whose answers are set in advance; what was sent is recorded."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from mediavault.core.failures import BadInput
from mediavault.server.services import SendResult

OK = SendResult(204)


@dataclass(frozen=True)
class Sent:
    """A message as it was sent: a webhook with ``body`` and ``headers``,
    or one with ``title`` and ``text``.
    """

    url: str
    private: bool
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    title: str = ""
    text: str = ""
    tone: str = ""


class StubSender:
    """Answers in the order given; the last answer is repeated.
    ``hold`` keeps every message until it is set.
    """

    def __init__(self, *results: SendResult) -> None:
        self.results = deque(results or (OK,))
        self.sent: list[Sent] = []
        self.hold: asyncio.Event | None = None

    async def post(
        self, url: str, body: bytes, headers: Mapping[str, str], *, private: bool
    ) -> SendResult:
        return await self._answer(Sent(url, private, body=body, headers=headers))

    async def notify(
        self, url: str, title: str, text: str, *, tone: str, private: bool
    ) -> SendResult:
        return await self._answer(Sent(url, private, title=title, text=text, tone=tone))

    async def identify(self, url: str) -> str:
        if not url.startswith(("ntfy://", "json://")):
            raise BadInput("Apprise does not support this service, or it can't be used here.")
        return "ntfy"

    def check(self, url: str, *, private: bool) -> None:
        if "192.168." in url and not private:
            raise BadInput("The address is private or reserved.")

    async def _answer(self, sent: Sent) -> SendResult:
        self.sent.append(sent)
        if self.hold is not None:
            await self.hold.wait()
        return self.results.popleft() if len(self.results) > 1 else self.results[0]
