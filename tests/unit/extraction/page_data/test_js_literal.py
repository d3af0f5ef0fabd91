"""JavaScript literals as JSON values, and texts that are not literals."""

from __future__ import annotations

import pytest

from mediavault.extraction.page_data.document import literals, parse_json
from mediavault.extraction.page_data.js_literal import parse_literal
from tests.growth import growth_of


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("{a:1,b_$2:[.5,-2.,1e3,0xff]}", {"a": 1, "b_$2": [0.5, -2.0, 1000.0, 255]}),
        ("{'it\\'s':\"a\\x41\\u0042\\u{43}\"}", {"it's": "aABC"}),
        ("{a:!0,b:!1,c:undefined,d:null,}", {"a": True, "b": False, "c": None, "d": None}),
        ("{a:`two\nlines`, /* note */ b:1, // end\n}", {"a": "two\nlines", "b": 1}),
        ("[{a:'\"quoted\"'},[],]", [{"a": '"quoted"'}, []]),
        ("{a:'one\\\ntwo'}", {"a": "onetwo"}),
        ("{a:'b' +\n  \"c'\" + '',d:['e'+'\\x66'],g:1_000}", {"a": "bc'", "d": ["ef"], "g": 1000}),
        ("{a:b(),c:d.e( ),f:[g()]}", {"a": None, "c": None, "f": [None]}),
        ("{a:'10002' * 1 || 0,b:[6/2,x ?? 'y']}", {"a": "10002", "b": [6, "x"]}),
    ],
)
def test_a_literal_becomes_the_value_that_it_writes(written: str, value: object) -> None:
    assert parse_literal(written) == (value, len(written))


@pytest.mark.parametrize(
    "written",
    [
        "{return 1}",
        "function(){}",
        "{a:1",
        "{a:'x}",
        "'text'",
        "{a 1}",
        "{" * 500,
        "{a:* 2}",
        "{a:'b' + c}",
        "{a:b + 'c'}",
        "{a:+'c'}",
        "{a:1 + 'c'}",
    ],
)
def test_a_text_that_is_not_a_whole_literal_is_refused_with_the_position(written: str) -> None:
    with pytest.raises(ValueError, match=r"no literal|no object|no value|too deep") as refused:
        parse_literal(written)

    assert 0 <= int(refused.value.args[-1]) <= len(written)


def test_assigned_values_and_arguments_of_calls_are_read_from_a_script() -> None:
    script = (
        'var a = {"posts":[{"id":"1","title":"a kite in the wind"}]};'
        "load('/p/1/', {items:[{id:'2',title:'another kite in the wind'}]}); if(x){return y}"
    )

    assert [sorted(literal) for literal in literals(script) if isinstance(literal, dict)] == [
        ["posts"],
        ["items"],
    ]


def test_an_answer_saved_as_a_module_is_read() -> None:
    assert parse_json(
        "// saved\nexport default {data: {id: '7', title: 'a kite in the wind', n: [1, 2,]}};"
    ) == [{"data": {"id": "7", "title": "a kite in the wind", "n": [1, 2]}}]


@pytest.mark.parametrize("unit", ["x={", "={a:", "=[[", "((", "={'", '={"a":1,', "/*", "a=1&"])
def test_hostile_scripts_are_read_quickly(unit: str) -> None:
    """Each takes well under a second; a parser that backtracks would take hours."""
    literals(unit * 200_000)
    parse_json(unit * 200_000)


def test_a_string_in_ever_more_parts_takes_linear_time() -> None:
    growth = growth_of(
        lambda parts: parse_literal(f"{{a:''{parts}}}"), lambda count: "+'b'" * count
    )

    assert not growth.is_above_linear
