"""What the metadata of any page say about its video and its story."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from mediavault.core.media import Expected, LengthSource, SourceType
from mediavault.extraction.page_data.html_page import HtmlPage, read_page
from mediavault.extraction.page_data.html_scan import scan
from mediavault.extraction.page_data.metadata import (
    announced_by,
    announces_video,
    declared_videos,
    story_of,
)
from mediavault.platforms.generic import GENERIC
from mediavault.platforms.vimeo import VIMEO
from tests.unit.extraction.samples import CDN, PAGE, linked, meta

VIDEO = {
    "@type": "VideoObject",
    "name": "A kite",
    "duration": "PT1M2.5S",
    "url": PAGE,
    "contentUrl": f"{CDN}kite.mp4",
}


def page(html: str) -> HtmlPage:
    return read_page(list(scan(html)), PAGE)


def urls(html: str) -> list[list[str]]:
    return [[c.url for c in item.candidates] for item in declared_videos(page(html), GENERIC)]


def test_a_video_object_names_the_file_its_length_and_its_picture() -> None:
    (item,) = declared_videos(
        page(linked(**VIDEO, thumbnailUrl=["/t.jpg"], width={"value": 1280}, height="720px")),
        GENERIC,
    )

    assert [(c.url, c.width, c.height) for c in item.candidates] == [(f"{CDN}kite.mp4", 1280, 720)]
    assert (item.expected.duration_s, item.thumbnail_url) == (62.5, "https://site.test/t.jpg")


def test_several_video_objects_about_this_page_are_several_items() -> None:
    html = linked(**VIDEO) + linked(**{**VIDEO, "contentUrl": f"{CDN}second.mp4"})

    assert urls(html) == [[f"{CDN}kite.mp4"], [f"{CDN}second.mp4"]]


def test_a_list_of_other_posts_videos_is_not_a_carousel() -> None:
    others = [
        {**VIDEO, "url": f"https://site.test/posts/{n}", "contentUrl": f"{CDN}{n}.mp4"}
        for n in range(3)
    ]

    assert urls(linked(**{"@type": "ItemList", "itemListElement": others})) == []


def test_a_content_address_without_a_media_extension_is_believed_but_not_the_page_itself() -> None:
    assert urls(linked(**{**VIDEO, "contentUrl": f"{CDN}play?id=7"})) == [[f"{CDN}play?id=7"]]
    assert urls(linked(**{**VIDEO, "contentUrl": PAGE})) == []


def test_open_graph_names_a_file_but_not_a_player_page() -> None:
    embed = meta("og:video", "https://site.test/embed/7") + meta("og:video:type", "text/html")
    file = (
        meta("og:video", f"{CDN}kite")
        + meta("og:video:type", "video/mp4")
        + meta("og:video:width", "640")
    )

    assert urls(embed) == []
    assert urls(embed + file) == [[f"{CDN}kite"]]


def test_what_metadata_name_as_the_file_is_one_although_it_is_named_like_a_segment() -> None:
    name = f"{CDN}news-SEG2_L.mp4"
    (item,) = declared_videos(page(linked(**{"@type": "VideoObject", "contentUrl": name})), GENERIC)

    assert [(c.url, c.source_type) for c in item.candidates] == [(name, SourceType.DIRECT)]
    assert (
        urls(linked(**{"@type": "VideoObject", "contentUrl": f"{CDN}news.mp4?bytestart=0"})) == []
    )


@pytest.mark.parametrize(
    "address", [f"{CDN}&rdquo;kite&rdquo;.mp4", f"{CDN}{{{{id}}}}.mp4", f'{CDN}"kite".mp4']
)
def test_what_does_not_look_like_an_address_is_none(address: str) -> None:
    assert urls(linked(**{"@type": "VideoObject", "contentUrl": address})) == []
    assert urls(meta("og:video", address.replace('"', "&quot;"))) == []


def test_an_address_in_linked_data_may_be_written_for_html() -> None:
    assert urls(linked(**{"@type": "VideoObject", "contentUrl": f"{CDN}kite.mp4?a=1&amp;b=2"})) == [
        [f"{CDN}kite.mp4?a=1&b=2"]
    ]


def test_a_card_next_to_one_video_object_is_a_further_address_of_it() -> None:
    assert urls(linked(**VIDEO) + meta("og:video", f"{CDN}kite-small.mp4")) == [
        [f"{CDN}kite.mp4", f"{CDN}kite-small.mp4"]
    ]


def test_a_twitter_stream_is_read() -> None:
    html = '<meta name="twitter:player:stream" content="https://cdn.site.test/s.m3u8">'
    (item,) = declared_videos(page(html), GENERIC)

    assert item.candidates[0].source_type is SourceType.HLS


def test_an_advert_or_preview_is_never_declared() -> None:
    assert urls(meta("og:video", f"{CDN}thumbs/preview.mp4")) == []
    assert urls(meta("og:video", "https://ad.doubleclick.net/spot.mp4")) == []


@pytest.mark.parametrize(
    ("html", "seconds"),
    [
        (linked(**VIDEO), 62.5),
        (linked(**VIDEO) + linked(**{**VIDEO, "duration": "PT5S"}), None),
        (meta("og:video:duration", "12"), 12),
        ('<meta itemprop="duration" content="PT5S">', None),  # of anything
    ],
)
def test_the_announced_length_counts_only_where_there_is_just_one(
    html: str, seconds: float | None
) -> None:
    assert announced_by(page(html)) == Expected(seconds, length_source=LengthSource.DECLARED)


def test_the_story_comes_from_the_more_specific_sources() -> None:
    author = {"@type": "Person", "name": "Mara Lind", "alternateName": "@mara.lind"}
    html = (
        linked(**{**VIDEO, "author": author, "uploadDate": "2026-01-02"})
        + meta("og:title", "A kite over the harbour")
        + meta("og:site_name", "Practice")
        + meta("og:image", "/cover.jpg")
        + "<title>x</title>"
    )
    story = story_of(page(html))

    assert (story.title, story.handle, story.display_name) == (
        "A kite over the harbour",
        "mara.lind",
        "Mara Lind",
    )
    assert story.published_at == datetime(2026, 1, 2, tzinfo=UTC)
    assert (story.thumbnail_url, story.site_name) == ("https://site.test/cover.jpg", "Practice")


def test_a_title_that_names_the_author_is_read() -> None:
    story = story_of(page(meta("og:title", "Stephen (@stephen.example) on Site")))

    assert (story.display_name, story.handle) == ("Stephen", "stephen.example")


@pytest.mark.parametrize(
    ("name", "content", "author"),
    [
        ("twitter:title", "Jane (@jane.k) • Instagram video", ("Jane", "jane.k")),
        (
            "og:description",
            "990K likes, 8,873 comments - jane.k on May 24, 2021: “A kite”",
            (None, "jane.k"),
        ),
        (
            "og:description",
            "12 Likes, 1 Comments - Jane (@jane.k) on Instagram: “A kite”",
            ("Jane", "jane.k"),
        ),
        ("og:title", "Instagram photo by Jane K • May 1, 2016 at 5:00pm UTC", ("Jane K", None)),
        ("og:description", "See this Instagram photo by @jane.k • 1,234 likes", (None, "jane.k")),
        ("og:title", "@jane.k on Instagram: “A kite”", (None, "jane.k")),
    ],
)
def test_the_author_is_read_from_sentences_for_link_previews(
    name: str, content: str, author: tuple[str | None, str | None]
) -> None:
    story = story_of(page(meta(name, content)))

    assert (story.display_name, story.handle) == author


def test_the_pictures_of_an_article_are_counted_without_avatars_and_pixels() -> None:
    html = (
        '<article><img src="/1.jpg"><img src="/2.jpg" width="640"><img src="/me.jpg"'
        ' class="avatar">'
        '<img src="/pixel.gif" width="1" height="1"></article><img src="/outside.jpg">'
    )

    assert story_of(page(html)).image_urls == ("https://site.test/1.jpg", "https://site.test/2.jpg")


def test_an_oembed_answer_names_author_and_picture() -> None:
    answer = {
        "version": "1.0", "type": "video", "provider_name": "Site", "author_name": "Jane",
        "author_url": "https://site.test/@jane",
        "title": "A kite", "thumbnail_url": "https://cdn.site.test/t.jpg",
    }  # fmt: skip
    story = story_of(page(""), [answer])

    assert (story.handle, story.display_name, story.thumbnail_url) == (
        "jane",
        "Jane",
        "https://cdn.site.test/t.jpg",
    )


def test_players_in_the_html_know_their_article() -> None:
    html = (
        "<article><video src=/1.mp4></video></article><main><video><source src=/2.mp4><source"
        " src=/2.webm></video></main>"
    )

    assert [(p.container, len(p.sources)) for p in page(html).players] == [
        ("article:0", 1),
        ("main", 2),
    ]


@pytest.mark.parametrize(
    "html",
    [meta("twitter:player", f"{CDN}kite.mp4"), meta("videoUrl", f"{CDN}kite.mp4")],
)
def test_a_card_may_name_the_file_itself(html: str) -> None:
    assert urls(html) == [[f"{CDN}kite.mp4"]]
    assert urls(meta("twitter:player", "https://site.test/embed/7")) == []


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Jane D. on Instagram: “A kite”", "Jane D."),
        ("Jane on Facebook Watch", "Jane"),
        ("Notes on a kite", None),
    ],
)
def test_a_title_of_a_known_site_begins_with_the_authors_name(title: str, name: str | None) -> None:
    assert story_of(page(meta("og:title", title))).display_name == name


@pytest.mark.parametrize(
    ("html", "announced"),
    [
        (meta("og:type", "video.other"), True),
        (meta("twitter:card", "player"), True),
        ('<video poster="/p.jpg" src="blob:https://site.test/1"></video>', True),
        (linked(**{"@type": "VideoObject", "embedUrl": "https://site.test/embed/7"}), True),
        (meta("og:type", "article") + meta("twitter:card", "summary"), False),
        ("<video></video>", False),
    ],
)
def test_a_page_can_announce_a_video_without_naming_its_file(html: str, announced: bool) -> None:
    assert announces_video(page(html)) is announced


def test_only_the_players_of_the_given_containers_announce_a_video() -> None:
    other = page('<article></article><article><video poster="/p.jpg"></video></article>')

    assert (announces_video(other, {"article:0"}), announces_video(other, {"article:1"})) == (
        False,
        True,
    )


def test_a_title_may_name_the_accounts_server_too() -> None:
    story = story_of(page(meta("og:title", "Jane D. (@jane@social.example)")))

    assert (story.display_name, story.handle) == ("Jane D.", "jane")


def test_the_handle_on_a_site_of_accounts_is_read_from_the_authors_address() -> None:
    video = {
        "@type": "VideoObject",
        "name": "A kite",
        "author": {"name": "Jane", "url": "https://vimeo.com/jane"},
    }
    html = f'<script type="application/ld+json">{json.dumps(video)}</script>'

    story = story_of(page(html), platform=VIMEO)

    assert (story.handle, story.display_name) == ("jane", "Jane")
    assert story_of(page(html.replace("vimeo.com", "a.example")), platform=VIMEO).handle is None


@pytest.mark.parametrize(("empty", "heading"), [(9, "A kite"), (10, "")])
def test_the_first_heading_with_words_counts_but_only_the_first_ten_are_looked_at(
    empty: int, heading: str
) -> None:
    assert page("<h1> </h1>" * empty + "<h1>A <b>kite</b></h1>").heading == heading
