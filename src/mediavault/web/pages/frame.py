"""What every page shares: the values of the base template, reading forms, redirects after them."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs

from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from mediavault.core.failures import BadInput, MediavaultError, StoreError
from mediavault.core.users import OWNER
from mediavault.features.following.inbox import count_news
from mediavault.presentation.labels import help_for, profile_words
from mediavault.presentation.schemas import ErrorView
from mediavault.presentation.translation import translated
from mediavault.server.authentication import MAX_OWN_PATH_CHARS, current_principal, current_user
from mediavault.server.services import ApiServices
from mediavault.store.port import Records
from mediavault.store.profiles import all_profiles

_SEE_OTHER = 303
_MAX_FIELDS = 20
_MAX_HEAD_BYTES = 2_000  # of a field of a form with a file
_BOUNDARY = re.compile(r'[;\s]boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))', re.IGNORECASE)
_FIELD_NAME = re.compile(
    rb'^content-disposition:\s?form-data;\s?name="([^"\r\n]{1,100})"', re.IGNORECASE | re.MULTILINE
)


async def frame(services: ApiServices) -> dict[str, Any]:
    """Return the values that ``base.html`` and the shared parts use."""
    caller, news = current_principal(), 0
    with suppress(StoreError):  # pages that need no store show without one
        news = await count_news(services.store, current_user())
    can_sign_out = caller is not None and caller.session is not None
    return {
        "browser": services.browser_status(),
        "can_sign_out": can_sign_out,
        "news": news,
        "concerns": await services.concerns(),
    }


def error_view(exc: MediavaultError) -> ErrorView:
    """Return the error that a page shows about input that it cannot accept."""
    return ErrorView(
        code=exc.code, message=exc.message, help=translated(exc.help) or help_for(exc.code)
    )


async def profiles_in_words(records: Records) -> dict[str, str]:
    """Return the names of all profiles, each with a few words about it."""
    return {
        profile.name: profile_words(profile) for profile in (await all_profiles(records)).values()
    }


async def read_form(request: Request, *, max_fields: int = _MAX_FIELDS) -> dict[str, str]:
    """Return the fields of a URL-encoded form; of a repeated field the first value. Raises
    BadInput.

    The middleware limits the form's size.
    """
    fields = await read_fields(request, most=max_fields)
    return {name: values[0] for name, values in fields.items()}


async def read_fields(request: Request, *, most: int) -> dict[str, list[str]]:
    """Return the form's fields with every value of a repeated field;
    at most ``most`` in all. Raises BadInput.
    """
    text = (await request.body()).decode("utf-8", "replace")
    try:
        return parse_qs(text, keep_blank_values=True, max_num_fields=most)
    except ValueError as exc:
        raise BadInput("The form has too many fields.") from exc


async def read_upload(request: Request, *, most: int = _MAX_FIELDS) -> dict[str, bytes]:
    """Return the fields of a form with a file (RFC 7578), the file's content among them; of a
    repeated field the first.

    Raises BadInput for a body that is not such a form, or has more than ``most`` fields.
    """
    boundary = _BOUNDARY.search(request.headers.get("content-type", ""))
    if boundary is None:
        raise BadInput("The form is not complete.", help="Send it again.")
    mark = b"\r\n--" + (boundary[1] or boundary[2]).encode("latin-1")
    parts = (b"\r\n" + await request.body()).split(mark, most + 2)
    if len(parts) > most + 2:
        raise BadInput("The form has too many fields.")
    if len(parts) < 2 or not parts[-1].startswith(b"--"):
        raise BadInput("The form is not complete.", help="Send it again.")
    fields: dict[str, bytes] = {}
    for part in parts[1:-1]:
        head, _, content = part.partition(b"\r\n\r\n")
        name = _FIELD_NAME.search(head[:_MAX_HEAD_BYTES])
        if name is not None:
            fields.setdefault(name[1].decode("utf-8", "replace"), content)
    return fields


def see_other(path: str) -> Response:
    """Redirect to one of our own pages, which is then requested with GET."""
    return RedirectResponse(path, status_code=_SEE_OTHER, headers={"Cache-Control": "no-store"})


def own_path(path: str) -> str:
    """Return ``path`` if it is our page, else ``/``. To browsers,
    two leading slashes or a backslash name a host.
    """
    is_ours = (
        path.startswith("/")
        and not path.startswith("//")
        and path.isprintable()
        and "\\" not in path
    )
    return path if is_ours and path.isascii() and len(path) <= MAX_OWN_PATH_CHARS else "/"


def changed_by(request: Request) -> str:
    """Return the user and the client's address; only the address for the owner,
    who may have several devices.
    """
    address = request.client.host if request.client else ""
    return address if current_user() == OWNER else f"{current_user()}, {address}"
