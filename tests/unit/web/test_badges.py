"""The badge that is shown for a post without a picture."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

from mediavault.core.failures import ErrorCode
from mediavault.core.job import JobStatus
from mediavault.platforms.registry import all_platforms
from mediavault.web.cards import icon, letter, site_name, tone


@pytest.mark.parametrize(
    ("platform", "title", "address", "expected"),
    [
        ("youtube", "YouTube", "https://www.youtube.com/watch?v=1", "Y"),
        ("generic", "Other sites", "https://www.films.example/1", "F"),
        ("mastodon", "Mastodon", "https://toot.example/@a/1", "T"),
        ("generic", "Other sites", "no address", "O"),
        ("generic", "Other sites", "https://[", "O"),
        ("x", "夜空", "", "夜"),
        ("x", "🐈", "", "?"),
        ("generic", "Other", "https://127.0.0.1/x", "1"),
    ],
)
def test_the_badge_shows_a_letter_of_the_site(
    platform: str, title: str, address: str, expected: str
) -> None:
    assert letter(platform, title, address) == expected


@pytest.mark.parametrize(
    ("platform", "title", "address", "expected"),
    [
        ("generic", "Other sites", "https://www.films.example/1", "films.example"),
        (
            "generic",
            "Other sites",
            "https://xn--mnchen-3ya.example:8443/",
            "xn--mnchen-3ya.example",
        ),
        ("generic", "Other sites", "https://\u202eexample/", "example"),
        ("generic", "Other sites", "https://[", "Other sites"),
        ("generic", "Other sites", "", "Other sites"),
        ("mastodon", "Mastodon", "https://toot.example/@a/1", "Mastodon"),
        ("x", "X", "https://x.com/a/1", "X"),
    ],
)
def test_a_post_of_no_known_site_is_named_by_its_host(
    platform: str, title: str, address: str, expected: str
) -> None:
    assert site_name(platform, title, address) == expected


@pytest.mark.parametrize(
    ("status", "code", "is_retried", "expected"),
    [
        (JobStatus.QUEUED, None, False, ("quiet", "clock")),
        (JobStatus.RUNNING, None, False, ("busy", "download")),
        (JobStatus.COMPLETED, None, False, ("good", "play")),
        (JobStatus.CANCELLED, None, False, ("quiet", "skip")),
        (JobStatus.FAILED, ErrorCode.DELETED, False, ("bad", "alert")),
        (JobStatus.FAILED, ErrorCode.NETWORK, True, ("busy", "clock")),
        (JobStatus.FAILED, ErrorCode.LOGIN_REQUIRED, False, ("busy", "key")),
        (JobStatus.FAILED, ErrorCode.AMBIGUOUS, False, ("busy", "hand")),
    ],
)
def test_a_failure_that_the_user_or_time_can_fix_is_not_bad(
    status: JobStatus, code: ErrorCode | None, is_retried: bool, expected: tuple[str, str]
) -> None:
    badge = (tone(status, code, is_retried=is_retried), icon(status, code, is_retried=is_retried))

    assert badge == expected


def test_every_site_in_the_styles_is_a_known_platform() -> None:
    styles = files("mediavault.web").joinpath("static/app.css").read_text()
    named = set(re.findall(r'data-site="(\w+)"', styles))

    assert named <= {platform.name for platform in all_platforms()}
