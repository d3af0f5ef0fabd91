"""Reading a whole visit, and the extractor that makes it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from mediavault.browser.port import PageCapture, SeenResponse
from mediavault.core.cookies import Cookie
from mediavault.core.failures import (
    Ambiguous,
    Deleted,
    Drm,
    ExtractorBroken,
    Failure,
    LoginRequired,
    NotAPost,
    Private,
    SeemsDeleted,
    SessionExpired,
    TookTooLong,
    Unsupported,
)
from mediavault.core.media import Extraction, NoVideo, Ownership, Post
from mediavault.core.platform import Platform
from mediavault.core.post_urls import page_to_visit
from mediavault.core.urls import EgressScope, parse_http_url
from mediavault.extraction.browser_extractor import BrowserExtractor
from mediavault.extraction.ranking import choose_candidate, items_to_save
from mediavault.platforms.generic import GENERIC
from mediavault.platforms.instagram import INSTAGRAM
from mediavault.platforms.registry import identify
from mediavault.platforms.tiktok import TIKTOK
from mediavault.platforms.x import X
from tests.fakes import FakeClock
from tests.stubs import ReaderHere, StubBrowser
from tests.unit.extraction.both_ways import read_capture
from tests.unit.extraction.samples import (
    CDN,
    PAGE,
    X_ID,
    capture,
    linked,
    meta,
    page_post,
    player,
    response,
    tiktok_item,
    tiktok_page,
    tiktok_post,
    tweet,
    x_answer,
    x_photo,
    x_post,
    x_video,
)


def x_capture(
    *documents: object, responses: Sequence[SeenResponse] = (), **facts: Any
) -> PageCapture:
    answers = [
        response(f"https://x.com/i/api/graphql/q/TweetResultByRestId?n={n}",
                 mime="application/json", resource_type="xhr",
                 body=json.dumps(document).encode())
        for n, document in enumerate(documents)
    ]  # fmt: skip
    url = f"https://x.com/jane/status/{X_ID}"
    return capture(responses=[*answers, *responses], **{"url": url, "final_url": url, **facts})


SUGGESTED = {
    "__typename": "Video",
    "id": "200000000000002",
    "browser_native_hd_url": "https://video.xx.fbcdn.net/o1/v/t2/f2/m366/AAAAAAAAAAAAAAAAAAAAAAAA.mp4",
}


def chosen(extraction: Extraction) -> str:
    return choose_candidate(items_to_save(extraction)[0]).url


# --- a platform's own data ------------------------------------------------------------------------


def test_xs_answer_decides_whatever_the_page_plays() -> None:
    feed = response("https://video.twimg.com/amplify_video/999/vid/avc1/1920x1080/other.mp4")
    extraction = read_capture(
        x_post(), X, x_capture(x_answer(tweet(x_video("111"))), responses=[feed])
    )

    assert "/111/" in chosen(extraction)
    assert all("/999/" not in c.url for c in extraction.candidates)
    assert (extraction.account.slug, extraction.title, extraction.items[0].expected.duration_s) == (
        "x-jane",
        "A kite",
        12.5,
    )


def test_a_level_that_only_the_network_showed_is_recognised_by_its_key() -> None:
    level = response(
        "https://video.twimg.com/amplify_video/111/vid/avc1/1920x1080/best.mp4", size=5
    )
    extraction = read_capture(
        x_post(), X, x_capture(x_answer(tweet(x_video("111"))), responses=[level])
    )

    assert [c.ownership for c in extraction.candidates if "best" in c.url] == [Ownership.KEY_MATCH]


def test_tiktoks_data_give_the_unmarked_copy() -> None:
    post = tiktok_post()
    html = tiktok_page({"statusCode": 0, "itemInfo": {"itemStruct": tiktok_item()}})
    extraction = read_capture(post, TIKTOK, capture(html=html, url=post.url, final_url=post.url))

    assert "good" in chosen(extraction)
    assert (extraction.account.handle, extraction.items[0].expected.audio) == ("jane", True)


def test_a_share_links_post_is_recognised_by_where_it_leads() -> None:
    short, platform = identify(parse_http_url("https://vt.tiktok.com/ZSe4FqkKd"))
    html = tiktok_page({"statusCode": 0, "itemInfo": {"itemStruct": tiktok_item()}})
    extraction = read_capture(
        short, platform, capture(html=html, url=short.url, final_url=tiktok_post().url)
    )

    assert extraction.post.post_id == tiktok_post().post_id
    assert extraction.post.canonical_url == short.canonical_url
    assert chosen(extraction)


def test_a_platform_that_sends_nothing_is_not_guessed_at() -> None:
    """One video is playing on the page, but X did not say that it is the post's."""
    feed = response("https://video.twimg.com/amplify_video/999/vid/avc1/1920x1080/other.mp4")
    extraction = read_capture(x_post(), X, x_capture(responses=[feed]))

    with pytest.raises(Ambiguous):
        items_to_save(extraction)


