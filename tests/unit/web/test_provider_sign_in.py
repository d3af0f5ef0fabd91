"""Signing in by an OpenID Connect provider on the pages."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest

from mediavault.auth.authenticator import Authenticator
from mediavault.core.users import Role
from tests.asgi_client import Answer
from tests.fakes import FakeClock
from tests.http_vault import ApiVault, build_vault
from tests.provider_stub import CLIENT, CLIENT_SECRET, ISSUER, StubProvider

HTML, SECURE = "text/html", {"host": "vault.example", "sec-fetch-site": "none"}
BEGIN, BACK = "/login/oidc", "/login/oidc/callback"
ROLES = {"family": "member", "parents": "admin"}
pytestmark = pytest.mark.usefixtures("cheap_hashing")


@pytest.fixture
def provider() -> StubProvider:
    return StubProvider(FakeClock())


@pytest.fixture
async def vault(tmp_path: Any, provider: StubProvider) -> Any:
    vault = build_vault(
        tmp_path,
        fetch=provider.fetch,
        host_names=("vault.example",),
        oidc_issuer=ISSUER,
        oidc_client_id=CLIENT,
        oidc_client_secret=CLIENT_SECRET,
        oidc_name="Our home",
        oidc_roles=ROLES,
        oidc_owner="1",
    )
    provider.clock = vault.clock
    yield vault
    await vault.client.app.state.feed.aclose()  # type: ignore[attr-defined]


def authenticator_of(vault: ApiVault) -> Authenticator:
    authenticator: Authenticator = vault.client.app.state.authenticator  # type: ignore[attr-defined]
    return authenticator


def cookie_of(answer: Answer) -> str:
    return answer.headers["set-cookie"].partition(";")[0]


async def sign_in(
    vault: ApiVault, provider: StubProvider, *, wanted: str = "/library", **headers: str
) -> Answer:
    """Sign in as the provider's user; return the answer to the browser that comes back."""
    begun = await vault.client.get(f"{BEGIN}?{urlencode({'next': wanted})}", accept=HTML, **headers)
    assert begun.status == 303
    back = provider.sign_in(begun.headers["location"])
    return await vault.client.get(
        f"{BACK}?{urlencode(back)}", accept=HTML, cookie=cookie_of(begun), **headers
    )


async def test_a_user_of_the_provider_is_added_with_the_role_of_the_group(
    vault: ApiVault, provider: StubProvider
) -> None:
    provider.claims = {"preferred_username": "Jané Röe", "groups": ["family"]}
    answer = await sign_in(vault, provider)

    assert (answer.status, answer.headers["location"]) == (303, "/library")
    [user] = await authenticator_of(vault).users.all()
    assert (user.name, user.role, user.password) == ("jan-r-e", Role.MEMBER, None)
    [session] = await authenticator_of(vault).sessions.all()
    assert session.user == "jan-r-e"


async def test_pictures_on_another_sites_page_use_up_no_tries(
    vault: ApiVault, provider: StubProvider
) -> None:
    elsewhere = {"sec-fetch-site": "cross-site", "sec-fetch-dest": "image"}
    for _ in range(12):
        assert (await vault.client.get(BEGIN, accept=HTML, **elsewhere)).headers[
            "location"
        ] == "/login"
    provider.claims = {"groups": ["family"]}

    assert (await sign_in(vault, provider)).status == 303


async def test_a_session_begins_and_the_key_is_removed(
    vault: ApiVault, provider: StubProvider
) -> None:
    provider.claims = {"groups": ["family"]}
    answer = await sign_in(vault, provider)
    cookies = [value for name, value in answer.raw_headers if name == "set-cookie"]
    session = next(cookie for cookie in cookies if cookie.startswith("mediavault_session="))

    assert any(cookie.startswith('mediavault_oidc=""') for cookie in cookies)
    page = await vault.client.get("/library", accept=HTML, cookie=session.partition(";")[0])
    assert page.status == 200


async def test_over_https_the_cookies_are_bound_to_it(
    vault: ApiVault, provider: StubProvider
) -> None:
    provider.claims = {"groups": ["family"]}
    begun = await vault.client.get(BEGIN, accept=HTML, **SECURE)
    assert begun.headers["set-cookie"].startswith("__Host-mediavault_oidc=")
    assert "Secure" in begun.headers["set-cookie"]
    assert (
        "redirect_uri=https%3A%2F%2Fvault.example%2Flogin%2Foidc%2Fcallback"
        in begun.headers["location"]
    )

    answer = await sign_in(vault, provider, **SECURE)
    assert answer.status == 303
    [session] = await authenticator_of(vault).sessions.all()
    assert session.tls


async def test_a_group_that_changes_changes_the_role_at_the_next_sign_in(
    vault: ApiVault, provider: StubProvider
) -> None:
    for groups, role in ((["family"], Role.MEMBER), (["parents", "family"], Role.ADMIN)):
        provider.claims = {"preferred_username": "jane", "groups": groups}
        assert (await sign_in(vault, provider)).status == 303
        assert [(user.name, user.role) for user in await authenticator_of(vault).users.all()] == [
            ("jane", role)
        ]

    provider.claims = {"preferred_username": "jane", "groups": []}
    assert (await sign_in(vault, provider)).status == 401


async def test_the_owner_is_known_by_the_subject(vault: ApiVault, provider: StubProvider) -> None:
    provider.subject = "1"
    assert (await sign_in(vault, provider)).status == 303

    assert [session.user for session in await authenticator_of(vault).sessions.all()] == ["owner"]


