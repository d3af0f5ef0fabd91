"""The comments of a post, as lines of JSON in a file next to its first video. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from mediavault.core.media import Comment

MAX_LINES = 2_000


def comments_to_lines(comments: Iterable[Comment]) -> bytes:
    """Return a file with one comment on each line."""
    return b"".join(
        json.dumps(
            {
                "id": comment.id,
                "parent": comment.parent,
                "author": comment.author,
                "text": comment.text,
                "at": comment.at.isoformat() if comment.at else None,
                "likes": comment.likes,
                "by_author": comment.by_author,
                "is_pinned": comment.is_pinned,
            },
            ensure_ascii=True,
        ).encode("ascii")
        + b"\n"
        for comment in comments
    )


def comments_from_lines(content: bytes) -> list[Comment]:
    """Return the comments of such a file, each answer behind what it answers; lines that are none are passed over."""
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
            value = json.loads(line)
            yield Comment(
                id=str(value["id"]),
                parent=None if value["parent"] is None else str(value["parent"]),
                author=_text(value["author"]),
                text=_text(value["text"]),
                at=datetime.fromisoformat(value["at"]) if value.get("at") else None,
                likes=int(value.get("likes") or 0),
                by_author=value.get("by_author") is True,
                is_pinned=value.get("is_pinned") is True,
            )
        except (ValueError, OverflowError, KeyError, TypeError, RecursionError):
            continue


def _text(value: Any) -> str:
    return str(value).encode("utf-8", "replace").decode("utf-8").replace("\0", "\ufffd")
