"""The checks that every request passes before a route sees it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.types import Message
from structlog.testing import capture_logs

from mediavault.auth.authenticator import COOKIE
from tests.asgi_client import AsgiClient, Connection
from tests.http_vault import POST, TOKEN, House, MakeHouse

HTML = "text/html,*/*"


@pytest.mark.parametrize("path", ["/", "/api/jobs", "/api/events", "/healthz", "/openapi.json", "/static/core.js"])
async def test_a_strange_host_is_turned_away_at_every_address(house: House, path: str) -> None:
    answer = await house.client.get(path, host="evil.test")

    assert answer.status == 421
    assert answer.json()["code"] == "FORBIDDEN"


async def test_the_host_is_judged_before_the_token(make_house: MakeHouse) -> None:
    client = make_house(token=TOKEN).client

    assert (await client.get("/api/jobs", host="evil.test")).status == 421


@pytest.mark.parametrize("host", ["x/admin?", "", "a b"])
async def test_a_host_header_that_is_no_host_is_a_bad_request(house: House, host: str) -> None:
    assert (await house.client.get("/api/jobs", host=host)).status == 400


async def test_a_target_that_is_no_path_is_a_bad_request(house: House) -> None:
    assert (await house.client.get("@evil.test")).status == 400


@pytest.mark.parametrize(
    "headers",
    [
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"origin": "http://evil.test"},
        {"origin": "null"},
        {"sec_fetch_site": "cross-site", "origin": "http://127.0.0.1:8420"},
    ],
)
async def test_another_sites_page_changes_nothing(house: House, headers: dict[str, str]) -> None:
    answer = await house.client.post("/api/jobs", {"post_url": POST}, **headers)

    assert (answer.status, answer.json()["code"]) == (403, "FORBIDDEN")
    assert "access-control-allow-origin" not in answer.headers
    assert (await house.store.catalogue.report()).counts.get("queued", 0) == 0  # type: ignore[call-overload]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"sec_fetch_site": "same-origin", "origin": "http://127.0.0.1:8420"},
        {"sec_fetch_site": "none"},
        {"origin": "http://127.0.0.1:8420"},
    ],
)
async def test_our_own_page_and_programs_may_change_things(house: House, headers: dict[str, str]) -> None:
    assert (await house.client.post("/api/jobs", {"post_url": POST}, **headers)).status == 201


async def test_a_preflight_is_never_granted(house: House) -> None:
    answer = await house.client.request(
        "OPTIONS", "/api/jobs", headers={"origin": "http://evil.test", "access-control-request-method": "POST"}
    )

    assert answer.status == 405
    assert not any(name.startswith("access-control") for name in answer.headers)


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", None])
async def test_the_api_takes_json_alone(house: House, kind: str | None) -> None:
    answer = await house.client.post("/api/jobs", {"post_url": POST}, content_type=kind)

    assert (answer.status, answer.json()["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")


async def test_json_may_name_its_charset(house: House) -> None:
    kind = "application/json; charset=utf-8"

    assert (await house.client.post("/api/jobs", {"post_url": POST}, content_type=kind)).status == 201


async def test_a_page_form_takes_forms_alone(house: House) -> None:
    answer = await house.client.post("/submit", {"post_urls": POST})

    assert answer.status == 415


async def test_an_announced_body_over_64_kb_is_refused_unread(house: House) -> None:
    answer = await house.client.request(
        "POST", "/api/jobs", headers={"content-type": "application/json", "content-length": str(10**20)}
    )

    assert (answer.status, answer.json()["code"]) == (413, "TOO_LARGE")


async def test_a_body_that_grows_over_64_kb_is_refused(house: House) -> None:
    """Without a length, as chunked bodies come."""
    headers = {"content-type": "application/json", "transfer-encoding": "chunked", "content-length": None}
    answer = await house.client.request("POST", "/api/jobs", body=b"[" * 66_000, headers=headers)

    assert answer.status == 413


async def test_500_addresses_fit_into_one_request(house: House) -> None:
    urls = [f"https://www.tiktok.com/@some.user.name/video/73000000000000{n:05}?is_from_webapp=1" for n in range(500)]

    assert (await house.client.post("/api/jobs", {"post_urls": urls})).status == 201


@pytest.mark.parametrize(("chars", "api", "form"), [(2_048, 201, 303), (2_049, 422, 422)])
async def test_an_address_has_2048_characters(make_house: MakeHouse, chars: int, api: int, form: int) -> None:
    """By the API and by the page's form alike."""
    first, second = ("https://videos.example/watch/" + letter for letter in "ab")
    house = make_house()

    assert (await house.client.post("/api/jobs", {"post_url": first.ljust(chars, "x")})).status == api
    assert (await house.client.submit("/submit", {"post_urls": second.ljust(chars, "x")})).status == form


