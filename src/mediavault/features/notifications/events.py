"""What targets are notified of: the events that a job's state means, and the messages made of them.

A message is ``{"type", "timestamp", "data"}`` in at most MAX_BODY_BYTES. More than MOST_SINGLE
events of a kind in one round become one message about all of them, whose type is in the plural.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from contextvars import copy_context
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from secrets import token_hex
from typing import Any

from mediavault.core.failures import FAILURES, ErrorCode, Remedy
from mediavault.core.job import Job, JobStatus, saved_files
from mediavault.core.messages import Message, join
from mediavault.core.records import CheckVerdict, FileCheck
from mediavault.core.redaction import redact_message, redact_page
from mediavault.features.notifications.model import EventKind, NotificationTarget
from mediavault.platforms.registry import platform
from mediavault.presentation.labels import (
    VERDICT_LABELS,
    format_duration,
    format_size,
    help_for,
    one_line,
)
from mediavault.presentation.preferences import Appearance, use
from mediavault.presentation.translation import gettext, ngettext, translated
from mediavault.presentation.views import title
from mediavault.store.trash import TrashedPost

MOST_SINGLE = 5
MOST_LISTED = 20  # jobs in one message
MAX_BODY_BYTES = 20_000  # what the convention asks for
MAX_TEXT_CHARS = 500
# a site's sign-in is asked for once in each such span, not for every post
SIGN_IN_EVERY_S = 6 * 3600
TEST = "vault.test"
PLURALS: Mapping[EventKind, str] = {
    EventKind.SAVED: "jobs.saved",
    EventKind.FAILED: "jobs.failed",
    EventKind.NEEDS_YOU: "jobs.need_you",
    EventKind.DAMAGED: "jobs.damaged",
}
TONES: Mapping[str, str] = {
    EventKind.SAVED: "success",
    EventKind.FAILED: "failure",
    EventKind.DAMAGED: "failure",
    PLURALS[EventKind.SAVED]: "success",
    PLURALS[EventKind.FAILED]: "failure",
    PLURALS[EventKind.DAMAGED]: "failure",
    TEST: "info",
}


@dataclass(frozen=True, slots=True)
class JobEvent:
    """A job that has been saved, has failed for good, needs its user or has a damaged file. Only
    what a message says about it is kept.
    """

    kind: EventKind
    at: datetime
    facts: Mapping[str, Any]
    code: ErrorCode | None = None
    error: str = ""

    @property
    def key(self) -> str:
        """The same for this event in every process that finds it:
        a job's next failure has another one.
        """
        return f"{self.kind}/{self.facts['id']}/{self.at.isoformat()}"

    @property
    def site(self) -> str:
        return str(self.facts["site"])


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message before it is addressed. Two with the same ``key`` are the same one."""

    key: str
    type: str
    data: Mapping[str, Any]
    at: datetime


def event_of(job: Job) -> JobEvent | None:
    """Return the event of a job's present state; None while it continues automatically, and for a
    job that never ran.

    An import of a folder has a report, and would send a message for each of its files.
    """
    if job.started_at is None:
        return None
    if job.status is JobStatus.COMPLETED and job.completed_at is not None:
        return JobEvent(EventKind.SAVED, job.completed_at, _facts(job))
    if job.status is not JobStatus.FAILED or job.retry_at is not None or job.failed_at is None:
        return None
    code = job.error_code or ErrorCode.INTERNAL
    spec = FAILURES[code]
    kind = EventKind.NEEDS_YOU if spec.needs_person else EventKind.FAILED
    if spec.needs_person and spec.remedy is Remedy.SIGN_IN:
        kind = EventKind.SIGN_IN_NEEDED
    return JobEvent(kind, job.failed_at, _facts(job), code, redact_message(job.error or ""))


def damage_event(job: Job, at: datetime, checks: Mapping[int, FileCheck]) -> JobEvent:
    """Return the event that files of a job were found damaged at ``at``,
    with what ``checks`` say about the first.
    """
    check = next(
        (check for check in checks.values() if check.verdict is not CheckVerdict.WHOLE), None
    )
    text = Message(VERDICT_LABELS[check.verdict]) if check is not None else Message("")
    if check is not None and check.detail:
        text = join(": ", [text, check.detail])
    return JobEvent(EventKind.DAMAGED, at, _facts(job), error=text)


def messages_of(events: Iterable[JobEvent], target: NotificationTarget) -> list[NewMessage]:
    """Return the target's messages about these events, in its language."""
    return copy_context().run(_messages, list(events), target)


