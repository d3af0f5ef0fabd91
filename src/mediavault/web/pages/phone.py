"""What makes the pages an app of a phone: the web manifest, the address that receives shares, and
the page for an app whose vault cannot be reached. A signed-out browser may request all three.

A share is a POST of the phone's system. The middleware admits it because browsers mark it as
started by the user (``Sec-Fetch-Site: none``), which no page can imitate. The service worker, which
keeps shares while the vault is away, does not see that mark: it recognises a share by the key in
its address, which is in the manifest of those who are signed in.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from itertools import accumulate
from typing import Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from mediavault.api.dependencies import AuthenticatorDep, CallerDep, JobsDep, Services
from mediavault.auth.authenticator import AuthMode
from mediavault.auth.permissions import Scope
from mediavault.core.records import RecordKind
from mediavault.presentation.preferences import COOKIE_LIFE_S, current
from mediavault.presentation.translation import direction
from mediavault.presentation.translation import gettext as _
from mediavault.server.authentication import AWAY_PAGE, MANIFEST, SHARE, current_principal
from mediavault.server.middleware import base_path
from mediavault.server.security import FORM_TYPE
from mediavault.server.services import ApiServices
from mediavault.store.port import Records
from mediavault.store.profiles import if_it_exists, known_profile
from mediavault.web.assets import static_address
from mediavault.web.icon_pictures import PICTURES, IconPicture
from mediavault.web.pages.access import SCOPE_WORDS
from mediavault.web.pages.frame import frame, profiles_in_words, read_form, see_other
from mediavault.web.pages.home import MOST_JUST_NOW, links_of
from mediavault.web.qr import phone_view
from mediavault.web.render import render

router = APIRouter(include_in_schema=False)

SHARE_PROFILE = "share_profile"  # the cookie
BOXED_CHARS = 1_500  # of links in an address that leads back from the sign-in
_FIELDS = ("url", "text", "title")  # where a link may be: Android puts it into the text
_THEME_COLOUR, _BACKGROUND_COLOUR = "#2f5d50", "#f6f5f1"  # the icon's, and the pages'


@router.get(MANIFEST)
async def manifest(services: Services) -> Response:
    """Describe the app. Who is not signed in gets no address for shares."""
    icons = await asyncio.to_thread(
        lambda: [_icon(name, picture) for name, picture in PICTURES.items()]
    )
    described: dict[str, Any] = {
        "id": f"{base_path()}/",
        "name": "mediavault",
        "short_name": "mediavault",
        "description": _("Keeps the video behind a link."),
        "lang": current().locale,
        "dir": direction(current().locale),
        "start_url": f"{base_path()}/",
        "scope": f"{base_path()}/",
        "display": "standalone",
        "theme_color": _THEME_COLOUR,
        "background_color": _BACKGROUND_COLOUR,
        "icons": icons,
        "shortcuts": [
            {"name": _("Library"), "url": f"{base_path()}/library"},
            {"name": _("Add link"), "url": f"{base_path()}/#post_urls"},
        ],
    }
    if current_principal() is not None:
        key = await share_key(services.store.records)
        described["share_target"] = {
            "action": f"{base_path()}{SHARE}?key={key}",
            "method": "POST",
            "enctype": FORM_TYPE,
            "params": {name: name for name in _FIELDS},
        }
    headers = {
        "Cache-Control": "private, max-age=600",
        "Vary": "Cookie, Accept-Language, Authorization",
    }
    return JSONResponse(described, media_type="application/manifest+json", headers=headers)


@router.post(SHARE)
async def share_form(
    request: Request, services: Services, jobs: JobsDep, caller: CallerDep
) -> Response:
    """Save what another app shared, and show the home page, which says so.

    Links that cannot be saved are put into its box. So are all of them after a sign-in, which
    cannot be followed by a POST.
    """
    fields = await read_form(request)
    shared = links_of("\n".join(fields.get(name, "") for name in _FIELDS))
    if current_principal() is None:
        return see_other(f"/login?{urlencode({'next': f'/?{urlencode(_boxed(shared))}'})}")
    taken = await jobs.submit_each(shared, caller, profile=await _share_profile(request, services))
    saved = (*taken.jobs, *taken.known)
    results: list[tuple[str, object]] = [("taken", len(taken.jobs)), ("known", len(taken.known))]
    posts = [("post", job.id) for job in saved[:MOST_JUST_NOW]]
    refused = _boxed([address.text for address in taken.refused]) if taken.refused else []
    return see_other(f"/?{urlencode([*results, *posts, *refused])}")


@router.get(AWAY_PAGE)
async def away() -> Response:
    """Show what waits in this browser. The service worker keeps this page,
    and shows it while the vault does not answer.
    """
    return render("away.html")


async def _share_profile(request: Request, services: ApiServices) -> str | None:
    """Return the profile that this browser's user chose for shares; None without one,
    or when it no longer exists.
    """
    return await if_it_exists(services.store.records, request.cookies.get(SHARE_PROFILE))


@router.get("/access/phone")
async def phone(request: Request, services: Services, authenticator: AuthenticatorDep) -> Response:
    """Show how to use the vault from a phone, and how to save from any page of this browser."""
    return render(
        "phone.html",
        is_open=await authenticator.mode() is AuthMode.OPEN,
        phone=phone_view(request, services.settings),
        profiles=await profiles_in_words(services.store.records),
        share_profile=request.cookies.get(SHARE_PROFILE, ""),
        submit_words=_(SCOPE_WORDS[Scope.SUBMIT]),
        **await frame(services),
    )


@router.post("/access/sharing")
async def sharing_form(request: Request, services: Services) -> Response:
    """Choose the profile of what is shared from this device;
    an empty one leaves it to the vault.
    """
    name = (await read_form(request)).get("profile", "")
    response = see_other("/access/phone")
    if name:
        known = await known_profile(services.store.records, name)
        response.set_cookie(SHARE_PROFILE, known, max_age=COOKIE_LIFE_S, samesite="strict")
    else:
        response.delete_cookie(SHARE_PROFILE, samesite="strict")
    return response


async def share_key(records: Records) -> str:
    """Return the key in the address for shares. It is not a credential:
    a share needs the session as well.
    """
    name = "key"
    await records.replace(RecordKind.SHARE, name, {name: secrets.token_urlsafe(16)}, if_value=None)
    record = await records.get(RecordKind.SHARE, name)
    return str(record.value[name]) if record else ""


def _icon(name: str, picture: IconPicture) -> dict[str, str]:
    return {
        "src": f"{base_path()}{static_address(name)}",
        "sizes": f"{picture.size}x{picture.size}",
        "type": "image/png",
        "purpose": "maskable" if picture.is_full else "any",
    }


def _boxed(links: Sequence[str]) -> list[tuple[str, object]]:
    """Return the query of the home page with these links in its box:
    as many as a page's address can hold.
    """
    lengths = accumulate(len(quote(link)) for link in links)
    return [
        (
            "text",
            "\n".join(
                link for link, length in zip(links, lengths, strict=True) if length <= BOXED_CHARS
            ),
        )
    ]
