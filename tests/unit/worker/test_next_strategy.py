"""Which download strategy follows a failure: the policy, called without any I/O."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import product

import pytest

from mediavault.core.failures import (
    BadFile,
    BrowserUnavailable,
    Challenge,
    Deleted,
    Drm,
    EmptyBody,
    Failure,
    HttpError,
    Incomplete,
    LinkExpired,
    LoginRequired,
    NetworkFailure,
    NoSpace,
    NotAVideo,
    Private,
    ProxyFailed,
    RateLimited,
    StorageFailure,
    TookTooLong,
    TooLarge,
    Unsupported,
)
from mediavault.core.job import StrategyName
from mediavault.worker.strategies import next_strategy

PLAIN, SESSION, NAVIGATION, FRESH = StrategyName

VERDICTS = [
    Deleted("x"),
    Private("x"),
    Drm("x"),
    Unsupported("x"),
    TooLarge("x"),
    LoginRequired("x"),
    Challenge("x"),
]
STOPS = [
    ProxyFailed("no answer"),
    NoSpace("full"),
    StorageFailure("read-only"),
    RateLimited("429", retry_after=timedelta(seconds=2)),
]
SETBACKS = [
    HttpError("500"), LinkExpired("403"), TookTooLong("x"), Incomplete("x"), EmptyBody("x"),
    NotAVideo("x"), BadFile("x"), NetworkFailure("x"), RateLimited("429"), BrowserUnavailable("x"),
]  # fmt: skip
REFUSALS = [LinkExpired("403"), HttpError("406"), NetworkFailure("reset"), NotAVideo("a page")]


def strategies_tried(
    failures: Sequence[Failure],
    *,
    signed: bool = False,
    by_handshake: bool = False,
    visited: bool = True,
    stalled: bool = False,
) -> list[StrategyName]:
    """Return the strategies tried while each fails with the next of ``failures``;
    the last failure is repeated.
    """
    taken = [PLAIN]
    for number in range(len(StrategyName) + 1):
        failure = failures[min(number, len(failures) - 1)]
        strategy = next_strategy(
            taken,
            failure,
            signed=signed,
            by_handshake=by_handshake,
            visited=visited,
            stalled=stalled,
        )
        if strategy is None:
            return taken
        taken.append(strategy)
    raise AssertionError(f"the strategies do not end: {taken}")


def situations() -> Iterator[dict[str, bool]]:
    """Return every combination of the options."""
    for signed, by_handshake, visited in product((False, True), repeat=3):
        yield {"signed": signed, "by_handshake": by_handshake, "visited": visited}


def test_every_sequence_of_setbacks_ends_after_each_strategy_was_tried_once() -> None:
    for situation in situations():
        for failures in product(SETBACKS, repeat=4):
            taken = strategies_tried(failures, **situation)

            assert sorted(taken) == sorted(StrategyName), (situation, failures)


@pytest.mark.parametrize("failure", [*VERDICTS, *STOPS], ids=lambda failure: type(failure).__name__)
def test_a_verdict_a_full_disk_or_a_stated_wait_ends_the_sequence_at_any_point(
    failure: Failure,
) -> None:
    for situation in situations():
        for before in product(SETBACKS, repeat=2):
            for count in range(3):
                taken = strategies_tried([*before[:count], failure], **situation)

                assert len(taken) == count + 1


@pytest.mark.parametrize("failure", SETBACKS, ids=lambda failure: type(failure).__name__)
def test_an_unsigned_url_is_tried_with_the_session_then_by_the_browser_then_extracted_again(
    failure: Failure,
) -> None:
    assert strategies_tried([failure]) == [PLAIN, SESSION, NAVIGATION, FRESH]


def test_a_refused_signed_url_is_extracted_again_before_session_and_browser() -> None:
    assert strategies_tried([LinkExpired("403")], signed=True) == [
        PLAIN,
        FRESH,
        SESSION,
        NAVIGATION,
    ]


@pytest.mark.parametrize("failure", [HttpError("500"), Incomplete("cut"), NotAVideo("a page")])
def test_a_failure_that_is_not_a_refusal_says_nothing_about_the_signature(failure: Failure) -> None:
    assert strategies_tried([failure], signed=True) == [PLAIN, SESSION, NAVIGATION, FRESH]
    assert strategies_tried([failure, LinkExpired("403")], signed=True) == [
        PLAIN,
        SESSION,
        FRESH,
        NAVIGATION,
    ]


@pytest.mark.parametrize("failure", SETBACKS, ids=lambda failure: type(failure).__name__)
def test_a_url_from_the_pages_source_is_extracted_again_by_the_browser_before_anything_else(
    failure: Failure,
) -> None:
    assert strategies_tried([failure], visited=False) == [PLAIN, FRESH, SESSION, NAVIGATION]


def test_a_server_that_stalls_is_not_waited_for_again_by_the_session_and_the_browser() -> None:
    """Only a fresh extraction, which may find another server, is tried."""
    for situation in situations():
        assert strategies_tried([TookTooLong("nothing came")], stalled=True, **situation) == [
            PLAIN,
            FRESH,
        ]


@pytest.mark.parametrize("failure", REFUSALS, ids=lambda failure: type(failure).__name__)
@pytest.mark.parametrize("signed", [False, True])
def test_where_the_handshake_is_judged_the_browser_is_tried_first(
    failure: Failure, signed: bool
) -> None:
    assert strategies_tried([failure], signed=signed, by_handshake=True) == [
        PLAIN,
        NAVIGATION,
        FRESH,
        SESSION,
    ]


@pytest.mark.parametrize("failure", [Incomplete("cut"), BadFile("damaged"), EmptyBody("0 bytes")])
def test_a_client_that_was_answered_was_not_judged_by_its_handshake(failure: Failure) -> None:
    assert next_strategy([PLAIN], failure, signed=True, by_handshake=True) is SESSION
