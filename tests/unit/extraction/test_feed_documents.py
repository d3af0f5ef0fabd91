"""Reading feeds, API answers and pages that link to feeds;
and documents that are made to hurt their reader.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediavault.core.failures import ExtractorBroken, Failure, Unsupported
from mediavault.core.listings import Entry, EntryKind, ListCheck, ListPage
from mediavault.core.media import EnclosedFile
from mediavault.core.platform import Platform
from mediavault.core.urls import parse_http_url
from mediavault.extraction.feed_documents import (
    MAX_ITEMS,
    MAX_TEXT_CHARS,
    MAX_TITLE_CHARS,
    read_feed,
)
from mediavault.extraction.port import PageAnswer
from mediavault.platforms.registry import all_platforms, platform, platform_at
from tests import feed_samples as samples
from tests.feed_samples import BLOG, LIST_CHECKS, enclosure, item, rss


def read(body: bytes | object, url: str = BLOG, *, kind: str = "", **facts: Any) -> ListPage:
    """Return what a document says in answer to a look at ``url``."""
    site: Platform = platform_at(parse_http_url(url))
    written = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = PageAnswer(url, 200, {"content-type": kind}, written)
    return read_feed(ListCheck(url, **facts), site, answer)


def entries(body: bytes | object, url: str = BLOG) -> tuple[Entry, ...]:
    return read(body, url).listing.entries


def urls(body: bytes | object, url: str = BLOG) -> list[str]:
    return [entry.url for entry in entries(body, url)]


# --- any feed -------------------------------------------------------------------------------------


def test_an_items_link_is_the_post_and_its_date_title_and_text_are_read() -> None:
    listing = read(rss(item(1), item(2))).listing

    assert listing.entries[0] == Entry(
        "https://blog.example/1",
        title="Kite 1",
        text="Wind & kites",
        published_at=datetime(2026, 11, 27, 10, tzinfo=UTC),
    )
    assert (listing.title, listing.is_newest_first, listing.is_whole) == ("Kites", True, False)


def test_an_order_that_no_date_proves_is_not_relied_on() -> None:
    assert not read(rss(item(1, day=1), item(2, day=2))).listing.is_newest_first
    assert not read(
        rss("<item><link>https://blog.example/1</link></item>" * 2)
    ).listing.is_newest_first


def test_a_podcasts_episode_is_its_file_where_the_link_is_the_shows_page_or_missing() -> None:
    of_show = item(1, link="https://blog.example", more=enclosure("https://cdn.example/1.mp3"))
    without = item(2, link="", more=enclosure("https://cdn.example/2.mp4", "video/mp4"))
    own_page = item(3, more=enclosure("https://cdn.example/3.mp3"))

    assert urls(rss(of_show, without, own_page)) == [
        "https://cdn.example/1.mp3",
        "https://cdn.example/2.mp4",
        "https://blog.example/3",
    ]


def test_the_sound_or_video_that_an_entry_encloses_is_read_with_what_the_feed_states() -> None:
    more = enclosure("https://cdn.example/1.JPG", "image/jpeg") + enclosure(
        "https://cdn.example/1.mp3", "Audio/MPEG"
    )
    more += '<itunes:image href="https://cdn.example/1.png"/>'
    (entry,) = entries(rss(item(1, more=more)))

    assert entry.url == "https://blog.example/1"
    assert entry.enclosed == EnclosedFile(
        "https://cdn.example/1.mp3",
        "audio/mpeg",
        title="Kite 1",
        text="Wind & kites",
        published_at=datetime(2026, 11, 27, 10, tzinfo=UTC),
        thumbnail_url="https://cdn.example/1.png",
    )
    assert (
        entries(rss(item(1, more=enclosure("https://cdn.example/1.pdf", "application/pdf"))))[
            0
        ].enclosed
        is None
    )


@pytest.mark.parametrize("guid", ["x1", "/x1", "tag:blog.example,2026:1", "ftp://blog.example/1"])
def test_a_guid_that_is_not_an_absolute_web_address_is_never_a_posts_url(guid: str) -> None:
    of_file, bare = (
        f"<guid>{guid}</guid>{enclosure('https://cdn.example/1.mp3')}",
        f"<guid>{guid}</guid>",
    )
    (entry,) = entries(rss(item(1, link="", more=of_file), item(2, link="", more=bare)))

    assert entry.url == "https://cdn.example/1.mp3"
    assert entry.former_url == ("https://blog.example/x1" if "x1" in guid else "")


def test_a_guid_that_is_an_absolute_web_address_is_the_posts_url_where_there_is_no_link() -> None:
    (entry,) = entries(rss(item(1, link="", more="<guid>https://blog.example/1</guid>")))

    assert (entry.url, entry.former_url) == ("https://blog.example/1", "")


def test_a_link_that_many_episodes_share_is_the_shows_page() -> None:
    shared = "https://blog.example/show"
    made = [item(n, link=shared, more=enclosure(f"https://cdn.example/{n}.mp3")) for n in (1, 2)]

    assert urls(rss(*made)) == ["https://cdn.example/1.mp3", "https://cdn.example/2.mp3"]


def test_media_content_stands_in_for_a_missing_link_and_says_the_length() -> None:
    media = '<media:content url="https://cdn.example/1.mp4" type="video/mp4" duration="90"/>'
    (entry,) = entries(rss(item(1, link="", more=media)))

    assert (entry.url, entry.duration_s) == ("https://cdn.example/1.mp4", 90.0)


@pytest.mark.parametrize(
    ("written", "seconds"), [("1:02:03", 3723.0), ("62:03", 3723.0), ("3723", 3723.0), ("x", None)]
)
def test_a_podcasts_duration_has_several_forms(written: str, seconds: float | None) -> None:
    (entry,) = entries(rss(item(1, more=f"<itunes:duration>{written}</itunes:duration>")))

    assert entry.duration_s == seconds


def test_a_feed_says_when_it_wants_to_be_read() -> None:
    head = "<ttl>90</ttl><skipHours><hour>3</hour><hour>4</hour></skipHours>"
    page = read(rss(item(1), head=head))

    assert page.listing.fresh_for == timedelta(minutes=90)
    assert page.skip_hours == (3, 4)


def test_a_feed_that_skips_every_hour_skips_none() -> None:
    every = "".join(f"<hour>{hour}</hour>" for hour in range(24))

    assert read(rss(item(1), head=f"<skipHours>{every}</skipHours>")).skip_hours == ()


def test_a_json_feed_is_read_like_the_others() -> None:
    episode = {
        "id": "1",
        "title": "Kite",
        "content_html": "<p>Wind</p>",
        "date_published": "2026-11-28T10:00:00Z",
        "attachments": [
            {
                "url": "https://cdn.example/1.mp3",
                "mime_type": "audio/mpeg",
                "duration_in_seconds": 9,
            }
        ],
    }
    (entry,) = entries(samples.json_feed(episode, language="en"))

    assert (entry.url, entry.title, entry.text, entry.duration_s, entry.language) == (
        "https://cdn.example/1.mp3",
        "Kite",
        "Wind",
        9.0,
        "en",
    )


def test_a_page_names_the_feeds_that_it_links_to_those_of_comments_last() -> None:
    page = samples.page_with_links(
        ("application/rss+xml", "/comments/feed/", "Comments"),
        ("application/rss+xml", "/feed/", "Posts"),
        ("application/feed+json", "https://cdn.example/feed.json", ""),
        ("application/json", "/wp-json/", "API"),
        ("application/rss+xml", "javascript:alert(1)", ""),
    )

    assert read(page).feed_urls == (
        "https://blog.example/feed/",
        "https://cdn.example/feed.json",
        "https://blog.example/comments/feed/",
    )


def test_a_page_without_a_link_to_a_feed_is_unsupported() -> None:
    with pytest.raises(Unsupported):
        read(samples.page_with_links())


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b"words", b"\0\1\2", b"<svg></svg>"])
def test_what_is_neither_a_feed_nor_a_page_is_a_failure(body: bytes) -> None:
    with pytest.raises(ExtractorBroken):
        read(body)


def test_a_server_that_names_all_attachments_leaves_out_posts_without_any() -> None:
    """Mastodon's RSS names each attachment, so that a text without one is only a text."""
    head = "<generator>Mastodon v4.5.0</generator>"
    video = '<media:content url="https://files.example/1.mp4" type="video/mp4" medium="video"/>'
    picture = '<media:content url="https://files.example/2.png" type="image/png" medium="image"/>'

    assert urls(rss(item(1, more=video), item(2, more=picture), item(3), head=head)) == [
        "https://blog.example/1"
    ]


