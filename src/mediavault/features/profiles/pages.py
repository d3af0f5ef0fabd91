"""The profiles: the forms in which posts can be saved, and a form for the admin's own."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from mediavault.api.dependencies import ProfilesDep, Services
from mediavault.core.failures import BadInput
from mediavault.core.profiles import (
    BUILT_IN,
    CODECS,
    HEIGHTS,
    MAX_PROFILE_CHARS,
    SOUND_CODECS,
    Profile,
)
from mediavault.features.profiles.service import Profiles
from mediavault.presentation.labels import CODEC_NAMES, profile_words
from mediavault.server.services import ApiServices
from mediavault.web.pages.frame import error_view, frame, read_fields, read_form, see_other
from mediavault.web.record_form import form_values
from mediavault.web.render import render

PAGE = "/profiles"
MAX_FIELDS = 40

router = APIRouter(include_in_schema=False)


@router.get(PAGE)
async def index(services: Services, profiles: ProfilesDep, change: str = "") -> Response:
    """List the profiles. ``change`` is the name of the one whose values are in the form."""
    own = {name: one for name, one in (await profiles.all()).items() if name not in BUILT_IN}
    return await _page(services, profiles, own.get(change, Profile("")))


@router.post(PAGE)
async def save_form(request: Request, services: Services, profiles: ProfilesDep) -> Response:
    """Add a profile, or change the one that has its name."""
    shown = Profile("")
    try:
        values = form_values(Profile, await read_fields(request, most=MAX_FIELDS))
        shown = Profile(**values)
        await profiles.save(values.pop("name"), values)
    except BadInput as exc:
        return await _page(services, profiles, shown, exc)
    return see_other(PAGE)


@router.post(f"{PAGE}/remove")
async def remove_form(request: Request, services: Services, profiles: ProfilesDep) -> Response:
    try:
        await profiles.remove((await read_form(request)).get("name", ""))
    except BadInput as exc:
        return await _page(services, profiles, Profile(""), exc)
    return see_other(PAGE)


async def _page(
    services: ApiServices, profiles: Profiles, profile: Profile, error: BadInput | None = None
) -> Response:
    now = await services.live.current()
    titles = {platform.name: platform.title for platform in services.platforms}
    return render(
        "profiles.html",
        status=422 if error else 200,
        error=error_view(error) if error else None,
        profiles=[
            (
                one,
                profile_words(one),
                [
                    titles.get(site, site)
                    for site, name in now.site_profiles.items()
                    if name == one.name
                ],
            )
            for one in (await profiles.all()).values()
        ],
        built_in=BUILT_IN,
        usual=now.profile,
        profile=profile,
        codecs={codec: CODEC_NAMES[codec] for codec in CODECS},
        sound_codecs={codec: CODEC_NAMES[codec] for codec in SOUND_CODECS},
        heights=HEIGHTS,
        max_chars=MAX_PROFILE_CHARS,
        **await frame(services),
    )
