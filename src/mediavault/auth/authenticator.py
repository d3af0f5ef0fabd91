"""Authenticates requests by their credentials, and handles set-up, sign-in and changes of the password."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from mediavault.auth.endings import AccessEndings
from mediavault.auth.errors import TooManyTries, WrongSecret
from mediavault.auth.keys import digest_of, same
from mediavault.auth.login_throttle import LoginThrottle
from mediavault.auth.owner import Owner
from mediavault.auth.proxies import Headers, ProxyRules, client_address, is_trusted, proxy_rules, signed_in_by_proxy
from mediavault.auth.scopes import Scope
from mediavault.auth.setup_token import SetupToken
from mediavault.auth.shared_links import SharedLinks
from mediavault.auth.tokens import ApiTokens
from mediavault.auth.web_sessions import ClientInfo, WebSession, WebSessions
from mediavault.core.clock import Clock
from mediavault.core.logs import get_logger
from mediavault.core.settings import Settings
from mediavault.store.port import Records

COOKIE = "mediavault_session"
TLS_COOKIE = f"__Host-{COOKIE}"  # browsers accept this prefix over TLS only, and only from this host itself
BEARER_TRIES = 100  # wrong tokens per minute and address: enough for a program that still has an old one

log = get_logger(__name__)


class AuthMode(StrEnum):
    OPEN = "open"  # no password and reachable from this machine only: every request has the owner's rights
    SET_UP = "set_up"  # no password yet: only the set-up page is served
    PROTECTED = "protected"


class AuthMethod(StrEnum):
    """How a request was authenticated."""

    OPEN = "open"
    SESSION = "session"
    TOKEN = "token"  # noqa: S105 - a kind, no token
    PROXY = "proxy"


@dataclass(frozen=True, slots=True)
class Credentials:
    """The credentials of a request. Header names are in lower case; ``peer`` is the address of the connection."""

    peer: str = ""
    bearer: str | None = None
    cookies: Mapping[str, str] = field(default_factory=dict)
    headers: Headers = ()


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller. ``by`` identifies the session or token without granting access; empty without one."""

    scope: Scope
    how: AuthMethod
    session: WebSession | None = None
    by: str = ""


