"""The address of a library in a bucket, read from ``MEDIAVAULT_VAULT_URL``, and what its refusals
mean. Pure.

The setting never contains keys or passwords.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, StrEnum, auto
from pathlib import PurePosixPath
from urllib.parse import parse_qsl, unquote, urlsplit

from mediavault.core.failures import BadSetting, NoSpace, StorageFailure
from mediavault.core.messages import Message

_EXAMPLE = (
    "s3://bucket/folder?region=eu-central-1, s3://bucket?endpoint=https://minio.lan:9000,"
    " gs://bucket/folder or az://container?account=name"
)


class Provider(StrEnum):
    """Whose API is used; the value is the URL's scheme."""

    S3 = "s3"
    GOOGLE = "gs"
    AZURE = "az"


# Provider -> what may follow the question mark
_OPTIONS = {
    Provider.S3: frozenset({"endpoint", "region", "style", "create"}),
    Provider.GOOGLE: frozenset({"create"}),
    Provider.AZURE: frozenset({"account", "endpoint", "create"}),
}
_CHOICES = {"style": {"path", "virtual"}, "create": {"check"}}


@dataclass(frozen=True, slots=True)
class BucketAddress:
    """``bucket`` is Azure's container. ``prefix`` is "" or a folder in it, without slashes at its
    ends.

    ``checks_first``: the endpoint ignores "If-None-Match: *", and the user accepts that workers
    look before they write instead.
    """

    provider: Provider
    bucket: str
    prefix: str = ""
    endpoint: str | None = None
    region: str | None = None
    account: str | None = None
    virtual_hosts: bool = False
    checks_first: bool = False

    def __str__(self) -> str:
        return f"{self.provider}://{self.bucket}" + (f"/{self.prefix}" if self.prefix else "")


def parse_bucket_address(text: str) -> BucketAddress:
    """Parse ``s3://bucket/prefix?endpoint=…&region=…``, ``gs://`` or ``az://``.
    Raises BadSetting.
    """
    try:
        parts = urlsplit(text)
        provider = Provider(parts.scheme.lower())
    except ValueError:
        raise _bad(
            Message(
                "%(text)s is not an object storage that this version knows",
                text=f"{text.partition(':')[0]!r}",
            )
        ) from None
    if "@" in parts.netloc:
        raise _bad(
            Message("do not put keys in the URL"),
            Message("Set them as the provider's own variables, as AWS_ACCESS_KEY_ID."),
        )
    if not parts.netloc:
        raise _bad(Message("it names no bucket"))
    prefix = unquote(parts.path).strip("/")
    if (prefix and PurePosixPath(prefix).as_posix() != prefix) or ".." in PurePosixPath(
        prefix
    ).parts:
        raise _bad(Message("%(prefix)s is not a plain folder", prefix=f"{prefix!r}"))
    options = _options(provider, parts.query)
    return BucketAddress(
        provider,
        parts.netloc,
        prefix,
        endpoint=_endpoint(options.get("endpoint")),
        region=options.get("region"),
        account=options.get("account"),
        virtual_hosts=options.get("style") == "virtual",
        checks_first=options.get("create") == "check",
    )


def _options(provider: Provider, query: str) -> dict[str, str]:
    options = dict(parse_qsl(query, keep_blank_values=True))
    if unknown := sorted(options.keys() - _OPTIONS[provider]):
        known = ", ".join(sorted(_OPTIONS[provider]))
        raise _bad(
            Message(
                "%(provider)s:// does not support %(unknown)s",
                provider=provider,
                unknown=", ".join(unknown),
            ),
            Message("Supported: %(known)s.", known=known),
        )
    for name, value in options.items():
        if value not in _CHOICES.get(name, {value or None}):
            raise _bad(
                Message("%(name)s=%(value)s is not a valid option", name=name, value=value),
                Message(
                    "One of: %(choices)s.",
                    choices=", ".join(sorted(_CHOICES.get(name, {"a value"}))),
                ),
            )
    return options


def _endpoint(text: str | None) -> str | None:
    if text is None:
        return None
    parts = urlsplit(text)
    if (
        parts.scheme not in ("http", "https")
        or not parts.hostname
        or "@" in parts.netloc
        or parts.query
    ):
        raise _bad(
            Message(
                "endpoint=%(text)s is not the address of a server", text=text.rpartition("@")[2]
            ),
            Message("As in endpoint=https://minio.lan:9000"),
        )
    return text.rstrip("/")


def _bad(what: str, advice: str | None = None) -> BadSetting:
    usual = Message("As in %(example)s; leave it unset for the download folder.", example=_EXAMPLE)
    return BadSetting(Message("MEDIAVAULT_VAULT_URL: %(what)s.", what=what), help=advice or usual)


# --- what its storage's refusals mean -------------------------------------------------------------

