"""The checks that every request passes before a route sees it."""

from __future__ import annotations

import asyncio
import gzip
from typing import Any

import pytest
from starlette.types import Message
from structlog.testing import capture_logs

from mediavault.auth.authenticator import COOKIE
from tests.asgi_client import AsgiClient, Connection
from tests.http_vault import POST, TOKEN, ApiVault, MakeVault

HTML = "text/html,*/*"


@pytest.mark.parametrize(
    "path", ["/", "/api/jobs", "/api/events", "/healthz", "/openapi.json", "/static/core.js"]
)
async def test_an_unknown_host_is_refused_at_every_path(vault: ApiVault, path: str) -> None:
    answer = await vault.client.get(path, host="evil.test")

    assert answer.status == 421
    assert answer.json()["code"] == "FORBIDDEN"


async def test_an_unknown_host_is_told_the_setting_that_lets_it_in(vault: ApiVault) -> None:
    answer = await vault.client.get("/", host="nas.local:8420", accept=HTML)

    assert answer.status == 421
    assert "MEDIAVAULT_HOST_NAMES=&#39;[&#34;nas.local&#34;]&#39;" in answer.text


async def test_the_host_is_checked_before_the_token(make_vault: MakeVault) -> None:
    client = make_vault(token=TOKEN).client

    assert (await client.get("/api/jobs", host="evil.test")).status == 421


@pytest.mark.parametrize("host", ["x/admin?", "", "a b"])
async def test_an_invalid_host_header_is_a_bad_request(vault: ApiVault, host: str) -> None:
    assert (await vault.client.get("/api/jobs", host=host)).status == 400


async def test_a_target_that_is_not_a_path_is_a_bad_request(vault: ApiVault) -> None:
    assert (await vault.client.get("@evil.test")).status == 400


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
async def test_another_sites_page_changes_nothing(vault: ApiVault, headers: dict[str, str]) -> None:
    answer = await vault.client.post("/api/jobs", {"post_url": POST}, **headers)

    assert (answer.status, answer.json()["code"]) == (403, "FORBIDDEN")
    assert "access-control-allow-origin" not in answer.headers
    assert (await vault.store.catalogue.report()).counts.get("queued", 0) == 0  # type: ignore[call-overload]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"sec_fetch_site": "same-origin", "origin": "http://127.0.0.1:8420"},
        {"sec_fetch_site": "none"},
        {"origin": "http://127.0.0.1:8420"},
    ],
)
async def test_our_own_page_and_programs_may_change_things(
    vault: ApiVault, headers: dict[str, str]
) -> None:
    assert (await vault.client.post("/api/jobs", {"post_url": POST}, **headers)).status == 201


