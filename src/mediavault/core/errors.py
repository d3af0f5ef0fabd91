"""What can go wrong, as conditions with a stable code, a sentence for a person, and whether trying again can help.

The tree::

    MediavaultError
    ├── BadInput            the caller must change the request; nothing was accepted       (HTTP 4xx, exit 2)
    ├── StoreError          the store refused; LeaseLost and friends
    └── Failure             a job's attempt failed; stored with the job
        ├── Final           trying again cannot help: gone, private, DRM, unsupported …    (stops at once)
        ├── NeedsPerson     waits for a person: login, challenge, a choice, free space
        └── Retryable       another rung or another attempt can help
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum


class ErrorCode(StrEnum):
    """Stored with jobs and shown by the API: a code is never renamed, only added."""

    # bad input
    BAD_URL = "BAD_URL"
    BAD_REQUEST = "BAD_REQUEST"
    BAD_SETTING = "BAD_SETTING"
    ADDRESS_REFUSED = "ADDRESS_REFUSED"
    NOT_FOUND = "NOT_FOUND"
    ILLEGAL_MOVE = "ILLEGAL_MOVE"
    UNAUTHORIZED = "UNAUTHORIZED"
    FORBIDDEN = "FORBIDDEN"
    UNSUPPORTED_MEDIA_TYPE = "UNSUPPORTED_MEDIA_TYPE"
    TOO_MANY = "TOO_MANY"

    # store
    LEASE_LOST = "LEASE_LOST"
    SCHEMA_TOO_NEW = "SCHEMA_TOO_NEW"
    STORE_UNAVAILABLE = "STORE_UNAVAILABLE"

    # final
    DELETED = "DELETED"
    PRIVATE = "PRIVATE"
    REGION_LOCKED = "REGION_LOCKED"
    DRM = "DRM"
    UNSUPPORTED = "UNSUPPORTED"
    NO_VIDEO = "NO_VIDEO"
    NOT_A_POST = "NOT_A_POST"
    TOO_LARGE = "TOO_LARGE"
    STORY_EXPIRED = "STORY_EXPIRED"
    PARTIAL = "PARTIAL"

    # needs a person
    LOGIN_REQUIRED = "LOGIN_REQUIRED"
    SESSION_EXPIRED = "SESSION_EXPIRED"
    AGE_RESTRICTED = "AGE_RESTRICTED"
    CHALLENGE = "CHALLENGE"
    AMBIGUOUS = "AMBIGUOUS"
    ACCOUNT_WARNING = "ACCOUNT_WARNING"
    TOOL_MISSING = "TOOL_MISSING"

    # retryable
    RATE_LIMITED = "RATE_LIMITED"
    ACCOUNT_DAY_USED = "ACCOUNT_DAY_USED"
    IP_BLOCKED = "IP_BLOCKED"
    NETWORK = "NETWORK"
    TIMEOUT = "TIMEOUT"
    HTTP_ERROR = "HTTP_ERROR"
    LINK_EXPIRED = "LINK_EXPIRED"
    EMPTY_BODY = "EMPTY_BODY"
    INCOMPLETE = "INCOMPLETE"
    NOT_A_VIDEO = "NOT_A_VIDEO"
    BAD_FILE = "BAD_FILE"
    NO_SPACE = "NO_SPACE"
    STORAGE = "STORAGE"
    LIVE_NOW = "LIVE_NOW"
    UPCOMING = "UPCOMING"
    EXTRACTOR_BROKEN = "EXTRACTOR_BROKEN"
    PAGE_UNREADABLE = "PAGE_UNREADABLE"
    BROWSER_UNAVAILABLE = "BROWSER_UNAVAILABLE"
    PAGE_TOO_HEAVY = "PAGE_TOO_HEAVY"
    RECOVERED_FROM_RESTART = "RECOVERED_FROM_RESTART"
    WORKER_DIED = "WORKER_DIED"
    WORKER_FROZE = "WORKER_FROZE"
    INTERNAL = "INTERNAL"


class MediavaultError(Exception):
    """Base of all errors that mediavault raises on purpose.

    ``code`` is the condition, ``message`` says what happened, ``help`` what a person can do about it ("" when nothing).
    """

    code: ErrorCode = ErrorCode.INTERNAL
    help: str = ""

    def __init__(self, message: str, *, help: str | None = None) -> None:  # noqa: A002 - the field's name in the API
        super().__init__(message)
        self.message = message
        if help is not None:
            self.help = help


# --- bad input -------------------------------------------------------------------------------------------------


class BadInput(MediavaultError):
    """The request cannot be accepted as it stands."""

    code = ErrorCode.BAD_REQUEST
    help = "Correct what the message names, and ask again."


class BadUrl(BadInput):
    """Not an address that mediavault takes: only plain http and https, without tricks."""

    code = ErrorCode.BAD_URL
    help = "Paste the full address of one post, starting with https://."


class BadSetting(BadInput):
    """A MEDIAVAULT_* setting has a value that cannot be used. The process does not start."""

    code = ErrorCode.BAD_SETTING
    help = "Correct the setting that the message names, and start again."


class NotFound(BadInput):
    """Nothing has this name."""

    code = ErrorCode.NOT_FOUND
    help = "List the jobs to find its id; it may have been removed."


class JobNotFound(NotFound):
    """No job has this id."""


class AccountNotFound(NotFound):
    """No job belongs to this account."""


class IllegalMove(BadInput):
    """The job's status does not allow what was asked (core.job.LEGAL_MOVES)."""

    code = ErrorCode.ILLEGAL_MOVE
    help = "Look at the job again: its status has changed, or does not allow this."


