"""JSON and HTML from strangers: what is read of it, and that no page can hurt."""

from __future__ import annotations

import pytest

from mediavault.services.extraction.page_data.document import documents, linked_data, parse_json
from mediavault.services.extraction.page_data.html_scan import scan
from mediavault.services.extraction.page_data.json_walk import MAX_DEPTH, walk


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ('{"a": 1}', [{"a": 1}]),
        ('for (;;);{"a": 1}', [{"a": 1}]),
        (')]}\',\n{"a": 1}', [{"a": 1}]),
        ("while(1);[1]", [[1]]),
        ('\ufeff{"a": 1}', [{"a": 1}]),
        ('{"a": 1}\n{"b": 2}\n', [{"a": 1}, {"b": 2}]),
        ('{"a": 1}{"b": 2}', [{"a": 1}, {"b": 2}]),
        ('{"a": 1}\n{"b": ', [{"a": 1}]),
        ("<html>", []),
        ("", []),
    ],
)
def test_guards_streams_and_broken_ends(text: str, values: list[object]) -> None:
    assert parse_json(text) == values
    assert parse_json(text.encode()) == values


@pytest.mark.parametrize(
    "text", ["[" * 200_000, '{"a":' * 200_000, "[" * 200_000 + "]" * 200_000, '"' + "x" * 100, "nul"]
)
def test_no_json_is_too_broken_or_too_deep_to_be_turned_down(text: str) -> None:
    assert parse_json(text) == []


def test_a_walk_goes_outer_before_inner_and_is_bounded() -> None:
    deep: object = {"end": True}
    for _ in range(MAX_DEPTH + 50):
        deep = {"in": deep}

    found = list(walk({"first": {"x": 1}, "then": [{"y": 2}]}))

    assert [sorted(node) for node in found] == [["first", "then"], ["x"], ["y"]]
    assert len(list(walk(deep))) == MAX_DEPTH + 1


def test_data_scripts_are_read_and_linked_data_apart() -> None:
    html = (
        '<script type="application/json">{"a": 1}</script><script>var x = 1</script>'
        '<script id="__NEXT_DATA__">{"b": 2}</script><script>window.__STATE__ = {"c": 3};</script>'
        '<script type="application/ld+json"><!-- {"d": 4} --></script>'
    )

    assert documents(scan(html)) == [{"a": 1}, {"b": 2}, {"c": 3}]
    assert linked_data(scan(html)) == [{"d": 4}]


def test_what_stands_in_comments_scripts_and_templates_is_no_element() -> None:
    html = "<!-- <video src=1> --><script>'<video src=2>'</script><template><video src=3></template><video src='4'>"

    assert [tag.attributes["src"] for tag in scan(html) if tag.name == "video"] == ["4"]


def test_attributes_are_read_however_they_are_written() -> None:
    (tag,) = scan('<META property=og:title content="A &amp; B" data-x>')

    assert dict(tag.attributes) == {"property": "og:title", "content": "A & B", "data-x": ""}


@pytest.mark.parametrize(
    "html",
    [
        "<" * 200_000,
        "<meta content='" * 50_000,
        "<!--" * 50_000,
        "<div>" * 100_000,
        "<video " + "a " * 200_000,
        "<script>" * 50_000,
    ],
)
def test_no_page_is_too_broken_to_be_read(html: str) -> None:
    assert len(list(scan(html))) <= 200
