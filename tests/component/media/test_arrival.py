"""A file is decoded while it arrives: with the same facts, and without a verdict of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import textwrap
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from mediavault.browser.processes import is_alive
from mediavault.core.clock import SystemClock
from mediavault.core.media import DownloadedFile, Expected
from mediavault.media import library as media_library
from mediavault.media.arrival import (
    ArrivalDecoder,
    facts_on_arrival,
    open_arrival_decoder,
    open_helpers,
)
from mediavault.media.arrival_child import ArrivingFile, file_id
from mediavault.media.decode import BUDGET_PX, decode_arriving
from mediavault.media.probe import FfmpegProbe
from mediavault.media.probe_child import examine
from mediavault.media.sniff import SNIFF_BYTES, demuxer_in_order
from tests import media
from tests.component.media.test_decode import damaged_at, sound_first, sound_replaced
from tests.component.media.test_probe import DAMAGED, DAMAGES, GOOD
from tests.patience import until

media_library.quiet()

KEYS_ONLY = 0
BUDGETS = pytest.mark.parametrize("budget_px", [KEYS_ONLY, BUDGET_PX], ids=["key frames", "whole"])


def faststart(**options: Any) -> bytes:
    return media.encode("mp4", 2.0, options={"movflags": "+faststart"}, **options)


# Their containers do not say how many pictures there are, so that only key frames are decoded
# before the end.
UNCOUNTED: Mapping[str, Callable[[], bytes]] = {
    **{
        name: GOOD[name]
        for name in ("fragmented", "ts", "hevc in ts, one key frame", "webm", "live webm", "mkv")
    },
    "subtitles": lambda: media.subtitled("matroska"),
}
IN_ORDER: Mapping[str, Callable[[], bytes]] = {
    **{name: GOOD[name] for name in ("faststart", "silent", "0.6 s", "one key frame", "rotated")},
    "open groups": lambda: faststart(
        speed={"preset": "fast", "x264-params": "open-gop=1:keyint=25:bframes=3"}
    ),
    "rare key frames": lambda: media.mp4(12.0, gop=11 * media.RATE),
    "av1": lambda: faststart(video="libsvtav1", speed={"preset": "12"}),
    "pictures of two fields": lambda: faststart(speed={"x264-params": "interlaced=1"}),
    "sound first": lambda: sound_first(media.mp4()),
    **UNCOUNTED,
}


def arrived(path: Path, budget_px: int = BUDGET_PX) -> dict[str, Any]:
    """Return what the helper answers about a file that has arrived."""
    demuxer = demuxer_in_order(path.read_bytes()[:SNIFF_BYTES])
    file = ArrivingFile(path.rename(path.with_name("media.part")))
    path.with_name("media.part").rename(path)
    facts = decode_arriving(file, demuxer, budget_px=budget_px) if demuxer else None
    return {"file": file_id(path.stat()), "decoded": asdict(facts) if facts else None}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "media.video"


@BUDGETS
@pytest.mark.parametrize("name", IN_ORDER)
def test_a_good_file_has_the_same_facts(
    name: str, budget_px: int, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_bytes(IN_ORDER[name]())
    as_usual = examine(path, budget_px=budget_px)
    answer = arrived(path, budget_px)
    if budget_px == KEYS_ONLY or name not in UNCOUNTED:
        monkeypatch.setattr("mediavault.media.decode._decode", None)  # nothing is decoded again

    assert as_usual.decoded is not None
    assert as_usual.decoded.pictures > 0
    assert examine(path, budget_px=budget_px, arrived=answer) == as_usual


@BUDGETS
@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_file_gets_the_same_report(
    name: str, damage: str, budget_px: int, path: Path
) -> None:
    path.write_bytes(DAMAGES[damage](GOOD[name]()))
    as_usual = examine(path, budget_px=budget_px)

    assert examine(path, budget_px=budget_px, arrived=arrived(path, budget_px)) == as_usual


@BUDGETS
@pytest.mark.parametrize(
    "make",
    [
        lambda: damaged_at(media.mp4(4.0), 50),  # a key frame
        lambda: damaged_at(media.mp4(4.0), 60),
        lambda: sound_replaced(media.mp4()),
        lambda: sound_replaced(media.mp4(), until_s=1.0),
        lambda: damaged_at(media.webm(), 25),
    ],
    ids=["key frame", "picture", "all sound", "half of the sound", "webm"],
)
def test_damage_that_only_a_decoder_notices_gets_the_same_report(
    make: Callable[[], bytes], budget_px: int, path: Path
) -> None:
    path.write_bytes(make())
    as_usual = examine(path, budget_px=budget_px)

    assert examine(path, budget_px=budget_px, arrived=arrived(path, budget_px)) == as_usual


def test_decoding_stops_at_the_first_damage(path: Path) -> None:
    path.write_bytes(damaged_at(media.mp4(4.0), 60))
    with path.open("rb") as file:
        assert decode_arriving(Unseekable(file), "mov") is None
        assert file.tell() < path.stat().st_size * 0.9


class Unseekable:
    def __init__(self, file: Any) -> None:
        self.read = lambda count: file.read(min(count, 4_096))


@pytest.mark.parametrize(
    "change",
    [
        {"file": [0, 0, 0]},
        {"decoded": None},
        {"decoded": {"video_packets": 99}},
        {"decoded": {"audio_packets": 3}},
        {"decoded": {"whole": False}},
    ],
    ids=["another file", "nothing", "fewer pictures", "fewer sounds", "key frames only"],
)
def test_what_is_not_known_of_the_whole_file_is_decoded_again(
    change: dict[str, Any], path: Path
) -> None:
    path.write_bytes(media.mp4(4.0))
    answer = arrived(path)
    decoded = change.get("decoded", answer["decoded"])
    answer |= change | {
        "decoded": {**answer["decoded"], **decoded, "sounds": 12345} if decoded else None
    }
    facts = examine(path, arrived=answer).decoded

    assert facts is not None
    assert facts.sounds != 12345
    assert examine(path, arrived=arrived(path)).decoded == facts


# --- the file grows -------------------------------------------------------------------------------


class Growing:
    """A download in pieces: each wait of its reader brings the next one,
    and the last one its name.
    """

    def __init__(self, path: Path, body: bytes, *, piece: int) -> None:
        self.part, self._path = path.with_name("media.part"), path
        self._pieces = [body[at : at + piece] for at in range(0, len(body), piece)]
        self.waited = 0
        self.part.write_bytes(b"")

    def wait(self, seconds: float) -> None:
        self.waited += 1
        with self.part.open("ab") as file:
            file.write(self._pieces.pop(0))
        if not self._pieces:
            self.part.rename(self._path)


@pytest.mark.parametrize("make", [media.mp4, media.ts, media.webm], ids=["mp4", "ts", "webm"])
def test_a_file_that_grows_is_read_to_its_end(make: Callable[[], bytes], path: Path) -> None:
    growing = Growing(path, make(), piece=3_001)
    demuxer = demuxer_in_order(make()[:SNIFF_BYTES])
    assert demuxer is not None
    facts = decode_arriving(ArrivingFile(growing.part, growing.wait), demuxer)

    assert growing.waited == -(-len(make()) // 3_001)
    with path.open("rb", buffering=0) as file:
        assert facts == decode_arriving(Unseekable(file), demuxer)


def test_no_more_is_read_than_was_written_and_nothing_that_was_written_is_missed(
    path: Path,
) -> None:
    growing = Growing(path, b"first second", piece=6)
    file = ArrivingFile(growing.part, growing.wait)

    assert [file.read(100), growing.waited] == [b"first ", 1]
    assert [file.read(4), file.read(100), growing.waited] == [b"seco", b"nd", 2]
    assert [file.read(100), growing.waited] == [b"", 2]


def test_what_is_written_right_before_the_file_gets_its_name_is_read(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    growing, status = Growing(path, b"the last", piece=100), ArrivingFile.status

    def grow_meanwhile(file: ArrivingFile) -> os.stat_result:
        if growing.part.exists():
            growing.wait(0)
        return status(file)

    monkeypatch.setattr(ArrivingFile, "status", grow_meanwhile)
    file = ArrivingFile(growing.part, lambda seconds: pytest.fail("it waited"))

    assert [file.read(100), file.read(100)] == [b"the last", b""]


def test_a_download_that_is_removed_ends_the_reading(path: Path) -> None:
    path.write_bytes(b"some")
    file = ArrivingFile(path, lambda seconds: path.unlink())

    assert file.read(100) == b"some"
    with pytest.raises(OSError, match="given up"):
        file.read(100)


def test_a_film_that_was_removed_has_no_facts(path: Path) -> None:
    path.write_bytes(media.mp4()[:20_000])
    file = ArrivingFile(path, lambda seconds: path.unlink())

    assert decode_arriving(file, "mov") is None


# --- in a helper process --------------------------------------------------------------------------


@pytest.fixture
async def decoder() -> AsyncIterator[ArrivalDecoder]:
    async with open_arrival_decoder(SystemClock()) as opened:
        yield opened


async def arrives(path: Path, body: bytes, decoder: ArrivalDecoder) -> DownloadedFile:
    """Write a file piece by piece, as a download does, while it is decoded."""
    part, piece = path.with_name("media.part"), len(body) // 8
    part.write_bytes(body[:piece])
    decoding = decoder.start(part, body[:SNIFF_BYTES])
    if decoding is not None:
        await until(lambda: decoding.done() or is_read_elsewhere(part))
    for at in range(piece, len(body), piece):
        await asyncio.sleep(0.02)
        with part.open("ab") as file:
            file.write(body[at : at + piece])
    part.rename(path)
    return DownloadedFile(path, "", len(body), None, Expected(), decoding=decoding)


def is_read_elsewhere(path: Path) -> bool:
    """Whether another process has opened the file."""
    for descriptor in Path("/proc").glob("[0-9]*/fd/*"):
        with contextlib.suppress(OSError):
            if descriptor.parts[2] != str(os.getpid()) and descriptor.readlink() == path:
                return True
    return False


@pytest.mark.parametrize(
    "make",
    [
        media.mp4,
        lambda: damaged_at(media.mp4(4.0), 60),
        lambda: media.mp4(layout="moov_last"),
        media.webm,
    ],
    ids=["whole", "damaged", "moov last", "webm"],
)
async def test_the_report_is_the_same_when_the_file_was_decoded_while_it_arrived(
    make: Callable[[], bytes], path: Path, decoder: ArrivalDecoder, probe: FfmpegProbe
) -> None:
    file = await arrives(path, make(), decoder)
    report = await probe.examine(file)

    assert report == await probe.examine(replace(file, decoding=None))


async def test_a_file_that_arrived_is_not_decoded_again(
    path: Path, decoder: ArrivalDecoder, probe: FfmpegProbe
) -> None:
    """Its sound is destroyed afterwards, and nothing but decoding would notice that."""
    file = await arrives(path, media.mp4(), decoder)
    assert file.decoding is not None
    await file.decoding
    with path.open("r+b") as opened:
        opened.write(sound_replaced(media.mp4()))

    assert (await probe.examine(file)).problems == ()
    assert (await probe.examine(replace(file, decoding=None))).problems != ()


async def test_no_more_files_are_decoded_than_there_are_helpers(path: Path) -> None:
    head = media.mp4()[:SNIFF_BYTES]
    path.write_bytes(head)
    async with open_helpers(SystemClock(), count=1) as helpers:
        decoder = ArrivalDecoder(helpers, count=1)
        first, second = decoder.start(path, head), decoder.start(path, head)
        await decoder.close()

        assert first is not None
        assert second is None
        assert first.cancelled()


def helpers_that(does: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let helpers leave an empty file named after their process,
    and then do something of their own.
    """
    source = f"""
        import os, signal, sys, time
        from mediavault.sandbox.guard import serve_lines
        def answer(request):
            open(f"{folder}/{{os.getpid()}}.pid", "w").close()
            {does}
        sys.exit(serve_lines(answer))
    """
    (folder / "arriving_helper.py").write_text(textwrap.dedent(source))
    monkeypatch.setenv("PYTHONPATH", str(folder), prepend=os.pathsep)
    monkeypatch.setattr("mediavault.media.arrival.CHILD", "arriving_helper")


