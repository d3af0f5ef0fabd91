"""The one door: every request passes these checks before any route sees it, and every answer gets the same headers.

Default deny: what the checks read are the raw path, method and headers, never a URL that the Host header shaped.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

from fastapi import Request
from fastapi.responses import Response
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.types import Message as HttpMessage

from mediavault.auth.authenticator import Authenticator, AuthMethod
from mediavault.auth.scopes import SAFE_METHODS
from mediavault.core.clock import Clock
from mediavault.core.failures import ErrorCode, MediavaultError
from mediavault.core.logs import get_logger
from mediavault.core.messages import Message
from mediavault.presentation.preferences import read, use
from mediavault.presentation.translation import locales
from mediavault.server.authentication import RequestAuthenticator, current_principal, sign_in_required
from mediavault.server.connections import ConcurrencyLimit
from mediavault.server.errors import ENDLESS_PATHS, HttpRefusal, error_response, unexpected
from mediavault.server.long_responses import Admission
from mediavault.server.security import FORM_TYPE, JSON_TYPE, HostRules, comes_from_elsewhere, host_is_ours, host_of

MAX_BODY_BYTES = 64 * 1024  # 500 addresses of usual length
BODY_DEADLINE_S = 10.0  # a body that is still not there by then is a slow attack or a dead line

FILES_PREFIX = "/files/"

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; "
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
    """The client left before its request was whole; nobody is there to be answered."""


class SecurityMiddleware:
    """ASGI middleware round the whole application."""

    def __init__(self, app: ASGIApp, hosts: HostRules, desk: Authenticator, clock: Clock) -> None:
        self._app = app
        self._hosts = hosts
        self._desk = desk
        self._clock = clock
        self._doorkeeper = RequestAuthenticator(desk)
        self._concurrency = ConcurrencyLimit(desk)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._guarded(scope, receive, _Answer(send))
        elif scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        else:
            await self._guarded_socket(scope, receive, send)

    async def _guarded(self, scope: Scope, receive: Receive, answer: _Answer) -> None:
        request = Request(scope)
        use(read(request.cookies, request.headers.get("accept-language"), locales()))
        try:
            await self._answered(request, receive, answer)
        except _ClientGone:
            return
        except MediavaultError as exc:
            await error_response(request, exc)(scope, receive, answer.send)
        except Exception:
            # the outermost frame of a request: whatever went wrong is logged whole and answered in our form
            response = unexpected(request)
            if answer.begun:
                raise
            await response(scope, receive, answer.send)

    async def _guarded_socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The same checks for a WebSocket, and the rule of the same origin although it begins with a GET."""
        request = Request({**scope, "type": "http", "method": "GET"})
        try:
            async with self._admission(request) as admission:
                if await self._admit(request, is_unsafe=True) is not None:
                    raise sign_in_required()
                admission.grant(current_principal())
                await self._app(scope, lambda: admission.next_message(receive, protocol="websocket"), send)
        except MediavaultError as exc:
            log.info("websocket_refused", path=scope["path"], error=exc.message)
            await send({"type": "websocket.close", "code": 1008})

    async def _answered(self, request: Request, receive: Receive, answer: _Answer) -> None:
        scope = request.scope
        async with self._admission(request) as admission:
            if (turned_away := await self._admit(request, is_unsafe=request.method not in SAFE_METHODS)) is not None:
                await turned_away(scope, receive, answer.send)
                return
            admission.grant(current_principal())
            body = await _read_body(request, receive)
            if request.method in SAFE_METHODS:  # what changes something may be what ends the session, and is answered
                answer.admission = admission
            if _is_head_of_a_get(request):
                scope, answer.is_head = {**scope, "method": "GET"}, True
            await self._app(scope, _replay(body, lambda: admission.next_message(receive)), answer.send)
        if answer.is_withheld:
            raise sign_in_required()

    @asynccontextmanager
    async def _admission(self, request: Request) -> AsyncIterator[Admission]:
        """Count the request for its address, and watch what lets it in. Raises HttpRefusal."""
        with self._concurrency.hold(request):
            async with aclosing(Admission(self._desk, self._clock, request.scope["path"])) as admission:
                yield admission

    async def _admit(self, request: Request, *, is_unsafe: bool) -> Response | None:
        """None lets the request in, a response sends it elsewhere. Raises HttpRefusal, StoreError."""
        _check_target(request)
        _check_host(request, self._hosts)
        if (elsewhere := await self._doorkeeper.authenticate(request)) is not None:
            return elsewhere
        if is_unsafe:
            # a bearer token is proof enough: no page of another site can send one without asking first
            caller = current_principal()
            _check_origin(request, exempt=caller is not None and caller.how is AuthMethod.TOKEN)
            _check_type(request)
        return None


