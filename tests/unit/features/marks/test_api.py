"""Favourites, watched videos, positions, tags, collections, notes and saved searches over HTTP."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from tests.asgi_client import Answer
from tests.http_vault import POST, ApiVault

NOTHING = {"favourite": False, "watched": False, "pinned": False, "tags": [], "collections": [],
           "note": "", "position": None,
           "added_by": None}  # fmt: skip
NOBODY = "00000000-0000-7000-8000-000000000000"


def ids(answer: Answer) -> list[str]:
    return [job["id"] for job in answer.json()["jobs"]]


async def jobs(vault: ApiVault, count: int = 3) -> list[str]:
    """Add jobs, a second apart."""
    added: list[str] = []
    for number in range(1, count + 1):
        vault.clock.advance(1)
        added.append((await vault.add(f"https://videos.example/watch/{number}")).id)
    return added


async def change(vault: ApiVault, job_id: str, **body: Any) -> Any:
    return (await vault.client.patch(f"/api/jobs/{job_id}/marks", body)).json()


async def test_a_change_answers_with_all_that_is_noted_about_the_job(vault: ApiVault) -> None:
    job = await vault.add()
    post_marks = await change(
        vault, job.id, favourite=True, add_tags=["#Cats", "dogs"], add_to=["Trains"], note="hm\nhm"
    )

    assert post_marks == NOTHING | {
        "favourite": True,
        "tags": ["Cats", "dogs"],
        "collections": ["Trains"],
        "note": "hm\nhm",
    }
    assert (await vault.client.get(f"/api/jobs/{job.id}")).json()["marks"] == post_marks
    assert (await vault.client.get("/api/jobs")).json()["jobs"][0]["marks"] == post_marks
    assert await change(
        vault,
        job.id,
        favourite=False,
        remove_tags=["CATS", "dogs"],
        remove_from=["trains"],
        note="",
    ) == (NOTHING)


async def test_many_jobs_are_changed_at_once_and_those_that_are_gone_ignored(
    vault: ApiVault,
) -> None:
    first, second, third = await jobs(vault)
    answer = await vault.client.post(
        "/api/marks", {"ids": [first, second, NOBODY], "watched": True}
    )

    assert answer.json() == {"jobs": 2}
    assert ids(await vault.client.get("/api/jobs?watched=true")) == [second, first]
    assert ids(await vault.client.get("/api/jobs?watched=false")) == [third]


async def test_jobs_are_found_by_tags_collection_and_favourites(vault: ApiVault) -> None:
    first, second, third = await jobs(vault)
    await change(vault, first, add_tags=["Cats", "long train"], favourite=True)
    await change(vault, second, add_tags=["cats"], add_to=["Trains"])

    for query, found in (
        ("tag=CATS", [second, first]),
        ("tag=cats&tag=long+train", [first]),
        ("q=tag:cats", [second, first]),
        ("q=watch+tag:%22long+train%22", [first]),
        ("q=nothing+tag:cats", []),
        ("collection=trains", [second]),
        ("favourite=true&tag=cats", [first]),
        ("favourite=false", [third, second]),
        ("favourite=&tag=&collection=&watched=", [third, second, first]),
    ):
        assert ids(await vault.client.get(f"/api/jobs?{query}")) == found, query


async def test_a_position_is_kept_until_the_video_was_watched(vault: ApiVault) -> None:
    first, second, _ = await jobs(vault)
    at = f"/api/jobs/{first}/position"
    assert (await vault.client.put(at, {"at": 760.04, "of": 1800.0})).json() == NOTHING | {
        "position": {"at": 760.0, "of": 1800.0, "item": 0}
    }
    assert ids(await vault.client.get("/api/jobs?started=true")) == [first]
    assert (await vault.client.put(at, {"at": 1795.0, "of": 1800.0})).json() == NOTHING | {
        "watched": True
    }
    assert ids(await vault.client.get("/api/jobs?started=true")) == []
    assert (
        await vault.client.put(f"/api/jobs/{second}/position", {"at": 3.0, "of": 90.0})
    ).json() == NOTHING


async def test_tags_are_listed_renamed_and_removed(vault: ApiVault) -> None:
    first, second, _ = await jobs(vault)
    await change(vault, first, add_tags=["Cats"])
    await change(vault, second, add_tags=["a/b", "pets"])

    assert (await vault.client.get("/api/tags")).json() == {
        "names": [
            {"name": "a/b", "jobs": 1},
            {"name": "Cats", "jobs": 1},
            {"name": "pets", "jobs": 1},
        ]
    }
    assert (await vault.client.patch("/api/tags/cats", {"name": "Pets"})).json() == {
        "name": "Pets",
        "jobs": 2,
    }
    assert (await vault.client.delete(f"/api/tags/{quote('a/b', safe='')}")).json() == {"jobs": 1}
    assert (await vault.client.get("/api/tags")).json() == {"names": [{"name": "Pets", "jobs": 2}]}


async def test_a_collection_is_read_page_by_page_in_its_own_order(vault: ApiVault) -> None:
    all_jobs = await jobs(vault, 4)
    for job_id in all_jobs:
        await change(vault, job_id, add_to=["Trains"])
    first, second, third, fourth = all_jobs
    assert (await vault.client.put("/api/collections/trains", {"ids": [third, first]})).json() == {
        "jobs": 4
    }

    page = (await vault.client.get("/api/collections/Trains?limit=3")).json()
    rest = (
        await vault.client.get(f"/api/collections/Trains?limit=3&cursor={page['next_cursor']}")
    ).json()
    assert [job["id"] for job in page["jobs"] + rest["jobs"]] == [third, first, second, fourth]
    assert rest["next_cursor"] is None
    assert (await vault.client.patch("/api/collections/trains", {"name": "Rails"})).json() == {
        "name": "Rails",
        "jobs": 4,
    }
    assert (await vault.client.delete("/api/collections/rails")).json() == {"jobs": 4}
    assert (await vault.client.get("/api/collections")).json() == {"names": []}
    assert len(ids(await vault.client.get("/api/jobs"))) == 4


async def test_searches_are_saved_replaced_and_removed(vault: ApiVault) -> None:
    await vault.client.put("/api/searches/Long%20ones", {"filter": "length=long"})
    await vault.client.put("/api/searches/cats", {"filter": "q=cats"})
    await vault.client.put("/api/searches/long%20ones", {"filter": "shortest=900"})

    saved = {
        "searches": [
            {"name": "cats", "filter": "q=cats"},
            {"name": "long ones", "filter": "shortest=900"},
        ]
    }
    assert (await vault.client.get("/api/searches")).json() == saved
    assert (await vault.client.delete("/api/searches/CATS")).json() == {
        "searches": saved["searches"][1:]
    }
    assert (await vault.client.delete("/api/searches/cats")).status == 404


async def test_the_hundred_and_first_search_is_refused(vault: ApiVault) -> None:
    for number in range(100):
        await vault.client.put(f"/api/searches/{number}", {"filter": ""})
    answer = await vault.client.put("/api/searches/one-more", {"filter": ""})

    assert (answer.status, answer.json()["message"]) == (
        422,
        "There are 100 saved searches already.",
    )
    assert (await vault.client.put("/api/searches/7", {"filter": "q=x"})).status == 200


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("patch", f"/api/jobs/{NOBODY}/marks", {"favourite": True}, 404),
        ("patch", "/api/jobs/nonsense/marks", {"favourite": True}, 404),
        ("put", f"/api/jobs/{NOBODY}/position", {"at": 20.0, "of": 90.0}, 404),
        ("patch", "/api/jobs/JOB/marks", {"add_tags": ["#"]}, 422),
        ("patch", "/api/jobs/JOB/marks", {"add_tags": ["a"] * 21}, 422),
        ("patch", "/api/jobs/JOB/marks", {"add_to": ["x" * 121]}, 422),
        ("patch", "/api/jobs/JOB/marks", {"favourite": "yes"}, 422),
        ("patch", "/api/jobs/JOB/marks", {"unknown": 1}, 422),
        ("put", "/api/jobs/JOB/position", {"at": -1.0, "of": 90.0}, 422),
        ("put", "/api/jobs/JOB/position", {"at": 1e300, "of": 90.0}, 422),
        ("post", "/api/marks", {"ids": [], "favourite": True}, 422),
        ("post", "/api/marks", {"ids": ["nonsense"], "favourite": True}, 404),
        ("get", "/api/jobs?tag=%23", None, 422),
        ("get", "/api/jobs?favourite=perhaps", None, 422),
        ("get", "/api/collections/none", None, 404),
        ("get", "/api/collections/none?cursor=x", None, 422),
        ("put", "/api/collections/none", {"ids": ["JOB"]}, 404),
        ("patch", "/api/collections/none", {"name": "new"}, 404),
        ("patch", "/api/tags/none", {"name": "#"}, 422),
        ("delete", "/api/tags/none", None, 404),
        ("put", "/api/searches/%22", {"filter": ""}, 422),
        ("put", "/api/searches/x", {"filter": "x" * 1_001}, 422),
    ],
)
async def test_bad_requests_change_nothing_and_are_explained(
    vault: ApiVault, method: str, path: str, body: Any, status: int
) -> None:
    job = await vault.add(POST)
    text = (
        body
        if body is None
        else {
            k: [job.id if e == "JOB" else e for e in v] if k == "ids" else v
            for k, v in body.items()
        }
    )
    ask = getattr(vault.client, method)
    answer = await (
        ask(path.replace("JOB", job.id)) if text is None else ask(path.replace("JOB", job.id), text)
    )

    assert answer.status == status
    assert answer.json()["message"]
    assert await vault.store.marks.of_jobs([job.id]) == {}
