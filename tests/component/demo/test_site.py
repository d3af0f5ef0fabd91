"""What the practice site answers to a page's player, a browser's navigation and other clients;
without a socket.

``tests/acceptance/test_practice_site_pages.py`` requests the site over sockets.
"""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from mediavault.demo.faults import (
    FAULTS,
    RETRY_AFTER_S,
    SESSION_COOKIE,
    ClientKind,
    CutResponse,
    caller,
)
from mediavault.demo.media import Clip, ClipSpec
from mediavault.demo.posts import BY_SLUG, LIVE, POSTS, SPECS, PracticePost, Shows
from mediavault.demo.site import PracticeSite, practice_site, requested_range
from tests.fakes import FakeClock
from tests.patience import patient

PLAYER = {"sec-fetch-dest": "video", "sec-fetch-mode": "no-cors", "range": "bytes=0-"}
NAVIGATION = {"sec-fetch-dest": "document", "sec-fetch-mode": "navigate"}
SAVER: dict[str, str] = {}
WITH_PAGE = [post for post in POSTS if post.shows not in {Shows.TOMBSTONE, Shows.LOGIN}]


async def ask(
    site: PracticeSite, url: str, headers: dict[str, str] = SAVER, *, method: str = "GET"
) -> web.Response:
    return await site.answer(make_mocked_request(method, url, headers=headers))


def body(response: web.Response) -> bytes:
    assert isinstance(response.body, bytes)
    return response.body


async def save(site: PracticeSite, slug: str, headers: dict[str, str] = SAVER) -> web.Response:
    return await ask(site, f"/media/{slug}/1/video.mp4", headers)


async def visit(site: PracticeSite, slug: str) -> str:
    return body(await ask(site, f"/posts/{slug}", NAVIGATION)).decode()


def is_video(site: PracticeSite, slug: str, response: web.Response) -> bool:
    return response.status in {200, 206} and body(response) == site.clips[slug].files["video.mp4"]


def linked_data(page: str) -> Any:
    (block,) = re.findall(r'<script type="application/ld\+json">(.*?)</script>', page)
    return json.loads(block)


async def signed_link(site: PracticeSite, slug: str) -> str:
    """Visit the post and return the media URL that its page names."""
    return str(linked_data(await visit(site, slug))["contentUrl"]).removeprefix(site.origin)


@pytest.mark.parametrize(
    ("headers", "wanted"),
    [
        (PLAYER, ClientKind.PLAYER),
        ({"sec-fetch-dest": "empty", "sec-fetch-mode": "cors"}, ClientKind.PLAYER),
        (NAVIGATION, ClientKind.NAVIGATION),
        ({"sec-fetch-dest": "document", "sec-fetch-mode": "no-cors"}, ClientKind.CLIENT),
        ({"sec-fetch-dest": "video"}, ClientKind.CLIENT),
        ({"range": "bytes=0-", "referer": "http://127.0.0.1/posts/plain"}, ClientKind.CLIENT),
    ],
)
def test_callers_are_distinguished_by_headers_that_only_browsers_send(
    headers: dict[str, str], wanted: ClientKind
) -> None:
    assert caller(make_mocked_request("GET", "/", headers=headers)) is wanted


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("bytes=0-", range(100)),
        ("bytes=90-500", range(90, 100)),
        ("bytes=-5", range(95, 100)),
        ("bytes=100-", range(100, 100)),
        ("bytes=5-4", None),
        ("bytes=0-1,5-6", None),
        (None, None),
    ],
)
def test_ranges_are_read_as_the_standard_says(value: str | None, wanted: range | None) -> None:
    request = make_mocked_request("GET", "/", headers={"Range": value} if value else {})

    assert requested_range(request, 100) == wanted


async def test_a_range_past_the_end_is_refused_and_one_of_another_version_ignored(
    site: PracticeSite,
) -> None:
    size = len(site.clips["plain"].files["video.mp4"])
    refused = await save(site, "plain", {"range": f"bytes={size}-"})

    assert (refused.status, refused.headers["Content-Range"]) == (416, f"bytes */{size}")
    assert (await save(site, "plain", {"range": "bytes=1-", "if-range": '"another"'})).status == 200


# --- faults: tests/acceptance/test_demo.py meets each of them -------------------------------------


@pytest.mark.parametrize("slug", ["html-first", "truncated", "limited", "fake"])
async def test_faults_affect_savers_and_not_the_player(site: PracticeSite, slug: str) -> None:
    assert is_video(site, slug, await save(site, slug, PLAYER))
    await ask(site, f"/media/{slug}/1/video.mp4", method="HEAD")  # uses nothing up
    site.reset(slug)
    first = await save(site, slug)
    assert isinstance(first, CutResponse) or not is_video(site, slug, first)
    assert site.troubles_met(slug) == 1
    assert is_video(site, slug, await save(site, slug, PLAYER))
    if slug in ("html-first", "truncated"):
        assert is_video(site, slug, again := await save(site, slug))
        assert not isinstance(again, CutResponse)


async def test_without_the_session_cookie_the_file_is_empty(site: PracticeSite) -> None:
    set_cookie = (await ask(site, "/posts/session", NAVIGATION)).headers["Set-Cookie"]
    empty = await save(site, "session")

    assert (empty.status, body(empty), empty.headers["Content-Type"]) == (200, b"", "video/mp4")
    assert body(await save(site, "session", {"cookie": f"{SESSION_COOKIE}=guessed"})) == b""
    assert is_video(
        site, "session", await save(site, "session", {"cookie": set_cookie.partition(";")[0]})
    )
    assert "Path=/media/session" in set_cookie


