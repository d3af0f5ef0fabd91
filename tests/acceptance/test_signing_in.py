"""A real sign-in: Xvnc, a plain Chromium, our page in another one,
and the automated browser afterwards.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from mediavault.app.storage import open_store
from mediavault.app.ytdlp_upkeep import YtdlpUpkeep
from mediavault.browser.chromium import Chromium
from mediavault.browser.discovery import find_browser
from mediavault.browser.login_windows import LoginWindows
from mediavault.browser.own_display import window_here
from mediavault.browser.session_manager import SessionManager, note_account
from mediavault.core.clock import SystemClock
from mediavault.core.failures import Challenge, ErrorCode, LoginRequired
from mediavault.core.job import Job, JobStatus, WorkerId
from mediavault.core.media import Extraction
from mediavault.core.sessions import BrowserTask, SessionState
from mediavault.core.settings import Settings
from mediavault.core.submission import Submission
from mediavault.core.urls import EgressScope, parse_http_url
from mediavault.egress.guard import EgressGuard
from mediavault.egress.proxy import EgressProxy
from mediavault.extraction.browser_extractor import BrowserExtractor
from mediavault.library.local_library import LocalLibrary
from mediavault.platforms.generic import GENERIC
from mediavault.platforms.registry import identify
from mediavault.presentation.doctor_report import Check, Doctor
from mediavault.server.http_server import serve_app
from mediavault.server.services import ApiServices
from mediavault.store.live_settings import LiveSettings
from mediavault.store.waiting_jobs import resume_after_window
from mediavault.web.app import create_app
from mediavault.worker.stages.extract import ask_extractors
from mediavault.worker.stages.route import Route
from tests import rfb_client as rfb
from tests.acceptance.login_site import NAME, PASSWORD, LoginSite
from tests.acceptance.test_browser_capture import processes_of
from tests.acceptance.test_choosing import browser, served
from tests.file_stubs import StubChecks, StubExtras, StubFormats, StubFrames, stub_copies
from tests.memory_store import MemoryJobStore
from tests.notification_stubs import StubSender
from tests.patience import patient, until
from tests.stubs import ReaderHere, make_context, new_job

MISSING = [
    name
    for name, path in (("a browser", find_browser().path), ("Xvnc", shutil.which("Xvnc")))
    if not path
]
# where `make install` provides both, their absence is a failure and not a reason to skip the tests
IS_INSTALLED_BY_US = os.geteuid() == 0 and Path("/etc/debian_version").exists()

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        bool(MISSING) and not IS_INSTALLED_BY_US, reason=f"missing: {', '.join(MISSING)}"
    ),
]

WITHIN_S = 40.0
POSTS = 6  # that wait for one sign-in
TOKEN = "mv_a-long-random-token"
CLIPBOARD = ["clipboard-read", "clipboard-write"]
_LEASE = timedelta(seconds=90)


@dataclass
class World:
    """The site, the API with its windows, a browser as a worker has it,
    and the user's own browser.
    """

    site: LoginSite
    root: Path
    store: MemoryJobStore
    worker: Chromium
    windows: LoginWindows
    authenticator: SessionManager
    guard: EgressGuard
    address: str
    person: Any  # Playwright's browser
    troubles: list[str] = field(default_factory=list)  # errors in the pages of the user's browser

    @property
    def state(self) -> Path:
        return self.root / "s"

    async def waiting_job(
        self, path: str = "/post", code: ErrorCode = ErrorCode.LOGIN_REQUIRED
    ) -> Job:
        clock = SystemClock()
        await self.store.queue.enqueue(
            [new_job(f"{self.site.origin}{path}", clock=clock, platform="lodge")]
        )
        (claim,) = await self.store.queue.claim(WorkerId("w-1"), limit=1, lease=_LEASE)
        return await self.store.queue.fail(
            claim, error_code=code, error="Lodge asks.", retry_in=None
        )

    async def look(self, path: str) -> Extraction:
        """Extract the post as a worker does."""
        clock = SystemClock()
        extractors = [
            BrowserExtractor(
                self.worker,
                clock,
                ReaderHere(),
                signed_in=signed_in,
                on_viewer=partial(note_account, self.state),
            )
            for signed_in in (False, True)
        ]
        context = replace(
            make_context(self.store, clock, self.root),
            extractors={extractor.name: extractor for extractor in extractors},
        )
        post, _ = identify(parse_http_url(f"{self.site.origin}{path}"))
        return await ask_extractors(
            Route(post, self.site.platform, ("browser", "browser_cookies")), context
        )

    async def post_is_seen_as(self) -> str:
        url = f"{self.site.origin}/post"
        capture = await self.worker.capture(
            url,
            scope=EgressScope(url),
            platform=GENERIC,
            within_s=patient(WITHIN_S),
            signed_in=True,
        )
        return capture.title

    async def page(self, **options: Any) -> Any:
        page = await self.person.new_page(**options)
        page.on("pageerror", lambda error: self.troubles.append(str(error)))
        return page


async def _nothing() -> list[Check]:
    return []


@asynccontextmanager
async def a_world(root: Path, **options: Any) -> AsyncIterator[World]:
    from playwright.async_api import async_playwright

    site, clock = LoginSite(), SystemClock()
    await site.start()
    guard = EgressGuard([f"127.0.0.1:{site.port}"])
    state, store, library = root / "s", MemoryJobStore(clock), LocalLibrary(root / "d")
    await library.prepare()
    authenticator = SessionManager(state, [site.platform], clock)

    async def on_closed(session: SessionState, task: BrowserTask) -> None:
        await resume_after_window(session, task, store)

    windows = LoginWindows(authenticator, guard, clock, executable=None, on_closed=on_closed)
    settings = Settings(state_dir=state, download_dir=root / "d", **options)
    submission = Submission(
        lambda url: (identify(url)[0], site.platform), lambda *_: None, clock, 5
    )
    live = LiveSettings(settings, store.records, clock)
    services = ApiServices(
        store, settings, clock, submission, library, lambda: None, sessions=authenticator,
        windows=windows, live=live, checks=StubChecks(), formats=StubFormats(), extras=StubExtras(),
        frames=StubFrames(), sealed_copies=stub_copies(store, clock),
        doctor=Doctor(_nothing, clock), ytdlp=YtdlpUpkeep(state, clock),
        notification_sender=StubSender(),
    )  # fmt: skip
    proxy = EgressProxy(guard)
    await proxy.start()
    worker = Chromium(state_dir=state, downloads_dir=root / "d", proxy=proxy, clock=clock)
    stop, started = asyncio.Event(), asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(
        serve_app(
            create_app(services), host="127.0.0.1", port=0, stop=stop, on_started=started.set_result
        )
    )
    async with async_playwright() as playwright:
        person = await playwright.chromium.launch(executable_path=find_browser().path)
        built = World(
            site, root, store, worker, windows, authenticator, guard, await started, person
        )
        try:
            yield built
        finally:
            await person.close()
            await windows.aclose()
            stop.set()
            await serving
            await built.worker.close()  # a test may have replaced it
            await proxy.close()
            await site.close()


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(tmp_path) as built:
        yield built
    # a killed browser's own children end a moment after it
    await until(lambda: processes_of(tmp_path) == [])
    assert list((tmp_path / "s" / "browser").glob("window-*")) == []


async def test_a_user_signs_in_through_the_page_and_the_waiting_job_continues(world: World) -> None:
    job = await world.waiting_job()
    assert await world.post_is_seen_as() == "out"
    page = await world.page(viewport={"width": 1400, "height": 1100})
    await page.goto(f"{world.address}/sessions")
    assert "1 post is waiting for you to sign in" in await page.inner_text("#lodge")

    await page.click("#lodge form[action$='/window'] button")
    screen = page.locator("#screen")
    await screen.wait_for(state="visible")
    await until(lambda: was_requested(world, "/login"))
    await painted(page, 60, 180)  # the grey of the button
    # A page takes no input in its first moments, and a user is not that fast.
    await page.wait_for_timeout(patient(1_000, most=3))
    assert "#" not in page.url  # the ticket does not stay in the URL
    await click(page, 100, 60)
    await page.keyboard.type(NAME)
    await page.keyboard.press("Tab")
    await page.fill("#text", PASSWORD)
    await page.click("#typing button")
    await page.wait_for_timeout(patient(700, most=3))
    await click(page, 100, 180)
    await until(lambda: any("fields" in request for request in world.site.seen))
    assert [request["fields"] for request in world.site.seen if "fields" in request] == [
        {"name": NAME, "password": PASSWORD}
    ]
    await page.wait_for_timeout(patient(500, most=3))
    await page.click("#done")
    await page.wait_for_url("**/sessions#lodge")

    assert "Signed in" in await page.inner_text("#lodge")
    assert (await world.store.catalogue.get(job.id)).status is JobStatus.QUEUED
    assert await world.post_is_seen_as() == "in"
    assert world.troubles == []


async def test_the_session_survives_the_browser_and_a_sign_out_ends_it(world: World) -> None:
    await sign_in_by_hand(world)
    assert await world.post_is_seen_as() == "in"
    await world.worker.close()
    world.worker = Chromium(
        state_dir=world.state,
        downloads_dir=world.root / "d",
        proxy=world.worker._proxy,
        clock=SystemClock(),
    )
    assert await world.post_is_seen_as() == "in"  # including the session cookie

    await world.authenticator.sign_out("lodge")
    assert await world.post_is_seen_as() == "out"
    await world.worker.close()


async def test_jobs_continue_anonymously_while_a_user_signs_in(world: World) -> None:
    await sign_in_by_hand(world)
    await world.windows.open("lodge")

    assert await world.post_is_seen_as() == "out"
    await world.windows.close()
    assert await world.post_is_seen_as() == "in"


async def test_the_next_job_uses_an_imported_session(world: World) -> None:
    assert await world.post_is_seen_as() == "out"
    lines = [
        "#HttpOnly_127.0.0.1\tFALSE\t/\tFALSE\t4102444800\tsid\tsecret-value",
        "127.0.0.1\tFALSE\t/\tFALSE\t0\tvisit\t1",
    ]
    await world.authenticator.import_cookies("lodge", "\n".join(lines))

    assert await world.post_is_seen_as() == "in"


async def test_the_window_has_the_user_agent_of_the_automated_browser_and_reaches_no_internal_host(
    world: World,
) -> None:
    """The sign-in page may embed anything: the egress guard protects the rest of this machine."""
    inside = LoginSite()
    await inside.start()
    world.site.picture = f"{inside.origin}/login"
    try:
        await world.post_is_seen_as()
        await world.windows.open("lodge")
        await until(lambda: was_requested(world, "/login"))
        await asyncio.sleep(patient(1.5, most=3))
        await world.windows.close()
    finally:
        await inside.close()

    assert len({request["agent"] for request in world.site.seen}) == 1
    assert inside.seen == []


async def test_on_a_desktop_the_window_opens_on_the_users_own_screen(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The desktop is an Xvnc without a viewer."""
    reading, writing = os.pipe()
    desktop = await asyncio.create_subprocess_exec(
        "Xvnc",
        "-displayfd",
        str(writing),
        "-rfbport",
        "-1",
        "-rfbunixpath",
        str(world.root / "desktop"),
        pass_fds=[writing],
        stderr=asyncio.subprocess.DEVNULL,
    )
    os.close(writing)
    try:
        number = (await asyncio.to_thread(os.read, reading, 16)).decode().strip()
        monkeypatch.setenv("DISPLAY", f":{number}")
        enough = asyncio.Event()

        async def enter_pressed() -> None:
            await enough.wait()

        task = BrowserTask(world.site.platform, f"{world.site.origin}/login")
        signing_in = asyncio.create_task(
            window_here(
                world.authenticator,
                world.guard,
                SystemClock(),
                task,
                executable=None,
                enough=enter_pressed,
            )
        )
        await until(lambda: was_requested(world, "/login"))
        enough.set()
        state = await signing_in
    finally:
        os.close(reading)
        desktop.terminate()
        await desktop.wait()

    assert state.signed_in is False


