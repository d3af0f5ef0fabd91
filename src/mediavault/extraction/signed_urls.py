"""When a signed media URL expires, read from the URL itself. Pure; no network.

Each form is a row of a table; ``signed_values`` reads the values. Of several forms in one URL the
earliest time counts, since each of them alone ends it.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, unquote, urlsplit

from mediavault.core.urls import MAX_MEDIA_URL_CHARS
from mediavault.extraction.page_data import values

_EARLIEST = datetime(2005, 1, 1, tzinfo=UTC)
_LATEST = datetime(2101, 1, 1, tzinfo=UTC)
_MILLISECONDS_FROM = 10_000_000_000  # as seconds this is the year 2286


def epoch(number: float) -> datetime | None:
    """Read seconds since 1970, or milliseconds; fractions are cut off."""
    try:
        seconds = int(number) // 1_000 if number >= _MILLISECONDS_FROM else int(number)
        moment = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return moment if _EARLIEST <= moment < _LATEST else None


def decimal(text: str) -> datetime | None:
    """Read ten digits as seconds, thirteen as milliseconds; a fraction may follow."""
    match = re.fullmatch(r"([0-9]{10}|[0-9]{13})(?:\.[0-9]{1,9})?", text)
    return epoch(int(match[1])) if match else None


def hexadecimal(text: str) -> datetime | None:
    """Read eight hexadecimal digits: seconds since 1970."""
    return epoch(int(text, 16)) if re.fullmatch(r"[0-9A-Fa-f]{8}", text) else None


def decimal_or_hexadecimal(text: str) -> datetime | None:
    """Read either form, for vendors whose documentation allows both."""
    return decimal(text) or hexadecimal(text)


def iso(text: str) -> datetime | None:
    """Read ISO 8601; a date alone means its first second. In UTC where it names no zone."""
    if len(text) > 40 or not re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{8}T", text):
        return None
    try:
        moment = datetime.fromisoformat(text.replace(" ", "+"))  # a query's "+02:00", decoded
        return epoch(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp())
    except (ValueError, OverflowError):
        return None


def decimal_or_iso(text: str) -> datetime | None:
    return decimal(text) or iso(text)


def leading(text: str) -> datetime | None:
    """Read ``epoch,signature``, ``epoch-…`` and ``epoch_…``."""
    match = re.match(r"([0-9]{10})[,_-]", text)
    return decimal(match[1]) if match else None


def trailing(text: str) -> datetime | None:
    """Read ``signature,epoch``."""
    match = re.search(r",([0-9]{10})$", text)
    return decimal(match[1]) if match else None


def end_of_span(text: str) -> datetime | None:
    """Read the end of ``start;end``, both in seconds."""
    match = re.fullmatch(r"[0-9]{10};([0-9]{10})", text)
    return decimal(match[1]) if match else None


def behind_digest(text: str) -> datetime | None:
    """Read the epoch after eight letters of a digest."""
    match = re.fullmatch(r"[0-9a-f]{8}([0-9]{10})", text)
    return decimal(match[1]) if match else None


_AKAMAI = re.compile(r"(?:^|[~/?&=;!*,])exp(?:ires)?=([0-9]{9,11})(?=[~*!/&]|$)", re.IGNORECASE)


def akamai(text: str) -> datetime | None:
    """Read ``exp=`` in a list separated by tildes,
    or its equivalent (``Expires=`` of Google's Media CDN).
    """
    match = _AKAMAI.search(text)
    return decimal(match[1]) if match else None


def fastly(text: str) -> datetime | None:
    """Read ``epoch_signature``, or Brightcove's base64 of ``hexadecimal epoch_signature``."""
    match = re.match(rb"([0-9a-f]{8})_[0-9a-f]{16}", _base64(text[:200]))
    return leading(text) or (hexadecimal(match[1].decode()) if match else None)


def token(text: str) -> datetime | None:
    """Read Twitch's signed JSON text, a JSON Web Token (RFC 7519, section 4.1.4),
    or ``epoch_signature``.
    """
    if text.startswith("{"):
        return _named(
            values.parsed(text), ("expires", "expire", "exp", "expires_at", "expiry", "expiration")
        )
    return jwt(text) or leading(text)


def jwt(text: str) -> datetime | None:
    """Read ``exp`` from a JSON Web Token's payload."""
    parts = text.split(".", 3)
    return _named(_base64_json(parts[1]), ("exp",)) if len(parts) == 3 else None


def base64_json(text: str) -> datetime | None:
    """Read ``e`` or ``exp`` from a JSON object in URL-safe base64 (Flickr's ``s``)."""
    return _named(_base64_json(text), ("e", "exp", "expires"))


def policy(text: str) -> datetime | None:
    """Read CloudFront's policy, whose base64 has ``-`` for ``+``, ``_`` for ``=``,
    ``~`` for ``/``.
    """
    standard = (
        text.replace("_", "").replace("=", "").replace("+", "-").replace("~", "_").replace("/", "_")
    )
    statements = _at(_base64_json(standard), "Statement")
    for statement in statements if isinstance(statements, list) else ():
        if moment := _number(
            _at(_at(_at(statement, "Condition"), "DateLessThan"), "AWS:EpochTime")
        ):
            return moment
    return None


def _base64(text: str) -> bytes:
    try:
        bare = text.rstrip("=")
        return base64.urlsafe_b64decode(bare + "=" * (-len(bare) % 4))
    except (binascii.Error, ValueError):
        return b""


def _base64_json(text: str) -> object:
    return values.parsed(_base64(text).decode("utf-8", "replace"))


def _at(value: object, name: str) -> object:
    return value.get(name) if isinstance(value, Mapping) else None


def _named(value: object, names: Iterable[str]) -> datetime | None:
    return next((moment for name in names if (moment := _number(_at(value, name)))), None)


def _number(value: object) -> datetime | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    return decimal_or_iso(value) if isinstance(value, str) else epoch(value)


# LinkedIn's ``e`` of a URL that does not expire; the last second of a signed 32-bit clock
_NEVER = 2_147_483_647


def signed_url_expiry(url: str) -> datetime | None:
    """Return when ``url`` expires, in UTC and to the second; None when it does not say.

    Reads decimal epochs (``expire``, ``expires``, ``x-expires``, ``Expires``, ``exp``,
    ``deadline``, ``validto``, ``…endtime``; ``e`` with a signature), in seconds or milliseconds,
    hexadecimal ones (``oe``, Discord's ``ex``, Tencent's ``txTime`` and ``t``, ``wsTime``),
    ``X-Amz-Date`` + ``X-Amz-Expires`` and its Google, OSS and TOS twins, Azure's ``se``,
    CloudFront's ``Policy``, ``exp=…~acl=…~hmac=…`` tokens in query or path, the JSON of Twitch's
    ``token``, the payload of a JWT in query or path, ``epoch,signature`` (reddit's ``a``),
    ``epoch-…`` (Dailymotion's ``auth``, Alibaba's ``auth_key``, Cloudflare's ``verify``),
    ``signature,epoch`` (CDN77), ``/expire/N/``, ``&expires=N&`` and ``/<hex digest>/<8 hex>/`` in
    the path, and all of them in the target of Facebook's ``video_redirect``. Never raises; URLs
    longer than ``MAX_MEDIA_URL_CHARS`` are read to there.
    """
    url = url[:MAX_MEDIA_URL_CHARS]
    return min(
        (moment for moment in _moments(url) if int(moment.timestamp()) != _NEVER), default=None
    )


def is_signed(url: str) -> bool:
    """Whether ``url`` carries a signature that expires, also where its expiry is missing or cannot
    be read.

    A signature without any mention of an expiry (reddit's ``s`` on pictures, Dailymotion's ``sec``)
    does not count, because such URLs work for as long as a post's other ones.
    """
    url = url[:MAX_MEDIA_URL_CHARS]
    query = _query(url)
    if not _UNMISTAKABLE.isdisjoint(query) or any(
        mark in url.lower() for mark in _AKAMAI_SIGNATURES
    ):
        return True
    if next(_moments(url), None) is not None:
        return True
    return not _END_NAMES.isdisjoint(query) and not _SIGNATURE_NAMES.isdisjoint(query)


# fmt: off
_UNMISTAKABLE = frozenset([
    "x-amz-signature", "x-goog-signature", "x-oss-signature", "key-pair-id", "hdnts", "hdnea",
    "hdntl", "__token__", "txsecret", "wssecret", "auth_key", "fastly_token", "wowzatokenhash",
])
_AKAMAI_SIGNATURES = ("~hmac=", "~hmac%3d")
_END_NAMES = frozenset([
    "expire", "expires", "x-expires", "exp", "expiry", "expires_at", "oe", "se", "deadline",
    "validto", "txtime",
    "wstime", "endtime",
])
_SIGNATURE_NAMES = frozenset([
    "sig", "sign", "signature", "ssig", "upsig", "x-signature", "oh", "hash", "hmac", "md5", "st",
    "token", "secure",
    "googleaccessid", "awsaccesskeyid",
])
# fmt: on


def _moments(url: str) -> Iterator[datetime]:
    query = _query(url)
    for name, value in query.items():
        for read in _readers(name, value):
            if moment := read(value):
                yield moment
    if nested := _redirected(url, query):
        yield from _moments(nested)
    for read_pair in (_relative, _epoch_with_signature, _azure, _discord, _tencent):
        if moment := read_pair(query):
            yield moment
    yield from _in_path(url)


def _query(url: str) -> dict[str, str]:
    """Return the parameters: lower-case names, the first value of each.
    ``&amp;`` from page source counts as ``&``.
    """
    try:
        pairs = parse_qsl(urlsplit(url).query, keep_blank_values=True)
    except ValueError:  # brackets that are not an IPv6 address
        return {}
    return {name.lower().removeprefix("amp;"): value for name, value in reversed(pairs)}


# --- in the query ---------------------------------------------------------------------------------

_Read = Callable[[str], datetime | None]

# ``expire`` of googlevideo and TikTok, its ``x-expires`` and ``VExpiration``; ``Expires`` of
# CloudFront, GCS, S3's form 2, Weibo, BunnyCDN and nginx's secure_link; ``expiry``, ``expires_at``,
# ``token_expires`` …
_SAYS_END = "expir"
_BY_NAME: Mapping[str, _Read] = {
    "exp": decimal_or_iso,
    "deadline": decimal,  # Bilibili
    "validto": decimal,
    "valid_until": decimal,
    "endtime": decimal,
    "wowzatokenendtime": decimal,
    "oe": hexadecimal,  # Meta
    "a": leading,  # reddit: epoch,signature
    "auth": leading,  # Dailymotion: epoch-level-…
    "auth_key": leading,  # Alibaba: epoch-random-uid-md5
    "verify": leading,  # Cloudflare: epoch-mac
    "__gda__": leading,  # Akamai's older token: epoch_hash
    "token2": leading,  # Vimeo, until 2015: epoch_hash
    "secure": trailing,  # CDN77: hash,epoch
    "hdnts": akamai,
    "hdnea": akamai,
    "hdntl": akamai,
    "token": token,
    "access_token": token,
    "policy": policy,
    "fastly_token": fastly,
    "txtime": decimal_or_hexadecimal,  # Tencent, with txSecret
    "wstime": decimal_or_hexadecimal,  # Wangsu, with wsSecret
    "q-sign-time": end_of_span,  # Tencent's COS
    "_upt": behind_digest,  # UPYUN
}


def _readers(name: str, value: str) -> Iterator[_Read]:
    """Yield the readers for a parameter: by its name, and by a value that is a token whatever it is
    called.

    Brightcove's ``bcov_auth`` and Cloudinary's are such tokens.
    """
    if by_name := _BY_NAME.get(name):
        yield by_name
    elif _SAYS_END in name:
        yield decimal_or_iso
    if "~" in value:
        yield akamai
    if value.startswith("eyJ"):
        yield jwt if "." in value else base64_json


# S3's version 4 and vendors that adopted it
_RELATIVE = ("x-amz", "x-goog", "x-oss", "x-tos", "x-obs", "x-cos")


def _relative(query: Mapping[str, str]) -> datetime | None:
    for vendor in _RELATIVE:
        start, lasts = query.get(f"{vendor}-date", ""), query.get(f"{vendor}-expires", "")
        if re.fullmatch(r"[0-9]{8}T[0-9]{6}Z", start) and re.fullmatch(r"[0-9]{1,9}", lasts):
            try:
                begin = datetime.strptime(start, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
                return epoch((begin + timedelta(seconds=int(lasts))).timestamp())
            except (ValueError, OverflowError):
                continue
    return None


_WITH_E = frozenset(
    ["t", "s", "st", "h", "sig", "sign", "signature", "hash", "token", "md5", "hmac", "key"]
)


def _redirected(url: str, query: Mapping[str, str]) -> str | None:
    """Return the URL to which Facebook's ``/video_redirect/?src=…`` leads; both expire together."""
    target = query.get("src", "")
    return (
        target
        if "/video_redirect/" in url
        and target.startswith("https://")
        and "_redirect/" not in target
        else None
    )


def _epoch_with_signature(query: Mapping[str, str]) -> datetime | None:
    """Read ``e`` where a signature is with it, since the name is too short to be believed alone.

    LinkedIn has ``t`` with it, reddit ``s``, nginx ``st``, ``md5``.
    """
    return None if _WITH_E.isdisjoint(query) else decimal(query.get("e", ""))


def _azure(query: Mapping[str, str]) -> datetime | None:
    return iso(query.get("se", "")) if "sig" in query else None


def _discord(query: Mapping[str, str]) -> datetime | None:
    return hexadecimal(query.get("ex", "")) if "hm" in query else None


def _tencent(query: Mapping[str, str]) -> datetime | None:
    """Read the URLs of Tencent's video service: ``t`` in hexadecimal with the MD5 of ``sign``."""
    signed = re.fullmatch(r"[0-9a-f]{32}", query.get("sign", ""))
    return decimal_or_hexadecimal(query.get("t", "")) if signed else None


# --- in the path ----------------------------------------------------------------------------------

_PATH_EPOCH = re.compile(
    r"[/&;](?:expires?|exp)[/=]([0-9]{10}|[0-9]{13})(?=[/,;&~]|$)", re.IGNORECASE
)
# TikTok's and Yandex's older CDNs, lighttpd's secdownload: /<MD5 or SHA>/<hexadecimal epoch>/
_PATH_HEX = re.compile(r"/(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64})/([0-9a-f]{8})(?=/)")
# CDN77's and nginx's secure_link: /<base64 MD5>,<epoch>/ or with a slash. Other hashes are followed
# by the time of an upload
_PATH_DIGEST_EPOCH = re.compile(r"/[\w-]{22}(?:==)?[,/]([0-9]{10})(?=/)")
_PATH_JWT = re.compile(r"/(eyJ[\w-]+\.[\w-]+\.[\w-]+)(?=/|$)")  # Cloudflare Stream


def _in_path(url: str) -> Iterator[datetime]:
    try:
        path = urlsplit(url).path
    except ValueError:
        return
    for form, read in _PATH_FORMS:
        if (match := form.search(path)) and (moment := read(match[1])):
            yield moment
    if ("~" in path or "%7E" in path.upper()) and (moment := akamai(unquote(path))):
        yield moment


_PATH_FORMS: tuple[tuple[re.Pattern[str], _Read], ...] = (
    (_PATH_EPOCH, decimal),
    (_PATH_HEX, hexadecimal),
    (_PATH_DIGEST_EPOCH, decimal),
    (_PATH_JWT, jwt),
)