def test_a_platform_that_sends_nothing_and_shows_nothing_may_be_read_later() -> None:
    with pytest.raises(ExtractorBroken):
        read_capture(x_post(), X, x_capture())


def test_photos_are_counted_in_the_answer() -> None:
    with pytest.raises(NoVideo, match="2 pictures"):
        read_capture(x_post(), X, x_capture(x_answer(tweet(x_photo("a"), x_photo("b")))))


def test_a_quoted_video_is_named_but_not_taken() -> None:
    quoting = tweet(quoted_status_result={"result": tweet(x_video("222"), post_id="2")})

    with pytest.raises(NoVideo, match="quotes"):
        read_capture(x_post(), X, x_capture(x_answer(quoting)))


def test_several_videos_are_several_items() -> None:
    extraction = read_capture(
        x_post(), X, x_capture(x_answer(tweet(x_video("111"), x_video("222"))))
    )

    assert [item.media_id for item in extraction.videos] == ["111", "222"]


def test_a_tombstone_means_that_the_post_was_deleted() -> None:
    with pytest.raises(Deleted):
        read_capture(x_post(), X, x_capture({"data": {"tweetResult": {}}}))


def test_a_marker_in_an_answer_says_why_nothing_came() -> None:
    with pytest.raises(Private):
        read_capture(x_post(), X, x_capture({"data": {"result": {"reason": "Protected"}}}))


def test_a_marker_is_ignored_when_the_posts_video_was_found() -> None:
    refused = {"data": {"result": {"reason": "Protected"}}}
    seen = x_capture(x_answer(tweet(x_video("111"))), refused)

    assert read_capture(x_post(), X, seen).videos


def test_media_that_came_after_the_page_moved_on_are_dropped() -> None:
    """Feeds move on to the next post automatically; its players are not this post's."""
    post = Post(
        "https://www.instagram.com/p/AAAAAAA/",
        "https://www.instagram.com/p/AAAAAAA/",
        "instagram",
        "AAAAAAA",
    )
    late = response("https://scontent.cdninstagram.com/v/t50/late.mp4", seen_at_s=9.0)
    extra = {
        "navigations": [[1.0, post.url], [5.0, "https://www.instagram.com/p/BBBBBBB/"]],
        "unresponsive": False,
    }
    seen = capture(
        player(late.url), responses=[late], url=post.url, final_url=post.url, html="x", extra=extra
    )

    with pytest.raises(ExtractorBroken):
        read_capture(post, INSTAGRAM, seen)


@pytest.mark.parametrize(("path", "kind"), [("jane/", NotAPost), ("", SeemsDeleted)])
def test_a_share_link_that_leads_to_no_post_says_where_it_led(
    path: str, kind: type[Failure]
) -> None:
    """The videos of such a page may belong to any post."""
    link = "https://www.instagram.com/share/reel/Abc123x/"
    seen = capture(player(), url=link, final_url=f"https://www.instagram.com/{path}")

    with pytest.raises(kind):
        read_capture(Post(link, link, "instagram"), INSTAGRAM, seen)


def test_what_a_share_link_shows_on_a_page_that_names_no_post_is_not_taken() -> None:
    link = "https://www.instagram.com/share/reel/Abc123x/"
    seen = capture(
        player(), url=link, final_url="https://www.instagram.com/explore/search/keyword/"
    )

    assert read_capture(Post(link, link, "instagram"), INSTAGRAM, seen).items == ()


