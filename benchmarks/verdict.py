"""What the verdict on a video costs, and how long its job waits for it after the last byte.

    .venv/bin/python -m benchmarks.verdict FILE... [--mb-per-s 8] [--rounds 3] [--slow]

First the processor time of its dear parts: reading every packet, decoding all sound, every key
frame, and every picture; for each file, for a minute of it, and for a gigabyte. Then the wait, with
the file decoded while it arrives from a server on loopback, and without that; both verdicts are
compared. ``--slow``: all of it, except for the server, gets a fifth of a processor (needs root and
cgroup v1).
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from tests.stubs import IN_PROCESS

from benchmarks.download import served
from mediavault.core.clock import SystemClock
from mediavault.core.media import ProbeReport, SourceType
from mediavault.core.urls import EgressScope
from mediavault.download.fetcher import MediaFetcher
from mediavault.download.port import DownloadLimits, MediaRequest
from mediavault.egress.client import AiohttpClient
from mediavault.egress.guard import EgressGuard
from mediavault.media.arrival import open_arrival_decoder, open_helpers
from mediavault.media.decode import decode, decode_sound
from mediavault.media.facts import PacketFacts
from mediavault.media.library import main_video, open_input, quiet, start_s
from mediavault.media.packets import read_packets
from mediavault.media.probe import FfmpegProbe
from mediavault.media.remux import Joiner
from mediavault.media.sniff import DEMUXERS, SNIFF_BYTES, sniff

GB, MB = 1_000_000_000, 1_000_000
EVERYTHING_PX = 1 << 62
CPU_GROUPS = Path("/sys/fs/cgroup/cpu")
PERIOD_US, SLOW_US = 100_000, 20_000

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Costs:
    """Of one file: its size in bytes, its length, and the processor time of each part of its
    verdict, in seconds.
    """

    bytes: int
    film_s: float
    parts: dict[str, float]


def costs_of(path: Path) -> Costs:
    """Measure the parts of the verdict in this process."""
    with path.open("rb") as file:
        demuxer = DEMUXERS[sniff(file.read(SNIFF_BYTES))]
    packets_s, packets = _cpu_s(partial(_packets, path, demuxer))
    sound_s, _ = _cpu_s(partial(decode_sound, path, demuxer))
    decoding = partial(decode, path, demuxer, needed_px=packets.video_packets)
    keys_s, keys = _cpu_s(partial(decoding, budget_px=0))  # less than any film needs
    whole_s, _ = _cpu_s(partial(decoding, budget_px=EVERYTHING_PX))
    parts = {"packets": packets_s, "sound": sound_s, "every picture": whole_s - sound_s}
    if not keys.whole:  # else they need other pictures, and all of it was decoded after them
        parts["key frames"] = keys_s - sound_s
    return Costs(path.stat().st_size, packets.end_s or 0.0, parts)


def _packets(path: Path, demuxer: str) -> PacketFacts:
    with open_input(
        path, demuxer, **({"advanced_editlist": "0"} if demuxer == "mov" else {})
    ) as container:
        start = start_s(container)
        return read_packets(
            container.demux(), main_video(container), start_s=start, exact=demuxer == "mov"
        )


def _cpu_s(work: Callable[[], T]) -> tuple[float, T]:
    began = time.process_time()
    result = work()
    return time.process_time() - began, result


async def wait_of(url: str, folder: Path, *, on_arrival: bool) -> tuple[float, ProbeReport]:
    """Download a file and examine it; return the seconds from its last byte to its verdict,
    and the verdict.
    """
    clock, guard = SystemClock(), EgressGuard((url.split("/")[2],))
    client = AiohttpClient(guard, clock=clock)
    last_s = 0.0

    def note(done: int, total: int | None) -> None:
        nonlocal last_s
        last_s = time.perf_counter()

    async with open_helpers(clock) as helpers, open_arrival_decoder(clock) as arrivals:
        start = arrivals.start if on_arrival else None
        fetcher, probe = (
            MediaFetcher(client, clock, Joiner(helpers), IN_PROCESS, start_decoding=start),
            FfmpegProbe(helpers),
        )
        request = MediaRequest(url, SourceType.DIRECT, EgressScope(url), max_connections=1)
        limits = DownloadLimits(max_bytes=1 << 40, reserve_bytes=0)
        try:
            await probe.tags(folder)  # its helper is running, as a worker's usually is
            file = await fetcher.fetch(request, into=folder, limits=limits, on_progress=note)
            report = await probe.examine(file)
            return time.perf_counter() - last_s, report
        finally:
            await client.close()
            guard.close()


def waits_of(url: str, *, on_arrival: bool, rounds: int) -> tuple[float, ProbeReport]:
    """Return the median of the waits, and the verdict."""
    results = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            results.append(asyncio.run(wait_of(url, Path(folder), on_arrival=on_arrival)))
    return statistics.median(wait_s for wait_s, _ in results), results[-1][1]


@contextmanager
def a_fifth_of_a_processor() -> Iterator[None]:
    """Limit this process and what it starts from now on."""
    group = CPU_GROUPS / f"mediavault-verdict-{os.getpid()}"
    before = next(
        line
        for line in Path("/proc/self/cgroup").read_text().splitlines()
        if "cpu" in line.split(":")[1].split(",")
    )
    group.mkdir()
    try:
        (group / "cpu.cfs_period_us").write_text(str(PERIOD_US))
        (group / "cpu.cfs_quota_us").write_text(str(SLOW_US))
        (group / "cgroup.procs").write_text(str(os.getpid()))
        yield
    finally:
        (CPU_GROUPS / before.split(":")[2].lstrip("/") / "cgroup.procs").write_text(
            str(os.getpid())
        )
        group.rmdir()


def print_costs(path: Path) -> None:
    costs = costs_of(path)
    print(f"{path.name}: {costs.bytes / MB:.1f} MB, {costs.film_s / 60:.1f} minutes of film")
    for part, cpu_s in costs.parts.items():
        a_minute, a_gb = cpu_s / (costs.film_s / 60 or 1), cpu_s / (costs.bytes / GB)
        print(
            f"  {part:14}{cpu_s:9.2f} s of CPU {a_minute:9.2f} s a minute {a_gb:10.2f} s a GB",
            flush=True,
        )


def print_waits(host: str, name: str, *, mb_per_s: float, rounds: int) -> None:
    after_s, after = waits_of(f"http://{host}/{name}", on_arrival=False, rounds=rounds)
    while_s, arrived = waits_of(f"http://{host}/{name}", on_arrival=True, rounds=rounds)
    verdict = "; ".join(problem.reason for problem in after.problems) or "whole"
    print(
        f"  wait at {mb_per_s:g} MB/s: {after_s:.2f} s, decoded while it arrives {while_s:.2f} s  "
        f" {verdict}"
    )
    if after != arrived:
        print(f"  THE VERDICTS DIFFER: {arrived}")


def measure(files: Sequence[Path], host: str, *, mb_per_s: float, rounds: int) -> None:
    for number, path in enumerate(files):
        print_costs(path)
        print_waits(host, str(number), mb_per_s=mb_per_s, rounds=rounds)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument(
        "--mb-per-s",
        type=float,
        default=8.0,
        help="of the download; decides how much is left at its end",
    )
    parser.add_argument("--rounds", type=int, default=3, help="of the waits")
    parser.add_argument("--slow", action="store_true")
    options = parser.parse_args()
    quiet()
    with tempfile.TemporaryDirectory() as folder:
        for number, path in enumerate(options.files):
            (Path(folder) / str(number)).symlink_to(path.resolve())
        speed = ("--bytes-per-s", str(round(options.mb_per_s * MB)))
        with (
            served(Path(folder), speed) as host,
            a_fifth_of_a_processor() if options.slow else nullcontext(),
        ):
            measure(options.files, host, mb_per_s=options.mb_per_s, rounds=options.rounds)


if __name__ == "__main__":
    main()
