"""Authenticates requests by their credentials, and handles set-up,
sign-in and changes of the password.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from mediavault.auth.credentials import ApiTokens, ClientInfo, SetupToken, WebSession, WebSessions
from mediavault.auth.errors import TooManyTries, WrongSecret
from mediavault.auth.grants import end_grants
from mediavault.auth.keys import digest_of, same
from mediavault.auth.login_throttle import LoginThrottle
from mediavault.auth.oidc import Fetch, OpenIdProvider, ProviderUser, provider_rules
from mediavault.auth.permissions import Scope
from mediavault.auth.proxies import (
    SOMEBODY_ELSE,
    Headers,
    ProxyRefused,
    ProxyRules,
    client_address,
    is_trusted,
    proxy_rules,
    user_of_proxy,
)
from mediavault.auth.users import User, Users
from mediavault.core.clock import Clock
from mediavault.core.logs import get_logger
from mediavault.core.messages import Message
from mediavault.core.records import RecordKind
from mediavault.core.settings import Settings
from mediavault.core.users import OWNER, Role
from mediavault.store import mark_changes
from mediavault.store.port import Records, Store
from mediavault.store.saved_searches import remove_searches

COOKIE = "mediavault_session"
# browsers accept this prefix over TLS only, and only from this host itself
TLS_COOKIE = f"__Host-{COOKIE}"
AT_PROVIDER = "at the provider"  # whom a try to sign in there names: no user's name has spaces
# a minute: a token cannot be guessed, and one address must not lock others out
BEARER_TRIES_ALTOGETHER = 5_000
# wrong tokens per minute and address: enough for a program that still has an old one
BEARER_TRIES = 100

log = get_logger(__name__)


class AuthMode(StrEnum):
    # no password and reachable from this machine only: every request has the owner's rights
    OPEN = "open"
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
    """The credentials of a request. Header names are in lower case;
    ``peer`` is the address of the connection.
    """

    peer: str = ""
    bearer: str | None = None
    cookies: Mapping[str, str] = field(default_factory=dict)
    headers: Headers = ()


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller: a user, and the limits of this request in addition to the user's
    role.

    ``by`` identifies the session or token without granting access; empty without one.
    """

    scope: Scope
    how: AuthMethod
    session: WebSession | None = None
    by: str = ""
    user: str = OWNER
    role: Role = Role.ADMIN
    profile: str | None = None  # of the posts that it submits without one
    called: str = ""  # as pages call the user; "": an owner without a name