async def test_the_first_signed_link_works_for_the_player_only_and_the_next_one_for_a_saver(
    site: PracticeSite, clock: FakeClock
) -> None:
    first = await signed_link(site, "signed")
    assert is_video(site, "signed", await ask(site, first, PLAYER))
    assert [(await ask(site, first, by)).status for by in (SAVER, NAVIGATION)] == [403, 403]

    second = await signed_link(site, "signed")
    assert is_video(site, "signed", await ask(site, second))
    assert (await ask(site, first)).status == 403
    assert (await ask(site, second.replace("visit=2", "visit=3"), PLAYER)).status == 403
    clock.advance(3_601)
    assert (await ask(site, second, PLAYER)).status == 403


async def test_the_limit_lasts_exactly_as_long_as_announced(
    site: PracticeSite, clock: FakeClock
) -> None:
    first = await save(site, "limited")
    clock.advance(RETRY_AFTER_S - 0.5)
    early = await save(site, "limited")
    clock.advance(0.5)

    assert [(each.status, each.headers["Retry-After"]) for each in (first, early)] == [
        (429, "2"),
        (429, "1"),
    ]
    assert is_video(site, "limited", await save(site, "limited"))


# --- pages ----------------------------------------------------------------------------------------


async def test_every_post_has_its_own_look_and_title_and_is_in_the_index(
    site: PracticeSite,
) -> None:
    assert len({post.slug for post in POSTS}) == len({post.title for post in POSTS}) == len(POSTS)
    assert len({spec.number for spec in SPECS}) == len({spec.name for spec in SPECS}) == len(SPECS)
    assert set(FAULTS) <= {*BY_SLUG, LIVE.slug}
    index = body(await ask(site, "/")).decode()
    assert re.findall(r'href="(/posts/[^"]+)"', index) == [post.path for post in POSTS]


@pytest.mark.parametrize("post", WITH_PAGE, ids=lambda post: post.slug)
async def test_a_page_names_its_author_and_title_and_loads_nothing_from_other_hosts(
    site: PracticeSite, post: PracticePost
) -> None:
    text = await visit(site, post.slug)
    facts = linked_data(text)
    first = facts[0] if isinstance(facts, list) else facts
    loaded = re.findall(r'(?:src|href|poster|data-playlist|data-ask)="([^"]+)"', text)

    assert f'<meta property="og:title" content="{post.title}">' in text
    assert f'<meta name="twitter:creator" content="@{post.author.handle}">' in text
    assert first["author"]["alternateName"] == f"@{post.author.handle}"
    assert [
        address for address in loaded if not address.startswith(("/", site.origin, "data:,"))
    ] == []
    if post.shows not in {Shows.PHOTOS, Shows.SEVERAL}:
        assert first["duration"] == f"PT{post.specs[0].seconds}S"


@pytest.mark.parametrize("slug", ["click", "mse", "holed", "hls-ts", "several", "photos"])
async def test_what_only_the_player_knows_is_not_in_the_metadata(
    site: PracticeSite, slug: str
) -> None:
    text = await visit(site, slug)

    assert 'property="og:video"' not in text
    assert "contentUrl" not in linked_data(text)
    assert text.count("<video") == {"several": 3, "photos": 0}.get(slug, 1)


async def test_a_carousel_lists_three_videos_in_order(site: PracticeSite) -> None:
    addresses = [video["contentUrl"] for video in linked_data(await visit(site, "carousel"))]

    assert addresses == [f"{site.origin}/media/carousel/{number}/video.mp4" for number in (1, 2, 3)]


async def test_an_advert_comes_first_and_outside_the_post(site: PracticeSite) -> None:
    advert, _, own = (await visit(site, "two-videos")).partition("<article>")

    assert 'src="/ads/spot/video.mp4"' in advert
    assert 'src="/media/two-videos/1/video.mp4"' in own


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/posts/deleted", 404, b"This post has been deleted."),
        ("/login", 200, b'type="password"'),
        ("/@mara.lind", 200, b"/posts/plain"),
        ("/@nobody", 404, b""),
        ("/posts/nothing", 404, b"There is no such page."),
        ("/media/plain/2/video.mp4", 404, b""),
        ("/media/plain/x/video.mp4", 404, b""),
    ],
)
async def test_other_pages(site: PracticeSite, path: str, status: int, words: bytes) -> None:
    response = await ask(site, path)

    assert (response.status, words in body(response)) == (status, True)
    assert (await ask(site, path, method="POST")).status == 405


async def test_no_thread_is_left_working_in_the_folder_of_a_cancelled_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder is removed next, and a thread that is still running would create it again."""
    started, ended = threading.Event(), threading.Event()

    def slowly(
        looks: Iterable[ClipSpec], folder: Path, *, stop: threading.Event
    ) -> dict[str, Clip]:
        started.set()
        stop.wait(10)
        ended.set()
        return {}

    monkeypatch.setattr("mediavault.demo.site.make_clips", slowly)
    entering = asyncio.ensure_future(practice_site(tmp_path).__aenter__())
    await asyncio.to_thread(started.wait, patient(30))
    entering.cancel()

    with pytest.raises(asyncio.CancelledError):
        await entering
    assert ended.is_set()
