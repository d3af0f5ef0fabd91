"""Reading saved pages and answers without the network."""

from __future__ import annotations

import csv
import json
from html import escape
from pathlib import Path
from urllib.parse import quote, urljoin

import pytest

from mediavault.core.failures import Ambiguous, BadInput, MediavaultError
from mediavault.core.media import Extraction, NoVideo, Post
from mediavault.core.platform import Platform
from mediavault.core.urls import parse_http_url
from mediavault.extraction.outcome import PageOutcome
from mediavault.extraction.ranking import choose_candidate, items_to_save
from mediavault.extraction.saved_page import (
    open_saved,
    read_saved_list,
    read_saved_post,
    stated_addresses,
)
from mediavault.platforms.generic import GENERIC
from mediavault.platforms.registry import all_platforms, identify
from mediavault.platforms.tiktok import TIKTOK
from mediavault.platforms.x import X
from tests.unit.extraction.samples import (
    CDN,
    X_ID,
    meta,
    page_post,
    tiktok_item,
    tiktok_page,
    tiktok_post,
    tweet,
    x_answer,
    x_photo,
    x_post,
    x_video,
)

SHARED = Path(__file__).resolve().parents[4] / "shared" / "fixtures"


def best(extraction: Extraction) -> str:
    return choose_candidate(items_to_save(extraction)[0]).url


def read(platform: Platform, post: Post, document: bytes) -> Extraction:
    extraction = read_saved_post(platform, post, open_saved(document, post.url)).extraction
    assert extraction is not None
    return extraction


def page(html: str) -> Extraction:
    return read(GENERIC, page_post(), html.encode())


@pytest.mark.parametrize("url", ["https://vimeo.com/443437002", "https://films.example/7"])
def test_the_info_json_of_yt_dlp_is_read_as_its_answer_is(url: str) -> None:
    address, platform = identify(parse_http_url(url))
    sound = {
        "format_id": "a",
        "url": f"{CDN}a.m4a",
        "ext": "m4a",
        "acodec": "mp4a.40.2",
        "vcodec": "none",
    }
    levels = [
        {
            "format_id": str(height),
            "url": f"{CDN}{height}.mp4",
            "ext": "mp4",
            "protocol": "https",
            "vcodec": "avc1",
            "height": height,
        }
        for height in (360, 1080, 720)
    ]
    info = {
        "_type": "video", "id": "443437002", "title": "A kite", "uploader": "Jane", "duration": 62,
        "webpage_url": url, "extractor_key": "Vimeo", "formats": [sound, *levels],
    }  # fmt: skip
    look = read_saved_post(platform, address, open_saved(json.dumps(info).encode(), url))

    assert look.outcome is PageOutcome.VIDEO
    assert look.extraction is not None
    assert (best(look.extraction), look.extraction.title) == (f"{CDN}1080.mp4", "A kite")


def test_a_saved_answer_is_read_like_a_live_one() -> None:
    extraction = read(X, x_post(), json.dumps(x_answer(tweet(x_video()))).encode())

    assert "1280x720" in best(extraction)
    assert extraction.extractor == "saved_page"


def test_a_saved_page_is_read_like_a_live_one() -> None:
    html = tiktok_page({"statusCode": 0, "itemInfo": {"itemStruct": tiktok_item()}})

    assert "good" in best(read(TIKTOK, tiktok_post(), html.encode()))


def test_a_written_player_is_the_posts() -> None:
    extraction = page(
        f'<article><video src="{CDN}a.mp4"></video></article><video src="{CDN}b.mp4" muted'
        " loop></video>"
    )

    assert best(extraction) == f"{CDN}a.mp4"


def test_several_written_players_of_one_article_are_a_carousel() -> None:
    extraction = page(
        "<article>"
        + "".join(f'<video src="{CDN}{n}.mp4"></video>' for n in range(3))
        + "</article>"
    )

    assert [choose_candidate(item).url for item in extraction.videos] == [
        f"{CDN}{n}.mp4" for n in range(3)
    ]


