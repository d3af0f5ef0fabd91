"""Rows become records."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from datetime import datetime
from typing import Any

import pytest

from mediavault.core.clock import EARLIEST, LATEST
from mediavault.core.failures import StoreDamaged
from mediavault.core.job import Job
from mediavault.store import rows


def a_row() -> tuple[Any, ...]:
    values: dict[str, Any] = dict.fromkeys(names(), None)
    values |= {
        "id": "1",
        "status": "queued",
        "created_at": 1,
        "updated_at": 2,
        "source_type": "unknown",
        "seq": 7,
    }
    values |= {"candidates": "[]", "image_urls": "[]", "metadata": "{}", "items": "[]"}
    return tuple(values.values())


def names() -> list[str]:
    return [name.strip() for name in rows.JOB_COLUMNS.split(",")]


def test_every_field_of_a_job_has_a_column() -> None:
    """The one of ``chosen_urls`` has the name that it had when only one could be chosen."""
    fields = [{"chosen_urls": "chosen_url"}.get(name, name) for name in Job.__slots__]

    assert sorted(names()) == sorted([*fields, "error_params", "seq"])


def test_a_row_becomes_a_job_like_any_other() -> None:
    """For speed, it is first filled in as an object of another class."""
    job = rows.job_from_row(a_row())

    assert type(job) is Job
    assert job == Job(**{name: getattr(job, name) for name in Job.__slots__})
    with pytest.raises(FrozenInstanceError):
        job.id = "2"  # type: ignore[misc, assignment]


def test_times_keep_their_microseconds() -> None:
    whole = rows.moment(1_764_000_000_000_000)
    assert rows.moment(1_764_000_000_000_007) == whole.replace(microsecond=7)  # type: ignore[union-attr]
    assert rows.micros_or_none(rows.moment(1)) == 1
    assert rows.moment(None) is None
    assert rows.micros_or_none(None) is None


@pytest.mark.parametrize(
    ("micros", "read"), [(-1, EARLIEST), (-(1 << 63), EARLIEST), ((1 << 63) - 1, LATEST)]
)
def test_a_time_that_some_time_zone_cannot_represent_is_read_as_the_nearest_valid_one(
    micros: int, read: datetime
) -> None:
    assert rows.moment(micros) == read


@pytest.mark.parametrize("name", [None, b"@01a2"])
def test_a_name_that_only_a_damaged_index_can_have_is_damage(name: object) -> None:
    """No such row can be stored. Sorting the names raised a TypeError,
    which pages showed as a bug of the vault.
    """
    with pytest.raises(StoreDamaged):
        rows.counts_by_name([("x", 2), (name, 1)])
