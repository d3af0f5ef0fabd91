"""Reading addresses: which post, on which platform, and what is refused."""

from __future__ import annotations

import pytest

from mediavault.core.failures import BadSetting, BadUrl, NotAPost, Unsupported
from mediavault.core.urls import parse_http_url
from mediavault.platforms.registry import (
    identify,
    known_names,
    platform,
    platform_of_media,
    shared_url,
)

SAME_POST = {
    "x": [
        "https://twitter.com/u/status/1",
        "https://mobile.twitter.com/u/status/1?s=20",
        "https://x.com/i/status/1?s=20#m",
        "https://www.x.com/i/web/status/1",
        "https://x.com/u/status/1/video/1",
        "https://X.COM/u/status/1/",
        "http://nitter.net/u/status/1#m",
        "https://vxtwitter.com/u/status/1",
    ],
    "tiktok": [
        "https://www.tiktok.com/@a.b/video/7123456789012345678?lang=en",
        "https://m.tiktok.com/@other/photo/7123456789012345678",
        "https://www.tiktok.com/@/video/7123456789012345678",
        "https://www.tiktok.com/embed/v2/7123456789012345678",
    ],
    "instagram": [
        "https://www.instagram.com/reel/CWqAgUZgCku/?igsh=x",
        "https://instagram.com/someone/p/CWqAgUZgCku/",
        "https://www.instagram.com/tv/CWqAgUZgCku",
    ],
    "facebook": [
        "https://www.facebook.com/watch/?v=123456789",
        "https://fr-fr.facebook.com/watch/live/?v=123456789",
        "https://m.facebook.com/page/videos/some-title/123456789/",
        "https://web.facebook.com/reel/123456789",
        "https://www.facebook.com/video.php?v=123456789&x=1",
    ],
    "youtube": [
        "https://www.youtube.com/watch?list=PL1&v=abcdefghijk",
        "https://youtu.be/abcdefghijk?t=3",
        "https://m.youtube.com/shorts/abcdefghijk",
        "https://www.youtube-nocookie.com/embed/abcdefghijk",
    ],
    "reddit": [
        "https://old.reddit.com/r/sub/comments/abc123/some_title/",
        "https://redd.it/abc123",
        "https://www.reddit.com/comments/abc123",
        "https://www.reddit.com/user/someone/comments/abc123/some_title/",
        "https://www.reddit.com/gallery/abc123",
    ],
    "vimeo": [
        "https://vimeo.com/160743502",
        "https://player.vimeo.com/video/160743502",
        "https://vimeo.com/showcase/12/video/160743502",
        "https://vimeo.com/event/595460/videos/160743502/",
        "https://vimeopro.com/someone/folder/video/160743502",
    ],
    "mastodon": [
        "https://mastodon.social/@jane/112345678901234567",
        "https://mastodon.social/web/@jane/112345678901234567",
        "https://mastodon.social/users/jane/statuses/112345678901234567",
    ],
    "weibo": ["https://m.weibo.cn/status/4189191225395228", "https://weibo.com/0/4189191225395228"],
    "pinterest": [
        "https://jp.pinterest.com/pin/some-words--858146904010573850/",
        "https://www.pinterest.co.uk/pin/858146904010573850",
    ],
    "twitch": [
        "https://clips.twitch.tv/FaintLightGull",
        "https://m.twitch.tv/someone/clip/FaintLightGull",
        "https://clips.twitch.tv/embed?clip=FaintLightGull&parent=a",
    ],
    "dailymotion": [
        "https://www.dailymotion.com/video/x20su5f_some-words",
        "https://dai.ly/x20su5f",
        "https://www.dailymotion.com/embed/video/x20su5f",
    ],
    "tumblr": [
        "https://demo.tumblr.com/post/123456789/slug",
        "https://www.tumblr.com/demo/123456789",
    ],
    "bilibili": [
        "https://www.bilibili.com/video/BV13x41117TL",
        "https://m.bilibili.com/video/BV13x41117TL/?p=1",
    ],
}


@pytest.mark.parametrize(("name", "addresses"), SAME_POST.items())
def test_all_addresses_of_a_post_identify_the_same_post(name: str, addresses: list[str]) -> None:
    read = [identify(parse_http_url(address)) for address in addresses]

    assert {site.name for _, site in read} == {name}
    assert len({post.canonical_url for post, _ in read}) == 1


@pytest.mark.parametrize(
    "address",
    [
        "https://eviltiktok.com/@u/video/7123456789012345678",
        "https://x.com.evil.example/u/status/1",
        "https://evilreddit.com/comments/abc123",
        "https://notx.com/u/status/1",
        "https://twitter.com.example/u/status/1",
        "https://www.tiktok.com:8443/@u/video/7123456789012345678",
        "http://x.com:443/u/status/1",
        "https://\u0445.com/u/status/1",  # a Cyrillic letter
    ],
)
def test_a_lookalike_host_is_a_generic_page(address: str) -> None:
    post, site = identify(parse_http_url(address))

    assert site.name == "generic"
    assert post.post_id is None


@pytest.mark.parametrize(
    "address", ["https://x.com@evil.example/u/status/1", "https://evil.example\\@x.com/u/status/1"]
)
def test_an_address_with_a_disguised_host_is_refused(address: str) -> None:
    with pytest.raises(BadUrl):
        parse_http_url(address)


