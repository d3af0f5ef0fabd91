"""What a video costs whose URL is the video itself, from its submission to a checked file, beside
other downloaders.

    .venv/bin/python -m benchmarks.download [--only "HLS"] [--rounds 3] [--scale 1.0] [--before
    PYTHON]

mediavault is running already; its time includes the check, the hash, a thumbnail and the sync to
the disk. The others only write the file. "FFmpeg" is its libraries in a Python process, which copy
without encoding as the program does; aria2c takes part where it is installed. CPU is that of a
contender and everything that it started.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.films import copy, make_film
from benchmarks.idle import free_port, stop_process
from benchmarks.post_server import padded, short_film
from benchmarks.posts import BEFORE, YTDLP, measured, running_vault
from benchmarks.subjects import Cost, expect

FILES, FILE_BYTES = 1_000, 200_000
DELAY_S, LIMIT = "0.05", "2000000"
OURS = "mediavault"

Peer = Callable[[Sequence[str], Path], Cost]


@dataclass(frozen=True, slots=True)
class Scenario:
    """``make`` writes the files and returns their names;
    ``server`` are options of ``benchmarks.file_server``.
    """

    make: Callable[[Path, float], Sequence[str]]
    peers: Sequence[str]
    server: Sequence[str] = ()
    tls: bool = False


def _film(name: str, seconds: int, folder: Path, scale: float) -> Sequence[str]:
    if not (folder / name).exists():
        make_film(folder / name, seconds=round(seconds * scale))
    return [name]


def _small_files(folder: Path, scale: float) -> Sequence[str]:
    film, names = short_film(folder), [f"{number}.mp4" for number in range(round(FILES * scale))]
    for number, name in enumerate(names):
        (folder / name).write_bytes(padded(film, number, FILE_BYTES))
    return names


LARGE, STREAM = partial(_film, "large.mp4", 2_600), partial(_film, "stream/index.m3u8", 600)
SCENARIOS: Mapping[str, Scenario] = {
    "1 GB over HTTP": Scenario(LARGE, ("curl", "aria2c", "yt-dlp")),
    "1 GB over HTTPS": Scenario(LARGE, ("curl", "aria2c", "yt-dlp"), tls=True),
    "1,000 files of 200 KB": Scenario(_small_files, ("curl", "yt-dlp")),
    "HLS of 10 minutes": Scenario(STREAM, ("FFmpeg", "yt-dlp")),
    "HLS of 10 minutes, 50 ms away": Scenario(STREAM, ("FFmpeg", "yt-dlp"), ("--delay-s", DELAY_S)),
    "61 MB at 2 MB/s a connection": Scenario(
        partial(_film, "small.mp4", 160), ("curl", "aria2c"), ("--bytes-per-s", LIMIT)
    ),
}


def with_curl(urls: Sequence[str], folder: Path) -> Cost:
    lines = [f'url = "{url}"\noutput = "{number}.mp4"' for number, url in enumerate(urls)]
    (folder / "urls").write_text("\n".join(lines))
    return _run(
        ["curl", "-sSfk", "--parallel", "--parallel-max", "8", "-K", "urls"], folder, len(urls)
    )


def with_aria2c(urls: Sequence[str], folder: Path) -> Cost:
    (folder / "urls").write_text("\n".join(urls))
    options = ["-q", "-x16", "-s16", "-k1M", "--check-certificate=false", "--file-allocation=none"]
    return _run(["aria2c", *options, "-i", "urls"], folder, len(urls))


def with_ytdlp(urls: Sequence[str], folder: Path) -> Cost:
    (folder / "urls").write_text("\n".join(urls))
    options = ["--no-check-certificates", "-N", "8", "--fixup", "never", "-o", "%(autonumber)s.mp4"]
    return _run([*YTDLP, *options, "-a", "urls"], folder, len(urls))


def with_ffmpeg(urls: Sequence[str], folder: Path) -> Cost:
    return _run(
        [sys.executable, "-m", "benchmarks.download", "--copy", urls[0], str(folder / "0.mp4")],
        None,
        1,
    )


PEERS: Mapping[str, Peer] = {
    "curl": with_curl,
    "aria2c": with_aria2c,
    "yt-dlp": with_ytdlp,
    "FFmpeg": with_ffmpeg,
}


def _run(command: Sequence[str], folder: Path | None, files: int) -> Cost:
    with measured(files) as costs:
        subprocess.run(command, cwd=folder, check=True)
    return costs[0]


def with_mediavault(
    urls: Sequence[str],
    folder: Path,
    *,
    warm_up: str,
    certificate: Path,
    python: str = sys.executable,
) -> Cost:
    hosts = sorted({url.split("/")[2] for url in (*urls, warm_up)})
    with running_vault(
        folder, hosts, jobs=8, python=python, SSL_CERT_FILE=str(certificate)
    ) as vault:
        vault.save([warm_up])
        cost = vault.save(urls)
    expect(len(list((folder / "downloads").rglob("*.mp4"))), len(urls) + 1)
    return cost


@contextmanager
def served(folder: Path, options: Sequence[str]) -> Iterator[str]:
    """Serve a folder from a separate process; yield its host and port."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.file_server", str(port), str(folder), *options]
    server = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert server.stdout is not None
        server.stdout.readline()  # it listens
        yield f"127.0.0.1:{port}"
    finally:
        stop_process(server)


