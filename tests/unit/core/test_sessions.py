"""Whether a session at a site is signed in, judged by names and expiry times of cookies."""

from __future__ import annotations

import base64
from datetime import timedelta

import pytest

from mediavault.core.cookies import Cookie
from mediavault.core.failures import (
    AgeRestricted,
    AgeRestrictedSignedOut,
    LoginRequired,
    SessionExpired,
)
from mediavault.core.platform import Matching, Platform, SignIn
from mediavault.core.sessions import (
    account_of,
    belongs_to,
    is_signed_in,
    judge_session,
    wall_failure,
)
from mediavault.platforms.bilibili import BILIBILI
from mediavault.platforms.facebook import FACEBOOK
from mediavault.platforms.instagram import INSTAGRAM
from mediavault.platforms.reddit import REDDIT
from mediavault.platforms.twitch import TWITCH
from mediavault.platforms.x import X
from mediavault.platforms.youtube import YOUTUBE
from tests.fakes import START

HOUR = timedelta(hours=1)
SITE = Platform(
    name="site",
    title="Site",
    matching=Matching(
        hosts=("www.site.test", "m.site.test"), host_suffixes=(".site-regional.test",)
    ),
    sign_in=SignIn(url="https://accounts.company.test/login", session_cookies=("sid", "user")),
)


def cookie(name: str, domain: str = "site.test", *, ends_in: timedelta | None = HOUR) -> Cookie:
    return Cookie(
        name, "v", domain, host_only=False, expires_at=START + ends_in if ends_in else None
    )


@pytest.mark.parametrize(
    "domain",
    [
        "site.test",  # parent of its hosts
        "www.site.test",
        "static.www.site.test",  # subdomain of one of them
        "fr.site-regional.test",
        "company.test",  # parent of the login page's host
    ],
)
def test_a_cookie_sent_to_the_sites_hosts_or_login_page_belongs_to_the_site(domain: str) -> None:
    assert belongs_to(SITE, domain)


@pytest.mark.parametrize(
    "domain", ["evilsite.test", "site.test.evil.test", "test", "other.test", ""]
)
def test_a_cookie_of_another_domain_does_not_belong_to_the_site(domain: str) -> None:
    assert not belongs_to(SITE, domain)


def test_a_sign_in_needs_all_of_its_cookies() -> None:
    assert is_signed_in(SITE, [cookie("sid"), cookie("user")], now=START)
    assert not is_signed_in(SITE, [cookie("sid")], now=START)


def test_an_expired_cookie_counts_as_missing() -> None:
    assert not is_signed_in(SITE, [cookie("sid"), cookie("user", ends_in=-HOUR)], now=START)


def test_a_needed_cookie_of_another_site_does_not_count() -> None:
    assert not is_signed_in(SITE, [cookie("sid"), cookie("user", "other.test")], now=START)


def test_the_sign_in_ends_when_its_first_needed_cookie_expires() -> None:
    jar = [
        cookie("sid", ends_in=3 * HOUR),
        cookie("user", ends_in=2 * HOUR),
        cookie("theme", ends_in=HOUR),
    ]

    assert judge_session(SITE, jar, now=START).expires_at == START + 2 * HOUR


def test_of_two_cookies_with_the_same_name_the_longer_lasting_one_counts() -> None:
    jar = [
        cookie("sid", ends_in=HOUR),
        cookie("sid", "www.site.test", ends_in=9 * HOUR),
        cookie("user", ends_in=None),
    ]

    assert judge_session(SITE, jar, now=START).expires_at == START + 9 * HOUR


def test_session_cookies_have_no_expiry_time() -> None:
    jar = [cookie("sid", ends_in=None), cookie("user", ends_in=None)]
    state = judge_session(SITE, jar, now=START)

    assert (state.signed_in, state.expires_at) == (True, None)


def test_a_site_whose_cookies_are_not_known_is_neither_signed_in_nor_out() -> None:
    unknown = Platform(
        name="u",
        title="U",
        matching=Matching(hosts=("u.test",)),
        sign_in=SignIn(url="https://u.test/in"),
    )

    assert judge_session(unknown, [cookie("any", "u.test")], now=START).signed_in is None


def test_a_wall_without_a_session_requires_a_sign_in() -> None:
    wall = LoginRequired("Site shows this post only to signed-in visitors.")

    assert wall_failure(wall, SITE, [cookie("sid")], now=START) is wall


def test_a_wall_despite_a_session_means_that_it_has_expired() -> None:
    wall = LoginRequired("Site wants a sign-in (HTTP 401).", http_status=401)
    failure = wall_failure(wall, SITE, [cookie("sid"), cookie("user")], now=START)

    assert isinstance(failure, SessionExpired)
    assert failure.http_status == 401


def test_an_age_check_for_anonymous_visitors_despite_a_session_means_that_it_has_expired() -> None:
    wall = AgeRestrictedSignedOut("Site requires age verification for this post.")

    assert isinstance(
        wall_failure(wall, SITE, [cookie("sid"), cookie("user")], now=START), SessionExpired
    )
    assert isinstance(wall_failure(wall, SITE, [cookie("sid")], now=START), AgeRestricted)


def jwt(claims: str) -> str:
    return "head." + base64.urlsafe_b64encode(claims.encode()).decode().rstrip("=") + ".signature"


@pytest.mark.parametrize(
    ("platform", "name", "value", "account"),
    [
        (X, "twid", "u%3D12345", "user 12345"),
        (X, "twid", '"u=12345"', "user 12345"),
        (X, "twid", "12345", None),
        (X, "auth_token", "u%3D12345", None),
        (INSTAGRAM, "ds_user_id", "678", "user 678"),
        (FACEBOOK, "c_user", "1000", "user 1000"),
        (BILIBILI, "DedeUserID", "42", "user 42"),
        (TWITCH, "login", "jane_doe", "jane_doe"),
        (REDDIT, "reddit_session", jwt('{"sub":"t2_ab1","exp":1}'), "user t2_ab1"),
        (REDDIT, "reddit_session", "a.%%%.b", None),
        (REDDIT, "reddit_session", "secret", None),
        (YOUTUBE, "SAPISID", "12345", None),
    ],
)
def test_the_account_is_read_from_the_cookie_that_names_it(
    platform: Platform, name: str, value: str, account: str | None
) -> None:
    assert account_of(platform, [Cookie(name, value, platform.matching.hosts[0])]) == account


def test_a_signed_in_account_is_shown_by_its_name_or_else_by_its_number() -> None:
    cookies = [Cookie(name, "u%3D1", "x.com") for name in ("twid", "auth_token", "ct0")]

    assert judge_session(X, cookies, now=START).signed_in_as == "user 1"
    assert judge_session(X, cookies, now=START, name="jane").signed_in_as == "jane"
    assert judge_session(X, cookies[:1], now=START, name="jane").signed_in_as is None
