"""Language and theme, chosen on any page and kept in cookies."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from mediavault.api.appearance import COOKIE_LIFE_S, LANGUAGE_COOKIE, THEME_COOKIE, THEMES
from mediavault.api.catalogue import locales
from mediavault.api.forms import read_form, see_other

router = APIRouter(include_in_schema=False)


@router.post("/appearance")
async def appearance_form(request: Request) -> Response:
    """Leads back to the page whose form it was. An empty or unknown choice goes back to what the browser asks for."""
    form = await read_form(request)
    response = see_other(_own_path(form.get("back", "")))
    for cookie, value, known in (
        (LANGUAGE_COOKIE, form.get("language", ""), locales()),
        (THEME_COOKIE, form.get("theme", ""), frozenset(THEMES)),
    ):
        if value in known:
            response.set_cookie(cookie, value, max_age=COOKIE_LIFE_S, samesite="strict")
        else:
            response.delete_cookie(cookie, samesite="strict")
    return response


def _own_path(back: str) -> str:
    """A page of ours, never another site's: what begins with two slashes or holds a backslash names a host to browsers."""
    is_ours = back.startswith("/") and not back.startswith("//") and back.isprintable() and "\\" not in back
    return back if is_ours and back.isascii() and len(back) <= 2_000 else "/"
