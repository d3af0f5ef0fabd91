"""Sources from and to other programs: what an import follows,
and that an export holds all that is set.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediavault.core.failures import BadInput, MediavaultError
from mediavault.core.listings import EntryKind, Validators
from mediavault.core.marks import collection_title
from mediavault.core.profiles import BUILT_IN
from mediavault.core.submission import Submission
from mediavault.core.xml_tree import in_xml
from mediavault.egress.guard import EgressGuard
from mediavault.features.following import transfer as source_transfer
from mediavault.features.following.decisions import FIRST_CHECKS_WITHIN
from mediavault.features.following.filters import Filters
from mediavault.features.following.model import Source, SourceState, Start, checked
from mediavault.features.following.records import Followed
from mediavault.features.following.transfer import (
    ImportTerms,
    SourcesImport,
    as_followed,
    import_view,
    read_entries,
    read_import,
    sources_opml,
    uploaded,
)
from mediavault.platforms import registry
from tests.fakes import START, FakeClock
from tests.feed_rules import opml_problems

ID = "UCaaaaaaaaaaaaaaaaaaaaaa"
CHANNEL = f"https://www.youtube.com/channel/{ID}"
FEED = "https://walks.example/feed.xml"
SUBMIT = Submission(registry.identify, lambda *_: None, FakeClock(), source_at=registry.source_at)


def terms(*followed: Followed, **asked: Any) -> ImportTerms:
    return ImportTerms(SUBMIT, followed, BUILT_IN, asked, START)


async def test_an_import_says_which_of_its_addresses_are_on_private_hosts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The list may be a stranger's, who would choose what is requested there. A host that is not
    looked up in time may be one.
    """
    monkeypatch.setattr(source_transfer, "LOOK_UP_S", 0.01)

    async def looked_up(host: str) -> Sequence[str]:
        if host == "slow.example":
            await asyncio.Event().wait()
        return [{"inside.example": "10.99.0.7"}.get(host, "93.184.216.34")]

    guard = EgressGuard(["10.99.0.1:8080", "nas.example", "10.99.0.0/24"], resolver=looked_up)
    submit = Submission(
        registry.identify,
        guard.check_submitted,
        FakeClock(),
        source_at=registry.source_at,
        is_private=guard.exempts,
    )
    private = [
        "http://10.99.0.1:8080/admin",
        "http://nas.example/a",
        "http://inside.example/b",
        "http://slow.example/c",
    ]
    lines = [*private, "http://walks.example/1", "http://walks.example/2"]
    read = await read_import("\n".join(lines).encode(), replace(terms(), submit=submit))

    assert [one.url for one in import_view(read, is_dry_run=True).new if one.is_private] == private


def read(*lines: str, followed: tuple[Followed, ...] = (), **asked: Any) -> SourcesImport:
    return read_entries("\n".join(lines).encode(), terms(*followed, **asked))


def sources(done: SourcesImport) -> list[Source]:
    return [one.source for one in done.new]


def existing(url: str, **state: Any) -> Followed:
    return Followed(
        Source("s-1", url, SUBMIT.read_source(url).platform, START), SourceState(**state)
    )


# --- import


def test_each_new_source_starts_now_unless_more_is_asked_for() -> None:
    [plain] = sources(read(CHANNEL))
    [asked] = sources(
        read(CHANNEL, start=Start.NEWEST, newest=5, profile="audio", collection="Trains")
    )

    assert (plain.url, plain.platform, plain.start, plain.filters) == (
        CHANNEL,
        "youtube",
        Start.NOW,
        Filters(),
    )
    assert (asked.start, asked.newest, asked.profile, asked.collection) == (
        Start.NEWEST,
        5,
        "audio",
        "Trains",
    )


@pytest.mark.parametrize(
    "other",
    [
        f"http://youtube.com/channel/{ID}/",
        f"https://m.youtube.com/channel/{ID}?view=0",
        f"https://www.youtube.com/channel/{ID}/featured",
        f"https://www.youtube.com/feeds/videos.xml?channel_id={ID}",
    ],
)
def test_the_same_channel_by_another_url_is_one_source(other: str) -> None:
    both = read(CHANNEL, other)

    assert (len(both.new), [entry.line for entry in both.known]) == (1, [2])
    assert len(read(other, followed=(existing(CHANNEL),)).known) == 1
    assert len(read(CHANNEL, followed=(existing(other),)).known) == 1


def test_a_channel_that_is_followed_by_its_name_is_recognised_once_its_id_is_known() -> None:
    by_name = "https://www.youtube.com/@jane"

    assert len(read(CHANNEL, followed=(existing(by_name),)).new) == 1
    assert len(read(CHANNEL, followed=(existing(by_name, stable_id=ID),)).known) == 1


def test_a_tab_of_a_channel_and_an_account_of_another_site_are_sources_of_their_own() -> None:
    assert (
        len(
            read(
                CHANNEL, f"{CHANNEL}/shorts", "https://www.tiktok.com/@jane", "https://x.com/jane"
            ).new
        )
        == 4
    )


