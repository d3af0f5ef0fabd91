"""Options that several commands share."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from mediavault import __version__
from mediavault.core.failures import MediavaultError

AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON value on standard output, and nothing else.")
]
SetAside = Annotated[
    bool,
    typer.Option(
        "--set-aside",
        help=(
            "Move a damaged SQLite database aside first and start with a new one; a sound one"
            " stays."
        ),
    ),
]
ID_HELP = "as `list` shows it, the first characters of it, or the post's URL."
JobIdText = Annotated[
    str, typer.Argument(metavar="ID", help=f"A job's id: {ID_HELP}", show_default=False)
]
JobIds = Annotated[
    list[str],
    typer.Argument(metavar="ID…", help=f"A job's id: {ID_HELP}", show_default=False),
]


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


def root_options(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Take the options of ``mediavault`` itself."""


# --- How commands report errors: the same code, message and help as the API, and a documented exit
# code.

EXIT_JOB_FAILED = 1
EXIT_REFUSED = 2


class Exit(Exception):
    """Ends the command with this exit code, after everything was printed."""

    def __init__(self, exit_code: int) -> None:
        super().__init__(exit_code)
        self.exit_code = exit_code


def print_error(exc: MediavaultError, *, as_json: bool) -> int:
    """Print the error, as JSON to standard output or as text to standard error;
    return the exit code.
    """
    if as_json:
        json.dump({"code": exc.code, "message": exc.message, "help": exc.help}, sys.stdout)
        sys.stdout.write("\n")
    else:
        from mediavault.presentation.labels import one_line

        sys.stderr.write(f"mediavault: {one_line(exc.message)}\n")
        if exc.help:
            sys.stderr.write(f"{one_line(exc.help)}\n")
    return EXIT_REFUSED
