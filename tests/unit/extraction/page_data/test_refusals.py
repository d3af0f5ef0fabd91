"""Which failure an answer means, by the markers in the platform's facts."""

from __future__ import annotations

import pytest

from mediavault.core.failures import (
    AgeRestricted,
    Challenge,
    Deleted,
    Failure,
    LoginRequired,
    Private,
    RegionLocked,
)
from mediavault.core.media import Post
from mediavault.core.platform import Platform
from mediavault.extraction.page_data.refusals import reported_refusal
from mediavault.platforms.bilibili import BILIBILI
from mediavault.platforms.bluesky import BLUESKY
from mediavault.platforms.dailymotion import DAILYMOTION
from mediavault.platforms.facebook import FACEBOOK
from mediavault.platforms.generic import GENERIC
from mediavault.platforms.instagram import INSTAGRAM
from mediavault.platforms.mastodon import MASTODON
from mediavault.platforms.pinterest import PINTEREST
from mediavault.platforms.reddit import REDDIT
from mediavault.platforms.tiktok import TIKTOK
from mediavault.platforms.vimeo import VIMEO
from mediavault.platforms.x import X
from mediavault.platforms.youtube import YOUTUBE

ID = "7300000000000000001"


def refusal(platform: Platform, *documents: object) -> Failure | None:
    post = Post("https://site.example/post", "https://site.example/post", platform.name, ID)
    return reported_refusal(post, platform, documents)


@pytest.mark.parametrize(
    ("platform", "answer", "kind"),
    [
        (
            X,
            {"data": {"tweetResult": {"reason": "x"}, "result": {"reason": "NsfwLoggedOut"}}},
            AgeRestricted,
        ),
        (
            X,
            {"data": {"result": {"__typename": "TweetUnavailable", "reason": "Protected"}}},
            Private,
        ),
        (TIKTOK, {"statusCode": 10216, "statusMsg": "item is private"}, Private),
        (TIKTOK, {"status_code": 10222}, Private),
        (TIKTOK, {"items": [{"id": ID, "isContentClassified": True}]}, AgeRestricted),
        (INSTAGRAM, {"message": "checkpoint_required", "status": "fail"}, Challenge),
        (INSTAGRAM, {"require_login": True, "status": "fail"}, LoginRequired),
        (
            FACEBOOK,
            {"require": [["x", {"rootView": {"component": {"__dr": "CometErrorRoot.react"}}}]]},
            Challenge,
        ),
        (REDDIT, {"reason": "quarantined", "error": 403}, LoginRequired),
        (REDDIT, {"reason": "private", "error": 403}, Private),
        (
            YOUTUBE,
            {
                "playabilityStatus": {
                    "status": "X",
                    "errorScreen": {"playerCaptchaViewModel": {"a": 1}},
                }
            },
            Challenge,
        ),
        (YOUTUBE, {"playabilityStatus": {"status": "AGE_CHECK_REQUIRED"}}, AgeRestricted),
        (YOUTUBE, {"playabilityStatus": {"status": "LOGIN_REQUIRED"}}, LoginRequired),
        (BLUESKY, {"error": "AccountTakedown"}, Deleted),
        (MASTODON, {"error": "Record not found"}, Deleted),
        (VIMEO, {"error_code": 5460}, LoginRequired),
        (PINTEREST, {"resource_response": {"error": {"code": "PinNotFound"}}}, Deleted),
        (DAILYMOTION, {"error": {"code": "DM007"}}, RegionLocked),
        (BILIBILI, {"code": -404, "message": "nothing"}, Deleted),
        (BILIBILI, {"code": -352}, Challenge),
    ],
)
def test_a_refused_answer_says_why(platform: Platform, answer: object, kind: type[Failure]) -> None:
    assert type(refusal(platform, answer)) is kind


@pytest.mark.parametrize(
    "answer",
    [
        {"items": [{"id": "1", "statusCode": 10216}, {"id": "2", "statusCode": 10216}]},
        {"data": {"id": "7300000000000000009", "statusCode": 10216}},
        {"id": ID, "related": [{"statusCode": 10216}]},
        {"id": ID, "quoted": {"statusCode": 10216}},
        {"itemList": [{"statusCode": 10216}]},
        {"somewhere": {"deep": {"statusCode": 10216}}},
    ],
)
def test_a_marker_about_another_post_does_not_count(answer: object) -> None:
    assert refusal(TIKTOK, answer) is None


@pytest.mark.parametrize(
    "answer", [{"isContentClassified": False}, {"title": "10216"}, {"isContentClassified": {}}, []]
)
def test_a_marker_counts_only_where_it_says_something(answer: object) -> None:
    assert refusal(TIKTOK, answer) is None


def test_a_post_that_a_sign_in_may_show_is_not_taken_for_gone() -> None:
    assert (
        type(refusal(BLUESKY, {"error": "NotFound"}, {"error": "!no-unauthenticated"}))
        is LoginRequired
    )


def test_a_site_without_markers_has_no_refusals() -> None:
    assert refusal(GENERIC, {"error": "NotFound", "code": -404}) is None