def test_several_written_players_that_share_nothing_are_not_owned() -> None:
    with pytest.raises(Ambiguous):
        items_to_save(page(f'<video src="{CDN}a.mp4"></video><video src="{CDN}b.mp4"></video>'))


def test_a_page_with_metadata_only_has_a_story_and_no_candidates() -> None:
    extraction = page(meta("og:title", "A kite") + meta("og:image", f"{CDN}t.jpg"))

    assert (extraction.title, extraction.thumbnail_url, extraction.candidates) == (
        "A kite",
        f"{CDN}t.jpg",
        (),
    )
    with pytest.raises(NoVideo):
        items_to_save(extraction)


@pytest.mark.parametrize("platform", [X, TIKTOK, GENERIC], ids=lambda p: p.name)
@pytest.mark.parametrize(
    "document",
    [
        b"{" + b" " * 1_000 + b"}",
        b"<div>" * 100_000,
        b"<article>" * 10_000 + b"<video src=a.mp4>" * 10_000,
        b'<meta property="og:video" content="https://a.test/a.mp4">' * 5_000,
        b'<script type="application/ld+json">' + b"[" * 100_000 + b"</script>",
        b"<" * 500_000,
    ],
    ids=["empty object", "deep page", "players", "cards", "deep script", "angles"],
)
def test_an_odd_document_gives_a_bounded_number_of_candidates(
    platform: Platform, document: bytes
) -> None:
    post = {"x": x_post, "tiktok": tiktok_post}.get(platform.name, page_post)()

    assert len(read(platform, post, document).candidates) <= 60


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"\0" * 1_000,
        bytes(range(256)) * 100,
        b"\x89PNG\r\n" + b"\0\x9f" * 500,
        b"words only",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"[" + b"1," * 5_000_000 + b"1]",
    ],
    ids=["empty", "zeros", "binary", "picture", "words", "deep list", "deep object", "large"],
)
def test_a_document_that_is_not_a_page_is_refused(document: bytes) -> None:
    with pytest.raises(BadInput):
        open_saved(document, CDN)


# --- the outcome ----------------------------------------------------------------------------------


def outcome(platform: Platform, post: Post, document: object) -> PageOutcome:
    data = (
        document
        if isinstance(document, bytes)
        else document.encode()
        if isinstance(document, str)
        else json.dumps(document).encode()
    )
    return read_saved_post(platform, post, open_saved(data, post.url)).outcome


WORDS = "<p>" + "a kite flies in the wind above the sea " * 5 + "</p>"


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (x_answer(tweet(x_video())), PageOutcome.VIDEO),
        (x_answer(tweet(x_photo())), PageOutcome.NO_VIDEO),
        (
            x_answer(tweet(quoted_status_result={"result": tweet(x_video(), post_id="9")})),
            PageOutcome.NO_OWN_VIDEO,
        ),
        ([tweet(x_video(), post_id="8"), tweet(x_video(), post_id="9")], PageOutcome.MANY_POSTS),
        (x_answer(tweet(x_video(), post_id="8")), PageOutcome.NO_OWN_VIDEO),
        (
            meta("og:title", "Jane (@jane) on X") + meta("og:image", f"{CDN}t.jpg"),
            PageOutcome.METADATA_ONLY,
        ),
        ("<title>Just a moment...</title>", PageOutcome.CHALLENGE),
        (f"<p>Log in to X to see this post</p>{WORDS}", PageOutcome.LOGIN_REQUIRED),
        ("<div></div>", PageOutcome.UNREADABLE),
        ("<<<<<<", PageOutcome.UNREADABLE),
    ],
)
def test_the_outcome_says_what_a_document_of_x_turned_out_to_be(
    document: object, expected: PageOutcome
) -> None:
    assert outcome(X, x_post(), document) is expected


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (f"<main>{WORDS}</main>", PageOutcome.NO_VIDEO),
        (f"<main>{WORDS}</main>" + meta("og:type", "video.other"), PageOutcome.METADATA_ONLY),
        (
            f'<video src="{CDN}a.mp4"></video><video src="{CDN}b.mp4"></video>',
            PageOutcome.AMBIGUOUS,
        ),
        (
            {
                "version": "1.0",
                "type": "video",
                "provider_name": "Kites",
                "author_name": "Jane",
                "title": "A kite",
            },
            PageOutcome.METADATA_ONLY,
        ),
        (f"<h1>This video is private</h1>{meta('og:title', 'A kite')}", PageOutcome.PRIVATE),
        ({"nothing": "known"}, PageOutcome.METADATA_ONLY),
    ],
)
def test_the_outcome_says_what_any_page_turned_out_to_be(
    document: object, expected: PageOutcome
) -> None:
    assert outcome(GENERIC, page_post(), document) is expected


