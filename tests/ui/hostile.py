"""An untrusted text in every field that can be filled, and the pages that show it.

``SHOWN`` and ``UNSHOWN`` hold every text of the records that a vault stores or receives;
``tests/unit/web/test_hostile_fields.py`` checks that they are complete, and ``PARAMETERS`` and
``FORMS`` too.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from mediavault.core.failures import ErrorCode
from mediavault.core.job import (
    HistoryRecord,
    ItemStatus,
    Job,
    JobId,
    JobItem,
    JobStatus,
    Stage,
    StepOutcome,
    StrategyName,
)
from mediavault.core.marks import Mark
from mediavault.core.media import (
    Account,
    Candidate,
    FoundIn,
    Item,
    Ownership,
    SavedFile,
    SourceType,
)
from mediavault.store.codec import storable
from mediavault.store.port import StoredJob
from tests.ui.hostile_texts import RUN, payloads

TextOf = Callable[[str], str]  # the text of a field, by its name here

HOME, LIBRARY, FEED, POST = "/", "/library", "/library/feed", "/jobs/{job_id}"
ACCOUNTS, ACCOUNT = "/accounts", "/accounts/{platform}/{slug}"
SITES, SITE, SIGN_INS = "/sites", "/sites/{platform}", "/sessions"
COLLECTIONS, COLLECTION = "/collections", "/collections/{title:path}"
SETTINGS, DOCTOR = "/settings/{section}", "/doctor"
ACCESS, FEEDS = "/access", "/access/feeds"
PROFILES, RETENTION = "/profiles", "/retention"
SOURCES, SOURCE, PREVIEW = "/sources", "/sources/{source_id}", "/sources/preview/{preview_id}"
INBOX = "/sources/inbox"

# Each untrusted text, and the pages that show it.
SHOWN: Mapping[str, tuple[str, ...]] = {
    "Job.post_url": (POST,),
    "Job.canonical_url": (HOME, LIBRARY, FEED, POST, ACCOUNT, SITE),
    "Job.platform": (HOME, LIBRARY, FEED, POST, ACCOUNTS, ACCOUNT, SITES, SITE, SIGN_INS),
    "Job.metadata": (HOME, LIBRARY, FEED, POST, ACCOUNT, SITE, SETTINGS, SOURCE, INBOX),
    "Job.error": (POST, SITE),
    "Job.profile": (POST,),
    "Account.platform": (LIBRARY, FEED, POST, ACCOUNTS, ACCOUNT),
    "Account.handle": (LIBRARY, POST, ACCOUNTS, ACCOUNT),
    "Account.display_name": (HOME, LIBRARY, FEED, POST, ACCOUNTS, ACCOUNT),
    "Account.slug": (LIBRARY, FEED, POST, ACCOUNTS, ACCOUNT),
    "JobItem.error": (POST,),
    "Candidate.url": (POST,),
    "Candidate.video_codec": (POST,),
    "SavedFile.output_path": (POST,),
    "SavedFile.sha256": (POST,),
    "HistoryRecord.detail": (POST,),
    "WorkerHeartbeat.host": (SITES, SITE, SIGN_INS),
    "WorkerHeartbeat.version": (SITES,),
    "WorkerHeartbeat.platforms": (SITES,),
    "WorkerHeartbeat.signed_in": (SITES,),
    "SiteLimit.platform": (HOME, SITES),
    "SiteLimit.reason": (HOME, SITES, SITE),
    "WebSession.browser": (ACCESS,),
    "WebSession.address": (ACCESS,),
    "ApiToken.name": (ACCESS,),
    "Change.value": (SETTINGS,),
    "Change.by": (SETTINGS,),
    "SessionState.title": (SIGN_INS,),
    "SessionState.platform": (SITES, SIGN_INS),
    "SessionState.domains": (SIGN_INS,),
    "SessionState.signed_in_as": (SITES, SITE, SIGN_INS),
    "Check.name": (DOCTOR,),
    "Check.detail": (DOCTOR,),
    "Check.help": (DOCTOR,),
    "YtdlpState.version": (DOCTOR,),
    "YtdlpState.obstacle": (DOCTOR,),
    "UpgradeRecord.error": (DOCTOR,),
    "UpgradeRecord.help": (DOCTOR,),
    "FileCheck.detail": (POST,),
    "Mark.text": (LIBRARY, POST, COLLECTIONS),
    "SavedSearch.name": (LIBRARY,),
    "RssFeed.name": (FEEDS,),
    "Source.url": (SOURCES, SOURCE, RETENTION),
    "Source.profile": (SOURCE,),
    "Source.collection": (SOURCE,),
    "Filters.having": (SOURCE,),
    "Filters.lacking": (SOURCE,),
    "SourceState.title": (SOURCES, SOURCE, RETENTION, INBOX),
    "SourceState.handle": (SOURCES, SOURCE),
    "SeenEntry.url": (SOURCE,),
    "SeenEntry.title": (SOURCE,),
    "Entry.url": (PREVIEW,),
    "Entry.title": (PREVIEW,),
    "ReadList.title": (PREVIEW,),
    "ProbeReport.container": (POST,),
    "ProbeReport.video_codec": (POST,),
    "ProbeReport.audio_codec": (POST,),
}

# Each text that no page shows, and the reason.
_OURS, _API, _LOG, _SAME = (
    "made by the vault",
    "told by the API alone",
    "in the log that is downloaded",
    "as another of its fields",
)
UNSHOWN: Mapping[str, str] = {
    "Job.listed_by": "only the guard reads it",
    "Check.group": "one of the page's own headings",
    **dict.fromkeys(
        (
            "Job.trace_id",
            "WebSession.key",
            "WebSession.bound",
            "ApiToken.key",
            "WorkerHeartbeat.tally",
        ),
        _OURS,
    ),
    **dict.fromkeys(
        (
            "Job.image_urls",
            "Job.thumbnail_url",
            "Item.thumbnail_url",
            "Item.media_id",
            "Item.label",
        ),
        _API,
    ),
    **dict.fromkeys(
        ("Candidate.mime", "Candidate.container", "Candidate.audio_codec", "Candidate.note"), _API
    ),
    **dict.fromkeys(
        (
            "Candidate.media_key",
            "Candidate.audio_url",
            "Candidate.headers",
            "Candidate.thumbnail_url",
        ),
        _API,
    ),
    **dict.fromkeys(
        ("Source.id", "Source.platform", "SeenEntry.job_id", "SourceState.method"), _OURS
    ),
    **dict.fromkeys(
        ("SourceState.stable_id", "SourceState.recent_ids"), "compared with what the site says"
    ),
    **dict.fromkeys(("SourceState.picture_url", "Filters.languages"), _API),
    **dict.fromkeys(
        ("ListReading.key", "ListReading.platform", "ListedPost.key", "ReadList.method"), _OURS
    ),
    **dict.fromkeys(
        ("ListReading.url", "ListedPost.canonical_url", "Entry.post_id", "Entry.thumbnail_url"),
        _SAME,
    ),
    "Entry.former_url": "compared with the posts that the source has seen",
    **dict.fromkeys(("Entry.text", "Entry.language"), "compared with what filters ask for"),
    "ListReading.stable_id": "compared with what the site says",
    "ReadList.handle": "where a list has no title, which is as SourceState has it",
    "Source.added_by": "a checked name: letters, digits and a few signs",
    "SourceState.help": "one of the vault's own sentences",
    "Mark.name": "made from its text",
    "SavedSearch.filter": "part of an address",
    "RssFeed.filter": "part of an address, and a filter that was checked",
    "RssFeed.user": "a checked name: letters, digits and a few signs",
    "RssFeed.base": "made from a Host header that was checked",
    **dict.fromkeys(("RssFeed.key", "RssFeed.uid", "RssFeed.locale", "RssFeed.zone"), _OURS),
    **dict.fromkeys(("Job.extracted_url", "Job.chosen_urls"), _LOG),
    **dict.fromkeys(("Job.output_path", "Job.thumbnail_path", "Job.sha256"), "as SavedFile has it"),
    **dict.fromkeys(
        ("Chapter.title", "Subtitles.language", "Subtitles.title", "Cue.text"),
        "in the player: test_player.py",
    ),
    "ApiToken.profile": "the name of a profile",
    **dict.fromkeys(
        ("ApiToken.user", "WebSession.user"), "a checked name: letters, digits and a few signs"
    ),
    "SavedFile.beside": "checked suffixes of files",
    "SavedFile.thumbnail_path": "where the picture lies; its address is the job's",
    "SessionState.login_url": "where a window begins",
    "ProbeReport.notes": "told by the command `check`",
    "UpgradeRecord.before": "a version, as YtdlpState has it",
    "UpgradeRecord.after": "a version, as YtdlpState has it",
    "YtdlpState.former": "the name of a folder that has the form of a version",
    "UpgradeRecord.former": "the same",
    "UpgradeRecord.refused": "the same",
    "UpgradeRecord.why": "one of the vault's own sentences",
    "ListReading.error": "one of the vault's own sentences, as UpgradeRecord.error, which is shown",
    "ListReading.help": "the same",
    "SourceState.error": "the same",
}

# Every parameter of the pages' URLs that takes a text; those that take numbers, days or words of a
# list are refused with a page that shows none of it.
PARAMETERS: Mapping[str, tuple[str, ...]] = {
    HOME: ("url", "text", "post", "taken", "known"),
    "/search": ("q",),
    LIBRARY: (
        *(
            "q",
            "platform",
            "account",
            "since",
            "until",
            "length",
            "shortest",
            "longest",
            "state",
            "order",
        ),
        *("tag", "collection", "mine"),
        *("cursor", "outcome", "batch", "post"),
    ),
    FEED: (
        *(
            "q",
            "platform",
            "account",
            "since",
            "until",
            "length",
            "shortest",
            "longest",
            "state",
            "order",
        ),
        *("tag", "collection", "mine"),
        *("cursor", "clip", "before"),
    ),
    POST: ("in", "item", "read_formats", "t", "subtitles", "said"),
    RETENTION: ("source", "long"),
    ACCOUNTS: ("q", "platform", "cursor"),
    ACCOUNT: ("platform", "slug"),
    SITE: ("platform",),
    SETTINGS: ("section", "saved"),
    PROFILES: ("change",),
    SOURCES: ("url", "change", "page"),
    SOURCE: ("source_id", "cursor"),
    PREVIEW: ("preview_id",),
    INBOX: ("cursor", "news"),
    COLLECTION: ("title",),
    **dict.fromkeys(("/s/{key}", "/s/{key}/video", "/s/{key}/picture"), ("key",)),
    **dict.fromkeys(
        ("/feeds/{key}/rss.xml", "/feeds/{key}/atom.xml", "/feeds/{key}/cover.png"), ("key",)
    ),
    "/feeds/{key}/{name}": ("key", "name"),
    FEEDS: (
        *(
            "q",
            "platform",
            "account",
            "since",
            "until",
            "length",
            "shortest",
            "longest",
            "state",
            "order",
        ),
        *("tag", "collection", "mine"),
        "made",
    ),
    "/setup": ("invitation",),
    "/login": ("next",),
    "/login/oidc": ("next",),
    "/login/oidc/callback": ("code", "state", "error"),
    "/settings/name": ("name_template",),
    "/notifications": ("tried",),
    "/library/changes": ("id", "moment"),
    "/library/zip": ("id",),
    "/library/export": ("id",),
}

SOURCE_FIELDS = (
    *("url", "start", "since", "newest", "per_day", "every", "profile", "collection"),
    *(
        "having",
        "lacking",
        "shortest",
        "longest",
        "languages",
        "members",
        "reposts",
        "no_replies",
        "kinds",
        "posts",
        "preview",
        "save_newest",
    ),
)

# Every form and its text fields; its URL may contain one too.
FORMS: Mapping[str, tuple[str, ...]] = {
    "/submit": ("post_urls", "profile"),
    "/submit/check": ("post_urls",),
    "/access/sharing": ("profile",),
    "/jobs/{job_id}/again": ("profile",),
    PROFILES: ("name", "codecs", "max_height", "subtitles", "name_template", "collection"),
    "/profiles/remove": ("name",),
    **dict.fromkeys((SOURCES, SOURCE, f"{SOURCES}/preview", f"{SOURCE}/preview"), SOURCE_FIELDS),
    **dict.fromkeys((f"{SOURCE}/{do}" for do in ("pause", "resume", "check")), ("back",)),
    f"{SOURCE}/remove": (),
    f"{SOURCE}/save": ("posts",),
    f"{SOURCE}/newest": ("newest",),
    f"{INBOX}/seen": ("until", "news"),
    f"{SOURCES}/import": (),  # a form with a file: tests/unit/features/following/test_pages.py
    "/share": ("url", "text", "title"),
    "/failures/retry": (),
    "/site-limits/{platform}/open": (),
    "/queue/pause": ("site", "sites"),
    "/queue/resume": ("site", "sites"),
    "/jobs/{job_id}/priority": ("priority", "home"),
    "/library/retry": ("id",),
    "/library/remove": ("id", "q"),
    RETENTION: ("key", "do", "days", "newest", "watched_days", "free_gb", "most_a_day", "is_on"),
    "/retention/check": (),
    "/trash/restore": ("id", "batch", "post", "q", "cursor"),
    "/trash/empty": ("id",),
    "/library/zip": ("id",),
    "/library/export": ("id", "format"),
    "/library/mark": ("id", "mark", "tags", "titles"),
    "/library/undo": ("undo", "q", "cursor"),
    "/s/{key}": ("password",),
    "/jobs/{job_id}/share": ("item", "days", "password"),
    "/access/links/{link_id}/revoke": (),
    "/access/feeds": ("name", "filter"),
    "/access/feeds/{feed_id}/revoke": (),
    "/library/searches": ("search_name", "remove"),
    "/jobs/{job_id}/mark": (
        "favourite",
        "pinned",
        "back",
        "note",
        "add_tags",
        "remove_tags",
        "add_to",
        "remove_from",
    ),
    COLLECTIONS: ("kind", "name", "new"),
    COLLECTION: ("id", "move"),
    "/jobs/{job_id}/retry": ("chosen", "seen", "all", "profile", "back"),
    "/sites/{platform}/open": (),
    "/sessions/{platform}/window": (),
    "/sessions/{platform}/cookies": ("cookies",),
    "/sessions/{platform}/sign-out": (),
    "/settings": (
        "name_template",
        "concurrency",
        "pace.x",
        "profile",
        "profile.x",
        "layout",
        "nfo",
        "bandwidth",
        "bandwidth.x",
        "quiet_hours",
        "daily_volume_gb",
    ),
    "/settings/{name}/reset": (),
    "/login": ("name", "password", "next"),
    "/just-now/dismiss": ("id",),
    "/setup": ("name", "password", "again", "invitation"),
    "/access/name": ("name",),
    "/access/password": ("current", "password", "again"),
    "/access/tokens": ("name", "scope", "days", "profile"),
    "/access/tokens/{token_id}/revoke": (),
    "/access/sessions/{name}/end": (),
    "/access/users": ("user", "role", "password"),
    "/access/users/{name}/role": ("role",),
    "/access/users/{name}/password": ("password",),
    "/access/users/{name}/remove": (),
    "/notifications/targets": ("url", "name", "vault", "event"),
    "/notifications/targets/{target_id}/events": ("event",),
    **dict.fromkeys(
        (
            f"/notifications/targets/{{target_id}}/{do}"
            for do in ("test", "pause", "resume", "secret", "remove")
        ),
        (),
    ),
    "/notifications/deliveries/{delivery_id}/send": (),
    "/appearance": ("back", "language", "theme"),
}
# Forms with only a button, for one of our jobs or for nothing in particular.
BUTTONS = frozenset(
    {
        *(
            "/jobs/{job_id}/cancel",
            "/jobs/{job_id}/stop",
            "/jobs/{job_id}/remove",
            "/jobs/{job_id}/seal",
            "/jobs/{job_id}/verify",
        ),
        *("/jobs/{job_id}/window", "/sessions/window/close"),
        *(
            "/logout",
            "/access/sign-out-everywhere",
            "/doctor",
            "/doctor/ytdlp",
            "/doctor/ytdlp/former",
        ),
    }
)


# Fields that are part of the URL of a page, or have to pass a check.
_IN_ADDRESSES = {
    *(
        "Job.platform",
        "Account.platform",
        "Account.slug",
        "SiteLimit.platform",
        "SessionState.platform",
        "Change.value",
    ),
}


def mark_of(field: str) -> str:
    """Return a mark that distinguishes the field's text from all others, also in URLs,
    in any case and shortened.
    """
    return f"zq{tuple(SHOWN).index(field):02}z"


def marked(field: str) -> str:
    """Return a hostile text that only this field has."""
    if field not in SHOWN:
        return "unshown"
    return (
        mark_of(field)
        if field in _IN_ADDRESSES
        else f"{mark_of(field)}\u202e<img src=x onerror={RUN}>\u05d0"
    )


@dataclass(frozen=True, slots=True)
class _State:
    status: JobStatus
    stage: Stage
    code: ErrorCode | None = None
    is_untitled: bool = False


_STATES = (
    _State(JobStatus.COMPLETED, Stage.COMPLETE),
    _State(JobStatus.FAILED, Stage.FAIL, ErrorCode.AMBIGUOUS),
    _State(JobStatus.FAILED, Stage.FAIL, ErrorCode.DELETED),
    _State(JobStatus.FAILED, Stage.FAIL, ErrorCode.LOGIN_REQUIRED),
    _State(JobStatus.COMPLETED, Stage.COMPLETE, is_untitled=True),
    _State(JobStatus.FAILED, Stage.FAIL, ErrorCode.RATE_LIMITED),
)
HOW_MANY_STATES = len(_STATES)
UNTITLED_STATE = next(index for index, state in enumerate(_STATES) if state.is_untitled)


def posts(now: datetime, *, first: int = 0, texts: Sequence[str] = payloads()) -> list[StoredJob]:
    """Return one post for each text, with the text in every field that untrusted input fills,
    saved before ``now``.
    """
    return [_post(first + number, text, now) for number, text in enumerate(texts)]


def post_of(
    number: int, text_of: TextOf, now: datetime, *, platform: str = "x", slug: str | None = None
) -> StoredJob:
    """Return the post of this number, in a state chosen by its number,
    with the texts of ``text_of``.
    """
    return _stored(
        number, text_of, now - timedelta(seconds=number), platform, slug or f"stranger-{number}"
    )


def post_id(number: int) -> JobId:
    """Return the id of the post with the text of this number."""
    return JobId(str(uuid.UUID(int=(0xBAD << 112) | number)))


def _post(number: int, text: str, now: datetime) -> StoredJob:
    return post_of(number, lambda _: text, now)


def _stored(number: int, text_of: TextOf, at: datetime, platform: str, slug: str) -> StoredJob:
    state = _STATES[number % len(_STATES)]
    is_saved = state.status is JobStatus.COMPLETED
    metadata_text = text_of("Job.metadata")

    def column(name: str) -> str:  # a column cannot store half of a surrogate pair
        return storable(text_of(name))

    own = (
        {"file": metadata_text, "nested": {metadata_text[:50]: [metadata_text]}}
        if len(metadata_text) < 1_000
        else {"file": metadata_text}
    )
    title = {} if state.is_untitled else {"title": metadata_text, "text": metadata_text}
    path = f"x/{number}/{column('SavedFile.output_path')}"
    saved = SavedFile(
        f"{path}.mp4", f"{path}.jpg", 123_456, column("SavedFile.sha256"), 4.0, 320, 180
    )
    items = [_failed_item(text_of)]
    if number % 2 == 0:  # some posts have several videos
        items.insert(
            0, JobItem(Item(), ItemStatus.SAVED, saved) if is_saved else _failed_item(text_of)
        )
    job = Job(
        id=post_id(number),
        trace_id=f"{number:032x}",
        post_url=f"{_scheme(number)}{number}/{column('Job.post_url')}",
        canonical_url=f"https://videos.example/{number}/{column('Job.canonical_url')}",
        platform=storable(platform),
        status=JobStatus.QUEUED,
        created_at=at,
        updated_at=at,
        max_attempts=5,
        profile=column("Job.profile"),
        account=Account(text_of("Account.platform") if platform != "x" else "x",
                        text_of("Account.handle"), text_of("Account.display_name"), slug),
        metadata={**title, "post_id": metadata_text, "published_at": at.isoformat(), **own},
        candidates=tuple(_candidate(text_of, index) for index in range(2)),
        image_urls=(text_of("Job.image_urls"),),
        items=tuple(items),
        extracted_url=f"https://media.example/{column('Job.extracted_url')}",
        thumbnail_url=column("Job.thumbnail_url"),
    )  # fmt: skip
    changed = replace(
        job,
        status=state.status,
        stage=state.stage,
        attempt_count=1,
        error_code=state.code,
        error=column("Job.error") if state.code else None,
        failed_at=at if state.code else None,
        retry_at=at + timedelta(days=9) if state.code is ErrorCode.RATE_LIMITED else None,
        completed_at=at if is_saved else None,
        **(
            dict(zip(_SAVED, (getattr(saved, name) for name in _SAVED), strict=True))
            if is_saved
            else {}
        ),
    )
    history = tuple(
        HistoryRecord(
            at,
            1,
            stage,
            outcome,
            StrategyName.PLAIN,
            state.code,
            column("HistoryRecord.detail"),
            0,
            12,
        )
        for stage, outcome in (
            (Stage.EXTRACT, StepOutcome.OK),
            (Stage.DOWNLOAD, StepOutcome.FAILED),
        )
    )
    texts = (("tag/zq", "Mark.text"), ("collection/zq", "Mark.text"), ("note", "Mark.text"))
    marks = tuple(
        Mark(job.id, f"{name}-{number}", storable(text_of(text))[:60], number)
        for name, text in texts
    )
    return StoredJob(changed, history, (*marks[:2], replace(marks[2], name="note")))


# of the first file
_SAVED = tuple(name for name in SavedFile.__dataclass_fields__ if name in Job.__dataclass_fields__)


def _scheme(number: int) -> str:
    """Return the beginning of a URL: most are links, some are only text."""
    return "javascript:" if number % 5 == 3 else "https://videos.example/"


def _failed_item(text_of: TextOf) -> JobItem:
    item = Item(
        media_id=text_of("Item.media_id"),
        label=text_of("Item.label"),
        thumbnail_url=text_of("Item.thumbnail_url"),
    )
    return JobItem(item, ItemStatus.FAILED, None, ErrorCode.NO_VIDEO, text_of("JobItem.error"))


def _candidate(text_of: TextOf, index: int) -> Candidate:
    return Candidate(
        url=f"https://media.example/{index}/{text_of('Candidate.url')}",
        source_type=SourceType.DIRECT,
        found_in=FoundIn.PAGE_DATA,
        ownership=Ownership.UNKNOWN,
        mime=text_of("Candidate.mime"),
        container=text_of("Candidate.container"),
        video_codec=text_of("Candidate.video_codec"),
        note=text_of("Candidate.note"),
    )
