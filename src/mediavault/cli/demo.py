"""``demo``: saves the posts of the practice site. Needs no internet."""

from __future__ import annotations

from mediavault.cli.errors import Exit
from mediavault.cli.interrupts import run
from mediavault.cli.options import AsJson


def demo(*, as_json: AsJson = False) -> None:
    """Start a practice site with a post for every kind of failure, and save them all."""
    from mediavault.cli.output import out
    from mediavault.core.logs import configure_logs
    from mediavault.demo.runner import run_demo

    configure_logs("error")
    raise Exit(run(run_demo(out(), as_json=as_json)))
