"""What happened, for a reader of any language. Messages are stored as they were said, in English, and translated when they
are shown. Each condition has a sentence of its own: it stands before a message that no catalogue knows. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mediavault.api.appearance import current
from mediavault.api.catalogue import N_, SOURCE_LOCALE, gettext
from mediavault.api.message_patterns import translated
from mediavault.core.errors import ErrorCode

SENTENCES: Mapping[ErrorCode, str] = {
    ErrorCode.BAD_URL: N_("This is no address that can be taken."),
    ErrorCode.BAD_REQUEST: N_("This cannot be taken as it is."),
    ErrorCode.BAD_SETTING: N_("A setting has a value that cannot be used."),
    ErrorCode.ADDRESS_REFUSED: N_("The address lies in a private network, which posts may not reach."),
    ErrorCode.NOT_FOUND: N_("There is nothing by this name."),
    ErrorCode.ILLEGAL_MOVE: N_("The job's state does not allow this."),
    ErrorCode.UNAUTHORIZED: N_("This vault asks who you are."),
    ErrorCode.FORBIDDEN: N_("The request came from somewhere it may not come from."),
    ErrorCode.UNSUPPORTED_MEDIA_TYPE: N_("The request has a form that is not taken here."),
    ErrorCode.TOO_MANY: N_("That is too much at once."),
    ErrorCode.LEASE_LOST: N_("Another attempt, or a person, has taken the job."),
    ErrorCode.SCHEMA_TOO_NEW: N_("The database belongs to a newer mediavault."),
    ErrorCode.STORE_UNAVAILABLE: N_("The database does not answer."),
    ErrorCode.DELETED: N_("The post is gone."),
    ErrorCode.PRIVATE: N_("The post is private."),
    ErrorCode.REGION_LOCKED: N_("The post is locked in this region."),
    ErrorCode.DRM: N_("The video is copy-protected."),
    ErrorCode.UNSUPPORTED: N_("Links of this kind are not known."),
    ErrorCode.NO_VIDEO: N_("The post has no video."),
    ErrorCode.NOT_A_POST: N_("The address is not that of one post."),
    ErrorCode.TOO_LARGE: N_("The file is larger than is allowed."),
    ErrorCode.STORY_EXPIRED: N_("The story has run out."),
    ErrorCode.PARTIAL: N_("Not all of the post's videos could be had."),
    ErrorCode.LOGIN_REQUIRED: N_("The site asks for a sign-in."),
    ErrorCode.SESSION_EXPIRED: N_("The sign-in at the site has ended."),
    ErrorCode.AGE_RESTRICTED: N_("The site asks for an age."),
    ErrorCode.CHALLENGE: N_("The site asks whether a human is there."),
    ErrorCode.AMBIGUOUS: N_("Several videos were seen, and nothing says which is the post's."),
    ErrorCode.ACCOUNT_WARNING: N_("The site has warned the account."),
    ErrorCode.TOOL_MISSING: N_("A program that is needed is missing."),
    ErrorCode.RATE_LIMITED: N_("The site asks to slow down."),
    ErrorCode.ACCOUNT_DAY_USED: N_("The account has looked at enough posts for one day."),
    ErrorCode.IP_BLOCKED: N_("The site refuses this machine's address."),
    ErrorCode.NETWORK: N_("The site could not be reached."),
    ErrorCode.TIMEOUT: N_("The site took too long."),
    ErrorCode.HTTP_ERROR: N_("The site answered with an error."),
    ErrorCode.LINK_EXPIRED: N_("The media link has run out."),
    ErrorCode.EMPTY_BODY: N_("The site sent an empty file."),
    ErrorCode.INCOMPLETE: N_("The transfer broke off."),
    ErrorCode.NOT_A_VIDEO: N_("What the site sent is no video."),
    ErrorCode.BAD_FILE: N_("The file is damaged."),
    ErrorCode.NO_SPACE: N_("The disk is full."),
    ErrorCode.STORAGE: N_("The library's disk or storage failed."),
    ErrorCode.LIVE_NOW: N_("This is live now."),
    ErrorCode.UPCOMING: N_("This is not out yet."),
    ErrorCode.EXTRACTOR_BROKEN: N_("The site's page was not understood."),
    ErrorCode.PAGE_UNREADABLE: N_("The site's page takes too long to read."),
    ErrorCode.BROWSER_UNAVAILABLE: N_("The browser could not be used."),
    ErrorCode.PAGE_TOO_HEAVY: N_("The page needs too much memory."),
    ErrorCode.RECOVERED_FROM_RESTART: N_("The worker stopped in the middle of the job."),
    ErrorCode.WORKER_DIED: N_("The worker stopped twice while it was reading the post."),
    ErrorCode.WORKER_FROZE: N_("The post froze the worker."),
    ErrorCode.INTERNAL: N_("Something went wrong inside mediavault."),
}


@dataclass(frozen=True, slots=True)
class Said:
    """``text`` is in the reader's language; ``original`` the message in English where ``text`` is not it, else ""."""

    text: str
    original: str = ""


def said(code: ErrorCode | None, message: str) -> Said:
    """A message of this condition, for whoever asked. English readers get it as it is."""
    there = translated(message)
    if not message or there != message or current().locale == SOURCE_LOCALE:
        return Said(there)
    return Said(gettext(SENTENCES[code]), message) if code is not None else Said(message)
