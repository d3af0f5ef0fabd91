"""What the processes of a real browser receive from us, and what they may use of this machine."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from mediavault.browser.discovery import find_browser
from mediavault.browser.processes import parent_of
from mediavault.core.failures import PageTooHeavy
from tests.acceptance.test_browser_capture import World, a_world

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(find_browser().path is None, reason="no browser is installed"),
    pytest.mark.skipif(sys.platform != "linux", reason="needs /proc"),
    pytest.mark.asyncio(loop_scope="module"),
]

CANARIES = {
    "AWS_SECRET_ACCESS_KEY": "canary-of-the-bucket",
    "PGPASSWORD": "canary-of-the-database",
    "MEDIAVAULT_TOKEN": "canary-of-the-token",
    "SOMETHING_ELSE": "canary-of-anybody",
}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in CANARIES.items():
            patch.setenv(name, value)
        async with a_world(tmp_path_factory.mktemp("b")) as shared:
            yield shared


def descendants() -> dict[str, bytes]:
    """Return the command lines of all processes below this one, with the environment of each."""
    environments = {}
    for folder in Path("/proc").glob("[0-9]*"):
        pid: int | None = int(folder.name)
        while pid and pid != os.getpid():
            pid = parent_of(pid)
        if pid and folder.name != str(os.getpid()):
            with contextlib.suppress(OSError):  # it has ended in the meantime
                line = (folder / "cmdline").read_text().replace("\0", " ")
                environments[f"{folder.name} {line}"] = (folder / "environ").read_bytes()
    return environments


async def test_no_process_of_the_browser_is_started_with_our_secrets(world: World) -> None:
    await world.capture("/plain")
    processes = descendants()
    leaks = {
        (line, name)
        for line, environment in processes.items()
        for name, value in CANARIES.items()
        if value.encode() in environment
    }

    assert any("run-driver" in line for line in processes), [*processes]
    assert any("--type=zygote" in line for line in processes), [*processes]
    assert any("--type=gpu-process" in line for line in processes), [*processes]
    assert leaks == set()


async def test_a_page_that_fills_the_memory_is_ended_and_others_continue(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world:
        world.browser = world.another(memory_limit=600 << 20)
        await world.capture("/plain")
        running = world.browser.pid
        hog = asyncio.ensure_future(world.capture("/hog"))
        concurrent = await world.capture("/plain")
        with pytest.raises(PageTooHeavy, match="600 MB"):
            await hog
        after = await world.capture("/plain")

        assert [len(seen.videos) for seen in (concurrent, after)] == [1, 1]
        assert len(world.site.headers_of("/hog")) == 1  # it is not retried at once
        assert world.browser.pid == running
