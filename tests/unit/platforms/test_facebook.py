"""Facebook: the post's own video among suggested ones, stories with several media, older forms."""

from __future__ import annotations

import json
from html import escape
from typing import Any
from urllib.parse import quote

import pytest

from mediavault.core.failures import Failure, LoginRequired, RateLimited, Upcoming
from mediavault.core.media import ItemRole, ItemType, LiveNow, Post, SourceType
from mediavault.core.platform import PageData
from mediavault.extraction.assembly import read_source
from mediavault.extraction.page_data.document import documents
from mediavault.extraction.page_data.elements import element_documents
from mediavault.extraction.page_data.html_scan import scan
from mediavault.extraction.ranking import choose_candidate
from mediavault.platforms.facebook import FACEBOOK
from mediavault.platforms.facebook import reader as facebook
from tests.unit.platforms.test_instagram import MPD

ID = "387081299304444"
URL = f"https://www.facebook.com/watch/?v={ID}"
CDN = "https://video.xx.fbcdn.net/v/"


def read(*documents: object, post_id: str = ID) -> PageData:
    data = facebook.read(Post(URL, URL, "facebook", post_id), FACEBOOK, documents)
    assert data is not None
    return data


def video(video_id: str = ID, **more: Any) -> dict[str, Any]:
    return {
        "__typename": "Video",
        "id": video_id,
        "playable_duration_in_ms": 34_000,
        "playable_url": f"{CDN}{video_id}_sd.mp4",
        "playable_url_quality_hd": f"{CDN}{video_id}_hd.mp4",
        "preferred_thumbnail": {"image": {"uri": f"https://scontent.fbcdn.net/{video_id}.jpg"}},
        "owner": {
            "__typename": "Page",
            "name": "Jane",
            "url": "https://www.facebook.com/jane.kites",
        },
        **more,
    }


def story(*media: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "__typename": "Story",
        "post_id": "700000001",
        "wwwURL": "https://www.facebook.com/jane.kites/posts/pfbid0abcDEF",
        "actors": [{"name": "Jane", "url": "https://www.facebook.com/jane.kites"}],
        "message": {"text": "Two kites"},
        "creation_time": 1_700_000_000,
        "attachments": [
            {
                "styles": {
                    "attachment": {
                        "all_subattachments": {"nodes": [{"media": medium} for medium in media]}
                    }
                }
            }
        ],
        "feedback": {"comments": [{"attachments": [{"media": video("999999999")}]}]},
        **more,
    }


PHOTO = {
    "__typename": "Photo",
    "id": "55555555",
    "image": {"uri": "https://scontent.fbcdn.net/p.jpg"},
}


def test_the_better_whole_file_of_the_posts_own_video_is_taken() -> None:
    data = read({"data": {"video": video()}, "suggested": [video("111111111"), video("222222222")]})

    assert [c.url for c in data.items[0].candidates] == [f"{CDN}{ID}_hd.mp4", f"{CDN}{ID}_sd.mp4"]
    assert choose_candidate(data.items[0]).url == f"{CDN}{ID}_hd.mp4"
    assert (data.handle, data.display_name, data.thumbnail_url) == (
        "jane.kites",
        "Jane",
        f"https://scontent.fbcdn.net/{ID}.jpg",
    )
    assert data.items[0].expected.duration_s == 34


def test_data_from_several_documents_is_merged() -> None:
    delivery = {
        "id": ID,
        "videoDeliveryResponseFragment": {
            "videoDeliveryResponseResult": {
                "progressive_urls": [
                    {"progressive_url": f"{CDN}sd.mp4", "metadata": {"quality": "SD"}},
                    {"progressive_url": f"{CDN}hd.mp4", "metadata": {"quality": "HD"}},
                    {"progressive_url": None, "failure_reason": "x", "metadata": {"quality": "HD"}},
                ]
            }
        },
    }
    around = {
        "video": {"id": ID},
        "message": {"text": "A kite"},
        "actors": [{"name": "Jane"}],
        "creation_time": 1_700_000_000,
    }
    data = read(delivery, around)

    assert [c.url for c in data.items[0].candidates] == [f"{CDN}hd.mp4", f"{CDN}sd.mp4"]
    assert (data.display_name, data.text) == ("Jane", "A kite")
    assert data.published_at is not None


