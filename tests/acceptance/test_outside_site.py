"""A site from a package outside the tree saves a post, from the command line to the file."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from mediavault.core.clock import SystemClock
from mediavault.demo.media import Clip
from mediavault.demo.site import practice_site
from tests.acceptance.test_serve import environment, free_port
from tests.outside_site import guide_blocks, install
from tests.patience import patient


async def test_a_site_from_another_package_saves_a_post(
    tmp_path: Path, clips: Mapping[str, Clip]
) -> None:
    async with practice_site(tmp_path / "practice", clips=clips, clock=SystemClock()) as site:
        packages = tmp_path / "packages"
        packages.mkdir()
        example = guide_blocks()[0].replace("https://films.example", site.origin)
        install(packages, example.replace("films.example", site.origin.removeprefix("http://")))
        path = os.pathsep.join(filter(None, [str(packages), os.environ.get("PYTHONPATH")]))
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "mediavault", "get", f"{site.origin}/posts/click",
            env=environment(tmp_path, free_port(), site, PYTHONPATH=path),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        out, _ = await asyncio.wait_for(process.communicate(), patient(60))

    assert process.returncode == 0, out.decode()
    (saved,) = (tmp_path / "downloads").rglob("*.mp4")
    assert saved.parent.name.startswith("films-")
    assert saved.read_bytes() == clips["click"].files["video.mp4"]
