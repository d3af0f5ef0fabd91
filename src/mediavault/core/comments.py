"""The comments of a post, as lines of JSON in a file next to its first video. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace

from mediavault.core.media import Comment
from mediavault.core.typed_records import from_named_json, to_named_json

MAX_LINES = 2_000


def comments_to_lines(comments: Iterable[Comment]) -> bytes:
    """Return a file with one comment on each line."""
    lines = (json.dumps(to_named_json(one, whole=True)) for one in comments)
    return "".join(f"{line}\n" for line in lines).encode("ascii")


def comments_from_lines(content: bytes) -> list[Comment]:
    """Return the comments of such a file, each answer behind what it answers;
    lines that are none are passed over.
    """
    found = list(_comments(content))
    answers: dict[str, list[Comment]] = {}
    for one in found:
        if one.parent is not None:
            answers.setdefault(one.parent, []).append(one)
    known = {one.id for one in found if one.parent is None}
    ordered: list[Comment] = []
    for one in found:
        if one.parent is None:
            ordered += [one, *answers.pop(one.id, ())]
        elif one.parent not in known:
            ordered.append(one)
    return ordered


def _comments(content: bytes) -> Iterator[Comment]:
    for line in content.splitlines()[:MAX_LINES]:
        try:
            one = from_named_json(Comment, json.loads(line))
        except (ValueError, OverflowError, LookupError, AttributeError, TypeError, RecursionError):
            continue
        yield replace(one, author=_shown(one.author), text=_shown(one.text))


def _shown(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "\ufffd")
