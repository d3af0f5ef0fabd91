"""``user add | list | role | remove``: the users of the vault other than its owner; ``password``:
set a user's or the owner's.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from mediavault.cli.options import EXIT_JOB_FAILED, AsJson, Exit
from mediavault.core.users import Role

if TYPE_CHECKING:
    from mediavault.auth.authenticator import Authenticator
    from mediavault.auth.users import User
    from mediavault.store.port import Records, Store


T = TypeVar("T")

Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME", help="The name that the user signs in with.", show_default=False
    ),
]
ROLES = (
    "viewer: watch everything; member: also add, change, share and delete posts; admin: everything."
)


def add(
    name: Name,
    role: Annotated[Role, typer.Option("--role", help=ROLES)] = Role.VIEWER,
    *,
    from_stdin: FromStdin = False,
    as_json: AsJson = False,
) -> None:
    """Add a user. Asks for the password, which the user can change."""
    from mediavault.auth.passwords import check_password
    from mediavault.cli.output import out, print_json
    from mediavault.core.failures import BadInput
    from mediavault.core.users import user_name

    user_name(name)
    password = read_password(from_stdin=from_stdin)
    check_password(password)  # before the database is opened

    async def add_user(authenticator: Authenticator, _: Store) -> User:
        if not await authenticator.users.has_password():
            raise BadInput(
                "Users can be added when the vault has a password.",
                help="Set it: `mediavault password`.",
            )
        return await authenticator.add_user(name, role, password)

    user = _with_authenticator(add_user)
    if as_json:
        print_json(_as_dict(user))
    else:
        out().print(f"{user.name} can sign in now, as {user.role}.", markup=False, highlight=False)


def list_users(*, as_json: AsJson = False) -> None:
    """List the users with their roles; the owner is not listed."""
    from mediavault.cli.output import out, print_json

    users = _with_authenticator(lambda authenticator, _: authenticator.users.all())
    if as_json:
        print_json({"users": [_as_dict(user) for user in users]})
        return
    for user in users:
        out().print(f"{user.role:<6}  {user.name}", markup=False, highlight=False, soft_wrap=True)
    if not users:
        out().print("There are no other users.")


def change_role(
    name: Name,
    role: Annotated[Role, typer.Argument(help=ROLES, show_default=False)],
    *,
    as_json: AsJson = False,
) -> None:
    """Give a user another role. A running vault knows it within seconds."""
    from mediavault.cli.output import out, print_json

    _with_authenticator(lambda authenticator, _: authenticator.users.change_role(name, role))
    if as_json:
        print_json({"name": name, "role": role.value})
    else:
        out().print(f"{name}: {role}.", markup=False, highlight=False)


def remove(name: Name, *, as_json: AsJson = False) -> None:
    """Remove a user with favourites, positions, tokens and links. Posts stay."""
    from mediavault.cli.output import out, print_json

    _with_authenticator(lambda authenticator, store: authenticator.remove_user(name, store))
    if as_json:
        print_json({"removed": name})
    else:
        out().print(f"{name} is removed.", markup=False, highlight=False)


def _with_authenticator(use: Callable[[Authenticator, Store], Awaitable[T]]) -> T:
    from mediavault.auth.authenticator import Authenticator
    from mediavault.cli.context import quiet_settings, with_store
    from mediavault.core.clock import SystemClock

    settings = quiet_settings()

    async def run(store: Store) -> T:
        return await use(
            Authenticator(store.records, settings, SystemClock(), loopback=True), store
        )

    return asyncio.run(with_store(settings, run))


def _as_dict(user: User) -> dict[str, Any]:
    return {
        "name": user.name,
        "role": user.role.value,
        "made_at": user.made_at and user.made_at.isoformat(),
        "has_password": user.password is not None,
    }


FromStdin = Annotated[
    bool, typer.Option("--stdin", help="Read it from standard input, one line, without asking.")
]
Remove = Annotated[
    bool, typer.Option("--remove", help="Remove it: the vault is then open to this machine only.")
]


UserName = Annotated[
    str | None,
    typer.Option("--user", help="Of this user, by default of the owner.", show_default=False),
]


def password(
    *,
    user: UserName = None,
    from_stdin: FromStdin = False,
    remove: Remove = False,
    as_json: AsJson = False,
) -> None:
    """Set the owner's password, or another user's, and end the user's sessions."""
    from mediavault.auth.passwords import check_password
    from mediavault.cli.context import quiet_settings, with_store
    from mediavault.cli.output import out, print_json
    from mediavault.core.failures import BadInput
    from mediavault.core.users import OWNER

    name = user or OWNER
    if remove and name != OWNER:
        raise BadInput(
            "Only the owner's password can be removed.",
            help="Remove the user: `mediavault user remove`.",
        )
    settings = quiet_settings()
    chosen = None if remove else read_password(from_stdin=from_stdin)
    if chosen is not None:
        check_password(chosen)  # before the database is opened
    changed = asyncio.run(with_store(settings, lambda store: _change(store.records, name, chosen)))
    if as_json:
        print_json({"password": not remove, "changed": changed})
    elif changed:
        out().print(
            "The password is removed."
            if remove
            else "The password is set: sign in with it at the page."
        )
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
    chosen: str = typer.prompt(
        "New password", hide_input=True, confirmation_prompt="Once more", err=True
    )
    return chosen