class Authenticator:
    """Authenticates requests.

    ``loopback``: whether the vault listens on a loopback address only. ``fetch`` asks the OpenID
    Connect provider.
    """

    def __init__(
        self,
        records: Records,
        settings: Settings,
        clock: Clock,
        *,
        loopback: bool,
        fetch: Fetch | None = None,
    ) -> None:
        self._records = records
        self._clock = clock
        self._token = token_of(settings)
        self._rules: ProxyRules = proxy_rules(settings)
        rules = provider_rules(settings)
        self.provider = OpenIdProvider(rules, fetch, clock) if rules and fetch else None
        self._provider_lock = asyncio.Lock()
        self._open_by_default = loopback and not settings.setup
        self.endings = AccessEndings()
        self.users = Users(records, clock, on_changed=self.endings.announce)
        self.sessions = WebSessions(records, clock, on_ended=self.endings.announce)
        self.tokens = ApiTokens(records, clock, on_ended=self.endings.announce)
        self.setup_token = SetupToken(records, clock)
        self._tries = LoginThrottle(clock)
        self._bearers = LoginThrottle(
            clock,
            per_address=BEARER_TRIES,
            per_user=BEARER_TRIES_ALTOGETHER,
            total=BEARER_TRIES_ALTOGETHER,
        )

    @property
    def has_vault_token(self) -> bool:
        """Whether MEDIAVAULT_TOKEN is set."""
        return self._token is not None

    async def mode(self) -> AuthMode:
        if self._token or self._rules.login or self.provider or await self.users.has_password():
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
        """Authenticate a request to a protected vault; None when it fails.
        Raises ProxyRefused, TooManyTries.
        """
        name = user_of_proxy(self._rules, credentials.peer, credentials.headers)
        if name is not None:
            caller = await self._principal(name, Scope.ADMIN, AuthMethod.PROXY)
            if caller is None:
                raise ProxyRefused(SOMEBODY_ELSE)
            return caller
        if credentials.bearer is not None:
            return await self._bearer(credentials.bearer, self.address_of(credentials))
        session = await self.session_of(credentials.cookies)
        if session is None:
            return None
        return await self._principal(
            session.user, Scope.ADMIN, AuthMethod.SESSION, session, session.key
        )

    async def _principal(
        self,
        name: str,
        scope: Scope,
        how: AuthMethod,
        session: WebSession | None = None,
        by: str = "",
    ) -> Principal | None:
        """Return the caller with this user's role; None when that user has been removed."""
        user = await self.users.find(name)
        if user is None:
            return None
        return Principal(scope, how, session, by, user.name, user.role, called=user.called)

    async def is_still_valid(self, caller: Principal) -> bool:
        """Whether the session or token of ``caller`` is still valid, and the user's role the same.

        A proxy's sign-in holds for its whole request.
        """
        user = await self.users.find(caller.user)
        if user is None or user.role is not caller.role:
            return False
        match caller.how:
            case AuthMethod.OPEN:
                return await self.mode() is AuthMode.OPEN
            case AuthMethod.SESSION:
                return await self.sessions.by_key(caller.by) is not None
            case AuthMethod.TOKEN:
                return (
                    self._is_vault_token(caller.by)
                    or await self.tokens.by_key(caller.by) is not None
                )
            case AuthMethod.PROXY:
                return True

    async def sign_in(
        self, secret: str, visit: ClientInfo, *, name: str = "", before: WebSession | None = None
    ) -> str:
        """Sign in with a user's password; return the new session's id and end the session
        ``before``.

        Without a ``name`` it is the owner, for whom MEDIAVAULT_TOKEN counts too. Raises
        WrongSecret, TooManyTries.
        """
        user = await self.users.of_typed(name)
        self._try(visit.address, user)
        # always hashed, so that the time does not show what matched
        by_password = await self.users.holds(secret, user)
        by_token = user == OWNER and self._token is not None and same(secret, self._token)
        if not by_token and not by_password:
            log.warning("sign_in_failed", address=visit.address)
            what = Message("Wrong name or password.") if name else Message("Wrong password.")
            raise WrongSecret(what, help="Check Caps Lock and spaces, then try again.")
        self._tries.succeeded(visit.address, user)
        return await self.begin_session(
            user, visit, before=before, bound_to=self._token if by_token else None
        )

    async def to_provider(self, key: str, redirect_uri: str, visit: ClientInfo) -> str:
        """Return the provider's page for signing in. Raises WrongSecret, TooManyTries."""
        self._try(visit.address, AT_PROVIDER)
        return await self._the_provider().address(key, redirect_uri)

    async def sign_in_by_provider(
        self,
        key: str,
        redirect_uri: str,
        visit: ClientInfo,
        *,
        code: str,
        state: str,
        before: WebSession | None = None,
    ) -> str:
        """Sign in whom the provider has signed in; return the new session's id and end the session
        ``before``.

        Raises WrongSecret, also when that is not a user here.
        """
        found = await self._the_provider().user(key, redirect_uri, code=code, state=state)
        async with self._provider_lock:  # so that a double click does not add a user twice
            user = await self._user_of(found)
        self._tries.succeeded(visit.address, AT_PROVIDER)
        return await self.begin_session(user, visit, before=before)

    async def _user_of(self, found: ProviderUser) -> str:
        """Return the name of the provider's user here; who has a role and is new is added.
        Raises WrongSecret.
        """
        rules, subject = self._the_provider().rules, found.identity.subject
        if rules.owner is not None and same(subject, rules.owner):
            return OWNER
        role, user = rules.role_of(found.groups), await self.users.identified(found.identity)
        if role is None:
            log.warning("provider_user_refused", subject=subject[:200], name=found.name[:200])
            raise WrongSecret(
                Message("%(name)s is no user of this vault.", name=found.name[:200]),
                help=Message(
                    "An admin of the vault can let you in: MEDIAVAULT_OIDC_ROLES, or"
                    " MEDIAVAULT_OIDC_OWNER=%(subject)s.",
                    subject=subject[:200],
                ),
            )
        if user is None:
            return (await self.users.add_identified(found.name, role, found.identity)).name
        if user.role is not role:
            await self.users.change_role(user.name, role)
        return user.name

    def _the_provider(self) -> OpenIdProvider:
        if self.provider is None:
            raise WrongSecret(
                "This vault has no OpenID Connect provider.", help="Sign in with the password."
            )
        return self.provider

    async def begin_session(
        self,
        user: str,
        visit: ClientInfo,
        *,
        before: WebSession | None = None,
        bound_to: str | None = None,
    ) -> str:
        """Begin the session of a user who has proved who they are;
        return its id and end the session ``before``.
        """
        if before is not None:
            await self.sessions.end(before.key)
        log.info("signed_in", address=visit.address, browser=visit.browser, user=user)
        return await self.sessions.begin(visit, user=user, bound_to=bound_to)

    async def set_up(
        self, password: str, invitation: str, visit: ClientInfo, *, name: str = ""
    ) -> str:
        """Set the first password, and the owner's name if one is given; return the id of a new
        session. Raises WrongSecret, TooManyTries, BadInput.
        """
        mode = await self.mode()
        if mode is AuthMode.PROTECTED:
            raise WrongSecret("The vault has an owner already.", help="Sign in.")
        if mode is AuthMode.SET_UP:
            self._try(visit.address, OWNER)
            if not await self.setup_token.matches(invitation):
                log.warning("set_up_failed", address=visit.address)
                raise WrongSecret(
                    "This is not the set-up token.",
                    help="The start printed it, and it holds for an hour: start again.",
                )
        if not await self.users.take(password, name):
            raise WrongSecret("A password was set in the meantime.", help="Sign in with it.")
        await self.setup_token.end_all()
        await self.sessions.end_all()
        self._tries.succeeded(visit.address, OWNER)
        log.info("owner_set_up", address=visit.address)
        return await self.sessions.begin(visit)

    async def change_password(
        self, current: str, password: str, visit: ClientInfo, *, user: str = OWNER
    ) -> str:
        """Change a user's password, end the user's sessions, and return the id of a new one.

        ``current`` is ignored while the owner has no password. Raises what ``sign_in`` raises, and
        BadInput for the new password.
        """
        if user != OWNER or await self.users.has_password():
            self._try(visit.address, user)
            await self.users.change_password(current, password, user)
            self._tries.succeeded(visit.address, user)
        elif not await self.users.take(password):
            raise WrongSecret("A password was set in the meantime.", help="Nothing was changed.")
        await self.sessions.end_all(user)
        log.info("password_changed", address=visit.address, user=user)
        return await self.sessions.begin(visit, user=user)

    async def add_user(self, name: str, role: Role, password: str) -> User:
        """Add a user. Raises BadInput as ``Users.add``."""
        user = await self.users.add(name, role, password)
        # what a crash may have left of an earlier user of this name
        await self.end_access(user.name)
        return user

    async def remove_user(self, name: str, store: Store) -> None:
        """Remove a user and all that is the user's own. Raises as ``Users.remove``."""
        await self.users.remove(name)  # first: from now on nothing of it is valid
        await self.end_access(name)
        await mark_changes.forget_user(store, self._clock, name)
        await remove_searches(store.records, name)
        await store.records.remove(RecordKind.INBOX_SEEN, name)

    async def end_access(self, user: str) -> None:
        """End a user's sessions, and revoke the user's tokens, shared links and RSS feeds."""
        await self.sessions.end_all(user)
        await self.tokens.end_all(user)
        # of features, which are above this layer
        for kind in (RecordKind.SHARED_LINK, RecordKind.RSS_FEED):
            await end_grants(self._records, kind, user)
        self.endings.announce()

    async def session_of(self, cookies: Mapping[str, str]) -> WebSession | None:
        """The session of the cookies. The TLS cookie counts if both are there:
        a sibling domain can set the other one.
        """
        tls = TLS_COOKIE in cookies
        session_id = cookies.get(TLS_COOKIE if tls else COOKIE)
        return (
            await self.sessions.of_cookie(session_id, tls=tls, bound_to=self._token)
            if session_id
            else None
        )

    def _is_vault_token(self, key: str) -> bool:
        return self._token is not None and key == digest_of(self._token)

    def _try(self, address: str, user: str) -> None:
        if (wait_s := self._tries.begin(address, user)) is not None:
            raise TooManyTries(wait_s)

    async def _bearer(self, token: str, address: str) -> Principal | None:
        known = await self.tokens.find(token)
        if known is not None:
            caller = await self._principal(known.user, known.scope, AuthMethod.TOKEN, by=known.key)
            return None if caller is None else replace(caller, profile=known.profile)
        if (wait_s := self._bearers.begin(address)) is not None:
            raise TooManyTries(wait_s)
        if self._token is None or not same(token, self._token):
            return None
        self._bearers.succeeded(address)
        return Principal(Scope.ADMIN, AuthMethod.TOKEN, by=digest_of(token))


def token_of(settings: Settings) -> str | None:
    """MEDIAVAULT_TOKEN; None when it is unset or empty."""
    return (settings.token.get_secret_value() or None) if settings.token else None


class AccessEndings:
    """The notifications of one authenticator. All methods must be called in the event loop's
    thread.
    """

    def __init__(self) -> None:
        self._next = asyncio.Event()

    @property
    def next(self) -> asyncio.Event:
        """The event that the next ending sets. Take it before a check,
        so that an ending during the check is not missed.
        """
        return self._next

    def announce(self) -> None:
        """Wake all waiting responses, so that they check again."""
        ended, self._next = self._next, asyncio.Event()
        ended.set()
