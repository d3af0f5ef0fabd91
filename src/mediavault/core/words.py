"""A count with what is counted, so that the two agree. Pure."""

from __future__ import annotations


def counted(count: int, one: str, many: str | None = None) -> str:
    """``1 job``, ``1,500 jobs``. ``many`` where an s is not enough: ``counted(n, "job is", "jobs are")``."""
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"
