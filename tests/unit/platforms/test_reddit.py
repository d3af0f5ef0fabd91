"""Reddit: the post's video with sound before the silent file, galleries, crossposts, pages,
and what is gone.
"""

from __future__ import annotations

import json
from html import escape
from typing import Any

import pytest

from mediavault.core.failures import (
    Deleted,
    Failure,
    IpBlocked,
    LoginRequired,
    Private,
    RateLimited,
    Upcoming,
)
from mediavault.core.media import ItemType, Post, SourceType
from mediavault.core.platform import PageData
from mediavault.extraction.page_data.elements import element_documents
from mediavault.extraction.ranking import choose_candidate
from mediavault.platforms.reddit import REDDIT
from mediavault.platforms.reddit import reader as reddit

ID = "1abcde"
URL = f"https://www.reddit.com/comments/{ID}/"
POST = Post(URL, URL, "reddit", ID)
VIDEO = "https://v.redd.it/kite1234567"


def reddit_video(**more: Any) -> dict[str, Any]:
    return {
        "hls_url": f"{VIDEO}/HLSPlaylist.m3u8?a=1800000000%2Cx&amp;v=1",
        "dash_url": f"{VIDEO}/DASHPlaylist.mpd?a=1800000000%2Cx&amp;v=1",
        "fallback_url": f"{VIDEO}/DASH_720.mp4?source=fallback",
        "scrubber_media_url": f"{VIDEO}/DASH_96.mp4",
        "bitrate_kbps": 2400,
        "width": 1280,
        "height": 720,
        "duration": 12,
        "is_gif": False,
        **more,
    }


def record(
    post_id: str = ID, *, video: dict[str, Any] | None = None, **more: Any
) -> dict[str, Any]:
    return {
        "id": post_id,
        "name": f"t3_{post_id}",
        "title": "A kite",
        "author": "jane",
        "selftext": "",
        "created_utc": 1_700_000_000.0,
        "permalink": f"/r/kites/comments/{post_id}/a_kite/",
        "subreddit": "kites",
        "is_self": False,
        "secure_media": {"reddit_video": video} if video else None,
        "preview": {
            "images": [{"source": {"url": "https://external-preview.redd.it/p.png?a=1&amp;s=2"}}]
        },
        **more,
    }


def listing(*posts: dict[str, Any]) -> list[Any]:
    children = [{"kind": "t3", "data": post} for post in posts]
    return [
        {"kind": "Listing", "data": {"children": children}},
        {"kind": "Listing", "data": {"children": []}},
    ]


def read(*documents: object) -> PageData:
    data = reddit.read(POST, REDDIT, documents)
    assert data is not None
    return data


def test_the_stream_with_sound_goes_before_the_silent_file() -> None:
    item = read(listing(record(video=reddit_video(has_audio=True)))).items[0]

    assert choose_candidate(item).url == f"{VIDEO}/HLSPlaylist.m3u8?a=1800000000%2Cx&v=1"
    assert (item.expected.audio, item.expected.duration_s, item.media_id) == (
        True,
        12,
        "kite1234567",
    )
    assert not any("DASH_96" in c.url for c in item.candidates)


def test_a_silent_video_comes_as_a_whole_file() -> None:
    silent = read(listing(record(video=reddit_video(has_audio=False)))).items[0]
    gif = read(listing(record(video=reddit_video(is_gif=True)))).items[0]

    assert [choose_candidate(item).source_type for item in (silent, gif)] == [
        SourceType.DIRECT,
        SourceType.DIRECT,
    ]
    assert [item.type for item in (silent, gif)] == [ItemType.VIDEO, ItemType.GIF]


def test_author_title_day_and_picture_are_read() -> None:
    data = read(listing(record(video=reddit_video())))

    assert (data.handle, data.title, data.thumbnail_url) == (
        "jane",
        "A kite",
        "https://external-preview.redd.it/p.png?a=1&s=2",
    )
    assert data.published_at is not None
    assert data.metadata["subreddit"] == "kites"


def test_other_posts_of_a_listing_are_ignored() -> None:
    other = record(
        "zzzzzz",
        video=reddit_video(
            fallback_url="https://v.redd.it/other/DASH_720.mp4", hls_url=None, dash_url=None
        ),
    )

    assert read(listing(other, record(video=reddit_video()))).items[0].media_id == "kite1234567"
    assert reddit.read(POST, REDDIT, [listing(other)]) is None


