"""How requests are authenticated, over HTTP."""

from __future__ import annotations

import html
from typing import Any
from urllib.parse import urlencode

import pytest
from fastapi.routing import APIRoute
from structlog.testing import capture_logs

from mediavault.auth import passwords
from mediavault.auth.authenticator import COOKIE, TLS_COOKIE, Authenticator
from mediavault.auth.credentials import ApiToken
from mediavault.auth.permissions import Scope
from mediavault.auth.proxies import SECRET_HEADER
from mediavault.core.records import RecordKind
from mediavault.server.errors import ENDLESS_PATHS
from mediavault.store.port import JobQuery
from mediavault.web import pages
from tests.asgi_client import Answer
from tests.http_vault import POST, TOKEN, ApiVault, MakeVault
from tests.session_stubs import StubSessions

PASSWORD = "seven grey herons"
HTML = "text/html,*/*"
SECRET = "a secret between the two of us"
COOKIES = ".x.com\tTRUE\t/\tTRUE\t0\tauth_token\tsecret"
PROXIED: dict[str, Any] = {
    "trusted_proxies": ("127.0.0.1",),
    "proxy_header": "Remote-User",
    "proxy_user": "jane",
    "proxy_secret": SECRET,
}


pytestmark = pytest.mark.usefixtures("cheap_hashing")


def authenticator_of(vault: ApiVault) -> Authenticator:
    authenticator: Authenticator = vault.client.app.state.authenticator  # type: ignore[attr-defined]
    return authenticator


def sessions_of(vault: ApiVault) -> StubSessions:
    sessions = vault.services.sessions
    assert isinstance(sessions, StubSessions)
    return sessions


def cookie_of(answer: Answer) -> str:
    return answer.headers["set-cookie"].partition(";")[0]


async def owned(make_vault: MakeVault, **settings: Any) -> ApiVault:
    vault = make_vault(**settings)
    await authenticator_of(vault).users.take(PASSWORD)
    return vault


async def signed_in(vault: ApiVault, **headers: str) -> str:
    """The cookie of a new session."""
    answer = await vault.client.submit("/login", {"password": PASSWORD}, **headers)
    assert answer.status == 303
    return cookie_of(answer)


# --- the first run --------------------------------------------------------------------------------


async def test_a_local_vault_needs_no_password(vault: ApiVault) -> None:
    assert (await vault.client.get("/")).status == 200
    assert (await vault.client.post("/api/jobs", {"post_url": POST})).status == 201
    assert (await vault.client.get("/login")).headers["location"] == "/"
    assert 'action="/setup"' in (await vault.client.get("/setup")).text


@pytest.mark.parametrize("token", [f"{ApiToken.prefix}{'a' * 43}", "made-up"])
async def test_a_local_vault_without_a_password_refuses_a_wrong_token(
    vault: ApiVault, token: str
) -> None:
    """Its program would otherwise notice only once there is a password."""
    answer = await vault.client.get("/api/jobs", authorization=f"Bearer {token}")

    assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert (await vault.client.get("/api/jobs")).status == 200


async def test_a_token_has_its_scope_without_a_password_too_and_ends_when_it_is_revoked(
    vault: ApiVault,
) -> None:
    token, _ = await authenticator_of(vault).tokens.add("program", Scope.READ)
    header = f"Bearer {token}"
    answers = [
        await vault.client.get("/api/jobs", authorization=header),
        await vault.client.post("/api/jobs", {"post_url": POST}, authorization=header),
    ]
    await authenticator_of(vault).tokens.revoke("program")
    answers.append(await vault.client.get("/api/jobs", authorization=header))

    assert [answer.status for answer in answers] == [200, 403, 401]


async def test_wrong_tokens_are_counted_without_a_password_too(vault: ApiVault) -> None:
    statuses = {
        (await vault.client.get("/api/jobs", authorization=f"Bearer {n}")).status
        for n in range(200)
    }

    assert statuses == {401, 429}


