"""Looks at sources by plain requests, against a server on loopback that stands for every site."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from mediavault.app.composition import READING_CHILD
from mediavault.core.clock import SystemClock
from mediavault.core.cookies import Cookie
from mediavault.core.failures import (
    Deleted,
    ErrorCode,
    ExtractorBroken,
    Failure,
    HttpError,
    PageUnreadable,
    RateLimited,
    SeemsDeleted,
    TookTooLong,
    TooLarge,
    Unsupported,
)
from mediavault.core.listings import EntryKind, ListCheck, Listing, Validators
from mediavault.core.urls import EgressScope, parse_http_url
from mediavault.egress.client import AiohttpClient
from mediavault.egress.guard import EgressGuard
from mediavault.egress.port import HttpResponse, Timeouts
from mediavault.extraction import feed_lister
from mediavault.extraction.confined_reader import ConfinedReader
from mediavault.extraction.feed_lister import FeedLister
from mediavault.extraction.port import Reader
from mediavault.platforms.registry import platform_at
from tests import feed_samples as samples
from tests.fakes import FakeClock
from tests.fault_server import FaultServer, Reply, Request, Script, fault_server, reply
from tests.feed_samples import CHANNEL, item, rss
from tests.stubs import ReaderHere

YOUTUBE, BLUESKY = (
    "/www.youtube.com/feeds/videos.xml",
    "/public.api.bsky.app/xrpc/app.bsky.feed.getAuthorFeed",
)
CHANNEL_URL = f"https://www.youtube.com/channel/{CHANNEL}"
JANE = "https://bsky.app/profile/jane.example"
LOOKUP, STATUSES = (
    "/mastodon.social/api/v1/accounts/lookup",
    "/mastodon.social/api/v1/accounts/12/statuses",
)
TOOTS = "https://mastodon.social/@jane"


class OnLoopback:
    """Sends each request to the server on loopback,
    with the host that was meant as the first part of the path.
    """

    def __init__(self, client: AiohttpClient, server: FaultServer) -> None:
        self._client, self._server = client, server

    @asynccontextmanager
    async def get(
        self,
        url: str,
        *,
        scope: EgressScope,
        headers: Mapping[str, str] | None = None,
        cookies: Sequence[Cookie] = (),
        timeouts: Timeouts | None = None,
        max_redirects: int = 10,
        decode: bool = False,
    ) -> AsyncIterator[HttpResponse]:
        here = self._server.url("")
        target = url if url.startswith(here) else self._server.url(url.removeprefix("https:/"))
        request = self._client.get(
            target, scope=EgressScope(here), headers=headers, timeouts=timeouts, decode=decode
        )
        async with request as response:
            yield response

    async def close(self) -> None:
        await self._client.close()


@dataclass
class Sites:
    """All sites, on one server, and the lister that asks them."""

    server: FaultServer
    lister: FeedLister
    clock: FakeClock

    async def check(self, url: str, *, within_s: float = 60, **facts: Any) -> Listing:
        check = ListCheck(url, **facts)
        return await self.lister.list_entries(
            check, platform_at(parse_http_url(url)), within_s=within_s
        )

    def asked(self) -> list[str]:
        return [request.path for request in self.server.requests]


@asynccontextmanager
async def sites(reader: Reader | None = None) -> AsyncIterator[Sites]:
    async with fault_server() as server:
        clock = FakeClock(auto=True)
        client = AiohttpClient(EgressGuard((f"127.0.0.1:{server.port}",)), clock=clock)
        try:
            yield Sites(
                server, FeedLister(OnLoopback(client, server), reader or ReaderHere(), clock), clock
            )
        finally:
            await client.close()


def answers(document: object, **headers: str) -> Script:
    return reply(200, json.dumps(document).encode(), Content_Type="application/json", **headers)


def unless_unchanged(body: bytes, *, etag: str = "", modified: str = "", **headers: str) -> Script:
    """Answer with 304 to a request that names the body's validators."""
    named = {"ETag": etag, "Last-Modified": modified}
    sent = {**{name: value for name, value in named.items() if value}, **headers}

    def answer(request: Request) -> Reply:
        asked = request.headers
        same = (etag and asked.get("if-none-match") == etag) or (
            modified and asked.get("if-modified-since") == modified
        )
        return Reply(304, dict(sent)) if same else Reply(200, dict(sent), body)

    return answer


