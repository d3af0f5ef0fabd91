"""What kind of data a response contains."""

from __future__ import annotations

import pytest

from mediavault.browser.url_signs import is_manifest_text, is_vague, looks_like_data, names_media


@pytest.mark.parametrize(
    "body",
    [
        b"#EXTM3U\n",
        b"\xef\xbb\xbf\n #EXTM3U\n",
        b'<?xml version="1.0"?>\n<!-- made by\n a packager --><MPD xmlns="x">',
        b"<mpd:MPD>",
    ],
)
def test_a_manifest_is_recognised_by_its_beginning(body: bytes) -> None:
    assert is_manifest_text(body)
    assert looks_like_data(body)


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"<!-- MPD -->", b"EXTM3U", b"\x00\x00\x00\x18ftyp", b"<MPDX>"]
)
def test_other_bodies_are_not_manifests(body: bytes) -> None:
    assert not is_manifest_text(body)


@pytest.mark.parametrize(
    "body", [b'{"a": 1}', b"[]", b'[{"a"', b"for (;;);{}", b")]}'\n{}", b'{"a":1}\n{"b":2}', b"{}"]
)
def test_json_is_recognised_by_its_beginning(body: bytes) -> None:
    assert looks_like_data(body)


@pytest.mark.parametrize(
    "body", [b"{ color: red }", b"[ini section]", b"words", b"function () {}", b"<p>"]
)
def test_other_text_is_not_json(body: bytes) -> None:
    assert not looks_like_data(body)


def test_vague_types_and_media_names_are_recognised() -> None:
    assert is_vague("text/plain")
    assert not is_vague("text/event-stream")
    assert not is_vague("video/mp4")
    assert names_media("https://a.test/seg-1.m4s?x=1")
    assert not names_media("https://a.test/api/stream/7")


def test_a_long_comment_costs_no_time() -> None:
    assert not is_manifest_text(b"<!--" * 100_000)