def test_the_manifest_is_taken_where_the_only_file_is_small() -> None:
    manifest = MPD.format(w=1080, h=1920)
    small = video(playable_url_quality_hd=None, dash_manifest=manifest)
    both = video(dash_manifest=manifest)

    assert [
        choose_candidate(read(document).items[0]).source_type for document in (small, both)
    ] == [
        SourceType.DASH,
        SourceType.DIRECT,
    ]


def test_an_escaped_manifest_of_older_pages_is_read() -> None:
    escaped = video(
        playable_url=None,
        playable_url_quality_hd=None,
        dash_manifest=quote(MPD.format(w=1080, h=1920)),
    )

    assert choose_candidate(read(escaped).items[0]).source_type is SourceType.DASH


def test_a_story_gives_its_media_in_order_without_those_of_comments() -> None:
    node = {"data": {"node": story(video("111111111"), PHOTO, video("222222222"))}}

    for post_id in ("700000001", "pfbid0abcDEF"):
        data = read(node, post_id=post_id)
        assert [(item.type, item.media_id) for item in data.items] == [
            (ItemType.VIDEO, "111111111"),
            (ItemType.IMAGE, None),
            (ItemType.VIDEO, "222222222"),
        ]
    assert (data.handle, data.text) == ("jane.kites", "Two kites")


def test_a_storys_sections_name_its_account_where_the_story_does_not() -> None:
    media = {"styles": {"attachment": {"media": video("9", owner=None)}}}
    jane = {"name": "Jane", "url": "https://www.facebook.com/jane.kites"}
    inner = {"actors": [jane], "message": {"text": "A kite"}, "attachments": [media]}
    bob = {"actors": [{"name": "Bob", "url": "https://www.facebook.com/bob"}]}
    story = {
        "post_id": ID,
        "feedback": {"comments": [bob]},
        "comet_sections": {"content": {"story": inner}},
    }
    data = read(story)

    assert (data.handle, data.display_name, data.text) == ("jane.kites", "Jane", "A kite")


def test_a_storys_photo_in_the_form_of_the_newest_pages_is_not_a_video() -> None:
    photo = {
        "__typename": "Photo",
        "id": "9",
        "photo_image": {"uri": "https://scontent.fbcdn.net/p.jpg"},
    }
    data = read({"post_id": ID, "attachments": [{"styles": {"attachment": {"media": photo}}}]})

    assert (data.found, data.image_urls, [item.type for item in data.items]) == (
        True,
        ("https://scontent.fbcdn.net/p.jpg",),
        [ItemType.IMAGE],
    )


@pytest.mark.parametrize("key", ["videos", "cards"])
def test_an_advert_in_the_ad_library_shows_its_videos_or_those_of_its_cards(key: str) -> None:
    part = {
        "video_hd_url": f"{CDN}hd.mp4",
        "video_sd_url": f"{CDN}sd.mp4",
        "video_preview_image_url": f"{CDN}a.jpg",
    }
    shown = {
        "page_name": "Jane",
        "page_profile_uri": "https://www.facebook.com/jane.kites/",
        key: [part],
    }
    data = read(
        {"ad_archive_id": ID, "snapshot": {"body": {"text": "A kite"}, **shown}},
        {"ad_archive_id": "7"},
    )

    assert (choose_candidate(data.items[0]).url, data.thumbnail_url) == (
        f"{CDN}hd.mp4",
        f"{CDN}a.jpg",
    )
    assert (data.handle, data.display_name, data.text) == ("jane.kites", "Jane", "A kite")


def test_a_shared_storys_video_is_an_item_with_that_role() -> None:
    shared = story(video("333333333"), post_id="800000001")
    data = read(story(attached_story=shared), post_id="700000001")

    assert [(item.role, item.label, item.media_id) for item in data.items] == [
        (ItemRole.REPOSTED, "800000001", "333333333")
    ]


