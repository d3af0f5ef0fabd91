"""The security checks that every request passes before any route sees it, and the headers of every
response.

Default deny: the checks read the raw path, method and headers, never a URL built from the Host
header.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from contextvars import ContextVar

from fastapi import Request
from fastapi.responses import Response
from starlette.datastructures import MutableHeaders
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.types import Message as HttpMessage

from mediavault.auth.authenticator import Authenticator, AuthMethod
from mediavault.auth.permissions import SAFE_METHODS
from mediavault.core.clock import Clock
from mediavault.core.failures import ErrorCode, MediavaultError
from mediavault.core.listings import MAX_LIST_BYTES
from mediavault.core.logs import get_logger
from mediavault.core.messages import Message
from mediavault.presentation.preferences import read, use
from mediavault.presentation.translation import locales
from mediavault.server.authentication import (
    FEEDS_PREFIX,
    RequestAuthenticator,
    current_principal,
    sign_in_required,
)
from mediavault.server.connections import ConcurrencyLimit
from mediavault.server.errors import ENDLESS_PATHS, HttpRefusal, error_response, unexpected
from mediavault.server.long_responses import ADMISSION, Admission
from mediavault.server.security import (
    FORM_TYPE,
    JSON_TYPE,
    UPLOAD_TYPE,
    HostRules,
    comes_from_elsewhere,
    host_is_ours,
    host_of,
)

# beginnings of paths
AS_THEY_ARE = ("/files/", FEEDS_PREFIX, "/library/zip", "/library/export", "/api/events")
WORTH_BYTES = 1_000
LEVEL = 5  # of 9


class CompressionMiddleware:
    """ASGI middleware between the security checks and the routes."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._compressing = GZipMiddleware(app, minimum_size=WORTH_BYTES, compresslevel=LEVEL)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_left = scope["type"] != "http" or scope["path"].startswith(AS_THEY_ARE)
        await (self._app if is_left else self._compressing)(scope, receive, send)


_current: ContextVar[str] = ContextVar("base_path", default="")


def base_path() -> str:
    """Return the path that the links of this request's page begin with: "" or,
    for example, "/mediavault".
    """
    return _current.get()


class BasePathMiddleware:
    """The outermost ASGI middleware. ``base`` is "",
    or begins with a slash and ends without one.
    """

    def __init__(self, app: ASGIApp, base: str) -> None:
        self._app = app
        self._base = base

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or not self._base:
            await self._app(scope, receive, send)
            return
        _current.set(self._base)
        if scope["path"] == self._base and scope["type"] == "http":
            await _redirect(f"{self._base}/", send)
        else:
            await self._app(
                self._without_base(scope), receive, lambda message: send(self._with_base(message))
            )

    def _without_base(self, scope: Scope) -> Scope:
        if not scope["path"].startswith(f"{self._base}/"):
            return scope
        raw: bytes = scope.get("raw_path") or scope["path"].encode()
        return {
            **scope,
            "path": scope["path"][len(self._base) :],
            "raw_path": raw[len(self._base) :],
        }

    def _with_base(self, message: HttpMessage) -> HttpMessage:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            target = headers.get("location", "")
            if target.startswith("/") and not target.startswith("//"):
                headers["location"] = self._base + target
        return message


