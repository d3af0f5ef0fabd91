"""The practice site over real sockets, requested by an ordinary HTTP client; no browser."""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from urllib.parse import urljoin

import aiohttp
import pytest

from mediavault.demo.media import Clip, fingerprint
from mediavault.demo.posts import BY_SLUG, POSTS, Shows
from mediavault.demo.site import PracticeSite, practice_site

REFERENCE = re.compile(r'(?:src|href|poster|data-playlist|data-ask)="([^"]+)"')


@pytest.fixture
async def site(clips: Mapping[str, Clip], tmp_path: Path) -> AsyncIterator[PracticeSite]:
    async with practice_site(tmp_path, clips=clips) as site:
        yield site


@pytest.fixture
async def client(site: PracticeSite) -> AsyncIterator[aiohttp.ClientSession]:
    jar = aiohttp.CookieJar(unsafe=True)  # the site has an IP address, not a name
    headers = {"Accept-Encoding": "identity"}
    async with aiohttp.ClientSession(
        site.origin, headers=headers, cookie_jar=jar, auto_decompress=False
    ) as session:
        yield session


async def body(client: aiohttp.ClientSession, path: str, **headers: str) -> tuple[int, bytes]:
    async with client.get(path, headers=headers) as response:
        return response.status, await response.read()


async def drain(content: aiohttp.StreamReader, *, into: bytearray) -> None:
    async for piece in content.iter_any():
        into += piece


async def test_no_link_of_any_page_is_broken(
    site: PracticeSite, client: aiohttp.ClientSession
) -> None:
    lost = []
    for post in POSTS:
        _, text = await body(client, post.path)
        for reference in set(REFERENCE.findall(text.decode())) - {"data:,"}:
            address = urljoin(site.url(post), reference.replace("&amp;", "&"))
            async with client.get(address) as response:
                if response.status >= 400:
                    lost.append((post.slug, response.status))

    assert sorted(set(lost)) == [
        ("limited", 429),
        ("navigation", 403),
        ("signed", 403),
        ("signed-browser", 403),
    ]


@pytest.mark.parametrize("slug", [post.slug for post in POSTS if post.shows is not Shows.LOGIN])
async def test_a_post_responds_at_its_own_url(client: aiohttp.ClientSession, slug: str) -> None:
    status, text = await body(client, f"/posts/{slug}")

    assert status == (404 if slug == "deleted" else 200)
    assert text.startswith(b"<!doctype html>")


async def test_a_members_only_post_redirects_to_the_login_form(
    client: aiohttp.ClientSession,
) -> None:
    async with client.get("/posts/members") as response:
        text = await response.text()

    assert response.url.path == "/login"
    assert 'type="password"' in text


async def test_a_file_is_complete_and_is_the_posts_own(
    site: PracticeSite, client: aiohttp.ClientSession
) -> None:
    for slug in ("plain", "carousel", "two-videos", "silent"):
        clip = site.clip(BY_SLUG[slug])
        _, movie = await body(client, f"/media/{slug}/1/video.mp4")

        assert clip is not None
        assert hashlib.sha256(movie).hexdigest() == clip.sha256


async def test_the_session_that_the_page_starts_gives_access_to_the_video(
    site: PracticeSite, client: aiohttp.ClientSession
) -> None:
    assert await body(client, "/media/session/1/video.mp4") == (200, b"")
    await body(client, "/posts/session")

    assert await body(client, "/media/session/1/video.mp4") == (
        200,
        site.clips["session"].files["video.mp4"],
    )


async def test_an_interrupted_transfer_can_be_resumed(
    site: PracticeSite, client: aiohttp.ClientSession
) -> None:
    whole = site.clips["truncated"].files["video.mp4"]
    got = bytearray()
    async with client.get("/media/truncated/1/video.mp4") as response:
        with pytest.raises(aiohttp.ClientPayloadError):
            await drain(response.content, into=got)
    assert response.content_length == len(whole)
    assert 0 < len(got) < len(whole)

    status, rest = await body(
        client,
        "/media/truncated/1/video.mp4",
        Range=f"bytes={len(got)}-",
        **{"If-Range": response.headers["ETag"]},
    )
    assert status == 206
    assert bytes(got) + rest == whole


async def test_a_rate_limit_says_when_to_retry(client: aiohttp.ClientSession) -> None:
    async with client.get("/media/limited/1/video.mp4") as response:
        assert (response.status, response.headers["Retry-After"]) == (429, "2")


async def test_a_playlists_segments_joined_are_the_posts_video(
    site: PracticeSite, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    _, master = await body(client, "/media/mse/1/master.m3u8")
    playlist = "/media/mse/1/" + master.decode().splitlines()[-1]
    _, rows = await body(client, playlist)
    names = ["init.mp4", *(row for row in rows.decode().splitlines() if row.endswith(".m4s"))]
    film = tmp_path / "film.mp4"
    film.write_bytes(b"".join([(await body(client, urljoin(playlist, name)))[1] for name in names]))

    assert len(names) == 6
    assert fingerprint(film) == site.clips["mse"].fingerprint


async def test_content_types_are_what_players_expect(client: aiohttp.ClientSession) -> None:
    wanted = {
        "/media/plain/1/video.mp4": "video/mp4",
        "/media/plain/1/poster.jpg": "image/jpeg",
        "/media/mse/1/master.m3u8": "application/vnd.apple.mpegurl",
        "/media/mse/1/fmp4/seg-0.m4s": "video/iso.segment",
        "/media/hls-ts/1/ts/seg-0.ts": "video/mp2t",
        "/static/mse_player.js": "text/javascript",
    }
    for path, kind in wanted.items():
        async with client.get(path) as response:
            assert (response.status, response.content_type) == (200, kind)
