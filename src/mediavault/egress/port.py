"""The port through which everything is fetched: a client whose every connection the egress guard
has allowed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from mediavault.core.cookies import Cookie
from mediavault.core.urls import EgressScope

# Our own proxy's answers have it, for a target without TLS; it is taken off a site's.
REFUSED_HEADER = "Mediavault-Egress"


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Time limits in seconds."""

    connect_s: float = 15.0
    read_s: float = 30.0  # between two reads
    total_s: float | None = None


class HttpResponse(Protocol):
    """A response whose body the caller reads in pieces."""

    status: int
    url: str  # after redirects
    headers: Mapping[str, str]  # lower-case names; of repeated headers the last

    async def read_chunk(self, limit: int = 1 << 20) -> bytes:
        """Return the next 1 to ``limit`` bytes; b"" at the end.

        Raises Incomplete when the body ends before its announced length, TookTooLong,
        NetworkFailure.
        """

    async def read(self, *, limit: int) -> bytes:
        """Return the whole body. Raises TooLarge past ``limit`` bytes."""


class HttpClient(Protocol):
    """One per process. Never uses the environment's proxies, netrc or its own cookie jar."""

    def get(
        self,
        url: str,
        *,
        scope: EgressScope,
        headers: Mapping[str, str] | None = None,
        cookies: Sequence[Cookie] = (),
        timeouts: Timeouts | None = None,
        max_redirects: int = 10,
        decode: bool = False,
    ) -> AbstractAsyncContextManager[HttpResponse]:
        """GET with redirects followed by hand: each hop is parsed, guarded and given only the
        cookies of its scope.

        A Referer is cut down for other origins, as browsers do (``redirects.referer_for``).
        Private exemptions hold only for a ``scope`` on an exempted host.
        ``decode=False`` asks for ``identity`` and returns the bytes as they come (media); True
        undoes gzip and deflate (pages, JSON), bounded. Any status is a response, not an error; with
        ``max_redirects=0`` a redirect too. Raises BadUrl, AddressRefused, NetworkFailure,
        TookTooLong, HttpError (too many redirects).
        """

    async def close(self) -> None:
        """Close pooled connections."""


class PostingClient(HttpClient, Protocol):
    """A client for the services of the settings, which are also posted to."""

    def post(
        self,
        url: str,
        form: Mapping[str, str] | bytes,
        *,
        scope: EgressScope,
        headers: Mapping[str, str] | None = None,
        timeouts: Timeouts | None = None,
    ) -> AbstractAsyncContextManager[HttpResponse]:
        """POST a form, or bytes of the type that ``headers`` name. A redirect is a response,
        and is not followed.
        """
