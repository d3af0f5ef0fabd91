"""``login``, ``answer`` and ``sessions``: sign in to sites by a browser window or a cookies.txt,
and list the sessions.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mediavault.cli.context import quiet_settings
from mediavault.cli.options import EXIT_JOB_FAILED, AsJson, Exit, JobIdText
from mediavault.core.failures import BadInput
from mediavault.core.messages import counted
from mediavault.core.sessions import BrowserTask

if TYPE_CHECKING:
    from mediavault.core.settings import Settings
    from mediavault.presentation.schemas import JobView
    from mediavault.presentation.session_views import ImportView, SessionView

MAX_FILE_CHARS = (4 << 20) + 1  # one more than allowed


def login(
    platform: Annotated[
        str, typer.Argument(metavar="SITE", help="As in jobs: x, instagram, …", show_default=False)
    ],
    *,
    cookies: Annotated[
        str | None,
        typer.Option(
            "--cookies",
            metavar="FILE",
            help=(
                "Import the site's cookies from a cookies.txt (Netscape format); - reads it from"
                " standard input."
            ),
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Sign in to a site, to save posts that it shows to signed-in users only."""
    settings = quiet_settings()
    if cookies is not None:
        imported = asyncio.run(_import(settings, platform, _read(cookies)))
        _print_import(imported, as_json=as_json)
        view = imported.session
    else:
        view = asyncio.run(_sign_in(settings, platform, silent=as_json))
        _print_session(view, as_json=as_json)
    if view.signed_in is False:
        raise Exit(EXIT_JOB_FAILED)


def answer(
    job_id: JobIdText,
    *,
    as_json: AsJson = False,
) -> None:
    """Open a browser window on the post of a job that needs you;
    the job continues when you close it.
    """
    from mediavault.cli.output import out, print_json

    view = asyncio.run(_answer(quiet_settings(), job_id, silent=as_json))
    if as_json:
        print_json(view)
    else:
        out().print(f"{view.display.title}: {view.display.state}.", markup=False)


def sessions(*, as_json: AsJson = False) -> None:
    """Show the sessions, when they expire, and how many jobs wait for a sign-in."""
    from mediavault.cli.output import print_json

    views = asyncio.run(_states(quiet_settings()))
    if as_json:
        print_json(views)
    else:
        _print_table(views)


# --- actions --------------------------------------------------------------------------------------


async def _import(settings: Settings, platform: str, text: str) -> ImportView:
    from mediavault.app import composition, storage
    from mediavault.presentation.session_views import import_view
    from mediavault.store.waiting_jobs import resume_after_sign_in

    manager = composition.session_manager(settings)
    report = await manager.import_cookies(platform, text)
    state = await manager.state(platform)
    async with storage.open_store(settings) as store:
        resumed = await resume_after_sign_in(state, store)
        return await import_view(report, resumed, state, store)


async def _sign_in(settings: Settings, platform: str, *, silent: bool) -> SessionView:
    from mediavault.app import composition, one_shot, storage
    from mediavault.browser.own_display import has_display
    from mediavault.presentation.session_views import session_view
    from mediavault.store.waiting_jobs import resume_after_sign_in

    # an unknown site is refused before anything opens
    site = composition.session_manager(settings).platform(platform)
    if not has_display():
        raise _no_screen(settings, f"sessions#{platform}", "Or use --cookies FILE.")
    if not silent:
        _announce(f"Sign in to {site.title}")
    state = await one_shot.window_here(
        settings, BrowserTask(site, site.sign_in.url or ""), _enter_pressed
    )
    async with storage.open_store(settings) as store:
        await resume_after_sign_in(state, store)
        return await session_view(state, store)