# --- sites ----------------------------------------------------------------------------------------


def test_youtubes_feed_tells_shorts_by_their_url_and_the_channel_by_its_id() -> None:
    body = samples.youtube(("aaaaaaaaaaa", "watch?v="), ("bbbbbbbbbbb", "shorts/"))
    listing = read(body, LIST_CHECKS["youtube"]).listing

    assert [(entry.post_id, entry.kind) for entry in listing.entries] == [
        ("aaaaaaaaaaa", None),
        ("bbbbbbbbbbb", EntryKind.SHORT),
    ]
    assert listing.entries[0].thumbnail_url == "https://i.ytimg.com/vi/aaaaaaaaaaa/hq.jpg"
    assert (listing.stable_id, listing.title) == (samples.CHANNEL, "Jane")


def test_mastodons_statuses_are_entries_and_those_without_a_video_are_left_out() -> None:
    boosted = {**samples.status(5, "video"), "url": "https://other.example/@kim/5"}
    statuses = [
        samples.status(9, "video"),
        samples.status(8, "image"),
        samples.status(7),
        samples.status(6, reblog=boosted),
        samples.status(4, "gifv", in_reply_to_id="3"),
    ]
    listing = read(statuses, LIST_CHECKS["mastodon"]).listing

    assert [(e.post_id, e.is_repost, e.is_reply) for e in listing.entries] == [
        ("9", False, False),
        ("5", True, False),
        ("4", False, True),
    ]
    assert (listing.stable_id, listing.handle, listing.title) == (
        "12@mastodon.social",
        "jane",
        "Jane",
    )
    assert (listing.entries[0].duration_s, listing.entries[0].language) == (4.0, "en")