async def test_a_link_into_the_vault_survives_the_sign_in(make_vault: MakeVault) -> None:
    vault = await owned(make_vault)
    shared = "/?url=https%3A%2F%2Fvideos.example%2Fwatch%2F1&text=a+%26+b"
    asked = await vault.client.get(shared, accept="text/html")
    page = (await vault.client.get(asked.headers["location"])).text
    wanted = html.unescape(page.partition('name="next" value="')[2].partition('"')[0])
    wrong = (await vault.client.submit("/login", {"password": "wrong", "next": wanted})).text
    answer = await vault.client.submit("/login", {"password": PASSWORD, "next": wanted})

    assert asked.headers["location"].startswith("/login?next=%2F%3Furl%3D")
    assert wanted == shared
    assert f'value="{html.escape(shared)}"' in wrong
    assert (answer.status, answer.headers["location"]) == (303, shared)


@pytest.mark.parametrize(
    "elsewhere",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "\\\\evil.example",
     "evil.example", "/\t/evil.example", "javascript:alert(1)", "/" + "x" * 3_000, "/ü"],
)  # fmt: skip
async def test_the_sign_in_leads_to_no_page_of_another_site(
    make_vault: MakeVault, elsewhere: str
) -> None:
    vault = await owned(make_vault)
    page = await vault.client.get(f"/login?{urlencode({'next': elsewhere})}")
    answer = await vault.client.submit("/login", {"password": PASSWORD, "next": elsewhere})

    assert 'name="next" value="/"' in page.text
    assert answer.headers["location"] == "/"


async def test_an_open_vault_refuses_forwarded_requests(vault: ApiVault) -> None:
    """A vault behind a proxy expects other users, and it is not open to them."""
    for name in ("x_forwarded_for", "forwarded", "x_real_ip", "via"):
        for path in ("/", "/api/jobs", "/setup", "/login"):
            answer = await vault.client.get(path, **{name: "192.0.2.7"})
            assert (answer.status, answer.json()["code"]) == (403, "FORBIDDEN")
    set_up = await vault.client.submit(
        "/setup", {"password": PASSWORD, "again": PASSWORD}, x_forwarded_for="192.0.2.7"
    )

    assert set_up.status == 403
    assert not await authenticator_of(vault).users.has_password()


async def test_the_first_password_closes_the_vault_and_signs_its_owner_in(vault: ApiVault) -> None:
    fields = {"name": "Jane", "password": PASSWORD, "again": PASSWORD}
    refused = await vault.client.submit("/setup", {**fields, "name": "Jane Doe"})
    assert refused.status == 422
    assert 'value="Jane Doe"' in refused.text
    answer = await vault.client.submit("/setup", fields)

    assert (answer.status, answer.headers["location"]) == (303, "/access?set_up=1")
    done = await vault.client.get("/access?set_up=1", cookie=cookie_of(answer))
    assert "You'll be asked for it from now on." in done.text
    assert (await vault.client.get("/api/jobs", cookie=cookie_of(answer))).status == 200
    assert (await vault.client.get("/api/jobs")).status == 401


@pytest.mark.parametrize(
    ("password", "again", "words"),
    [
        (PASSWORD, PASSWORD + "x", "not the same"),
        ("short", "short", "shorter than 10"),
        ("x" * 129, "x" * 129, "longer than 128"),
        ("password123", "password123", "too common"),
    ],
)
async def test_a_bad_first_password_is_refused_with_the_reason(
    vault: ApiVault, password: str, again: str, words: str
) -> None:
    answer = await vault.client.submit("/setup", {"password": password, "again": again})

    assert answer.status == 422
    assert words in answer.text
    assert f'value="{password}"' not in answer.text
    assert not await authenticator_of(vault).users.has_password()


