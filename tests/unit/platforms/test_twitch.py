"""Twitch's clips."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mediavault.core.failures import Deleted
from tests.unit.extraction.page_data.reading import best, read, read_known

SLUG = "FaintLightGullWholeWheat-abc123"
URL = f"https://clips.twitch.tv/{SLUG}"
CDN = "https://production.assets.clips.twitchcdn.net/"


def files(name: str) -> list[dict[str, Any]]:
    return [
        {"sourceURL": f"{CDN}{name}-{quality}.mp4", "quality": quality, "frameRate": 60}
        for quality in ("360", "1080", "720")
    ]


def clip(slug: str = SLUG, **facts: Any) -> dict[str, Any]:
    return {
        "slug": slug,
        "title": "A kite",
        "durationSeconds": 32,
        "thumbnailURL": "https://clips-media-assets2.twitch.tv/t.jpg",
        "broadcaster": {"login": "jane", "displayName": "Jane"},
        "videoQualities": files(slug),
        **facts,
    }


def test_the_largest_file_is_taken_signed_with_the_answers_token() -> None:
    token = {"signature": "abc", "value": '{"expires":1700000000}'}
    data = read_known(URL, [{"data": {"clip": clip(playbackAccessToken=token)}}])

    assert best(data) == [f"{CDN}{SLUG}-1080.mp4?sig=abc&token=%7B%22expires%22%3A1700000000%7D"]
    assert (data.handle, data.display_name, data.title) == ("jane", "Jane", "A kite")


def test_the_parts_of_a_clip_may_come_in_several_answers() -> None:
    facts = clip()
    media = {"slug": SLUG, "videoQualities": facts.pop("videoQualities")}

    assert read_known(URL, {"data": {"clip": facts}}, {"data": {"clip": media}}).title == "A kite"
    assert best(read_known(URL, {"data": {"clip": facts}}, {"data": {"clip": media}})) == [
        f"{CDN}{SLUG}-1080.mp4"
    ]


def test_the_landscape_form_comes_before_the_portrait_one() -> None:
    assets = [
        {"aspectRatio": 0.5625, "videoQualities": files("tall")},
        {"aspectRatio": 1.7778, "videoQualities": files("wide")},
    ]

    assert best(read_known(URL, {"data": {"clip": clip(videoQualities=[], assets=assets)}})) == [
        f"{CDN}wide-1080.mp4"
    ]


def test_the_picture_of_the_landscape_form_is_larger_than_the_clips_preview() -> None:
    assets = [
        {"aspectRatio": 0.5625, "thumbnailURL": "https://clips-media-assets2.twitch.tv/tall.jpg"},
        {"aspectRatio": 1.7778, "thumbnailURL": "https://clips-media-assets2.twitch.tv/wide.jpg"},
    ]

    assert (
        read_known(URL, clip(assets=assets)).thumbnail_url
        == "https://clips-media-assets2.twitch.tv/wide.jpg"
    )


def test_other_clips_are_ignored_and_no_clip_means_deleted() -> None:
    assert read(URL, {"data": {"clip": clip("OtherClipOfSomebody-1")}}) is None
    with pytest.raises(Deleted):
        read(URL, {"data": {"clip": None}})


def test_an_answer_that_only_unlocks_the_files_names_its_clip_in_the_token() -> None:
    token = {"signature": "abc", "value": json.dumps({"clip_slug": SLUG, "expires": 1})}
    answer = {"id": "396245304", "playbackAccessToken": token, "videoQualities": files("own")}
    data = read_known(f"https://clips.twitch.tv/{SLUG}", [{"data": {"clip": answer}}])

    assert best(data)[0].startswith("https://")
    assert "sig=abc" in best(data)[0]


def unlocking(number: str = "1372471806", **facts: Any) -> dict[str, Any]:
    token = {"signature": "abc", "value": '{"clip_uri":""}'}
    return {
        "data": {
            "clip": {
                "id": number,
                "playbackAccessToken": token,
                "videoQualities": files("kite"),
                **facts,
            }
        }
    }


def test_an_answer_that_only_unlocks_one_clips_files_need_not_repeat_its_slug() -> None:
    assert best(read_known(URL, [unlocking()])) == [
        f"{CDN}kite-1080.mp4?sig=abc&token=%7B%22clip_uri%22%3A%22%22%7D"
    ]


@pytest.mark.parametrize(
    "answer", [[unlocking(), unlocking("2")], [unlocking(slug="AnotherClip-1")]]
)
def test_files_of_several_clips_or_of_another_one_are_ignored(answer: list[Any]) -> None:
    assert read(URL, answer) is None
