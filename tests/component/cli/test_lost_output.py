"""Commands whose output has no reader or no disk space:
the exit code still reports the result of the command alone.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from tests.patience import patient

Out = int | IO[bytes]
# often set in containers; lost output is noticed earlier
UNBUFFERED = pytest.mark.parametrize("unbuffered", ["", "1"])
WAIT_S = 60


@contextmanager
def full_disk() -> Iterator[Out]:
    with Path("/dev/full").open("wb") as full:
        yield full


@contextmanager
def no_reader() -> Iterator[Out]:
    reader, writer = os.pipe()
    os.close(reader)
    yield writer
    os.close(writer)


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith("MEDIAVAULT_")
    }
    return {
        **inherited,
        "MEDIAVAULT_STATE_DIR": str(tmp_path / "state"),
        "MEDIAVAULT_DOWNLOAD_DIR": str(tmp_path / "library"),
    }


def mediavault(
    env: Mapping[str, str], *words: str, out: Out = subprocess.PIPE, err: Out = subprocess.PIPE
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mediavault", *words]
    return subprocess.run(
        command, env=env, stdout=out, stderr=err, text=True, timeout=patient(WAIT_S), check=False
    )


@UNBUFFERED
@pytest.mark.parametrize(
    "words", [("list",), ("list", "--json"), ("show", "nobody", "--json"), ("--help",)]
)
def test_output_that_cannot_be_written_is_reported_and_exits_2(
    env: dict[str, str], words: tuple[str, ...], unbuffered: str
) -> None:
    with full_disk() as full:
        ended = mediavault({**env, "PYTHONUNBUFFERED": unbuffered}, *words, out=full)

    assert ended.returncode == 2
    assert ended.stderr == "mediavault: The output could not be written: No space left on device.\n"


@UNBUFFERED
@pytest.mark.parametrize("lost", [full_disk, no_reader])
@pytest.mark.parametrize(
    ("words", "code"), [(("show", "nobody"), 2), (("nonsense",), 2), (("list",), 0)]
)
def test_an_unwritable_stderr_does_not_change_the_exit_code(
    env: dict[str, str],
    words: tuple[str, ...],
    code: int,
    lost: Callable[[], Iterator[Out]],
    unbuffered: str,
) -> None:
    with lost() as err:  # type: ignore[attr-defined]
        ended = mediavault({**env, "PYTHONUNBUFFERED": unbuffered}, *words, err=err)

    assert ended.returncode == code


@UNBUFFERED
def test_a_closed_pipe_ends_the_command_silently(env: dict[str, str], unbuffered: str) -> None:
    with no_reader() as out:
        ended = mediavault({**env, "PYTHONUNBUFFERED": unbuffered}, "list", "--json", out=out)

    assert (ended.returncode, ended.stderr) == (2, "")


@pytest.mark.parametrize(
    ("closing", "words", "code"),
    [
        (">&-", ("list",), 0),
        (">&-", ("list", "--json"), 0),
        ("2>&-", ("show", "nobody"), 2),
        (">&- 2>&-", ("list",), 0),
    ],
)
def test_streams_closed_from_the_start_do_not_change_the_exit_code(
    env: dict[str, str], closing: str, words: tuple[str, ...], code: int
) -> None:
    command = ["sh", "-c", f'exec "$@" {closing}', "sh", sys.executable, "-m", "mediavault", *words]

    ended = subprocess.run(
        command, env=env, capture_output=True, text=True, timeout=patient(WAIT_S), check=False
    )

    assert (ended.returncode, ended.stderr) == (code, "")


@UNBUFFERED
@pytest.mark.parametrize("lost", [full_disk, no_reader])
def test_a_worker_whose_log_cannot_be_written_exits_0_on_a_signal(
    env: dict[str, str], tmp_path: Path, lost: Callable[[], Iterator[Out]], unbuffered: str
) -> None:
    """With another exit code, a service manager that restarts failed processes would restart a
    drained worker.
    """
    command = [sys.executable, "-m", "mediavault", "worker"]
    with lost() as log:  # type: ignore[attr-defined]
        worker = subprocess.Popen(
            command, env={**env, "PYTHONUNBUFFERED": unbuffered}, stdout=log, stderr=log
        )
    try:
        deadline = time.monotonic() + patient(WAIT_S)
        while not any((tmp_path / "state" / "workers").glob("*")):
            assert worker.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        worker.send_signal(signal.SIGTERM)
        code = worker.wait(WAIT_S)
    finally:
        worker.kill()
        worker.wait()

    assert code == 0
