"""A small HTTP client that calls an ASGI application in this process, without sockets,
threads or waiting.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import unquote, urlencode

from starlette.types import ASGIApp, Message, Scope

from tests.patience import patient

T = TypeVar("T")


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]  # lower-case names; the last value of repeated headers
    body: bytes
    raw_headers: tuple[tuple[str, str], ...] = ()  # with the repeated ones

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> Any:
        return json.loads(self.body)


class AsgiClient:
    """Every request has the headers given here, unless it overrides them (None removes one)."""

    def __init__(self, app: ASGIApp, **headers: str) -> None:
        self.app = app
        self.headers: dict[str, str] = {"host": "127.0.0.1:8420", **_names(headers)}

    async def get(self, path: str, **headers: str | None) -> Answer:
        return await self.request("GET", path, headers=_names(headers))

    async def post(self, path: str, value: object = None, **headers: str | None) -> Answer:
        return await self._send("POST", path, value, headers)

    async def put(self, path: str, value: object = None, **headers: str | None) -> Answer:
        return await self._send("PUT", path, value, headers)

    async def patch(self, path: str, value: object = None, **headers: str | None) -> Answer:
        return await self._send("PATCH", path, value, headers)

    async def _send(
        self, method: str, path: str, value: object, headers: Mapping[str, str | None]
    ) -> Answer:
        body = b"" if value is None else json.dumps(value).encode()
        kind = {"content-type": "application/json"} if body else {}
        return await self.request(method, path, body=body, headers={**kind, **_names(headers)})

    async def submit(
        self, path: str, fields: Mapping[str, str | list[str]] | None = None, **headers: str | None
    ) -> Answer:
        """Send a form as a browser does; a list is a field with several values."""
        kind = {
            "content-type": "application/x-www-form-urlencoded",
            "sec-fetch-site": "same-origin",
        }
        body = urlencode(fields or {}, doseq=True).encode()
        return await self.request("POST", path, body=body, headers={**kind, **_names(headers)})

    async def upload(
        self, path: str, fields: Mapping[str, str | bytes], **headers: str | None
    ) -> Answer:
        """Send a form with a file as a browser does; a field of bytes is a file."""
        parts = [_form_part(name, value) for name, value in fields.items()]
        kind = {
            "content-type": "multipart/form-data; boundary=----mark",
            "sec-fetch-site": "same-origin",
        }
        body = b"".join(parts) + b"------mark--\r\n"
        return await self.request("POST", path, body=body, headers={**kind, **_names(headers)})

    async def delete(self, path: str, **headers: str | None) -> Answer:
        return await self.request("DELETE", path, headers=_names(headers))

    async def request(
        self,
        method: str,
        path: str,
        *,
        body: bytes = b"",
        headers: Mapping[str, str | None] | None = None,
    ) -> Answer:
        connection = Connection(self._scope(method, path, headers or {}, len(body)), body)
        await self.app(connection.scope, connection.receive, connection.send)
        return connection.answer()

    @asynccontextmanager
    async def open(self, path: str, **headers: str | None) -> AsyncIterator[Connection]:
        """Make a request whose response is read while it arrives;
        leaving the block disconnects the client.
        """
        connection = Connection(self._scope("GET", path, _names(headers), 0), b"")
        task = asyncio.create_task(_call(self.app, connection))
        try:
            yield connection
        finally:
            connection.leave()
            await asyncio.wait_for(task, patient(30))

    @asynccontextmanager
    async def socket(
        self, path: str, *subprotocols: str, **headers: str | None
    ) -> AsyncIterator[Socket]:
        """Open a WebSocket and wait until it is accepted or refused;
        leaving the block disconnects the client.
        """
        scope = {
            **self._scope("GET", path, _names(headers), 0),
            "type": "websocket",
            "subprotocols": list(subprotocols),
        }
        del scope["method"]
        socket = Socket()
        task = asyncio.create_task(_serve(self.app, scope, socket))
        try:
            await asyncio.wait_for(socket.answered.wait(), patient(30))
            yield socket
        finally:
            socket.leave()
            await asyncio.wait_for(task, patient(30))

    def _scope(
        self, method: str, path: str, headers: Mapping[str, str | None], length: int
    ) -> Scope:
        raw, _, query = path.partition("?")
        sent = {**self.headers, **({"content-length": str(length)} if length else {}), **headers}
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": unquote(raw),  # as servers do
            "raw_path": raw.encode(),
            "root_path": "",
            "query_string": query.encode(),
            "headers": [
                (k.encode("latin-1"), v.encode("latin-1")) for k, v in sent.items() if v is not None
            ],
            "client": ("127.0.0.1", 50_000),
            "server": ("127.0.0.1", 8420),
            "state": {},
        }


class Connection:
    """One request and the response so far."""

    def __init__(self, scope: Scope, body: bytes) -> None:
        self.scope = scope
        self._requests: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]
        self._left = asyncio.Event()
        self._sent: asyncio.Queue[bytes] = asyncio.Queue()
        self._start: Message | None = None
        self._body = bytearray()
        self.done = asyncio.Event()

    async def receive(self) -> Message:
        if self._requests:
            return self._requests.pop(0)
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            return
        self._body += message.get("body", b"")
        self._sent.put_nowait(message.get("body", b""))
        if not message.get("more_body", False):
            self.done.set()

    async def chunk(self) -> bytes:
        """Return the next chunk of the body."""
        return await asyncio.wait_for(self._sent.get(), patient(30))

    def leave(self) -> None:
        self._left.set()

    def answer(self) -> Answer:
        assert self._start is not None, "the application answered nothing"
        raw = tuple(
            (k.decode("latin-1").lower(), v.decode("latin-1")) for k, v in self._start["headers"]
        )
        return Answer(self._start["status"], dict(raw), bytes(self._body), raw)


class Socket:
    """The client's end of a WebSocket. ``accepted`` is the subprotocol,
    or None if it was refused.
    """

    def __init__(self) -> None:
        self._to_app: asyncio.Queue[Message] = asyncio.Queue()
        self._to_app.put_nowait({"type": "websocket.connect"})
        self._from_app: asyncio.Queue[bytes] = asyncio.Queue()
        self.accepted: str | None = None
        self.code: int | None = None  # the code with which the application closed it
        self.answered = asyncio.Event()
        self.closed = asyncio.Event()

    async def receive(self) -> Message:
        return await self._to_app.get()

    async def send(self, message: Message) -> None:
        if message["type"] == "websocket.accept":
            self.accepted = message["subprotocol"]
        elif message["type"] == "websocket.close":
            self.code = message["code"]
            self.closed.set()
        else:
            self._from_app.put_nowait(message["bytes"])
        self.answered.set()

    def put(self, data: bytes) -> None:
        self._to_app.put_nowait({"type": "websocket.receive", "bytes": data})

    async def get(self) -> bytes:
        return await asyncio.wait_for(self._from_app.get(), patient(30))

    def leave(self) -> None:
        self._to_app.put_nowait({"type": "websocket.disconnect", "code": 1001})


async def _serve(app: ASGIApp, scope: Scope, socket: Socket) -> None:
    await app(scope, socket.receive, socket.send)


async def _call(app: ASGIApp, connection: Connection) -> None:
    await app(connection.scope, connection.receive, connection.send)


def _names(headers: Mapping[str, T]) -> dict[str, T]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def _form_part(name: str, value: str | bytes) -> bytes:
    is_file = isinstance(value, bytes)
    more = '; filename="list.opml"\r\nContent-Type: text/x-opml' if is_file else ""
    content = value if isinstance(value, bytes) else value.encode()
    return (
        f'------mark\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode()
        + content
        + b"\r\n"
    )
