"""The pages before a sign-in: setting the vault up, signing in, signing out; and the texts of the domain access."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Request, Response

from mediavault.api.dependencies import Desk
from mediavault.auth.authenticator import COOKIE, TLS_COOKIE, Authenticator, AuthMode
from mediavault.auth.errors import TooManyTries, WrongSecret
from mediavault.core.failures import BadInput
from mediavault.presentation.schemas import ErrorView
from mediavault.presentation.translation import N_, gettext
from mediavault.server.authentication import client_info_of, current_principal
from mediavault.web.pages.frame import complaint, read_form, see_other
from mediavault.web.render import render

router = APIRouter(include_in_schema=False)

COOKIE_LIFE = timedelta(days=365)  # longer than any session: the store decides when one ends


@router.get("/login")
async def login(desk: Desk) -> Response:
    return await _login(desk) if await desk.mode() is AuthMode.PROTECTED else see_other("/")


@router.post("/login")
async def login_form(request: Request, desk: Desk) -> Response:
    """It always leads to the first page: no address to be led astray by."""
    if await desk.mode() is not AuthMode.PROTECTED:
        return see_other("/")
    form, visit = await read_form(request), client_info_of(request, desk)
    try:
        before = await desk.session_of(request.cookies)
        session_id = await desk.sign_in(form.get("password") or form.get("token", ""), visit, before=before)
    except (WrongSecret, TooManyTries) as exc:
        return await _login(desk, exc)
    return signed_in(see_other("/"), session_id, tls=visit.tls)


@router.post("/logout")
async def logout_form(desk: Desk) -> Response:
    caller = current_principal()
    if caller is not None and caller.session is not None:
        await desk.sessions.end(caller.session.key)
    return signed_out(see_other("/login"))


@router.get("/setup")
async def set_up(desk: Desk) -> Response:
    return see_other("/") if await desk.mode() is AuthMode.PROTECTED else await _set_up(desk)


@router.post("/setup")
async def set_up_form(request: Request, desk: Desk) -> Response:
    form, visit = await read_form(request), client_info_of(request, desk)
    try:
        session_id = await desk.set_up(same_twice(form), form.get("invitation", ""), visit)
    except BadInput as exc:
        return await _set_up(desk, exc)
    return signed_in(see_other("/"), session_id, tls=visit.tls)


async def _login(desk: Authenticator, error: BadInput | None = None) -> Response:
    return answer("login.html", error, has_password=await desk.owner.has_password())


async def _set_up(desk: Authenticator, error: BadInput | None = None) -> Response:
    standing = await desk.mode()
    return answer(
        "setup.html",
        error,
        needs_invitation=standing is AuthMode.SET_UP,
        is_late=standing is AuthMode.PROTECTED,
    )


def signed_in(response: Response, session_id: str, *, tls: bool) -> Response:
    response.set_cookie(
        TLS_COOKIE if tls else COOKIE,
        session_id,
        max_age=int(COOKIE_LIFE.total_seconds()),
        secure=tls,
        httponly=True,
        samesite="lax",  # a link to the vault in a chat opens it signed in; what changes something is checked by its origin
    )
    return response


def signed_out(response: Response) -> Response:
    response.delete_cookie(COOKIE, httponly=True, samesite="lax")
    response.delete_cookie(TLS_COOKIE, secure=True, httponly=True, samesite="lax")
    return response


def same_twice(form: dict[str, str]) -> str:
    """The new password. Raises BadInput where the second one is another."""
    password = form.get("password", "")
    if password != form.get("again", ""):
        raise BadInput("The two passwords are not the same.", help="Type the new one twice.")
    return password


def answer(template: str, error: BadInput | None, **context: Any) -> Response:
    """The page; with an error it says so, and its status does."""
    if error is None:
        return render(template, error=None, **context)
    response = render(template, status=error.spec.http_status, error=complaint(error), **context)
    if isinstance(error, TooManyTries):
        response.headers["Retry-After"] = str(error.wait_s)
    return response


SAID = (
    N_("The password is shorter than 10 characters."),
    N_("The password is longer than 128 characters."),
    N_("The password is one of the first that anybody would try."),
    N_("Several words that do not belong together are long, hard to guess and easy to remember."),
    N_("This is not it."),
    N_("Look at capitals and blanks, and try again."),
    N_("This is not the set-up token."),
    N_("The start printed it, and it holds for an hour: start again."),
    N_("The vault has got a password meanwhile."),
    N_("The vault has an owner already."),
    N_("Sign in with it."),
    N_("Sign in."),
    N_("This is not the current password."),
    N_("The password was changed elsewhere meanwhile."),
    N_("Nothing was changed."),
    N_("Too many tries."),
    N_("A token needs a name of at most 80 characters."),
    N_("Say what it is for."),
    N_("There is a token with this name already."),
    N_("Choose another name, or revoke that one."),
    N_("There is no such token."),
    N_("It may have been revoked or have ended."),
    N_("The two passwords are not the same."),
    N_("Type the new one twice."),
    N_("A token means nothing while the vault has no password."),
    N_("Set a password first."),
)
_WAIT = N_("Wait %(seconds)d seconds, and try again. Who is signed in stays signed in.")


def refusal(error: BadInput) -> ErrorView:
    """What a page says of it, in the reader's language."""
    view = complaint(error)
    if isinstance(error, TooManyTries):
        return view.model_copy(update={"help": gettext(_WAIT) % {"seconds": error.wait_s}})
    return view