@pytest.mark.parametrize(
    "settings", [{"setup": True}, {"host": "0.0.0.0"}, {"host": "0.0.0.0", "setup": True}]
)
async def test_a_vault_that_is_not_set_up_shows_only_the_setup_page(
    make_vault: MakeVault, settings: Any
) -> None:
    """This includes a vault whose password was removed while it listens on the network."""
    client = make_vault(**settings).client

    assert (await client.get("/", accept=HTML)).headers["location"] == "/setup"
    for path in ("/api/jobs", "/metrics", "/files/x/video", "/openapi.json", "/access"):
        assert (await client.get(path)).status == 401
    assert (await client.post("/api/jobs", {"post_url": POST})).status == 401
    assert 'name="invitation"' in (await client.get("/setup")).text
    assert (await client.get("/healthz")).status == 200


async def test_the_setup_token_creates_one_owner(make_vault: MakeVault) -> None:
    vault = make_vault(setup=True)
    invitation = await authenticator_of(vault).setup_token.issue()
    form = {"password": PASSWORD, "again": PASSWORD}
    assert (await vault.client.submit("/setup", form)).status == 401
    assert (
        await vault.client.submit("/setup", form | {"invitation": invitation[:-1]})
    ).status == 401
    first = await vault.client.submit("/setup", form | {"invitation": f" {invitation.upper()} "})
    second = await vault.client.submit(
        "/setup",
        {**form, "password": "x" + PASSWORD, "again": "x" + PASSWORD, "invitation": invitation},
    )

    assert (first.status, second.status) == (303, 401)
    assert await authenticator_of(vault).users.holds(PASSWORD)
    assert await vault.store.records.all(RecordKind.SETUP) == []


async def test_the_setup_token_expires_after_an_hour_or_with_the_next_one(
    make_vault: MakeVault,
) -> None:
    authenticator = authenticator_of(make_vault(setup=True))
    first, second = await authenticator.setup_token.issue(), await authenticator.setup_token.issue()
    assert not await authenticator.setup_token.matches(first)
    assert await authenticator.setup_token.matches(second)
    assert second not in str(await authenticator.setup_token._records.all(RecordKind.SETUP))

    authenticator.setup_token._clock.advance(3_600)  # type: ignore[attr-defined]
    assert not await authenticator.setup_token.matches(second)
    assert not await authenticator.setup_token.matches("")


async def test_guessing_setup_tokens_is_rate_limited(make_vault: MakeVault) -> None:
    vault = make_vault(setup=True)
    invitation = await authenticator_of(vault).setup_token.issue()
    form = {"password": PASSWORD, "again": PASSWORD}
    statuses = [
        (await vault.client.submit("/setup", form | {"invitation": str(n)})).status
        for n in range(30)
    ]

    assert statuses == [401] * 10 + [429] * 20
    assert (await vault.client.submit("/setup", form | {"invitation": invitation})).status == 429


async def test_a_vault_with_an_owner_cannot_be_set_up_again(make_vault: MakeVault) -> None:
    """The setup page cannot replace its password."""
    form = {"password": "x" + PASSWORD, "again": "x" + PASSWORD}
    vault = await owned(make_vault)
    assert (await vault.client.submit("/setup", form)).status == 401
    assert (await vault.client.get("/setup")).status == 303
    assert await authenticator_of(vault).users.holds(PASSWORD)


async def test_a_vault_guarded_by_its_token_takes_no_first_password_without_it(
    make_vault: MakeVault,
) -> None:
    vault = make_vault(token=TOKEN)

    assert (
        await vault.client.submit("/setup", {"password": PASSWORD, "again": PASSWORD})
    ).status == 401
    assert not await authenticator_of(vault).users.has_password()


# --- the password ---------------------------------------------------------------------------------


async def test_the_password_signs_in_and_nothing_else_does(make_vault: MakeVault) -> None:
    """A sign-in always redirects to the home page."""
    vault = await owned(make_vault)
    for wrong in ("", "x", PASSWORD + " ", PASSWORD.upper()):
        answer = await vault.client.submit("/login", {"password": wrong})
        assert answer.status == 401
        assert "set-cookie" not in answer.headers
    right = await vault.client.submit(
        "/login?next=//evil.test", {"password": PASSWORD, "next": "https://evil.test"}
    )

    assert (right.status, right.headers["location"]) == (303, "/")
    assert (await vault.client.get("/", cookie=cookie_of(right))).status == 200


