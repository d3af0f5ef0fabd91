"""``serve``, ``worker``, ``api``: the long-running processes; ``demo``:
the practice site with its vault.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mediavault.cli.options import AsJson, Exit

if TYPE_CHECKING:
    from mediavault.core.settings import Settings
from mediavault.cli.context import run

Host = Annotated[
    str | None, typer.Option(help="Listen here instead of MEDIAVAULT_HOST.", show_default=False)
]
Port = Annotated[
    int | None, typer.Option(help="Listen here instead of MEDIAVAULT_PORT.", show_default=False)
]
Concurrency = Annotated[
    int | None,
    typer.Option(
        help="Number of jobs at a time, instead of MEDIAVAULT_CONCURRENCY.", show_default=False
    ),
]


Platforms = Annotated[
    str | None,
    typer.Option(
        help="Claim only jobs of these platforms, as in x,tiktok; instead of MEDIAVAULT_PLATFORMS.",
        show_default=False,
    ),
]


def serve(
    host: Host = None,
    port: Port = None,
    concurrency: Concurrency = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Run the whole vault: API, pages and a worker, in one process."""
    from mediavault.app import processes

    settings = _listening(host=host, port=port, concurrency=concurrency)
    _announce("serve", settings, as_json=as_json)
    raise Exit(asyncio.run(processes.serve(settings)))


def worker(
    concurrency: Concurrency = None, platforms: Platforms = None, *, as_json: AsJson = False
) -> None:
    """Run a worker only."""
    from mediavault.app import processes

    settings = _load(concurrency=concurrency, platforms=platforms)
    _announce("worker", settings, as_json=as_json)
    raise Exit(asyncio.run(processes.run_worker(settings)))


def api(host: Host = None, port: Port = None, *, as_json: AsJson = False) -> None:
    """Run the API and the pages only; a worker runs elsewhere."""
    from mediavault.app import processes

    settings = _listening(host=host, port=port)
    _announce("api", settings, as_json=as_json)
    raise Exit(asyncio.run(processes.run_api(settings)))


def _listening(**overrides: Any) -> Settings:
    from mediavault.app.storage import is_new
    from mediavault.server.security import needs_a_password, no_password

    settings = _load(**overrides)
    if needs_a_password(settings) and is_new(settings):  # refused before anything is created
        raise no_password(settings)
    return settings


def _load(**overrides: Any) -> Settings:
    from mediavault.core.logs import configure_logs
    from mediavault.core.settings import load_settings

    settings = load_settings(
        **{name: value for name, value in overrides.items() if value is not None}
    )
    configure_logs(settings.log_level)
    return settings


def _announce(role: str, settings: Settings, *, as_json: bool) -> None:
    """Print what is about to run, for scripts; without --json the log shows it."""
    if not as_json:
        return
    from mediavault.cli.output import print_json

    print_json(
        {
            "role": role,
            "host": settings.host,
            "port": settings.port,
            "state_dir": str(settings.state_dir),
            "download_dir": str(settings.download_dir),
        }
    )


def demo(*, as_json: AsJson = False) -> None:
    """Start a practice site with a post for every kind of failure, and save them all."""
    from mediavault.cli.output import out
    from mediavault.core.logs import configure_logs
    from mediavault.demo.runner import run_demo

    configure_logs("error")
    raise Exit(run(run_demo(out(), as_json=as_json)))
