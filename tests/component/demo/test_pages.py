"""The content and metadata of the practice posts' pages."""

from __future__ import annotations

import json
import re
from html import unescape
from typing import Any

import pytest

from mediavault.demo.faults import FAULTS
from mediavault.demo.http_server import PracticeRequest, PracticeResponse
from mediavault.demo.posts import BY_SLUG, LIVE, LOOKS, POSTS, PracticePost, Shows
from mediavault.demo.site import PracticeSite

WITH_PAGE = [post for post in POSTS if post.shows not in {Shows.TOMBSTONE, Shows.LOGIN}]
WITH_VIDEO = [post for post in WITH_PAGE if post.shows is not Shows.PHOTOS]


async def get(site: PracticeSite, path: str, method: str = "GET") -> PracticeResponse:
    return await site.answer(PracticeRequest(method, path))


async def page(site: PracticeSite, post: PracticePost) -> str:
    return (await get(site, post.path)).body.decode()


def meta(text: str, name: str) -> str | None:
    match = re.search(rf'<meta (?:name|property)="{re.escape(name)}" content="([^"]*)">', text)
    return unescape(match[1]) if match else None


def linked_data(text: str) -> Any:
    (block,) = re.findall(r'<script type="application/ld\+json">(.*?)</script>', text)
    return json.loads(block)


def test_every_post_has_its_own_look_and_title() -> None:
    assert len({post.slug for post in POSTS}) == len({post.title for post in POSTS}) == len(POSTS)
    assert len({look.number for look in LOOKS}) == len({look.name for look in LOOKS}) == len(LOOKS)
    assert set(FAULTS) <= {*BY_SLUG, LIVE.slug}


async def test_the_index_links_to_every_post(site: PracticeSite) -> None:
    text = (await get(site, "/")).body.decode()

    assert re.findall(r'href="(/posts/[^"]+)"', text) == [post.path for post in POSTS]


@pytest.mark.parametrize("post", WITH_PAGE, ids=lambda post: post.slug)
async def test_a_page_names_its_author_title_and_picture(site: PracticeSite, post: PracticePost) -> None:
    text = await page(site, post)
    facts = linked_data(text)
    first = facts[0] if isinstance(facts, list) else facts

    assert meta(text, "og:title") == post.title
    assert meta(text, "twitter:creator") == f"@{post.author.handle}"
    assert meta(text, "og:url") == site.url(post)
    assert first["author"]["name"] == post.author.name
    assert first["author"]["alternateName"] == f"@{post.author.handle}"
    assert (await get(site, (meta(text, "og:image") or "").removeprefix(site.origin))).status == 200


@pytest.mark.parametrize(
    "post", [post for post in WITH_VIDEO if post.shows is not Shows.SEVERAL], ids=lambda post: post.slug
)
async def test_a_page_announces_how_long_its_own_video_is(site: PracticeSite, post: PracticePost) -> None:
    facts = linked_data(await page(site, post))
    first = facts[0] if isinstance(facts, list) else facts

    assert first["@type"] == "VideoObject"
    assert first["duration"] == f"PT{post.looks[0].seconds}S"


async def test_a_page_with_several_videos_names_none_of_them_in_its_metadata(site: PracticeSite) -> None:
    text = await page(site, BY_SLUG["several"])

    assert text.count("<video") == 3
    assert (meta(text, "og:video"), meta(text, "og:type")) == (None, "article")
    assert linked_data(text)["@type"] == "SocialMediaPosting"


@pytest.mark.parametrize("slug", ["click", "mse", "holed", "hls-ts"])
async def test_what_only_the_player_knows_is_not_in_the_metadata(site: PracticeSite, slug: str) -> None:
    text = await page(site, BY_SLUG[slug])

    assert ".mp4" not in text
    assert "og:video" not in text.replace('content="video.other"', "")
    assert "contentUrl" not in linked_data(text)


async def test_a_click_requests_the_media_url(site: PracticeSite) -> None:
    assert 'data-ask="/api/play/click"' in await page(site, BY_SLUG["click"])
    answer = json.loads((await get(site, "/api/play/click")).body)

    assert (await get(site, answer["src"])).body == site.clips["click"].files["video.mp4"]


async def test_a_carousel_lists_three_videos_in_order(site: PracticeSite) -> None:
    text = await page(site, BY_SLUG["carousel"])
    addresses = [video["contentUrl"] for video in linked_data(text)]

    assert addresses == [f"{site.origin}/media/carousel/{number}/video.mp4" for number in (1, 2, 3)]
    assert len(re.findall(r"<article>.*</article>", text)) == 1
    assert text.count("<video ") == 3
    bodies = {(await get(site, address.removeprefix(site.origin))).body for address in addresses}
    assert len(bodies) == 3


async def test_an_advert_comes_first_and_outside_the_post(site: PracticeSite) -> None:
    text = await page(site, BY_SLUG["two-videos"])
    advert, _, own = text.partition("<article>")

    assert 'src="/ads/spot/video.mp4"' in advert
    assert 'src="/media/two-videos/1/video.mp4"' in own
    assert "/ads/" not in own
    assert (await get(site, "/ads/spot/video.mp4")).body == site.clips["advert"].files["video.mp4"]


async def test_a_post_of_photos_has_pictures_and_no_video(site: PracticeSite) -> None:
    text = await page(site, BY_SLUG["photos"])

    assert "<video" not in text
    assert "og:video" not in text
    assert len(linked_data(text)["image"]) == text.count("<img ") == 2


async def test_a_deleted_post_is_not_found_and_says_so(site: PracticeSite) -> None:
    gone = await get(site, "/posts/deleted")

    assert gone.status == 404
    assert b"This post has been deleted." in gone.body


async def test_a_members_post_redirects_to_a_password_form(site: PracticeSite) -> None:
    wall = await get(site, "/posts/members")
    form = await get(site, "/login")

    assert (wall.status, dict(wall.headers)["Location"]) == (302, "/login?next=/posts/members")
    assert b'type="password"' in form.body


@pytest.mark.parametrize("post", WITH_PAGE, ids=lambda post: post.slug)
async def test_pages_load_nothing_from_other_hosts(site: PracticeSite, post: PracticePost) -> None:
    text = await page(site, post)
    loaded = re.findall(r'(?:src|href|poster|data-playlist|data-ask)="([^"]+)"', text)

    assert [address for address in loaded if not address.startswith(("/", site.origin, "data:,"))] == []


@pytest.mark.parametrize("name", ["site.css", "click_player.js", "mse_player.js"])
async def test_scripts_and_styles_are_served(site: PracticeSite, name: str) -> None:
    assert (await get(site, f"/static/{name}")).status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/posts/nothing",
        "/media/plain/2/video.mp4",
        "/media/plain/x/video.mp4",
        "/media/plain/1/../1",
        "/@nobody",
    ],
)
async def test_an_unknown_path_is_not_found(site: PracticeSite, path: str) -> None:
    assert (await get(site, path)).status == 404


async def test_an_authors_page_lists_the_posts(site: PracticeSite) -> None:
    text = (await get(site, "/@mara.lind")).body.decode()

    assert "/posts/plain" in text
    assert "/posts/session" not in text


async def test_a_post_request_is_not_allowed(site: PracticeSite) -> None:
    assert (await get(site, "/login", "POST")).status == 405
