"""Everything that can go wrong: one table of what each code means, and the exceptions that carry
the codes.

``FAILURES`` has one row for each code. Everything that depends on a code (whether it is tried
again, what the user can do, the HTTP status, the texts) is a column of that row; no other module
lists codes. A new failure is a code, its row and, where code needs to catch it, a class below.
``docs/errors.md`` is generated from the table (``make reference``).

The tree of exceptions::

    MediavaultError
    ├── BadInput the caller must change the request; nothing was accepted (HTTP 4xx, exit 2)
    ├── StoreError          the store refused; LeaseLost and friends
    └── Failure             a job's attempt failed; stored with the job
        ├── Final trying again cannot help: gone, private, DRM, unsupported … (stops at once)
        ├── NeedsPerson     waits for the user: login, challenge, a choice, free space
        └── Retryable       another strategy or another attempt can help
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from mediavault.core.messages import Message


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
    SCHEMA_TOO_OLD = "SCHEMA_TOO_OLD"
    STORE_UNAVAILABLE = "STORE_UNAVAILABLE"

    # final
    DELETED = "DELETED"
    PRIVATE = "PRIVATE"
    REGION_LOCKED = "REGION_LOCKED"
    ACCOUNT_SUSPENDED = "ACCOUNT_SUSPENDED"
    DRM = "DRM"
    UNSUPPORTED = "UNSUPPORTED"
    NO_VIDEO = "NO_VIDEO"
    ONLY_PICTURES = "ONLY_PICTURES"
    ONLY_SOUND = "ONLY_SOUND"
    BROADCAST_OVER = "BROADCAST_OVER"
    NOT_A_POST = "NOT_A_POST"
    TOO_LARGE = "TOO_LARGE"
    STORY_EXPIRED = "STORY_EXPIRED"
    PARTIAL = "PARTIAL"

    # needs the user
    LOGIN_REQUIRED = "LOGIN_REQUIRED"
    SESSION_EXPIRED = "SESSION_EXPIRED"
    AGE_RESTRICTED = "AGE_RESTRICTED"
    CHALLENGE = "CHALLENGE"
    AMBIGUOUS = "AMBIGUOUS"
    ACCOUNT_WARNING = "ACCOUNT_WARNING"
    TOOL_MISSING = "TOOL_MISSING"

    # retryable
    RATE_LIMITED = "RATE_LIMITED"
    SITE_CLOSED = "SITE_CLOSED"
    ACCESS_REFUSED = "ACCESS_REFUSED"
    ACCOUNT_DAY_USED = "ACCOUNT_DAY_USED"
    IP_BLOCKED = "IP_BLOCKED"
    NETWORK = "NETWORK"
    SITE_NOT_FOUND = "SITE_NOT_FOUND"
    SITE_UNREACHABLE = "SITE_UNREACHABLE"
    CERTIFICATE_INVALID = "CERTIFICATE_INVALID"
    REDIRECT_LOOP = "REDIRECT_LOOP"
    TIMEOUT = "TIMEOUT"
    PROXY_FAILED = "PROXY_FAILED"
    HTTP_ERROR = "HTTP_ERROR"
    LINK_EXPIRED = "LINK_EXPIRED"
    MEDIA_REFUSED = "MEDIA_REFUSED"
    EMPTY_BODY = "EMPTY_BODY"
    INCOMPLETE = "INCOMPLETE"
    NOT_A_VIDEO = "NOT_A_VIDEO"
    BAD_FILE = "BAD_FILE"
    DAMAGED = "DAMAGED"
    NOT_AS_ANNOUNCED = "NOT_AS_ANNOUNCED"
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


class FailureScope(StrEnum):
    """What a failure is about: everything that shares it would fail in the same way."""

    REQUEST = "request"  # what the caller sent
    POST = "post"
    SITE = "site"
    ACCOUNT = "account"  # ours, at the site
    MACHINE = "machine"  # this computer, its network and its database


class Retry(StrEnum):
    """Which rule of worker/retry.py applies. The value is its text in docs/errors.md."""

    REFUSED = "–"  # a request: there is no job to try again
    NEVER = "no"
    PERSON = "when a person has acted"
    BACKOFF = "yes"
    CONFIRM = "once more; the second time it is believed"
    DAILY = "yes; after the attempts once a day, until it has come 14 times in a row"
    MACHINE = "every 5 minutes, without using up an attempt"
    NOT_YET = (
        "after 30 minutes, 1, 2, 4 and then every 6 hours, without using up an attempt, 60 times in"
        " all; where the site"
        " announces a start, at that time, with one check a week until then"
    )
    ACCOUNT_DAY = "when the account may look at posts again, without using up an attempt"
    RECOVERY = "at once, while attempts are left"


class SignInHelp(StrEnum):
    """Whether being signed in to the site changes anything."""

    NO = "no"
    AT_WALLS = "at_walls"  # at sites that show next to nothing to visitors who are not signed in
    EASES = "eases"  # a signed-in browser meets it less often
    MAY_HELP = "may_help"  # an account that is allowed to see the post sees it
    NEEDED = "needed"


class Remedy(StrEnum):
    """What the user can do about a failure once it is not retried automatically."""

    SIGN_IN = "sign_in"
    LOOK = "look"  # at the account, in the user's own browser
    ANSWER = "answer"  # the site's question, in a window on the post
    CHOOSE = "choose"  # the video, on the post's page
    ACCEPT = "accept"  # the file as it is, on the post's page
    SPACE = "space"
    RETRY = "retry"
    NOTHING = "nothing"


class Stops(StrEnum):
    """What would fail in the same way right now, and is therefore not tried."""

    NOTHING = "nothing"
    POST = "post"  # the other videos of the post
    WORKER = "worker"  # every job of this worker: the disk is full or broken


class Certainty(StrEnum):
    """How much such a failure of one extractor says about the post."""

    SURE = "sure"  # no other extractor needs to be tried after the browser
    UNSURE = "unsure"  # another extractor may see it differently
    NOT_READ = "not_read"  # the post was not read at all


@dataclass(frozen=True, slots=True)
class Cause:
    """A group of failures that users see as one. Causes of a site have ``%(site)s`` in the
    title.
    """

    key: str  # in forms
    remedy: Remedy
    title: str
    hint: str = ""

    @property
    def by_site(self) -> bool:
        """Whether the cause is counted for each site separately."""
        return "%(site)s" in self.title

    @property
    def codes(self) -> frozenset[ErrorCode]:
        """The codes of this cause."""
        return frozenset(code for code, spec in FAILURES.items() if spec.cause is self)


@dataclass(frozen=True, slots=True)
class FailureSpec:
    """What one code means.

    ``summary`` says what happened where the message itself cannot be translated. ``hint`` says what
    helps while the job is retried, ``final_hint`` ("" where it is the same) what helps after that.
    ``label`` replaces the word "Failed". ``closes_site_for``: how long other jobs leave the site
    alone the first time. ``cause`` is None for failures that no job has. ``page_outcome`` is the
    word of ``mediavault inspect`` for a page that fails like this. ``known_by`` and ``retry_note``
    (instead of the retry rule's own words) are columns of docs/errors.md. ``profile`` is the
    built-in profile that saves what the post has.
    """

    scope: FailureScope
    retry: Retry
    summary: str
    hint: str
    known_by: str
    final_hint: str = ""
    label: str = ""
    http_status: int = 500
    sign_in: SignInHelp = SignInHelp.NO
    stops: Stops = Stops.NOTHING
    certainty: Certainty = Certainty.SURE
    closes_site_for: timedelta | None = None
    cause: Cause | None = None
    page_outcome: str = "unreadable"
    retry_note: str = ""
    profile: str = ""

    @property
    def remedy(self) -> Remedy:
        """What the user can do; NOTHING where no job fails like this."""
        return self.cause.remedy if self.cause else Remedy.NOTHING

    @property
    def waits_for_window(self) -> bool:
        """Whether the job continues once the user has signed in or answered the site in a
        window.
        """
        return self.remedy in (Remedy.SIGN_IN, Remedy.ANSWER)

    @property
    def needs_person(self) -> bool:
        """Whether the job is not lost: it waits for the user, or for the account's next day."""
        return bool(self.label) and self.retry is not Retry.NEVER

    @property
    def texts(self) -> tuple[str, ...]:
        """Everything that is shown and needs a translation."""
        of_cause = (self.cause.title, self.cause.hint) if self.cause else ()
        return tuple(
            text
            for text in (self.summary, self.hint, self.final_hint, self.label, *of_cause)
            if text
        )


# one post may be restricted; a probe soon shows whether all of them are
_LOGIN_WALL = timedelta(minutes=15)
_TRY_LATER = "All methods failed. If the video plays in your browser, try again later."

# fmt: off
_SIGN_IN = Cause("login_required", Remedy.SIGN_IN, "%(site)s asks you to sign in", (
    "Sign in once, and all its posts continue."
))
_AGE = Cause("age_restricted", Remedy.SIGN_IN, "%(site)s requires age verification", (
    "Sign in with an account whose age is verified, and all its posts continue."
))
_CAPTCHA = Cause("challenge", Remedy.ANSWER, "%(site)s shows a CAPTCHA", (
    "Solve it in a window; these posts then continue automatically."
))
_WARNING = Cause("account_warning", Remedy.LOOK, "%(site)s has warned your account", (
    "Saving from this site is paused for a day. Check the account in your own browser."
))
_CHOICE = Cause("ambiguous", Remedy.CHOOSE, "Which video do you want?", (
    "It is not certain which video is the post's. Choose it on the post's page."
))
_DAMAGED = Cause("damaged", Remedy.ACCEPT, "The file is damaged", (
    "Parts of it do not play. On the post's page, keep it anyway or try again."
))
_NOT_AS_ANNOUNCED = Cause("not_as_announced", Remedy.ACCEPT, "The video is not as announced", (
    "The file plays, but may be a preview or cut short. On the post's page, save it as it is or try"
    " again."
))
_DISK_FULL = Cause("no_space", Remedy.SPACE, "The disk is full", (
    "Free up space on the library's disk, then try again."
))
_DISK = Cause("storage", Remedy.RETRY, "The library folder is not writable", (
    "Check that its disk is mounted and writable, then try again."
))
_TOO_LARGE = Cause("too_large", Remedy.RETRY, "Larger than allowed", (
    "Raise the size limit for files, then try again."
))
_TOOL = Cause("tool_missing", Remedy.RETRY, "A program is missing on this computer", (
    "`mediavault doctor` names the command that installs it."
))
_BROWSER = Cause("browser_unavailable", Remedy.RETRY, "The browser does not start", (
    "`mediavault doctor` says which browser is used, or how to install one."
))
_MEMORY = Cause("page_too_heavy", Remedy.RETRY, "The page needs too much memory", (
    "If this computer has memory to spare, raise MEDIAVAULT_BROWSER_MEMORY_MB, then try again."
))
_RATE = Cause("rate_limited", Remedy.RETRY, "%(site)s limits how often we may ask",
              "Wait a few hours, then try again.")
_ACCOUNT_DAY = Cause("account_day_used", Remedy.RETRY, (
    "Daily limit reached for your %(site)s account"
), (
    "The limit protects your account from being locked."
))
_BLOCKED = Cause("ip_blocked", Remedy.RETRY, "%(site)s blocks this computer's IP address", (
    "Signing in often helps; so does a home connection."
))
_NETWORK = Cause("network", Remedy.RETRY, "The site could not be reached", (
    "Check this computer's internet connection, then try again."
))
_SLOW = Cause("timeout", Remedy.RETRY, "The site is too slow", "Try again later.")
_NO_SITE = Cause("site_not_found", Remedy.RETRY, "There is no such site",
                 "Check the link for typing mistakes.")
_SITE_DOWN = Cause("site_unreachable", Remedy.RETRY, "The site does not accept connections", (
    "The site may be down, or the link's port is wrong. Try again later."
))
_CERTIFICATE = Cause("certificate_invalid", Remedy.RETRY, "The site's certificate is not valid", (
    "Check the clock of this computer. If it is right, only the site can fix this."
))
_CIRCLE = Cause("redirect_loop", Remedy.RETRY, "The site sends visitors in a circle", (
    "Sign in to the site, or open the post in a browser, then try again."
))
_CLOSED = Cause("site_closed", Remedy.RETRY, "%(site)s is closed for now", "Try again later.")
_REFUSED = Cause("access_refused", Remedy.SIGN_IN, "%(site)s refuses visitors like us", (
    "Signing in may help: all its posts then continue."
))
_PROXY = Cause("proxy_failed", Remedy.RETRY, "The proxy does not work", (
    "`mediavault doctor` tests each proxy and reports what is wrong."
))
_DOWNLOAD = Cause("http_error", Remedy.RETRY, "The video could not be downloaded", (
    "All methods failed. If it plays in your browser, try again later."
))
_UNREADABLE = Cause("extractor_broken", Remedy.RETRY, "The post could not be read", (
    "The site may have changed. Upgrade mediavault if this continues."
))
_SLOW_PAGE = Cause("page_unreadable", Remedy.RETRY, "The page takes too long to read", (
    "It was tried twice. If the video plays in your browser, please report it."
))
_NOT_OUT = Cause("upcoming", Remedy.RETRY, "Not available yet", (
    "Try again when the recording is available."
))
_RESTART = Cause("recovered_from_restart", Remedy.RETRY, "Interrupted by a restart", "Try again.")
_CRASH = Cause("worker_died", Remedy.RETRY, "The worker crashed or froze", (
    "Upgrade mediavault, then try again. After a power cut or a restart, just try again."
))
_BUG = Cause("internal", Remedy.RETRY, "Something went wrong in mediavault", (
    "Try again. If this continues, report it with the post's history."
))
_GONE = Cause("deleted", Remedy.NOTHING, "The post was deleted")
_PRIVATE = Cause("private", Remedy.NOTHING, "The post is private")
_REGION = Cause("region_locked", Remedy.NOTHING, "Not available in this country")
_COPY_PROTECTED = Cause("drm", Remedy.NOTHING, "The video is copy-protected")
_NO_VIDEO = Cause("no_video", Remedy.NOTHING, "No video in the post")
_SUSPENDED = Cause("account_suspended", Remedy.NOTHING, "The account was suspended")
_OTHER_MEDIA = Cause("other_media", Remedy.RETRY, "Pictures or sound only", (
    "On the post's page, save what was found."
))
_OVER = Cause("broadcast_over", Remedy.NOTHING, "The broadcast is over")
_STORY = Cause("story_expired", Remedy.NOTHING, "The story has expired")
_PARTLY = Cause("partial", Remedy.NOTHING, "Partly saved")
_NO_POST = Cause("unsupported", Remedy.NOTHING, "Not a link to a post")
_PRIVATE_NETWORK = Cause("address_refused", Remedy.NOTHING, (
    "The link points into a private network"
))

FAILURES: Mapping[ErrorCode, FailureSpec] = {
    ErrorCode.BAD_URL: FailureSpec(
        FailureScope.REQUEST, Retry.REFUSED, http_status=422, page_outcome="unsupported",
        summary="This is not a valid URL.",
        hint="Paste the full link to one post, starting with https://.",
        known_by="not http or https, user info, a backslash, control characters, an unusual port",
    ),
    ErrorCode.BAD_REQUEST: FailureSpec(
        FailureScope.REQUEST, Retry.REFUSED, http_status=422,
        summary="The request is not valid.",
        hint="Correct what the message names, then try again.",
        known_by="a body, query or command line of another shape",
    ),
    ErrorCode.BAD_SETTING: FailureSpec(
        FailureScope.REQUEST, Retry.REFUSED,
        summary="A setting has an invalid value.",
        hint="Correct the setting that the message names, then start again.",
        known_by="a `MEDIAVAULT_*` value that cannot be used; the process does not start",
    ),
    ErrorCode.ADDRESS_REFUSED: FailureSpec(
        FailureScope.POST, Retry.NEVER, http_status=422, cause=_PRIVATE_NETWORK,
        summary="The link points into a private network.",
        hint=(
            "If the post itself is on your own server, add that server to MEDIAVAULT_ALLOW_PRIVATE"
            " (host or host:port). Private addresses to which posts on other sites lead are always"
            " refused."
        ),
        known_by=(
            "the egress guard: a private, loopback, link-local or metadata address, at submission"
            " or behind a name or a redirect"
        ),
    ),
    ErrorCode.NOT_FOUND: FailureSpec(
        FailureScope.REQUEST, Retry.REFUSED, http_status=404,
        summary="Not found.",
        hint="List the jobs to find its id; it may have been removed.",
        known_by="no job, file or site of that name",
    ),
    ErrorCode.ILLEGAL_MOVE: FailureSpec(
        FailureScope.REQUEST, Retry.REFUSED, http_status=409,
        summary="The job's status does not allow this.",
        hint="Reload the job: its status has changed, or does not allow this.",
        known_by="the job's status does not allow it",
    ),
    ErrorCode.UNAUTHORIZED: FailureSpec(
        FailureScope.REQUEST, Retry.REFUSED, http_status=401,
        summary="Sign in to continue.",
        hint="Send the token as `Authorization: Bearer …`, or sign in on the page.",
        known_by="the vault is protected, and the request has neither a session nor a valid token",
    ),
    ErrorCode.FORBIDDEN: FailureSpec(
        FailureScope.REQUEST, Retry.REFUSED, http_status=403,
        summary="The request came from an origin that is not allowed.",
        hint=(
            "Send the request from mediavault's own pages, or from a program without an Origin"
            " header."
        ),
        known_by="a browser's request from another site's page",
    ),
    ErrorCode.UNSUPPORTED_MEDIA_TYPE: FailureSpec(
        FailureScope.REQUEST, Retry.REFUSED, http_status=415,
        summary="Unsupported request format.",
        hint="Send JSON to the API, with `Content-Type: application/json`, and forms to the pages.",
        known_by="a body that is neither JSON nor a form",
    ),
    ErrorCode.TOO_MANY: FailureSpec(
        FailureScope.REQUEST, Retry.REFUSED, http_status=429,
        summary="Too many at once.",
        hint="Ask for fewer at once, or wait until some have finished.",
        known_by="more links, listeners, windows or password attempts at once than are allowed",
    ),
    ErrorCode.LEASE_LOST: FailureSpec(
        FailureScope.MACHINE, Retry.REFUSED, http_status=409,
        summary="Another attempt or a person has taken over the job.",
        hint=(
            "Nothing is lost. Reload the job: another attempt is working on it, or it was changed."
        ),
        known_by="another attempt, or a person, took the job",
    ),
    ErrorCode.SCHEMA_TOO_NEW: FailureSpec(
        FailureScope.MACHINE, Retry.REFUSED, http_status=503,
        summary="The database belongs to a newer mediavault.",
        hint="Upgrade mediavault, or restore the backup from before the upgrade.",
        known_by="the database's schema number",
    ),
    ErrorCode.SCHEMA_TOO_OLD: FailureSpec(
        FailureScope.MACHINE, Retry.REFUSED, http_status=503,
        summary="This mediavault cannot upgrade the database.",
        hint="Use the mediavault that wrote it. Or name a new database in MEDIAVAULT_DATABASE_URL"
             " and run `mediavault rebuild`, which fills it from the library.",
        known_by="the database's schema number",
    ),
    ErrorCode.STORE_UNAVAILABLE: FailureSpec(
        FailureScope.MACHINE, Retry.REFUSED, http_status=503,
        summary="The database does not respond.",
        hint="Run `mediavault doctor`; it checks the database.",
        known_by="the database does not respond, or refuses",
    ),
    ErrorCode.DELETED: FailureSpec(
        FailureScope.POST, Retry.NEVER, sign_in=SignInHelp.AT_WALLS, cause=_GONE,
        page_outcome="gone",
        summary="The post was deleted.",
        hint=(
            "Check the link for typing mistakes. If it is right, the post or its account was"
            " deleted, and there is nothing more to do."
        ),
        known_by=(
            "the platform's own data (tombstones, codes of its interface); or two signs of 404 or"
            " 410, the words on the page, another extractor, an earlier look"
        ),
        retry_note="where only one sign says so: once, after an hour",
    ),
    ErrorCode.PRIVATE: FailureSpec(
        FailureScope.POST, Retry.NEVER, sign_in=SignInHelp.MAY_HELP, cause=_PRIVATE,
        page_outcome="private",
        summary="The post is private.",
        hint="Sign in with an account that may see it, then try again.",
        known_by="the platform's own data, the words on the page",
    ),
    ErrorCode.REGION_LOCKED: FailureSpec(
        FailureScope.POST, Retry.NEVER, cause=_REGION, page_outcome="region_locked",
        summary="Not available in this country.",
        hint=(
            "The site does not show this post in the country of this computer. A proxy in another"
            " country may help: name it in MEDIAVAULT_PROXIES, then try again."
        ),
        known_by="the platform's own data, HTTP 451, yt-dlp's geo restriction",
    ),
    ErrorCode.ACCOUNT_SUSPENDED: FailureSpec(
        FailureScope.POST, Retry.NEVER, cause=_SUSPENDED, page_outcome="gone",
        summary="The site has suspended the account that posted this.",
        hint="Only the site can lift the suspension. If it does, try again.",
        known_by="the words on the page",
    ),
    ErrorCode.DRM: FailureSpec(
        FailureScope.POST, Retry.NEVER, cause=_COPY_PROTECTED, page_outcome="drm",
        summary="The video is copy-protected.",
        hint="mediavault does not circumvent copy protection.",
        known_by=(
            "EME `encrypted` event, SAMPLE-AES, Widevine, PlayReady or FairPlay keys in a manifest,"
            " `pssh` and encrypted sample entries in the file"
        ),
    ),
    ErrorCode.UNSUPPORTED: FailureSpec(
        FailureScope.POST, Retry.NEVER, http_status=422, certainty=Certainty.NOT_READ,
        cause=_NO_POST,
        page_outcome="unsupported",
        summary="This kind of link is not supported.",
        hint="Open it in a browser and copy the link to the post itself.",
        known_by="no pattern of the platform fits, and no extractor knows the page",
    ),
    ErrorCode.NO_VIDEO: FailureSpec(
        FailureScope.POST, Retry.NEVER, certainty=Certainty.UNSURE, cause=_NO_VIDEO,
        page_outcome="no_video",
        summary="No video found in this post.",
        hint=(
            "Open the page in a browser and check that it is the right post and shows what you want"
            " to save."
        ),
        known_by="the post's own data without a video; a page without one",
    ),
    ErrorCode.ONLY_PICTURES: FailureSpec(
        FailureScope.POST, Retry.NEVER, certainty=Certainty.UNSURE, cause=_OTHER_MEDIA,
        page_outcome="no_video",
        profile="pictures",
        summary="The post has pictures, and no video.",
        hint="Choose the profile pictures, and try again.",
        known_by="the post's own data, or the page, with pictures and without a video",
    ),
    ErrorCode.ONLY_SOUND: FailureSpec(
        FailureScope.POST, Retry.NEVER, certainty=Certainty.UNSURE, cause=_OTHER_MEDIA,
        page_outcome="no_video",
        profile="audio",
        summary="The post has sound, and no video.",
        hint="Choose the profile audio, and try again.",
        known_by="the post's own data, or the page, with sound and without a video",
    ),
    ErrorCode.BROADCAST_OVER: FailureSpec(
        FailureScope.POST, Retry.NEVER, certainty=Certainty.UNSURE, cause=_OVER,
        page_outcome="no_video",
        summary="The broadcast is over.",
        hint="There is no recording on the page. If the site offers one elsewhere, paste its link.",
        known_by=(
            "a page without a video that says when its broadcast ended, or that it began more than"
            " a day ago"
        ),
    ),
    ErrorCode.NOT_A_POST: FailureSpec(
        FailureScope.POST, Retry.NEVER, http_status=422, cause=_NO_POST, page_outcome="not_a_post",
        summary="This is not a link to a single post.",
        hint=(
            "This is a profile, a playlist or a live page. Open one post and paste its link, or"
            " follow the account to save what it posts."
        ),
        known_by="the form of the URL",
    ),
    ErrorCode.TOO_LARGE: FailureSpec(
        FailureScope.POST, Retry.NEVER, http_status=413, cause=_TOO_LARGE,
        summary="The file is larger than allowed.",
        hint="Raise MEDIAVAULT_MAX_FILE_GB and try again.",
        known_by="announced or received bytes above `MEDIAVAULT_MAX_FILE_GB`",
    ),
    ErrorCode.STORY_EXPIRED: FailureSpec(
        FailureScope.POST, Retry.NEVER, cause=_STORY, page_outcome="gone",
        summary="The story has expired.",
        hint="Stories disappear after 24 hours, and this one has.",
        known_by="a story's page that does not show it any more",
    ),
    ErrorCode.PARTIAL: FailureSpec(
        FailureScope.POST, Retry.NEVER, cause=_PARTLY,
        summary="Not all of the post's videos could be saved.",
        hint=(
            "Everything that could be downloaded is saved; the list of videos says what happened to"
            " the others."
        ),
        label="Partly saved",
        known_by="some items of the post are saved and others failed",
        retry_note="while one of the others can still come",
    ),
    ErrorCode.LOGIN_REQUIRED: FailureSpec(
        FailureScope.SITE, Retry.PERSON, sign_in=SignInHelp.NEEDED, closes_site_for=_LOGIN_WALL,
        cause=_SIGN_IN,
        page_outcome="login_required",
        summary="The site asks you to sign in.",
        hint=(
            "Sign in once, on the post's page or with `mediavault login` (or `mediavault answer"
            " ID`); all posts that wait for the site then continue automatically."
        ),
        label="Needs a sign-in",
        known_by="the platform's own data and codes, a redirect to its sign-in, its login form",
    ),
    ErrorCode.SESSION_EXPIRED: FailureSpec(
        FailureScope.ACCOUNT, Retry.PERSON, sign_in=SignInHelp.NEEDED,
        closes_site_for=timedelta(hours=1), cause=_SIGN_IN,
        page_outcome="login_required",
        summary="You have been signed out of the site.",
        hint="Sign in again with `mediavault login`; the post then continues automatically.",
        label="Needs a sign-in",
        known_by=(
            "as above, or an age asked as of a visitor who is not signed in, while the session has"
            " the cookies of a sign-in; yt-dlp reports that they are no longer valid"
        ),
    ),
    ErrorCode.AGE_RESTRICTED: FailureSpec(
        FailureScope.POST, Retry.PERSON, sign_in=SignInHelp.NEEDED, cause=_AGE,
        page_outcome="age_restricted",
        summary="The site requires age verification.",
        hint="Sign in with an account whose age is verified.",
        label="Needs a sign-in",
        known_by="the platform's own data and words",
    ),
    ErrorCode.CHALLENGE: FailureSpec(
        FailureScope.SITE, Retry.PERSON, sign_in=SignInHelp.EASES, stops=Stops.POST,
        closes_site_for=timedelta(hours=1),
        cause=_CAPTCHA, page_outcome="challenge",
        summary="The site asks you to solve a CAPTCHA.",
        hint=(
            "Open a window on the post (on its page, or with `mediavault answer ID`) and solve it;"
            " the post then continues automatically."
        ),
        label="Needs you",
        known_by=(
            "a challenge page: URL, title, marks, elements, frames, `cf-mitigated`; the platform's"
            " own codes"
        ),
    ),
    ErrorCode.AMBIGUOUS: FailureSpec(
        FailureScope.POST, Retry.PERSON, cause=_CHOICE, page_outcome="ambiguous",
        summary="It is not certain which of the page's videos is the post's.",
        hint="Choose the video on the post's page, or with `mediavault retry ID --choose NUMBER`.",
        label="Choose the video",
        known_by=(
            "several videos were found, and nothing says which one is the post's; or, on a site"
            " without a reader, the downloaded file is more than 20 % longer or shorter than the"
            " page declares, lacks the sound that was announced, or is as long as an advert where"
            " the page has a button that skips adverts"
        ),
    ),
    ErrorCode.ACCOUNT_WARNING: FailureSpec(
        FailureScope.ACCOUNT, Retry.PERSON, stops=Stops.POST, closes_site_for=timedelta(days=1),
        cause=_WARNING,
        page_outcome="challenge",
        summary="The site has warned your account.",
        hint="Saving from this site is paused for a day. Check the account in your own browser.",
        label="Needs you",
        known_by=(
            "the addresses of locked accounts (Facebook's numbered checkpoints, X's"
            " account/access), \"account is temporarily locked\", X codes 64 and 326"
        ),
    ),
    ErrorCode.TOOL_MISSING: FailureSpec(
        FailureScope.MACHINE, Retry.MACHINE, http_status=503, certainty=Certainty.NOT_READ,
        cause=_TOOL,
        summary="A program is missing.",
        hint="Run `mediavault doctor`; it names the command that installs what is missing.",
        known_by="a program or package is not installed",
    ),
    ErrorCode.RATE_LIMITED: FailureSpec(
        FailureScope.SITE, Retry.BACKOFF, stops=Stops.POST, cause=_RATE, page_outcome="challenge",
        summary="The site asked us to slow down.",
        hint="Nothing to do. Retrying automatically when the site allows it.",
        final_hint="The site still asks us to slow down. Try again in a few hours.",
        known_by=(
            "HTTP 429 with `Retry-After` or the reset of its rate limit, the platform's own codes"
        ),
        retry_note=(
            "at the time that the site names, after a day at the latest; other jobs leave the site"
            " alone until then"
        ),
    ),
    ErrorCode.SITE_CLOSED: FailureSpec(
        FailureScope.SITE, Retry.BACKOFF, stops=Stops.POST, cause=_CLOSED, page_outcome="challenge",
        summary="The site is closed for now.",
        hint="Nothing to do. Retrying automatically when the site opens again.",
        final_hint="The site is still closed. Try again later.",
        known_by="HTTP 503 with `Retry-After`",
        retry_note=(
            "at the time that the site names, after a day at the latest; other jobs leave the site"
            " alone until then"
        ),
    ),
    ErrorCode.ACCESS_REFUSED: FailureSpec(
        FailureScope.SITE, Retry.BACKOFF, sign_in=SignInHelp.MAY_HELP, certainty=Certainty.UNSURE,
        cause=_REFUSED,
        page_outcome="challenge",
        summary="The site refused us.",
        hint=(
            "Signing in may help: open a browser window on the post (on its page, or with"
            " `mediavault answer ID`). Retrying automatically."
        ),
        final_hint=(
            "Signing in may help: open a browser window on the post (on its page, or with"
            " `mediavault answer ID`)."
        ),
        known_by="HTTP 402, 403, 406, 418 or 423 of a page",
    ),
    ErrorCode.ACCOUNT_DAY_USED: FailureSpec(
        FailureScope.ACCOUNT, Retry.ACCOUNT_DAY, cause=_ACCOUNT_DAY,
        summary="Daily limit reached for your account.",
        hint=(
            "Nothing to do. Continuing automatically tomorrow; the limit protects your account from"
            " being locked."
        ),
        final_hint="Try again tomorrow. The limit protects your account from being locked.",
        label="Waiting for the account",
        known_by=(
            "the posts that were read with the account within 24 hours are as many as the site's"
            " facts allow"
        ),
    ),
    ErrorCode.IP_BLOCKED: FailureSpec(
        FailureScope.SITE, Retry.CONFIRM, sign_in=SignInHelp.EASES, certainty=Certainty.UNSURE,
        closes_site_for=timedelta(hours=6), cause=_BLOCKED, page_outcome="challenge",
        summary="The site blocks this computer's IP address.",
        hint="Signing in often helps; so does a home connection.",
        known_by=(
            "\"blocked by network security\", TikTok 10204, HTTP 999, HTTP 403 of a known site"
        ),
        retry_note="once, after 6 hours; then a person has to help",
    ),
    ErrorCode.NETWORK: FailureSpec(
        FailureScope.MACHINE, Retry.BACKOFF, certainty=Certainty.UNSURE, cause=_NETWORK,
        summary="The site could not be reached.",
        hint="Check this computer's internet connection. Retrying automatically.",
        final_hint="Check this computer's internet connection, then try again.",
        known_by=(
            "the DNS does not answer; this computer has no route to the site; a connection ended in"
            " the middle of an answer"
        ),
    ),
    ErrorCode.SITE_NOT_FOUND: FailureSpec(
        FailureScope.POST, Retry.BACKOFF, certainty=Certainty.UNSURE, cause=_NO_SITE,
        summary="There is no such site.",
        hint="Check the link for typing mistakes. Retrying automatically.",
        final_hint="Check the link for typing mistakes.",
        known_by="the DNS says that the name does not exist",
    ),
    ErrorCode.SITE_UNREACHABLE: FailureSpec(
        FailureScope.SITE, Retry.BACKOFF, certainty=Certainty.UNSURE, cause=_SITE_DOWN,
        summary="The site does not accept connections.",
        hint="The site may be down, or the link's port is wrong. Retrying automatically.",
        final_hint="The site may be down, or the link's port is wrong. Try again later.",
        known_by=(
            "a connection that is refused, reset or closed without an answer; an answer that is not"
            " HTTP"
        ),
    ),
    ErrorCode.CERTIFICATE_INVALID: FailureSpec(
        FailureScope.SITE, Retry.BACKOFF, certainty=Certainty.UNSURE, cause=_CERTIFICATE,
        summary="The site's certificate is not valid.",
        hint=(
            "Check the clock of this computer. If it is right, only the site can fix this. Retrying"
            " automatically."
        ),
        final_hint="Check the clock of this computer. If it is right, only the site can fix this.",
        known_by=(
            "the TLS handshake: expired, made for another name, or signed by nobody that is trusted"
        ),
    ),
    ErrorCode.REDIRECT_LOOP: FailureSpec(
        FailureScope.SITE, Retry.CONFIRM, sign_in=SignInHelp.MAY_HELP, certainty=Certainty.UNSURE,
        cause=_CIRCLE,
        summary="The site sends visitors in a circle.",
        hint="Sign in to the site, or open the post in a browser. Retrying once.",
        final_hint="Sign in to the site, or open the post in a browser, then try again.",
        known_by="more than ten redirects, or what the browser counts",
    ),
    ErrorCode.TIMEOUT: FailureSpec(
        FailureScope.MACHINE, Retry.BACKOFF, certainty=Certainty.UNSURE, cause=_SLOW,
        summary="The site took too long to respond.",
        hint="The site was too slow. Retrying automatically.",
        final_hint="The site was too slow. Try again later.",
        known_by="nothing, or too little, within the time limit",
    ),
    ErrorCode.PROXY_FAILED: FailureSpec(
        FailureScope.MACHINE, Retry.MACHINE, http_status=503, stops=Stops.POST,
        certainty=Certainty.UNSURE, cause=_PROXY,
        summary="The proxy could not be used.",
        hint=(
            "Check that the proxy is running and that its address, user name and password in"
            " MEDIAVAULT_PROXY or MEDIAVAULT_PROXIES are right; `mediavault doctor` tests it."
            " Retrying automatically."
        ),
        final_hint=(
            "Check that the proxy is running and that its address, user name and password in"
            " MEDIAVAULT_PROXY or MEDIAVAULT_PROXIES are right; `mediavault doctor` tests it. Then"
            " try again."
        ),
        known_by=(
            "the proxy of the vault or of the site refuses the connection or the password, does not"
            " answer, or reaches no other address either"
        ),
    ),
    ErrorCode.HTTP_ERROR: FailureSpec(
        FailureScope.SITE, Retry.BACKOFF, certainty=Certainty.UNSURE, cause=_DOWNLOAD,
        summary="The site responded with an error.",
        hint=(
            "The site responded with an error. Retrying automatically; open the post in a browser"
            " if this continues."
        ),
        final_hint="Open the post in a browser. If it plays there, try again later.",
        known_by="any other status",
    ),
    ErrorCode.LINK_EXPIRED: FailureSpec(
        FailureScope.POST, Retry.BACKOFF, cause=_DOWNLOAD,
        summary="The video link expired.",
        hint="The video link expired. Retrying automatically with a new one.",
        final_hint=(
            "New video links were refused too. If the video plays in your browser, try again later."
        ),
        known_by="401, 403 or 410 on a signed media URL, or its expiry has passed",
    ),
    ErrorCode.MEDIA_REFUSED: FailureSpec(
        FailureScope.POST, Retry.BACKOFF, cause=_DOWNLOAD,
        summary="The page names a video that its server does not give out.",
        hint=(
            "Retrying automatically. If the video plays in your browser, signing in to the site may"
            " help."
        ),
        final_hint="If the video plays in your browser, sign in to the site, then try again.",
        known_by="401, 403, 404 or 410 on a media URL that is not signed; 404 on any",
    ),
    ErrorCode.EMPTY_BODY: FailureSpec(
        FailureScope.POST, Retry.BACKOFF, cause=_DOWNLOAD,
        summary="The site sent an empty file.",
        hint="The site sent an empty file. Retrying automatically in another way.",
        final_hint=_TRY_LATER,
        known_by="200 without a byte",
    ),
    ErrorCode.INCOMPLETE: FailureSpec(
        FailureScope.POST, Retry.BACKOFF, cause=_DOWNLOAD,
        summary="The download was interrupted.",
        hint="The download was interrupted. Retrying automatically.",
        final_hint=_TRY_LATER,
        known_by="fewer bytes, segments or seconds than announced",
    ),
    ErrorCode.NOT_A_VIDEO: FailureSpec(
        FailureScope.POST, Retry.BACKOFF, cause=_DOWNLOAD,
        summary="The site sent something that isn't a video.",
        hint="Trying again in another way.",
        final_hint=_TRY_LATER,
        known_by="magic bytes: a page, a picture, JSON, a playlist, sound alone",
    ),
    ErrorCode.BAD_FILE: FailureSpec(
        FailureScope.POST, Retry.BACKOFF, cause=_DOWNLOAD,
        summary="The file is damaged.",
        hint="Trying again with another copy.",
        final_hint=_TRY_LATER,
        known_by=(
            "the probe: broken tables, pictures that do not decode, no sound where it was announced"
        ),
    ),
    ErrorCode.DAMAGED: FailureSpec(
        FailureScope.POST, Retry.BACKOFF, cause=_DAMAGED,
        summary="Parts of the file do not play.",
        hint=(
            "Parts of the file do not play. Retrying automatically; if the site has no better copy,"
            " keep the file anyway on the post's page."
        ),
        final_hint=(
            "Play the post in your browser. If it is damaged there too, keep the file anyway: on"
            " the post's page, or with `mediavault retry ID --as-it-is`. Otherwise try again later."
        ),
        label="Check the file",
        known_by=(
            "the probe: as `BAD_FILE`, or as `INCOMPLETE` if the site has delivered the same file"
            " before; at least one stream decodes in part"
        ),
    ),
    ErrorCode.NOT_AS_ANNOUNCED: FailureSpec(
        FailureScope.POST, Retry.CONFIRM, cause=_NOT_AS_ANNOUNCED,
        summary="The file plays, but it is not what the post announced.",
        hint=(
            "The file plays, but may be a preview or cut short. Retrying once; if it is all there"
            " is, save it as it is on the post's page."
        ),
        final_hint=(
            "Play the post in your browser. If there is no more of it, save the file as it is: on"
            " the post's page, or with `mediavault retry ID --as-it-is`. Otherwise try again later."
        ),
        label="Check the video",
        known_by=(
            "the probe: the file is whole by its own account, but shorter or longer than the post"
            " announced, without the sound that was announced, or with pictures and sound of which"
            " one ends more than a tenth before the other"
        ),
    ),
    ErrorCode.NO_SPACE: FailureSpec(
        FailureScope.MACHINE, Retry.MACHINE, http_status=507, stops=Stops.WORKER, cause=_DISK_FULL,
        summary="The disk is full.",
        hint="Free up space on the library's disk. Retrying automatically.",
        final_hint="Free up space on the library's disk, then try again.",
        known_by="free space before and during a download; ENOSPC and EDQUOT at any stage",
    ),
    ErrorCode.STORAGE: FailureSpec(
        FailureScope.MACHINE, Retry.MACHINE, http_status=507, stops=Stops.WORKER, cause=_DISK,
        summary="The library's disk or storage failed.",
        hint="Check that the library folder is mounted and writable.",
        known_by=(
            "any other error of a disk or of this computer at any stage (EIO, EROFS, ESTALE, EMFILE"
            " …), whose sentence names the folder and what helps; the object storage refuses, or"
            " does not respond"
        ),
    ),
    ErrorCode.LIVE_NOW: FailureSpec(
        FailureScope.POST, Retry.NOT_YET, cause=_NOT_OUT, page_outcome="live",
        summary="This is live now.",
        hint="Live right now. Retrying automatically until the recording is available.",
        final_hint="Live right now. Try again when the recording is available.",
        known_by="a playlist without an end, the platform's own data",
    ),
    ErrorCode.UPCOMING: FailureSpec(
        FailureScope.POST, Retry.NOT_YET, cause=_NOT_OUT, page_outcome="live",
        summary="Not released yet.",
        hint="Not released yet. Retrying automatically.",
        final_hint="Try again when it is released.",
        known_by="the platform's own data: announced, or still being processed",
    ),
    ErrorCode.EXTRACTOR_BROKEN: FailureSpec(
        FailureScope.SITE, Retry.DAILY, sign_in=SignInHelp.AT_WALLS, certainty=Certainty.UNSURE,
        cause=_UNREADABLE,
        summary="The site's page could not be read.",
        hint=(
            "The site has changed, or the page did not load as expected. Upgrade mediavault if this"
            " continues."
        ),
        known_by="data of a form that was never seen, or that did not come",
    ),
    ErrorCode.PAGE_UNREADABLE: FailureSpec(
        FailureScope.POST, Retry.CONFIRM, certainty=Certainty.UNSURE, cause=_SLOW_PAGE,
        summary="The site's page takes too long to read.",
        hint=(
            "Reading the page takes too much time or memory. If the video plays in your browser,"
            " please report it with the job's history."
        ),
        known_by=(
            "the process that reads pages used up its processor time, its time or its memory on"
            " what the site sent, or crashed"
        ),
    ),
    ErrorCode.BROWSER_UNAVAILABLE: FailureSpec(
        FailureScope.MACHINE, Retry.MACHINE, http_status=503, certainty=Certainty.UNSURE,
        cause=_BROWSER,
        summary="The browser could not be used.",
        hint="Run `mediavault doctor`; it says which browser is used or how to install one.",
        known_by="no browser, or it crashed or hung",
    ),
    ErrorCode.PAGE_TOO_HEAVY: FailureSpec(
        FailureScope.MACHINE, Retry.BACKOFF, cause=_MEMORY,
        summary="The page needs too much memory.",
        hint="If this computer has memory to spare, raise MEDIAVAULT_BROWSER_MEMORY_MB.",
        known_by=(
            "the processes of the browser together use more than `MEDIAVAULT_BROWSER_MEMORY_MB`,"
            " and the page's used the most"
        ),
    ),
    ErrorCode.RECOVERED_FROM_RESTART: FailureSpec(
        FailureScope.MACHINE, Retry.RECOVERY, cause=_RESTART,
        summary="The worker stopped in the middle of this job.",
        hint="The worker stopped in the middle of this job. It can be tried again.",
        known_by="the lease of a running job expired",
    ),
    ErrorCode.WORKER_DIED: FailureSpec(
        FailureScope.MACHINE, Retry.NEVER, cause=_CRASH,
        summary="The worker crashed twice while reading this post.",
        hint=(
            "If this computer was restarted or lost power both times, try again. Otherwise upgrade"
            " mediavault first."
        ),
        known_by=(
            "the worker's process ended twice in a row while it was reading this post, the second"
            " time while it was reading no other"
        ),
    ),
    ErrorCode.WORKER_FROZE: FailureSpec(
        FailureScope.MACHINE, Retry.CONFIRM, cause=_CRASH,
        summary="This post froze the worker.",
        hint="The worker was restarted. Retrying once; upgrade mediavault if this continues.",
        final_hint=(
            "This post froze the worker twice. Upgrade mediavault, then try again; report it with"
            " the job's log if this continues."
        ),
        known_by=(
            "the event loop did not run for a minute, and this post's code was what ran; the"
            " process restarts itself"
        ),
        retry_note="once, at once",
    ),
    ErrorCode.INTERNAL: FailureSpec(
        FailureScope.MACHINE, Retry.BACKOFF, cause=_BUG,
        summary="Something went wrong in mediavault.",
        hint="This is a bug in mediavault. Please report it with the job's history.",
        known_by="an unexpected exception",
    ),
}
# fmt: on

CAUSES: Mapping[str, Cause] = {
    spec.cause.key: spec.cause for spec in FAILURES.values() if spec.cause
}


class MediavaultError(Exception):
    """Base of all errors that mediavault raises on purpose.

    ``code`` is the condition, ``message`` says what happened, ``help`` what the user can do about
    it (by default, the hint of the code's row).
    """

    code: ErrorCode = ErrorCode.INTERNAL
    help: str = ""

    def __init__(self, message: str, *, help: str | None = None) -> None:  # noqa: A002 - the field's name in the API
        self.message = message if isinstance(message, Message) else Message(message)
        super().__init__(self.message)
        self.help = help if help is not None else self.help or self.spec.hint

    @property
    def spec(self) -> FailureSpec:
        """The code's row of the table."""
        return FAILURES[self.code]


# --- bad input ------------------------------------------------------------------------------------


class BadInput(MediavaultError):
    """The request cannot be accepted as it is."""

    code = ErrorCode.BAD_REQUEST


class BadUrl(BadInput):
    """Not a URL that mediavault accepts: only plain http and https, in unambiguous form."""

    code = ErrorCode.BAD_URL


class BadSetting(BadInput):
    """A MEDIAVAULT_* setting has a value that cannot be used. The process does not start."""

    code = ErrorCode.BAD_SETTING


class NotFound(BadInput):
    """There is no job, file or site of this name."""

    code = ErrorCode.NOT_FOUND


class JobNotFound(NotFound):
    """No job has this id."""


class AccountNotFound(NotFound):
    """No job belongs to this account."""


class IllegalMove(BadInput):
    """The job's status does not allow what was asked (core.job.TRANSITIONS)."""

    code = ErrorCode.ILLEGAL_MOVE


# --- store ----------------------------------------------------------------------------------------


class StoreError(MediavaultError):
    """The job store could not do what was asked."""

    code = ErrorCode.STORE_UNAVAILABLE


class StoreUnreachable(StoreError):
    """The database does not respond and may come back soon: a long-running process waits for it."""


class StoreDamaged(StoreError):
    """The database's file, or a row of it, is damaged. It is left untouched."""

    help = (
        "Stop mediavault. Then run `mediavault restore --set-aside FILE` where you have a backup,"
        " and `mediavault rebuild --set-aside`: the damaged file is kept next to the new one."
        " Saved videos are not affected."
    )


class StoreRemoved(StoreError):
    """The database's file was removed or replaced while it is open:
    what is written to it would be lost.
    """

    help = (
        "Put the state folder back where it was; mediavault then continues. If it is lost, stop"
        " mediavault, run"
        " `mediavault restore FILE` where you have a backup, and `mediavault rebuild`: the saved"
        " videos are not in it."
    )


class LeaseLost(StoreError):
    """The job was cancelled, removed or taken over, so this attempt has written nothing."""

    code = ErrorCode.LEASE_LOST


class SchemaTooNew(StoreError):
    """The database was written by a newer mediavault. It is left untouched."""

    code = ErrorCode.SCHEMA_TOO_NEW


class SchemaTooOld(StoreError):
    """The database was written by an older mediavault, from which there is no upgrade.
    It is left untouched.
    """

    code = ErrorCode.SCHEMA_TOO_OLD


# --- a job's failures -----------------------------------------------------------------------------


class Failure(MediavaultError):
    """An attempt, a stage or a strategy failed. Never raised itself: raise a Final,
    NeedsPerson or Retryable.
    """

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
        # what else failed, where this failure sums up several
        self.causes: tuple[Failure, ...] = ()


class Final(Failure):
    """Trying again cannot help."""

    code = ErrorCode.UNSUPPORTED


class Deleted(Final):
    code = ErrorCode.DELETED


class Private(Final):
    code = ErrorCode.PRIVATE


class AccountSuspended(Final):
    code = ErrorCode.ACCOUNT_SUSPENDED


class RegionLocked(Final):
    code = ErrorCode.REGION_LOCKED


class Drm(Final):
    code = ErrorCode.DRM


class Unsupported(Final):
    code = ErrorCode.UNSUPPORTED


class NotAPost(Final):
    code = ErrorCode.NOT_A_POST


class AddressRefused(Final):
    """The egress guard does not connect there: private, loopback, link-local, metadata and the
    like.

    Raised at submission for literal addresses (the API answers 422), and when a name or a redirect
    leads there.
    """

    code = ErrorCode.ADDRESS_REFUSED


class StoryExpired(Final):
    code = ErrorCode.STORY_EXPIRED


class Partial(Final):
    """Some of the post's videos are saved, and trying again cannot get the others."""

    code = ErrorCode.PARTIAL


class WorkerDied(Final):
    """The worker's process ended twice in a row while reading this post,
    the second time while reading no other.
    """

    code = ErrorCode.WORKER_DIED


class TooLarge(Final):
    code = ErrorCode.TOO_LARGE


class NeedsPerson(Failure):
    """The user has to sign in, answer or choose. The job stays failed until then."""

    code = ErrorCode.CHALLENGE


class LoginRequired(NeedsPerson):
    code = ErrorCode.LOGIN_REQUIRED


class SessionExpired(NeedsPerson):
    """The browser's session has a cookie of the site, but the site asks for a sign-in anyway."""

    code = ErrorCode.SESSION_EXPIRED


class AgeRestricted(NeedsPerson):
    code = ErrorCode.AGE_RESTRICTED


class AgeRestrictedSignedOut(AgeRestricted):
    """The site treated the visitor as not signed in when it asked for an age,
    whatever cookies were sent.
    """


class Challenge(NeedsPerson):
    code = ErrorCode.CHALLENGE


class AccountWarning(NeedsPerson):
    """The site has warned or locked the account: the site is left alone for a day."""

    code = ErrorCode.ACCOUNT_WARNING


class Ambiguous(NeedsPerson):
    code = ErrorCode.AMBIGUOUS


class ToolMissing(NeedsPerson):
    code = ErrorCode.TOOL_MISSING


class Retryable(Failure):
    """Another strategy or a later attempt can help."""

    code = ErrorCode.NETWORK


class RateLimited(Retryable):
    """The site asked us to slow down. ``retry_after`` is the time that it named,
    None when it named none.
    """

    code = ErrorCode.RATE_LIMITED


class SiteClosed(RateLimited):
    """The site is closed, and ``retry_after`` says until when."""

    code = ErrorCode.SITE_CLOSED


class AccountDayUsed(Retryable):
    """As many posts were read with the account as a day allows;
    ``retry_after`` is the time until the next.
    """

    code = ErrorCode.ACCOUNT_DAY_USED


class IpBlocked(Retryable):
    code = ErrorCode.IP_BLOCKED


class NetworkFailure(Retryable):
    """The site was not reached. Raised itself where this computer's network may be the cause."""

    code = ErrorCode.NETWORK


class SiteNotFound(NetworkFailure):
    code = ErrorCode.SITE_NOT_FOUND


class SiteUnreachable(NetworkFailure):
    code = ErrorCode.SITE_UNREACHABLE


class CertificateInvalid(NetworkFailure):
    code = ErrorCode.CERTIFICATE_INVALID


class TookTooLong(Retryable):
    code = ErrorCode.TIMEOUT


class ProxyFailed(Retryable):
    """The proxy through which the vault leaves its network does not work.
    The message names it without its password.
    """

    code = ErrorCode.PROXY_FAILED


class HttpError(Retryable):
    """A status that is neither success nor one of the kinds above. ``http_status`` holds it."""

    code = ErrorCode.HTTP_ERROR


class RedirectLoop(HttpError):
    code = ErrorCode.REDIRECT_LOOP


class AccessRefused(HttpError):
    """The site does not show its page to this visitor."""

    code = ErrorCode.ACCESS_REFUSED


class MediaRefused(HttpError):
    """The server of a media URL does not give it out, and the URL has not expired."""

    code = ErrorCode.MEDIA_REFUSED


class LinkExpired(Retryable):
    """401, 403 or 410 on a media URL; on one that is not signed,
    the worker turns it into :class:`MediaRefused`.
    """

    code = ErrorCode.LINK_EXPIRED


class EmptyBody(Retryable):
    code = ErrorCode.EMPTY_BODY


class Incomplete(Retryable):
    """Fewer bytes, segments or seconds than announced."""

    code = ErrorCode.INCOMPLETE


class CutShort(Incomplete):
    """A file whose transfer was whole ends early, or has a gap. ``plays``: some of it does."""

    plays = False


class NotAVideo(Retryable):
    """The bytes are something else: a web page, an image, JSON, sound only."""

    code = ErrorCode.NOT_A_VIDEO


class BadFile(Retryable):
    """A video that does not play completely: broken tables, undecodable frames,
    no sound where sound was announced.
    """

    code = ErrorCode.BAD_FILE
    plays = False  # some of it


class Damaged(BadFile):
    """A damaged file of which some plays: the user may keep it anyway."""

    code = ErrorCode.DAMAGED
    plays = True


class NotAsAnnounced(Retryable):
    """The file plays, but is not what the post announced:
    the user is asked whether to save it as it is.
    """

    code = ErrorCode.NOT_AS_ANNOUNCED


class NoSpace(Retryable):
    code = ErrorCode.NO_SPACE


class StorageFailure(Retryable):
    code = ErrorCode.STORAGE


class NotYet(Retryable):
    """The site has no complete video yet. Waiting for it uses up no attempt.

    ``starts_at`` is when the site says that it begins, in UTC; ``retry_after`` where it names a
    span instead.
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
        when = (
            Message(
                "%(message)s Announced for %(at)s UTC.",
                message=message,
                at=f"{starts_at:%Y-%m-%d %H:%M}",
            )
            if starts_at
            else message
        )
        super().__init__(
            when,
            help=help,
            http_status=http_status,
            bytes_received=bytes_received,
            retry_after=retry_after,
        )
        self.starts_at = starts_at


class Upcoming(NotYet):
    """Announced, or still being processed by the site."""

    code = ErrorCode.UPCOMING


class SeemsDeleted(Retryable):
    """A single sign says that the post is gone, and bot walls look the same:
    a second visit decides.
    """

    code = ErrorCode.DELETED


class PartialSoFar(Retryable):
    """Some of the post's videos are saved, and the others may be available later."""

    code = ErrorCode.PARTIAL


class ExtractorBroken(Retryable):
    code = ErrorCode.EXTRACTOR_BROKEN


class PageUnreadable(Retryable):
    """Reading what the site sent took more time or memory than one page may take:
    the reader was stopped.
    """

    code = ErrorCode.PAGE_UNREADABLE


class BrowserUnavailable(Retryable):
    """No browser, or it crashed or hung."""

    code = ErrorCode.BROWSER_UNAVAILABLE


class PageTooHeavy(Retryable):
    """The browser was about to take more memory than it may use,
    and the heaviest page was closed.
    """

    code = ErrorCode.PAGE_TOO_HEAVY


class WorkerFroze(Retryable):
    """The worker's event loop stopped while it worked on this post, and the process was restarted.

    ``retry_after`` is always given. The second time in a row the job is given up.
    """

    code = ErrorCode.WORKER_FROZE


class Internal(Retryable):
    """A bug of ours, caught by the worker's loop so that the job is not lost."""

    code = ErrorCode.INTERNAL
