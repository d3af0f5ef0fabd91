"""A served vault in which every text is untrusted: one text for each field,
or all texts in each field.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path

import pytest

from mediavault.auth.permissions import Scope
from mediavault.core.clock import SystemClock
from mediavault.core.failures import ErrorCode
from mediavault.core.job import JobId, JobStatus, WorkerHeartbeat, WorkerId
from mediavault.core.listings import Entry
from mediavault.core.media import ProbeReport, SavedFile
from mediavault.core.messages import Message
from mediavault.core.records import CheckVerdict, FileCheck, RecordKind, checks_to_json
from mediavault.core.users import OWNER
from mediavault.extraction.port import UpgradeRecord
from mediavault.features.following.decisions import ListedPost
from mediavault.features.following.filters import Filters, Reason
from mediavault.features.following.inbox import note_arrivals
from mediavault.features.following.model import EntryState, SeenEntry, Source, SourceState
from mediavault.features.following.previews import ReadList
from mediavault.features.following.records import (
    compare_with_list,
    mark_posts,
    put_seen,
    put_waiting,
)
from mediavault.presentation.doctor_report import Check, Doctor, YtdlpState
from mediavault.presentation.doctor_report import DoctorVerdict as Found
from mediavault.server.services import ApiServices
from mediavault.store.codec import storable
from mediavault.store.port import Store, StoredJob
from mediavault.web.app import create_app
from tests.following import set_source, set_state
from tests.previewed import add_preview
from tests.session_stubs import StubSessions, StubWindows
from tests.ui.hostile import HOW_MANY_STATES, TextOf, post_id, post_of
from tests.ui.vault import TOKEN, Vault, sample_vault

HOUR = timedelta(hours=1)
STRAYS = 10_000  # posts of sites that no mediavault knows are numbered from here on
_SETTINGS: Mapping[str, object] = {
    "profile": "best",
    "concurrency": 4,
    "max_attempts": 6,
    "pace": {"x": 2.0},
    "retention_days": 9,
}


@dataclass
class HostileVault:
    """``texts`` are the contents of the fields, one for each text; ``vault`` requires TOKEN."""

    vault: Vault
    texts: Sequence[TextOf]

    async def turn_to(self, number: int) -> None:
        """From now on, use the text with this number where there is only one value,
        as in the settings.
        """
        await _change_settings(self.vault.store, self.texts[number])


@asynccontextmanager
async def hostile_vault(root: Path, texts: Sequence[TextOf]) -> AsyncIterator[HostileVault]:
    """Serve a vault in which everything from a store, a file,
    a program or a browser comes from ``texts``.
    """
    async with AsyncExitStack() as stack:
        # for this vault alone: others are opened while it is running
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(
                "mediavault.web.app.create_app",
                lambda services: create_app(_with_hostile_texts(services, texts)),
            )
            vault = await stack.enter_async_context(
                sample_vault(root, posts=0, worker=False, token=TOKEN)
            )
        now = (await vault.store.catalogue.report()).at
        await _fill(vault.store, texts, now)
        yield HostileVault(vault, texts)


async def _fill(store: Store, texts: Sequence[TextOf], now: datetime) -> None:
    states = range(HOW_MANY_STATES) if len(texts) == 1 else range(1)
    adopted: list[StoredJob] = []
    for number, text_of in enumerate(texts):
        ours = [post_of(number + state, text_of, now) for state in states]
        platform, slug = storable(text_of("Job.platform")), storable(text_of("Account.slug"))
        strays = [
            post_of(STRAYS + number + state, text_of, now, platform=platform, slug=slug)
            for state in states
        ]
        adopted += [*ours, *strays]
        for site in dict.fromkeys((platform, storable(text_of("SiteLimit.platform")))):
            await store.site_limits.pause_site(
                site, duration=HOUR, code=ErrorCode.RATE_LIMITED, reason=text_of("SiteLimit.reason")
            )
        await store.workers.heartbeat(_beat(number, text_of, now))
        for saved in (post for post in (*ours, *strays) if post.job.status is JobStatus.COMPLETED):
            checks = {
                index: FileCheck(now, CheckVerdict.CHANGED, text_of("FileCheck.detail"))
                for index in range(2)
            }
            await store.records.put(RecordKind.VERIFIED, saved.job.id, checks_to_json(checks))
        await _sign_in(store, number, text_of, now)
        await _follow(store, number, text_of, now)
    await store.catalogue.import_jobs(adopted)
    for number in range(len(texts)):
        await mark_posts(store, source_id_of(number), [JobId(post_id(number))])
        await note_arrivals(store, [JobId(post_id(number))], are_news=True)
    await _change_settings(store, texts[0])


def _beat(number: int, text_of: TextOf, now: datetime) -> WorkerHeartbeat:
    return WorkerHeartbeat(
        worker=WorkerId(f"w-{number}"),
        host=storable(text_of("WorkerHeartbeat.host")),
        pid=number,
        version=storable(text_of("WorkerHeartbeat.version")),
        started_at=now,
        last_seen_at=now,
        platforms=(text_of("WorkerHeartbeat.platforms"),),
        signed_in=(text_of("WorkerHeartbeat.signed_in"), text_of("Job.platform"), "x"),
    )


async def _sign_in(store: Store, number: int, text_of: TextOf, now: datetime) -> None:
    """Store the session of a browser that reports arbitrary values about itself,
    a program's token, a search and a feed.
    """
    at = {"made_at": now.isoformat(), "used_at": now.isoformat(), "tls": False, "bound": ""}
    visit = {"browser": text_of("WebSession.browser"), "address": text_of("WebSession.address")}
    await store.records.put(
        RecordKind.WEB_SESSION, f"{number:064x}", {**at, **visit}, expires_at=now + 24 * HOUR
    )
    token = {
        "name": text_of("ApiToken.name"),
        "scope": Scope.READ,
        "made_at": now.isoformat(),
        "used_at": None,
    }
    await store.records.put(RecordKind.API_TOKEN, f"{number:064x}", token)
    search = {"name": text_of("SavedSearch.name"), "filter": text_of("SavedSearch.filter")}
    await store.records.put(RecordKind.SAVED_SEARCH, f"{OWNER}/{number}", search)
    names = ("name", "filter", "base")
    feed = {name: text_of(f"RssFeed.{name}") for name in names} | {
        "user": OWNER,
        "locale": "en",
        "zone": "",
    }
    made = {"uid": f"{number:032x}", "made_at": now.isoformat(), "used_at": None}
    await store.records.put(RecordKind.RSS_FEED, f"{number:064x}", {**feed, **made})


async def _follow(store: Store, number: int, text_of: TextOf, now: datetime) -> None:
    """Store a source with an entry that waits and one that was passed over,
    and one that has no name yet.
    """
    named, nameless = source_id_of(number), source_id_of(STRAYS + number)
    filters = Filters(having=(text_of("Filters.having"),), lacking=(text_of("Filters.lacking"),))
    source = Source(
        named, f"https://videos.example/{text_of('Source.url')}", "generic", now,
        profile=text_of("Source.profile"), collection=text_of("Source.collection"), filters=filters,
    )  # fmt: skip
    for one in (source, replace(source, id=nameless, url=text_of("Source.url"))):
        await set_source(store, one)
    state = SourceState(title=text_of("SourceState.title"), handle=text_of("SourceState.handle"))
    await set_state(store, named, state)
    entry = SeenEntry(
        EntryState.WAITING, text_of("SeenEntry.url"), text_of("SeenEntry.title"), now, now
    )
    await put_waiting(store.tables, named, now, [("waits", entry)])
    linked = replace(
        entry,
        url=f"https://videos.example/{entry.url}",
        state=EntryState.SKIPPED,
        reason=Reason.WORDS,
    )
    await put_seen(store.tables, named, {"passed": linked, "nameless": replace(linked, title=None)})
    unlisted = replace(linked, state=EntryState.SAVED, reason=None)
    await put_seen(store.tables, named, {"gone": unlisted})
    for posts in (["gone"], []):
        await compare_with_list(store.tables, named, posts, now, is_restart=False)
    await _preview(store, number, text_of, now)


async def _preview(store: Store, number: int, text_of: TextOf, now: datetime) -> None:
    """Store a preview of a list that was read, with an entry that has a name and one that has
    none.
    """
    draft = Source("s-draft", f"https://videos.example/preview/{number}", "generic", now)
    entry = Entry(text_of("Entry.url"), title=text_of("Entry.title"))
    linked = Entry(f"https://videos.example/{entry.url}")
    posts = tuple(ListedPost(one.url, one) for one in (entry, linked))
    await add_preview(
        store.records,
        draft,
        preview_id_of(number),
        ReadList(posts, title=text_of("ReadList.title")),
        now,
    )


def preview_id_of(number: int) -> str:
    """Return the id of the preview with the text of this number."""
    return f"p-{number:012x}"


def source_id_of(number: int) -> str:
    """Return the id of the source with the text of this number."""
    return f"s-{number:012x}"


async def _change_settings(store: Store, text_of: TextOf) -> None:
    values = {"name_template": f"{{id}} {text_of('Change.value')}", **_SETTINGS}
    for name, value in values.items():
        await store.records.put(
            RecordKind.SETTING, name, {"value": value, "by": text_of("Change.by")}
        )


# --- texts from other services --------------------------------------------------------------------


def _with_hostile_texts(services: ApiServices, texts: Sequence[TextOf]) -> ApiServices:
    clock = SystemClock()
    sessions = StubSessions(clock)
    for text_of in texts:
        for name in (text_of("Job.platform"), text_of("SessionState.platform")):
            sessions.add(
                name,
                signed_in=True,
                title=text_of("SessionState.title"),
                domains=(text_of("SessionState.domains"),),
                signed_in_as=text_of("SessionState.signed_in_as"),
                cookies=2,
            )

    async def examine() -> list[Check]:
        return [
            Check(text_of("Check.name"), verdict, text_of("Check.detail"), text_of("Check.help"))
            for text_of, verdict in zip(texts, _verdicts(), strict=False)
        ]

    return replace(
        services,
        sessions=sessions,
        windows=StubWindows(sessions),
        doctor=Doctor(examine, clock),
        ytdlp=_Ytdlp(texts),
        formats=_Formats(texts),
    )


def _verdicts() -> Sequence[Found]:
    return [verdict for _ in range(100) for verdict in Found]


class _Ytdlp:
    """Returns another text each time."""

    def __init__(self, texts: Sequence[TextOf]) -> None:
        self._texts = texts
        self._asked = count()

    def state(self) -> YtdlpState:
        number = next(self._asked)
        text_of = self._texts[number % len(self._texts)]
        record = UpgradeRecord(
            SystemClock().now(),
            error=Message(text_of("UpgradeRecord.error")),
            help=Message(text_of("UpgradeRecord.help")),
        )
        return YtdlpState(
            text_of("YtdlpState.version"), 90, is_own=True, is_upgrading=False,
            obstacle=text_of("YtdlpState.obstacle"), record=record
        )  # fmt: skip

    def start_upgrade(self) -> None:
        """Do nothing: no upgrade is installed here."""

    def step_back(self) -> None:
        """Do nothing: there is no former version."""


class _Formats:
    """Every file has a format whose names are hostile texts."""

    def __init__(self, texts: Sequence[TextOf]) -> None:
        self._texts = texts

    def known(self, saved: SavedFile) -> ProbeReport:
        number = int(saved.output_path.split("/")[1])  # the number of its post
        text_of = self._texts[number % STRAYS % len(self._texts)]
        container, pictures, sound = (
            text_of(f"ProbeReport.{name}") for name in ("container", "video_codec", "audio_codec")
        )
        return ProbeReport(container, pictures, sound, 4.0, 320, 180)

    async def read(self, saved: SavedFile) -> ProbeReport:
        return self.known(saved)
