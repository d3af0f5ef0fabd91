"""Pages of unknown sites whose video is not where one expects it,
and pages with videos of others.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from typing import Any
from urllib.parse import quote

import pytest

from mediavault.core.media import Extraction
from mediavault.core.urls import parse_http_url
from mediavault.extraction.outcome import PageOutcome
from mediavault.extraction.page_data.html_page import read_page
from mediavault.extraction.page_data.page_identity import as_video
from mediavault.extraction.ranking import choose_candidate
from mediavault.extraction.saved_page import SavedPageResult, open_saved, read_saved_post
from mediavault.platforms.registry import identify

URL = "https://site.example/posts/12"
CDN = "https://cdn.site.example"
WORDS = (
    "Twenty words about a kite that flew over the hill on a windy day in autumn, and then came back"
    " home."
)
LADDER = [
    {"src": f"{CDN}/v360.mp4", "height": 360, "type": "video/mp4"},
    {"src": f"{CDN}/v1080.mp4", "height": 1080, "type": "video/mp4"},
    {"src": f"{CDN}/v720.mp4", "height": 720, "type": "video/mp4"},
]
SOURCE_720 = f'<source src="{CDN}/v720.mp4" type="video/mp4">'


def read(body: str = "", *, head: str = "", url: str = URL) -> SavedPageResult:
    post, platform = identify(parse_http_url(url))
    page = (
        "<!doctype html><html><head><title>A"
        f" kite</title>{head}</head><body>{body}<p>{WORDS}</p></body></html>"
    )
    return read_saved_post(platform, post, open_saved(page.encode(), url))


def chosen(result: SavedPageResult) -> str | None:
    videos = result.extraction.videos if result.extraction else ()
    return choose_candidate(videos[0]).url if videos else None


def others(extraction: Extraction | None) -> list[str]:
    return [candidate.url for candidate in extraction.others] if extraction else []


def linked(kind: str, **facts: Any) -> str:
    return f'<script type="application/ld+json">{json.dumps({"@type": kind, **facts})}</script>'


def meta(name: str, content: str) -> str:
    return f'<meta property="{name}" content="{content}">'


def attribute(name: str, value: object) -> str:
    return f'{name}="{escape(json.dumps(value))}"'


# --- videos of others -----------------------------------------------------------------------------

CLIP = f'<video controls src="{CDN}/clip.mp4"></video>'
YOUTUBE = '<iframe src="https://www.youtube.com/embed/2lAe1cqCOXo"></iframe>'

NOT_THE_POSTS = {
    "a widget's clip in a sidebar": f"<article>A text.</article><aside>{CLIP}</aside>",
    "a clip in a sidebar of a page without main content": (
        f"<div>A text.</div><aside>{CLIP}</aside>"
    ),
    "related articles in a sidebar": (
        f"<article>A text.</article><aside><article>{CLIP}</article></aside>"
    ),
    "a station's live channel in a box": (
        f"<main><h1>A kite</h1></main><div class='live'>{CLIP}</div>"
    ),
    "a playlist player next to the article's YouTube frame": (
        f"<article>{YOUTUBE}</article><div>{CLIP}</div>"
    ),
}


@pytest.mark.parametrize("body", NOT_THE_POSTS.values(), ids=NOT_THE_POSTS)
def test_a_video_outside_the_main_content_is_offered_but_not_chosen(body: str) -> None:
    result = read(body)

    assert chosen(result) is None
    assert others(result.extraction) == [f"{CDN}/clip.mp4"]
    assert result.outcome is PageOutcome.NO_OWN_VIDEO


def test_a_file_in_a_scripts_variable_is_the_posts_only_where_it_is_alone() -> None:
    one, two = (f'<script>var videoSrc{n} = "{CDN}/{n}.mp4";</script>' for n in "12")

    assert chosen(read(one)) == f"{CDN}/1.mp4"
    assert chosen(read(one + two)) is None
    assert (
        chosen(read(f'{one}<article><video controls src="{CDN}/own.mp4"></video></article>'))
        == f"{CDN}/own.mp4"
    )


def test_the_record_of_the_article_in_page_state_names_its_video() -> None:
    state = {
        "page": {
            "article": {"url": URL, "media": {"src": "https://files.example/own.mp4"}},
            "more": [{"src": f"{CDN}/x.mp4"}],
        }
    }
    script = f'<script id="__NEXT_DATA__" type="application/json">{json.dumps(state)}</script>'
    result = read(f'{script}<aside><video controls src="{CDN}/clip.mp4"></video></aside>')

    assert chosen(result) == "https://files.example/own.mp4"


def test_a_sidebars_clip_does_not_hide_the_articles_video() -> None:
    assert (
        chosen(read(f'<article><video src="{CDN}/own.mp4"></video></article><aside>{CLIP}</aside>'))
        == f"{CDN}/own.mp4"
    )


def test_an_adverts_file_in_the_player_is_not_chosen_where_metadata_name_the_video() -> None:
    spot = '<video><source src="https://media.brand.example.net/spot.mp4"></video>'
    result = read(spot, head=meta("og:video", f"{CDN}/real.mp4"))

    assert chosen(result) == f"{CDN}/real.mp4"
    assert others(result.extraction) == ["https://media.brand.example.net/spot.mp4"]


@pytest.mark.parametrize(
    "host", ["videos.taboola.com", "images.outbrainimg.com", "s-video.mgid.com"]
)
def test_a_content_adverts_clip_is_never_a_candidate(host: str) -> None:
    unit = f'<div id="unit-below-article"><video src="https://{host}/v/a.mp4"></video></div>'
    result = read(f"<article>A text.{unit}</article>")

    assert chosen(result) is None
    assert others(result.extraction) == []


@pytest.mark.parametrize(
    "address",
    [
        f"{URL}/",
        "https://site.example/watch/12",
        "https://other.example/video/12/",
        "https://site.example/v.html",
    ],
)
def test_a_content_url_that_is_a_page_is_not_taken_for_a_file(address: str) -> None:
    result = read(head=linked("VideoObject", contentUrl=address))

    assert chosen(result) is None
    assert result.outcome is PageOutcome.METADATA_ONLY  # so the browser visits the page


BLUESKY = "https://bsky.app/profile/jane.example/post/3mddvy5bv6k27"


@pytest.mark.parametrize(("account", "is_own"), [("did:plc:jane", True), ("did:plc:john", False)])
def test_a_clip_in_a_reply_is_not_the_posts_where_its_url_names_another_account(
    account: str, *, is_own: bool
) -> None:
    clip = f"https://video.bsky.app/watch/{quote(account, safe='')}/bafkreib/playlist.m3u8"
    picture = meta("og:image", "https://cdn.bsky.app/img/avatar/plain/did:plc:jane/bafkreia@jpeg")
    result = read(
        f'<main><p>A text.</p><video src="{clip}"></video></main>', head=picture, url=BLUESKY
    )

    assert chosen(result) == (clip if is_own else None)


@pytest.mark.parametrize(
    "file", ["https://t.gifs.bsky.app/AAAAC/kite.webm", "https://media.tenor.com/AAAAC/kite.mp4"]
)
@pytest.mark.parametrize(
    "head",
    [meta("og:image", "https://cdn.bsky.app/img/avatar/plain/did:plc:jane/bafkreia@jpeg"), ""],
)
def test_a_gif_whose_url_names_no_account_may_be_a_replys(file: str, head: str) -> None:
    reply = (
        f'<div data-testid="postThreadItem-by-john.example"><video src="{file}" autoplay loop'
        " muted></video></div>"
    )
    result = read(
        (
            "<main><div data-testid='postThreadItem-by-jane.example'><p>A"
            f" text.</p></div>{reply}</main>"
        ),
        head=head,
        url=BLUESKY,
    )

    assert result.outcome is PageOutcome.NO_OWN_VIDEO


STORY = "https://www.facebook.com/permalink.php?story_fbid=700000001&id=100000000000001"
VIDEO_IN_IT = "https://www.facebook.com/jane.kites/videos/387081299304444/"


def facebook_video(video_id: str) -> dict[str, Any]:
    return {
        "__typename": "Video",
        "id": video_id,
        "playable_url": f"https://video.xx.fbcdn.net/v/{video_id}.mp4",
    }


@pytest.mark.parametrize(
    ("stated", "is_tied"),
    [
        (meta("og:url", VIDEO_IN_IT), True),
        (f'<link rel="canonical" href="{VIDEO_IN_IT}">', True),
        (meta("og:url", STORY.replace("&", "&amp;")), False),
        ("", False),
    ],
    ids=["og:url", "canonical", "the story's own address", "nothing"],
)
def test_a_storys_video_is_the_one_whose_page_its_page_says_it_is(
    stated: str, *, is_tied: bool
) -> None:
    data = [facebook_video("387081299304444"), facebook_video("111111111111111")]
    script = f"<script type='application/json'>{json.dumps(data)}</script>"

    file = "https://video.xx.fbcdn.net/v/387081299304444.mp4"
    assert chosen(read(script, head=stated, url=STORY)) == (file if is_tied else None)


def test_a_redirect_to_a_video_ties_it_to_the_story_unless_it_is_another_accounts() -> None:
    post, platform = identify(parse_http_url("https://www.facebook.com/jane.kites/posts/700000001"))
    for account, id_of_video in (("jane.kites", "387081299304444"), ("john", None)):
        page = read_page([], f"https://www.facebook.com/{account}/videos/387081299304444/")
        video = as_video(post, platform, page)
        assert (video.post_id if video else None) == id_of_video


def test_a_blog_on_its_own_domain_keeps_the_handle_and_the_id_of_its_post() -> None:
    app = meta("al:ios:url", "tumblr://x-callback-url/blog?blogName=kites&amp;postID=123456789012")
    page = f'<article><video src="{CDN}/own.mp4"></video></article>'
    extraction = read(
        page, head=app, url="https://kites.example/post/123456789012/a-kite"
    ).extraction

    assert extraction is not None
    assert (extraction.account.handle, extraction.post.post_id) == ("kites", "123456789012")


@pytest.mark.parametrize(
    "link", ["tumblr://[?blogName=a&postID=1", "tumblr://x?blogName=%00&postID=../1", "tumblr:?"]
)
def test_a_link_into_an_app_that_names_no_post_is_ignored(link: str) -> None:
    page = f'<article><video src="{CDN}/own.mp4"></video></article>'
    extraction = read(page, head=meta("al:ios:url", link.replace("&", "&amp;"))).extraction

    assert extraction is not None
    assert extraction.post.post_id is None


def test_a_content_url_without_a_files_name_on_another_host_is_a_file() -> None:
    assert chosen(read(head=linked("VideoObject", contentUrl=f"{CDN}/get/12"))) == f"{CDN}/get/12"


def test_a_previews_file_is_not_chosen_where_the_video_object_names_the_full_stream() -> None:
    card = meta("og:video", "https://previews.example.net/p.mp4") + meta("og:video:height", "720")
    result = read(head=card + linked("VideoObject", contentUrl=f"{CDN}/full.m3u8"))

    assert chosen(result) == f"{CDN}/full.m3u8"


@pytest.mark.parametrize("kind", ["AudioObject", "Audiobook"])
def test_the_file_of_a_sound_is_no_video(kind: str) -> None:
    assert chosen(read(head=linked(kind, contentUrl=f"{CDN}/speech.mp4"))) is None


def test_a_players_page_is_no_file_whatever_type_its_metadata_state() -> None:
    head = meta("og:video", "https://site.example/embed/12") + meta("og:video:type", "video/mp4")
    result = read(head=head)

    assert (chosen(result), result.outcome) == (None, PageOutcome.METADATA_ONLY)


@pytest.mark.parametrize(
    "stated",
    [
        meta("og:url", "https://site.example/"),
        '<link rel="canonical" href="https://www.site.example">',
    ],
)
def test_the_front_pages_video_is_not_that_of_a_post_that_is_gone(stated: str) -> None:
    assert chosen(read(head=stated + linked("VideoObject", contentUrl=f"{CDN}/promo.mp4"))) is None


def test_the_front_pages_own_video_is_the_front_pages() -> None:
    head = meta("og:url", "https://site.example/") + linked(
        "VideoObject", contentUrl=f"{CDN}/promo.mp4"
    )

    assert chosen(read(head=head, url="https://site.example/")) == f"{CDN}/promo.mp4"


# --- videos that are easily missed ----------------------------------------------------------------

FOUND = {
    "a list of qualities in an attribute": (
        f"<article><div {attribute('data-renditions', LADDER)}></div></article>"
    ),
    "a list of qualities below a name": (
        f"<article><div {attribute('data-video', {'renditions': LADDER})}></div></article>"
    ),
    "JSON in JSON in an attribute": (
        f"<div {attribute('data-config', {'video': json.dumps({'renditions': LADDER})})}></div>"
    ),
    "a list of qualities on the player": (
        f"<video {attribute('data-sources', LADDER)}>{SOURCE_720}</video>"
    ),
    "a list of qualities around the player": f"<div {attribute('data-player', {'sources': LADDER})}"
    ">"
    f"<video>{SOURCE_720}</video></div>",
    "data marked as the primary video": '<script type="application/json">'
    + json.dumps(
        {
            "article": {"primaryVideo": {"renditions": LADDER}},
            "related": [{"video": {"src": f"{CDN}/x.mp4"}}],
        }
    )
    + "</script>",
}


@pytest.mark.parametrize("body", FOUND.values(), ids=FOUND)
def test_the_best_of_a_list_of_qualities_is_chosen(body: str) -> None:
    assert chosen(read(body)) == f"{CDN}/v1080.mp4"


@pytest.mark.parametrize(
    ("before", "after"), [("//<![CDATA[\n", "\n//]]>"), ("<![CDATA[", "]]>"), ("<!--\n", "\n-->")]
)
def test_linked_data_in_a_cdata_section_or_a_comment_are_read(before: str, after: str) -> None:
    text = json.dumps({"@type": "VideoObject", "contentUrl": f"{CDN}/v.mp4"})

    assert (
        chosen(read(head=f'<script type="application/ld+json">{before}{text}{after}</script>'))
        == f"{CDN}/v.mp4"
    )


@pytest.mark.parametrize(
    "attributes", ['id="downloadButton"', "download", 'class="btn btn-download"']
)
def test_a_file_hosts_download_link_is_its_video(attributes: str) -> None:
    link = (
        f'<h1>kite.mp4</h1><a {attributes} href="https://dl7.host.example/abc/kite.mp4">Download'
        " (12 MB)</a>"
    )

    assert chosen(read(link)) == "https://dl7.host.example/abc/kite.mp4"


def test_of_several_download_links_none_is_chosen() -> None:
    links = "".join(f'<a download href="{CDN}/{n}.mp4">{n}</a>' for n in range(2))

    assert chosen(read(links)) is None


def test_a_video_in_the_html_of_an_older_tumblr_post_is_found() -> None:
    file = "https://va.media.tumblr.com/tumblr_abc.mp4"
    html = (
        f"<p>A kite</p><figure data-npf='{{}}'><video poster='x.jpg'><source"
        f" src='{file}'></video></figure>"
    )
    state = {
        "posts": [
            {
                "id": "123456789012",
                "blogName": "kites",
                "content": [{"type": "text", "text": "A"}],
                "body": html,
            }
        ]
    }
    script = f"<script>window.___INITIAL_STATE___ = {json.dumps(state)};</script>"

    assert (
        chosen(read(head=script, url="https://kites.tumblr.com/post/123456789012/a-kite")) == file
    )


# --- the records of players that many sites use ---------------------------------------------------

WISTIA = {
    "type": "Video",
    "name": "A kite",
    "hashedId": "abc123def4",
    "assets": [
        {
            "type": "original",
            "url": f"{CDN}/v1080.bin",
            "ext": "mp4",
            "width": 1920,
            "height": 1080,
        },
        {"type": "mp4_video", "url": f"{CDN}/v360.bin", "ext": "mp4", "width": 640, "height": 360},
        {
            "type": "still_image",
            "url": f"{CDN}/still.bin",
            "ext": "jpg",
            "width": 1920,
            "height": 1080,
        },
    ],
}
RECORDS: dict[str, tuple[dict[str, Any], Sequence[str]]] = {
    "wistia": (WISTIA, ["v1080.bin", "v360.bin"]),
    "wistia's data API": (
        {
            "hashed_id": "abc123def4",
            "assets": [
                {"type": "OriginalFile", "url": f"{CDN}/v1080.bin", "contentType": "video/mp4"},
                {"type": "StillImageFile", "url": f"{CDN}/still.bin", "contentType": "image/jpeg"},
            ],
        },
        ["v1080.bin"],
    ),
    "jw player": (
        {
            "kind": "Single Item",
            "playlist": [
                {
                    "mediaid": "LnqN4iBt",
                    "sources": [
                        {
                            "file": f"{CDN}/manifests/a.m3u8",
                            "type": "application/vnd.apple.mpegurl",
                        },
                        {
                            "file": f"{CDN}/v720.mp4",
                            "type": "video/mp4",
                            "height": 720,
                            "width": 1280,
                        },
                        {"file": f"{CDN}/a.m4a", "type": "audio/mp4"},
                    ],
                }
            ],
        },
        ["a.m3u8", "v720.mp4"],
    ),
    "brightcove": (
        {
            "account_id": "1",
            "id": "2",
            "duration": 60200,
            "sources": [
                {
                    "src": f"{CDN}/drm.mpd",
                    "type": "application/dash+xml",
                    "key_systems": {"com.widevine.alpha": {}},
                },
                {"src": f"{CDN}/a.m3u8", "type": "application/x-mpegURL"},
            ],
        },
        ["a.m3u8"],
    ),
    "kaltura": (
        {
            "objectType": "KalturaPlaybackContext",
            "sources": [
                {
                    "format": "mpegdash",
                    "url": f"{CDN}/drm.mpd",
                    "drm": [{"scheme": "drm.WIDEVINE_CENC"}],
                },
                {
                    "format": "applehttp",
                    "url": f"{CDN}/entryId/1_a/format/applehttp/a.m3u8",
                    "flavorIds": "1_x,1_y",
                },
                {
                    "format": "url",
                    "url": f"{CDN}/entryId/1_a/format/url/flavorIds/1_x,1_y/a.mp4",
                    "flavorIds": "1_x,1_y",
                },
                {
                    "format": "url",
                    "url": f"{CDN}/entryId/1_a/format/url/flavorIds/1_x/b.mp4",
                    "flavorIds": "1_x",
                },
            ],
        },
        ["a.m3u8", "b.mp4"],
    ),
    "vidyard": (
        {
            "payload": {
                "chapters": [
                    {
                        "videoId": 7,
                        "seconds": 60,
                        "sources": {"mp4": [{"profile": "720p", "url": f"{CDN}/v720.mp4"}]},
                    }
                ]
            }
        },
        ["v720.mp4"],
    ),
    "streamable": (
        {
            "thumbnail_url": "//cdn.example/t.jpg",
            "files": {"mp4": {"url": "//cdn.site.example/v720.mp4", "height": 720}},
        },
        ["v720.mp4"],
    ),
    "kick": (
        {"clip": {"id": "clip_01ABC", "clip_url": f"{CDN}/clip.m3u8", "duration": 30}},
        ["clip.m3u8"],
    ),
    "rumble": (
        {
            "vid": 1,
            "duration": 30,
            "i": f"{CDN}/p.jpg",
            "ua": {"mp4": {"720": {"url": f"{CDN}/v720.mp4", "meta": {"w": 1280, "h": 720}}}},
        },
        ["v720.mp4"],
    ),
}


@pytest.mark.parametrize(("record", "files"), RECORDS.values(), ids=RECORDS)
def test_the_only_video_of_a_players_own_record_is_found(
    record: dict[str, Any], files: Sequence[str]
) -> None:
    result = read(f"<script type='application/json'>{json.dumps(record)}</script>")
    (item,) = result.extraction.videos if result.extraction else ()

    assert sorted(candidate.url.rpartition("/")[2] for candidate in item.candidates) == sorted(
        files
    )


def test_of_several_players_records_none_is_chosen() -> None:
    second = json.loads(json.dumps(WISTIA).replace("abc123def4", "zyx987wvu6").replace("/v", "/w"))
    result = read(
        f"<script>player.load({json.dumps(WISTIA)}); player.load({json.dumps(second)});</script>"
    )

    assert chosen(result) is None
    assert len(others(result.extraction)) == 4


def test_a_players_record_in_a_sidebar_is_not_the_posts() -> None:
    """The record does not say where its player is:
    with a stray player on the page it may be that one's.
    """
    result = read(
        f"<script>player.load({json.dumps(WISTIA)});</script><article>A"
        f" text.</article><aside>{CLIP}</aside>"
    )

    assert chosen(result) is None
