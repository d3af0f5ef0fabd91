"""Profiles over HTTP: to list and change them, and to save posts with them."""

from __future__ import annotations

from typing import Any

import pytest

from mediavault.auth.authenticator import Authenticator
from mediavault.auth.permissions import Scope
from mediavault.core.job import JobStatus
from mediavault.core.profiles import BUILT_IN
from tests.asgi_client import Answer
from tests.http_vault import POST, TOKEN, ApiVault, MakeVault

FAMILY = {"codecs": ["h264"], "max_height": 720, "collection": "For the family"}
WHOLE = {
    "name": "family",
    **FAMILY,
    "sound_only": False,
    "sound_codec": None,
    "subtitles": [],
    "automatic_subtitles": False,
    "subtitles_inside": False,
    "sponsorblock": False,
    "pictures": False,
    "comments": False,
    "record_live": False,
    "name_template": None,
    "is_built_in": False,
}
ADMIN = {"authorization": f"Bearer {TOKEN}"}


def profile_of(answer: Answer) -> str:
    name: str = answer.json()["profile"]
    return name


async def names(vault: ApiVault) -> list[str]:
    return [
        profile["name"] for profile in (await vault.client.get("/api/profiles")).json()["profiles"]
    ]


async def test_a_profile_is_added_listed_changed_and_removed(vault: ApiVault) -> None:
    added = await vault.client.put("/api/profiles/Family", FAMILY)
    listed = (await vault.client.get("/api/profiles")).json()

    assert added.json() == WHOLE == listed["profiles"][-1]
    assert (await names(vault), listed["default"], listed["sites"]) == (
        ["best", "compatible", "1080p", "audio", "pictures", "family"], "best", {},
    )  # fmt: skip
    assert (await vault.client.put("/api/profiles/family", {})).json()["max_height"] is None
    assert (await vault.client.delete("/api/profiles/family")).status == 204
    assert (await vault.client.delete("/api/profiles/family")).status == 404


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("best", {}),
        ("no%20name", {}),
        ("a", {"codecs": ["mpeg2"]}),
        ("a", {"max_height": 1}),
        ("a", {"max_height": "1080"}),
        ("a", {"name_template": "{title}"}),
        ("a", {"collection": "x" * 200}),
        ("a", {"holograms": True}),
    ],
)
async def test_what_cannot_be_a_profile_is_refused_and_nothing_changes(
    vault: ApiVault, name: str, body: dict[str, Any]
) -> None:
    answer = await vault.client.put(f"/api/profiles/{name}", body)

    assert answer.status == 422
    assert answer.json()["message"]
    assert len(await names(vault)) == len(BUILT_IN)


async def test_a_built_in_profile_or_one_in_use_is_not_removed(vault: ApiVault) -> None:
    await vault.client.put("/api/profiles/family", FAMILY)
    await vault.services.live.change("profile", "family", by="owner")

    assert [
        (await vault.client.delete(f"/api/profiles/{name}")).status for name in ("best", "family")
    ] == [422, 422]
    assert await names(vault) == ["best", "compatible", "1080p", "audio", "pictures", "family"]


async def test_a_post_is_submitted_with_a_profile(vault: ApiVault) -> None:
    answer = await vault.client.post("/api/jobs", {"post_url": POST, "profile": "Audio"})

    assert (answer.status, profile_of(answer)) == (201, "audio")
    again = await vault.client.post("/api/jobs?force=true", {"post_url": POST, "profile": "1080p"})
    assert (again.json()["version"], profile_of(again)) == (2, "1080p")


async def test_without_one_a_post_gets_that_of_its_site_or_the_vault(vault: ApiVault) -> None:
    await vault.services.live.change("profile", "compatible", by="owner")
    await vault.services.live.change("site_profiles", {"x": "audio"}, by="owner")
    urls = [POST, "https://x.com/jane/status/1"]
    answer = await vault.client.post("/api/jobs", {"post_urls": urls})

    assert [job["profile"] for job in answer.json()["jobs"]] == ["compatible", "audio"]


async def test_an_unknown_profile_is_refused_and_nothing_is_stored(vault: ApiVault) -> None:
    answer = await vault.client.post("/api/jobs", {"post_url": POST, "profile": "famly"})

    assert answer.status == 422
    assert answer.json()["help"] == "The profiles are best, compatible, 1080p, audio, pictures."
    assert (await vault.store.catalogue.report()).counts[JobStatus.QUEUED] == 0


async def test_a_failed_post_is_tried_again_with_another_profile(vault: ApiVault) -> None:
    job = await vault.add_failed()

    assert (
        await vault.client.post(f"/api/jobs/{job.id}/retry", {"profile": "famly"})
    ).status == 422
    assert (
        profile_of(await vault.client.post(f"/api/jobs/{job.id}/retry", {"profile": "audio"}))
        == "audio"
    )


async def test_a_token_has_a_profile_of_its_own(make_vault: MakeVault) -> None:
    vault = make_vault(token=TOKEN)
    authenticator: Authenticator = vault.client.app.state.authenticator  # type: ignore[attr-defined]
    token, _ = await authenticator.tokens.add("phone", Scope.SUBMIT, profile="Audio")
    by_phone = {"authorization": f"Bearer {token}"}

    assert (
        profile_of(await vault.client.post("/api/jobs", {"post_url": POST}, **by_phone)) == "audio"
    )
    other = {"post_url": f"{POST}0", "profile": "1080p"}
    assert profile_of(await vault.client.post("/api/jobs", other, **by_phone)) == "1080p"
    assert (
        profile_of(await vault.client.post("/api/jobs", {"post_url": f"{POST}1"}, **ADMIN))
        == "best"
    )


async def test_a_token_whose_profile_was_removed_submits_with_the_usual_one(
    make_vault: MakeVault,
) -> None:
    vault = make_vault(token=TOKEN)
    authenticator: Authenticator = vault.client.app.state.authenticator  # type: ignore[attr-defined]
    await vault.client.put("/api/profiles/family", FAMILY, **ADMIN)
    token, _ = await authenticator.tokens.add("phone", Scope.SUBMIT, profile="family")
    await vault.client.delete("/api/profiles/family", **ADMIN)

    answer = await vault.client.post(
        "/api/jobs", {"post_url": POST}, authorization=f"Bearer {token}"
    )
    assert (answer.status, profile_of(answer)) == (201, "best")
