"""``password``: set or remove a password. The old one is not asked for: the command has the database."""

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


UserName = Annotated[
    str | None, typer.Option("--user", help="Of this user, by default of the owner.", show_default=False)
]


def password(
    *, user: UserName = None, from_stdin: FromStdin = False, remove: Remove = False, as_json: AsJson = False
) -> None:
    """Set the owner's password, or another user's, and end the user's sessions."""
    from mediavault.auth.passwords import check_password
    from mediavault.cli.context import quiet_settings, with_store
    from mediavault.cli.output import out, print_json
    from mediavault.core.failures import BadInput
    from mediavault.core.users import OWNER

    name = user or OWNER
    if remove and name != OWNER:
        raise BadInput("Only the owner's password can be removed.", help="Remove the user: `mediavault user remove`.")
    settings = quiet_settings()
    chosen = None if remove else read_password(from_stdin=from_stdin)
    if chosen is not None:
        check_password(chosen)  # before the database is opened
    changed = asyncio.run(with_store(settings, lambda store: _change(store.records, name, chosen)))
    if as_json:
        print_json({"password": not remove, "changed": changed})
    elif changed:
        out().print("The password is removed." if remove else "The password is set: sign in with it at the page.")
    else:
        out().print("There is no password.")
    if not changed:
        raise Exit(EXIT_JOB_FAILED)


def read_password(*, from_stdin: bool) -> str:
    """Return a new password: a line of standard input, or what the user types twice."""
    return sys.stdin.readline().rstrip("\r\n") if from_stdin else _prompt()


async def _change(records: Records, user: str, chosen: str | None) -> bool:
    from mediavault.auth.credentials import WebSessions
    from mediavault.auth.users import Users
    from mediavault.core.clock import SystemClock

    users, changed = Users(records, SystemClock()), True
    if chosen is None:
        changed = await users.remove_password()
    else:
        await users.set_password(chosen, user)
    await WebSessions(records, SystemClock()).end_all(user if chosen else None)
    return changed


def _prompt() -> str:
    chosen: str = typer.prompt("New password", hide_input=True, confirmation_prompt="Once more", err=True)
    return chosen
