"""Words for people: what a status, a stage, an error code, a size and a duration are called. No I/O.

The page, the event stream and the command line all speak through this module, so that they say the same. The tables hold
English; what a function here answers is in the language of whoever asked.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from functools import cache

from mediavault.api.catalogue import N_, decimal, gettext
from mediavault.api.message_patterns import translated
from mediavault.core import errors
from mediavault.core.checks import Verdict
from mediavault.core.copies import CopyTrouble
from mediavault.core.errors import ErrorCode, MediavaultError
from mediavault.core.gates import GateState
from mediavault.core.job import ItemStatus, JobStatus, RungName, Stage
from mediavault.core.media import ItemRole
from mediavault.core.names import readable_name

STATUS_WORDS: Mapping[JobStatus, str] = {
    JobStatus.QUEUED: N_("Waiting"),
    JobStatus.RUNNING: N_("Working"),
    JobStatus.COMPLETED: N_("Kept"),
    JobStatus.FAILED: N_("Failed"),
    JobStatus.CANCELLED: N_("Cancelled"),
}

# Where "Failed" would say too little.
FAILED_WORDS: Mapping[ErrorCode, str] = {
    ErrorCode.PARTIAL: N_("Partly kept"),
    ErrorCode.AMBIGUOUS: N_("Choose the video"),
    ErrorCode.LOGIN_REQUIRED: N_("Needs a sign-in"),
    ErrorCode.SESSION_EXPIRED: N_("Needs a sign-in"),
    ErrorCode.AGE_RESTRICTED: N_("Needs a sign-in"),
    ErrorCode.CHALLENGE: N_("Needs you"),
    ErrorCode.ACCOUNT_WARNING: N_("Needs you"),
    ErrorCode.ACCOUNT_DAY_USED: N_("Waits for the account"),
}

GATE_WORDS: Mapping[GateState, str] = {
    GateState.OPEN: N_("Open"),
    GateState.CLOSED: N_("Left alone"),
    GateState.HALF_OPEN: N_("Trying again"),
}

STAGE_WORDS: Mapping[Stage, str] = {
    Stage.CLAIM: N_("Starting"),
    Stage.ROUTE: N_("Recognising the site"),
    Stage.EXTRACT: N_("Looking at the post"),
    Stage.CHOOSE: N_("Choosing the video"),
    Stage.CHECKPOINT: N_("Found the video"),
    Stage.DOWNLOAD: N_("Downloading"),
    Stage.VALIDATE: N_("Checking that it plays"),
    Stage.THUMBNAIL: N_("Making the preview picture"),
    Stage.COMMITTING: N_("Putting it into the library"),
    Stage.COMPLETE: N_("Kept"),
    Stage.FAIL: N_("Failed"),
    Stage.RECOVER: N_("Found after a restart"),
    Stage.RELEASE: N_("Handed back at shutdown"),
    Stage.CANCEL: N_("Cancelled"),
    Stage.RETRY: N_("Asked to try again"),
}

RUNG_WORDS: Mapping[RungName, str] = {
    RungName.PLAIN: N_("plain request"),
    RungName.SESSION: N_("with the browser's session"),
    RungName.NAVIGATION: N_("by the browser itself"),
    RungName.FRESH: N_("after a fresh look at the post"),
}

# Codes that no error class of core.errors carries, or that are shown with a job after the fact.
_MORE_HELP: Mapping[ErrorCode, str] = {
    ErrorCode.RECOVERED_FROM_RESTART: "The worker stopped in the middle of this job. It can be tried again.",
    ErrorCode.UNAUTHORIZED: "Send the token as `Authorization: Bearer …`, or sign in on the page.",
    ErrorCode.FORBIDDEN: "Send the request from the vault's own page, or from a program without an Origin header.",
    ErrorCode.UNSUPPORTED_MEDIA_TYPE: "Send JSON to the API, with `Content-Type: application/json`, and forms to the pages.",
    ErrorCode.TOO_MANY: "Ask for fewer at once, or wait until some have ended.",
}

_ALL_WAYS_TRIED = "Every way of saving it was tried. If the post plays in a browser, try again later."

# What helps once nothing is tried any more: the conditions' own sentences speak of the next try.
_HELP_AT_THE_END: Mapping[ErrorCode, str] = {
    ErrorCode.RATE_LIMITED: "The site still asked to slow down. Try again in some hours.",
    ErrorCode.ACCOUNT_DAY_USED: "Try again tomorrow. The limit protects your account from being locked.",
    ErrorCode.NETWORK: "Check this machine's connection, then try again.",
    ErrorCode.TIMEOUT: "The site was too slow. Try again later.",
    ErrorCode.HTTP_ERROR: "Open the post in a browser. If it plays there, try again later.",
    ErrorCode.LINK_EXPIRED: "Fresh media links were refused too. If the post plays in a browser, try again later.",
    ErrorCode.EMPTY_BODY: _ALL_WAYS_TRIED,
    ErrorCode.INCOMPLETE: _ALL_WAYS_TRIED,
    ErrorCode.NOT_A_VIDEO: _ALL_WAYS_TRIED,
    ErrorCode.BAD_FILE: _ALL_WAYS_TRIED,
    ErrorCode.NO_SPACE: "Free some space below the download folder, then try again.",
    ErrorCode.LIVE_NOW: "This is live. Try again when the recording stands.",
    ErrorCode.UPCOMING: "Try again when it is out.",
    ErrorCode.WORKER_FROZE: "It froze the worker twice. Upgrade mediavault, then try again; report it with the job's log if this stays.",
}

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")  # C0, C1, bidi


@cache
def _help_by_code() -> dict[ErrorCode, str]:
    table: dict[ErrorCode, str] = {}
    for kind in vars(errors).values():
        if inspect.isclass(kind) and issubclass(kind, MediavaultError) and "code" in vars(kind) and kind.help:
            table[kind.code] = kind.help
    return {**table, **_MORE_HELP}


def help_for(code: ErrorCode | None, *, over: bool = False) -> str:
    """What a person can do about a condition; "" where nothing is known to help.

    ``over``: nothing will be tried again by itself, so nothing is said of a next try.
    """
    if code is None:
        return ""
    usual = _help_by_code().get(code, "")
    return translated(_HELP_AT_THE_END.get(code, usual) if over else usual)


ITEM_WORDS: Mapping[ItemStatus, str] = {
    ItemStatus.WAITING: N_("Waiting"),
    ItemStatus.COMMITTING: N_("Putting it into the library"),
    ItemStatus.KEPT: N_("Kept"),
    ItemStatus.FAILED: N_("Failed"),
    ItemStatus.SKIPPED: N_("Not saved"),
}

ROLE_WORDS: Mapping[ItemRole, str] = {
    ItemRole.MAIN: N_("of the post"),
    ItemRole.QUOTED: N_("of the quoted post"),
    ItemRole.REPOSTED: N_("of the reposted post"),
    ItemRole.CARD: N_("of a link in the post"),
}


VERDICT_WORDS: Mapping[Verdict, str] = {
    Verdict.WHOLE: N_("Whole"),
    Verdict.CHANGED: N_("Changed"),
    Verdict.MISSING: N_("Missing"),
    Verdict.UNREADABLE: N_("Unreadable"),
}

COPY_WORDS: Mapping[CopyTrouble, str] = {
    CopyTrouble.CODEC: N_(
        "No MP4 that browsers play can hold these pictures and this sound, and mediavault never re-encodes."
    ),
    CopyTrouble.MISSING: N_("The file is not in the library any more."),
    CopyTrouble.TOO_LARGE: N_("It is larger than all copies together may be (MEDIAVAULT_PLAYABLE_GB)."),
    CopyTrouble.NO_SPACE: N_("The disk of the state folder has no room for it."),
    CopyTrouble.DAMAGED: N_("Its pictures and sound could not be put into another file."),
    CopyTrouble.TOOK_TOO_LONG: N_("It took too long and was given up."),
    CopyTrouble.STORAGE: N_("The library, or the state folder, could not be read or written."),
}


def one_line(text: str) -> str:
    """Text of a stranger as one line: no control characters, no terminal escapes, no bidi overrides, nothing but text."""
    return " ".join(_CONTROLS.sub(" ", readable_name(text)).split())


def size_words(count: int | None) -> str:
    """``1.5 MB``: decimal units, as file managers and providers count; "" for None."""
    if count is None:
        return ""
    if count < 1_000:
        return f"{count} B"
    value = float(count)
    for unit in ("kB", "MB", "GB", "TB"):
        value /= 1_000
        if value < 999.95 or unit == "TB":
            break
    return f"{decimal(value, 1)} {unit}"


def duration_words(seconds: float | None) -> str:
    """``1:02:03`` or ``0:07``; "" for None."""
    if seconds is None:
        return ""
    whole = round(seconds)
    hours, rest = divmod(whole, 3_600)
    minutes, last = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{last:02}" if hours else f"{minutes}:{last:02}"


def length_words(seconds: float) -> str:
    """A sum of durations: ``3 h 12 min``, ``12 min``, ``40 s``."""
    minutes, last = divmod(round(seconds), 60)
    hours, rest = divmod(minutes, 60)
    if hours:
        return f"{hours} h {rest} min" if rest else f"{hours} h"
    return f"{minutes} min" if minutes else f"{last} s"


def span_words(milliseconds: float) -> str:
    """How long something took: ``210 ms``, ``13.4 s``, ``2 min 5 s``, ``1 h 20 min``."""
    if milliseconds < 1_000:
        return f"{round(milliseconds)} ms"
    seconds = milliseconds / 1_000
    if seconds < 59.95:
        return f"{decimal(seconds, 1)} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def progress_words(done: int, total: int | None) -> str:
    """``3.1 MB of 8.0 MB``; only what is known."""
    if not total:
        return size_words(done)
    return gettext("%(done)s of %(total)s") % {"done": size_words(done), "total": size_words(total)}
