"""``password``: set or remove the vault's password. The old one is not asked for: the command has the database."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from mediavault.cli.errors import EXIT_JOB_FAILED, Exit
from mediavault.cli.options import AsJson

if TYPE_CHECKING:
    from mediavault.store.port import Records

FromStdin = Annotated[bool, typer.Option("--stdin", help="Read it from standard input, one line, without asking.")]
Remove = Annotated[bool, typer.Option("--remove", help="Remove it: the vault is then open to this machine only.")]


def password(*, from_stdin: FromStdin = False, remove: Remove = False, as_json: AsJson = False) -> None:
    """Set the vault's password and end all sessions."""
    from mediavault.auth.passwords import check_password
    from mediavault.cli.context import quiet_settings, with_store
    from mediavault.cli.output import out, print_json

    settings = quiet_settings()
    chosen = None if remove else _from_stdin() if from_stdin else _prompt()
    if chosen is not None:
        check_password(chosen)  # before the database is opened
    changed = asyncio.run(with_store(settings, lambda store: _change(store.records, chosen)))
    if as_json:
        print_json({"password": not remove, "changed": changed})
    elif changed:
        out().print("The password is removed." if remove else "The password is set: sign in with it at the page.")
    else:
        out().print("There is no password.")
    if not changed:
        raise Exit(EXIT_JOB_FAILED)


async def _change(records: Records, chosen: str | None) -> bool:
    from mediavault.auth.owner import Owner
    from mediavault.auth.web_sessions import WebSessions
    from mediavault.core.clock import SystemClock

    owner, changed = Owner(records, SystemClock()), True
    if chosen is None:
        changed = await owner.remove_password()
    else:
        await owner.set_password(chosen)
    await WebSessions(records, SystemClock()).end_all()
    return changed


def _from_stdin() -> str:
    return sys.stdin.readline().rstrip("\r\n")


def _prompt() -> str:
    chosen: str = typer.prompt("New password", hide_input=True, confirmation_prompt="Once more", err=True)
    return chosen
