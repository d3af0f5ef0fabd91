"""Which segments a DASH representation has in one period: templates, timelines, lists, or one whole
file. Pure.

ISO/IEC 23009-1, 5.3.9. What a period or an adaptation set says applies to everything below it,
unless repeated there.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from mediavault.core.failures import NotAVideo
from mediavault.core.messages import Message
from mediavault.core.urls import HttpUrl
from mediavault.core.xml_tree import BadXml, XmlNode, read_xml
from mediavault.download.manifest import MAX_SEGMENTS, Init, Segment, Span, resolve

# --- Parses an MPD into a tree of plain nodes, and its values (ISO/IEC 23009-1).

MAX_DEPTH = 32
MAX_ELEMENTS = 200_000
MAX_TEXT_CHARS = 5_000_000


def read_tree(text: str) -> XmlNode:
    """Return the root element. Raises NotAVideo for malformed XML, beyond the limits,
    or with a document type.
    """
    if len(text) > MAX_TEXT_CHARS:
        raise NotAVideo("The DASH manifest is too long.")
    try:
        return read_xml(text, max_depth=MAX_DEPTH, max_elements=MAX_ELEMENTS)
    except BadXml as exc:
        raise NotAVideo(
            Message("The DASH manifest is not valid XML: %(error)s.", error=exc.message)
        ) from exc


MAX_WIDTH = 32  # digits of a padded number
_DURATION = re.compile(
    r"P(?:(\d{1,9})Y)?(?:(\d{1,9})M)?(?:(\d{1,9})D)?"
    r"(?:T(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9}(?:\.\d*)?|\.\d+)S)?)?",
    re.ASCII,
)
_WHOLE = re.compile(r"(\d{1,20})(?:\.0*)?", re.ASCII)
# a year and a month as players count them
_SECONDS = (31_536_000.0, 2_592_000.0, 86_400.0, 3_600.0, 60.0, 1.0)
_IDENTIFIER = re.compile(
    r"\$(?:(RepresentationID|Number|Bandwidth|Time|SubNumber)(?:%0?(\d{0,2})([diuxXo]))?)?\$"
)


def seconds_of(text: str) -> float | None:
    """Return an xs:duration in seconds; None when it is absent or malformed."""
    match = _DURATION.fullmatch(text.strip())
    if match is None or not any(match.groups()):
        return None
    return sum(float(part or 0) * unit for part, unit in zip(match.groups(), _SECONDS, strict=True))


def whole(text: str) -> int | None:
    """Read an unsigned decimal integer, also in the form ``2000000.0`` of some packagers;
    None for anything else.
    """
    match = _WHOLE.fullmatch(text.strip())
    return int(match[1]) if match else None


def signed(text: str) -> int | None:
    """Read an integer that may be negative; None for anything else."""
    text = text.strip()
    number = whole(text.removeprefix("-"))
    return number if number is None or not text.startswith("-") else -number


def rate_of(text: str) -> float:
    """Read a frame rate, ``25`` or ``30000/1001``; 0 for anything else."""
    match = re.fullmatch(r"\s*(\d{1,9}(?:\.\d{1,9})?)(?:/(\d{1,9}))?\s*", text, re.ASCII)
    return float(match[1]) / (int(match[2] or 1) or 1) if match else 0.0


def span_of(text: str) -> Span | None:
    """Read ``first-last``, both inclusive; None when it is empty.
    Raises ValueError for a malformed one.
    """
    if not text:
        return None
    first, dash, last = text.partition("-")
    start, end = whole(first), whole(last)
    if not dash or start is None or end is None:
        raise ValueError(Message("a byte range is not valid"))
    return Span(start, end - start + 1)


def fill(template: str, values: Mapping[str, str | int]) -> str:
    """Fill a URL template: ``$Number%05d$`` and the like; ``$$`` is a dollar (5.3.9.4.4).

    An identifier without a value is left unchanged, as players do.
    """

    def substitute(match: re.Match[str]) -> str:
        name, width, kind = match.groups()
        if name is None:
            return "$"
        if name not in values:
            return match[0]
        value = values[name]
        if isinstance(value, str):
            return value
        text = format(value, {"x": "x", "X": "X", "o": "o"}.get(kind or "d", "d"))
        return text.zfill(min(int(width or 1), MAX_WIDTH))

    return _IDENTIFIER.sub(substitute, template)


_KINDS = ("SegmentTemplate", "SegmentList", "SegmentBase")
# a period's length is a decimal: a last segment may seem to begin this much before its end
_ROUNDING_S = 0.001
# pictures and sound may end this far apart, and the period's length is that of the longer
_TAIL_S = 0.5


@dataclass(frozen=True, slots=True)
class SegmentPosition:
    """Where a representation is. ``levels``: period, adaptation set, representation;
    each URL ends with ``query``.
    """

    levels: tuple[XmlNode, XmlNode, XmlNode]
    base: HttpUrl
    part: int
    duration_s: float | None  # of the period
    query: str = ""

    @property
    def is_one_file(self) -> bool:
        """Whether the representation has its own file, which no level divides into segments."""
        divided = any(
            level.first(name) is not None
            for level in self.levels
            for name in ("SegmentTemplate", "SegmentList")
        )
        return self.levels[2].first("BaseURL") is not None and not divided

    def address(self, uri: str) -> str:
        url = resolve(uri, self.base) if uri else str(self.base)
        return f"{url}{'&' if '?' in url else '?'}{self.query}" if self.query else url


@dataclass(frozen=True, slots=True)
class SegmentList:
    """The segments in order. ``whole_file``: the one segment is a complete file; ``counted``:
    their number is known.
    """

    segments: tuple[Segment, ...]
    whole_file: bool = False
    counted: bool = True


def list_segments(position: SegmentPosition) -> SegmentList:
    """Return all segments of a representation. Raises ValueError or NotAVideo for malformed
    rules.
    """
    rules = _Rules.of(position.levels)
    if rules.kind == "SegmentTemplate" and rules.get("media"):
        return _from_template(rules, position)
    if rules.kind == "SegmentList" and rules.list("SegmentURL"):
        return _from_list(rules, position)
    length = position.duration_s or 0.0
    segment = Segment(
        position.address(""), None, length, 0, None, None, position.part, rules.origin_s
    )
    return SegmentList((segment,), whole_file=True)


@dataclass(frozen=True, slots=True)
class _Rules:
    """The addressing elements of one kind, outermost first, merged into one."""

    kind: str
    nodes: tuple[XmlNode, ...]
    attributes: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, levels: Sequence[XmlNode]) -> _Rules:
        """Return the merged rules; the innermost level that has any decides their kind."""
        for level in reversed(levels):
            for kind in _KINDS:
                if level.first(kind) is not None:
                    nodes = tuple(
                        node for outer in levels if (node := outer.first(kind)) is not None
                    )
                    attributes = {
                        name: value for node in nodes for name, value in node.attributes.items()
                    }
                    return cls(kind, nodes, attributes)
        return cls("", ())

    def get(self, name: str) -> str:
        return self.attributes.get(name, "").strip()

    def child(self, name: str) -> XmlNode | None:
        return next(
            (child for node in reversed(self.nodes) if (child := node.first(name)) is not None),
            None,
        )

    def list(self, name: str) -> list[XmlNode]:
        return next(
            (children for node in reversed(self.nodes) if (children := list(node.all(name)))), []
        )

    @property
    def timescale(self) -> int:
        return whole(self.get("timescale")) or 1

    @property
    def offset(self) -> int:
        return whole(self.get("presentationTimeOffset")) or 0

    @property
    def origin_s(self) -> float:
        return self.offset / self.timescale

    @property
    def start_number(self) -> int:
        number = whole(self.get("startNumber"))
        return 1 if number is None else number


@dataclass(frozen=True, slots=True)
class _Slot:
    """When a segment plays, in units of the timescale and on the media's own clock."""

    number: int
    time: int
    duration: float
    uncertain: bool = False