async def started_in(folder: Path) -> int:
    await until(lambda: list(folder.glob("*.pid")))
    return int(next(folder.glob("*.pid")).stem)


@pytest.mark.parametrize(
    "does",
    [
        "os.kill(os.getpid(), signal.SIGKILL)",
        "os.kill(os.getppid(), signal.SIGKILL); time.sleep(600)",
        "raise ValueError",
    ],
    ids=["the fork is killed", "the helper is killed", "it fails"],
)
async def test_a_helper_that_ends_early_only_means_that_nothing_is_known(
    does: str, path: Path, tmp_path: Path, probe: FfmpegProbe, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_bytes(media.mp4())
    # so that its own helper is a real one
    await probe.examine(DownloadedFile(path, "", 0, None, Expected()))
    helpers_that(does, tmp_path, monkeypatch)
    async with open_arrival_decoder(SystemClock()) as decoder:
        file = await arrives(path, media.mp4(), decoder)

        assert (await probe.examine(file)).problems == ()
        assert file.decoding is not None
        assert file.decoding.result() is None


async def test_a_decoding_that_is_cancelled_leaves_no_process(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    helpers_that("time.sleep(600)", tmp_path, monkeypatch)
    async with open_arrival_decoder(SystemClock()) as decoder:
        decoding = decoder.start(path, media.mp4())
        assert decoding is not None
        pid = await started_in(tmp_path)
        decoding.cancel()
        await until(lambda: not is_alive(pid))


async def test_the_end_of_the_decoder_ends_its_processes(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    helpers_that("time.sleep(600)", tmp_path, monkeypatch)
    async with open_arrival_decoder(SystemClock()) as decoder:
        decoder.start(path, media.mp4())
        pid = await started_in(tmp_path)

    await until(lambda: not is_alive(pid))


async def test_a_download_that_is_removed_after_it_arrived_ends_its_decoding(
    path: Path, decoder: ArrivalDecoder
) -> None:
    """So an attempt that ends between its download and its verdict leaves nothing behind."""
    path.write_bytes(media.mp4()[:20_000])
    decoding = decoder.start(path, media.mp4())
    assert decoding is not None
    path.unlink()
    answer = await decoding

    assert answer is None or answer["decoded"] is None


async def test_a_decoding_that_does_not_end_is_ended_after_a_time() -> None:
    decoding = asyncio.create_task(asyncio.sleep(600, None))

    assert await facts_on_arrival(decoding, within_s=0.01) is None
    await until(decoding.cancelled)


async def test_a_job_that_is_cancelled_while_it_waits_ends_the_decoding() -> None:
    decoding = asyncio.create_task(asyncio.sleep(600, None))
    waiting = asyncio.create_task(facts_on_arrival(decoding, within_s=600))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)

    await until(decoding.cancelled)
