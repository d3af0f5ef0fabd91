"""A small site on loopback with all kinds of pages that a browser must cope with."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from aiohttp import web

from tests import media

PAGES: dict[str, str] = {
    "/plain": (
        '<title>Plain</title><main><h1>A post</h1><video src="/v/plain.mp4" width="640"'
        ' height="360"></video></main>'
    ),
    "/click": """<main><h1>Press</h1><div id="box" style="width:640px;height:360px;background:#222">
        <button class="big-play-button" style="margin:150px" onclick="
          box.innerHTML='<video width=640 height=360 src=/v/clicked.mp4></video>';
          box.firstChild.play()">Play</button></div>
        <a href="/elsewhere" class="play-next">play the next one</a></main>""",
    "/mse": """<main><video id="v" width="640" height="360"></video></main><script>
        const source = new MediaSource(); v.src = URL.createObjectURL(source);
        source.addEventListener('sourceopen', async () => {
          const list = await (await fetch('/hls/mse.m3u8?token=1')).text();
          const part = list.split('\\n').find(line => line && !line.startsWith('#'));
          const buffer = source.addSourceBuffer('video/mp4; codecs="avc1.64000d, mp4a.40.2"');
          buffer.appendBuffer(await (await fetch('/hls/' + part)).arrayBuffer());
        });</script>""",
    "/native-hls": '<main><video width="640" height="360" src="/hls/native.m3u8"></video></main>',
    "/blob-json": """<main><p>nothing to play</p></main><script>
        fetch('/api/post.json').then(r => r.blob()).then(b => { document.title = 'read ' + b.size; });</script>""",  # noqa: E501
    "/advert": """<div class="ad-slot"><video width="300" height="250" src="/v/advert.mp4" autoplay muted loop></video></div>
        <article><h1>The post</h1><video width="640" height="360" src="/v/post.mp4" controls></video></article>""",  # noqa: E501
    "/places": """<article><h1>The post</h1><video width="640" height="360" src="/v/post.mp4" controls></video></article>
        <aside><video width="320" height="180" src="/v/aside.mp4" controls></video></aside>
        <div class="widget"><iframe src="/frame-player" width="660" height="380"></iframe></div>
        <div><video width="320" height="180" src="/v/box.mp4" controls></video></div>""",  # noqa: E501
    "/consent": """<main><h1>The post</h1><div id="place"></div></main>
        <div id="notice"><p>We value your privacy and use cookies.</p>
        <button class="play">Accept all</button> <button>Reject all</button></div><script>
        for (const button of document.querySelectorAll('button')) button.onclick = () => {
          document.getElementById('notice').remove();
          const name = button.innerText.startsWith('Reject') ? 'declined' : 'accepted';
          document.getElementById('place').innerHTML = `<video width="640" height="360" src="/v/${name}.mp4" controls></video>`;
        };</script>""",  # noqa: E501
    "/frame": (
        '<main><h1>Framed</h1><iframe src="/frame-player" width="660" height="380"></iframe></main>'
    ),
    "/frame-player": '<video width="640" height="360" src="/v/framed.mp4"></video>',
    "/spin": (
        '<title>spin</title><video src="/v/spin.mp4" width="640"'
        ' height="360"></video><script>while(1){}</script>'
    ),
    "/alerts": "<script>setInterval(() => alert('again'), 5)</script><p>loud</p>",
    "/reload": "<script>setTimeout(() => location.reload(), 40)</script><p>restless</p>",
    "/popups": (
        "<p>windows</p><script>for (let i = 0; i < 50; i++) window.open('/plain?' + i)</script>"
    ),
    "/crash": '<p>x</p><script>setTimeout(() => { location = "chrome://crash" }, 10)</script>',
    "/hog": """<h1>More</h1><script>
        const kept = [];
        setInterval(() => {
          kept.push(new Uint8Array(20 << 20).fill(7));
          const part = document.createElement('p'); part.textContent = 'x'.repeat(200_000);
          document.body.append(part);
        }, 20);</script>""",
    "/huge": "<main><h1>big</h1><script>const d = document.createElement('div');"
    "d.textContent = 'x'.repeat(60e6); document.body.append(d);</script></main>",
    "/drm": """<main><video id="v" width="640" height="360"></video></main><script>
        navigator.requestMediaKeySystemAccess('com.widevine.alpha', [{}]).catch(() => {});</script>""",  # noqa: E501
    "/downloads": (
        '<iframe src="/endless?1"></iframe><a id="a" href="/endless?2"'
        " download>x</a><script>a.click()</script>"
    ),
    "/text": "<h1>Only words</h1><p>Nothing moves here.</p>",
    "/worker": """<main><video id="v" width="640" height="360"></video></main><script>
        new Worker(URL.createObjectURL(new Blob([`fetch('${location.origin}/hls/worker.m3u8')`])))</script>""",  # noqa: E501
}


VIDEO_S = 3.0


def video() -> bytes:
    """Return the file behind every URL below ``/v/``."""
    return media.mp4(VIDEO_S)


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class BrowserSite:
    """``asked`` holds the path and headers of every request."""

    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    sent: int = 0  # megabytes of the endless file
    _runner: web.AppRunner | None = None
    port: int = 0

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def headers_of(self, path: str) -> list[dict[str, str]]:
        return [headers for requested, headers in self.asked if requested == path]

    async def start(self) -> None:
        app = web.Application(middlewares=[self._note])
        for path, html in PAGES.items():
            app.router.add_get(path, _page(html))
        app.router.add_get("/v/{name}", _video)
        app.router.add_get("/hls/{name}", _hls)
        app.router.add_get("/api/post.json", _json)
        app.router.add_get("/endless", self._endless)
        app.router.add_get("/login", _login)
        app.router.add_get("/guarded/{name}", _guarded)
        app.router.add_get("/moved", _moved)
        app.router.add_get("/status/{status}", _status)
        app.router.add_get("/empty", _empty)
        app.router.add_get("/cut", _cut)
        app.router.add_get("/slow", _slow)
        app.router.add_get("/drip", _drip)
        app.router.add_get("/disposition", _disposition)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def close(self) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    @web.middleware
    async def _note(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self.asked.append(
            (request.path, {name.lower(): value for name, value in request.headers.items()})
        )
        return await handler(request)

    async def _endless(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(
            headers={"Content-Disposition": 'attachment; filename="../../evil.desktop"'}
        )
        await response.prepare(request)
        try:
            for _ in range(2_000):
                await response.write(b"x" * (1 << 20))
                self.sent += 1
        except (ConnectionError, OSError):
            pass
        return response


def _page(html: str) -> Handler:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(
            text=f"<!doctype html><meta charset=utf-8>{html}", content_type="text/html"
        )

    return handler


async def _video(request: web.Request) -> web.Response:
    body = video()
    wanted = request.http_range
    if wanted.start is None:
        return web.Response(body=body, content_type="video/mp4", headers={"Accept-Ranges": "bytes"})
    stop = min(wanted.stop or len(body), len(body))
    return web.Response(
        status=206,
        body=body[wanted.start : stop],
        content_type="video/mp4",
        headers={
            "Content-Range": f"bytes {wanted.start}-{stop - 1}/{len(body)}",
            "Accept-Ranges": "bytes",
        },
    )


async def _hls(request: web.Request) -> web.Response:
    name = request.match_info["name"]
    if name.endswith(".ts"):
        return web.Response(body=media.ts(VIDEO_S), content_type="video/mp2t")
    if name.endswith(".m4s"):
        return web.Response(body=media.mp4(VIDEO_S, layout="fragmented"), content_type="video/mp4")
    part = "whole.m4s" if name == "mse.m3u8" else "whole.ts"
    text = (
        f"#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXT-X-PLAYLIST-TYPE:VOD\n#EXTINF:3.0,\n{part}\n"
        "#EXT-X-ENDLIST\n"
    )
    return web.Response(text=text, content_type="application/vnd.apple.mpegurl")


async def _json(_: web.Request) -> web.Response:
    return web.json_response({"id": 7, "padding": "x" * 200_000})


async def _login(_: web.Request) -> web.Response:
    response = web.Response(text="<p>hello", content_type="text/html")
    response.set_cookie("session", "secret")
    response.set_cookie("kept", "long", max_age=3600)
    return response


async def _guarded(request: web.Request) -> web.Response:
    allowed = request.cookies.get("session") == "secret" and "/plain" in request.headers.get(
        "Referer", ""
    )
    if not allowed:
        return web.Response(status=403, text="no")
    return web.Response(
        body=video(), content_type="video/mp4", headers={"Content-Disposition": "inline"}
    )


async def _moved(_: web.Request) -> web.Response:
    raise web.HTTPFound("/v/plain.mp4")


async def _status(request: web.Request) -> web.Response:
    headers = {"Retry-After": "77"} if request.match_info["status"] == "429" else {}
    return web.Response(
        status=int(request.match_info["status"]),
        text="<p>sorry",
        content_type="text/html",
        headers=headers,
    )


async def _empty(_: web.Request) -> web.Response:
    return web.Response(body=b"", content_type="video/mp4")


async def _cut(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(
        headers={"Content-Type": "video/mp4", "Content-Length": str(4 << 20)}
    )
    await response.prepare(request)
    await response.write(b"x" * (1 << 20))
    assert request.transport is not None
    request.transport.close()
    return response


async def _drip(request: web.Request) -> web.StreamResponse:
    """Send a byte every tenth of a second, without end."""
    response = web.StreamResponse(headers={"Content-Type": "video/mp4"})
    await response.prepare(request)
    with contextlib.suppress(ConnectionError, OSError):
        while True:
            await response.write(b"x")
            await asyncio.sleep(0.1)
    return response


async def _slow(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "video/mp4"})
    await response.prepare(request)
    try:
        for _ in range(200):
            await response.write(b"x" * (256 << 10))
            await asyncio.sleep(0.02)
    except (ConnectionError, OSError):
        pass
    return response


async def _disposition(_: web.Request) -> web.Response:
    return web.Response(
        body=video(),
        content_type="video/mp4",
        headers={"Content-Disposition": 'attachment; filename="v.mp4"'},
    )
