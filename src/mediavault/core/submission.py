"""Turn pasted text into a job that can be stored: parse the URL, check it and recognise the post.

Nothing here touches the network.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from mediavault.core.clock import Clock
from mediavault.core.failures import BadUrl, MediavaultError, Unsupported
from mediavault.core.job import DEFAULT_MAX_ATTEMPTS, NewJob, new_job_id, new_trace_id
from mediavault.core.listings import SourceAddress
from mediavault.core.media import Post
from mediavault.core.messages import Message, join
from mediavault.core.platform import Platform
from mediavault.core.urls import HttpUrl, parse_http_url

_MAX_NAMED = 3  # of the refused URLs of a batch
_SHOWN_CHARS = 80


class RefusedBatch(BadUrl):
    """Some URLs of a batch cannot be accepted; nothing was stored.
    The code is that of the first of them.
    """


@dataclass(frozen=True, slots=True)
class RefusedAddress:
    """One URL of a batch that cannot be accepted, its position in the batch, and why."""

    position: int
    text: str
    error: MediavaultError


def _no_source(_: HttpUrl) -> SourceAddress:
    raise Unsupported("Nothing can be followed here.")


async def _public(_: HttpUrl) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Submission:
    """Reads URLs into jobs, and into addresses that can be followed.

    ``check_url`` raises AddressRefused for literal addresses that the egress guard refuses. Its
    second argument is the origin of the list that names the URL, None for a user. ``is_private``
    returns whether the settings allow a source to reach its host although that is private; it may
    look the host up.
    """

    identify: Callable[[HttpUrl], tuple[Post, Platform]]
    check_url: Callable[[HttpUrl, str | None], None]
    clock: Clock
    max_attempts: int = DEFAULT_MAX_ATTEMPTS
    source_at: Callable[[HttpUrl], SourceAddress] = _no_source
    is_private: Callable[[HttpUrl], Awaitable[bool]] = _public

    def read(self, text: str, *, listed_by: str | None = None) -> NewJob:
        """Return the job for one URL, which a user names, or the list of the origin ``listed_by``.

        Raises BadUrl, AddressRefused, NotAPost, Unsupported.
        """
        url = parse_http_url(text)
        self.check_url(url, listed_by)
        post, platform = self.identify(url)
        return NewJob(
            id=new_job_id(self.clock.now()),
            trace_id=new_trace_id(),
            post_url=text.strip(),
            canonical_url=post.canonical_url,
            platform=platform.name,
            max_attempts=self.max_attempts,
            listed_by=listed_by,
        )

    def read_source(self, text: str) -> SourceAddress:
        """Return what can be followed at a URL. Raises BadUrl, AddressRefused, Unsupported."""
        url = parse_http_url(text)
        self.check_url(url, None)
        return self.source_at(url)

    def read_all(self, texts: Sequence[str]) -> list[NewJob]:
        """Return the jobs for all URLs. One bad URL refuses the batch;
        the message names the bad ones by position.
        """
        jobs, refused = self.read_each(texts)
        if refused:
            raise _refusal(refused)
        return jobs

    def read_each(self, texts: Sequence[str]) -> tuple[list[NewJob], list[RefusedAddress]]:
        """Read each URL separately; return the jobs that can be stored,
        and the URLs that cannot.
        """
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
            text=_shown(address.text),
            position=address.position,
            message=address.error.message,
        )
        for address in refused[:_MAX_NAMED]
    ]
    more = len(refused) - len(named)
    if more:
        named.append(Message("And %(more)s more.", more=more))
    error = RefusedBatch(
        join(" ", named), help=Message("%(help)s Nothing was stored.", help=first.help)
    )
    error.code = first.code
    return error


def _shown(text: str) -> str:
    line = " ".join(text.split())
    return repr(line if len(line) <= _SHOWN_CHARS else line[: _SHOWN_CHARS - 1] + "…")
