"""What the source says below the pages is in the catalogues, and is found again with values in it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from functools import cache

import pytest
from scripts.messages import Collector, is_telling, messages_of_the_code, written
from scripts.source_words import Place, Sentence

from mediavault.api.appearance import Appearance, use
from mediavault.api.message_patterns import translated
from mediavault.api.words import help_for
from mediavault.core.cookies_txt import read_cookies_txt
from mediavault.core.failures import ErrorCode, MediavaultError
from mediavault.core.job import JobId
from mediavault.core.urls import parse_http_url
from mediavault.platforms.registry import platform
from mediavault.runtime.doctor.postgres_checks import judge_postgres
from mediavault.services.extraction.http_status import failure_of_status
from mediavault.services.vault.bucket_address import parse_bucket_address
from mediavault.store import moves
from mediavault.store.postgres.facts import PostgresFacts
from tests.unit.cli.test_postgres_checks import SOUND

ENGLISH = re.compile(r"\b(?:the|is|has|not|and|with|cannot|which|of)\b", re.IGNORECASE)


@pytest.fixture(autouse=True)
def german() -> Iterator[None]:
    use(Appearance(locale="de"))
    yield
    use(Appearance())


@cache
def sentences() -> list[Sentence]:
    collector = Collector()
    collector.collect()
    return [sentence for sentence in collector.found if is_telling(sentence)]


def filled(sentence: Sentence) -> tuple[str, list[str]]:
    """With sample values, and these."""
    values: list[str] = []
    text = ""
    for part in sentence:
        if isinstance(part, Place):
            values.append(str(7 + len(values)) if part.is_number else f"Wert{len(values)}")
            text += values[-1]
        else:
            text += part
    return text, values


def test_the_source_is_read_to_its_ends() -> None:
    """An f-string at a raise, a name, a table, a function's argument and a function's answer."""
    found = messages_of_the_code()

    assert "The job is %(status)s; it cannot be %(verb)s." in found
    assert "X says that the post was taken down" in found
    assert "it names no bucket" in found
    assert "The link leads to a list of posts on %(site)s, not to one post." in found
    assert "The file has %(length)d bytes; at most %(max_bytes)d are allowed." in found
    assert len(found["a person asked again"]) > 1  # each store says it


def test_a_sentence_is_written_with_a_name_for_each_place() -> None:
    assert written(("100% of ", Place("size", is_number=True), " in ", Place("at"), Place("at"))) == (
        "100%% of %(size)d in %(at)s%(at_2)s"
    )


def test_every_pattern_is_found_with_values_in_it() -> None:
    """Each by itself or by one that says the same; and every value is shown."""
    lost = {}
    for sentence in sentences():
        text, values = filled(sentence)
        shown = translated(text)
        if values and len("".join(part for part in sentence if isinstance(part, str))) < 20:
            continue  # vague: only with values that are known
        if values and not all(value in shown for value in values):
            lost[text] = shown

    assert lost == {}


def test_what_helps_is_translated_for_every_condition() -> None:
    told = {code: (help_for(code), help_for(code, over=True)) for code in ErrorCode}

    assert {code: words for code, words in told.items() if any(map(ENGLISH.search, words))} == {}


def raised(call: Callable[[], object]) -> MediavaultError:
    with pytest.raises(MediavaultError) as caught:
        call()
    return caught.value


@pytest.mark.parametrize(
    "call",
    [
        lambda: parse_http_url("ftp://example.org/"),
        lambda: parse_http_url("https://example.org:99999999/"),
        lambda: parse_http_url("https://example.org/" + "a" * 9_000),
        lambda: parse_bucket_address("s3://"),
        lambda: parse_bucket_address("s3://bucket?colour=red"),
        lambda: parse_bucket_address("s3://bucket?endpoint=nowhere"),
        lambda: read_cookies_txt("one two three\n"),
    ],
)
def test_what_is_really_raised_is_shown_without_a_word_of_english(call: Callable[[], object]) -> None:
    error = raised(call)

    assert translated(error.message) != error.message
    assert not ENGLISH.search(translated(error.message))
    assert not ENGLISH.search(translated(error.help))


@pytest.mark.parametrize("status", [401, 403, 404, 410, 429, 451, 500])
def test_what_a_sites_status_means_is_shown_in_german(status: int) -> None:
    failure = failure_of_status(
        status, platform("tiktok"), refused=status == 403, what="the page", retry_after=timedelta(minutes=1)
    )

    assert failure is not None
    assert translated(failure.message).startswith(("TikTok", "Der Dienst", "Den Beitrag"))
    assert not ENGLISH.search(translated(failure.message))


def test_the_queues_refusals_are_shown_in_german() -> None:
    for error in (moves.job_not_found(JobId("01J")), moves.lease_lost(JobId("01J"), 3)):
        assert not ENGLISH.search(translated(error.message))
    for words in (moves.RECOVERED_ERROR, moves.ASKED_AGAIN, moves.DUE_AGAIN):
        assert translated(words) != words


@pytest.mark.parametrize(
    "facts",
    [
        SOUND,
        replace(SOUND, version=13),
        replace(SOUND, version=99),
        replace(SOUND, is_standby=True),
        replace(SOUND, fsync=False, synchronous_commit="off"),
        replace(SOUND, has_schema=False, may_create_schema=False),
        replace(SOUND, has_tls=False, is_local=False, has_wake_ups=False, ahead_by=timedelta(seconds=-90)),
    ],
)
def test_the_doctors_judgement_of_a_database_is_shown_in_german(facts: PostgresFacts) -> None:
    for check in judge_postgres(facts):
        for words in (check.detail, check.help):
            assert translated(words) != words or " " not in words or words == "read committed"
