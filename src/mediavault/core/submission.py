"""From pasted text to a job that can be stored: parsed, guarded, recognised. Nothing here touches the network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mediavault.core.clock import Clock
from mediavault.core.failures import BadUrl, MediavaultError
from mediavault.core.job import DEFAULT_MAX_ATTEMPTS, NewJob, new_job_id, new_trace_id
from mediavault.core.media import Post
from mediavault.core.messages import Message, join
from mediavault.core.platform import Platform
from mediavault.core.urls import HttpUrl, parse_http_url

MAX_BATCH = 500  # addresses in one request
_NAMED_AT_MOST = 3  # of the refused addresses of a batch
_SHOWN_CHARS = 80


class RefusedBatch(BadUrl):
    """Some addresses of a batch cannot be taken; nothing was stored. The code is that of the first of them."""


@dataclass(frozen=True, slots=True)
class RefusedAddress:
    """One address of several that cannot be taken, at its place among them, and why."""

    position: int
    text: str
    error: MediavaultError


@dataclass(frozen=True, slots=True)
class Submission:
    """Reads addresses. ``check_url`` raises AddressRefused for literal addresses that the egress guard refuses."""

    identify: Callable[[HttpUrl], tuple[Post, Platform]]
    check_url: Callable[[HttpUrl], None]
    clock: Clock
    max_attempts: int = DEFAULT_MAX_ATTEMPTS

    def read(self, text: str) -> NewJob:
        """One address. Raises BadUrl, AddressRefused, NotAPost, Unsupported."""
        url = parse_http_url(text)
        self.check_url(url)
        post, platform = self.identify(url)
        return NewJob(
            id=new_job_id(self.clock.now()),
            trace_id=new_trace_id(),
            post_url=text.strip(),
            canonical_url=post.canonical_url,
            platform=platform.name,
            max_attempts=self.max_attempts,
        )

    def read_all(self, texts: Sequence[str]) -> list[NewJob]:
        """All or nothing: one bad address refuses the batch, with a message that names the bad ones by position."""
        jobs, refused = self.read_each(texts)
        if refused:
            raise _refusal(refused)
        return jobs

    def read_each(self, texts: Sequence[str]) -> tuple[list[NewJob], list[RefusedAddress]]:
        """Each by itself: those that can be stored, and those that cannot."""
        jobs: list[NewJob] = []
        refused: list[RefusedAddress] = []
        for position, text in enumerate(texts):
            try:
                jobs.append(self.read(text))
            except MediavaultError as exc:
                refused.append(RefusedAddress(position, text, exc))
        return jobs, refused


def _refusal(refused: Sequence[RefusedAddress]) -> RefusedBatch:
    first = refused[0].error
    named = [
        Message(
            "%(text)s (post_urls[%(position)s]): %(message)s",
            text=_shown(one.text),
            position=one.position,
            message=one.error.message,
        )
        for one in refused[:_NAMED_AT_MOST]
    ]
    more = len(refused) - len(named)
    if more:
        named.append(Message("And %(more)s more.", more=more))
    error = RefusedBatch(join(" ", named), help=Message("%(help)s Nothing was stored.", help=first.help))
    error.code = first.code
    return error


def _shown(text: str) -> str:
    line = " ".join(text.split())
    return repr(line if len(line) <= _SHOWN_CHARS else line[: _SHOWN_CHARS - 1] + "…")
