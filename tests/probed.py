"""Prints what the probe's helper processes say about files, as JSON:
``python -m tests.probed FILE …``.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

from mediavault.core.clock import SystemClock
from mediavault.media.probe import open_probe

WORK_S = 0.5  # of the processor, by which its speed is measured


async def main() -> None:
    """Print ``[[problem, …], …]``, a list for each file,
    and how many seconds a second of work takes.
    """
    async with open_probe(SystemClock(), helpers=1) as probe:
        reports = [await probe.check_unknown(Path(name)) for name in sys.argv[1:]]
    problems = [
        [f"{problem.kind}: {problem.reason}" for problem in report.problems] for report in reports
    ]
    print(json.dumps({"problems": problems, "pace": _pace()}))


def _pace() -> float:
    began, until = time.monotonic(), time.process_time() + WORK_S
    while time.process_time() < until:
        pass
    return (time.monotonic() - began) / WORK_S


if __name__ == "__main__":
    asyncio.run(main())
