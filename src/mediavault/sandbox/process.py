"""Runs one of our helpers in its own process, which can be limited and killed: JSON in,
JSON out.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mediavault.core.messages import Message, from_json

GIB = 1 << 30
MAX_ANSWER_BYTES = 4 << 20
PIPE_S = 5.0

# The variables of our environment that a child gets: never tokens, database addresses or proxies.
_PASSED_VARIABLES = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "PYTHONPATH", "SYSTEMROOT")


@dataclass(frozen=True, slots=True)
class ChildLimits:
    """Limits of a child. ``wall_s`` is counted from its start;
    the child sets the others on itself before it begins.
    """

    wall_s: float
    cpu_s: int
    address_space: int = 2 * GIB
    file_bytes: int = 0  # of any one file it writes
    answer_bytes: int = MAX_ANSWER_BYTES


@dataclass(frozen=True, slots=True)
class ChildContext:
    """Where a helper runs: in our own folder unless ``folder`` names one.

    ``environment`` is added to :func:`environment`, and ``descriptors`` stay open in the helper.
    """

    folder: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    descriptors: tuple[int, ...] = ()


class ChildFailed(Exception):
    """The helper gave no answer. ``errno`` is the system's,
    when the helper could still report one.
    """

    def __init__(self, reason: str, *, errno: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.errno = errno


class ChildTookTooLong(ChildFailed):
    """The helper was killed at its time limit."""


async def run_child(
    module: str,
    request: Mapping[str, Any],
    *,
    limits: ChildLimits,
    context: ChildContext = ChildContext(),
) -> Mapping[str, Any]:
    """Start ``python -m module``, send it ``request`` and return its answer.

    Raises ChildFailed (crash, its own exception, no JSON) and ChildTookTooLong. The process and
    everything that it started are gone when this returns, raises or is cancelled.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",  # never look for modules in the current folder
        "-m",
        module,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=environment() | dict(context.environment),
        cwd=context.folder,
        pass_fds=context.descriptors,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(limits.wall_s):
            out = await _exchange(process, _encoded(request, limits), limits.answer_bytes)
    except TimeoutError as exc:
        raise ChildTookTooLong(
            Message("it took longer than %(wall_s).0f s", wall_s=limits.wall_s)
        ) from exc
    finally:
        await end_process(process)
    if process.returncode != 0:
        raise failure_of_exit(process.returncode, limits)
    return read_answer(out)


async def _exchange(
    process: asyncio.subprocess.Process, request: bytes, max_answer_bytes: int
) -> bytes:
    assert process.stdin is not None
    assert process.stdout is not None
    # it died early: its exit code says why
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        process.stdin.write(request)
        await process.stdin.drain()
    process.stdin.close()
    out = bytearray()
    while chunk := await process.stdout.read(1 << 16):
        out += chunk
        if len(out) > max_answer_bytes:
            raise ChildFailed(Message("its answer is too long"))
    await process.wait()
    return bytes(out)


async def end_process(process: asyncio.subprocess.Process) -> None:
    """Kill the process and its group if it still runs, and wait for its end.

    Shielded: a second cancellation must leave neither a zombie nor an open pipe behind.
    """
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    await asyncio.shield(asyncio.ensure_future(_reap(process)))


async def _reap(process: asyncio.subprocess.Process) -> None:
    assert process.stdout is not None
    # asyncio closes its end of the pipe only at the end of the stream; a process that left the
    # group may hold the other
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(PIPE_S):
            while await process.stdout.read(1 << 16):
                pass
    await process.wait()


def _encoded(request: Mapping[str, Any], limits: ChildLimits) -> bytes:
    return json.dumps({**request, "limits": encode_limits(limits), "parent": os.getpid()}).encode()


def encode_limits(limits: ChildLimits) -> Mapping[str, int]:
    """Return the limits that a child sets on itself, as ``guard.limit_resources`` reads them."""
    return {"address_space": limits.address_space, "cpu": limits.cpu_s, "file": limits.file_bytes}


def environment() -> dict[str, str]:
    """Return the environment variables that a helper gets."""
    passed = {name: os.environ[name] for name in _PASSED_VARIABLES if name in os.environ}
    # one malloc arena: with many cores the arenas alone would exhaust the address space that the
    # child may have
    return passed | {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONUTF8": "1", "MALLOC_ARENA_MAX": "1"}


def read_answer(out: bytes) -> Mapping[str, Any]:
    """Parse a helper's answer. Raises ChildFailed when it is not an answer,
    or reports a failure.
    """
    try:
        answer = json.loads(out)
    except (ValueError, RecursionError) as exc:
        raise ChildFailed(Message("the helper process gave no answer")) from exc
    if not isinstance(answer, dict):
        raise ChildFailed(Message("the helper process gave an odd answer"))
    if "failed" in answer:
        raise ChildFailed(
            from_json(str(answer["failed"]), answer.get("message")), errno=answer.get("errno")
        )
    return answer


def failure_of_exit(returncode: int | None, limits: ChildLimits) -> ChildFailed:
    """Return the failure of a helper that ended without an answer: by its exit code,
    or minus its signal.
    """
    if returncode == -signal.SIGXCPU:
        return ChildTookTooLong(
            Message("it used more than %(cpu_s)s s of processor time", cpu_s=limits.cpu_s)
        )
    if returncode == -signal.SIGPROF:  # see guard.watchdog
        return ChildTookTooLong(Message("a small part of it did not end"))
    ending = (
        Message("signal %(returncode)s", returncode=-returncode)
        if returncode is not None and returncode < 0
        else Message("code %(returncode)s", returncode=returncode)
    )
    return ChildFailed(Message("the helper process ended with %(returncode)s", returncode=ending))
