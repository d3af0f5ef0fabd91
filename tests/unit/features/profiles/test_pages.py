"""The page of the profiles, and where the pages offer them."""

from __future__ import annotations

import re

import pytest

from mediavault.core.failures import ErrorCode
from mediavault.core.job import JobId, JobStatus
from mediavault.core.profiles import BUILT_IN, Profile
from mediavault.store.profiles import all_profiles, find_profile, remove_profile, save_profile
from mediavault.web.pages.phone import SHARE_PROFILE
from tests.http_vault import POST, ApiVault

FAMILY = Profile("family", codecs=("h264", "av1"), max_height=720, collection="For the family")
FORM = {"name": "Family", "codecs": "h264, av1", "max_height": "720", "name_template": "",
        "collection": "For the family"}  # fmt: skip
BY_THE_SYSTEM = {"sec-fetch-site": "none", "origin": "null"}


async def test_a_profile_is_added_on_the_page_and_shown_there(vault: ApiVault) -> None:
    answer = await vault.client.submit("/profiles", FORM)
    page = await vault.client.get("/profiles")

    assert (answer.status, answer.headers["location"]) == (303, "/profiles")
    assert await find_profile(vault.store.records, "family") == FAMILY
    assert (
        "at most 720 lines; prefers H.264, AV1; added to the collection For the family" in page.text
    )
    assert page.text.count("/profiles/remove") == 1  # the built-in ones have no such button


async def test_a_profile_for_audio_has_a_codec(vault: ApiVault) -> None:
    await vault.client.submit(
        "/profiles", {"name": "podcast", "sound_only": "on", "sound_codec": "mp3"}
    )
    page = await vault.client.get("/profiles?change=podcast")

    assert (await find_profile(vault.store.records, "podcast")).sound_codec == "mp3"  # type: ignore[union-attr]
    assert re.search(r'<option value="mp3" selected>', page.text)
    assert "audio only, as MP3" in page.text


async def test_the_form_has_the_values_of_the_profile_to_change(vault: ApiVault) -> None:
    await save_profile(vault.store.records, FAMILY)
    page = await vault.client.get("/profiles?change=family")

    assert 'name="name" value="family"' in page.text
    assert 'value="720"' in page.text
    assert re.search(r'<option value="av1" selected>', page.text)
    assert "Change family" in page.text
    assert "New profile" in (await vault.client.get("/profiles?change=best")).text


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"name": "best"}, "best can&#39;t be changed."),
        ({"name": "two words"}, "This is not a valid profile name."),
        ({"max_height": "high"}, "is not a number."),
        ({"max_height": "1"}, "1 is not a valid height."),
        ({"codecs": "mpeg2"}, "is not a supported codec."),
        ({"name_template": "{title}"}, "Add {id} to the file&#39;s name"),
        ({"collection": "x" * 200}, "collection"),
    ],
)
async def test_a_wrong_value_is_explained_and_the_form_keeps_the_others(
    vault: ApiVault, change: dict[str, str], says: str
) -> None:
    page = await vault.client.submit("/profiles", {**FORM, **change})

    assert page.status == 422
    assert says in page.text
    assert len(await all_profiles(vault.store.records)) == len(BUILT_IN)


async def test_a_profile_is_removed_unless_it_is_the_usual_one(vault: ApiVault) -> None:
    await save_profile(vault.store.records, FAMILY)
    await vault.services.live.change("profile", "family", by="owner")
    assert (
        "is the default profile"
        in (await vault.client.submit("/profiles/remove", {"name": "family"})).text
    )

    await vault.services.live.reset("profile")
    assert (await vault.client.submit("/profiles/remove", {"name": "family"})).status == 303
    assert await find_profile(vault.store.records, "family") is None


async def test_a_post_is_saved_on_the_home_page_with_a_profile(vault: ApiVault) -> None:
    await save_profile(vault.store.records, FAMILY)
    assert '<option value="family"' in (await vault.client.get("/")).text
    await vault.client.submit("/submit", {"post_urls": POST, "profile": "family"})

    assert (await vault.claim()).job.profile == "family"


