"""The page about access to the vault: the caller's password, signed-in browsers,
tokens and links, and the users.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response

from mediavault.api.dependencies import AuthenticatorDep, Services
from mediavault.auth.authenticator import Authenticator, AuthMode
from mediavault.auth.grants import MAX_NAME_CHARS
from mediavault.auth.permissions import Scope
from mediavault.core.failures import BadInput
from mediavault.core.users import MAX_USER_CHARS, OWNER, Role
from mediavault.presentation.labels import USER_ROLE_LABELS
from mediavault.presentation.translation import N_, gettext
from mediavault.server.authentication import (
    client_info_of,
    current_principal,
    current_user,
    has_role,
    may,
)
from mediavault.server.services import ApiServices
from mediavault.web.pages.frame import frame, profiles_in_words, read_form, see_other
from mediavault.web.pages.sign_in import answer, same_twice, signed_in, signed_out

router = APIRouter(include_in_schema=False)

PAGE = "/access"
SCOPE_WORDS: Mapping[Scope, str] = {
    Scope.SUBMIT: N_("Add links only"),
    Scope.COOKIES: N_("Add links and sign-ins"),
    Scope.READ: N_("Read only"),
    Scope.ADMIN: N_("Full access"),
}
SCOPE_HINTS: Mapping[Scope, str] = {
    Scope.SUBMIT: N_("and see their status"),
    Scope.COOKIES: N_("for the browser extension: it may hand over a site's cookies"),
    Scope.READ: N_("including videos"),
    Scope.ADMIN: N_("everything you can do here"),
}
ROLE_HINTS: Mapping[Role, str] = {
    Role.VIEWER: N_("watches everything"),
    Role.MEMBER: N_("also adds, changes, shares and deletes posts"),
    Role.ADMIN: N_("everything, also sign-ins, settings and users"),
}
LIVES = (None, 30, 90, 365)  # days, as the page offers them


@router.get(PAGE)
async def access(request: Request, authenticator: AuthenticatorDep, services: Services) -> Response:
    given = request.query_params
    return await _access(
        request,
        authenticator,
        services,
        changed="changed" in given,
        is_set_up="set_up" in given,
    )


@router.post("/access/password")
async def password_form(
    request: Request, authenticator: AuthenticatorDep, services: Services
) -> Response:
    if await authenticator.mode() is AuthMode.OPEN:
        return see_other("/setup")
    form, visit, user = (
        await read_form(request),
        client_info_of(request, authenticator),
        current_user(),
    )
    try:
        session_id = await authenticator.change_password(
            form.get("current", ""), same_twice(form), visit, user=user
        )
    except BadInput as exc:
        return await _access(request, authenticator, services, error=exc)
    return signed_in(see_other(f"{PAGE}?changed=1"), session_id, tls=visit.tls)


@router.post("/access/tokens")
async def token_form(
    request: Request, authenticator: AuthenticatorDep, services: Services
) -> Response:
    """Create a token. The response shows it, this once."""
    form = await read_form(request)
    try:
        if await authenticator.mode() is AuthMode.OPEN:
            raise BadInput(
                "Tokens have no effect while the vault has no password.",
                help="Set a password first.",
            )
        lives, scope = _lives(form.get("days", "")), _scope(form.get("scope", ""))
        token, made = await authenticator.tokens.add(
            form.get("name", ""),
            scope,
            lives=lives,
            user=current_user(),
            profile=form.get("profile") or None,
        )
    except BadInput as exc:
        return await _access(
            request,
            authenticator,
            services,
            error=exc,
            name=form.get("name", "")[:MAX_NAME_CHARS],
        )
    return await _access(request, authenticator, services, token=token, token_name=made.name)


@router.post("/access/tokens/{token_id}/revoke")
async def revoke_form(token_id: str, authenticator: AuthenticatorDep) -> Response:
    await authenticator.tokens.revoke(token_id, current_user())
    return see_other(f"{PAGE}#tokens")


@router.post("/access/sessions/{name}/end")
async def end_session_form(name: str, authenticator: AuthenticatorDep) -> Response:
    for session in await authenticator.sessions.all(current_user()):
        if session.id == name:
            await authenticator.sessions.end(session.key)
    return (
        signed_out(see_other("/login")) if name == _own_session() else see_other(f"{PAGE}#sessions")
    )


@router.post("/access/sign-out-everywhere")
async def sign_out_everywhere_form(authenticator: AuthenticatorDep) -> Response:
    """End all sessions of the user, including this one: who asks for this trusts none of them."""
    await authenticator.sessions.end_all(current_user())
    return signed_out(see_other("/login"))


@router.post("/access/name")
async def owner_name_form(
    request: Request, authenticator: AuthenticatorDep, services: Services
) -> Response:
    """Give the owner a name, or none."""
    try:
        if current_user() != OWNER:
            raise BadInput("Only the owner can choose the owner's name.")
        await authenticator.users.name_owner((await read_form(request)).get("name", ""))
    except BadInput as exc:
        return await _access(request, authenticator, services, error=exc)
    return see_other(PAGE)


# --- users: for admins only


@router.post("/access/users")
async def user_form(
    request: Request, authenticator: AuthenticatorDep, services: Services
) -> Response:
    form = await read_form(request)
    try:
        if await authenticator.mode() is AuthMode.OPEN:
            raise BadInput(
                "Users can be added when the vault has a password.", help="Set a password first."
            )
        user = await authenticator.add_user(
            form.get("user", ""), _role(form.get("role", "")), form.get("password", "")
        )
    except BadInput as exc:
        return await _access(
            request,
            authenticator,
            services,
            error=exc,
            user=form.get("user", "")[:MAX_USER_CHARS],
        )
    return see_other(f"{PAGE}?{urlencode({'added': user.name})}#users")


@router.post("/access/users/{name}/role")
async def role_form(request: Request, name: str, authenticator: AuthenticatorDep) -> Response:
    await authenticator.users.change_role(name, _role((await read_form(request)).get("role", "")))
    return see_other(f"{PAGE}#users")


@router.post("/access/users/{name}/password")
async def user_password_form(
    request: Request,
    name: str,
    authenticator: AuthenticatorDep,
    services: Services,
) -> Response:
    """Set a user's password, and end the user's sessions."""
    try:
        if name == OWNER:
            raise BadInput("The owner's password can't be set by others.")
        await authenticator.users.set_password((await read_form(request)).get("password", ""), name)
    except BadInput as exc:
        return await _access(request, authenticator, services, error=exc)
    await authenticator.sessions.end_all(name)
    return see_other(f"{PAGE}#users")


@router.post("/access/users/{name}/remove")
async def remove_user_form(
    name: str, authenticator: AuthenticatorDep, services: Services
) -> Response:
    await authenticator.remove_user(name, services.store)
    return see_other(f"{PAGE}#users")


async def _access(
    request: Request,
    authenticator: Authenticator,
    services: ApiServices,
    *,
    error: BadInput | None = None,
    token: str | None = None,
    token_name: str = "",
    name: str = "",
    user: str = "",
    changed: bool = False,
    is_set_up: bool = False,
) -> Response:
    me = await authenticator.users.find(current_user())
    is_admin = has_role(Role.ADMIN)
    users = await authenticator.users.all() if is_admin else []
    sessions = await authenticator.sessions.all()  # the last used first
    seen = {session.user: session.used_at for session in reversed(sessions)}
    added = request.query_params.get("added")
    return answer(
        "access.html",
        error,
        is_open=await authenticator.mode() is AuthMode.OPEN,
        me=me,
        is_owner=current_user() == OWNER,
        is_admin=is_admin,
        owner=await authenticator.users.find(OWNER),
        owner_seen=seen.get(OWNER),
        users=[(one, seen.get(one.name)) for one in users],
        added=added if added in [one.name for one in users] else None,
        roles={role: (gettext(USER_ROLE_LABELS[role]), gettext(ROLE_HINTS[role])) for role in Role},
        user=user,
        has_password=me is not None and me.password is not None,
        has_vault_token=authenticator.has_vault_token,
        has_proxy=services.settings.proxy_header is not None,
        sessions=[session for session in sessions if session.user == current_user()],
        own=_own_session(),
        tokens=await authenticator.tokens.all(current_user()),
        token=token,
        token_name=token_name,
        name=name,
        lives=LIVES,
        scope_words={scope: gettext(label) for scope, label in SCOPE_WORDS.items()},
        scopes=[scope for scope in Scope if _is_of_use(scope)],
        scope_hints={scope: gettext(hint) for scope, hint in SCOPE_HINTS.items()},
        profiles=await profiles_in_words(services.store.records),
        changed=changed,
        is_set_up=is_set_up,
        **await frame(services),
    )


def _own_session() -> str | None:
    caller = current_principal()
    return caller.session.id if caller and caller.session else None


def _role(text: str) -> Role:
    try:
        return Role(text)
    except ValueError as exc:
        raise BadInput("Unknown role.", help="Choose viewer, member or admin.") from exc


def _is_of_use(scope: Scope) -> bool:
    """Whether a token of the caller could do anything with the scope."""
    needed = {
        Scope.SUBMIT: ("POST", "/api/jobs"),
        Scope.COOKIES: ("POST", "/api/sessions/x/cookies"),
    }
    return scope not in needed or may(*needed[scope])


def _scope(text: str) -> Scope:
    try:
        return Scope(text)
    except ValueError as exc:
        raise BadInput("Unknown scope.", help="Choose submit, cookies, read or admin.") from exc


def _lives(days: str) -> timedelta | None:
    if days not in {"", *(str(life) for life in LIVES if life)}:
        raise BadInput(
            "A token is valid for 30, 90 or 365 days, or until it is revoked.",
            help="Choose one of them.",
        )
    return timedelta(days=int(days)) if days else None