def _from_template(rules: _Rules, position: SegmentPosition) -> SegmentList:
    representation = position.levels[2]
    names: dict[str, str | int] = {
        "RepresentationID": representation.get("id"),
        "Bandwidth": whole(representation.get("bandwidth")) or 0,
    }
    init = _init(rules, position, names)
    slots, counted = _slots(rules, position)
    media = rules.get("media")
    segments = [
        _segment(
            position.address(fill(media, {**names, "Number": s.number, "Time": s.time})),
            s,
            rules,
            position,
            init,
        )
        for s in slots
    ]
    return SegmentList(tuple(segments), counted=counted)


def _from_list(rules: _Rules, position: SegmentPosition) -> SegmentList:
    listed = rules.list("SegmentURL")
    if len(listed) > MAX_SEGMENTS:
        raise NotAVideo(
            Message(
                "The DASH manifest has more than %(max_segments)d segments.",
                max_segments=MAX_SEGMENTS,
            )
        )
    timed, _ = _slots(rules, position, count=len(listed))
    init = _init(rules, position, {})
    segments = []
    for node, slot in zip(listed, timed, strict=False):
        segment = _segment(position.address(node.get("media")), slot, rules, position, init)
        segments.append(
            Segment(
                segment.url, span_of(node.get("mediaRange")), segment.duration_s, segment.sequence,
                None, init,
                position.part, rules.origin_s,
            )
        )  # fmt: skip
    return SegmentList(tuple(segments))


