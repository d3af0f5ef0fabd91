"""The examples of docs/access.md, run with real proxies in front of a real vault below a path."""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import urllib.parse
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from mediavault.server.long_responses import RELAY_PATH
from tests.component.server.test_access_process import Process, started
from tests.patience import patient

DOCUMENT = Path(__file__).resolve().parents[3] / "docs/access.md"
BASE = "/mediavault"
UPSTREAM = "127.0.0.1:8420"  # as the examples name it
TOKEN = "mv_a-long-random-token"  # without one, only this machine's own users are let in
POST = "https://videos.example/watch/1"


def example(language: str, upstream: str) -> str:
    (text,) = re.findall(
        rf"^```{language}\n(.*?)^```", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL
    )
    assert UPSTREAM in text
    return str(text).replace(UPSTREAM, upstream)


def nginx(port: int, upstream: str, folder: Path) -> list[str]:
    file = folder / "nginx.conf"
    file.write_text(
        f"daemon off; master_process off; pid {folder}/pid; error_log stderr; events {{}}"
        f"http {{ access_log off; client_body_temp_path {folder}/body; proxy_temp_path"
        f" {folder}/proxy;"
        f" fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;"
        f" server {{ listen 127.0.0.1:{port}; {example('nginx', upstream)} }} }}"
    )
    return ["/usr/sbin/nginx", "-e", "stderr", "-c", str(file)]


def caddy(port: int, upstream: str, folder: Path) -> list[str]:
    file = folder / "Caddyfile"
    site = example("caddy", upstream).replace("example.org", f"http://127.0.0.1:{port}")
    file.write_text(f"{{\n admin off\n auto_https off\n}}\n{site}")
    return ["caddy", "run", "--adapter", "caddyfile", "--config", str(file)]


Proxy = Callable[[int, str, Path], list[str]]


@asynccontextmanager
async def behind(proxy: Proxy, folder: Path) -> AsyncIterator[Process]:
    """Yield a vault below a path, as it is reached through the proxy."""
    async with started(
        folder, BASE_PATH=BASE, TRUSTED_PROXIES='["127.0.0.1"]', TOKEN=TOKEN
    ) as vault:
        process, port = await listening(proxy, urllib.parse.urlsplit(vault.base).netloc, folder)
        try:
            vault.base = f"http://127.0.0.1:{port}"
            yield vault
        finally:
            process.terminate()
            await process.wait()


async def listening(
    proxy: Proxy, upstream: str, folder: Path
) -> tuple[asyncio.subprocess.Process, int]:
    """Start the proxy and return it and its port, once it listens.

    Another test's connection can take the free port before the proxy does, which then ends:
    it is started again with another port.
    """
    async with asyncio.timeout(patient(30)):
        while True:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port = probe.getsockname()[1]
            process = await asyncio.create_subprocess_exec(
                *proxy(port, upstream, folder), env={**os.environ, "HOME": str(folder)}
            )
            while process.returncode is None:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    await asyncio.sleep(0.05)
                    continue
                writer.close()
                return process, port


@pytest.mark.parametrize("proxy", [nginx, caddy])
async def test_pages_forms_and_live_events_pass_the_proxies_of_the_examples(
    proxy: Proxy, tmp_path: Path
) -> None:
    async with behind(proxy, tmp_path) as vault:
        status, _, page = await vault.ask(
            f"{BASE}/", Accept="text/html", Authorization=f"Bearer {TOKEN}"
        )
        (script,) = re.findall(r'src="([^"]*core\.js[^"]*)"', page)
        chosen = await vault.ask(
            f"{BASE}/appearance", {"language": "de", "back": "/library"}, Origin=vault.base
        )
        foreign = await vault.ask(
            f"{BASE}/appearance", {"language": "de"}, Origin="http://evil.example"
        )
        signed_out = await vault.ask(f"{BASE}/library", Accept="text/html")

        assert (status, (await vault.ask(script))[0]) == (200, 200)
        assert f'href="{BASE}/library"' in page
        assert (chosen[0], chosen[1]["Location"]) == (303, f"{BASE}/library")
        assert foreign[0] == 403
        assert (signed_out[0], signed_out[1]["Location"]) == (303, f"{BASE}/login?next=%2Flibrary")
        assert await first_event(vault) == POST
        # since no window is open; it is 404 where it is none
        assert await status_of_websocket(vault) == 403


async def status_of_websocket(vault: Process) -> int:
    port = urllib.parse.urlsplit(vault.base).port
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    key = f"Sec-WebSocket-Key: {b64encode(bytes(16)).decode()}\r\nAuthorization: Bearer {TOKEN}\r\n"
    writer.write(
        f"GET {BASE}{RELAY_PATH} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{upgrade}{key}\r\n".encode()
    )
    status = int((await reader.readline()).split()[1])
    writer.close()
    return status


async def first_event(vault: Process) -> str:
    """Return the post of the first event that arrives, while the stream is still open."""
    port = urllib.parse.urlsplit(vault.base).port
    bearer = f"Authorization: Bearer {TOKEN}\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        f"GET {BASE}/api/events HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{bearer}\r\n".encode()
    )
    await reader.readuntil(b"\r\n\r\n")
    body = json.dumps({"post_url": POST}).encode()
    other, submitting = await asyncio.open_connection("127.0.0.1", port)
    submitting.write(
        f"POST {BASE}/api/jobs HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
        f"Content-Type: application/json\r\n{bearer}"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
        + body
    )
    assert b" 201 " in await other.readline()
    async with asyncio.timeout(patient(30)):
        while not (line := await reader.readline()).startswith(b"data: "):
            pass
    writer.close()
    submitting.close()
    return str(json.loads(line.removeprefix(b"data: "))["post_url"])