async def test_who_has_no_role_is_told_what_an_admin_has_to_set(
    vault: ApiVault, provider: StubProvider
) -> None:
    provider.claims = {"preferred_username": "<i>mallory", "groups": ["strangers"]}
    answer = await sign_in(vault, provider)

    assert answer.status == 401
    assert "&lt;i&gt;mallory is no user of this vault" in answer.text
    assert "MEDIAVAULT_OIDC_OWNER=4711" in answer.text
    assert await authenticator_of(vault).users.all() == []
    assert await authenticator_of(vault).sessions.all() == []


async def test_a_name_that_somebody_has_is_not_taken_over(
    vault: ApiVault, provider: StubProvider
) -> None:
    """The provider's names prove nothing: anybody may choose one there."""
    await authenticator_of(vault).users.add("jane", Role.ADMIN, "seven grey herons")
    for subject, name in (("8", "jane"), ("9", "Owner"), ("10", "jane")):
        provider.subject, provider.claims = (
            subject,
            {"preferred_username": name, "groups": ["family"]},
        )
        await sign_in(vault, provider)

    users = {user.name: user.role for user in await authenticator_of(vault).users.all()}
    assert users == {
        "jane": Role.ADMIN,
        "jane-2": Role.MEMBER,
        "owner-2": Role.MEMBER,
        "jane-3": Role.MEMBER,
    }


async def test_a_browser_that_began_nothing_is_not_signed_in(
    vault: ApiVault, provider: StubProvider
) -> None:
    provider.claims = {"groups": ["family"]}
    begun = await vault.client.get(BEGIN, accept=HTML)
    back = provider.sign_in(begun.headers["location"])

    for cookie in (
        "",
        "mediavault_oidc=",
        "mediavault_oidc=other.%2F",
        "__Host-mediavault_oidc=other.",
    ):
        answer = await vault.client.get(f"{BACK}?{urlencode(back)}", accept=HTML, cookie=cookie)
        assert answer.status == 401, cookie
    assert await authenticator_of(vault).sessions.all() == []


async def test_a_refusal_of_the_provider_is_shown(vault: ApiVault, provider: StubProvider) -> None:
    begun = await vault.client.get(BEGIN, accept=HTML)
    answer = await vault.client.get(
        f"{BACK}?error=access_denied<b>&state=x", accept=HTML, cookie=cookie_of(begun)
    )

    assert answer.status == 401
    assert "access_denied&lt;b&gt;" in answer.text


@pytest.mark.parametrize(
    "wanted", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"]
)
async def test_no_other_site_is_opened_after_the_sign_in(
    vault: ApiVault, provider: StubProvider, wanted: str
) -> None:
    provider.claims = {"groups": ["family"]}

    assert (await sign_in(vault, provider, wanted=wanted)).headers["location"] == "/"


async def test_the_sign_in_page_offers_the_provider_and_no_password_that_does_not_exist(
    vault: ApiVault,
) -> None:
    page = (await vault.client.get("/login?next=/library", accept=HTML)).text
    assert 'href="/login/oidc?next=/library"' in page
    assert "Sign in with Our home" in page
    assert 'name="password"' not in page

    await authenticator_of(vault).users.take("seven grey herons")
    assert 'name="password"' in (await vault.client.get("/login", accept=HTML)).text


async def test_a_vault_with_a_provider_is_not_open(vault: ApiVault) -> None:
    assert (await vault.client.get("/library", accept=HTML)).headers[
        "location"
    ] == "/login?next=%2Flibrary"
    assert (await vault.client.get("/api/jobs")).status == 401


async def test_a_provider_that_is_away_does_not_keep_the_owner_out(
    vault: ApiVault, provider: StubProvider
) -> None:
    await authenticator_of(vault).users.take("seven grey herons")
    provider.answers["/.well-known/openid-configuration"] = (503, b"")
    answer = await vault.client.get(BEGIN, accept=HTML)

    assert answer.status == 401
    assert "Signing in with Our home failed" in answer.text
    assert (await vault.client.submit("/login", {"password": "seven grey herons"})).status == 303


async def test_the_provider_is_not_asked_more_often_than_passwords_are_tried(
    vault: ApiVault, provider: StubProvider
) -> None:
    answers = [await vault.client.get(BEGIN, accept=HTML) for _ in range(11)]

    assert [answer.status for answer in answers] == [303] * 10 + [429]
    assert len(provider.asked) == 10


async def test_a_user_without_a_password_is_asked_for_none(
    vault: ApiVault, provider: StubProvider
) -> None:
    provider.claims = {"preferred_username": "jane", "groups": ["family"]}
    answer = await sign_in(vault, provider)
    session = next(
        value for name, value in answer.raw_headers if name == "set-cookie" and "session" in value
    )
    page = (await vault.client.get("/access", accept=HTML, cookie=session.partition(";")[0])).text

    assert "You sign in without one." in page
    assert 'action="/access/password"' not in page


async def test_without_a_provider_its_addresses_lead_nowhere(tmp_path: Any) -> None:
    vault = build_vault(tmp_path, token="mv_a-long-random-token")
    for path in (BEGIN, f"{BACK}?code=x&state=y"):
        answer = await vault.client.get(path, accept=HTML)
        assert answer.status == 401
        assert await authenticator_of(vault).sessions.all() == []
    await vault.client.app.state.feed.aclose()  # type: ignore[attr-defined]
