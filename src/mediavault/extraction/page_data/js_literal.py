"""Object literals of JavaScript turned into JSON: names without quotes, single quotes, comments,
trailing commas.

Only literals: nothing is evaluated, and anything else ends the reading; of ``'62' * 1 || 0`` the
first part counts, strings that are written in parts (``'a' + 'b'``) are joined, and what a call
returns (``now()``) is null. One pass, linear in time. Source: ECMA-262, 12.9 "Literals"; checked
2026-11-24.
"""

from __future__ import annotations

import json
import re
from itertools import islice

MAX_DEPTH = 200

_TOKEN = re.compile(
    r"""\s*+(?:
        (?P<comment>//[^\n]*+|/\*(?:[^*]|\*(?!/))*+\*/)
      | (?P<double>"(?:[^"\\\n]|\\.)*+")
      | (?P<single>'(?:[^'\\\n]|\\.)*+')
      | (?P<template>`(?:[^`\\$]|\\.|\$(?!\{))*+`)
      | (?P<mark>[{}\[\],:])
      | (?P<number>-?(?:0[xX][0-9a-fA-F]+|(?:\d[\d_]*+\.?\d*+|\.\d++)(?:[eE][+-]?\d++)?))
      | (?P<flag>![01])
      | (?P<tail>(?:\|\||&&|\?\?|[*/])\s*+
            (?:-?\d[\w.]*+|"(?:[^"\\\n]|\\.)*+"|'(?:[^'\\\n]|\\.)*+'|[A-Za-z_$][\w$.]*+))
      | (?P<more>\+\s*+(?:"(?:[^"\\\n]|\\.)*+"|'(?:[^'\\\n]|\\.)*+'))
      | (?P<call>[A-Za-z_$][\w$.]*+\(\s*+\))
      | (?P<name>[A-Za-z_$][\w$]*+)
    )""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(
    r"\\(?:u\{([0-9a-fA-F]{1,6})\}|u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(\r?\n)|(.))", re.DOTALL
)
_SHORT = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "0": "\0"}
_WORDS = {
    "true": "true",
    "false": "false",
    "null": "null",
    "undefined": "null",
    "NaN": "null",
    "Infinity": "null",
}
_PLAIN_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*+"')


def parse_literal(text: str, start: int = 0) -> tuple[object, int]:
    """Return the object or array literal that begins at ``start``, and where it ends.

    Raises ValueError when there is none; its second argument is where the reading ended.
    """
    written: list[str] = []
    position, depth = start, 0
    while depth or not written:
        token = _TOKEN.match(text, position)
        if token is None:
            raise ValueError("no literal", position)
        position = token.end()
        mark = token["mark"]
        if mark in ("}", "]"):
            depth -= 1
            if written and written[-1] == ",":
                written.pop()
        elif mark in ("{", "["):
            depth += 1
        if not written and mark not in ("{", "["):
            if token["comment"]:
                continue
            raise ValueError("no object and no array", position)
        if depth > MAX_DEPTH:
            raise ValueError("too deep", position)
        is_part = token["more"] is not None
        if (token["tail"] and written[-1][-1] in "{[,:") or (
            is_part and text[token.start() - 1] not in "\"'`"
        ):
            raise ValueError("no value", position)
        if is_part:
            written[-1] = written[-1][:-1]
        if not token["comment"] and not token["tail"]:
            written.append(mark or _as_json(token))
    return _loaded("".join(written), position), position


# Pages also contain JSON in strings: ``JSON.parse('{"a"…')``, ``data = '\\x7b\\x22a…'``
_TEXT = re.compile(r"""(?:\bJSON\.parse\(|=)\s*+(?=["'](?:\{|\[|\\x[57][bB]|\\u00[57][bB]))""")
MAX_TEXTS = 50  # of one script


def written_texts(script: str) -> list[str]:
    """Return the contents of a script's strings that begin like JSON."""
    starts = (match.end() for match in islice(_TEXT.finditer(script), MAX_TEXTS))
    tokens = filter(None, (_TOKEN.match(script, start) for start in starts))
    return [
        unescaped(token[token.lastgroup][1:-1])
        for token in tokens
        if token.lastgroup in ("single", "double")
    ]


def _loaded(written: str, position: int) -> object:
    try:
        return json.loads(written)
    except (ValueError, RecursionError) as exc:
        raise ValueError("no literal", position) from exc


def _as_json(token: re.Match[str]) -> str:
    match token.lastgroup:
        case "double" if _PLAIN_STRING.fullmatch(token["double"]):
            return token["double"]
        case "double" | "single" | "template":
            return json.dumps(unescaped(token[token.lastgroup][1:-1]))
        case "more":
            return json.dumps(unescaped(token["more"][1:].lstrip()[1:-1]))[1:]
        case "number":
            return _number(token["number"])
        case "call":
            return "null"
        case "flag":
            return "true" if token["flag"] == "!0" else "false"
    return _WORDS.get(token["name"]) or json.dumps(token["name"])


def _number(written: str) -> str:
    if "x" in written.lower():
        return str(int(written, 16))
    written = written.replace("_", "")
    sign, digits = ("-", written[1:]) if written.startswith("-") else ("", written)
    digits = (
        f"0{digits}" if digits.startswith(".") else digits.replace(".e", ".0e").replace(".E", ".0E")
    )
    return f"{sign}{digits}0" if digits.endswith(".") else f"{sign}{digits}"


def unescaped(content: str) -> str:
    """Return the text of a string literal, without its quotes, whose escapes are as written."""
    return _ESCAPE.sub(_character, content) if "\\" in content else content


def _character(escape: re.Match[str]) -> str:
    code = escape[1] or escape[2] or escape[3]
    if code:
        return chr(int(code, 16)) if int(code, 16) < 0x110000 else "�"
    return "" if escape[4] else _SHORT.get(escape[5], escape[5])
