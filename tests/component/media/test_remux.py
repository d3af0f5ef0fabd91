"""Joining tracks into one MP4, and refusing tracks that do not form a whole video."""

from __future__ import annotations

import errno
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mediavault.core.clock import SystemClock
from mediavault.core.failures import (
    BadFile,
    Failure,
    Incomplete,
    NoSpace,
    StorageFailure,
    TookTooLong,
)
from mediavault.core.media import Expected
from mediavault.media import library as media_library
from mediavault.media import probe_child as media_probe_child
from mediavault.media.arrival import open_helpers
from mediavault.media.join_facts import Announced, JoinFacts, TrackFacts, reasons_to_reject
from mediavault.media.judgement import problems
from mediavault.media.remux import Joiner, Track
from mediavault.media.remux_child import join, packed_audio
from mediavault.sandbox.process import ChildFailed, ChildTookTooLong
from mediavault.sandbox.standing import ChildPool
from tests import media
from tests.good_files import GOOD_FILES

media_library.quiet()


def segments(files: dict[str, bytes] | Any, prefix: str = "seg") -> list[bytes]:
    return [
        files[name]
        for name in sorted(files)
        if name.startswith(prefix) and name[-3:] in (".ts", "m4s")
    ]


TS = segments(media.hls("ts"))
FMP4, INIT = segments(media.hls("fmp4")), media.hls("fmp4")["init.mp4"]


def joined(
    folder: Path, *tracks: Sequence[Sequence[bytes]], **facts: Sequence[Sequence[float]]
) -> JoinFacts:
    """Join tracks, each a list of runs, each a list of segments, in this process. ``facts``: for
    each track a list of what ``Track`` says of its runs, by name.
    """
    made = []
    for t, runs in enumerate(tracks):
        paths, joints = [], []
        for r, pieces in enumerate(runs):
            path = folder / f"{t}-{r}.part"
            path.write_bytes(b"".join(pieces))
            paths.append(str(path))
            joints.append([sum(map(len, pieces[:n])) for n in range(1, len(pieces))])
        made.append(
            {"runs": paths, "joints": joints, **{name: values[t] for name, values in facts.items()}}
        )
    return join(made, folder / "out.mp4")


def reasons(facts: JoinFacts, announced_s: float = 6.0) -> str:
    return "; ".join(reasons_to_reject(facts, announced_s=announced_s, slack_s=1.0))


def examined(path: Path, duration_s: float) -> tuple[Any, ...]:
    facts = media_probe_child.examine(path)
    assert facts.audio is not None
    return problems(facts, Expected(duration_s=duration_s, audio=True))


# --- what joins -----------------------------------------------------------------------------------


@pytest.mark.parametrize("runs", [[TS], [[INIT, *FMP4]]], ids=["ts", "fmp4"])
def test_segments_become_one_playable_file(runs: list[list[bytes]], tmp_path: Path) -> None:
    facts = joined(tmp_path, runs)

    assert reasons(facts) == ""
    assert {track.kind: track.packets for track in facts.tracks} == {"video": 150, "audio": 283}
    assert examined(tmp_path / "out.mp4", 6.0) == ()


def test_the_table_of_contents_comes_first(tmp_path: Path) -> None:
    joined(tmp_path, [TS])
    body = (tmp_path / "out.mp4").read_bytes()

    assert body.index(b"moov") < body.index(b"mdat")


def test_separate_pictures_and_sound_are_joined(tmp_path: Path) -> None:
    files = media.hls_split()
    video = [files["high/init.mp4"], *segments(files, "high/seg")]
    audio = [files["sound/init.mp4"], *segments(files, "sound/seg")]
    facts = joined(tmp_path, [video], [audio])

    assert reasons(facts) == ""
    assert examined(tmp_path / "out.mp4", 6.0) == ()


