"""``completion``: the scripts by which shells complete what is typed, and the values they offer.

Shells call ``mediavault`` with a variable that says what is asked for. Only the used command is
loaded, the vault is read for at most a second, and what goes wrong gives no completions: an error
would appear in the line that the user types.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import shlex
from collections.abc import Awaitable, Callable, Iterable, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mediavault.cli.options import AsJson

if TYPE_CHECKING:
    from mediavault.store.port import Store

PATIENCE_S = 1.0
RECENT_JOBS = 30

# Zsh evaluates what it is given, and titles are other people's.
_UNSAFE = re.compile(r"[^\w .,/@#+-]")

Values = Iterable[tuple[str, str]]  # each with what is shown next to it


class Shell(StrEnum):
    """The shells for which there is a script."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def completion(
    shell: Annotated[Shell, typer.Argument(help="The shell.", show_default=False)],
    *,
    as_json: AsJson = False,
) -> None:
    """Print a script by which a shell completes commands, options and ids."""
    from typer.completion import get_completion_script  # type: ignore[attr-defined]

    from mediavault.cli.output import print_json

    script = get_completion_script(
        prog_name="mediavault", complete_var="_MEDIAVAULT_COMPLETE", shell=shell.value
    )
    if as_json:
        print_json({"shell": shell.value, "script": script})
    else:
        typer.echo(script)


def complete(
    app_of: Callable[[str], typer.Typer], environment: Mapping[str, str], variable: str
) -> int:
    """Print what a shell asks for, and return 0 in any case."""
    from typer.completion import completion_init  # type: ignore[attr-defined]

    typed = environment.get("COMP_WORDS") or environment.get("_TYPER_COMPLETE_ARGS") or ""
    is_bash = environment[variable].endswith("bash")
    logging.disable()
    with contextlib.suppress(Exception, SystemExit), contextlib.ExitStack() as afterwards:
        afterwards.callback(logging.disable, logging.NOTSET)
        completion_init()
        command: Any = typer.main.get_command(app_of((*typed.split(), "", "")[1]))
        for part in _commands_in(command):
            for parameter in part.params:
                if source := _source_of(parameter):
                    # over the method of the class, which knows no values
                    parameter.shell_complete = _completer(source, quotes=is_bash)
        command(args=[], prog_name="mediavault", complete_var=variable)
    return 0


def _commands_in(command: Any) -> Iterable[Any]:
    yield command
    for part in getattr(command, "commands", {}).values():
        yield from _commands_in(part)


def _source_of(parameter: Any) -> Callable[[str], Values] | None:
    metavar = (parameter.metavar or "").strip("[]…")
    return _BY_NAME.get(parameter.name or "") or _BY_METAVAR.get(metavar)


def _completer(source: Callable[[str], Values], *, quotes: bool) -> Callable[[Any, str], list[Any]]:
    from typer._click.shell_completion import CompletionItem

    def completions(_: Any, incomplete: str) -> list[Any]:
        return [
            CompletionItem(
                shlex.quote(value) if quotes else value, help=_UNSAFE.sub("", about) or None
            )
            for value, about in source(incomplete)
            if value.startswith(incomplete) and not _UNSAFE.search(value)
        ]

    return completions


def _read_vault(read: Callable[[Store], Awaitable[Values]]) -> Values:
    """Return what is read of the vault's database; nothing if there is none, or not in time."""
    from mediavault.app.storage import is_new
    from mediavault.cli.context import with_store
    from mediavault.core.settings import load_settings

    settings = load_settings()
    if is_new(settings):
        return ()
    return asyncio.run(asyncio.wait_for(with_store(settings, read), PATIENCE_S))


def _sites(_: str) -> Values:
    from mediavault.platforms.registry import all_platforms

    return sorted((platform.name, platform.title) for platform in all_platforms())


def _profiles(_: str) -> Values:
    from mediavault.core.profiles import BUILT_IN

    async def read(store: Store) -> Values:
        from mediavault.store.profiles import all_profiles

        return [(name, "") for name in await all_profiles(store.records)]

    # without a vault too
    own = list(_read_vault(read))
    return [*((name, "") for name in BUILT_IN if (name, "") not in own), *own]


def _names(kind: str) -> Callable[[str], Values]:
    def names(_: str) -> Values:
        async def read(store: Store) -> Values:
            return [(count.text, "") for count in await store.marks.names(f"{kind}/")]

        return _read_vault(read)

    return names


def _job_ids(incomplete: str) -> Values:
    """Return the ids of the latest jobs with their titles;
    once enough is typed, of those that begin like this.
    """

    async def read(store: Store) -> Values:
        from mediavault.presentation.labels import one_line
        from mediavault.presentation.views import job_view
        from mediavault.store.job_ids import short_ids
        from mediavault.store.port import JobQuery

        jobs = (await store.catalogue.jobs(JobQuery(limit=RECENT_JOBS))).jobs
        short = await short_ids(store.catalogue, [job.id for job in jobs])
        return [
            (
                job.id if len(incomplete) > len(short[job.id]) else short[job.id],
                one_line(job_view(job).display.title),
            )
            for job in jobs
        ]

    return _read_vault(read)


_BY_NAME: Mapping[str, Callable[[str], Values]] = {
    "job_id": _job_ids,
    "job_ids": _job_ids,
    "post": _job_ids,
    "profile": _profiles,
    "restore": _job_ids,
    "tag": _names("tag"),
}
_BY_METAVAR: Mapping[str, Callable[[str], Values]] = {
    "SITE": _sites,
    "TAG": _names("tag"),
    "TITLE": _names("collection"),
}