async def _answer(settings: Settings, text: str, *, silent: bool) -> JobView:
    from mediavault.app import composition, one_shot, storage
    from mediavault.browser.own_display import has_display
    from mediavault.presentation.views import job_view
    from mediavault.store.job_ids import find_job_id
    from mediavault.store.waiting_jobs import browser_task_for, resume_after_window

    async with storage.open_store(settings) as store:
        submission = composition.make_submission(settings)
        job_id = await find_job_id(store.catalogue, submission, text)
        task = browser_task_for(await store.catalogue.get(job_id), submission)
    if not has_display():
        raise _no_screen(settings, f"jobs/{job_id}")
    if not silent:
        _announce(f"Answer what {task.platform.title} asks there")
    state = await one_shot.window_here(settings, task, _enter_pressed)
    async with storage.open_store(settings) as store:
        await resume_after_window(state, task, store)
        return job_view(await store.catalogue.get(job_id))


def _announce(what: str) -> None:
    from mediavault.cli.output import err

    how = "close it, or press Enter here" if sys.stdin.isatty() else "close it"
    err().print(f"A browser window opens. {what}, then {how}.", markup=False)


async def _states(settings: Settings) -> list[SessionView]:
    from mediavault.app import composition, storage
    from mediavault.presentation.session_views import session_views

    states = await composition.session_manager(settings).states()
    async with storage.open_store(settings) as store:
        return await session_views(states, store)


async def _enter_pressed() -> None:
    """Wait until Enter is pressed; forever without a terminal."""
    pressed = asyncio.Event()
    if not sys.stdin.isatty():
        await pressed.wait()
    loop = asyncio.get_running_loop()
    loop.add_reader(sys.stdin, pressed.set)
    try:
        await pressed.wait()
        sys.stdin.readline()
    finally:
        loop.remove_reader(sys.stdin)


def _read(source: str) -> str:
    try:
        if source == "-":
            return sys.stdin.read(MAX_FILE_CHARS)
        with Path(source).open(encoding="utf-8", errors="replace") as file:
            return file.read(MAX_FILE_CHARS)
    except OSError as exc:
        raise BadInput(f"{source} cannot be read: {exc.strerror}.") from exc


def _no_screen(settings: Settings, page: str, more: str = "") -> BadInput:
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.host, settings.host)  # noqa: S104 - shown, not bound to
    address = f"http://{host}:{settings.port}/{page}"
    return BadInput(
        "There is no screen here on which a window could open.",
        help=(
            f"Open {address} while `mediavault serve` runs: the window opens inside that page."
            f" {more}"
        ).rstrip(),
    )


# --- output ---------------------------------------------------------------------------------------


def _print_import(view: ImportView, *, as_json: bool) -> None:
    from mediavault.cli.output import moment_words, out, print_json

    if as_json:
        print_json(view)
        return
    end = f"; the first expires on {moment_words(view.first_expiry)}" if view.first_expiry else ""
    out().print(
        f"{counted(view.taken, 'cookie')} of {view.session.title} taken{end}.", markup=False
    )
    if view.elsewhere or view.run_out:
        out().print(
            f"Left out: {view.elsewhere} of other sites, {view.run_out} that have expired.",
            style="dim",
        )
    _print_session(view.session, as_json=False)


def _print_session(view: SessionView, *, as_json: bool) -> None:
    from mediavault.cli.output import moment_words, out, print_json

    if as_json:
        print_json(view)
        return
    end = f", until {moment_words(view.expires_at)}" if view.expires_at else ""
    out().print(f"{view.title}: {view.state}{end}.", markup=False)


def _print_table(views: list[SessionView]) -> None:
    from rich.table import Table

    from mediavault.cli.output import moment_words, out

    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("Site", "State", "Until", "Elsewhere", "Waiting", "Since"):
        table.add_column(name, no_wrap=name != "Site")
    for view in views:
        table.add_row(
            view.platform,
            f"{view.state}; the account was warned" if view.warned_until else view.state,
            moment_words(view.expires_at),
            ", ".join(view.elsewhere),
            str(view.waiting) if view.waiting else "",
            moment_words(view.wall_since),
        )
    out().print(table)
