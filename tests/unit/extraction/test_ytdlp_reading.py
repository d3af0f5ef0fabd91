from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mediavault.core.failures import (
    Deleted,
    Drm,
    ExtractorBroken,
    Failure,
    NotYet,
    ToolMissing,
    Upcoming,
)
from mediavault.core.installation import command_to_install
from mediavault.core.media import (
    Expected,
    Extraction,
    FoundIn,
    ItemRole,
    ItemType,
    LiveNow,
    NoVideo,
    Ownership,
    Post,
    SourceType,
)
from mediavault.core.platform import Platform, YtdlpRules
from mediavault.core.recordings import began_at
from mediavault.extraction.ytdlp_reading import read_answer

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
TUBE = Platform(name="tube", title="Tube")
GENERIC = Platform(name="generic", title="this site")
POST = Post(
    "https://tube.example/watch/abc", "https://tube.example/watch/abc", "tube", post_id="abc"
)
SITE = YtdlpRules(("tube",))
CDN = "https://cdn.tube.example"


def video(video_id: str = "abc", **facts: Any) -> dict[str, Any]:
    formats = [
        {
            "url": f"{CDN}/{video_id}.mp4",
            "protocol": "https",
            "ext": "mp4",
            "vcodec": "h264",
            "acodec": "aac",
        }
    ]
    return {"_type": "video", "id": video_id, "formats": formats, **facts}


def listing(*entries: Any, **facts: Any) -> dict[str, Any]:
    return {"_type": "playlist", "id": "abc", "entries": list(entries), **facts}


def error(message: str) -> dict[str, Any]:
    return {"kind": "ExtractorError", "message": message}


def read(
    info: Any,
    *,
    platform: Platform = TUBE,
    site: YtdlpRules = SITE,
    post: Post = POST,
    errors: Any = (),
    warnings: Any = (),
) -> Extraction:
    answer = {
        "version": "2026.10.26",
        "info": info,
        "errors": list(errors),
        "warnings": list(warnings),
    }
    return read_answer(answer, post, platform, site, now=NOW)


def test_a_video_of_the_platforms_own_extractor_is_the_posts_by_its_id() -> None:
    extraction = read(video(duration=12.0, thumbnail=f"{CDN}/abc.jpg"))
    (item,) = extraction.items

    assert [(c.url, c.ownership, c.found_in) for c in item.candidates] == [
        (f"{CDN}/abc.mp4", Ownership.ID_MATCH, FoundIn.API)
    ]
    assert (item.role, item.media_id, item.thumbnail_url) == (
        ItemRole.MAIN,
        "abc",
        f"{CDN}/abc.jpg",
    )
    assert (item.expected.duration_s, item.expected.audio) == (12.0, True)


def test_what_the_post_says_is_taken_over() -> None:
    extraction = read(
        video(
            title="A lighthouse",
            description="Waves.",
            timestamp=1_764_000_000,
            uploader="Jane Doe",
            uploader_id="@jane",
            webpage_url="https://tube.example/watch/abc",
        )
    )

    assert (extraction.title, extraction.text) == ("A lighthouse", "Waves.")
    assert extraction.published_at == datetime.fromtimestamp(1_764_000_000, UTC)
    assert (
        extraction.account.handle,
        extraction.account.display_name,
        extraction.account.slug,
    ) == (
        "jane",
        "Jane Doe",
        "tube-jane",
    )
    assert extraction.post.handle == "jane"
    assert extraction.metadata == {"ytdlp_version": "2026.10.26", "ytdlp_extractor": None}


def test_a_date_without_a_time_will_do() -> None:
    assert read(video(upload_date="20260102")).published_at == datetime(2026, 1, 2, tzinfo=UTC)
    assert read(video(upload_date="soon")).published_at is None


@pytest.mark.parametrize(
    "facts",
    [
        {"id": "1234", "display_id": "abc"},
        {"id": "1234", "webpage_url": "https://tube.example/watch?v=abc&t=1"},
        {"id": "abc_p2"},
    ],
)
def test_the_posts_id_may_be_in_several_fields(facts: dict[str, str]) -> None:
    assert len(read(video() | facts).items) == 1


def test_a_video_of_another_post_is_shown_and_not_owned() -> None:
    extraction = read(video("other", webpage_url="https://tube.example/watch/other"))

    assert extraction.items == ()
    assert [c.ownership for c in extraction.others] == [Ownership.UNKNOWN]