def test_mastodons_lookup_names_the_account() -> None:
    assert (
        read(samples.account(), LIST_CHECKS["mastodon"]).listing.stable_id == "12@mastodon.social"
    )


def test_a_full_part_of_mastodons_list_names_the_next() -> None:
    many = [samples.status(number, "video") for number in range(140, 100, -1)]

    assert read(many, LIST_CHECKS["mastodon"]).cursor == "101"
    assert read(many[:3], LIST_CHECKS["mastodon"]).cursor == ""


def test_blueskys_feed_names_the_account_by_its_did_and_marks_reposts() -> None:
    theirs = samples.bluesky_post("3kitebbbbbbbb")
    theirs["post"]["author"] = {"did": "did:plc:kim", "handle": "kim.example"}
    theirs["reason"] = {"$type": "app.bsky.feed.defs#reasonRepost", "by": {"did": "did:plc:jane"}}
    feed = [
        theirs,
        samples.bluesky_post("3kiteaaaaaaaa"),
        samples.bluesky_post("3kitecccccccc", video=False),
    ]
    page = read({"feed": feed, "cursor": "next"}, LIST_CHECKS["bluesky"])

    assert [(entry.url, entry.is_repost) for entry in page.listing.entries] == [
        ("https://bsky.app/profile/kim.example/post/3kitebbbbbbbb", True),
        ("https://bsky.app/profile/jane.example/post/3kiteaaaaaaaa", False),
    ]
    assert (page.listing.stable_id, page.cursor) == ("did:plc:jane", "next")


