"""The probe on real files: a corpus of intact and damaged ones,
and the child process that runs it.
"""

from __future__ import annotations

import os
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from mediavault.core.clock import SystemClock
from mediavault.core.failures import StorageFailure
from mediavault.core.media import DownloadedFile, Expected, Problem, ProblemKind
from mediavault.media import library as media_library
from mediavault.media import probe_child as media_probe_child
from mediavault.media.decode import BUDGET_PX
from mediavault.media.judgement import problems
from mediavault.media.probe import FfmpegProbe, open_probe
from mediavault.media.sniff import DEMUXERS, sniff
from mediavault.media.structure import Structure
from tests import media

media_library.quiet()

UNKNOWN = Expected()
GOOD: Mapping[str, Callable[[], bytes]] = {
    "faststart": media.mp4,
    "moov last": lambda: media.mp4(layout="moov_last"),
    "fragmented": lambda: media.mp4(layout="fragmented"),
    "silent": lambda: media.mp4(sound=False),
    "0.6 s": lambda: media.mp4(0.6),
    "one key frame": lambda: media.mp4(gop=1_000),
    "open groups": media.reordered_mp4,
    "rotated": media.rotated_mp4,
    "mov": media.mov,
    "ts": media.ts,
    "hevc in ts, one key frame": media.hevc_ts,
    "webm": media.webm,
    "live webm": media.live_webm,
    "mkv": media.mkv,
    "flv": media.flv,
    "avi": media.avi,
    "ogg": media.ogg,
    "program stream": media.program_stream,
    "asf": media.asf,
}
# the other formats are variants of these
DAMAGED = (
    "faststart",
    "moov last",
    "fragmented",
    "ts",
    "hevc in ts, one key frame",
    "webm",
    "live webm",
    "mkv",
    "flv",
    "avi",
    "ogg",
    "program stream",
    "asf",
)
DAMAGES: Mapping[str, Callable[[bytes], bytes]] = {
    "last byte missing": lambda body: body[:-1],
    "cut at 99 %": lambda body: body[: len(body) * 99 // 100 | 1],
    "cut at half": lambda body: body[: len(body) // 2 | 1],
    "cut at 1 %": lambda body: body[: len(body) // 100],
    "last tenth zeros": lambda body: body[: -len(body) // 10] + bytes(len(body) // 10),
    "hole of zeros": lambda body: _hole(body, len(body) // 3, max(15_000, len(body) // 6)),
    "bytes lost inside": lambda body: body[: len(body) // 3] + body[len(body) // 3 + 30_001 :],
    "half and whole": lambda body: body[: len(body) // 2] + body,
}


def _hole(body: bytes, at: int, count: int) -> bytes:
    return body[:at] + bytes(count) + body[at + count :]


KEYS_ONLY = 0  # the budget of a film that is too long to be decoded whole at once


def verdict(
    body: bytes, folder: Path, expected: Expected = UNKNOWN, *, budget_px: int = BUDGET_PX
) -> tuple[Problem, ...]:
    """Return the problems that the probe finds, without the cost of a process for each file."""
    path = folder / "media.part"
    path.write_bytes(body)
    return problems(media_probe_child.examine(path, budget_px=budget_px), expected)


@pytest.mark.parametrize("budget_px", [KEYS_ONLY, BUDGET_PX], ids=["key frames", "whole"])
@pytest.mark.parametrize("name", GOOD)
def test_a_good_file_is_accepted(name: str, budget_px: int, tmp_path: Path) -> None:
    assert verdict(GOOD[name](), tmp_path, budget_px=budget_px) == ()


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_file_is_refused(name: str, damage: str, tmp_path: Path) -> None:
    assert verdict(DAMAGES[damage](GOOD[name]()), tmp_path) != ()


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (media.html(), ProblemKind.NOT_A_VIDEO),
        (media.png(), ProblemKind.NOT_A_VIDEO),
        (media.jpeg(), ProblemKind.NOT_A_VIDEO),
        (media.sound_only_mp4(), ProblemKind.NOT_A_VIDEO),
        (media.one_picture_mp4(), ProblemKind.NOT_A_VIDEO),
        (b'{"error": "login"}' + b" " * 12_000, ProblemKind.NOT_A_VIDEO),
        (b"", ProblemKind.EMPTY),
        (bytes(50_000), ProblemKind.NOT_A_VIDEO),
        (media.cenc_mp4(), ProblemKind.PROTECTED),
        (media.hls("fmp4")["init.mp4"], ProblemKind.INCOMPLETE),
        (media.hls("fmp4")["seg000.m4s"], ProblemKind.INCOMPLETE),
        (media.hls_aes()["seg000.ts"], ProblemKind.NOT_A_VIDEO),
    ],
    ids=[
        "page",
        "png",
        "jpeg",
        "sound",
        "one picture",
        "json",
        "empty",
        "zeros",
        "cenc",
        "init",
        "segment",
        "cipher",
    ],
)
def test_files_that_are_not_a_video_are_distinguished(
    body: bytes, kind: ProblemKind, tmp_path: Path
) -> None:
    assert verdict(body, tmp_path)[0].kind is kind


@pytest.mark.parametrize("kind", ["ts", "fmp4"])
def test_a_missing_or_doubled_segment_is_detected_in_a_file_of_segments(
    kind: str, tmp_path: Path
) -> None:
    files = media.hls(kind)
    init = files.get("init.mp4", b"")
    first, second, third = (files[name] for name in sorted(files) if name.startswith("seg"))

    assert verdict(init + first + second + third, tmp_path) == ()
    assert verdict(init + first + third, tmp_path) != ()
    assert verdict(init + first + second + second + third, tmp_path) != ()


def test_a_lost_last_segment_is_detected_by_the_announced_duration_alone(tmp_path: Path) -> None:
    files = media.hls("ts")
    body = files["seg000.ts"] + files["seg001.ts"]

    assert verdict(body, tmp_path) == ()
    assert verdict(body, tmp_path, Expected(duration_s=6.0))[0].kind is ProblemKind.DOUBTFUL


def video_packets(body: bytes, folder: Path) -> list[tuple[int, int]]:
    """Return the position of each video packet in the file, and its size."""
    path = folder / "measured"
    path.write_bytes(body)
    with media_library.open_input(path, DEMUXERS[sniff(body)]) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        return [(body.index(bytes(packet), packet.pos), packet.size) for packet in packets]


def test_a_single_zeroed_packet_is_found_by_reading_all(tmp_path: Path) -> None:
    body = media.mp4(6.0, sound=False)
    at, size = video_packets(body, tmp_path)[40]
    holed = _hole(body, at, size)

    assert "it has zero-filled packets inside (1)" in [
        problem.reason for problem in verdict(holed, tmp_path)
    ]


def test_a_packet_whose_units_do_not_fill_it_is_found_by_reading_all(tmp_path: Path) -> None:
    body = media.mp4(6.0, sound=False)
    at, _ = video_packets(body, tmp_path)[40]
    length = int.from_bytes(body[at : at + 4], "big") - 1

    assert verdict(body, tmp_path) == ()
    refusals = verdict(body[:at] + length.to_bytes(4, "big") + body[at + 4 :], tmp_path)
    assert "it has damaged packets inside (1)" in [problem.reason for problem in refusals]


def test_pictures_that_do_not_decode_are_found_although_the_container_is_whole(
    tmp_path: Path,
) -> None:
    """Each VP9 frame begins with a marker; without it nothing decodes,
    and all lengths are right.
    """
    body = bytearray(media.webm(sound=False))
    for at, _ in video_packets(bytes(body), tmp_path):
        body[at] &= 0x3F

    reasons = [problem.reason for problem in verdict(bytes(body), tmp_path)]
    assert any(reason.startswith("none of its pictures decodes") for reason in reasons)


# --- through the child process --------------------------------------------------------------------


async def examined(body: bytes, folder: Path, expected: Expected = UNKNOWN) -> tuple[Problem, ...]:
    path = folder / "media.part"
    path.write_bytes(body)
    async with open_probe(SystemClock()) as probe:
        return (await probe.examine(downloaded(path, expected))).problems


def downloaded(path: Path, expected: Expected = UNKNOWN) -> DownloadedFile:
    return DownloadedFile(path, "https://a.example/v", 0, "video/mp4", expected)


@pytest.mark.parametrize(
    ("make", "damage"),
    [
        (
            media.asf,
            lambda body: body[: len(body) // 2] + bytes(4_096) + body[len(body) // 2 + 4_096 :],
        ),
        (media.flv, lambda body: body[:-1]),
        (media.avi, lambda body: body[:-1]),
        (media.program_stream, lambda body: body[:-1]),
        (media.ogg, lambda body: body[: len(body) // 2]),
    ],
    ids=["asf", "flv", "avi", "program stream", "ogg"],
)
def test_the_walk_over_an_old_container_detects_damage_that_reading_and_decoding_all_of_it_does_not(
    make: Callable[[], bytes],
    damage: Callable[[bytes], bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """This is why these walkers exist: if FFmpeg detects such damage one day,
    they can be removed.
    """
    path = tmp_path / "file"
    path.write_bytes(damage(make()))
    with_walk = problems(media_probe_child.examine(path), UNKNOWN)
    monkeypatch.setattr(media_probe_child, "walk", lambda *_: Structure(open_ended=True))

    assert with_walk
    assert not problems(media_probe_child.examine(path), UNKNOWN)


def test_a_long_video_whose_first_picture_comes_slightly_after_its_sound_is_whole(
    tmp_path: Path,
) -> None:
    assert verdict(media.encode("flv", 2.0, video="flv"), tmp_path, budget_px=KEYS_ONLY) == ()


async def test_a_file_is_probed_in_a_separate_process(tmp_path: Path, probe: FfmpegProbe) -> None:
    (tmp_path / "v").write_bytes(media.rotated_mp4())
    report = await probe.examine(downloaded(tmp_path / "v", Expected(duration_s=2.0)))

    assert report.problems == ()
    assert (report.container, report.video_codec, report.audio_codec) == ("mp4", "h264", None)
    assert (report.width, report.height, report.fps, report.duration_s) == (180, 320, 25.0, 2.0)


async def test_a_codec_is_called_by_its_own_name_not_its_decoders(
    tmp_path: Path, probe: FfmpegProbe
) -> None:
    (tmp_path / "v").write_bytes(media.av1_mp4())
    report = await probe.examine(downloaded(tmp_path / "v"))

    assert report.problems == ()
    assert (report.video_codec, report.audio_codec) == ("av1", "aac")


async def test_sound_that_was_announced_must_be_there(tmp_path: Path) -> None:
    refusals = await examined(media.mp4(sound=False), tmp_path, Expected(audio=True))

    assert [problem.kind for problem in refusals] == [ProblemKind.DOUBTFUL]


@pytest.mark.parametrize(
    "body",
    [
        b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:1/x.ts\n#EXT-X-ENDLIST\n"
        + b"#" * 20_000,
        b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n" + b"#" * 20_000,
        b"ffconcat version 1.0\nfile /etc/passwd\n" + b"#" * 20_000,
        b"<MPD><BaseURL>http://127.0.0.1:1/</BaseURL></MPD>" + b" " * 20_000,
        b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><svg>&b;</svg>"
        + b" " * 20_000,
    ],
    ids=["hls", "hls of a local file", "ffconcat", "dash", "svg"],
)
def test_files_that_name_other_files_never_reach_the_library(
    body: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "v.mp4"
    path.write_bytes(body)
    monkeypatch.setattr(
        media_probe_child, "open_input", lambda *args, **options: pytest.fail("it was opened")
    )

    facts = media_probe_child.examine(path)

    assert problems(facts, UNKNOWN)[0].kind is ProblemKind.NOT_A_VIDEO


async def test_a_still_is_turned_upright(tmp_path: Path, probe: FfmpegProbe) -> None:
    video, into = tmp_path / "v.mp4", tmp_path / "still.jpg"
    video.write_bytes(media.rotated_mp4())

    assert await probe.still(video, into=into, at_s=1.0) == into
    assert into.read_bytes()[:3] == b"\xff\xd8\xff"
    assert _jpeg_size(into.read_bytes()) == (180, 320)


async def test_no_still_is_made_of_a_page(tmp_path: Path, probe: FfmpegProbe) -> None:
    (tmp_path / "v.mp4").write_bytes(media.html())

    assert await probe.still(tmp_path / "v.mp4", into=tmp_path / "still.jpg", at_s=1.0) is None
    assert not (tmp_path / "still.jpg").exists()


async def test_a_missing_file_is_a_storage_failure(tmp_path: Path, probe: FfmpegProbe) -> None:
    with pytest.raises(StorageFailure):
        await probe.examine(downloaded(tmp_path / "gone"))


async def test_a_crash_of_the_probe_refuses_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "mediavault.media.arrival.CHILD", _module(tmp_path, "import os; os.kill(os.getpid(), 11)")
    )

    assert [problem.kind for problem in await examined(media.mp4(), tmp_path)] == [
        ProblemKind.DAMAGED
    ]


async def test_a_probe_that_hangs_refuses_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "mediavault.media.arrival.CHILD", _module(tmp_path, "import time; time.sleep(600)")
    )
    monkeypatch.setattr("mediavault.media.probe.LIMIT_S", 0.15)
    refusals = await examined(media.mp4(), tmp_path)

    assert refusals[0].kind is ProblemKind.DAMAGED
    assert "took longer" in refusals[0].reason


async def test_a_nonsense_report_refuses_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mediavault.media.arrival.CHILD", _module(tmp_path, "print('{}')"))

    assert (await examined(media.mp4(), tmp_path))[0].reason.endswith(
        "the examiner's report is unreadable"
    )


async def test_unknown_files_are_inspected_by_long_lived_processes(tmp_path: Path) -> None:
    (tmp_path / "tiny").write_bytes(media.mp4(0.1, sound=False))
    (tmp_path / "page").write_bytes(media.html())
    async with open_probe(SystemClock(), helpers=1) as probe:
        tiny, page, gone = [
            await probe.check_unknown(tmp_path / name) for name in ("tiny", "page", "gone")
        ]

    assert (tiny.problems, tiny.video_codec) == ((), "h264")
    assert [problem.reason for problem in (*page.problems, *gone.problems)] == [
        "it is a web page",
        "it cannot be read: No such file or directory",
    ]


async def test_a_file_that_is_not_a_regular_file_is_never_opened(tmp_path: Path) -> None:
    """Opening a pipe would block for ever."""
    os.mkfifo(tmp_path / "pipe")
    async with open_probe(SystemClock(), helpers=1) as probe:
        report = await probe.check_unknown(tmp_path / "pipe")

    assert [problem.reason for problem in report.problems] == [
        "it cannot be read: it is not a plain file"
    ]


async def test_a_file_that_crashes_the_probe_is_refused_and_the_next_one_is_inspected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = """
        import os, sys
        from mediavault.sandbox.guard import serve_lines
        from mediavault.media.probe_child import answer
        sys.exit(serve_lines(lambda asked: os._exit(3) if asked["path"].endswith("bomb") else answer(asked)))
    """  # noqa: E501
    monkeypatch.setattr(
        "mediavault.media.arrival.CHILD", _module(tmp_path, textwrap.dedent(source))
    )
    (tmp_path / "film").write_bytes(media.mp4(1.0))
    (tmp_path / "bomb").write_bytes(b"x")
    async with open_probe(SystemClock(), helpers=1) as probe:
        film, bomb, again = [
            await probe.check_unknown(tmp_path / name) for name in ("film", "bomb", "film")
        ]

    assert film == again
    assert film.problems == ()
    assert "ended with code 3" in bomb.problems[0].reason


def _module(folder: Path, source: str) -> str:
    """Write a module that a child process can run by name."""
    name = f"stand_in_{abs(hash(source))}"
    (folder / f"{name}.py").write_text(source)
    return name


@pytest.fixture(autouse=True)
def _python_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)


def _jpeg_size(body: bytes) -> tuple[int, int]:
    at = body.index(b"\xff\xc0")  # start of a baseline frame: length, precision, height, width
    return int.from_bytes(body[at + 7 : at + 9], "big"), int.from_bytes(
        body[at + 5 : at + 7], "big"
    )


# --- files that other people published ------------------------------------------------------------

SHARED = Path(__file__).resolve().parents[4] / "shared" / "fixtures"


def _shared_media() -> list[tuple[str, str]]:
    manifest = SHARED / "manifest.tsv"
    if not manifest.exists():
        return []
    rows = [line.split("\t") for line in manifest.read_text(encoding="utf-8").splitlines()]
    return [
        (row[0], row[4])
        for row in rows
        if row[0].startswith("media/") and row[4] in ("accept", "reject")
    ]


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.exists(), reason="the shared samples are not here")
@pytest.mark.parametrize(("file", "outcome"), _shared_media())
def test_published_files_get_the_right_verdict(file: str, outcome: str) -> None:
    refusals = problems(media_probe_child.examine(SHARED / file), Expected())

    assert ("accept" if not refusals else "reject") == outcome