async def test_a_post_is_visited_signed_out_first_and_with_the_account_only_where_necessary(
    world: World,
) -> None:
    await sign_in_by_hand(world)
    world.site.seen.clear()
    public = await world.look("/open")
    assert (
        public.signed_in,
        [request["cookies"] for request in world.site.seen if request["cookies"]],
    ) == (False, [])

    world.site.seen.clear()
    members = await world.look("/members")
    assert (members.signed_in, len(members.items)) == (True, 1)
    shown = [request["cookies"] for request in world.site.seen if request["path"] == "/members"]
    assert shown == [[], ["sid", "visit"]]
    assert (await world.authenticator.state("lodge")).signed_in_as == NAME


async def test_without_a_session_a_post_is_visited_once(world: World) -> None:
    with pytest.raises(LoginRequired):
        await world.look("/members")

    assert [request["path"] for request in world.site.seen].count("/members") == 1


async def test_a_user_solves_a_challenge_in_a_window_on_the_post_and_the_job_continues(
    world: World,
) -> None:
    with pytest.raises(Challenge):
        await world.look("/guarded")
    job = await world.waiting_job("/guarded", ErrorCode.CHALLENGE)
    page = await world.page(viewport={"width": 1400, "height": 1100})
    await page.goto(f"{world.address}/jobs/{job.id}")
    await page.click("text=Answer it in a window")
    await page.locator("#screen").wait_for(state="visible")
    assert await page.inner_text("h1") == "Answer Lodge"
    await until(lambda: [request["path"] for request in world.site.seen].count("/guarded") == 2)
    await page.wait_for_timeout(patient(1_000, most=3))
    await painted(page, 60, 180)
    await page.wait_for_timeout(patient(1_000, most=3))
    await click(page, 100, 180)
    await until(lambda: any("answered" in request for request in world.site.seen))
    await page.wait_for_timeout(patient(500, most=3))
    await page.click("#done")
    await page.wait_for_url(f"**/jobs/{job.id}")

    assert (await world.store.catalogue.get(job.id)).status is JobStatus.QUEUED
    extraction = await world.look("/guarded")
    assert (extraction.signed_in, len(extraction.items)) == (True, 1)
    assert world.troubles == []


