"""Data in the attributes of elements."""

from __future__ import annotations

import json
from html import escape

from mediavault.extraction.page_data.elements import element_documents


def test_json_in_an_attribute_is_parsed() -> None:
    store = escape(json.dumps({"videoID": "12", "src": "https://video.test/a.mp4?a=1&b=2"}))

    assert element_documents(f'<div class="x" data-store="{store}">') == [
        {
            "element": "div",
            "attributes": {
                "class": "x",
                "data-store": {"videoID": "12", "src": "https://video.test/a.mp4?a=1&b=2"},
            },
        }
    ]


def test_a_value_escaped_twice_is_read_all_the_same() -> None:
    store = json.dumps({"src": "https://video.test/a.mp4", "xml": '<MPD a="1">'}).replace(
        "/", "\\/"
    )
    entities = f'<i data-store="{escape(escape(store))}">'
    backslashes = f'<i data-store="{escape(store.replace(chr(92), chr(92) * 2))}">'

    documents = element_documents(entities + backslashes)

    assert [
        document["attributes"]["data-store"] for document in documents if isinstance(document, dict)
    ] == [json.loads(store)] * 2


def test_elements_come_in_the_order_of_the_page_and_others_are_passed_over() -> None:
    page = (
        '<div><shreddit-post id="t3_a"><p data-x="1"><shreddit-player-2 src="b"></div><u'
        ' data-fullname="t3_c">'
    )

    names = [
        document["element"] for document in element_documents(page) if isinstance(document, dict)
    ]
    assert names == ["shreddit-post", "shreddit-player-2", "u"]


def test_tags_without_an_end_do_not_stop_the_reading() -> None:
    assert len(element_documents("<a data-store=" * 100_000)) <= 2_000
