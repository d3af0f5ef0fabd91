"""What a shared link shows: one video, for everyone with the link. And the forms that make and revoke links."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from mediavault.api.dependencies import AuthenticatorDep, JobIdPath, Services
from mediavault.api.files import StoredFile, answer_stored, file_not_found
from mediavault.auth.authenticator import Authenticator
from mediavault.auth.errors import TooManyTries, WrongSecret
from mediavault.auth.shared_links import SharedLink
from mediavault.core.failures import BadInput, JobNotFound, NotFound
from mediavault.core.job import Job, saved_files
from mediavault.core.media import SavedFile
from mediavault.core.users import Role
from mediavault.presentation.views import title
from mediavault.server.authentication import SHARED_PREFIX, credentials_of, current_user, has_role
from mediavault.server.base_path import base_path
from mediavault.server.long_responses import depend_on
from mediavault.server.own_address import address_here
from mediavault.server.services import ApiServices
from mediavault.web.pages.frame import frame, read_form, see_other
from mediavault.web.pages.sign_in import answer
from mediavault.web.post_view import post_text
from mediavault.web.render import render

COOKIE = "mediavault_shared"
COOKIE_LIFE_S = 24 * 3600
LIVES = (1, 7, 30, None)  # days, as the page offers them

router = APIRouter(include_in_schema=False)

Key = Annotated[str, Path(max_length=100)]


@dataclass(frozen=True, slots=True)
class Shared:
    """What a link shows."""

    link: SharedLink
    job: Job
    kept: SavedFile


# --- what the link shows


@router.get(SHARED_PREFIX + "{key}")
async def shared(request: Request, key: Key, services: Services, desk: AuthenticatorDep) -> Response:
    """Show the video, or ask for the link's password."""
    found = await _shared(services, desk, key)
    return _page(request, key, found) if _is_unlocked(request, desk, found, key) else _locked(key)


@router.post(SHARED_PREFIX + "{key}")
async def unlock_form(request: Request, key: Key, services: Services, desk: AuthenticatorDep) -> Response:
    """Check the link's password."""
    found, form = await _shared(services, desk, key), await read_form(request)
    address = desk.address_of(credentials_of(request))
    try:
        proof = await desk.shared_links.unlock(found.link, key, form.get("password", ""), address)
    except (WrongSecret, TooManyTries) as exc:
        return _locked(key, exc)
    response = see_other(f"{SHARED_PREFIX}{key}")
    is_secure = request.headers.get("origin", "").startswith("https://")
    path = f"{base_path()}{SHARED_PREFIX}{key}"
    response.set_cookie(
        COOKIE, proof, max_age=COOKIE_LIFE_S, path=path, secure=is_secure, httponly=True, samesite="lax"
    )
    return response


@router.head(SHARED_PREFIX + "{key}/video")
@router.get(SHARED_PREFIX + "{key}/video")
async def video(request: Request, key: Key, services: Services, desk: AuthenticatorDep) -> Response:
    kept = await _unlocked(request, key, services, desk)
    return await answer_stored(request, services.library, StoredFile(kept.output_path, kept.sha256, kept.bytes))


@router.head(SHARED_PREFIX + "{key}/picture")
@router.get(SHARED_PREFIX + "{key}/picture")
async def picture(request: Request, key: Key, services: Services, desk: AuthenticatorDep) -> Response:
    return await answer_stored(
        request, services.library, StoredFile((await _unlocked(request, key, services, desk)).thumbnail_path)
    )


async def _shared(services: ApiServices, desk: Authenticator, key: str) -> Shared:
    """Return what the link shows. Raises NotFound, with the same words whatever is missing."""
    link = await desk.shared_links.find(key)
    try:
        job = None if link is None else await services.store.catalogue.get(link.job_id)
    except JobNotFound:
        job = None
    kept = None if job is None or link is None else saved_files(job).get(link.item)
    if link is None or job is None or kept is None:
        raise NotFound("This link is no longer valid.", help="Ask the person who sent it for a new one.")
    return Shared(link, job, kept)


def _is_unlocked(request: Request, desk: Authenticator, found: Shared, key: str) -> bool:
    return desk.shared_links.is_unlocked(found.link, key, request.cookies.get(COOKIE, ""))


async def _unlocked(request: Request, key: str, services: ApiServices, desk: Authenticator) -> SavedFile:
    found = await _shared(services, desk, key)
    if not _is_unlocked(request, desk, found, key):
        raise file_not_found()

    async def holds() -> bool:
        try:
            await _shared(services, desk, key)
        except NotFound:
            return False
        return True

    depend_on(request, "link", SHARED_PREFIX, holds)
    return found.kept


def _page(request: Request, key: str, found: Shared) -> Response:
    here = f"{SHARED_PREFIX}{key}"
    response = render(
        "shared.html",
        title=title(found.job),
        author=post_text(found.job).author,
        video=f"{here}/video",
        picture=f"{here}/picture" if found.kept.thumbnail_path else None,
        kept=found.kept,
        outside=address_here(request).rstrip("/"),
    )
    return _unlisted(response)


def _locked(key: str, error: BadInput | None = None) -> Response:
    return _unlisted(answer("shared_locked.html", error, here=f"{SHARED_PREFIX}{key}"))


def _unlisted(response: Response) -> Response:
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    return response


# --- the users' forms


@router.post("/jobs/{job_id}/share")
async def share_video_form(request: Request, job_id: JobIdPath, services: Services, desk: AuthenticatorDep) -> Response:
    """Make a link to a video of the post. The answer shows it, this once."""
    form, job = await read_form(request), await services.store.catalogue.get(job_id)
    item = _item(form.get("item", ""), job)
    lives = _lives(form.get("days", ""))
    password, user = form.get("password", ""), current_user()
    key, link = await desk.shared_links.add(job_id, item, lives=lives, password=password, user=user)
    return render(
        "share_made.html",
        job_id=job_id,
        title=title(job),
        address=f"{address_here(request)}{SHARED_PREFIX.strip('/')}/{key}",
        link=link,
        **await frame(services),
    )


@router.post("/access/links/{link_id}/revoke")
async def revoke_link_form(link_id: str, desk: AuthenticatorDep) -> Response:
    """Revoke a link: members their own, admins anybody's."""
    await desk.shared_links.revoke(link_id, None if has_role(Role.ADMIN) else current_user())
    return see_other("/access#links")


def _item(text: str, job: Job) -> int:
    files = saved_files(job)
    item = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else -1
    if item not in files:
        raise BadInput("There is no such video in this post.", help="Load the page again.")
    return item


def _lives(days: str) -> timedelta | None:
    if days not in {str(life or "") for life in LIVES}:
        raise BadInput("A link is valid for 1, 7 or 30 days, or until it is revoked.", help="Choose one of them.")
    return timedelta(days=int(days)) if days else None