def _is_head_of_a_get(request: Request) -> bool:
    """The routes know GET alone, and HEAD is GET without the body; the files have a HEAD of their own that opens no part."""
    path: str = request.scope["path"]
    return request.method == "HEAD" and path not in ENDLESS_PATHS and not path.startswith(FILES_PREFIX)


class _Answer:
    """Adds our headers to the answer, drops the body of a HEAD, and remembers whether it has begun.

    With ``admission``, an answer that would begin after the caller's access has ended is withheld.
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
        # a proxy before us may have counted the body the other way (RFC 9112, section 6.1)
        raise HttpRefusal(400, ErrorCode.BAD_REQUEST, "The request has two lengths.", headers={"Connection": "close"})


def _check_host(request: Request, rules: HostRules) -> None:
    given = request.headers.getlist("host")
    host = host_of(given[0]) if len(given) == 1 else None
    if host is None:
        raise HttpRefusal(400, ErrorCode.BAD_REQUEST, "The Host header is not valid.")
    if not host_is_ours(host, rules):
        raise HttpRefusal(
            421,
            ErrorCode.FORBIDDEN,
            "Host not allowed.",
            help="Use http://127.0.0.1 or http://localhost with its port, or name it in MEDIAVAULT_HOST_NAMES "
            'as in ["vault.example"].',
        )


def _check_origin(request: Request, *, exempt: bool) -> None:
    headers = request.headers
    if not exempt and comes_from_elsewhere(headers.get("sec-fetch-site"), headers.get("origin"), headers.get("host")):
        raise HttpRefusal(403, ErrorCode.FORBIDDEN, "This request comes from another site's page.")


def _check_type(request: Request) -> None:
    """JSON for the API, a form for the pages; each only there, so that no other site's form reaches the API."""
    headers = request.headers
    if headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers:
        return
    wanted = JSON_TYPE if request.scope["path"].startswith("/api/") else FORM_TYPE
    given = headers.get("content-type", "").partition(";")[0].strip().lower()
    if given != wanted:
        raise HttpRefusal(
            415,
            ErrorCode.UNSUPPORTED_MEDIA_TYPE,
            Message("The body must be %(wanted)s.", wanted=wanted),
            help=Message("Send the header Content-Type: %(wanted)s.", wanted=wanted),
        )


async def _read_body(request: Request, receive: Receive) -> bytes:
    """The whole body, bounded in size and time. Raises HttpRefusal."""
    announced = request.headers.get("content-length", "0")
    if not announced.isdecimal() or int(announced[:12]) > MAX_BODY_BYTES:
        raise _too_large()
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_DEADLINE_S):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise _ClientGone
                body += message.get("body", b"")
                if len(body) > MAX_BODY_BYTES:
                    raise _too_large()
                if not message.get("more_body", False):
                    return bytes(body)
    except TimeoutError as exc:
        raise HttpRefusal(
            408, ErrorCode.BAD_REQUEST, "The body took too long to arrive.", headers={"Connection": "close"}
        ) from exc


def _too_large() -> HttpRefusal:
    return HttpRefusal(
        413,
        ErrorCode.TOO_LARGE,
        Message("The body is larger than %(max_body_bytes)s bytes.", max_body_bytes=MAX_BODY_BYTES),
        help="Submit fewer addresses at a time.",
    )  # and no end at once: a client that is still sending would never read this


def _replay(body: bytes, receive: Receive) -> Receive:
    """The body once more for the application; then the connection's own messages, of which only its end can come."""
    messages: list[HttpMessage] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> HttpMessage:
        return messages.pop() if messages else await receive()

    return replayed