def test_dailymotions_live_channels_are_not_over_while_they_are_on_air() -> None:
    answer = samples.dailymotion(
        {
            "id": "x8aaaaa",
            "title": "A kite",
            "created_time": 1_795_000_000,
            "duration": 60,
            "mode": "vod",
        },
        {"id": "x8bbbbb", "mode": "live", "onair": True},
        {"id": "../x"},
        has_more=True,
    )
    page = read(answer, LIST_CHECKS["dailymotion"])

    assert [(e.post_id, e.kind, e.finished) for e in page.listing.entries] == [
        ("x8aaaaa", EntryKind.VIDEO, True),
        ("x8bbbbb", EntryKind.LIVE, False),
    ]
    assert (page.listing.stable_id, page.cursor) == ("x1abc", "2")


def test_reddits_pictures_and_texts_are_left_out_and_links_elsewhere_stay() -> None:
    body = samples.reddit(
        ("aaaaa1", "https://v.redd.it/abcdefgh"),
        ("aaaaa2", "https://i.redd.it/kite.jpeg"),
        ("aaaaa3", "https://www.reddit.com/gallery/aaaaa3"),
        ("aaaaa4", "https://www.reddit.com/r/kites/comments/aaaaa4/a_kite/"),
        ("aaaaa5", "https://videos.example/1"),
        ("aaaaa6", "https://i.redd.it/kite.gif"),
    )
    listing = read(body, LIST_CHECKS["reddit"]).listing

    assert [entry.post_id for entry in listing.entries] == ["aaaaa1", "aaaaa5", "aaaaa6"]
    assert (listing.stable_id, listing.title) == ("u/jane", "u/jane")


def test_tumblrs_pictures_are_left_out() -> None:
    posts = [
        item(1, link="https://jane.tumblr.com/post/100000000001", more="").replace(
            "Wind", "&lt;img src='1.png'&gt;"
        ),
        item(2, link="https://jane.tumblr.com/post/100000000002").replace(
            "Wind", "&lt;img&gt;&lt;video src='1'&gt;"
        ),
        item(3, link="https://jane.tumblr.com/post/100000000003"),
    ]

    assert [e.post_id for e in entries(rss(*posts), LIST_CHECKS["tumblr"])] == [
        "100000000002",
        "100000000003",
    ]


# --- hostile documents ----------------------------------------------------------------------------


def test_entities_that_multiply_are_not_expanded() -> None:
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10 if n else "lol"}">' for n in range(10))
    body = rss(item(1)).replace(b"<rss", f"<!DOCTYPE rss [{laughs}]><rss".encode(), 1)
    found = entries(body.replace(b"Kite 1", b"&l9;"))

    assert [len(entry.title or "") < 100 for entry in found] == [True]


def test_an_external_entity_is_not_fetched() -> None:
    entity = b'<!DOCTYPE rss [<!ENTITY x SYSTEM "file:///etc/hostname">]><rss'
    (entry,) = entries(rss(item(1)).replace(b"<rss", entity, 1).replace(b"Kite 1", b"a&x;b"))

    assert entry.title in {"ab", "a&x;b"}


def test_a_feed_of_countless_items_is_read_up_to_the_bound() -> None:
    assert len(entries(rss(*(item(n, day=1) for n in range(MAX_ITEMS + 10))))) == MAX_ITEMS


@pytest.mark.parametrize(
    "link", ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "mailto:a@b.example"]
)
def test_an_item_whose_link_is_not_a_web_address_names_no_post(link: str) -> None:
    assert urls(rss(item(1, link=link))) == []


def test_titles_and_texts_are_cut() -> None:
    huge = "x" * (1 << 20)
    (entry,) = entries(
        rss(item(1)).replace(b"Kite 1", huge.encode()).replace(b"Wind", huge.encode())
    )

    assert (len(entry.title or ""), len(entry.text or "")) == (MAX_TITLE_CHARS, MAX_TEXT_CHARS)


@pytest.mark.parametrize("reference", ["&#xD800;", "&#55296;"])
def test_lone_surrogates_are_left_out_of_texts(reference: str) -> None:
    (entry,) = entries(rss(item(1)).replace(b"Kite 1", f"Kite {reference}1".encode()))

    assert (entry.title or "").encode()


