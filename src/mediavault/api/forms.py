"""What the pages' forms send, and where they lead."""

from __future__ import annotations

from urllib.parse import parse_qs

from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from mediavault.core.failures import BadInput

_SEE_OTHER = 303
_MAX_FIELDS = 20


async def read_form(request: Request, *, max_fields: int = _MAX_FIELDS) -> dict[str, str]:
    """The fields of a URL-encoded form; of a repeated one the first. The gate has bounded its size. Raises BadInput."""
    fields = await read_fields(request, most=max_fields)
    return {name: values[0] for name, values in fields.items()}


async def read_fields(request: Request, *, most: int) -> dict[str, list[str]]:
    """As ``read_form``, with every value of a repeated field; ``most`` fields in all."""
    text = (await request.body()).decode("utf-8", "replace")
    try:
        return parse_qs(text, keep_blank_values=True, max_num_fields=most)
    except ValueError as exc:
        raise BadInput("The form has too many fields.") from exc


def see_other(path: str) -> Response:
    """To one of our own pages, which is then asked for with GET."""
    return RedirectResponse(path, status_code=_SEE_OTHER, headers={"Cache-Control": "no-store"})