@pytest.mark.parametrize("name", ["AV1", "AV1, MP4", "HEVC, fragmented"])
def test_separate_tracks_are_joined_in_each_codec(name: str, tmp_path: Path) -> None:
    film = GOOD_FILES[name]()
    facts = joined(tmp_path, [[film]], [[film]])

    assert reasons(facts, 3.0) == ""
    assert examined(tmp_path / "out.mp4", 3.0) == ()


def test_a_separate_sound_track_wins_over_one_inside_the_pictures(tmp_path: Path) -> None:
    files = media.hls_split()
    audio = [files["sound/init.mp4"], *segments(files, "sound/seg")]
    facts = joined(tmp_path, [[INIT, *FMP4]], [audio])

    assert [track.kind for track in facts.tracks] == ["video", "audio"]
    assert facts.tracks[1].packets == 283


@pytest.mark.parametrize("runs", [[TS, TS], [[INIT, *FMP4], [INIT, *FMP4]]], ids=["ts", "fmp4"])
def test_time_continues_over_a_discontinuity(runs: list[list[bytes]], tmp_path: Path) -> None:
    facts = joined(tmp_path, runs)

    assert reasons(facts, 12.0) == ""
    assert examined(tmp_path / "out.mp4", 12.0) == ()


def test_a_new_header_within_one_clock_is_no_discontinuity(tmp_path: Path) -> None:
    """Packagers repeat the initialisation section with each key;
    the sound's playlist names it once.
    """
    files = media.hls_split()
    head, video = files["high/init.mp4"], segments(files, "high/seg")
    audio = [files["sound/init.mp4"], *segments(files, "sound/seg")]
    runs = [[head, video[0]], [head, *video[1:]]]
    facts = joined(tmp_path, runs, [audio], parts=[[0, 0], [0]])

    assert reasons(facts) == ""
    assert {track.kind: track.packets for track in facts.tracks} == {"video": 150, "audio": 283}
    assert examined(tmp_path / "out.mp4", 6.0) == ()


def test_a_missing_piece_behind_a_new_header_is_noticed(tmp_path: Path) -> None:
    facts = joined(tmp_path, [[INIT, FMP4[0]], [INIT, FMP4[2]]], parts=[[0, 0]])

    assert "jump by 2.0 s" in reasons(facts)


@pytest.mark.parametrize("order", ["ab", "aba", "ba"])
def test_pictures_whose_header_changes_half_way_all_decode(order: str, tmp_path: Path) -> None:
    """As with an insert from another encoder: parameter sets precede the key frames from then
    on.
    """
    kinds = {
        "a": media.mp4(layout="fragmented"),
        "b": media.encode(
            "mp4",
            2.0,
            options={"movflags": "+frag_keyframe+empty_moov"},
            speed={"preset": "fast", "g": "25"},
        ),
    }
    facts = joined(tmp_path, [[kinds[kind]] for kind in order])
    with media_library.open_input(tmp_path / "out.mp4", "mov") as out:
        media_library.decode_in_this_thread(out.streams.video[0])
        pictures = [frame for frame in out.decode(out.streams.video[0]) if not frame.is_corrupt]

    assert reasons(facts, 2.0 * len(order)) == ""
    assert len(pictures) == 50 * len(order)
    assert examined(tmp_path / "out.mp4", 2.0 * len(order)) == ()


def test_each_tracks_clock_is_set_by_its_origin(tmp_path: Path) -> None:
    """The sound's media time at the start of the film is 50 s, the pictures' 0 s."""
    clock = {
        "movflags": "+cmaf+frag_discont",
        "frag_duration": "2000000",
        "use_editlist": "0",
        "output_ts_offset": "50",
    }
    sound = media.encode("mp4", 6.0, video=None, options=clock)
    files = media.hls_split()
    video = [files["high/init.mp4"], *segments(files, "high/seg")]
    facts = joined(tmp_path, [video], [[sound]], origins_s=[[0.0], [50.0]])

    assert reasons(facts) == ""
    assert "it lasts 56.0 s" in reasons(
        joined(tmp_path, [video], [[sound]], origins_s=[[0.0], [0.0]])
    )