def test_a_page_of_many_posts_names_the_account_when_they_are_all_by_one() -> None:
    saved = open_saved(
        json.dumps([tweet(x_video(), post_id=str(n)) for n in range(3)]).encode(),
        "https://x.com/jane",
    )
    look = read_saved_list(X, "https://x.com/jane", saved)

    assert look.extraction is not None
    assert (look.outcome, look.extraction.account.handle) == (PageOutcome.MANY_POSTS, "jane")
    assert (
        read_saved_list(X, "https://x.com/jane", open_saved(WORDS.encode(), "")).outcome
        is PageOutcome.NOT_A_POST
    )


def tweets(*articles: tuple[str, str]) -> str:
    return WORDS + "".join(
        f'<article><a href="/u/status/{key}">1h</a>{player}</article>' for key, player in articles
    )


def test_only_the_article_that_links_to_the_post_holds_its_video() -> None:
    own, other = (
        f'<video src="https://video.twimg.com/tweet_video/{name}.mp4"></video>'
        for name in ("own", "other")
    )
    blob = '<video poster="https://pbs.twimg.com/p.jpg" src="blob:https://x.com/1"></video>'

    assert best(
        read(X, x_post(), tweets(("1", other), (X_ID, own), ("2", other)).encode())
    ).endswith("own.mp4")
    assert outcome(X, x_post(), tweets((X_ID, ""), ("2", other))) is PageOutcome.NO_OWN_VIDEO
    assert outcome(X, x_post(), tweets((X_ID, blob), ("2", other))) is PageOutcome.METADATA_ONLY


@pytest.mark.parametrize(
    ("canonical", "expected"),
    [
        (f"https://x.com/jane/status/{X_ID}", PageOutcome.VIDEO),
        ("https://x.com/jane/status/1700000000000000009", PageOutcome.NO_OWN_VIDEO),
        ("https://x.com/jane", PageOutcome.VIDEO),
    ],
)
def test_a_page_that_calls_itself_another_posts_owns_no_video(
    canonical: str, expected: PageOutcome
) -> None:
    page = f'<link rel="canonical" href="{canonical}">{WORDS}<video src="https://video.twimg.com/tweet_video/a.mp4"></video>'

    assert outcome(X, x_post(), page) is expected


def test_ids_in_addresses_of_unknown_sites_are_compared_too() -> None:
    def outcome_with(canonical: str) -> PageOutcome:
        film = f'<link rel="canonical" href="{canonical}">{WORDS}<video src="{CDN}a.mp4"></video>'
        return outcome(GENERIC, page_post("https://site.test/gifs/a-kite-12XMGIWtrHBl5e"), film)

    assert outcome_with("https://site.test/gifs/a-bird-77XMGIWtrHBl5e") is PageOutcome.NO_OWN_VIDEO
    assert (
        outcome_with("https://site.test/12XMGIWtrHBl5e")
        is outcome_with("https://other.test/v/7abc")
        is PageOutcome.VIDEO
    )


