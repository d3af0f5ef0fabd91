"""``inspect``: post, candidates, choice and why; from the network or from a saved page."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from mediavault.cli import saved_page, saved_page_child
from mediavault.core.failures import Ambiguous, LoginRequired, NetworkFailure
from mediavault.sandbox.process import ChildLimits, ChildTookTooLong
from tests.stubs import candidate, extraction
from tests.unit.cli.conftest import POST, Run, StubHouse, StubInspection

FILM = "https://cdn.videos.example/film.mp4"
PAGE = f"""<!doctype html><html><head><title>A film</title>
<meta property="og:title" content="A film"><meta property="og:url" content="{POST}"></head>
<body><main><video src="{FILM}" width="640" height="360"></video></main></body></html>"""


class ChildHere:
    """Reads saved pages in this process instead of a child process."""

    def __init__(self, module: str) -> None:
        self.module = module

    async def ask(self, request: Mapping[str, Any], *, limits: ChildLimits) -> Any:
        return json.loads(json.dumps(saved_page_child.answer(json.loads(json.dumps(request)))))

    async def close(self) -> None:
        pass


class HostileChild(ChildHere):
    async def ask(self, request: Mapping[str, Any], *, limits: ChildLimits) -> Any:
        raise ChildTookTooLong("it used more than 20 s of processor time")


@pytest.fixture(autouse=True)
def _no_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saved_page, "PersistentChild", ChildHere)


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
    assert (data["reason"], data["error"], len(data["candidates"])) == (
        "it is the only video",
        None,
        1,
    )
    assert data["post"]["account_handle"] == "jane"
    assert [(item["role"], item["chosen"]) for item in data["items"]] == [("main", chosen.url)]


def test_a_post_without_a_choice_exits_with_1_and_lists_the_candidates(
    run: Run, house: StubHouse
) -> None:
    unsure = Ambiguous("2 videos were found, and nothing says which is the post's.")
    house.inspection = StubInspection(extraction(candidate()), None, unsure.message, unsure)
    ended = run("inspect", POST)

    assert ended.code == 1
    assert "cdn.example" in ended.out
    assert "nothing says which" in ended.err


def test_a_wall_exits_with_1_and_prints_help(run: Run, house: StubHouse) -> None:
    wall = LoginRequired("X shows this post only to signed-in visitors.")
    house.inspection = StubInspection(None, None, wall.message, wall)
    ended = run("inspect", POST, "--json")

    assert (ended.code, ended.json()["error"]["code"]) == (1, "LOGIN_REQUIRED")
    assert ended.json()["error"]["help"]


def test_a_failed_inspection_promises_no_retry(run: Run, house: StubHouse) -> None:
    away = NetworkFailure("The page did not load.")
    house.inspection = StubInspection(None, None, away.message, away)
    ended = run("inspect", POST)

    assert "then try again" in ended.err
    assert "scheduled" not in ended.err


@pytest.mark.parametrize("url", ["http://127.0.0.1/", "ftp://x.example/", ""])
def test_a_url_that_a_submission_would_refuse_is_not_inspected(
    run: Run, house: StubHouse, url: str
) -> None:
    assert run("inspect", url).code == 2
    assert house.ran == []


def test_a_saved_page_needs_no_network(run: Run, house: StubHouse, page: Path) -> None:
    ended = run("inspect", "--saved-page", str(page), "--url", POST, "--json")
    data = ended.json()

    assert (ended.code, house.ran) == (0, [])
    assert (data["outcome"], data["platform"], data["title"]) == ("video", "generic", "A film")
    assert [(item["role"], item["type"], item["chosen"]) for item in data["items"]] == [
        ("main", "video", FILM)
    ]
    assert data["items"][0]["candidates"][0]["url"] == data["choice"]["url"] == FILM


def test_a_saved_page_whose_reading_hangs_is_unreadable_and_exits_with_1(
    run: Run, page: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saved_page, "PersistentChild", HostileChild)
    ended = run("inspect", "--saved-page", str(page), "--url", POST, "--json")

    assert (ended.code, ended.json()["outcome"], ended.json()["error"]["code"]) == (
        1,
        "unreadable",
        "PAGE_UNREADABLE",
    )
    assert "20 s of processor time" in ended.json()["reason"]


def test_a_saved_page_may_name_its_own_post(run: Run, page: Path) -> None:
    data = run("inspect", "--saved-page", str(page), "--json").json()

    assert (data["url"], data["outcome"]) == (POST, "video")


def test_the_target_of_a_share_link_is_read_from_the_page(run: Run, page: Path) -> None:
    own = "https://www.tiktok.com/@jane/video/7123456789012345678"
    page.write_text(f'<link rel="canonical" href="{own}"><p>{"words " * 20}</p>')
    data = run(
        "inspect", "--saved-page", str(page), "--url", "https://vm.tiktok.com/ZMabcdef/", "--json"
    ).json()

    assert (data["platform"], data["post_id"], data["outcome"]) == (
        "tiktok",
        "7123456789012345678",
        "no_video",
    )


def test_several_pages_are_answered_with_one_line_each_in_order(
    run: Run, page: Path, tmp_path: Path
) -> None:
    empty = tmp_path / "empty.html"
    empty.write_text(f"<title>Words</title><p>{'some words ' * 20}</p>")
    missing = tmp_path / "missing.html"
    options = [
        text
        for path in (page, empty, missing)
        for text in ("--saved-page", str(path), "--url", POST)
    ]
    ended = run("inspect", *options, "--json")
    lines = [json.loads(line) for line in ended.out.splitlines()]

    assert (ended.code, [line["outcome"] for line in lines]) == (
        0,
        ["video", "no_video", "unreadable"],
    )
    assert [line["file"] for line in lines] == [str(page), str(empty), str(missing)]
    assert lines[2]["error"]["message"].endswith("cannot be read: No such file or directory.")


def test_pairs_of_file_and_url_are_read_from_standard_input(
    run: Run, page: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = (
        f"{page}\t{POST}\n\n" + json.dumps({"file": str(page), "url": "https://x.com/jane"}) + "\n"
    )
    monkeypatch.setattr("sys.stdin", io.StringIO(pairs))
    lines = [
        json.loads(line) for line in run("inspect", "--saved-page", "-", "--json").out.splitlines()
    ]

    assert [(line["outcome"], line["platform"]) for line in lines] == [
        ("video", "generic"),
        ("not_a_post", "x"),
    ]


def test_a_line_that_names_no_file_is_refused(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO('{"url": "https://site.example/"}\n'))

    assert run("inspect", "--saved-page", "-", "--json").code == 2


def test_pictures_and_the_media_of_quoted_posts_are_never_chosen(run: Run, tmp_path: Path) -> None:
    picture = {
        "type": "photo",
        "id_str": "1",
        "media_url_https": "https://pbs.twimg.com/media/a.jpg",
    }
    film = {
        "type": "video",
        "id_str": "2",
        "video_info": {
            "variants": [{"content_type": "video/mp4", "url": "https://video.twimg.com/a.mp4"}]
        },
    }
    inner = {
        "rest_id": "9",
        "legacy": {"id_str": "9", "full_text": "", "extended_entities": {"media": [film]}},
    }
    post = {
        "rest_id": "7",
        "legacy": {"id_str": "7", "full_text": "", "extended_entities": {"media": [picture]}},
    }
    file = tmp_path / "answer.json"
    file.write_text(json.dumps({**post, "quoted_status_result": {"result": inner}}))
    data = run(
        "inspect", "--saved-page", str(file), "--url", "https://x.com/jane/status/7", "--json"
    ).json()

    assert data["outcome"] == "no_own_video"
    assert [
        (item["role"], item["type"], item["chosen"], item["post"]) for item in data["items"]
    ] == [
        ("main", "image", None, None),
        ("quoted", "video", None, "9"),
    ]


def test_a_page_that_does_not_exist_is_refused(run: Run, tmp_path: Path) -> None:
    ended = run("inspect", "--saved-page", str(tmp_path / "missing.html"), "--url", POST)

    assert ended.code == 2
    assert "cannot be read" in ended.err


def test_a_saved_page_without_a_video_exits_with_1(run: Run, page: Path) -> None:
    page.write_text(f"<!doctype html><title>Words only</title><p>{'Words ' * 20}</p>")
    ended = run("inspect", "--saved-page", str(page), "--url", POST, "--json")

    assert (ended.code, ended.json()["choice"], ended.json()["outcome"]) == (1, None, "no_video")
    assert ended.json()["error"]["code"] == "NO_VIDEO"


def test_a_file_that_is_not_a_page_still_reports_the_requested_post(run: Run, page: Path) -> None:
    page.write_bytes(bytes(range(256)) * 9)
    ended = run(
        "inspect", "--saved-page", str(page), "--url", "https://x.com/jane/status/7", "--json"
    )

    assert (ended.code, ended.json()["outcome"]) == (2, "unreadable")
    assert (ended.json()["platform"], ended.json()["post_id"]) == ("x", "7")


def test_playlists_are_counted_with_one_line_each(run: Run, tmp_path: Path) -> None:
    playlist, words = tmp_path / "a.m3u8", tmp_path / "b.m3u8"
    playlist.write_text(
        "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\na.ts\n#EXTINF:2.5,\nb.ts\n#EXT-X-ENDLIST\n"
    )
    words.write_text("words")
    ended = run(
        "inspect",
        "--playlist",
        str(playlist),
        "--base-url",
        "https://cdn.example/a.m3u8",
        "--playlist",
        str(words),
    )
    lines = [json.loads(line) for line in ended.out.splitlines()]

    assert (lines[0]["role"], lines[0]["segments"], lines[0]["duration_s"]) == ("media", 2, 6.5)
    assert (ended.code, lines[1]["error"]["code"]) == (0, "BAD_REQUEST")
    assert run("inspect", "--playlist", str(words)).code == 2