# --- any feed -------------------------------------------------------------------------------------


async def test_a_feed_is_read_in_the_confined_process() -> None:
    reader = ConfinedReader(SystemClock(), child=READING_CHILD)
    try:
        async with sites(reader) as at:
            at.server.on("/feed", reply(200, rss(item(1), item(2))))
            listing = await at.check(at.server.url("/feed"))
    finally:
        await reader.close()

    assert [entry.url for entry in listing.entries] == [
        "https://blog.example/1",
        "https://blog.example/2",
    ]
    assert (listing.method, listing.uses_account, listing.is_whole) == ("feed", False, False)


@pytest.mark.parametrize(
    "facts",
    [{"etag": '"v1"'}, {"etag": 'W/"v1"'}, {"modified": "Sat, 28 Nov 2026 10:00:00 GMT"}],
    ids=str,
)
async def test_the_next_look_is_conditional_and_costs_no_body(facts: dict[str, str]) -> None:
    async with sites() as at:
        at.server.on("/feed", unless_unchanged(rss(item(1)), **facts))
        first = await at.check(at.server.url("/feed"))
        second = await at.check(at.server.url("/feed"), validators=first.validators)

    assert (first.is_unchanged, len(first.entries)) == (False, 1)
    assert (second.is_unchanged, second.entries, second.validators) == (True, (), first.validators)
    assert len(at.asked()) == 2


async def test_validators_of_another_feed_are_not_sent() -> None:
    """Two feeds of a source may have the same date:
    "not modified" would then be about the wrong one.
    """
    modified = "Sat, 28 Nov 2026 10:00:00 GMT"
    old = Validators(
        url="https://www.youtube.com/feeds/videos.xml?channel_id=UCother", last_modified=modified
    )
    async with sites() as at:
        at.server.on(
            YOUTUBE,
            unless_unchanged(samples.youtube(("aaaaaaaaaaa", "watch?v=")), modified=modified),
        )
        listing = await at.check(CHANNEL_URL, validators=old)

    assert not listing.is_unchanged
    assert "if-modified-since" not in at.server.requests[0].headers


async def test_a_not_modified_that_nobody_asked_for_is_a_failure() -> None:
    async with sites() as at:
        at.server.on("/feed", reply(304))
        with pytest.raises(HttpError):
            await at.check(at.server.url("/feed"))


@pytest.mark.parametrize(
    ("headers", "head", "wait"),
    [
        ({"Cache-Control": "public, max-age=900"}, "", timedelta(minutes=15)),
        ({"Cache-Control": "max-age=900", "Age": "600"}, "", timedelta(minutes=5)),
        ({"Cache-Control": "max-age=900"}, "<ttl>60</ttl>", timedelta(hours=1)),
        ({"Cache-Control": "max-age=31536000"}, "", timedelta(hours=24)),
        ({"Cache-Control": "s-maxage=900"}, "", None),
        ({}, "<ttl>999999999999</ttl>", timedelta(hours=24)),
        ({}, "<skipHours><hour>12</hour><hour>13</hour></skipHours>", timedelta(hours=2)),
        ({}, "<ttl>60</ttl><skipHours><hour>13</hour></skipHours>", timedelta(hours=2)),
        ({}, "<skipHours><hour>3</hour></skipHours>", None),
        ({"Cache-Control": "no-cache"}, "", None),
    ],
    ids=str,
)
async def test_a_feed_is_left_alone_as_long_as_it_asks(
    headers: dict[str, str], head: str, wait: timedelta | None
) -> None:
    """The fake clock begins at noon."""
    async with sites() as at:
        at.server.on("/feed", lambda _: Reply(200, dict(headers), rss(item(1), head=head)))
        listing = await at.check(at.server.url("/feed"))

    assert listing.fresh_for == wait


@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after_is_passed_on(status: int) -> None:
    async with sites() as at:
        at.server.on("/feed", reply(status, Retry_After="120"))
        with pytest.raises(RateLimited) as caught:
            await at.check(at.server.url("/feed"))

    assert caught.value.retry_after == timedelta(minutes=2)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 451, 500, 502, 503])
