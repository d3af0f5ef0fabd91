"""What an object storage's refusals mean for a person. Pure: a name of the condition and the server's words in."""

from __future__ import annotations

import re
from enum import Enum, auto

from mediavault.core.failures import NoSpace, StorageFailure
from mediavault.services.vault.bucket_address import BucketAddress, Provider

_STATUS = re.compile(r"non-2xx status code: (\d{3})")
_CODE = re.compile(r"<Code>([A-Za-z0-9_.-]{1,60})</Code>")
_FULL = re.compile(r"status code: 507|QuotaExceeded|StorageFull|InsufficientStorage", re.I)
_NO_BUCKET = re.compile(r"NoSuchBucket|ContainerNotFound|specified (bucket|container) does not exist", re.I)
_NO_KEYS = re.compile(
    r"169\.254\.169\.254|metadata\.google\.internal|no .{0,30}credentials|missing .{0,30}(credential|key)", re.I
)
_ELSEWHERE = re.compile(r"PermanentRedirect|AuthorizationHeaderMalformed|status code: 301|Received redirect", re.I)
_BUSY = re.compile(r"SlowDown|ServerBusy|TooManyRequests|RequestLimitExceeded|status code: (429|503)", re.I)
_CLOCK = re.compile(r"RequestTimeTooSkewed|request is too old", re.I)

_VARIABLES = {
    Provider.S3: "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    Provider.GOOGLE: "GOOGLE_APPLICATION_CREDENTIALS",
    Provider.AZURE: "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
}


class Refusal(Enum):
    """What the client's library made of an answer."""

    DENIED = auto()
    NOT_FOUND = auto()
    OTHER = auto()


def is_missing_bucket(words: str) -> bool:
    """Whether it is the bucket that is not there, and not an object in it. A HEAD's answer has no words."""
    return bool(_NO_BUCKET.search(words))


def as_ours(refusal: Refusal, words: str, address: BucketAddress) -> StorageFailure | NoSpace:
    """The failure that a job or the doctor shows. ``words`` are the library's, with the server's answer in them."""
    keys = _VARIABLES[address.provider]
    if _FULL.search(words):
        return NoSpace(f"{address} has no room left.", help="Free some space in the bucket, or raise its quota.")
    if is_missing_bucket(words):
        return StorageFailure(
            f"There is no bucket {address.bucket!r}.", help="Create it, or correct MEDIAVAULT_VAULT_URL."
        )
    if _CLOCK.search(words):
        return StorageFailure(f"{address} finds this machine's clock wrong.", help="Set the clock; NTP keeps it right.")
    if _NO_KEYS.search(words):
        return StorageFailure(f"No credentials for {address} were found.", help=f"Set {keys}.")
    if _ELSEWHERE.search(words):
        return StorageFailure(
            f"{address} is in another region.", help="Name it in MEDIAVAULT_VAULT_URL: ?region=eu-central-1"
        )
    if refusal is Refusal.DENIED:
        return StorageFailure(
            f"{address} refuses this vault's credentials{_code(words)}.",
            help=f"Check {keys}, and that they may list the bucket and read, write and delete in it.",
        )
    if _BUSY.search(words):
        return StorageFailure(f"{address} asks us to slow down.", help="Nothing to do: the next try is scheduled.")
    return _unhelpful(refusal, words, address)


def _unhelpful(refusal: Refusal, words: str, address: BucketAddress) -> StorageFailure:
    if refusal is Refusal.NOT_FOUND:
        return StorageFailure(
            f"{address} has no such bucket or object.",
            help="Check that it exists. Does something else write in that folder?",
        )
    if status := _STATUS.search(words):
        return StorageFailure(
            f"{address} answered {status[1]}{_code(words)}.",
            help="The next try is scheduled. If this stays, look at the storage's own state page or log.",
        )
    return StorageFailure(
        f"{address} cannot be reached{_reason(words)}.",
        help=f"Check the network{' and the endpoint in MEDIAVAULT_VAULT_URL' if address.endpoint else ''}; the next try is scheduled.",
    )


def _code(words: str) -> str:
    code = _CODE.search(words)
    return f" ({code[1]})" if code else ""


def _reason(words: str) -> str:
    for sign, reason in (
        ("dns error", "its name is not known"),
        ("Connection refused", "connection refused"),
        ("timed out", "it took too long"),
        ("certificate", "its certificate is not trusted"),
    ):
        if sign.lower() in words.lower():
            return f": {reason}"
    return ""
