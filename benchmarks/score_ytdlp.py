"""What yt-dlp alone tells of the same addresses of posts, offline: which extractor takes one, with which id, as what.

It gets the benefit of every doubt: an extractor that never says whether it gives one video or a list counts as right
for both. It reads no saved pages, judges no files, and tells nothing of an address of media: those have no column here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from benchmarks.score_cases import Answer, Cases, Row, Section
from benchmarks.score_judges import NOWHERE, OURS, told_by_address, wanted_kind

POSTS, IDS, LISTS, STRANGERS = "posts", "post id", "lists", "strangers"
# The kind that an address should have -> what yt-dlp is asked.
_QUESTIONS: Mapping[str, str] = {"post": POSTS, "profile": LISTS, "playlist": LISTS, "unsupported": STRANGERS}

# Platform -> how the names of its extractors begin, where that is not the platform's own name.
_EXTRACTORS: Mapping[str, tuple[str, ...]] = {
    "x": ("twitter", "nitter"),
    "bilibili": ("bili",),
}


def judge_ytdlp(cases: Cases) -> Iterator[Answer]:
    """``posts``: taken by an extractor of the platform; ``lists``: profiles and playlists that one takes as such;
    ``strangers``: no public site's addresses, taken by none. Sites that mediavault has no facts of are left out."""
    known = _extractors()
    for row in filter(_is_compared, cases.post_urls):
        yield from _judge(row, next((each for each in known if each.suitable(row["url"])), None))


def _is_compared(row: Row) -> bool:
    return row["platform"] in {*OURS, NOWHERE}


def _extractors() -> Sequence[Any]:
    from yt_dlp.extractor import gen_extractor_classes

    return [each for each in gen_extractor_classes() if each.ie_key() != "Generic"]


def _judge(row: Row, extractor: Any) -> Iterator[Answer]:
    name = extractor.ie_key() if extractor else None
    own = name is not None and name.lower().startswith(_EXTRACTORS.get(row["platform"], (row["platform"],)))
    question = _QUESTIONS.get(wanted_kind(row) or "")
    if question == POSTS:
        yield _answer(row, POSTS, "one video", name, right=own and extractor.is_single_video(row["url"]) is not False)
        if (post_id := told_by_address(row).get("post_id")) is not None:
            got = extractor.get_temp_id(row["url"]) if own else None
            right = isinstance(got, str) and bool(got) and post_id.endswith(got)  # it cuts Bilibili's "BV" off
            yield _answer(row, IDS, post_id, got, right=right)
    elif question == LISTS:
        yield _answer(row, LISTS, "a list", name, right=own and extractor.is_single_video(row["url"]) is not True)
    elif question == STRANGERS and row["url_kind"] != "non_http":  # of those several are its own short forms
        yield _answer(row, STRANGERS, None, name, right=name is None)


def as_compared(ours: Sequence[Answer], theirs: Iterable[Answer]) -> Iterator[Answer]:
    """Our own answers to the questions that were put to yt-dlp, from those that were judged already."""
    asked = {(answer.platform, answer.case, answer.measure) for answer in theirs}
    for answer in ours:
        if answer.section is Section.ADDRESSES:
            measure = _QUESTIONS.get(str(answer.expected), "") if answer.measure == "kind" else answer.measure
            if (answer.platform, answer.case, measure) in asked:
                yield replace(answer, measure=measure)


def _answer(row: Row, measure: str, expected: object, got: object, *, right: bool) -> Answer:
    return Answer(Section.ADDRESSES, row["platform"], measure, row["url"], expected, got, right=right)
