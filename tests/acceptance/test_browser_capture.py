"""The browser adapter with a real Chromium behind the real egress proxy,
on all kinds of difficult pages.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio

from mediavault.browser.chromium import Chromium
from mediavault.browser.discovery import find_browser
from mediavault.browser.port import BrowserDownload, PageCapture
from mediavault.core.bandwidth_limiter import BandwidthLimiter, SiteBandwidth, SlowTransferDetector
from mediavault.core.clock import SystemClock
from mediavault.core.failures import (
    AddressRefused,
    BrowserUnavailable,
    Deleted,
    Drm,
    EmptyBody,
    Failure,
    HttpError,
    Incomplete,
    LinkExpired,
    NetworkFailure,
    NotAVideo,
    PageTooHeavy,
    RateLimited,
    TookTooLong,
    TooLarge,
)
from mediavault.core.media import Candidate, NoVideo, SourceType
from mediavault.core.settings import ChangeableSettings
from mediavault.core.urls import EgressScope, parse_http_url
from mediavault.egress.guard import EgressGuard
from mediavault.egress.proxy import EgressProxy
from mediavault.extraction.browser_extractor import BrowserExtractor
from mediavault.extraction.ranking import choose_candidate, items_to_save
from mediavault.platforms.generic import GENERIC
from mediavault.platforms.registry import identify
from tests.acceptance.browser_site import VIDEO_S, BrowserSite, video
from tests.patience import patient, until
from tests.stubs import ReaderHere

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(find_browser().path is None, reason="no browser is installed"),
    pytest.mark.asyncio(loop_scope="module"),
]

WITHIN_S = 60.0  # for one visit


@dataclass
class World:
    """A site, the proxy in front of it, and browsers on one state folder."""

    site: BrowserSite
    proxy: EgressProxy
    state: Path
    downloads: Path
    # all are closed with the world, even if a test forgot to
    made: list[Chromium] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.browser = self.another()

    def another(self, *, memory_limit: int | None = None) -> Chromium:
        browser = Chromium(
            state_dir=self.state,
            downloads_dir=self.downloads,
            proxy=self.proxy,
            clock=SystemClock(),
            memory_limit=memory_limit,
        )
        self.made.append(browser)
        return browser

    async def capture(
        self, path: str, *, within_s: float = WITHIN_S, signed_in: bool = False
    ) -> PageCapture:
        """Visit the page. ``within_s`` is for an idle machine."""
        url = self.site.origin + path
        return await self.browser.capture(
            url,
            scope=EgressScope(url),
            platform=GENERIC,
            within_s=patient(within_s, most=3),
            signed_in=signed_in,
        )

    async def cookies(self, *, signed_in: bool, of: Chromium | None = None) -> set[str]:
        return {
            c.name
            for c in await (of or self.browser).cookies(self.site.origin, signed_in=signed_in)
        }

    async def choice(self, path: str) -> Candidate:
        """Return the candidate that would be saved for the post at ``path``."""
        post, platform = identify(parse_http_url(self.site.origin + path))
        extraction = await BrowserExtractor(self.browser, SystemClock(), ReaderHere()).extract(
            post, platform, within_s=patient(WITHIN_S)
        )
        (item,) = items_to_save(extraction)
        return choose_candidate(item)

    async def download(
        self,
        path: str,
        into: Path,
        *,
        max_bytes: int = 1 << 30,
        slow_s: float = 60.0,
        bandwidth: SiteBandwidth | None = None,
    ) -> BrowserDownload:
        into.mkdir(exist_ok=True)
        return await self.browser.download(
            self.site.origin + path,
            scope=EgressScope(self.site.origin),
            referer=f"{self.site.origin}/plain?from=post",
            into=into,
            max_bytes=max_bytes,
            within_s=patient(WITHIN_S),
            floor=SlowTransferDetector(1_024, slow_s),
            on_progress=lambda *_: None,
            bandwidth=bandwidth,
        )


@asynccontextmanager
async def a_world(root: Path) -> AsyncIterator[World]:
    site = BrowserSite()
    await site.start()
    proxy = EgressProxy(EgressGuard([f"127.0.0.1:{site.port}"]))
    await proxy.start()
    built = World(site, proxy, root / "s", root / "d")
    try:
        yield built
    finally:
        for browser in built.made:
            await browser.close()
        await proxy.close()
        await site.close()
    await until(lambda: not processes_of(root))


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with a_world(tmp_path_factory.mktemp("b")) as shared:
        yield shared


def processes_of(folder: Path) -> list[str]:
    """Return the command lines of living processes that name the folder."""
    command_lines = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (
                (process / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            )
            state = (process / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if str(folder) in line and state != "Z":
            command_lines.append(line)
    return command_lines


def renderers_of(browser_pid: int) -> list[int]:
    renderers = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_bytes()
            group = os.getpgid(int(process.name))
        except OSError:
            continue
        if b"--type=renderer" in line and group == browser_pid:
            renderers.append(int(process.name))
    return renderers


# --- finding the video ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "expected", "kind"),
    [
        ("/plain", "/v/plain.mp4", SourceType.DIRECT),
        ("/click", "/v/clicked.mp4", SourceType.DIRECT),
        ("/consent", "/v/declined.mp4", SourceType.DIRECT),
        ("/mse", "/hls/mse.m3u8?token=1", SourceType.HLS),
        ("/native-hls", "/hls/native.m3u8", SourceType.HLS),
        ("/advert", "/v/post.mp4", SourceType.DIRECT),
        ("/frame", "/v/framed.mp4", SourceType.DIRECT),
        ("/worker", "/hls/worker.m3u8", SourceType.HLS),
        ("/v/plain.mp4", "/v/plain.mp4", SourceType.DIRECT),
        ("/disposition", "/disposition", SourceType.DIRECT),
        ("/hls/native.m3u8", "/hls/native.m3u8", SourceType.HLS),
    ],
)
async def test_the_posts_own_video_is_found(
    world: World, path: str, expected: str, kind: SourceType
) -> None:
    candidate = await world.choice(path)

    assert (candidate.url.removeprefix(world.site.origin), candidate.source_type) == (
        expected,
        kind,
    )


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/text", NoVideo), ("/status/404", Deleted), ("/drm", Drm), ("/status/429", RateLimited)],
)
async def test_a_page_without_a_video_to_save_says_why(
    world: World, path: str, kind: type[Failure]
) -> None:
    with pytest.raises(kind):
        await world.choice(path)


async def test_json_that_the_page_reads_as_a_blob_is_read_completely(world: World) -> None:
    seen = await world.capture("/blob-json")
    (body,) = [r.body for r in seen.responses if r.url.endswith("/api/post.json")]

    assert body is not None
    assert json.loads(body)["id"] == 7
    assert seen.title.startswith("read 200")


async def test_media_are_recorded_by_url_and_size_and_never_read(world: World) -> None:
    seen = await world.capture("/plain")
    media = [r for r in seen.responses if r.resource_type == "media"]

    assert media
    assert {(r.body, r.size) for r in media} == {(None, len(video()))}
    assert all("cookie" not in r.request_headers for r in seen.responses)


async def test_the_players_sound_and_duration_are_reported(world: World) -> None:
    (played,) = (await world.capture("/plain")).videos

    assert played.has_audio
    assert played.duration_s == pytest.approx(VIDEO_S, abs=0.1)


async def test_a_players_place_in_the_page_is_reported_that_of_a_frame_too(world: World) -> None:
    seen = await world.capture("/places")

    assert {video.current_src.rpartition("/")[2]: video.container for video in seen.videos} == {
        "post.mp4": "article:0",
        "aside.mp4": "aside",
        "framed.mp4": "aside",
        "box.mp4": "",
    }


async def test_the_user_agent_is_the_same_as_with_a_window(world: World) -> None:
    seen = await world.capture("/plain")
    (request_headers, *_) = world.site.headers_of("/plain")

    assert "Headless" not in seen.user_agent
    assert request_headers["user-agent"] == seen.user_agent == await world.browser.user_agent()


# --- pages that misbehave -------------------------------------------------------------------------


async def test_a_spinning_page_ends_within_its_time_and_others_continue(world: World) -> None:
    async with asyncio.timeout(patient(60)):
        spinning, plain = await asyncio.gather(
            world.capture("/spin", within_s=15.0), world.capture("/plain")
        )

    assert spinning.extra["unresponsive"]
    assert "while(1)" in spinning.html
    assert len(plain.videos) == 1


@pytest.mark.parametrize("path", ["/alerts", "/reload", "/popups"])
async def test_a_page_of_dialogs_reloads_or_pop_ups_is_read(world: World, path: str) -> None:
    """The visit ends when the page has been read, not when its time is up."""
    async with asyncio.timeout(patient(60)):
        seen = await world.capture(path, within_s=600)

    assert seen.status == 200
    assert len(seen.extra["navigations"]) <= 50


async def test_a_page_of_sixty_megabytes_ends_within_its_time(world: World) -> None:
    async with asyncio.timeout(patient(60)):
        # it depends on how much has been rendered when the page is read
        with contextlib.suppress(PageTooHeavy):
            await world.capture("/huge", within_s=20.0)


async def test_a_page_that_starts_endless_downloads_writes_no_file(world: World) -> None:
    before = world.site.sent
    await world.capture("/downloads")

    # megabytes that the site could push before it was cut off
    assert world.site.sent - before < 100
    assert [f for f in world.downloads.rglob("*") if f.is_file()] == []


async def test_a_dead_server_is_a_network_failure(world: World) -> None:
    with pytest.raises((NetworkFailure, AddressRefused)):
        await world.browser.capture(
            "http://127.0.0.1:9/",
            scope=EgressScope("http://127.0.0.1:9/"),
            platform=GENERIC,
            within_s=10,
        )


# --- the browser's own download -------------------------------------------------------------------


async def test_an_inline_video_is_saved_with_cookie_and_referer(
    world: World, tmp_path: Path
) -> None:
    await world.capture("/login")
    download = await world.download("/guarded/a.mp4", tmp_path / "into")

    request_headers = world.site.headers_of("/guarded/a.mp4")[-1]
    assert download.path.read_bytes()[4:8] == b"ftyp"
    assert (download.bytes, download.content_type) == (download.path.stat().st_size, "video/mp4")
    assert request_headers["referer"] == f"{world.site.origin}/plain?from=post"
    assert "session=secret" in request_headers["cookie"]


async def test_a_redirected_file_is_saved(world: World, tmp_path: Path) -> None:
    download = await world.download("/moved", tmp_path / "into")

    assert download.url == f"{world.site.origin}/v/plain.mp4"


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/status/403", LinkExpired),
        ("/status/404", HttpError),
        ("/status/429", RateLimited),
        ("/text", NotAVideo),
        ("/empty", EmptyBody),
        ("/cut", Incomplete),
    ],
)
async def test_a_response_that_is_not_a_whole_video_is_not_saved(
    world: World, tmp_path: Path, path: str, kind: type[Failure]
) -> None:
    with pytest.raises(kind):
        await world.download(path, tmp_path / "into")

    assert list((tmp_path / "into").iterdir()) == []
    assert [f for f in world.downloads.rglob("*") if f.is_file()] == []


async def test_the_browser_keeps_its_half_of_a_bandwidth_limit(
    world: World, tmp_path: Path
) -> None:
    """Without one it would take the 4 MB in some tenths of a second."""
    clock = SystemClock()

    async def settings() -> ChangeableSettings:
        return ChangeableSettings(bandwidth="2 MB/s")

    bandwidth = BandwidthLimiter(clock, settings)
    saving = asyncio.ensure_future(
        world.download("/endless", tmp_path / "into", bandwidth=bandwidth.of_site("x"))
    )
    await until(lambda: bandwidth.received > 0 or saving.done())
    begun_s, begun = clock.monotonic(), bandwidth.received
    await until(lambda: bandwidth.received >= begun + 4_000_000 or saving.done())
    took_s = clock.monotonic() - begun_s
    saving.cancel()
    await asyncio.gather(saving, return_exceptions=True)

    assert took_s > 2.5


async def test_a_file_of_unknown_length_is_stopped_at_the_limit(
    world: World, tmp_path: Path
) -> None:
    with pytest.raises(TooLarge):
        await world.download("/slow", tmp_path / "into", max_bytes=1 << 20)

    assert list((tmp_path / "into").iterdir()) == []


# --- cookies, crashes, and clean-up ---------------------------------------------------------------


async def test_a_download_from_a_very_slow_server_is_given_up(world: World, tmp_path: Path) -> None:
    with pytest.raises(TookTooLong, match="bytes a second"):
        await world.download("/drip", tmp_path / "kept", slow_s=3.0)
    assert list((tmp_path / "kept").iterdir()) == []


async def test_a_session_cookie_survives_a_killed_browser(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world:
        await world.capture("/login", signed_in=True)
        assert world.browser.pid is not None
        os.kill(world.browser.pid, signal.SIGKILL)
        await until(lambda: world.browser.pid is None)
        saved = await world.cookies(signed_in=True)
        seen = await world.capture("/plain")
        restored = await world.cookies(signed_in=True)

    assert len(seen.videos) == 1
    assert saved == restored == {"session", "kept"}


async def test_anonymous_visits_and_the_profile_do_not_share_cookies(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world:
        await world.capture("/login", signed_in=True)
        await world.capture("/text")
        assert "cookie" not in world.site.headers_of("/text")[-1]
        assert await world.cookies(signed_in=False) == set()
        await world.capture("/text", signed_in=True)
        assert "session=secret" in world.site.headers_of("/text")[-1]["cookie"]

        await world.browser.close()
        world.browser = world.another()
        await world.capture("/login")  # signed out: this session is lost when the browser exits
        assert await world.cookies(signed_in=False) == {"session", "kept"}
        await world.browser.close()
        assert "kept" in (world.state / "browser" / "cookies.json").read_text()
        world.browser = world.another()
        await world.capture("/text")
        assert "cookie" not in world.site.headers_of("/text")[-1]


async def test_a_browser_killed_during_a_visit_is_started_again_for_it(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world:
        visit = asyncio.ensure_future(world.capture("/text"))
        await until(lambda: world.site.headers_of("/text"))
        assert world.browser.pid is not None
        os.kill(world.browser.pid, signal.SIGKILL)

        assert (await visit).status == 200


async def test_a_renderer_that_dies_ends_only_its_visit(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world:
        visit = asyncio.ensure_future(world.capture("/text"))
        await until(lambda: world.site.headers_of("/text"))
        browser = world.browser.pid
        assert browser is not None
        for pid in renderers_of(browser):
            os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(NetworkFailure):  # it died before the page had loaded
            assert (await visit).status == 200

        assert (await world.capture("/plain")).status == 200
        assert world.browser.pid == browser


async def test_a_browser_that_hangs_is_killed_and_replaced(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world:
        await world.capture("/plain")
        hung = world.browser.pid
        assert hung is not None
        visit = asyncio.ensure_future(world.capture("/text", within_s=16.0))
        await until(lambda: world.site.headers_of("/text"))
        os.killpg(hung, signal.SIGSTOP)
        # or a new browser repeats the visit, if there is time for that
        with suppress(BrowserUnavailable):
            await visit
        seen = await world.capture("/plain")

        assert len(seen.videos) == 1
        assert world.browser.pid != hung


async def test_a_second_process_on_the_same_state_folder_works_anonymously(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world:
        await world.capture("/login", signed_in=True)
        second = world.another()
        try:
            url = f"{world.site.origin}/plain"
            seen = await second.capture(
                url, scope=EgressScope(url), platform=GENERIC, within_s=patient(WITHIN_S)
            )
            cookies = await world.cookies(signed_in=True, of=second)
        finally:
            await second.close()

        assert len(seen.videos) == 1
        assert cookies == set()
        assert list((world.state / "browser").glob("anon-*")) == []


async def test_a_stale_lock_of_another_host_does_not_prevent_the_start(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world:
        profile = world.state / "browser" / "profile"
        profile.mkdir(parents=True)
        (profile / "SingletonLock").symlink_to("otherhost-123")

        assert (await world.capture("/text")).status == 200


async def test_nothing_is_left_after_closing(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world:
        await world.capture("/plain")
        running = processes_of(tmp_path)
        await world.browser.close()
        await until(lambda: not processes_of(tmp_path))

        assert running
        assert list(world.downloads.iterdir()) == []
        assert not (world.state / "browser" / "tmp").exists()


async def test_a_cancelled_visit_closes_its_page(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world:
        visit = asyncio.ensure_future(world.capture("/alerts"))
        await until(lambda: world.site.headers_of("/alerts"))
        visit.cancel()
        with pytest.raises(asyncio.CancelledError):
            await visit
        browser = world.browser.pid

        assert (await world.capture("/plain")).status == 200
        assert world.browser.pid == browser


async def test_many_visits_at_once_all_succeed(world: World) -> None:
    seen = await asyncio.gather(*(world.capture("/plain" if n % 2 else "/mse") for n in range(6)))

    assert all(len(s.videos) == 1 for s in seen)
