"""What is known about the post of a file that another program saved."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mediavault.core.names import is_utf8
from mediavault.core.post_urls import has_url, name_of_file
from mediavault.features.importing.facts import (
    facts_from_gallery_dl,
    facts_from_name,
    facts_from_nfo,
    facts_of,
    is_unfinished,
    subtitles_among,
)

ID = "dQw4w9WgXcQ"
WATCH = f"https://www.youtube.com/watch?v={ID}"
CHANNEL = "UCuAXFkgsw1L7xaCfnd5JJOw"


def url_of(relative: str, info: dict[str, Any] | None = None, **tags: str) -> str | None:
    post = facts_of(relative, info, tags).post
    return post.canonical_url if post else None


# --- names ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "title"),
    [
        (f"A film [{ID}].mp4", "A film"),  # yt-dlp
        (f"Jane/2020-01-02 A film/A film [{ID}].mkv", "A film"),  # Pinchflat
        (f"A [b] film [{ID}].webm", "A [b] film"),
        (f"{CHANNEL}/{ID}.mp4", None),  # Tube Archivist
        (f"youtube/{CHANNEL}/{ID}.mp4", None),
        (f"jane/2020-01-02_jane_a-film_{ID}_1080p-60fps-vp9-opus.mkv", "a-film"),  # TubeSync
        (f"jane/2020-01-02_jane_a-film_{ID}_opus.ogg", "a-film"),
    ],
)
def test_an_id_in_the_form_of_a_downloader_names_a_post(path: str, title: str | None) -> None:
    facts = facts_from_name(path)

    assert (facts.post and facts.post.canonical_url, facts.title) == (WATCH, title)


@pytest.mark.parametrize(
    "path",
    [
        "A film.mp4",  # MeTube
        "A film [OfficialVid].mp4",
        "A film [LyricsVideo].mp4",
        "A film [REMASTEREDM].mp4",
        "A film [20240101120].mp4",
        f"A film-{ID}.mp4",  # an older youtube-dl: any word of eleven characters may be there
        f"{ID}.mp4",
        f"A film [{ID}] again.mp4",
        "A film [dQw4w9WgXcR].mp4",  # no id ends like this
        "A film [１２３４５６７８９０w].mp4",
        f"A film ({ID}).mp4",
        f"jane_a-film_{ID}_1080p-avc1-mp4a.mp4",
        f"2020-01-02_jane_a-film_{ID}_final.mp4",
        "2020-01-02_jane_a-film_OfficialVid_1080p-avc1-mp4a.mp4",
        "A film [1234567890123456789].mp4",
    ],
)
def test_a_name_that_only_resembles_one_names_none(path: str) -> None:
    assert facts_from_name(path).post is None
    assert facts_from_name(path).title


def test_the_date_in_a_name_of_tubesync_is_the_post_s() -> None:
    facts = facts_of("2020-01-02_jane_a-film_-_w4w9W_gcQ_720p-avc1-mp4a.mp4", None, {})

    assert facts.published_at == datetime(2020, 1, 2, tzinfo=UTC)
    assert facts.post is not None


@given(
    st.lists(st.text().filter(lambda part: "/" not in part and part), min_size=1, max_size=3),
    st.sampled_from([".mp4", ".opus", ""]),
)
@example(["\n[dQw4w9WgXcQ]"], ".mp4")
@example(["\ud800"], ".mp4")
@example([".."], "")
def test_every_name_has_facts_that_a_database_can_hold(parts: list[str], suffix: str) -> None:
    facts = facts_from_name("/".join(parts) + suffix)

    assert facts.title is None or (is_utf8(facts.title) and "\0" not in facts.title)
    assert facts.post is None or facts.post.canonical_url.startswith(
        "https://www.youtube.com/watch?v="
    )


@given(
    st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"])),
    st.from_regex(r"[0-9][0-9A-Za-z_-]{9}[AEIMQUYcgkosw048]", fullmatch=True),
)
def test_an_id_in_brackets_is_found_after_any_title(title: str, video_id: str) -> None:
    if not video_id.isdigit():
        assert url_of(f"x{title} [{video_id}].mp4") == f"https://www.youtube.com/watch?v={video_id}"


# --- .info.json and tags --------------------------------------------------------------------------


def test_the_info_json_says_more_than_the_name() -> None:
    facts = facts_of(
        "Something [aqz-KE-bpKQ].mp4",
        {
            "id": ID,
            "extractor_key": "Youtube",
            "webpage_url": WATCH,
            "title": "A film",
            "description": "Two\nlines",
            "uploader": "Jane Doe",
            "uploader_id": "@jane",
            "upload_date": "20200102",
        },
        {},
    )

    assert facts.post is not None
    assert facts.account is not None
    assert (facts.post.canonical_url, facts.title, facts.text) == (WATCH, "A film", "Two\nlines")
    assert (facts.account.handle, facts.account.display_name, facts.account.slug) == (
        "jane",
        "Jane Doe",
        "youtube-jane",
    )
    assert facts.published_at == datetime(2020, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("info", "url"),
    [
        ({"webpage_url": "https://vimeo.com/76979871"}, "https://vimeo.com/76979871"),
        ({"webpage_url": "https://videos.example/watch/1"}, "https://videos.example/watch/1"),
        ({"webpage_url": "javascript:alert(1)"}, None),
        ({"webpage_url": "file:///etc/passwd"}, None),
        ({"webpage_url": "https://www.youtube.com/@jane"}, None),
        ({"webpage_url": ["https://vimeo.com/1"]}, None),
        ({"webpage_url": "https://t.co/abc"}, None),
        ({"webpage_url": "javascript:alert(1)", "id": ID, "extractor_key": "Youtube"}, WATCH),
        ({"id": "../../etc", "extractor_key": "Youtube"}, None),
        ({"id": ID, "extractor_key": {"a": 1}}, None),
        ({"post_url": WATCH, "mediavault": 2}, WATCH),
    ],
)
def test_only_an_http_url_of_one_post_counts(info: dict[str, Any], url: str | None) -> None:
    assert url_of("A film.mp4", info) == url


def test_tags_count_only_where_they_name_a_post_on_a_known_site() -> None:
    assert url_of("A film.mp4", None, purl=WATCH, title="Tagged") == WATCH
    assert url_of("A film.mp4", None, comment=WATCH) == WATCH
    assert url_of("A film.mp4", None, comment="https://shop.example/buy") is None
    assert url_of("A film.mp4", None, comment=f"see {WATCH}") is None


# --- NFOs -----------------------------------------------------------------------------------------


def nfo_facts(*elements: str, root: str = "movie") -> tuple[str | None, ...]:
    """Return the URL, the account, the title, the text and the day that an NFO with these elements
    gives.
    """
    facts = facts_from_nfo(f"<{root}>{''.join(elements)}</{root}>")
    who, day = facts.account, facts.published_at
    url = facts.post.canonical_url if facts.post else None
    return (
        url,
        who.display_name if who else None,
        facts.title,
        facts.text,
        day.date().isoformat() if day else None,
    )


YOUTUBE_ID = f'<uniqueid type="youtube" default="true">{ID}</uniqueid>'


@pytest.mark.parametrize(
    ("elements", "facts"),
    [
        (  # Youtarr
            (
                "<title>A film</title><plot>See\n\nhttps://vimeo.com/1</plot>",
                f"{YOUTUBE_ID}<youtubeid>{ID}</youtubeid><premiered>2020-01-02</premiered><studio>Jane</studio>",
            ),
            (WATCH, "Jane", "A film", "See\n\nhttps://vimeo.com/1", "2020-01-02"),
        ),
        (  # Pinchflat
            (
                (
                    f"<title>A film</title><showtitle>Jane</showtitle>{YOUTUBE_ID}<plot>Text</plot>"
                    "<aired>2020-01-02</aired>"
                ),
            ),
            (WATCH, "Jane", "A film", "Text", "2020-01-02"),
        ),
        (  # ytdl-sub
            (
                (
                    f"<aired>2020-01-02</aired><plot>{WATCH}\n\nTwo\n\n"
                    "parts</plot><title>2020-01-02 - A film</title>"
                ),
                "<season>2020</season><year>2020</year>",
            ),
            (WATCH, None, "A film", "Two\n\nparts", "2020-01-02"),
        ),
        (  # mediavault
            (
                (
                    "<title>A film</title><plot>Text\n\n"
                    f"{WATCH}</plot><premiered>2020-01-02</premiered>"
                ),
                f"<studio>YouTube</studio><director>Jane</director>{YOUTUBE_ID}",
            ),
            (WATCH, "Jane", "A film", "Text", "2020-01-02"),
        ),
        (
            (
                "<plot>Text\n\nhttps://vimeo.com/76979871</plot>",
                '<studio>Vimeo</studio><uniqueid type="vimeo">76979871</uniqueid>',
            ),
            ("https://vimeo.com/76979871", None, None, "Text", None),
        ),
        (  # of a cinema film, which has the URL of a trailer
            (
                '<title>Film</title><uniqueid type="imdb">tt1</uniqueid>',
                f"<plot>{WATCH}\n\n{WATCH}</plot>",
            ),
            (None, None, "Film", f"{WATCH}\n\n{WATCH}", None),
        ),
        (
            (f"<plot>{WATCH}\n\nText</plot><title>A film</title><aired>2020-01-02</aired>",),
            (None, None, "A film", f"{WATCH}\n\nText", "2020-01-02"),
        ),
        (('<uniqueid type="youtube">OfficialVid</uniqueid>',), (None, None, None, None, None)),
        (("<premiered>soon</premiered><title> </title>",), (None, None, None, None, None)),
    ],
)
def test_an_nfo_names_a_post_where_its_form_is_that_of_a_downloader(
    elements: tuple[str, ...], facts: tuple[str | None, ...]
) -> None:
    assert nfo_facts(*elements) == facts


def test_the_info_json_and_tags_say_more_than_the_nfo_and_that_more_than_the_name() -> None:
    nfo = facts_from_nfo(
        f"<movie><title>NFO</title>{YOUTUBE_ID}<premiered>2020-01-02</premiered></movie>"
    )

    assert facts_of("Name.mp4", {"title": "Info"}, {}, [nfo]).title == "Info"
    assert facts_of("Name.mp4", None, {"title": "Tag"}, [nfo]).title == "NFO"
    assert (
        facts_of("Name.mp4", None, {}, [nfo]).post
        == facts_of("Name.mp4", {"webpage_url": WATCH}, {}).post
    )


# --- gallery-dl -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "url", "name", "text"),
    [
        (
            {
                "category": "twitter",
                "tweet_id": 1234567890,
                "author": {"name": "jane", "nick": "Jane"},
                "content": "Text",
            },
            "https://x.com/i/status/1234567890",
            "Jane",
            "Text",
        ),
        (
            {
                "category": "instagram",
                "post_url": "https://www.instagram.com/p/CabcDEF1234/",
                "fullname": "Jane",
                "username": "jane",
            },
            "https://www.instagram.com/p/CabcDEF1234/",
            "Jane",
            None,
        ),
        (
            {
                "category": "tiktok",
                "user": "jane",
                "id": "7123456789012345678",
                "num": 0,
                "desc": "Text",
            },
            "https://www.tiktok.com/@_/video/7123456789012345678",
            None,
            "Text",
        ),
        (
            {
                "category": "bluesky",
                "author": {"handle": "jane.example"},
                "post_id": "3l4abcdefgh2c",
                "num": 1,
                "text": "Text",
            },
            "https://bsky.app/profile/jane.example/post/3l4abcdefgh2c",
            None,
            "Text",
        ),
        ({"category": "reddit", "id": "abc123", "num": 2, "selftext": "Text"}, None, None, "Text"),
        ({"category": "twitter", "tweet_id": True, "author": "jane"}, None, None, None),
        ({"category": "pixiv", "id": 12}, None, None, None),
        ({"category": "reddit", "id": "../x"}, None, None, None),
    ],
)
def test_the_json_of_gallery_dl_names_the_first_file_of_a_post(
    value: dict[str, Any], url: str | None, name: str | None, text: str | None
) -> None:
    facts = facts_from_gallery_dl({"subcategory": "post", **value})

    assert (facts.post and facts.post.canonical_url, facts.text) == (url, text)
    assert (facts.account and facts.account.display_name) == name


def test_a_json_of_another_program_says_nothing() -> None:
    assert (
        facts_from_gallery_dl({"category": "reddit", "id": "abc123", "title": "A film"}).title
        is None
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)
NAMES = [
    "id", "extractor_key", "webpage_url", "original_url", "title", "description", "uploader",
    "uploader_id", "channel", "timestamp", "upload_date", "account", "post_url", "text",
    "published_at", "comments", "chapters",
]  # fmt: skip


OF_GALLERY_DL = [
    "author",
    "tweet_id",
    "id",
    "user",
    "post_url",
    "title",
    "content",
    "date",
    "num",
    "fullname",
    "username",
]


@given(st.dictionaries(st.sampled_from(NAMES), JSON))
@example({"timestamp": 1e300})
@example({"timestamp": float("nan")})
@example({"upload_date": "00000000"})
@example({"published_at": "2020-01-02"})
@example({"account": {"handle": 1, "display_name": []}})
@example({"title": "\ud800\0"})
def test_any_json_gives_facts_that_a_database_can_hold(info: dict[str, Any]) -> None:
    facts = facts_of("A film.mp4", info, {})
    texts = [facts.title, facts.text]
    texts += (
        [facts.account.handle, facts.account.display_name, facts.account.slug]
        if facts.account
        else []
    )

    assert all(is_utf8(text) and "\0" not in text for text in texts if text is not None)


@given(
    st.sampled_from(["twitter", "instagram", "tiktok"]),
    st.dictionaries(st.sampled_from(OF_GALLERY_DL), JSON),
)
@example("twitter", {"author": {"name": "\ud800", "nick": "\0"}, "tweet_id": 12})
def test_any_json_of_gallery_dl_gives_facts_that_a_database_can_hold(
    category: str, value: dict[str, Any]
) -> None:
    facts = facts_from_gallery_dl({"subcategory": "post", "category": category, **value})
    texts = [facts.title, facts.text]
    texts += (
        [facts.account.handle, facts.account.display_name, facts.account.slug]
        if facts.account
        else []
    )

    assert all(is_utf8(text) and "\0" not in text for text in texts if text is not None)


# --- files next to it -----------------------------------------------------------------------------


def test_intermediate_files_of_a_downloader_are_recognised() -> None:
    assert all(map(is_unfinished, ["A.f137.mp4", "A.f251-drc.webm", "A.temp.mp4", "A.part.mp4"]))
    assert not any(map(is_unfinished, ["A.mp4", "Mr. f1.mp4.mp4", "A.final.mp4", "f137.mp4"]))


def test_subtitles_are_found_by_their_language() -> None:
    names = ["A.en.vtt", "A.de-DE.vtt", "A.vtt", "A.live_chat.vtt", "A.en.srt", "A.info.json"]

    assert subtitles_among("A", names) == {".en.vtt": "A.en.vtt", ".de-DE.vtt": "A.de-DE.vtt"}


def test_what_stands_for_the_url_of_an_imported_file_is_no_url() -> None:
    assert not has_url(name_of_file("ab" * 32))
    assert has_url(WATCH)