# --- store -----------------------------------------------------------------------------------------------------


class StoreError(MediavaultError):
    """The job store could not do what was asked."""

    code = ErrorCode.STORE_UNAVAILABLE
    help = "Run `mediavault doctor`; it checks the database."


class StoreAway(StoreError):
    """It cannot be asked just now, and may be there again soon: a process that stays waits for it."""


class StoreDamaged(StoreError):
    """Its file does not hold what was written to it. It is left as it is."""


class LeaseLost(StoreError):
    """This attempt is no longer the job's attempt: it was cancelled, removed or taken over. Nothing was written."""

    code = ErrorCode.LEASE_LOST
    help = "Nothing is lost: look at the job again, it is another attempt's or a person's now."


class SchemaTooNew(StoreError):
    """The database was written by a newer mediavault. It is left untouched."""

    code = ErrorCode.SCHEMA_TOO_NEW
    help = "Upgrade mediavault, or restore the backup that was made before the upgrade."


# --- a job's failures ------------------------------------------------------------------------------------------


class Failure(MediavaultError):
    """An attempt, a stage or a rung failed. Never raised itself: raise a Final, NeedsPerson or Retryable."""

    def __init__(
        self,
        message: str,
        *,
        help: str | None = None,  # noqa: A002 - the field's name in the API
        http_status: int | None = None,
        bytes_received: int = 0,
        retry_after: timedelta | None = None,
    ) -> None:
        super().__init__(message, help=help)
        self.http_status = http_status
        self.bytes_received = bytes_received
        self.retry_after = retry_after
        self.causes: tuple[Failure, ...] = ()  # what else failed, where this failure sums up several


class Final(Failure):
    """Trying again cannot help."""

    code = ErrorCode.UNSUPPORTED


class Deleted(Final):
    code = ErrorCode.DELETED
    help = "The post, or its account, no longer exists. Nothing more can be done from here."


class Private(Final):
    code = ErrorCode.PRIVATE
    help = "Only approved followers can see this post. Sign in with an account that can, then try again."


class RegionLocked(Final):
    code = ErrorCode.REGION_LOCKED
    help = "The post is not shown where this machine is."


class Drm(Final):
    code = ErrorCode.DRM
    help = "This video is copy-protected. mediavault does not circumvent that."


class Unsupported(Final):
    code = ErrorCode.UNSUPPORTED
    help = "mediavault does not know this kind of link. Open it in a browser and use the post's own address."


class NoVideo(Final):
    """``embeds`` are addresses on other sites that the post shows in frames, or only links to: its video may be there."""

    code = ErrorCode.NO_VIDEO
    help = "Check in a browser that the post shows a video."
    embeds: tuple[str, ...] = ()


class NotAPost(Final):
    code = ErrorCode.NOT_A_POST
    help = "This is a profile, a playlist or a live page. Paste the address of one post."


