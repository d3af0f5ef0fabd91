"""``classify``: one answer for each argument, whether or not it is a URL."""

from __future__ import annotations

import io
import json

import pytest

from tests.unit.cli.conftest import Ran, Run

POST = "https://x.com/jane/status/12"
PAGE_KEYS = ["url", "kind", "platform", "handle", "post_id", "canonical_url"]
MEDIA_KEYS = [
    "url",
    "platform",
    "kind",
    "signed",
    "expires_at",
    "watermark",
    "width",
    "height",
    "bitrate",
]


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Typed:
    return Typed(monkeypatch)


class Typed:
    """Standard input as bytes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch

    def __call__(self, text: bytes) -> None:
        self._monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text), encoding="utf-8"))


def answers(ran: Ran) -> list[dict[str, object]]:
    return [json.loads(line) for line in ran.out.splitlines()]


def test_each_url_gets_one_json_line_with_exactly_these_keys(run: Run) -> None:
    ran = run("classify", "--json", POST, "https://www.tiktok.com/@jane")

    assert ran.code == 0
    assert [list(answer) for answer in answers(ran)] == [PAGE_KEYS, PAGE_KEYS]
    assert answers(ran)[0] == dict(
        zip(PAGE_KEYS, [POST, "post", "x", "jane", "12", POST], strict=True)
    )


def test_text_that_is_not_a_url_is_answered_too_and_is_not_a_failure(run: Run) -> None:
    ran = run("classify", "--json", "noop", "https://x.com@evil.example/a")

    assert ran.code == 0
    assert [(answer["kind"], answer["platform"]) for answer in answers(ran)] == [
        ("unsupported", None)
    ] * 2


def test_a_dash_reads_lines_at_its_position_among_the_urls(run: Run, typed: Typed) -> None:
    typed(b"https://vm.tiktok.com/abcdef/\r\n\nnoop")

    ran = run("classify", "--json", POST, "-")

    assert [answer["url"] for answer in answers(ran)] == [
        POST,
        "https://vm.tiktok.com/abcdef/",
        "",
        "noop",
    ]
    assert [answer["kind"] for answer in answers(ran)] == [
        "post",
        "redirect",
        "unsupported",
        "unsupported",
    ]


def test_bytes_that_are_not_text_are_answered(run: Run, typed: Typed) -> None:
    typed(b"\xff\xfe\n" + POST.encode())

    ran = run("classify", "--json", "-")

    assert [answer["kind"] for answer in answers(ran)] == ["unsupported", "post"]


def test_an_argument_that_is_not_text_is_answered(run: Run) -> None:
    ran = run("classify", "--json", "https://x.com/\udcff")

    assert ran.code == 0
    assert answers(ran)[0]["kind"] == "unsupported"


def test_the_rest_of_an_endless_line_is_dropped(
    run: Run, typed: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mediavault.cli.classify.MAX_LINE_CHARS", 100)
    typed(b"a" * 1_000 + b"\n" + POST.encode() + b"\n")

    ran = run("classify", "--json", "-")

    assert [(len(str(answer["url"])), answer["kind"]) for answer in answers(ran)] == [
        (100, "unsupported"),
        (28, "post"),
    ]


def test_media_are_described_with_exactly_these_keys(run: Run) -> None:
    url = "https://video.twimg.com/amplify_video/1/vid/avc1/640x360/a.mp4"

    ran = run("classify", "--media", "--json", url, "noop")

    video, nothing = answers(ran)
    assert ran.code == 0
    assert list(video) == MEDIA_KEYS
    assert (video["url"], video["platform"], video["kind"], video["watermark"]) == (
        url,
        "x",
        "direct",
        "no",
    )
    assert (nothing["platform"], nothing["kind"], nothing["expires_at"]) == (
        "generic",
        "other",
        None,
    )


def test_without_json_a_table_is_printed(run: Run) -> None:
    ran = run("classify", POST, "https://www.tiktok.com/@jane")

    lines = ran.out.splitlines()
    assert lines[0].split() == ["Kind", "Platform", "Account", "Id", "Address"]
    assert lines[1].split() == ["post", "x", "jane", "12", POST]
    assert lines[2].split() == ["profile", "tiktok", "jane", "https://www.tiktok.com/@jane"]


def test_the_table_of_media_shows_until_when_a_url_works(run: Run) -> None:
    ran = run(
        "classify",
        "--media",
        "https://a.tiktokcdn.com/video/tos/a/?mime_type=video_mp4&expire=1767267384",
    )

    assert "2026-01-01" in ran.out or "2026-01-02" in ran.out


def test_without_a_url_the_command_is_refused(run: Run) -> None:
    ran = run("classify", "--json")

    assert ran.code == 2
    assert ran.json()["code"] == "BAD_REQUEST"
