"""A long-lived helper: one process for many requests, killed and replaced when it fails."""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from mediavault.services.sandbox import standing as child_standing
from mediavault.services.sandbox.process import ChildFailed, ChildLimits, ChildTookTooLong
from mediavault.services.sandbox.standing import PersistentChild
from tests.patience import patient

LIMITS = ChildLimits(wall_s=patient(60), cpu_s=60, file_bytes=1_000)


@pytest.fixture
async def helper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[PersistentChild]:
    """A helper that runs a request's ``do``, then answers with its pid and its number of answers."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    source = """
        import os, resource, sys, time
        from pathlib import Path
        from mediavault.services.sandbox.guard import serve_lines
        seen = []
        def answer(request):
            exec(request.get("do", ""))
            seen.append(1)
            return {"pid": os.getpid(), "count": len(seen)}
        sys.exit(serve_lines(answer, max_request_bytes=1 << 26))
    """
    (tmp_path / "standing_helper.py").write_text(textwrap.dedent(source))
    child = PersistentChild("standing_helper")
    yield child
    await child.close()


async def test_one_process_answers_many_requests(helper: PersistentChild) -> None:
    answers = [await helper.ask({}, limits=LIMITS) for _ in range(3)]

    assert [answer["count"] for answer in answers] == [1, 2, 3]
    assert len({answer["pid"] for answer in answers}) == 1


async def test_an_error_that_it_reports_leaves_it_running(helper: PersistentChild) -> None:
    before = await helper.ask({}, limits=LIMITS)
    with pytest.raises(ChildFailed, match="ValueError: odd"):
        await helper.ask({"do": "raise ValueError('odd')"}, limits=LIMITS)

    assert (await helper.ask({}, limits=LIMITS))["pid"] == before["pid"]


async def test_a_helper_that_hangs_is_killed_and_replaced(helper: PersistentChild) -> None:
    before = await helper.ask({}, limits=LIMITS)
    with pytest.raises(ChildTookTooLong):
        await helper.ask({"do": "time.sleep(600)"}, limits=replace(LIMITS, wall_s=0.3))
    after = await helper.ask({}, limits=LIMITS)

    assert (after["count"], after["pid"] != before["pid"]) == (1, True)
    assert not Path(f"/proc/{before['pid']}").exists() or sys.platform != "linux"


async def test_a_request_that_uses_up_its_processor_time_ends_the_process(helper: PersistentChild) -> None:
    with pytest.raises(ChildTookTooLong, match="processor time"):
        await helper.ask({"do": "while True: pass"}, limits=replace(LIMITS, cpu_s=0))


async def test_receiving_a_request_does_not_count_as_time_of_the_previous_one(helper: PersistentChild) -> None:
    """Receiving a large request takes CPU time, and the previous request may have used up all of its own."""
    use_up = "end = resource.getrlimit(resource.RLIMIT_CPU)[0] - 0.8\nwhile time.process_time() < end: pass"
    await helper.ask({"do": use_up}, limits=replace(LIMITS, cpu_s=5))
    large = {"values": [[{"a": 1}]] * 2_000_000}

    assert (await helper.ask(large, limits=LIMITS))["count"] == 2


async def test_a_crash_is_retried_once_in_a_fresh_process(helper: PersistentChild, tmp_path: Path) -> None:
    """The previous requests may have caused the crash."""
    await helper.ask({}, limits=LIMITS)
    answer = await helper.ask({"do": "seen and os._exit(3)"}, limits=LIMITS)

    assert answer["count"] == 1


async def test_a_request_that_crashes_a_fresh_process_fails(helper: PersistentChild) -> None:
    with pytest.raises(ChildFailed, match="code 3"):
        await helper.ask({"do": "os._exit(3)"}, limits=LIMITS)


async def test_a_process_is_replaced_after_a_number_of_requests(
    helper: PersistentChild, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child_standing, "MAX_REQUESTS_PER_CHILD", 2)
    answers = [await helper.ask({}, limits=LIMITS) for _ in range(3)]

    assert [answer["count"] for answer in answers] == [1, 2, 1]


async def test_it_is_confined_like_any_helper(helper: PersistentChild) -> None:
    """It may not use more memory than its limit."""
    with pytest.raises(ChildFailed):
        await helper.ask({"do": "bytearray(600 << 20)"}, limits=replace(LIMITS, address_space=400 << 20))