def test_packed_sound_starts_when_its_tag_says(tmp_path: Path) -> None:
    """Its frames carry no times; the pictures begin at 0 s of the stream's clock,
    the sound at 1.4 s.
    """
    frame = b"com.apple.streaming.transportStreamTimestamp\0" + round(1.4 * 90_000).to_bytes(
        8, "big"
    )
    body = b"PRIV" + len(frame).to_bytes(4, "big") + b"\0\0" + frame
    sound = b"ID3\x04\0\0" + bytes([0, 0, len(body) >> 7, len(body) & 0x7F]) + body
    sound += media.encode("adts", 4.6, video=None)
    facts = joined(tmp_path, [[media.encode("mpegts", 6.0, sound=False)]], [[sound]])
    with media_library.open_input(tmp_path / "out.mp4", "mov") as out:
        heard = next(out.demux(out.streams.audio[0]))

    assert packed_audio(sound) == ("aac", 1.4)
    assert reasons(facts) == ""
    assert heard.pts is not None
    assert float(heard.pts * heard.time_base) == pytest.approx(1.4, abs=0.03)


def test_a_stream_that_begins_late_on_its_clock_begins_at_zero_in_the_file(tmp_path: Path) -> None:
    late = media.encode("mpegts", 3.0, options={"output_ts_offset": "5000"})
    facts = joined(tmp_path, [[late]])

    assert reasons(facts, 3.0) == ""
    assert examined(tmp_path / "out.mp4", 3.0) == ()


def test_counters_that_restart_in_each_segment_do_no_harm(tmp_path: Path) -> None:
    facts = joined(tmp_path, [[TS[0], _counted_on(TS[1], 5), _counted_on(TS[2], 9)]])

    assert facts.tracks[0].joint_gaps_s
    assert reasons(facts) == ""


def _counted_on(segment: bytes, by: int) -> bytes:
    """The segment with all its continuity counters moved."""
    body = bytearray(segment)
    for at in range(3, len(body), 188):
        body[at] = body[at] & 0xF0 | (body[at] + by) & 0x0F
    return bytes(body)


# --- what does not --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("runs", "reason"),
    [
        ([[TS[0], TS[2]]], "jump by 2.0 s"),
        ([[INIT, FMP4[0], FMP4[2]]], "jump by 2.0 s"),
        ([[TS[0], TS[1], TS[1], TS[2]]], "jump by 2.0 s"),
        ([[INIT, FMP4[0], FMP4[1], FMP4[1], FMP4[2]]], "jump by 2.0 s"),
        ([[TS[1], TS[0], TS[2]]], "jump by"),
        ([TS[:2]], "it lasts 4.0 s, its playlist announced 6.0 s"),
        ([[TS[0], TS[1][: 188 * 600], TS[2]]], "1 broken packet"),
    ],
    ids=["missing", "missing m4s", "doubled", "doubled m4s", "swapped", "last missing", "short"],
)
def test_a_stream_with_a_fault_is_refused(
    runs: list[list[bytes]], reason: str, tmp_path: Path
) -> None:
    assert reason in reasons(joined(tmp_path, runs))


def test_sound_alone_is_not_a_video(tmp_path: Path) -> None:
    files = media.hls_split()
    facts = joined(tmp_path, [[files["sound/init.mp4"], *segments(files, "sound/seg")]])

    assert "it has no pictures" in reasons(facts)


def test_sound_that_changes_its_rate_half_way_is_refused(tmp_path: Path) -> None:
    other = media.encode("mpegts", 2.0, audio="mp2")

    with pytest.raises(ValueError, match="changes half way"):
        joined(tmp_path, [TS, [other]])