async def test_no_status_of_a_feed_says_that_its_source_is_gone(status: int) -> None:
    async with sites() as at:
        at.server.on("/feed", reply(status))
        with pytest.raises(Failure) as caught:
            await at.check(at.server.url("/feed"))

    assert isinstance(caught.value, HttpError)
    assert caught.value.http_status == status
    assert not isinstance(caught.value, Deleted | SeemsDeleted)


async def test_a_body_past_the_bound_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_lister, "MAX_FEED_BYTES", 1_000)
    async with sites() as at:
        at.server.on("/feed", reply(200, rss(*(item(n, day=1) for n in range(20)))))
        with pytest.raises(TooLarge):
            await at.check(at.server.url("/feed"))


async def test_a_feed_that_redirects_to_something_else_than_a_page_is_a_failure() -> None:
    async with sites() as at:
        at.server.on("/feed", reply(302, Location="mailto:jane@blog.example"))
        with pytest.raises(Failure):
            await at.check(at.server.url("/feed"))


async def test_a_look_without_time_asks_nothing() -> None:
    async with sites() as at:
        with pytest.raises(TookTooLong):
            await at.check(at.server.url("/feed"), within_s=0)

    assert at.asked() == []


async def test_at_most_the_limit_is_returned() -> None:
    async with sites() as at:
        at.server.on("/feed", reply(200, rss(*(item(n) for n in range(1, 9)))))
        listing = await at.check(at.server.url("/feed"), limit=3)

    assert len(listing.entries) == 3


# --- pages that link to a feed --------------------------------------------------------------------

PAGE = samples.page_with_links(("application/rss+xml", "/feed", "Posts"))


async def test_a_page_leads_to_its_feed_once_and_the_next_look_asks_the_feed_alone() -> None:
    async with sites() as at:
        at.server.on("/", reply(200, PAGE))
        at.server.on("/feed", unless_unchanged(rss(item(1)), etag='"v1"'))
        first = await at.check(at.server.url("/"))
        second = await at.check(at.server.url("/"), validators=first.validators)

    assert first.validators == Validators(url=at.server.url("/feed"), etag='"v1"')
    assert second.is_unchanged
    assert at.asked() == ["/", "/feed", "/feed"]


async def test_a_feed_that_has_moved_is_found_again_by_its_page() -> None:
    async with sites() as at:
        at.server.on("/", reply(200, PAGE))
        at.server.on("/feed", reply(200, rss(item(1))))
        listing = await at.check(
            at.server.url("/"), validators=Validators(url=at.server.url("/old"))
        )

    assert (len(listing.entries), at.asked()) == (1, ["/old", "/", "/feed"])


async def test_a_feed_that_is_only_busy_is_not_looked_for_elsewhere() -> None:
    async with sites() as at:
        at.server.on("/old", reply(500))
        with pytest.raises(HttpError):
            await at.check(at.server.url("/"), validators=Validators(url=at.server.url("/old")))

    assert at.asked() == ["/old"]


async def test_a_page_without_a_link_is_tried_as_peertubes() -> None:
    async with sites() as at:
        at.server.on("/c/kites/videos", reply(200, samples.page_with_links()))
        at.server.on("/feeds/videos.xml", reply(200, rss(item(1)), Cache_Control="max-age=900"))
        listing = await at.check(at.server.url("/c/kites/videos"))

    assert at.asked() == ["/c/kites/videos", "/feeds/videos.xml?videoChannelName=kites"]
    assert (len(listing.entries), listing.fresh_for) == (1, timedelta(minutes=15))


async def test_a_page_without_any_feed_is_unsupported() -> None:
    async with sites() as at:
        at.server.on("/", reply(200, samples.page_with_links()))
        with pytest.raises(Unsupported):
            await at.check(at.server.url("/"))


# --- sites ----------------------------------------------------------------------------------------


async def test_a_site_without_feeds_and_a_channels_bare_handle_cause_no_traffic() -> None:
    async with sites() as at:
        for url in (
            "https://x.com/jane",
            "https://www.youtube.com/@jane",
            "https://www.youtube.com/results",
        ):
            with pytest.raises(Unsupported):
                await at.check(url)

    assert at.asked() == []


