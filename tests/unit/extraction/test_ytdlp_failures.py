"""Errors of yt-dlp as our failures. The sentences are those of its extractors (2026.10.26)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from mediavault.core.failures import (
    AccessRefused,
    AddressRefused,
    AgeRestricted,
    Challenge,
    Deleted,
    Drm,
    ExtractorBroken,
    Failure,
    HttpError,
    IpBlocked,
    LoginRequired,
    NetworkFailure,
    NotAPost,
    Private,
    RateLimited,
    RegionLocked,
    SeemsDeleted,
    SessionExpired,
    TookTooLong,
    ToolMissing,
    Unsupported,
    Upcoming,
)
from mediavault.core.installation import command_to_install
from mediavault.core.media import NoVideo
from mediavault.core.platform import Platform
from mediavault.extraction.ytdlp_failures import failure_of, missing_part

SITE = Platform(name="tube", title="Tube")
HINT = (
    "Use --cookies, --cookies-from-browser, --username and --password, or --netrc (tube) to provide"
    " credentials"
)


def failure_from(
    message: str = "", *, kind: str = "ExtractorError", warnings: Sequence[str] = (), **facts: Any
) -> Failure:
    return failure_of({"kind": kind, "message": message, **facts}, warnings, SITE)


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("This video is DRM protected", Drm),
        ("No suitable extractor found for URL https://tube.example/x", Unsupported),
        ("Incomplete YouTube ID abcdefghij. URL https://tube.example/x looks truncated.", NotAPost),
        ("This live event will begin in 3 days.", Upcoming),
        ("Premieres in 12 minutes", Upcoming),
        ("This video is processing", Upcoming),
        ("Sign in to confirm you’re not a bot. " + HINT, Challenge),
        ("Got HTTP Error 403 caused by Cloudflare anti-bot challenge", Challenge),
        (
            "Sign in to confirm your age. This video may be inappropriate for some users. " + HINT,
            AgeRestricted,
        ),
        ("NSFW tweet requires authentication. " + HINT, AgeRestricted),
        ("The uploader has not made this video available in your country", RegionLocked),
        ("Private video. Sign in if you've been granted access to this video. " + HINT, Private),
        ("You are not authorized to view this protected tweet. " + HINT, Private),
        ("Private subreddit; an account that has been approved is required. " + HINT, Private),
        ("Video not available, status code 10216", Private),
        ("This video is protected by a password, use the --video-password option", LoginRequired),
        ("This video is only available for registered users. " + HINT, LoginRequired),
        (
            "Requested content is not available, rate-limit reached or login required. " + HINT,
            LoginRequired,
        ),
        ("Join this channel to get access to members-only content like this video", LoginRequired),
        ("Video not available, status code 10204", IpBlocked),
        ("Your IP address is blocked from accessing this post", IpBlocked),
        ("Your IP address is unable to access the Reddit API", IpBlocked),
        (
            (
                "This request has been blocked due to its TLS fingerprint. Install a required"
                " dependency"
            ),
            IpBlocked,
        ),
        ("Request is blocked by server (412), please wait and try later.", IpBlocked),
        ("You have exceeded the rate limit. Try again later", RateLimited),
        ("Video unavailable. This content isn't available, try again later.", RateLimited),
        ("No video could be found in this tweet", NoVideo),
        ("There is no video in this post", NoVideo),
        ("Media #2 is not a video", NoVideo),
        ("This video has been removed by the uploader", Deleted),
        ("Video unavailable", Deleted),
        ("Account suspended. Suspended", Deleted),
        ("This clip is no longer available", Deleted),
        ("Unable to parse the player: unexpected structure", ExtractorBroken),
        ("The following content is not available on this app", ExtractorBroken),
    ],
)
def test_a_sentence_of_ytdlp_has_one_meaning(message: str, kind: type[Failure]) -> None:
    assert type(failure_from(message)) is kind


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, LoginRequired),
        (403, IpBlocked),
        (404, SeemsDeleted),
        (410, SeemsDeleted),
        (429, RateLimited),
        (451, RegionLocked),
        (500, HttpError),
        (418, AccessRefused),
    ],
)
def test_a_bare_status_has_its_failure(status: int, kind: type[Failure]) -> None:
    failure = failure_from(
        f"Unable to download webpage: HTTP Error {status}: Some Words Not Found", http_status=status
    )

    assert type(failure) is kind
    assert failure.http_status == status


def test_a_site_that_names_a_pause_is_believed_up_to_a_day() -> None:
    short = failure_from(
        "HTTP Error 429: Too Many", http_status=429, headers={"retry-after": "120"}
    )
    endless = failure_from(
        "HTTP Error 429: Too Many", http_status=429, headers={"retry-after": "9" * 30}
    )

    assert short.retry_after == timedelta(minutes=2)
    assert endless.retry_after == timedelta(days=1)
    assert (
        failure_from("HTTP Error 429", http_status=429, headers={"retry-after": "soon"}).retry_after
        is None
    )


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"proxy": "refused", "http_status": 403}, AddressRefused),
        ({"proxy": "unreachable", "http_status": 502}, NetworkFailure),
        ({"proxy": "late", "http_status": 504}, TookTooLong),
        (
            {"causes": [{"kind": "OSError", "message": "Tunnel connection failed: 403 Forbidden"}]},
            AddressRefused,
        ),
        (
            {"causes": [{"kind": "X", "message": "CONNECT tunnel failed, response 403"}]},
            AddressRefused,
        ),
        (
            {
                "causes": [
                    {"kind": "OSError", "message": "Tunnel connection failed: 502 Bad Gateway"}
                ]
            },
            NetworkFailure,
        ),
        (
            {
                "causes": [
                    {"kind": "OSError", "message": "Tunnel connection failed: 504 Gateway Timeout"}
                ]
            },
            TookTooLong,
        ),
    ],
)
def test_what_the_proxy_answers_is_not_taken_for_the_sites_answer(
    error: dict[str, Any], kind: type[Failure]
) -> None:
    assert type(failure_from("Unable to download webpage", **error)) is kind


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (
            {"causes": [{"kind": "TransportError", "message": "The read operation timed out"}]},
            TookTooLong,
        ),
        ({"causes": [{"kind": "IncompleteRead", "message": "12 bytes read"}]}, NetworkFailure),
        (
            {"causes": [{"kind": "CertificateVerifyError", "message": "self-signed certificate"}]},
            NetworkFailure,
        ),
        ({"kind": "UserNotLive"}, NotAPost),
        ({"kind": "UnsupportedError"}, Unsupported),
        ({"kind": "KeyError", "message": "'videoDetails'"}, ExtractorBroken),
        (
            {"message": None, "causes": "rubbish", "countries": 3, "http_status": "x"},
            ExtractorBroken,
        ),
    ],
)
def test_classes_and_causes_decide_where_words_do_not(
    error: dict[str, Any], kind: type[Failure]
) -> None:
    facts = {"kind": "ExtractorError", "message": "Unable to download webpage", **error}

    assert type(failure_of(facts, [], SITE)) is kind


def test_a_region_lock_names_the_allowed_countries() -> None:
    failure = failure_from("Not here", kind="GeoRestrictedError", countries=["NO", "SE"])

    assert isinstance(failure, RegionLocked)
    assert "NO, SE" in failure.message


def test_missing_formats_without_a_javascript_runtime_name_the_extra_to_install() -> None:
    warning = (
        "[youtube] No supported JavaScript runtime could be found. Only deno is enabled by default"
    )
    failure = failure_of(
        {"kind": "ExtractorError", "message": "No video formats found!"}, [warning], SITE
    )

    assert isinstance(failure, ToolMissing)
    assert command_to_install("youtube") in failure.help
    assert isinstance(failure_from("No video formats found!"), ExtractorBroken)


def test_a_warning_about_a_missing_part_is_read_and_others_are_not() -> None:
    impersonation = missing_part(
        ["The extractor is attempting impersonation, but no impersonate target is available"]
    )

    assert impersonation is not None
    assert "curl_cffi" in impersonation.help
    assert missing_part(["Falling back on generic information extractor"]) is None


def test_the_message_holds_neither_addresses_nor_requests_to_report_the_issue() -> None:
    failure = failure_from(
        "Unable to extract x from https://tube.example/?token=secret (caused by KeyError('x')); "
        "please report this issue on  https://bugs.example"
    )

    assert failure.message == "yt-dlp could not read the post: Unable to extract x from …."


ROTATED = (
    "The provided YouTube account cookies are no longer valid. They have likely been rotated in the"
    " browser"
)


def test_cookies_that_the_site_no_longer_takes_are_a_sign_in_that_has_ended() -> None:
    assert type(failure_from("Sign in to confirm your age", warnings=[ROTATED])) is SessionExpired


def test_a_removed_video_is_not_blamed_on_the_cookies() -> None:
    assert (
        type(failure_from("This video has been removed by the uploader", warnings=[ROTATED]))
        is Deleted
    )
