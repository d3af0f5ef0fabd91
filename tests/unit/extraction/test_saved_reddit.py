"""Saved answers and pages of reddit in formats other than the full listing."""

from __future__ import annotations

from html import escape
from typing import Any

import pytest

from tests.unit.extraction.saved_reading import SavedFacts, read_saved

POST = "abc123"
URL = f"https://www.reddit.com/r/cats/comments/{POST}/kite/"
STREAM = "https://v.redd.it/vid12345678/HLSPlaylist.m3u8?a=1&v=1"
PICTURE = "https://preview.redd.it/x.png?auto=webp&s=1"


def record(**facts: Any) -> dict[str, Any]:
    preview = {
        "images": [{"source": {"url": PICTURE.replace("&", "&amp;"), "width": 9, "height": 9}}]
    }
    permalink = f"/r/cats/comments/{POST}/kite/"
    return {
        "title": "Kite",
        "author": "jane",
        "permalink": permalink,
        "is_self": False,
        "preview": preview,
        **facts,
    }


def listing(*records: dict[str, Any]) -> dict[str, Any]:
    return {
        "kind": "Listing",
        "data": {"children": [{"kind": "t3", "data": record} for record in records]},
    }


HOSTED = {
    "reddit_video": {
        "hls_url": STREAM.replace("&", "&amp;"),
        "width": 1280,
        "height": 720,
        "duration": 9,
    }
}


def test_a_record_without_an_id_is_recognised_by_its_permalink() -> None:
    assert read_saved(URL, [listing(record(secure_media=HOSTED)), listing()]) == SavedFacts(
        "video", STREAM, "jane", None, PICTURE
    )
    other = record(secure_media=HOSTED, permalink="/r/cats/comments/zzz999/other/")
    assert read_saved(URL, [listing(other), listing()]).outcome == "no_own_video"


def test_a_record_that_was_cut_down_announces_its_video() -> None:
    cut = record(is_video=True, url="https://v.redd.it/vid12345678")

    assert read_saved(URL, listing(cut)) == SavedFacts("metadata_only", None, "jane", None, PICTURE)
    # still being processed
    assert read_saved(URL, listing(cut | {"media": None})).outcome == "live"


def test_an_empty_answer_about_one_post_means_that_it_is_gone() -> None:
    assert read_saved(URL, listing()).outcome == "gone"


def test_the_file_behind_imgurs_gifv_page_is_named() -> None:
    assert (
        read_saved(URL, listing(record(url="https://i.imgur.com/Kite.gifv"))).best
        == "https://i.imgur.com/Kite.mp4"
    )
    assert read_saved(URL, listing(record(url="https://site.test/Kite.gifv"))).best is None


def shreddit(kind: str, player_of: str) -> str:
    attributes = (
        f'id="t3_{POST}" permalink="/r/cats/comments/{POST}/" post-title="Kite" author="jane"'
        f' post-type="{kind}"'
    )
    player = (
        f'<shreddit-player-2 post-id="t3_{player_of}" src="{escape(STREAM)}"></shreddit-player-2>'
    )
    return f"<html><body><shreddit-post {attributes}>{player}</shreddit-post></body></html>"


def test_only_a_crosspost_shows_the_player_of_another_post() -> None:
    assert read_saved(URL, shreddit("crosspost", "q1w2e3")).best == STREAM
    assert read_saved(URL, shreddit("text", "q1w2e3")).best is None


def test_a_player_that_a_click_would_reveal_is_read() -> None:
    folded = escape(f'<div data-hls-url="{escape(STREAM)}" data-video-width="1280"></div>')
    page = (
        f'<html><body><div class="thing" data-fullname="t3_{POST}" data-author="jane"'
        ' data-domain="v.redd.it">'
        '<a class="title">Kite</a><div class="expando"'
        f' data-cachedhtml="{folded}"></div></div></body></html>'
    )

    assert read_saved(URL, page) == SavedFacts("video", STREAM, "jane", None, None)


@pytest.mark.parametrize(
    ("words", "outcome"),
    [
        ("whoa there, pardner!", "challenge"),
        ("You must be invited to visit this community", "private"),
    ],
)
def test_a_wall_is_recognised_by_its_words(words: str, outcome: str) -> None:
    assert read_saved(URL, f"<html><body><h1>{words}</h1></body></html>").outcome == outcome


def test_an_oembed_answer_names_the_account() -> None:
    answer = {
        "version": "1.0",
        "type": "rich",
        "provider_name": "reddit",
        "title": "Kite",
        "author_name": "jane",
    }

    assert read_saved(URL, answer).handle == "jane"
