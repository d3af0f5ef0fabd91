"""Saved answers of Meta's documented APIs, and what Instagram and Facebook send instead of a post."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.services.extraction.saved_reading import read_saved

CODE = "CPQjO5RIIO9"
INSTAGRAM = f"https://www.instagram.com/p/{CODE}/"
FACEBOOK = "https://www.facebook.com/Kites/videos/387081299304444/"


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ({"message": "Please wait a few minutes.", "require_login": True, "status": "fail"}, "challenge"),
        ({"message": "login_required", "status": "fail"}, "login_required"),
        ({"message": "Invalid media_id", "status": "fail"}, "gone"),
        ({"message": "Page Not Found", "status": "fail"}, "gone"),
    ],
)
def test_instagrams_error_messages_have_their_outcome(answer: dict[str, Any], outcome: str) -> None:
    assert read_saved(INSTAGRAM, answer).outcome == outcome


def test_an_answer_without_the_story_means_that_it_has_expired() -> None:
    answer: dict[str, Any] = {"reels": {}, "reels_media": [], "status": "ok"}

    assert read_saved("https://www.instagram.com/stories/jane/3140773771610859901/", answer).outcome == "gone"
    assert read_saved(INSTAGRAM, answer).outcome == "metadata_only"


def test_facebooks_page_for_missing_content_means_that_the_post_is_gone() -> None:
    page = "<html><body><h2>Content Not Found</h2><p>The page you requested cannot be displayed right now.</p></body></html>"

    assert read_saved(FACEBOOK, page).outcome == "gone"
