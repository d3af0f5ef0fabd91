"""Whether a practice post ended as expected. Pure: judges records, no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mediavault.core.failures import ErrorCode
from mediavault.core.job import (
    HistoryRecord,
    ItemStatus,
    Job,
    JobStatus,
    Stage,
    StepOutcome,
    StrategyName,
)
from mediavault.core.media import SourceType
from mediavault.core.messages import counted
from mediavault.demo.media import Clip
from mediavault.demo.posts import PracticePost, Shows

DURATION_TOLERANCE_S = 0.25  # a container may round by a few frames; clips differ by whole seconds


@dataclass(frozen=True, slots=True)
class ExpectedStep:
    """One strategy in one attempt, and its outcome."""

    attempt: int
    strategy: StrategyName
    ok: bool
    code: ErrorCode | None = None


@dataclass(frozen=True, slots=True)
class SavedVideo:
    """The saved video of a job. ``sha256`` None: no file; ``fingerprint`` None: no H.264 in it."""

    sha256: str | None
    fingerprint: str | None
    has_sound: bool
    has_thumbnail: bool
    has_sidecar: bool


def check(
    post: PracticePost,
    job: Job,
    history: Iterable[HistoryRecord],
    *,
    clip: Clip | None = None,
    saved: SavedVideo | None = None,
    troubles_met: int | None = None,
) -> list[str]:
    """Return the problems, one sentence each; [] when the post ended as expected.

    ``clip`` and ``saved`` are compared when given; ``troubles_met`` (None: unknown) is how often a
    saver met the post's fault, as the site counted.
    """
    if (problem := _wrong_end(post, job)) is not None:
        return [problem]
    problems = list(_wrong_attempts(post, job))
    if troubles_met == 0:
        problems.append("its trouble was never met")
    if post.is_saved:
        problems += _wrong_strategy(post, steps(history))
        problems += _wrong_facts(post, job, clip)
        if saved is not None and clip is not None:
            problems += _wrong_file(job, clip, saved)
    return problems


def has_ended(job: Job) -> bool:
    """Whether nothing more will happen to the job automatically."""
    if job.status is JobStatus.FAILED:
        return job.retry_at is None
    return job.status in {JobStatus.COMPLETED, JobStatus.CANCELLED}


def steps(history: Iterable[HistoryRecord]) -> tuple[ExpectedStep, ...]:
    """The strategies used, in order: the records of one strategy in one attempt are one step,
    decided by the last one.
    """
    used: list[ExpectedStep] = []
    for record in history:
        if record.strategy is None or record.outcome is StepOutcome.SKIPPED:
            continue
        ok = record.outcome is StepOutcome.OK and record.stage in {Stage.DOWNLOAD, Stage.VALIDATE}
        step = ExpectedStep(record.attempt, record.strategy, ok, record.error_code)
        if used and (used[-1].attempt, used[-1].strategy) == (step.attempt, step.strategy):
            used.pop()
        used.append(step)
    return tuple(used)


def _wrong_end(post: PracticePost, job: Job) -> str | None:
    wanted = f"it should have failed with {post.code}" if post.code else "it should have been saved"
    if not has_ended(job):
        return f"it was still {job.status} when nothing moved any more; {wanted}"
    if job.status is JobStatus.COMPLETED:
        return f"it was saved; {wanted}" if post.code else None
    if job.status is JobStatus.FAILED and job.error_code is post.code:
        return None
    return f"it ended as {job.status} ({job.error_code}: {job.error}); {wanted}"


def _wrong_attempts(post: PracticePost, job: Job) -> Iterator[str]:
    if post.attempts is not None and job.attempt_count != post.attempts:
        yield f"it took {counted(job.attempt_count, 'attempt')}, expected {post.attempts}"


def _wrong_strategy(post: PracticePost, used: tuple[ExpectedStep, ...]) -> Iterator[str]:
    if not used or not used[-1].ok:
        yield "the history names no strategy by which it was saved"
    elif used[-1].strategy not in post.strategies:
        yield (
            f"it was saved by the strategy {used[-1].strategy}, expected"
            f" {' or '.join(sorted(post.strategies))}"
        )


def _wrong_facts(post: PracticePost, job: Job, clip: Clip | None) -> Iterator[str]:
    handle = job.account.handle if job.account else None
    if handle != post.author.handle:
        yield f"its account is {handle!r}, expected {post.author.handle!r}"
    title = str(job.metadata.get("title") or "")
    if not title.startswith(post.title):
        yield f"its title is {title!r}, expected {post.title!r}"
    if post.shows is Shows.CAROUSEL:
        yield from _wrong_items(post, job)
    if clip is None:
        return
    if job.duration_s is None or abs(job.duration_s - clip.duration_s) > DURATION_TOLERANCE_S:
        yield f"it lasts {job.duration_s} seconds, expected {clip.duration_s}"


def _wrong_items(post: PracticePost, job: Job) -> Iterator[str]:
    """Check that every video of the post is saved, in order."""
    saved = [
        item.saved
        for item in job.items
        if item.status is ItemStatus.SAVED and item.saved is not None
    ]
    expected = [spec.seconds for spec in post.specs]
    durations = [video.duration_s or 0.0 for video in saved]
    if len(durations) != len(expected) or any(
        abs(duration - wanted) > DURATION_TOLERANCE_S
        for duration, wanted in zip(durations, expected, strict=True)
    ):
        yield f"its saved videos last {durations} seconds, expected {expected}"


def _wrong_file(job: Job, clip: Clip, saved: SavedVideo) -> Iterator[str]:
    if saved.sha256 is None:
        yield f"there is no file at {job.output_path}"
        return
    if saved.sha256 != job.sha256:
        yield "the file's hash is not the recorded one"
    if saved.fingerprint != clip.fingerprint:
        yield "the file shows another video than the post's"
    elif job.source_type is SourceType.DIRECT and saved.sha256 != clip.sha256:
        yield "the file differs from the one that the site serves"
    if saved.has_sound != clip.spec.sound:
        yield f"the file {'has' if saved.has_sound else 'lacks'} sound"
    if not saved.has_thumbnail:
        yield "it has no thumbnail"
    if not saved.has_sidecar:
        yield "it has no .info.json"
