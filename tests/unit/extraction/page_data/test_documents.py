"""Reading untrusted JSON and HTML: what is read, and that no page can do harm."""

from __future__ import annotations

import pytest

from mediavault.extraction.page_data.document import documents, linked_data, parse_json
from mediavault.extraction.page_data.html_scan import scan
from mediavault.extraction.page_data.values import MAX_DEPTH, walk


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
def test_json_is_read_behind_guards_in_streams_and_with_a_broken_end(
    text: str, values: list[object]
) -> None:
    assert parse_json(text) == values
    assert parse_json(text.encode()) == values


@pytest.mark.parametrize(
    "text",
    ["[" * 200_000, '{"a":' * 200_000, "[" * 200_000 + "]" * 200_000, '"' + "x" * 100, "nul"],
)
def test_broken_or_too_deep_json_is_ignored(text: str) -> None:
    assert parse_json(text) == []


def test_a_walk_visits_outer_values_before_inner_ones_and_is_bounded() -> None:
    deep: object = {"end": True}
    for _ in range(MAX_DEPTH + 50):
        deep = {"in": deep}

    nodes = list(walk({"first": {"x": 1}, "then": [{"y": 2}]}))

    assert [sorted(node) for node in nodes] == [["first", "then"], ["x"], ["y"]]
    assert len(list(walk(deep))) == MAX_DEPTH + 1


def test_data_scripts_are_read_and_linked_data_separately() -> None:
    html = (
        '<script type="application/json">{"a": 1}</script><script>var x = 1</script>'
        '<script id="__NEXT_DATA__">{"b": 2}</script><script>window.__STATE__ = {"c": 3};</script>'
        '<script type="application/ld+json"><!-- {"d": 4} --></script>'
    )

    assert documents(scan(html)) == [{"a": 1}, {"b": 2}, {"c": 3}]
    assert linked_data(scan(html)) == [{"d": 4}]


def test_tags_in_comments_scripts_and_templates_are_not_elements() -> None:
    html = (
        "<!-- <video src=1> --><script>'<video src=2>'</script><template><video"
        " src=3></template><video src='4'>"
    )

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
