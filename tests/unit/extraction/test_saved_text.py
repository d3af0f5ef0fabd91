"""The text of saved pages in the encodings that browsers save."""

from __future__ import annotations

import pytest

from mediavault.core.failures import BadInput
from mediavault.extraction.saved_page import MAX_PAGE_BYTES, open_saved

PAGE = '<html><head><meta charset="%s"><title>Drächen – 凧</title></head></html>'


@pytest.mark.parametrize(
    ("document", "title"),
    [
        ((PAGE % "utf-8").encode(), "Drächen – 凧"),
        (b"\xef\xbb\xbf" + (PAGE % "ascii").encode(), "Drächen – 凧"),
        ((PAGE % "utf-16").encode("utf-16"), "Drächen – 凧"),
        (
            (PAGE % "shift_jis").replace("ä", "a").replace("–", "-").encode("shift_jis"),
            "Drachen - 凧",
        ),
        ((PAGE % "iso-8859-1").replace("凧", "").encode("cp1252"), "Drächen – "),
        ((PAGE % "no-such-thing").replace("凧", "").encode("cp1252"), "Dr\ufffdchen \ufffd "),
    ],
)
def test_a_page_is_read_in_the_encoding_that_it_states(document: bytes, title: str) -> None:
    assert f"<title>{title}</title>" in open_saved(document, "").html


@pytest.mark.parametrize(
    "document", [b"", b" \n", b"\0" * 99, bytes(range(256)), b"\xff\xd8\xff\xe0\0\x10JFIF\0" * 9]
)
def test_a_document_that_is_not_text_is_refused(document: bytes) -> None:
    with pytest.raises(BadInput):
        open_saved(document, "")


def test_codecs_that_are_not_text_encodings_are_not_run() -> None:
    assert (
        "<title>" in open_saved((PAGE % "zlib_codec").replace("凧", "").encode("cp1252"), "").html
    )


def test_only_the_beginning_of_a_long_page_is_read() -> None:
    assert len(open_saved(b"<p>" * MAX_PAGE_BYTES, "").html) == MAX_PAGE_BYTES
