"""The badge of a post without a picture: its site's letter, and an icon of its state. Pure."""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlsplit

from mediavault.core.failures import FAILURES, ErrorCode, Remedy
from mediavault.core.job import JobStatus
from mediavault.core.post_urls import has_url
from mediavault.core.site_limits import MANY_SITES
from mediavault.presentation.labels import one_line
from mediavault.presentation.translation import gettext

Tone = Literal["good", "bad", "busy", "quiet"]

GENERIC = "generic"
MAX_HOST_CHARS = 253  # of a name in the DNS

_ICONS = {
    JobStatus.QUEUED: "clock",
    JobStatus.RUNNING: "download",
    JobStatus.COMPLETED: "play",
    JobStatus.CANCELLED: "skip",
}
_TONES: dict[JobStatus, Tone] = {JobStatus.RUNNING: "busy", JobStatus.COMPLETED: "good"}


def site_name(platform: str, title: str, address: str) -> str:
    """Return the name of a post's site: the post's host if the platform is every other site, else ``title``.

    A host stays in its ASCII form, in which no name can look like another. A post without a URL is an imported file.
    """
    if not has_url(address):
        return gettext("Imported file")
    return (platform == GENERIC and one_line(_host(address))[:MAX_HOST_CHARS]) or title


def letter(platform: str, title: str, address: str) -> str:
    """Return the first letter or digit of the site's name, or of the host where one platform covers many sites."""
    name = (platform in MANY_SITES and _host(address)) or site_name(platform, title, address)
    return next((char for char in name.upper() if char.isalnum()), "?")


def _host(address: str) -> str:
    try:
        return (urlsplit(address).hostname or "").removeprefix("www.")
    except ValueError:
        return ""


def tone(status: JobStatus, code: ErrorCode | None, *, is_retried: bool) -> Tone:
    """Return the tone of a job's state. A failure that the user or a retry can still fix is ``busy``, not ``bad``."""
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
