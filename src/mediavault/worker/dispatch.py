"""Stage 2: which site a post belongs to, and which extractors look at it, in which order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mediavault.core.job import Job
from mediavault.core.media import Post
from mediavault.core.platform import Platform
from mediavault.core.urls import parse_http_url
from mediavault.platforms import registry

FALLBACK: tuple[str, ...] = ("browser",)

# Platform name -> extractors in the order in which they are asked. A platform without a row gets FALLBACK.
EXTRACTORS: Mapping[str, tuple[str, ...]] = {
    "x": ("browser",),
    "tiktok": ("browser",),
}


@dataclass(frozen=True, slots=True)
class Route:
    post: Post
    platform: Platform
    extractors: tuple[str, ...]


def route_job_by_domain(job: Job) -> Route:
    """Read the job's address. Raises NotAPost or Unsupported, also for jobs accepted under older facts."""
    post, platform = registry.identify(parse_http_url(job.post_url))
    return Route(post, platform, EXTRACTORS.get(platform.name, FALLBACK))
