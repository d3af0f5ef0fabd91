"""A site on loopback that requires a sign-in: a form, a session of two cookies,
and a page that shows it.
"""

from __future__ import annotations

import html
import json
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from mediavault.core.platform import Matching, PageReader, Platform, SignIn
from tests import media

NAME, PASSWORD = "Jäne_Doe@x", "pa$$ Wörd 你"

_FORM = """<!doctype html><title>Sign in</title><meta charset="utf-8">
<style>body{margin:0;font:16px sans-serif}input,button{position:absolute;left:40px;width:300px;height:40px}
#name{top:40px}#password{top:100px}#go{top:160px}</style>
<form method="post" action="/login"><input id="name" name="name" autofocus><input id="password"
name="password"
type="password"><button id="go">Sign in</button></form>"""  # noqa: E501


_CLIP = (
    '<title>A clip</title><main><h1>A clip</h1><video src="/v.mp4" width="640"'
    ' height="360"></video></main>'
)
_CHALLENGE = """<!doctype html><title>Just a moment...</title><style>body{margin:0}button{position:absolute;left:40px;top:160px;
width:300px;height:40px}</style><form method="post"><button id="go">I am human</button></form>"""  # noqa: E501
_NOTES = """<!doctype html><title>Notes</title><meta charset="utf-8"><style>body{margin:0;height:5000px}
textarea{position:absolute;left:20px;top:20px;width:400px;height:200px}</style><textarea
id="notes"></textarea><script>
const report = () => fetch("/notes", {method: "POST",
  body: JSON.stringify({text: notes.value, scrolled: scrollY})});
notes.addEventListener("input", report);
document.addEventListener("scroll", report);
</script>"""  # noqa: E501


@dataclass
class LoginSite:
    """``seen`` holds what each request sent: path, user agent, names of cookies, and the fields of
    a form.

    ``notes`` is what the page of that name reported last: the text in it, and how far it is
    scrolled, in pixels.
    """

    seen: list[dict[str, object]] = field(default_factory=list)
    notes: dict[str, Any] = field(default_factory=lambda: {"text": "", "scrolled": 0})
    _runner: web.AppRunner | None = None
    port: int = 0
    picture: str = ""  # the URL of an image in the form

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def platform(self) -> Platform:
        return Platform(
            name="lodge",
            title="Lodge",
            matching=Matching(hosts=("127.0.0.1",)),
            sign_in=SignIn(url=f"{self.origin}/login", session_cookies=("sid", "visit")),
            reader=PageReader(viewer=("viewer", "name")),
        )

    async def start(self) -> None:
        app = web.Application()
        app.router.add_get("/login", self._form)
        app.router.add_post("/login", self._sign_in)
        app.router.add_get("/post", self._post)
        app.router.add_get("/open", self._open)
        app.router.add_get("/members", self._members)
        app.router.add_get("/members/{number}", self._members)
        app.router.add_get("/guarded", self._guarded)
        app.router.add_post("/guarded", self._answered)
        app.router.add_get("/v.mp4", self._video)
        app.router.add_get("/notes", self._notes)
        app.router.add_post("/notes", self._post_notes)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _form(self, request: web.Request) -> web.Response:
        self._note(request)
        picture = f'<img src="{self.picture}">' if self.picture else ""
        return web.Response(text=_FORM + picture, content_type="text/html")

    async def _sign_in(self, request: web.Request) -> web.Response:
        fields = {name: str(value) for name, value in (await request.post()).items()}
        self._note(request, fields=fields)
        if fields != {"name": NAME, "password": PASSWORD}:
            return web.Response(
                text=f"<p>wrong: {html.escape(repr(fields))}", content_type="text/html", status=403
            )
        answer = web.Response(text="<title>in</title><h1>Signed in</h1>", content_type="text/html")
        answer.set_cookie("sid", "secret-value", max_age=86_400, httponly=True)
        # a session cookie: lost when the browser exits, unless it is saved
        answer.set_cookie("visit", "1")
        return answer

    async def _open(self, request: web.Request) -> web.Response:
        self._note(request)
        return web.Response(text=_CLIP, content_type="text/html")

    async def _members(self, request: web.Request) -> web.Response:
        """A post that redirects anonymous visitors to the login page."""
        self._note(request)
        if request.cookies.get("sid") != "secret-value":
            raise web.HTTPFound("/login")
        viewer = (
            f'<script type="application/json">{json.dumps({"viewer": {"name": NAME}})}</script>'
        )
        return web.Response(text=_CLIP + viewer, content_type="text/html")

    async def _guarded(self, request: web.Request) -> web.Response:
        """A post behind a challenge, which a user solves with a click."""
        self._note(request)
        is_answered = request.cookies.get("clearance") == "granted"
        return web.Response(text=_CLIP if is_answered else _CHALLENGE, content_type="text/html")

    async def _answered(self, request: web.Request) -> web.Response:
        self._note(request, answered=True)
        answer = web.Response(text=_CLIP, content_type="text/html")
        answer.set_cookie("clearance", "granted", max_age=3_600, httponly=True)
        return answer

    async def _notes(self, request: web.Request) -> web.Response:
        self._note(request)
        return web.Response(text=_NOTES, content_type="text/html")

    async def _post_notes(self, request: web.Request) -> web.Response:
        self.notes = await request.json()
        return web.Response(status=204)

    async def _video(self, request: web.Request) -> web.Response:
        self._note(request)
        return web.Response(body=media.mp4(3.0), content_type="video/mp4")

    async def _post(self, request: web.Request) -> web.Response:
        self._note(request)
        is_in = request.cookies.get("sid") == "secret-value" and "visit" in request.cookies
        title = "in" if is_in else "out"
        # an error page, which a visit leaves soon
        return web.Response(
            text=f"<title>{title}</title><p>post", content_type="text/html", status=410
        )

    def _note(self, request: web.Request, **more: object) -> None:
        self.seen.append(
            {
                "path": request.path,
                "agent": request.headers["User-Agent"],
                "cookies": sorted(request.cookies),
                **more,
            }
        )