def disk_message(
    host: str, free_bytes: int, target: NotificationTarget, now: datetime
) -> NewMessage:
    """Return the message that the disk of the library is nearly full:
    one for each machine and day.
    """
    data = {"host": host, "free_bytes": free_bytes, "page": _link(target, "/doctor")}
    return NewMessage(f"{EventKind.DISK_LOW}/{host}/{now:%Y-%m-%d}", EventKind.DISK_LOW, data, now)


def retention_message(posts: Sequence[TrashedPost], target: NotificationTarget) -> NewMessage:
    """Return the message that retention rules have moved these posts to the trash,
    since the one before.
    """
    data = {
        "count": len(posts),
        "bytes": sum(post.bytes for post in posts),
        "jobs": [_facts(post.job) for post in posts[:MOST_LISTED]],
        "page": _link(target, "/trash"),
    }
    latest = max(post.deleted_at for post in posts)
    return NewMessage(
        f"{EventKind.RETENTION_DELETED}/{latest.isoformat()}",
        EventKind.RETENTION_DELETED,
        data,
        latest,
    )


def check_message(target: NotificationTarget, now: datetime) -> NewMessage:
    """Return the message of the test button."""
    return NewMessage(
        f"{TEST}/{token_hex(8)}", TEST, {"page": _link(target, "/notifications")}, now
    )


def body_of(message: NewMessage) -> str:
    """Return the message as it is sent, in ASCII; jobs at the end of a list are left out where it
    would be too long.
    """
    data = dict(message.data)
    while True:
        stamp = message.at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        body = json.dumps(
            {"type": message.type, "timestamp": stamp, "data": data}, separators=(",", ":")
        )
        if len(body) <= MAX_BODY_BYTES or not data.get("jobs"):
            return body
        data["jobs"] = data["jobs"][:-1]


def _messages(events: list[JobEvent], target: NotificationTarget) -> list[NewMessage]:
    use(Appearance(locale=target.language))  # only in this copy of the context
    wanted = sorted(
        (each for each in events if each.kind in target.events),
        key=lambda each: (each.kind, each.at),
    )
    messages: list[NewMessage] = []
    for kind, same in groupby(wanted, key=lambda each: each.kind):
        of_kind = list(same)
        if kind is EventKind.SIGN_IN_NEEDED:
            messages += _sign_ins(of_kind, target)
        elif len(of_kind) <= MOST_SINGLE:
            messages += [
                NewMessage(each.key, kind, _job_data(each, target), each.at) for each in of_kind
            ]
        else:
            key = f"{PLURALS[kind]}/{of_kind[0].key}/{of_kind[-1].key}"
            messages.append(
                NewMessage(key, PLURALS[kind], _list_of(of_kind, target), of_kind[-1].at)
            )
    return sorted(messages, key=lambda each: each.at)


def _sign_ins(events: Sequence[JobEvent], target: NotificationTarget) -> list[NewMessage]:
    messages = []
    for site, same in groupby(
        sorted(events, key=lambda each: (each.site, each.at)), key=lambda each: each.site
    ):
        of_site = list(same)
        first = of_site[0]
        data = {
            "site": site,
            "site_name": first.facts["site_name"],
            "code": first.code,
            "message": _error(first),
            "help": help_for(first.code, over=True),
            "page": _link(target, "/sessions"),
            **_list_of(of_site, target),
        }
        span = int(first.at.timestamp()) // SIGN_IN_EVERY_S
        messages.append(NewMessage(f"{first.kind}/{site}/{span}", first.kind, data, first.at))
    return messages


def _list_of(events: Sequence[JobEvent], target: NotificationTarget) -> dict[str, Any]:
    return {
        "count": len(events),
        "jobs": [_job_data(each, target) for each in events[:MOST_LISTED]],
    }


def _job_data(event: JobEvent, target: NotificationTarget) -> dict[str, Any]:
    data = {**event.facts, "page": _link(target, f"/jobs/{event.facts['id']}")}
    if event.code is not None:
        data |= {
            "code": event.code,
            "message": _error(event),
            "help": help_for(event.code, over=True),
        }
    elif event.error:
        data["message"] = _error(event)
    return data


def _error(event: JobEvent) -> str:
    return one_line(translated(event.error))[:MAX_TEXT_CHARS]


def _link(target: NotificationTarget, path: str) -> str | None:
    """Return the page's address, None where the target does not know the vault's."""
    return f"{target.vault}{path}" if target.vault else None