async def test_a_client_that_leaves_in_the_middle_of_its_body_is_not_answered(house: House) -> None:
    scope = house.client._scope("POST", "/api/jobs", {"content-type": "application/json", "content-length": "9"}, 9)
    sent: list[Message] = []
    messages: list[Message] = [{"type": "http.request", "body": b"[", "more_body": True}, {"type": "http.disconnect"}]

    async def receive() -> Message:
        return messages.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    await house.client.app(scope, receive, send)

    assert sent == []


async def test_a_body_that_never_comes_is_given_up(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mediavault.server.middleware.BODY_DEADLINE_S", 0.01)
    connection = Connection(house.client._scope("POST", "/api/jobs", {"content-type": "application/json"}, 9), b"")

    async def nothing() -> Message:
        return await asyncio.Future()

    await house.client.app(connection.scope, nothing, connection.send)

    assert connection.answer().status == 408


PATHS = [
    "/api/jobs",
    "/api/worker/health",
    "/metrics",
    "/api/events",
    "/openapi.json",
    "/files/x/video",
    "/nothing/here",
]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer wrong"},
        {"authorization": f"Basic {TOKEN}"},
        {"cookie": f"{COOKIE}={TOKEN}"},
        {"cookie": f"=__Host-{COOKIE}={TOKEN}"},
        {"x_forwarded_for": "127.0.0.1", "host": "127.0.0.1"},
    ],
)
async def test_without_the_token_there_is_nothing_to_see(
    make_house: MakeHouse, path: str, headers: dict[str, Any]
) -> None:
    answer = await make_house(token=TOKEN).client.get(path, **headers)

    assert (answer.status, answer.json()["code"]) == (401, "UNAUTHORIZED")
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_the_token_opens_as_a_bearer_and_never_as_a_query(make_house: MakeHouse) -> None:
    client = make_house(token=TOKEN).client

    assert (await client.get("/api/jobs", authorization=f"Bearer {TOKEN}")).status == 200
    assert (await client.get(f"/api/jobs?token={TOKEN}")).status == 401


async def test_a_session_does_not_excuse_another_sites_page_but_a_bearer_token_does(make_house: MakeHouse) -> None:
    client = make_house(token=TOKEN).client
    foreign = {"origin": "chrome-extension://abc", "sec_fetch_site": "cross-site"}
    cookie = (await client.submit("/login", {"token": TOKEN})).headers["set-cookie"].partition(";")[0]
    with_cookie = await client.post("/api/jobs", {"post_url": POST}, cookie=cookie, **foreign)
    with_bearer = await client.post("/api/jobs", {"post_url": POST}, authorization=f"Bearer {TOKEN}", **foreign)

    assert (with_cookie.status, with_bearer.status) == (403, 201)


async def test_healthz_is_open_and_a_person_is_led_to_the_sign_in(make_house: MakeHouse) -> None:
    client = make_house(token=TOKEN).client
    page = await client.get("/", accept=HTML)

    assert (await client.get("/healthz")).status == 200
    assert (page.status, page.headers["location"]) == (303, "/login")


