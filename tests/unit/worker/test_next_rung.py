"""Where a failure leads on the save ladder: a table, called without any I/O."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mediavault.core.errors import (
    BadFile,
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
    RateLimited,
    StorageFailure,
    TookTooLong,
    TooLarge,
    Unsupported,
)
from mediavault.core.job import RungName
from mediavault.worker.ladder import next_rung

PLAIN, SESSION, NAVIGATION, FRESH = RungName


@pytest.mark.parametrize("rung", RungName)
@pytest.mark.parametrize(
    "failure",
    [Deleted("x"), Private("x"), Drm("x"), Unsupported("x"), TooLarge("x"), LoginRequired("x"), Challenge("x")],
)
def test_a_verdict_stops_the_climb_at_once(rung: RungName, failure: Failure) -> None:
    assert next_rung(rung, failure, signed=False) is None


@pytest.mark.parametrize(
    "failure",
    [HttpError("403"), LinkExpired("403"), TookTooLong("x"), Incomplete("x"), EmptyBody("x"), NotAVideo("x"),
     BadFile("x"), NetworkFailure("x"), RateLimited("429")],
)  # fmt: skip
def test_everything_else_climbs_one_rung(failure: Failure) -> None:
    climbed = [next_rung(rung, failure, signed=False) for rung in (PLAIN, SESSION, NAVIGATION)]

    assert climbed == [SESSION, NAVIGATION, FRESH]


@pytest.mark.parametrize("rung", [PLAIN, SESSION, NAVIGATION])
def test_a_refused_signed_address_goes_straight_to_a_fresh_one(rung: RungName) -> None:
    assert next_rung(rung, LinkExpired("403"), signed=True) is FRESH


def test_fresh_comes_once() -> None:
    assert next_rung(FRESH, LinkExpired("403"), signed=True) is None


@pytest.mark.parametrize("failure", [NoSpace("full"), StorageFailure("read-only")])
def test_no_rung_helps_against_a_full_disk(failure: Failure) -> None:
    assert next_rung(PLAIN, failure, signed=False) is None


def test_a_site_that_named_a_time_is_not_asked_again_before_it() -> None:
    assert next_rung(PLAIN, RateLimited("429", retry_after=timedelta(seconds=2)), signed=False) is None


@pytest.mark.parametrize(
    "failure", [LinkExpired("403"), HttpError("406"), NetworkFailure("reset"), NotAVideo("a page")]
)
@pytest.mark.parametrize("signed", [False, True])
def test_where_the_handshake_is_judged_the_browser_goes_before_cookies_and_before_a_fresh_look(
    failure: Failure, signed: bool
) -> None:
    assert next_rung(PLAIN, failure, signed=signed, by_handshake=True) is NAVIGATION
    assert next_rung(NAVIGATION, failure, signed=signed, by_handshake=True) is FRESH


@pytest.mark.parametrize("failure", [Incomplete("cut"), BadFile("damaged"), EmptyBody("0 bytes")])
def test_a_client_that_was_answered_was_not_judged_by_its_handshake(failure: Failure) -> None:
    assert next_rung(PLAIN, failure, signed=True, by_handshake=True) is SESSION