@pytest.mark.parametrize(
    "address",
    [
        "https://x.com/someone",
        "https://x.com/someone/with_replies",
        "https://twitter.com/hashtag/nature",
        "https://www.tiktok.com/@someone",
        "https://www.tiktok.com/music/a-song-7036843036118469381",
        "https://www.instagram.com/someone/",
        "https://www.youtube.com/playlist?list=PL1",
        "https://www.youtube.com/@someone/streams",
        "https://www.youtube.com/embed/videoseries?list=PL1",
        "https://www.reddit.com/r/videos/",
        "https://www.twitch.tv/someone",
        "https://bsky.app/profile/someone.example",
        "https://vimeo.com/someone/likes/",
        "https://demo.tumblr.com/",
    ],
)
def test_a_profile_or_playlist_is_not_a_post(address: str) -> None:
    with pytest.raises(NotAPost):
        identify(parse_http_url(address))


def test_an_unknown_kind_of_address_on_a_known_platform_is_unsupported() -> None:
    with pytest.raises(Unsupported):
        identify(parse_http_url("https://www.facebook.com/someone/unheard-of/12"))


@pytest.mark.parametrize(
    "address",
    [
        "https://vt.tiktok.com/ZSe4FqkKd",
        "https://www.reddit.com/r/a/s/w4yAMbtOYm",
        "https://fb.watch/abc123/",
    ],
)
def test_a_share_link_is_a_post_whose_id_is_not_in_the_address(address: str) -> None:
    post, site = identify(parse_http_url(address))

    assert site.name != "generic"
    assert post.post_id is None


def test_a_placeholder_in_the_address_is_not_a_handle() -> None:
    post, _ = identify(parse_http_url("https://x.com/i/status/12"))

    assert post.handle is None


def test_a_generic_page_is_known_by_its_address_without_tracking() -> None:
    post, _ = identify(parse_http_url("https://example.org/watch?v=1&utm_source=x#t=3"))

    assert post.canonical_url == "https://example.org/watch?v=1"


def test_the_shared_address_names_the_author() -> None:
    assert (
        shared_url(parse_http_url("https://mobile.twitter.com/jane/status/12?s=1"))
        == "https://x.com/jane/status/12"
    )


def test_an_old_jobs_platform_that_no_longer_exists_is_shown_as_generic() -> None:
    assert platform("gone").name == "generic"


@pytest.mark.parametrize("address", [addresses[0] for addresses in SAME_POST.values()])
def test_a_posts_key_is_itself_an_address_of_that_post(address: str) -> None:
    post, _ = identify(parse_http_url(address))
    again, _ = identify(parse_http_url(post.canonical_url))

    assert again.canonical_url == post.canonical_url


def test_an_address_with_two_video_ids_names_the_first_video() -> None:
    post, _ = identify(parse_http_url("https://www.youtube.com/watch?v=abcdefghijk&v=zzzzzzzzzzz"))

    assert post.post_id == "abcdefghijk"


def test_an_address_copied_out_of_html_source_is_read() -> None:
    post, _ = identify(
        parse_http_url("https://www.youtube.com/watch?feature=player&amp;v=abcdefghijk")
    )

    assert post.post_id == "abcdefghijk"


def test_one_story_is_a_post_and_all_stories_of_an_account_are_not() -> None:
    post, _ = identify(
        parse_http_url("https://www.instagram.com/stories/someone/3570766765028588805/")
    )

    assert (post.handle, post.post_id) == ("someone", "3570766765028588805")
    with pytest.raises(NotAPost, match="all stories"):
        identify(parse_http_url("https://www.instagram.com/stories/someone/"))


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://video.twimg.com/amplify_video/1/vid/1x1/a.mp4", "x"),
        ("https://v16-webapp-prime.tiktok.com/video/tos/a/", "tiktok"),
        ("https://instagram.fabc1-2.fna.fbcdn.net/v/t50/a.mp4", "instagram"),
        ("https://scontent-abc1-1.cdninstagram.com/o1/v/t2/a.mp4", "instagram"),
        ("https://video.fabc1-2.fna.fbcdn.net/v/t42/a.mp4", "facebook"),
        ("https://70vod-adaptive.akamaized.net/exp=1~acl=a/a.mp4", "vimeo"),
        ("https://upos-hz-mirrorakam.akamaized.net/upgcxcode/1/2/3/a.m4s", "bilibili"),
        ("https://elsewhere.akamaized.net/a.mp4", "generic"),
        ("https://vod-secure.twitch.tv/0a1b_jane_1_2/chunked/index-dvr.m3u8", "twitch"),
        ("https://d1234.cloudfront.net/a.mp4", "generic"),
        ("https://rr1---sn-abc.googlevideo.com/videoplayback?expire=1", "youtube"),
        ("https://V.REDD.IT/abc/DASH_720.mp4", "reddit"),
        ("https://www.youtube.com/s/desktop/a.png", "youtube"),
        ("https://eviltwimg.com/a.mp4", "generic"),
        ("http://[", "generic"),
        ("no address", "generic"),
        ("", "generic"),
    ],
)
def test_media_belong_to_the_platform_of_their_host(url: str, name: str) -> None:
    assert platform_of_media(url).name == name


def test_names_of_unknown_platforms_are_refused() -> None:
    assert known_names(["x", "tiktok", "x"]) == ("tiktok", "x")
    with pytest.raises(BadSetting, match="unknown platform twitter") as caught:
        known_names(["x", "twitter"])
    assert "tiktok, tumblr" in (caught.value.help or "")
