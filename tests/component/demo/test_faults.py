"""How each kind of fault answers each kind of caller, tested on the site's handler without a socket."""

from __future__ import annotations

import json
import re
from urllib.parse import parse_qsl, urlsplit

import pytest

from mediavault.demo.faults import FAULTS, RETRY_AFTER_S, SESSION_COOKIE, ClientKind, caller
from mediavault.demo.http_server import PracticeRequest, PracticeResponse
from mediavault.demo.site import PracticeSite
from tests.fakes import FakeClock

PLAYER = {"sec-fetch-dest": "video", "sec-fetch-mode": "no-cors", "range": "bytes=0-"}
NAVIGATION = {"sec-fetch-dest": "document", "sec-fetch-mode": "navigate"}
NEED_A_VISIT = {"signed", "signed-session", "signed-browser"}  # its page hands out the link
SAVER: dict[str, str] = {"accept-encoding": "identity"}


async def ask(
    site: PracticeSite, url: str, headers: dict[str, str] = SAVER, *, method: str = "GET"
) -> PracticeResponse:
    parts = urlsplit(url)
    return await site.answer(PracticeRequest(method, parts.path, dict(parse_qsl(parts.query)), headers))


async def save(site: PracticeSite, slug: str, headers: dict[str, str] = SAVER) -> PracticeResponse:
    return await ask(site, f"/media/{slug}/1/video.mp4", headers)


async def visit(site: PracticeSite, slug: str) -> str:
    return (await ask(site, f"/posts/{slug}", NAVIGATION)).body.decode()


def is_video(site: PracticeSite, slug: str, response: PracticeResponse) -> bool:
    return response.status in {200, 206} and response.body == site.clips[slug].files["video.mp4"]


def header(response: PracticeResponse, name: str) -> str | None:
    return dict(response.headers).get(name)


@pytest.mark.parametrize(
    ("headers", "wanted"),
    [
        (PLAYER, ClientKind.PLAYER),
        ({"sec-fetch-dest": "empty", "sec-fetch-mode": "cors"}, ClientKind.PLAYER),
        (NAVIGATION, ClientKind.NAVIGATION),
        ({"sec-fetch-dest": "document", "sec-fetch-mode": "no-cors"}, ClientKind.CLIENT),
        ({"sec-fetch-dest": "video"}, ClientKind.CLIENT),
        (SAVER, ClientKind.CLIENT),
        ({"range": "bytes=0-", "referer": "http://127.0.0.1/posts/plain"}, ClientKind.CLIENT),
    ],
)
def test_callers_are_distinguished_by_headers_that_only_browsers_send(
    headers: dict[str, str], wanted: ClientKind
) -> None:
    assert caller(PracticeRequest("GET", "/", headers=headers)) is wanted


@pytest.mark.parametrize("slug", ["plain", "click", "silent", "two-videos"])
async def test_a_post_without_faults_serves_every_caller(site: PracticeSite, slug: str) -> None:
    assert is_video(site, slug, await save(site, slug))
    assert is_video(site, slug, await save(site, slug, PLAYER))
    assert site.troubles_met(slug) == 0


@pytest.mark.parametrize("slug", sorted(set(FAULTS) - NEED_A_VISIT - {"navigation", "session", "holed", "live"}))
async def test_faults_affect_savers_and_not_the_player(site: PracticeSite, slug: str) -> None:
    assert is_video(site, slug, await save(site, slug, PLAYER))
    assert not is_video(site, slug, await save(site, slug)) or slug == "truncated"
    assert site.troubles_met(slug) == 1
    assert is_video(site, slug, await save(site, slug, PLAYER))


async def test_without_the_session_cookie_the_file_is_empty(site: PracticeSite) -> None:
    page = await ask(site, "/posts/session", NAVIGATION)
    set_cookie = header(page, "Set-Cookie") or ""
    value = set_cookie.partition(";")[0]

    empty = await save(site, "session")
    other = await save(site, "session", {"cookie": f"{SESSION_COOKIE}=guessed"})
    assert (empty.status, empty.body, header(empty, "Content-Type")) == (200, b"", "video/mp4")
    assert other.body == b""
    assert is_video(site, "session", await save(site, "session", {"cookie": value}))
    assert "Path=/media/session" in set_cookie


async def test_a_video_for_browsers_is_served_to_a_navigation_only(site: PracticeSite) -> None:
    assert (await save(site, "navigation")).status == 403
    assert (await save(site, "navigation", PLAYER)).status == 403
    assert is_video(site, "navigation", await save(site, "navigation", NAVIGATION))


async def test_a_signed_link_for_visitors_works_only_with_their_cookie_and_stays_the_same(site: PracticeSite) -> None:
    page = await ask(site, "/posts/signed-session", NAVIGATION)
    link, cookie = signed_link(page.body.decode()), {"cookie": (header(page, "Set-Cookie") or "").partition(";")[0]}

    assert (await ask(site, link)).status == 403
    assert (await ask(site, link, NAVIGATION)).status == 403
    assert (await save(site, "signed-session", cookie)).status == 403
    assert is_video(site, "signed-session", await ask(site, link, cookie))
    assert signed_link(await visit(site, "signed-session")) == link


