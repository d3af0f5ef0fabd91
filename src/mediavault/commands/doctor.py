"""``doctor``: what this machine has, what it lacks, and the exact words that help. Exit code 1 when something is broken."""

from __future__ import annotations

import asyncio

from mediavault.commands.complaints import EXIT_JOB_FAILED, Ended
from mediavault.commands.options import AsJson

MARKS = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "broken": ("✕", "red")}


def doctor(*, as_json: AsJson = False) -> None:
    """Examine the installation."""
    from mediavault.commands.checks import Check, Verdict, examine
    from mediavault.commands.jobs import quiet_settings
    from mediavault.commands.output import out, print_json

    checks: list[Check] = asyncio.run(examine(quiet_settings()))
    sound = all(check.verdict is not Verdict.BROKEN for check in checks)
    if as_json:
        print_json({"ok": sound, "checks": [check.as_dict() for check in checks]})
    else:
        console = out()
        for check in checks:
            mark, colour = MARKS[check.verdict]
            console.print(f"[{colour}]{mark}[/] [bold]{check.name}[/]", end="  ")
            console.print(check.detail, markup=False, soft_wrap=True)
            if check.help:
                console.print(f"  → {check.help}", markup=False, soft_wrap=True)
    if not sound:
        raise Ended(EXIT_JOB_FAILED)