def test_a_page_that_is_no_longer_the_posts_owns_nothing() -> None:
    post = Post(
        "https://www.instagram.com/p/AAAAAAA/",
        "https://www.instagram.com/p/AAAAAAA/",
        "instagram",
        "AAAAAAA",
    )
    video = "https://scontent.cdninstagram.com/v/t50/abc.mp4"
    extraction = read_capture(
        post,
        INSTAGRAM,
        capture(player(video), url=post.url, final_url="https://www.instagram.com/"),
    )

    with pytest.raises(Ambiguous):
        items_to_save(extraction)


# --- any page -------------------------------------------------------------------------------------


def test_the_player_of_any_page_with_its_story() -> None:
    html = (
        meta("og:title", "A kite") + meta("og:image", "/cover.jpg") + meta("og:site_name", "Site")
    )
    extraction = read_capture(page_post(), GENERIC, capture(player(has_audio=True), html=html))

    assert chosen(extraction) == f"{CDN}post.mp4"
    assert (extraction.title, extraction.thumbnail_url, extraction.account.slug) == (
        "A kite",
        "https://site.test/cover.jpg",
        "generic-site.test",
    )
    assert (extraction.items[0].expected.duration_s, extraction.items[0].expected.audio) == (
        3.0,
        True,
    )
    assert (extraction.user_agent, extraction.extractor) == ("A browser", "browser")


def test_an_address_that_is_itself_a_file_is_the_post() -> None:
    url = f"{CDN}film.mp4"
    extraction = read_capture(
        page_post(url),
        GENERIC,
        capture(url=url, final_url=url, responses=[response(url, resource_type="document")]),
    )

    assert chosen(extraction) == url


def test_the_metadata_give_the_length_that_the_player_lacks() -> None:
    html = linked(**{"@type": "VideoObject", "duration": "PT7S", "url": PAGE})
    extraction = read_capture(page_post(), GENERIC, capture(player(duration_s=None), html=html))

    assert extraction.items[0].expected.duration_s == 7


def test_a_page_that_asks_for_keys_and_shows_nothing_else_is_protected() -> None:
    with pytest.raises(Drm):
        read_capture(page_post(), GENERIC, capture(drm_requested=True))


def test_streams_of_a_player_that_met_protected_data_are_protected() -> None:
    stream = response(f"{CDN}a.mpd", mime="application/dash+xml", body=b"<MPD></MPD>")
    extra = {"encrypted": True, "unresponsive": False}

    with pytest.raises(Drm):
        read_capture(
            page_post(), GENERIC, capture(player("blob:x"), responses=[stream], extra=extra)
        )


def test_a_site_that_only_asks_whether_keys_exist_is_not_protected() -> None:
    assert chosen(read_capture(page_post(), GENERIC, capture(player(), drm_requested=True)))


def test_a_login_form_without_a_video_is_a_login_wall() -> None:
    with pytest.raises(LoginRequired):
        read_capture(page_post(), GENERIC, capture(html="<input type=password>"))


def test_a_page_that_never_answered_is_not_reported_as_having_no_video() -> None:
    with pytest.raises(ExtractorBroken):
        read_capture(page_post(), GENERIC, capture(extra={"unresponsive": True}))


def test_a_page_whose_visit_was_cut_short_is_tried_again_rather_than_called_empty() -> None:
    """On a busy machine the time can end before the click that starts the video."""
    with pytest.raises(TookTooLong):
        read_capture(page_post(), GENERIC, capture(extra={"cut_short": True}))
    with pytest.raises(NoVideo):
        read_capture(page_post(), GENERIC, capture(extra={"cut_short": False}))


@pytest.mark.parametrize(
    ("html", "kind"),
    [
        (
            (
                f'<script type="application/json">{json.dumps(SUGGESTED)}</script><p>Videos for'
                " you</p>"
            ),
            ExtractorBroken,
        ),
        (meta("og:type", "video.other"), ExtractorBroken),
        ("<p>A picture of a kite</p>", NoVideo),
    ],
)
def test_a_known_site_that_showed_other_posts_videos_or_only_announced_one_may_be_read_later(
    html: str, kind: type[Failure]
) -> None:
    url = "https://www.facebook.com/watch/?v=100000000000001"
    post, platform = identify(parse_http_url(url))
    visit = capture(
        url=url, final_url=url, html=html, visible_text="Videos for you and a picture of a kite"
    )

    with pytest.raises(kind):
        read_capture(post, platform, visit)