async def _redirect(target: str, send: Send) -> None:
    headers = [(b"location", target.encode()), (b"content-length", b"0")]
    await send({"type": "http.response.start", "status": 308, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


MAX_BODY_BYTES = 64 * 1024  # 500 addresses of usual length
BODY_DEADLINE_S = 10.0  # a body that is incomplete by then is a slow attack or a dead connection
# The requests whose body has a file, with the body's type: a list of sources, in JSON as Base64.
UPLOADS = {"/sources/import": UPLOAD_TYPE, "/api/sources/import": JSON_TYPE}
MAX_UPLOAD_BYTES = MAX_LIST_BYTES * 3 // 2
UPLOAD_DEADLINE_S = 60.0

FILES_PREFIXES = ("/files/", FEEDS_PREFIX)

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors"
        " 'self'; "  # the mini player shows the vault's other pages in a frame
        "form-action 'self'; require-trusted-types-for 'script'; trusted-types default"
    ),
    "Cache-Control": "no-store",  # unless the route says otherwise, as files and styles do
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


log = get_logger(__name__)


class _ClientGone(Exception):
    """The client left before its request was complete, so no answer is sent."""


class SecurityMiddleware:
    """ASGI middleware around the whole application."""

    def __init__(
        self, app: ASGIApp, hosts: HostRules, authenticator: Authenticator, clock: Clock
    ) -> None:
        self._app = app
        self._hosts = hosts
        self._authenticator = authenticator
        self._clock = clock
        self._requests = RequestAuthenticator(authenticator)
        self._concurrency = ConcurrencyLimit(authenticator)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._handle_http(scope, receive, _Answer(send))
        elif scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        else:
            await self._handle_websocket(scope, receive, send)

    async def _handle_http(self, scope: Scope, receive: Receive, answer: _Answer) -> None:
        request = Request(scope)
        use(read(request.cookies, request.headers.get("accept-language"), locales()))
        try:
            await self._respond(request, receive, answer)
        except _ClientGone:
            return
        except MediavaultError as exc:
            await error_response(request, exc)(scope, receive, answer.send)
        except Exception:
            # the outermost frame of a request: every error is logged in full and answered in our
            # form
            response = unexpected(request)
            if answer.begun:
                raise
            await response(scope, receive, answer.send)

    async def _handle_websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Apply the same checks to a WebSocket, and the same-origin rule although it begins with a
        GET.
        """
        request = Request({**scope, "type": "http", "method": "GET"})
        try:
            async with self._admission(request) as admission:
                if await self._admit(request, is_unsafe=True) is not None:
                    raise sign_in_required()
                admission.grant(current_principal())
                await self._app(
                    scope, lambda: admission.next_message(receive, protocol="websocket"), send
                )
        except MediavaultError as exc:
            log.info("websocket_refused", path=scope["path"], error=exc.message)
            await send({"type": "websocket.close", "code": 1008})

    async def _respond(self, request: Request, receive: Receive, answer: _Answer) -> None:
        scope = request.scope
        async with self._admission(request) as admission:
            if (
                redirect := await self._admit(request, is_unsafe=request.method not in SAFE_METHODS)
            ) is not None:
                await redirect(scope, receive, answer.send)
                return
            admission.grant(current_principal())
            scope[ADMISSION] = admission
            body = await _read_body(request, receive)
            # an unsafe request may itself end the session, and is answered
            if request.method in SAFE_METHODS:
                answer.admission = admission
            if _is_head_of_a_get(request):
                scope, answer.is_head = {**scope, "method": "GET"}, True
            await self._app(
                scope, _replay(body, lambda: admission.next_message(receive)), answer.send
            )
        if answer.is_withheld:
            raise sign_in_required()

    @asynccontextmanager
    async def _admission(self, request: Request) -> AsyncIterator[Admission]:
        """Count the request for its address, and watch its caller's access. Raises HttpRefusal."""
        with self._concurrency.hold(request):
            async with aclosing(
                Admission(self._authenticator, self._clock, request.scope["path"])
            ) as admission:
                yield admission

    async def _admit(self, request: Request, *, is_unsafe: bool) -> Response | None:
        """Return None to let the request in, or a redirect. Raises HttpRefusal, StoreError."""
        _check_target(request)
        _check_host(request, self._hosts)
        if (redirect := await self._requests.authenticate(request)) is not None:
            return redirect
        if is_unsafe:
            # a bearer token is proof enough: another site's page cannot send one without a CORS
            # preflight
            caller = current_principal()
            _check_origin(request, exempt=caller is not None and caller.how is AuthMethod.TOKEN)
            _check_type(request)
        return None


def _is_head_of_a_get(request: Request) -> bool:
    """Whether to answer a HEAD as a GET without the body. Saved files have their own HEAD,
    which reads nothing.
    """
    path: str = request.scope["path"]
    return (
        request.method == "HEAD"
        and path not in ENDLESS_PATHS
        and not path.startswith(FILES_PREFIXES)
    )


class _Answer:
    """Adds our headers to a response, drops the body of a HEAD, and records whether the response
    has begun.

    With ``admission``, a response that would begin after the caller's access has ended is withheld.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self.begun = False
        self.is_head = False
        self.is_withheld = False
        self.admission: Admission | None = None

    async def send(self, message: HttpMessage) -> None:
        if message["type"] == "http.response.start":
            admission, self.admission = self.admission, None
            self.is_withheld = admission is not None and not await admission.holds_for_late_answer()
        if not self.is_withheld:
            await self._send_on(message)

    async def _send_on(self, message: HttpMessage) -> None:
        if message["type"] == "http.response.start":
            self.begun = True
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        elif self.is_head and message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await self._send(message)


def _check_target(request: Request) -> None:
    if not request.scope["path"].startswith("/"):
        raise HttpRefusal(400, ErrorCode.BAD_REQUEST, "The request target must be a path.")
    if "transfer-encoding" in request.headers and "content-length" in request.headers:
        # a proxy in front may have measured the body by the other header (RFC 9112, section 6.1)
        raise HttpRefusal(
            400,
            ErrorCode.BAD_REQUEST,
            "The request has both Content-Length and Transfer-Encoding.",
            headers={"Connection": "close"},
        )


def _check_host(request: Request, rules: HostRules) -> None:
    headers = request.headers.getlist("host")
    host = host_of(headers[0]) if len(headers) == 1 else None
    if host is None:
        raise HttpRefusal(400, ErrorCode.BAD_REQUEST, "The Host header is not valid.")
    if not host_is_ours(host, rules):
        raise HttpRefusal(
            421,
            ErrorCode.FORBIDDEN,
            "Host not allowed.",
            help=Message(
                "To reach the vault under this name, start it with"
                " MEDIAVAULT_HOST_NAMES='[\"%(host)s\"]'. "
                "http://127.0.0.1 and http://localhost with its port always work on its own"
                " machine.",
                host=host,
            ),
        )


def _check_origin(request: Request, *, exempt: bool) -> None:
    headers = request.headers
    if not exempt and comes_from_elsewhere(
        headers.get("sec-fetch-site"), headers.get("origin"), headers.get("host")
    ):
        raise HttpRefusal(403, ErrorCode.FORBIDDEN, "This request comes from another site's page.")


def _check_type(request: Request) -> None:
    """Require JSON for the API and a form for the pages,
    so that no other site's form reaches the API.
    """
    headers = request.headers
    if headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers:
        return
    path: str = request.scope["path"]
    wanted = UPLOADS.get(path, JSON_TYPE if path.startswith("/api/") else FORM_TYPE)
    content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != wanted:
        raise HttpRefusal(
            415,
            ErrorCode.UNSUPPORTED_MEDIA_TYPE,
            Message("The body must be %(wanted)s.", wanted=wanted),
            help=Message("Send the header Content-Type: %(wanted)s.", wanted=wanted),
        )


async def _read_body(request: Request, receive: Receive) -> bytes:
    """Return the whole body, bounded in size and time. Raises HttpRefusal."""
    declared = request.headers.get("content-length", "0")
    is_upload = request.method == "POST" and request.scope["path"] in UPLOADS
    most, within_s = (
        (MAX_UPLOAD_BYTES, UPLOAD_DEADLINE_S) if is_upload else (MAX_BODY_BYTES, BODY_DEADLINE_S)
    )
    if not declared.isdecimal() or int(declared[:12]) > most:
        raise _too_large(most)
    body = bytearray()
    try:
        async with asyncio.timeout(within_s):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise _ClientGone
                body += message.get("body", b"")
                if len(body) > most:
                    raise _too_large(most)
                if not message.get("more_body", False):
                    return bytes(body)
    except TimeoutError as exc:
        raise HttpRefusal(
            408,
            ErrorCode.BAD_REQUEST,
            "The body took too long to arrive.",
            headers={"Connection": "close"},
        ) from exc


def _too_large(most: int) -> HttpRefusal:
    return HttpRefusal(
        413,
        ErrorCode.TOO_LARGE,
        Message("The body is larger than %(max_body_bytes)s bytes.", max_body_bytes=most),
        help="Submit fewer addresses at a time.",
    )  # without "Connection: close": a client that is still sending would never read this


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return a ``receive`` that gives the application the body again,
    then the connection's messages (only its end).
    """
    messages: list[HttpMessage] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> HttpMessage:
        return messages.pop() if messages else await receive()

    return replayed