def test_a_document_states_its_own_address() -> None:
    page_of = open_saved(
        f'<link rel="canonical" href="{CDN}kite">{meta("og:url", f"{CDN}other")}'.encode(), ""
    )

    assert stated_addresses(page_of, all_platforms()) == [f"{CDN}kite", f"{CDN}other"]
    assert stated_addresses(
        open_saved(json.dumps(x_answer(tweet(x_video()))).encode(), ""), all_platforms()
    ) == [f"https://x.com/i/status/{X_ID}"]


# --- real pages, where they are available ---------------------------------------------------------

READ_NOW = {"x", "tiktok", "instagram", "giphy", "bluesky"}
HANDLES = {"x", "tiktok", "bluesky"}


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason="../shared is not here")
def test_recorded_pages_give_the_best_video_that_their_table_names() -> None:
    with (SHARED / "manifest.tsv").open(encoding="utf-8") as file:
        rows = [
            row
            for row in csv.DictReader(file, delimiter="\t")
            if row["platform"] in READ_NOW and row["outcome"] != "many_posts"
        ]
    wrong = [
        (row["local_file"], best_video)
        for row in rows
        if (best_video := _best(row)) != row["best_video"]
    ]

    assert len(rows) >= 13
    assert wrong == []


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason="../shared is not here")
def test_recorded_pages_give_author_and_thumbnail() -> None:
    with (SHARED / "manifest.tsv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t") if row["platform"] in HANDLES]
    rows_read = [
        (row["local_file"], f.account.handle, f.account.display_name, f.thumbnail_url)
        for row in rows
        if (f := _read(row))
    ]

    assert rows_read == [
        (row["local_file"], row["handle"], row["display_name"], row["thumbnail"]) for row in rows
    ]


def _read(row: dict[str, str]) -> Extraction:
    post, platform = identify(parse_http_url(row["post_url"]))
    return read(platform, post, (SHARED / row["local_file"]).read_bytes())


def _best(row: dict[str, str]) -> str:
    try:
        return best(_read(row))
    except MediavaultError:
        return ""


def looked(
    html: str, url: str = "https://news.example/2026/05/kite"
) -> tuple[PageOutcome, list[str]]:
    """The outcome, and the addresses that would be saved or could be chosen."""
    post, platform = identify(parse_http_url(url))
    look = read_saved_post(platform, post, open_saved(html.encode(), url))
    assert look.extraction is not None
    if look.outcome is PageOutcome.VIDEO:
        return look.outcome, [best(look.extraction)]
    return look.outcome, [candidate.url for candidate in look.extraction.others]


PLAYS = f"{CDN}kite.mp4"
_WORDS = f"<p>{'A kite flew over the bay. ' * 5}</p>"


@pytest.mark.parametrize(
    "html",
    [
        f'<video class="lazy" data-src="{PLAYS}" controls></video>',
        f'<video><source data-src="{PLAYS}" type="video/mp4"></video>',
        (
            f'<video class="video-js" data-setup=\'{{"sources":[{{"src":"{PLAYS}",'
            f'"type":"video/mp4"}}]}}\'></video>'
        ),
        f'<video-js><source src="{PLAYS}" type="video/mp4"></video-js>',
        f'<amp-video src="{PLAYS}" width="640" height="360"></amp-video>',
        f'<div id="p"></div><script>jwplayer("p").setup({{file: "{PLAYS}"}});</script>',
        f'<div class="player" data-video-src="{PLAYS}"></div>',
        f'<object type="video/mp4" data="{PLAYS}"></object>',
        f'<embed type="video/mp4" src="{PLAYS}">',
        f'<embed data-url="{PLAYS}">',
        f'<iframe src="{PLAYS}"></iframe>',
        (
            '<object data="/p.swf"><param name="flashvars"'
            f' value="file={PLAYS}&amp;image=/p.jpg"></object>'
        ),
        (
            f'<script type="application/ld+json">{{"@type": "VideoObject", "embedUrl":'
            f' "{PLAYS}"}}</script>'
        ),
        (
            f'<script type="application/ld+json">{{"@type": "VideoObject", "name": "A\n'
            f'kite", "contentUrl": "{PLAYS}",}}</script>'
        ),
        (
            '<div itemscope itemtype="https://schema.org/VideoObject"><link itemprop="contentUrl"'
            f' href="{PLAYS}"></div>'
        ),
    ],
)
def test_a_page_can_name_its_video_in_many_ways(html: str) -> None:
    assert looked(_WORDS + html) == (PageOutcome.VIDEO, [PLAYS])