@pytest.mark.timeout(900)
async def test_one_sign_in_at_a_site_without_a_reader_lets_all_of_its_posts_be_saved(
    tmp_path: Path,
) -> None:
    """The whole vault, with several posts that met the login form while nobody was there;
    a user signs in on one of them.
    """
    site, clock = LoginSite(), SystemClock()
    await site.start()
    try:
        posts = [
            new_job(f"{site.origin}/members/{number}", clock=clock, platform="generic")
            for number in range(POSTS)
        ]
        async with open_store(
            Settings(state_dir=tmp_path / "state", download_dir=tmp_path / "downloads")
        ) as store:
            jobs = [result.job.id for result in await store.queue.enqueue(posts)]
            for claim in await store.queue.claim(WorkerId("w-1"), limit=POSTS, lease=_LEASE):
                await store.queue.fail(
                    claim, error_code=ErrorCode.LOGIN_REQUIRED, error="It asks.", retry_in=None
                )
        async with served(tmp_path, site) as (vault, address), browser() as person:
            page = await person.new_page(viewport={"width": 1400, "height": 1100})
            await page.goto(f"{address}/jobs/{jobs[2]}")
            await page.click("text=Sign in to")
            await page.locator("#screen").wait_for(state="visible")
            await painted(page, 60, 180)
            await page.wait_for_timeout(patient(1_000, most=3))
            await click(page, 100, 60)
            await page.keyboard.type(NAME)
            await page.keyboard.press("Tab")
            await page.fill("#text", PASSWORD)
            await page.click("#typing button")
            await page.wait_for_timeout(patient(700, most=3))
            await click(page, 100, 180)
            await until(lambda: any("fields" in request for request in site.seen))
            await page.wait_for_timeout(patient(500, most=3))
            await page.click("#done")
            await page.wait_for_url(f"**/jobs/{jobs[2]}")

            async def all_are_saved() -> bool:
                return (await vault.store.catalogue.report()).counts[JobStatus.COMPLETED] == len(
                    jobs
                )

            await until(all_are_saved, within_s=300)
            await page.goto(address)
            assert "asks you to sign in" not in await page.inner_text("main")
    finally:
        await site.close()


