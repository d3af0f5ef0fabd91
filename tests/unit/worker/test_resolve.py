"""Where share links lead."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest

from mediavault.core.cookies import Cookie
from mediavault.core.failures import (
    AddressRefused,
    Deleted,
    Failure,
    HttpError,
    NetworkFailure,
    NotAPost,
    RateLimited,
    SeemsDeleted,
    TookTooLong,
)
from mediavault.core.urls import EgressScope, parse_http_url
from mediavault.egress.port import HttpResponse, Timeouts
from mediavault.worker.stages.route import HARD_S, MAX_HOPS, Route, resolve, route_of
from tests.fakes import FakeClock
from tests.stubs import StubResponse

VM = "https://vm.tiktok.com/ZMabcdef/"
TCO = "https://t.co/Abc123"
VIDEO = "https://www.tiktok.com/@jane/video/7123456789012345678"


class Web:
    """Redirects the URLs of ``redirects``; every other URL answers ``status``.
    Records the requests.
    """

    def __init__(self, redirects: Mapping[str, str | Failure], *, status: int = 200) -> None:
        self._redirects, self._status = redirects, status
        self.requested: list[str] = []
        self.scopes: set[EgressScope] = set()
        self.agents: list[str | None] = []
        self.takes_s = 0.0
        self.clock = FakeClock(auto=True)

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
        assert (max_redirects, list(cookies)) == (0, [])
        self.requested.append(url)
        self.scopes.add(scope)
        self.agents.append((headers or {}).get("User-Agent"))
        await self.clock.sleep(self.takes_s)
        target = self._redirects.get(url)
        if isinstance(target, Failure):
            raise target
        yield (
            StubResponse(302, b"", {"location": target})
            if target
            else StubResponse(self._status, b"", {})
        )

    async def close(self) -> None:
        return None


async def follow(link: str, web: Web, known: str | None = None) -> Route:
    return await resolve(route_of(parse_http_url(link)), web, web.clock, known=known)


async def test_a_share_link_leads_to_the_post_without_requesting_the_post_itself() -> None:
    web = Web({VM: f"{VIDEO}?_r=1&_t=abc"})
    route = await follow(VM, web)

    assert (route.post.post_id, route.post.handle, route.post.url) == (
        "7123456789012345678",
        "jane",
        VIDEO,
    )
    assert (route.platform.name, route.shared_as) == ("tiktok", VM)
    assert web.requested == [VM]


async def test_links_are_followed_under_our_own_name() -> None:
    web = Web({TCO: VM, VM: VIDEO})
    await follow(TCO, web)

    assert web.agents == [None, None]


@pytest.mark.parametrize(
    ("link", "hops", "platform", "post_id"),
    [
        ("https://pin.it/Abc123", ["https://api.pinterest.com/url_shortener/Abc123/redirect/",
                                   "https://www.pinterest.com/pin/12345/sent/?x=1"], "pinterest",
                                   "12345"),
        ("https://b23.tv/Abc123", ["https://www.bilibili.com/video/BV1xx411c7mD?share=1"],
         "bilibili", "BV1xx411c7mD"),
        ("https://www.reddit.com/r/kites/s/Abc123", ["https://www.reddit.com/r/kites/comments/1abcde/kite/?share=1"],
         "reddit", "1abcde"),
        ("https://www.instagram.com/share/reel/Abc123x/", ["https://www.instagram.com/reel/Cabcdefghij/?igsh=1"],
         "instagram", "Cabcdefghij"),
        (TCO, ["https://bit.ly/x1", "https://x.com/jane/status/1700000000000000001?s=20"], "x",
         "1700000000000000001"),
    ],
)  # fmt: skip
async def test_the_share_links_of_each_site_are_followed(
    link: str, hops: list[str], platform: str, post_id: str
) -> None:
    web = Web(dict(zip([link, *hops], hops, strict=False)))
    route = await follow(link, web)

    assert (route.platform.name, route.post.post_id, route.shared_as) == (platform, post_id, link)
    assert web.requested == [link, *hops[:-1]]


async def test_a_link_to_an_unknown_site_is_requested_there_under_the_links_own_scope() -> None:
    """The egress guard judges the target by the link that led to it."""
    web = Web({TCO: "https://blog.example/kite"})
    route = await follow(TCO, web)

    assert (route.platform.name, route.post.url) == ("generic", "https://blog.example/kite")
    assert (web.requested, web.scopes) == ([TCO, "https://blog.example/kite"], {EgressScope(TCO)})


async def test_a_url_form_that_any_host_may_have_is_requested_before_it_is_trusted() -> None:
    target = "https://social.example/@jane/112233445566778899"
    web = Web({TCO: target})
    route = await follow(TCO, web)

    assert (route.platform.name, web.requested) == ("mastodon", [TCO, target])


@pytest.mark.parametrize("link", [VIDEO, "https://blog.example/kite", "https://fb.watch/Abc123/"])
async def test_a_url_that_is_not_a_share_link_or_needs_a_browser_is_not_requested(
    link: str,
) -> None:
    web = Web({})
    route = await follow(link, web)

    assert (route.post.url, route.shared_as, web.requested) == (link, None, [])


async def test_a_target_that_an_earlier_attempt_found_is_not_requested_again() -> None:
    web = Web({})
    route = await follow(VM, web, known=VIDEO)

    assert (route.post.post_id, route.shared_as, web.requested) == ("7123456789012345678", VM, [])


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        ("https://www.tiktok.com/@jane", NotAPost),
        ("https://www.tiktok.com/?_r=1", SeemsDeleted),
        (VM, HttpError),
        (AddressRefused("The address is not public."), AddressRefused),
    ],
    ids=["profile", "front page", "circle", "refused"],
)
async def test_a_link_that_leads_to_no_post_fails(
    target: str | Failure, kind: type[Failure]
) -> None:
    with pytest.raises(kind):
        await follow(VM, Web({VM: target}))


async def test_an_endless_redirect_chain_is_stopped() -> None:
    steps = [f"https://t.co/x{n}" for n in range(MAX_HOPS + 5)]
    web = Web(dict(pairwise(steps)))
    with pytest.raises(HttpError):
        await follow(steps[0], web)

    assert len(web.requested) == MAX_HOPS


@pytest.mark.parametrize(
    ("link", "status", "kind"),
    [(VM, 404, SeemsDeleted), (TCO, 404, Deleted), (TCO, 410, Deleted), (VM, 429, RateLimited)],
)
async def test_a_link_that_its_site_does_not_know_fails(
    link: str, status: int, kind: type[Failure]
) -> None:
    with pytest.raises(kind):
        await follow(link, Web({}, status=status))


@pytest.mark.parametrize(
    "web",
    [
        Web({}),
        Web({}, status=403),
        Web({}, status=500),
        Web({VM: NetworkFailure("no route")}),
        Web({VM: TookTooLong("slow")}),
        Web({VM: "snssdk1233://aweme/detail/7123456789012345678"}),
        Web({VM: "https://www.tiktok.com/login?lang=en"}),
        Web({VM: "https://www.tiktok.com/foryou/some/page/else"}),
    ],
    ids=["script", "refused", "broken", "network", "slow", "app", "login", "unknown"],
)
async def test_a_link_that_plain_http_cannot_resolve_is_left_to_the_browser(web: Web) -> None:
    route = await follow(VM, web)

    assert (route.post.url, route.shared_as) == (VM, None)


async def test_a_login_page_that_names_the_post_leads_to_the_post() -> None:
    link = "https://www.instagram.com/share/reel/Abc123x/"
    route = await follow(
        link, Web({link: "https://www.instagram.com/accounts/login/?next=%2Freel%2FCabcdefghij%2F"})
    )

    assert (route.post.post_id, route.shared_as) == ("Cabcdefghij", link)


async def test_a_login_page_cannot_lead_to_another_site() -> None:
    link = "https://www.instagram.com/share/reel/Abc123x/"
    route = await follow(
        link, Web({link: f"https://www.instagram.com/accounts/login/?next={VIDEO}"})
    )

    assert route.shared_as is None


async def test_a_slow_redirect_chain_is_given_up_in_time() -> None:
    steps = [f"https://t.co/x{n}" for n in range(9)]
    web = Web(dict(pairwise(steps)))
    web.takes_s = 4.0
    route = await follow(steps[0], web)

    assert (route.shared_as, len(web.requested)) == (None, 3)
    assert 2 * web.takes_s < HARD_S <= 3 * web.takes_s
