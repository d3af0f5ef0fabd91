"""Small records: what the vault stores apart from its jobs.
Each is a JSON object under a kind and a key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from mediavault.core.messages import Translatable
from mediavault.core.typed_records import from_named_json, to_named_json


class RecordKind(StrEnum):
    """Kinds of records. The values are stored: never rename one.
    The code that writes a kind documents its contents.
    """

    OWNER = "owner"
    USER = "user"
    SETUP = "setup"
    WEB_SESSION = "web_session"
    API_TOKEN = "api_token"  # noqa: S105 - a kind, no token
    SETTING = "setting"
    VERIFIED = "verified"
    DAMAGED = "damaged"
    CHECK_POSITION = "check_position"
    SAVED_SEARCH = "saved_search"
    SHARED_LINK = "shared_link"
    RSS_FEED = "rss_feed"
    ANSWER = "answer"
    SHARE = "share"
    PROFILE = "profile"
    EPISODE = "episode"
    ARRANGING = "arranging"
    MEDIA_SERVER = "media_server"
    NOTIFY_TARGET = "notify_target"
    NOTIFY_DELIVERY = "notify_delivery"
    NOTIFY_POSITION = "notify_position"
    IMPORT = "import"
    FINGERPRINT = "fingerprint"
    DECODING = "decoding"
    STOP_RECORDING = "stop_recording"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    SOURCE_PREVIEW = "source_preview"
    SOURCE_PICTURE = "source_picture"
    SITE_FILL = "site_fill"
    RETENTION_RULE = "retention_rule"
    RETENTION_PLAN = "retention_plan"
    INBOX_SEEN = "inbox_seen"
    REMOVED_POST = "removed_post"
    VOLUME = "volume"
    PAUSE = "pause"
    SIGN_IN_TRIAL = "sign_in_trial"
    LOSS = "loss"
    UNDO = "undo"


# What is copied when a vault moves to another database or is restored from a backup. Users sign in
# again, a setup token is valid only on the machine that printed it, answers are kept for a day
# only, what waits to be delivered is delivered by the old vault, a recording that is to end is on
# the machine that records it, the volume of the day is that of a machine's line, a preview of a
# source and an undo are of the next hour, and what a database may have lost is not lost to another.
MOVING_KINDS = (
    RecordKind.OWNER,
    RecordKind.USER,
    RecordKind.API_TOKEN,
    RecordKind.SETTING,
    RecordKind.SAVED_SEARCH,
    RecordKind.SHARED_LINK,
    RecordKind.PROFILE,
    RecordKind.PAUSE,
    RecordKind.SIGN_IN_TRIAL,
    RecordKind.RSS_FEED,
    RecordKind.NOTIFY_TARGET,
    RecordKind.VERIFIED,
    RecordKind.DAMAGED,
    RecordKind.FINGERPRINT,
    RecordKind.DECODING,
    RecordKind.ACCEPTED,
    RecordKind.REFUSED,
    RecordKind.EPISODE,
    RecordKind.ARRANGING,
    RecordKind.SOURCE_PICTURE,
    RecordKind.INBOX_SEEN,
    RecordKind.REMOVED_POST,
    RecordKind.RETENTION_RULE,
)

# Of these there may be hundreds of thousands: they are read and copied in pages, never all at once.
MANY_KINDS = frozenset(
    {
        RecordKind.SOURCE_PICTURE,
        RecordKind.REMOVED_POST,
    }
)

# about a job's files, by its id: they go when it is removed
CHECK_KINDS = (RecordKind.VERIFIED, RecordKind.DAMAGED)
FILE_KINDS = (
    *CHECK_KINDS,
    RecordKind.FINGERPRINT,
    RecordKind.DECODING,
    RecordKind.ACCEPTED,
    RecordKind.REFUSED,
)


@dataclass(frozen=True, slots=True)
class Record:
    """A JSON value under a kind and a key. Times are by the store's clock."""

    kind: RecordKind
    key: str
    value: Mapping[str, Any]
    updated_at: datetime
    expires_at: datetime | None = None


class CheckVerdict(StrEnum):
    """What a check of a saved file found. The values are stored: never rename one."""

    WHOLE = "whole"
    CHANGED = "changed"  # a different size or content
    MISSING = "missing"
    UNREADABLE = "unreadable"  # the disk or the storage did not return its bytes
    DAMAGED = "damaged"  # its bytes are as saved, but they do not play from beginning to end


@dataclass(frozen=True, slots=True)
class FileCheck:
    """The result of reading a job's file from end to end, at ``at``.

    ``detail`` explains a verdict other than WHOLE, and is a remark about a whole file, "" where
    there is none.
    """

    at: datetime
    verdict: CheckVerdict
    detail: Translatable = ""


def checks_to_json(checks: Mapping[int, FileCheck]) -> dict[str, Any]:
    """Return the value of a ``verified`` record, whose key is the job's id.

    The keys of ``checks`` are the indexes of the files' items.
    """
    return {str(index): to_named_json(check, whole=True) for index, check in checks.items()}


def checks_from_json(value: Mapping[str, Any]) -> dict[int, FileCheck]:
    """Invert :func:`checks_to_json`. Raises LookupError,
    ValueError or TypeError for any other value.
    """
    return {int(index): from_named_json(FileCheck, check) for index, check in value.items()}
