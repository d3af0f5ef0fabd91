"""VideoObjects in a page's microdata: read by the scope of their item, in the form of JSON-LD."""

from __future__ import annotations

import pytest

from mediavault.core.media import Expected, LengthSource
from mediavault.extraction.assembly import read_source
from mediavault.extraction.page_data.metadata import announced_by, declared_videos, story_of
from mediavault.extraction.page_data.microdata import MAX_ITEMS, video_objects
from mediavault.platforms.generic import GENERIC
from tests.growth import growth_of
from tests.unit.extraction.samples import linked

URL = "https://site.test/7"
FILE = "https://cdn.site.test/kite.mp4"
VIDEO = 'itemscope itemtype="https://schema.org/VideoObject"'
PICTURE = 'itemscope itemtype="https://schema.org/ImageObject"'


def urls(html: str) -> list[list[str]]:
    return [
        [c.url for c in item.candidates]
        for item in declared_videos(read_source(URL, html).page, GENERIC)
    ]


def test_an_item_becomes_an_object_with_the_items_in_it() -> None:
    html = f"""
      <div {VIDEO} itemid="#kite"><meta itemprop="name" content="A kite &amp; a harbour"><p
      itemprop="description caption"> It
      flies <b>high</b></p><div><link itemprop="contentUrl" href="{FILE}"></div>
      <span itemprop="author" itemscope itemtype="http://schema.org/Person"><a itemprop="url"
      href="/jane"><b itemprop="name">Jane</b></a></span>
      <time itemprop="uploadDate" datetime="2026-01-02">yesterday</time><img itemprop="thumbnailUrl"
      src="/1.jpg"><img
      itemprop="thumbnailUrl" src="/2.jpg"></div><meta itemprop="duration" content="PT5S">
    """
    [video] = video_objects(html)

    assert video == {
        "@type": "VideoObject", "@id": "#kite", "name": "A kite & a harbour",
        "description": "It flies", "caption": "It flies", "contentUrl": FILE,
        "author": {"@type": "Person", "url": "/jane", "name": "Jane"}, "uploadDate": "2026-01-02",
        "thumbnailUrl": ["/1.jpg", "/2.jpg"],
    }  # fmt: skip


@pytest.mark.parametrize(
    "html",
    [
        f'<figure {PICTURE}><a itemprop="contentUrl" href="https://cdn.site.test/big-picture">x</a></figure>',
        (
            f'<div {VIDEO}><meta itemprop="name" content="A kite"></div><meta itemprop="contentUrl"'
            f' content="{FILE}">'
        ),
        (
            f'<div {VIDEO}><span itemprop="thumbnail" {PICTURE}><link itemprop="contentUrl"'
            f' href="{FILE}"></span></div>'
        ),
        f'<!-- <div {VIDEO}><link itemprop="contentUrl" href="{FILE}"></div> -->',
        f"""<div {VIDEO}><script>x = '<link itemprop="contentUrl" href="{FILE}">';</script></div>""",  # noqa: E501
        f'<meta itemprop="contentUrl" content="{FILE}">',
        f'<div {VIDEO}><link itemprop="contentUrl" href="https://cdn.site.test/kite.jpg"></div>',
        f'<div {VIDEO}><link itemprop="contentUrl" href="https://cdn.site.test/kite.mp3"></div>',
        f'<div {VIDEO}><link itemprop="contentUrl" href="https://www.youtube.com/watch?v=abcdefghijk"></div>',
        f'<div {VIDEO}><link itemprop="contentUrl" href="/7"></div>',
        f'<div {VIDEO}><link itemprop="contentUrl" href="https://site.test/embed/9"></div>',
    ],
)
def test_what_is_no_file_of_a_video_of_the_page_is_not_declared(html: str) -> None:
    assert urls(html) == []


@pytest.mark.parametrize("name", ["contentUrl", "contentURL", "contenturl", "ContentUrl"])
def test_names_of_the_schema_count_in_any_case(name: str) -> None:
    assert urls(f'<div {VIDEO}><meta itemprop="{name}" content="{FILE}"></div>') == [[FILE]]
    assert urls(linked(**{"@type": "VideoObject", name: FILE, "Duration": "PT5S"})) == [[FILE]]
    assert urls(linked(**{"@type": "videoObject", "embedURL": FILE})) == [[FILE]]


def test_an_item_of_the_same_file_completes_the_linked_data_and_another_one_is_left_out() -> None:
    named = linked(**{"@type": "VideoObject", "contentUrl": FILE})
    same = (
        f'<div {VIDEO}><meta itemprop="contentUrl" content="{FILE}"><meta itemprop="duration"'
        ' content="PT62S"></div>'
    )
    other = f'<div {VIDEO}><meta itemprop="contentUrl" content="https://ads.test/spot.mp4"></div>'
    page = read_source(URL, named + same + other).page

    assert urls(named + same + other) == [[FILE]]
    assert announced_by(page) == Expected(62, length_source=LengthSource.DECLARED)


def test_an_item_without_a_file_completes_no_linked_data_without_one() -> None:
    named = linked(**{"@type": "VideoObject", "embedUrl": FILE})
    other = f'<div {VIDEO}><meta itemprop="duration" content="PT62S"></div>'

    assert announced_by(read_source(URL, named + other).page).duration_s is None


def test_the_length_of_a_hosted_video_is_not_that_of_the_file_next_to_it() -> None:
    hosted = linked(
        **{
            "@type": "VideoObject",
            "contentUrl": "https://www.youtube.com/watch?v=abcdefghijk",
            "duration": "PT15M",
        }
    )
    file = f'<div {VIDEO}><meta itemprop="contentUrl" content="{FILE}"></div>'
    [item] = declared_videos(read_source(URL, hosted + file).page, GENERIC)

    assert [c.url for c in item.candidates] == [FILE]
    assert announced_by(read_source(URL, hosted + file).page).duration_s is None


def test_the_story_is_that_of_an_item_about_the_page_where_there_is_no_linked_data() -> None:
    html = (
        f'<div {VIDEO}><meta itemprop="name" content="A kite"><meta itemprop="uploadDate"'
        ' content="2026-01-02"></div>'
    )
    story = story_of(read_source(URL, html).page)

    assert (story.title, str(story.published_at)) == ("A kite", "2026-01-02 00:00:00+00:00")


def test_items_without_an_end_are_read_within_limits() -> None:
    item = f'<div {VIDEO}><meta itemprop="contentUrl" content="{FILE}"></div>'

    assert len(video_objects(item * 200)) == MAX_ITEMS
    assert len(video_objects(f"<div {VIDEO}>" * 200)) == 1
    assert video_objects(f"<div {VIDEO}" * 20) == []


@pytest.mark.parametrize(
    ("head", "pump"),
    [
        ("", f"<div {VIDEO}>"), ("", f"<div {VIDEO} "), ("", f"<div {VIDEO} a='"),
        (f"<div {VIDEO}>", "<div>"), (f"<div {VIDEO}>", "<a "), (f"<div {VIDEO}>", "<a b='"),
        (f"<div {VIDEO}>", "<!--"), (f"<div {VIDEO}>", "<script>"),
        (f"<div {VIDEO}>", "<p itemprop='a b' itemscope>"), (f"<div {VIDEO}>", "<b itemprop=a>x"),
        ("", f" {VIDEO}"), ("", "<!--"),
    ],
)  # fmt: skip
def test_an_item_that_never_ends_takes_no_longer_than_its_length(head: str, pump: str) -> None:
    growth = growth_of(video_objects, lambda size: head + pump * size)

    assert not growth.is_above_linear, growth