async def test_a_password_of_a_megabyte_is_not_read(make_vault: MakeVault) -> None:
    vault = await owned(make_vault)

    assert (await vault.client.submit("/login", {"password": "x" * 1_000_000})).status == 413


@pytest.mark.parametrize("has_owner", [True, False])
async def test_every_sign_in_attempt_costs_one_hash(
    make_vault: MakeVault, monkeypatch: pytest.MonkeyPatch, has_owner: bool
) -> None:
    """Whether the secret is right, wrong or empty, and whether a password is set.
    tests/component measures the times.
    """
    vault = make_vault(token=TOKEN)
    if has_owner:
        await authenticator_of(vault).users.take(PASSWORD)
    hashed: list[str] = []
    to_bytes = passwords._bytes

    def watched(secret: str) -> bytes:
        hashed.append(secret)
        return to_bytes(secret)

    monkeypatch.setattr(passwords, "_bytes", watched)
    secrets = [PASSWORD, PASSWORD[:-1] + "x", "", "x" * 2_000, TOKEN]
    statuses = [
        (await vault.client.submit("/login", {"password": secret})).status for secret in secrets
    ]

    assert statuses == [303 if has_owner else 401, 401, 401, 401, 303]
    assert hashed == secrets


async def test_changing_the_password_ends_every_session_and_starts_a_new_one(
    make_vault: MakeVault,
) -> None:
    vault = await owned(make_vault)
    current, other = await signed_in(vault), await signed_in(vault)
    form = {"current": PASSWORD, "password": "nine brown horses", "again": "nine brown horses"}
    refused = await vault.client.submit(
        "/access/password", form | {"current": "wrong"}, cookie=current
    )
    changed = await vault.client.submit("/access/password", form, cookie=current)

    assert (refused.status, changed.status) == (401, 303)
    assert [
        (await vault.client.get("/api/jobs", cookie=cookie)).status for cookie in (current, other)
    ] == [401, 401]
    assert (await vault.client.get("/api/jobs", cookie=cookie_of(changed))).status == 200
    assert (await vault.client.submit("/login", {"password": PASSWORD})).status == 401


# --- tokens ---------------------------------------------------------------------------------------


async def test_a_token_may_do_what_its_scope_allows(make_vault: MakeVault) -> None:
    vault = await owned(make_vault)
    sessions_of(vault).add("x")
    job = await vault.add()
    requests: list[tuple[str, str, object]] = [
        ("POST", "/api/jobs", {"post_url": POST}),
        ("GET", f"/api/jobs/{job.id}", None),
        ("GET", "/api/jobs", None),
        ("GET", "/", None),
        ("GET", "/metrics", None),
        ("GET", "/access", None),
        ("POST", f"/api/jobs/{job.id}/cancel", None),
        ("GET", "/api/sessions", None),
        ("POST", "/api/sessions/x/cookies", {"text": COOKIES}),
    ]
    may: dict[Scope, list[bool]] = {}
    for scope in Scope:
        token, _ = await authenticator_of(vault).tokens.add(scope, scope)
        proof = {"authorization": f"Bearer {token}"}
        answers = [
            await (
                vault.client.get(path, **proof)
                if method == "GET"
                else vault.client.post(path, value, **proof)
            )
            for method, path, value in requests
        ]
        may[scope] = [answer.status < 400 for answer in answers]
        assert {answer.status for answer in answers if answer.status >= 400} <= {403}

    assert may[Scope.SUBMIT] == [True, True, *[False] * 7]
    assert may[Scope.COOKIES] == [True, True, *[False] * 5, True, True]
    assert may[Scope.READ] == [False, True, True, True, True, False, False, True, False]
    assert may[Scope.ADMIN] == [True] * 9


