"""Stage 2: the platform of a post, and the extractors to try, in order."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mediavault.core.job import Job
from mediavault.core.listings import enclosed_in
from mediavault.core.media import Post
from mediavault.core.messages import Message
from mediavault.core.platform import ENCLOSURE, Platform
from mediavault.core.urls import HttpUrl, parse_http_url
from mediavault.platforms import registry

_WITH_SESSION = {"browser": "browser_cookies", "ytdlp": "ytdlp_cookies"}


@dataclass(frozen=True, slots=True)
class Route:
    """A post with its platform and extractors. ``shared_as`` is the share link that led to it, if one did."""

    post: Post
    platform: Platform
    extractors: tuple[str, ...]
    shared_as: str | None = None


def route_job_by_domain(job: Job) -> Route:
    """Route a job by its URL, or to the file that a feed encloses, before the page that the URL names.

    If a user has asked for the post since, exemptions hold for its page and not for what the feed has named.
    Raises NotAPost or Unsupported, also for jobs that an older version accepted.
    """
    url, enclosed = parse_http_url(job.post_url), enclosed_in(job.metadata)
    route = route_of(url, listed_by=url.origin if enclosed and job.listed_by is None else job.listed_by)
    if enclosed is None:
        return route
    return replace(route, post=replace(route.post, enclosed=enclosed), extractors=(ENCLOSURE, *route.extractors))


def route_of(url: HttpUrl, *, shared_as: str | None = None, listed_by: str | None = None) -> Route:
    """Return the route of the post that ``url`` names; ``listed_by`` as in EgressScope. Raises NotAPost or Unsupported."""
    post, platform = registry.identify(url)
    return Route(replace(post, listed_by=listed_by), platform, extractors_of(platform), shared_as)


def extractors_of(platform: Platform) -> tuple[str, ...]:
    """The names of a platform's extractors in order: anonymous ones first, because they do not use an account.

    Those with the browser's profile are included for every platform, because a user may have solved a challenge in it.
    """
    return (*platform.extractors, *(_WITH_SESSION[name] for name in platform.extractors if name in _WITH_SESSION))


def describe(route: Route, profile: str) -> str:
    """Describe the route, and the profile with which the post is saved, for the job's history."""
    site = (
        Message("%(site)s: the link leads to %(url)s", site=route.platform.name, url=route.post.url)
        if route.shared_as
        else route.platform.name
    )
    return Message("%(site)s; profile: %(profile)s", site=site, profile=profile)
