"""``/api/profiles``: the profiles with which posts can be saved."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path

from mediavault.api.dependencies import Services, errors
from mediavault.core.profiles import from_json
from mediavault.presentation.schemas import ProfileRequest, ProfilesView, ProfileView
from mediavault.presentation.views import profile_view
from mediavault.store.profiles import all_profiles, remove_profile, save_profile

router = APIRouter(prefix="/api/profiles", tags=["profiles"])

NamePath = Annotated[str, Path(max_length=200, description="The name of a profile.")]


@router.get("", response_model=ProfilesView, responses=errors(401, 403, 503))
async def index(services: Services) -> ProfilesView:
    """List the profiles, the built-in ones first, and which are the defaults."""
    now = await services.live.current()
    profiles = await all_profiles(services.store.records)
    return ProfilesView(
        profiles=[profile_view(profile) for profile in profiles.values()],
        default=now.profile,
        sites=dict(now.site_profiles),
    )


@router.put("/{name}", response_model=ProfileView, responses=errors(401, 403, 415, 503))
async def put(name: NamePath, body: ProfileRequest, services: Services) -> ProfileView:
    """Add or replace a profile. 422 for invalid values, and for the name of a built-in one."""
    return profile_view(await save_profile(services.store.records, from_json({**body.model_dump(), "name": name})))


@router.delete("/{name}", status_code=204, responses=errors(401, 403, 404, 415, 503))
async def remove(name: NamePath, services: Services) -> None:
    """Remove a profile. Posts that were saved with it stay; waiting ones are saved with ``best``.

    422 for one that is built in, or that the settings name.
    """
    await remove_profile(services.store.records, name, await services.live.current())
