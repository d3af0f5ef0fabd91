"""What users do with profiles: list, save and remove them. API,
pages and command line call this.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from pydantic import BaseModel

from mediavault.core.profiles import BUILT_IN, Profile
from mediavault.presentation.record_models import changes_of, view_of
from mediavault.store.live_settings import LiveSettings
from mediavault.store.port import Records
from mediavault.store.profiles import all_profiles, remove_profile, save_profile


class ProfileRequest(changes_of(Profile, without=["name"])):  # type: ignore[misc]
    """A profile: see :class:`~mediavault.core.profiles.Profile`.
    What is left out has its default.
    """


class ProfileView(view_of(Profile)):  # type: ignore[misc]
    """A profile. ``is_built_in``: it cannot be changed or removed."""

    is_built_in: bool


class ProfilesView(BaseModel):
    """All profiles; ``default`` and ``sites`` name those of posts that are submitted without
    one.
    """

    profiles: list[ProfileView]
    default: str
    sites: dict[str, str]


@dataclass(frozen=True, slots=True)
class Profiles:
    """The profiles of a vault. What a profile can't be raises BadInput,
    an unknown name NotFound.
    """

    records: Records
    live: LiveSettings

    async def all(self) -> dict[str, Profile]:
        """Return the profiles by name, the built-in ones first."""
        return await all_profiles(self.records)

    async def view(self) -> ProfilesView:
        """Return the profiles, and which are the defaults."""
        now, profiles = await self.live.current(), await self.all()
        return ProfilesView(
            profiles=list(map(profile_view, profiles.values())),
            default=now.profile,
            sites=dict(now.site_profiles),
        )

    async def save(self, name: str, settings: Mapping[str, Any]) -> Profile:
        """Add or replace a profile of one's own. ``settings`` are its fields by name,
        the others have their defaults.
        """
        return await save_profile(self.records, replace(Profile(name), **settings))

    async def remove(self, name: str) -> None:
        """Remove a profile. Posts that were saved with it stay;
        waiting ones are saved with ``best``.
        """
        await remove_profile(self.records, name, await self.live.current())


def profile_view(profile: Profile) -> ProfileView:
    return ProfileView(**asdict(profile), is_built_in=profile.name in BUILT_IN)
