"""Classification of a URL: its kind, platform, account, id and shared form."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediavault.core.platform import AddressKind
from mediavault.core.post_urls import exact_hosts
from mediavault.core.urls import parse_http_url
from mediavault.platforms.classification import classify
from mediavault.platforms.registry import all_platforms, identify

SHARED = Path(__file__).resolve().parents[4] / "shared" / "fixtures"

POSTS = [  # address, platform, handle, id, shared form
    ("https://twitter.com/jane/status/12?s=46", "x", "jane", "12", "https://x.com/jane/status/12"),
    ("https://twitter.com/i/web/status/12", "x", None, "12", "https://x.com/i/status/12"),
    ("https://x.com/jane/status/12/mediaViewer?currentTweet=12", "x", "jane", "12", "https://x.com/jane/status/12"),
    ("https://nitter.net/jane/status/12#m", "x", "jane", "12", "https://x.com/jane/status/12"),
    ("https://twitter.com/i/videos/tweet/12", "x", None, "12", "https://x.com/i/status/12"),
    ("https://twitter.com/#!/jane/status/12", "x", "jane", "12", "https://x.com/jane/status/12"),
    ("https://nitter.anyone.example/jane/status/12", "x", "jane", "12", "https://x.com/jane/status/12"),
    ("https://x.com/i/bookmarks?post_id=12", "x", None, "12", "https://x.com/i/status/12"),
    ("https://twitter.com/intent/like?tweet_id=12", "x", None, "12", "https://x.com/i/status/12"),
    ("https://platform.twitter.com/embed/Tweet.html?dnt=true&id=12", "x", None, "12", "https://x.com/i/status/12"),
    ("https://ntr.odyssey346.dev/jane/status/12#m", "x", "jane", "12", "https://x.com/jane/status/12"),
    ("https://m.tiktok.com/@jane/video/7123456789012345678.html", "tiktok", "jane",
     "7123456789012345678", (
        "https://www.tiktok.com/@jane/video/7123456789012345678"
    )),
    ("https://instagr.am/p/CWqAgUZgCku/", "instagram", None, "CWqAgUZgCku", "https://www.instagram.com/p/CWqAgUZgCku/"),
    ("https://libredd.it/r/cats/comments/abc123/a_cat/", "reddit", None, "abc123", "https://www.reddit.com/r/cats/comments/abc123"),
    ("https://redlib.anyone.example/r/cats/comments/abc123", "reddit", None, "abc123", "https://www.reddit.com/r/cats/comments/abc123"),
    ("https://embed.bsky.app/embed/did:plc:abc/app.bsky.feed.post/3l3abcdefgh2x", "bluesky", None,
     "3l3abcdefgh2x", (
        "https://bsky.app/profile/did:plc:abc/post/3l3abcdefgh2x"
    )),
    ("https://vimeo.com/76979871/description", "vimeo", None, "76979871", "https://vimeo.com/76979871"),
    ("https://vimeo.com/showcase/3253534/video/76979871/embed", "vimeo", None, "76979871", "https://vimeo.com/76979871"),
    ("https://www.twitch.tv/video/1234567890", "twitch", None, "1234567890", "https://www.twitch.tv/videos/1234567890"),
    ("https://www.tumblr.com/@jane/723456789012345678", "tumblr", "jane", "723456789012345678", "https://www.tumblr.com/jane/723456789012345678"),
    ("https://www.tiktok.com//%40jane/video/71", "tiktok", "jane", "71", "https://www.tiktok.com/@jane/video/71"),
    ("https://d.ddinstagram.com/p/CWqAgUZgCku", "instagram", None, "CWqAgUZgCku", "https://www.instagram.com/p/CWqAgUZgCku/"),
    ("https://www.facebook.com/photo.php?v=123456789", "facebook", None, "123456789", "https://www.facebook.com/watch/?v=123456789"),
    ("https://www.facebook.com/video/video.php?v=123456789", "facebook", None, "123456789", "https://www.facebook.com/watch/?v=123456789"),
    ("https://www.facebook.com/video/embed?video_id=123456789", "facebook", None, "123456789", "https://www.facebook.com/watch/?v=123456789"),
    ("https://www.facebook.com/#!/video.php?v=123456789", "facebook", None, "123456789", "https://www.facebook.com/watch/?v=123456789"),
    (
        "https://www.facebook.com/groups/cats/?multi_permalinks=123456789&hoisted=1",
        "facebook",
        None,
        "123456789",
        "https://www.facebook.com/groups/cats/posts/123456789",
    ),
    (
        "https://m.facebook.com/groups/12345678?view=permalink&id=123456789",
        "facebook",
        None,
        "123456789",
        "https://www.facebook.com/groups/12345678/posts/123456789",
    ),
    ("https://m.youtube.com/#/watch?v=abcdefghijk", "youtube", None, "abcdefghijk", "https://www.youtube.com/watch?v=abcdefghijk"),
    ("https://www.youtube.com/watch?v=abcdefghij", "youtube", None, "abcdefghij", "https://www.youtube.com/watch?v=abcdefghij"),
    ("https://vimeo.com/showcase/7654321?video=123456", "vimeo", None, "123456", "https://vimeo.com/123456"),
    ("https://www.twitch.tv/videos/1337", "twitch", None, "1337", "https://www.twitch.tv/videos/1337"),
    (
        "https://www.linkedin.com/feed/update/urn:li:groupPost:1770182-7484211306456195072/",
        "linkedin",
        None,
        "1770182-7484211306456195072",
        "https://www.linkedin.com/feed/update/urn:li:groupPost:1770182-7484211306456195072",
    ),
    ("https://www.youtube.com/?v=abcdefghijk", "youtube", None, "abcdefghijk", "https://www.youtube.com/watch?v=abcdefghijk"),
    ("https://www.youtube.com/watch.php?v=abcdefghijk", "youtube", None, "abcdefghijk", "https://www.youtube.com/watch?v=abcdefghijk"),
    (
        "https://bsky.app/profile/did%3Aplc%3Aabc/post/3l3abcdefgh2x",
        "bluesky",
        None,
        "3l3abcdefgh2x",
        "https://bsky.app/profile/did:plc:abc/post/3l3abcdefgh2x",
    ),
    ("https://vimeo.com/m/123456", "vimeo", None, "123456", "https://vimeo.com/123456"),
    (
        "https://at.tumblr.com/jane/703505323122638848/n7x7pr7x4w2b",
        "tumblr",
        "jane",
        "703505323122638848",
        "https://www.tumblr.com/jane/703505323122638848",
    ),
    (
        "https://www.linkedin.com/posts/activity-7016901149999955968-AbCd",
        "linkedin",
        None,
        "7016901149999955968",
        "https://www.linkedin.com/feed/update/urn:li:activity:7016901149999955968",
    ),
    (
        "https://www.linkedin.com/posts/jane-doe_ugcPost-7016901149999955968-AbCd",
        "linkedin",
        "jane-doe",
        "7016901149999955968",
        "https://www.linkedin.com/feed/update/urn:li:ugcPost:7016901149999955968",
    ),
    ("https://www.bilibili.com/video/bv1xx411c7mD", "bilibili", None, "bv1xx411c7mD", "https://www.bilibili.com/video/bv1xx411c7mD"),
    (
        "https://www.tiktok.com/@jane/video/7123456789012345678?lang=en",
        "tiktok",
        "jane",
        "7123456789012345678",
        "https://www.tiktok.com/@jane/video/7123456789012345678",
    ),
    ("https://www.instagram.com/reels/CWqAgUZgCku/", "instagram", None, "CWqAgUZgCku", "https://www.instagram.com/reel/CWqAgUZgCku/"),
    ("https://instagram.com/p/CWqAgUZgCku/?a=b", "instagram", None, "CWqAgUZgCku", "https://www.instagram.com/p/CWqAgUZgCku/"),
    (
        "https://www.instagram.com/some.one/reel/CWqAgUZgCku/",
        "instagram",
        "some.one",
        "CWqAgUZgCku",
        "https://www.instagram.com/reel/CWqAgUZgCku/",
    ),
    (
        "https://m.facebook.com/page/videos/vb.12345678/123456789/?type=2",
        "facebook",
        "page",
        "123456789",
        "https://www.facebook.com/page/videos/123456789",
    ),
    (
        "https://www.facebook.com/page/posts/some-words/pfbid02abc",
        "facebook",
        "page",
        "pfbid02abc",
        "https://www.facebook.com/page/posts/pfbid02abc",
    ),
    ("https://www.facebook.com/video.php?v=123456789&x=y", "facebook", None, "123456789", "https://www.facebook.com/watch/?v=123456789"),
    ("https://www.facebook.com/reel/123456789?s=x", "facebook", None, "123456789", "https://www.facebook.com/reel/123456789"),
    (
        "https://www.facebook.com/ads/library/?id=123456789",
        "facebook",
        None,
        "123456789",
        "https://www.facebook.com/ads/library/?id=123456789",
    ),
    ("https://www.threads.net/@jane/post/C1aBcDeFgHi", "threads", "jane", "C1aBcDeFgHi", "https://www.threads.com/@jane/post/C1aBcDeFgHi"),
    ("https://old.reddit.com/r/cats/comments/abc123/a_title/", "reddit", None, "abc123", "https://www.reddit.com/r/cats/comments/abc123"),
    ("https://www.reddit.com/u/jane/comments/abc123/", "reddit", "jane", "abc123", "https://www.reddit.com/user/jane/comments/abc123"),
    ("https://redd.it/abc123", "reddit", None, "abc123", "https://www.reddit.com/comments/abc123"),
    ("https://v.redd.it/ifg2emt5ck0e1", "reddit", None, "ifg2emt5ck0e1", "https://www.reddit.com/video/ifg2emt5ck0e1"),
    ("https://youtu.be/abcdefghijk?list=PL123", "youtube", None, "abcdefghijk", "https://www.youtube.com/watch?v=abcdefghijk"),
    (
        "https://bsky.app/profile/jane.example/post/3l3abcdefgh2x",
        "bluesky",
        "jane.example",
        "3l3abcdefgh2x",
        "https://bsky.app/profile/jane.example/post/3l3abcdefgh2x",
    ),
    (
        "https://bsky.app/profile/did:plc:abc/post/3l3abcdefgh2x",
        "bluesky",
        None,
        "3l3abcdefgh2x",
        "https://bsky.app/profile/did:plc:abc/post/3l3abcdefgh2x",
    ),
    (
        "at://did:plc:abc/app.bsky.feed.post/3l3abcdefgh2x",
        "bluesky",
        "did:plc:abc",
        "3l3abcdefgh2x",
        "https://bsky.app/profile/did:plc:abc/post/3l3abcdefgh2x",
    ),
    (
        "https://fedi.example/@jane/112345678901234567",
        "mastodon",
        "jane",
        "112345678901234567",
        "https://fedi.example/@jane/112345678901234567",
    ),
    ("https://player.vimeo.com/video/123456?h=abcdef0123", "vimeo", None, "123456", "https://vimeo.com/123456/abcdef0123"),
    ("http://www.twitch.tv/jane/v/6528877?t=5m", "twitch", "jane", "6528877", "https://www.twitch.tv/videos/6528877"),
    ("https://player.twitch.tv/?t=5m10s&video=v6528877", "twitch", None, "6528877", "https://www.twitch.tv/videos/6528877"),
    (
        "https://www.tumblr.com/jane/703505323122638848/some-words",
        "tumblr",
        "jane",
        "703505323122638848",
        "https://www.tumblr.com/jane/703505323122638848",
    ),
    ("https://www.bilibili.com/bangumi/play/ep12345", "bilibili", None, "12345", "https://www.bilibili.com/bangumi/play/ep12345"),
    (
        "https://www.linkedin.com/feed/update/urn%3Ali%3Aactivity%3A7016901149999955968/",
        "linkedin",
        None,
        "7016901149999955968",
        "https://www.linkedin.com/feed/update/urn:li:activity:7016901149999955968",
    ),
    ("https://video.weibo.com/show?fid=1034:4967272104787984", "weibo", None,
     "1034:4967272104787984", (
        "https://weibo.com/tv/show/1034:4967272104787984"
    )),
]  # fmt: skip

OTHERS = [  # address, kind, platform, handle
    ("https://x.com/jane/with_replies", AddressKind.PROFILE, "x", "jane"),
    ("https://www.twitter.com/id:2976459548", AddressKind.PROFILE, "x", None),
    ("https://x.com/i/lists/12", AddressKind.PLAYLIST, "x", None),
    ("https://x.com/i/broadcasts/1yNGaQLWpejGj", AddressKind.LIVE, "x", None),
    ("https://x.com/i/spaces/1OwxWwQOPlNxQ", AddressKind.UNSUPPORTED, "x", None),
    ("https://x.com/hashtag/cats", AddressKind.UNSUPPORTED, "x", None),
    ("https://twitter.com/#!/jane", AddressKind.PROFILE, "x", "jane"),
    ("https://nitter.anyone.example/jane", AddressKind.PROFILE, "x", "jane"),
    ("https://www.instagram.com/_u/jane", AddressKind.PROFILE, "instagram", "jane"),
    ("https://www.facebook.com/p/Jane-Doe-100012345678901/", AddressKind.PROFILE, "facebook",
     "100012345678901"),
    ((
        "https://www.facebook.com/photo.php?fbid=123456789"
    ), AddressKind.UNSUPPORTED, "facebook", None),
    ("https://www.snapchat.com/@jane/highlights", AddressKind.PROFILE, "snapchat", "jane"),
    ("https://jane.bsky.social/", AddressKind.PROFILE, "bluesky", "jane.bsky.social"),
    ("https://help.instagram.com/123", AddressKind.UNSUPPORTED, "generic", None),
    ("https://v16.example.tiktok.com/video", AddressKind.UNSUPPORTED, "generic", None),
    ("https://x.com/home/following", AddressKind.UNSUPPORTED, "x", None),
    ((
        "https://www.tiktok.com/music/a-song-7036843036118469381"
    ), AddressKind.PLAYLIST, "tiktok", None),
    ("https://www.tiktok.com/@jane/live", AddressKind.LIVE, "tiktok", "jane"),
    ("https://www.instagram.com/stories/jane/", AddressKind.STORY, "instagram", "jane"),
    ("https://www.instagram.com/stories/highlights/18042509488170095/", AddressKind.STORY,
     "instagram", None),
    ("https://www.instagram.com/jane/tagged/", AddressKind.PROFILE, "instagram", "jane"),
    ("https://www.instagram.com/explore/tags/cats/", AddressKind.UNSUPPORTED, "instagram", None),
    ("https://www.facebook.com/people/Jane/100012345678901/?sk=photos", AddressKind.PROFILE,
     "facebook", "100012345678901"),
    ("https://www.facebook.com/jane/photos/a.12/34", AddressKind.UNSUPPORTED, "facebook", "jane"),
    ("https://m.facebook.com/events/1509582499515440", AddressKind.UNSUPPORTED, "facebook", None),
    ("https://www.reddit.com/user/jane/submitted", AddressKind.PROFILE, "reddit", "jane"),
    ("https://old.reddit.com/top/?t=month", AddressKind.UNSUPPORTED, "reddit", None),
    ("https://i.redd.it/abc.jpg", AddressKind.UNSUPPORTED, "reddit", None),
    ("https://www.youtube.com/@jane/streams", AddressKind.PROFILE, "youtube", "@jane"),
    ("https://www.youtube.com/c/%D0%98%D1%8F/videos", AddressKind.PROFILE, "youtube", "Ия"),
    ("https://www.youtube.com/watch?list=PL123", AddressKind.PLAYLIST, "youtube", None),
    ("https://www.youtube.com/embed/videoseries?list=PL123", AddressKind.PLAYLIST, "youtube", None),
    ("https://www.youtube.com/embed/live_stream?channel=UC12", AddressKind.LIVE, "youtube", None),
    ("https://www.youtube.com/watch?v=tooshort", AddressKind.UNSUPPORTED, "youtube", None),
    # a Cyrillic a
    ("https://www.youtube.com/watch?v=\u0430bcdefghijk", AddressKind.UNSUPPORTED, "youtube", None),
    ("https://www.facebook.com/watch/?v=%D9%A1%D9%A2%D9%A3%D9%A4%D9%A5%D9%A6",
     AddressKind.UNSUPPORTED, "facebook", None),
    ("https://bsky.app/profile/jane.example/media", AddressKind.PROFILE, "bluesky", "jane.example"),
    ("https://bsky.app/profile/jane.example/lists/12ab", AddressKind.PLAYLIST, "bluesky",
     "jane.example"),
    ("https://vimeo.com/channels/cats", AddressKind.PLAYLIST, "vimeo", None),
    ("https://vimeo.com/ondemand/20704", AddressKind.UNSUPPORTED, "vimeo", None),
    ("http://www.twitch.tv/jane#profile-0", AddressKind.PROFILE, "twitch", "jane"),
    ("https://www.twitch.tv/collections/o9zZer3IQBhTJw", AddressKind.PLAYLIST, "twitch", None),
    ("https://www.pinterest.de/jane/_created/", AddressKind.PROFILE, "pinterest", "jane"),
    ("https://www.pinterest.com/jane/cats/", AddressKind.PLAYLIST, "pinterest", "jane"),
    ("https://jane.tumblr.com/", AddressKind.PROFILE, "tumblr", "jane"),
    ("https://live.bilibili.com/196", AddressKind.LIVE, "bilibili", None),
    ("https://www.linkedin.com/in/jane/", AddressKind.PROFILE, "linkedin", "jane"),
    ("https://weibo.com/2066652961/profile?rightmod=1", AddressKind.PROFILE, "weibo", "2066652961"),
    ("https://www.youtube.com/podcasts", AddressKind.UNSUPPORTED, "youtube", None),
    ("https://www.facebook.com/terms.php", AddressKind.UNSUPPORTED, "facebook", None),
    ("https://developers.facebook.com/docs/", AddressKind.UNSUPPORTED, "generic", None),
    ("https://help.pinterest.com/en", AddressKind.UNSUPPORTED, "generic", None),
    ("https://de-de.facebook.com/jane", AddressKind.PROFILE, "facebook", "jane"),
    ("https://story.snapchat.com/s/jane", AddressKind.STORY, "snapchat", "jane"),
    ("https://weibo.com/n/%E5%91%A8?tabtype=feed", AddressKind.PROFILE, "weibo", "周"),
    ("https://mastodon.social/@jane@fedi.example", AddressKind.PROFILE, "mastodon",
     "jane@fedi.example"),
]  # fmt: skip

REDIRECTS = [  # address, platform, token
    ("https://vm.tiktok.com/ZTR45GpSF/", "tiktok", "ZTR45GpSF"),
    ("https://www.tiktok.com/t/ZTRC5xgJp", "tiktok", "ZTRC5xgJp"),
    ("https://web.facebook.com/share/r/JFZfPVgLkiJQmWrr/", "facebook", "JFZfPVgLkiJQmWrr"),
    ("https://fb.watch/abc123/", "facebook", "abc123"),
    ("https://www.old.reddit.com/user/jane/s/w4yAMbtOYm", "reddit", "w4yAMbtOYm"),
    ("https://www.instagram.com/share/BACiUUUYQV", "instagram", None),
    ("https://pin.it/abc123", "pinterest", "abc123"),
    ("https://t.co/abcdefghij", "generic", None),
    ("https://bit.ly/abc", "generic", None),
    ("https://www.tiktok.com/t/ZTRC5xgJp//", "tiktok", "ZTRC5xgJp"),
    ("https://pic.twitter.com/AbCdEfG", "x", "AbCdEfG"),
    ("https://www.snapchat.com/t/AbCdEfG", "snapchat", "AbCdEfG"),
    ("https://reddit.app.link/abc123", "reddit", "abc123"),
    ("https://out.reddit.com/t3_abc?url=https%3A%2F%2Fa.example", "reddit", None),
    ("https://l.facebook.com/l.php?u=https%3A%2F%2Fa.example", "facebook", None),
    ("https://l.instagram.com/?u=https%3A%2F%2Fa.example&e=x", "instagram", None),
    ("https://www.youtube.com/redirect?q=https%3A%2F%2Fa.example", "youtube", None),
    ("https://www.linkedin.com/safety/go?url=https%3A%2F%2Fa.example", "linkedin", None),
    ("https://www.pinterest.com/offsite/?url=https%3A%2F%2Fa.example", "pinterest", None),
    ("https://www.google.co.uk/url?sa=D&q=https://youtu.be/abcdefghijk", "generic", None),
    ("https://www.google.com/amp/s/www.reddit.com/r/cats/comments/abc123/", "generic", None),
    (
        "https://www-reddit-com.cdn.ampproject.org/c/s/www.reddit.com/r/cats/comments/abc123/",
        "generic",
        None,
    ),
    ("https://t.umblr.com/redirect?z=https%3A%2F%2Fyoutu.be%2Fabcdefghijk", "generic", None),
    (
        "https://eur01.safelinks.protection.outlook.com/?url=https%3A%2F%2Fyoutu.be%2Fabcdefghijk",
        "generic",
        None,
    ),
]

NO_ADDRESSES = [
    "",
    "noop",
    "abcdefghijk",
    ":ytfav",
    "youtube.com/watch?v=abcdefghijk",
    "facebook:123456789",
    "instagram://media?id=1",
    "ftp://x.com/jane/status/12",
    "javascript:alert(1)",
    "--exec=rm -rf /",
    "http:\\\\a\\b:c\\d@foo.com\\",
    "https://x.com@evil.example/jane/status/12",
    "https://x.com/jane/status/12%0d%0aX",
    "at://did:plc:abc/app.bsky.feed.like/3l3abcdefgh2x",
    "at://x.com@evil/app.bsky.feed.post/3l3",
    "https://www.tiktok.com:8443/@jane/video/7123456789012345678",
    "https://video.twimg.com:8080/a.mp4",
    "http://localhost:8000/api/jobs",
    "http://nas.local/video",
    "http://example",
    "http://127.0.0.1/",
    "http://10.1.2.3/video",
    "http://224.1.1.1",
    "http://[::]",
    "http://[::127.0.0.1]",
    "http://3628126748/",
    "http://invalid-.com/",
    "https://nottiktok.com/@jane/video/7123456789012345678",
    "https://x.com.evil.example/jane/status/12",
    "https://x.com.evil.example/@jane/112345678901234567",
    "http://localhost/@jane/112345678901234567",
    "https://\u0445.com/jane/status/12",
    "https://www.tikt\u00f3k.com/@jane/video/7123456789012345678",
    "https://www.youtube.co/watch?v=abcdefghijk",
    "https://notx.com/jane/status/12",
    "https://video.twimg.com.evil.example/a.mp4",
    "https://notvideo.twimg.com/a.mp4",
    "https://pin.it.evil.example/abc",
    "https://www.instagram.com/reel/CWqAgUZgCku/../../jane",
    "https://x.com/jane/%2e%2E/status/12",
    "https://evil.example/tiktok.com/@jane/video/7123456789012345678",
    "https://evil.example/https://www.tiktok.com/@jane/video/7123456789012345678",
    "https://evil.example/@youtube.com",
    "https://evil.example/?u=https://tiktok.com/@jane/video/7123456789012345678",
    "https://evil.example/?next=youtube.com",
    "https://evil.example/#tiktok.com",
    "http://10.0.0.1.xip.io/",
    "http://app.192-168-1-1.nip.io/",
    "http://localtest.me/",
    "http://[64:ff9b::7f00:1]/",
    "http://[2002:7f00:1::]/",
]


@pytest.mark.parametrize(("url", "platform", "handle", "post_id", "shared"), POSTS)
def test_a_post_is_classified_with_its_author_id_and_shared_form(
    url: str, platform: str, handle: str | None, post_id: str, shared: str
) -> None:
    result = classify(url)

    assert (result.kind, result.platform, result.handle, result.post_id) == (
        AddressKind.POST,
        platform,
        handle,
        post_id,
    )
    assert (result.url, result.canonical_url) == (url, shared)


@pytest.mark.parametrize("shared", [row[4] for row in POSTS])
def test_the_shared_form_is_canonical_and_names_the_same_post(shared: str) -> None:
    post, platform = identify(parse_http_url(shared))

    assert classify(shared).canonical_url == shared
    assert (post.platform, post.post_id) == (platform.name, classify(shared).post_id)


@pytest.mark.parametrize(("url", "kind", "platform", "handle"), OTHERS)
def test_a_page_that_is_not_a_post_is_classified_by_its_kind(
    url: str, kind: AddressKind, platform: str, handle: str | None
) -> None:
    result = classify(url)

    assert (result.kind, result.platform, result.handle) == (kind, platform, handle)


@pytest.mark.parametrize(("url", "platform", "token"), REDIRECTS)
def test_a_share_link_is_a_redirect_with_its_token_and_without_a_shared_form(
    url: str, platform: str, token: str | None
) -> None:
    result = classify(url)

    assert (result.kind, result.platform, result.post_id) == (AddressKind.REDIRECT, platform, token)
    assert result.canonical_url is None


@pytest.mark.parametrize("text", NO_ADDRESSES)
def test_an_invalid_private_or_imitated_address_has_no_platform(text: str) -> None:
    result = classify(text)

    assert (result.kind, result.platform, result.post_id) == (AddressKind.UNSUPPORTED, None, None)
    assert result.url == text


@pytest.mark.parametrize(
    "url",
    [
        "https://videos.example/watch/1",
        "https://netflix.com/title/1",
        "http://142.42.1.1/",
        "https://tube.example:9000/w/1",
        "https://example.org/?ref=x.com",
        "https://example.org/?utm_source=youtube.com&p=12",
        "https://example.org/watch?u=https://youtu.be/abcdefghijk",
        "https://elk.example/mastodon.social/@jane/112345678901234567",
        "https://web.archive.org/https://www.youtube.com/watch?v=abcdefghijk",
        "https://8.8.8.8.nip.io/watch",
        "https://mastodon.example.social/about-this-video",
    ],
)
def test_any_other_public_page_may_be_a_post(url: str) -> None:
    result = classify(url)

    assert (result.kind, result.platform) == (AddressKind.POST, "generic")


def test_the_shared_form_of_a_profile_is_given_where_the_site_has_one() -> None:
    assert (
        classify("https://www.tiktok.com/@jane/likes").canonical_url
        == "https://www.tiktok.com/@jane"
    )


def test_a_post_of_another_fediverse_like_site_is_not_taken_for_mastodons() -> None:
    """Lemon8 writes /@name/ and nineteen digits; Mastodon's numbers have eighteen and begin with
    1.
    """
    assert classify("https://videos.example/@jane/7123456789012345678").platform == "generic"


@given(
    st.text(max_size=120)
    | st.text(max_size=60).map(lambda path: f"https://www.facebook.com/{path}")
)
def test_any_text_gets_an_answer(text: str) -> None:
    result = classify(text)

    assert result.url == text
    assert result.platform is not None or result.kind is AddressKind.UNSUPPORTED


# Pieces of URLs of sites, wrappers and tricks: their combinations reach code that plain text never
# does
_HOSTS = sorted({host for known in all_platforms() for host in exact_hosts(known)})
_PIECES = st.sampled_from(
    ["@jane", "status", "video", "p", "reel", "watch", "..", "%40", "%2e%2e", "share", "profile",
     "post", "live", "t", "12", "7123456789012345678", "CWqAgUZgCku", "did%3Aplc%3Aabc",
     "3l3abcdefgh2x", "x.com", "comments", "\u0663\u0664", ""]
)  # fmt: skip
_QUERIES = st.sampled_from(
    [
        "",
        "?v=abcdefghijk",
        "?v=%D9%A1%D9%A2%D9%A3%D9%A4%D9%A5%D9%A6%D9%A1%D9%A2%D9%A3%D9%A4%D9%A5",
        "?u=https://x.com/a/status/1",
        "?list=PL12&",
        "?%00",
        "?a=1;b=2#!/jane",
    ]
)
_ADDRESSES = st.builds(
    lambda host, path, query: f"https://{host}/{'/'.join(path)}{query}",
    st.sampled_from(_HOSTS)
    | st.sampled_from(["evil.example", "nitter.example", "10.0.0.1.nip.io", "tikt\u00f3k.com"]),
    st.lists(_PIECES, max_size=6),
    _QUERIES,
)


@given(_ADDRESSES)
def test_every_address_has_an_answer_and_its_shared_form_is_a_fixed_point(address: str) -> None:
    result = classify(address)

    assert result.url == address
    if result.canonical_url is not None and result.kind in {AddressKind.POST, AddressKind.STORY}:
        again = classify(result.canonical_url)
        assert (again.kind, again.platform, again.post_id) == (
            result.kind,
            result.platform,
            result.post_id,
        )
        assert again.canonical_url == result.canonical_url


# --- recorded addresses, if available -------------------------------------------------------------

KNOWN_DIFFERENCES = {
    # the table takes the share link's token for the post's id
    "https://www.instagram.com/share/reel/BARSSL4rTu",
    # the table takes "people" for a handle
    "https://www.facebook.com/people/facebook/100064860875397/?sk=photos",
    # the table names the video, which only the network knows
    "https://t.bilibili.com/998134289197432852",
    "https://b23.tv/av32430100",  # a short link, though its token is readable
    # a playlist
    "https://www.youtube.com/embed/videoseries?list=PL6IaIsEjSbf96XFRuNccS_RuEXwNdsoEu",
    # the current live stream
    "https://www.youtube.com/embed/live_stream?channel=UC2_KI6RB__jGdlnK6dvFEZA",
    "https://www.weibo.com/p/1003062314621010/home",  # a profile
    "https://sushi.ski/notes/9bm3x4ksqw",  # Misskey, on a host like any other
}
KINDS = {
    "profile": AddressKind.PROFILE,
    "playlist": AddressKind.PLAYLIST,
    "story": AddressKind.STORY,
    "story_all": AddressKind.STORY,
    "share_link": AddressKind.REDIRECT,
    "short_link": AddressKind.REDIRECT,
    "tricky": AddressKind.UNSUPPORTED,
    "non_http": AddressKind.UNSUPPORTED,
}


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason="../shared is not here")
def test_recorded_addresses_are_read_as_their_table_says() -> None:
    with (SHARED / "post_urls.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    wrong = {row["url"]: difference for row in rows if (difference := _differs(row))}

    assert len(rows) > 300
    assert set(wrong) <= KNOWN_DIFFERENCES


def _differs(row: dict[str, str]) -> str:
    """Return the names of the fields that differ from the table,
    except handles that the URL does not contain.
    """
    result = classify(row["url"])
    if row["platform"] not in {known.name for known in all_platforms()[:-1]} | {"none"}:
        return "platform" if result.platform != "generic" else ""
    kind = KINDS.get(
        row["url_kind"], AddressKind.POST if row["is_supported_video"] == "yes" else result.kind
    )
    actual = {"platform": result.platform or "none", "kind": result.kind, "handle": result.handle}
    actual |= {"post_id": result.post_id, "canonical_url": result.canonical_url}
    if "not in URL" in row["note"]:
        del actual["handle"]
    wanted = {**row, "kind": kind}
    return " ".join(
        name for name, value in actual.items() if wanted[name] and wanted[name] != value
    )


def test_a_share_link_whose_token_is_the_posts_own_id_is_the_post() -> None:
    result = classify("https://b23.tv/av32430100")

    assert (result.kind, result.post_id) == (AddressKind.POST, "av32430100")
    assert classify("https://b23.tv/ep67616q").kind is AddressKind.REDIRECT
