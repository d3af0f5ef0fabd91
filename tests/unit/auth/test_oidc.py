"""Signing in by an OpenID Connect provider: whom the vault believes, and when it does not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey, KeySet, OctKey, OKPKey

from mediavault.auth.errors import WrongSecret
from mediavault.auth.oidc import OpenIdProvider, ProviderRules, ProviderUser, provider_rules
from mediavault.core.failures import BadSetting, NetworkFailure
from mediavault.core.settings import Settings, load_settings
from mediavault.core.users import Role
from tests.fakes import FakeClock
from tests.provider_stub import CLIENT, CLIENT_SECRET, ISSUER, OTHER_KEY, StubProvider
from tests.provider_stub import KEY as KEY_OF_PROVIDER

KEY, BACK = "a key of the browser", "https://vault.example/login/oidc/callback"
SETTINGS: dict[str, Any] = {
    "oidc_issuer": ISSUER,
    "oidc_client_id": CLIENT,
    "oidc_client_secret": CLIENT_SECRET,
}


def rules_of(tmp_path: Path, **settings: Any) -> ProviderRules:
    rules = provider_rules(
        Settings(state_dir=tmp_path, download_dir=tmp_path, **(SETTINGS | settings))
    )
    assert rules is not None
    return rules


@pytest.fixture
def stub(clock: FakeClock) -> StubProvider:
    return StubProvider(clock)


@pytest.fixture
def provider(stub: StubProvider, clock: FakeClock, tmp_path: Path) -> OpenIdProvider:
    return OpenIdProvider(rules_of(tmp_path), stub.fetch, clock)


async def signed_in(provider: OpenIdProvider, stub: StubProvider) -> ProviderUser:
    return await provider.user(KEY, BACK, **stub.sign_in(await provider.address(KEY, BACK)))


async def test_a_user_is_signed_in(provider: OpenIdProvider, stub: StubProvider) -> None:
    stub.claims = {"preferred_username": "jane", "groups": ["family", 7, "friends"]}
    found = await signed_in(provider, stub)

    assert (found.identity.issuer, found.identity.subject) == (ISSUER, "4711")
    assert (found.name, set(found.groups)) == ("jane", {"family", "friends"})


async def test_name_and_groups_may_be_in_the_userinfo(
    provider: OpenIdProvider, stub: StubProvider
) -> None:
    stub.userinfo = {"sub": "4711", "email": "jane@home.example", "groups": "family"}
    found = await signed_in(provider, stub)

    assert (found.name, set(found.groups)) == ("jane@home.example", {"family"})


async def test_groups_may_lie_deep_in_a_claim(
    stub: StubProvider, clock: FakeClock, tmp_path: Path
) -> None:
    provider = OpenIdProvider(
        rules_of(tmp_path, oidc_groups_claim="realm_access.roles"), stub.fetch, clock
    )
    stub.claims = {"realm_access": {"roles": ["family"]}}

    assert (await signed_in(provider, stub)).groups == {"family"}
    stub.claims = {"realm_access": ["family"]}
    assert (await signed_in(provider, stub)).groups == frozenset()


async def test_an_answer_that_is_nested_too_deeply_is_a_failed_sign_in(
    clock: FakeClock, tmp_path: Path
) -> None:
    async def fetch(*_: object, **__: object) -> tuple[int, bytes]:
        return 200, b"[" * 400_000

    with pytest.raises(WrongSecret, match=r"Signing in with .* failed"):
        await OpenIdProvider(rules_of(tmp_path), fetch, clock).address(KEY, BACK)


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://auth.example/realms/other"},
        {"iss": None},
        {"aud": "another program"},
        {"aud": ["another program"]},
        {"aud": None},
        {"azp": "another program"},
        {"sub": None},
        {"sub": ""},
        {"sub": 4711},
        {"exp": 1_000_000_000},
        {"exp": None},
        {"exp": "tomorrow"},
        {"iat": None},
        {"nonce": "of another sign-in"},
        {"nonce": None},
    ],
    ids=repr,
)
async def test_an_id_token_that_is_wrong_signs_nobody_in(
    provider: OpenIdProvider, stub: StubProvider, claims: dict[str, Any]
) -> None:
    stub.claims = claims
    with pytest.raises(WrongSecret):
        await signed_in(provider, stub)


async def test_an_id_token_is_valid_for_its_time_only(
    provider: OpenIdProvider, stub: StubProvider, clock: FakeClock
) -> None:
    begun = await provider.address(KEY, BACK)
    stub.claims = {"exp": int(clock.now().timestamp())}
    # the clocks may differ by a minute
    assert await provider.user(KEY, BACK, **stub.sign_in(begun))

    stub.claims = {"exp": int(clock.now().timestamp()) - 61}
    with pytest.raises(WrongSecret):
        await provider.user(KEY, BACK, **stub.sign_in(begun))


@pytest.mark.parametrize(
    ("header", "key"),
    [
        ({"alg": "RS256", "kid": "one"}, OTHER_KEY),
        ({"alg": "RS256", "kid": "unknown"}, OTHER_KEY),
        ({"alg": "none"}, None),
        ({"alg": "HS256"}, OctKey.import_key(CLIENT_SECRET)),
    ],
    ids=["another key", "an unknown key", "no signature", "the client's secret"],
)
async def test_only_the_providers_own_key_signs(
    provider: OpenIdProvider, stub: StubProvider, header: dict[str, Any], key: Any
) -> None:
    stub.header, stub.key = header, key
    with pytest.raises(WrongSecret, match="ID token"):
        await signed_in(provider, stub)


@pytest.mark.parametrize(
    ("algorithm", "key"),
    [
        ("PS256", KEY_OF_PROVIDER),
        ("ES256", ECKey.generate_key("P-256", {"kid": "one"})),
        ("Ed25519", OKPKey.generate_key("Ed25519", {"kid": "one"})),
    ],
)
async def test_providers_sign_in_several_ways(
    provider: OpenIdProvider, stub: StubProvider, algorithm: str, key: Any
) -> None:
    stub.header, stub.key = {"alg": algorithm, "kid": "one"}, key
    stub.answers["/keys"] = (200, json.dumps(KeySet([key]).as_dict()).encode())

    assert (await signed_in(provider, stub)).identity.subject == "4711"


async def test_a_code_is_worth_nothing_in_another_browser(
    provider: OpenIdProvider, stub: StubProvider
) -> None:
    """Else a link could sign others in as its maker, and a stolen code its thief."""
    back = stub.sign_in(await provider.address(KEY, BACK))
    with pytest.raises(WrongSecret, match="another browser"):
        await provider.user("the key of another browser", BACK, **back)
    stolen = back | {"state": stub.sign_in(await provider.address("the thief's", BACK))["state"]}
    with pytest.raises(AssertionError):  # the stub compares the verifier with the challenge
        await provider.user("the thief's", BACK, **stolen)


async def test_a_code_is_valid_once(provider: OpenIdProvider, stub: StubProvider) -> None:
    back = stub.sign_in(await provider.address(KEY, BACK))
    await provider.user(KEY, BACK, **back)
    with pytest.raises(WrongSecret, match="invalid_grant"):
        await provider.user(KEY, BACK, **back)


@pytest.mark.parametrize(
    "path", ["/.well-known/openid-configuration", "/token", "/keys", "/userinfo"]
)
@pytest.mark.parametrize(
    "answer",
    [
        (500, b"{}"),
        (200, b""),
        (200, b"<html>"),
        (200, b"[]"),
        (302, b""),
        (200, b'{"keys": 7}'),
        NetworkFailure("away"),
    ],
    ids=repr,
)
async def test_a_provider_that_answers_otherwise_signs_nobody_in(
    provider: OpenIdProvider, stub: StubProvider, path: str, answer: Any
) -> None:
    stub.userinfo = {"sub": "4711"}
    stub.answers[path] = answer
    with pytest.raises(WrongSecret, match=r"auth\.example"):
        await signed_in(provider, stub)


@pytest.mark.parametrize(
    "configuration",
    [
        {"issuer": "https://auth.example"},
        {"authorization_endpoint": "http://auth.example/authorize"},
        {"token_endpoint": None},
        {"token_endpoint": "http://192.168.0.1/token"},
        {"jwks_uri": "file:///keys"},
    ],
    ids=repr,
)
async def test_a_configuration_that_is_unsafe_is_refused(
    provider: OpenIdProvider, stub: StubProvider, configuration: dict[str, Any]
) -> None:
    stub.configuration = configuration
    with pytest.raises(WrongSecret):
        await signed_in(provider, stub)


async def test_information_about_somebody_else_signs_nobody_in(
    provider: OpenIdProvider, stub: StubProvider
) -> None:
    stub.userinfo = {"sub": "4712", "groups": ["admins"]}
    with pytest.raises(WrongSecret, match="somebody else"):
        await signed_in(provider, stub)


@pytest.mark.parametrize(
    ("secret", "methods", "sent"),
    [
        (CLIENT_SECRET, None, "header"),
        (CLIENT_SECRET, ["client_secret_post", "client_secret_basic"], "header"),
        (CLIENT_SECRET, ["client_secret_post"], "form"),
        (None, None, "nothing"),
    ],
)
async def test_the_clients_secret_is_sent_as_the_provider_wants_it(
    stub: StubProvider,
    clock: FakeClock,
    tmp_path: Path,
    secret: str | None,
    methods: list[str] | None,
    sent: str,
) -> None:
    provider = OpenIdProvider(rules_of(tmp_path, oidc_client_secret=secret), stub.fetch, clock)
    stub.configuration = {"token_endpoint_auth_methods_supported": methods} if methods else {}
    await signed_in(provider, stub)
    [(form, headers)] = [
        (form, headers) for url, form, headers in stub.asked if url.endswith("/token")
    ]

    assert form is not None
    assert ("authorization" in headers, "client_secret" in form) == (
        sent == "header",
        sent == "form",
    )
    assert all(CLIENT_SECRET not in url for url, _, _ in stub.asked)


# --- roles and settings


def test_the_highest_role_of_the_groups_counts(tmp_path: Path) -> None:
    rules = rules_of(tmp_path, oidc_roles={"family": "member", "parents": "admin", "*": "viewer"})

    assert rules.role_of(frozenset({"family", "parents"})) is Role.ADMIN
    assert rules.role_of(frozenset({"family"})) is Role.MEMBER
    assert rules.role_of(frozenset({"strangers"})) is Role.VIEWER
    assert (
        rules_of(tmp_path, oidc_roles={"family": "member"}).role_of(frozenset({"strangers"}))
        is None
    )


def test_without_an_issuer_there_is_no_provider(tmp_path: Path) -> None:
    assert (
        provider_rules(Settings(state_dir=tmp_path, download_dir=tmp_path, oidc_client_id=CLIENT))
        is None
    )


@pytest.mark.parametrize(
    "settings",
    [
        {"oidc_client_id": None},
        {"oidc_issuer": "http://auth.example"},
        {"oidc_issuer": "auth.example"},
        {"oidc_issuer": "https://"},
        {"oidc_issuer": "https://user@auth.example"},
        {"oidc_issuer": "https://auth.example?realm=home"},
    ],
    ids=repr,
)
def test_settings_that_make_no_sense_are_refused(tmp_path: Path, settings: dict[str, Any]) -> None:
    with pytest.raises(BadSetting, match="OIDC"):
        rules_of(tmp_path, **settings)


@pytest.mark.parametrize("roles", ["family", "[]", '{"family": "king"}'])
def test_roles_that_make_no_sense_are_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, roles: str
) -> None:
    monkeypatch.setenv("MEDIAVAULT_OIDC_ROLES", roles)
    with pytest.raises(BadSetting, match="MEDIAVAULT_OIDC_ROLES"):
        load_settings(state_dir=tmp_path, download_dir=tmp_path)


def test_roles_are_read_as_json(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MEDIAVAULT_OIDC_ROLES", json.dumps({"family": "member"}))

    assert load_settings(state_dir=tmp_path, download_dir=tmp_path).oidc_roles == {
        "family": Role.MEMBER
    }
