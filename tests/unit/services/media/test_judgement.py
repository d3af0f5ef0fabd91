"""The verdict on a file from its facts, as tables."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mediavault.core.media import DownloadedFile, Expected, Problem, ProblemKind
from mediavault.services.media.facts import (
    DecodeFacts,
    FileFacts,
    PacketFacts,
    PictureFacts,
    StreamFacts,
    from_json,
    to_json,
)
from mediavault.services.media.judgement import NO_LIMITS, needs_full_read, problems, report
from mediavault.services.media.sniff import Kind
from mediavault.services.media.structure import Structure

PACKETS = PacketFacts(250, 470, 900_000, video_end_s=10.0, end_s=10.02, longest_gap_s=0.04, usual_step_s=0.04)
GOOD = FileFacts(
    size=1_000_000,
    kind=Kind.MP4,
    structure=Structure(payload_bytes=900_000),
    duration_s=10.02,
    video=StreamFacts("h264", duration_s=10.0, frames=250, width=320, height=180, fps=25.0),
    audio=StreamFacts("aac", duration_s=10.02, frames=470),
    tail=PACKETS,
    whole=PACKETS,
    pictures=(PictureFacts(0.0, 2), PictureFacts(9.7, 1)),
)
UNKNOWN = Expected()


def first(facts: FileFacts, expected: Expected = UNKNOWN) -> Problem | None:
    return next(iter(problems(facts, expected)), None)


def both(**changes: Any) -> FileFacts:
    run = replace(PACKETS, **changes)
    return replace(GOOD, tail=run, whole=run)


def test_a_whole_video_has_no_problem() -> None:
    assert problems(GOOD, Expected(duration_s=10.0, audio=True)) == ()


def test_the_report_carries_what_the_file_is() -> None:
    result = report(GOOD, UNKNOWN)

    assert (result.container, result.video_codec, result.audio_codec) == ("mp4", "h264", "aac")
    assert (result.duration_s, result.width, result.height, result.fps) == (10.02, 320, 180, 25.0)


def test_facts_are_unchanged_after_a_round_trip_through_json() -> None:
    odd = replace(GOOD, structure=Structure((Problem(ProblemKind.DAMAGED, "x"),), ("y",), open_ended=True))

    assert from_json(to_json(GOOD)) == GOOD
    assert from_json(to_json(odd)) == odd


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
            replace(GOOD, decoded=DecodeFacts(complete=True, pictures=0, error="E")),
            ProblemKind.DAMAGED,
            "none of its pictures decodes (E)",
        ),
        (
            replace(GOOD, decoded=DecodeFacts(complete=True, pictures=248, refused=2, concealed=1)),
            ProblemKind.DAMAGED,
            "3 of its first 250 pictures damaged",
        ),
        (
            replace(GOOD, decoded=DecodeFacts(complete=True, pictures=250, sounds=460, sound_fast=459)),
            ProblemKind.DAMAGED,
            "plays too fast",
        ),
        (
            replace(GOOD, decoded=DecodeFacts(complete=True, pictures=250, sounds=460, sound_slow=459)),
            ProblemKind.DAMAGED,
            "plays too slowly",
        ),
        (
            replace(GOOD, decoded=DecodeFacts(complete=True, pictures=250, sounds=460, sound_refused=10)),
            ProblemKind.DAMAGED,
            "10 of its first 470 pieces of sound do not decode",
        ),
        (replace(GOOD, video=None, audio=None, still_only=True), ProblemKind.NOT_A_VIDEO, "only cover art"),
        (replace(GOOD, video=replace(GOOD.video, width=0)), ProblemKind.DAMAGED, "no size"),  # type: ignore[type-var]
        (both(video_packets=1), ProblemKind.NOT_A_VIDEO, "it is a single picture"),
        (replace(GOOD, duration_s=0.1), ProblemKind.NOT_A_VIDEO, "it lasts only 0.10 s"),
        (both(corrupt=1), ProblemKind.DAMAGED, "broken packets"),
        (both(empty=1), ProblemKind.DAMAGED, "empty packets"),
        (both(bad_nal=2), ProblemKind.DAMAGED, "damaged packets"),
        (both(zero_led=1), ProblemKind.DAMAGED, "zero-filled packets"),
        (both(zero_filled=2), ProblemKind.DAMAGED, "zero-filled packets"),
        (both(sound_back_s=0.5), ProblemKind.DAMAGED, "its sound jumps back by 0.5 s"),
        (both(sound_gap_s=11.0), ProblemKind.DAMAGED, "a hole of 11.0 s, longer than the film"),
        (both(error="EOF"), ProblemKind.INCOMPLETE, "reading fails"),
        (both(video_end_s=8.5), ProblemKind.INCOMPLETE, "its picture ends at 8.5 s instead of 10.0 s"),
        (both(end_s=8.5), ProblemKind.INCOMPLETE, "it ends at 8.5 s instead of 10.0 s"),
        (both(end_s=None), ProblemKind.INCOMPLETE, "it ends at 0.0 s"),
        (both(video_packets=240), ProblemKind.INCOMPLETE, "240 of 250 announced pictures"),
        (both(proven_gap_s=0.5), ProblemKind.DAMAGED, "its pictures jump by 0.5 s"),
        (both(bytes=700_000), ProblemKind.DAMAGED, "only 78% of its contents"),
        (replace(GOOD, pictures=(PictureFacts(0.0, 2), PictureFacts(5.0, 0))), ProblemKind.DAMAGED, "decode at 5.0 s"),
        (replace(GOOD, pictures=(PictureFacts(3.0, 1, "bad"),)), ProblemKind.DAMAGED, "decode at 3.0 s"),
    ],
)
def test_each_fault_has_its_kind_and_its_reason(facts: FileFacts, kind: ProblemKind, reason: str) -> None:
    problem = first(facts)

    assert problem is not None
    assert problem.kind is kind
    assert reason in problem.reason


@pytest.mark.parametrize(
    ("announced", "refused"),
    [
        (10.0, None), (11.0, None), (9.1, None), (None, None),
        (11.1, ProblemKind.INCOMPLETE), (30.0, ProblemKind.INCOMPLETE), (5.0, ProblemKind.DAMAGED),
    ],
)  # fmt: skip
def test_the_duration_may_differ_by_a_second_or_two_percent(
    announced: float | None, refused: ProblemKind | None
) -> None:
    problem = first(GOOD, Expected(duration_s=announced))

    assert (problem.kind if problem else None) is refused


def test_two_percent_is_the_larger_tolerance_for_a_long_video() -> None:
    hour = replace(GOOD, duration_s=3_540.0, video=StreamFacts("h264", 3_540.0, 0, 320, 180), tail=None, whole=None)

    assert first(hour, Expected(duration_s=3_600.0)) is None


def test_missing_sound_counts_only_where_sound_was_announced() -> None:
    silent = replace(GOOD, audio=None)

    assert first(silent, Expected(audio=False)) is None
    assert first(silent) is None
    assert report(silent, UNKNOWN).notes == ("it has no sound",)
    assert first(silent, Expected(audio=True)) == Problem(
        ProblemKind.DAMAGED, "it has no sound though the post announced sound"
    )


def test_a_slide_show_may_pause_for_its_usual_interval() -> None:
    slides = PacketFacts(4, 0, 900_000, 20.0, 20.0, longest_gap_s=5.0, usual_step_s=5.0)
    facts = replace(
        GOOD, duration_s=20.0, video=StreamFacts("h264", 20.0, 4, 320, 180), audio=None, tail=slides, whole=slides
    )

    assert first(facts) is None


@pytest.mark.parametrize(
    ("kind", "audio_packets", "accepted"),
    [(Kind.MATROSKA, 0, True), (Kind.MPEGTS, 0, False), (Kind.MPEGTS, 470, True), (Kind.MATROSKA, 470, True)],
)
def test_an_unproven_hole_counts_where_pictures_never_stand_still(
    kind: Kind, audio_packets: int, accepted: bool
) -> None:
    facts = replace(both(longest_gap_s=5.0, audio_packets=audio_packets), kind=kind)

    assert (first(facts) is None) is accepted


def test_the_later_fragments_of_a_stream_keep_the_streams_times() -> None:
    run = replace(PACKETS, start_s=20.0)
    facts = replace(GOOD, duration_s=30.02, tail=None, whole=run, structure=Structure(fragmented=True))

    assert first(replace(facts, video=replace(GOOD.video, duration_s=30.0))) is None  # type: ignore[type-var]


def test_a_recording_in_matroska_keeps_the_streams_times() -> None:
    """Its header counts the length from zero, but its packets begin an hour later."""
    facts = replace(GOOD, kind=Kind.MATROSKA, duration_s=3610.0, tail=None, whole=replace(PACKETS, start_s=3600.0))

    assert first(replace(facts, video=replace(GOOD.video, duration_s=None))) is None  # type: ignore[type-var]


def test_a_few_announced_pictures_may_be_missing() -> None:
    assert first(both(video_packets=248)) is None


def test_without_a_floor_the_smallest_and_shortest_file_is_accepted() -> None:
    packets = replace(PACKETS, video_packets=1, audio_packets=0, end_s=0.04, video_end_s=0.04)
    video = StreamFacts("h264", 0.04, 1, 320, 180)
    facts = replace(
        GOOD, size=900, duration_s=0.04, video=video, audio=None, tail=None, whole=packets, structure=Structure()
    )

    assert problems(facts, UNKNOWN, NO_LIMITS) == ()
    assert len(problems(facts, UNKNOWN)) == 3


def test_only_an_mp4s_tables_count_its_pictures_exactly() -> None:
    facts = replace(both(video_packets=100), kind=Kind.AVI, structure=Structure())

    assert first(facts) is None


def test_a_file_without_a_length_is_as_long_as_what_was_read() -> None:
    live = replace(GOOD, kind=Kind.WEBM, duration_s=None, video=StreamFacts("vp9", None, 0, 320, 180))

    assert first(live) is None
    assert report(live, UNKNOWN).duration_s == 10.02


def test_a_structural_problem_is_reported_before_its_possible_consequences() -> None:
    cut = replace(GOOD, structure=Structure((Problem(ProblemKind.INCOMPLETE, "cut"),)), size=5_000, open_error="x")

    assert [problem.reason for problem in problems(cut, UNKNOWN)] == [
        "it has only 5,000 bytes, and a video has at least 10,000",
        "cut",
    ]


@pytest.mark.parametrize(
    ("changes", "deep"),
    [
        ({}, False),
        ({"segmented": True}, True),
        ({"proven_whole": False}, True),
        ({"expected": Expected()}, False),
        ({"zero_filled": True}, True),
        ({"bytes": 49_999_999}, True),
    ],
)
def test_the_deep_check_is_for_doubtful_and_for_small_files(changes: dict[str, Any], deep: bool) -> None:
    file = DownloadedFile(Path("v"), "https://a.example/v", 60_000_000, None, Expected(duration_s=10.0))

    assert needs_full_read(replace(file, **changes)) is deep