async def test_a_killed_process_leaves_no_window_behind(tmp_path: Path) -> None:
    site = LoginSite()
    await site.start()
    holder = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.acceptance.window_holder", str(tmp_path / "s"), str(site.port)
    )
    try:
        await until(lambda: any(request["path"] == "/login" for request in site.seen))
        assert list((tmp_path / "s" / "browser").glob("window-*"))
        holder.send_signal(signal.SIGKILL)
        await holder.wait()
        await until(lambda: processes_of(tmp_path) == [])
        await until(lambda: not list((tmp_path / "s" / "browser").glob("window-*")))
    finally:
        with contextlib.suppress(ProcessLookupError):
            holder.kill()
        await site.close()


# --- the window in the page -----------------------------------------------------------------------


async def test_the_window_accepts_text_in_every_script_the_clipboard_and_the_mouse_wheel(
    world: World,
) -> None:
    page = await notes_page(world, viewport={"width": 1400, "height": 1100}, permissions=CLIPBOARD)
    await click(page, 100, 100)
    for char in "aß@éЖ":
        await page.keyboard.type(char)
        await page.wait_for_timeout(patient(150, most=3))
    await until(lambda: world.site.notes["text"] == "aß@éЖ")
    await page.keyboard.press("Backspace")
    await page.evaluate("navigator.clipboard.writeText(' Grüße, 你好 ')")
    await page.keyboard.press("Control+v")
    await until(lambda: world.site.notes["text"] == "aß@é Grüße, 你好 ")

    await page.keyboard.press("Control+a")
    await page.keyboard.press("Control+c")
    await page.wait_for_function(
        "async (wanted) => (await navigator.clipboard.readText()) === wanted",
        arg="aß@é Grüße, 你好 ",
    )
    await page.mouse.wheel(0, 500)
    await until(lambda: world.site.notes["scrolled"] > 0)
    assert world.troubles == []