def test_pictures_that_end_half_way_are_refused(tmp_path: Path) -> None:
    sound_only = media.encode(
        "mp4", 2.0, video=None, options={"movflags": "+frag_keyframe+empty_moov"}
    )

    with pytest.raises(ValueError, match="video ends half way"):
        joined(tmp_path, [[INIT, *FMP4], [sound_only]], parts=[[0, 0]])


def test_tracks_that_end_at_different_times_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="discontinuities"):
        joined(tmp_path, [TS], [TS, TS])


TRACK = TrackFacts("video", "h264", 100, 0, (), 0.04, 0.0, 0.04)


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({}, False),
        ({"packets": 0}, True),
        ({"corrupt": 1}, True),
        ({"joint_gaps_s": (0.04,)}, False),
        ({"joint_gaps_s": (0.2,)}, True),
        ({"longest_gap_s": 0.9}, False),
        ({"longest_gap_s": 1.1}, True),
        ({"longest_gap_s": 5.0, "usual_step_s": 1.0}, False),
        ({"longest_jump_back_s": 0.5, "longest_gap_s": 0.5}, True),
    ],
)
def test_each_fault_of_a_track_counts(changes: dict[str, Any], refused: bool) -> None:
    facts = JoinFacts(10.0, (replace(TRACK, **changes),))

    assert bool(reasons_to_reject(facts, announced_s=None, slack_s=1.0)) is refused


@pytest.mark.parametrize(("length", "refused"), [(9.2, False), (8.9, True), (11.1, True)])
def test_the_length_must_be_what_the_playlist_announced(length: float, refused: bool) -> None:
    facts = JoinFacts(length, (TRACK,))

    assert bool(reasons_to_reject(facts, announced_s=10.0, slack_s=1.0)) is refused


SOUND = TrackFacts("audio", "aac", 100, 0, (), 0.02, 0.0, 0.02)
EXACT, INEXACT = Announced((60.0,), 2.0), Announced((60.0,), 2.0, slack_s=6.0)


@pytest.mark.parametrize(
    ("pictures", "sound", "announced", "refused"),
    [
        (((0.0, 60.0),), ((0.0, 60.0),), (EXACT,), False),
        (((0.0, 59.1),), ((0.0, 60.5),), (EXACT,), False),
        (((0.0, 58.9),), ((0.0, 60.0),), (EXACT,), True),
        (((0.0, 57.0),), ((0.0, 57.0),), (EXACT,), False),
        (((0.0, 60.0),), ((0.0, 20.0),), (EXACT,), False),
        (((0.0, 60.0),), ((30.0, 60.0),), (EXACT,), False),
        (((1.9, 60.0),), ((0.0, 60.0),), (EXACT,), False),
        (((2.1, 60.0),), ((0.0, 60.0),), (EXACT,), True),
        (((0.0, 60.0),), ((0.0, 58.9),), (EXACT, EXACT), True),
        (((0.0, 60.0),), ((0.0, 58.9),), (EXACT, INEXACT), False),
        (((0.0, 60.0),), ((0.0, 53.9),), (EXACT, INEXACT), True),
        (((0.0, 60.0),), ((2.1, 60.0),), (EXACT, EXACT), True),
        (((0.0, 60.0), None), ((0.0, 60.0), (0.0, 60.0)), (Announced((60.0, 60.0), 2.0),), True),
        (((0.0, 60.0), (0.0, 60.0)), ((0.0, 60.0), None), (Announced((60.0, 60.0), 2.0),), False),
        (((0.0, 60.0), (0.0, 60.0)), ((0.0, 50.0), (0.0, 60.0)), (Announced((60.0, 60.0), 2.0),),
         True),
    ],
    ids=[
        "whole", "almost", "pictures short", "both as short", "sound short", "sound late",
        "pictures late", "a segment without pictures", "sound of its own short",
        "sound of its own short and inexact",
        "sound of its own too short", "a segment without sound of its own",
        "a part without pictures",
        "a last part without sound", "sound missing in between",
    ],
)  # fmt: skip
def test_each_track_must_reach_the_end_of_each_part(
    pictures: Any, sound: Any, announced: Sequence[Announced], refused: bool
) -> None:
    """One playlist of both, or one of each. The length of the whole film is another check."""
    facts = JoinFacts(60.0, (replace(TRACK, spans=pictures), replace(SOUND, spans=sound)))

    assert (
        bool(reasons_to_reject(facts, announced_s=None, slack_s=1.0, announced=announced))
        is refused
    )


