"""A loopback HTTP/1.1 server that misbehaves on purpose: the script of a test determines every byte
that it sends.

async with fault_server() as server:
    server.on("/v.mp4", cut(serve(body), at=1_000), serve(body))   # first request, second and later
                                                                   # ones
    url = server.url("/v.mp4")
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

HTTP_DATE = "Tue, 24 Nov 2026 12:00:00 GMT"
REASONS = {
    200: "OK",
    206: "Partial Content",
    302: "Found",
    403: "Forbidden",
    404: "Not Found",
    416: "Range Not Satisfiable",
}


@dataclass(frozen=True, slots=True)
class Request:
    path: str  # with its query
    headers: Mapping[str, str]  # lower-case names

    @property
    def range_start(self) -> int | None:
        """The start of ``Range: bytes=N-`` or ``bytes=N-M``."""
        value = self.headers.get("range", "")
        return (
            int(value.removeprefix("bytes=").partition("-")[0])
            if value.startswith("bytes=")
            else None
        )

    @property
    def range_end(self) -> int | None:
        """The inclusive end of ``Range: bytes=N-M``."""
        last = self.headers.get("range", "").rpartition("-")[2]
        return int(last) if last.isdigit() else None


@dataclass(slots=True)
class Reply:
    """What is sent: status line and headers as given, then ``body``;
    then the connection is closed as specified.
    """

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    length: bool = True  # announce the body's length, unless ``headers`` does
    cut_at: int | None = None  # stop after this number of bytes of the body
    reset: bool = False  # end with a TCP reset instead of an orderly close
    chunked: bool = False
    hang: bool = False  # then send nothing more and keep the connection open

    def head(self) -> bytes:
        headers = {"Date": HTTP_DATE, "Connection": "close", **self.headers}
        if self.chunked:
            headers["Transfer-Encoding"] = "chunked"
        elif self.length and "Content-Length" not in headers:
            headers["Content-Length"] = str(len(self.body))
        lines = [f"HTTP/1.1 {self.status} {REASONS.get(self.status, 'Status')}"]
        return "\r\n".join(
            [*lines, *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        ).encode("latin-1")


Script = Callable[[Request], Reply]


def serve(
    body: bytes,
    *,
    etag: str | None = '"v1"',
    last_modified: str | None = None,
    content_type: str = "video/mp4",
    ranges: bool = True,
    if_range: bool = True,
) -> Script:
    """Serve one file correctly; ``ranges`` and ``if_range`` say what the server understands."""
    fixed = {"Content-Type": content_type}
    fixed |= {"ETag": etag} if etag else {}
    fixed |= {"Last-Modified": last_modified} if last_modified else {}

    def answer(request: Request) -> Reply:
        start, condition = request.range_start, request.headers.get("if-range")
        if (
            start is None
            or not ranges
            or (if_range and condition not in (None, etag, last_modified))
        ):
            return Reply(200, dict(fixed), body)
        if start >= len(body):
            return Reply(416, fixed | {"Content-Range": f"bytes */{len(body)}"})
        end = min(request.range_end if request.range_end is not None else len(body), len(body) - 1)
        return Reply(
            206,
            fixed | {"Content-Range": f"bytes {start}-{end}/{len(body)}"},
            body[start : end + 1],
        )

    return answer


def reply(status: int = 200, body: bytes = b"", **headers: str) -> Script:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda request: Reply(status, dict(named), body)


def changed(script: Script, **changes: object) -> Script:
    """Return ``script`` with fields of its Reply replaced; ``headers`` are merged,
    and None removes one.
    """

    def answer(request: Request) -> Reply:
        made = script(request)
        for name, value in changes.items():
            if name == "headers":
                assert isinstance(value, dict)
                made.headers = {
                    key: text for key, text in {**made.headers, **value}.items() if text is not None
                }
            else:
                setattr(made, name, value)
        return made

    return answer


def cut(script: Script, *, at: int, reset: bool = False) -> Script:
    """Announce the whole body and stop after ``at`` bytes of it."""

    def answer(request: Request) -> Reply:
        made = script(request)
        made.headers.setdefault("Content-Length", str(len(made.body)))
        made.cut_at, made.reset = at, reset
        return made

    return answer


class FaultServer:
    """Created by :func:`fault_server`. ``requests`` holds all received requests in order."""

    def __init__(self) -> None:
        self.port = 0
        self.requests: list[Request] = []
        self._scripts: dict[str, list[Script]] = {}

    def on(self, path: str, *scripts: Script) -> None:
        """Answer ``path`` with each script in turn; the last one is repeated forever."""
        self._scripts[path] = list(scripts)

    def files(self, files: Mapping[str, bytes], *, under: str = "/") -> None:
        for name, body in files.items():
            self.on(under + name, serve(body, content_type="application/octet-stream"))

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def asked(self, path: str) -> list[Request]:
        return [request for request in self.requests if request.path.partition("?")[0] == path]

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = await _read_request(reader)
            if request is not None:
                self.requests.append(request)
                await _send(writer, self._script(request)(request))
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    def _script(self, request: Request) -> Script:
        scripts = self._scripts.get(request.path.partition("?")[0])
        if not scripts:
            return reply(404)
        return scripts.pop(0) if len(scripts) > 1 else scripts[0]


@asynccontextmanager
async def fault_server() -> AsyncIterator[FaultServer]:
    made = FaultServer()
    handling: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Awaitable[None]:
        task = asyncio.ensure_future(made.handle(reader, writer))
        handling.add(task)
        task.add_done_callback(handling.discard)
        return task

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        for task in list(handling):
            task.cancel()
        await asyncio.gather(*handling, return_exceptions=True)
        await server.wait_closed()


async def _read_request(reader: asyncio.StreamReader) -> Request | None:
    raw = await reader.readuntil(b"\r\n\r\n")
    first, *lines = raw.decode("latin-1").split("\r\n")
    pairs = (line.split(":", 1) for line in lines if ":" in line)
    return Request(first.split(" ")[1], {name.lower(): value.strip() for name, value in pairs})


async def _send(writer: asyncio.StreamWriter, made: Reply) -> None:
    body = made.body if made.cut_at is None else made.body[: made.cut_at]
    writer.write(made.head())
    if made.chunked:
        for start in range(0, len(body), 10_000):
            piece = body[start : start + 10_000]
            writer.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        if made.cut_at is None:
            writer.write(b"0\r\n\r\n")
    else:
        writer.write(body)
    await writer.drain()
    if made.hang:
        await asyncio.Event().wait()
    if made.reset:
        # let the previous bytes arrive: a reset discards what is still in transit
        await asyncio.sleep(0.01)
        raw: socket.socket = writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