async def test_a_phone_shows_the_whole_width_and_scrolls_with_one_finger(world: World) -> None:
    page = await notes_page(
        world, narrow=True, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    )
    box = await page.locator("#screen").bounding_box()
    assert box["x"] >= 0
    assert 300 < box["width"] <= 390
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390

    await page.touchscreen.tap(box["x"] + 80, box["y"] + 80)
    await page.click("#keyboard")
    await page.keyboard.type("ok")
    await until(lambda: world.site.notes["text"] == "ok")
    finger = await page.context.new_cdp_session(page)
    x, y = box["x"] + 200, box["y"] + 300
    await finger.send(
        "Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]}
    )
    for moved in range(10, 210, 10):
        await finger.send(
            "Input.dispatchTouchEvent",
            {"type": "touchMove", "touchPoints": [{"x": x, "y": y - moved}]},
        )
    await finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    await until(lambda: world.site.notes["scrolled"] > 0)
    assert world.troubles == []


async def test_a_viewer_reconnects_automatically_and_loses_the_window_to_the_next_one(
    world: World,
) -> None:
    first = await notes_page(world)
    address = first.url
    showing = world.windows._showing
    assert showing is not None
    assert showing.connection is not None
    former = showing.connection
    former.close()
    await until(lambda: showing.connection not in (None, former))
    await first.wait_for_function("() => document.querySelector('#screen canvas')?.width > 0")
    await click(first, 100, 100)
    await first.keyboard.type("still here")
    await until(lambda: world.site.notes["text"] == "still here")

    ticket = await open_notes(world)
    second = await viewed(world, ticket)
    await first.get_by_text("The window is shown elsewhere now.").wait_for()
    again = await world.page()
    await again.goto(f"{address}#{ticket}")
    await again.get_by_text("This link has already been used.").wait_for()
    assert await second.locator("#screen").is_visible()
    assert world.troubles == []