def _certificate(folder: Path) -> Path:
    path = folder / "certificate.pem"
    form = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    name = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    where = ["-keyout", str(path), "-out", str(folder / "public.pem")]
    subprocess.run(["openssl", "req", *form, *name, *where], check=True, capture_output=True)
    path.write_text(path.read_text() + (folder / "public.pem").read_text())
    return path


def run(
    scenario: Scenario, root: Path, *, scale: float, rounds: int, before: str | None
) -> Mapping[str, list[Cost]]:
    """Return the costs of each contender that takes part, one for each round.

    ``before`` is the Python of another installation of mediavault.
    """
    media = root / "media"
    (media / "stream").mkdir(parents=True, exist_ok=True)
    names, certificate = scenario.make(media, scale), _certificate(root)
    (media / "warm-up.mp4").write_bytes(padded(short_film(media), 0))
    tls = ("--certificate", str(certificate)) if scenario.tls else ()
    costs: dict[str, list[Cost]] = {
        OURS: [],
        **{name: [] for name in scenario.peers if _is_here(name)},
    }
    vaults = {OURS: sys.executable}
    if before is not None:
        costs[BEFORE], vaults[BEFORE] = [], before
    with served(media, (*scenario.server, *tls)) as host, served(media, ()) as fast:
        urls = [f"{'https' if tls else 'http'}://{host}/{name}" for name in names]
        ours = partial(
            with_mediavault, warm_up=f"http://{fast}/warm-up.mp4", certificate=certificate
        )
        for _ in range(rounds):
            for name in costs:
                with tempfile.TemporaryDirectory(dir=root) as folder:
                    take_part = (
                        partial(ours, python=vaults[name]) if name in vaults else PEERS[name]
                    )
                    costs[name].append(take_part(urls, Path(folder)))
                time.sleep(1)  # the disk settles
    return costs


def _is_here(name: str) -> bool:
    return name in ("yt-dlp", "FFmpeg") or shutil.which(name) is not None


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="", help="scenarios whose name contains this")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scale", type=float, default=1.0, help="of the files' sizes")
    parser.add_argument(
        "--before", metavar="PYTHON", help="that of another installation, to compare with"
    )
    parser.add_argument(
        "--copy", nargs=2, metavar=("URL", "INTO"), help="copy a stream with FFmpeg's libraries"
    )
    options = parser.parse_args()
    if options.copy:
        copy(options.copy[0], Path(options.copy[1]))
        return
    with tempfile.TemporaryDirectory() as root:
        for title, scenario in SCENARIOS.items():
            if options.only in title:
                print(title)
                costs = run(
                    scenario,
                    Path(root),
                    scale=options.scale,
                    rounds=options.rounds,
                    before=options.before,
                )
                ours_s = statistics.median(cost.wall_s for cost in costs[OURS])
                for name, measurements in costs.items():
                    wall_s = statistics.median(cost.wall_s for cost in measurements)
                    cpu_s = statistics.median(cost.cpu_s for cost in measurements)
                    ratio = (
                        ""
                        if name == OURS
                        else f"   mediavault takes {ours_s / wall_s:.2f} times as long"
                    )
                    print(f"  {name:18}{wall_s:8.2f} s {cpu_s:8.2f} s of CPU{ratio}", flush=True)


if __name__ == "__main__":
    main()
