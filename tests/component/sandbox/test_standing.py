"""A long-lived helper: one process for many requests, a fork for each of them."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import signal
import sys
import textwrap
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from mediavault.browser.processes import is_alive
from mediavault.core.messages import Message
from mediavault.sandbox.process import ChildFailed, ChildLimits, ChildTookTooLong
from mediavault.sandbox.standing import PersistentChild
from tests.patience import patient

LIMITS = ChildLimits(wall_s=patient(60), cpu_s=60, file_bytes=1_000)


@pytest.fixture
async def helper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[PersistentChild]:
    """A helper that runs a request's ``do``, then answers with its process,
    the one that it is a fork of, and a count.
    """
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    source = """
        import os, resource, sys, time
        from pathlib import Path
        from mediavault.sandbox.guard import serve_lines
        seen = []
        def answer(request):
            exec(request.get("do", ""))
            seen.append(1)
            return {"pid": os.getpid(), "server": os.getppid(), "count": len(seen)}
        sys.exit(serve_lines(answer, max_request_bytes=1 << 26))
    """
    (tmp_path / "standing_helper.py").write_text(textwrap.dedent(source))
    child = PersistentChild("standing_helper")
    yield child
    await child.close()


async def test_one_process_forks_for_each_request(helper: PersistentChild) -> None:
    answers = [await helper.ask({}, limits=LIMITS) for _ in range(3)]

    assert len({answer["server"] for answer in answers}) == 1
    assert len({answer["pid"] for answer in answers}) == 3


async def test_what_one_request_changes_no_other_one_sees(helper: PersistentChild) -> None:
    answers = [await helper.ask({"do": "seen += [1, 1]"}, limits=LIMITS) for _ in range(2)]

    assert [answer["count"] for answer in answers] == [3, 3]


async def test_an_error_that_it_reports_leaves_it_running(helper: PersistentChild) -> None:
    before = await helper.ask({}, limits=LIMITS)
    with pytest.raises(ChildFailed, match="ValueError: odd"):
        await helper.ask({"do": "raise ValueError('odd')"}, limits=LIMITS)

    assert (await helper.ask({}, limits=LIMITS))["server"] == before["server"]


async def test_a_message_of_ours_comes_back_as_it_was_and_without_the_name_of_its_class(
    helper: PersistentChild,
) -> None:
    said = Message("its %(kind)s begins half way", kind=Message("sound"))
    do = "from mediavault.core.messages import Message; "
    do += "raise ValueError(Message('its %(kind)s begins half way', kind=Message('sound')))"
    with pytest.raises(ChildFailed) as caught:
        await helper.ask({"do": do}, limits=LIMITS)

    reason = caught.value.reason
    assert isinstance(reason, Message)
    assert (reason, reason.template, reason.values) == (said, said.template, said.values)


@pytest.mark.parametrize(
    ("do", "how"),
    [
        ("os._exit(3)", "code 3"),
        ("os.kill(os.getpid(), 11)", "signal 11"),
        ("raise MemoryError", "code 1"),
        ("sys.exit(0)", "code 1"),
        ("os._exit(0)", "code 0"),
        ("os.write(3, b'half an answer'); os._exit(0)", "code 0"),
    ],
)
async def test_a_request_that_crashes_its_fork_fails_alone(
    helper: PersistentChild, do: str, how: str
) -> None:
    before = await helper.ask({}, limits=LIMITS)
    with pytest.raises(ChildFailed, match=how):
        await helper.ask({"do": do}, limits=LIMITS)

    assert (await helper.ask({}, limits=LIMITS))["server"] == before["server"]


async def test_a_helper_that_hangs_is_killed_with_its_fork_and_replaced(
    helper: PersistentChild,
) -> None:
    before = await helper.ask({}, limits=LIMITS)
    with pytest.raises(ChildTookTooLong):
        await helper.ask({"do": "time.sleep(600)"}, limits=replace(LIMITS, wall_s=0.3))
    after = await helper.ask({}, limits=LIMITS)

    assert after["server"] != before["server"]
    assert not is_alive(before["server"]) or sys.platform != "linux"


async def test_a_helper_that_ended_while_it_was_idle_is_replaced(helper: PersistentChild) -> None:
    """As when the system's memory ran out and it was killed: the request is not the cause."""
    before = await helper.ask({}, limits=LIMITS)
    os.kill(before["server"], signal.SIGKILL)
    after = await helper.ask({}, limits=LIMITS)

    assert after["server"] != before["server"]


