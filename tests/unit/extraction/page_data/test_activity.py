"""ActivityStreams 1 and 2, and JSON Feed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.extraction.page_data.reading import best, read, read_known

URL = "https://social.example/@jane/1"
NOTE = {
    "@context": "https://www.w3.org/ns/activitystreams",
    "id": "https://social.example/users/jane/statuses/1",
    "type": "Note",
    "url": URL,
    "attributedTo": "https://social.example/users/jane",
    "content": "<p>A kite</p>",
    "attachment": [
        {"type": "Document", "mediaType": "image/png", "url": "https://social.example/a.png"},
        {
            "type": "Document",
            "mediaType": "video/mp4",
            "url": "https://social.example/a.mp4",
            "width": 640,
            "height": 360,
        },
    ],
}


def test_an_attached_video_is_recognised_by_its_media_type() -> None:
    data = read_known(URL, NOTE)

    assert best(data) == ["https://social.example/a.mp4"]
    assert [item.type for item in data.items] == ["image", "video"]
    assert (data.handle, data.text, data.image_urls) == (
        "jane",
        "A kite",
        ("https://social.example/a.png",),
    )


@pytest.mark.parametrize("kind", ["Create", "Announce"])
def test_an_activity_is_read_as_its_object(kind: str) -> None:
    assert best(
        read_known(URL, {"type": kind, "id": "https://social.example/act/1", "object": NOTE})
    ) == ["https://social.example/a.mp4"]


def test_a_note_with_another_address_is_not_the_posts() -> None:
    assert read("https://social.example/@jane/2", NOTE) is None


def test_the_named_object_is_taken_out_of_a_collection() -> None:
    other = {
        **NOTE,
        "id": "https://social.example/users/jane/statuses/2",
        "url": "https://social.example/@jane/2",
    }

    assert best(
        read_known(
            URL, {"type": "OrderedCollection", "orderedItems": [{**other, "attachment": []}, NOTE]}
        )
    )
    assert (
        read(
            "https://social.example/@jane/3",
            {"type": "OrderedCollection", "orderedItems": [other, NOTE]},
        )
        is None
    )


def test_a_peertube_video_names_its_files_in_links_and_their_tags() -> None:
    page = "https://tube.example/videos/watch/1"
    file = {
        "type": "Link",
        "mediaType": "video/mp4",
        "href": "https://tube.example/1-720-fragmented.mp4",
        "height": 720,
    }
    stream = {
        "type": "Link",
        "mediaType": "application/x-mpegURL",
        "href": "https://tube.example/1.m3u8",
        "tag": [file],
    }
    video = {
        "type": "Video",
        "id": page,
        "duration": "PT1M4S",
        "url": [{"type": "Link", "mediaType": "text/html", "href": page}, stream],
        "icon": [{"type": "Image", "url": "https://tube.example/1.jpg"}],
    }
    data = read_known(page, video)

    assert {c.url for c in data.items[0].candidates} == {file["href"], stream["href"]}
    assert (data.items[0].expected.duration_s, data.thumbnail_url) == (
        64,
        "https://tube.example/1.jpg",
    )
    assert data.items[0].candidates[0].has_audio is not False


def test_a_peertube_video_of_2018_names_its_files_types_in_another_field() -> None:
    page, file = (
        "https://tube.example/videos/watch/1",
        "https://tube.example/static/webseed/1-720.mp4",
    )
    links = [
        {"type": "Link", "mimeType": "video/mp4", "href": file, "height": 720},
        {
            "type": "Link",
            "mimeType": "application/x-bittorrent",
            "href": "https://tube.example/1-720.torrent",
        },
        {"type": "Link", "mimeType": "text/html", "href": page},
    ]

    assert best(read_known(page, {"type": "Video", "id": page, "url": links})) == [file]


def test_a_players_record_of_a_video_is_no_post() -> None:
    assert read(URL, {"type": "Video", "name": "A kite", "hashedId": "abc123def4"}) is None


def test_accounts_and_likes_are_not_posts() -> None:
    assert read(URL, {"type": "Person", "id": URL, "@context": "…"}) is None
    assert (
        read(URL, {"type": "Like", "object": "https://social.example/@bob/9", "@context": "…"})
        is None
    )


def test_a_lemmy_link_to_a_file_is_its_video_and_a_link_to_a_page_is_not() -> None:
    def page(href: str) -> dict[str, Any]:
        return {
            "type": "Page",
            "id": "https://lm.example/post/1",
            "attachment": [{"type": "Link", "href": href}],
        }

    url = "https://lm.example/post/1"

    assert best(read_known(url, page("https://lm.example/pictrs/image/k.mp4"))) == [
        "https://lm.example/pictrs/image/k.mp4"
    ]
    assert read_known(url, page("https://news.example/kite")).items == ()


def test_the_largest_of_several_pictures_is_the_thumbnail() -> None:
    icons = [
        {"type": "Image", "url": "https://pt.example/small.jpg", "width": 280},
        {"type": "Image", "url": "https://pt.example/large.jpg", "width": 850},
    ]
    file = {
        "type": "Link",
        "mediaType": "video/mp4",
        "href": "https://pt.example/k.mp4",
        "height": 720,
    }
    video = {"type": "Video", "id": "https://pt.example/w/1", "icon": icons, "url": [file]}

    assert (
        read_known("https://pt.example/w/1", video).thumbnail_url == "https://pt.example/large.jpg"
    )


def test_the_page_of_a_video_object_is_not_its_file() -> None:
    page = {"type": "Video", "id": "https://social.example/v/1", "url": URL, "name": "a kite"}

    assert [item.candidates for item in read_known(URL, page).items] == []
    assert best(read_known(URL, {**page, "url": [URL, "https://social.example/kite.mp4"]})) == [
        "https://social.example/kite.mp4"
    ]
