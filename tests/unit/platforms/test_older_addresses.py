"""URL forms that sites no longer write, and rare current ones, as in old posts,
bookmarks and lists.
"""

from __future__ import annotations

import pytest

from mediavault.core.platform import AddressKind
from mediavault.platforms.classification import classify

AV, BV = "av170001", "BV1xx411c7mD"
POSTS = [  # address, platform, handle, id, shared form
    ("http://www.youtube.com/vi/abcdefghijk?feature=x", "youtube", None, "abcdefghijk", "https://www.youtube.com/watch?v=abcdefghijk"),
    ("http://youtube.com/?vi=abcdefghijk", "youtube", None, "abcdefghijk", "https://www.youtube.com/watch?v=abcdefghijk"),
    ("http://www.youtube.com/watch#!v=abcdefghijk&x=y", "youtube", None, "abcdefghijk", "https://www.youtube.com/watch?v=abcdefghijk"),
    ("http://www.youtube.com/user/jane#p/u/1/abcdefghijk", "youtube", None, "abcdefghijk", "https://www.youtube.com/watch?v=abcdefghijk"),
    ("http://www.youtube.com/jane#p/c/54B8C800269D7C1B/2/ab-defghijk", "youtube", None,
     "ab-defghijk", (
        "https://www.youtube.com/watch?v=ab-defghijk"
    )),
    ("https://www.youtube.com/tv#/watch?v=abcdefghijk", "youtube", None, "abcdefghijk", "https://www.youtube.com/watch?v=abcdefghijk"),
    ("https://www.youtube.com/tv#/watch/video/control?v=abcdefghijk", "youtube", None,
     "abcdefghijk", (
        "https://www.youtube.com/watch?v=abcdefghijk"
    )),
    ("http://www.youtube.com/ytscreeningroom?v=abcdefghijk", "youtube", None, "abcdefghijk", "https://www.youtube.com/watch?v=abcdefghijk"),
    ("http://twitter.com/john#!/jane/status/12", "x", "jane", "12", "https://x.com/jane/status/12"),
    ("http://www.facebook.com/home.php#!/video.php?v=123456789", "facebook", None, "123456789", "https://www.facebook.com/watch/?v=123456789"),
    ("https://x.com/@jane/status/12", "x", "jane", "12", "https://x.com/jane/status/12"),
    ("https://pro.x.com/jane/status/12", "x", "jane", "12", "https://x.com/jane/status/12"),
    ("https://d.fxtwitter.com/jane/status/12.mp4", "x", "jane", "12", "https://x.com/jane/status/12"),
    ("https://g.fixupx.com/jane/status/12/photo/2", "x", "jane", "12", "https://x.com/jane/status/12"),
    ("https://www.facebook.com/watch/5550001234/10150001234567890/", "facebook", None,
     "10150001234567890", (
        "https://www.facebook.com/watch/?v=10150001234567890"
    )),
    ((
        "https://www.facebook.com/watch/jane/10150001234567890"
    ), "facebook", None, "10150001234567890", (
        "https://www.facebook.com/watch/?v=10150001234567890"
    )),
    ("https://www.facebook.com/pg/jane/videos/123456789", "facebook", "jane", "123456789", "https://www.facebook.com/jane/videos/123456789"),
    ("https://assets.pinterest.com/ext/embed.html?id=123456789012345678", "pinterest", None,
     "123456789012345678", (
        "https://www.pinterest.com/pin/123456789012345678/"
    )),
    ("https://weibo.cn/comment/AbCdEfGh1?uid=1234567890", "weibo", None, "AbCdEfGh1", "https://m.weibo.cn/detail/AbCdEfGh1"),
    ("https://video.h5.weibo.cn/1034:4812345678901234/4812345678901235", "weibo", None,
     "1034:4812345678901234", (
        "https://weibo.com/tv/show/1034:4812345678901234"
    )),
    ("https://a.tnktok.com/@jane/video/7123456789012345678", "tiktok", "jane",
     "7123456789012345678", (
        "https://www.tiktok.com/@jane/video/7123456789012345678"
    )),
    ("https://www.facebook.com/reel/?v=123456789", "facebook", None, "123456789", "https://www.facebook.com/watch/?v=123456789"),
    ("https://www.reddit.com/r/cats/comments/abc123.json", "reddit", None, "abc123", "https://www.reddit.com/r/cats/comments/abc123"),
    ("https://www.reddit.com/tb/abc123", "reddit", None, "abc123", "https://www.reddit.com/comments/abc123"),
    ("https://reddit.com/abc123", "reddit", None, "abc123", "https://www.reddit.com/comments/abc123"),
    ("http://vimeo.com/hd#123456", "vimeo", None, "123456", "https://vimeo.com/123456"),
    ("http://vimeo.com/channels/cats#123456", "vimeo", None, "123456", "https://vimeo.com/123456"),
    ("https://www.pinterest.com/amp/pin/123456789012345678/", "pinterest", None,
     "123456789012345678", (
        "https://www.pinterest.com/pin/123456789012345678/"
    )),
    (
        "https://www.linkedin.com/feed/?highlightedUpdateUrns=urn%3Ali%3Aactivity%3A7016901149999955968",
        "linkedin",
        None,
        "7016901149999955968",
        "https://www.linkedin.com/feed/update/urn:li:activity:7016901149999955968",
    ),
    (
        "https://www.linkedin.com/feed/update/ugcPost:7016901149999955968",
        "linkedin",
        None,
        "7016901149999955968",
        "https://www.linkedin.com/feed/update/urn:li:ugcPost:7016901149999955968",
    ),
    ("https://www.tumblr.com/video/jane/123456789012/500/", "tumblr", "jane", "123456789012", "https://www.tumblr.com/jane/123456789012"),
    ("http://www.dailymotion.com/fr/video/x8abcde_un-chat", "dailymotion", None, "x8abcde", "https://www.dailymotion.com/video/x8abcde"),
    (f"https://www.bilibili.com/{BV}", "bilibili", None, BV, f"https://www.bilibili.com/video/{BV}"),
    (f"http://www.bilibili.com/video/{AV}/index_2.html", "bilibili", None, AV, f"https://www.bilibili.com/video/{AV}?p=2"),
    (f"http://www.bilibili.com/video/{AV}/index_1.html", "bilibili", None, AV, f"https://www.bilibili.com/video/{AV}"),
    (f"http://www.bilibili.com/mobile/video/{AV}.html", "bilibili", None, AV, f"https://www.bilibili.com/video/{AV}"),
    (f"https://www.bilibili.com/blackboard/newplayer.html?bvid={BV}", "bilibili", None, BV, f"https://www.bilibili.com/video/{BV}"),
    (f"https://www.bilibili.com/blackboard/webplayer/embed-old.html?bvid={BV}", "bilibili", None,
     BV, f"https://www.bilibili.com/video/{BV}"),
    ("http://bangumi.bilibili.com/anime/5802/play#100643", "bilibili", None, "100643", "https://www.bilibili.com/bangumi/play/ep100643"),
    ("https://weibo.com/jane/AbCdEfGh1", "weibo", "jane", "AbCdEfGh1", "https://weibo.com/jane/AbCdEfGh1"),
    ("https://weibointl.api.weibo.com/share/123.html?weibo_id=4812345678901234", "weibo", None,
     "4812345678901234", (
        "https://m.weibo.cn/detail/4812345678901234"
    )),
    ("https://share.api.weibo.cn/share/1,2.html?weibo_id=4812345678901234", "weibo", None,
     "4812345678901234", (
        "https://m.weibo.cn/detail/4812345678901234"
    )),
    ("https://weibo.com/tv/v/AbCdEfGhI?fid=1034:4812345678901234", "weibo", None,
     "1034:4812345678901234", (
        "https://weibo.com/tv/show/1034:4812345678901234"
    )),
]  # fmt: skip

