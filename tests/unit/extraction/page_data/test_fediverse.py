"""PeerTube's and Misskey's own answers."""

from __future__ import annotations

from typing import Any

import pytest

from mediavault.core.media import LiveNow
from tests.unit.extraction.page_data.reading import best, read, read_known

UUID = "1484abab-d649-45d0-8c50-d761382ac4e7"
TUBE = f"https://tube.example/videos/watch/{UUID}"
NOTE = "https://key.example/notes/9abcdefghi"


def video(**facts: Any) -> dict[str, Any]:
    files = [
        {
            "resolution": {"id": height},
            "fileUrl": f"https://tube.example/static/{height}.mp4",
            "fps": 30,
            "size": 1_000,
        }
        for height in (0, 360, 1080)
    ]
    return {
        "uuid": UUID,
        "name": "A kite",
        "duration": 64,
        "previewPath": "/lazy-static/previews/a.jpg",
        "account": {"name": "jane", "displayName": "Jane D."},
        "channel": {"name": "kites"},
        "files": [],
        "streamingPlaylists": [
            {"playlistUrl": "https://tube.example/hls/master.m3u8", "files": files}
        ],
        **facts,
    }


def test_the_largest_file_of_a_peertube_video_is_taken_and_a_sound_track_is_not() -> None:
    data = read_known(TUBE, video())

    assert best(data) == ["https://tube.example/static/1080.mp4"]
    assert not any("/0.mp4" in candidate.url for candidate in data.items[0].candidates)
    assert (data.handle, data.display_name, data.items[0].expected.duration_s) == (
        "jane",
        "Jane D.",
        64,
    )
    assert data.thumbnail_url == "https://tube.example/lazy-static/previews/a.jpg"


def test_another_video_of_a_list_is_not_the_posts_and_a_broadcast_is_recognised() -> None:
    assert read(TUBE, {"data": [video(uuid="other")]}) is None
    with pytest.raises(LiveNow):
        read(TUBE, video(isLive=True))


def note(key: str, *kinds: str, **facts: Any) -> dict[str, Any]:
    files = [
        {"id": kind, "type": kind, "url": f"https://files.example/{key}/{kind}"} for kind in kinds
    ]
    user = {"username": "jane", "name": "Jane D.", "host": None}
    return {
        "id": key,
        "text": "A kite",
        "visibility": "public",
        "user": user,
        "files": files,
        **facts,
    }


def test_the_files_of_a_note_are_its_items() -> None:
    data = read_known(NOTE, note("9abcdefghi", "image/png", "video/mp4"))

    assert best(data) == ["https://files.example/9abcdefghi/video/mp4"]
    assert ([item.type for item in data.items], data.handle) == (["image", "video"], "jane")


def test_a_renote_has_the_files_of_the_other_note_and_a_quote_only_names_it() -> None:
    other = note("8other", "video/mp4", user={"username": "bob", "host": "b.example"})
    renote = read_known(NOTE, note("9abcdefghi", text=None, renote=other))
    quote = read_known(NOTE, note("9abcdefghi", renote=other))

    assert (best(renote), renote.handle) == (
        ["https://files.example/8other/video/mp4"],
        "bob@b.example",
    )
    assert (best(quote), [(item.role, item.label) for item in quote.items]) == (
        [],
        [("quoted", "8other")],
    )


def lemmy(**post: object) -> dict[str, object]:
    shown = {"id": 123, "name": "A kite", "ap_id": "https://lm.example/post/123", **post}
    return {"post_view": {"post": shown, "creator": {"name": "jane", "display_name": "Jane"}}}


def test_the_file_that_a_lemmy_post_links_to_is_its_video() -> None:
    file, picture = (
        "https://lm.example/pictrs/image/k.mp4",
        "https://lm.example/pictrs/image/t.webp",
    )

    data = read_known("https://lm.example/post/123", lemmy(url=file, thumbnail_url=picture))

    assert best(data) == [file]
    assert (data.handle, data.display_name, data.thumbnail_url) == ("jane", "Jane", picture)


def test_a_lemmy_post_that_links_to_a_page_has_no_own_video() -> None:
    data = read_known("https://lm.example/post/123", lemmy(url="https://news.example/kite"))

    assert data.items == ()
    assert data.metadata == {"external_url": "https://news.example/kite"}