def _facts(job: Job) -> dict[str, Any]:
    account = job.account
    files = saved_files(job)
    facts: dict[str, Any] = {
        "id": job.id,
        "title": title(job),
        "account": one_line(account.handle)[:MAX_TEXT_CHARS]
        if account and account.handle
        else None,
        "account_name": one_line(account.display_name)[:MAX_TEXT_CHARS]
        if account and account.display_name
        else None,
        "site": one_line(job.platform)[:MAX_TEXT_CHARS],
        "site_name": _site_name(job),
        "post_url": redact_page(job.canonical_url),
    }
    if files:
        facts |= {
            "videos": len(files),
            "bytes": sum(file.bytes or 0 for file in files.values()),
            "duration_s": next(iter(files.values())).duration_s,
        }
    return facts


def _site_name(job: Job) -> str:
    """Return the site's title; for a page of an unknown site its host."""
    site = platform(job.platform)
    return (
        site.title
        if site.name != "generic"
        else one_line(job.canonical_url.partition("://")[2].partition("/")[0])
    )


# --- the same in words, for Apprise's services ----------------------------------------------------


def words_of(body: str, language: str) -> tuple[str, str]:
    """Return the title and the text of a message for users, in this language."""
    return copy_context().run(_words, json.loads(body), language)


def _words(message: Mapping[str, Any], language: str) -> tuple[str, str]:
    use(Appearance(locale=language))  # only in this copy of the context
    data = message["data"]
    lines = _lines(message["type"], data)
    if data.get("page"):
        lines.append(data["page"])
    return _title(message["type"], data), "\n".join(line for line in lines if line) or "mediavault"


def _title(kind: str, data: Mapping[str, Any]) -> str:
    if kind == TEST:
        return gettext("Test from mediavault")
    if kind == EventKind.DISK_LOW:
        return gettext("The disk is nearly full")
    if kind == EventKind.SIGN_IN_NEEDED:
        return gettext("%(site)s asks you to sign in") % {"site": data["site_name"]}
    count = data.get("count")
    if kind == EventKind.RETENTION_DELETED:
        many = ngettext(
            "%(num)d post moved to the trash", "%(num)d posts moved to the trash", data["count"]
        )
        return many % {"num": data["count"]}
    if kind in (EventKind.SAVED, PLURALS[EventKind.SAVED]):
        one = gettext("Saved: %(title)s") % {"title": data.get("title")}
        return (
            one
            if count is None
            else ngettext("%(num)d post saved", "%(num)d posts saved", count) % {"num": count}
        )
    if kind in (EventKind.NEEDS_YOU, PLURALS[EventKind.NEEDS_YOU]):
        one = gettext("Needs you: %(title)s") % {"title": data.get("title")}
        many = ngettext("%(num)d post needs you", "%(num)d posts need you", count or 0) % {
            "num": count or 0
        }
        return one if count is None else many
    if kind in (EventKind.DAMAGED, PLURALS[EventKind.DAMAGED]):
        one = gettext("Damaged file: %(title)s") % {"title": data.get("title")}
        many = ngettext(
            "%(num)d post has a damaged file", "%(num)d posts have damaged files", count or 0
        )
        return one if count is None else many % {"num": count}
    one = gettext("Failed: %(title)s") % {"title": data.get("title")}
    return (
        one
        if count is None
        else ngettext("%(num)d post failed", "%(num)d posts failed", count) % {"num": count}
    )


def _lines(kind: str, data: Mapping[str, Any]) -> list[str]:
    if kind == TEST:
        return [gettext("Notifications arrive here.")]
    if kind == EventKind.DISK_LOW:
        facts = {"host": data["host"], "size": format_size(data["free_bytes"])}
        return [gettext("%(host)s: %(size)s free") % facts]
    if kind == EventKind.RETENTION_DELETED:
        lines = [
            gettext(
                "Retention rules deleted them. They can be restored until the trash is emptied."
            )
        ]
    else:
        lines = [data.get("message", ""), data.get("help", "").replace("`", "")]
    if "jobs" in data:
        lines += [f"· {job['title']}" for job in data["jobs"]]
        if (more := data["count"] - len(data["jobs"])) > 0:
            lines.append(ngettext("and %(num)d more", "and %(num)d more", more) % {"num": more})
        return lines
    size = format_size(data.get("bytes"))
    about = (
        data.get("account_name") or data.get("account"),
        data["site_name"],
        format_duration(data.get("duration_s")),
    )
    return [" · ".join(part for part in (*about, size) if part), *lines]
