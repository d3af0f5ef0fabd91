"""A job's history as a timeline: its attempts, and the steps of each with their results. Pure.

All texts are in the reader's language. A record's original text is included, to be unfolded and
copied.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Literal

from mediavault.core.failures import FAILURES
from mediavault.core.job import (
    HistoryRecord,
    Job,
    JobId,
    JobStatus,
    Stage,
    StepOutcome,
    StrategyName,
)
from mediavault.presentation.labels import (
    STAGE_LABELS,
    STRATEGY_LABELS,
    failure_label,
    format_span,
    help_for,
    one_line,
)
from mediavault.presentation.translation import N_, gettext, translated
from mediavault.presentation.views import is_waiting_for_retry
from mediavault.store.port import JobOrder
from mediavault.store.queries import REVERSE, cursor_at, date_of, date_of_cursor, is_descending
from mediavault.store.waiting_jobs import waits_for_sign_in
from mediavault.web.cards import Tone
from mediavault.web.cards import tone as tone_of

OUTCOME_WORDS: Mapping[StepOutcome, str] = {
    StepOutcome.OK: N_("Succeeded"),
    StepOutcome.FAILED: N_("Failed"),
    StepOutcome.SKIPPED: N_("Skipped"),
}
STRATEGY_TITLES: Mapping[StrategyName, str] = {
    StrategyName.PLAIN: N_("Plain request"),
    StrategyName.SESSION: N_("With the browser's session"),
    StrategyName.NAVIGATION: N_("Downloaded by the browser"),
    StrategyName.FRESH: N_("After reading the post again"),
}
_TONES: Mapping[StepOutcome, Tone] = {
    StepOutcome.OK: "good",
    StepOutcome.FAILED: "bad",
    StepOutcome.SKIPPED: "quiet",
}
_ICONS: Mapping[Tone, str] = {"good": "check", "bad": "cross", "busy": "clock", "quiet": "skip"}
# The stages that end an attempt or belong to no attempt: shown in the attempt's heading, and as
# their own event.
_MARKS: Mapping[Stage, tuple[Tone, str]] = {
    Stage.COMPLETE: ("good", N_("Saved")),
    Stage.FAIL: ("bad", N_("Failed")),
    Stage.RECOVER: ("bad", N_("Interrupted by a restart")),
    Stage.RELEASE: ("quiet", N_("Returned to the queue")),
    Stage.CANCEL: ("quiet", N_("Cancelled")),
}


@dataclass(frozen=True, slots=True)
class TimelineStep:
    """One record of the history. ``said`` is its message, ``raw`` the whole record as text."""

    title: str
    strategy: str
    tone: Tone
    icon: str
    outcome: str
    message: str
    at: datetime
    after: str  # since the attempt began
    took: str
    bytes: int
    raw: str


@dataclass(frozen=True, slots=True)
class StrategyView:
    """The result of a download strategy's last try in one attempt.
    ``tone`` is "" when the strategy was not needed.
    """

    title: str
    tone: Tone | Literal[""]
    icon: str
    word: str


@dataclass(frozen=True, slots=True)
class AttemptView:
    """One attempt. With ``number`` 0, what happened between attempts,
    such as the user's request for a retry.
    """

    number: int
    tone: Tone
    icon: str
    word: str
    began: datetime
    took: str
    strategies: Sequence[StrategyView]
    steps: Sequence[TimelineStep]
    is_running: bool = False


@dataclass(frozen=True, slots=True)
class AttemptEnd:
    """What comes after the last attempt. ``at`` is when, if known."""

    tone: Tone
    icon: str
    word: str
    help: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Timeline:
    attempts: Sequence[AttemptView]
    ending: AttemptEnd | None


def timeline(job: Job, history: Sequence[HistoryRecord]) -> Timeline:
    """Return the timeline of a job, oldest attempt first."""
    groups = _by_attempt(history)
    last = max((number for number, _ in groups), default=0)
    attempts = [
        _attempt(
            number,
            records,
            is_running=job.status is JobStatus.RUNNING and number == last == job.attempt_count,
        )
        for number, records in groups
    ]
    return Timeline(attempts, _ending(job))


def _by_attempt(history: Sequence[HistoryRecord]) -> list[tuple[int, list[HistoryRecord]]]:
    """Group the records by attempt. A late record of a stale attempt joins the others of its
    attempt.
    """
    groups: list[tuple[int, list[HistoryRecord]]] = []
    attempts: dict[int, list[HistoryRecord]] = {}
    for record in history:
        known = attempts.get(record.attempt) if record.attempt else None
        if known is not None:
            known.append(record)
            continue
        records = [record]
        groups.append((record.attempt, records))
        attempts[record.attempt] = records
    return groups


def _attempt(number: int, records: Sequence[HistoryRecord], *, is_running: bool) -> AttemptView:
    tone, word = _mark(records, is_running=is_running)
    began, ended = records[0].at, records[-1].at
    steps = [
        _step(record, began) for record in records if not (number and record.stage is Stage.CLAIM)
    ]
    return AttemptView(
        number=number,
        tone=tone,
        icon=_icon(number, tone, records, is_running=is_running),
        word=word,
        began=began,
        took=""
        if is_running or not number
        else format_span((ended - began) / timedelta(milliseconds=1)),
        strategies=_strategies(records) if number else (),
        steps=steps,
        is_running=is_running,
    )


def _icon(number: int, tone: Tone, records: Sequence[HistoryRecord], *, is_running: bool) -> str:
    if not number and records[0].stage is Stage.RETRY:
        return "retry"
    return "hand" if tone == "busy" and not is_running else _ICONS[tone]


def _mark(records: Sequence[HistoryRecord], *, is_running: bool) -> tuple[Tone, str]:
    if is_running:
        return "busy", gettext(N_("In progress"))
    for record in reversed(records):
        if record.stage in _MARKS:
            tone, word = _MARKS[record.stage]
            if record.stage is Stage.FAIL and record.error_code:
                needs_person = FAILURES[record.error_code].needs_person
                return "busy" if needs_person else "bad", failure_label(record.error_code)
            return tone, gettext(word)
    last = records[-1]
    return (
        ("quiet", gettext(STAGE_LABELS[last.stage]))
        if not last.attempt
        else ("quiet", gettext(N_("Interrupted")))
    )


def _step(record: HistoryRecord, began: datetime) -> TimelineStep:
    ends = record.attempt > 0 and record.stage in _MARKS
    tone, word = _mark([record], is_running=False) if ends else (_TONES[record.outcome], "")
    return TimelineStep(
        title=gettext(N_("End of the attempt") if ends else STAGE_LABELS[record.stage]),
        strategy=gettext(STRATEGY_LABELS[record.strategy]) if record.strategy else "",
        tone=tone,
        icon="hand" if ends and tone == "busy" else _ICONS[tone],
        outcome=word or gettext(OUTCOME_WORDS[record.outcome]),
        message=one_line(translated(record.detail)),
        at=record.at,
        after=format_span(max(0.0, (record.at - began) / timedelta(milliseconds=1))),
        took=format_span(record.duration_ms) if record.duration_ms else "",
        bytes=record.bytes,
        raw=_raw(record),
    )


def _strategies(records: Iterable[HistoryRecord]) -> list[StrategyView]:
    """Return all four strategies if at least one was tried, else nothing.

    A strategy's last outcome counts: it has succeeded only when its file was validated.
    """
    tried: dict[StrategyName, StepOutcome] = {}
    for record in records:
        if record.strategy is not None and record.stage in (
            Stage.DOWNLOAD,
            Stage.VALIDATE,
            Stage.EXTRACT,
            Stage.CHOOSE,
        ):
            tried[record.strategy] = record.outcome
    if not tried:
        return []
    return [_strategy(name, tried.get(name)) for name in StrategyName]


def _strategy(name: StrategyName, outcome: StepOutcome | None) -> StrategyView:
    if outcome is None:
        return StrategyView(gettext(STRATEGY_TITLES[name]), "", "more", gettext(N_("Not needed")))
    tone = _TONES[outcome]
    return StrategyView(
        gettext(STRATEGY_TITLES[name]), tone, _ICONS[tone], gettext(OUTCOME_WORDS[outcome])
    )


def _ending(job: Job) -> AttemptEnd | None:
    if is_waiting_for_retry(job):
        return AttemptEnd(
            "busy", "clock", gettext(N_("Next attempt")), help_for(job.error_code), job.retry_at
        )
    match job.status:
        case JobStatus.QUEUED:
            return AttemptEnd("busy", "clock", gettext(N_("Waiting for its turn")))
        case JobStatus.FAILED if waits_for_sign_in(job):
            return AttemptEnd("busy", "hand", gettext(N_("Waiting for you")))
        case JobStatus.FAILED:
            tone = tone_of(job.status, job.error_code, is_retried=False)
            return AttemptEnd(
                tone, "hand", gettext(N_("Stopped retrying")), help_for(job.error_code, over=True)
            )
        case _:
            return None


def _raw(record: HistoryRecord) -> str:
    facts = {
        "at": record.at.isoformat(),
        "attempt": record.attempt,
        "stage": record.stage,
        "strategy": record.strategy,
        "outcome": record.outcome,
        "error_code": record.error_code,
        "bytes": record.bytes or None,
        "duration_ms": record.duration_ms or None,
        "detail": one_line(record.detail) or None,
    }
    return "\n".join(f"{name}: {value}" for name, value in facts.items() if value is not None)


MAX_MONTHS = 36  # of more, only the years are listed


@dataclass(frozen=True, slots=True)
class MonthSpan:
    """A month or a year: its label, such as ``2026-11`` or ``2026``, its first moment,
    and that of the next one.
    """

    label: str
    begins: datetime
    ends: datetime

    def cursor(self, order: JobOrder) -> str:
        """Return the cursor of the page that begins with the span's first job in this order."""
        return cursor_at(self.ends if is_descending(order) else self.begins, order)


