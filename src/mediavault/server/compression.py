"""Compresses pages, styles, scripts and JSON: a page of 58 kB becomes 9.

Saved files, zips and exports are not: videos don't shrink, and a player asks for ranges. Nor is the event stream, nor an
RSS feed, whose secret address is in it next to texts from sites. An attacker
who could read lengths on the wire learns nothing of value: no page repeats a secret next to what a stranger can choose.
"""

from __future__ import annotations

from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from mediavault.server.authentication import FEEDS_PREFIX

AS_THEY_ARE = ("/files/", FEEDS_PREFIX, "/library/zip", "/library/export", "/api/events")  # beginnings of paths
WORTH_BYTES = 1_000
LEVEL = 5  # of 9


class CompressionMiddleware:
    """ASGI middleware between the security checks and the routes."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._compressing = GZipMiddleware(app, minimum_size=WORTH_BYTES, compresslevel=LEVEL)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_left = scope["type"] != "http" or scope["path"].startswith(AS_THEY_ARE)
        await (self._app if is_left else self._compressing)(scope, receive, send)