class AddressRefused(Final):
    """The egress guard does not connect there: private, loopback, link-local, metadata and the like.

    Raised at submission for literal addresses (the API answers 422), and when a name or a redirect leads there.
    """

    code = ErrorCode.ADDRESS_REFUSED
    help = "If this is a server of yours, name it exactly in MEDIAVAULT_ALLOW_PRIVATE (host or host:port)."


class StoryExpired(Final):
    code = ErrorCode.STORY_EXPIRED
    help = "Stories vanish after 24 hours; this one has."


class Partial(Final):
    """Some of the post's videos are kept, and trying again cannot bring the others."""

    code = ErrorCode.PARTIAL
    help = "What could be had is kept; the job's items say what happened to the others."


class WorkerDied(Final):
    """The worker's process ended twice in a row while it was reading this post, the second time while it read no other."""

    code = ErrorCode.WORKER_DIED
    help = "If this machine was restarted or lost power both times, try again. Otherwise upgrade mediavault first."


class TooLarge(Final):
    code = ErrorCode.TOO_LARGE
    help = "Raise MEDIAVAULT_MAX_FILE_GB and try again."


class NeedsPerson(Failure):
    """The site, or the choice, wants a person. The job stays failed until a person retries it."""

    code = ErrorCode.CHALLENGE


class LoginRequired(NeedsPerson):
    code = ErrorCode.LOGIN_REQUIRED
    help = "The site shows this post only to signed-in people. Sign in once with `mediavault login`, or on the post itself (on the job's page, or `mediavault answer ID`); the job goes on by itself."


class SessionExpired(NeedsPerson):
    """The browser's session has a cookie of the site, and the site asks for a sign-in all the same."""

    code = ErrorCode.SESSION_EXPIRED
    help = "The sign-in has ended. Sign in again with `mediavault login`; the job goes on by itself."


class AgeRestricted(NeedsPerson):
    code = ErrorCode.AGE_RESTRICTED
    help = "The post is age-restricted. It needs an account whose age is set."


class AgeRestrictedToStrangers(AgeRestricted):
    """The site said so to somebody whom it took for not signed in, whatever cookies were sent."""


class Challenge(NeedsPerson):
    code = ErrorCode.CHALLENGE
    help = "The site wants to see a human. Open a window on the post (on the job's page, or `mediavault answer ID`) and answer it; the job goes on by itself."


class AccountWarning(NeedsPerson):
    """The site has warned or locked the account that is signed in: its gate closes for a day."""

    code = ErrorCode.ACCOUNT_WARNING
    help = "All jobs of this site are stopped for a day. Check the account yourself in a browser."


class Ambiguous(NeedsPerson):
    code = ErrorCode.AMBIGUOUS
    help = "Choose the post's video on the job's page, or with `mediavault retry ID --choose NUMBER`."


class ToolMissing(NeedsPerson):
    code = ErrorCode.TOOL_MISSING
    help = "Run `mediavault doctor`; it names the exact command that installs what is missing."


class Retryable(Failure):
    """Another rung or a later attempt can help."""

    code = ErrorCode.NETWORK


class RateLimited(Retryable):
    """The site asked us to slow down. ``retry_after`` is what it said, None when it said nothing."""

    code = ErrorCode.RATE_LIMITED
    help = "Nothing to do: the next try is scheduled."


class AccountDayUsed(Retryable):
    """The account has looked at as many posts as a day allows it; ``retry_after`` says when there is room."""

    code = ErrorCode.ACCOUNT_DAY_USED
    help = "Nothing to do: the job goes on by itself. The limit protects your account from being locked."


class IpBlocked(Retryable):
    code = ErrorCode.IP_BLOCKED
    help = "The site refuses this machine's address. A sign-in often helps; a home connection too."


class NetworkFailure(Retryable):
    """DNS, TCP, TLS, a reset connection."""

    code = ErrorCode.NETWORK
    help = "Check this machine's connection; the next try is scheduled."


class TookTooLong(Retryable):
    code = ErrorCode.TIMEOUT
    help = "The site was too slow; the next try is scheduled."


class HttpError(Retryable):
    """A status that is neither success nor one of the kinds above. ``http_status`` holds it."""

    code = ErrorCode.HTTP_ERROR
    help = "The site answered with an error; it is tried again. Open the post in a browser if this stays."


