"""Lists by yt-dlp in its child process: the real one, with an extractor of a site on loopback."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from mediavault.app.ytdlp_upkeep import examination
from mediavault.core.clock import SystemClock
from mediavault.core.failures import HttpError, RateLimited, SeemsDeleted, ToolMissing, Unsupported
from mediavault.core.listings import ALL_KINDS, EntryKind, ListCheck, Listing
from mediavault.core.platform import AddressPattern, ListRules, Platform, YtdlpRules
from mediavault.egress.guard import EgressGuard
from mediavault.egress.proxy import EgressProxy
from mediavault.extraction.ytdlp_extractor import YtdlpLister
from mediavault.extraction.ytdlp_home import YtdlpInstallation, home_of, is_version, use
from mediavault.extraction.ytdlp_process import try_out
from tests.patience import patient
from tests.unit.egress.servers import Request, Site, ok, running

PAGE_SIZE = 3
PAGES = 5

# A newer yt-dlp in the state folder: the installed one, with extractors for one more site.
PLANTED = """
import pathlib, sys
sys.path.remove(str(pathlib.Path(__file__).parent.parent))
del sys.modules["yt_dlp"]
import yt_dlp
from yt_dlp.extractor import import_extractors
from yt_dlp.extractor.common import InfoExtractor
from yt_dlp.globals import extractors
from yt_dlp.utils import OnDemandPagedList
import_extractors()

class TubeTabIE(InfoExtractor):
    IE_NAME = "tube:tab"
    _VALID_URL = r"http://127.0.0.1:\\d+/@(?P<id>\\w+)/(?P<tab>videos|shorts)$"
    def _real_extract(self, url):
        name, tab = self._match_valid_url(url).group("id", "tab")
        first = self._page(url, 0)
        if not first:
            self.raise_no_formats(f"This channel does not have a {tab} tab", expected=True)
            raise yt_dlp.utils.ExtractorError(f"This channel does not have a {tab} tab", expected=True)
        return self.playlist_result(self._entries(url, first), "UC1", name + " - Videos", channel=name, channel_id="UC1",
            uploader_id="@" + name, thumbnails=[{"url": "http://127.0.0.1/face.jpg"}])
    def _page(self, url, number):
        return self._download_json(url + "/page", None, query={"number": number}, fatal=number != 3)
    def _entries(self, url, videos):
        number = 0
        while videos:
            for video in videos:
                yield self.url_result(re_url(url, video["id"]), "Tube", video["id"], video["title"],
                    timestamp=1_700_000_000 if self._configuration_arg("approximate_date", ie_key="YoutubeTab") else None,
                    live_status=video.get("status"), duration=60)
            number += 1
            videos = self._page(url, number)

class TubeListIE(TubeTabIE):
    IE_NAME = "tube:list"
    _VALID_URL = r"http://127.0.0.1:\\d+/list/(?P<id>\\w+)$"
    def _real_extract(self, url):
        def fetch(number):
            for video in self._page(url, number):
                yield self.url_result(re_url(url, video["id"]), "Tube", video["id"])
        return self.playlist_result(OnDemandPagedList(fetch, 3), self._match_id(url), "A list")

class TubeMovedIE(InfoExtractor):
    IE_NAME = "tube:moved"
    _VALID_URL = r"http://127.0.0.1:\\d+/user/(?P<id>\\w+)$"
    def _real_extract(self, url):
        return self.url_result(url.replace("/user/", "/@") + "/videos", TubeTabIE)

class TubeIE(InfoExtractor):
    _VALID_URL = r"http://127.0.0.1:\\d+/watch/(?P<id>\\w+)$"
    def _real_extract(self, url):
        self._download_webpage(url, "post")

def re_url(url, video):
    return "/".join(url.split("/")[:3]) + "/watch/" + video

for ie in (TubeTabIE, TubeListIE, TubeMovedIE, TubeIE):
    extractors.value[ie.__name__] = ie
