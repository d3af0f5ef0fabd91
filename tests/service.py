"""Tries the units of systemd on a Debian that runs it; `scripts/try-image` prepares one and calls
this in namespaces of its own.

python -m tests.service ROOT
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.image import DEMO_WITHIN_S, ROOT, expect, looking
from tests.patience import patient

BOOTED_WITHIN_S = 60.0
HEALTHY_WITHIN_S = 90.0
UNITS = Path("etc/systemd/system")


class Machine:
    """A booted systemd in a container of systemd-nspawn, which shares this process's network."""

    def __init__(self, root: Path, init: int) -> None:
        self.root = root
        self._init = init

    def run(self, *command: str, within_s: float = 120.0) -> str:
        """Run a command in it and return its output, both streams."""
        ran = self._run(command, within_s)
        expect(
            ran.returncode == 0, f"{' '.join(command)} ended with {ran.returncode}: {ran.stdout}"
        )
        return ran.stdout

    def state(self, *names: str, within_s: float = 60.0) -> str:
        return self._run(("systemctl", *names), within_s).stdout.strip()

    def wait_until(self, unit: str, holds: Callable[[], bool]) -> None:
        """Wait until a unit does what it should; otherwise show its state."""
        began = time.monotonic()
        while not holds():
            if time.monotonic() - began > HEALTHY_WITHIN_S:
                sys.exit(
                    f"{unit}: {self.state('status', '--no-pager', '--full', '--lines=30', unit)}"
                )
            time.sleep(0.5)

    def _run(self, command: tuple[str, ...], within_s: float) -> subprocess.CompletedProcess[str]:
        enter = ["nsenter", "-t", str(self._init), "-m", "-u", "-i", "-p", "-C", "--", *command]
        return subprocess.run(
            enter,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=within_s,
            check=False,
        )


def main() -> None:
    with booted(Path(sys.argv[1])) as machine:
        try_service(machine)
        try_fleet(machine)
        try_demo(machine)


@contextmanager
def booted(root: Path) -> Iterator[Machine]:
    """Boot it, with the checkout where it is here, for `scripts/service`."""
    command = [
        "systemd-nspawn",
        "-D",
        str(root),
        "--register=no",
        "--keep-unit",
        "--machine=service-test",
        "--boot",
    ]
    # the build has a file of its own in its place
    (root / "etc/hosts").write_text("127.0.0.1 localhost\n")
    log = root.parent / "boot.log"
    with log.open("wb") as file:
        container = subprocess.Popen(
            [*command, f"--bind-ro={ROOT}"],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    try:
        began = time.monotonic()
        machine: Machine | None = None
        while (state := machine.state("is-system-running") if machine else "") not in (
            "running",
            "degraded",
        ):
            expect(
                time.monotonic() - began < BOOTED_WITHIN_S,
                f"It is {state or 'not up'}: {log.read_text()}",
            )
            time.sleep(0.5)
            machine = machine or next(
                (Machine(root, init) for init in _children(container.pid)), None
            )
        assert machine is not None
        print(f"systemd is {state} after {time.monotonic() - began:.0f} s", flush=True)
        yield machine
    finally:
        container.terminate()  # which shuts it down
        try:
            container.wait(30)
        except subprocess.TimeoutExpired:
            container.kill()
            container.wait()


def _children(process: int) -> list[int]:
    return [
        int(pid) for pid in Path(f"/proc/{process}/task/{process}/children").read_text().split()
    ]


def try_service(machine: Machine) -> None:
    """Install it as `make service` does, ask it, and stop it."""
    began = time.monotonic()
    machine.run(str(ROOT / "scripts/service"))
    wait_until_healthy(machine)
    print(f"`scripts/service`: healthy after {time.monotonic() - began:.0f} s", flush=True)
    facts = machine.run(
        "stat",
        "-c",
        "%U %a",
        "/var/lib/mediavault",
        "/var/lib/mediavault/mediavault.db",
        "/srv/mediavault",
    )
    expect(
        facts.split("\n")[:3] == ["mediavault 700", "mediavault 600", "mediavault 750"],
        f"Its files: {facts}",
    )

    began = time.monotonic()
    machine.run("systemctl", "stop", "mediavault.service")
    result = machine.run(
        "systemctl", "show", "-p", "Result,ExecMainStatus", "--value", "mediavault.service"
    )
    expect(result.split() == ["success", "0"], f"It ended with {result}")
    print(f"Stopped in {time.monotonic() - began:.1f} s", flush=True)


def try_fleet(machine: Machine) -> None:
    """Run the vault and a worker of the template unit at one PostgreSQL."""
    as_postgres = ("runuser", "-u", "postgres", "--")
    machine.run("systemctl", "start", "postgresql.service")
    machine.wait_until(
        "postgresql@17-main.service",
        lambda: "accepting" in machine.run(*as_postgres, "sh", "-c", "pg_isready || true"),
    )
    machine.run(*as_postgres, "createuser", "mediavault")
    machine.run(*as_postgres, "createdb", "--owner=mediavault", "--encoding=UTF8",
                "--template=template0", "vault")  # fmt: skip
    url = "postgresql:///vault?host=/var/run/postgresql"
    (machine.root / "etc/mediavault/environment").write_text(f"MEDIAVAULT_DATABASE_URL={url}\n")
    machine.run("systemctl", "start", "mediavault.service", "mediavault-worker@1.service")
    wait_until_healthy(machine)
    workers = ("runuser", "-u", "mediavault", "--", "env", f"MEDIAVAULT_DATABASE_URL={url}",
               "HOME=/var/lib/mediavault",
               "/opt/mediavault/bin/mediavault", "workers", "--json")  # fmt: skip
    machine.wait_until(
        "mediavault-worker@1.service",
        lambda: len(json.loads(machine.run(*workers))["workers"]) == 2,
    )
    machine.run("systemctl", "stop", "mediavault.service", "mediavault-worker@1.service")
    print("A fleet at PostgreSQL: two workers", flush=True)


def wait_until_healthy(machine: Machine) -> None:
    def answers() -> bool:
        try:
            with urllib.request.urlopen(
                "http://127.0.0.1:8420/healthz", timeout=patient(5)
            ) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    machine.wait_until("mediavault.service", answers)


def try_demo(machine: Machine) -> None:
    """Run the demo under the unit's restrictions: with the browser's sandbox,
    and yt-dlp's own network.
    """
    unit = (ROOT / "deploy/systemd/mediavault.service").read_text()
    for line, other in (
        ("Type=exec", "Type=oneshot"),
        ("Restart=on-failure", "Restart=no"),
        (
            "ExecStart=/opt/mediavault/bin/mediavault serve",
            "ExecStart=/opt/mediavault/bin/mediavault demo",
        ),
    ):
        expect(f"\n{line}\n" in unit, f"The unit has no {line}")
        unit = unit.replace(line, other)
    (machine.root / UNITS / "demo.service").write_text(unit)
    machine.run("systemctl", "daemon-reload")
    began = time.monotonic()
    with looking("systemd-nspawn") as seen:
        machine.state("start", "demo.service", within_s=DEMO_WITHIN_S)
    log = machine.run("journalctl", "-q", "--no-pager", "-o", "cat", "-u", "demo.service")
    expect("posts ended as they should" in log, f"The demo in the unit: {log}")
    expect((seen.browser, seen.ytdlp) == ({True}, {True}), f"The demo in the unit: {seen}")
    print(
        f"The demo in the unit: {time.monotonic() - began:.0f} s, browser's sandbox True, yt-dlp's"
        " network True"
    )


if __name__ == "__main__":
    main()
