"""Microformats, as parsed documents or on elements."""

from __future__ import annotations

from tests.unit.extraction.page_data.reading import best, read, read_known

URL = "https://jane.example/kite"


def entry(**properties: object) -> dict[str, object]:
    return {"type": ["h-entry"], "properties": {"url": [URL], **properties}}


def test_the_videos_of_a_parsed_entry_are_its_items() -> None:
    author = {"type": ["h-card"], "properties": {"name": ["Jane"], "nickname": ["jane"]}}
    data = read_known(
        URL,
        {
            "items": [
                entry(
                    video=["https://jane.example/1.mov"],
                    duration=["PT4S"],
                    author=[author],
                    photo=["https://jane.example/p.jpg"],
                )
            ]
        },
    )

    assert (best(data), data.items[0].expected.duration_s) == (["https://jane.example/1.mov"], 4)
    assert (data.handle, data.display_name, data.thumbnail_url) == (
        "jane",
        "Jane",
        "https://jane.example/p.jpg",
    )


def test_an_entry_of_a_feed_is_recognised_by_its_address_and_not_guessed_without_one() -> None:
    other = {
        "type": ["h-entry"],
        "properties": {"url": ["https://jane.example/2"], "video": ["https://jane.example/2.mov"]},
    }
    feed = {
        "items": [
            {"type": ["h-feed"], "children": [other, entry(video=["https://jane.example/1.mov"])]}
        ]
    }

    assert best(read_known(URL, feed)) == ["https://jane.example/1.mov"]
    assert read("https://jane.example/3", feed) is None


def test_a_lone_entry_without_an_address_can_only_be_the_post() -> None:
    lone = {
        "type": ["h-entry"],
        "properties": {"video": [{"value": "https://jane.example/1.mov", "alt": "a kite"}]},
    }

    assert best(read_known(URL, lone)) == ["https://jane.example/1.mov"]


def test_a_marked_link_of_the_page_is_taken_when_it_is_the_only_one() -> None:
    def link(href: str) -> dict[str, object]:
        return {"element": "a", "attributes": {"class": "u-video big", "href": href}}

    assert best(read_known(URL, link("/files/kite"))) == ["https://jane.example/files/kite"]
    assert read(URL, link("/1.mp4"), link("/2.mp4")) is None
