"""Reading addresses: which post, on which platform, and what is refused."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from mediavault.core.errors import BadUrl, MediavaultError, NotAPost, Unsupported
from mediavault.core.platform import Platform
from mediavault.core.urls import parse_http_url
from mediavault.platforms.registry import all_platforms, identify, platform, shared_url

SHARED = Path(__file__).resolve().parents[4] / "shared" / "fixtures"

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
    ],
    "vimeo": ["https://vimeo.com/160743502", "https://player.vimeo.com/video/160743502"],
    "pinterest": [
        "https://jp.pinterest.com/pin/some-words--858146904010573850/",
        "https://www.pinterest.co.uk/pin/858146904010573850",
    ],
    "twitch": ["https://clips.twitch.tv/FaintLightGull", "https://m.twitch.tv/someone/clip/FaintLightGull"],
    "tumblr": ["https://demo.tumblr.com/post/123456789/slug", "https://www.tumblr.com/demo/123456789"],
    "bilibili": ["https://www.bilibili.com/video/BV13x41117TL", "https://m.bilibili.com/video/BV13x41117TL/?p=1"],
}


@pytest.mark.parametrize(("name", "addresses"), SAME_POST.items())
def test_all_addresses_of_a_post_are_one_post(name: str, addresses: list[str]) -> None:
    read = [identify(parse_http_url(address)) for address in addresses]

    assert {found.name for _, found in read} == {name}
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
def test_a_look_alike_is_a_page_of_its_own(address: str) -> None:
    post, found = identify(parse_http_url(address))

    assert found.name == "generic"
    assert post.post_id is None


@pytest.mark.parametrize(
    "address", ["https://x.com@evil.example/u/status/1", "https://evil.example\\@x.com/u/status/1"]
)
def test_a_host_in_disguise_is_no_address_at_all(address: str) -> None:
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
def test_a_profile_or_playlist_is_no_post(address: str) -> None:
    with pytest.raises(NotAPost):
        identify(parse_http_url(address))


def test_an_unknown_kind_of_address_on_a_known_platform_is_not_guessed_at() -> None:
    with pytest.raises(Unsupported):
        identify(parse_http_url("https://www.facebook.com/ads/library/?id=874812092000430"))


@pytest.mark.parametrize(
    "address",
    ["https://vt.tiktok.com/ZSe4FqkKd", "https://www.reddit.com/r/a/s/w4yAMbtOYm", "https://fb.watch/abc123/"],
)
def test_a_share_link_is_a_post_whose_id_only_the_network_knows(address: str) -> None:
    post, found = identify(parse_http_url(address))

    assert found.name != "generic"
    assert post.post_id is None


def test_the_words_that_stand_for_a_handle_are_none() -> None:
    post, _ = identify(parse_http_url("https://x.com/i/status/12"))

    assert post.handle is None


def test_a_generic_page_is_known_by_its_address_without_tracking() -> None:
    post, _ = identify(parse_http_url("https://example.org/watch?v=1&utm_source=x#t=3"))

    assert post.canonical_url == "https://example.org/watch?v=1"


def test_the_shared_address_names_the_author() -> None:
    assert shared_url(parse_http_url("https://mobile.twitter.com/jane/status/12?s=1")) == "https://x.com/jane/status/12"


def test_an_old_jobs_platform_that_no_longer_exists_is_shown_as_generic() -> None:
    assert platform("gone").name == "generic"


@pytest.mark.parametrize("known", all_platforms(), ids=lambda known: known.name)
def test_each_platform_says_when_it_was_checked_and_its_addresses_can_be_written(known: Platform) -> None:
    assert known.checked
    assert known.name == "generic" or known.post_patterns
    assert all(host == host.lower() and ":" not in host for host in known.hosts)


@pytest.mark.parametrize("address", [addresses[0] for addresses in SAME_POST.values()])
def test_a_posts_key_is_itself_an_address_of_that_post(address: str) -> None:
    post, _ = identify(parse_http_url(address))
    again, _ = identify(parse_http_url(post.canonical_url))

    assert again.canonical_url == post.canonical_url


# --- real addresses, where they are at hand -----------------------------------------------------------------------

KNOWN_DIFFERENCES = {
    "https://www.instagram.com/share/reel/BARSSL4rTu",  # the table takes the share link's token for the post's id
    "https://www.bilibili.com/bangumi/play/ep678060",  # our ids keep their kind: ep678060
    "https://t.bilibili.com/998134289197432852",  # the table names the video, which only the network knows
    "https://www.reddit.com/r/KamenRider/comments/wzqkxp/finale_kamen_rider_revice_episode_50_family_to/",
    "https://www.youtube.com/watch?v=N_708QY7Ob",  # ten characters: a cut id
    "https://www.youtube.com/embed/videoseries?list=PL6IaIsEjSbf96XFRuNccS_RuEXwNdsoEu",
    "https://www.youtube.com/embed/live_stream?channel=UC2_KI6RB__jGdlnK6dvFEZA",
    "https://www.weibo.com/p/1003062314621010/home",
}


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason="../shared is not here")
def test_recorded_addresses_are_read_as_their_table_says() -> None:
    with (SHARED / "post_urls.tsv").open(encoding="utf-8") as file:
        rows = [
            row for row in csv.DictReader(file, delimiter="\t") if row["platform"] in {p.name for p in all_platforms()}
        ]
    wrong = [row["url"] for row in rows if row["url"] not in KNOWN_DIFFERENCES and not _reads_as(row)]

    assert len(rows) > 150
    assert wrong == []


def _reads_as(row: dict[str, str]) -> bool:
    try:
        post, found = identify(parse_http_url(row["url"]))
    except MediavaultError:
        return row["is_supported_video"] in ("no", "debatable", "unknown") or row["url_kind"] in ("at_uri", "ad")
    if found.name == "generic":  # a site of the same name, or a bare media file
        return row["url_kind"] in ("site_specific", "direct_media", "other", "generic") or row["platform"] == "generic"
    if row["url_kind"] in ("short_link", "share_link"):
        return post.post_id is None
    shared = shared_url(parse_http_url(row["url"])) or ""
    same_address = not row["canonical_url"] or shared.rstrip("/") == row["canonical_url"].rstrip("/")
    return found.name == row["platform"] and (post.post_id or "") == row["post_id"] and same_address
