"""The command line. ``main`` returns the exit code: 0 done, 1 the job failed, 2 refused."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated

import typer

from mediavault import __version__
from mediavault.cli import (
    backup,
    check,
    classify,
    demo,
    doctor,
    drain,
    get,
    inspect,
    jobs,
    login,
    migrate,
    password,
    rebuild,
    serving,
    token,
    verify,
    workers,
)
from mediavault.cli.errors import EXIT_REFUSED, Exit, print_error
from mediavault.cli.streams import OutputLost, watched
from mediavault.core.failures import BadInput, MediavaultError

COMMANDS: Mapping[str, Callable[..., None]] = {
    "serve": serving.serve,
    "get": get.get,
    "add": jobs.add,
    "list": jobs.list_jobs,
    "show": jobs.show,
    "retry": jobs.retry,
    "cancel": jobs.cancel,
    "remove": jobs.remove,
    "limits": jobs.limits,
    "login": login.login,
    "answer": login.answer,
    "sessions": login.sessions,
    "inspect": inspect.inspect,
    "classify": classify.classify,
    "check": check.check,
    "worker": serving.worker,
    "workers": workers.workers,
    "drain": drain.drain,
    "api": serving.api,
    "migrate": migrate.migrate,
    "backup": backup.backup,
    "restore": backup.restore,
    "verify": verify.verify,
    "rebuild": rebuild.rebuild,
    "password": password.password,
    "doctor": doctor.doctor,
    "demo": demo.demo,
}

# Former names, still understood in 0.1 and not listed.
FORMER_COMMANDS: Mapping[str, Callable[..., None]] = {"gates": jobs.limits}

GROUPS: Mapping[str, tuple[str, Mapping[str, Callable[..., None]]]] = {
    "token": (
        "Tokens for programs, each with what it may do.",
        {"add": token.add, "list": token.list_tokens, "revoke": token.revoke},
    ),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    argv = list(sys.argv[1:] if arguments is None else arguments)
    with watched() as streams:
        try:
            code = _run(argv)
        except OutputLost:
            code = EXIT_REFUSED
        return streams.hand_over(code)


def _run(argv: Sequence[str]) -> int:
    as_json = "--json" in argv
    try:
        _app()(args=argv, prog_name="mediavault")
    except MediavaultError as exc:
        return print_error(exc, as_json=as_json)
    except Exit as exc:
        return exc.exit_code
    except SystemExit as exc:  # typer's own: help, an interrupt, or a usage error, which it has printed
        code = exc.code if isinstance(exc.code, int) else EXIT_REFUSED
        if code == EXIT_REFUSED and as_json:
            print_error(BadInput("The command line is not understood.", help="See `mediavault --help`."), as_json=True)
        return code
    return 0


def _app() -> typer.Typer:
    app = typer.Typer(
        name="mediavault",
        help="Saves the video behind a link and verifies that it plays.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_options)
    for name, command in COMMANDS.items():
        app.command(name)(command)
    for name, command in FORMER_COMMANDS.items():
        app.command(name, hidden=True)(command)
    for group, (words, commands) in GROUPS.items():
        parts = typer.Typer(name=group, help=words, no_args_is_help=True)
        for name, command in commands.items():
            parts.command(name)(command)
        app.add_typer(parts)
    return app


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


def _options(
    *,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Saves the video behind a link and verifies that it plays."""
