"""What a shared link shows: one video, for everyone with the link.
And the forms that make and revoke links.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from mediavault.api.dependencies import AuthenticatorDep, JobIdPath, Services, SharedLinksDep
from mediavault.api.files import StoredFile, answer_stored, file_not_found
from mediavault.auth.errors import TooManyTries, WrongSecret
from mediavault.core.failures import BadInput, NotFound
from mediavault.core.media import SavedFile
from mediavault.core.settings import site_host
from mediavault.core.users import Role
from mediavault.features.sharing.service import Shared, SharedLink, SharedLinks
from mediavault.presentation.views import shown_job, title
from mediavault.server.authentication import SHARED_PREFIX, credentials_of, current_user, has_role
from mediavault.server.long_responses import depend_on
from mediavault.server.middleware import base_path
from mediavault.server.own_address import address_here
from mediavault.web.pages.frame import frame, read_form, see_other
from mediavault.web.pages.sign_in import answer
from mediavault.web.post_view import post_text
from mediavault.web.render import render, safe_link

COOKIE = "mediavault_shared"
COOKIE_LIFE_S = 24 * 3600
LIVES = (1, 7, 30, None)  # days, as the page offers them; None: until it is revoked

router = APIRouter(include_in_schema=False)

Key = Annotated[str, Path(max_length=100)]


# --- what the link shows


@router.get(SHARED_PREFIX + "{key}")
async def shared(request: Request, key: Key, links: SharedLinksDep) -> Response:
    """Show the video, or ask for the link's password."""
    try:
        found = await links.shown(key, request.cookies.get(COOKIE, ""))
    except NotFound as exc:
        return _ended(exc)
    return _page(request, key, found) if found.is_unlocked else _locked(key)


@router.post(SHARED_PREFIX + "{key}")
async def unlock_form(
    request: Request, key: Key, links: SharedLinksDep, authenticator: AuthenticatorDep
) -> Response:
    """Check the link's password."""
    form = await read_form(request)
    address = authenticator.address_of(credentials_of(request))
    try:
        found = await links.shown(key, "")
        proof = await links.unlock(found.link, key, form.get("password", ""), address)
    except (WrongSecret, TooManyTries) as exc:
        return _locked(key, exc)
    except NotFound as exc:
        return _ended(exc)
    response = see_other(f"{SHARED_PREFIX}{key}")
    is_secure = request.headers.get("origin", "").startswith("https://")
    path = f"{base_path()}{SHARED_PREFIX}{key}"
    response.set_cookie(
        COOKIE,
        proof,
        max_age=COOKIE_LIFE_S,
        path=path,
        secure=is_secure,
        httponly=True,
        samesite="lax",
    )
    return response


@router.head(SHARED_PREFIX + "{key}/video")
@router.get(SHARED_PREFIX + "{key}/video")
async def video(request: Request, key: Key, services: Services, links: SharedLinksDep) -> Response:
    saved = await _unlocked(request, key, links)
    return await answer_stored(
        request, services.library, StoredFile(saved.output_path, saved.sha256, saved.bytes)
    )


@router.head(SHARED_PREFIX + "{key}/picture")
@router.get(SHARED_PREFIX + "{key}/picture")
async def picture(
    request: Request, key: Key, services: Services, links: SharedLinksDep
) -> Response:
    return await answer_stored(
        request, services.library, StoredFile((await _unlocked(request, key, links)).thumbnail_path)
    )


async def _unlocked(request: Request, key: str, links: SharedLinks) -> SavedFile:
    proof = request.cookies.get(COOKIE, "")
    found = await links.shown(key, proof)
    if not found.is_unlocked:
        raise file_not_found()

    async def holds() -> bool:
        try:
            await links.shown(key, proof)
        except NotFound:
            return False
        return True

    depend_on(request, "link", SHARED_PREFIX, holds)
    return found.saved


def _page(request: Request, key: str, found: Shared) -> Response:
    here, text = f"{SHARED_PREFIX}{key}", post_text(found.job)
    original = safe_link(found.job.canonical_url)
    if original != shown_job(found.job).canonical_url:
        original = None  # it has a secret, which isn't shared
    response = render(
        "shared.html",
        title=title(found.job),
        author=text.author,
        published=text.published,
        original=original,
        site=site_host(original) if original else "",
        expires_at=found.link.expires_at,
        video=f"{here}/video",
        picture=f"{here}/picture" if found.saved.thumbnail_path else None,
        saved=found.saved,
        outside=address_here(request).rstrip("/"),
    )
    return _unlisted(response)


def _locked(key: str, error: BadInput | None = None) -> Response:
    return _unlisted(answer("shared_locked.html", error, here=f"{SHARED_PREFIX}{key}"))


def _ended(error: NotFound) -> Response:
    """Say that the link shows nothing, and nothing about the vault."""
    return _unlisted(render("shared_ended.html", status=error.spec.http_status, error=error))


def _unlisted(response: Response) -> Response:
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    return response


# --- the users' forms


@router.post("/jobs/{job_id}/share")
async def share_video_form(
    request: Request, job_id: JobIdPath, services: Services, links: SharedLinksDep
) -> Response:
    """Show the caller's link to a video of the post, which is made if there is none. ``days`` and
    ``password``, where the form has them, change it.
    """
    form, job = await read_form(request), await services.store.catalogue.get(job_id)
    text = form.get("item", "")
    item = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else -1
    # both are checked before anything is made
    lives = _lives(form["days"]) if "days" in form else None
    password = await links.hashed(form.get("password", ""))
    key, link = await links.own(job, item, current_user())
    if "days" in form:
        link = await links.last(link, lives)
    if "password" in form:
        link = await links.lock(link, password)
    return render(
        "share_made.html",
        job_id=job_id,
        title=title(job),
        address=f"{address_here(request)}{SHARED_PREFIX.strip('/')}/{key}",
        link=link,
        lives=LIVES,
        days=_days_left(link, services.clock.now()),
        **await frame(services),
    )


@router.get("/access/links")
async def shared_links(links: SharedLinksDep, services: Services) -> Response:
    """Show the caller's links, to admins everybody's."""
    is_admin = has_role(Role.ADMIN)
    return render(
        "links.html",
        links=await links.titled(None if is_admin else current_user()),
        is_admin=is_admin,
        **await frame(services),
    )


@router.post("/access/links/{link_id}/revoke")
async def revoke_link_form(link_id: str, links: SharedLinksDep) -> Response:
    """Revoke a link: members only their own, admins any."""
    await links.revoke(link_id, None if has_role(Role.ADMIN) else current_user())
    return see_other("/access/links")


def _lives(days: str) -> timedelta | None:
    if days not in {str(life or "") for life in LIVES}:
        raise BadInput(
            "A link is valid for 1, 7 or 30 days, or until it is revoked.",
            help="Choose one of them.",
        )
    return timedelta(days=int(days)) if days else None


def _days_left(link: SharedLink, now: datetime) -> int | None:
    """Return the one of ``LIVES`` in which the link ends."""
    if link.expires_at is None:
        return None
    left = link.expires_at - now
    return next((days for days in LIVES if days and left <= timedelta(days=days)), LIVES[-2])