@pytest.mark.parametrize("name", ["token", "Token", "access_token", "api_key"])
async def test_a_token_in_a_url_is_refused_with_a_reason(make_vault: MakeVault, name: str) -> None:
    """Even if the header carries a valid token too."""
    vault = await owned(make_vault)
    token, _ = await authenticator_of(vault).tokens.add("phone", Scope.ADMIN)
    with capture_logs() as lines:
        alone = await vault.client.get(f"/api/jobs?{name}={token}")
        with_header = await vault.client.get(
            f"/api/jobs?limit=1&{name}={token}", authorization=f"Bearer {token}"
        )

    assert (alone.status, with_header.status) == (401, 401)
    assert "Do not put secrets in URLs" in alone.json()["message"]
    assert "Authorization: Bearer" in alone.json()["help"]
    assert token not in str(lines) + alone.text


async def test_a_token_is_created_shown_once_and_revoked_on_the_page(make_vault: MakeVault) -> None:
    vault = await owned(make_vault)
    cookie = await signed_in(vault)
    created = await vault.client.submit(
        "/access/tokens", {"name": "my phone", "scope": "submit", "days": "30"}, cookie=cookie
    )
    [token] = [
        word
        for word in created.text.replace("<", " ").replace(">", " ").replace('"', " ").split()
        if word.startswith("mv_")
    ][:1]
    page = (await vault.client.get("/access", cookie=cookie)).text
    [stored] = await authenticator_of(vault).tokens.all()

    assert created.headers["cache-control"] == "no-store"
    assert "my phone" in page
    assert token not in page
    assert (
        await vault.client.post("/api/jobs", {"post_url": POST}, authorization=f"Bearer {token}")
    ).status == 201
    assert (
        await vault.client.submit(f"/access/tokens/{stored.id}/revoke", cookie=cookie)
    ).status == 303
    assert (
        await vault.client.post("/api/jobs", {"post_url": POST}, authorization=f"Bearer {token}")
    ).status == 401


@pytest.mark.parametrize(
    "form",
    [
        {"scope": "submit"},
        {"name": "x", "scope": "root"},
        {"name": "x"},
        {"name": "x", "scope": "read", "days": "1"},
    ],
)
async def test_an_invalid_token_form_creates_no_token(
    make_vault: MakeVault, form: dict[str, str]
) -> None:
    vault = await owned(make_vault)
    answer = await vault.client.submit("/access/tokens", form, cookie=await signed_in(vault))

    assert answer.status == 422
    assert await authenticator_of(vault).tokens.all() == []


async def test_an_open_vault_creates_no_tokens(vault: ApiVault) -> None:
    assert (
        await vault.client.submit("/access/tokens", {"name": "x", "scope": "admin"})
    ).status == 422
    assert (await vault.client.submit("/access/password", {"password": PASSWORD})).headers[
        "location"
    ] == "/setup"


async def test_the_vaults_own_token_has_admin_rights(make_vault: MakeVault) -> None:
    """It works in addition to the password, and on the sign-in page too."""
    vault = await owned(make_vault, token=TOKEN)

    assert (await vault.client.get("/access", authorization=f"Bearer {TOKEN}")).status == 200
    assert (await vault.client.submit("/login", {"password": TOKEN})).status == 303
    assert (await vault.client.submit("/login", {"password": PASSWORD})).status == 303


async def test_wrong_bearer_tokens_are_rate_limited_and_valid_ones_are_not(
    make_vault: MakeVault,
) -> None:
    vault = await owned(make_vault, token=TOKEN)
    token, _ = await authenticator_of(vault).tokens.add("phone", Scope.ADMIN)
    statuses = [
        (await vault.client.get("/api/jobs", authorization=f"Bearer x{n}")).status
        for n in range(150)
    ]

    assert statuses == [401] * 100 + [429] * 50
    assert (await vault.client.get("/api/jobs", authorization=f"Bearer {token}")).status == 200


# --- sessions -------------------------------------------------------------------------------------


