"""Where an object library stands, read from ``MEDIAVAULT_VAULT_URL``. Keys and passwords never stand in it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath
from urllib.parse import parse_qsl, unquote, urlsplit

from mediavault.core.failures import BadSetting

_EXAMPLE = "s3://bucket/folder?region=eu-central-1, s3://bucket?endpoint=https://minio.lan:9000, gs://bucket/folder or az://container?account=name"


class Provider(StrEnum):
    """Whose interface is spoken; the value is the address's scheme."""

    S3 = "s3"
    GOOGLE = "gs"
    AZURE = "az"


# Provider -> what may follow the question mark
_OPTIONS = {
    Provider.S3: frozenset({"endpoint", "region", "style", "create"}),
    Provider.GOOGLE: frozenset({"create"}),
    Provider.AZURE: frozenset({"account", "endpoint", "create"}),
}
_CHOICES = {"style": {"path", "virtual"}, "create": {"look"}}


@dataclass(frozen=True, slots=True)
class BucketAddress:
    """``bucket`` is Azure's container. ``prefix`` is "" or a folder in it, without slashes at its ends.

    ``looks_first``: the endpoint has no "only if nothing is there", and whoever runs the vault accepts that its workers
    look before they write instead.
    """

    provider: Provider
    bucket: str
    prefix: str = ""
    endpoint: str | None = None
    region: str | None = None
    account: str | None = None
    virtual_hosts: bool = False
    looks_first: bool = False

    def __str__(self) -> str:
        return f"{self.provider}://{self.bucket}" + (f"/{self.prefix}" if self.prefix else "")


def parse_bucket_address(text: str) -> BucketAddress:
    """``s3://bucket/prefix?endpoint=…&region=…``, ``gs://``, ``az://``. Raises BadSetting that names what is wrong."""
    try:
        parts = urlsplit(text)
        provider = Provider(parts.scheme.lower())
    except ValueError:
        raise _bad(f"{text.partition(':')[0]!r} is no object storage that this version knows") from None
    if "@" in parts.netloc:
        raise _bad(
            "keys do not belong into the address", "Set them as the provider's own variables, as AWS_ACCESS_KEY_ID."
        )
    if not parts.netloc:
        raise _bad("it names no bucket")
    prefix = unquote(parts.path).strip("/")
    if (prefix and PurePosixPath(prefix).as_posix() != prefix) or ".." in PurePosixPath(prefix).parts:
        raise _bad(f"{prefix!r} is no plain folder")
    options = _options(provider, parts.query)
    return BucketAddress(
        provider,
        parts.netloc,
        prefix,
        endpoint=_endpoint(options.get("endpoint")),
        region=options.get("region"),
        account=options.get("account"),
        virtual_hosts=options.get("style") == "virtual",
        looks_first=options.get("create") == "look",
    )


def _options(provider: Provider, query: str) -> dict[str, str]:
    options = dict(parse_qsl(query, keep_blank_values=True))
    if unknown := sorted(options.keys() - _OPTIONS[provider]):
        known = ", ".join(sorted(_OPTIONS[provider]))
        raise _bad(f"{provider}:// knows no {', '.join(unknown)}", f"It knows {known}.")
    for name, value in options.items():
        if value not in _CHOICES.get(name, {value or None}):
            raise _bad(f"{name}={value} says nothing", f"One of: {', '.join(sorted(_CHOICES.get(name, {'a value'})))}.")
    return options


def _endpoint(text: str | None) -> str | None:
    if text is None:
        return None
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc or parts.query:
        raise _bad(
            f"endpoint={text.rpartition('@')[2]} is no address of a server", "As in endpoint=https://minio.lan:9000"
        )
    return text.rstrip("/")


def _bad(what: str, help: str = f"As in {_EXAMPLE}; leave it unset for the download folder.") -> BadSetting:  # noqa: A002
    return BadSetting(f"MEDIAVAULT_VAULT_URL: {what}.", help=help)
