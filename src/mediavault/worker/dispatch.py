"""Stage 2: which site a post belongs to, and which extractors look at it, in which order."""

from __future__ import annotations

from dataclasses import dataclass

from mediavault.core.job import Job
from mediavault.core.media import Post
from mediavault.core.platform import Platform
from mediavault.core.urls import parse_http_url
from mediavault.platforms import registry

AS_A_PERSON = "ytdlp_cookies"  # last: what an anonymous look gives costs no account anything


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
    """In the order in which they are asked. Signed in only where the platform has sign-ins."""
    signed_in = (AS_A_PERSON,) if "ytdlp" in platform.extractors and platform.session_cookies else ()
    return (*platform.extractors, *signed_in)
