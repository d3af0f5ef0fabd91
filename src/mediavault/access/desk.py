"""The desk at the door: from what a request carries to who asks, and what a person does there to come in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from mediavault.access.back_off import BackOff
from mediavault.access.endings import Endings
from mediavault.access.errors import TooManyTries, WrongSecret
from mediavault.access.invitation import Invitation
from mediavault.access.keys import digest_of, same
from mediavault.access.owner import Owner
from mediavault.access.proxies import Headers, ProxyRules, client_address, is_trusted, proxy_rules, signed_in_by_proxy
from mediavault.access.scopes import Scope
from mediavault.access.tokens import ApiTokens
from mediavault.access.web_sessions import Visit, WebSession, WebSessions
from mediavault.core.clock import Clock
from mediavault.core.logs import get_logger
from mediavault.core.settings import Settings
from mediavault.store.record_port import RecordStore

COOKIE = "mediavault_session"
TLS_COOKIE = f"__Host-{COOKIE}"  # a browser takes it over TLS alone, and from this very host
BEARER_TRIES = 100  # wrong ones in a minute from an address: enough for a program that was not told the new token

log = get_logger(__name__)


class Standing(StrEnum):
    OPEN = "open"  # no password, on this machine alone: everybody who reaches it is the owner
    SET_UP = "set_up"  # no password yet, and nothing is answered but the set-up page
    PROTECTED = "protected"


class How(StrEnum):
    """By what somebody is let in."""

    OPEN = "open"
    SESSION = "session"
    TOKEN = "token"  # noqa: S105 - a kind, no token
    PROXY = "proxy"


@dataclass(frozen=True, slots=True)
class Knock:
    """What a request carries. Header names in lower case; ``peer`` is the address that the connection comes from."""

    peer: str = ""
    bearer: str | None = None
    cookies: Mapping[str, str] = field(default_factory=dict)
    headers: Headers = ()


@dataclass(frozen=True, slots=True)
class Caller:
    """``by`` tells one session or token from another, and opens nothing; empty where neither was needed."""

    scope: Scope
    how: How
    session: WebSession | None = None
    by: str = ""


class AccessDesk:
    """``loopback`` says whether the vault listens on this machine alone."""

    def __init__(self, store: RecordStore, settings: Settings, clock: Clock, *, loopback: bool) -> None:
        self._token = token_of(settings)
        self._rules: ProxyRules = proxy_rules(settings)
        self._open_by_itself = loopback and not settings.setup
        self.endings = Endings()
        self.owner = Owner(store, clock, on_changed=self.endings.announce)
        self.sessions = WebSessions(store, clock, on_ended=self.endings.announce)
        self.tokens = ApiTokens(store, clock, on_ended=self.endings.announce)
        self.invitation = Invitation(store, clock)
        self._tries = BackOff(clock)
        self._bearers = BackOff(clock, of_an_address=BEARER_TRIES, altogether=BEARER_TRIES)

    @property
    def has_vault_token(self) -> bool:
        """Whether MEDIAVAULT_TOKEN is set."""
        return self._token is not None

    async def standing(self) -> Standing:
        if self._token or self._rules.login or await self.owner.has_password():
            return Standing.PROTECTED
        return Standing.OPEN if self._open_by_itself else Standing.SET_UP

    def address_of(self, knock: Knock) -> str:
        """For limits and logs alone."""
        forwarded = [value for name, value in knock.headers if name == "x-forwarded-for"]
        return client_address(self._rules, knock.peer, forwarded)

    def is_proxy(self, address: str) -> bool:
        """Whether it is a proxy's own: for limits alone."""
        return is_trusted(self._rules, address)

    async def caller(self, knock: Knock) -> Caller | None:
        """Who asks at a protected vault; None for nobody we know. Raises ProxyRefused, TooManyTries."""
        if signed_in_by_proxy(self._rules, knock.peer, knock.headers):
            return Caller(Scope.ADMIN, How.PROXY)
        if knock.bearer is not None:
            return await self._bearer(knock.bearer, self.address_of(knock))
        session = await self.session_of(knock.cookies)
        return None if session is None else Caller(Scope.ADMIN, How.SESSION, session, session.key)

    async def still_lets_in(self, caller: Caller) -> bool:
        """Whether what let ``caller`` in has not ended since. The word of a proxy was for that request: it always holds."""
        match caller.how:
            case How.OPEN:
                return await self.standing() is Standing.OPEN
            case How.SESSION:
                return await self.sessions.is_open(caller.by)
            case How.TOKEN:
                return self._is_vault_token(caller.by) or await self.tokens.by_key(caller.by) is not None
            case How.PROXY:
                return True

    async def sign_in(self, secret: str, visit: Visit, *, before: WebSession | None = None) -> str:
        """The id of a new session, for the password or MEDIAVAULT_TOKEN; ``before`` ends. Raises WrongSecret, TooManyTries."""
        self._try(visit.address)
        by_password = await self.owner.holds(secret)  # whatever else it is: the time it takes tells nothing
        by_token = self._token is not None and same(secret, self._token)
        if not by_token and not by_password:
            log.warning("sign_in_failed", address=visit.address)
            raise WrongSecret("This is not it.", help="Look at capitals and blanks, and try again.")
        self._tries.succeeded(visit.address)
        if before is not None:
            await self.sessions.end(before.key)
        log.info("signed_in", address=visit.address, browser=visit.browser)
        return await self.sessions.begin(visit, bound_to=self._token if by_token else None)

    async def set_up(self, password: str, invitation: str, visit: Visit) -> str:
        """Become the owner of a vault without one; the id of a session. Raises WrongSecret, TooManyTries, BadInput."""
        standing = await self.standing()
        if standing is Standing.PROTECTED:
            raise WrongSecret("The vault has an owner already.", help="Sign in.")
        if standing is Standing.SET_UP:
            self._try(visit.address)
            if not await self.invitation.is_for(invitation):
                log.warning("set_up_failed", address=visit.address)
                raise WrongSecret(
                    "This is not the set-up token.", help="The start printed it, and it holds for an hour: start again."
                )
        if not await self.owner.take(password):
            raise WrongSecret("The vault has got a password meanwhile.", help="Sign in with it.")
        await self.invitation.use_up()
        await self.sessions.end_all()
        self._tries.succeeded(visit.address)
        log.info("owner_set_up", address=visit.address)
        return await self.sessions.begin(visit)

    async def change_password(self, current: str, password: str, visit: Visit) -> str:
        """All sessions end; the id of a new one. Where no password stands yet, ``current`` is not asked for.

        Raises as ``sign_in``, and BadInput for the new password.
        """
        if await self.owner.has_password():
            self._try(visit.address)
            await self.owner.change(current, password)
            self._tries.succeeded(visit.address)
        elif not await self.owner.take(password):
            raise WrongSecret("The vault has got a password meanwhile.", help="Nothing was changed.")
        await self.sessions.end_all()
        log.info("password_changed", address=visit.address)
        return await self.sessions.begin(visit)

    async def session_of(self, cookies: Mapping[str, str]) -> WebSession | None:
        """Where both cookies stand, that of TLS counts: another page of the host's domain can set the other one."""
        tls = TLS_COOKIE in cookies
        given = cookies.get(TLS_COOKIE if tls else COOKIE)
        return await self.sessions.find(given, tls=tls, bound_to=self._token) if given else None

    def _is_vault_token(self, key: str) -> bool:
        return self._token is not None and key == digest_of(self._token)

    def _try(self, address: str) -> None:
        if (wait_s := self._tries.begin(address)) is not None:
            raise TooManyTries(wait_s)

    async def _bearer(self, token: str, address: str) -> Caller | None:
        found = await self.tokens.find(token)
        if found is not None:
            return Caller(found.scope, How.TOKEN, by=found.key)
        if (wait_s := self._bearers.begin(address)) is not None:
            raise TooManyTries(wait_s)
        if self._token is None or not same(token, self._token):
            return None
        self._bearers.succeeded(address)
        return Caller(Scope.ADMIN, How.TOKEN, by=digest_of(token))


def token_of(settings: Settings) -> str | None:
    """MEDIAVAULT_TOKEN; None when there is none. An empty one is none."""
    return (settings.token.get_secret_value() or None) if settings.token else None