OTHERS = [  # address, kind, platform, handle
    (
        "https://www.youtube.com/embed?listType=playlist&list=PL123",
        AddressKind.PLAYLIST,
        "youtube",
        None,
    ),
    ("https://www.youtube.com/user/jane#p/u", AddressKind.PROFILE, "youtube", "jane"),
    ("https://lite.tiktok.com/t/ZSabcdefg/", AddressKind.REDIRECT, "tiktok", None),
    ("https://m.tiktok.com/ZMabcdefg/", AddressKind.REDIRECT, "tiktok", None),
    (
        "https://www.facebook.com/plugins/post.php?href=https%3A%2F%2Fa.example",
        AddressKind.REDIRECT,
        "facebook",
        None,
    ),
    ("https://www.facebook.com/pg/jane/videos/", AddressKind.PROFILE, "facebook", "jane"),
    ("https://www.facebook.com/pg/jane/about/", AddressKind.PROFILE, "facebook", "jane"),
    ("https://www.facebook.com/watch/jane/", AddressKind.PLAYLIST, "facebook", None),
    ("https://www.facebook.com/watch/5550001234/", AddressKind.PLAYLIST, "facebook", None),
    ("https://www.threads.com/share/BAbcdefg1/", AddressKind.REDIRECT, "threads", None),
    ("https://www.threads.net/share/BAbcdefg1?xmt=1", AddressKind.REDIRECT, "threads", None),
    ("https://www.threads.com/share/", AddressKind.UNSUPPORTED, "threads", None),
    (
        "https://l.threads.com/?u=https%3A%2F%2Fa.example%2F&e=AT0",
        AddressKind.REDIRECT,
        "threads",
        None,
    ),
    ("https://l.threads.net/", AddressKind.UNSUPPORTED, "threads", None),
    ("https://x.com/@jane", AddressKind.PROFILE, "x", "jane"),
    ("https://x.com/intent/follow?screen_name=jane", AddressKind.PROFILE, "x", "jane"),
    ("https://x.com/intent/user?screen_name=jane", AddressKind.PROFILE, "x", "jane"),
    ("https://x.com/intent/follow", AddressKind.UNSUPPORTED, "x", None),
    ("https://www.instagram.com/audio/123456789/", AddressKind.PLAYLIST, "instagram", None),
    ("https://www.pinterest.com/pin-creation-tool/", AddressKind.UNSUPPORTED, "pinterest", None),
    ("https://assets.pinterest.com/ext/embed.html", AddressKind.UNSUPPORTED, "pinterest", None),
    ("https://video.h5.weibo.cn/", AddressKind.UNSUPPORTED, "weibo", None),
    ("https://weibo.cn/comment/", AddressKind.UNSUPPORTED, "weibo", None),
    ("https://www.reddit.com/premium", AddressKind.UNSUPPORTED, "reddit", None),
    ("https://www.tumblr.com/reblog/123456789012/AbCdEf", AddressKind.UNSUPPORTED, "tumblr", None),
    ("https://jane.tumblr.com/page/2", AddressKind.PROFILE, "tumblr", "jane"),
    ("https://vimeo.com/channels/cats#about", AddressKind.PLAYLIST, "vimeo", None),
    ("https://vimeopro.com/jane/cats", AddressKind.PLAYLIST, "vimeo", None),
    ("http://bangumi.bilibili.com/anime/5802", AddressKind.PLAYLIST, "bilibili", None),
    ("https://share.api.weibo.cn/share/1,2.html", AddressKind.REDIRECT, "weibo", None),
    ("https://weibo.com/jane/following", AddressKind.UNSUPPORTED, "weibo", None),
    ("https://www.instagram.com/id:25025320/", AddressKind.PROFILE, "instagram", None),
    ("https://mastodon.social/@id:10843", AddressKind.PROFILE, "mastodon", None),
]


