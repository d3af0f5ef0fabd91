"""Dependencies of the routes: the services, the event feed, and a well-formed job id."""

from __future__ import annotations

import re
from typing import Annotated, Any, cast

from fastapi import Depends, Path, Request

from mediavault.api.feed import Feed
from mediavault.auth.authenticator import Authenticator
from mediavault.core.failures import JobNotFound
from mediavault.core.job import JobId
from mediavault.features.following.service import Following
from mediavault.features.jobs.service import Caller, Jobs
from mediavault.features.marks.service import UserMarks
from mediavault.features.profiles.service import Profiles
from mediavault.features.retention.service import RetentionRules
from mediavault.features.rss.service import RssFeeds
from mediavault.features.sealing.service import SealedCopies
from mediavault.features.sharing.service import SharedLinks
from mediavault.features.trash.service import Trash
from mediavault.presentation.schemas import ErrorView
from mediavault.server.authentication import current_principal, current_user
from mediavault.server.services import ApiServices

_JOB_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


ANYWHERE = (400, 408, 413, 421, 422, 429, 500)


def _services(request: Request) -> ApiServices:
    return cast("ApiServices", request.app.state.services)


def _feed(request: Request) -> Feed:
    return cast("Feed", request.app.state.feed)


def _jobs(request: Request) -> Jobs:
    return cast("Jobs", request.app.state.jobs)


def _trash(request: Request) -> Trash:
    services = _services(request)
    return Trash(services.store, services.library, services.clock, _feed(request).wake)


def _following(request: Request) -> Following:
    services = _services(request)
    return Following(services.store, services.clock, services.submit, services.live)


def _marks(request: Request) -> UserMarks:
    services = _services(request)
    return UserMarks(services.store, services.clock, current_user())


def _profiles(request: Request) -> Profiles:
    services = _services(request)
    return Profiles(services.store.records, services.live)


def _retention(request: Request) -> RetentionRules:
    services = _services(request)
    return RetentionRules(services.store, services.clock)


def _rss_feeds(request: Request) -> RssFeeds:
    return cast("RssFeeds", request.app.state.rss_feeds)


def _sealed_copies(request: Request) -> SealedCopies:
    return cast("SealedCopies", _services(request).sealed_copies)


def _shared_links(request: Request) -> SharedLinks:
    return cast("SharedLinks", request.app.state.shared_links)


def _caller() -> Caller:
    principal = current_principal()
    return Caller(current_user(), principal.profile if principal else None)


def _authenticator(request: Request) -> Authenticator:
    return cast("Authenticator", request.app.state.authenticator)


def _job_id(job_id: Annotated[str, Path(description="A job's id.")]) -> JobId:
    return to_job_id(job_id)


def to_job_id(job_id: str) -> JobId:
    """Return a well-formed job id. Raises JobNotFound for any other text,
    which never reaches a store.
    """
    if not _JOB_ID.fullmatch(job_id.lower()):
        raise JobNotFound("No job has this id.")
    return JobId(job_id.lower())


Services = Annotated[ApiServices, Depends(_services)]
AuthenticatorDep = Annotated[Authenticator, Depends(_authenticator)]
EventFeed = Annotated[Feed, Depends(_feed)]
JobsDep = Annotated[Jobs, Depends(_jobs)]
CallerDep = Annotated[Caller, Depends(_caller)]
TrashDep = Annotated[Trash, Depends(_trash)]
FollowingDep = Annotated[Following, Depends(_following)]
MarksDep = Annotated[UserMarks, Depends(_marks)]
ProfilesDep = Annotated[Profiles, Depends(_profiles)]
RetentionDep = Annotated[RetentionRules, Depends(_retention)]
RssFeedsDep = Annotated[RssFeeds, Depends(_rss_feeds)]
SealedCopiesDep = Annotated[SealedCopies, Depends(_sealed_copies)]
SharedLinksDep = Annotated[SharedLinks, Depends(_shared_links)]
# whose favourites, positions and saved searches are meant
UserName = Annotated[str, Depends(current_user)]
JobIdPath = Annotated[JobId, Depends(_job_id)]


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the error responses of a route, for OpenAPI: ``statuses``, and those that any route
    may give.

    Where authentication is required (401), a token may lack the scope (403).
    """
    common = (*ANYWHERE, 403) if 401 in statuses else ANYWHERE
    return {status: {"model": ErrorView} for status in sorted({*statuses, *common})}
