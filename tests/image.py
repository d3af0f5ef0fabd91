"""Tries the container image as users run it; `scripts/try-image` builds it and calls this in
namespaces of its own.

python -m tests.image IMAGE
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.patience import patient

ROOT = Path(__file__).resolve().parents[1]
PROFILE = ROOT / "deploy/container/seccomp.json"
MOST_BYTES = 1_200_000_000
HEALTHY_WITHIN_S = 90.0
FLEET_WITHIN_S = 120.0
STOPPED_WITHIN_S = 40  # as compose's stop_grace_period
DEMO_WITHIN_S = 400.0
CHECK_S = 0.1
USER = 1234
AS_USER = (f"--env=PUID={USER}", f"--env=PGID={USER}")
AS_COMPOSE = (
    "--read-only",
    "--tmpfs=/tmp",
    "--cap-drop=ALL",
    "--cap-add=CHOWN,SETUID,SETGID,SETPCAP",
    "--security-opt=no-new-privileges",
    f"--security-opt=seccomp={PROFILE}",
)
VOLUMES = ("--volume=image-test-state:/state", "--volume=image-test-videos:/videos")
NEW_NAMESPACES = 0x7E020000  # the flags of clone(2), all of them


def main() -> None:
    image = sys.argv[1]
    check_compose_files()
    size = int(podman("image", "inspect", "--format={{.Size}}", image))
    print(f"The image has {size / 1e6:.0f} MB.")
    expect(size <= MOST_BYTES, f"at most {MOST_BYTES}")
    with tempfile.TemporaryDirectory() as folder:
        docker = docker_profile(Path(folder))
        try_demo(
            image, "as compose.yaml runs it", (*AS_USER, *AS_COMPOSE), browser=True, ytdlp=True
        )
        try_demo(
            image,
            "where Docker's profile refuses namespaces",
            (*AS_USER, docker),
            browser=False,
            ytdlp=False,
        )
        # podman's profile allows namespaces to all, but a new root folder only with a capability
        try_demo(
            image,
            "without capabilities",
            (f"--user={USER}", "--cap-drop=ALL"),
            browser=False,
            ytdlp=True,
        )
    try_vault(image)
    try_fleet(image)


def podman(*arguments: str, check: bool = True, within_s: float = 120.0) -> str:
    """Run podman and return its output, both streams."""
    command = ["podman", *arguments]
    ran = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=within_s
    )
    expect(
        not check or ran.returncode == 0,
        f"{' '.join(command)} ended with {ran.returncode}: {ran.stdout}",
    )
    return ran.stdout


def expect(holds: bool, otherwise: str) -> None:
    if not holds:
        sys.exit(otherwise)


# --- the demo, and the sandboxes during it --------------------------------------------------------


def try_demo(image: str, name: str, options: Sequence[str], *, browser: bool, ytdlp: bool) -> None:
    """Run the demo: all its posts must end as they should, in a ``browser`` with a sandbox or not.

    ``ytdlp``: whether its processes have a network of their own.
    """
    began = time.monotonic()
    with looking() as seen:
        output = podman(
            "run",
            "--rm",
            "--network=host",
            *options,
            image,
            "demo",
            check=False,
            within_s=DEMO_WITHIN_S,
        )
    expect("posts ended as they should" in output, f"The demo {name}: {output}")
    expect(
        seen.browser == {browser},
        f"The demo {name}: the browser's renderers were sandboxed: {seen.browser}",
    )
    expect(seen.ytdlp == {ytdlp}, f"The demo {name}: yt-dlp had a network of its own: {seen.ytdlp}")
    took_s = time.monotonic() - began
    print(
        f"The demo {name}: {took_s:.0f} s, browser's sandbox {browser}, yt-dlp's network {ytdlp}",
        flush=True,
    )


@dataclass(slots=True)
class Seen:
    """Whether renderers of the vault's browser were sandboxed,
    and whether yt-dlp's processes had their own network.
    """

    browser: set[bool] = field(default_factory=set)
    ytdlp: set[bool] = field(default_factory=set)
    over: threading.Event = field(default_factory=threading.Event)


@contextmanager
def looking(monitor: str = "conmon") -> Iterator[Seen]:
    """Look at the processes below a container's ``monitor`` in the meantime:
    others may run browsers on this machine.
    """
    seen = Seen()
    looker = threading.Thread(target=_look_until_over, args=(seen, monitor))
    looker.start()
    try:
        yield seen
    finally:
        seen.over.set()
        looker.join()


def _look_until_over(seen: Seen, monitor: str) -> None:
    own_network = Path("/proc/self/ns/net").stat().st_ino
    settled: dict[int, bool] = {}
    while not seen.over.wait(CHECK_S):
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                command = (folder / "cmdline").read_bytes()
                if (
                    b"--type=renderer" not in command and b"extraction.ytdlp_worker" not in command
                ) or not _is_below(monitor, folder):
                    continue
                if b"/browser/profile" in command:
                    seen.browser.add(b"--no-sandbox" not in command)
                elif b"--type=renderer" not in command:
                    settled[int(folder.name)] = (folder / "ns/net").stat().st_ino != own_network
            except OSError:
                continue  # it has ended
    seen.ytdlp = set(settled.values())  # as each was last seen: it confines itself after its start


def _is_below(name: str, process: Path) -> bool:
    """Whether a process descends from one of this name. Raises OSError."""
    while process.name not in ("0", "1"):
        own_name, fields = (process / "stat").read_text().split("(", 1)[1].rsplit(") ", 1)
        if own_name == name:
            return True
        process = process.parent / fields.split()[1]
    return False


def docker_profile(folder: Path) -> str:
    """Return the option for podman's profile without what Docker's refuses: new namespaces,
    and a new root folder.
    """
    profile = json.loads(Path("/usr/share/containers/seccomp.json").read_text())
    refused = {"chroot", "clone", "clone3", "setns", "unshare"}
    for rule in profile["syscalls"]:
        rule["names"] = [name for name in rule["names"] if name not in refused]
    profile["syscalls"] = [rule for rule in profile["syscalls"] if rule["names"]]
    flags = {"index": 0, "value": NEW_NAMESPACES, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}
    profile["syscalls"].append({"names": ["clone"], "action": "SCMP_ACT_ALLOW", "args": [flags]})
    file = folder / "as-docker.json"
    file.write_text(json.dumps(profile))
    return f"--security-opt=seccomp={file}"


# --- a vault that is stopped and started ----------------------------------------------------------


def try_vault(image: str) -> None:
    """Start a vault, queue a post, stop it, and find the post again in another container on the
    same volumes.
    """
    in_vault = ("exec", "image-test")  # as the documents tell it
    try:
        start_vault(image)
        podman(*in_vault, "mediavault", "add", "https://videos.example/watch/1")
        files = podman(
            "exec",
            f"--user={USER}",
            "image-test",
            "sh",
            "-c",
            "stat -c '%u %a' /state/mediavault.db; id -u; touch /opt/x 2>&1; true",
        )
        expect(
            files.startswith(f"{USER} 600\n{USER}\n") and "Read-only" in files,
            f"The vault's files: {files}",
        )
        began = time.monotonic()
        podman("stop", f"--time={STOPPED_WITHIN_S}", "image-test")
        took_s = time.monotonic() - began
        code = podman("inspect", "--format={{.State.ExitCode}}", "image-test").strip()
        expect(code == "0", f"The vault ended with {code}: {podman('logs', 'image-test')}")
        podman("rm", "image-test")

        started_s = start_vault(image)
        jobs = json.loads(podman(*in_vault, "mediavault", "list", "--json"))["jobs"]
        expect(
            [job["post_url"] for job in jobs] == ["https://videos.example/watch/1"],
            f"The vault's jobs: {jobs}",
        )
        print(
            f"The vault: healthy after {started_s:.0f} s, stopped in {took_s:.0f} s, its job still"
            " there"
        )
    finally:
        podman("rm", "--force", "--time=0", "image-test", check=False)
        podman("volume", "rm", "image-test-state", "image-test-videos", check=False)


def start_vault(image: str) -> float:
    """Start it and wait until its health check passes; return the seconds that took."""
    began = time.monotonic()
    podman(
        "run",
        "--detach",
        "--name=image-test",
        "--network=host",
        *VOLUMES,
        *AS_USER,
        *AS_COMPOSE,
        image,
    )
    while (
        "unhealthy" in (state := podman("healthcheck", "run", "image-test", check=False))
        or "Error" in state
    ):
        expect(
            time.monotonic() - began < HEALTHY_WITHIN_S, f"{state} {podman('logs', 'image-test')}"
        )
        time.sleep(0.5)
    return time.monotonic() - began


# --- compose --------------------------------------------------------------------------------------

COMPOSE_ENVIRONMENT = {**os.environ, "POSTGRES_PASSWORD": "a/b#c@d?e"}  # which breaks a URL


def try_fleet(image: str) -> None:
    """Start `compose.postgres.yaml` and wait for its two workers, then add a post."""
    with tempfile.TemporaryDirectory() as folder:
        environ = COMPOSE_ENVIRONMENT | {"MEDIAVAULT_IMAGE": image, "VIDEOS": folder}

        def compose(*arguments: str) -> None:
            command = ["podman-compose", "-f", "compose.postgres.yaml", "-p", "fleet", *arguments]
            ran = subprocess.run(
                command,
                cwd=ROOT,
                env=environ,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=patient(180),
            )
            expect(ran.returncode == 0, f"{' '.join(command)}: {ran.stdout}")

        began = time.monotonic()
        over = threading.Event()
        # podman lets systemd's timers check the health, and there is no systemd here
        checker = threading.Thread(target=_check_health, args=("fleet_database_1", over))
        checker.start()
        try:
            compose("up", "-d")
            workers = ("exec", "fleet_api_1", "mediavault", "workers", "--json")
            while len(_workers(podman(*workers, check=False))) != 2:
                expect(
                    time.monotonic() - began < FLEET_WITHIN_S,
                    f"The fleet's workers: {podman(*workers, check=False)}",
                )
                time.sleep(1)
            podman(*workers[:3], "add", "https://videos.example/watch/1")
            print(
                f"compose.postgres.yaml: two workers after {time.monotonic() - began:.0f} s",
                flush=True,
            )
        finally:
            over.set()
            checker.join()
            compose("down", "--volumes", "--timeout", "1")


def _workers(output: str) -> list[object]:
    try:
        return list(json.loads(output)["workers"])
    except (ValueError, LookupError, TypeError):
        return []


def _check_health(container: str, over: threading.Event) -> None:
    while not over.wait(1):
        podman("healthcheck", "run", container, check=False)


def check_compose_files() -> None:
    """Parse both compose files with both parsers."""
    for file in ("compose.yaml", "compose.postgres.yaml"):
        for command in (
            ["docker-compose", "-f", file, "config", "-q"],
            ["podman-compose", "-f", file, "config"],
        ):
            subprocess.run(
                command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, env=COMPOSE_ENVIRONMENT
            )


if __name__ == "__main__":
    main()
