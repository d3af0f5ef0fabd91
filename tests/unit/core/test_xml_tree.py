"""XML is read in a time that grows with its length alone."""

from __future__ import annotations

import pytest

from mediavault.core.xml_tree import XmlNode, read_xml
from tests.growth import seconds_of

PIECES = 40_000


@pytest.mark.parametrize(
    ("head", "part", "tail"),
    [
        ("<a>", "xxxxxxxxxxxxxxxxxxxx<b/>", "</a>"),  # the text of one element, in pieces
        ("<a>", "<b>x<c/>x</b>", "</a>"),
        ("<a>", "x&amp;", "</a>"),
        ("<a>", "<!---->x", "</a>"),
        ("<a>", "<![CDATA[x]]>", "</a>"),
        ("<a ", "", "/>"),  # attributes
    ],
)
def test_twice_the_xml_takes_less_than_three_times_as_long(head: str, part: str, tail: str) -> None:
    def xml(pieces: int) -> str:
        inside = part * pieces or " ".join(f"b{number}='1'" for number in range(pieces // 4))
        return f"{head}{inside}{tail}"

    def read(text: str) -> XmlNode:
        return read_xml(text, max_depth=9, max_elements=1_000_000)

    assert read(xml(2 * PIECES)), "what is measured is not a refusal"
    # Other programs make a measurement longer, never shorter: one of several is enough.
    times = ([seconds_of(read, xml(pieces)) for pieces in (PIECES, 2 * PIECES)] for _ in range(6))
    assert any(twice < 3 * once + 0.05 for once, twice in times)


def test_the_text_of_an_element_is_put_together_from_its_pieces() -> None:
    root = read_xml(
        "<a>one <b>two<c/>three</b>&amp;<![CDATA[ four]]></a>", max_depth=3, max_elements=3
    )

    assert (root.text, root.children[0].text) == ("one & four", "twothree")
