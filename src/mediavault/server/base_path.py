"""Serves the application below a path such as ``/mediavault``, for a reverse proxy that has other services on the same host.

The path is removed from requests before anything else sees them, so no route and no rule knows it; requests without it, from
a proxy that removes it itself or from a health check, are served alike. Redirects get it here, pages in ``web.render``.
"""

from __future__ import annotations

from contextvars import ContextVar

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_current: ContextVar[str] = ContextVar("base_path", default="")


def base_path() -> str:
    """Return the path that the links of this request's page begin with: "" or, for example, "/mediavault"."""
    return _current.get()


class BasePathMiddleware:
    """The outermost ASGI middleware. ``base`` is "", or begins with a slash and ends without one."""

    def __init__(self, app: ASGIApp, base: str) -> None:
        self._app = app
        self._base = base

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or not self._base:
            await self._app(scope, receive, send)
            return
        _current.set(self._base)
        if scope["path"] == self._base and scope["type"] == "http":
            await _redirect(f"{self._base}/", send)
        else:
            await self._app(self._without_base(scope), receive, lambda message: send(self._with_base(message)))

    def _without_base(self, scope: Scope) -> Scope:
        if not scope["path"].startswith(f"{self._base}/"):
            return scope
        raw: bytes = scope.get("raw_path") or scope["path"].encode()
        return {**scope, "path": scope["path"][len(self._base) :], "raw_path": raw[len(self._base) :]}

    def _with_base(self, message: Message) -> Message:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            target = headers.get("location", "")
            if target.startswith("/") and not target.startswith("//"):
                headers["location"] = self._base + target
        return message


async def _redirect(target: str, send: Send) -> None:
    headers = [(b"location", target.encode()), (b"content-length", b"0")]
    await send({"type": "http.response.start", "status": 308, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
