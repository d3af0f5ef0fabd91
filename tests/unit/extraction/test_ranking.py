"""Which candidate is saved, and why."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mediavault.core.failures import Ambiguous, Drm, ErrorCode, LinkExpired
from mediavault.core.media import (
    COMPATIBLE,
    Candidate,
    Expected,
    Extraction,
    Item,
    ItemRole,
    ItemType,
    NoVideo,
    Ownership,
    Preference,
    Sign,
    SourceType,
    Watermark,
)
from mediavault.core.profiles import BUILT_IN
from mediavault.extraction.ranking import (
    choose_candidate,
    explain,
    items_to_save,
    same_item,
    with_choice,
    with_first_player,
)
from mediavault.presentation.labels import help_for
from tests.stubs import candidate, extraction

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def c(name: str, **facts: Any) -> Candidate:
    return candidate(f"https://cdn.example/{name}", **facts)


def of(*candidates: Candidate, expected: Expected | None = None) -> Item:
    return Item(candidates, expected=expected or Expected())


BETTER_THAN = [
    (
        "a surer owner",
        {"ownership": Ownership.ID_MATCH},
        {"ownership": Ownership.PLAYER, "width": 3840, "height": 2160},
    ),
    (
        "what can be decoded",
        {"width": 640, "height": 360},
        {"video_codec": "bytevc2", "width": 3840, "height": 2160},
    ),
    ("sound", {"has_audio": True, "height": 360}, {"has_audio": False, "height": 1080}),
    ("unknown sound over silence", {"height": 360}, {"has_audio": False, "height": 1080}),
    (
        "no watermark",
        {"watermark": Watermark.NO, "height": 360},
        {"watermark": Watermark.YES, "height": 1080, "bitrate": 9_000_000},
    ),
    ("the uploader's own file", {"original": True, "height": 360}, {"height": 1080}),
    (
        "more lines",
        {"width": 1920, "height": 1080},
        {"width": 1280, "height": 720, "bitrate": 9_000_000},
    ),
    ("the shorter side counts", {"width": 720, "height": 1280}, {"width": 1920, "height": 640}),
    ("smoother", {"fps": 60.0}, {"fps": 30.0, "bitrate": 9_000_000}),
    (
        "a file of unknown frame rate over a stream with a known one",
        {},
        {"source_type": SourceType.HLS, "fps": 30.0},
    ),
    ("more bits", {"bitrate": 2_000_000}, {"bitrate": 1_000_000}),
    (
        "a better codec's bits",
        {"bitrate": 1_500_000, "video_codec": "av1"},
        {"bitrate": 2_000_000, "video_codec": "h264"},
    ),
    ("a stream over a silent file", {"source_type": SourceType.HLS}, {"has_audio": False}),
    (
        "a file over a stream, all else equal",
        {"source_type": SourceType.DIRECT},
        {"source_type": SourceType.HLS},
    ),
]


@pytest.mark.parametrize(
    ("better", "worse"), [row[1:] for row in BETTER_THAN], ids=[row[0] for row in BETTER_THAN]
)
def test_the_better_candidate_is_chosen(better: dict[str, Any], worse: dict[str, Any]) -> None:
    good, bad = c("good", **better), c("bad", **worse)

    assert choose_candidate(of(bad, good), now=NOW) is good
    assert choose_candidate(of(good, bad), now=NOW) is good


def test_equals_keep_the_pages_order() -> None:
    assert choose_candidate(of(c("first"), c("second")), now=NOW).url.endswith("first")


def test_a_post_without_sound_does_not_prefer_it() -> None:
    silent, loud = c("silent", has_audio=False, height=720), c("loud", has_audio=True, height=360)

    assert choose_candidate(of(loud, silent, expected=Expected(audio=False)), now=NOW) is silent


def test_an_address_that_has_expired_is_passed_over() -> None:
    old = c("old", height=1080, expires_at=NOW - timedelta(seconds=1))

    assert choose_candidate(of(old, c("fresh", height=360)), now=NOW).url.endswith("fresh")
    assert choose_candidate(of(old, c("fresh", height=360)), now=None) is old
    with pytest.raises(LinkExpired):
        choose_candidate(of(old), now=NOW)


def test_a_tried_candidate_is_passed_over_and_when_none_is_left_there_is_no_video() -> None:
    item = of(c("one", height=1080), c("two", height=360))

    assert choose_candidate(item, exclude={"https://cdn.example/one"}, now=NOW).url.endswith("two")
    with pytest.raises(NoVideo):
        choose_candidate(
            item, exclude={"https://cdn.example/one", "https://cdn.example/two"}, now=NOW
        )


def test_a_protected_video_is_not_chosen_while_there_is_another() -> None:
    assert choose_candidate(
        of(c("locked", drm=True, height=1080), c("free")), now=NOW
    ).url.endswith("free")
    with pytest.raises(Drm):
        choose_candidate(of(c("locked", drm=True)), now=NOW)


def test_what_is_not_surely_the_posts_is_never_chosen() -> None:
    with pytest.raises(Ambiguous):
        items_to_save(
            extraction(c("a", ownership=Ownership.UNKNOWN), c("b", ownership=Ownership.UNKNOWN))
        )


def test_a_post_without_video_counts_the_pictures() -> None:
    pictures = ("https://a.test/1.jpg", "https://a.test/2.jpg")
    with pytest.raises(NoVideo, match="2 pictures"):
        items_to_save(replace(extraction(), items=(), image_urls=pictures))


def test_pictures_of_a_page_that_are_not_certainly_the_posts_are_not_called_its_own() -> None:
    """They are not saved with the profile for pictures either,
    so nothing may suggest that they would be.
    """
    pictures = ("https://a.test/1.jpg", "https://a.test/2.jpg")
    with pytest.raises(NoVideo) as caught:
        items_to_save(
            replace(extraction(), items=(), image_urls=pictures), BUILT_IN["pictures"].types
        )

    assert caught.value.message == (
        "No video found in this post. The page shows 2 pictures, but does not say which of them are"
        " the post's, so they cannot be saved."
    )
    assert caught.value.code is ErrorCode.NO_VIDEO
    assert "has a video" not in help_for(ErrorCode.NO_VIDEO)
    with pytest.raises(NoVideo, match="1 picture"):
        items_to_save(replace(extraction(), items=(Item(type=ItemType.IMAGE),)))


def test_all_videos_of_the_post_are_to_be_saved_and_none_of_a_quoted_post() -> None:
    first, second, gif = Item((c("a"),)), Item((c("b"),)), Item((c("g"),), type=ItemType.GIF)
    quoted = Item((c("q"),), role=ItemRole.QUOTED)
    whole = replace(extraction(), items=(Item(type=ItemType.IMAGE), first, second, gif, quoted))

    assert items_to_save(whole) == (first, second, gif)
    assert items_to_save(replace(whole, selected=2)) == (second,)
    with pytest.raises(NoVideo, match="quotes"):
        items_to_save(replace(whole, items=(quoted,)))


def test_a_later_extraction_finds_the_same_item_by_its_media_id_or_else_by_its_index() -> None:
    first, second = Item((c("a"),), media_id="1"), Item((c("b"),), media_id="2")
    before = replace(extraction(), items=(first, second))
    other = Item((c("x"),), media_id="3")

    assert same_item(1, before, replace(before, items=(second, first))) is second
    assert same_item(0, before, replace(before, items=(other, second))) is other
    assert same_item(0, before, replace(before, items=(other,))) is other
    with pytest.raises(NoVideo):
        same_item(0, before, replace(before, items=(other, second, other)))


def test_a_compatible_form_goes_before_a_larger_one_when_asked_for() -> None:
    h264 = c("h264", video_codec="h264", height=720)
    av1 = c("av1", video_codec="av1", height=2160)

    assert choose_candidate(of(h264, av1), now=NOW) is av1
    assert choose_candidate(of(h264, av1), now=NOW, prefer=COMPATIBLE) is h264


def test_a_silent_file_with_a_separate_sound_file_counts_as_one_with_sound() -> None:
    paired = c("paired", has_audio=False, audio_url="https://cdn.example/sound", height=1080)

    assert choose_candidate(of(c("muxed", has_audio=True, height=360), paired), now=NOW) is paired


def test_a_whole_file_of_fair_size_goes_before_larger_tracks_that_must_be_merged() -> None:
    paired = c("paired", has_audio=False, audio_url="https://cdn.example/sound", height=1080)
    muxed = c("muxed", has_audio=True, height=720)

    assert choose_candidate(of(paired, muxed), now=NOW) is muxed


def test_the_reason_says_whose_it_is_and_what_it_is() -> None:
    reason = explain(
        c("x", width=1280, height=720, has_audio=True, watermark=Watermark.NO, bitrate=2_176_000)
    )

    assert reason == (
        "it is what the post's own player plays: a direct file, 1280×720, 2.2 Mbit/s, with"
        " sound, no watermark"
    )


# --- the user's choice ----------------------------------------------------------------------------


def unsure(*candidates: Candidate) -> Extraction:
    return replace(
        extraction(),
        items=(),
        others=tuple(replace(c, ownership=Ownership.UNKNOWN) for c in candidates),
    )


def addresses(found: Extraction) -> list[list[str]]:
    return [[one.url.rpartition("/")[2] for one in item.candidates] for item in found.items]


def test_the_chosen_videos_become_the_posts_items_and_the_others_can_still_be_chosen() -> None:
    chosen = with_choice(unsure(c("a"), c("b"), c("c")), [c("a").url, c("c").url])

    assert addresses(chosen) == [["a"], ["c"]]
    assert {one.ownership for item in chosen.items for one in item.candidates} == {Ownership.CHOSEN}
    assert [one.url for one in chosen.others] == [c("b").url]
    assert len(items_to_save(chosen)) == 2


def test_two_qualities_of_one_video_that_were_both_chosen_are_saved_once() -> None:
    ladder = unsure(c("low", media_key="k"), c("high", media_key="k"), c("other"))

    assert addresses(with_choice(ladder, [c("low").url, c("high").url, c("other").url])) == [
        ["low", "high"],
        ["other"],
    ]


def test_a_chosen_video_that_the_page_no_longer_shows_is_not_replaced_by_another() -> None:
    urls = [c("a").url, c("b").url]
    before = with_choice(unsure(c("a"), c("b")), urls)
    after = with_choice(unsure(c("b"), c("new")), urls)

    assert addresses(after) == [[], ["b"]]
    assert [item.media_id for item in after.items] == [item.media_id for item in before.items]
    assert same_item(1, before, after) is after.items[1]
    with pytest.raises(NoVideo, match="no longer shows"):
        same_item(0, before, after)
    with pytest.raises(NoVideo, match="no longer shows"):
        choose_candidate(after.items[0], now=NOW)


def test_the_first_player_that_is_no_advert_can_be_taken_where_the_page_names_no_video() -> None:
    played = (Sign.PLAYER, Sign.OTHER_HOST)
    found = unsure(
        c("text"),
        c("advert", evidence=(*played, Sign.ADVERT)),
        c("loop", evidence=(*played, Sign.LOOP)),
        c("film", evidence=played),
    )
    taken = with_first_player(found)

    assert addresses(taken) == [["film"]]
    assert taken.items[0].candidates[0].ownership is Ownership.PLAYER
    assert len(taken.others) == 3


@pytest.mark.parametrize(
    "sign", [Sign.ADVERT, Sign.SUGGESTED, Sign.PREVIEW, Sign.SPOKEN, Sign.LOOP, Sign.INDEX]
)
def test_no_first_player_is_taken_that_stands_for_something_else(sign: Sign) -> None:
    found = unsure(c("a", evidence=(Sign.PLAYER, sign)))

    assert with_first_player(found) is found


def test_a_video_that_the_page_names_as_its_own_is_kept_whatever_plays_first() -> None:
    named = replace(unsure(c("other", evidence=(Sign.PLAYER,))), items=extraction().items)

    assert with_first_player(named) is named


def test_a_choice_of_which_nothing_is_left_changes_nothing() -> None:
    found = unsure(c("x"), c("y"))

    assert with_choice(found, [c("a").url]) == found == with_choice(found, [])


# --- the sound alone


SOUND_ONLY = Preference(sound_only=True)


def heard(*candidates: Candidate) -> str:
    return choose_candidate(of(*candidates), now=NOW, prefer=SOUND_ONLY).url


def test_sound_alone_is_taken_before_pictures_with_sound() -> None:
    alone = candidate("https://m.example/a.m4a", has_video=False, has_audio=True, bitrate=128_000)
    film = candidate("https://m.example/v.mp4", width=1920, height=1080, has_audio=True)

    assert heard(film, alone) == alone.url
    assert choose_candidate(of(alone, film), now=NOW).url == film.url


def test_of_several_sounds_the_one_with_the_higher_bit_rate_is_taken() -> None:
    low, high = (
        candidate(f"https://m.example/{rate}.m4a", has_video=False, has_audio=True, bitrate=rate)
        for rate in (64, 160)
    )

    assert heard(low, high) == high.url


def test_a_sound_that_is_listed_and_named_by_a_picture_keeps_its_bit_rate() -> None:
    low, high = (
        candidate(f"https://m.example/{rate}.m4a", has_video=False, has_audio=True, bitrate=rate)
        for rate in (64, 160)
    )
    silent = candidate("https://m.example/v.mp4", audio_url=high.url, has_audio=False, height=1080)

    assert heard(silent, low, high) == high.url


def test_the_separate_sound_of_a_silent_file_is_taken_alone() -> None:
    silent = candidate(
        "https://m.example/v.mp4", audio_url="https://m.example/a.mp4", has_audio=False, height=1080
    )
    chosen = choose_candidate(of(silent), now=NOW, prefer=SOUND_ONLY)

    assert (chosen.url, chosen.audio_url, chosen.has_video) == (
        "https://m.example/a.mp4",
        None,
        False,
    )


def test_a_stream_which_may_have_its_sound_apart_is_taken_before_whole_files() -> None:
    stream = candidate("https://m.example/v.m3u8", source_type=SourceType.HLS)

    assert heard(candidate("https://m.example/v.mp4", height=1080), stream) == stream.url


def test_of_whole_files_the_smallest_of_fair_size_is_taken() -> None:
    sizes = [
        candidate(f"https://m.example/{lines}.mp4", width=lines * 2, height=lines)
        for lines in (2160, 480, 144)
    ]

    assert heard(*sizes) == "https://m.example/480.mp4"


def test_the_sound_of_a_chosen_codec_is_taken_before_a_better_one_of_another() -> None:
    """As YouTube's formats 140 and 251; and a film's sound before sound that would have to be
    converted.
    """
    aac = candidate(
        "https://m.example/140", has_video=False, has_audio=True, bitrate=128_000, container="m4a"
    )
    opus = candidate(
        "https://m.example/251",
        has_video=False,
        has_audio=True,
        bitrate=150_000,
        audio_codec="opus",
    )
    film = candidate(
        "https://m.example/18", has_audio=True, audio_codec="aac", width=640, height=360
    )

    def chosen(codec: str | None, *offered: Candidate) -> str:
        return choose_candidate(
            of(*offered), now=NOW, prefer=replace(SOUND_ONLY, sound_codec=codec)
        ).url

    assert [chosen(codec, aac, opus, film) for codec in ("aac", "opus", "mp3", None)] == [
        aac.url,
        opus.url,
        opus.url,
        opus.url,
    ]
    assert chosen("aac", opus, film) == film.url


def test_a_silent_video_has_no_sound_to_take() -> None:
    with pytest.raises(NoVideo):
        heard(candidate("https://m.example/v.mp4", has_audio=False))


# --- a profile's height and codecs


def test_nothing_larger_is_taken_where_something_fits() -> None:
    sizes = [
        candidate(f"https://m.example/{lines}.mp4", width=lines * 2, height=lines)
        for lines in (2160, 1080, 360)
    ]

    assert choose_candidate(of(*sizes), now=NOW, prefer=Preference(max_height=1080)).height == 1080
    assert (
        choose_candidate(of(*sizes[:1]), now=NOW, prefer=Preference(max_height=1080)).height == 2160
    )
    assert choose_candidate(of(*sizes), now=NOW, prefer=Preference(max_height=144)).height == 360


def test_a_stream_of_several_sizes_counts_as_the_size_that_fits() -> None:
    stream = candidate(
        "https://m.example/v.m3u8", source_type=SourceType.HLS, width=3840, height=2160
    )
    file = candidate("https://m.example/v.mp4", width=640, height=360)

    assert choose_candidate(of(file, stream), now=NOW, prefer=Preference(max_height=1080)) is stream


def test_codecs_are_taken_in_the_order_of_the_profile() -> None:
    files = {
        codec: candidate(
            f"https://m.example/{codec}.mp4", video_codec=codec, width=640 * size, height=360 * size
        )
        for size, codec in enumerate(("av1", "h264", "hevc", "vp9"), 1)
    }
    prefer = Preference(codecs=("av1", "h264"))

    assert choose_candidate(of(*files.values()), now=NOW, prefer=prefer) is files["av1"]
    del files["av1"]
    assert choose_candidate(of(*files.values()), now=NOW, prefer=prefer) is files["h264"]
