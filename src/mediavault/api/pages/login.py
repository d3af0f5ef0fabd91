"""Signing in to the vault itself, and out of it."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from mediavault.api.dependencies import Services
from mediavault.api.forms import read_form, see_other
from mediavault.api.render import render
from mediavault.api.schemas import ErrorView
from mediavault.api.security import SESSION_COOKIE, SESSION_LIFE, issue_session, token_matches, token_of
from mediavault.core.errors import ErrorCode

router = APIRouter(include_in_schema=False)


@router.get("/login")
async def login(services: Services) -> Response:
    return render("login.html", error=None) if token_of(services.settings) else see_other("/")


@router.post("/login")
async def login_form(request: Request, services: Services) -> Response:
    """Trade the token for a session cookie. It always leads to the first page: no address to be led astray by."""
    token = token_of(services.settings)
    if token is None:
        return see_other("/")
    if not token_matches((await read_form(request)).get("token", ""), token):
        error = ErrorView(
            code=ErrorCode.UNAUTHORIZED, message="This is not the token.", help="It is the value of MEDIAVAULT_TOKEN."
        )
        return render("login.html", status=401, error=error)
    response = see_other("/")
    response.set_cookie(
        SESSION_COOKIE,
        issue_session(token, services.clock.now()),
        max_age=int(SESSION_LIFE.total_seconds()),
        secure=request.headers.get("origin", "").startswith("https://"),  # as the browser sees it, proxies or not
        httponly=True,
        samesite="strict",
    )
    return response


@router.post("/logout")
async def logout_form() -> Response:
    response = see_other("/login")
    response.delete_cookie(SESSION_COOKIE, httponly=True, samesite="strict")
    return response
