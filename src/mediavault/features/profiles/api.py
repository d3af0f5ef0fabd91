"""``/api/profiles``: the profiles with which posts can be saved."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path

from mediavault.api.dependencies import ProfilesDep, errors
from mediavault.features.profiles.service import (
    ProfileRequest,
    ProfilesView,
    ProfileView,
    profile_view,
)
from mediavault.presentation.record_models import given

router = APIRouter(prefix="/api/profiles", tags=["profiles"])

NamePath = Annotated[str, Path(max_length=200, description="The name of a profile.")]


@router.get("", response_model=ProfilesView, responses=errors(401, 403, 503))
async def index(profiles: ProfilesDep) -> ProfilesView:
    """List the profiles, the built-in ones first, and which are the defaults."""
    return await profiles.view()


@router.put("/{name}", response_model=ProfileView, responses=errors(401, 403, 415, 503))
async def put(name: NamePath, body: ProfileRequest, profiles: ProfilesDep) -> ProfileView:
    """Add or replace a profile. 422 for invalid values, and for the name of a built-in one."""
    return profile_view(await profiles.save(name, given(body)))


@router.delete("/{name}", status_code=204, responses=errors(401, 403, 404, 415, 503))
async def remove(name: NamePath, profiles: ProfilesDep) -> None:
    """Remove a profile. Posts that were saved with it stay; waiting ones are saved with ``best``.

    422 for one that is built in, or that the settings name.
    """
    await profiles.remove(name)
