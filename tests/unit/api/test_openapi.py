"""What the server answers, held against the document that describes it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediavault.auth.scopes import Scope
from mediavault.server.middleware import MAX_BODY_BYTES
from tests.asgi_client import Answer, AsgiClient
from tests.http_vault import TOKEN, MakeHouse
from tests.unit.api.test_hostile_sidecars import Vault, film

EVENTS = "/api/events"
NOBODYS_JOB = "00000000-0000-7000-8000-000000000000"
Operation = tuple[str, str, Mapping[str, Any]]  # method, path, what the document says of the two


async def operations_of(client: AsgiClient, **headers: str) -> list[Operation]:
    paths = (await client.get("/openapi.json", **headers)).json()["paths"]
    return [(method.upper(), path, said) for path, methods in paths.items() for method, said in methods.items()]


async def answer_of(client: AsgiClient, method: str, path: str, *, body: bytes = b"", **headers: str | None) -> Answer:
    """As soon as it begins, of a stream that does not end."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if path.partition("?")[0] != EVENTS:
        return await client.request(method, path, body=body, headers=named)
    async with client.open(path, **headers) as stream:
        await stream.chunk()
    return stream.answer()


def filled(path: str, value: str) -> str:
    """The path with ``value`` in place of its parameters; a place is a number."""
    for name in ("job_id", "platform"):
        path = path.replace(f"{{{name}}}", value)
    return path.replace("{place}", "0")


REFUSED_BY_THE_GATE: dict[str, dict[str, Any]] = {
    "a bad host": {"host": "a b"},
    "a strange host": {"host": "evil.test"},
    "two lengths": {"transfer_encoding": "chunked", "content_length": "5"},
    "a large body": {"content_length": str(MAX_BODY_BYTES + 1), "content_type": "application/json"},
    "a length that is none": {"content_length": "many", "content_type": "application/json"},
    "another type": {"content_length": "5", "content_type": "text/plain"},
    "another site": {"sec_fetch_site": "cross-site"},
    "nobody": {"authorization": None},
    "a wrong token": {"authorization": "Bearer mv_wrong"},
}


@pytest.mark.parametrize("headers", REFUSED_BY_THE_GATE.values(), ids=list(REFUSED_BY_THE_GATE))
async def test_what_the_gate_answers_is_in_the_document(make_house: MakeHouse, headers: dict[str, Any]) -> None:
    house = make_house(token=TOKEN)
    house.client.headers["authorization"] = f"Bearer {TOKEN}"

    for method, path, said in await operations_of(house.client):
        answer = await answer_of(house.client, method, filled(path, NOBODYS_JOB), **headers)
        assert str(answer.status) in said["responses"], (method, path, answer.status)


async def test_a_token_that_may_not_is_in_the_document(make_house: MakeHouse) -> None:
    house = make_house(token=TOKEN)
    token, _ = await house.client.app.state.desk.tokens.add("phone", Scope.SUBMIT)  # type: ignore[attr-defined]

    for method, path, said in await operations_of(house.client, authorization=f"Bearer {TOKEN}"):
        answer = await answer_of(house.client, method, filled(path, NOBODYS_JOB), authorization=f"Bearer {token}")
        assert str(answer.status) in said["responses"], (method, path, answer.status)


async def test_nothing_but_what_says_so_may_be_kept_by_a_cache(make_house: MakeHouse) -> None:
    """Whether it is let in or not; files and thumbnails are asked for again each time, styles and scripts are kept."""
    house = make_house(token=TOKEN)
    job = await house.add_kept()
    pages = ("/", "/library", "/login", "/metrics", "/openapi.json", "/healthz", "/nowhere", "/api/nowhere")
    for authorization in (f"Bearer {TOKEN}", None, "Bearer mv_wrong"):
        described = await operations_of(house.client, authorization=f"Bearer {TOKEN}")
        for method, path in [*((method, path) for method, path, _ in described), *(("GET", path) for path in pages)]:
            answer = await answer_of(house.client, method, filled(path, job.id), authorization=authorization)
            is_file = path.startswith("/files/") and answer.status == 200
            wanted = "private, no-cache" if is_file else "no-store"
            assert answer.headers.get("cache-control") == wanted, (method, path, answer.status)
    assert (await house.client.get("/static/core.js")).headers["cache-control"] != "no-store"


# --- whatever is asked -----------------------------------------------------------------------------------------------

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
_VALUES = st.one_of(st.sampled_from([*_MOMENTS, *_NUMBERS, *_CURSORS, *_WORDS]), st.text(max_size=10))
_IDS = st.one_of(
    st.sampled_from([NOBODYS_JOB, film().job.id, "generic", "youtube", "../x"]), st.text(min_size=1, max_size=10)
)
_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), _VALUES),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_VALUES, inner, max_size=3)),
    max_leaves=4,
)
_NAMES = ["post_url", "post_urls", "text", "platform", "job_id", "ticket", "events", "chosen_url", "narrow"]
_BODIES = st.one_of(
    st.just(b""),
    st.binary(max_size=20),
    st.one_of(_JSON, st.dictionaries(st.sampled_from(_NAMES), _JSON, max_size=2)).map(
        lambda value: json.dumps(value).encode()
    ),
)


def _queries(said: Mapping[str, Any]) -> st.SearchStrategy[str]:
    names = [one["name"] for one in said.get("parameters", ()) if one["in"] == "query"] or ["unknown"]
    pairs = st.lists(st.tuples(st.sampled_from(names), _VALUES), max_size=3)
    return pairs.map(lambda chosen: urlencode(chosen, errors="replace"))


@settings(max_examples=5)
@given(data=st.data())
def test_whatever_is_asked_of_any_route_is_answered_as_the_document_says(data: st.DataObject) -> None:
    """Never 500: over a database, where values reach statements."""

    async def ask() -> None:
        async with Vault() as vault:
            await vault.store.catalogue.import_jobs([film()])
            for method, path, said in await operations_of(vault.client):
                value = quote(data.draw(_IDS), safe="", errors="replace")
                query, body = data.draw(_queries(said)), data.draw(_BODIES) if "requestBody" in said else b""
                headers = {"content_type": "application/json", "x_window_key": "key"}
                answer = await answer_of(vault.client, method, f"{filled(path, value)}?{query}", body=body, **headers)
                known = set(said["responses"]) - {"500"}
                assert str(answer.status) in known, (method, path, value, query, body, answer.status)

    asyncio.run(ask())


@pytest.mark.parametrize(
    "query", ["q=a&until=0001-01-01T00:00:00Z", "q=a&since=9999-12-31T23:59:59Z", "until=0001-01-01T00:00:00Z"]
)
async def test_bounds_of_any_moment_are_answered(query: str) -> None:
    async with Vault() as vault:
        assert (await vault.client.get(f"/api/jobs?{query}")).status == 200
