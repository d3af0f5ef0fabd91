"""The text of saved pages, whatever their packing and encoding."""

from __future__ import annotations

import gzip

import pytest

from mediavault.core.errors import BadInput
from mediavault.services.extraction.saved_text import MAX_PAGE_BYTES, MAX_UNPACKED_BYTES, saved_text

PAGE = '<html><head><meta charset="%s"><title>Drächen – 凧</title></head></html>'


@pytest.mark.parametrize(
    ("document", "title"),
    [
        ((PAGE % "utf-8").encode(), "Drächen – 凧"),
        (b"\xef\xbb\xbf" + (PAGE % "ascii").encode(), "Drächen – 凧"),
        ((PAGE % "utf-16").encode("utf-16"), "Drächen – 凧"),
        ((PAGE % "utf-16").encode("utf-16-le"), "Drächen – 凧"),
        ((PAGE % "shift_jis").replace("ä", "a").replace("–", "-").encode("shift_jis"), "Drachen - 凧"),
        ((PAGE % "iso-8859-1").replace("凧", "").encode("cp1252"), "Drächen – "),
        ((PAGE % "no-such-thing").replace("凧", "").encode("cp1252"), "Dr\ufffdchen \ufffd "),
        (gzip.compress((PAGE % "utf-8").encode(), mtime=0), "Drächen – 凧"),
    ],
)
def test_a_page_is_read_in_the_encoding_that_it_states(document: bytes, title: str) -> None:
    assert f"<title>{title}</title>" in saved_text(document)


@pytest.mark.parametrize(
    "document", [b"", b" \n", b"\0" * 99, bytes(range(256)), b"\x1f\x8bnot packed", b"\xff\xd8\xff\xe0\0\x10JFIF\0" * 9]
)
def test_what_is_no_text_is_refused(document: bytes) -> None:
    with pytest.raises(BadInput):
        saved_text(document)


def test_codecs_that_are_no_encodings_are_not_run() -> None:
    assert "<title>" in saved_text((PAGE % "zlib_codec").replace("凧", "").encode("cp1252"))


def test_no_more_of_a_page_or_of_what_it_unpacks_to_is_read_than_is_good() -> None:
    assert len(saved_text(b"<p>" * MAX_PAGE_BYTES)) == MAX_PAGE_BYTES
    assert len(saved_text(gzip.compress(b"{" * (MAX_UNPACKED_BYTES + 10), 1))) == MAX_UNPACKED_BYTES