def test_one_bad_line_never_stops_the_rest_and_is_named_with_the_reason_and_what_helps() -> None:
    done = read(
        "https://www.youtube.com/watch?v=aaaaaaaaaaa", "nonsense", FEED, "ftp://a.example/", CHANNEL
    )

    assert [source.url for source in sources(done)] == [FEED, CHANNEL]
    assert [(one.entry.line, one.entry.text) for one in done.refused] == [
        (1, "https://www.youtube.com/watch?v=aaaaaaaaaaa"),
        (2, "nonsense"),
        (4, "ftp://a.example/"),
    ]
    assert all(one.error.message and one.error.help for one in done.refused)


def test_an_address_without_its_scheme_is_understood() -> None:
    assert [source.url for source in sources(read(f"www.youtube.com/channel/{ID}"))] == [CHANNEL]


def test_of_a_feed_and_a_page_the_feed_is_followed_unless_both_are_of_one_known_site() -> None:
    outlines = [
        ("https://podcast.example/feed", "https://www.facebook.com/show"),
        ("https://www.reddit.com/r/trains/.rss", "https://www.reddit.com/r/trains/"),
        ("nonsense", "https://c.example/feed"),
    ]
    body = "".join(f'<outline xmlUrl="{feed}" htmlUrl="{page}"/>' for feed, page in outlines)
    done = read(f"<opml><body>{body}</body></opml>")

    assert [source.url.rstrip("/") for source in sources(done)] == [
        "https://podcast.example/feed",
        "https://www.reddit.com/r/trains",
        "https://c.example/feed",
    ]


