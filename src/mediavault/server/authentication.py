"""Authentication and authorization of a request, denied by default.

Credentials are read from the raw headers, and the requested resource from the raw path.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import replace
from urllib.parse import parse_qsl, urlencode

from fastapi import Request
from fastapi.responses import RedirectResponse, Response

from mediavault.auth.authenticator import (
    Authenticator,
    AuthMethod,
    AuthMode,
    Credentials,
    Principal,
)
from mediavault.auth.credentials import ClientInfo
from mediavault.auth.permissions import SAFE_METHODS, Scope, least_role, scope_allows
from mediavault.auth.proxies import ProxyRefused, was_forwarded
from mediavault.core.failures import ErrorCode
from mediavault.core.logs import get_logger
from mediavault.core.messages import Message
from mediavault.core.users import OWNER, Role
from mediavault.presentation.preferences import current, use
from mediavault.server.errors import HttpRefusal, wants_page
from mediavault.server.security import bearer

ALWAYS_OPEN = frozenset({"/healthz"})
OPEN_PREFIX = "/static/"
MAX_OWN_PATH_CHARS = 2_000
MANIFEST, SHARE, AWAY_PAGE = "/manifest.webmanifest", "/share", "/away"
# Their routes have an answer for a signed-out browser too: current_principal() is then None.
OPTIONAL_PATHS = frozenset({MANIFEST, SHARE, AWAY_PAGE})
SHARED_PREFIX = "/s/"  # one video for everyone with its link, which these routes check themselves
# what an RSS feed holds, for everyone with its secret, which these routes check themselves
FEEDS_PREFIX = "/feeds/"
PROVIDER_PATH, PROVIDER_BACK_PATH = "/login/oidc", "/login/oidc/callback"
SIGN_IN_PATHS = frozenset(
    {"/login", PROVIDER_PATH, PROVIDER_BACK_PATH, "/setup", "/appearance"}
)  # they check the user's credentials themselves
SECRETS_IN_QUERIES = frozenset({"token", "access_token", "api_key", "apikey", "password"})

log = get_logger(__name__)

_CALLER: ContextVar[Principal | None] = ContextVar("caller", default=None)


def set_principal(caller: Principal | None) -> None:
    """Set the caller for the rest of this request.

    Only an admin sees the secrets in addresses, and not with a token of a smaller scope.
    """
    _CALLER.set(caller)
    use(
        replace(
            current(),
            with_secrets=has_role(Role.ADMIN)
            and caller is not None
            and caller.scope is Scope.ADMIN,
        )
    )


def current_principal() -> Principal | None:
    """Return the caller of this request; None for the sign-in pages, for paths that are open to
    all, and for a signed-out caller of OPTIONAL_PATHS.
    """
    return _CALLER.get()


def current_user() -> str:
    """Return the name of the user whose request this is; the owner's without a caller."""
    caller = current_principal()
    return caller.user if caller else OWNER


def has_role(role: Role) -> bool:
    """Whether the caller's role includes ``role``; False without a caller."""
    caller = current_principal()
    return caller is not None and caller.role.rank >= role.rank


def may(method: str, address: str) -> bool:
    """Whether the caller's role allows a request to this path,
    which may have a query and a fragment.
    """
    return has_role(least_role(method, address.partition("#")[0].partition("?")[0]))


def require_role(role: Role) -> None:
    """Raise HttpRefusal unless the caller's role includes ``role``."""
    if not has_role(role):
        for_admins, for_members = (
            Message("Only an admin may do this."),
            Message("You can watch, but not change this."),
        )
        message = for_admins if role is Role.ADMIN else for_members
        raise HttpRefusal(
            403, ErrorCode.FORBIDDEN, message, help="An admin of this vault can change that."
        )