# --- the extractor --------------------------------------------------------------------------------


WALL = capture(url="https://x.com/i/status/12", final_url="https://x.com/i/flow/login")


class OnePage(StubBrowser):
    def __init__(self, shown: PageCapture, *, cookies: tuple[Cookie, ...] = ()) -> None:
        super().__init__(cookies=cookies)
        self._shown = shown
        self.signed_in: list[bool] = []
        self.visited: list[tuple[str, float]] = []

    async def capture(
        self,
        url: str,
        *,
        scope: EgressScope,
        platform: Platform,
        within_s: float,
        signed_in: bool = False,
        screenshot: bool = False,
        is_list: bool = False,
    ) -> PageCapture:
        self.visited.append((url, within_s))
        self.signed_in.append(signed_in)
        return self._shown


async def test_the_visit_ends_before_the_time_is_up() -> None:
    browser = OnePage(capture(player()))
    extraction = await BrowserExtractor(browser, FakeClock(), ReaderHere()).extract(
        page_post(), GENERIC, within_s=180
    )

    assert chosen(extraction) == f"{CDN}post.mp4"
    assert browser.visited == [(PAGE, 172.0)]


@pytest.mark.parametrize(
    ("submitted", "visited"),
    [
        ("https://vxtwitter.com/jane/status/12?s=20", "https://x.com/jane/status/12"),
        ("https://x.com/i/web/status/12", "https://x.com/i/status/12"),
        ("https://vt.tiktok.com/ZSe4FqkKd", "https://vt.tiktok.com/ZSe4FqkKd"),
        ("https://site.test/a?b=1#t=3", "https://site.test/a?b=1#t=3"),
    ],
)
def test_a_mirror_is_never_visited(submitted: str, visited: str) -> None:
    assert page_to_visit(*identify(parse_http_url(submitted))) == visited


@pytest.mark.parametrize(
    ("cookies", "kind"),
    [
        ((Cookie("guest", "s", "x.com"),), LoginRequired),
        ((Cookie("auth_token", "s", "x.com"), Cookie("ct0", "s", "x.com")), SessionExpired),
    ],
    ids=["signed out", "signed in"],
)
async def test_a_login_wall_in_spite_of_a_sign_in_says_that_the_sign_in_has_ended(
    cookies: tuple[Cookie, ...], kind: type[Failure]
) -> None:
    browser = OnePage(WALL, cookies=cookies)

    with pytest.raises(kind):
        await BrowserExtractor(browser, FakeClock(), ReaderHere(), signed_in=True).extract(
            x_post(), X, within_s=60
        )
    assert browser.signed_in == [True]


async def test_a_login_wall_of_a_signed_out_visit_says_nothing_about_the_sign_in() -> None:
    browser = OnePage(
        WALL, cookies=(Cookie("auth_token", "s", "x.com"), Cookie("ct0", "s", "x.com"))
    )

    with pytest.raises(LoginRequired):
        await BrowserExtractor(browser, FakeClock(), ReaderHere()).extract(x_post(), X, within_s=60)
    assert browser.signed_in == [False]


async def test_without_a_cookie_for_the_post_there_is_no_signed_in_visit() -> None:
    browser = OnePage(WALL)

    with pytest.raises(Unsupported):
        await BrowserExtractor(browser, FakeClock(), ReaderHere(), signed_in=True).extract(
            x_post(), X, within_s=60
        )
    assert browser.visited == []


def test_a_page_without_an_own_video_names_the_pages_that_it_shows_in_frames() -> None:
    html = (
        '<p>Words</p><iframe src="//www.youtube.com/embed/2lAe1cqCOXo"></iframe><iframe></iframe>'
    )

    with pytest.raises(NoVideo) as caught:
        read_capture(page_post(), GENERIC, capture(html=html))
    assert caught.value.embeds == ("https://www.youtube.com/embed/2lAe1cqCOXo",)


def test_a_page_that_lists_posts_is_not_a_post_and_its_frames_are_not_followed() -> None:
    html = '<meta property="og:type" content="profile"><iframe src="https://www.youtube.com/embed/2lAe1cqCOXo"></iframe><p>Jane'
    with pytest.raises(NotAPost, match="list of posts"):
        read_capture(page_post(), GENERIC, capture(html=html))
