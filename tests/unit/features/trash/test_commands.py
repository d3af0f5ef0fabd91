"""``mediavault trash``: deleted posts on the command line."""

from __future__ import annotations

import pytest

from tests.unit.cli.conftest import Run, StubHouse

VIDEO = 7000000000000000001


def test_the_trash_is_listed_restored_from_and_emptied(
    run: Run, house: StubHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    # which a deletion goes by
    monkeypatch.setattr("mediavault.app.composition.SystemClock", lambda: house.clock)
    assert run("trash").out == "The trash is empty.\n"
    added = run("add", f"https://www.tiktok.com/@jane/video/{VIDEO}", "--json").json()
    job_id = added["jobs"][0]["id"]
    run("remove", job_id)

    assert job_id[:8] in run("trash").out
    [post] = run("trash", "--json").json()["posts"]
    assert (set(post), post["job"]["id"], post["bytes"]) == (
        {"job", "deleted_at", "bytes"},
        job_id,
        0,
    )
    assert post["deleted_at"].endswith("+00:00")
    assert run("trash", "--restore", job_id[:8], "--json").json() == {"posts": []}
    assert run("show", job_id).code == 0

    run("remove", job_id)
    assert run("trash", "--restore", f"https://www.tiktok.com/@ann/video/{VIDEO}").code == 0
    run("remove", job_id)
    assert run("trash", "--empty").out == "The trash is empty.\n"
    assert run("trash", "--restore", job_id).code == 2
