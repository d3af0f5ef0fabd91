"""Facebook's mobile and basic sites: whose story a player is in,
and lists that hold other posts only.
"""

from __future__ import annotations

import json
from html import escape
from typing import Any
from urllib.parse import quote

import pytest

from tests.unit.extraction.saved_reading import read_saved

STORY, VIDEO = "282903073197272", "440898180508625"
OTHER_STORY, OTHER_VIDEO = "282903073199999", "440898180509999"
JANE = "100044327441571"
URL = f"https://m.facebook.com/story.php?story_fbid={STORY}&id={JANE}"
WORDS = (
    "<p>A kite over the harbour, on the first windy day of the year, with all of our friends.</p>"
)


def file(video: str) -> str:
    return f"https://video.xx.fbcdn.net/v/t42.1790-2/{video}_n.mp4?oe=6FFFFFFF"


def player(video: str) -> str:
    store = {
        "videoID": video,
        "playerFormat": "inline",
        "type": "video",
        "src": file(video),
        "width": 360,
    }
    return f'<div data-store="{escape(json.dumps(store))}" data-sigil="inlineVideo"></div>'


def basic_player(video: str, story: str) -> str:
    target, named = (
        quote(file(video), safe=""),
        quote(f"mf_story_key.{story}:top_level_post_id.{story}", safe=""),
    )
    return (
        f'<a href="/video_redirect/?src={target}&amp;source=misc&amp;id={video}&amp;'
        f'_ft_={named}">Play</a>'
    )


def story(inner: str, key: str = STORY, **stated: Any) -> str:
    facts = {
        "qid": "6971555617027940415",
        "mf_story_key": key,
        "top_level_post_id": key,
        "content_owner_id_new": JANE,
    }
    return (
        f'<article data-ft="{escape(json.dumps(facts | stated))}"><header'
        f' data-ft="{{&quot;tn&quot;:&quot;C&quot;}}"></header>{WORDS}{inner}</article>'
    )


def page(*stories: str) -> str:
    return f"<html><head><title>Jane</title></head><body>{''.join(stories)}</body></html>"


OWN = story(player(VIDEO), photo_id=VIDEO, story_attachment_style="video_inline")
OTHER = story(
    player(OTHER_VIDEO), OTHER_STORY, photo_id=OTHER_VIDEO, story_attachment_style="video_inline"
)


@pytest.mark.parametrize(
    "html",
    [
        page(OWN),
        page(OTHER, OWN, OTHER),
        # the story's second number is the video's
        page(story(player(VIDEO), top_level_post_id=VIDEO)),
        page(story(player(VIDEO), story_attachment_style="video_autoplay")),
        # the second is a comment's
        page(story(player(VIDEO) + player(OTHER_VIDEO), photo_id=VIDEO)),
        page(story(basic_player(VIDEO, STORY)), OTHER),
        page(basic_player(VIDEO, STORY), basic_player(OTHER_VIDEO, OTHER_STORY)),
    ],
)
@pytest.mark.parametrize(
    "url",
    [
        URL,
        f"https://m.facebook.com/groups/kites/permalink/{STORY}/",
        f"https://mbasic.facebook.com/jane.kites/posts/{STORY}",
    ],
)
def test_the_video_that_a_storys_own_element_names_is_its_video(url: str, html: str) -> None:
    facts = read_saved(url, html)

    assert (facts.outcome, facts.best) == ("video", file(VIDEO))


def test_a_file_of_the_basic_site_is_its_videos() -> None:
    html = page(basic_player(OTHER_VIDEO, OTHER_STORY), basic_player(VIDEO, STORY))

    assert read_saved(f"https://mbasic.facebook.com/watch/?v={VIDEO}", html).best == file(VIDEO)


def test_the_only_story_of_a_page_is_the_one_whose_address_has_another_form() -> None:
    url = f"https://m.facebook.com/story.php?story_fbid=pfbid02abcDEF&id={JANE}"

    assert read_saved(url, page(OWN)).best == file(VIDEO)
    assert read_saved(url, page(OWN, OTHER)).outcome == "no_own_video"
    assert read_saved(url.replace(JANE, "100044327449999"), page(OWN)).outcome == "no_own_video"


@pytest.mark.parametrize(
    "html",
    [
        page(OTHER),
        page(story("", story_attachment_style="share"), OTHER),
        page(story("", OTHER_STORY), story(player(OTHER_VIDEO), "282903073190000")),
        page(story(basic_player(OTHER_VIDEO, OTHER_STORY), OTHER_STORY)),
        page(story(player(OTHER_VIDEO), photo_id=VIDEO)),  # a comment's
    ],
)
@pytest.mark.parametrize("url", [URL, f"https://www.facebook.com/groups/kites/posts/{STORY}/"])
def test_a_lone_player_in_a_list_of_other_posts_is_not_the_posts(url: str, html: str) -> None:
    assert read_saved(url, html).outcome == "no_own_video"


def test_the_video_of_a_shared_story_is_not_the_storys_own() -> None:
    html = page(story(player(VIDEO), photo_id=VIDEO, original_content_id="1214375595592465"))

    assert read_saved(URL, html).outcome == "no_own_video"


def test_several_players_of_a_story_that_names_none_are_not_guessed_among() -> None:
    html = page(story(player(VIDEO) + player(OTHER_VIDEO), story_attachment_style="video_inline"))

    assert read_saved(URL, html).outcome == "no_own_video"


# --- answers of the Graph API ---------------------------------------------------------------------

LIST = {
    "data": [
        {
            "id": video,
            "source": file(video),
            "permalink_url": f"/jane/videos/{video}/",
            "description": "A kite",
        }
        for video in (OTHER_VIDEO, VIDEO)
    ],
    "paging": {"cursors": {"before": "MTAx", "after": "MTAy"}},
}


def test_a_list_of_a_pages_videos_holds_the_one_that_was_asked_for() -> None:
    assert read_saved(f"https://www.facebook.com/jane/videos/{VIDEO}/", LIST).best == file(VIDEO)


def test_a_list_of_a_pages_videos_without_the_one_that_was_asked_for_is_a_list() -> None:
    assert (
        read_saved("https://www.facebook.com/jane/videos/111111111111/", LIST).outcome
        == "many_posts"
    )
    assert (
        read_saved("https://www.facebook.com/jane/posts/111111111111/", LIST).outcome
        == "many_posts"
    )


# --- lists of the desktop site --------------------------------------------------------------------


def relay_story(key: str, video: str) -> dict[str, Any]:
    owner = {"name": "Jane", "id": JANE, "url": "https://www.facebook.com/jane.kites"}
    media = {"__typename": "Video", "id": video, "playable_url": file(video), "owner": owner}
    return {
        "__typename": "Story",
        "post_id": key,
        "actors": [owner],
        "attachments": [{"media": media}],
    }


@pytest.mark.parametrize("url",
                         [f"https://www.facebook.com/{where}/posts/{STORY}/" for where in ("jane.kites", "groups/kites")])  # noqa: E501 # fmt: skip
def test_a_lone_player_on_a_desktop_list_of_other_posts_is_not_the_posts(url: str) -> None:
    data = {"edges": [{"node": relay_story(OTHER_STORY, OTHER_VIDEO)}]}
    html = (
        f'<video src="{file(OTHER_VIDEO)}"></video>{WORDS}<script'
        f' type="application/json">{json.dumps(data)}</script>'
    )

    assert read_saved(url, page(html)).outcome == "no_own_video"
    assert read_saved(url, page(html.replace(OTHER_STORY, STORY))).best == file(OTHER_VIDEO)
