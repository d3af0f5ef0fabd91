"""Stage 2: which site a post belongs to, and which extractors look at it, in which order."""

from __future__ import annotations

from dataclasses import dataclass

from mediavault.core.job import Job
from mediavault.core.media import Post
from mediavault.core.platform import Platform
from mediavault.core.urls import HttpUrl, parse_http_url
from mediavault.platforms import registry

_AS_A_PERSON = {"browser": "browser_cookies", "ytdlp": "ytdlp_cookies"}


@dataclass(frozen=True, slots=True)
class Route:
    """``shared_as`` is the share link that led here; None where the address itself names the post."""

    post: Post
    platform: Platform
    extractors: tuple[str, ...]
    shared_as: str | None = None


def route_job_by_domain(job: Job) -> Route:
    """Read the job's address. Raises NotAPost or Unsupported, also for jobs accepted under older facts."""
    return route_of(parse_http_url(job.post_url))


def route_of(url: HttpUrl, *, shared_as: str | None = None) -> Route:
    """The way to the post that ``url`` names. Raises NotAPost or Unsupported."""
    post, platform = registry.identify(url)
    return Route(post, platform, extractors_of(platform), shared_as)


def extractors_of(platform: Platform) -> tuple[str, ...]:
    """In the order in which they are asked: as strangers first, since what these are shown costs no account anything.

    The browser's profile may help anywhere, because a person may have answered a challenge in it.
    """
    return (*platform.extractors, *(_AS_A_PERSON[each] for each in platform.extractors if each in _AS_A_PERSON))


def told_of(route: Route) -> str:
    """The route in words, for the job's history."""
    return f"{route.platform.name}: the link leads to {route.post.url}" if route.shared_as else route.platform.name
