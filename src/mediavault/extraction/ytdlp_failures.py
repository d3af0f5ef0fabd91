"""Maps what yt-dlp reports as errors to our failures. Pure.

yt-dlp has a class for few conditions and a sentence for the rest, so the order of the rules
matters: "Sign in to confirm your age" is about age, "Sign in to confirm you're not a bot" about a
challenge. Read in yt-dlp 2026.10.26.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from mediavault.core.failures import (
    AddressRefused,
    AgeRestricted,
    Challenge,
    Deleted,
    Drm,
    ExtractorBroken,
    Failure,
    IpBlocked,
    LoginRequired,
    NetworkFailure,
    NotAPost,
    Private,
    RateLimited,
    RegionLocked,
    SessionExpired,
    TookTooLong,
    ToolMissing,
    Unsupported,
    Upcoming,
)
from mediavault.core.installation import command_to_install
from mediavault.core.media import NoVideo
from mediavault.core.messages import Message, join
from mediavault.core.platform import Platform
from mediavault.core.retry_after import parse_retry_after
from mediavault.extraction.page_data import values
from mediavault.extraction.walls import announced_wait, failure_of_status, site_name

Facts = Mapping[str, Any]  # one error as ytdlp_worker reports it


def failure_of(error: Facts, warnings: Sequence[str], platform: Platform) -> Failure:
    """Return the failure that ``error`` and the ``warnings`` before it amount to."""
    text = _text_of(error)
    failure = _failure_of(error, text, warnings, platform)
    if isinstance(failure, LoginRequired | AgeRestricted | Challenge) and _ENDED.search(
        "\n".join(warnings).lower()
    ):
        return SessionExpired(
            Message(
                "Your %(site)s sign-in has ended: %(message)s",
                site=platform.title,
                message=failure.message,
            )
        )
    return failure


# yt-dlp warns that the site no longer accepts the cookies, and then fails as if signed out.
_ENDED = re.compile(r"cookies (?:are|have) (?:no longer valid|expired)|cookies .{0,40}\brotated\b")


def _failure_of(error: Facts, text: str, warnings: Sequence[str], platform: Platform) -> Failure:
    return (
        _of_the_proxy(error, text)
        or _by_class(error, platform)
        or _by_words(text, platform)
        or _by_status(error, platform)
        or _by_missing_parts(text, warnings)
        or _by_cause(error, text, platform)
        or ExtractorBroken(
            Message("yt-dlp could not read the post: %(error)s.", error=_quoted(error))
        )
    )


def missing_part(warnings: Sequence[str]) -> ToolMissing | None:
    """Return the missing tool that yt-dlp's warnings name, where it can be installed;
    None for none.
    """
    text = "\n".join(warnings).lower()
    if _NO_RUNTIME.search(text):
        return ToolMissing(
            "YouTube's player needs a JavaScript runtime, and none is installed.",
            help=Message(
                "Install deno: %(install_youtube)s", install_youtube=command_to_install("youtube")
            ),
        )
    if _NO_IMPERSONATION.search(text):
        return ToolMissing(
            "The site wants a browser's TLS handshake, and what can imitate one is missing.",
            help=Message(
                "Install curl_cffi: %(install_youtube)s",
                install_youtube=command_to_install("youtube"),
            ),
        )
    return None


_NO_RUNTIME = re.compile(
    r"no supported javascript runtime|ensure you have a supported javascript runtime"
)
_NO_IMPERSONATION = re.compile(
    r"attempting impersonation|no impersonate target is available|impersonation dependency"
)


# --- the connection -------------------------------------------------------------------------------

# urllib, urllib3 and libcurl, in this order
_TUNNEL = re.compile(
    r"tunnel connection failed: (\d{3})|connect tunnel failed, response (\d{3})", re.IGNORECASE
)


def _of_the_proxy(error: Facts, text: str) -> Failure | None:
    """Return the failure of a response from the egress proxy itself.
    No server can say these words through it.
    """
    match = _TUNNEL.search(f"{text}\n{_causes(error)}")
    status = next(filter(None, match.groups()), None) if match else None
    word = {"403": "refused", "504": "late", None: error.get("proxy")}.get(status, "unreachable")
    if word == "refused":
        return AddressRefused("The post leads to an address that is not public.")
    if word == "late":
        return TookTooLong("The site did not answer in time.")
    return NetworkFailure("The site cannot be reached.") if word == "unreachable" else None


def _by_class(error: Facts, platform: Platform) -> Failure | None:
    kind = error.get("kind")
    if kind == "GeoRestrictedError":
        named = ", ".join(
            str(country)[:40] for country in values.items(error.get("countries"))[:10]
        )
        message = Message(
            "%(site)s does not show this post in this country.", site=site_name(platform)
        )
        return RegionLocked(
            join(" ", (message, Message("Allowed: %(named)s.", named=named))) if named else message
        )
    if kind == "UnsupportedError":
        return Unsupported("yt-dlp does not know this kind of address.")
    return NotAPost("This is a live channel that is not live.") if kind == "UserNotLive" else None


# --- words ----------------------------------------------------------------------------------------


def _by_words(text: str, platform: Platform) -> Failure | None:
    site = site_name(platform)
    for pattern, kind, sentence in _COMPILED:
        if pattern.search(text):
            return kind(
                Message(sentence, site=site),
                retry_after=announced_wait(text) if kind is Upcoming else None,
            )
    return None


# Kind, sentence, and the regular expressions of which one must match. The first rule that matches
# decides.
_RULES: Sequence[tuple[type[Failure], str, str]] = (
    (
        Drm,
        Message("The post's video is copy-protected."),
        r"\bdrm\b|widevine",
    ),
    (
        Unsupported,
        Message("yt-dlp does not know this kind of address."),
        r"no suitable extractor|unsupported url|is not a valid url",
    ),
    (
        NotAPost,
        Message("The address is cut off: its end is missing."),
        r"looks truncated",
    ),
    (
        Upcoming,
        Message("The broadcast has not begun yet, or its recording is not ready."),
        (
            r"live event will begin|scheduled for|premieres? (?:in|will)|not (?:yet )?started"
            r"|not yet available|video is processing|still (?:being )?process|not downloadable yet"
        ),
    ),
    (
        Challenge,
        Message("%(site)s shows a CAPTCHA."),
        r"not a bot|captcha|anti-bot|cloudflare|verify (?:that )?you(?:'re| are) (?:a )?human",
    ),
    (
        AgeRestricted,
        Message("%(site)s requires age verification for this post."),
        (
            r"age[- ]?restrict|\bage[- ]?gate|confirm your age|age verification|\bnsfw\b"
            r"|inappropriate for some users|adult content|explicit content|mature audience"
        ),
    ),
    (
        RegionLocked,
        Message("%(site)s does not show this post in this country."),
        r"in your (?:country|location|region|area)|geo[- ]?(?:restrict|block)|from your location",
    ),
    (
        Private,
        Message("%(site)s shows this post only to approved followers."),
        (
            r"private (?:video|post|account|tweet|subreddit|album)|(?:is|are|was) private|protected"
            r" tweet"
            r"|only available to (?:followers|friends|approved)|granted access|status code"
            r" 102(?:16|22)\b"
        ),
    ),
    (
        LoginRequired,
        Message("%(site)s asks for a password before it shows this post."),
        r"password",
    ),
    (
        IpBlocked,
        Message("%(site)s blocks this computer's IP address."),
        (
            r"\bip (?:address )?(?:is |has been )?(?:likely )?(?:being )?block|\byour ip\b|tls"
            r" fingerprint"
            r"|blocked by (?:the )?(?:network|server)|network security|data ?cent(?:er|re) ip"
            r"|request is rejected|status code 10204\b"
        ),
    ),
    (
        LoginRequired,
        Message("%(site)s shows this post only to signed-in visitors."),
        (
            r"--cookies|\blog(?:ged)?[- ]?(?:in|on)\b|\bsign(?:ed)?[- ]?in\b|login|registered users"
            r"|authenticat|members[- ]only|subscribers? only|supporter-only|premium"
            r" members|purchase"
            r"|fresh cookies"
        ),
    ),
    (
        RateLimited,
        Message("%(site)s asked us to slow down."),
        r"rate[- ]?limit|too many requests|try again later|wait and try",
    ),
    (
        NoVideo,
        Message("No video found in this post."),
        r"no video (?:could be )?found in|there is no video|no media found|is not a video\b",
    ),
    (
        Deleted,
        Message("%(site)s says that the post is gone."),
        (
            r"(?:been|was|is) (?:removed|deleted|terminated)|\bsuspended\b|no longer"
            r" (?:available|exists?)"
            r"|do(?:es)? ?n[o']t exist|\bnot found\b|\bunavailable\b|may be deleted|removed by\b"
            r"|not available(?! on this app)|copyright grounds"
        ),
    ),
)
_COMPILED = tuple((re.compile(words), kind, sentence) for kind, sentence, words in _RULES)


# --- answers and causes ---------------------------------------------------------------------------


def _by_status(error: Facts, platform: Platform) -> Failure | None:
    status = values.integer(error.get("http_status"))
    refused = status in (403, 412, 999)
    return failure_of_status(
        status,
        platform,
        refused=refused,
        what=Message("to answer"),
        retry_after=_retry_after(error),
    )


def _retry_after(error: Facts) -> timedelta | None:
    headers = error.get("headers")
    return (
        parse_retry_after({str(k): str(v) for k, v in headers.items()})
        if isinstance(headers, Mapping)
        else None
    )


def _by_missing_parts(text: str, warnings: Sequence[str]) -> Failure | None:
    if "pycryptodome" in text:
        return ToolMissing(
            "A part of yt-dlp is missing.",
            help=Message("Run: %(install)s", install=command_to_install("youtube")),
        )
    if "impersonat" in text:
        return missing_part([text])
    if "no video formats found" in text or "failed to extract any player response" in text:
        return missing_part(warnings)
    return None


_NETWORK_KINDS = frozenset(
    {
        "TransportError",
        "SSLError",
        "CertificateVerifyError",
        "ProxyError",
        "IncompleteRead",
        "ConnectionResetError",
    }
)


def _by_cause(error: Facts, text: str, platform: Platform) -> Failure | None:
    causes = _causes(error)
    if re.search(r"timed? ?out|timeout", f"{text}\n{causes}"):
        return TookTooLong(Message("%(site)s did not answer in time.", site=site_name(platform)))
    kinds = {cause.get("kind") for cause in values.objects(error.get("causes"))} | {
        error.get("kind")
    }
    return (
        None
        if _NETWORK_KINDS.isdisjoint(kinds)
        else NetworkFailure(Message("%(site)s cannot be reached.", site=site_name(platform)))
    )


def _causes(error: Facts) -> str:
    return "\n".join(
        str(cause.get("message", "")) for cause in values.objects(error.get("causes"))
    ).lower()


# --- yt-dlp's words -------------------------------------------------------------------------------

_LOGIN_HINT = re.compile(r"use --(?:cookies|username|netrc).*", re.DOTALL)
_STATUS_LINE = re.compile(r":? ?http error \d{3}(?:: [\w '-]{0,60})?", re.IGNORECASE)


def _text_of(error: Facts) -> str:
    """Return yt-dlp's sentence in lower case with straight quotes, without the status line at its
    end.

    Of yt-dlp's hint how to sign in only ``--cookies`` is left.
    """
    text = str(error.get("message") or "").replace("’", "'").lower()
    return _LOGIN_HINT.sub("--cookies", _STATUS_LINE.sub("", text))


def _quoted(error: Facts) -> str:
    """Return the first sentence without URLs, for the user to read."""
    text = re.sub(
        r"(?<!\s)\s*+\(caused by .*", "", str(error.get("message") or ""), flags=re.DOTALL
    )
    text = re.sub(r"; please report this issue on.*", "", text, flags=re.DOTALL)
    text = re.sub(r"https?://\S+", "…", text)
    return re.sub(r"\s+", " ", text).strip(" .")[:200] or Message("it did not say why")
