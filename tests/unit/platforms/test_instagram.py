"""Instagram's records of a post: GraphQL, the app's API, embeds, carousels, and error answers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mediavault.core.failures import (
    Challenge,
    Deleted,
    Failure,
    LoginRequired,
    Private,
    RateLimited,
)
from mediavault.core.media import ItemType, Post, SourceType
from mediavault.core.platform import PageData
from mediavault.extraction.page_data.document import documents, parse_json
from mediavault.extraction.page_data.html_scan import scan
from mediavault.extraction.ranking import choose_candidate
from mediavault.platforms import instagram
from mediavault.platforms.instagram import INSTAGRAM
from mediavault.platforms.meta_media import number_of

CODE = "CPQjO5RIIO9"
PK = "2580717541674484669"
URL = f"https://www.instagram.com/p/{CODE}/"
CDN = "https://scontent.cdninstagram.com/v/t50/"
MPD = (
    '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"'
    ' mediaPresentationDuration="PT9S"><Period>'
    '<AdaptationSet><Representation id="v" mimeType="video/mp4" codecs="avc1.640028" width="{w}"'
    ' height="{h}"'
    ' bandwidth="900000"><BaseURL>https://a.test/v.mp4</BaseURL><SegmentBase'
    ' indexRange="0-9"/></Representation>'
    '</AdaptationSet><AdaptationSet><Representation id="a" mimeType="audio/mp4" codecs="mp4a.40.2"'
    ' bandwidth="64000">'
    "<BaseURL>https://a.test/a.mp4</BaseURL><SegmentBase"
    ' indexRange="0-9"/></Representation></AdaptationSet></Period></MPD>'
)


def post(url: str = URL) -> Post:
    return Post(url, URL, "instagram", CODE)


def read(*answers: object, url: str = URL) -> PageData:
    data = instagram.read(post(url), INSTAGRAM, answers)
    assert data is not None
    return data


def test_a_highlights_stories_are_its_items() -> None:
    url = "https://www.instagram.com/stories/highlights/17900000000000001/"
    clip = {"pk": "1", "media_type": 2, "video_versions": [{"url": f"{CDN}a.mp4"}]}
    still = {
        "pk": "2",
        "media_type": 1,
        "image_versions2": {"candidates": [{"url": f"{CDN}b.jpg"}]},
    }
    reel = {
        "id": "highlight:17900000000000001",
        "user": {"username": "jane"},
        "items": [still, clip],
    }
    other = {"id": "highlight:5", "items": [clip]}
    data = instagram.read(
        Post(url, url, "instagram", "17900000000000001"), INSTAGRAM, [{"reels": [other, reel]}]
    )

    assert data is not None
    assert ([item.is_video for item in data.items], data.handle) == ([False, True], "jane")


def graphql(code: str = CODE, **more: Any) -> dict[str, Any]:
    return {
        "__typename": "GraphVideo",
        "id": PK,
        "shortcode": code,
        "is_video": True,
        "dimensions": {"width": 720, "height": 1280},
        "display_url": f"{CDN}{code}.jpg",
        "video_url": f"{CDN}{code}.mp4",
        "video_duration": 9.5,
        "has_audio": True,
        "owner": {"id": "1", "username": "jane", "full_name": "Jane"},
        "edge_media_to_caption": {"edges": [{"node": {"text": "A kite"}}]},
        "taken_at_timestamp": 1_700_000_000,
        **more,
    }


def api(name: str = CODE, *, video: bool = True, **more: Any) -> dict[str, Any]:
    versions = [
        {"type": 102, "width": 480, "height": 852, "url": f"{CDN}{name}_small.mp4"},
        {"type": 101, "width": 720, "height": 1280, "url": f"{CDN}{name}_large.mp4"},
    ]
    pictures = [
        {"width": 1080, "height": 1920, "url": f"{CDN}{name}_large.jpg"},
        {"width": 9, "height": 9, "url": f"{CDN}s.jpg"},
    ]
    own = {"media_type": 2, "video_versions": versions} if video else {"media_type": 1}
    return {"image_versions2": {"candidates": pictures}, **own, **more}


def own_api(**more: Any) -> dict[str, Any]:
    user = {"pk": "1", "username": "jane", "full_name": "Jane"}
    return api(
        pk=PK, code=CODE, user=user, caption={"text": "A kite"}, taken_at=1_700_000_000, **more
    )


def test_the_number_and_the_shortcode_name_the_same_post() -> None:
    assert number_of(CODE) == PK
    assert number_of(PK) == PK
    assert number_of(CODE + "x" * 28) == PK
    assert number_of("no code!") is None


@pytest.mark.parametrize(
    "answer",
    [
        {"graphql": {"shortcode_media": graphql()}},
        {"data": {"xdt_shortcode_media": graphql()}},
        {"entry_data": {"PostPage": [{"graphql": {"shortcode_media": graphql()}}]}},
        {"items": [own_api()]},
        {
            "require": [
                [
                    "X",
                    "handle",
                    None,
                    [
                        {
                            "__bbox": {
                                "data": {
                                    "xdt_api__v1__media__shortcode__web_info": {
                                        "items": [own_api()]
                                    }
                                }
                            }
                        }
                    ],
                ]
            ]
        },
        {"contextJSON": json.dumps({"context": {"media": graphql()}})},
        {"contextJSON": json.dumps({"gql_data": {"shortcode_media": graphql()}})},
        {"gql_data": json.dumps({"shortcode_media": graphql()})},
    ],
)
def test_every_form_of_the_record_gives_the_same_data(answer: dict[str, Any]) -> None:
    data = read(answer)

    chosen = choose_candidate(data.items[0])
    assert (chosen.width, chosen.height) == (720, 1280)
    assert (data.handle, data.display_name, data.text) == ("jane", "Jane", "A kite")
    assert data.published_at is not None
    assert data.published_at.year == 2023
    assert data.thumbnail_url is not None
    assert data.found


def test_records_of_other_posts_are_ignored() -> None:
    other = graphql("OTHER0000", id="99", video_url=f"{CDN}other.mp4")
    data = read({"a": other, "b": graphql(), "c": {"edge_related": {"edges": [{"node": other}]}}})

    assert [c.url for item in data.items for c in item.candidates] == [f"{CDN}{CODE}.mp4"]
    assert instagram.read(post(), INSTAGRAM, [other]) is None


def test_a_carousel_gives_one_item_per_child_in_order() -> None:
    children = [
        api("one", video=False, pk="11"),
        api("two", pk="12"),
        api("three", video=False, pk="13"),
        api("four", pk="14"),
    ]
    data = read({"items": [own_api(carousel_media=children, media_type=8)]})

    assert [item.type for item in data.items] == [
        ItemType.IMAGE,
        ItemType.VIDEO,
        ItemType.IMAGE,
        ItemType.VIDEO,
    ]
    assert [item.media_id for item in data.items] == ["11", "12", "13", "14"]
    assert data.image_urls == (f"{CDN}one_large.jpg", f"{CDN}three_large.jpg")
    assert data.thumbnail_url == f"{CDN}two_large.jpg"


def test_the_address_can_name_one_item_of_the_carousel() -> None:
    children = [api("one", video=False), api("two"), api("three")]
    answer = {"items": [own_api(carousel_media=children)]}

    assert read(answer, url=f"{URL}?img_index=3").selected == 2
    assert read(answer, url=f"{URL}?img_index=1").selected is None
    assert read(answer).selected is None


def test_a_record_with_children_takes_precedence_over_one_without() -> None:
    edges = [
        {"node": graphql("A1", id="1")},
        {"node": graphql("A2", id="2", is_video=False, video_url=None)},
    ]
    full = graphql(edge_sidecar_to_children={"edges": edges}, video_url=None, is_video=False)
    data = read(graphql(video_url=None), full)

    assert [item.is_video for item in data.items] == [True, False]


def test_an_inline_manifest_is_taken_where_it_is_larger() -> None:
    small, large = (
        own_api(video_dash_manifest=MPD.format(w=w, h=h)) for w, h in ((720, 1280), (1080, 1920))
    )
    chosen = [choose_candidate(read({"items": [record]}).items[0]) for record in (small, large)]

    assert [c.source_type for c in chosen] == [SourceType.DIRECT, SourceType.DASH]
    assert chosen[1].url.startswith("data:application/dash+xml;base64,")
    assert chosen[1].has_audio


def test_a_photo_post_is_found_without_a_video() -> None:
    data = read(
        {"items": [{**api(video=False), "pk": PK, "code": CODE, "user": {"username": "jane"}}]}
    )

    assert [item.type for item in data.items] == [ItemType.IMAGE]
    assert data.found


def test_a_story_is_found_by_its_number() -> None:
    url = f"https://www.instagram.com/stories/jane/{PK}/"
    wanted = Post(url, url, "instagram", PK, "jane")
    reel = {
        "reels_media": [
            {
                "user": {"username": "jane"},
                "items": [api("x", pk="1", id="1_5"), api("y", pk=PK, id=f"{PK}_5")],
            }
        ]
    }
    coded = {"items": [api("x", pk="1", code="B"), api("y", pk=PK, code="CAAAAAAAAAA")]}

    for answer in (reel, coded):
        data = instagram.read(wanted, INSTAGRAM, [answer])
        assert data is not None
        assert choose_candidate(data.items[0]).url == f"{CDN}y_large.mp4"


def test_a_page_that_only_names_the_post_gives_no_data() -> None:
    assert (
        instagram.read(
            post(), INSTAGRAM, [{"params": {"media_id": PK, "media_type": 2, "code": CODE}}]
        )
        is None
    )


def test_data_that_a_script_loads_are_read() -> None:
    page = (
        f"<script>window.__additionalDataLoaded('/p/{CODE}/',"
        f"{json.dumps({'graphql': {'shortcode_media': graphql()}})});</script>"
    )

    assert read(*documents(scan(page))).handle == "jane"


def test_an_answer_saved_as_a_module_is_read() -> None:
    saved = (
        f"const answer = {{ data: {{ shortcode: '{CODE}', is_video: true, video_url: '{CDN}m.mp4',"
        f" }} }};"
    )

    assert [c.url for c in read(*parse_json(saved)).items[0].candidates] == [f"{CDN}m.mp4"]


def test_an_oembed_answer_gives_metadata_only() -> None:
    answer = {
        "provider_name": "Instagram",
        "media_id": f"{PK}_1",
        "author_name": "jane",
        "thumbnail_url": f"{CDN}t.jpg",
    }
    data = read(answer)

    assert (data.found, data.handle, data.thumbnail_url) == (False, "jane", f"{CDN}t.jpg")


@pytest.mark.parametrize(
    ("answer", "condition"),
    [
        ({"message": "login_required", "status": "fail"}, LoginRequired),
        ({"message": "", "require_login": True, "status": "fail"}, LoginRequired),
        ({"data": {"xdt_shortcode_media": None}}, LoginRequired),
        ({"message": "checkpoint_required", "status": "fail"}, Challenge),
        (
            {"message": "Please wait a few minutes before you try again.", "status": "fail"},
            RateLimited,
        ),
        ({"message": "Media not found or unavailable", "status": "fail"}, Deleted),
        ({"message": "Not authorized to view user", "status": "fail"}, Private),
    ],
)
def test_an_error_answer_raises_the_matching_failure(
    answer: dict[str, Any], condition: type[Failure]
) -> None:
    with pytest.raises(condition):
        instagram.read(post(), INSTAGRAM, [answer])


def test_a_message_on_a_page_is_not_an_error_answer() -> None:
    """The same scripts contain tables of messages."""
    assert instagram.read(post(), INSTAGRAM, [{"message": "This account is private"}]) is None
