"""Manifests that a page generates or contains."""

from __future__ import annotations

import base64
import json

import pytest

from mediavault.browser.port import SeenManifest, SeenResponse
from mediavault.extraction.page_manifests import MAX_MANIFEST_CHARS, MAX_MANIFESTS, page_manifests
from tests.growth import growth_of
from tests.unit.extraction.samples import PAGE

BLOB = "blob:https://site.test/1"
PLAYLIST = '#EXTM3U\n#EXT-X-MAP:URI="init.mp4"\n#EXTINF:4.0,\nseg1.m4s?a=1\n#EXTINF:4,\nhttps://cdn.site.test/seg2.m4s\n#EXT-X-ENDLIST\n'
MPD = (
    '<MPD xmlns="urn:mpeg:dash:schema:mpd:2011">{base}<Period><BaseURL>v/</BaseURL></Period></MPD>'
)


def made(text: str, *, frame_url: str = PAGE) -> tuple[SeenResponse, ...]:
    return page_manifests([SeenManifest(BLOB, text, frame_url)], [], PAGE)[0]


def text_of(response: SeenResponse) -> str:
    return base64.b64decode(response.url.partition(",")[2]).decode()


def test_a_playlist_that_a_page_made_gets_a_data_address_and_absolute_urls() -> None:
    (response,), names = page_manifests([SeenManifest(BLOB, PLAYLIST, PAGE)], [], PAGE)

    assert response.url.startswith("data:application/vnd.apple.mpegurl;base64,")
    assert names == {BLOB: response.url}
    assert response.body == text_of(response).encode()
    assert text_of(response).splitlines()[1:5] == [
        '#EXT-X-MAP:URI="https://site.test/posts/init.mp4"',
        "#EXTINF:4.0,",
        "https://site.test/posts/seg1.m4s?a=1",
        "#EXTINF:4,",
    ]


@pytest.mark.parametrize(
    ("own", "wanted"),
    [
        ("", f"<BaseURL>{PAGE}</BaseURL><Period>"),
        ("<BaseURL>films/</BaseURL>", "<BaseURL>https://site.test/posts/films/</BaseURL><Period>"),
        (
            "<BaseURL>https://cdn.site.test/</BaseURL>",
            "<BaseURL>https://cdn.site.test/</BaseURL><Period>",
        ),
    ],
)
def test_a_dash_manifest_takes_its_base_along(own: str, wanted: str) -> None:
    (response,) = made(MPD.format(base=own))

    assert response.url.startswith("data:application/dash+xml;base64,")
    assert wanted in text_of(response)
    assert "<BaseURL>v/</BaseURL>" in text_of(response)


def test_an_ampersand_in_the_base_stays_proper_xml() -> None:
    (response,) = made(MPD.format(base=""), frame_url="https://site.test/p?a=1&b=2")

    assert "<BaseURL>https://site.test/p?a=1&amp;b=2</BaseURL>" in text_of(response)


def test_a_frame_without_an_address_has_the_pages_base() -> None:
    (response,) = made(PLAYLIST, frame_url="about:srcdoc")

    assert "https://site.test/posts/init.mp4" in text_of(response)


def test_manifests_in_json_are_found_even_in_json_within_a_string() -> None:
    inner = json.dumps({"manifest": MPD.format(base="")})
    documents = [
        {"data": [{"video": {"xml": MPD.format(base="<BaseURL>a/</BaseURL>")}}]},
        {"payload": inner},
    ]
    responses, _ = page_manifests([], documents, PAGE)

    assert len(responses) == 2
    assert all(response.frame_url == PAGE for response in responses)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "words about #EXTM3U",
        "<html><p>MPD</p></html>",
        "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nblob:https://site.test/2\n",
        "#EXTM3U\n" + "#" * MAX_MANIFEST_CHARS,
    ],
)
def test_unusable_manifests_are_left_out(text: str) -> None:
    assert made(text) == ()


def test_the_number_of_manifests_of_a_page_is_bounded() -> None:
    many = [SeenManifest(BLOB, f"{PLAYLIST}#{n}\n", PAGE) for n in range(MAX_MANIFESTS + 5)]

    assert len(page_manifests(many, [], PAGE)[0]) == MAX_MANIFESTS


OPEN = '<MPD xmlns="urn:mpeg:dash:schema:mpd:2011">'


@pytest.mark.parametrize(
    ("head", "pump"),
    [
        (f"{OPEN}<BaseURL>", " "),
        (OPEN, "<BaseURL "),
        (f"{OPEN}<BaseURL>a", " a"),
        ("<MPD ", "<MPD "),
    ],
)
def test_a_manifest_that_never_closes_takes_no_longer_than_its_length(head: str, pump: str) -> None:
    growth = growth_of(made, lambda size: head + pump * size)

    assert not growth.is_above_linear, growth
