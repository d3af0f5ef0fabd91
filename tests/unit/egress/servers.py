"""Small servers and name stubs for the egress tests. All on loopback."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from email.parser import Parser

from mediavault.core.failures import NetworkFailure


class Names:
    """A resolver of made-up names. A name with several answers gives them in turn,
    and then repeats the last one.
    """

    def __init__(self, **answers: Sequence[str] | Sequence[Sequence[str]]) -> None:
        self._answers = {name.replace("_", "."): answer for name, answer in answers.items()}
        self.asked: list[str] = []

    async def __call__(self, host: str) -> Sequence[str]:
        self.asked.append(host)
        if host not in self._answers:
            raise NetworkFailure(f"no such name: {host}")
        answer = self._answers[host]
        if answer and isinstance(answer[0], str):
            return [str(address) for address in answer]
        turn = min(self.asked.count(host), len(answer)) - 1
        return answer[turn] if answer else []


@dataclass
class Request:
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""


Answer = Callable[[Request], bytes]


@dataclass
class Site:
    """A server that answers each request with whole bytes;
    after an answer in ``closing`` it hangs up.
    """

    answers: Mapping[str, bytes | Answer] = field(default_factory=dict)
    closing: frozenset[str] = frozenset()
    connections: int = 0
    requests: list[Request] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with suppress(OSError, EOFError):
            while request := await _read(reader):
                self.requests.append(request)
                path = request.path.partition("?")[0]
                answer = self.answers.get(
                    path, b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
                )
                writer.write(answer if isinstance(answer, bytes) else answer(request))
                await writer.drain()
                if path in self.closing or request.headers.get("connection") == "close":
                    break
        writer.close()


async def _read(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    line, _, rest = head.partition("\r\n")
    method, path, _ = line.split(" ")
    headers = {name.lower(): value for name, value in Parser().parsestr(rest).items()}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Request(method, path, headers, body)


def ok(body: bytes = b"", *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def redirect(location: str, status: int = 302) -> bytes:
    return ok(b"", f"Location: {location}", status=f"{status} Moved")


@asynccontextmanager
async def running(
    answers: Mapping[str, bytes | Answer] | None = None,
    *,
    closing: Sequence[str] = (),
    host: str = "127.0.0.1",
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Site]:
    """Run a :class:`Site`."""
    site = Site(answers or {}, frozenset(closing))
    async with connections(site.serve, host=host, tls=tls) as port:
        site.port = port
        yield site


@dataclass
class Trap:
    """A server that counts connections; there should be none."""

    port: int = 0
    hits: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.hits += 1
        writer.close()


@asynccontextmanager
async def trapping() -> AsyncIterator[Trap]:
    trap = Trap()
    async with connections(trap.serve) as port:
        trap.port = port
        yield trap


@asynccontextmanager
async def connections(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], object],
    *,
    host: str = "127.0.0.1",
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[int]:
    """Listen with ``serve``, and yield the port. All its tasks and connections are closed
    afterwards.
    """
    tasks: set[asyncio.Task[None]] = set()

    async def run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            outcome = serve(reader, writer)
            if asyncio.iscoroutine(outcome):
                await outcome
        except OSError:
            pass
        finally:
            writer.transport.abort()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(run(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, host, 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()