async def test_a_session_cookie_is_hidden_from_scripts_and_bound_to_its_host(
    make_vault: MakeVault,
) -> None:
    vault = await owned(make_vault)
    plain = (await vault.client.submit("/login", {"password": PASSWORD})).headers["set-cookie"]
    secure = (
        await vault.client.submit("/login", {"password": PASSWORD}, origin="https://127.0.0.1:8420")
    ).headers["set-cookie"]

    assert plain.startswith(f"{COOKIE}=")
    assert "Secure" not in plain
    assert secure.startswith(f"{TLS_COOKIE}=")
    assert "Secure" in secure
    for cookie in (plain, secure):
        assert {"HttpOnly", "Path=/", "SameSite=lax"} <= {
            part.strip() for part in cookie.split(";")
        }
        assert "Domain" not in cookie
        assert PASSWORD not in cookie


async def test_a_session_started_over_tls_is_valid_only_under_its_own_cookie_name(
    make_vault: MakeVault,
) -> None:
    vault = await owned(make_vault)
    secure = await signed_in(vault, origin="https://127.0.0.1:8420")
    value = secure.partition("=")[2]

    assert (await vault.client.get("/api/jobs", cookie=secure)).status == 200
    assert (await vault.client.get("/api/jobs", cookie=f"{COOKIE}={value}")).status == 401
    assert (await vault.client.get("/api/jobs", cookie=f"={secure}")).status == 401


async def test_a_sign_in_never_reuses_an_existing_session_id(make_vault: MakeVault) -> None:
    """This prevents session fixation. The previous session ends."""
    vault = await owned(make_vault)
    planted = f"{COOKIE}={'A' * 43}"
    first = await vault.client.submit("/login", {"password": PASSWORD}, cookie=planted)
    second = await vault.client.submit("/login", {"password": PASSWORD}, cookie=cookie_of(first))

    assert planted not in (cookie_of(first), cookie_of(second))
    assert (await vault.client.get("/api/jobs", cookie=planted)).status == 401
    assert (await vault.client.get("/api/jobs", cookie=cookie_of(first))).status == 401
    assert (await vault.client.get("/api/jobs", cookie=cookie_of(second))).status == 200


async def test_a_copied_cookie_is_invalid_after_signing_out(make_vault: MakeVault) -> None:
    vault = await owned(make_vault)
    cookie = await signed_in(vault)
    assert (await vault.client.get("/api/jobs", cookie=cookie)).status == 200
    answer = await vault.client.submit("/logout", cookie=cookie)

    assert answer.headers["location"] == "/login"
    assert "Max-Age=0" in answer.headers["set-cookie"]
    assert (await vault.client.get("/api/jobs", cookie=cookie)).status == 401


async def test_signing_out_everywhere_ends_every_session(make_vault: MakeVault) -> None:
    vault = await owned(make_vault)
    cookies = [await signed_in(vault) for _ in range(3)]
    assert (await vault.client.submit("/access/sign-out-everywhere", cookie=cookies[0])).headers[
        "location"
    ] == "/login"

    assert [(await vault.client.get("/api/jobs", cookie=cookie)).status for cookie in cookies] == [
        401
    ] * 3


async def test_one_session_is_ended_by_its_name(make_vault: MakeVault) -> None:
    vault = await owned(make_vault)
    phone = await signed_in(vault, user_agent="Mozilla/5.0 (Linux; Android 14) Firefox/140.0")
    desktop = await signed_in(
        vault, user_agent="<script>Mozilla/5.0 (X11; Linux x86_64) Chrome/140.0"
    )
    page = (await vault.client.get("/access", cookie=desktop)).text
    [target] = [
        session
        for session in await authenticator_of(vault).sessions.all()
        if session.browser == "Firefox, Android"
    ]

    assert "Chrome, Linux" in page
    assert "<script>Mozilla" not in page
    assert (
        await vault.client.submit(f"/access/sessions/{target.id}/end", cookie=desktop)
    ).status == 303
    assert (await vault.client.get("/api/jobs", cookie=phone)).status == 401
    assert (await vault.client.get("/api/jobs", cookie=desktop)).status == 200


async def test_an_idle_session_ends(make_vault: MakeVault) -> None:
    vault = await owned(make_vault)
    cookie = await signed_in(vault)
    for _ in range(3):
        vault.clock.advance(29 * 86_400)
        assert (await vault.client.get("/api/jobs", cookie=cookie)).status == 200

    vault.clock.advance(30 * 86_400)
    assert (await vault.client.get("/api/jobs", cookie=cookie)).status == 401


