"""Stage 2: which site a post belongs to, and which extractors look at it, in which order."""

from __future__ import annotations

from dataclasses import dataclass

from mediavault.core.job import Job
from mediavault.core.media import Post
from mediavault.core.platform import Platform
from mediavault.core.urls import parse_http_url
from mediavault.platforms import registry

_AS_A_PERSON = {"browser": "browser_cookies", "ytdlp": "ytdlp_cookies"}


@dataclass(frozen=True, slots=True)
class Route:
    post: Post
    platform: Platform
    extractors: tuple[str, ...]


def route_job_by_domain(job: Job) -> Route:
    """Read the job's address. Raises NotAPost or Unsupported, also for jobs accepted under older facts."""
    post, platform = registry.identify(parse_http_url(job.post_url))
    return Route(post, platform, extractors_of(platform))


def extractors_of(platform: Platform) -> tuple[str, ...]:
    """In the order in which they are asked: as strangers first, since what these are shown costs no account anything.

    The browser's profile may help anywhere, because a person may have answered a challenge in it.
    """
    return (*platform.extractors, *(_AS_A_PERSON[each] for each in platform.extractors if each in _AS_A_PERSON))