async def test_links_stay_in_the_box_when_their_profile_is_gone(vault: ApiVault) -> None:
    page = await vault.client.submit("/submit", {"post_urls": POST, "profile": "gone"})

    assert page.status == 422
    assert POST in page.text
    assert (await vault.store.catalogue.report()).counts[JobStatus.QUEUED] == 0


async def test_a_posts_page_says_its_profile_and_saves_it_again_with_another(
    vault: ApiVault,
) -> None:
    await vault.add_saved()
    [job] = await vault.store.catalogue.changed_since(vault.clock.now())
    answer = await vault.client.submit(f"/jobs/{job.id}/again", {"profile": "audio"})
    again = await vault.client.get(answer.headers["location"])

    assert "<dt>Profile</dt><dd><bdi>audio</bdi></dd>" in again.text


async def test_the_usual_profile_replaces_that_of_a_post_that_is_saved_or_tried_again(
    vault: ApiVault,
) -> None:
    await vault.services.live.change("profile", "compatible", by="owner")
    job = await vault.add()
    await vault.store.queue.cancel(job.id)
    for profile in ("audio", ""):
        await vault.client.submit(f"/jobs/{job.id}/retry", {"profile": profile})
        assert (await vault.store.catalogue.get(job.id)).profile == (profile or "compatible")
        await vault.store.queue.cancel(job.id)

    for profile in ("audio", ""):
        answer = await vault.client.submit(f"/jobs/{job.id}/again", {"profile": profile})
        job = await vault.store.catalogue.get(
            JobId(answer.headers["location"].removeprefix("/jobs/"))
        )
        assert job.profile == (profile or "compatible")


async def test_a_form_without_a_profile_keeps_that_of_the_post_while_it_exists(
    vault: ApiVault,
) -> None:
    await save_profile(vault.store.records, FAMILY)
    await vault.client.submit("/submit", {"post_urls": POST, "profile": "family"})
    claim = await vault.claim()
    again = await vault.client.submit(f"/jobs/{claim.id}/again", {})
    assert (await vault.claim()).job.profile == "family"

    await remove_profile(vault.store.records, "family", await vault.services.live.current())
    assert (await vault.client.submit(f"{again.headers['location']}/again", {})).status == 303
    assert (await vault.claim()).job.profile == "best"


async def test_what_a_device_shares_is_saved_with_the_profile_chosen_there(vault: ApiVault) -> None:
    chosen = await vault.client.submit("/access/sharing", {"profile": "Audio"})
    assert chosen.headers["set-cookie"].startswith(f"{SHARE_PROFILE}=audio;")
    await vault.client.submit(
        "/share", {"url": POST}, cookie=f"{SHARE_PROFILE}=audio", **BY_THE_SYSTEM
    )
    assert (await vault.claim()).job.profile == "audio"

    await vault.client.submit(
        "/share", {"url": f"{POST}0"}, cookie=f"{SHARE_PROFILE}=gone", **BY_THE_SYSTEM
    )
    assert (await vault.claim()).job.profile == "best"


async def test_a_device_forgets_its_profile(vault: ApiVault) -> None:
    cleared = await vault.client.submit("/access/sharing", {"profile": ""})

    assert "Max-Age=0" in cleared.headers["set-cookie"]
    assert (await vault.client.submit("/access/sharing", {"profile": "gone"})).status == 422


async def test_a_post_without_a_video_is_tried_again_with_another_profile(vault: ApiVault) -> None:
    await vault.add()
    claim = await vault.claim()
    await vault.store.queue.fail(
        claim, error_code=ErrorCode.NO_VIDEO, error="It has sound.", retry_in=None
    )

    assert 'id="retry-profile"' in (await vault.client.get(f"/jobs/{claim.id}")).text
    await vault.client.submit(f"/jobs/{claim.id}/retry", {"profile": "audio"})
    assert (await vault.claim()).job.profile == "audio"