async def test_a_signed_link_for_browsers_works_for_a_navigation_only(site: PracticeSite) -> None:
    link = signed_link(await visit(site, "signed-browser"))

    assert (await ask(site, link)).status == 403
    assert (await ask(site, link, PLAYER)).status == 403
    assert (await save(site, "signed-browser", NAVIGATION)).status == 403
    assert is_video(site, "signed-browser", await ask(site, link, NAVIGATION))
    assert signed_link(await visit(site, "signed-browser")) != link


async def test_the_first_signed_link_works_for_the_player_only_and_the_next_one_for_a_saver(site: PracticeSite) -> None:
    first = signed_link(await visit(site, "signed"))
    assert is_video(site, "signed", await ask(site, first, PLAYER))
    assert (await ask(site, first)).status == 403
    assert (await ask(site, first, NAVIGATION)).status == 403

    second = signed_link(await visit(site, "signed"))
    assert second != first
    assert is_video(site, "signed", await ask(site, second))
    assert (await ask(site, first)).status == 403


async def test_a_link_that_no_player_has_used_is_used_up_by_the_first_saver(site: PracticeSite) -> None:
    await visit(site, "signed")
    link = signed_link(await visit(site, "signed"))

    assert (await ask(site, link)).status == 403
    assert is_video(site, "signed", await ask(site, signed_link(await visit(site, "signed"))))


@pytest.mark.parametrize(
    "change", [("visit=1", "visit=2"), ("expires=1", "expires=2"), ("signature=", "signature=é"), ("signature=", "s=")]
)
async def test_a_link_that_was_tampered_with_is_refused(site: PracticeSite, change: tuple[str, str]) -> None:
    link = signed_link(await visit(site, "signed"))

    assert (await ask(site, link.replace(*change), PLAYER)).status == 403


async def test_a_link_expires(site: PracticeSite, clock: FakeClock) -> None:
    link = signed_link(await visit(site, "signed"))
    clock.advance(3_601)

    assert (await ask(site, link, PLAYER)).status == 403


async def test_a_page_is_served_instead_of_the_video_once(site: PracticeSite) -> None:
    first = await save(site, "html-first")

    assert (first.status, header(first, "Content-Type")) == (200, "text/html; charset=utf-8")
    assert is_video(site, "html-first", await save(site, "html-first"))
    assert site.troubles_met("html-first") == 1


async def test_a_cut_transfer_can_be_resumed_where_it_ended(site: PracticeSite) -> None:
    first = await save(site, "truncated")
    assert first.cut_at is not None
    assert 0 < first.cut_at < len(first.body)

    rest = await save(site, "truncated", {"range": f"bytes={first.cut_at}-", "if-range": header(first, "ETag") or ""})
    assert (rest.status, rest.cut_at) == (206, None)
    assert first.body[: first.cut_at] + rest.body == site.clips["truncated"].files["video.mp4"]


async def test_the_limit_lasts_exactly_as_long_as_announced(site: PracticeSite, clock: FakeClock) -> None:
    first = await save(site, "limited")
    clock.advance(RETRY_AFTER_S - 0.5)
    early = await save(site, "limited")
    clock.advance(0.5)

    assert (first.status, header(first, "Retry-After")) == (429, "2")
    assert (early.status, header(early, "Retry-After")) == (429, "1")
    assert is_video(site, "limited", await save(site, "limited"))


async def test_the_same_segment_is_missing_for_every_request(site: PracticeSite) -> None:
    playlist = (await ask(site, "/media/holed/1/fmp4/index.m3u8")).body.decode()
    names = re.findall(r"seg-\d+\.m4s", playlist)
    for _ in range(2):
        missing = [name for name in names if (await ask(site, f"/media/holed/1/fmp4/{name}")).status == 404]

        assert missing == ["seg-3.m4s"]


async def test_a_page_named_mp4_stays_a_page(site: PracticeSite) -> None:
    answers = [await save(site, "fake", headers) for headers in (SAVER, NAVIGATION, SAVER)]

    assert all(header(answer, "Content-Type") == "text/html; charset=utf-8" for answer in answers)


async def test_a_post_starts_again_after_a_reset(site: PracticeSite) -> None:
    first = await save(site, "html-first")
    await save(site, "limited")
    site.reset("html-first")

    assert (await save(site, "html-first")).body == first.body
    assert site.troubles_met("limited") == 1
    site.reset()
    assert site.seen("limited") == ()


async def test_a_head_request_does_not_use_up_a_fault(site: PracticeSite) -> None:
    await ask(site, "/media/html-first/1/video.mp4", SAVER, method="HEAD")

    assert not is_video(site, "html-first", await save(site, "html-first"))


async def test_posters_are_served_whatever_happens_to_the_video(site: PracticeSite) -> None:
    for slug in FAULTS.keys() - {"live"}:
        poster = await ask(site, f"/media/{slug}/1/poster.jpg")

        assert (poster.status, poster.body[:2]) == (200, b"\xff\xd8")


async def test_the_site_records_who_requested_what(site: PracticeSite) -> None:
    await visit(site, "fake")
    await save(site, "fake", PLAYER)
    await save(site, "fake")

    assert [(seen.by, seen.status, seen.troubled) for seen in site.seen("fake")] == [
        (ClientKind.NAVIGATION, 200, False),
        (ClientKind.PLAYER, 206, False),
        (ClientKind.CLIENT, 200, True),
    ]


def signed_link(page: str) -> str:
    """Return the media URL in the page's JSON-LD."""
    match = re.search(r'<script type="application/ld\+json">(.*?)</script>', page)
    assert match
    return str(json.loads(match[1])["contentUrl"])
