"""The profiles: the forms in which posts can be saved, and a form for the admin's own."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from mediavault.api.dependencies import Services
from mediavault.core.failures import BadInput
from mediavault.core.profiles import BUILT_IN, CODECS, HEIGHTS, MAX_PROFILE_CHARS, SOUND_CODECS, Profile
from mediavault.presentation.labels import CODEC_NAMES, profile_words
from mediavault.presentation.translation import gettext
from mediavault.server.services import ApiServices
from mediavault.store.profiles import all_profiles, remove_profile, save_profile
from mediavault.web.pages.frame import error_view, frame, read_fields, read_form, see_other
from mediavault.web.render import render

PAGE = "/profiles"
MAX_FIELDS = 40

router = APIRouter(include_in_schema=False)


@router.get(PAGE)
async def index(services: Services, change: str = "") -> Response:
    """List the profiles. ``change`` is the name of the one whose values are in the form."""
    own = {name: one for name, one in (await all_profiles(services.store.records)).items() if name not in BUILT_IN}
    return await _page(services, own.get(change, Profile("")))


@router.post(PAGE)
async def save_form(request: Request, services: Services) -> Response:
    """Add a profile, or change the one that has its name."""
    fields = await read_fields(request, most=MAX_FIELDS)
    profile = Profile("")
    try:
        profile = _profile({name: [value.strip() for value in values] for name, values in fields.items()})
        await save_profile(services.store.records, profile)
    except BadInput as exc:
        return await _page(services, profile, exc)
    return see_other(PAGE)


@router.post(f"{PAGE}/remove")
async def remove_form(request: Request, services: Services) -> Response:
    name = (await read_form(request)).get("name", "")
    try:
        await remove_profile(services.store.records, name, await services.live.current())
    except BadInput as exc:
        return await _page(services, Profile(""), exc)
    return see_other(PAGE)


async def _page(services: ApiServices, profile: Profile, error: BadInput | None = None) -> Response:
    now = await services.live.current()
    titles = {platform.name: platform.title for platform in services.platforms}
    profiles = (await all_profiles(services.store.records)).values()
    return render(
        "profiles.html",
        status=422 if error else 200,
        error=error_view(error) if error else None,
        profiles=[
            (
                one,
                profile_words(one),
                [titles.get(site, site) for site, name in now.site_profiles.items() if name == one.name],
            )
            for one in profiles
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


def _profile(form: dict[str, list[str]]) -> Profile:
    """Return the profile of a form. Raises BadInput for a height that is no number; ``save_profile`` checks the rest."""
    text = {name: values[0] for name, values in form.items()}
    height = text.get("max_height", "")
    if height and not (height.isascii() and height.isdecimal() and len(height) < 10):
        raise BadInput(
            gettext("The height is not a number."), help=gettext("Enter a number such as 1080, or leave it empty.")
        )
    return Profile(
        text.get("name", ""),
        codecs=tuple(filter(None, (text.get("codec", ""), text.get("second_codec", "")))),
        max_height=int(height) if height else None,
        sound_only=text.get("sound_only") == "on",
        sound_codec=text.get("sound_codec") or None,
        pictures=text.get("pictures") == "on",
        subtitles=tuple(text.get("subtitles", "").replace(",", " ").split()),
        automatic_subtitles=text.get("automatic_subtitles") == "on",
        subtitles_inside=text.get("subtitles_inside") == "on",
        sponsorblock=text.get("sponsorblock") == "on",
        comments=text.get("comments") == "on",
        record_live=text.get("record_live") == "on",
        name_template=text.get("name_template") or None,
        collection=text.get("collection") or None,
    )