async def test_a_channel_is_one_request_where_all_kinds_are_wanted() -> None:
    async with sites() as at:
        at.server.on(
            YOUTUBE,
            reply(200, samples.youtube(("aaaaaaaaaaa", "watch?v="), ("bbbbbbbbbbb", "shorts/"))),
        )
        listing = await at.check("https://www.youtube.com/@jane", stable_id=CHANNEL)

    assert at.asked() == [f"{YOUTUBE}?channel_id={CHANNEL}"]
    assert [entry.post_id for entry in listing.entries] == ["aaaaaaaaaaa", "bbbbbbbbbbb"]
    assert (listing.stable_id, listing.title) == (CHANNEL, "Jane")


def by_list(**bodies: bytes | None) -> Script:
    """Answer with the feed whose list begins with a name, and with 404 for None."""

    def answer(request: Request) -> Reply:
        body = next(
            (body for name, body in bodies.items() if f"playlist_id={name}" in request.path), None
        )
        return Reply(404) if body is None else Reply(200, {}, body)

    return answer


async def test_each_kind_that_is_wanted_is_a_request_and_its_entries_have_the_kind() -> None:
    videos, live = (
        samples.youtube(("aaaaaaaaaaa", "watch?v=")),
        samples.youtube(("bbbbbbbbbbb", "watch?v=")),
    )
    async with sites() as at:
        at.server.on(YOUTUBE, by_list(UULF=videos, UULV=live))
        listing = await at.check(CHANNEL_URL, kinds=(EntryKind.VIDEO, EntryKind.LIVE))

    assert {entry.post_id: entry.kind for entry in listing.entries} == {
        "aaaaaaaaaaa": EntryKind.VIDEO,
        "bbbbbbbbbbb": EntryKind.LIVE,
    }
    assert (listing.is_newest_first, listing.validators) == (True, Validators())


async def test_a_kind_that_a_channel_does_not_have_leaves_the_others() -> None:
    async with sites() as at:
        at.server.on(YOUTUBE, by_list(UULF=samples.youtube(("aaaaaaaaaaa", "watch?v=")), UUSH=None))
        listing = await at.check(CHANNEL_URL, kinds=(EntryKind.VIDEO, EntryKind.SHORT))

    assert [entry.post_id for entry in listing.entries] == ["aaaaaaaaaaa"]


async def test_a_channels_feed_that_answers_404_is_a_failure_that_may_pass() -> None:
    async with sites() as at:
        with pytest.raises(HttpError) as caught:
            await at.check(CHANNEL_URL)

    assert (caught.value.code, caught.value.http_status) == (ErrorCode.HTTP_ERROR, 404)


async def test_mastodons_account_is_looked_up_once() -> None:
    async with sites() as at:
        at.server.on(LOOKUP, answers(samples.account()))
        at.server.on(STATUSES, answers([samples.status(9, "video"), samples.status(8, "image")]))
        first = await at.check(TOOTS)
        await at.check(TOOTS, stable_id=first.stable_id)

    assert first.stable_id == "12@mastodon.social"
    assert [entry.post_id for entry in first.entries] == ["9"]
    assert at.asked() == [f"{LOOKUP}?acct=jane", *[f"{STATUSES}?limit=40&only_media=true"] * 2]


async def test_mastodons_rss_is_read_where_a_server_keeps_its_api_to_members() -> None:
    async with sites() as at:
        at.server.on(LOOKUP, reply(401))
        at.server.on(
            "/mastodon.social/@jane.rss",
            reply(200, rss(item(1, link=f"{TOOTS}/112233445566778899"))),
        )
        listing = await at.check(TOOTS)
        again = await at.check(TOOTS, stable_id="12@mastodon.social", validators=listing.validators)

    assert [entry.post_id for entry in listing.entries] == ["112233445566778899"]
    assert again.stable_id == "12@mastodon.social"
    assert at.asked()[-1] == "/mastodon.social/@jane.rss"  # what was answered last comes first
    assert len(at.asked()) == 3


async def test_an_old_bluesky_server_is_asked_for_all_media() -> None:
    def answer(request: Request) -> Reply:
        feed = {
            "feed": [
                samples.bluesky_post("3kiteaaaaaaaa"),
                samples.bluesky_post("3kitebbbbbbbb", video=False),
            ]
        }
        return (
            Reply(400)
            if "posts_with_video" in request.path
            else Reply(200, {}, json.dumps(feed).encode())
        )

    async with sites() as at:
        at.server.on(BLUESKY, answer)
        listing = await at.check(JANE)

    assert [entry.post_id for entry in listing.entries] == ["3kiteaaaaaaaa"]
    assert (listing.stable_id, listing.is_whole) == ("did:plc:jane", True)
    assert [path.partition("filter=")[2] for path in at.asked()] == [
        "posts_with_video",
        "posts_with_media",
    ]