def month_of(at: datetime, zone: tzinfo | None) -> str:
    """Return the month of a moment in the reader's time zone (None: UTC), such as ``2026-11``."""
    return f"{at.astimezone(zone or UTC):%Y-%m}"


def month_headings(
    jobs: Sequence[Job], order: JobOrder, zone: tzinfo | None, *, after: str | None = None
) -> dict[JobId, str]:
    """Return the jobs that begin a month, with the month; none in an order that is not by time.

    ``after`` is the cursor of a page that continues another: its first job begins a month only if
    that page ended in another one.
    """
    if order not in REVERSE:
        return {}
    month = month_of(date_of_cursor(after, order), zone) if after else None
    headings = {}
    for job in jobs:
        if (of_job := month_of(date_of(job, order), zone)) != month:
            headings[job.id] = month = of_job
    return headings


def months_between(first: datetime, last: datetime, zone: tzinfo | None) -> list[MonthSpan]:
    """Return the months from that of ``first`` to that of ``last``, which may be earlier; the
    years, if there are more than MAX_MONTHS.
    """
    numbers = [_number(moment.astimezone(zone or UTC)) for moment in (first, last)]
    step = 1 if abs(numbers[1] - numbers[0]) < MAX_MONTHS else 12
    begin, end = (number // step for number in numbers)
    direction = 1 if end >= begin else -1
    return [_span(number * step, step, zone) for number in range(begin, end + direction, direction)]


def _number(at: datetime) -> int:
    return at.year * 12 + at.month - 1


def _span(number: int, months: int, zone: tzinfo | None) -> MonthSpan:
    year, month = divmod(number, 12)
    label = f"{year:04}" if months == 12 else f"{year:04}-{month + 1:02}"
    return MonthSpan(label, _first_moment(number, zone), _first_moment(number + months, zone))


def _first_moment(number: int, zone: tzinfo | None) -> datetime:
    year, month = divmod(number, 12)
    return datetime(year, month + 1, 1, tzinfo=zone or UTC)