def test_a_share_link_has_no_id_to_compare_with() -> None:
    assert len(read(video("other"), post=replace(POST, post_id=None)).items) == 1


def test_where_even_a_lone_video_can_be_a_quoted_posts_it_is_not_owned() -> None:
    extraction = read(video(), site=replace(SITE, mixes_single=True))

    assert (extraction.items, len(extraction.others)) == ((), 1)


def test_where_a_quoted_posts_video_has_the_requested_address_its_own_id_decides() -> None:
    quoted = video("other", webpage_url=POST.url)

    assert read(quoted, site=replace(SITE, by_id_only=True)).items == ()
    assert len(read(video("abc"), site=replace(SITE, by_id_only=True)).items) == 1


# --- lists ----------------------------------------------------------------------------------------


def test_each_video_of_a_carousel_is_an_item_and_a_photo_in_it_is_not_a_failure() -> None:
    carousel = listing(video("one"), None, video("two"), title="Three things", uploader_id="jane")
    extraction = read(
        carousel, site=replace(SITE, owns_list=True), errors=[error("No video formats found!")]
    )

    assert [item.media_id for item in extraction.items] == ["one", "two"]
    assert (extraction.title, extraction.account.handle) == ("Three things", "jane")


def test_a_carousel_with_an_unreadable_video_is_not_taken_for_complete() -> None:
    with pytest.raises(Deleted):
        read(
            listing(video("one"), None),
            site=replace(SITE, owns_list=True),
            errors=[error("This video has been removed")],
        )


def test_a_carousel_of_photos_has_no_video() -> None:
    with pytest.raises(NoVideo):
        read(listing(None, None), errors=[error("No video formats found!")] * 2)
    with pytest.raises(ExtractorBroken):
        read(None, errors=[error("No video formats found!")])


def test_where_a_list_can_hold_a_quoted_posts_video_nothing_is_guessed() -> None:
    with pytest.raises(ExtractorBroken, match="cannot tell"):
        read(listing(video("abc"), video("quoted")))


def test_a_list_of_one_is_a_video() -> None:
    assert len(read(listing(video("one"))).items) == 1


def test_a_list_in_a_list_is_read_and_one_without_end_is_not() -> None:
    owns = replace(SITE, owns_list=True)
    endless = listing()
    for _ in range(50):
        endless = listing(endless)

    assert len(read(listing(listing(video("one"), video("two"))), site=owns).items) == 2
    with pytest.raises(NoVideo):
        read(endless, site=owns)


# --- any page -------------------------------------------------------------------------------------


def test_the_lone_video_of_a_page_is_owned_as_such() -> None:
    extraction = read(video(), platform=GENERIC)

    assert [(c.ownership, c.found_in) for c in extraction.candidates] == [
        (Ownership.LONE, FoundIn.META)
    ]
    assert extraction.account.slug == "generic-tube.example"


def test_the_number_of_a_pages_only_player_is_not_part_of_its_title() -> None:
    assert read(video(title="Waves (1)"), platform=GENERIC).title == "Waves"
    assert read(video(title="Waves (1)")).title == "Waves (1)"


def test_none_of_several_videos_of_a_page_is_owned() -> None:
    extraction = read(listing(video("one"), video("two")), platform=GENERIC)

    assert (extraction.items, [c.ownership for c in extraction.others]) == (
        (),
        [Ownership.UNKNOWN] * 2,
    )


# --- nothing --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("errors", "kind"),
    [
        ([], NoVideo),
        (["This video has been removed"], Deleted),
        (["There is no video in this post", "This video has been removed"], Deleted),
        (["There is no video in this post"], NoVideo),
    ],
)
def test_without_a_video_the_most_specific_error_is_reported(
    errors: list[str], kind: type[Failure]
) -> None:
    with pytest.raises(kind):
        read(None, errors=map(error, errors))


@pytest.mark.parametrize(
    "info", [None, [], "text", {}, {"_type": "playlist"}, listing(None, 3), {"formats": "x"}]
)
def test_rubbish_is_not_a_video(info: Any) -> None:
    with pytest.raises((NoVideo, ExtractorBroken)):
        read(info)


def test_without_ytdlp_the_command_that_installs_it_is_named() -> None:
    with pytest.raises(ToolMissing) as failure:
        read_answer({"missing": True}, POST, TUBE, SITE, now=NOW)

    assert command_to_install("youtube") in failure.value.help


