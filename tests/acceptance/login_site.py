"""A site on loopback that wants a sign-in: a form, a session of two cookies, and a page that tells whether it is there."""

from __future__ import annotations

import html
from dataclasses import dataclass, field

from aiohttp import web

from mediavault.core.platform import Platform

NAME, PASSWORD = "Jäne_Doe@x", "pa$$ Wörd 你"

_FORM = """<!doctype html><title>Sign in</title><meta charset="utf-8">
<style>body{margin:0;font:16px sans-serif}input,button{position:absolute;left:40px;width:300px;height:40px}
#name{top:40px}#password{top:100px}#go{top:160px}</style>
<form method="post" action="/login"><input id="name" name="name" autofocus><input id="password" name="password"
type="password"><button id="go">Sign in</button></form>"""


@dataclass
class LoginSite:
    """``seen`` holds what was sent with each request: path, user agent, cookie names, and of the form its fields."""

    seen: list[dict[str, object]] = field(default_factory=list)
    _runner: web.AppRunner | None = None
    port: int = 0
    picture: str = ""  # an address that the form shows

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def platform(self) -> Platform:
        return Platform(
            name="lodge",
            title="Lodge",
            hosts=("127.0.0.1",),
            login_url=f"{self.origin}/login",
            session_cookies=("sid", "visit"),
        )

    async def start(self) -> None:
        app = web.Application()
        app.router.add_get("/login", self._form)
        app.router.add_post("/login", self._sign_in)
        app.router.add_get("/post", self._post)
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
            return web.Response(text=f"<p>wrong: {html.escape(repr(fields))}", content_type="text/html", status=403)
        answer = web.Response(text="<title>in</title><h1>Signed in</h1>", content_type="text/html")
        answer.set_cookie("sid", "secret-value", max_age=86_400, httponly=True)
        answer.set_cookie("visit", "1")  # a session's: gone when the browser ends, unless somebody keeps it
        return answer

    async def _post(self, request: web.Request) -> web.Response:
        self._note(request)
        is_in = request.cookies.get("sid") == "secret-value" and "visit" in request.cookies
        title = "in" if is_in else "out"
        # an error page, which nobody looks at for long
        return web.Response(text=f"<title>{title}</title><p>post", content_type="text/html", status=410)

    def _note(self, request: web.Request, **more: object) -> None:
        self.seen.append(
            {"path": request.path, "agent": request.headers["User-Agent"], "cookies": sorted(request.cookies), **more}
        )
