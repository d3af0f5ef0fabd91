from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest

from mediavault.core.clock import to_micros
from mediavault.core.job import TRANSITIONS, JobStatus, can_transition, new_job_id, new_trace_id

NOW = datetime(2026, 11, 24, 12, 0, 0, 123_456, tzinfo=UTC)


def test_job_ids_are_version_7_and_sort_by_age() -> None:
    older, newer = new_job_id(NOW), new_job_id(NOW + timedelta(milliseconds=1))

    assert uuid.UUID(older).version == 7
    assert uuid.UUID(older).variant == uuid.RFC_4122
    assert older < newer


def test_ids_of_the_same_millisecond_differ() -> None:
    assert len({new_job_id(NOW) for _ in range(1000)}) == 1000


def test_trace_ids_have_the_form_of_trace_context() -> None:
    assert len(new_trace_id()) == 32
    assert int(new_trace_id(), 16) > 0


@pytest.mark.parametrize("status", list(JobStatus))
def test_a_completed_job_never_moves(status: JobStatus) -> None:
    assert not can_transition(JobStatus.COMPLETED, status)


def test_every_status_has_a_row_in_the_table_of_moves() -> None:
    assert set(TRANSITIONS) == set(JobStatus)


def test_a_time_is_an_integer_of_microseconds() -> None:
    assert to_micros(datetime(1970, 1, 2, 0, 0, 1, 7, tzinfo=UTC)) == 86_401_000_007
