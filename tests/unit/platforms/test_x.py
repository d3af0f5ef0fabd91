"""X's answers: only the post's own media, or why there are none."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mediavault.core.failures import (
    AccountWarning,
    AgeRestricted,
    Deleted,
    Failure,
    Private,
    RateLimited,
    RegionLocked,
)
from mediavault.core.media import ItemRole, ItemType, Ownership, SourceType
from mediavault.core.platform import PageData
from mediavault.platforms.x import X
from mediavault.platforms.x import reader as x
from tests.unit.extraction.page_data.reading import best
from tests.unit.extraction.samples import X_ID, tweet, x_answer, x_photo, x_post, x_thread, x_video


def read(*documents: object, suffix: str = "") -> PageData:
    data = x.read(x_post(suffix), X, documents)
    assert data is not None
    return data


def keys(data: PageData) -> set[str | None]:
    return {item.media_id for item in data.items if item.role is ItemRole.MAIN and item.is_video}


def level_of(key: str) -> str:
    return f"https://video.twimg.com/amplify_video/{key}/vid/avc1/1280x720/{key}2176000.mp4?tag=14"


def test_a_video_post_gives_its_levels_its_author_and_its_day() -> None:
    data = read(x_answer(tweet(x_video())))

    (item,) = data.items
    assert [c.source_type for c in item.candidates] == [
        SourceType.HLS,
        SourceType.DIRECT,
        SourceType.DIRECT,
    ]
    assert {c.ownership for c in item.candidates} == {Ownership.ID_MATCH}
    assert [(c.width, c.height, c.bitrate) for c in item.candidates][-1] == (1280, 720, 2_176_000)
    assert (data.handle, data.display_name, item.expected.duration_s) == ("jane", "Jane", 12.5)
    assert data.published_at is not None
    assert data.published_at.isoformat() == "2022-07-13T02:05:54+00:00"


def test_a_quoted_posts_video_is_an_item_with_that_role() -> None:
    quoted = {"result": tweet(x_video("222"), post_id="2", handle="other")}
    data = read(x_answer(tweet(x_video("111"), quoted_status_result=quoted)))

    assert keys(data) == {"111"}
    assert [(i.media_id, i.label) for i in data.items if i.role is ItemRole.QUOTED] == [
        ("222", "2")
    ]
    assert data.metadata["quoted_post_id"] == "2"


def test_a_post_without_media_that_quotes_a_video_has_no_video_itself() -> None:
    data = read(
        x_answer(tweet(quoted_status_result={"result": tweet(x_video("222"), post_id="2")}))
    )

    assert data.found
    assert keys(data) == set()


def test_adverts_and_replies_in_a_thread_are_ignored() -> None:
    data = read(
        x_thread(
            tweet(x_video("111")),
            tweet(x_video("333"), post_id="3"),
            promoted=tweet(x_video("444"), post_id="4"),
        )
    )

    assert keys(data) == {"111"}


def test_a_wrapped_post_is_found() -> None:
    data = read(x_answer({"__typename": "TweetWithVisibilityResults", "tweet": tweet(x_video())}))

    assert keys(data) == {"111"}


def test_a_repost_shows_the_original_posts_video_and_names_its_author() -> None:
    original = tweet(x_video("555"), post_id="5", handle="author")
    data = read(x_answer(tweet(legacy={"retweeted_status_result": {"result": original}})))

    assert keys(data) == {"555"}
    assert data.handle == "author"
    assert data.metadata["reposted_from"] == "5"


def test_a_gif_expects_no_sound() -> None:
    data = read(x_answer(tweet(x_video(kind="animated_gif"))))

    (item,) = data.items
    assert (item.type, item.expected.audio, item.candidates[0].has_audio) == (
        ItemType.GIF,
        False,
        False,
    )


def test_each_medium_is_an_item_in_the_posts_order() -> None:
    data = read(x_answer(tweet(x_photo(), x_video("111"), x_video("222"))))

    assert [(item.type, item.media_id) for item in data.items][1:] == [
        (ItemType.VIDEO, "111"),
        (ItemType.VIDEO, "222"),
    ]
    assert (data.items[0].type, data.selected) == (ItemType.IMAGE, None)


def test_the_address_can_name_another_of_several_videos() -> None:
    data = read(x_answer(tweet(x_video("111"), x_video("222"))), suffix="/video/2")

    assert (keys(data), data.selected) == ({"111", "222"}, 1)


def test_photos_are_items_in_the_size_in_which_they_were_uploaded() -> None:
    data = read(x_answer(tweet(x_photo("a"), x_photo("b"))))

    assert [item.type for item in data.items] == [ItemType.IMAGE] * 2
    assert [[candidate.url for candidate in item.candidates] for item in data.items] == [
        [
            f"https://pbs.twimg.com/media/{name}?format=jpg&name=orig",
            f"https://pbs.twimg.com/media/{name}.jpg",
        ]
        for name in ("a", "b")
    ]


def test_an_answer_about_other_posts_is_ignored() -> None:
    assert x.read(x_post(), X, [x_thread(tweet(x_video(), post_id="3"))]) is None


@pytest.mark.parametrize(
    ("document", "kind"),
    [
        (x_answer({"__typename": "TweetUnavailable", "reason": "NsfwLoggedOut"}), AgeRestricted),
        (x_answer({"__typename": "TweetUnavailable", "reason": "Protected"}), Private),
        (x_answer({"__typename": "TweetUnavailable", "reason": "Suspended"}), Deleted),
        (
            x_answer(
                {
                    "__typename": "TweetTombstone",
                    "tombstone": {"text": {"text": "This Post was deleted by the author."}},
                }
            ),
            Deleted,
        ),
        (
            x_answer(
                {
                    "__typename": "TweetTombstone",
                    "tombstone": {"text": {"text": "Age-restricted adult content."}},
                }
            ),
            AgeRestricted,
        ),
        (
            x_thread(
                {
                    "__typename": "TweetTombstone",
                    "tombstone": {"text": {"text": "This account owner limits who can view"}},
                }
            ),
            Private,
        ),
        (
            x_answer(
                {
                    "__typename": "TweetTombstone",
                    "tombstone": {"text": {"text": "Withheld in your country"}},
                }
            ),
            RegionLocked,
        ),
        ({"errors": [{"code": 144, "message": "No status found with that ID."}]}, Deleted),
        ({"errors": [{"code": 88}]}, RateLimited),
        ({"errors": [{"code": 326}]}, AccountWarning),
        ({"data": {"tweetResult": {}}}, Deleted),
    ],
)
def test_an_error_answer_raises_the_matching_failure(document: object, kind: type[Failure]) -> None:
    with pytest.raises(kind):
        x.read(x_post(), X, [document])


def test_a_tombstone_next_to_the_post_does_not_hide_it() -> None:
    gone = {"__typename": "TweetTombstone", "tombstone": {"text": {"text": "deleted"}}}
    data = read(x_thread({"rest_id": "7", **gone}, tweet(x_video())))

    assert keys(data) == {"111"}


# --- other interfaces -----------------------------------------------------------------------------


def embed(*media: dict[str, Any], post_id: str = X_ID, **facts: Any) -> dict[str, Any]:
    user = {"id_str": "9", "screen_name": "jane", "name": "Jane"}
    details = {"mediaDetails": list(media)} if media else {}
    defaults = {"__typename": "Tweet", "id_str": post_id, "text": "A kite", "user": user, **details}
    return {**defaults, "created_at": "2022-07-13T02:05:54.000Z", **facts}


def test_an_embeds_answer_is_read() -> None:
    data = read(embed(x_video()))

    assert (best(data), data.handle, data.display_name) == ([level_of("111")], "jane", "Jane")


def test_an_embeds_short_form_of_a_video_is_read() -> None:
    variants = [
        {
            "type": "application/x-mpegURL",
            "src": "https://video.twimg.com/amplify_video/111/pl/a.m3u8",
        },
        {
            "type": "video/mp4",
            "src": "https://video.twimg.com/amplify_video/111/vid/avc1/480x270/a.mp4",
        },
        {
            "type": "video/mp4",
            "src": "https://video.twimg.com/amplify_video/111/vid/avc1/1280x720/b.mp4",
        },
    ]
    data = read(
        embed(
            video={
                "poster": "https://pbs.twimg.com/a.jpg",
                "durationMs": 9_000,
                "variants": variants,
            }
        )
    )

    assert best(data) == ["https://video.twimg.com/amplify_video/111/vid/avc1/1280x720/b.mp4"]
    assert (data.thumbnail_url, data.items[0].expected.duration_s) == (
        "https://pbs.twimg.com/a.jpg",
        9,
    )


def test_an_embedded_text_post_has_no_video_and_its_quoted_posts_video_has_that_role() -> None:
    data = read(embed(quoted_tweet=embed(x_video("222"), post_id="2")))

    assert (data.found, keys(data), data.metadata["quoted_post_id"]) == (True, set(), "2")
    assert [(item.role, item.label) for item in data.items] == [(ItemRole.QUOTED, "2")]


def status(*media: dict[str, Any], post_id: str = X_ID, **facts: Any) -> dict[str, Any]:
    """Return a status as version 1.1 of the API answers with ``tweet_mode=extended``."""
    user = {"id_str": "9", "screen_name": "jane", "name": "Jane"}
    held = {"extended_entities": {"media": list(media)}} if media else {}
    defaults = {"id_str": post_id, "full_text": "A kite", "user": user, **held}
    return {**defaults, "created_at": "Wed Jul 13 02:05:54 +0000 2022", **facts}


def test_a_video_in_a_card_is_found_in_both_forms_of_the_card() -> None:
    unified = {"string_value": json.dumps({"media_entities": {"111": x_video("111")}})}
    listed: dict[str, Any] = {
        "card": {"legacy": {"binding_values": [{"key": "unified_card", "value": unified}]}}
    }
    named: dict[str, Any] = {"card": {"binding_values": {"unified_card": unified}}}
    bare: dict[str, Any] = {"legacy": {"extended_entities": {}}}

    assert keys(read(x_answer(tweet(**listed, **bare)))) == {"111"}
    assert keys(read(status(**named))) == {"111"}


def test_a_cards_playlist_is_its_video_and_a_list_of_advert_files_is_not() -> None:
    playlist = {"string_value": "https://video.twimg.com/amplify_video/111/pl/a.m3u8"}
    listed = {"string_value": "https://video.twimg.com/amplify_video/vmap/111.vmap"}
    picture = {"image_value": {"url": "https://pbs.twimg.com/111.jpg"}}
    bound = {
        "player_hls_url": playlist,
        "player_stream_url": listed,
        "player_image_original": picture,
    }
    data = read(status(card={"binding_values": bound}))

    assert (best(data), data.thumbnail_url) == (
        [playlist["string_value"]],
        "https://pbs.twimg.com/111.jpg",
    )


def test_the_post_is_found_in_a_timeline_of_others() -> None:
    entries = [
        {"entryId": f"tweet-{n}", "content": {"itemContent": {"tweet_results": {"result": result}}}}
        for n, result in enumerate([tweet(x_video("333"), post_id="3"), tweet(x_video("111"))])
    ]
    module = {"entryId": "profile-grid-0", "content": {"items": [{"item": entries[1]["content"]}]}}
    timeline = {
        "search_by_raw_query": {
            "search_timeline": {"timeline": {"instructions": [{"entries": entries}]}}
        }
    }
    media = {
        "user": {"result": {"timeline": {"timeline": {"instructions": [{"entries": [module]}]}}}}
    }

    assert keys(read({"data": timeline})) == {"111"}
    assert keys(read({"data": media})) == {"111"}


def test_the_full_text_of_a_long_post_is_read() -> None:
    note = {"note_tweet_results": {"result": {"text": "A kite, and then the whole story"}}}

    assert (
        read(x_answer(tweet(x_video(), note_tweet=note))).text == "A kite, and then the whole story"
    )


def test_at_equal_size_files_come_before_playlists_and_higher_bitrates_first() -> None:
    """A playlist's address contains no size, and its bitrate is not compared with a file's."""
    assert best(read(x_answer(tweet(x_video(bitrates=(2_176_000, 256_000)))))) == [level_of("111")]
