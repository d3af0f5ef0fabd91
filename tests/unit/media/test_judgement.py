"""The verdict on a file from its facts, as tables."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mediavault.core.media import Expected, Problem, ProblemKind
from mediavault.core.typed_records import named, to_named_json
from mediavault.media.facts import (
    DecodeFacts,
    FileFacts,
    PacketFacts,
    StreamFacts,
)
from mediavault.media.judgement import NO_LIMITS, problems, problems_of_part, report
from mediavault.media.sniff import Kind
from mediavault.media.structure import Structure

PACKETS = PacketFacts(
    250,
    470,
    900_000,
    video_begin_s=0.0,
    video_end_s=10.0,
    audio_begin_s=0.0,
    audio_end_s=10.02,
    end_s=10.02,
    longest_gap_s=0.04,
    usual_step_s=0.04,
)
GOOD = FileFacts(
    size=1_000_000,
    kind=Kind.MP4,
    structure=Structure(payload_bytes=900_000),
    duration_s=10.02,
    video=StreamFacts("h264", duration_s=10.0, frames=250, width=320, height=180, fps=25.0),
    audio=StreamFacts("aac", duration_s=10.02, frames=470),
    whole=PACKETS,
)
UNKNOWN = Expected()


def first(facts: FileFacts, expected: Expected = UNKNOWN) -> Problem | None:
    return next(iter(problems(facts, expected)), None)


def with_packets(**changes: Any) -> FileFacts:
    return replace(GOOD, whole=replace(PACKETS, **changes))


def decoded(**facts: Any) -> FileFacts:
    return replace(
        GOOD, decoded=DecodeFacts(**{"whole": True, "fed": 250, "pictures": 250, **facts})
    )


def test_a_whole_video_has_no_problem() -> None:
    assert problems(GOOD, Expected(duration_s=10.0, audio=True)) == ()


def test_the_report_carries_what_the_file_is() -> None:
    result = report(GOOD, UNKNOWN)

    assert (result.container, result.video_codec, result.audio_codec) == ("mp4", "h264", "aac")
    assert (result.duration_s, result.width, result.height, result.fps) == (10.02, 320, 180, 25.0)


def test_facts_are_unchanged_after_a_round_trip_through_json() -> None:
    odd = replace(
        GOOD, structure=Structure((Problem(ProblemKind.DAMAGED, "x"),), ("y",), open_ended=True)
    )

    assert named(FileFacts, to_named_json(GOOD)) == GOOD
    assert named(FileFacts, to_named_json(odd)) == odd


@pytest.mark.parametrize(
    ("facts", "kind", "reason"),
    [
        (FileFacts(0, Kind.EMPTY), ProblemKind.EMPTY, "it is empty"),
        (FileFacts(50_000, Kind.HTML), ProblemKind.NOT_A_VIDEO, "it is a web page"),
        (FileFacts(50_000, Kind.HLS), ProblemKind.NOT_A_VIDEO, "it is a playlist (HLS)"),
        (FileFacts(50_000, Kind.IMAGE), ProblemKind.NOT_A_VIDEO, "it is an image"),
        (replace(GOOD, size=9_999), ProblemKind.INCOMPLETE, "it has only 9,999 bytes"),
        (replace(GOOD, open_error="bad"), ProblemKind.DAMAGED, "it cannot be opened (bad)"),
        (replace(GOOD, video=None), ProblemKind.NOT_A_VIDEO, "it has no video stream, only sound"),
        (
            replace(GOOD, video=None, undecodable=True),
            ProblemKind.NOT_A_VIDEO,
            "it has no pictures that can be decoded, only sound",
        ),
        (
            replace(GOOD, audio=StreamFacts("unknown", decodable=False)),
            ProblemKind.DAMAGED,
            "its sound is of a kind that cannot be decoded",
        ),
        (
            decoded(pictures=0, error="E"),
            ProblemKind.DAMAGED,
            "none of its pictures decodes (E)",
        ),
        (
            decoded(pictures=248, refused=2, marked=1, corrupt=1, bad_at_s=4.2),
            ProblemKind.DAMAGED,
            "3 of 250 decoded pictures are damaged, the first at 4.2 s",
        ),
        (decoded(pictures=240, lost=10), ProblemKind.DAMAGED, "10 of 250 pictures do not decode"),
        (
            replace(
                decoded(sounds=460, sound_overlong=5), audio=StreamFacts("opus", duration_s=10.02)
            ),
            ProblemKind.DAMAGED,
            "5 of 460 pieces of its sound overlap",
        ),
        (
            replace(
                decoded(sounds=460, sound_lengths=8), audio=StreamFacts("opus", duration_s=10.02)
            ),
            ProblemKind.DAMAGED,
            "8 different lengths",
        ),
        (
            replace(GOOD, decoded=DecodeFacts(fed=250, pictures=250, sounds=460, sound_fast=459)),
            ProblemKind.DAMAGED,
            "plays too fast",
        ),
        (
            replace(GOOD, decoded=DecodeFacts(fed=250, pictures=250, sounds=460, sound_slow=459)),
            ProblemKind.DAMAGED,
            "plays too slowly",
        ),
        (
            replace(
                GOOD,
                decoded=DecodeFacts(
                    fed=250, pictures=250, sounds=460, sound_refused=10, sound_bad_at_s=7.0
                ),
            ),
            ProblemKind.DAMAGED,
            "10 of 470 pieces of its sound do not decode, the first at 7.0 s",
        ),
        (
            replace(GOOD, video=None, audio=None, still_only=True),
            ProblemKind.NOT_A_VIDEO,
            "only cover art",
        ),
        (replace(GOOD, video=replace(GOOD.video, width=0)), ProblemKind.DAMAGED, "no size"),  # type: ignore[type-var]
        (with_packets(video_packets=1), ProblemKind.NOT_A_VIDEO, "it is a single picture"),
        (replace(GOOD, duration_s=0.1), ProblemKind.NOT_A_VIDEO, "it lasts only 0.10 s"),
        (with_packets(corrupt=1), ProblemKind.DAMAGED, "broken packets"),
        (with_packets(empty=1), ProblemKind.DAMAGED, "empty packets"),
        (with_packets(ill_formed=2), ProblemKind.DAMAGED, "damaged packets"),
        (with_packets(zero_led=1), ProblemKind.DAMAGED, "zero-filled packets"),
        (with_packets(zero_filled=2), ProblemKind.DAMAGED, "zero-filled packets"),
        (with_packets(sound_back_s=0.5), ProblemKind.DAMAGED, "its sound jumps back by 0.5 s"),
        (
            with_packets(sound_gap_s=11.0),
            ProblemKind.DAMAGED,
            "a hole of 11.0 s, longer than the film",
        ),
        (with_packets(error="EOF"), ProblemKind.INCOMPLETE, "reading fails"),
        (
            with_packets(video_end_s=8.5),
            ProblemKind.INCOMPLETE,
            "its picture ends at 8.5 s instead of 10.0 s",
        ),
        (with_packets(end_s=8.5), ProblemKind.INCOMPLETE, "it ends at 8.5 s instead of 10.0 s"),
        (with_packets(end_s=None), ProblemKind.INCOMPLETE, "it ends at 0.0 s"),
        (with_packets(video_packets=240), ProblemKind.INCOMPLETE, "240 of 250 announced pictures"),
        (with_packets(proven_gap_s=0.5), ProblemKind.DAMAGED, "its pictures jump by 0.5 s"),
        (with_packets(bytes=700_000), ProblemKind.DAMAGED, "only 78% of its contents"),
        (
            with_packets(audio_end_s=8.5),
            ProblemKind.INCOMPLETE,
            "its sound ends at 8.5 s instead of 10.0 s",
        ),
    ],
)
def test_each_fault_has_its_kind_and_its_reason(
    facts: FileFacts, kind: ProblemKind, reason: str
) -> None:
    problem = first(facts)

    assert problem is not None
    assert problem.kind is kind
    assert reason in problem.reason


def lasting(seconds: float, pictures_s: float | None = None) -> FileFacts:
    """Return the facts of a whole film of this length, whose pictures may state another one."""
    pictures = StreamFacts("h264", seconds if pictures_s is None else pictures_s, 0, 320, 180)
    return replace(GOOD, duration_s=seconds, video=pictures, audio=None, whole=None)


@pytest.mark.parametrize(
    ("seconds", "announced", "accepted"),
    [
        (10.0, None, True), (10.0, 10.0, True), (10.0, 11.0, True), (10.0, 9.0, True),
        (10.0, 11.1, False), (10.0, 8.9, False), (60.0, 62.0, True), (60.0, 62.6, False),
        (62.5, 60.0, True), (62.6, 60.0, False), (5.0, 6.1, False), (10.0, 30.0, False),
        (30.0, 60.0, False), (3_540.0, 3_600.0, True), (3_500.0, 3_600.0, False),
    ],
)  # fmt: skip
def test_the_length_may_differ_by_what_sites_round(
    seconds: float, announced: float | None, accepted: bool
) -> None:
    """By a second, up to two and a half of a film of a minute, or two percent."""
    found = problems(lasting(seconds), Expected(duration_s=announced))

    assert [problem.kind for problem in found] == ([] if accepted else [ProblemKind.DOUBTFUL])


@pytest.mark.parametrize(
    ("seconds", "pictures_s", "reason"),
    [
        (60.0, 10.0, "its pictures last 10.0 s, but the post announced 60.0 s"),
        (60.0, 59.0, None),
        (10.0, 60.0, "it lasts 10.0 s, but the post announced 60.0 s"),
        (10.0, 10.0, "it lasts 10.0 s, but the post announced 60.0 s"),
    ],
)
def test_the_container_and_its_pictures_must_both_be_as_long_as_announced(
    seconds: float, pictures_s: float, reason: str | None
) -> None:
    found = problems(lasting(seconds, pictures_s), Expected(duration_s=60.0))

    assert [problem.reason for problem in found] == ([reason] if reason else [])


def test_what_is_missing_from_a_file_is_reported_before_its_length() -> None:
    found = problems(with_packets(end_s=8.5), Expected(duration_s=30.0))

    assert [problem.kind for problem in found] == [ProblemKind.INCOMPLETE, ProblemKind.DOUBTFUL]


def test_missing_sound_counts_only_where_sound_was_announced() -> None:
    silent = replace(GOOD, audio=None)

    assert first(silent, Expected(audio=False)) is None
    assert first(silent) is None
    assert report(silent, UNKNOWN).notes == ("it has no sound",)
    assert first(silent, Expected(audio=True)) == Problem(
        ProblemKind.DOUBTFUL, "it has no sound though the post announced sound"
    )


def test_a_slide_show_may_pause_for_its_usual_interval() -> None:
    slides = PacketFacts(
        4, 0, 900_000, video_end_s=20.0, end_s=20.0, longest_gap_s=5.0, usual_step_s=5.0
    )
    facts = replace(
        GOOD,
        duration_s=20.0,
        video=StreamFacts("h264", 20.0, 4, 320, 180),
        audio=None,
        whole=slides,
    )

    assert first(facts) is None


@pytest.mark.parametrize(
    ("kind", "audio_packets", "accepted"),
    [
        (Kind.MATROSKA, 0, True),
        (Kind.MPEGTS, 0, False),
        (Kind.MPEGTS, 470, True),
        (Kind.MATROSKA, 470, True),
    ],
)
def test_an_unproven_hole_counts_where_pictures_never_stand_still(
    kind: Kind, audio_packets: int, accepted: bool
) -> None:
    facts = replace(with_packets(longest_gap_s=5.0, audio_packets=audio_packets), kind=kind)

    assert (first(facts) is None) is accepted


def test_the_later_fragments_of_a_stream_keep_the_streams_times() -> None:
    run = replace(PACKETS, start_s=20.0)
    facts = replace(GOOD, duration_s=30.02, whole=run, structure=Structure(fragmented=True))

    assert first(replace(facts, video=replace(GOOD.video, duration_s=30.0))) is None  # type: ignore[type-var]


def test_a_recording_in_matroska_keeps_the_streams_times() -> None:
    """Its header counts the length from zero, but its packets begin an hour later."""
    facts = replace(
        GOOD, kind=Kind.MATROSKA, duration_s=3610.0, whole=replace(PACKETS, start_s=3600.0)
    )

    assert first(replace(facts, video=replace(GOOD.video, duration_s=None))) is None  # type: ignore[type-var]


def test_a_few_announced_pictures_may_be_missing() -> None:
    assert first(with_packets(video_packets=248)) is None


def test_without_a_floor_the_smallest_and_shortest_file_is_accepted() -> None:
    packets = PacketFacts(1, 0, 900, video_begin_s=0.0, video_end_s=0.04, end_s=0.04)
    video = StreamFacts("h264", 0.04, 1, 320, 180)
    facts = replace(
        GOOD,
        size=900,
        duration_s=0.04,
        video=video,
        audio=None,
        whole=packets,
        structure=Structure(),
    )

    assert problems(facts, UNKNOWN, NO_LIMITS) == ()
    assert len(problems(facts, UNKNOWN)) == 3


def test_only_an_mp4s_tables_count_its_pictures_exactly() -> None:
    facts = replace(with_packets(video_packets=100), kind=Kind.AVI, structure=Structure())

    assert first(facts) is None


def test_a_file_without_a_length_is_as_long_as_what_was_read() -> None:
    live = replace(
        GOOD, kind=Kind.WEBM, duration_s=None, video=StreamFacts("vp9", None, 0, 320, 180)
    )

    assert first(live) is None
    assert report(live, UNKNOWN).duration_s == 10.02


def test_a_structural_problem_is_reported_before_its_possible_consequences() -> None:
    cut = replace(
        GOOD,
        structure=Structure((Problem(ProblemKind.INCOMPLETE, "cut"),)),
        size=5_000,
        open_error="x",
    )

    assert [problem.reason for problem in problems(cut, UNKNOWN)] == [
        "it has only 5,000 bytes, and a video has at least 10,000",
        "cut",
    ]


@pytest.mark.parametrize(
    ("pictures_s", "sound_s", "asked"),
    [
        (10.0, 11.0, False),
        (10.0, 8.0, True),
        (100.0, 91.0, False),
        (100.0, 89.0, True),
        (10.0, 60.0, True),
    ],
)
def test_tracks_that_end_far_apart_are_a_question(
    pictures_s: float, sound_s: float, asked: bool
) -> None:
    length_s = max(pictures_s, sound_s)
    facts = replace(
        with_packets(video_end_s=pictures_s, audio_end_s=sound_s, end_s=length_s),
        duration_s=length_s,
        video=StreamFacts("h264", pictures_s, 250, 320, 180),
        audio=StreamFacts("aac", sound_s),
    )

    assert [problem.kind for problem in problems(facts, UNKNOWN)] == [ProblemKind.DOUBTFUL] * asked


def test_sound_that_begins_long_after_the_pictures_is_a_question() -> None:
    assert first(with_packets(audio_begin_s=0.8)) is None
    assert first(with_packets(audio_begin_s=6.0)) == Problem(
        ProblemKind.DOUBTFUL, "its pictures last 10.0 s, its sound 4.0 s"
    )


def test_a_few_packets_may_hold_no_picture_of_their_own() -> None:
    assert first(decoded(lost=2)) is None
    assert first(decoded(fed=10_000, lost=50)) is None


def test_the_report_says_whether_every_picture_was_decoded() -> None:
    assert report(decoded(), UNKNOWN).decoded_whole
    assert not report(decoded(whole=False), UNKNOWN).decoded_whole
    assert not report(decoded(refused=1), UNKNOWN).decoded_whole


def test_a_part_that_cannot_be_read_is_damaged() -> None:
    assert problems_of_part(DecodeFacts(fed=100, pictures=100)) == ()
    assert [problem.kind for problem in problems_of_part(DecodeFacts(error="EIO"))] == [
        ProblemKind.DAMAGED
    ]
    assert "3 of 100" in problems_of_part(DecodeFacts(fed=100, pictures=97, refused=3))[0].reason
