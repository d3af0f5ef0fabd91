"""The test of hostile texts (tests/ui/test_hostile.py) covers every untrusted text and every
page.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from fastapi.routing import APIRoute

from mediavault.auth.credentials import ApiToken, WebSession
from mediavault.core.job import HistoryRecord, Job, JobItem, WorkerHeartbeat
from mediavault.core.listings import Entry
from mediavault.core.marks import Mark
from mediavault.core.media import (
    Account,
    Candidate,
    Chapter,
    Cue,
    Item,
    ProbeReport,
    SavedFile,
    Subtitles,
)
from mediavault.core.messages import Message
from mediavault.core.records import FileCheck
from mediavault.core.sessions import SessionState
from mediavault.core.site_limits import SiteLimit
from mediavault.extraction.port import UpgradeRecord
from mediavault.features.following.decisions import ListedPost
from mediavault.features.following.filters import Filters
from mediavault.features.following.model import SeenEntry, Source, SourceState
from mediavault.features.following.previews import ListReading, ReadList
from mediavault.features.jobs.library_filter import LibraryFilter
from mediavault.features.rss.model import RssFeed
from mediavault.presentation.doctor_report import Check, YtdlpState
from mediavault.store.live_settings import Change
from mediavault.store.saved_searches import SavedSearch
from mediavault.web import pages
from tests.ui.hostile import BUTTONS, FORMS, PARAMETERS, SHOWN, UNSHOWN
from tests.ui.hostile_texts import payloads
from tests.ui.pages import CASES, NO_PAGES

# What a vault stores, or receives from a file, a program or a browser.
RECORDS = (
    *(Job, JobItem, Item, Account, Candidate, SavedFile, HistoryRecord, WorkerHeartbeat, SiteLimit),
    *(Chapter, Subtitles, Cue),
    *(Source, Filters, SourceState, SeenEntry, Entry, ListedPost, ListReading, ReadList),
    *(
        WebSession,
        ApiToken,
        Change,
        SessionState,
        Check,
        YtdlpState,
        UpgradeRecord,
        FileCheck,
        ProbeReport,
        Mark,
        SavedSearch,
        RssFeed,
    ),
)


def test_there_are_two_hundred_texts() -> None:
    assert len(set(payloads())) == len(payloads()) >= 200


def holds_text(hint: Any) -> bool:
    """Whether a field of this type may hold a text that the vault did not choose itself."""
    if hint in (str, Message, Any):
        return True
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) in (
        typing.Union,
        tuple,
        list,
        Mapping,
        Sequence,
    ):
        return any(holds_text(argument) for argument in typing.get_args(hint))
    origin = typing.get_origin(hint)
    return (
        isinstance(origin, type)
        and issubclass(origin, Mapping | Sequence)
        and any(map(holds_text, typing.get_args(hint)))
    )


def test_every_text_of_a_record_is_shown_somewhere_or_listed_with_the_reason() -> None:
    """For a new field, put a hostile text into it in tests/ui/hostile.py,
    and name the pages that show it.
    """
    texts = {
        f"{record.__name__}.{field.name}"
        for record in RECORDS
        for field in dataclasses.fields(record)
        if holds_text(typing.get_type_hints(record)[field.name])
    }

    assert texts == {*SHOWN, *UNSHOWN}
    assert not set(SHOWN) & set(UNSHOWN)


def routes(method: str) -> list[APIRoute]:
    return [
        route
        for router in pages.ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute) and method in (route.methods or ())
    ]


def test_every_page_that_is_listed_for_a_text_exists() -> None:
    assert {route for shown in SHOWN.values() for route in shown} <= {case.route for case in CASES}


@pytest.mark.parametrize("route", routes("GET"), ids=lambda route: route.path)
def test_every_parameter_of_a_page_is_given_hostile_texts(route: APIRoute) -> None:
    """Only the library, its feed and the page of RSS feeds read their parameters from the query by
    hand.
    """
    read = {
        parameter.alias
        for parameter in (*route.dependant.query_params, *route.dependant.path_params)
    }
    filtered = {field.name for field in dataclasses.fields(LibraryFilter)} | {"cursor"}
    by_hand = {
        "/library": filtered | {"outcome", "batch", "post"},
        "/library/feed": filtered | {"clip", "before"},
        "/access/feeds": filtered - {"cursor"} | {"made"},
    }

    assert set(PARAMETERS.get(route.path, ())) == by_hand.get(route.path, read)


def test_every_form_is_sent_hostile_texts() -> None:
    assert {route.path for route in routes("POST")} == {*FORMS, *BUTTONS}
    assert not BUTTONS & set(FORMS)


def test_every_page_with_a_parameter_is_known() -> None:
    assert set(PARAMETERS) <= {case.route for case in CASES} | set(NO_PAGES)