_LINKED = json.dumps({"@type": "VideoObject", "contentUrl": PLAYS})
_SETUP = json.dumps({"sources": [{"src": PLAYS}]})
_ARTICLE = {"url": "https://news.example/2026/05/kite", "video": {"src": PLAYS}}
_ROW = "7:" + json.dumps(["$", "$L8", None, {"article": _ARTICLE}]) + "\n"
_PUSHED = [
    f"<script>self.__next_f.push([1,{json.dumps(text)}])</script>"
    for text in ("5:I[1]\n" + _ROW[:30], _ROW[30:])
]
_CACHE = {
    "Article:1": {"__typename": "Article", "url": _ARTICLE["url"], "lead": {"__ref": "Video:2"}},
    "Video:2": {"__typename": "Video", "streams": [{"url": PLAYS}], "of": {"__ref": "Article:1"}},
}


@pytest.mark.parametrize(
    "html",
    [
        f'<script type="application/ld+json">/*<![CDATA[*/{_LINKED}/*]]>*/</script>',
        f'<script type="application/ld+json">{escape(_LINKED)}</script>',
        f'<div class="player" data-config="{escape(escape(_SETUP))}"></div>',
        f'<div class="player" data-config="{quote(_SETUP)}"></div>',
        "<div class=\"player\" data-config='{}'></div>".format(_SETUP.replace('"', '\\"')),
        (
            f"<script>var c = {{video: {{src: '{PLAYS}?a=1\\x26amp;b=2', id: '7' * 1 ||"
            f" 0}}}};</script>"
        ),
        (
            "<script"
            f' type="application/json">{json.dumps({"_mediaStreamArray": [{"_stream": [PLAYS]}]})}'
            "</script>"
        ),
        f"<script>window.__APOLLO_STATE__ = {json.dumps(_CACHE)};</script>",
        "".join(_PUSHED),
    ],
    ids=[
        "a comment",
        "escaped",
        "escaped twice",
        "for a URL",
        "for a string",
        "in a script",
        "ARD",
        "Apollo",
        "Next.js",
    ],
)
def test_a_video_is_found_in_data_as_frameworks_and_people_write_them(html: str) -> None:
    outcome, [url] = looked(_WORDS + html)

    assert (outcome, url.partition("?")[0]) == (PageOutcome.VIDEO, PLAYS)
    assert url.endswith(("kite.mp4", "?a=1&b=2"))


def test_linked_data_whose_texts_have_entities_are_read_as_they_are() -> None:
    data = json.dumps(
        {"@type": "VideoObject", "description": "A &quot;kite&quot;", "contentUrl": PLAYS}
    )

    assert looked(f'<script type="application/ld+json">{data}</script>{_WORDS}') == (
        PageOutcome.VIDEO,
        [PLAYS],
    )


def test_of_a_players_levels_the_one_that_states_the_largest_size_is_saved() -> None:
    levels = (
        f'<source src="{CDN}a.mp4" size="720"><source src="{PLAYS}" size="1080"><source'
        f' src="{CDN}c.mp4" label="480p">'
    )

    assert looked(f"<video controls>{levels}</video>") == (PageOutcome.VIDEO, [PLAYS])