@pytest.mark.parametrize(
    ("facts", "condition"),
    [
        ({"is_live": True}, LiveNow),
        ({"live_status": "is_live"}, LiveNow),
        ({"live_status": "is_upcoming"}, Upcoming),
        ({"live_status": "post_live"}, Upcoming),
    ],
)
def test_what_is_still_on_the_air_is_left_for_later(
    facts: dict[str, Any], condition: type[NotYet]
) -> None:
    with pytest.raises(condition):
        read(video(**facts))
    assert read(video(live_status="was_live")).items


def a_stream(**facts: Any) -> dict[str, Any]:
    hls = {"url": f"{CDN}/1080.m3u8", "manifest_url": f"{CDN}/live.m3u8", "protocol": "m3u8_native",
           "ext": "mp4", "vcodec": "avc1.640028", "acodec": "mp4a.40.2",
           "height": 1080}  # fmt: skip
    info = video(live_status="is_live", is_live=True, **facts)
    return {**info, "formats": [*info["formats"], hls]}


def test_what_can_be_recorded_of_a_running_stream_is_its_playlist() -> None:
    with pytest.raises(LiveNow) as failure:
        read(a_stream(duration=7.0, release_timestamp=NOW.timestamp()))
    assert failure.value.instead is not None
    (item,) = failure.value.instead.items

    assert [(one.url, one.source_type) for one in item.candidates] == [
        (f"{CDN}/live.m3u8", SourceType.HLS)
    ]
    assert (item.expected.duration_s, item.candidates[0].duration_s) == (None, None)
    assert began_at(failure.value.instead.metadata) == NOW


def test_a_running_stream_without_a_playlist_cannot_be_recorded() -> None:
    with pytest.raises(LiveNow) as failure:
        read(video(is_live=True))

    assert failure.value.instead is None


def test_a_running_stream_among_several_videos_is_live() -> None:
    with pytest.raises(LiveNow):
        read(listing(a_stream(), video("other")), site=replace(SITE, owns_list=False))


def test_the_announced_start_of_a_broadcast_is_passed_on() -> None:
    begins = NOW + timedelta(hours=100)
    with pytest.raises(Upcoming, match=f"{begins:%Y-%m-%d %H:%M} UTC") as failure:
        read(video(live_status="is_upcoming", release_timestamp=begins.timestamp()))

    assert failure.value.starts_at == begins


def test_protected_formats_are_distinguished_from_no_formats() -> None:
    nothing = {"url": f"{CDN}/x", "protocol": "rtmp", "vcodec": "h264"}

    with pytest.raises(Drm):
        read(video(formats=[nothing], _has_drm=True))
    with pytest.raises(ExtractorBroken):
        read(video(formats=[nothing]))


def test_sound_without_pictures_is_not_a_video() -> None:
    sound = {"url": f"{CDN}/a.m4a", "protocol": "https", "vcodec": "none", "acodec": "aac"}

    with pytest.raises(NoVideo, match="has sound, but no video"):
        read(video(formats=[sound]))
    with pytest.raises(ToolMissing):
        read(video(formats=[sound]), warnings=["No supported JavaScript runtime could be found."])


def test_a_post_that_is_sound_is_read_for_profiles_that_save_sound() -> None:
    sound = {
        "url": f"{CDN}/a.mp3",
        "protocol": "https",
        "ext": "mp3",
        "vcodec": "none",
        "acodec": "mp3",
    }
    with pytest.raises(NoVideo) as caught:
        read(video(formats=[sound], title="A song", duration=61, thumbnail=f"{CDN}/cover.jpg"))
    read_instead = caught.value.instead

    assert read_instead is not None
    assert read_instead.videos == ()
    [item] = read_instead.media(frozenset({ItemType.AUDIO}))
    assert (item.media_id, item.expected, item.thumbnail_url) == (
        "abc",
        Expected(61.0, audio=True),
        f"{CDN}/cover.jpg",
    )
    assert [candidate.url for candidate in item.candidates] == [f"{CDN}/a.mp3"]
    assert read_instead.title == "A song"


