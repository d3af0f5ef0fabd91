"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

from mediavault import __version__

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON value on standard output, and nothing else.")]
SetAside = Annotated[
    bool,
    typer.Option(
        "--set-aside", help="Move a damaged SQLite database aside first and start with a new one; a sound one stays."
    ),
]
JobIds = Annotated[list[str], typer.Argument(metavar="ID…", help="Job ids, as `list` shows them.", show_default=False)]


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


def root_options(
    *,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Take the options of ``mediavault`` itself."""
