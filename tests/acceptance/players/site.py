"""A server on loopback for the pages, the players and the streams."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

from tests.acceptance.players import streams
from tests.acceptance.players.pages import PAGES
from tests.acceptance.players.preroll_pages import PREROLLS, VAST

_TYPES = {
    "m3u8": "application/vnd.apple.mpegurl",
    "mpd": "application/dash+xml",
    "ts": "video/mp2t",
    "m4s": "video/iso.segment",
    "mp4": "video/mp4",
    "webm": "video/webm",
    "js": "text/javascript",
    "css": "text/css",
    "svg": "image/svg+xml",
    "bin": "application/octet-stream",
}


@dataclass
class PlayersSite:
    """``origin`` serves the posts; ``elsewhere`` is the same server under a name that is another
    site to browsers.
    """

    players: Path
    asked: list[str] = field(default_factory=list)
    port: int = 0
    _runner: web.AppRunner | None = None

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def elsewhere(self) -> str:
        return f"http://localhost:{self.port}"

    async def start(self) -> None:
        app = web.Application()
        app.router.add_get("/post/{name}", self._page)
        app.router.add_get("/player/{name}", self._page)
        app.router.add_static("/lib", self.players)
        app.router.add_get("/media/{folder}/{name:.+}", self._media)
        app.router.add_get("/stream/{folder}/{kind}", self._plain_text)
        app.router.add_get("/part/{folder}/{name}", self._part)
        app.router.add_get("/list/{folder}", self._without_name)
        app.router.add_get("/serve", self._ad_server)
        app.router.add_get("/api/{folder}/{name}", self._in_json)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def close(self) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def _page(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        pages = {**PAGES, **PREROLLS}
        if request.match_info["name"] not in pages:
            raise web.HTTPNotFound
        html = (
            pages[request.match_info["name"]]
            .replace("ELSEWHERE", self.elsewhere)
            .replace("ORIGIN", self.origin)
        )
        return web.Response(
            text=f"<!doctype html><meta charset=utf-8>{html}", content_type="text/html"
        )

    async def _media(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        self.asked.append(request.path)
        return _file(
            request,
            streams.folder(request.match_info["folder"])[name],
            _TYPES[name.rpartition(".")[2]],
        )

    async def _part(self, request: web.Request) -> web.Response:
        """A piece of a stream that looks like a whole file."""
        files, name = streams.folder(request.match_info["folder"]), request.match_info["name"]
        return _file(
            request,
            next(body for file, body in files.items() if file.startswith(name)),
            "video/mp4",
        )

    async def _plain_text(self, request: web.Request) -> web.Response:
        """A manifest whose name and type give no hint."""
        kind = {"hls": "m3u8", "dash": "mpd"}[request.match_info["kind"]]
        folder = request.match_info["folder"]
        return web.Response(text=self._absolute(folder, f"index.{kind}"), content_type="text/plain")

    async def _without_name(self, request: web.Request) -> web.Response:
        """A playlist that is recognised only by its type."""
        text = self._absolute(request.match_info["folder"], "index.m3u8")
        return web.Response(text=text, content_type=_TYPES["m3u8"])

    async def _in_json(self, request: web.Request) -> web.Response:
        folder, name = request.match_info["folder"], request.match_info["name"]
        answer = {"data": {"player": {"manifest": self._absolute(folder, name)}}}
        return web.Response(text=json.dumps(answer), content_type="application/json", headers=_OPEN)

    async def _ad_server(self, request: web.Request) -> web.Response:
        """The response of an ad server: the advert's file,
        or with ``?json`` the same in a string of JSON.
        """
        answer = VAST.replace("FILE", f"{self.origin}/media/{request.query['spot']}")
        if "json" in request.query:
            return web.json_response({"ads": [{"xml": answer}]})
        return web.Response(text=answer, content_type="application/xml")

    def _absolute(self, folder: str, name: str) -> str:
        """Return a manifest that can be moved: the URLs of its parts are absolute."""
        base, text = f"{self.origin}/media/{folder}/", streams.folder(folder)[name].decode()
        if name.endswith("mpd"):
            head, tag, rest = text.partition("<Period")
            return f"{head}<BaseURL>{base}</BaseURL>{tag}{rest}"
        lines = [
            base + line if line and not line.startswith("#") else line for line in text.splitlines()
        ]
        return "\n".join(lines).replace('URI="', f'URI="{base}') + "\n"


_OPEN = {"Access-Control-Allow-Origin": "*"}


def _file(request: web.Request, body: bytes, content_type: str) -> web.Response:
    headers = {**_OPEN, "Accept-Ranges": "bytes"}
    if "bytestart" in request.query:  # Meta's way of requesting a part of a file
        part = body[int(request.query["bytestart"]) : int(request.query["byteend"]) + 1]
        return web.Response(
            body=part, content_type=content_type, headers={**headers, "X-Total": str(len(body))}
        )
    wanted = request.http_range
    if wanted.start is None:
        return web.Response(body=body, content_type=content_type, headers=headers)
    stop = min(wanted.stop or len(body), len(body))
    headers["Content-Range"] = f"bytes {wanted.start}-{stop - 1}/{len(body)}"
    return web.Response(
        status=206, body=body[wanted.start : stop], content_type=content_type, headers=headers
    )