def test_a_page_for_link_previews_names_the_video_in_its_address() -> None:
    address = f"https://lookaside.fbsbx.com/lookaside/crawler/media/?media_id={ID}"
    data = read(
        {
            "story": {
                "creation_time": 1,
                "attachments": [{"media": {"browser_native_hd_url": address}}],
            }
        }
    )

    assert [c.url for c in data.items[0].candidates] == [address]


def test_suggested_videos_alone_are_ignored() -> None:
    assert (
        facebook.read(
            Post(URL, URL, "facebook", ID), FACEBOOK, [{"a": video("111111111")}, {"id": ID}]
        )
        is None
    )


def test_the_mobile_sites_store_is_read() -> None:
    stores = [
        {
            "videoID": name,
            "src": f"{CDN}{name}.mp4",
            "width": 360,
            "height": 202,
            "dashManifest": MPD.format(w=1920, h=1080),
        }
        | {"videoURL": "https://www.facebook.com/Kites/videos/1/"}
        for name in ("111111111", ID)
    ]
    html = "".join(f'<div data-store="{escape(json.dumps(store))}">' for store in stores)
    data = read(*element_documents(html))

    assert choose_candidate(data.items[0]).url == f"{CDN}{ID}.mp4"
    assert (data.handle, len(data.items)) == ("Kites", 1)


def test_the_scripts_of_older_pages_are_read() -> None:
    page = (
        '<script>require("x").guard(function(){bigPipe.onPageletArrive({jsmods:{instances:[["a",["VideoConfig"],[{videoData:'
        f'[{{hd_src:"https:\\/\\/video.xx.fbcdn.net\\/hd.mp4",sd_src:"{CDN}sd.mp4",video_id:"{ID}"}}]}}]]]}}}});}})();</script>'
    )

    assert [c.url for c in read(*documents(scan(page))).items[0].candidates] == [
        "https://video.xx.fbcdn.net/hd.mp4",
        f"{CDN}sd.mp4",
    ]


@pytest.mark.parametrize(
    ("answer", "condition"),
    [
        (video(is_live_streaming=True), LiveNow),
        (video(broadcast_status="SCHEDULED_LIVE"), Upcoming),
        ({"error": 1357001, "errorSummary": "Log in to continue"}, LoginRequired),
        ({"errors": [{"code": 1675004, "message": "Rate limit exceeded"}]}, RateLimited),
    ],
)
def test_an_error_answer_raises_the_matching_failure(
    answer: dict[str, Any], condition: type[Failure]
) -> None:
    with pytest.raises(condition):
        facebook.read(Post(URL, URL, "facebook", ID), FACEBOOK, [answer])


# --- lists of posts -------------------------------------------------------------------------------


def neighbours(own: dict[str, Any]) -> dict[str, Any]:
    """Return a list of an account's posts: the one that was asked for, before one with a video."""
    return {
        "edges": [
            {"node": own},
            {"node": story(video("999000999"), post_id="700000002", wwwURL="")},
        ]
    }


def test_a_text_in_a_list_has_no_video_although_its_neighbour_has_one() -> None:
    text = story(attachments=[])

    assert read(neighbours(text), post_id="700000001").items == ()


def test_a_photo_in_a_list_has_no_video_although_its_neighbour_has_one() -> None:
    assert [item.type for item in read(neighbours(story(PHOTO)), post_id="700000001").items] == [
        ItemType.IMAGE
    ]


def test_a_part_of_a_story_without_attachments_does_not_hide_another_parts_video() -> None:
    data = read({"part": story(attachments=[])}, {"whole": story(video())}, post_id="700000001")

    assert [item.media_id for item in data.items] == [ID]


def test_what_a_scrolled_page_receives_as_markup_in_guarded_json_is_read() -> None:
    store = escape(json.dumps({"videoID": ID, "src": f"{CDN}a.mp4"}))
    answer = {
        "payload": {
            "actions": [{"cmd": "append", "html": f'<div data-store="{store}"><i></i></div>'}]
        }
    }
    source = read_source(URL, "", [f"for (;;);{json.dumps(answer)}"])

    assert [c.url for c in read(*source.documents).items[0].candidates] == [f"{CDN}a.mp4"]
