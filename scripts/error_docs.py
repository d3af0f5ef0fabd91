"""Write docs/errors.md from the table of failures (``make errors``)."""

from __future__ import annotations

from pathlib import Path

from mediavault.core.failures import FAILURES, ErrorCode

PAGE = Path(__file__).resolve().parents[1] / "docs" / "errors.md"

_INTRODUCTION = """\
# What can go wrong

*Generated from `core/failures.py` by `make errors`.*

Every failure has a stable code, a sentence that says what happened, and one that says what helps. The API answers
`{"code", "message", "help"}`; a job has `error_code`, `error` and `help`; the pages and the command line show the same words.

"Yes" under *tried again* means: by the next download strategy where that can help, then by a later attempt after 1, 5 and
25 minutes, 2 and 10 hours, at most `MEDIAVAULT_MAX_ATTEMPTS` (5) in all. Jobs that need a person wait without using up
attempts. A job that is not tried again any more shows the second sentence under *what helps*, where there is one.

A worker whose disk has failed a job claims nothing for ten seconds, then for twice as long each time up to five minutes.
After that the disk has to prove that files can be written, and one job at a time runs until a video is saved.

| code | scope | how it is known | tried again | what helps | HTTP |
|---|---|---|---|---|---|
"""


def page() -> str:
    """Return the whole text of docs/errors.md."""
    rows = (
        (
            f"`{code}`",
            spec.scope,
            spec.known_by,
            spec.retry_note or spec.retry,
            f"{spec.hint} *In the end:* {spec.final_hint}" if spec.final_hint else spec.hint,
            str(spec.http_status) if spec.http_status != 500 or code is ErrorCode.INTERNAL else "–",
        )
        for code, spec in FAILURES.items()
    )
    return _INTRODUCTION + "".join(f"| {' | '.join(row)} |\n" for row in rows)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
