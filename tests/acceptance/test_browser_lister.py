"""The lister that looks with the signed-in account,
with a real Chromium on a site that lists posts to its members only.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web

from mediavault.browser.chromium import Chromium
from mediavault.browser.discovery import find_browser
from mediavault.browser.session_manager import SessionManager
from mediavault.core.clock import SystemClock
from mediavault.core.failures import LoginRequired, SessionExpired
from mediavault.core.listings import ListCheck, Listing
from mediavault.core.platform import Matching, Platform, SignIn, Walls, paths
from mediavault.egress.guard import EgressGuard
from mediavault.egress.proxy import EgressProxy
from mediavault.extraction.browser_extractor import BrowserLister
from tests import media
from tests.acceptance.browser_site import Handler
from tests.patience import patient
from tests.stubs import ReaderHere

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(find_browser().path is None, reason="no browser is installed"),
]

WITHIN_S = 60.0
SLOW_S = 2.5  # until the site answers with its posts, as sites do after their scripts have loaded

# As sites build them: a frame without posts, whose script requests them; the second part comes when
# the first is there. A click on a post opens it in place of the list, and another account is
# recommended.
PROFILE = """<!doctype html><meta charset="utf-8"><title>Jane</title><meta property="og:title" content="Jane Rail">
PREVIEW<main id="list"><p>Loading …</p></main><script>
const tile = (id) => `<div><a href="/@jane/clip/${id}">clip ${id}</a></div>`;
const open_post = () => { history.pushState({}, "", "/@jane/clip/1");
document.body.innerHTML = "<h1>Clip 1</h1>"; };
(async () => {
  const first = await (await fetch("/api/posts?part=1")).json();
  list.innerHTML = first.map(tile).join("");
  const second = await (await fetch("/api/posts?part=2")).json();
  list.innerHTML += second.map(tile).join("") + '<aside><a href="/@kim/clip/99">More like this</a></aside>';
})();
</script>"""  # noqa: E501

PREVIEWS = {
    "none": "",
    "that plays by itself": (
        '<video src="/preview.mp4" width="640" height="360" muted autoplay loop></video>'
    ),
    "that waits for a click": (
        '<div class="big-play-button" style="width:640px;height:360px"'
        ' onclick="open_post()">Play</div>'
    ),
}


@dataclass
class MembersSite:
    """``asked`` holds the path of each request, in order; ``is_ended``:
    the site no longer accepts its sessions.
    """

    asked: list[str] = field(default_factory=list)
    is_ended: bool = False
    preview: str = ""
    port: int = 0
    _runner: web.AppRunner | None = None

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def platform(self) -> Platform:
        return Platform(
            name="lodge",
            title="Lodge",
            matching=Matching(
                hosts=(f"127.0.0.1:{self.port}",),
                posts=paths(r"^/(?P<handle>@[^/]+)/clip/(?P<post_id>\d+)"),
                profiles=paths(r"^/(?P<handle>@[^/]+)/?$"),
                canonical=f"{self.origin}/clip/{{post_id}}",
                page=f"{self.origin}/{{handle}}/clip/{{post_id}}",
            ),
            sign_in=SignIn(url=f"{self.origin}/login", session_cookies=("sid",)),
            walls=Walls(login_url=re.compile(r"/login")),
        )

    async def start(self) -> None:
        app = web.Application(middlewares=[self._note])
        app.router.add_get("/@jane", self._profile)
        app.router.add_get("/api/posts", self._posts)
        app.router.add_get("/preview.mp4", self._preview)
        app.router.add_get("/login", self._login)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]

    async def close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    @web.middleware
    async def _note(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self.asked.append(request.path_qs)
        return await handler(request)

    def _is_member(self, request: web.Request) -> bool:
        return request.cookies.get("sid") == "secret-value" and not self.is_ended

    async def _profile(self, request: web.Request) -> web.Response:
        if not self._is_member(request):
            raise web.HTTPFound("/login")
        return web.Response(text=PROFILE.replace("PREVIEW", self.preview), content_type="text/html")

    async def _posts(self, request: web.Request) -> web.Response:
        if not self._is_member(request):
            raise web.HTTPForbidden
        await SystemClock().sleep(SLOW_S)
        first = 1 if request.query["part"] == "1" else 6
        return web.json_response(list(range(first, first + 5)))

    async def _preview(self, _: web.Request) -> web.Response:
        return web.Response(body=media.mp4(3.0), content_type="video/mp4")

    async def _login(self, _: web.Request) -> web.Response:
        return web.Response(
            text="<title>Sign in</title><form><input type=password></form>",
            content_type="text/html",
        )


@dataclass
class Lodge:
    """The site, and a lister with a browser as a worker has them."""

    site: MembersSite
    authenticator: SessionManager
    browser: Chromium

    async def check(self) -> Listing:
        lister = BrowserLister(self.browser, SystemClock(), ReaderHere())
        check = ListCheck(f"{self.site.origin}/@jane")
        return await lister.list_entries(check, self.site.platform, within_s=patient(WITHIN_S))

    async def sign_in(self) -> None:
        await self.authenticator.import_cookies(
            "lodge", "#HttpOnly_127.0.0.1\tFALSE\t/\tFALSE\t4102444800\tsid\tsecret-value"
        )


@pytest.fixture
async def lodge(tmp_path: Path) -> AsyncIterator[Lodge]:
    site = MembersSite()
    await site.start()
    proxy = EgressProxy(EgressGuard([f"127.0.0.1:{site.port}"]))
    await proxy.start()
    state, clock = tmp_path / "s", SystemClock()
    browser = Chromium(state_dir=state, downloads_dir=tmp_path / "d", proxy=proxy, clock=clock)
    try:
        yield Lodge(site, SessionManager(state, [site.platform], clock), browser)
    finally:
        await browser.close()
        await proxy.close()
        await site.close()


@pytest.mark.parametrize("preview", PREVIEWS)
async def test_the_posts_that_a_page_shows_to_members_late_are_found_and_nothing_is_pressed(
    lodge: Lodge, preview: str
) -> None:
    lodge.site.preview = PREVIEWS[preview]
    await lodge.sign_in()
    listing = await lodge.check()

    assert [entry.post_id for entry in listing.entries] == [str(number) for number in range(1, 11)]
    assert [entry.url for entry in listing.entries][:1] == [f"{lodge.site.origin}/@jane/clip/1"]
    assert (listing.title, listing.handle, listing.method) == ("Jane Rail", "@jane", "browser")
    assert (listing.uses_account, listing.is_newest_first, listing.is_whole) == (True, False, False)
    assert [path for path in lodge.site.asked if path.startswith("/@")] == ["/@jane"]


async def test_without_a_session_nothing_is_asked(lodge: Lodge) -> None:
    with pytest.raises(LoginRequired):
        await lodge.check()

    assert lodge.site.asked == []


async def test_a_session_that_the_site_has_ended_is_reported_as_that(lodge: Lodge) -> None:
    await lodge.sign_in()
    lodge.site.is_ended = True

    with pytest.raises(SessionExpired):
        await lodge.check()
