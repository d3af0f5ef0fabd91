"""Child processes that answer many requests, one JSON line each, so that no request pays for a
start.

The process has its libraries loaded and is confined (``guard``); it forks for each request, so that
one file cannot change how the next one is read.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

from mediavault.core.clock import Clock
from mediavault.core.messages import Message
from mediavault.sandbox.process import (
    ChildFailed,
    ChildLimits,
    ChildTookTooLong,
    encode_limits,
    end_process,
    environment,
    failure_of_exit,
    read_answer,
)

IDLE_S = 60.0  # until a child of a pool that gets no request is ended


class PersistentChild:
    """One child process of ``module``, started with the first request. Requests must not overlap.

    The module's ``main`` calls ``guard.serve_lines``.
    """

    def __init__(self, module: str) -> None:
        self._module = module
        self._process: asyncio.subprocess.Process | None = None
        self._ending: asyncio.Task[None] | None = None

    async def ask(self, request: Mapping[str, Any], *, limits: ChildLimits) -> Mapping[str, Any]:
        """Return the child's answer to ``request``. Raises ChildFailed and ChildTookTooLong.

        A running process that has ended by itself, as when memory ran out, is replaced, and a fresh
        one is asked. ``limits.answer_bytes`` holds for the process: those of its first request.
        """
        was_running = self._process is not None
        try:
            return await self._ask(request, limits)
        except _Ended:
            if not was_running:
                raise
        return await self._ask(request, limits)

    async def close(self) -> None:
        """End the process and wait for its end, also where an earlier call that was cancelled has
        begun it.
        """
        process, self._process = self._process, None
        if process is not None:
            self._ending = asyncio.create_task(end_process(process))
        if self._ending is not None:
            await asyncio.shield(self._ending)

    async def _ask(self, request: Mapping[str, Any], limits: ChildLimits) -> Mapping[str, Any]:
        answered = False
        try:
            async with asyncio.timeout(limits.wall_s):
                line = await self._exchange({**request, "limits": encode_limits(limits)}, limits)
            answered = True
        except TimeoutError as exc:
            raise ChildTookTooLong(
                Message("it took longer than %(wall_s).0f s", wall_s=limits.wall_s)
            ) from exc
        finally:
            if not answered:
                await self.close()
        answer = await asyncio.to_thread(read_answer, line)
        if (ended := answer.get("ended")) is not None:
            raise failure_of_exit(ended, limits)
        return answer

    async def _exchange(self, request: Mapping[str, Any], limits: ChildLimits) -> bytes:
        process = self._process or await self._start(limits)
        assert process.stdin is not None
        assert process.stdout is not None
        # it ended: its answer is empty
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            # in a thread: a request may have many megabytes
            process.stdin.write(await asyncio.to_thread(_line, request))
            await process.stdin.drain()
        try:
            line = await process.stdout.readline()
        except ValueError as exc:
            raise ChildFailed(Message("its answer is too long")) from exc
        if not line.endswith(b"\n"):
            raise _Ended(failure_of_exit(await process.wait(), limits).reason)
        return line

    async def _start(self, limits: ChildLimits) -> asyncio.subprocess.Process:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            self._module,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=environment(),
            start_new_session=True,
            limit=limits.answer_bytes,
        )
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"parent": os.getpid()}).encode() + b"\n")
        return self._process


class _Ended(ChildFailed):
    """The process itself has ended, not only a fork of it."""


class ChildPool:
    """At most ``size`` processes of ``module``. A request that finds them all busy waits for the
    first that is free.
    """

    def __init__(self, module: str, clock: Clock, *, size: int) -> None:
        self._clock = clock
        self._all = [PersistentChild(module) for _ in range(size)]
        # last in, first out: a process that is running already is used before another one is
        # started
        self._free: asyncio.LifoQueue[PersistentChild] = asyncio.LifoQueue()
        self._endings: dict[PersistentChild, asyncio.Task[None]] = {}
        self._closed = False
        for child in self._all:
            self._free.put_nowait(child)

    async def ask(
        self, make_request: Callable[[], Mapping[str, Any]], *, limits: ChildLimits
    ) -> Mapping[str, Any]:
        """Return a child's answer. Raises as :meth:`PersistentChild.ask`; the time limit begins
        when a child is free.

        ``make_request`` is called in a thread and only then, so that requests that wait use no
        memory yet.
        """
        child = await self._free.get()
        if (ending := self._endings.pop(child, None)) is not None:
            ending.cancel()
        try:
            return await child.ask(await asyncio.to_thread(make_request), limits=limits)
        finally:
            if not self._closed:
                self._endings[child] = asyncio.create_task(
                    self._end_when_idle(child), name="end-idle-child"
                )
            self._free.put_nowait(child)

    async def close(self) -> None:
        """End all processes and wait for their end."""
        self._closed = True
        endings, self._endings = list(self._endings.values()), {}
        for ending in endings:
            ending.cancel()
        await asyncio.gather(*endings, return_exceptions=True)
        for child in self._all:
            await child.close()

    async def _end_when_idle(self, child: PersistentChild) -> None:
        """End an idle child; the next request cancels this.

        ``close`` drops the process before it waits, so a cancelled one is never reused.
        """
        await self._clock.sleep(IDLE_S)
        await child.close()


def _line(request: Mapping[str, Any]) -> bytes:
    return json.dumps(request).encode("ascii") + b"\n"
