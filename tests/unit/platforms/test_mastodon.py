"""Mastodon's statuses."""

from __future__ import annotations

from typing import Any

import pytest

from mediavault.core.failures import Deleted, LoginRequired
from tests.unit.extraction.page_data.reading import best, read, read_known

URL = "https://mastodon.social/@jane/110000000000000001"
FILE = "https://files.mastodon.social/a/original/kite.mp4"


def attachment(kind: str = "video", **facts: Any) -> dict[str, Any]:
    return {
        "id": "7",
        "type": kind,
        "url": FILE,
        "preview_url": "https://files.mastodon.social/a/small/kite.png",
        "meta": {
            "original": {
                "width": 640,
                "height": 360,
                "frame_rate": "30000/1001",
                "duration": 4.5,
                "bitrate": 900_000,
            }
        },
        **facts,
    }


def status(
    *media: dict[str, Any], post_id: str = "110000000000000001", **facts: Any
) -> dict[str, Any]:
    return {
        "id": post_id,
        "uri": f"https://mastodon.social/users/jane/statuses/{post_id}",
        "url": f"https://mastodon.social/@jane/{post_id}",
        "created_at": "2026-01-02T03:04:05.000Z",
        "content": "<p>A kite<br>and &amp; wind</p><p>more</p>",
        "account": {"acct": "jane", "display_name": "Jane D."},
        "media_attachments": list(media),
        "reblog": None,
        **facts,
    }


def test_an_attached_video_is_found_with_its_size_rates_and_duration() -> None:
    data = read_known(URL, status(attachment()))
    item = data.items[0]

    assert (best(data), item.expected.duration_s) == ([FILE], 4.5)
    assert (item.candidates[0].width, item.candidates[0].bitrate) == (640, 900_000)
    assert item.candidates[0].fps == pytest.approx(29.97, abs=0.01)
    assert (data.handle, data.display_name, data.text) == (
        "jane",
        "Jane D.",
        "A kite\nand & wind\nmore",
    )


def test_the_file_on_the_authors_own_server_comes_before_this_servers_copy() -> None:
    original = "https://other.example/kite.mp4"

    assert best(read_known(URL, status(attachment(remote_url=original)))) == [original]


def test_a_gifv_expects_no_sound() -> None:
    item = read_known(URL, status(attachment("gifv"))).items[0]

    assert (item.type, item.expected.audio, item.candidates[0].has_audio) == ("gif", False, False)


def test_pictures_and_sounds_are_not_videos() -> None:
    data = read_known(URL, status(attachment("image"), attachment("audio")))

    assert (best(data), [item.type for item in data.items]) == ([], ["image", "audio"])


def test_a_boost_shows_the_other_statuss_media_as_its_own() -> None:
    other = status(
        attachment(), post_id="109", account={"acct": "bob@other.example", "display_name": "Bob"}
    )
    data = read_known(URL, status(reblog=other))

    assert (best(data), data.handle) == ([FILE], "bob@other.example")
    assert data.metadata["reposted_from"] == "https://mastodon.social/users/jane/statuses/109"


def test_a_quoted_statuss_video_has_that_role() -> None:
    data = read_known(
        URL,
        status(quote={"state": "accepted", "quoted_status": status(attachment(), post_id="109")}),
    )

    assert (best(data), [(item.role, item.label) for item in data.items]) == (
        [],
        [("quoted", "109")],
    )


def test_the_status_is_distinguished_from_others_in_a_list() -> None:
    other = status(
        attachment(url="https://files.mastodon.social/other.mp4"), post_id="110000000000000002"
    )

    assert best(read_known(URL, {"ancestors": [other], "descendants": [status(attachment())]})) == [
        FILE
    ]
    assert read(URL, [other]) is None


def test_a_status_of_an_unknown_server_is_found_by_its_address() -> None:
    data = read_known(
        "https://social.example/@jane/1", status(attachment(), url="https://social.example/@jane/1")
    )

    assert best(data) == [FILE]


@pytest.mark.parametrize(
    ("error", "condition"),
    [("Record not found", Deleted), ("This API requires an authenticated user", LoginRequired)],
)
def test_an_error_answer_raises_the_matching_failure(
    error: str, condition: type[Exception]
) -> None:
    with pytest.raises(condition):
        read(URL, {"error": error})


def test_another_sites_error_with_the_same_text_is_ignored() -> None:
    assert read("https://site.example/posts/1", {"error": "Not Found"}) is None


def test_a_picture_is_the_authors_own_file_in_full_size() -> None:
    original = "https://other.example/kite.png"
    item = read_known(URL, status(attachment("image", remote_url=original))).items[0]

    assert [candidate.url for candidate in item.candidates] == [original, FILE]
