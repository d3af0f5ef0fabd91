"""Records are checked by their declared types, and come back from another process unchanged."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, cast, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediavault.browser.port import PageCapture
from mediavault.core.failures import Failure, MediavaultError, NetworkFailure, NotYet
from mediavault.core.media import Extraction, LiveNow, NoVideo, Post
from mediavault.core.typed_records import ERRORS, from_json, refuse_mistyped, to_json
from mediavault.extraction.port import ApiAnswer, VisitReading

# No surrogate pairs: JSON reads the two halves as the one character that they encode
TEXTS = st.text(st.characters(), max_size=8).filter(
    lambda text: not re.search("[\ud800-\udbff][\udc00-\udfff]", text)
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)
ZONES = st.just(UTC) | st.integers(-720, 840).map(
    lambda minutes: timezone(timedelta(minutes=minutes))
)
SIMPLE = {
    str: TEXTS,
    float: st.floats(allow_nan=False),
    datetime: st.datetimes(timezones=ZONES),
    Any: st.dictionaries(TEXTS, JSON, max_size=3),
}


def values_of(kind: Any) -> st.SearchStrategy[Any]:
    """Return a strategy for the values that a field of this type may hold."""
    arguments = get_args(kind)
    if kind in SIMPLE:
        return SIMPLE[kind]
    if is_dataclass(kind):
        hints, make = get_type_hints(kind), cast("Callable[..., Any]", kind)
        return st.builds(make, **{each.name: values_of(hints[each.name]) for each in fields(kind)})
    if get_origin(kind) is tuple:
        return st.lists(values_of(arguments[0]), max_size=2).map(tuple)
    if get_origin(kind) is Mapping:
        return st.dictionaries(TEXTS, values_of(arguments[1]), max_size=3)
    if type(None) in arguments:
        return st.none() | values_of(arguments[0])
    return st.from_type(kind)


def sent(kind: Any, value: Any) -> Any:
    """Return the value as another process receives it."""
    return from_json(kind, json.loads(json.dumps(to_json(kind, value))))


@pytest.mark.parametrize("kind", [PageCapture, Extraction, VisitReading, ApiAnswer, Post])
@settings(max_examples=50)
@given(data=st.data())
def test_a_record_comes_back_as_it_was(kind: type[Any], data: st.DataObject) -> None:
    record = data.draw(values_of(kind))

    assert sent(kind, record) == record


def every_failure() -> list[MediavaultError]:
    """Return one error of each class."""
    return [kind(f"It failed: {kind.__name__}.") for kind in ERRORS.values()]


@pytest.mark.parametrize("error", every_failure(), ids=lambda error: type(error).__name__)
def test_every_error_of_ours_comes_back_unchanged(error: MediavaultError) -> None:
    received = sent(MediavaultError, error)

    assert (type(received), str(received), vars(received)) == (type(error), str(error), vars(error))


def test_the_attributes_of_an_error_come_back_with_it() -> None:
    no_video = NoVideo("None.", help="Look elsewhere.", http_status=404, bytes_received=3)
    no_video.embeds = ("https://a.test/1",)
    later = LiveNow(
        "Soon", starts_at=datetime(2026, 11, 24, tzinfo=UTC), retry_after=timedelta(microseconds=1)
    )
    later.causes = (NetworkFailure("reset"), no_video)
    received = sent(Failure, later)

    assert (str(received), received.message, received.help) == (
        str(later),
        later.message,
        later.help,
    )
    assert isinstance(received, NotYet)
    assert (received.starts_at, received.retry_after) == (later.starts_at, later.retry_after)
    assert [vars(cause) for cause in received.causes] == [vars(cause) for cause in later.causes]


@dataclass(frozen=True)
class Unwritable:
    thing: list[set[int]]


def test_a_type_without_a_json_form_is_refused() -> None:
    with pytest.raises(TypeError):
        to_json(Unwritable, Unwritable([{1}]))


@dataclass(frozen=True)
class Part:
    width: int
    length_s: float | None = None


@dataclass(frozen=True)
class Whole:
    name: str
    parts: tuple[Part, ...] = ()
    sizes: Mapping[str, int] = field(default_factory=dict)
    rest: Any = None


@pytest.mark.parametrize(
    "record",
    [
        Whole("a"),
        Whole("a", (Part(640, 1), Part(cast("int", 640.0), 1.5)), {"b": 1}, {"anything": [{1}]}),
    ],
)
def test_a_record_with_the_declared_types_is_accepted(record: Whole) -> None:
    refuse_mistyped(record)


@pytest.mark.parametrize(
    ("record", "name"),
    [
        (Whole(cast("str", None)), "Whole.name"),
        (Whole("a", cast("tuple[Part, ...]", [Part(1)])), "Whole.parts"),
        (Whole("a", (cast("Part", "b"),)), "Whole.parts"),
        (Whole("a", (Part(cast("int", "1")),)), "Whole.parts.width"),
        (Whole("a", (Part(cast("int", 1.5)),)), "Whole.parts.width"),
        (Whole("a", (Part(1 << 63),)), "Whole.parts.width"),
        (Whole("a", (Part(1, float("inf")),)), "Whole.parts.length_s"),
        (Whole("a", (Part(1, float("nan")),)), "Whole.parts.length_s"),
        (Whole("a", (), {cast("str", 1): 1}), "Whole.sizes"),
        (Whole("a", (), {"b": cast("int", "1")}), "Whole.sizes.b"),
    ],
)
def test_a_record_with_a_wrong_type_is_refused_with_the_name_of_its_field(
    record: Whole, name: str
) -> None:
    with pytest.raises(TypeError, match=f"^{name} is "):
        refuse_mistyped(record)
