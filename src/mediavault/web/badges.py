"""What a post without a picture shows: its site's letter, and an icon of its state. Pure."""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlsplit

from mediavault.core.failures import FAILURES, ErrorCode, Remedy
from mediavault.core.job import JobStatus
from mediavault.core.site_limits import MANY_SITES

Tone = Literal["good", "bad", "busy", "quiet"]

_ICONS = {
    JobStatus.QUEUED: "clock",
    JobStatus.RUNNING: "download",
    JobStatus.COMPLETED: "play",
    JobStatus.CANCELLED: "skip",
}
_TONES: dict[JobStatus, Tone] = {JobStatus.RUNNING: "busy", JobStatus.COMPLETED: "good"}


def letter(platform: str, title: str, address: str) -> str:
    """The first one of the site's name; of the host's, where many sites go by one name."""
    name = (platform in MANY_SITES and _host(address)) or title
    return next((each for each in name.upper() if each.isalnum()), "?")


def _host(address: str) -> str:
    try:
        return (urlsplit(address).hostname or "").removeprefix("www.")
    except ValueError:
        return ""


def tone(status: JobStatus, code: ErrorCode | None, *, is_retried: bool) -> Tone:
    """How bad it is. Where a person or the next try can help it is not over."""
    if status is JobStatus.FAILED:
        return "busy" if is_retried or _needs_person(code) else "bad"
    return _TONES.get(status, "quiet")


def icon(status: JobStatus, code: ErrorCode | None, *, is_retried: bool) -> str:
    if status is not JobStatus.FAILED:
        return _ICONS[status]
    if is_retried:
        return "clock"
    if code is not None and FAILURES[code].remedy is Remedy.SIGN_IN:
        return "key"
    return "hand" if _needs_person(code) else "alert"


def _needs_person(code: ErrorCode | None) -> bool:
    return code is not None and FAILURES[code].needs_person
