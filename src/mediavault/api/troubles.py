"""Failures as a person sees them: by cause, with the one thing that helps. Pure.

A cause may have several codes, and one of a site (its sign-in, its limits) is told apart by site. Those that nobody can
help any more are ``lost``; those that are tried again by themselves are ``waiting``; the others need a person.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from mediavault.api.catalogue import N_
from mediavault.core.errors import ErrorCode
from mediavault.core.job import Job
from mediavault.store.port import FailureGroup

EXAMPLES = 3


class Remedy(StrEnum):
    """What a person can do about a cause, once nothing is tried again by itself."""

    SIGN_IN = "sign_in"
    LOOK = "look"  # at the account, in a browser of one's own
    ANSWER = "answer"  # in a window on the post
    CHOOSE = "choose"  # on the post's page
    SPACE = "space"
    RETRY = "retry"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Cause:
    """``title`` and ``hint`` are marked for the catalogues. With ``by_site`` the title has a ``%(site)s``."""

    key: str  # in forms
    codes: frozenset[ErrorCode]
    remedy: Remedy
    title: str
    hint: str = ""
    by_site: bool = False


@dataclass(frozen=True, slots=True)
class Trouble:
    """The failed jobs of one cause. ``platform`` is None where the cause is not one of a site."""

    cause: Cause
    platform: str | None
    jobs: int
    next_retry_at: datetime | None  # the earliest; None where nothing is tried by itself
    examples: tuple[Job, ...]  # newest first, at most EXAMPLES


@dataclass(frozen=True, slots=True)
class Troubles:
    """Each list has the most jobs first."""

    needs: tuple[Trouble, ...] = ()
    waiting: tuple[Trouble, ...] = ()
    lost: tuple[Trouble, ...] = ()

    @property
    def needing(self) -> int:
        return sum(trouble.jobs for trouble in self.needs)

    @property
    def being_retried(self) -> int:
        return sum(trouble.jobs for trouble in self.waiting)

    @property
    def losses(self) -> int:
        return sum(trouble.jobs for trouble in self.lost)


def _cause(*codes: ErrorCode, remedy: Remedy, title: str, hint: str = "", by_site: bool = False) -> Cause:
    return Cause(codes[0].lower(), frozenset(codes), remedy, title, hint, by_site)


_C = ErrorCode
CAUSES: tuple[Cause, ...] = (
    _cause(_C.LOGIN_REQUIRED, _C.SESSION_EXPIRED, remedy=Remedy.SIGN_IN, by_site=True, title=N_("%(site)s asks for a sign-in"), hint=N_("Sign in once; these posts then go on by themselves.")),
    _cause(_C.AGE_RESTRICTED, remedy=Remedy.SIGN_IN, by_site=True, title=N_("%(site)s asks for your age"), hint=N_("Sign in with an account whose age is set; these posts then go on by themselves.")),
    _cause(_C.CHALLENGE, remedy=Remedy.ANSWER, by_site=True, title=N_("%(site)s wants to see a human"), hint=N_("Answer it in a window; these posts then go on by themselves.")),
    _cause(_C.ACCOUNT_WARNING, remedy=Remedy.LOOK, by_site=True, title=N_("%(site)s has warned the account"), hint=N_("All of its posts rest for a day. Have a look at the account in a browser of your own.")),
    _cause(_C.AMBIGUOUS, remedy=Remedy.CHOOSE, title=N_("Which video is the post's?"), hint=N_("The page shows several, and nothing says which one is meant.")),
    _cause(_C.NO_SPACE, remedy=Remedy.SPACE, title=N_("The disk is full"), hint=N_("Free some space below the download folder, then try again.")),
    _cause(_C.STORAGE, remedy=Remedy.RETRY, title=N_("The download folder cannot be written"), hint=N_("Check that it is mounted and can be written, then try again.")),
    _cause(_C.TOO_LARGE, remedy=Remedy.RETRY, title=N_("Larger than allowed"), hint=N_("Raise the limit for one file, then try again.")),
    _cause(_C.TOOL_MISSING, remedy=Remedy.RETRY, title=N_("A tool is missing on this machine"), hint=N_("mediavault doctor names the command that installs it.")),
    _cause(_C.BROWSER_UNAVAILABLE, remedy=Remedy.RETRY, title=N_("The browser does not start"), hint=N_("mediavault doctor says which one is used, or how to install one.")),
    _cause(_C.PAGE_TOO_HEAVY, remedy=Remedy.RETRY, title=N_("The page needs too much memory"), hint=N_("If this machine has memory to spare, raise MEDIAVAULT_BROWSER_MEMORY_MB, then try again.")),
    _cause(_C.RATE_LIMITED, remedy=Remedy.RETRY, by_site=True, title=N_("%(site)s asks to slow down"), hint=N_("It has asked for some hours of rest.")),
    _cause(_C.ACCOUNT_DAY_USED, remedy=Remedy.RETRY, by_site=True, title=N_("The account's day at %(site)s is used up"), hint=N_("The limit protects your account from being locked.")),
    _cause(_C.IP_BLOCKED, remedy=Remedy.RETRY, by_site=True, title=N_("%(site)s refuses this machine's address"), hint=N_("A sign-in often helps; a home connection too.")),
    _cause(_C.NETWORK, _C.TIMEOUT, remedy=Remedy.RETRY, title=N_("The site could not be reached"), hint=N_("Check this machine's connection, then try again.")),
    _cause(_C.HTTP_ERROR, _C.LINK_EXPIRED, _C.EMPTY_BODY, _C.INCOMPLETE, _C.NOT_A_VIDEO, _C.BAD_FILE, remedy=Remedy.RETRY, title=N_("The video could not be fetched whole"), hint=N_("Every way was tried. If the post plays in a browser, try again later.")),
    _cause(_C.EXTRACTOR_BROKEN, remedy=Remedy.RETRY, title=N_("The post could not be read"), hint=N_("The site may have changed something. Upgrade mediavault if this stays.")),
    _cause(_C.PAGE_UNREADABLE, remedy=Remedy.RETRY, title=N_("The page takes too long to read"), hint=N_("It was tried twice. If the post plays in a browser, please report it.")),
    _cause(_C.UPCOMING, _C.LIVE_NOW, remedy=Remedy.RETRY, title=N_("Not out yet"), hint=N_("Try again when the recording stands.")),
    _cause(_C.RECOVERED_FROM_RESTART, remedy=Remedy.RETRY, title=N_("Interrupted by a restart"), hint=N_("It can simply be tried again.")),
    _cause(_C.WORKER_DIED, _C.WORKER_FROZE, remedy=Remedy.RETRY, title=N_("Stopped or froze the worker"), hint=N_("Upgrade mediavault, then try again. After a power cut or a restart simply try again.")),
    _cause(_C.INTERNAL, remedy=Remedy.RETRY, title=N_("Something went wrong in mediavault"), hint=N_("Try again, and report it with the post's history if this stays.")),
    _cause(_C.DELETED, remedy=Remedy.NOTHING, title=N_("The post is gone")),
    _cause(_C.PRIVATE, remedy=Remedy.NOTHING, title=N_("The post is private")),
    _cause(_C.REGION_LOCKED, remedy=Remedy.NOTHING, title=N_("Not shown in this country")),
    _cause(_C.DRM, remedy=Remedy.NOTHING, title=N_("The video is copy-protected")),
    _cause(_C.NO_VIDEO, remedy=Remedy.NOTHING, title=N_("There is no video in the post")),
    _cause(_C.STORY_EXPIRED, remedy=Remedy.NOTHING, title=N_("The story has run out")),
    _cause(_C.PARTIAL, remedy=Remedy.NOTHING, title=N_("Kept as far as it could be had")),
    _cause(_C.UNSUPPORTED, _C.NOT_A_POST, remedy=Remedy.NOTHING, title=N_("Not the address of one post")),
    _cause(_C.ADDRESS_REFUSED, remedy=Remedy.NOTHING, title=N_("The address leads into a closed network")),
)  # fmt: skip

_BY_CODE = {code: cause for cause in CAUSES for code in cause.codes}
_BY_KEY = {cause.key: cause for cause in CAUSES}
_UNKNOWN = _BY_CODE[ErrorCode.INTERNAL]


def cause_of(code: ErrorCode) -> Cause:
    return _BY_CODE.get(code, _UNKNOWN)


def cause_named(key: str) -> Cause | None:
    return _BY_KEY.get(key)


def sort_out(groups: Sequence[FailureGroup]) -> Troubles:
    """What a store counted by code and platform, by cause and by what becomes of it."""
    waiting = _merged(group for group in groups if group.jobs > group.final)
    over = _merged((group for group in groups if group.final), is_over=True)
    return Troubles(
        needs=tuple(trouble for trouble in over if trouble.cause.remedy is not Remedy.NOTHING),
        waiting=tuple(waiting),
        lost=tuple(trouble for trouble in over if trouble.cause.remedy is Remedy.NOTHING),
    )


def _merged(groups: Iterable[FailureGroup], *, is_over: bool = False) -> list[Trouble]:
    together: dict[tuple[str, str | None], list[FailureGroup]] = {}
    for group in groups:
        cause = cause_of(group.error_code)
        together.setdefault((cause.key, group.platform if cause.by_site else None), []).append(group)
    troubles = [_trouble(_BY_KEY[key], platform, parts, is_over) for (key, platform), parts in together.items()]
    return sorted(troubles, key=lambda each: (-each.jobs, each.cause.key, each.platform or ""))


def _trouble(cause: Cause, platform: str | None, groups: Sequence[FailureGroup], is_over: bool) -> Trouble:
    jobs = [job for group in groups for job in group.examples if (job.retry_at is None) is is_over]
    moments = [group.next_retry_at for group in groups if group.next_retry_at is not None]
    return Trouble(
        cause=cause,
        platform=platform,
        jobs=sum(group.final if is_over else group.jobs - group.final for group in groups),
        next_retry_at=None if is_over else min(moments, default=None),
        examples=tuple(sorted(jobs, key=lambda job: (job.created_at, job.id), reverse=True)[:EXAMPLES]),
    )
