"""When a signed media address stops working, read from the address itself. Pure; no network.

One table row a form. A value that is malformed or lies outside 2000 to 2100 counts as absent, so that a counter, a
size or a relative time is never taken for a moment. Several forms in one address: the earliest moment counts, since
each of them alone ends it.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, unquote, urlsplit

_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_LATEST = datetime(2100, 1, 1, tzinfo=UTC)
_NEVER = 2_147_483_647  # LinkedIn's ``e`` of an address that does not end; the last second of a signed 32-bit clock
_MAX_JSON_CHARS = 16_384  # a token inside an address; longer ones are no tokens


def signed_url_expiry(url: str) -> datetime | None:
    """When ``url`` stops working, in UTC and to the second; None when the address does not say.

    Reads decimal epochs (``expire``, ``expires``, ``x-expires``, ``Expires``, ``exp``, ``deadline``, ``validto``; ``e``
    beside a signature), hexadecimal ones (``oe``, Discord's ``ex``), ``X-Amz-Date`` + ``X-Amz-Expires`` and its Google,
    OSS and TOS twins, Azure's ``se``, CloudFront's ``Policy``, ``exp=…~acl=…~hmac=…`` tokens in query or path, the
    JSON of Twitch's ``token``, the payload of a JWT, reddit's ``a=epoch,signature``, Dailymotion's ``auth=epoch-…``,
    ``/expire/N/`` and ``/<32 hex>/<8 hex>/`` in the path. Never raises.
    """
    return min((moment for moment in _moments(url) if int(moment.timestamp()) != _NEVER), default=None)


def is_signed(url: str) -> bool:
    """Whether ``url`` carries a signature that this module can read: with its end, or plainly without one."""
    query = _query(url)
    return not _UNMISTAKABLE.isdisjoint(query) or next(_moments(url), None) is not None


_UNMISTAKABLE = frozenset({"x-amz-signature", "x-goog-signature", "key-pair-id", "hdnts", "hdnea", "hdntl"})


def _moments(url: str) -> Iterator[datetime]:
    query = _query(url)
    for name, value in query.items():
        if (read := _BY_NAME.get(name)) and (moment := read(value)):
            yield moment
        if "~" in value and (moment := _akamai(value)):
            yield moment
    for read_pair in (_relative, _epoch_beside_signature, _azure, _discord):
        if moment := read_pair(query):
            yield moment
    yield from _in_path(url)


def _query(url: str) -> dict[str, str]:
    """Lower-case names; the first value of each."""
    try:
        pairs = parse_qsl(urlsplit(url).query, keep_blank_values=True)
    except ValueError:  # brackets that are no IPv6 address
        return {}
    return {name.lower(): value for name, value in reversed(pairs)}


# --- values ----------------------------------------------------------------------------------------------------


def _epoch(seconds: float) -> datetime | None:
    try:
        moment = datetime.fromtimestamp(int(seconds), UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return moment if _EARLIEST <= moment < _LATEST else None


def _decimal(text: str) -> datetime | None:
    """Ten digits are seconds, thirteen milliseconds."""
    if not re.fullmatch(r"[0-9]{9,10}|[0-9]{13}", text):
        return None
    return _epoch(int(text) // 1_000 if len(text) == 13 else int(text))


def _hexadecimal(text: str) -> datetime | None:
    return _epoch(int(text, 16)) if re.fullmatch(r"[0-9A-Fa-f]{8}", text) else None


def _iso(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError:
        return None
    moment = moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    return _epoch(moment.timestamp())


def _decimal_or_iso(text: str) -> datetime | None:
    return _decimal(text) or _iso(text)


def _leading_epoch(text: str) -> datetime | None:
    """``epoch,signature``, ``epoch-…`` and ``epoch_…``."""
    match = re.match(r"([0-9]{10})[,_-]", text)
    return _decimal(match[1]) if match else None


_AKAMAI = re.compile(r"(?:^|[~/?&=;!*,])exp(?:ires)?=([0-9]{9,11})(?=[~*!]|$)", re.IGNORECASE)


def _akamai(text: str) -> datetime | None:
    match = _AKAMAI.search(text)
    return _decimal(match[1]) if match else None


def _json(text: str) -> object:
    if len(text) > _MAX_JSON_CHARS:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _base64_json(text: str) -> object:
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        return _json(raw.decode("utf-8"))
    except (binascii.Error, ValueError):
        return None


def _number_at(value: object, *path: str | int) -> datetime | None:
    for step in path:
        if isinstance(step, str) and isinstance(value, Mapping):
            value = value.get(step)
        elif isinstance(step, int) and isinstance(value, list) and len(value) > step:
            value = value[step]
        else:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    return _decimal(value) if isinstance(value, str) else _epoch(value)


def _token(text: str) -> datetime | None:
    """Twitch signs a JSON text; others send a JSON Web Token (RFC 7519, section 4.1.4)."""
    if text.startswith("{"):
        return _number_at(_json(text), "expires")
    parts = text.split(".")
    return _number_at(_base64_json(parts[1]), "exp") if len(parts) == 3 else _leading_epoch(text)


def _policy(text: str) -> datetime | None:
    """CloudFront's own base64 letters: ``-`` for ``+``, ``_`` for ``=``, ``~`` for ``/``."""
    standard = text.replace("_", "").replace("=", "").replace("+", "-").replace("~", "_").replace("/", "_")
    found = _base64_json(standard)
    return _number_at(found, "Statement", 0, "Condition", "DateLessThan", "AWS:EpochTime")


# --- forms -----------------------------------------------------------------------------------------------------

_Read = Callable[[str], datetime | None]

_BY_NAME: Mapping[str, _Read] = {
    "expire": _decimal,  # googlevideo, TikTok
    "expires": _decimal_or_iso,  # CloudFront, GCS, S3 v2, Weibo, nginx secure_link
    "x-expires": _decimal,  # TikTok's images
    "exp": _decimal,
    "expiry": _decimal_or_iso,
    "expiration": _decimal_or_iso,
    "expires_at": _decimal_or_iso,
    "deadline": _decimal,  # Bilibili
    "validto": _decimal,
    "valid_until": _decimal,
    "oe": _hexadecimal,  # Meta
    "a": _leading_epoch,  # reddit: epoch,signature
    "auth": _leading_epoch,  # Dailymotion: epoch-level-…
    "__gda__": _leading_epoch,  # Akamai's older token: epoch_hash
    "hdnts": _akamai,
    "hdnea": _akamai,
    "hdntl": _akamai,
    "token": _token,
    "jwt": _token,
    "access_token": _token,
    "policy": _policy,
    "txtime": _hexadecimal,  # Tencent, beside txSecret
}

_RELATIVE = ("x-amz", "x-goog", "x-oss", "x-tos", "x-obs", "x-cos")  # S3's form 4 and those who took it over


def _relative(query: Mapping[str, str]) -> datetime | None:
    for vendor in _RELATIVE:
        start, lasts = query.get(f"{vendor}-date", ""), query.get(f"{vendor}-expires", "")
        if re.fullmatch(r"[0-9]{8}T[0-9]{6}Z", start) and re.fullmatch(r"[0-9]{1,9}", lasts):
            try:
                begin = datetime.strptime(start, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
                return begin + timedelta(seconds=int(lasts))
            except (ValueError, OverflowError):
                continue
    return None


_SIGNATURES = frozenset({"t", "s", "st", "h", "sig", "sign", "signature", "hash", "token", "md5", "hmac", "key"})


def _epoch_beside_signature(query: Mapping[str, str]) -> datetime | None:
    """``e`` is too short a name to be believed alone: LinkedIn has ``t`` beside it, nginx ``st`` or ``md5``."""
    return None if _SIGNATURES.isdisjoint(query) else _decimal(query.get("e", ""))


def _azure(query: Mapping[str, str]) -> datetime | None:
    return _iso(query.get("se", "")) if "sig" in query else None


def _discord(query: Mapping[str, str]) -> datetime | None:
    return _hexadecimal(query.get("ex", "")) if "hm" in query else None


_PATH_EPOCH = re.compile(r"/(?:expires?|exp)[/=]([0-9]{10})(?=[/,;&~]|$)", re.IGNORECASE)
_PATH_HEX = re.compile(r"/[0-9a-f]{32}/([0-9a-f]{8})(?=/)")  # TikTok's older CDN: /<md5>/<hexadecimal epoch>/


def _in_path(url: str) -> Iterator[datetime]:
    try:
        path = urlsplit(url).path
    except ValueError:
        return
    found = (
        _decimal(match[1]) if (match := _PATH_EPOCH.search(path)) else None,
        _hexadecimal(match[1]) if (match := _PATH_HEX.search(path)) else None,
        _akamai(unquote(path)) if "~" in path or "%7E" in path.upper() else None,
    )
    yield from (moment for moment in found if moment)
