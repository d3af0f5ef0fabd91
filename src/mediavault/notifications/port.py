"""The port through which notifications leave: one attempt at one target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from mediavault.core.messages import Message


@dataclass(frozen=True, slots=True)
class SendResult:
    """What became of an attempt. ``status`` is the HTTP status, None where there was no answer.

    ``problem`` is "" when it was delivered; it never has the target's URL.
    """

    status: int | None
    problem: str = ""
    retry_after: timedelta | None = None

    @property
    def is_delivered(self) -> bool:
        """Whether the receiver has taken it."""
        return not self.problem

    @property
    def is_gone(self) -> bool:
        """Whether the receiver wants no more of them (HTTP 410)."""
        return self.status == 410


class NotificationSender(Protocol):
    """Sends one message, once, through the egress guard.

    With ``private`` the target's own host may have an address of a private network. Nothing is ever raised for what the
    receiver or the network does.
    """

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], *, private: bool) -> SendResult:
        """POST a webhook. A redirect is a failure, and is not followed."""

    async def notify(self, url: str, title: str, text: str, *, tone: str, private: bool) -> SendResult:
        """Send a message to a service of Apprise's. ``tone`` is info, success, warning or failure."""

    async def identify(self, url: str) -> str:
        """Return the name of the service that Apprise finds for this URL, without any traffic.

        Raises BadInput when there is none, or Apprise is not installed.
        """

    def check(self, url: str, *, private: bool) -> None:
        """Judge a webhook's URL as far as that needs no network. Raises BadInput."""


NOT_DELIVERED = Message("It was not delivered.")
