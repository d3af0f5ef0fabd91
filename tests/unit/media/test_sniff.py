"""Detection of a file's type from its first bytes."""

from __future__ import annotations

import pytest

from mediavault.media.sniff import SNIFF_BYTES, Kind, demuxer_in_order, sniff, ts_packet_bytes
from tests import media


def test_every_container_is_recognised_by_its_first_bytes() -> None:
    bodies = {
        Kind.MP4: media.mp4(), Kind.MOV: media.mov(), Kind.WEBM: media.webm(),
        Kind.MATROSKA: media.mkv(), Kind.MPEGTS: media.ts(), Kind.FLV: media.flv(),
        Kind.AVI: media.avi(),
    }  # fmt: skip

    assert {kind: sniff(body[:1_024]) for kind, body in bodies.items()} == {
        kind: kind for kind in bodies
    }


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"", Kind.EMPTY),
        (bytes(1_024), Kind.ZEROS),
        (b"<!DOCTYPE html><html>", Kind.HTML),
        (b"\xef\xbb\xbf\r\n  <HTML lang='de'>", Kind.HTML),
        ("<!doctype html><title>Anmelden</title>".encode("utf-16"), Kind.HTML),
        ("<!doctype html><p>Größe".encode("latin-1"), Kind.HTML),
        (b"<?xml version='1.0'?>\n<html xmlns='http://www.w3.org/1999/xhtml'>", Kind.HTML),
        (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", Kind.XML),
        (b'{"error": "login required"}', Kind.JSON),
        (b'[{"a": 1}]', Kind.JSON),
        (b"#EXTM3U\n#EXT-X-VERSION:3\n", Kind.HLS),
        (b"\xef\xbb\xbf#EXTM3U\n", Kind.HLS),
        (
            (
                b'<?xml version="1.0"?>\n<!-- made by hand -->\n'
                b'<MPD xmlns="urn:mpeg:dash:schema:mpd:2011">'
            ),
            Kind.DASH,
        ),
        (b"ffconcat version 1.0\nfile 'http://127.0.0.1/x.mp4'\n", Kind.SCRIPT),
        (b"#!/bin/sh\n", Kind.SCRIPT),
        (b"Not found\n", Kind.TEXT),
        (b"BMW drives by", Kind.TEXT),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", Kind.IMAGE),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", Kind.IMAGE),
        (b"GIF89a\x01\0\x01\0", Kind.IMAGE),
        (b"RIFF\0\0\0\0WEBPVP8 ", Kind.IMAGE),
        (b"\0\0\0\x1cftypavif", Kind.IMAGE),
        (b"\0\0\0\x18ftypheic", Kind.IMAGE),
        (b"<svg xmlns='http://www.w3.org/2000/svg'>", Kind.IMAGE),
        (b"\0\0\0\x18ftypM4A ", Kind.AUDIO),
        (b"ID3\x04\0\0\0\0\0\0", Kind.AUDIO),
        (b"RIFF\0\0\0\0WAVEfmt ", Kind.AUDIO),
        (b"\0\0\0\x18styp", Kind.MP4),
        (b"\0\0\0\x08wide\0\0\x10\0mdat", Kind.MOV),
        (b"\x1f\x8b\x08\0\0\0\0\0", Kind.UNKNOWN),
        (b"OggS\0\x02", Kind.OGG),
        (b"\0\0\x01\xba\x44\0\x04\0", Kind.MPEGPS),
        (bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"), Kind.ASF),
        (bytes(range(200, 256)) * 8, Kind.UNKNOWN),
    ],
)
def test_other_types_are_recognised_too(head: bytes, kind: Kind) -> None:
    assert sniff(head) is kind


def test_a_transport_stream_may_carry_time_stamps_before_its_packets() -> None:
    packets = [media.ts()[at : at + 188] for at in range(0, 188 * 6, 188)]
    stamped = b"".join(b"\0\0\0\1" + packet for packet in packets)

    assert ts_packet_bytes(stamped[:1_024]) == (192, 4)
    assert sniff(stamped) is Kind.MPEGTS


def test_a_text_that_begins_with_a_capital_g_is_not_a_transport_stream() -> None:
    assert sniff(b"Gone. " * 100) is Kind.TEXT


def box(kind: bytes, size: int) -> bytes:
    return size.to_bytes(4, "big") + kind + bytes(max(0, size - 8))


@pytest.mark.parametrize(
    ("head", "demuxer"),
    [
        (media.mp4(), "mov"),
        (media.mp4(layout="fragmented"), "mov"),
        (media.mp4(layout="moov_last"), None),
        (media.mov(), None),  # its table of contents is last
        (media.ts(), "mpegts"),
        (media.webm(), "matroska"),
        (media.mkv(), "matroska"),
        (media.avi(), None),
        (media.flv(), None),
        (media.html(), None),
        (b"", None),
        (box(b"ftyp", 32) + (1).to_bytes(4,
                                         "big") + b"free" + (24).to_bytes(8,
                                         "big") + bytes(8) + box(b"moov", 8), "mov"),
        # not seen in the first bytes
        (box(b"ftyp", 32) + box(b"free", 2_000) + box(b"moov", 8), None),
        (box(b"ftyp", 32) + b"\0\0\0\0free" + box(b"moov", 8), None),  # lasts until the file's end
        (box(b"ftyp", 32) + b"\0\0\0\x07free" + box(b"moov", 8), None),  # shorter than itself
        (box(b"ftyp", 32) + (1).to_bytes(4, "big") + b"free" + bytes(8) + box(b"moov", 8), None),
        (box(b"ftyp", 32) + b"\0\0", None),
    ],
)  # fmt: skip
def test_a_container_that_can_be_read_in_order_is_known_by_its_first_bytes(
    head: bytes, demuxer: str | None
) -> None:
    assert demuxer_in_order(head[:SNIFF_BYTES]) == demuxer
