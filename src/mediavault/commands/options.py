"""Options that many commands share."""

from __future__ import annotations

from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON value on standard output, and nothing else.")]
JobIds = Annotated[
    list[str], typer.Argument(metavar="ID…", help="Ids of jobs, as `list` shows them.", show_default=False)
]
