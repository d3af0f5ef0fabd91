"""The vault's profiles, and which one a new job gets."""

from __future__ import annotations

import pytest

from mediavault.core.failures import BadInput, NotFound
from mediavault.core.profiles import BUILT_IN, Profile
from mediavault.core.records import RecordKind
from mediavault.core.settings import ChangeableSettings
from mediavault.store import profiles
from mediavault.store.port import Records
from tests.fakes import FakeClock
from tests.memory_store import MemoryJobStore
from tests.stubs import new_job

FAMILY = Profile("family", max_height=720)
USUAL = ChangeableSettings(profile="1080p", site_profiles={"youtube": "audio"})


@pytest.fixture
def records() -> Records:
    return MemoryJobStore(FakeClock()).records


async def test_the_vaults_own_profiles_follow_the_built_in_ones(records: Records) -> None:
    await profiles.save_profile(records, FAMILY)
    assert list((await profiles.all_profiles(records)).values()) == [*BUILT_IN.values(), FAMILY]
    assert await profiles.find_profile(records, "family") == FAMILY


async def test_a_profile_is_replaced_by_one_of_its_name(records: Records) -> None:
    await profiles.save_profile(records, FAMILY)
    changed = await profiles.save_profile(records, Profile("family", sound_only=True))
    assert await profiles.find_profile(records, "family") == changed


@pytest.mark.parametrize("name", list(BUILT_IN))
async def test_a_built_in_profile_can_be_neither_changed_nor_removed(
    records: Records, name: str
) -> None:
    with pytest.raises(BadInput):
        await profiles.save_profile(records, Profile(name, max_height=144))
    with pytest.raises(BadInput):
        await profiles.remove_profile(records, name, ChangeableSettings())
    assert await profiles.find_profile(records, name) == BUILT_IN[name]


@pytest.mark.parametrize(
    "settings",
    [ChangeableSettings(profile="family"), ChangeableSettings(site_profiles={"x": "family"})],
)
async def test_a_profile_that_the_settings_name_cannot_be_removed(
    records: Records, settings: ChangeableSettings
) -> None:
    await profiles.save_profile(records, FAMILY)
    with pytest.raises(BadInput):
        await profiles.remove_profile(records, "family", settings)
    await profiles.remove_profile(records, "family", ChangeableSettings())
    with pytest.raises(NotFound):
        await profiles.remove_profile(records, "family", ChangeableSettings())


async def test_there_are_at_most_a_hundred(records: Records) -> None:
    for number in range(profiles.MOST):
        await profiles.save_profile(records, Profile(f"p{number}"))
    with pytest.raises(BadInput):
        await profiles.save_profile(records, FAMILY)
    await profiles.save_profile(records, Profile("p0", max_height=720))


async def test_a_damaged_record_is_no_profile(records: Records) -> None:
    for key, value in (
        ("a", {"name": "a", "codecs": "h264"}),
        ("b", {}),
        ("c", {"name": 7}),
        ("d", {"name": "d", "max_height": "x"}),
    ):
        await records.put(RecordKind.PROFILE, key, value)
    assert await profiles.all_profiles(records) == BUILT_IN
    assert (await profiles.profile_in_force(records, "a", USUAL, "x")).name == "best"


@pytest.mark.parametrize(
    ("asked", "platform", "given"),
    [("Family", "youtube", "family"), (None, "youtube", "audio"), ("", "x", "1080p")],
)
async def test_a_job_gets_the_profile_that_was_asked_for_or_its_sites_or_the_vaults(
    records: Records, asked: str | None, platform: str, given: str
) -> None:
    await profiles.save_profile(records, FAMILY)
    [job] = await profiles.with_settings(
        [new_job(clock=FakeClock(), platform=platform)], USUAL, records, profile=asked
    )
    assert (job.profile, job.max_attempts) == (given, USUAL.max_attempts)


async def test_an_unknown_profile_is_refused_with_the_names_of_those_that_exist(
    records: Records,
) -> None:
    with pytest.raises(BadInput) as caught:
        await profiles.known_profile(records, "famly")
    assert caught.value.help == "The profiles are best, compatible, 1080p, audio, pictures."
