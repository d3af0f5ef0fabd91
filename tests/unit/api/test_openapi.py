"""The server's responses, compared with the OpenAPI document."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediavault.auth.permissions import Scope
from mediavault.server.middleware import MAX_BODY_BYTES
from tests.asgi_client import Answer, AsgiClient
from tests.http_vault import TOKEN, MakeVault
from tests.unit.api.test_hostile_sidecars import SqliteVault, film

EVENTS = "/api/events"
UNKNOWN_JOB = "00000000-0000-7000-8000-000000000000"
# method, path, the document's description of the operation
Operation = tuple[str, str, Mapping[str, Any]]


async def operations_of(client: AsgiClient, **headers: str) -> list[Operation]:
    paths = (await client.get("/openapi.json", **headers)).json()["paths"]
    return [
        (method.upper(), path, operation)
        for path, methods in paths.items()
        for method, operation in methods.items()
    ]


async def answer_of(
    client: AsgiClient, method: str, path: str, *, body: bytes = b"", **headers: str | None
) -> Answer:
    """Return the response; for a stream that does not end, only its beginning."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if path.partition("?")[0] != EVENTS:
        return await client.request(method, path, body=body, headers=named)
    async with client.open(path, **headers) as stream:
        await stream.chunk()
    return stream.answer()


def filled(path: str, value: str) -> str:
    """Return the path with ``value`` for its parameters, and 0 for an item's number."""
    for name in ("job_id", "platform"):
        path = path.replace(f"{{{name}}}", value)
    return path.replace("{place}", "0")


REFUSED_BY_THE_MIDDLEWARE: dict[str, dict[str, Any]] = {
    "a bad host": {"host": "a b"},
    "an unknown host": {"host": "evil.test"},
    "both Content-Length and Transfer-Encoding": {
        "transfer_encoding": "chunked",
        "content_length": "5",
    },
    "a large body": {"content_length": str(MAX_BODY_BYTES + 1), "content_type": "application/json"},
    "an invalid length": {"content_length": "many", "content_type": "application/json"},
    "another type": {"content_length": "5", "content_type": "text/plain"},
    "another site": {"sec_fetch_site": "cross-site"},
    "no token": {"authorization": None},
    "a wrong token": {"authorization": "Bearer mv_wrong"},
}


@pytest.mark.parametrize(
    "headers", REFUSED_BY_THE_MIDDLEWARE.values(), ids=list(REFUSED_BY_THE_MIDDLEWARE)
)
async def test_responses_of_the_middleware_are_documented(
    make_vault: MakeVault, headers: dict[str, Any]
) -> None:
    vault = make_vault(token=TOKEN)
    vault.client.headers["authorization"] = f"Bearer {TOKEN}"

    for method, path, operation in await operations_of(vault.client):
        answer = await answer_of(vault.client, method, filled(path, UNKNOWN_JOB), **headers)
        assert str(answer.status) in operation["responses"], (method, path, answer.status)


async def test_the_response_to_a_token_without_the_scope_is_documented(
    make_vault: MakeVault,
) -> None:
    vault = make_vault(token=TOKEN)
    token, _ = await vault.client.app.state.authenticator.tokens.add("phone", Scope.SUBMIT)  # type: ignore[attr-defined]

    for method, path, operation in await operations_of(
        vault.client, authorization=f"Bearer {TOKEN}"
    ):
        answer = await answer_of(
            vault.client, method, filled(path, UNKNOWN_JOB), authorization=f"Bearer {token}"
        )
        assert str(answer.status) in operation["responses"], (method, path, answer.status)


async def test_only_files_and_static_assets_may_be_cached(make_vault: MakeVault) -> None:
    """Whether or not the caller has access. Files and thumbnails are revalidated each time;
    styles and scripts are cached.
    """
    vault = make_vault(token=TOKEN)
    job = await vault.add_saved()
    pages = (
        "/",
        "/library",
        "/login",
        "/metrics",
        "/openapi.json",
        "/healthz",
        "/nowhere",
        "/api/nowhere",
    )
    for authorization in (f"Bearer {TOKEN}", None, "Bearer mv_wrong"):
        described = await operations_of(vault.client, authorization=f"Bearer {TOKEN}")
        for method, path in [
            *((method, path) for method, path, _ in described),
            *(("GET", path) for path in pages),
        ]:
            answer = await answer_of(
                vault.client, method, filled(path, job.id), authorization=authorization
            )
            is_file = path.startswith("/files/") and answer.status == 200
            wanted = "private, no-cache" if is_file else "no-store"
            assert answer.headers.get("cache-control") == wanted, (method, path, answer.status)
    assert (await vault.client.get("/static/core.js")).headers["cache-control"] != "no-store"