def test_chapters_are_sorted_and_numbered_where_they_have_no_title() -> None:
    chapters = [
        {"start_time": 60, "end_time": 90, "title": "End"},
        {"start_time": 0, "title": "Start"},
        {"start_time": 30.5},
        {"start_time": 30.5, "title": "again"},
        {"start_time": -1, "title": "before"},
        {"start_time": "soon"},
        "rubbish",
    ]
    [item] = read(video(chapters=chapters)).items

    assert [(each.start_s, each.title) for each in item.chapters] == [
        (0.0, "Start"),
        (30.5, "3"),
        (60.0, "End"),
    ]


def spoken(language: str | None, preference: int = -1, **facts: Any) -> dict[str, Any]:
    """A format with sound in a language."""
    (one,) = video()["formats"]
    return {**one, "language": language, "language_preference": preference, **facts}


@pytest.mark.parametrize(
    ("facts", "language"),
    [
        ({"language": "de"}, "de"),
        ({"language": "pt_BR"}, "pt-BR"),
        ({}, None),
        ({"language": "no language at all"}, None),
        ({"language": "und"}, None),
        ({"language": 7}, None),
        # yt-dlp's own fields are those of one of the formats, which may be dubbed.
        ({"language": "fr", "formats": [spoken("fr"), spoken("de", 10), spoken(None, 10)]}, "de"),
        ({"language": "fr", "formats": [spoken("fr"), spoken("de")]}, None),
        ({"formats": [spoken("de", 10), spoken("de", 10)]}, "de"),
        ({"language": "de", "formats": [spoken("fr", 10, acodec="none"), spoken(None)]}, "de"),
    ],
)
def test_a_posts_language_is_the_one_that_it_was_published_in(
    facts: dict[str, Any], language: str | None
) -> None:
    assert read(video(**facts)).metadata.get("language") == language


def texts(*forms: str, name: str = "en") -> list[dict[str, str]]:
    return [{"ext": form, "url": f"{CDN}/{name}.{form}"} for form in forms]


def subtitles(**facts: Any) -> list[tuple[str, str, bool]]:
    [item] = read(video(**facts)).items
    return [
        (one.language, one.url.removeprefix(f"{CDN}/"), one.automatic) for one in item.subtitles
    ]


def test_subtitles_are_taken_in_the_best_form_that_can_be_read() -> None:
    offered = {
        "en": texts("srv3", "json3", "vtt"),
        "de": texts("srt", name="de"),
        "fr": texts("ttml"),
        "live_chat": texts("json"),
    }

    assert subtitles(subtitles=offered) == [("en", "en.vtt", False), ("de", "de.srt", False)]


def test_of_a_machines_captions_only_those_in_the_videos_own_language_are_taken() -> None:
    captions = {"en-orig": texts("vtt", "json3"), "en": texts("vtt"), "de": texts("vtt", name="de")}

    assert subtitles(automatic_captions=captions) == [("en", "en.json3", True)]
    assert subtitles(
        automatic_captions={"de": texts("vtt", name="de"), "en": texts("vtt")}, language="de"
    ) == [("de", "de.vtt", True)]
    assert subtitles(automatic_captions={"pt": texts("vtt"), "en": texts("vtt")}) == []


@pytest.mark.parametrize(
    "offered",
    [
        7,
        ["en"],
        {"en": 7},
        {"en": [7]},
        {"en": [{"ext": "vtt"}]},
        {"en": [{"ext": "vtt", "url": "file:///etc/passwd"}]},
        {"../../x": [{"ext": "vtt", "url": "https://c.example/x.vtt"}]},
        {"en": [{"ext": "vtt", "url": "javascript:1"}]},
    ],
)
def test_rubbish_is_no_subtitles(offered: Any) -> None:
    assert subtitles(subtitles=offered, automatic_captions=offered) == []


@pytest.mark.parametrize(
    ("page", "key", "is_sure"),
    [
        ("https://news.example/12", "Generic", False),
        ("https://news.example/12", "HTML5MediaEmbed", False),
        ("https://www.tube.example/12", "Generic", True),
        ("https://news.example/12", "Youtube", True),
    ],
)
def test_what_is_found_on_a_page_that_yt_dlp_does_not_know_is_asked_about_if_it_is_another_hosts(
    page: str, key: str, is_sure: bool
) -> None:
    post = Post(page, page, "generic")
    extraction = read(
        video(extractor_key=key), platform=GENERIC, site=YtdlpRules(("generic",)), post=post
    )

    assert bool(extraction.items) is is_sure
    assert bool(extraction.others) is not is_sure
