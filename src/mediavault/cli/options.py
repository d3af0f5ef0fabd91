"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON value on standard output, and nothing else.")]
SetAside = Annotated[
    bool,
    typer.Option(
        "--set-aside", help="Move a damaged SQLite database aside first and start with a new one; a sound one stays."
    ),
]
JobIds = Annotated[list[str], typer.Argument(metavar="ID…", help="Job ids, as `list` shows them.", show_default=False)]