async def test_a_request_that_uses_up_its_processor_time_is_ended(helper: PersistentChild) -> None:
    before = await helper.ask({}, limits=LIMITS)
    with pytest.raises(ChildTookTooLong, match="processor time"):
        await helper.ask({"do": "while True: pass"}, limits=replace(LIMITS, cpu_s=1))

    assert (await helper.ask({}, limits=LIMITS))["server"] == before["server"]


@pytest.mark.parametrize(("work", "ends"), [("while True: pass", True), ("pass", False)])
async def test_only_a_piece_of_work_that_does_not_end_is_ended_by_the_watchdog(
    work: str, ends: bool, helper: PersistentChild
) -> None:
    """Waiting, and any number of pieces that end, are no reason."""
    do = f"""
from mediavault.sandbox.guard import watchdog
with watchdog(cpu_s=0.3) as still_working:
    for piece in range(48):
        still_working()
        end = time.process_time() + 0.01
        while time.process_time() < end: pass
    {work}
"""
    if ends:
        with pytest.raises(ChildTookTooLong, match="did not end"):
            await helper.ask({"do": do}, limits=LIMITS)
    else:
        assert (await helper.ask({"do": do}, limits=LIMITS))["count"] == 1


async def test_a_process_that_a_request_leaves_behind_cannot_answer_the_next_one(
    helper: PersistentChild,
) -> None:
    lie = """
if os.fork() == 0:
    while True:
        for stream in range(10):
            try: os.write(stream, b'{"count": -1}\\n')
            except OSError: pass
        time.sleep(0.001)
"""
    with contextlib.suppress(ChildFailed):  # it disturbs only its own answer
        await helper.ask({"do": lie}, limits=LIMITS)
    answers = [await helper.ask({"do": "time.sleep(0.05)"}, limits=LIMITS) for _ in range(3)]

    assert [answer["count"] for answer in answers] == [1, 1, 1]


async def test_each_request_has_its_own_limits(helper: PersistentChild) -> None:
    """It may not use more memory than its limit, and the next one may."""
    with pytest.raises(ChildFailed):
        await helper.ask(
            {"do": "bytearray(600 << 20)"}, limits=replace(LIMITS, address_space=400 << 20)
        )

    await helper.ask({"do": "bytearray(600 << 20)"}, limits=LIMITS)


async def test_a_request_that_is_too_long_ends_the_process(helper: PersistentChild) -> None:
    with pytest.raises(ChildFailed):
        await helper.ask({"text": "x" * (1 << 26)}, limits=LIMITS)

    assert (await helper.ask({}, limits=LIMITS))["count"] == 1


async def test_a_machine_that_cannot_fork_is_not_the_requests_fault(
    helper: PersistentChild, tmp_path: Path
) -> None:
    source = (tmp_path / "standing_helper.py").read_text()
    no_fork = (
        "def fork(): raise BlockingIOError(11, 'Resource temporarily unavailable')\n"
        "os.fork = fork\n"
    )
    (tmp_path / "standing_helper.py").write_text(
        source.replace("seen = []\n", f"seen = []\n{no_fork}", 1)
    )

    with pytest.raises(ChildFailed) as caught:
        await helper.ask({}, limits=LIMITS)
    assert caught.value.errno == errno.EAGAIN


async def test_closing_waits_for_an_end_that_was_begun_and_cancelled(
    helper: PersistentChild,
) -> None:
    server = (await helper.ask({}, limits=LIMITS))["server"]
    begun = asyncio.create_task(helper.close())
    await asyncio.sleep(0)
    begun.cancel()
    await asyncio.gather(begun, return_exceptions=True)
    await helper.close()

    assert not is_alive(server)