def test_a_slide_show_may_end_some_pictures_early() -> None:
    show = replace(TRACK, usual_step_s=5.0, longest_gap_s=5.0, spans=((0.0, 55.0),))
    facts = JoinFacts(60.0, (show, replace(SOUND, spans=((0.0, 60.0),))))

    assert reasons_to_reject(facts, announced_s=60.0, slack_s=1.0, announced=(EXACT,)) == ()


def test_a_recording_may_have_tracks_that_end_early() -> None:
    facts = JoinFacts(
        60.0, (replace(TRACK, spans=((0.0, 12.0),)), replace(SOUND, spans=((0.0, 60.0),)))
    )

    assert (
        reasons_to_reject(facts, announced_s=None, slack_s=1.0, announced=(EXACT,), recorded=True)
        == ()
    )


# --- through the child process --------------------------------------------------------------------


@pytest.fixture
async def joiner() -> AsyncIterator[Joiner]:
    async with open_helpers(SystemClock()) as helpers:
        yield Joiner(helpers)


async def test_a_single_file_is_rewrapped(tmp_path: Path, joiner: Joiner) -> None:
    source, into = tmp_path / "a.ts", tmp_path / "a.mp4"
    source.write_bytes(media.ts())
    facts = await joiner.to_mp4([source], into)

    assert facts.duration_s == pytest.approx(2.03, abs=0.05)
    assert examined(into, 2.0) == ()


async def test_nothing_is_left_of_a_refused_stream(tmp_path: Path, joiner: Joiner) -> None:
    part, into = tmp_path / "video.part", tmp_path / "out.mp4"
    part.write_bytes(TS[0] + TS[2])

    with pytest.raises(Incomplete, match=r"jump by 2\.0 s"):
        await joiner.join([Track((part,), ((len(TS[0]),),))], into, announced_s=4.0)
    assert not into.exists()


async def test_packets_lost_inside_a_segment_are_noticed(tmp_path: Path, joiner: Joiner) -> None:
    part = tmp_path / "video.part"
    part.write_bytes(TS[0][: 188 * 200] + TS[0][188 * 203 :])

    with pytest.raises(Incomplete):
        await joiner.to_mp4([part], tmp_path / "out.mp4")


async def test_input_that_is_not_media_does_not_join(tmp_path: Path, joiner: Joiner) -> None:
    part = tmp_path / "video.part"
    part.write_bytes(media.html())

    with pytest.raises(BadFile):
        await joiner.to_mp4([part], tmp_path / "out.mp4")


@pytest.mark.parametrize(
    ("failed", "failure"),
    [
        (ChildFailed("full", errno=errno.ENOSPC), NoSpace),
        (ChildFailed("io", errno=errno.EIO), StorageFailure),
        (ChildFailed("invalid", errno=1_094_995_529), Incomplete),
        (ChildFailed("signal 11"), BadFile),
        (ChildTookTooLong("it took longer than 120 s"), TookTooLong),
    ],
)
async def test_a_failed_join_is_reported_by_its_cause(
    failed: ChildFailed,
    failure: type[Failure],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    joiner: Joiner,
) -> None:
    async def fail(*args: object, **options: object) -> None:
        raise failed

    monkeypatch.setattr(ChildPool, "ask", fail)
    (tmp_path / "a.ts").write_bytes(TS[0])

    with pytest.raises(failure):
        await joiner.to_mp4([tmp_path / "a.ts"], tmp_path / "out.mp4")