def _segment(
    url: str, slot: _Slot, rules: _Rules, position: SegmentPosition, init: Init | None
) -> Segment:
    return Segment(
        url=url,
        span=None,
        duration_s=slot.duration / rules.timescale,
        sequence=slot.number,
        key=None,
        init=init,
        part=position.part,
        origin_s=rules.origin_s,
        uncertain=slot.uncertain,
    )


def _init(rules: _Rules, position: SegmentPosition, names: Mapping[str, str | int]) -> Init | None:
    """Return the initialisation section, from a template or an Initialization element;
    None where none is needed.
    """
    if template := rules.get("initialization"):
        return Init(position.address(fill(template, names)), None, None)
    node = rules.child("Initialization")
    if node is None:
        return None
    return Init(position.address(node.get("sourceURL")), span_of(node.get("range")), None)


# --- timing ---------------------------------------------------------------------------------------


def _slots(
    rules: _Rules, position: SegmentPosition, *, count: int | None = None
) -> tuple[list[_Slot], bool]:
    """Return the slots, and whether their number is known. ``count``: how many a list names."""
    timeline = rules.child("SegmentTimeline")
    if timeline is not None:
        slots: list[_Slot] = []
        for slot in _timeline(timeline, rules, position):
            if len(slots) >= MAX_SEGMENTS:
                raise NotAVideo(
                    Message(
                        "The DASH manifest has more than %(max_segments)d segments.",
                        max_segments=MAX_SEGMENTS,
                    )
                )
            slots.append(slot)
        return slots, True
    return _even_slots(rules, position, count)


def _timeline(timeline: XmlNode, rules: _Rules, position: SegmentPosition) -> Iterator[_Slot]:
    """Yield the slots of a timeline (5.3.9.6).

    Each S begins where the one before ended, or at its own ``t``, and is repeated ``r`` more times.
    """
    entries = list(timeline.all("S"))
    time, number = 0, rules.start_number
    for index, entry in enumerate(entries):
        start = signed(entry.get("t"))
        time = time if start is None else start
        number = number if (own_number := whole(entry.get("n"))) is None else own_number
        duration, repeat = whole(entry.get("d")), signed(entry.get("r")) or 0
        if not duration:
            raise ValueError(Message("a segment of its timeline has no duration"))
        if repeat < 0:
            following = signed(entries[index + 1].get("t")) if index + 1 < len(entries) else None
            repeat = _segments_until(following, time, duration, rules, position) - 1
        for _ in range(repeat + 1):
            yield _Slot(number, time, duration)
            time, number = time + duration, number + 1


def _segments_until(
    following: int | None, time: int, duration: int, rules: _Rules, position: SegmentPosition
) -> int:
    """Return how many segments there are until the next S, or until the period ends;
    one where that is not known.
    """
    if following is None:
        if position.duration_s is None:
            return 1
        following = (
            math.floor(rules.offset + (position.duration_s - _ROUNDING_S) * rules.timescale) + 1
        )
    return max(1, -(-(following - time) // duration))


def _even_slots(
    rules: _Rules, position: SegmentPosition, count: int | None
) -> tuple[list[_Slot], bool]:
    """Return slots of equal length, except the last, which ends with the period;
    and whether their number is known.
    """
    length, last = whole(rules.get("duration")), whole(rules.get("endNumber"))
    total = None if position.duration_s is None else position.duration_s * rules.timescale
    if count is None and last is not None:
        count = max(0, last - rules.start_number + 1)
    is_explicit = count is not None
    if count is None and length and total is not None:
        count = max(1, math.ceil((total - _ROUNDING_S * rules.timescale) / length))
    if count is None:
        # without a length there is one segment; without an end their number is not known
        return (
            ([_Slot(rules.start_number, rules.offset, total or 0)], True)
            if not length
            else ([], False)
        )
    if count > MAX_SEGMENTS:
        raise NotAVideo(
            Message(
                "The DASH manifest has more than %(max_segments)d segments.",
                max_segments=MAX_SEGMENTS,
            )
        )
    step = length or (total or 0) / max(1, count)
    slots = [
        _Slot(rules.start_number + n, rules.offset + round(n * step), step) for n in range(count)
    ]
    if slots and total is not None and length and 0 < total - (count - 1) * step < step:
        rest = total - (count - 1) * step
        tail = not is_explicit and count > 1 and rest <= _TAIL_S * rules.timescale
        slots[-1] = _Slot(slots[-1].number, slots[-1].time, rest, uncertain=tail)
    return slots, True
