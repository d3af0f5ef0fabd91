"""Requests to the OpenID Connect provider over real connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from mediavault.app.clients import MAX_ANSWER_BYTES, open_provider
from mediavault.core.failures import AddressRefused, TooLarge
from mediavault.core.settings import Settings


@asynccontextmanager
async def answering(response: bytes) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server that records each request and gives this response;
    returns its address and the requests.
    """
    requests: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            (
                int(line.split(b":")[1])
                for line in head.split(b"\r\n")
                if line.lower().startswith(b"content-length")
            ),
            0,
        )
        requests.append(head + await reader.readexactly(length))
        writer.write(response)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", requests


def settings(tmp_path: Path, issuer: str | None) -> Settings:
    return Settings(state_dir=tmp_path, download_dir=tmp_path, oidc_issuer=issuer)


async def test_a_form_is_posted_and_the_answer_read(tmp_path: Path) -> None:
    response = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
    async with (
        answering(response) as (address, requests),
        open_provider(settings(tmp_path, address)) as fetch,
    ):
        assert fetch is not None
        assert await fetch(
            f"{address}/token", form={"code": "a b&c"}, headers={"authorization": "Basic x"}
        ) == (
            200,
            b"{}",
        )
        assert await fetch(f"{address}/keys") == (200, b"{}")

    post, get = requests
    assert post.startswith(b"POST /token HTTP/1.1\r\n")
    assert b"content-type: application/x-www-form-urlencoded" in post.lower()
    assert b"authorization: basic x" in post.lower()
    assert post.endswith(b"\r\n\r\ncode=a+b%26c")
    assert get.startswith(b"GET /keys HTTP/1.1\r\n")


async def test_no_redirect_is_followed(tmp_path: Path) -> None:
    """A provider's answers are where its configuration says,
    and a form with a secret goes nowhere else.
    """
    response = (
        b"HTTP/1.1 307 Moved\r\nLocation: /elsewhere\r\nContent-Length: 0\r\nConnection: close\r\n"
        b"\r\n"
    )
    async with (
        answering(response) as (address, requests),
        open_provider(settings(tmp_path, address)) as fetch,
    ):
        assert fetch is not None
        assert (await fetch(f"{address}/token", form={"code": "x"}))[0] == 307
        assert (await fetch(f"{address}/keys"))[0] == 307

    assert len(requests) == 2


async def test_only_the_provider_of_the_settings_is_reached_in_a_private_network(
    tmp_path: Path,
) -> None:
    response = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
    async with (
        answering(response) as (address, _),
        answering(response) as (other, asked),
        open_provider(settings(tmp_path, address)) as fetch,
    ):
        assert fetch is not None
        for form in (None, {"code": "x"}):
            with pytest.raises(AddressRefused):
                await fetch(f"{other}/token", form=form)

    assert asked == []


async def test_an_endless_answer_is_cut_off(tmp_path: Path) -> None:
    size = MAX_ANSWER_BYTES + 1
    response = (
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % size + b" " * size
    )
    async with (
        answering(response) as (address, _),
        open_provider(settings(tmp_path, address)) as fetch,
    ):
        assert fetch is not None
        with pytest.raises(TooLarge):
            await fetch(f"{address}/keys")


async def test_without_an_issuer_nothing_is_opened(tmp_path: Path) -> None:
    async with open_provider(settings(tmp_path, None)) as fetch:
        assert fetch is None