# --- brute force ----------------------------------------------------------------------------------


async def test_at_most_twenty_of_a_thousand_guesses_are_checked(make_vault: MakeVault) -> None:
    """A caller that waits for the time in ``Retry-After`` can sign in."""
    vault = await owned(make_vault)
    statuses = [
        (await vault.client.submit("/login", {"password": f"guess {n}"})).status
        for n in range(1_000)
    ]
    held = await vault.client.submit("/login", {"password": PASSWORD})

    assert sum(status != 429 for status in statuses) <= 20
    assert held.status == 429
    vault.clock.advance(int(held.headers["retry-after"]))
    assert (await vault.client.submit("/login", {"password": PASSWORD})).status == 303


async def test_the_right_password_from_another_address_still_works(make_vault: MakeVault) -> None:
    """The address is the rightmost hop that is not a trusted proxy."""
    vault = await owned(make_vault, trusted_proxies=("127.0.0.1",))
    for n in range(50):
        await vault.client.submit(
            "/login", {"password": f"guess {n}"}, x_forwarded_for=f"203.0.113.{n}, 192.0.2.66"
        )

    assert (
        await vault.client.submit("/login", {"password": PASSWORD}, x_forwarded_for="192.0.2.66")
    ).status == 429
    assert (
        await vault.client.submit("/login", {"password": PASSWORD}, x_forwarded_for="192.0.2.7")
    ).status == 303


async def test_a_signed_in_user_is_not_locked_out(make_vault: MakeVault) -> None:
    vault = await owned(make_vault)
    cookie = await signed_in(vault)
    for n in range(50):
        await vault.client.submit("/login", {"password": f"guess {n}"})

    assert (await vault.client.get("/api/jobs", cookie=cookie)).status == 200


# --- proxies and other sites ----------------------------------------------------------------------


async def test_other_origins_never_get_cors_headers(make_vault: MakeVault) -> None:
    vault = await owned(make_vault)
    cookie = await signed_in(vault)
    for origin in ("null", "http://evil.test", "http://127.0.0.1:8420"):
        for answer in (
            await vault.client.get("/api/jobs", cookie=cookie, origin=origin),
            await vault.client.request(
                "OPTIONS",
                "/api/jobs",
                headers={"origin": origin, "access-control-request-method": "POST"},
            ),
        ):
            assert not any(name.startswith("access-control") for name in answer.headers)


async def test_the_proxy_signs_in_the_owner_and_no_one_else(make_vault: MakeVault) -> None:
    client = make_vault(**PROXIED).client
    headers = {"remote_user": "jane", "x_mediavault_proxy_secret": SECRET}

    assert (await client.get("/access", **headers)).status == 200
    assert (await client.get("/api/jobs")).status == 401
    assert (await client.get("/api/jobs", **(headers | {"remote_user": "eve"}))).status == 401
    assert (await client.get("/api/jobs", remote_user="jane")).status == 401
    assert (await client.get("/api/jobs", **(headers | {SECRET_HEADER: "wrong"}))).status == 401


async def test_the_proxys_header_from_elsewhere_is_refused(make_vault: MakeVault) -> None:
    """Even together with a valid session."""
    vault = await owned(make_vault, **(PROXIED | {"trusted_proxies": ("10.0.0.2",)}))
    cookie = await signed_in(vault)
    with capture_logs() as lines:
        answer = await vault.client.get(
            "/api/jobs", cookie=cookie, remote_user="jane", x_mediavault_proxy_secret=SECRET
        )

    assert (answer.status, answer.json()["code"]) == (401, "UNAUTHORIZED")
    assert SECRET not in str(lines) + answer.text
    assert (await vault.client.get("/api/jobs", cookie=cookie)).status == 200


