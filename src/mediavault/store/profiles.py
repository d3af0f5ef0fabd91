"""The vault's profiles: the built-in ones, and those of its admins, which are records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mediavault.core.failures import BadInput, NotFound
from mediavault.core.job import NewJob
from mediavault.core.logs import get_logger
from mediavault.core.messages import Message
from mediavault.core.profiles import BEST, BUILT_IN, Profile, checked, profile_name, unknown_profile
from mediavault.core.records import Record, RecordKind
from mediavault.core.settings import ChangeableSettings
from mediavault.core.typed_records import named, to_named_json
from mediavault.store.port import Records

MOST = 100
_KIND = RecordKind.PROFILE

log = get_logger(__name__)


async def all_profiles(records: Records) -> dict[str, Profile]:
    """Return all profiles by name: the built-in ones, then the others, sorted."""
    own = (_profile(record) for record in await records.all(_KIND))
    return {**BUILT_IN, **{profile.name: profile for profile in own if profile is not None}}


async def find_profile(records: Records, name: str) -> Profile | None:
    """Return the profile with this name, or None."""
    if name in BUILT_IN:
        return BUILT_IN[name]
    record = await records.get(_KIND, name)
    return None if record is None else _profile(record)


async def known_profile(records: Records, asked: str) -> str:
    """Return the name as profiles are stored under it.
    Raises BadInput when there is no such profile.
    """
    name = profile_name(asked)
    if await find_profile(records, name) is None:
        raise unknown_profile(name, await all_profiles(records))
    return name


async def if_it_exists(records: Records, name: str | None) -> str | None:
    """Return the name of a profile that was chosen earlier,
    or None when it has been removed since. None for None.
    """
    return name if name and await find_profile(records, name) is not None else None


async def with_settings(
    new: Sequence[NewJob], settings: ChangeableSettings, records: Records, *, profile: str | None
) -> list[NewJob]:
    """Return new jobs with the vault's number of attempts, and with this profile; without one, that
    of their sites.

    Raises BadInput when there is no such profile.
    """
    name = await known_profile(records, profile) if profile else None
    return [
        replace(
            job,
            max_attempts=settings.max_attempts,
            profile=name or default_profile(settings, job.platform),
        )
        for job in new
    ]


def default_profile(settings: ChangeableSettings, platform: str) -> str:
    """Return the name of the profile of a site's posts that are submitted without one."""
    return settings.site_profiles.get(platform, settings.profile)


async def profile_in_force(
    records: Records, name: str | None, settings: ChangeableSettings, platform: str
) -> Profile:
    """Return the profile with which a job is saved now;
    ``best`` where the one that it names no longer exists.
    """
    wanted = name or default_profile(settings, platform)
    found = await find_profile(records, wanted)
    if found is None:
        log.warning("profile_missing", profile=wanted)
    return found or BEST


async def save_profile(records: Records, profile: Profile) -> Profile:
    """Store a profile, replacing one of the same name. Raises BadInput for values that it can't
    have, for the name of a built-in profile, and for the hundred and first profile.
    """
    profile = checked(profile)
    if profile.name in BUILT_IN:
        raise BadInput(
            Message("%(name)s can't be changed.", name=profile.name),
            help="Choose another name for yours.",
        )
    names = {record.key for record in await records.all(_KIND)}
    if profile.name not in names and len(names) >= MOST:
        raise BadInput(
            Message("There are already %(most)s profiles, the most allowed.", most=MOST),
            help="Remove one first.",
        )
    await records.put(_KIND, profile.name, to_named_json(profile, whole=True))
    return profile


async def remove_profile(records: Records, name: str, settings: ChangeableSettings) -> None:
    """Remove a profile. Raises NotFound if there is none of this name, BadInput for one that is
    built in or in use as the profile of the vault or of a site.
    """
    if name in BUILT_IN:
        raise BadInput(Message("%(name)s can't be removed.", name=name), help="It is built in.")
    if name == settings.profile or name in settings.site_profiles.values():
        raise BadInput(
            Message("%(name)s is the default profile of the vault or of a site.", name=name),
            help="Choose a different one in the settings first.",
        )
    if not await records.remove(_KIND, name):
        raise NotFound("No profile has this name.")


def _profile(record: Record) -> Profile | None:
    try:
        return checked(named(Profile, record.value))
    except (BadInput, KeyError, TypeError, AttributeError) as exc:
        log.warning("profile_unreadable", profile=record.key, error=str(exc))
        return None