class LinkExpired(Retryable):
    """401, 403 or 410 on a media address that is signed."""

    code = ErrorCode.LINK_EXPIRED
    help = "The media link ran out; a fresh one is fetched on the next try."


class EmptyBody(Retryable):
    code = ErrorCode.EMPTY_BODY
    help = "The site sent an empty file; another way is tried."


class Incomplete(Retryable):
    """Fewer bytes, segments or seconds than announced."""

    code = ErrorCode.INCOMPLETE
    help = "The transfer broke off; it is tried again."


class NotAVideo(Retryable):
    """The bytes are something else: a web page, an image, JSON, sound only."""

    code = ErrorCode.NOT_A_VIDEO
    help = "The site sent something that is no video; another way is tried."


class BadFile(Retryable):
    """A video that does not play whole: broken tables, undecodable pictures, no sound where sound was announced."""

    code = ErrorCode.BAD_FILE
    help = "The file was damaged; another copy is tried."


class NoSpace(Retryable):
    code = ErrorCode.NO_SPACE
    help = "Free some space below the download folder; the next try is scheduled."


class StorageFailure(Retryable):
    code = ErrorCode.STORAGE
    help = "Check that the download folder is mounted and can be written."


class NotYet(Retryable):
    """The site has no whole video yet, and nobody is to blame: waiting for it uses up no attempt.

    ``starts_at`` is when the site says that it begins, in UTC; ``retry_after`` where it names a span instead.
    """

    code = ErrorCode.UPCOMING

    def __init__(
        self,
        message: str,
        *,
        help: str | None = None,  # noqa: A002 - the field's name in the API
        http_status: int | None = None,
        bytes_received: int = 0,
        retry_after: timedelta | None = None,
        starts_at: datetime | None = None,
    ) -> None:
        when = f"{message.rstrip('.')}; announced for {starts_at:%Y-%m-%d %H:%M} UTC." if starts_at else message
        super().__init__(
            when, help=help, http_status=http_status, bytes_received=bytes_received, retry_after=retry_after
        )
        self.starts_at = starts_at


class LiveNow(NotYet):
    code = ErrorCode.LIVE_NOW
    help = "This is live now; it is tried again later, when the recording should stand."


class Upcoming(NotYet):
    """Announced, or still being processed by the site."""

    code = ErrorCode.UPCOMING
    help = "It is not out yet; it is tried again later."


class SeemsDeleted(Retryable):
    """One sign alone says that the post is gone, and walls against programs look the same: a second look decides."""

    code = ErrorCode.DELETED
    help = Deleted.help


class PartialSoFar(Retryable):
    """Some of the post's videos are kept, and the others may be had later."""

    code = ErrorCode.PARTIAL
    help = Partial.help


class ExtractorBroken(Retryable):
    code = ErrorCode.EXTRACTOR_BROKEN
    help = "The site changed something, or the page did not load as expected. Upgrade mediavault if this stays."


class PageUnreadable(Retryable):
    """Reading what the site sent took more time or memory than one page may take: the reader was ended."""

    code = ErrorCode.PAGE_UNREADABLE
    help = "The page asks too much of its reader. If it plays in a browser, please report it with the job's history."


class BrowserUnavailable(Retryable):
    """No browser, or it crashed or hung."""

    code = ErrorCode.BROWSER_UNAVAILABLE
    help = "Run `mediavault doctor`; it says which browser is used or how to install one."


class PageTooHeavy(Retryable):
    """The browser was about to take more memory than it may use, and the heaviest page was ended."""

    code = ErrorCode.PAGE_TOO_HEAVY
    help = "If this machine has memory to spare, raise MEDIAVAULT_BROWSER_MEMORY_MB."


class WorkerFroze(Retryable):
    """The worker's event loop stopped while it worked on this post, and the process was restarted.

    ``retry_after`` is always given. The second time in a row the job is given up.
    """

    code = ErrorCode.WORKER_FROZE
    help = "The worker was restarted, and the post is tried once more. Upgrade mediavault if this stays."


class Internal(Retryable):
    """A bug of ours, caught by the worker's loop so that the job is not lost."""

    code = ErrorCode.INTERNAL
    help = "This is a bug in mediavault. Please report it with the job's history."
