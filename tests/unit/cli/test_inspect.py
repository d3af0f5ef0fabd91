"""``inspect``: post, candidates, choice and why; from the network or from a saved page."""

from __future__ import annotations

from pathlib import Path

import pytest

from mediavault.core.errors import Ambiguous, LoginRequired
from tests.stubs import candidate, extraction
from tests.unit.cli.conftest import POST, Run, StubHouse, StubInspection

PAGE = f"""<!doctype html><html><head><title>A film</title>
<meta property="og:title" content="A film"><meta property="og:url" content="{POST}"></head>
<body><main><video src="https://cdn.example/film.mp4" width="640" height="360"></video></main></body></html>"""


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "page.html"
    path.write_text(PAGE)
    return path


def test_a_choice_is_shown_with_its_reason(run: Run, house: StubHouse) -> None:
    chosen = candidate(width=640, height=360)
    house.inspection = StubInspection(extraction(chosen), chosen, "it is the only video")
    shown, data = run("inspect", POST), run("inspect", POST, "--json").json()

    assert shown.code == 0
    assert "640×360" in shown.out
    assert "it is the only video" in shown.out
    assert data["choice"]["url"] == chosen.url
    assert (data["reason"], data["error"], len(data["candidates"])) == ("it is the only video", None, 1)
    assert data["post"]["account_handle"] == "jane"


def test_a_post_without_a_choice_is_1_and_lists_the_candidates(run: Run, house: StubHouse) -> None:
    unsure = Ambiguous("2 videos were found, and nothing says which is the post's.")
    house.inspection = StubInspection(extraction(candidate()), None, unsure.message, unsure)
    ended = run("inspect", POST)

    assert ended.code == 1
    assert "cdn.example" in ended.out
    assert "nothing says which" in ended.err


def test_a_wall_is_1_and_says_what_helps(run: Run, house: StubHouse) -> None:
    wall = LoginRequired("X shows this post only to signed-in people.")
    house.inspection = StubInspection(None, None, wall.message, wall)
    ended = run("inspect", POST, "--json")

    assert (ended.code, ended.json()["error"]["code"]) == (1, "LOGIN_REQUIRED")
    assert ended.json()["error"]["help"]


@pytest.mark.parametrize("url", ["http://127.0.0.1/", "ftp://x.example/", ""])
def test_what_a_submission_would_refuse_is_not_looked_at(run: Run, house: StubHouse, url: str) -> None:
    assert run("inspect", url).code == 2
    assert house.ran == []


def test_a_saved_page_needs_no_network(run: Run, house: StubHouse, page: Path) -> None:
    ended = run("inspect", "--saved-page", str(page), "--url", POST, "--json")
    data = ended.json()

    assert (ended.code, house.ran) == (0, [])
    assert data["choice"]["url"] == "https://cdn.example/film.mp4"
    assert data["post"]["platform"] == "generic"


def test_a_saved_page_without_its_address_is_refused(run: Run, page: Path) -> None:
    ended = run("inspect", "--saved-page", str(page))

    assert ended.code == 2
    assert "--url" in ended.err


def test_a_page_that_is_not_there_is_refused(run: Run, tmp_path: Path) -> None:
    ended = run("inspect", "--saved-page", str(tmp_path / "missing.html"), "--url", POST)

    assert ended.code == 2
    assert "cannot be read" in ended.err


def test_a_saved_page_without_a_video_is_1(run: Run, page: Path) -> None:
    page.write_text("<!doctype html><title>Words only</title><p>Words</p>")
    ended = run("inspect", "--saved-page", str(page), "--url", POST, "--json")

    assert (ended.code, ended.json()["choice"]) == (1, None)
    assert ended.json()["error"]["code"] == "NO_VIDEO"