def test_a_crosspost_shows_the_media_of_its_original() -> None:
    data = read(listing(record(crosspost_parent_list=[record("origin", video=reddit_video())])))

    assert len(data.items[0].candidates) == 3
    assert data.metadata["reposted_from"] == "origin"


def test_a_gallery_keeps_its_order() -> None:
    metadata = {
        "b": {
            "e": "AnimatedImage",
            "id": "b",
            "s": {"mp4": "https://preview.redd.it/b.gif?format=mp4", "x": 9, "y": 9},
        },
        "a": {
            "e": "Image",
            "id": "a",
            "s": {"u": "https://preview.redd.it/a.jpg?s=1", "x": 9, "y": 9},
        },
        "c": {
            "e": "RedditVideo",
            "id": "c",
            "hlsUrl": f"{VIDEO}/HLSPlaylist.m3u8",
            "x": 1920,
            "y": 1080,
            "isGif": False,
        },
    }
    order = {"items": [{"media_id": name} for name in ("a", "b", "c")]}
    data = read(listing(record(gallery_data=order, media_metadata=metadata, is_gallery=True)))

    assert [item.type for item in data.items] == [ItemType.IMAGE, ItemType.GIF, ItemType.VIDEO]
    assert [len(item.candidates) for item in data.items] == [0, 1, 1]
    assert data.image_urls == ("https://preview.redd.it/a.jpg?s=1",)


def test_a_link_to_another_site_is_reported_without_media() -> None:
    data = read(
        listing(record(url="https://youtu.be/aaaaaaaaaaa", domain="youtu.be", is_self=False))
    )

    assert (data.items, data.metadata["external_url"]) == ((), "https://youtu.be/aaaaaaaaaaa")


def test_an_animation_on_another_site_is_taken_from_reddits_preview() -> None:
    preview = {"images": [], "reddit_video_preview": reddit_video(is_gif=True)}
    data = read(
        listing(record(url="https://i.imgur.com/kite.gifv", domain="i.imgur.com", preview=preview))
    )

    assert (data.items[0].type, data.items[0].expected.audio) == (ItemType.GIF, False)


def page(
    *, player: str, post: str = f'id="t3_{ID}" permalink="/r/a/" post-title="A kite" author="jane"'
) -> list[object]:
    advert = (
        '<shreddit-player src="https://v.redd.it/advert12345/HLSPlaylist.m3u8" post-promoted'
        ' post-id="t3_ad1">'
    )
    after = '<shreddit-post id="t3_next" permalink="/r/b/"><shreddit-player-2 src="https://v.redd.it/next1234567/HLSPlaylist.m3u8">'
    return element_documents(
        f"{advert}<shreddit-post {post}>{player}</shreddit-post>{after}</shreddit-post>"
    )


def test_a_pages_player_gives_whole_files_with_sound() -> None:
    permutations = [
        {
            "source": {
                "url": f"https://packaged-media.redd.it/kite1234567/pb/m2-res_{h}p.mp4?m=a&s=b",
                "dimensions": {"width": w, "height": h},
            }
        }
        for w, h in ((426, 240), (1280, 720))
    ]
    packaged = escape(json.dumps({"playbackMp4s": {"duration": 12, "permutations": permutations}}))
    player = (
        f'<shreddit-player-2 src="{VIDEO}/HLSPlaylist.m3u8?f=hd&amp;v=1"'
        f' packaged-media-json="{packaged}" poster="https://a.test/p.jpg">'
    )
    data = read(*page(player=player))

    assert (
        choose_candidate(data.items[0]).url
        == "https://packaged-media.redd.it/kite1234567/pb/m2-res_720p.mp4?m=a&s=b"
    )
    assert (data.handle, data.title, data.thumbnail_url) == (
        "jane",
        "A kite",
        "https://a.test/p.jpg",
    )
    assert {c.url.split("/")[3] for c in data.items[0].candidates} == {"kite1234567"}


def test_a_player_in_the_post_that_shows_another_video_is_ignored() -> None:
    post = f'id="t3_{ID}" permalink="/r/a/" post-type="video" content-href="{VIDEO}"'
    data = read(
        *page(
            player='<shreddit-player src="https://v.redd.it/other123456/HLSPlaylist.m3u8">',
            post=post,
        )
    )

    assert (data.items, data.found) == ((), False)


