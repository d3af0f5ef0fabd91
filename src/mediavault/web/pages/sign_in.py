"""The pages for setting the vault up, signing in and signing out."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Annotated, Any
from urllib.parse import quote, unquote

from fastapi import APIRouter, Query, Request, Response

from mediavault.api.dependencies import AuthenticatorDep
from mediavault.auth.authenticator import COOKIE, TLS_COOKIE, Authenticator, AuthMode
from mediavault.auth.errors import TooManyTries, WrongSecret
from mediavault.auth.keys import new_key
from mediavault.core.failures import BadInput
from mediavault.core.messages import Message
from mediavault.core.users import MAX_USER_CHARS, OWNER
from mediavault.server.authentication import (
    PROVIDER_BACK_PATH,
    PROVIDER_PATH,
    client_info_of,
    current_principal,
)
from mediavault.server.own_address import address_here
from mediavault.web.pages.frame import error_view, own_path, read_form, see_other
from mediavault.web.render import render

router = APIRouter(include_in_schema=False)

PROVIDER_LIFE = timedelta(minutes=10)  # for signing in at the provider
COOKIE_LIFE = timedelta(days=365)  # longer than any session: the store decides when one ends


@router.get("/login")
async def login(
    authenticator: AuthenticatorDep, wanted: Annotated[str, Query(alias="next")] = "/"
) -> Response:
    return (
        await _login(authenticator, wanted)
        if await authenticator.mode() is AuthMode.PROTECTED
        else see_other(own_path(wanted))
    )


@router.post("/login")
async def login_form(request: Request, authenticator: AuthenticatorDep) -> Response:
    """Sign in, and redirect to the page that was wanted, if it is one of ours."""
    if await authenticator.mode() is not AuthMode.PROTECTED:
        return see_other("/")
    form, visit = await read_form(request), client_info_of(request, authenticator)
    wanted = form.get("next", "/")
    try:
        before = await authenticator.session_of(request.cookies)
        secret = form.get("password") or form.get("token", "")
        session_id = await authenticator.sign_in(
            secret, visit, name=form.get("name", ""), before=before
        )
    except (WrongSecret, TooManyTries) as exc:
        return await _login(authenticator, wanted, exc, name=form.get("name", "")[:MAX_USER_CHARS])
    return signed_in(see_other(own_path(wanted)), session_id, tls=visit.tls)


# --- by the OpenID Connect provider


@router.get(PROVIDER_PATH)
async def to_provider(
    request: Request,
    authenticator: AuthenticatorDep,
    wanted: Annotated[str, Query(alias="next")] = "/",
) -> Response:
    """Redirect to the provider's page. It leads back to the next route.

    A page of another site that embeds this route as a picture or a frame would use up the address's
    tries.
    """
    headers = request.headers
    if (
        headers.get("sec-fetch-site") == "cross-site"
        and headers.get("sec-fetch-dest", "document") != "document"
    ):
        return see_other("/login")
    key, (back, tls) = new_key(), _way_back(request)
    try:
        page = await authenticator.to_provider(key, back, client_info_of(request, authenticator))
    except (WrongSecret, TooManyTries) as exc:
        return await _login(authenticator, wanted, exc)
    response = see_other(page)
    response.set_cookie(
        _provider_cookie(tls=tls),
        f"{key}.{quote(own_path(wanted), safe='')}",
        max_age=int(PROVIDER_LIFE.total_seconds()),
        secure=tls,
        httponly=True,
        samesite="lax",  # the browser comes back from another site
    )
    return response


@router.get(PROVIDER_BACK_PATH)
async def from_provider(
    request: Request,
    authenticator: AuthenticatorDep,
    code: str = "",
    state: str = "",
    error: str = "",
) -> Response:
    """Sign in whom the provider has signed in, and redirect to the page that was wanted."""
    back, tls = _way_back(request)
    key, _, path = request.cookies.get(_provider_cookie(tls=tls), "").partition(".")
    wanted = own_path(unquote(path))
    visit = replace(client_info_of(request, authenticator), tls=tls)
    try:
        if error or not key:
            what = error[:100] or Message("no sign-in was begun in this browser within ten minutes")
            raise WrongSecret(Message("Signing in failed: %(what)s.", what=what), help="Try again.")
        before = await authenticator.session_of(request.cookies)
        session_id = await authenticator.sign_in_by_provider(
            key, back, visit, code=code, state=state, before=before
        )
    except (WrongSecret, TooManyTries) as exc:
        response = await _login(authenticator, wanted, exc)
    else:
        response = signed_in(see_other(wanted), session_id, tls=tls)
    response.delete_cookie(_provider_cookie(tls=tls), secure=tls, httponly=True, samesite="lax")
    return response


def _way_back(request: Request) -> tuple[str, bool]:
    """Return the address to which the provider leads back, and whether it is over TLS."""
    address = f"{address_here(request)}{PROVIDER_BACK_PATH.lstrip('/')}"
    return address, address.startswith("https://")


def _provider_cookie(*, tls: bool) -> str:
    return "__Host-mediavault_oidc" if tls else "mediavault_oidc"


@router.post("/logout")
async def logout_form(authenticator: AuthenticatorDep) -> Response:
    caller = current_principal()
    if caller is not None and caller.session is not None:
        await authenticator.sessions.end(caller.session.key)
    return signed_out(see_other("/login"))


@router.get("/setup")
async def set_up(authenticator: AuthenticatorDep, invitation: str = "") -> Response:
    return (
        see_other("/")
        if await authenticator.mode() is AuthMode.PROTECTED
        else await _set_up(authenticator, invitation)
    )


@router.post("/setup")
async def set_up_form(request: Request, authenticator: AuthenticatorDep) -> Response:
    form, visit = await read_form(request), client_info_of(request, authenticator)
    invitation = form.get("invitation", "")
    try:
        session_id = await authenticator.set_up(
            same_twice(form), invitation, visit, name=form.get("name", "")
        )
    except BadInput as exc:
        name = form.get("name", "")[:MAX_USER_CHARS]
        return await _set_up(authenticator, invitation, exc, name=name)
    return signed_in(see_other("/access?set_up=1"), session_id, tls=visit.tls)


async def _login(
    authenticator: Authenticator, wanted: str, error: BadInput | None = None, *, name: str = ""
) -> Response:
    owner = await authenticator.users.find(OWNER)
    return answer(
        "login.html",
        error,
        has_password=await authenticator.users.has_password(),
        has_token=authenticator.has_vault_token,
        provider=authenticator.provider.rules.title if authenticator.provider else None,
        has_users=await authenticator.users.has_others(),
        is_named=bool(owner and owner.called),
        name=name,
        wanted=own_path(wanted),
    )


async def _set_up(
    authenticator: Authenticator,
    invitation: str,
    error: BadInput | None = None,
    *,
    name: str = "",
) -> Response:
    mode = await authenticator.mode()
    return answer(
        "setup.html",
        error,
        invitation=invitation,
        name=name,
        needs_invitation=mode is AuthMode.SET_UP,
        is_late=mode is AuthMode.PROTECTED,
    )


def signed_in(response: Response, session_id: str, *, tls: bool) -> Response:
    response.set_cookie(
        TLS_COOKIE if tls else COOKIE,
        session_id,
        max_age=int(COOKIE_LIFE.total_seconds()),
        secure=tls,
        httponly=True,
        # so that a link in a chat opens the vault signed in; unsafe requests have an origin check
        samesite="lax",
    )
    return response


def signed_out(response: Response) -> Response:
    response.delete_cookie(COOKIE, httponly=True, samesite="lax")
    response.delete_cookie(TLS_COOKIE, secure=True, httponly=True, samesite="lax")
    return response


def same_twice(form: dict[str, str]) -> str:
    """Return the new password. Raises BadInput when the two entries differ."""
    password = form.get("password", "")
    if password != form.get("again", ""):
        raise BadInput("The two passwords are not the same.", help="Type the new one twice.")
    return password


def answer(template: str, error: BadInput | None, **context: Any) -> Response:
    """Render the page, with the message and the HTTP status of ``error`` if given."""
    if error is None:
        return render(template, error=None, **context)
    response = render(template, status=error.spec.http_status, error=error_view(error), **context)
    if isinstance(error, TooManyTries):
        response.headers["Retry-After"] = str(error.wait_s)
    return response
