"""Sign-in by an OpenID Connect provider: the authorization code flow with PKCE. The only importer
of joserfc.

While a browser is at the provider, the vault stores nothing: the browser has a random key in a
cookie, from which the state, the nonce and the code verifier are derived. A code is worth nothing
without that cookie.
Sources: OpenID Connect Core 1.0 (3.1, 5.3), OpenID Connect Discovery 1.0, RFC 7636 (PKCE), RFC 6749
(2.3.1).
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import quote_plus, urlencode, urlsplit

from mediavault.auth.errors import WrongSecret
from mediavault.auth.keys import bound, same
from mediavault.auth.users import ProviderIdentity
from mediavault.core.clock import Clock
from mediavault.core.failures import BadSetting, MediavaultError
from mediavault.core.logs import get_logger
from mediavault.core.messages import Message
from mediavault.core.settings import Settings
from mediavault.core.urls import is_loopback
from mediavault.core.users import Role

# Signatures that only the provider can make. "none" and those with the client's secret are not
# among them.
ALGORITHMS = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "Ed25519",
    "EdDSA",
)
LEEWAY_S = 60  # how far the provider's clock may be off
EVERYBODY = "*"  # in the roles: who is in no group that is named
_DISCOVERY = "/.well-known/openid-configuration"

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ProviderRules:
    """The settings. ``roles`` are the roles of the groups;
    ``owner`` is the owner's ``sub`` at the provider.
    """

    issuer: str
    client_id: str
    client_secret: str
    title: str
    scopes: str
    groups_claim: str
    roles: Mapping[str, Role] = field(default_factory=dict)
    owner: str | None = None

    def role_of(self, groups: frozenset[str]) -> Role | None:
        """Return the highest role of these groups; None when none is named."""
        roles = [self.roles[group] for group in (*groups, EVERYBODY) if group in self.roles]
        return max(roles, key=lambda role: role.rank, default=None)


@dataclass(frozen=True, slots=True)
class ProviderUser:
    """Whom the provider has signed in. ``name`` is what the user is called there,
    which proves nothing.
    """

    identity: ProviderIdentity
    name: str
    groups: frozenset[str]


class Fetch(Protocol):
    """A request to the provider."""

    async def __call__(
        self,
        url: str,
        *,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, bytes]:
        """GET the URL, or POST the form to it; return the status and the body. No redirect is
        followed.

        Raises MediavaultError when there is no answer, or too long a one.
        """


def provider_rules(settings: Settings) -> ProviderRules | None:
    """Read the settings; None without an issuer. Raises BadSetting."""
    issuer, secret = settings.oidc_issuer, settings.oidc_client_secret
    if not issuer:
        return None
    if not settings.oidc_client_id:
        raise BadSetting(
            "MEDIAVAULT_OIDC_CLIENT_ID is missing: OpenID Connect needs it and the issuer."
        )
    if not _is_safe(issuer) or urlsplit(issuer).query or urlsplit(issuer).fragment:
        raise BadSetting(
            Message("MEDIAVAULT_OIDC_ISSUER: %(issuer)s is no https address.", issuer=repr(issuer)),
            help="As the provider writes it, for example https://auth.example/realms/home.",
        )
    return ProviderRules(
        issuer,
        settings.oidc_client_id,
        secret.get_secret_value() if secret else "",
        settings.oidc_name or (urlsplit(issuer).hostname or issuer),
        " ".join(dict.fromkeys(["openid", *settings.oidc_scopes.split()])),
        settings.oidc_groups_claim,
        settings.oidc_roles,
        settings.oidc_owner,
    )


class OpenIdProvider:
    """The provider. Its configuration and keys are read for each sign-in,
    so that changes there hold at once.
    """

    def __init__(self, rules: ProviderRules, fetch: Fetch, clock: Clock) -> None:
        self.rules = rules
        self._fetch = fetch
        self._clock = clock

    async def address(self, key: str, redirect_uri: str) -> str:
        """Return the provider's page on which the user signs in, and which leads back to
        ``redirect_uri``.

        ``key`` is the one of the browser's cookie. Raises WrongSecret.
        """
        endpoint = self._endpoint(await self._configuration(), "authorization_endpoint")
        query = {
            "response_type": "code",
            "client_id": self.rules.client_id,
            "redirect_uri": redirect_uri,
            "scope": self.rules.scopes,
            "state": _state(key),
            "nonce": _nonce(key),
            "code_challenge": _unpadded(hashlib.sha256(_verifier(key).encode()).digest()),
            "code_challenge_method": "S256",
        }
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(query)}"

    async def user(self, key: str, redirect_uri: str, *, code: str, state: str) -> ProviderUser:
        """Return whom the provider has signed in, by what the browser brings back from there.
        Raises WrongSecret.
        """
        if not same(state, _state(key)):
            raise WrongSecret(
                "The sign-in was begun in another browser, or long ago.", help="Begin again."
            )
        configuration = await self._configuration()
        tokens = await self._tokens(configuration, key, redirect_uri, code)
        keys = await self._json(self._endpoint(configuration, "jwks_uri"))
        claims = self._verified(tokens.get("id_token"), keys, _nonce(key))
        if "userinfo_endpoint" in configuration and isinstance(tokens.get("access_token"), str):
            bearer = {"authorization": f"Bearer {tokens['access_token']}"}
            userinfo = await self._json(
                self._endpoint(configuration, "userinfo_endpoint"), headers=bearer
            )
            if userinfo.get("sub") != claims["sub"]:
                raise self._failed(Message("its information is about somebody else"))
            claims = {**userinfo, **claims}
        names = (claims.get(name) for name in ("preferred_username", "email", "name", "sub"))
        name = next(name for name in names if isinstance(name, str) and name)
        identity = ProviderIdentity(self.rules.issuer, claims["sub"])
        return ProviderUser(
            identity, name, frozenset(_texts(_claim(claims, self.rules.groups_claim)))
        )

    async def _configuration(self) -> dict[str, Any]:
        configuration = await self._json(self.rules.issuer.rstrip("/") + _DISCOVERY)
        if configuration.get("issuer") != self.rules.issuer:
            raise self._failed(
                Message(
                    "it calls itself %(issuer)s", issuer=repr(configuration.get("issuer"))[:200]
                )
            )
        return configuration

    async def _tokens(
        self, configuration: Mapping[str, Any], key: str, redirect_uri: str, code: str
    ) -> Mapping[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": _verifier(key),
        }
        headers = {}
        methods = _texts(configuration.get("token_endpoint_auth_methods_supported")) or [
            "client_secret_basic"
        ]
        if self.rules.client_secret and "client_secret_basic" in methods:
            pair = f"{quote_plus(self.rules.client_id)}:{quote_plus(self.rules.client_secret)}"
            headers["authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            form["client_id"] = self.rules.client_id
            if self.rules.client_secret:
                form["client_secret"] = self.rules.client_secret
        return await self._json(
            self._endpoint(configuration, "token_endpoint"), form=form, headers=headers
        )

    def _verified(self, id_token: Any, keys: Any, nonce: str) -> dict[str, Any]:
        """Return the claims of an ID token whose signature, issuer, audience,
        times and nonce are right.
        """
        from joserfc import jwt
        from joserfc.errors import JoseError
        from joserfc.jwk import KeySet

        now, client_id = int(self._clock.now().timestamp()), self.rules.client_id
        wanted = jwt.JWTClaimsRegistry(
            now,
            LEEWAY_S,
            iss={"essential": True, "value": self.rules.issuer},
            aud={"essential": True, "value": client_id},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        try:
            claims = jwt.decode(
                str(id_token), KeySet.import_key_set(keys), algorithms=ALGORITHMS
            ).claims
            wanted.validate(claims)
        except (JoseError, ValueError, TypeError, KeyError) as exc:
            raise self._failed(
                Message("its ID token is not valid (%(error)s)", error=str(exc)[:200])
            ) from exc
        if claims.get("azp", client_id) != client_id or not claims["sub"]:
            raise self._failed(Message("its ID token is for another program"))
        return claims

    def _endpoint(self, configuration: Mapping[str, Any], name: str) -> str:
        address = configuration.get(name)
        if not isinstance(address, str) or not _is_safe(address):
            raise self._failed(Message("it names no %(name)s with an https address", name=name))
        return address

    async def _json(
        self,
        url: str,
        *,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        try:
            status, body = await self._fetch(
                url, form=form, headers={"accept": "application/json", **(headers or {})}
            )
        except MediavaultError as exc:
            raise self._failed(exc.message) from exc
        try:
            value = json.loads(body)
        except (ValueError, RecursionError):  # RecursionError: it is nested too deeply
            value = None
        if status != 200 or not isinstance(value, dict):
            error = value.get("error") if isinstance(value, dict) else None
            raise self._failed(
                Message(
                    "status %(status)s, %(error)s",
                    status=status,
                    error=repr(error or body[:100])[:200],
                )
            )
        return value

    def _failed(self, what: str) -> WrongSecret:
        log.warning("provider_failed", issuer=self.rules.issuer, reason=str(what))
        return WrongSecret(
            Message(
                "Signing in with %(provider)s failed: %(what)s.",
                provider=self.rules.title,
                what=what,
            ),
            help="Try again. If it fails again, see `OpenID Connect` in docs/access.md.",
        )


# --- what is derived from the browser's key


def _state(key: str) -> str:
    return bound(key, "state")


def _nonce(key: str) -> str:
    return bound(key, "nonce")


def _verifier(key: str) -> str:
    return bound(key, "verifier")  # 64 characters, of the 43 to 128 that RFC 7636 wants


def _unpadded(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


# --- claims and addresses


def _claim(claims: Mapping[str, Any], path: str) -> Any:
    """Return a claim by its name, or by a path such as ``realm_access.roles``."""
    value: Any = claims
    if path in claims:
        return claims[path]
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _texts(value: Any) -> list[str]:
    """Return the texts of a claim that is a text or a list."""
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str)]


def _is_safe(url: str) -> bool:
    """Whether no third party can read what is sent there: HTTPS, or this machine."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "https" and host and parts.username is None:
        return True
    return parts.scheme == "http" and is_loopback(host)