class RequestAuthenticator:
    def __init__(self, authenticator: Authenticator) -> None:
        self._authenticator = authenticator

    async def authenticate(self, request: Request) -> Response | None:
        """Return None to let the request in, or a redirect. Raises HttpRefusal.

        For a request that is let in, ``current_principal`` then returns the caller.
        """
        set_principal(None)
        path: str = request.scope["path"]
        if path in ALWAYS_OPEN or path.startswith(OPEN_PREFIX):
            return None
        mode = await self._authenticator.mode()
        if mode is AuthMode.OPEN:
            credentials = credentials_of(request)
            if was_forwarded(credentials.headers):
                raise _no_password_behind_proxy()
            if credentials.bearer is None:
                set_principal(Principal(Scope.ADMIN, AuthMethod.OPEN))
                return None
        if any(
            name.lower() in SECRETS_IN_QUERIES
            for name, _ in parse_qsl(_query_string(request), keep_blank_values=True)
        ):
            raise _refused(
                Message("Do not put secrets in URLs: URLs end up in logs and histories."),
                Message(
                    "Send it in the header Authorization: Bearer … instead, and revoke this one."
                ),
            )
        if path in SIGN_IN_PATHS or path.startswith((SHARED_PREFIX, FEEDS_PREFIX)):
            return None
        caller = await self._authenticated_caller(request) if mode is not AuthMode.SET_UP else None
        if caller is None and mode is AuthMode.OPEN:
            raise _refused(
                Message("This token is wrong, has expired or was revoked."),
                Message("This vault has no password, so leave the token out, or send a valid one."),
            )
        if caller is None:
            return None if path in OPTIONAL_PATHS else _redirect_to_sign_in(request, mode)
        if not scope_allows(caller.scope, request.method, path):
            raise HttpRefusal(
                403,
                ErrorCode.FORBIDDEN,
                Message("This token's scope is `%(scope)s` only.", scope=caller.scope),
                help="Use a token with the required scope: see `mediavault token list`.",
                headers={"WWW-Authenticate": 'Bearer error="insufficient_scope"'},
            )
        set_principal(caller)
        require_role(least_role(request.method, path))
        return None

    async def _authenticated_caller(self, request: Request) -> Principal | None:
        credentials = credentials_of(request)
        try:
            return await self._authenticator.authenticate(credentials)
        except ProxyRefused as exc:
            log.warning("proxy_refused", reason=str(exc), peer=credentials.peer)
            raise _refused(
                str(exc), Message("See `Behind a reverse proxy` in docs/access.md.")
            ) from exc


def credentials_of(request: Request) -> Credentials:
    headers = tuple(
        (name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw
    )
    peer = request.client.host if request.client else ""
    return Credentials(peer, bearer(request.headers.get("authorization")), request.cookies, headers)


def client_info_of(request: Request, authenticator: Authenticator) -> ClientInfo:
    """Describe the browser of a sign-in. ``tls`` is whether the browser uses HTTPS,
    as its Origin header shows.
    """
    tls = request.headers.get("origin", "").startswith("https://")
    return ClientInfo(
        describe_browser(request.headers.get("user-agent", "")),
        authenticator.address_of(credentials_of(request)),
        tls,
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


def describe_browser(user_agent: str) -> str:
    """Return a browser's name and system, as in ``Firefox, Linux``; "" if unknown.
    Contains no text of the header.
    """
    labels = (
        next((label for mark, label in marks if mark in user_agent), "")
        for marks in (_BROWSERS, _SYSTEMS)
    )
    return ", ".join(label for label in labels if label)


def _redirect_to_sign_in(request: Request, mode: AuthMode) -> Response:
    """Redirect a browser to the sign-in or set-up page.
    Raises HttpRefusal for every other request.
    """
    is_set_up = mode is AuthMode.PROTECTED
    if wants_page(request) and request.method in SAFE_METHODS:
        page = f"/login{_then(request)}" if is_set_up else "/setup"
        return RedirectResponse(page, status_code=303, headers={"Cache-Control": "no-store"})
    if is_set_up:
        raise sign_in_required()
    raise _refused(
        Message("This vault has no owner yet."),
        Message("Open /setup in a browser, or run `mediavault password`."),
    )


def _then(request: Request) -> str:
    """Return the query that leads back to the wanted page after the sign-in;
    "" for the home page as such.
    """
    wanted = request.scope["path"] + (
        f"?{request.scope['query_string'].decode('latin-1')}".rstrip("?")
    )
    return (
        ""
        if wanted == "/" or len(wanted) > MAX_OWN_PATH_CHARS
        else f"?{urlencode({'next': wanted})}"
    )


def sign_in_required() -> HttpRefusal:
    """Return the refusal of an unknown caller, or of one whose session or token has ended."""
    return _refused(Message("Sign in to continue."), None)


def _refused(message: str, advice: str | None) -> HttpRefusal:
    return HttpRefusal(
        401, ErrorCode.UNAUTHORIZED, message, help=advice, headers={"WWW-Authenticate": "Bearer"}
    )


def _no_password_behind_proxy() -> HttpRefusal:
    """Return the refusal of a forwarded request to an open vault.

    A proxy in front shows that others are expected, and they would have as much access as the
    owner.
    """
    return HttpRefusal(
        403,
        ErrorCode.FORBIDDEN,
        "This vault has no password, and this request came through a proxy.",
        help="Set a password first: `mediavault password`.",
    )


def _query_string(request: Request) -> str:
    raw: bytes = request.scope.get("query_string", b"")
    return raw.decode("latin-1")