def test_of_a_players_equal_levels_the_one_that_the_metadata_name_is_saved() -> None:
    player = (
        f'<video muted loop autoplay><source src="{CDN}small.mp4"><source src="{PLAYS}"></video>'
    )

    assert looked(meta("og:video", PLAYS) + player) == (PageOutcome.VIDEO, [PLAYS])


def test_a_decoration_is_not_saved_in_place_of_the_video_that_the_metadata_name() -> None:
    html = (
        meta("og:video", PLAYS)
        + f'{_WORDS}<video autoplay muted loop src="{CDN}waves.mp4"></video>'
    )

    assert looked(html) == (PageOutcome.VIDEO, [PLAYS])


def test_several_players_that_scripts_build_leave_the_choice_to_the_user() -> None:
    scripts = "".join(
        f'<script>jwplayer("p{n}").setup({{file: "{CDN}{n}.mp4"}});</script>' for n in range(2)
    )

    assert looked(_WORDS + scripts) == (PageOutcome.AMBIGUOUS, [f"{CDN}0.mp4", f"{CDN}1.mp4"])


def test_clips_in_attributes_of_a_strip_do_not_outweigh_the_pages_own_player() -> None:
    strip = "".join(f'<div class="card" data-video-src="{CDN}{n}.mp4"></div>' for n in range(4))

    assert looked(f'{_WORDS}<video controls src="{PLAYS}"></video>{strip}') == (
        PageOutcome.VIDEO,
        [PLAYS],
    )


@pytest.mark.parametrize(
    "html",
    [
        '<iframe src="https://www.youtube.com/embed/abcdefghijk"></iframe>',
        '<iframe data-src="https://player.vimeo.com/video/12345678"></iframe>',
        '<video-js data-account="1" data-video-id="612345"></video-js>',
        (
            '<script src="https://fast.wistia.com/embed/medias/abcde12345.jsonp"></script><div'
            ' class="wistia_embed"></div>'
        ),
        '<script src="https://cdn.jwplayer.com/players/AbCdEfGh-IjKlMnOp.js"></script>',
        '<amp-youtube data-videoid="abcdefghijk"></amp-youtube>',
        '<video controls src="https://www.youtube.com/watch?v=abcdefghijk"></video>',
        (
            '<video controls><source src="https://www.youtube.com/watch?v=abcdefghijk"'
            ' type="video/youtube"></video>'
        ),
        '<script type="application/ld+json">{"@type": "VideoObject", "contentUrl": "https://vimeo.com/12345678"}</script>',
    ],
)
def test_a_page_that_shows_another_sites_player_has_a_video_that_is_not_in_the_document(
    html: str,
) -> None:
    assert looked(_WORDS + html) == (PageOutcome.METADATA_ONLY, [])


def test_a_platform_that_always_sends_its_data_is_not_guessed_at_from_scripts() -> None:
    html = f'{_WORDS}<script>jwplayer("p").setup({{file: "{PLAYS}"}});</script>'

    assert looked(html, "https://www.pinterest.com/pin/123456789012345678/")[1] == []


_TEASERS = "".join(
    f'<article><a href="/2026/05/{n}">Kites {n}</a><p>{_WORDS}</p></article>' for n in range(3)
)
_COLLECTION = '<script type="application/ld+json">{"@type": "CollectionPage", "url": "https://news.example/kites"}</script>'


@pytest.mark.parametrize(
    ("html", "url"),
    [
        (f"{_COLLECTION}{_WORDS}", "https://news.example/kites"),
        (f'<meta property="og:type" content="profile">{_WORDS}', "https://films.example/jane"),
        (_TEASERS, "https://news.example/"),
        (_TEASERS, "https://news.example/category/kites/"),
        (_TEASERS, "https://films.example/@jane"),
        (_TEASERS, "https://films.example/de/channel/jane/videos"),
    ],
)
def test_a_page_that_is_plainly_a_list_of_posts_is_said_to_be_one_and_saves_none_of_them(
    html: str, url: str
) -> None:
    file = "https://news.example/a.mp4"
    player = f'<main><video src="{file}" width="640" height="360"></video></main>'

    assert looked(html, url) == (PageOutcome.MANY_POSTS, [])
    assert looked(html + player, url) == (PageOutcome.MANY_POSTS, [file])


