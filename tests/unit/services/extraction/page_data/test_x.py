"""X's answers: only the post's own media, or why there are none."""

from __future__ import annotations

import pytest

from mediavault.core.errors import AccountWarning, AgeRestricted, Deleted, Failure, Private, RateLimited, RegionLocked
from mediavault.core.media import ItemRole, ItemType, Ownership, SourceType
from mediavault.platforms.x import X
from mediavault.services.extraction.page_data import x
from mediavault.services.extraction.page_data.record import PageData
from tests.unit.services.extraction.samples import tweet, x_answer, x_photo, x_post, x_thread, x_video


def read(*documents: object, suffix: str = "") -> PageData:
    found = x.read(x_post(suffix), X, documents)
    assert found is not None
    return found


def keys(found: PageData) -> set[str | None]:
    return {item.media_id for item in found.items if item.role is ItemRole.MAIN and item.is_video}


def test_a_video_post_gives_its_rungs_its_author_and_its_day() -> None:
    found = read(x_answer(tweet(x_video())))

    (item,) = found.items
    assert [c.source_type for c in item.candidates] == [SourceType.HLS, SourceType.DIRECT, SourceType.DIRECT]
    assert {c.ownership for c in item.candidates} == {Ownership.ID_MATCH}
    assert [(c.width, c.height, c.bitrate) for c in item.candidates][-1] == (1280, 720, 2_176_000)
    assert (found.handle, found.display_name, item.expected.duration_s) == ("jane", "Jane", 12.5)
    assert found.published_at is not None
    assert found.published_at.isoformat() == "2022-07-13T02:05:54+00:00"


def test_a_quoted_posts_video_is_an_item_with_that_role() -> None:
    quoted = {"result": tweet(x_video("222"), post_id="2", handle="other")}
    found = read(x_answer(tweet(x_video("111"), quoted_status_result=quoted)))

    assert keys(found) == {"111"}
    assert [(i.media_id, i.label) for i in found.items if i.role is ItemRole.QUOTED] == [("222", "2")]
    assert found.metadata["quoted_post_id"] == "2"


def test_a_post_without_media_stays_without_when_it_quotes_a_video() -> None:
    found = read(x_answer(tweet(quoted_status_result={"result": tweet(x_video("222"), post_id="2")})))

    assert found.found
    assert keys(found) == set()


def test_adverts_and_answers_of_a_thread_are_passed_over() -> None:
    found = read(
        x_thread(tweet(x_video("111")), tweet(x_video("333"), post_id="3"), promoted=tweet(x_video("444"), post_id="4"))
    )

    assert keys(found) == {"111"}


def test_a_wrapped_post_is_found() -> None:
    found = read(x_answer({"__typename": "TweetWithVisibilityResults", "tweet": tweet(x_video())}))

    assert keys(found) == {"111"}


def test_a_repost_shows_the_other_posts_video_and_says_whose_it_is() -> None:
    original = tweet(x_video("555"), post_id="5", handle="author")
    found = read(x_answer(tweet(legacy={"retweeted_status_result": {"result": original}})))

    assert keys(found) == {"555"}
    assert found.handle == "author"
    assert found.metadata["reposted_from"] == "5"


def test_a_gif_expects_no_sound() -> None:
    found = read(x_answer(tweet(x_video(kind="animated_gif"))))

    (item,) = found.items
    assert (item.type, item.expected.audio, item.candidates[0].has_audio) == (ItemType.GIF, False, False)


def test_each_medium_is_an_item_in_the_posts_order() -> None:
    found = read(x_answer(tweet(x_photo(), x_video("111"), x_video("222"))))

    assert [(item.type, item.media_id) for item in found.items][1:] == [
        (ItemType.VIDEO, "111"),
        (ItemType.VIDEO, "222"),
    ]
    assert (found.items[0].type, found.items[0].candidates, found.selected) == (ItemType.IMAGE, (), None)


def test_the_address_can_name_another_of_several_videos() -> None:
    found = read(x_answer(tweet(x_video("111"), x_video("222"))), suffix="/video/2")

    assert (keys(found), found.selected) == ({"111", "222"}, 1)


def test_photos_are_items_without_candidates() -> None:
    found = read(x_answer(tweet(x_photo("a"), x_photo("b"))))

    assert [(item.type, item.candidates) for item in found.items] == [(ItemType.IMAGE, ())] * 2


def test_an_answer_about_other_posts_says_nothing() -> None:
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
                {"__typename": "TweetTombstone", "tombstone": {"text": {"text": "Age-restricted adult content."}}}
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
            x_answer({"__typename": "TweetTombstone", "tombstone": {"text": {"text": "Withheld in your country"}}}),
            RegionLocked,
        ),
        ({"errors": [{"code": 144, "message": "No status found with that ID."}]}, Deleted),
        ({"errors": [{"code": 88}]}, RateLimited),
        ({"errors": [{"code": 326}]}, AccountWarning),
        ({"data": {"tweetResult": {}}}, Deleted),
    ],
)
def test_what_x_says_instead_of_the_post(document: object, kind: type[Failure]) -> None:
    with pytest.raises(kind):
        x.read(x_post(), X, [document])


def test_a_tombstone_beside_the_post_itself_does_not_hide_it() -> None:
    gone = {"__typename": "TweetTombstone", "tombstone": {"text": {"text": "deleted"}}}
    found = read(x_thread({"rest_id": "7", **gone}, tweet(x_video())))

    assert keys(found) == {"111"}
