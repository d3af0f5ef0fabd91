"""Every error code can occur and is explained to users."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import timedelta
from functools import cache
from html import unescape
from pathlib import Path
from typing import Any

import pytest

import mediavault
from mediavault.cli.output import print_job
from mediavault.core.failures import (
    FAILURES,
    BadInput,
    ErrorCode,
    Failure,
    Final,
    MediavaultError,
    NeedsPerson,
    PartialSoFar,
    Retry,
    Retryable,
    SeemsDeleted,
    StoreError,
)
from mediavault.core.job import Job, JobId, JobStatus
from mediavault.core.marks import PostMarks
from mediavault.core.typed_records import ERRORS
from mediavault.presentation.labels import help_for
from mediavault.presentation.preferences import Appearance, use
from mediavault.presentation.schemas import JobView
from mediavault.presentation.translation import SOURCE_LOCALE, gettext, locales
from mediavault.presentation.views import job_view
from mediavault.store.port import Neighbours
from mediavault.web.post_view import PostText
from mediavault.web.render import coded, render
from mediavault.web.timeline import Timeline
from mediavault.worker.retry import GiveUp, RetryIn, decide
from tests.fakes import START
from tests.unit.error_sources import sources_of_codes

PACKAGE = Path(mediavault.__file__).parent
KINDS = {
    kind.code: kind
    for kind in reversed(list(ERRORS.values()))
    if "code" in vars(kind) and kind is not MediavaultError
}
JOB_PAGE = {
    "moment": START,
    "comments": [],
    "profiles": {},
    "site": "X",
    "said": PostText(
        "A post", [], is_long=False, published=None, author="", handle="", account_address=None
    ),
    "videos": [],
    "video": None,
    "is_checking": False,
    "is_stopping": False,
    "recording": None,
    "seal": None,
    "timeline": Timeline([], None),
    "neighbours": Neighbours(None, None),
    "back": "/library",
    "back_name": "Library",
    "keep": "",
    "same": (),
    "marks": asdict(PostMarks()),
    "may_go": None,
    "all_tags": [],
    "all_collections": [],
    "up_next": None,
    "next_video": None,
    "read_formats": False,
    "start": 0,
    "subtitles": "",
    "spoken": None,
    "waits_for_person": False,
    "sites_asking": [],
    "needs_sign_in": False,
    "has_sign_in": False,
    "has_users": False,
    "choices": (),
    "browser": None,
    "can_sign_out": False,
}
OF_JOBS = [code for code in ErrorCode if issubclass(KINDS.get(code, Exception), Failure)]
SENTENCE = re.compile(r"[A-Za-z`][^\n]{15,}[.…]")
PROMISE = re.compile(r"\b(is|are) tried\b|[Rr]etrying|automatically")


@cache
def sources() -> Mapping[str, list[str]]:
    return sources_of_codes(PACKAGE)


def failed_job(code: ErrorCode, *, over: bool = False) -> JobView:
    """Return a failed job that is retried in a minute, or with ``over`` one that is not."""
    url = "https://videos.example/watch/1"
    job = Job(
        JobId("0" * 32),
        "0" * 32,
        url,
        url,
        "generic",
        JobStatus.FAILED,
        created_at=START,
        updated_at=START,
    )
    retry_at = None if over else START + timedelta(minutes=1)
    return job_view(replace(job, error_code=code, error="It failed.", retry_at=retry_at))


def answer_to(failure: Failure) -> RetryIn | GiveUp:
    """Return the decision of the retry rule after the first of five attempts."""
    return decide(
        failure, attempt=1, max_attempts=5, base=timedelta(minutes=1), jitter=0.5, now=START
    )


def test_every_code_has_exactly_one_row() -> None:
    assert list(FAILURES) == list(ErrorCode)


def test_no_other_module_lists_codes() -> None:
    """Sets and mappings of codes belong in the table."""
    listed = re.compile(
        r"ErrorCode\.\w+(?:\.value)?\s*(?:,|:|\|)\s*(?:[^\n]{0,120}\s)?ErrorCode\.\w+"
    )
    others = [path for path in PACKAGE.rglob("*.py") if path.name != "failures.py"]

    assert [path.name for path in others if listed.search(path.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize("code", ErrorCode)
def test_every_code_has_sentences_that_say_what_happened_and_what_helps(code: ErrorCode) -> None:
    assert SENTENCE.match(help_for(code))
    assert SENTENCE.match(help_for(code, over=True))
    assert FAILURES[code].summary.endswith(".")
    assert len(FAILURES[code].known_by) > 5


@pytest.mark.parametrize("language", sorted(locales() - {SOURCE_LOCALE}))
def test_every_sentence_of_the_table_is_translated(language: str) -> None:
    use(Appearance(locale=language))
    try:
        texts = {text for spec in FAILURES.values() for text in spec.texts}
        assert [text for text in texts if gettext(text) == text] == []
    finally:
        use(Appearance())


@pytest.mark.parametrize("code", KINDS)
def test_the_class_of_a_failure_agrees_with_the_retry_rule_of_its_row(code: ErrorCode) -> None:
    bases: Mapping[Retry, Any] = {
        Retry.NEVER: Final,
        Retry.PERSON: NeedsPerson,
        Retry.REFUSED: (BadInput, StoreError),
    }
    retry = FAILURES[code].retry

    assert issubclass(KINDS[code], bases.get(retry, (Retryable, NeedsPerson)))


@pytest.mark.parametrize("code", ErrorCode)
def test_the_api_the_page_and_the_command_line_show_a_failed_job_with_that_sentence(
    code: ErrorCode, capsys: pytest.CaptureFixture[str]
) -> None:
    view = failed_job(code)
    page = unescape(bytes(render("post.html", status=200, **JOB_PAGE, job=view).body).decode())
    print_job(view, [])

    assert view.help == help_for(code)
    assert f'<span data-field="help">{unescape(str(coded(view.help)))}</span>' in page
    assert " ".join(view.help.split()) in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("code", OF_JOBS)
def test_a_job_that_is_not_tried_again_promises_no_further_try(code: ErrorCode) -> None:
    help_text = failed_job(code, over=True).help

    assert SENTENCE.match(help_text)
    assert not PROMISE.search(help_text) or issubclass(KINDS[code], NeedsPerson)


def test_a_job_that_is_retried_says_so() -> None:
    assert "Retrying automatically" in failed_job(ErrorCode.NETWORK).help


@pytest.mark.parametrize("code", OF_JOBS)
def test_the_retry_rule_does_what_the_row_says(code: ErrorCode) -> None:
    rule = FAILURES[code].retry
    kind = KINDS[code]
    assert issubclass(kind, Failure)
    answer = answer_to(kind("It failed.", retry_after=timedelta(hours=1)))

    assert isinstance(answer, GiveUp) is (rule in (Retry.NEVER, Retry.PERSON))
    if isinstance(answer, RetryIn):
        assert ("without using up an attempt" in rule) is not answer.uses_attempt


@pytest.mark.parametrize("kind", [SeemsDeleted, PartialSoFar])
def test_a_code_that_may_be_final_or_not_is_tried_again_where_it_is_not(
    kind: type[Failure],
) -> None:
    assert isinstance(answer_to(kind("It failed.")), RetryIn)
    assert FAILURES[kind.code].retry_note


@pytest.mark.parametrize("code", [code for code in ErrorCode if code not in OF_JOBS])
def test_a_refused_request_has_no_retry_rule_and_a_crashed_attempt_is_retried(
    code: ErrorCode,
) -> None:
    # written by the store, which plans the next try itself
    is_of_a_job = code is ErrorCode.RECOVERED_FROM_RESTART
    assert (FAILURES[code].retry is Retry.REFUSED) is not is_of_a_job


@pytest.mark.parametrize("code", ErrorCode)
def test_every_code_is_produced_somewhere(code: ErrorCode) -> None:
    assert sources()[code.value]


def test_catching_comparing_or_only_listing_a_class_produces_no_code(tmp_path: Path) -> None:
    (tmp_path / "errors.py").write_text(
        "class Drm(Exception):\n    code = ErrorCode.DRM\nclass Odd(Drm): ...\n"
    )
    (tmp_path / "reads.py").write_text(
        "KINDS = (Drm, Odd)\nCODES = frozenset({ErrorCode.DRM})\n"
        "try:\n    look()\nexcept Odd as exc:\n    known = exc.code is ErrorCode.DRM\n"
    )
    assert not sources_of_codes(tmp_path)

    (tmp_path / "makes.py").write_text("raise Odd('locked')\n")
    (tmp_path / "chooses.py").write_text("KINDS = {'locked': Drm}\n")
    (tmp_path / "names.py").write_text("fail(error_code=ErrorCode.DRM)\n")
    assert sorted(sources_of_codes(tmp_path)["DRM"]) == ["chooses.py:1", "makes.py:1", "names.py:1"]