"""  # noqa: E501


def plant(state: Path) -> None:
    package = home_of(state) / "2999.01.01" / "yt_dlp"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(PLANTED)
    use(home_of(state), "2999.01.01")


def platform_of(site: Site) -> Platform:
    def rules(path: str, canonical: str, *names: str, **more: object) -> ListRules:
        pattern = AddressPattern(re.compile(path), canonical=f"{site.url}{canonical}")
        return ListRules(pattern, names, **more)  # type: ignore[arg-type]

    tabs = {EntryKind.VIDEO: "videos", EntryKind.SHORT: "shorts"}
    account = {
        "tabs": tabs,
        "newest_first": True,
        "rough_dates": True,
        "key": "channel_id",
        "title": "channel",
    }
    return Platform(
        name="tube",
        title="Tube",
        ytdlp=YtdlpRules(("tube",)),
        lists=(
            rules(
                r"^/@(?P<name>\w+)(?:/(?P<tab>videos|shorts))?$",
                "/@{name}/{tab}",
                "tube:tab",
                **account,
            ),
            rules(r"^/list/(?P<name>\w+)$", "/list/{name}", "tube:list", key="id"),
            rules(
                r"^/user/(?P<name>\w+)$", "/user/{name}", "tube:(?:moved|tab)", newest_first=True
            ),
            rules(r"^/unknown$", "/unknown", "tube:tab"),
        ),
    )


def page(request: Request) -> bytes:
    number = int(request.path.rpartition("=")[2])
    videos = [{"id": f"v{number * PAGE_SIZE + n}", "title": f"Nr. {n}"} for n in range(PAGE_SIZE)]
    return ok(
        json.dumps(videos if number < PAGES else []).encode(), "Content-Type: application/json"
    )


def asked(site: Site) -> list[str]:
    return [request.path for request in site.requests]


@asynccontextmanager
async def listing_site() -> AsyncIterator[Site]:
    async with running() as site:
        site.answers = {"/@jane/videos/page": page, "/list/one/page": page}
        yield site


async def read(tmp_path: Path, site: Site, path: str = "/@jane/videos", **check: object) -> Listing:
    plant(tmp_path)
    guard = EgressGuard((f"127.0.0.1:{site.port}",))
    proxy = EgressProxy(guard)
    await proxy.start()
    try:
        lister = YtdlpLister(proxy, SystemClock(), state_dir=tmp_path, pause_s=0)
        wanted = ListCheck(f"{site.url}{path}", **check)  # type: ignore[arg-type]
        return await lister.list_entries(wanted, platform_of(site), within_s=patient(60, most=3))
    finally:
        await proxy.close()
        guard.close()


async def test_an_account_is_listed_with_its_key_and_no_post_of_it_is_visited(
    tmp_path: Path,
) -> None:
    async with listing_site() as site:
        listing = await read(tmp_path, site)

        assert [entry.post_id for entry in listing.entries] == [
            f"v{n}" for n in range(PAGES * PAGE_SIZE)
        ]
        assert listing.entries[0].url == f"{site.url}/watch/v0"
        assert asked(site) == [f"/@jane/videos/page?number={n}" for n in range(PAGES + 1)]
    assert (listing.stable_id, listing.title, listing.handle) == ("UC1", "jane", "@jane")
    assert (listing.is_whole, listing.is_newest_first, listing.method) == (True, True, "ytdlp")
    assert {entry.kind for entry in listing.entries} == {EntryKind.VIDEO}
    assert {(entry.published_at is not None, entry.is_date_exact) for entry in listing.entries} == {
        (True, False)
    }


@pytest.mark.parametrize("path", ["/@jane/videos", "/list/one"])
async def test_pages_behind_the_last_entry_that_is_wanted_are_never_requested(
    tmp_path: Path, path: str
) -> None:
    async with listing_site() as site:
        listing = await read(tmp_path, site, path, limit=2 * PAGE_SIZE)

        assert asked(site) == [f"{path}/page?number={n}" for n in range(2)]
    assert (len(listing.entries), listing.is_whole) == (2 * PAGE_SIZE, False)


async def test_pages_behind_known_posts_are_never_requested(tmp_path: Path) -> None:
    async with listing_site() as site:
        listing = await read(tmp_path, site, known=("v1", "v2", "v3"), stop_after_known=3)

        assert asked(site) == [f"/@jane/videos/page?number={n}" for n in range(2)]
    assert (len(listing.entries), listing.is_whole) == (4, False)


async def test_known_posts_do_not_end_a_list_of_any_order(tmp_path: Path) -> None:
    async with listing_site() as site:
        listing = await read(tmp_path, site, "/list/one", known=("v0", "v1"), stop_after_known=2)

    assert (len(listing.entries), listing.is_newest_first, listing.is_whole) == (
        PAGES * PAGE_SIZE,
        False,
        True,
    )


async def test_what_was_read_before_a_failure_is_kept(tmp_path: Path) -> None:
    async with listing_site() as site:

        def breaking(request: Request) -> bytes:
            return page(request) if request.path.endswith(("0", "1")) else ok(status="500 Oops")

        site.answers = {"/@jane/videos/page": breaking}
        listing = await read(tmp_path, site)

    assert (len(listing.entries), listing.is_whole) == (2 * PAGE_SIZE, False)


async def test_a_list_that_its_extractor_ends_early_with_a_warning_is_not_whole(
    tmp_path: Path,
) -> None:
    async with listing_site() as site:

        def breaking(request: Request) -> bytes:
            return ok(status="500 Oops") if request.path.endswith("3") else page(request)

        site.answers = {"/@jane/videos/page": breaking}
        listing = await read(tmp_path, site)

    assert (len(listing.entries), listing.is_whole) == (3 * PAGE_SIZE, False)


async def test_each_wanted_kind_is_read_and_one_that_is_not_there_is_empty(tmp_path: Path) -> None:
    async with listing_site() as site:
        site.answers = {
            "/@jane/videos/page": page,
            "/@jane/shorts/page": ok(b"[]", "Content-Type: application/json"),
        }
        listing = await read(tmp_path, site, "/@jane", kinds=ALL_KINDS, limit=100)

        assert "/@jane/shorts/page?number=0" in asked(site)
    assert (len(listing.entries), listing.is_whole, listing.is_newest_first) == (
        PAGES * PAGE_SIZE,
        True,
        False,
    )


async def test_a_list_behind_an_old_address_is_found(tmp_path: Path) -> None:
    async with listing_site() as site:
        assert len((await read(tmp_path, site, "/user/jane", limit=1)).entries) == 1


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        ("404 Not Found", SeemsDeleted),
        ("429 Too Many Requests", RateLimited),
        ("502 Bad Gateway", HttpError),
    ],
)
async def test_a_list_that_cannot_be_read_is_a_failure(
    tmp_path: Path, status: str, failure: type[Exception]
) -> None:
    async with running() as site:
        site.answers = {"/@jane/videos/page": ok(status=status)}
        with pytest.raises(failure):
            await read(tmp_path, site)


@pytest.mark.parametrize("path", ["/unknown", "/watch/v1"])
async def test_what_no_list_extractor_knows_is_not_requested(tmp_path: Path, path: str) -> None:
    async with listing_site() as site:
        with pytest.raises(Unsupported):
            await read(tmp_path, site, path)

        assert asked(site) == []


# --- the trial of a new version -------------------------------------------------------------------

LACKING = PLANTED[: PLANTED.index("class TubeTabIE")] + "extractors.value.clear()"
BROKEN = (
    PLANTED[: PLANTED.index("class TubeTabIE")]
    + "yt_dlp.YoutubeDL.process_video_result = lambda *_, **__: {}"
)


def changed(folder: Path, text: str) -> YtdlpInstallation:
    (folder / "library" / "yt_dlp").mkdir(parents=True)
    (folder / "library" / "yt_dlp" / "__init__.py").write_text(text)
    (folder / "empty").mkdir()
    return YtdlpInstallation(None, folder / "library")


async def test_the_installed_version_passes_its_trial_without_any_network(tmp_path: Path) -> None:
    names = examination().keywords["extractors"]

    assert is_version(
        await try_out(YtdlpInstallation(None, None), tmp_path, extractors=names) or ""
    )


@pytest.mark.parametrize(
    ("text", "words"), [(LACKING, "lacks the extractors"), (BROKEN, "could not read a post")]
)
async def test_a_version_without_extractors_or_with_a_broken_core_fails(
    tmp_path: Path, text: str, words: str
) -> None:
    with pytest.raises(ToolMissing, match=words):
        await try_out(changed(tmp_path, text), tmp_path / "empty", extractors=["youtube", "vimeo"])