class Authenticator:
    """Authenticates requests. ``loopback``: whether the vault listens on a loopback address only."""

    def __init__(self, records: Records, settings: Settings, clock: Clock, *, loopback: bool) -> None:
        self._token = token_of(settings)
        self._rules: ProxyRules = proxy_rules(settings)
        self._open_by_default = loopback and not settings.setup
        self.endings = AccessEndings()
        self.owner = Owner(records, clock, on_changed=self.endings.announce)
        self.sessions = WebSessions(records, clock, on_ended=self.endings.announce)
        self.tokens = ApiTokens(records, clock, on_ended=self.endings.announce)
        self.setup_token = SetupToken(records, clock)
        self.shared_links = SharedLinks(records, clock)
        self._tries = LoginThrottle(clock)
        self._bearers = LoginThrottle(clock, per_address=BEARER_TRIES, total=BEARER_TRIES)

    @property
    def has_vault_token(self) -> bool:
        """Whether MEDIAVAULT_TOKEN is set."""
        return self._token is not None

    async def mode(self) -> AuthMode:
        if self._token or self._rules.login or await self.owner.has_password():
            return AuthMode.PROTECTED
        return AuthMode.OPEN if self._open_by_default else AuthMode.SET_UP

    def address_of(self, credentials: Credentials) -> str:
        """The client's address, for limits and logs only: it may come from a proxy's header."""
        forwarded = [value for name, value in credentials.headers if name == "x-forwarded-for"]
        return client_address(self._rules, credentials.peer, forwarded)

    def is_proxy(self, address: str) -> bool:
        """Whether the address is one of our proxies, for limits only."""
        return is_trusted(self._rules, address)

    async def authenticate(self, credentials: Credentials) -> Principal | None:
        """Authenticate a request to a protected vault; None when it fails. Raises ProxyRefused, TooManyTries."""
        if signed_in_by_proxy(self._rules, credentials.peer, credentials.headers):
            return Principal(Scope.ADMIN, AuthMethod.PROXY)
        if credentials.bearer is not None:
            return await self._bearer(credentials.bearer, self.address_of(credentials))
        session = await self.session_of(credentials.cookies)
        return None if session is None else Principal(Scope.ADMIN, AuthMethod.SESSION, session, session.key)

    async def is_still_valid(self, caller: Principal) -> bool:
        """Whether the session or token of ``caller`` is still valid. A proxy's sign-in holds for its whole request."""
        match caller.how:
            case AuthMethod.OPEN:
                return await self.mode() is AuthMode.OPEN
            case AuthMethod.SESSION:
                return await self.sessions.is_open(caller.by)
            case AuthMethod.TOKEN:
                return self._is_vault_token(caller.by) or await self.tokens.by_key(caller.by) is not None
            case AuthMethod.PROXY:
                return True

    async def sign_in(self, secret: str, visit: ClientInfo, *, before: WebSession | None = None) -> str:
        """Sign in with the password or MEDIAVAULT_TOKEN; return the new session's id and end the session ``before``.

        Raises WrongSecret, TooManyTries.
        """
        self._try(visit.address)
        by_password = await self.owner.holds(secret)  # always hashed, so that the time does not show what matched
        by_token = self._token is not None and same(secret, self._token)
        if not by_token and not by_password:
            log.warning("sign_in_failed", address=visit.address)
            raise WrongSecret("Wrong password.", help="Check Caps Lock and spaces, then try again.")
        self._tries.succeeded(visit.address)
        if before is not None:
            await self.sessions.end(before.key)
        log.info("signed_in", address=visit.address, browser=visit.browser)
        return await self.sessions.begin(visit, bound_to=self._token if by_token else None)

    async def set_up(self, password: str, invitation: str, visit: ClientInfo) -> str:
        """Set the first password; return the id of a new session. Raises WrongSecret, TooManyTries, BadInput."""
        mode = await self.mode()
        if mode is AuthMode.PROTECTED:
            raise WrongSecret("The vault has an owner already.", help="Sign in.")
        if mode is AuthMode.SET_UP:
            self._try(visit.address)
            if not await self.setup_token.matches(invitation):
                log.warning("set_up_failed", address=visit.address)
                raise WrongSecret(
                    "This is not the set-up token.", help="The start printed it, and it holds for an hour: start again."
                )
        if not await self.owner.take(password):
            raise WrongSecret("A password was set in the meantime.", help="Sign in with it.")
        await self.setup_token.revoke()
        await self.sessions.end_all()
        self._tries.succeeded(visit.address)
        log.info("owner_set_up", address=visit.address)
        return await self.sessions.begin(visit)

    async def change_password(self, current: str, password: str, visit: ClientInfo) -> str:
        """Change the password, end all sessions, and return the id of a new one.

        ``current`` is ignored while there is no password. Raises what ``sign_in`` raises, and BadInput for the new
        password.
        """
        if await self.owner.has_password():
            self._try(visit.address)
            await self.owner.change(current, password)
            self._tries.succeeded(visit.address)
        elif not await self.owner.take(password):
            raise WrongSecret("A password was set in the meantime.", help="Nothing was changed.")
        await self.sessions.end_all()
        log.info("password_changed", address=visit.address)
        return await self.sessions.begin(visit)

    async def session_of(self, cookies: Mapping[str, str]) -> WebSession | None:
        """The session of the cookies. The TLS cookie counts if both are there: a sibling domain can set the other one."""
        tls = TLS_COOKIE in cookies
        session_id = cookies.get(TLS_COOKIE if tls else COOKIE)
        return await self.sessions.find(session_id, tls=tls, bound_to=self._token) if session_id else None

    def _is_vault_token(self, key: str) -> bool:
        return self._token is not None and key == digest_of(self._token)

    def _try(self, address: str) -> None:
        if (wait_s := self._tries.begin(address)) is not None:
            raise TooManyTries(wait_s)

    async def _bearer(self, token: str, address: str) -> Principal | None:
        known = await self.tokens.find(token)
        if known is not None:
            return Principal(known.scope, AuthMethod.TOKEN, by=known.key)
        if (wait_s := self._bearers.begin(address)) is not None:
            raise TooManyTries(wait_s)
        if self._token is None or not same(token, self._token):
            return None
        self._bearers.succeeded(address)
        return Principal(Scope.ADMIN, AuthMethod.TOKEN, by=digest_of(token))


def token_of(settings: Settings) -> str | None:
    """MEDIAVAULT_TOKEN; None when it is unset or empty."""
    return (settings.token.get_secret_value() or None) if settings.token else None