@pytest.mark.parametrize(("url", "platform", "handle", "post_id", "shared"), POSTS)
def test_a_post_is_recognised_in_an_older_or_rarer_form(
    url: str, platform: str, handle: str | None, post_id: str, shared: str
) -> None:
    result = classify(url)

    assert (result.kind, result.platform, result.handle, result.post_id) == (
        AddressKind.POST,
        platform,
        handle,
        post_id,
    )
    assert result.canonical_url == shared
    assert classify(shared).canonical_url == shared


@pytest.mark.parametrize(("url", "kind", "platform", "handle"), OTHERS)
def test_similar_addresses_are_distinguished(
    url: str, kind: AddressKind, platform: str, handle: str | None
) -> None:
    result = classify(url)

    assert (result.kind, result.platform, result.handle) == (kind, platform, handle)


@pytest.mark.parametrize(
    ("text", "platform"),
    [
        ("https://www.tumblr.com/search/small cats", "tumblr"),
        ("https://www.tumblr.com/search/small cats/recent?src=typed_query", "tumblr"),
        ("http://www.dailymotion.com/search/king of cats/videos", "dailymotion"),
        ("https://a.example/search/small cats", None),
        ("https://x.com/jane/status/12; rm -rf /", None),
        ("https://x.com/jane/status/12 --exec=rm", None),
        ("https://x.com/jane/status/12 | sh", None),
        ("https://x.com/jane/status/12 https://evil.example/", None),
        ("https://x.com small cats", None),
        ("https:// x.com/jane", None),
    ],
)
def test_text_with_blanks_is_not_an_address_but_its_site_is_named(
    text: str, platform: str | None
) -> None:
    result = classify(text)

    assert (result.kind, result.platform) == (AddressKind.UNSUPPORTED, platform)


@pytest.mark.parametrize(
    ("url", "platform", "token"),
    [
        ("https://fb.me/v/abcdefgh1", "facebook", "abcdefgh1"),
        ("https://fb.gg/v/abcdefgh1/", "facebook", "abcdefgh1"),
        ("https://fb.watch/abcdefgh1/", "facebook", "abcdefgh1"),
        ("https://fb.me/v", "facebook", "v"),
        ("https://at.tumblr.com/jane/small-cats/abcdefgh1234", "tumblr", "abcdefgh1234"),
        ("https://pin.it/aBcDeF1/more", "pinterest", "aBcDeF1"),
        ("https://www.threads.com/share/BAbcdefg1/", "threads", "BAbcdefg1"),
    ],
)
def test_the_token_of_a_share_link_follows_the_letter_for_its_kind(
    url: str, platform: str, token: str
) -> None:
    result = classify(url)

    assert (result.kind, result.platform, result.post_id) == (AddressKind.REDIRECT, platform, token)