async def test_a_preflight_is_never_granted(vault: ApiVault) -> None:
    answer = await vault.client.request(
        "OPTIONS",
        "/api/jobs",
        headers={"origin": "http://evil.test", "access-control-request-method": "POST"},
    )

    assert answer.status == 405
    assert not any(name.startswith("access-control") for name in answer.headers)


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", None]
)
async def test_the_api_accepts_only_json(vault: ApiVault, kind: str | None) -> None:
    answer = await vault.client.post("/api/jobs", {"post_url": POST}, content_type=kind)

    assert (answer.status, answer.json()["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")


async def test_json_may_name_its_charset(vault: ApiVault) -> None:
    kind = "application/json; charset=utf-8"

    assert (
        await vault.client.post("/api/jobs", {"post_url": POST}, content_type=kind)
    ).status == 201


async def test_a_page_accepts_only_forms(vault: ApiVault) -> None:
    answer = await vault.client.post("/submit", {"post_urls": POST})

    assert answer.status == 415


async def test_an_announced_body_over_64_kb_is_refused_unread(vault: ApiVault) -> None:
    answer = await vault.client.request(
        "POST",
        "/api/jobs",
        headers={"content-type": "application/json", "content-length": str(10**20)},
    )

    assert (answer.status, answer.json()["code"]) == (413, "TOO_LARGE")


async def test_a_body_that_grows_over_64_kb_is_refused(vault: ApiVault) -> None:
    """A chunked body announces no length."""
    headers = {
        "content-type": "application/json",
        "transfer-encoding": "chunked",
        "content-length": None,
    }
    answer = await vault.client.request("POST", "/api/jobs", body=b"[" * 66_000, headers=headers)

    assert answer.status == 413


async def test_500_urls_fit_into_one_request(vault: ApiVault) -> None:
    urls = [
        f"https://www.tiktok.com/@some.user.name/video/73000000000000{n:05}?is_from_webapp=1"
        for n in range(500)
    ]

    assert (await vault.client.post("/api/jobs", {"post_urls": urls})).status == 201


@pytest.mark.parametrize(("chars", "api", "form"), [(2_048, 201, 303), (2_049, 422, 422)])
async def test_a_url_has_at_most_2048_characters(
    make_vault: MakeVault, chars: int, api: int, form: int
) -> None:
    """In the API and in the page's form."""
    first, second = ("https://videos.example/watch/" + letter for letter in "ab")
    vault = make_vault()

    assert (
        await vault.client.post("/api/jobs", {"post_url": first.ljust(chars, "x")})
    ).status == api
    assert (
        await vault.client.submit("/submit", {"post_urls": second.ljust(chars, "x")})
    ).status == form


async def test_a_client_that_disconnects_in_the_middle_of_its_body_is_not_answered(
    vault: ApiVault,
) -> None:
    scope = vault.client._scope(
        "POST", "/api/jobs", {"content-type": "application/json", "content-length": "9"}, 9
    )
    sent: list[Message] = []
    messages: list[Message] = [
        {"type": "http.request", "body": b"[", "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive() -> Message:
        return messages.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    await vault.client.app(scope, receive, send)

    assert sent == []


async def test_a_body_that_never_arrives_times_out(
    vault: ApiVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mediavault.server.middleware.BODY_DEADLINE_S", 0.01)
    connection = Connection(
        vault.client._scope("POST", "/api/jobs", {"content-type": "application/json"}, 9), b""
    )

    async def nothing() -> Message:
        return await asyncio.Future()

    await vault.client.app(connection.scope, nothing, connection.send)

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
async def test_without_the_token_every_path_is_401(
    make_vault: MakeVault, path: str, headers: dict[str, Any]
) -> None:
    answer = await make_vault(token=TOKEN).client.get(path, **headers)

    assert (answer.status, answer.json()["code"]) == (401, "UNAUTHORIZED")
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_the_token_is_accepted_as_a_bearer_and_never_as_a_query_parameter(
    make_vault: MakeVault,
) -> None:
    client = make_vault(token=TOKEN).client

    assert (await client.get("/api/jobs", authorization=f"Bearer {TOKEN}")).status == 200
    assert (await client.get(f"/api/jobs?token={TOKEN}")).status == 401


async def test_a_cross_site_request_is_refused_with_a_session_and_accepted_with_a_bearer_token(
    make_vault: MakeVault,
) -> None:
    client = make_vault(token=TOKEN).client
    foreign = {"origin": "chrome-extension://abc", "sec_fetch_site": "cross-site"}
    cookie = (
        (await client.submit("/login", {"token": TOKEN})).headers["set-cookie"].partition(";")[0]
    )
    with_cookie = await client.post("/api/jobs", {"post_url": POST}, cookie=cookie, **foreign)
    with_bearer = await client.post(
        "/api/jobs", {"post_url": POST}, authorization=f"Bearer {TOKEN}", **foreign
    )

    assert (with_cookie.status, with_bearer.status) == (403, 201)


async def test_healthz_is_open_and_pages_redirect_to_the_sign_in(make_vault: MakeVault) -> None:
    client = make_vault(token=TOKEN).client
    page = await client.get("/", accept=HTML)

    assert (await client.get("/healthz")).status == 200
    assert (page.status, page.headers["location"]) == (303, "/login")


async def test_pages_styles_and_json_are_compressed_for_those_who_can_read_it(
    vault: ApiVault,
) -> None:
    for number in range(20):
        await vault.add(f"https://videos.example/watch/{number}")
    for path in ("/", "/static/app.css", "/api/jobs"):
        plain = await vault.client.get(path)
        small = await vault.client.get(path, accept_encoding="gzip, br")

        assert "content-encoding" not in plain.headers
        assert small.headers["content-encoding"] == "gzip"
        assert "accept-encoding" in small.headers["vary"].lower()
        assert len(small.body) < len(plain.body) / 2
        assert gzip.decompress(small.body)[:15] == plain.body[:15]


async def test_saved_files_and_zips_are_sent_as_they_are(vault: ApiVault) -> None:
    job = await vault.add_saved()
    for path in (f"/files/{job.id}/video", f"/files/{job.id}/sidecar", f"/library/zip?id={job.id}"):
        answer = await vault.client.get(path, accept_encoding="gzip")

        assert answer.status == 200
        assert "content-encoding" not in answer.headers


@pytest.mark.parametrize("path", ["/", "/api/jobs", "/healthz", "/nothing", "/static/app.css"])
async def test_every_response_carries_the_security_headers(vault: ApiVault, path: str) -> None:
    headers = (await vault.client.get(path)).headers

    assert "default-src 'self'" in headers["content-security-policy"]
    assert "frame-ancestors 'self'" in headers["content-security-policy"]
    assert "unsafe-inline" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == ("same-origin" if path == "/" else "no-referrer")


async def test_a_bug_is_answered_with_a_logged_incident_and_no_traceback(
    vault: ApiVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(_: object) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(vault.store.catalogue, "jobs", broken)
    with capture_logs() as lines:
        answer = await vault.client.get("/api/jobs")
    error = answer.json()

    assert (answer.status, error["code"]) == (500, "INTERNAL")
    assert f"incident {lines[0]['incident']}" in error["message"]
    assert "secret" not in answer.text
    assert "nosniff" in answer.headers["x-content-type-options"]


async def test_a_websocket_is_closed(vault: ApiVault) -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    await vault.client.app({"type": "websocket", "path": "/", "headers": []}, receive, send)

    assert sent == [{"type": "websocket.close", "code": 1008}]


async def test_unknown_paths_and_methods_are_answered_in_our_error_format(vault: ApiVault) -> None:
    client: AsgiClient = vault.client
    missing, method = await client.get("/nothing/here"), await client.delete("/api/jobs")

    assert (missing.status, missing.json()["code"]) == (404, "NOT_FOUND")
    assert (method.status, set(method.json())) == (405, {"code", "message", "help"})
    assert method.headers["allow"] == "GET, HEAD, POST"


@pytest.mark.parametrize(
    "path", ["/", "/healthz", "/api/jobs", "/api/worker/health", "/metrics", "/static/app.css"]
)
async def test_head_returns_the_headers_of_get_and_no_body(vault: ApiVault, path: str) -> None:
    """Monitors and proxies send HEAD (RFC 9110, section 9.3.2)."""
    await vault.beat()
    head, get = await vault.client.request("HEAD", path), await vault.client.get(path)

    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-type"] == get.headers["content-type"]
    assert int(head.headers["content-length"]) > 0


async def test_an_endless_stream_does_not_support_head(vault: ApiVault) -> None:
    assert (await vault.client.request("HEAD", "/api/events")).status == 405


@pytest.mark.parametrize("path", ["/nothing/here", "/favicon.ico", "/files/x/video"])
async def test_a_browser_gets_an_error_page_for_an_unknown_path(vault: ApiVault, path: str) -> None:
    answer = await vault.client.get(path, accept="text/html")

    assert (answer.status, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "Go home" in answer.body.decode()


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/api/jobs?status=foo", "status[0]: Input should be"),
        ("/?taken=foo", "taken: Input should be"),
        ("/api/jobs?limit=0", "limit: Input should be"),
    ],
)
async def test_a_validation_error_names_the_parameter_and_no_internals(
    vault: ApiVault, path: str, message: str
) -> None:
    assert (await vault.client.get(path)).json()["message"].startswith(message)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (None, "The body is missing: it should be a JSON object."),
        ([], "The body should be a JSON object."),
        ({}, "Give either post_url or post_urls."),
    ],
)
async def test_a_malformed_body_is_described_in_plain_words(
    vault: ApiVault, body: object, message: str
) -> None:
    assert (await vault.client.post("/api/jobs", body)).json()["message"] == message


async def test_an_unknown_host_is_answered_with_the_setting_that_allows_it(vault: ApiVault) -> None:
    answer = await vault.client.get("/healthz", host="vault.example")

    assert answer.status == 421
    assert "MEDIAVAULT_HOST_NAMES" in answer.json()["help"]


async def test_a_site_without_limits_is_answered_with_help_about_them(vault: ApiVault) -> None:
    answer = await vault.client.post("/api/site-limits/nowhere/open")

    assert answer.status == 404
    assert "/api/site-limits" in answer.json()["help"]


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
async def test_pages_that_would_load_third_party_scripts_do_not_exist(
    vault: ApiVault, path: str
) -> None:
    assert (await vault.client.get(path)).status == 404
