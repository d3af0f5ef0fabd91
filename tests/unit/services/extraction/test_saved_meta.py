"""Saved answers of Meta's documented interfaces, and what Instagram and Facebook say instead of a post."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.services.extraction.saved_reading import Told, told

CODE = "CPQjO5RIIO9"
INSTAGRAM = f"https://www.instagram.com/p/{CODE}/"
THREADS = f"https://www.threads.com/@jane/post/{CODE}"
FACEBOOK = "https://www.facebook.com/Kites/videos/387081299304444/"
FILE = "https://scontent-mad2-1.cdninstagram.com/o1/v/t16/f2/m84/kite.mp4?oh=1&oe=6A0B1C2D"
ON_FACEBOOK = "https://video.xx.fbcdn.net/v/t42.1790-2/kite_n.mp4?oh=1&oe=60C01520"
PICTURE = "https://scontent-mad1-1.cdninstagram.com/v/t51.29350-15/kite_n.jpg?oe=6A0B1C2D"


def medium(url: str = INSTAGRAM, **more: Any) -> dict[str, Any]:
    facts = {"id": "17", "media_type": "VIDEO", "media_url": FILE, "thumbnail_url": PICTURE}
    return {**facts, "permalink": url, "username": "jane", "caption": "A kite", **more}


@pytest.mark.parametrize("url", [INSTAGRAM, THREADS])
def test_the_graph_apis_medium_is_the_posts_own(url: str) -> None:
    assert told(url, medium(url)) == Told("video", FILE, "jane", None, PICTURE)
    assert (
        told(url, {"data": [medium(url.replace(CODE, "AAAAAAAAAAA"), media_url=f"{FILE}&x"), medium(url)]}).best == FILE
    )


def test_an_albums_video_is_found_among_its_pictures() -> None:
    picture = {"id": "1", "media_type": "IMAGE", "media_url": PICTURE}
    video = {"id": "2", "media_type": "VIDEO", "media_url": FILE, "thumbnail_url": PICTURE}
    album = medium(media_type="CAROUSEL_ALBUM", media_url=PICTURE, children={"data": [picture, video]})

    assert told(INSTAGRAM, album).best == FILE


def test_facebooks_graph_api_names_the_file_its_author_and_its_picture() -> None:
    answer = {
        "id": "387081299304444",
        "source": ON_FACEBOOK,
        "from": {"name": "The kites", "id": "1"},
        "picture": PICTURE,
        "permalink_url": "/Kites/videos/387081299304444/",
    }

    assert told(FACEBOOK, answer) == Told("video", ON_FACEBOOK, "Kites", "The kites", PICTURE)
    assert told(FACEBOOK, answer | {"id": "999"}).best is None


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ({"message": "Please wait a few minutes.", "require_login": True, "status": "fail"}, "challenge"),
        ({"message": "login_required", "status": "fail"}, "login_required"),
        ({"message": "Invalid media_id", "status": "fail"}, "gone"),
        ({"message": "Page Not Found", "status": "fail"}, "gone"),
    ],
)
def test_instagrams_messages(answer: dict[str, Any], outcome: str) -> None:
    assert told(INSTAGRAM, answer).outcome == outcome


def test_an_answer_without_the_story_says_that_it_ran_out() -> None:
    answer: dict[str, Any] = {"reels": {}, "reels_media": [], "status": "ok"}

    assert told("https://www.instagram.com/stories/jane/3140773771610859901/", answer).outcome == "gone"
    assert told(INSTAGRAM, answer).outcome == "metadata_only"


def test_facebooks_page_for_what_is_not_there() -> None:
    page = "<html><body><h2>Content Not Found</h2><p>The page you requested cannot be displayed right now.</p></body></html>"

    assert told(FACEBOOK, page).outcome == "gone"