_STATUS = re.compile(r"non-2xx status code: (\d{3})")
_CODE = re.compile(r"<Code>([A-Za-z0-9_.-]{1,60})</Code>")
_FULL = re.compile(r"status code: 507|QuotaExceeded|StorageFull|InsufficientStorage", re.I)
_NO_BUCKET = re.compile(
    r"NoSuchBucket|ContainerNotFound|specified (bucket|container) does not exist", re.I
)
_NO_KEYS = re.compile(
    (
        r"169\.254\.169\.254|metadata\.google\.internal|no .{0,30}credentials|missing"
        r" .{0,30}(credential|key)"
    ),
    re.I,
)
_ELSEWHERE = re.compile(
    r"PermanentRedirect|AuthorizationHeaderMalformed|status code: 301|Received redirect", re.I
)
_BUSY = re.compile(
    r"SlowDown|ServerBusy|TooManyRequests|RequestLimitExceeded|status code: (429|503)", re.I
)
_CLOCK = re.compile(r"RequestTimeTooSkewed|request is too old", re.I)

_VARIABLES = {
    Provider.S3: Message("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
    Provider.GOOGLE: "GOOGLE_APPLICATION_CREDENTIALS",
    Provider.AZURE: Message("AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY"),
}


class BucketRefusal(Enum):
    """How obstore classifies an answer."""

    DENIED = auto()
    NOT_FOUND = auto()
    OTHER = auto()


def is_missing_bucket(words: str) -> bool:
    """Return whether the bucket itself is missing, not an object in it.
    The answer to a HEAD request has no text.
    """
    return bool(_NO_BUCKET.search(words))


def translate_refusal(
    refusal: BucketRefusal, words: str, address: BucketAddress
) -> StorageFailure | NoSpace:
    """Return the failure that a job or the doctor shows. ``words`` is obstore's text, which
    includes the server's answer.
    """
    keys = _VARIABLES[address.provider]
    if _FULL.search(words):
        return NoSpace(
            Message("%(address)s has no room left.", address=address),
            help="Free some space in the bucket, or raise its quota.",
        )
    if is_missing_bucket(words):
        return StorageFailure(
            Message("There is no bucket %(bucket)s.", bucket=f"{address.bucket!r}"),
            help="Create it, or correct MEDIAVAULT_VAULT_URL.",
        )
    if _CLOCK.search(words):
        return StorageFailure(
            Message("%(address)s finds this machine's clock wrong.", address=address),
            help="Set the clock; NTP keeps it right.",
        )
    if _NO_KEYS.search(words):
        return StorageFailure(
            Message("No credentials for %(address)s were found.", address=address),
            help=Message("Set %(keys)s.", keys=keys),
        )
    if _ELSEWHERE.search(words):
        return StorageFailure(
            Message("%(address)s is in another region.", address=address),
            help="Name it in MEDIAVAULT_VAULT_URL: ?region=eu-central-1",
        )
    if refusal is BucketRefusal.DENIED:
        return StorageFailure(
            Message(
                "%(address)s refuses this vault's credentials%(words)s.",
                address=address,
                words=_code(words),
            ),
            help=Message(
                "Check %(keys)s, and that they may list the bucket and read, write and delete in"
                " it.",
                keys=keys,
            ),
        )
    if _BUSY.search(words):
        return StorageFailure(
            Message("%(address)s asks us to slow down.", address=address),
            help="Nothing to do. Retrying automatically.",
        )
    return _unhelpful(refusal, words, address)


def _unhelpful(refusal: BucketRefusal, words: str, address: BucketAddress) -> StorageFailure:
    if refusal is BucketRefusal.NOT_FOUND:
        return StorageFailure(
            Message("%(address)s has no such bucket or object.", address=address),
            help="Check that it exists. Does something else write in that folder?",
        )
    if status := _STATUS.search(words):
        return StorageFailure(
            Message(
                "%(address)s answered %(status)s%(words)s.",
                address=address,
                status=status[1],
                words=_code(words),
            ),
            help=(
                "Retrying automatically. If this continues, look at the storage's own state page or"
                " log."
            ),
        )
    return StorageFailure(
        Message("%(address)s cannot be reached%(words)s.", address=address, words=_reason(words)),
        help="Check the network and the endpoint in MEDIAVAULT_VAULT_URL. Retrying automatically."
        if address.endpoint
        else "Check the network. Retrying automatically.",
    )


def _code(words: str) -> str:
    code = _CODE.search(words)
    return f" ({code[1]})" if code else ""


def _reason(words: str) -> str:
    for sign, reason in (
        ("dns error", Message("its name is not known")),
        ("Connection refused", Message("connection refused")),
        ("timed out", Message("it took too long")),
        ("certificate", Message("its certificate is not trusted")),
    ):
        if sign.lower() in words.lower():
            return f": {reason}"
    return ""
