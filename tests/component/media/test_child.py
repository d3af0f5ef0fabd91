"""Helper processes: limited, killable, without our secrets, and ended with their parent."""

from __future__ import annotations

import asyncio
import os
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest

from mediavault.browser.processes import is_alive
from mediavault.sandbox.process import ChildFailed, ChildLimits, ChildTookTooLong, run_child
from tests.patience import patient, until

LIMITS = ChildLimits(wall_s=patient(60), cpu_s=60, file_bytes=1_000)


@pytest.fixture(autouse=True)
def _modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)


def module(folder: Path, body: str) -> str:
    """Write a helper module whose ``answer(request)`` is ``body``."""
    source = "import sys\nfrom mediavault.sandbox.guard import serve\ndef answer(request):\n"
    (folder / "helper.py").write_text(
        source + textwrap.indent(textwrap.dedent(body), "    ") + "\nsys.exit(serve(answer))\n"
    )
    return "helper"


async def test_a_helper_is_handed_a_request_and_gives_an_answer(tmp_path: Path) -> None:
    helper = module(tmp_path, "return {'twice': request['number'] * 2}")

    assert await run_child(helper, {"number": 21}, limits=LIMITS) == {"twice": 42}


async def test_a_helpers_error_comes_with_its_errno(tmp_path: Path) -> None:
    helper = module(tmp_path, "import errno; raise OSError(errno.ENOSPC, 'full', '/secret/path')")

    with pytest.raises(ChildFailed) as failure:
        await run_child(helper, {}, limits=LIMITS)
    assert (failure.value.errno, failure.value.reason) == (28, "OSError: full")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("import os; os.kill(os.getpid(), 11)", "signal 11"),
        ("import os; os._exit(3)", "code 3"),
        ("import os; os._exit(0)", "no answer"),
        ("assert False", "code 1"),
        ("return []", "odd answer"),
        ("return {'big': 'x' * (5 << 20)}", "too long"),
    ],
)
async def test_a_helper_that_crashes_is_reported_with_the_reason(
    body: str, reason: str, tmp_path: Path
) -> None:
    with pytest.raises(ChildFailed, match=reason):
        await run_child(module(tmp_path, body), {}, limits=LIMITS)


async def test_a_helper_that_hangs_is_given_up(tmp_path: Path) -> None:
    helper = module(tmp_path, "import time; time.sleep(600)")

    with pytest.raises(ChildTookTooLong, match="took longer"):
        await run_child(helper, {}, limits=replace(LIMITS, wall_s=0.2))


async def test_a_cancelled_call_leaves_neither_its_process_nor_the_children_of_that(
    tmp_path: Path,
) -> None:
    marker = tmp_path / "pids"
    helper = module(
        tmp_path,
        f"""
        import os, subprocess, time
        child = subprocess.Popen(["sleep", "600"])
        open({str(marker)!r}, "w").write(f"{{os.getpid()}} {{child.pid}}\\n")
        time.sleep(600)
        """,
    )
    call = asyncio.create_task(run_child(helper, {}, limits=LIMITS))
    pids = await _written(marker)
    call.cancel()

    with pytest.raises(asyncio.CancelledError):
        await call
    await _gone(*map(int, pids.split()))


async def test_a_helper_may_not_use_more_memory_than_its_limit(tmp_path: Path) -> None:
    helper = module(
        tmp_path,
        """
        try:
            return {"took": len(bytearray(600 << 20))}
        except MemoryError:
            return {"took": 0}
        """,
    )
    limits = replace(LIMITS, address_space=400 << 20)

    assert await run_child(helper, {}, limits=limits) == {"took": 0}


async def test_a_helper_may_not_write_more_than_its_limit(tmp_path: Path) -> None:
    helper = module(
        tmp_path,
        f"open({str(tmp_path / 'out')!r}, 'wb', buffering=0).write(bytes(2_000)); return {{}}",
    )
    await run_child(helper, {}, limits=LIMITS)

    assert (tmp_path / "out").stat().st_size <= 1_000


async def test_a_helper_sees_no_secret_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDIAVAULT_TOKEN", "secret")
    helper = module(tmp_path, "import os; return {'names': sorted(os.environ)}")
    answer = await run_child(helper, {}, limits=LIMITS)

    assert "MEDIAVAULT_TOKEN" not in answer["names"]
    assert "HOME" not in answer["names"]


@pytest.mark.skipif(sys.platform != "linux", reason="network namespaces are Linux's")
async def test_a_helper_has_no_network_where_the_kernel_supports_that(tmp_path: Path) -> None:
    helper = module(tmp_path, "import os; return {'net': os.readlink('/proc/self/ns/net')}")
    answer = await run_child(helper, {}, limits=LIMITS)
    ours = str(Path("/proc/self/ns/net").readlink())
    if answer["net"] == ours and os.geteuid() != 0:
        pytest.skip("this kernel gives no namespaces to ordinary users")

    assert answer["net"] != ours


@pytest.mark.skipif(sys.platform != "linux", reason="the death signal is Linux's")
async def test_a_helper_dies_with_its_parent(tmp_path: Path) -> None:
    marker = tmp_path / "pid"
    helper = module(
        tmp_path,
        (
            f"import os, time; open({str(marker)!r}, 'w').write(f'{{os.getpid()}}\\n"
            "'); time.sleep(600)"
        ),
    )
    parent = f"""
import asyncio
from mediavault.sandbox.process import ChildLimits, run_child
asyncio.run(run_child({helper!r}, {{}}, limits=ChildLimits(wall_s=600, cpu_s=10, file_bytes=1_000)))
"""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", parent)
    pid = await _written(marker)
    process.kill()
    await process.wait()

    await _gone(int(pid))


async def _written(marker: Path) -> str:
    """Return what a helper wrote there, once it is a whole line."""
    while not marker.exists() or not (text := marker.read_text()).endswith("\n"):
        await asyncio.sleep(0.01)
    return text


async def _gone(*pids: int) -> None:
    """Wait until the processes have ended; one that waits to be reaped by init counts as ended."""
    await until(lambda: not any(map(is_alive, pids)), within_s=5, every_s=0.01)