# --- lists of several parts -----------------------------------------------------------------------


def parts(count: int, *, breaks_at: int | None = None) -> Script:
    """Answer with parts of a Bluesky feed, two posts each, newest first."""

    def answer(request: Request) -> Reply:
        number = int(request.path.partition("cursor=")[2] or 0)
        if number == breaks_at:
            return Reply(429, {"Retry-After": "60"})
        feed = [samples.bluesky_post(f"3kite{number:04}{letter}") for letter in "ab"]
        more = {"cursor": str(number + 1)} if number + 1 < count else {}
        return Reply(200, {}, json.dumps({"feed": feed, **more}).encode())

    return answer


async def listed(at: Sites, script: Script, **facts: Any) -> Listing:
    at.server.on(BLUESKY, script)
    return await at.check(JANE, **facts)


async def test_a_list_is_read_to_its_end_part_by_part() -> None:
    async with sites() as at:
        listing = await listed(at, parts(4))

    assert (len(listing.entries), listing.is_whole, len(at.asked())) == (8, True, 4)
    assert at.clock.slept == [1, 1, 1]  # the pace of the site


async def test_no_part_after_the_limit_is_asked_for() -> None:
    async with sites() as at:
        listing = await listed(at, parts(9), limit=3)

    assert (len(listing.entries), listing.is_whole, len(at.asked())) == (3, False, 2)


async def test_no_part_after_known_posts_is_asked_for() -> None:
    known = ("3kite0001a", "3kite0001b", "3kite0002a")
    async with sites() as at:
        listing = await listed(at, parts(9), known=known, stop_after_known=2)

    assert (listing.is_whole, len(at.asked())) == (False, 2)


async def test_known_posts_that_are_not_in_a_row_do_not_end_the_reading() -> None:
    async with sites() as at:
        await listed(at, parts(3), known=("3kite0000a", "3kite0001a"), stop_after_known=2)

    assert len(at.asked()) == 3


async def test_a_list_that_breaks_off_is_returned_as_far_as_it_was_read() -> None:
    async with sites() as at:
        listing = await listed(at, parts(9, breaks_at=2))

    assert (len(listing.entries), listing.is_whole) == (4, False)
    assert listing.fresh_for == timedelta(minutes=1)


async def test_a_list_that_names_the_same_part_again_ends() -> None:
    same = {"feed": [samples.bluesky_post("3kiteaaaaaaaa")], "cursor": "same"}
    async with sites() as at:
        await listed(at, answers(same), limit=10_000)

    assert len(at.asked()) == 2


async def test_a_cursor_cannot_change_what_is_asked() -> None:
    pages = [
        {"feed": [samples.bluesky_post("3kiteaaaaaaaa")], "cursor": "1&actor=kim/../#"},
        {"feed": []},
    ]
    async with sites() as at:
        await listed(at, answers(pages[0]))
        at.server.requests.clear()
        at.server.on(BLUESKY, *map(answers, pages))
        await at.check(JANE)

    assert at.asked()[1].endswith("&filter=posts_with_video&cursor=1%26actor%3Dkim%2F..%2F%23")


# --- hostile answers ------------------------------------------------------------------------------


async def test_a_document_that_keeps_its_reader_busy_costs_one_look() -> None:
    class Busy(ReaderHere):
        async def read_feed(self, *_: object) -> Any:
            raise PageUnreadable("What the site sent could not be read in time.")

    async with sites(Busy()) as at:
        at.server.on("/feed", reply(200, rss(item(1))))
        with pytest.raises(PageUnreadable):
            await at.check(at.server.url("/feed"))


async def test_a_known_site_that_answers_with_a_page_is_a_failure() -> None:
    async with sites() as at:
        at.server.on(YOUTUBE, reply(200, PAGE))
        with pytest.raises(ExtractorBroken):
            await at.check(CHANNEL_URL)
