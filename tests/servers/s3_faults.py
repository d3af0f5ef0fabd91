"""A proxy in front of the tests' S3 server that applies faults by a rule.
One request per connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tests.servers import s3

BODY_CUT_AT = 1000


@dataclass(frozen=True, slots=True)
class Answer:
    """A response in place of that of S3, which does not receive the request."""

    status: int
    code: str = ""


@dataclass(frozen=True, slots=True)
class Cut:
    """The connection is cut before S3 receives anything, ``after`` it did its work,
    or ``within`` its response.
    """

    when: str = "before"


@dataclass(slots=True)
class FaultyS3:
    """``rule`` receives the method and target of each request, which are also in ``seen``;
    None lets it pass.
    """

    rule: Callable[[str, str], Answer | Cut | None] = lambda method, target: None
    seen: list[tuple[str, str]] = field(default_factory=list)
    port: int = 0
    _serving: set[asyncio.Task[None]] = field(default_factory=set)

    def address(self, vault_url: str) -> str:
        """Return the URL of the same library through this proxy."""
        return vault_url.replace(s3.endpoint(), f"http://127.0.0.1:{self.port}")

    def times(self, fault: Answer | Cut, count: int, *, method: str, having: str = "") -> None:
        """Apply the fault to the next ``count`` requests of this kind."""
        left = count

        def rule(requested: str, target: str) -> Answer | Cut | None:
            nonlocal left
            if left and requested == method and having in target:
                left -= 1
                return fault
            return None

        self.rule = rule

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def close(self) -> None:
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            lines = head.decode("latin-1").split("\r\n")
            method, target, _ = lines[0].split(" ", 2)
            headers = [
                line for line in lines[1:] if line and not line.lower().startswith("connection:")
            ]
            length = next(
                (int(line[15:]) for line in headers if line.lower().startswith("content-length:")),
                0,
            )
            body = await reader.readexactly(length)
            self.seen.append((method, target))
            fault = self.rule(method, target)
            if isinstance(fault, Answer):
                writer.write(_answer(fault))
            elif fault is None or fault.when != "before":
                answer = await _ask_s3(
                    "\r\n".join([lines[0], *headers, "Connection: close", "", ""]), body
                )
                if fault is None:
                    writer.write(answer)
                elif fault.when == "within":
                    writer.write(answer[: answer.index(b"\r\n\r\n") + BODY_CUT_AT])
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


def _answer(answer: Answer) -> bytes:
    body = (
        f"<Error><Code>{answer.code}</Code><Message>As told</Message></Error>"
        if answer.code
        else ""
    )
    head = (
        f"HTTP/1.1 {answer.status} Told\r\nContent-Type: application/xml\r\nConnection: close\r\n"
    )
    return f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()


async def _ask_s3(head: str, body: bytes) -> bytes:
    server = urlsplit(s3.endpoint())
    reader, writer = await asyncio.open_connection(server.hostname, server.port)
    try:
        writer.write(head.encode("latin-1") + body)
        await writer.drain()
        return await reader.read()
    finally:
        writer.close()


@asynccontextmanager
async def faulty_s3() -> AsyncIterator[FaultyS3]:
    """Yield a started proxy whose rule lets everything pass."""
    s3.endpoint()
    faulty = FaultyS3()
    server = await asyncio.start_server(faulty.accept, "127.0.0.1", 0)
    faulty.port = server.sockets[0].getsockname()[1]
    try:
        yield faulty
    finally:
        server.close()
        await faulty.close()
