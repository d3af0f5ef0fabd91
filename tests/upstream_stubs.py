"""Stub proxies, HTTP and SOCKS 5, that lead made-up public addresses to servers on loopback."""

from __future__ import annotations

import asyncio
import base64
import ssl
import struct
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

from mediavault.core.upstream_proxies import UpstreamProxy, parse_upstream_proxy
from mediavault.egress import upstream
from mediavault.egress.tcp import close, tunnel
from tests.unit.egress.certificates import server_and_client_contexts
from tests.unit.egress.servers import Names, connections

PUBLIC = "93.184.216.34"  # where every stub proxy leads to what it was given
PUBLIC_IPV6 = "2606:2800:220:1:248:1893:25c8:1946"
TRIAL = "1.1.1.1:443"  # upstream.WELL_KNOWN
NAME, PASSWORD = "canary user", "canary:p@ss/word"
KINDS = (
    "http",
    "http with a password",
    "https with a password",
    "socks5",
    "socks5 with a password",
)
NO_PASSWORD_AND_ONE = ("http", "socks5 with a password")


@dataclass
class StubProxy:
    """``leads`` maps what is asked for, as ``address:port``, to a port of loopback; a wildcard is
    ``address``.

    ``answers`` maps the same to a status or a SOCKS reply that is given instead; "" is for
    everything. ``asked`` is what clients asked for, as they wrote it; a name is prefixed with "name
    ".
    """

    kind: str
    leads: dict[str, int] = field(default_factory=dict)
    answers: dict[str, int] = field(default_factory=dict)
    hangs: frozenset[str] = frozenset()
    asked: list[str] = field(default_factory=list)
    hits: int = 0
    port: int = 0
    open: int = 0

    @property
    def has_password(self) -> bool:
        return "password" in self.kind

    @property
    def address(self) -> str:
        """The address for the settings, with the right password."""
        credentials = "canary%20user:canary%3Ap%40ss%2Fword@" if self.has_password else ""
        host = "proxy.test" if self.kind.startswith("https") else "127.0.0.1"
        return f"{self.kind.split()[0]}://{credentials}{host}:{self.port}"

    @property
    def proxy(self) -> UpstreamProxy:
        return parse_upstream_proxy(self.address)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.hits += 1
        self.open += 1
        try:
            await (self._socks if self.kind.startswith("socks5") else self._http)(reader, writer)
        except asyncio.IncompleteReadError:
            pass
        finally:
            self.open -= 1

    async def _http(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        method, target, _ = head.partition("\r\n")[0].split(" ")
        token = base64.b64encode(f"{NAME}:{PASSWORD}".encode()).decode()
        if self.has_password and f"Proxy-Authorization: Basic {token}\r\n" not in head:
            writer.write(
                b"HTTP/1.1 407 No\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n"
            )
            return await _drain(writer)
        if method != "CONNECT":
            self.asked.append(f"{method} {target}")
            writer.write(b"HTTP/1.1 405 Only CONNECT\r\n\r\n")
            return await _drain(writer)
        host, _, port = target.rpartition(":")
        status, to = await self._asked(host.strip("[]"), int(port))
        writer.write(f"HTTP/1.1 {status or 200} Text\r\nVia: stub\r\n\r\n".encode())
        return await _lead((reader, writer), to if status == 0 else None)

    async def _socks(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, count = await reader.readexactly(2)
        methods = await reader.readexactly(count)
        wanted = 2 if self.has_password else 0
        writer.write(bytes([5, wanted if wanted in methods else 0xFF]))
        if wanted == 2 and wanted in methods:
            _, length = await reader.readexactly(2)
            name = await reader.readexactly(length)
            password = await reader.readexactly((await reader.readexactly(1))[0])
            is_right = (name, password) == (NAME.encode(), PASSWORD.encode())
            writer.write(bytes([1, 0 if is_right else 1]))
            if not is_right:
                return await _drain(writer)
        _, _, _, kind = await reader.readexactly(4)
        if kind == 3:
            host = (await reader.readexactly((await reader.readexactly(1))[0])).decode()
        else:
            host = str(ip_address(await reader.readexactly(4 if kind == 1 else 16)))
        (port,) = struct.unpack("!H", await reader.readexactly(2))
        reply, to = await self._asked(host, port)
        writer.write(bytes([5, reply, 0, 1, 0, 0, 0, 0, 0, 0]))
        return await _lead((reader, writer), to if reply == 0 else None)

    async def _asked(self, host: str, port: int) -> tuple[int, int]:
        """Return the refusal, 0 for none, and where to connect."""
        try:
            ip_address(host)
        except ValueError:
            host = f"name {host}"
        target = f"{host}:{port}"
        self.asked.append(target)
        if target in self.hangs or "" in self.hangs:
            await asyncio.Event().wait()
        refusal = self.answers.get(target, self.answers.get("", 0))
        to = self.leads.get(target, self.leads.get(host))
        unreachable = 4 if self.kind.startswith("socks5") else 503
        return (refusal, 0) if refusal else (0, to) if to else (unreachable, 0)


async def _drain(writer: asyncio.StreamWriter) -> None:
    await writer.drain()
    writer.close()


async def _lead(client: tuple[asyncio.StreamReader, asyncio.StreamWriter], to: int | None) -> None:
    if to is None:
        return await _drain(client[1])
    target = await asyncio.open_connection("127.0.0.1", to)
    try:
        await tunnel(client, target)
    finally:
        await close(target)


@asynccontextmanager
async def stub_proxy(
    kind: str = "http", leads: Mapping[str, int] | None = None, *, folder: Path | None = None
) -> AsyncIterator[StubProxy]:
    """Run a :class:`StubProxy`. Of the kind ``https`` it is called proxy.test,
    and needs a ``folder``.
    """
    stub = StubProxy(kind, dict(leads or {}))
    server: ssl.SSLContext | None = None
    usual = upstream.tls_context
    if kind.startswith("https"):
        assert folder is not None
        server, trusting = server_and_client_contexts("proxy.test", folder)
        upstream.tls_context = lambda: trusting  # type: ignore[assignment]
    try:
        async with connections(stub.serve, tls=server) as port:
            stub.port = port
            yield stub
    finally:
        upstream.tls_context = usual


def public_names(**others: object) -> Names:
    """Return a resolver that knows a.test, b.test (both public), private.test and proxy.test."""
    names: dict[str, object] = {"a_test": [PUBLIC], "b_test": [PUBLIC], "ipv6_test": [PUBLIC_IPV6]}
    names |= {"private_test": ["127.0.0.1"], "proxy_test": ["127.0.0.1"], **others}
    return Names(**names)  # type: ignore[arg-type]
