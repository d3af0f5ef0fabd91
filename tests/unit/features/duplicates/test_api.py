"""The duplicates of a post over HTTP."""

from __future__ import annotations

from mediavault.core.fingerprints import Likeness
from mediavault.store.duplicates import put_duplicates
from tests.asgi_client import Answer
from tests.http_vault import ApiVault

NOBODY = "00000000-0000-7000-8000-000000000000"


def ids(answer: Answer) -> list[str]:
    return [job["id"] for job in answer.json()["jobs"]]


async def test_the_other_posts_with_the_same_video_are_listed_identical_files_first(
    vault: ApiVault,
) -> None:
    urls = [f"https://videos.example/watch/{number}" for number in range(4)]
    own, alike, same, _ = [
        (await vault.add_saved(url, name=f"jane/{url[-1]}.mp4")).id for url in urls
    ]
    await put_duplicates(
        vault.store, own, {alike: Likeness(93), same: Likeness(100, identical=True)}
    )

    found = (await vault.client.get(f"/api/jobs/{own}/same")).json()
    assert [(other["job"]["id"], other["identical"], other["percent"]) for other in found] == [
        (same, True, 100),
        (alike, False, 93),
    ]
    assert set(ids(await vault.client.get("/api/jobs?duplicates=true"))) == {own, alike, same}
    assert len(ids(await vault.client.get("/api/jobs?duplicates=false"))) == 1
    assert (await vault.client.get(f"/api/jobs/{NOBODY}/same")).status == 404
