"""Saved answers and pages of X in the formats of 2013 to 2026: the post's own video,
or what there is instead.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.extraction.samples import X_ID, tweet, x_answer, x_photo, x_video
from tests.unit.extraction.saved_reading import SavedFacts, read_saved

URL = f"https://x.com/jane/status/{X_ID}"
BEST = "https://video.twimg.com/amplify_video/111/vid/avc1/1280x720/1112176000.mp4?tag=14"
THUMBNAIL = "https://pbs.twimg.com/amplify_video_thumb/111/img/a.jpg"
OWN_VIDEO = SavedFacts("video", BEST, "jane", "Jane", THUMBNAIL)
WITHHELD = SavedFacts("metadata_only", None, "jane", "Jane", THUMBNAIL)


def status(*media: Any, **more: Any) -> dict[str, Any]:
    """A post of API version 1.1."""
    user = {"id_str": "5", "screen_name": "jane", "name": "Jane"}
    entities = {"extended_entities": {"media": list(media)}} if media else {}
    return {
        "id": int(X_ID),
        "id_str": X_ID,
        "created_at": "",
        "text": "hi",
        "user": user,
        **entities,
        **more,
    }


def without(node: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in node.items() if name not in names}


def string(value: str) -> dict[str, Any]:
    return {"type": "STRING", "string_value": value}


def card(name: str, picture: str = "player_image_original", **bindings: Any) -> dict[str, Any]:
    values = {
        **bindings,
        picture: {"type": "IMAGE", "image_value": {"url": THUMBNAIL, "width": 9, "height": 9}},
    }
    listed = [{"key": key, "value": value} for key, value in values.items()]
    return {"card": {"rest_id": "card://1", "legacy": {"name": name, "binding_values": listed}}}


def medium(kind: str = "ApiVideo") -> dict[str, Any]:
    """The media of an article."""
    variants = [{"bit_rate": 2_176_000, "content_type": "video/mp4", "url": BEST}]
    info = {
        "__typename": kind,
        "preview_image": {"original_img_url": THUMBNAIL},
        "variants": variants,
    }
    return {"media_id": "111", "media_info": info}


@pytest.mark.parametrize(
    "answer",
    [
        x_answer(tweet(x_video())),
        status(x_video()),
        without(status(x_video()), "id_str"),
        {"statuses": [status(id=9, id_str="9"), status(x_video())]},
        {"id": {X_ID: status(x_video())}},
        x_answer(tweet(article={"article_results": {"result": {"media_entities": [medium()]}}})),
        x_answer(tweet(media_entities=[medium()])),
        x_answer(
            tweet(
                **card(
                    "unified_card",
                    unified_card=string(json.dumps({"media_entities": {"1": x_video()}})),
                )
            )
        ),
    ],
)
def test_every_form_of_a_post_gives_its_best_file_author_and_picture(answer: Any) -> None:
    assert read_saved(URL, answer) == OWN_VIDEO


@pytest.mark.parametrize(
    "answer",
    [
        x_answer(
            tweet(
                **card(
                    "promo_video_convo",
                    player_stream_url=string("https://video.twimg.com/x/vmap/9.vmap"),
                )
            )
        ),
        x_answer(
            tweet(
                **card("amplify", amplify_url_vmap=string("https://video.twimg.com/x/vmap/9.vmap"))
            )
        ),
        x_answer(
            tweet(
                **card(
                    "3691233323:periscope_broadcast",
                    "broadcast_thumbnail_original",
                    broadcast_id=string("1BR"),
                    broadcast_state=string("ENDED"),
                )
            )
        ),
        status(
            entities={
                "media": [
                    {
                        "type": "photo",
                        "media_url_https": THUMBNAIL,
                        "expanded_url": f"{URL}/video/1",
                    }
                ]
            }
        ),
    ],
)
def test_a_video_that_is_announced_without_its_files_is_not_reported_as_missing(
    answer: Any,
) -> None:
    assert read_saved(URL, answer) == WITHHELD


def test_a_cards_file_is_taken_and_another_sites_player_is_not() -> None:
    file: dict[str, Any] = {
        "player_stream_url": string("https://site.test/v.mp4"),
        "player_stream_content_type": string("video/mp4"),
    }

    assert (
        read_saved(URL, x_answer(tweet(**card("player", **file)))).best == "https://site.test/v.mp4"
    )
    page = x_answer(
        tweet(**card("player", player_url=string("https://www.youtube.com/embed/abcdefghijk")))
    )
    assert read_saved(URL, page).outcome == "no_video"


def test_a_broadcast_that_is_on_is_live_unless_another_post_shows_it() -> None:
    running = card(
        "745291183405076480:broadcast",
        broadcast_id=string("1BR"),
        broadcast_state=string("RUNNING"),
    )

    assert read_saved(URL, x_answer(tweet(**running))).outcome == "live"
    quoting = tweet(x_photo(), quoted_status_result={"result": tweet(post_id="2", **running)})
    assert read_saved(URL, x_answer(quoting)).outcome == "no_own_video"


def problem(kind: str, **more: Any) -> dict[str, Any]:
    return {
        "errors": [
            {
                "type": f"https://api.x.com/2/problems/{kind}",
                "detail": "no",
                "resource_id": X_ID,
                **more,
            }
        ]
    }


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ({"errors": [{"code": 63, "message": "User has been suspended."}]}, "gone"),
        ({"errors": [{"code": 422, "message": "violated"}]}, "gone"),
        (problem("resource-not-found", resource_id="1"), "metadata_only"),
    ],
)
def test_refusals_of_the_public_apis_have_their_outcome(answer: Any, outcome: str) -> None:
    assert read_saved(URL, answer).outcome == outcome


def test_a_tombstone_in_a_timeline_is_read_in_its_newer_form_too() -> None:
    content = {
        "itemType": "TimelineTombstone",
        "tombstoneInfo": {"richText": {"text": "This page doesn't exist."}},
    }
    entry = {"entryId": f"tweet-{X_ID}", "content": {"itemContent": content}}

    assert read_saved(URL, {"data": {"instructions": [{"entries": [entry]}]}}).outcome == "gone"


def test_a_rendered_page_names_the_author_in_its_title() -> None:
    page = (
        "<html><head><title>(3) Jane on X: &quot;hi&quot; /"
        f" X</title></head><body>{'word ' * 20}</body></html>"
    )

    assert read_saved(URL, page) == SavedFacts("no_video", None, "jane", "Jane", None)


GONE = {
    "__typename": "TweetTombstone",
    "tombstone": {"text": {"text": "This Post was deleted by the Post author."}},
}


@pytest.mark.parametrize(
    ("item", "outcome"),
    [
        ({"tweet_results": {"result": GONE}}, "gone"),
        ({"tweet_results": {}}, "gone"),
        (
            {
                "tweet_results": {
                    "result": {"__typename": "TweetPreviewDisplay", "tweet": {"text": "hi"}}
                }
            },
            "login_required",
        ),
        ({"tweet_results": {"result": tweet(x_video())}}, "video"),
    ],
)
def test_only_the_posts_own_entry_in_a_conversation_decides(item: Any, outcome: str) -> None:
    entry = {"entryId": f"conversationthread-9-tweet-{X_ID}", "item": {"itemContent": item}}
    other = {
        "entryId": "conversationthread-9-tweet-7",
        "item": {"itemContent": {"tweet_results": {"result": GONE}}},
    }

    assert (
        read_saved(URL, {"data": {"entries": [{"content": {"items": [other, entry]}}]}}).outcome
        == outcome
    )


@pytest.mark.parametrize(
    ("reason", "outcome"), [("Geoblocked", "region_locked"), ("Dmcaed", "gone"), (None, "gone")]
)
def test_media_that_x_withholds_say_why(reason: str | None, outcome: str) -> None:
    kept_back = {
        "ext_media_availability": {"status": "Unavailable", "reason": reason},
        "video_info": {"variants": []},
    }

    assert read_saved(URL, x_answer(tweet({**x_video(), **kept_back}))).outcome == outcome
    assert (
        read_saved(URL, x_answer(tweet({**x_video(), **kept_back}, x_video("222")))).outcome
        == "video"
    )
