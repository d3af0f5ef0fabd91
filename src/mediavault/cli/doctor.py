"""``doctor``: checks the installation and says what helps. Exit code 1 when something is broken."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mediavault.cli.options import EXIT_JOB_FAILED, AsJson, Exit

if TYPE_CHECKING:
    from mediavault.core.settings import Settings
    from mediavault.extraction.port import UpgradeRecord
    from mediavault.presentation.doctor_report import Check

MARKS = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "broken": ("✕", "red")}

UpgradeYtdlp = Annotated[
    bool,
    typer.Option("--upgrade-ytdlp", help="First install the newest yt-dlp, for mediavault only."),
]
PreviousYtdlp = Annotated[
    bool,
    typer.Option("--previous-ytdlp", help="First go back to the yt-dlp before the last upgrade."),
]


Bundle = Annotated[
    Path | None,
    typer.Option(
        "--bundle",
        metavar="FILE",
        help="Also write a ZIP for a bug report, without secrets, posts or people.",
        show_default=False,
    ),
]


def doctor(
    *,
    upgrade_ytdlp: UpgradeYtdlp = False,
    previous_ytdlp: PreviousYtdlp = False,
    bundle: Bundle = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Also show each check that passed.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check the installation."""
    from mediavault.app.doctor.checks import examine
    from mediavault.cli.context import quiet_settings
    from mediavault.cli.output import out, print_json
    from mediavault.presentation.doctor_report import DoctorVerdict

    settings = quiet_settings()
    upgraded = (
        _change_ytdlp(settings, upgrade=upgrade_ytdlp) if upgrade_ytdlp or previous_ytdlp else None
    )
    checks = asyncio.run(examine(settings))
    if bundle is not None:
        from mediavault.app.doctor.bundle import write_bundle

        asyncio.run(write_bundle(bundle.absolute(), settings, checks))
    sound = all(check.verdict is not DoctorVerdict.BROKEN for check in checks)
    if as_json:
        change = (
            {"upgrade": {"before": upgraded.before, "after": upgraded.after}} if upgraded else {}
        )
        print_json({"ok": sound, "checks": [check.as_dict() for check in checks], **change})
    else:
        _print(checks, upgraded, is_verbose=verbose)
        if bundle is not None:
            out().print(f"Written: {bundle.absolute()}", markup=False, soft_wrap=True)
    if not sound:
        raise Exit(EXIT_JOB_FAILED)


def _change_ytdlp(settings: Settings, *, upgrade: bool) -> UpgradeRecord:
    """Upgrade yt-dlp, or go back to the former one."""
    from mediavault.app.ytdlp_upkeep import YtdlpUpkeep
    from mediavault.core.clock import SystemClock

    ytdlp = YtdlpUpkeep(settings.state_dir, SystemClock())
    return asyncio.run(ytdlp.upgrade()) if upgrade else ytdlp.go_back()


def _print(checks: list[Check], upgraded: UpgradeRecord | None, *, is_verbose: bool) -> None:
    """Print what is broken, then what may become a problem, then what is fine."""
    from mediavault.cli.output import out
    from mediavault.core.messages import counted

    console = out()
    if upgraded is not None:
        same = upgraded.before == upgraded.after
        words = (
            f"{upgraded.after} is the newest"
            if same
            else f"{upgraded.before or 'none'} → {upgraded.after}"
        )
        console.print(f"yt-dlp: {words}", markup=False)
    by_verdict = {mark: [check for check in checks if check.verdict == mark] for mark in MARKS}
    passed = by_verdict["ok"]
    shown = [*by_verdict["broken"], *by_verdict["warning"], *(passed if is_verbose else ())]
    for check in shown:
        mark, colour = MARKS[check.verdict]
        console.print(f"[{colour}]{mark}[/] [bold]{check.name}[/]", end="  ")
        console.print(check.detail, markup=False, soft_wrap=True)
        if check.help:
            console.print(f"  → {check.help}", markup=False, soft_wrap=True)
    if passed and not is_verbose:
        mark, colour = MARKS["ok"]
        more = "" if shown else "; --verbose shows them"
        console.print(f"[{colour}]{mark}[/] {counted(len(passed), 'check')} passed{more}")