# --- any request ----------------------------------------------------------------------------------

_MOMENTS = [
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "0001-01-01T00:00:00+14:00",
    "2026-11-24",
    "2026-11-24T12:00:00",
]
_NUMBERS = ["0", "-1", "1e400", "nan", "inf", str(2**63), str(10**30), "0.1", "7"]
_CURSORS = [
    "1.a",
    f"{10**18 - 1}.a",
    "0.a",
    "longest~1e300~5.a",
    "largest~9223372036854775807~1.a",
    "oldest~1.a",
    "1~x/y",
    "999999999999999999~x/y",
]
_WORDS = [
    "",
    "a",
    "\0",
    "é",
    '"',
    "*",
    "%",
    "completed",
    "newest",
    "longest",
    "largest",
    "oldest",
    "generic",
    "x/y",
    "\U0001f600",
    "on",
]
_VALUES = st.one_of(
    st.sampled_from([*_MOMENTS, *_NUMBERS, *_CURSORS, *_WORDS]), st.text(max_size=10)
)
_IDS = st.one_of(
    st.sampled_from([UNKNOWN_JOB, film().job.id, "generic", "youtube", "../x"]),
    st.text(min_size=1, max_size=10),
)
_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), _VALUES),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(_VALUES, inner, max_size=3)
    ),
    max_leaves=4,
)
_NAMES = [
    "post_url",
    "post_urls",
    "text",
    "platform",
    "job_id",
    "ticket",
    "events",
    "chosen_url",
    "narrow",
]
_BODIES = st.one_of(
    st.just(b""),
    st.binary(max_size=20),
    st.one_of(_JSON, st.dictionaries(st.sampled_from(_NAMES), _JSON, max_size=2)).map(
        lambda value: json.dumps(value).encode()
    ),
)


def _queries(operation: Mapping[str, Any]) -> st.SearchStrategy[str]:
    names = [
        parameter["name"]
        for parameter in operation.get("parameters", ())
        if parameter["in"] == "query"
    ] or ["unknown"]
    pairs = st.lists(st.tuples(st.sampled_from(names), _VALUES), max_size=3)
    return pairs.map(lambda chosen: urlencode(chosen, errors="replace"))


@settings(max_examples=5)
@given(data=st.data())
def test_any_request_to_any_route_gets_a_documented_response(data: st.DataObject) -> None:
    """Never 500. It runs on a database, so that values reach SQL statements."""

    async def ask() -> None:
        async with SqliteVault() as vault:
            await vault.store.catalogue.import_jobs([film()])
            for method, path, operation in await operations_of(vault.client):
                value = quote(data.draw(_IDS), safe="", errors="replace")
                query, body = (
                    data.draw(_queries(operation)),
                    data.draw(_BODIES) if "requestBody" in operation else b"",
                )
                headers = {"content_type": "application/json", "x_window_key": "key"}
                answer = await answer_of(
                    vault.client, method, f"{filled(path, value)}?{query}", body=body, **headers
                )
                known = set(operation["responses"]) - {"500"}
                assert str(answer.status) in known, (
                    method,
                    path,
                    value,
                    query,
                    body,
                    answer.status,
                )

    asyncio.run(ask())


@pytest.mark.parametrize(
    "query",
    [
        "q=a&until=0001-01-01T00:00:00Z",
        "q=a&since=9999-12-31T23:59:59Z",
        "until=0001-01-01T00:00:00Z",
    ],
)
async def test_any_time_bounds_are_accepted(query: str) -> None:
    async with SqliteVault() as vault:
        assert (await vault.client.get(f"/api/jobs?{query}")).status == 200