async def test_a_proxy_sign_in_does_not_excuse_a_cross_site_request(make_vault: MakeVault) -> None:
    """Like a cookie, it accompanies the requests of any page."""
    headers = {"remote_user": "jane", "x_mediavault_proxy_secret": SECRET}
    answer = await make_vault(**PROXIED).client.post(
        "/api/jobs", {"post_url": POST}, sec_fetch_site="cross-site", **headers
    )

    assert answer.status == 403


async def test_get_requests_change_nothing(make_vault: MakeVault) -> None:
    """Covers every URL that answers a GET, as an admin.
    Only the last use of a session or token is written.
    """
    vault = await owned(make_vault)
    await vault.add()
    token, _ = await authenticator_of(vault).tokens.add("phone", Scope.ADMIN)
    routes = [
        route for router in pages.ROUTERS for route in router.routes if isinstance(route, APIRoute)
    ]
    shown = {
        route.path for route in routes if "GET" in (route.methods or ()) and "{" not in route.path
    }
    documented = {path for path in vault.client.app.openapi()["paths"] if "{" not in path}  # type: ignore[attr-defined]
    paths = sorted(shown | documented)
    before = (
        await vault.store.catalogue.jobs(JobQuery()),
        [await vault.store.records.all(kind) for kind in (RecordKind.OWNER, RecordKind.SETTING)],
    )
    statuses = {
        path: (
            await vault.client.get(path, authorization=f"Bearer {token}", accept="text/html")
        ).status
        for path in paths
        if path not in ENDLESS_PATHS
    }
    after = (
        await vault.store.catalogue.jobs(JobQuery()),
        [await vault.store.records.all(kind) for kind in (RecordKind.OWNER, RecordKind.SETTING)],
    )

    assert len(statuses) > 10
    assert before == after


@pytest.mark.parametrize("forwarded", ["127.0.0.1", "::1", "127.0.0.1, 127.0.0.1"])
async def test_a_forwarded_address_gives_no_rights(make_vault: MakeVault, forwarded: str) -> None:
    vault = await owned(make_vault)

    assert (await vault.client.get("/api/jobs", x_forwarded_for=forwarded)).status == 401


@pytest.mark.parametrize(
    "back",
    [
        "javascript:alert(1)",
        "//evil.test",
        "/\\evil.test",
        "https:evil.test",
        "%09//evil.test",
        "/%0a/evil.test",
    ],
)
async def test_no_form_redirects_to_another_site(make_vault: MakeVault, back: str) -> None:
    vault = await owned(make_vault)
    fields = {"password": PASSWORD, "next": back, "back": back, "continue": back}
    for path in ("/login", "/appearance", "/setup"):
        answer = await vault.client.submit(path, fields)
        location = answer.headers.get("location", "/")
        assert location.startswith("/")
        assert not location.startswith(("//", "/\\"))


# --- secrets --------------------------------------------------------------------------------------


async def test_no_secret_is_in_logs_responses_or_the_store(make_vault: MakeVault) -> None:
    """Covers password, API token, session id and setup token,
    and everything that is done with them.
    """
    vault = make_vault(setup=True)
    with capture_logs() as lines:
        invitation = await authenticator_of(vault).setup_token.issue()
        form = {"password": PASSWORD, "again": PASSWORD, "invitation": invitation}
        cookie = cookie_of(await vault.client.submit("/setup", form))
        wrong = await vault.client.submit("/login", {"password": "nearly " + PASSWORD})
        token, _ = await authenticator_of(vault).tokens.add("phone", Scope.SUBMIT)
        answers = [
            wrong,
            await vault.client.get("/nothing", authorization=f"Bearer {token}", cookie=cookie),
            await vault.client.post(
                "/api/jobs", {"post_url": token}, authorization=f"Bearer {token}"
            ),
            await vault.client.get("/access", cookie=cookie),
        ]
    stored = str([await vault.store.records.all(kind) for kind in RecordKind])

    for secret in (PASSWORD, token, cookie.partition("=")[2], invitation):
        assert secret not in str(lines)
        assert secret not in stored
        assert all(secret not in str(answer.headers) for answer in answers)
    assert all(PASSWORD not in answer.text for answer in answers)
