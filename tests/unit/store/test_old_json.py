"""What earlier versions stored is read as they read it, and what is stored now they can read."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediavault.core.comments import comments_from_lines, comments_to_lines
from mediavault.core.failures import ErrorCode
from mediavault.core.fingerprints import (
    FRAME_BYTES,
    Fingerprint,
    fingerprints_from_json,
    fingerprints_to_json,
)
from mediavault.core.job import ItemStatus, JobItem
from mediavault.core.media import (
    Account,
    Candidate,
    Chapter,
    Comment,
    Expected,
    FoundIn,
    Item,
    ItemRole,
    ItemType,
    LengthSource,
    SavedFile,
    Sign,
    SourceType,
    SubtitleSource,
    Watermark,
)
from mediavault.core.messages import Message, counted
from mediavault.core.profiles import Profile
from mediavault.core.records import CheckVerdict, FileCheck, checks_from_json, checks_to_json
from mediavault.core.typed_records import named, to_named_json
from mediavault.store import codec
from tests import old_json

SAFE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
MESSAGES = st.one_of(
    SAFE.filter(bool).map(Message),
    st.integers(0, 5).map(
        lambda count: Message("%(file)s has %(parts)s.", file="a", parts=counted(count, "part"))
    ),
)
TIMES = st.datetimes(timezones=st.just(UTC))
NUMBERS = st.floats(0, 1e6)


# How a record was written and is written now; and how it was read, where that is not the inverse
# alone, and is read now.
FORMS: dict[
    type,
    tuple[
        Callable[[Any], Any],
        Callable[[Any], Any],
        Callable[[Any], Any] | None,
        Callable[[Any], Any],
    ],
] = {
    Candidate: (
        old_json.candidate_to_json,
        lambda one: json.loads(codec.candidates_to_json([one]))[0],
        old_json.candidate_from_json,
        lambda raw: codec.candidates_from_json(json.dumps([raw]))[0],
    ),
    JobItem: (
        old_json.item_to_json,
        lambda one: json.loads(codec.items_to_json([one]))[0],
        old_json.item_from_json,
        lambda raw: codec.items_from_json(json.dumps([raw]))[0],
    ),
    Account: (
        old_json.account_to_json,
        lambda one: json.loads(codec.account_to_json(one) or ""),
        None,
        lambda raw: codec.account_from_json(json.dumps(raw)),
    ),
    FileCheck: (
        old_json.check_to_json,
        lambda one: checks_to_json({0: one})["0"],
        old_json.check_from_json,
        lambda raw: checks_from_json({"0": raw})[0],
    ),
    Profile: (
        old_json.profile_to_json,
        lambda one: to_named_json(one, whole=True),
        None,
        lambda raw: named(Profile, raw),
    ),
    Fingerprint: (
        old_json.fingerprint_to_json,
        lambda one: fingerprints_to_json({0: one})["videos"]["0"],
        None,
        lambda raw: (fingerprints_from_json({"videos": {"0": raw}}) or {})[0],
    ),
    Comment: (
        old_json.comment_to_json,
        lambda one: json.loads(comments_to_lines([one])),
        None,
        lambda raw: comments_from_lines(json.dumps(raw).encode())[0],
    ),
}


ITEMS = st.builds(
    Item,
    role=st.sampled_from(ItemRole),
    type=st.sampled_from(ItemType),
    media_id=st.none() | SAFE,
    label=st.none() | SAFE,
    expected=st.builds(
        Expected,
        st.none() | NUMBERS,
        st.none() | st.booleans(),
        st.none() | st.integers(0),
        st.sampled_from(LengthSource),
    ),
    chapters=st.lists(st.builds(Chapter, NUMBERS, SAFE), max_size=2).map(tuple),
    subtitles=st.lists(
        st.builds(SubtitleSource, SAFE, st.sampled_from(["", "en"]), st.booleans()), max_size=2
    ).map(tuple),
)
FILES = st.builds(
    SavedFile, SAFE, st.none() | SAFE, st.integers(0), SAFE, st.none() | NUMBERS,
    st.none() | st.integers(0), st.none() | st.integers(0), st.lists(SAFE, max_size=2).map(tuple),
)  # fmt: skip
RECORDS: dict[type, st.SearchStrategy[Any]] = {
    Candidate: st.builds(
        Candidate,
        SAFE,
        st.sampled_from(SourceType),
        st.sampled_from(FoundIn),
        evidence=st.lists(st.sampled_from(Sign), max_size=2).map(tuple),
        watermark=st.sampled_from(Watermark),
        width=st.none() | st.integers(0),
        fps=st.none() | NUMBERS,
        expires_at=st.none() | TIMES,
        headers=st.dictionaries(SAFE, SAFE, max_size=2),
        note=SAFE,
    ),
    JobItem: st.builds(
        JobItem,
        ITEMS,
        st.sampled_from(ItemStatus),
        st.none() | FILES,
        st.none() | st.sampled_from(ErrorCode),
        st.none() | MESSAGES,
    ),
    Account: st.builds(Account, SAFE, st.none() | SAFE, st.none() | SAFE, SAFE),
    FileCheck: st.builds(FileCheck, TIMES, st.sampled_from(CheckVerdict), MESSAGES),
    Profile: st.builds(
        Profile, SAFE, st.lists(SAFE, max_size=2).map(tuple), st.none() | st.integers(0, 9_000)
    ),
    Fingerprint: st.builds(Fingerprint, SAFE, NUMBERS, st.just(b"\1" * FRAME_BYTES)),
    Comment: st.builds(
        Comment, SAFE, st.none(), SAFE, SAFE, st.none() | TIMES, st.integers(0, 99), st.booleans()
    ),
}


@pytest.mark.parametrize("kind", FORMS, ids=lambda kind: kind.__name__)
@settings(max_examples=60)
@given(data=st.data())
def test_what_was_stored_is_read_the_same_and_written_the_same(
    kind: Any, data: st.DataObject
) -> None:
    write_old, write, read_old, read = FORMS[kind]
    record = data.draw(RECORDS[kind])
    stored = json.loads(json.dumps(write_old(record)))

    assert json.loads(json.dumps(write(record))) == stored
    if read_old is None:
        assert read(stored) == record
    else:
        assert repr(read(stored)) == repr(read_old(stored))  # the types of the values too