async def test_signing_out_of_the_vault_closes_the_window(tmp_path: Path) -> None:
    async with a_world(tmp_path, token=TOKEN) as world:
        context = await world.person.new_context()
        page = await context.new_page()
        await page.goto(f"{world.address}/login")
        await page.fill("#password", TOKEN)
        await page.click("form[action='/login'] button")
        await page.goto(f"{world.address}/sessions/window#{await open_notes(world)}")
        await page.locator("#screen canvas").wait_for()
        await until(lambda: is_connected(world))
        other = await context.new_page()
        await other.goto(f"{world.address}/you")
        await other.click("form[action='/logout'] button")

        await page.wait_for_url("**/login")
        assert not is_connected(world)


# --- user actions ---------------------------------------------------------------------------------


async def sign_in_by_hand(world: World) -> None:
    """Sign in without a page, with a VNC viewer on the window's screen."""
    viewer = world.windows.admit(await world.windows.open("lodge"))
    async with world.windows.connect(viewer.key) as screen, rfb.greeted(screen):
        await until(lambda: was_requested(world, "/login"))
        await asyncio.sleep(patient(1.5, most=3))
        await screen.write(rfb.click(100, 60))
        await rfb.type_slowly(screen, NAME)
        await screen.write(rfb.stroke(rfb.TAB))
        await rfb.type_slowly(screen, PASSWORD)
        await screen.write(rfb.stroke(rfb.ENTER))
        await until(lambda: any("fields" in request for request in world.site.seen))
        await asyncio.sleep(patient(0.5, most=3))
    state = await world.windows.close()
    assert state is not None
    assert state.signed_in


async def open_notes(world: World, *, narrow: bool = False) -> str:
    """Return the ticket of a window on a page that reports what is typed into it."""
    return await world.windows.run(
        BrowserTask(world.site.platform, f"{world.site.origin}/notes"), narrow=narrow
    )


async def viewed(world: World, ticket: str, **options: Any) -> Any:
    page = await world.page(**options)
    await page.goto(f"{world.address}/sessions/window#{ticket}")
    await page.wait_for_function("() => document.querySelector('#screen canvas')?.width > 0")
    return page


async def notes_page(world: World, *, narrow: bool = False, **options: Any) -> Any:
    page = await viewed(world, await open_notes(world, narrow=narrow), **options)
    await until(lambda: was_requested(world, "/notes"))
    # a page takes no input in its first moments
    await page.wait_for_timeout(patient(1_500, most=3))
    return page


def is_connected(world: World) -> bool:
    showing = world.windows._showing
    return showing is not None and showing.connection is not None


async def click(page: Any, x: int, y: int) -> None:
    """Click at a pixel of the screen, wherever and however large the page shows it."""
    box = await page.locator("#screen").bounding_box()
    scale = box["width"] / 1280
    await page.mouse.click(box["x"] + x * scale, box["y"] + y * scale)


async def painted(page: Any, x: int, y: int) -> None:
    """Wait until the screen shows something other than white at a pixel."""
    await page.wait_for_function(
        "([x, y]) => { if (!document.querySelector('#screen canvas')?.width) return false; const p"
        " = document.querySelector('#screen canvas').getContext('2d').getImageData(x, y, 1,"
        " 1).data;"
        " return p[3] === 255 && p[0] > 0 && p[0] < 250; }",
        arg=[x, y],
        timeout=patient(30_000),
    )


def was_requested(world: World, path: str) -> bool:
    return any(request["path"] == path for request in world.site.seen)
