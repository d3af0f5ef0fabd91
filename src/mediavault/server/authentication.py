"""Authentication and authorization of a request, denied by default.

What a request proves is read from its raw headers, and what it asks for from its raw path.
"""

from __future__ import annotations

from contextvars import ContextVar
from urllib.parse import parse_qsl

from fastapi import Request
from fastapi.responses import RedirectResponse, Response

from mediavault.auth.authenticator import Authenticator, AuthMethod, AuthMode, Credentials, Principal
from mediavault.auth.proxies import ProxyRefused, was_forwarded
from mediavault.auth.scopes import SAFE_METHODS, Scope, may
from mediavault.auth.web_sessions import ClientInfo
from mediavault.core.failures import ErrorCode
from mediavault.core.logs import get_logger
from mediavault.core.messages import Message
from mediavault.server.errors import HttpRefusal, wants_page
from mediavault.server.security import bearer

ALWAYS_OPEN = frozenset({"/healthz"})
OPEN_PREFIX = "/static/"
DOORS = frozenset({"/login", "/setup", "/appearance"})  # they look for themselves at what a person brings along
SECRETS_IN_QUERIES = frozenset({"token", "access_token", "api_key", "apikey", "password"})

log = get_logger(__name__)

_CALLER: ContextVar[Principal | None] = ContextVar("caller", default=None)


def set_principal(caller: Principal | None) -> None:
    """Set the caller for the rest of this request."""
    _CALLER.set(caller)


def current_principal() -> Principal | None:
    """Return the caller of this request; None for the sign-in pages, and for what is open to all."""
    return _CALLER.get()


class RequestAuthenticator:
    def __init__(self, desk: Authenticator) -> None:
        self._desk = desk

    async def authenticate(self, request: Request) -> Response | None:
        """Return None to let the request in, whose caller ``asking`` then returns, or a redirect. Raises HttpRefusal."""
        set_principal(None)
        path: str = request.scope["path"]
        if path in ALWAYS_OPEN or path.startswith(OPEN_PREFIX):
            return None
        standing = await self._desk.mode()
        if standing is AuthMode.OPEN:
            if was_forwarded(credentials_of(request).headers):
                raise _open_behind_a_proxy()
            set_principal(Principal(Scope.ADMIN, AuthMethod.OPEN))
            return None
        if any(name.lower() in SECRETS_IN_QUERIES for name, _ in parse_qsl(_query(request), keep_blank_values=True)):
            raise _refused(
                Message("A secret does not belong into an address: addresses end up in logs and histories."),
                Message("Send it in the header Authorization: Bearer … instead, and revoke this one."),
            )
        if path in DOORS:
            return None
        caller = await self._known(request) if standing is AuthMode.PROTECTED else None
        if caller is None:
            return _sent_to_a_door(request, standing)
        if not may(caller.scope, request.method, path):
            raise HttpRefusal(
                403,
                ErrorCode.FORBIDDEN,
                Message("This token's scope is `%(scope)s` only.", scope=caller.scope),
                help="Use a token with the scope that this needs: see `mediavault token list`.",
                headers={"WWW-Authenticate": 'Bearer error="insufficient_scope"'},
            )
        set_principal(caller)
        return None

    async def _known(self, request: Request) -> Principal | None:
        knock = credentials_of(request)
        try:
            return await self._desk.authenticate(knock)
        except ProxyRefused as exc:
            log.warning("proxy_refused", reason=str(exc), peer=knock.peer)
            raise _refused(str(exc), Message("See `Behind a reverse proxy` in docs/access.md.")) from exc


def credentials_of(request: Request) -> Credentials:
    headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw)
    peer = request.client.host if request.client else ""
    return Credentials(peer, bearer(request.headers.get("authorization")), request.cookies, headers)


def client_info_of(request: Request, desk: Authenticator) -> ClientInfo:
    """Describe the browser of a sign-in. ``tls``: what the browser sees, whatever is in between; its Origin shows it."""
    tls = request.headers.get("origin", "").startswith("https://")
    return ClientInfo(
        browser_words(request.headers.get("user-agent", "")), desk.address_of(credentials_of(request)), tls
    )


_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR", "Opera"),
    ("Firefox", "Firefox"),
    ("FxiOS", "Firefox"),
    ("CriOS", "Chrome"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)


def browser_words(user_agent: str) -> str:
    """Return a browser's name and system, as in ``Firefox, Linux``; empty where unknown. No text of the header is kept."""
    found = (next((words for mark, words in marks if mark in user_agent), "") for marks in (_BROWSERS, _SYSTEMS))
    return ", ".join(words for words in found if words)


def _sent_to_a_door(request: Request, standing: AuthMode) -> Response:
    is_set_up = standing is AuthMode.PROTECTED
    if wants_page(request) and request.method in SAFE_METHODS:
        door = "/login" if is_set_up else "/setup"
        return RedirectResponse(door, status_code=303, headers={"Cache-Control": "no-store"})
    if is_set_up:
        raise sign_in_required()
    raise _refused(
        Message("This vault has no owner yet."), Message("Open /setup in a browser, or run `mediavault password`.")
    )


def sign_in_required() -> HttpRefusal:
    """Return the refusal of an unknown caller, or of one whose session or token has ended."""
    return _refused(Message("Sign in to continue."), None)


def _refused(message: str, advice: str | None) -> HttpRefusal:
    return HttpRefusal(401, ErrorCode.UNAUTHORIZED, message, help=advice, headers={"WWW-Authenticate": "Bearer"})


def _open_behind_a_proxy() -> HttpRefusal:
    """A proxy in front shows that others are expected, and to them an open vault would be as open as to its owner."""
    return HttpRefusal(
        403,
        ErrorCode.FORBIDDEN,
        "This vault has no password, and this request was passed on by a proxy.",
        help="Set a password first: `mediavault password`.",
    )


def _query(request: Request) -> str:
    raw: bytes = request.scope.get("query_string", b"")
    return raw.decode("latin-1")
