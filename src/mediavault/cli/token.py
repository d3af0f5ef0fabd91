"""``token add | list | revoke``: API tokens for programs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from mediavault.auth.permissions import Scope
from mediavault.cli.options import AsJson

if TYPE_CHECKING:
    from mediavault.auth.credentials import ApiToken, ApiTokens

T = TypeVar("T")

Name = Annotated[
    str, typer.Argument(metavar="NAME", help="What it is for, as in `phone`.", show_default=False)
]
ScopeOption = Annotated[
    Scope,
    typer.Option(
        "--scope",
        help=(
            "submit: submit URLs; cookies: that, and sites' cookies; read: read everything; admin:"
            " everything."
        ),
    ),
]
Days = Annotated[
    int | None,
    typer.Option(
        "--days", min=1, max=3650, help="It expires after this many days. Default: never."
    ),
]


def add(
    name: Name,
    scope: ScopeOption = Scope.SUBMIT,
    days: Days = None,
    profile: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Of posts that are submitted with it and name none.",
            show_default=False,
        ),
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Create a token. It is shown only once."""
    from mediavault.cli.output import err, out, print_json

    lives = None if days is None else timedelta(days=days)
    token, made = _with_tokens(lambda tokens: tokens.add(name, scope, lives=lives, profile=profile))
    if as_json:
        print_json({"token": token, **_as_dict(made)})
        return
    out().print(token, markup=False, highlight=False, soft_wrap=True)
    err().print(
        "Keep it now: nobody can show it again. Send it as Authorization: Bearer …",
        markup=False,
        soft_wrap=True,
    )


def list_tokens(*, as_json: AsJson = False) -> None:
    """List name, scope and last use of every token, never the token itself."""
    from mediavault.cli.output import out, print_json
    from mediavault.core.users import OWNER

    listed = _with_tokens(lambda tokens: tokens.all())
    if as_json:
        print_json({"tokens": [_as_dict(token) for token in listed]})
        return
    for token in listed:
        used = f"last used {token.used_at:%Y-%m-%d %H:%M} UTC" if token.used_at else "never used"
        ends = f", ends {token.expires_at:%Y-%m-%d}" if token.expires_at else ""
        whose = "" if token.user == OWNER else f"{token.user}, "
        line = f"{token.id}  {token.scope:<7}  {token.name}  ({whose}{used}{ends})"
        out().print(line, markup=False, highlight=False, soft_wrap=True)
    if not listed:
        out().print("There is no token.")


def revoke(name: Name, *, as_json: AsJson = False) -> None:
    """Revoke a token by its name or id. A running vault refuses it within seconds."""
    from mediavault.cli.output import out, print_json

    revoked = _with_tokens(lambda tokens: tokens.revoke(name))
    if as_json:
        print_json({"revoked": [_as_dict(token) for token in revoked]})
    else:
        out().print(f"{', '.join(token.name for token in revoked)}: revoked.", markup=False)


def _with_tokens(use: Callable[[ApiTokens], Awaitable[T]]) -> T:
    from mediavault.auth.credentials import ApiTokens
    from mediavault.cli.context import quiet_settings, with_store
    from mediavault.core.clock import SystemClock

    return asyncio.run(
        with_store(quiet_settings(), lambda store: use(ApiTokens(store.records, SystemClock())))
    )


def _as_dict(token: ApiToken) -> dict[str, Any]:
    moments = {
        "made_at": token.made_at,
        "last_used_at": token.used_at,
        "expires_at": token.expires_at,
    }
    return {
        "id": token.id,
        "name": token.name,
        "scope": token.scope.value,
        "user": token.user,
        "profile": token.profile,
    } | {name: at and at.isoformat() for name, at in moments.items()}
