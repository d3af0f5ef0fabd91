"""Whether a page's source alone proves which video is the post's."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest

from mediavault.core.failures import (
    BadUrl,
    Challenge,
    Deleted,
    Failure,
    LoginRequired,
    RateLimited,
    TookTooLong,
    Unsupported,
)
from mediavault.core.media import Extraction, SourceType
from mediavault.core.urls import EgressScope, parse_http_url
from mediavault.egress.keeping_client import KeepingClient
from mediavault.egress.port import HttpResponse
from mediavault.extraction import page_extractor
from mediavault.extraction.page_extractor import PageExtractor
from mediavault.extraction.plain_page import read_plain_page
from mediavault.extraction.port import PageAnswer
from mediavault.extraction.ranking import choose_candidate
from mediavault.platforms.registry import identify
from tests.fakes import FakeClock
from tests.stubs import ReaderHere, StubClient, StubResponse

URL = "https://blog.example/posts/12"
POST, GENERIC = identify(parse_http_url(URL))
FILE = "https://blog.example/media/12.mp4"
PLAYER = f'<video controls src="{FILE}"></video>'
MP4 = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(2_000)


def video_object(**facts: Any) -> str:
    node = {
        "@context": "https://schema.org",
        "@type": "VideoObject",
        "name": "A kite",
        "contentUrl": FILE,
        **facts,
    }
    return f'<script type="application/ld+json">{json.dumps(node)}</script>'


def page(body: str, *, head: str = "") -> str:
    words = (
        "Twenty words about a kite that flew over the hill on a windy day in autumn, and came back"
        " home."
    )
    return (
        "<!doctype html><html><head><title>A"
        f" kite</title>{head}</head><body>{body}<p>{words}</p></body></html>"
    )


def read(
    html: str, *, status: int = 200, url: str = URL, headers: dict[str, str] | None = None
) -> Extraction:
    return read_plain_page(POST, GENERIC, PageAnswer(url, status, headers or {}, html.encode()))


PROVEN = {
    "a lone player": page(PLAYER),
    "a lone player in the article": page(
        f"<article>{PLAYER}</article><aside>About the author</aside>"
    ),
    "a lone player and a link to its file": page(
        f'<main>{PLAYER}<a href="/media/12.mp4">Download</a></main>'
    ),
    "a video object": page("<p>No player yet.</p>", head=video_object()),
    "a video object for the player": page(PLAYER, head=video_object()),
    "a video object that names this page": page("", head=video_object(url=URL)),
    "a card": page(
        "",
        head=f'<meta property="og:video" content="{FILE}"><meta property="og:url" content="{URL}">',
    ),
    "a visitor counter's frame": page(
        f'{PLAYER}<iframe src="https://www.googletagmanager.com/ns.html?id=1"></iframe>'
    ),
}

DOUBTFUL = {
    "nothing": page("<p>A text.</p>"),
    "two players": page(PLAYER + '<video controls src="/media/13.mp4"></video>'),
    "a player that scripts fill": page("<video controls></video>", head=video_object()),
    "a player of something else": page(
        '<video controls src="blob:https://blog.example/1"></video>', head=video_object()
    ),
    "another site's player": page(
        f'{PLAYER}<iframe src="https://www.youtube.com/embed/2lAe1cqCOXo"></iframe>'
    ),
    "a frame that may have a player": page(f'{PLAYER}<iframe src="/player/12"></iframe>'),
    "a clip next to the article": page(f"<article>A text.</article><div>{PLAYER}</div>"),
    "a clip in the sidebar": page(f"<div>A text.</div><aside>{PLAYER}</aside>"),
    "a station's channel in a box": page(
        f"<article>A text.</article><div class='live'>{PLAYER}</div>"
    ),
    "decoration": page('<video autoplay muted loop src="/media/12.mp4"></video>'),
    "a preview of another page": page(
        f'{PLAYER}<a href="/posts/13"><video muted src="/media/13.mp4"></video></a>'
    ),
    "two video objects": page(
        "", head=video_object() + video_object(contentUrl="https://blog.example/media/13.mp4")
    ),
    "a video object and another player": page(
        '<video controls src="/media/13.mp4"></video>', head=video_object()
    ),
    "the front page's address": page(
        PLAYER, head='<link rel="canonical" href="https://blog.example/">'
    ),
    "another post's address": page(
        PLAYER, head='<meta property="og:url" content="https://blog.example/posts/13">'
    ),
    "an app's shell": '<!doctype html><div id="root"></div><script src="/app.js"></script>',
    "not a page": '{"video": "/media/12.mp4"}',
    "nothing at all": "",
}


@pytest.mark.parametrize("html", PROVEN.values(), ids=PROVEN)
def test_a_video_that_nothing_puts_in_doubt_is_the_posts(html: str) -> None:
    assert choose_candidate(read(html).videos[0]).url == FILE


@pytest.mark.parametrize("html", DOUBTFUL.values(), ids=DOUBTFUL)
def test_any_doubt_leaves_the_page_to_the_browser(html: str) -> None:
    with pytest.raises(Unsupported, match="The page's source is not enough"):
        read(html)


def test_a_post_that_was_answered_with_the_front_page_is_left_to_the_browser() -> None:
    with pytest.raises(Unsupported):
        read(page(PLAYER), url="https://blog.example/")


@pytest.mark.parametrize(
    ("status", "kind"),
    [(404, Deleted), (401, LoginRequired), (429, RateLimited)],
    ids=["404", "401", "429"],
)
def test_a_status_is_reported_as_the_failure_that_it_means(
    status: int, kind: type[Failure]
) -> None:
    with pytest.raises(kind) as caught:
        read(page(PLAYER), status=status, headers={"retry-after": "60"})
    assert not isinstance(caught.value, RateLimited) or caught.value.retry_after is not None


def test_a_challenge_is_no_page_of_the_post() -> None:
    with pytest.raises(Challenge):
        read(f"<!doctype html><title>Just a moment...</title>{PLAYER}")


def test_a_login_page_is_no_page_of_the_post() -> None:
    with pytest.raises(LoginRequired):
        read(page(PLAYER), url="https://blog.example/login?next=/posts/12")


# --- the request ----------------------------------------------------------------------------------


async def extract(
    body: bytes, *, status: int = 200, headers: dict[str, str] | None = None
) -> Extraction:
    client = StubClient(status, body, headers)
    extraction = await extracted_by(client)
    assert client.urls == [URL]
    return extraction


async def extracted_by(client: StubClient, *, then_read: bytes = b"") -> Extraction:
    """Extract the post; then request its video, which must be ``then_read``."""
    keeping = KeepingClient(client, FakeClock())
    try:
        extraction = await PageExtractor(keeping, ReaderHere()).extract(POST, GENERIC, within_s=60)
        if then_read:
            async with keeping.get(
                choose_candidate(extraction.videos[0]).url, scope=EgressScope(POST.url)
            ) as response:
                assert await response.read(limit=1 << 20) == then_read
        return extraction
    finally:
        await keeping.close()


async def test_one_request_is_enough_for_a_page_with_one_video() -> None:
    extraction = await extract(page(PLAYER).encode())

    assert (extraction.extractor, extraction.title) == ("page", "A kite")
    assert choose_candidate(extraction.videos[0]).url == FILE


@pytest.mark.parametrize(
    ("body", "source_type"),
    [
        (MP4, SourceType.DIRECT),
        (b"#EXTM3U\n#EXT-X-VERSION:7\n", SourceType.HLS),
        (b'<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011">', SourceType.DASH),
    ],
    ids=["mp4", "HLS", "DASH"],
)
@pytest.mark.parametrize("mime", ["video/mp4", "application/octet-stream", "text/html", ""])
async def test_a_url_that_is_the_file_is_recognised_by_its_first_bytes(
    body: bytes, source_type: SourceType, mime: str
) -> None:
    extraction = await extract(
        body, headers={"content-type": mime, "content-length": str(len(body))}
    )
    candidate = choose_candidate(extraction.videos[0])

    assert (candidate.url, candidate.source_type) == (URL, source_type)
    assert candidate.size == (len(body) if source_type is SourceType.DIRECT else None)


@pytest.mark.parametrize("body", [MP4, b"#EXTM3U\n#EXT-X-VERSION:7\n"], ids=["mp4", "HLS"])
@pytest.mark.parametrize(
    ("headers", "requests"), [({}, 1), ({"content-encoding": "gzip"}, 2)], ids=["plain", "gzip"]
)
async def test_the_download_of_a_url_that_is_the_file_goes_on_with_the_same_response(
    headers: dict[str, str], requests: int, body: bytes
) -> None:
    client = StubClient(200, body, headers)
    await extracted_by(client, then_read=body)

    assert client.urls == [URL] * requests


async def test_a_page_that_takes_too_long_is_left_to_the_browser(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(page_extractor, "MAX_SECONDS", 0.0)
    with pytest.raises(TookTooLong, match=r"blog\.example took too long"):
        await extracted_by(NeverAnswering())


@pytest.mark.parametrize(
    "body", [b"\x89PNG\r\n\x1a\n" + bytes(99), b"ID3\x03" + bytes(2_000), bytes(2_000), b"%PDF-1.7"]
)
async def test_a_file_that_is_no_video_is_left_to_the_browser(body: bytes) -> None:
    with pytest.raises(Unsupported):
        await extract(body)


async def test_a_refusal_with_a_videos_bytes_is_a_refusal() -> None:
    with pytest.raises(Deleted):
        await extract(MP4, status=404)


class NeverAnswering(StubClient):
    def get(self, url: str, **_: object) -> AbstractAsyncContextManager[HttpResponse]:  # type: ignore[override]
        @asynccontextmanager
        async def never() -> AsyncIterator[HttpResponse]:
            await asyncio.Event().wait()
            yield StubResponse(200, b"", {})

        return never()


class Misled(StubClient):
    """A client whose request is redirected to something that is no web address."""

    def get(self, url: str, **_: object) -> AbstractAsyncContextManager[HttpResponse]:  # type: ignore[override]
        raise BadUrl("This is not a web address.")


async def test_a_page_that_redirects_to_an_apps_address_is_left_to_the_browser() -> None:
    with pytest.raises(Unsupported, match="source is not enough"):
        await extracted_by(Misled())