def test_lone_surrogates_in_json_are_left_out_too() -> None:
    body = json.dumps(
        samples.json_feed({"url": "https://blog.example/1", "title": "a\ud800b"})
    ).encode()

    assert entries(body)[0].title == "ab"


@pytest.mark.parametrize(
    "date", ["Mon, 01 Jan 0000 00:00:00 GMT", "99999-99-99", "31 Feb 2026", "0000-00-00T00:00:00Z"]
)
def test_a_date_that_no_calendar_has_is_unknown_or_at_least_a_date(date: str) -> None:
    body = rss(f"<item><link>https://blog.example/1</link><pubDate>{date}</pubDate></item>")
    (entry,) = entries(body)

    assert entry.published_at is None or entry.published_at.tzinfo is UTC


def test_a_name_of_a_file_of_ours_is_not_opened() -> None:
    with pytest.raises(ExtractorBroken):
        read(b"/etc/passwd")


WORDS = st.sampled_from([
    "<rss>", "<channel>", "<item>", "</item>", "<feed xmlns='http://www.w3.org/2005/Atom'>",
    "<entry>", "<link>", "</link>",
    "<link href='/a' rel='enclosure' type='video/mp4'/>", "https://blog.example/1", "<title>",
    "</title>", "&#xD800;", "]]>",
    "<![CDATA[", "<pubDate>Mon, 99 Foo 0000 25:61:61 +9999</pubDate>", (
        "<media:content url='x' duration='-1'/>"
    ), "\0", "é",
    "<itunes:duration>1:2:3:4</itunes:duration>", "<ttl>1e999</ttl>", "<hour>99</hour>",
    "<!DOCTYPE x [<!ENTITY a '&b;'>]>", "<content type='xhtml'>", "<image><url>x</url></image>",
    "<guid isPermaLink='true'>x</guid>", "&a;", "<?xml version='9'?>",
])  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
NAMES = st.sampled_from([
    "id", "url", "feed", "post", "list", "items", "version", "account", "acct", "reblog",
    "media_attachments", "type", "embed", "record", "author", "did", "handle", "reason", "cursor",
    "owner.id", "page", "has_more", "attachments", "created_at",
])  # fmt: skip
SITES = st.sampled_from(sorted(LIST_CHECKS))


@given(
    body=st.lists(WORDS, max_size=30).map(lambda words: "".join(words).encode("utf-8", "ignore")),
    site=SITES,
)
def test_no_feed_makes_the_reader_raise_anything_but_a_failure(body: bytes, site: str) -> None:
    _read_anything(b"<rss>" + body, site)
    _read_anything(b"<?xml version='1.0'?><rss version='2.0'><channel><item>" + body, site)


@given(
    value=st.recursive(
        VALUES,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=6),
    ),
    site=SITES,
)
def test_no_json_makes_the_reader_raise_anything_but_a_failure(value: object, site: str) -> None:
    _read_anything(json.dumps(value).encode(), site)
    for name in ("feed", "list", "items"):
        _read_anything(
            json.dumps({name: [value], "version": "https://jsonfeed.org/version/1"}).encode(), site
        )
        _read_anything(json.dumps({name: [value]}).encode(), site)


@given(body=st.binary(max_size=200), site=SITES)
def test_no_bytes_make_the_reader_raise_anything_but_a_failure(body: bytes, site: str) -> None:
    _read_anything(body, site)


def _read_anything(body: bytes, site: str) -> None:
    try:
        page = read_feed(
            ListCheck(LIST_CHECKS[site]),
            platform(site),
            PageAnswer(LIST_CHECKS[site], 200, {}, body),
        )
    except Failure:
        return
    assert all(parse_http_url(entry.url) for entry in page.listing.entries)


def test_every_site_with_rules_is_among_the_looks_here() -> None:
    assert {known.name for known in all_platforms() if known.feeds} == set(LIST_CHECKS)