def test_the_old_sites_player_is_read() -> None:
    html = (
        f'<div class="thing" data-fullname="t3_{ID}" data-author="jane" data-url="{VIDEO}"'
        ' data-timestamp="1700000000000">'
        f'<div class="player" data-hls-url="{VIDEO}/HLSPlaylist.m3u8?a=1&amp;v=1"'
        ' data-video-width="1280" data-video-height="720">'
    )
    data = read(*element_documents(html))

    assert [(c.url, c.height) for c in data.items[0].candidates] == [
        (f"{VIDEO}/HLSPlaylist.m3u8?a=1&v=1", 720)
    ]
    assert data.handle == "jane"


@pytest.mark.parametrize(
    ("answer", "condition"),
    [
        ({"reason": "private", "message": "Forbidden", "error": 403}, Private),
        ({"reason": "quarantined", "message": "Forbidden", "error": 403}, LoginRequired),
        ({"reason": "banned", "message": "Not Found", "error": 404}, Deleted),
        ({"message": "Not Found", "error": 404}, Deleted),
        ({"message": "Forbidden", "error": 403}, IpBlocked),
        ({"message": "Too Many Requests", "error": 429}, RateLimited),
        (listing(), Deleted),
        (listing(record(removed_by_category="moderator", selftext="[removed]")), Deleted),
        (
            listing(record(video=reddit_video(hls_url=None, dash_url=None, fallback_url=None))),
            Upcoming,
        ),
    ],
)
def test_an_error_answer_raises_the_matching_failure(answer: Any, condition: type[Failure]) -> None:
    with pytest.raises(condition):
        reddit.read(POST, REDDIT, [answer])


def animated(**more: Any) -> dict[str, Any]:
    mp4 = {
        "url": "https://preview.redd.it/kite.gif?format=mp4&amp;s=1",
        "width": 320,
        "height": 240,
    }
    images = [
        {
            "source": {"url": "https://preview.redd.it/kite.gif"},
            "variants": {"mp4": {"source": mp4}},
        }
    ]
    return record(preview={"images": images}, **more)


def test_an_animated_picture_is_a_silent_video() -> None:
    data = read(
        listing(animated(url="https://i.redd.it/kite.gif", domain="i.redd.it", post_hint="image"))
    )

    assert (data.items[0].type, data.items[0].expected.audio) == (ItemType.GIF, False)
    assert data.items[0].candidates[0].url == "https://preview.redd.it/kite.gif?format=mp4&s=1"


@pytest.mark.parametrize(
    "facts",
    [
        {"is_self": True, "post_hint": "self", "url": f"https://www.reddit.com/comments/{ID}/"},
        {"post_hint": "link", "url": "https://news.example/kite", "domain": "news.example"},
    ],
    ids=["text post", "link to a page"],
)
def test_the_animated_preview_of_a_page_that_a_post_links_to_is_ignored(
    facts: dict[str, Any],
) -> None:
    assert read(listing(animated(**facts))).items == ()


def test_a_video_whose_media_is_not_listed_yet_counts_as_upcoming() -> None:
    unready = record(
        url="https://v.redd.it/kite1234567", domain="v.redd.it", is_video=True, media=None
    )

    with pytest.raises(Upcoming):
        reddit.read(POST, REDDIT, [listing(unready)])
    with pytest.raises(Deleted):
        reddit.read(POST, REDDIT, [listing({**unready, "removed_by_category": "moderator"})])


def test_a_list_of_requested_posts_is_read_like_the_page_of_one() -> None:
    answer = {
        "kind": "Listing",
        "data": {"children": [{"kind": "t3", "data": record(video=reddit_video())}]},
    }

    assert read(answer).items[0].candidates


def test_a_picture_is_the_file_that_was_uploaded_before_the_sites_copy_of_it() -> None:
    link = "https://i.redd.it/kite.jpg"
    item = read(listing(record(url=link, domain="i.redd.it", post_hint="image"))).items[0]

    assert (item.type, [candidate.url for candidate in item.candidates]) == (
        ItemType.IMAGE,
        [link, "https://external-preview.redd.it/p.png?a=1&s=2"],
    )
