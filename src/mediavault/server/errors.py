"""Every error as ``{"code", "message", "help"}``, or as a page with the same texts for a user's
browser.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.routing import Match

from mediavault.auth.errors import TooManyTries
from mediavault.core.failures import (
    BadInput,
    ErrorCode,
    MediavaultError,
    StorageFailure,
    StoreError,
)
from mediavault.core.logs import get_logger
from mediavault.core.messages import Message
from mediavault.presentation.schemas import ErrorView
from mediavault.presentation.translation import localize, translated

log = get_logger(__name__)

# A GET whose response never ends, or takes long to produce, has no HEAD.
ENDLESS_PATHS = frozenset({"/api/events", "/library/zip", "/library/export"})

_METHODS = ("DELETE", "GET", "POST")

_DATA_PREFIXES = ("/api/", "/static/", "/metrics", "/healthz", "/openapi.json")

_BODY_MESSAGES = {
    "missing": Message("The body is missing: it should be a JSON object."),
    "model_attributes_type": Message("The body should be a JSON object."),
}


ErrorPage = Callable[[int, ErrorView], Response]  # status, error


class HttpRefusal(BadInput):
    """A refused request with its own HTTP status and response headers."""

    def __init__(
        self,
        status: int,
        code: ErrorCode,
        message: str,
        *,
        help: str | None = None,  # noqa: A002 - the field's name in the API
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.code = code  # first: it decides the default help
        super().__init__(message, help=help)
        self.status = status
        self.headers = dict(headers or {})


def install(app: FastAPI, error_page: ErrorPage) -> None:
    """Answer every error of a route in our own form.
    ``error_page`` renders it for a user's browser.
    """
    app.state.error_page = error_page

    @app.exception_handler(MediavaultError)
    async def _mediavault_error(request: Request, exc: MediavaultError) -> Response:
        return error_response(request, exc)

    @app.exception_handler(RequestValidationError)
    async def _validation_error(request: Request, exc: RequestValidationError) -> Response:
        return error_response(
            request, BadInput(_first_problem(exc.errors()), help="See /openapi.json for the form.")
        )

    @app.exception_handler(HTTPException)
    async def _http_exception(request: Request, exc: HTTPException) -> Response:
        return error_response(request, _from_http(request, exc))


def error_response(request: Request, exc: MediavaultError) -> Response:
    """Return the response for an error, in JSON or as a page for a browser.
    An error of the server's is logged.
    """
    status = exc.status if isinstance(exc, HttpRefusal) else exc.spec.http_status
    headers = exc.headers if isinstance(exc, HttpRefusal) else {}
    if isinstance(exc, StoreError | StorageFailure):
        log.warning("request_failed", code=exc.code, error=exc.message, method=request.method)
        headers = {**headers, "Retry-After": "5"}
    if isinstance(exc, TooManyTries):
        headers = {**headers, "Retry-After": str(exc.wait_s)}
    advice = translated(exc.help)
    if wants_page(request):
        view = ErrorView(code=exc.code, message=exc.message, help=advice)
        error_page: ErrorPage = request.app.state.error_page
        response = error_page(status, view)
    else:
        message = localize(exc.code, exc.message)
        view = ErrorView(
            code=exc.code, message=f"{message.text} {message.original}".rstrip(), help=advice
        )
        response = JSONResponse(view.model_dump(mode="json"), status_code=status)
    response.headers.update(headers)
    return response


def unexpected(request: Request) -> Response:
    """Return the response for an unexpected exception. Call it inside the ``except`` block.

    The exception is logged in full under an incident id; the caller learns only the id.
    """
    incident = secrets.token_hex(4)
    log.exception("request_crashed", incident=incident, method=request.method)
    return error_response(
        request,
        HttpRefusal(
            500,
            ErrorCode.INTERNAL,
            Message(
                "Something went wrong inside the vault (incident %(incident)s).", incident=incident
            ),
            help="Please report it with the log lines of that incident.",
        ),
    )


def wants_page(request: Request) -> bool:
    """Whether the request is a browser's for a page or a file (or an unknown path),
    not a script's for data.
    """
    return not request.scope["path"].startswith(
        _DATA_PREFIXES
    ) and "text/html" in request.headers.get("accept", "")


def _from_http(request: Request, exc: HTTPException) -> HttpRefusal:
    texts: dict[int, tuple[ErrorCode, str, str]] = {
        404: (
            ErrorCode.NOT_FOUND,
            Message("Page not found."),
            Message("/openapi.json lists every address of the API."),
        ),
        405: (
            ErrorCode.BAD_REQUEST,
            Message("Method not allowed."),
            Message("/openapi.json lists the allowed methods."),
        ),
    }
    unknown = (
        ErrorCode.BAD_REQUEST,
        Message("The request cannot be understood."),
        Message("See /openapi.json for the form."),
    )
    code, message, advice = texts.get(exc.status_code, unknown)
    headers = dict(exc.headers or {})
    if exc.status_code == 405:
        # the router names only those of the first route
        headers["Allow"] = ", ".join(_allowed_methods(request))
    return HttpRefusal(exc.status_code, code, message, help=advice, headers=headers)


def _allowed_methods(request: Request) -> list[str]:
    """Return the methods of all routes at the request's path."""
    scope = {**request.scope, "root_path": ""}
    methods = [method for method in _METHODS if _has_route(request, {**scope, "method": method})]
    has_head = "GET" in methods and scope["path"] not in ENDLESS_PATHS
    return sorted({*methods, "HEAD"} if has_head else methods)


def _has_route(request: Request, scope: Mapping[str, Any]) -> bool:
    return any(route.matches(dict(scope))[0] is Match.FULL for route in request.app.routes)


def _first_problem(errors: Sequence[Any]) -> str:
    """Describe the first error, as in ``post_urls[3]: Input should be a valid string``,
    without the untrusted input.
    """
    first = errors[0]
    where = ""
    for part in first["loc"][1:]:
        # a type inside a union, as in str-enum[JobStatus]
        if isinstance(part, str) and "[" in part:
            continue
        where += f"[{part}]" if isinstance(part, int) else f".{part}"
    if first["type"] == "json_invalid":
        return Message(
            "The body is not JSON: %(problem)s at character %(position)s.",
            problem=first["ctx"]["error"],
            position=first["loc"][-1],
        )
    if first["loc"] == ("body",) and first["type"] in _BODY_MESSAGES:
        return _BODY_MESSAGES[first["type"]]
    message = str(first["msg"]).removeprefix("Value error, ")
    return f"{where.lstrip('.')}: {message}." if where else f"{message}."
