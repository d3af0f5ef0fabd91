"""How requests are authenticated, over HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.routing import APIRoute
from structlog.testing import capture_logs

from mediavault.auth import hashing
from mediavault.auth.authenticator import COOKIE, TLS_COOKIE, Authenticator
from mediavault.auth.proxies import SECRET_HEADER
from mediavault.auth.scopes import Scope
from mediavault.core.records import RecordKind
from mediavault.server.errors import ENDLESS_PATHS
from mediavault.store.port import JobQuery
from mediavault.web import pages
from tests.asgi_client import Answer
from tests.http_vault import POST, TOKEN, House, MakeHouse

PASSWORD = "seven grey herons"
HTML = "text/html,*/*"
SECRET = "a secret between the two of us"
PROXIED: dict[str, Any] = {
    "trusted_proxies": ("127.0.0.1",),
    "proxy_header": "Remote-User",
    "proxy_user": "jane",
    "proxy_secret": SECRET,
}


pytestmark = pytest.mark.usefixtures("cheap_hashing")


def desk_of(house: House) -> Authenticator:
    desk: Authenticator = house.client.app.state.desk  # type: ignore[attr-defined]
    return desk


def cookie_of(answer: Answer) -> str:
    return answer.headers["set-cookie"].partition(";")[0]


async def owned(make_house: MakeHouse, **settings: Any) -> House:
    house = make_house(**settings)
    await desk_of(house).owner.take(PASSWORD)
    return house


async def signed_in(house: House, **headers: str) -> str:
    """The cookie of a new session."""
    answer = await house.client.submit("/login", {"password": PASSWORD}, **headers)
    assert answer.status == 303
    return cookie_of(answer)


# --- the first run -----------------------------------------------------------------------------------------------


async def test_one_person_on_one_machine_needs_no_password(house: House) -> None:
    assert (await house.client.get("/")).status == 200
    assert (await house.client.post("/api/jobs", {"post_url": POST})).status == 201
    assert (await house.client.get("/login")).headers["location"] == "/"
    assert 'action="/setup"' in (await house.client.get("/setup")).text


async def test_what_a_proxy_passed_on_finds_no_open_vault(house: House) -> None:
    """Whoever set a proxy up meant others to come, and to them the vault is not open."""
    for name in ("x_forwarded_for", "forwarded", "x_real_ip", "via"):
        for path in ("/", "/api/jobs", "/setup", "/login"):
            answer = await house.client.get(path, **{name: "192.0.2.7"})
            assert (answer.status, answer.json()["code"]) == (403, "FORBIDDEN")
    set_up = await house.client.submit("/setup", {"password": PASSWORD, "again": PASSWORD}, x_forwarded_for="192.0.2.7")

    assert set_up.status == 403
    assert not await desk_of(house).owner.has_password()


async def test_the_first_password_closes_the_vault_and_signs_its_owner_in(house: House) -> None:
    answer = await house.client.submit("/setup", {"password": PASSWORD, "again": PASSWORD})

    assert (answer.status, answer.headers["location"]) == (303, "/")
    assert (await house.client.get("/api/jobs", cookie=cookie_of(answer))).status == 200
    assert (await house.client.get("/api/jobs")).status == 401


@pytest.mark.parametrize(
    ("password", "again", "words"),
    [
        (PASSWORD, PASSWORD + "x", "not the same"),
        ("short", "short", "shorter than 10"),
        ("x" * 129, "x" * 129, "longer than 128"),
        ("password123", "password123", "too common"),
    ],
)
async def test_a_bad_first_password_is_told_so(house: House, password: str, again: str, words: str) -> None:
    answer = await house.client.submit("/setup", {"password": password, "again": again})

    assert answer.status == 422
    assert words in answer.text
    assert f'value="{password}"' not in answer.text
    assert not await desk_of(house).owner.has_password()


@pytest.mark.parametrize("settings", [{"setup": True}, {"host": "0.0.0.0"}, {"host": "0.0.0.0", "setup": True}])
async def test_a_vault_that_waits_to_be_set_up_shows_nothing_else(make_house: MakeHouse, settings: Any) -> None:
    """Also one whose password was removed while it listens to the network."""
    client = make_house(**settings).client

    assert (await client.get("/", accept=HTML)).headers["location"] == "/setup"
    for path in ("/api/jobs", "/metrics", "/files/x/video", "/openapi.json", "/access"):
        assert (await client.get(path)).status == 401
    assert (await client.post("/api/jobs", {"post_url": POST})).status == 401
    assert 'name="invitation"' in (await client.get("/setup")).text
    assert (await client.get("/healthz")).status == 200


async def test_the_one_time_token_makes_one_owner(make_house: MakeHouse) -> None:
    house = make_house(setup=True)
    invitation = await desk_of(house).invitation.issue()
    form = {"password": PASSWORD, "again": PASSWORD}
    assert (await house.client.submit("/setup", form)).status == 401
    assert (await house.client.submit("/setup", form | {"invitation": invitation[:-1]})).status == 401
    first = await house.client.submit("/setup", form | {"invitation": f" {invitation.upper()} "})
    second = await house.client.submit(
        "/setup", {**form, "password": "x" + PASSWORD, "again": "x" + PASSWORD, "invitation": invitation}
    )

    assert (first.status, second.status) == (303, 401)
    assert await desk_of(house).owner.holds(PASSWORD)
    assert await house.store.records.all(RecordKind.SETUP) == []


async def test_the_one_time_token_ends_after_an_hour_and_with_the_next_one(make_house: MakeHouse) -> None:
    desk = desk_of(make_house(setup=True))
    first, second = await desk.invitation.issue(), await desk.invitation.issue()
    assert not await desk.invitation.matches(first)
    assert await desk.invitation.matches(second)
    assert second not in str(await desk.invitation._records.all(RecordKind.SETUP))

    desk.invitation._clock.advance(3_600)  # type: ignore[attr-defined]
    assert not await desk.invitation.matches(second)
    assert not await desk.invitation.matches("")


async def test_set_up_tokens_cannot_be_guessed_at_leisure(make_house: MakeHouse) -> None:
    house = make_house(setup=True)
    invitation = await desk_of(house).invitation.issue()
    form = {"password": PASSWORD, "again": PASSWORD}
    statuses = [(await house.client.submit("/setup", form | {"invitation": str(n)})).status for n in range(30)]

    assert statuses == [401] * 10 + [429] * 20
    assert (await house.client.submit("/setup", form | {"invitation": invitation})).status == 429


async def test_a_vault_that_has_an_owner_is_set_up_by_nobody(make_house: MakeHouse) -> None:
    """Not by the set-up page, and not where MEDIAVAULT_TOKEN alone guards it."""
    form = {"password": "x" + PASSWORD, "again": "x" + PASSWORD}
    house = await owned(make_house)
    assert (await house.client.submit("/setup", form)).status == 401
    assert (await house.client.get("/setup")).status == 303
    assert await desk_of(house).owner.holds(PASSWORD)


async def test_where_the_token_guards_nobody_sets_a_password_without_it(make_house: MakeHouse) -> None:
    house = make_house(token=TOKEN)

    assert (await house.client.submit("/setup", {"password": PASSWORD, "again": PASSWORD})).status == 401
    assert not await desk_of(house).owner.has_password()


# --- the password ------------------------------------------------------------------------------------------------


async def test_the_password_signs_in_and_nothing_else_does(make_house: MakeHouse) -> None:
    """It always leads to the first page."""
    house = await owned(make_house)
    for wrong in ("", "x", PASSWORD + " ", PASSWORD.upper()):
        answer = await house.client.submit("/login", {"password": wrong})
        assert answer.status == 401
        assert "set-cookie" not in answer.headers
    right = await house.client.submit("/login?next=//evil.test", {"password": PASSWORD, "next": "https://evil.test"})

    assert (right.status, right.headers["location"]) == (303, "/")
    assert (await house.client.get("/", cookie=cookie_of(right))).status == 200


async def test_a_password_of_a_megabyte_is_not_read(make_house: MakeHouse) -> None:
    house = await owned(make_house)

    assert (await house.client.submit("/login", {"password": "x" * 1_000_000})).status == 413


@pytest.mark.parametrize("has_owner", [True, False])
async def test_every_sign_in_is_one_hash_of_the_same_costs(
    make_house: MakeHouse, monkeypatch: pytest.MonkeyPatch, has_owner: bool
) -> None:
    """Whether the password is right, wrong or not there at all, and whether the token is. tests/component measures it."""
    house = make_house(token=TOKEN)
    if has_owner:
        await desk_of(house).owner.take(PASSWORD)
    hashed: list[str] = []
    to_bytes = hashing._bytes

    def watched(secret: str) -> bytes:
        hashed.append(secret)
        return to_bytes(secret)

    monkeypatch.setattr(hashing, "_bytes", watched)
    secrets = [PASSWORD, PASSWORD[:-1] + "x", "", "x" * 2_000, TOKEN]
    statuses = [(await house.client.submit("/login", {"password": each})).status for each in secrets]

    assert statuses == [303 if has_owner else 401, 401, 401, 401, 303]
    assert hashed == secrets


async def test_a_changed_password_ends_every_session_but_the_one_that_it_gives(make_house: MakeHouse) -> None:
    house = await owned(make_house)
    here, there = await signed_in(house), await signed_in(house)
    form = {"current": PASSWORD, "password": "nine brown horses", "again": "nine brown horses"}
    refused = await house.client.submit("/access/password", form | {"current": "wrong"}, cookie=here)
    changed = await house.client.submit("/access/password", form, cookie=here)

    assert (refused.status, changed.status) == (401, 303)
    assert [(await house.client.get("/api/jobs", cookie=each)).status for each in (here, there)] == [401, 401]
    assert (await house.client.get("/api/jobs", cookie=cookie_of(changed))).status == 200
    assert (await house.client.submit("/login", {"password": PASSWORD})).status == 401


# --- tokens ------------------------------------------------------------------------------------------------------


async def test_a_token_may_what_its_scope_says(make_house: MakeHouse) -> None:
    house = await owned(make_house)
    job = await house.add()
    asked: list[tuple[str, str, object]] = [
        ("POST", "/api/jobs", {"post_url": POST}),
        ("GET", f"/api/jobs/{job.id}", None),
        ("GET", "/api/jobs", None),
        ("GET", "/", None),
        ("GET", "/metrics", None),
        ("GET", "/access", None),
        ("POST", f"/api/jobs/{job.id}/cancel", None),
    ]
    may: dict[Scope, list[bool]] = {}
    for scope in Scope:
        token, _ = await desk_of(house).tokens.add(scope, scope)
        proof = {"authorization": f"Bearer {token}"}
        answers = [
            await (house.client.get(path, **proof) if method == "GET" else house.client.post(path, value, **proof))
            for method, path, value in asked
        ]
        may[scope] = [answer.status < 400 for answer in answers]
        assert {answer.status for answer in answers if answer.status >= 400} <= {403}

    assert may[Scope.SUBMIT] == [True, True, False, False, False, False, False]
    assert may[Scope.READ] == [False, True, True, True, True, False, False]
    assert may[Scope.ADMIN] == [True] * 7


@pytest.mark.parametrize("name", ["token", "Token", "access_token", "api_key"])
async def test_a_token_in_an_address_is_refused_with_a_reason(make_house: MakeHouse, name: str) -> None:
    """Even where a good one stands in the header too."""
    house = await owned(make_house)
    token, _ = await desk_of(house).tokens.add("phone", Scope.ADMIN)
    with capture_logs() as lines:
        alone = await house.client.get(f"/api/jobs?{name}={token}")
        beside = await house.client.get(f"/api/jobs?limit=1&{name}={token}", authorization=f"Bearer {token}")

    assert (alone.status, beside.status) == (401, 401)
    assert "does not belong into an address" in alone.json()["message"]
    assert "Authorization: Bearer" in alone.json()["help"]
    assert token not in str(lines) + alone.text


async def test_a_token_is_made_shown_once_and_revoked_on_the_page(make_house: MakeHouse) -> None:
    house = await owned(make_house)
    cookie = await signed_in(house)
    made = await house.client.submit(
        "/access/tokens", {"name": "my phone", "scope": "submit", "days": "30"}, cookie=cookie
    )
    [token] = [
        word
        for word in made.text.replace("<", " ").replace(">", " ").replace('"', " ").split()
        if word.startswith("mv_")
    ][:1]
    page = (await house.client.get("/access", cookie=cookie)).text
    [kept] = await desk_of(house).tokens.all()

    assert made.headers["cache-control"] == "no-store"
    assert "my phone" in page
    assert token not in page
    assert (await house.client.post("/api/jobs", {"post_url": POST}, authorization=f"Bearer {token}")).status == 201
    assert (await house.client.submit(f"/access/tokens/{kept.id}/revoke", cookie=cookie)).status == 303
    assert (await house.client.post("/api/jobs", {"post_url": POST}, authorization=f"Bearer {token}")).status == 401


@pytest.mark.parametrize(
    "form",
    [{"scope": "submit"}, {"name": "x", "scope": "root"}, {"name": "x"}, {"name": "x", "scope": "read", "days": "1"}],
)
async def test_a_token_that_cannot_be_is_not_made(make_house: MakeHouse, form: dict[str, str]) -> None:
    house = await owned(make_house)
    answer = await house.client.submit("/access/tokens", form, cookie=await signed_in(house))

    assert answer.status == 422
    assert await desk_of(house).tokens.all() == []


async def test_an_open_vault_makes_no_tokens(house: House) -> None:
    assert (await house.client.submit("/access/tokens", {"name": "x", "scope": "admin"})).status == 422
    assert (await house.client.submit("/access/password", {"password": PASSWORD})).headers["location"] == "/setup"


async def test_the_vaults_own_token_is_that_of_an_admin(make_house: MakeHouse) -> None:
    """Extras the password, and at the sign-in page too."""
    house = await owned(make_house, token=TOKEN)

    assert (await house.client.get("/access", authorization=f"Bearer {TOKEN}")).status == 200
    assert (await house.client.submit("/login", {"password": TOKEN})).status == 303
    assert (await house.client.submit("/login", {"password": PASSWORD})).status == 303


async def test_wrong_bearers_are_slowed_down_and_right_tokens_are_not(make_house: MakeHouse) -> None:
    house = await owned(make_house, token=TOKEN)
    token, _ = await desk_of(house).tokens.add("phone", Scope.ADMIN)
    statuses = [(await house.client.get("/api/jobs", authorization=f"Bearer x{n}")).status for n in range(150)]

    assert statuses == [401] * 100 + [429] * 50
    assert (await house.client.get("/api/jobs", authorization=f"Bearer {token}")).status == 200


# --- sessions ----------------------------------------------------------------------------------------------------


async def test_a_session_is_out_of_reach_of_scripts_and_bound_to_its_host(make_house: MakeHouse) -> None:
    house = await owned(make_house)
    plain = (await house.client.submit("/login", {"password": PASSWORD})).headers["set-cookie"]
    secure = (await house.client.submit("/login", {"password": PASSWORD}, origin="https://127.0.0.1:8420")).headers[
        "set-cookie"
    ]

    assert plain.startswith(f"{COOKIE}=")
    assert "Secure" not in plain
    assert secure.startswith(f"{TLS_COOKIE}=")
    assert "Secure" in secure
    for cookie in (plain, secure):
        assert {"HttpOnly", "Path=/", "SameSite=lax"} <= {part.strip() for part in cookie.split(";")}
        assert "Domain" not in cookie
        assert PASSWORD not in cookie


async def test_a_session_that_came_over_tls_is_good_under_its_own_name_alone(make_house: MakeHouse) -> None:
    house = await owned(make_house)
    secure = await signed_in(house, origin="https://127.0.0.1:8420")
    value = secure.partition("=")[2]

    assert (await house.client.get("/api/jobs", cookie=secure)).status == 200
    assert (await house.client.get("/api/jobs", cookie=f"{COOKIE}={value}")).status == 401
    assert (await house.client.get("/api/jobs", cookie=f"={secure}")).status == 401


async def test_a_sign_in_never_takes_over_an_id_that_was_there(make_house: MakeHouse) -> None:
    """Fixation. And the session before it ends."""
    house = await owned(make_house)
    planted = f"{COOKIE}={'A' * 43}"
    first = await house.client.submit("/login", {"password": PASSWORD}, cookie=planted)
    second = await house.client.submit("/login", {"password": PASSWORD}, cookie=cookie_of(first))

    assert planted not in (cookie_of(first), cookie_of(second))
    assert (await house.client.get("/api/jobs", cookie=planted)).status == 401
    assert (await house.client.get("/api/jobs", cookie=cookie_of(first))).status == 401
    assert (await house.client.get("/api/jobs", cookie=cookie_of(second))).status == 200


async def test_a_cookie_that_was_copied_is_worth_nothing_after_signing_out(make_house: MakeHouse) -> None:
    house = await owned(make_house)
    cookie = await signed_in(house)
    assert (await house.client.get("/api/jobs", cookie=cookie)).status == 200
    answer = await house.client.submit("/logout", cookie=cookie)

    assert answer.headers["location"] == "/login"
    assert "Max-Age=0" in answer.headers["set-cookie"]
    assert (await house.client.get("/api/jobs", cookie=cookie)).status == 401


async def test_signing_out_everywhere_ends_them_all(make_house: MakeHouse) -> None:
    house = await owned(make_house)
    cookies = [await signed_in(house) for _ in range(3)]
    assert (await house.client.submit("/access/sign-out-everywhere", cookie=cookies[0])).headers["location"] == "/login"

    assert [(await house.client.get("/api/jobs", cookie=each)).status for each in cookies] == [401] * 3


async def test_one_session_is_ended_by_its_name(make_house: MakeHouse) -> None:
    house = await owned(make_house)
    phone = await signed_in(house, user_agent="Mozilla/5.0 (Linux; Android 14) Firefox/140.0")
    desktop = await signed_in(house, user_agent="<script>Mozilla/5.0 (X11; Linux x86_64) Chrome/140.0")
    page = (await house.client.get("/access", cookie=desktop)).text
    [target] = [each for each in await desk_of(house).sessions.all() if each.visit.browser == "Firefox, Android"]

    assert "Chrome, Linux" in page
    assert "<script>Mozilla" not in page
    assert (await house.client.submit(f"/access/sessions/{target.name}/end", cookie=desktop)).status == 303
    assert (await house.client.get("/api/jobs", cookie=phone)).status == 401
    assert (await house.client.get("/api/jobs", cookie=desktop)).status == 200


async def test_an_idle_session_ends(make_house: MakeHouse) -> None:
    house = await owned(make_house)
    cookie = await signed_in(house)
    for _ in range(3):
        house.clock.advance(29 * 86_400)
        assert (await house.client.get("/api/jobs", cookie=cookie)).status == 200

    house.clock.advance(30 * 86_400)
    assert (await house.client.get("/api/jobs", cookie=cookie)).status == 401


# --- brute force -------------------------------------------------------------------------------------------------


async def test_a_thousand_tries_are_twenty_at_most(make_house: MakeHouse) -> None:
    """And who waits as long as told gets in."""
    house = await owned(make_house)
    statuses = [(await house.client.submit("/login", {"password": f"guess {n}"})).status for n in range(1_000)]
    held = await house.client.submit("/login", {"password": PASSWORD})

    assert sum(status != 429 for status in statuses) <= 20
    assert held.status == 429
    house.clock.advance(int(held.headers["retry-after"]))
    assert (await house.client.submit("/login", {"password": PASSWORD})).status == 303


async def test_the_right_password_from_another_address_still_works(make_house: MakeHouse) -> None:
    """The address is the rightmost hop that is no proxy of ours."""
    house = await owned(make_house, trusted_proxies=("127.0.0.1",))
    for n in range(50):
        await house.client.submit("/login", {"password": f"guess {n}"}, x_forwarded_for=f"203.0.113.{n}, 192.0.2.66")

    assert (await house.client.submit("/login", {"password": PASSWORD}, x_forwarded_for="192.0.2.66")).status == 429
    assert (await house.client.submit("/login", {"password": PASSWORD}, x_forwarded_for="192.0.2.7")).status == 303


async def test_who_is_signed_in_is_not_locked_out(make_house: MakeHouse) -> None:
    house = await owned(make_house)
    cookie = await signed_in(house)
    for n in range(50):
        await house.client.submit("/login", {"password": f"guess {n}"})

    assert (await house.client.get("/api/jobs", cookie=cookie)).status == 200


# --- proxies and other sites -------------------------------------------------------------------------------------


async def test_other_origins_are_never_granted_anything(make_house: MakeHouse) -> None:
    house = await owned(make_house)
    cookie = await signed_in(house)
    for origin in ("null", "http://evil.test", "http://127.0.0.1:8420"):
        for answer in (
            await house.client.get("/api/jobs", cookie=cookie, origin=origin),
            await house.client.request(
                "OPTIONS", "/api/jobs", headers={"origin": origin, "access-control-request-method": "POST"}
            ),
        ):
            assert not any(name.startswith("access-control") for name in answer.headers)


async def test_the_proxy_signs_the_owner_in_and_nobody_else(make_house: MakeHouse) -> None:
    client = make_house(**PROXIED).client
    said = {"remote_user": "jane", "x_mediavault_proxy_secret": SECRET}

    assert (await client.get("/access", **said)).status == 200
    assert (await client.get("/api/jobs")).status == 401
    assert (await client.get("/api/jobs", **(said | {"remote_user": "eve"}))).status == 401
    assert (await client.get("/api/jobs", remote_user="jane")).status == 401
    assert (await client.get("/api/jobs", **(said | {SECRET_HEADER: "wrong"}))).status == 401


async def test_the_proxys_header_from_elsewhere_is_refused(make_house: MakeHouse) -> None:
    """Even beside a session that is good."""
    house = await owned(make_house, **(PROXIED | {"trusted_proxies": ("10.0.0.2",)}))
    cookie = await signed_in(house)
    with capture_logs() as lines:
        answer = await house.client.get(
            "/api/jobs", cookie=cookie, remote_user="jane", x_mediavault_proxy_secret=SECRET
        )

    assert (answer.status, answer.json()["code"]) == (401, "UNAUTHORIZED")
    assert SECRET not in str(lines) + answer.text
    assert (await house.client.get("/api/jobs", cookie=cookie)).status == 200


async def test_a_proxys_word_is_no_proof_against_other_sites(make_house: MakeHouse) -> None:
    """The browser sends it along for any page, as it does a cookie."""
    said = {"remote_user": "jane", "x_mediavault_proxy_secret": SECRET}
    answer = await make_house(**PROXIED).client.post(
        "/api/jobs", {"post_url": POST}, sec_fetch_site="cross-site", **said
    )

    assert answer.status == 403


async def test_looking_changes_nothing(make_house: MakeHouse) -> None:
    """Every address that answers a GET, asked by an admin. Only when a session or token was last used is written."""
    house = await owned(make_house)
    await house.add()
    token, _ = await desk_of(house).tokens.add("phone", Scope.ADMIN)
    routes = [route for router in pages.ROUTERS for route in router.routes if isinstance(route, APIRoute)]
    shown = {route.path for route in routes if "GET" in (route.methods or ()) and "{" not in route.path}
    told = {path for path in house.client.app.openapi()["paths"] if "{" not in path}  # type: ignore[attr-defined]
    paths = sorted(shown | told)
    before = (
        await house.store.catalogue.jobs(JobQuery()),
        [await house.store.records.all(kind) for kind in (RecordKind.OWNER, RecordKind.SETTING)],
    )
    statuses = {
        path: (await house.client.get(path, authorization=f"Bearer {token}", accept="text/html")).status
        for path in paths
        if path not in ENDLESS_PATHS
    }
    after = (
        await house.store.catalogue.jobs(JobQuery()),
        [await house.store.records.all(kind) for kind in (RecordKind.OWNER, RecordKind.SETTING)],
    )

    assert len(statuses) > 10
    assert before == after


@pytest.mark.parametrize("forwarded", ["127.0.0.1", "::1", "127.0.0.1, 127.0.0.1"])
async def test_a_forwarded_address_gives_no_rights(make_house: MakeHouse, forwarded: str) -> None:
    house = await owned(make_house)

    assert (await house.client.get("/api/jobs", x_forwarded_for=forwarded)).status == 401


@pytest.mark.parametrize(
    "back",
    ["javascript:alert(1)", "//evil.test", "/\\evil.test", "https:evil.test", "%09//evil.test", "/%0a/evil.test"],
)
async def test_no_form_leads_to_another_site(make_house: MakeHouse, back: str) -> None:
    house = await owned(make_house)
    fields = {"password": PASSWORD, "next": back, "back": back, "continue": back}
    for path in ("/login", "/appearance", "/setup"):
        answer = await house.client.submit(path, fields)
        location = answer.headers.get("location", "/")
        assert location.startswith("/")
        assert not location.startswith(("//", "/\\"))


# --- secrets -----------------------------------------------------------------------------------------------------


async def test_neither_logs_nor_errors_nor_the_store_tell_a_secret(make_house: MakeHouse) -> None:
    """Password, token, session id and set-up token, through everything that is done with them."""
    house = make_house(setup=True)
    with capture_logs() as lines:
        invitation = await desk_of(house).invitation.issue()
        form = {"password": PASSWORD, "again": PASSWORD, "invitation": invitation}
        cookie = cookie_of(await house.client.submit("/setup", form))
        wrong = await house.client.submit("/login", {"password": "nearly " + PASSWORD})
        token, _ = await desk_of(house).tokens.add("phone", Scope.SUBMIT)
        answers = [
            wrong,
            await house.client.get("/nothing", authorization=f"Bearer {token}", cookie=cookie),
            await house.client.post("/api/jobs", {"post_url": token}, authorization=f"Bearer {token}"),
            await house.client.get("/access", cookie=cookie),
        ]
    kept = str([await house.store.records.all(kind) for kind in RecordKind])

    for secret in (PASSWORD, token, cookie.partition("=")[2], invitation):
        assert secret not in str(lines)
        assert secret not in kept
        assert all(secret not in str(answer.headers) for answer in answers)
    assert all(PASSWORD not in answer.text for answer in answers)
