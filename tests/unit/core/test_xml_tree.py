"""XML is read in a time that grows with its length alone."""

from __future__ import annotations

import gc
from time import process_time

import pytest

from mediavault.core.xml_tree import read_xml

PIECES = 40_000


@pytest.mark.parametrize(
    ("head", "part", "tail"),
    [
        ("<a>", "xxxxxxxxxxxxxxxxxxxx<b/>", "</a>"),  # the text of one element, in pieces
        ("<a>", "<b>x<c/>x</b>", "</a>"),
        ("<a>", "x&amp;", "</a>"),
        ("<a>", "<!---->x", "</a>"),
        ("<a>", "<![CDATA[x]]>", "</a>"),
        ("<a ", "", "/>"),
    ],
)
def test_twice_the_xml_takes_less_than_three_times_as_long(head: str, part: str, tail: str) -> None:
    def seconds(pieces: int) -> float:
        inside = part * pieces if part else " ".join(f"b{number}='1'" for number in range(pieces))
        began = process_time()
        read_xml(f"{head}{inside}{tail}", max_depth=9, max_elements=1_000_000)
        return process_time() - began

    seconds(PIECES // 10)
    gc.disable()  # or a collection of all that other tests left behind is measured with it
    try:
        times = [(seconds(PIECES), seconds(2 * PIECES)) for _ in range(4)]
    finally:
        gc.enable()

    once, twice = map(min, zip(*times, strict=True))
    assert twice < 3 * once + 0.05


def test_the_text_of_an_element_is_put_together_from_its_pieces() -> None:
    root = read_xml("<a>one <b>two<c/>three</b>&amp;<![CDATA[ four]]></a>", max_depth=3, max_elements=3)

    assert (root.text, root.children[0].text) == ("one & four", "twothree")
