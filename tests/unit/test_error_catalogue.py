"""docs/errors.md says what the code says."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from mediavault.api.words import help_for
from mediavault.core import errors
from mediavault.core.errors import ErrorCode, Failure, Final, MediavaultError, NeedsPerson
from mediavault.worker.retry import ENVIRONMENT

CATALOGUE = Path(__file__).resolve().parents[2] / "docs" / "errors.md"
ROW = re.compile(r"^\| `(\w+)` \| (.+?) \| (.+?) \| (.+?) \|$", re.MULTILINE)
ROWS = {code: columns for code, *columns in ROW.findall(CATALOGUE.read_text(encoding="utf-8"))}
KINDS = {
    kind.code: kind
    for kind in reversed([k for k in vars(errors).values() if inspect.isclass(k) and issubclass(k, MediavaultError)])
}


def test_every_code_has_its_row_and_no_row_is_about_another() -> None:
    assert list(ROWS) == [code.value for code in ErrorCode]


@pytest.mark.parametrize("code", ErrorCode)
def test_a_row_says_what_helps_in_the_words_that_people_are_shown(code: ErrorCode) -> None:
    assert ROWS[code.value][2] == (help_for(code) or "–")


@pytest.mark.parametrize("code", [code for code in ErrorCode if issubclass(KINDS.get(code, Exception), Failure)])
def test_a_row_says_whether_it_is_tried_again(code: ErrorCode) -> None:
    said, kind = ROWS[code.value][1], KINDS[code]
    if code in ENVIRONMENT:
        assert "without using up an attempt" in said
    elif issubclass(kind, NeedsPerson):
        assert "person" in said
    elif issubclass(kind, Final) and code not in (ErrorCode.PARTIAL, ErrorCode.DELETED):
        assert said == "no"
    else:
        assert said not in ("no", "–")


@pytest.mark.parametrize("code", [code for code in ErrorCode if issubclass(KINDS.get(code, Exception), Failure)])
def test_every_failure_of_a_job_tells_a_person_what_helps(code: ErrorCode) -> None:
    assert help_for(code)
