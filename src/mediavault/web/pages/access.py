"""The page about access to the vault: its password, the signed-in browsers, and the tokens of programs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from fastapi import APIRouter, Request, Response

from mediavault.api.dependencies import AuthenticatorDep, Services
from mediavault.api.services import ApiServices
from mediavault.auth.authenticator import Authenticator, AuthMode
from mediavault.auth.scopes import Scope
from mediavault.auth.shared_links import SharedLink
from mediavault.auth.tokens import MAX_NAME_CHARS
from mediavault.core.failures import BadInput
from mediavault.presentation.translation import N_, gettext
from mediavault.presentation.views import title
from mediavault.server.authentication import client_info_of, current_principal
from mediavault.store.bulk import existing_jobs
from mediavault.web.pages.frame import frame, read_form, see_other
from mediavault.web.pages.sign_in import answer, same_twice, signed_in, signed_out
from mediavault.web.phone_address import phone_view

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
LIVES = (None, 30, 90, 365)  # days, as the page offers them


@router.get(PAGE)
async def access(request: Request, desk: AuthenticatorDep, services: Services) -> Response:
    given = request.query_params
    return await _access(request, desk, services, changed="changed" in given, is_set_up="set_up" in given)


@router.post("/access/password")
async def password_form(request: Request, desk: AuthenticatorDep, services: Services) -> Response:
    if await desk.mode() is AuthMode.OPEN:
        return see_other("/setup")
    form, visit = await read_form(request), client_info_of(request, desk)
    try:
        session_id = await desk.change_password(form.get("current", ""), same_twice(form), visit)
    except BadInput as exc:
        return await _access(request, desk, services, error=exc)
    return signed_in(see_other(f"{PAGE}?changed=1"), session_id, tls=visit.tls)


@router.post("/access/tokens")
async def token_form(request: Request, desk: AuthenticatorDep, services: Services) -> Response:
    """Create a token. The response shows it, this once."""
    form = await read_form(request)
    try:
        if await desk.mode() is AuthMode.OPEN:
            raise BadInput("Tokens have no effect while the vault has no password.", help="Set a password first.")
        lives, scope = _lives(form.get("days", "")), _scope(form.get("scope", ""))
        token, made = await desk.tokens.add(form.get("name", ""), scope, lives=lives)
    except BadInput as exc:
        return await _access(request, desk, services, error=exc, name=form.get("name", "")[:MAX_NAME_CHARS])
    return await _access(request, desk, services, token=token, token_name=made.name)


@router.post("/access/tokens/{token_id}/revoke")
async def revoke_form(token_id: str, desk: AuthenticatorDep) -> Response:
    await desk.tokens.revoke(token_id)
    return see_other(f"{PAGE}#tokens")


@router.post("/access/sessions/{name}/end")
async def end_session_form(name: str, desk: AuthenticatorDep) -> Response:
    for session in await desk.sessions.all():
        if session.name == name:
            await desk.sessions.end(session.key)
    return signed_out(see_other("/login")) if name == _own_session() else see_other(f"{PAGE}#sessions")


@router.post("/access/sign-out-everywhere")
async def sign_out_everywhere_form(desk: AuthenticatorDep) -> Response:
    """End all sessions, including this one: a user who asks for this trusts none of them."""
    await desk.sessions.end_all()
    return signed_out(see_other("/login"))


async def _access(
    request: Request,
    desk: Authenticator,
    services: ApiServices,
    *,
    error: BadInput | None = None,
    token: str | None = None,
    token_name: str = "",
    name: str = "",
    changed: bool = False,
    is_set_up: bool = False,
) -> Response:
    return answer(
        "access.html",
        error,
        is_open=await desk.mode() is AuthMode.OPEN,
        has_password=await desk.owner.has_password(),
        has_vault_token=desk.has_vault_token,
        has_proxy=services.settings.proxy_header is not None,
        sessions=await desk.sessions.all(),
        own=_own_session(),
        tokens=await desk.tokens.all(),
        links=await _links(desk, services),
        token=token,
        token_name=token_name,
        name=name,
        lives=LIVES,
        scope_words={scope: gettext(label) for scope, label in SCOPE_WORDS.items()},
        scope_hints={scope: gettext(hint) for scope, hint in SCOPE_HINTS.items()},
        phone=phone_view(request, services.settings),
        changed=changed,
        is_set_up=is_set_up,
        **frame(services),
    )


async def _links(desk: Authenticator, services: ApiServices) -> list[tuple[SharedLink, str]]:
    """Return the shared links with their posts' titles; the id of a post that is gone stands for its title."""
    links = await desk.shared_links.all()
    jobs = existing_jobs(services.store.catalogue, {link.job_id for link in links})
    titles = {job.id: title(job) async for job in jobs}
    return [(link, titles.get(link.job_id, link.job_id)) for link in links]


def _own_session() -> str | None:
    caller = current_principal()
    return caller.session.name if caller and caller.session else None


def _scope(text: str) -> Scope:
    try:
        return Scope(text)
    except ValueError as exc:
        raise BadInput("Unknown scope.", help="Choose submit, cookies, read or admin.") from exc


def _lives(days: str) -> timedelta | None:
    if days not in {"", *(str(life) for life in LIVES if life)}:
        raise BadInput("A token is valid for 30, 90 or 365 days, or until it is revoked.", help="Choose one of them.")
    return timedelta(days=int(days)) if days else None