def test_no_more_sources_are_followed_than_a_vault_may_have(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(source_transfer, "MOST_SOURCES", 3)
    done = read(*(f"https://{n}.example/" for n in range(4)), followed=(existing(CHANNEL),))

    assert (len(done.new), len(done.refused)) == (2, 2)
    assert "There are already 3 sources" in done.refused[0].error.message


@pytest.mark.parametrize(
    "asked",
    [
        {"start": Start.NEWEST},
        {"start": Start.SINCE},
        {"profile": "unknown"},
        {"interval_minutes": 1},
        {"collection": "x" * 200},
    ],
)
def test_what_is_asked_for_all_and_cannot_be_refuses_the_import(asked: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        read(CHANNEL, **asked)


def test_first_looks_at_one_host_or_site_are_spread_over_an_hour_at_most() -> None:
    done = read(*(f"https://feeds.example/{n}.xml" for n in range(400)), FEED, CHANNEL)
    checks = [one.check_at for one in done.new]

    assert checks[:3] == [START, START + timedelta(seconds=9), START + timedelta(seconds=18)]
    assert START + timedelta(minutes=59) < checks[399] < START + FIRST_CHECKS_WITHIN
    assert checks[400:] == [START, START]


def test_the_id_of_an_imported_source_is_the_same_each_time() -> None:
    """Two imports at once, such as those of a button that was pressed twice, follow once."""
    assert sources(read(FEED, CHANNEL)) == sources(read(FEED, CHANNEL))
    assert len({source.id for source in sources(read(FEED, CHANNEL))}) == 2


@pytest.mark.parametrize(
    "settings",
    [
        "{",
        "{}",
        '{"url": 5}',
        '{"url": "https://a.example/", "start": "often"}',
        '{"url": "nonsense"}',
    ],
)
def test_settings_that_cannot_be_read_refuse_their_source_alone(settings: str) -> None:
    outline = ET.Element("outline", {"xmlUrl": "https://b.example/", "settings": settings})
    done = read(
        f"<opml><body>{ET.tostring(outline).decode()}<outline xmlUrl='{FEED}'/></body></opml>"
    )

    assert ([source.url for source in sources(done)], len(done.refused)) == ([FEED], 1)


def test_a_profile_that_this_vault_lacks_refuses_its_source_unless_another_is_chosen() -> None:
    document = sources_opml(
        [Followed(Source("s-1", FEED, "generic", START, profile="family"), SourceState())]
    )

    [refused] = read_entries(document, terms()).refused
    assert "family" in refused.error.message
    assert [one.source.profile for one in read_entries(document, terms(profile="audio")).new] == [
        "audio"
    ]


def test_a_request_must_have_base64() -> None:
    assert uploaded("YWI=") == b"ab"
    with pytest.raises(BadInput):
        uploaded("?")


def test_the_view_names_each_entry() -> None:
    view = import_view(read(FEED, CHANNEL, CHANNEL + "/", "nonsense"), is_dry_run=True)

    assert view.is_dry_run
    assert [(one.url, one.title, one.platform) for one in view.new] == [
        (FEED, None, "generic"),
        (CHANNEL, None, "youtube"),
    ]
    assert [one.url for one in view.known] == [CHANNEL + "/"]
    assert [(one.line, one.text) for one in view.refused] == [(4, "nonsense")]


# --- export


def test_an_export_names_the_feed_where_there_is_one_and_the_page() -> None:
    followed = [
        existing(CHANNEL, title="Trains"),
        existing("https://www.youtube.com/@jane"),
        existing("https://www.youtube.com/@jane", stable_id=ID),
        existing(FEED),
        existing(
            "https://blog.example/",
            method="feed",
            validators=Validators(url="https://blog.example/atom"),
        ),
        existing("https://videos.example/list", method="ytdlp"),
    ]
    document = sources_opml(followed)
    outlines = [outline.attrib for outline in ET.fromstring(document).iter("outline")]
    youtube_feed = f"https://www.youtube.com/feeds/videos.xml?channel_id={ID}"

    assert [
        (line["type"], line.get("xmlUrl"), line.get("htmlUrl"), line.get("url"))
        for line in outlines
    ] == [
        ("rss", youtube_feed, CHANNEL, None),
        ("link", None, "https://www.youtube.com/@jane", "https://www.youtube.com/@jane"),
        ("rss", youtube_feed, "https://www.youtube.com/@jane", None),
        ("rss", FEED, None, None),
        ("rss", "https://blog.example/atom", "https://blog.example/", None),
        ("link", None, "https://videos.example/list", "https://videos.example/list"),
    ]
    assert (outlines[0]["text"], outlines[0]["title"]) == ("Trains", "Trains")
    assert opml_problems(sources_opml([existing(FEED)])) == []


_texts = st.text(max_size=30)
_filters = st.builds(
    Filters,
    having=st.lists(_texts, max_size=3).map(tuple),
    lacking=st.lists(_texts, max_size=3).map(tuple),
    shortest_s=st.none() | st.floats(0, 1_000),
    longest_s=st.none() | st.floats(1_000, 10_000),
    kinds=st.sets(st.sampled_from(EntryKind), min_size=1).map(lambda kinds: tuple(sorted(kinds))),
    members_only=st.booleans(),
    reposts=st.booleans(),
    replies=st.booleans(),
    languages=st.sets(st.sampled_from(["de", "en-gb", "zh-hans"])).map(
        lambda tags: tuple(sorted(tags))
    ),
)
_moments = st.floats(0, 4e9).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
_addresses = st.sampled_from(
    [
        *(
            CHANNEL,
            f"{CHANNEL}/videos",
            "https://www.youtube.com/@jane",
            FEED,
            "https://videos.example/ä?b=1&c='\"<#d",
        ),
        *(
            "https://www.tiktok.com/@jane",
            "https://bsky.app/profile/bees.example",
            "https://x.com/jane",
        ),
        *(
            "https://www.youtube.com/playlist?list=PLaaaaaaaaaaaaaaaa",
            "https://www.reddit.com/r/trains/",
        ),
        f"https://www.youtube.com/feeds/videos.xml?channel_id={ID}",
    ]
)


@st.composite
def _sources(draw: st.DrawFn) -> Source:
    address = SUBMIT.read_source(draw(_addresses))
    start = draw(st.sampled_from(Start))
    try:
        return checked(
            Source(
                "s-1",
                address.url,
                address.platform,
                START,
                profile=draw(st.none() | st.sampled_from(sorted(BUILT_IN))),
                collection=draw(st.none() | _texts.map(_title)),
                interval_minutes=draw(st.none() | st.integers(15, 43_200)),
                is_paused=draw(st.booleans()),
                start=start,
                since=draw(_moments) if start is Start.SINCE else None,
                newest=draw(st.integers(1, 10_000)) if start is Start.NEWEST else None,
                per_day=draw(st.none() | st.integers(1, 1_000)),
                filters=draw(_filters),
            )
        )
    except BadInput:
        return Source("s-1", address.url, address.platform, START)


def _title(text: str) -> str | None:
    try:
        return collection_title(text)
    except MediavaultError:
        return None


@given(source=_sources(), title=st.text(max_size=40))
def test_an_export_imported_into_an_empty_vault_gives_equal_sources(
    source: Source, title: str
) -> None:
    document = sources_opml([Followed(source, SourceState(title=title))])
    done = read_entries(document, ImportTerms(SUBMIT, (), BUILT_IN, {}, START))
    [imported] = done.new

    assert imported.source == replace(source, id=imported.source.id)
    assert imported.title in {"", " ".join(in_xml(title).split())}
    assert (
        read_entries(sources_opml(as_followed(done.new)), terms()).new[0].source == imported.source
    )


def test_what_is_stored_is_exported_even_if_no_request_may_ask_for_it() -> None:
    """A later version, or another program, may have stored it:
    one source must not keep all others from being exported.
    """
    filters = Filters(having=("w" * 5_000, "\ud800\x00"), kinds=(EntryKind.LIVE,))
    odd = Source(
        "s-1",
        f"{FEED}?\x07\ud800",
        "generic",
        START,
        profile="p" * 900,
        collection="\ud800",
        filters=filters,
    )
    document = sources_opml([Followed(odd, SourceState(title="\x00\ud800")), existing(FEED)])

    assert opml_problems(document) == []
    assert document.count(b"<outline") == 2