@pytest.mark.parametrize("path", ["/", "/api/jobs", "/healthz", "/nothing", "/static/app.css"])
async def test_every_answer_carries_the_safe_headers(house: House, path: str) -> None:
    headers = (await house.client.get(path)).headers

    assert "default-src 'self'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "unsafe-inline" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == ("same-origin" if path == "/" else "no-referrer")


async def test_a_bug_is_answered_with_an_incident_that_the_log_knows_and_no_traceback(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(_: object) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(house.store.catalogue, "jobs", broken)
    with capture_logs() as lines:
        answer = await house.client.get("/api/jobs")
    error = answer.json()

    assert (answer.status, error["code"]) == (500, "INTERNAL")
    assert f"incident {lines[0]['incident']}" in error["message"]
    assert "secret" not in answer.text
    assert "nosniff" in answer.headers["x-content-type-options"]


async def test_a_websocket_is_closed(house: House) -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    await house.client.app({"type": "websocket", "path": "/", "headers": []}, receive, send)

    assert sent == [{"type": "websocket.close", "code": 1008}]


async def test_unknown_addresses_and_methods_are_answered_in_our_form(house: House) -> None:
    client: AsgiClient = house.client
    missing, method = await client.get("/nothing/here"), await client.delete("/api/jobs")

    assert (missing.status, missing.json()["code"]) == (404, "NOT_FOUND")
    assert (method.status, set(method.json())) == (405, {"code", "message", "help"})
    assert method.headers["allow"] == "GET, HEAD, POST"


@pytest.mark.parametrize("path", ["/", "/healthz", "/api/jobs", "/api/worker/health", "/metrics", "/static/app.css"])
async def test_head_tells_what_get_would_and_sends_no_body(house: House, path: str) -> None:
    """Monitors and proxies ask so (RFC 9110, section 9.3.2)."""
    await house.beat()
    asked, got = await house.client.request("HEAD", path), await house.client.get(path)

    assert (asked.status, asked.body) == (200, b"")
    assert asked.headers["content-type"] == got.headers["content-type"]
    assert int(asked.headers["content-length"]) > 0


async def test_a_stream_that_never_ends_has_no_head(house: House) -> None:
    assert (await house.client.request("HEAD", "/api/events")).status == 405


@pytest.mark.parametrize("path", ["/nothing/here", "/favicon.ico", "/files/x/video"])
async def test_a_person_who_took_a_wrong_turn_sees_a_page(house: House, path: str) -> None:
    answer = await house.client.get(path, accept="text/html")

    assert (answer.status, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "Go home" in answer.body.decode()


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/api/jobs?status=foo", "status[0]: Input should be"),
        ("/?taken=foo", "taken: Input should be"),
        ("/api/jobs?limit=0", "limit: Input should be"),
    ],
)
async def test_a_complaint_names_the_parameter_and_nothing_of_our_insides(house: House, path: str, said: str) -> None:
    assert (await house.client.get(path)).json()["message"].startswith(said)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (None, "The body is missing: it should be a JSON object."),
        ([], "The body should be a JSON object."),
        ({}, "Give either post_url or post_urls."),
    ],
)
async def test_a_body_of_another_shape_is_told_in_plain_words(house: House, body: object, said: str) -> None:
    assert (await house.client.post("/api/jobs", body)).json()["message"] == said


async def test_a_name_that_is_not_ours_is_told_the_setting_that_makes_it_ours(house: House) -> None:
    answer = await house.client.get("/healthz", host="vault.example")

    assert answer.status == 421
    assert "MEDIAVAULT_HOST_NAMES" in answer.json()["help"]


async def test_a_site_without_a_gate_is_not_helped_with_words_about_jobs(house: House) -> None:
    answer = await house.client.post("/api/gates/nowhere/open")

    assert answer.status == 404
    assert "/api/gates" in answer.json()["help"]


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
async def test_pages_that_would_load_scripts_from_elsewhere_are_not_there(house: House, path: str) -> None:
    assert (await house.client.get(path)).status == 404
