"""Saved answers of Meta's documented APIs, and what Instagram and Facebook send instead of a
post.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.extraction.saved_reading import read_saved

CODE = "CPQjO5RIIO9"
INSTAGRAM = f"https://www.instagram.com/p/{CODE}/"
FACEBOOK = "https://www.facebook.com/Kites/videos/387081299304444/"


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (
            {"message": "Please wait a few minutes.", "require_login": True, "status": "fail"},
            "challenge",
        ),
        ({"message": "login_required", "status": "fail"}, "login_required"),
        ({"message": "Invalid media_id", "status": "fail"}, "gone"),
        ({"message": "Page Not Found", "status": "fail"}, "gone"),
    ],
)
def test_instagrams_error_messages_have_their_outcome(answer: dict[str, Any], outcome: str) -> None:
    assert read_saved(INSTAGRAM, answer).outcome == outcome


def test_an_answer_without_the_story_means_that_it_has_expired() -> None:
    answer: dict[str, Any] = {"reels": {}, "reels_media": [], "status": "ok"}

    assert (
        read_saved("https://www.instagram.com/stories/jane/3140773771610859901/", answer).outcome
        == "gone"
    )
    assert read_saved(INSTAGRAM, answer).outcome == "metadata_only"


def test_facebooks_page_for_missing_content_means_that_the_post_is_gone() -> None:
    page = (
        "<html><body><h2>Content Not Found</h2><p>The page you requested cannot be displayed right"
        " now.</p></body></html>"
    )

    assert read_saved(FACEBOOK, page).outcome == "gone"


# --- Instagram: literals of scripts and the Graph API ---------------------------------------------

FILE = "https://scontent.cdninstagram.com/v/t50.2886-16/1_n.mp4?oe=6FFFFFFF"
PICTURE = "https://scontent.cdninstagram.com/v/t51.2885-15/1_n.jpg?oe=6FFFFFFF"
LITERAL = (
    f"{{shortcode_media: {{__typename: 'GraphVideo', shortcode: '{CODE}', is_video: !0,"
    " taken_at_timestamp: 1_703_000_001,\n"
    f"  dimensions: {{height: 1136, width: 640}}, media_preview: 'ACoXit4U' +\n"
    f"   'DnkA==', video_url: '{FILE[:40]}' + \"{FILE[40:]}\"}}}}"
)


@pytest.mark.parametrize(
    "document",
    [
        f"<html><body><p>A kite</p><script>window.__shown = {LITERAL};</script></body></html>",
        f"const util = require('util');\nconst post = {LITERAL};\n",
    ],
)
def test_a_graph_video_in_a_scripts_literal_is_read(document: str) -> None:
    facts = read_saved(INSTAGRAM, document)

    assert (facts.outcome, facts.best) == ("video", FILE)


def of_graph_api(code: str = CODE, kind: str = "VIDEO", **more: Any) -> dict[str, Any]:
    return {
        "id": "17895695668004550",
        "media_type": kind,
        "media_url": FILE,
        "thumbnail_url": PICTURE,
        "permalink": f"https://www.instagram.com/reel/{code}/",
        "caption": "A kite",
        "timestamp": "2020-01-01T10:00:00+0000",
        "username": "jane",
    } | more


def test_a_video_of_the_graph_api_is_read() -> None:
    facts = read_saved(INSTAGRAM, of_graph_api())

    assert (facts.outcome, facts.best, facts.handle, facts.thumbnail) == (
        "video",
        FILE,
        "jane",
        PICTURE,
    )


def test_a_list_of_the_graph_api_holds_the_post_that_was_asked_for() -> None:
    others = [of_graph_api(f"CAAAAAAAAA{last}", media_url=f"{FILE}{last}") for last in "AB"]

    assert read_saved(INSTAGRAM, {"data": [*others, of_graph_api()]}).best == FILE
    assert read_saved(INSTAGRAM, {"data": others}).outcome == "many_posts"


def test_a_carousel_of_the_graph_api_has_its_childrens_media() -> None:
    children = [
        {"id": "1", "media_type": "IMAGE", "media_url": PICTURE},
        {"id": "2", "media_type": "VIDEO", "media_url": FILE},
    ]
    album = of_graph_api(kind="CAROUSEL_ALBUM", media_url=PICTURE, children={"data": children})

    assert read_saved(INSTAGRAM, album).best == FILE
    assert (
        read_saved(INSTAGRAM, of_graph_api(kind="IMAGE", media_url=PICTURE)).outcome == "no_video"
    )


def test_a_video_of_the_graph_api_without_its_file_is_not_a_picture() -> None:
    blocked = {
        name: value for name, value in of_graph_api(shortcode=CODE).items() if name != "media_url"
    }

    assert read_saved(INSTAGRAM, blocked).outcome == "metadata_only"