@pytest.mark.parametrize(
    ("html", "url"),
    [
        (_TEASERS, "https://news.example/2026/05/kite"),
        (_TEASERS, "https://news.example/?p=12"),
        (_WORDS, "https://kite.example/"),
        (
            (
                f'{_COLLECTION}<script type="application/ld+json">{{"@type": "NewsArticle",'
                f' "headline": "Kites"}}</script>{_WORDS}'
            ),
            "https://news.example/kites",
        ),
    ],
)
def test_a_page_with_teasers_is_a_post_unless_it_says_otherwise(html: str, url: str) -> None:
    player = f'<video src="{url}kite.mp4" width="640" height="360"></video>'

    assert looked(f"<main>{player}{html}</main>", url)[0] is PageOutcome.VIDEO


def test_a_removed_post_still_names_who_posted_it() -> None:
    post = {
        "id": "1abcde",
        "title": "A kite",
        "author": "jane",
        "media": None,
        "removed_by_category": "moderator",
    }
    answer = [{"kind": "Listing", "data": {"children": [{"kind": "t3", "data": post}]}}]
    address, platform = identify(
        parse_http_url("https://www.reddit.com/r/kites/comments/1abcde/a_kite/")
    )
    look = read_saved_post(platform, address, open_saved(json.dumps(answer).encode(), address.url))

    assert look.outcome is PageOutcome.GONE
    assert look.extraction is not None
    assert look.extraction.account.handle == "jane"


def test_an_article_whose_videos_all_have_their_own_pages_has_no_own_video() -> None:
    videos = [
        {
            "@type": "VideoObject",
            "contentUrl": f"{CDN}{name}.mp4",
            "mainEntityOfPage": f"https://news.example/v/{name}",
        }
        for name in ("a", "b")
    ]
    article = json.dumps({"@type": "NewsArticle", "headline": "Kites", "video": videos})
    html = (
        f'<html><head><script type="application/ld+json">{article}</script></head><body>'
        f"<p>{'word ' * 30}</p></body></html>"
    )
    post = page_post()

    assert (
        read_saved_post(GENERIC, post, open_saved(html.encode(), post.url)).outcome
        is PageOutcome.NO_OWN_VIDEO
    )


TRACKS = """
<track src="/en.vtt" srclang="en" default>
<track kind="captions" src="de.vtt" srclang=" de_AT ">
<track kind="chapters" src="chapters.vtt" srclang="en">
<track kind="subtitles" srclang="fr">
<track src="odd.vtt" srclang="../../etc">
"""


def test_the_subtitles_of_a_pages_only_player_are_its_videos() -> None:
    html = (
        "<article><h1>Trains</h1><video controls"
        f' src="{CDN}/a.mp4">{TRACKS}</video></article><track src="x.vtt">'
    )

    [item] = page(html).videos

    assert [(one.url, one.language) for one in item.subtitles] == [
        (urljoin(page_post().url, "/en.vtt"), "en"),
        (urljoin(page_post().url, "de.vtt"), "de-AT"),
        (urljoin(page_post().url, "odd.vtt"), ""),
    ]
    assert not any(one.automatic for one in item.subtitles)


def test_the_subtitles_of_one_of_several_players_are_nobodys() -> None:
    players = (
        f'<video controls src="{CDN}/a.mp4">{TRACKS}</video><video controls'
        f' src="{CDN}/b.mp4"></video>'
    )

    items = page(f"<article><h1>Trains</h1>{players}</article>").videos

    assert not any(item.subtitles for item in items)
