"""Reading which posts an account's page shows, and the lister that visits it with a session."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mediavault.browser.port import PageCapture
from mediavault.core.cookies import Cookie
from mediavault.core.failures import (
    Challenge,
    ErrorCode,
    ExtractorBroken,
    Failure,
    LoginRequired,
    SessionExpired,
    Unsupported,
)
from mediavault.core.listings import Entry, ListCheck, Listing
from mediavault.core.urls import parse_http_url
from mediavault.extraction.browser_extractor import BrowserLister
from mediavault.extraction.profile_pages import MAX_POSTS, read_profile
from mediavault.platforms.instagram import INSTAGRAM
from mediavault.platforms.registry import platform_at
from mediavault.platforms.tiktok import TIKTOK
from mediavault.platforms.x import X
from tests.fakes import FakeClock
from tests.stubs import ReaderHere
from tests.unit.extraction.samples import (
    capture,
    response,
    tiktok_item,
    tweet,
    x_photo,
    x_thread,
    x_video,
)
from tests.unit.extraction.test_browser_extractor import OnePage

JANE = "https://x.com/jane"
IDS = [f"17000000000000000{n:02}" for n in range(1, 10)]
COOKIES = tuple(Cookie(name, "1", domain=".x.com") for name in X.sign_in.session_cookies)


def page(
    *hrefs: str, documents: tuple[object, ...] = (), url: str = JANE, head: str = "", **facts: Any
) -> PageCapture:
    """Return a visit to a page that shows these links and received these documents."""
    answers = [
        response(
            f"{url}/api?n={n}",
            mime="application/json",
            resource_type="xhr",
            body=json.dumps(document).encode(),
        )
        for n, document in enumerate(documents)
    ]
    links = "".join(f'<a href="{href}">a post</a>' for href in hrefs)
    html = f"<html><head>{head}</head><body>{links}</body></html>"
    return capture(responses=answers, **{"url": url, "final_url": url, "html": html, **facts})


def read(shown: PageCapture, url: str = JANE, **facts: Any) -> Listing:
    return read_profile(ListCheck(url, **facts), platform_at(parse_http_url(url)), shown)


def ids(listing: Listing) -> list[str]:
    return [entry.post_id for entry in listing.entries]


# --- what a page shows ----------------------------------------------------------------------------


def test_the_pages_links_come_first_in_its_order_then_what_its_data_name() -> None:
    data = x_thread(tweet(x_video(), post_id=IDS[2]), tweet(x_video(), post_id=IDS[0]))
    shown = page(f"/jane/status/{IDS[1]}", f"/jane/status/{IDS[0]}/photo/1", documents=(data,))

    assert ids(read(shown)) == [IDS[1], IDS[0], IDS[2]]


def test_what_the_data_say_of_a_post_is_read_with_it() -> None:
    (entry,) = read(
        page(documents=(x_thread(tweet(x_video(), post_id=IDS[0], text="A kite")),))
    ).entries

    assert (entry.title, entry.text, entry.duration_s) == ("A kite", "A kite", 12.5)
    assert entry.published_at is not None
    assert entry.thumbnail_url


def test_posts_whose_data_show_no_video_are_left_out_and_unknown_ones_stay() -> None:
    data = x_thread(
        tweet(x_photo(), post_id=IDS[0]), tweet(post_id=IDS[1]), tweet(x_video(), post_id=IDS[2])
    )

    assert ids(read(page(f"/jane/status/{IDS[3]}", documents=(data,)))) == [IDS[3], IDS[2]]


def test_other_accounts_posts_are_left_out_by_their_url_or_their_data() -> None:
    data = x_thread(
        tweet(x_video(), post_id=IDS[0], handle="kim"),
        tweet(x_video(), post_id=IDS[1], handle="Jane"),
    )

    assert ids(read(page(f"/kim/status/{IDS[2]}", documents=(data,)))) == [IDS[1]]


def test_a_list_has_posts_of_all_accounts() -> None:
    url = "https://x.com/i/lists/12345"

    assert (
        ids(read(page(f"/kim/status/{IDS[0]}", f"/jane/status/{IDS[1]}", url=url), url)) == IDS[:2]
    )


def test_an_accounts_number_in_the_url_leads_to_its_name() -> None:
    url, final = (
        "https://www.facebook.com/profile.php?id=4000000001",
        "https://www.facebook.com/jane.doe",
    )
    shown = page(
        "/jane.doe/videos/123456789012345/",
        "/kim.doe/videos/223456789012345/",
        url=url,
        final_url=final,
    )

    assert ids(read(shown, url)) == ["123456789012345"]


@pytest.mark.parametrize(
    ("url", "href", "post_id"),
    [
        ("https://www.tiktok.com/@jane", "/@jane/video/7123456789012345678", "7123456789012345678"),
        ("https://www.instagram.com/jane/", "/jane/reel/CabcdefghiJ/", "CabcdefghiJ"),
        ("https://www.instagram.com/jane/", "/p/CabcdefghiJ/", "CabcdefghiJ"),
        ("https://www.threads.com/@jane", "/@jane/post/CabcdefghiJ", "CabcdefghiJ"),
        ("https://www.facebook.com/jane.doe", "/reel/123456789012345", "123456789012345"),
    ],
)
def test_links_of_each_site_are_matched_as_its_posts(url: str, href: str, post_id: str) -> None:
    assert ids(read(page(href, "/", "#", "javascript:void(0)", url=url), url)) == [post_id]


def test_tiktoks_data_name_posts_with_their_lengths() -> None:
    url = "https://www.tiktok.com/@jane"
    data = {
        "itemList": [
            tiktok_item(),
            tiktok_item(post_id="7123456789012345679", author={"uniqueId": "kim"}),
        ]
    }
    (entry,) = read(page(documents=(data,), url=url), url).entries

    assert (entry.post_id, entry.duration_s) == ("7123456789012345678", 12)


@pytest.mark.parametrize(
    "href",
    [
        "https://evil.example/jane/status/1",
        "https://x.com.evil.example/jane/status/1",
        "//evil.example/i/status/1",
    ],
)
def test_a_link_to_another_host_in_the_sites_form_is_no_post(href: str) -> None:
    assert ids(read(page(href, f"/jane/status/{IDS[0]}"))) == [IDS[0]]


def test_the_order_is_not_by_time_and_the_list_is_not_whole() -> None:
    """Pinned posts come first, and a page shows only its beginning."""
    listing = read(page(f"/jane/status/{IDS[0]}"))

    assert (listing.is_newest_first, listing.is_whole) == (False, False)


def test_who_it_is_stands_in_the_pages_head() -> None:
    head = '<meta property="og:title" content="Jane"><meta property="og:image" content="https://pbs.twimg.com/j.jpg">'
    listing = read(page(f"/jane/status/{IDS[0]}", head=head))

    assert (listing.title, listing.handle, listing.picture_url) == (
        "Jane",
        "jane",
        "https://pbs.twimg.com/j.jpg",
    )


def test_no_more_than_the_limit_and_the_bound_are_read() -> None:
    many = [f"/jane/status/{1_700_000_000_000_000_000 + n}" for n in range(MAX_POSTS + 5)]

    assert len(read(page(*many), limit=3).entries) == 3
    assert len(read(page(*many), limit=10_000).entries) == MAX_POSTS


# --- walls ----------------------------------------------------------------------------------------


def test_a_login_page_and_a_challenge_raise_as_for_posts() -> None:
    with pytest.raises(LoginRequired):
        read(page(final_url="https://x.com/i/flow/login"))
    with pytest.raises(Challenge):
        read(page(title="Just a moment..."))


@pytest.mark.parametrize(
    "facts", [{"status": 404}, {"visible_text": "This account doesn't exist"}], ids=str
)
def test_no_page_says_that_an_account_is_gone(facts: dict[str, Any]) -> None:
    with pytest.raises(ExtractorBroken) as caught:
        read(page(**facts))

    assert caught.value.code is ErrorCode.EXTRACTOR_BROKEN


def test_a_page_without_any_post_is_a_failure_and_not_an_empty_list() -> None:
    with pytest.raises(ExtractorBroken):
        read(page("/jane/followers"))


@pytest.mark.parametrize(
    "value", [[], 1, "x", {"rest_id": 1, "legacy": 2}, {"rest_id": {}, "legacy": {"full_text": []}}]
)
def test_data_of_an_unknown_form_cause_no_error(value: object) -> None:
    broken = {
        "rest_id": IDS[0],
        "legacy": {"full_text": "A kite", "extended_entities": value},
        "core": value,
    }

    assert ids(read(page(f"/jane/status/{IDS[0]}", documents=(broken, [value])))) in ([IDS[0]], [])


# --- the visit ------------------------------------------------------------------------------------


async def visited(
    shown: PageCapture, url: str = JANE, *, cookies: tuple[Cookie, ...] = COOKIES, **facts: Any
) -> tuple[Listing, OnePage]:
    browser = OnePage(shown, cookies=cookies)
    lister = BrowserLister(browser, FakeClock(), ReaderHere())
    listing = await lister.list_entries(
        ListCheck(url, **facts), platform_at(parse_http_url(url)), within_s=180
    )
    return listing, browser


async def test_one_visit_is_made_signed_in_and_counts_against_the_account() -> None:
    listing, browser = await visited(page(f"/jane/status/{IDS[0]}"), stable_id="9")

    assert (browser.visited, browser.signed_in) == ([(JANE, 172.0)], [True])
    assert (listing.uses_account, listing.method, listing.stable_id) == (True, "browser", "9")
    assert listing.entries == (Entry(f"https://x.com/jane/status/{IDS[0]}", post_id=IDS[0]),)


async def test_a_mirror_is_never_visited() -> None:
    _, browser = await visited(page(f"/jane/status/{IDS[0]}"), "https://xcancel.com/jane")

    assert [url for url, _ in browser.visited] == [JANE]


async def raises(
    kind: type[Failure], url: str, *, cookies: tuple[Cookie, ...] = COOKIES
) -> OnePage:
    """Check that a look fails so, and return the browser that it had."""
    browser = OnePage(page(final_url="https://x.com/i/flow/login"), cookies=cookies)
    with pytest.raises(kind):
        await BrowserLister(browser, FakeClock(), ReaderHere()).list_entries(
            ListCheck(url), platform_at(parse_http_url(url)), within_s=180
        )
    return browser


async def test_without_a_session_the_site_is_not_asked() -> None:
    browser = await raises(LoginRequired, JANE, cookies=())

    assert browser.visited == []


@pytest.mark.parametrize(
    "url",
    [
        f"{JANE}/status/{IDS[0]}",
        "https://blog.example/",
        "https://bsky.app/profile/jane.example",
        "https://www.youtube.com/@jane",
    ],
)
async def test_what_is_no_list_or_has_a_feed_is_not_visited(url: str) -> None:
    browser = await raises(Unsupported, url)

    assert browser.visited == []


async def test_a_login_page_although_signed_in_means_that_the_session_has_ended() -> None:
    await raises(SessionExpired, JANE)


@pytest.mark.parametrize("site", [X, TIKTOK, INSTAGRAM])
def test_the_sites_that_list_only_to_a_session_have_one(site: Any) -> None:
    assert site.sign_in.session_cookies
