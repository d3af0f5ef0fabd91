"""Whether somebody is signed in, told by cookie names and expiries."""

from __future__ import annotations

import base64
from datetime import timedelta

import pytest

from mediavault.core.cookies import Cookie
from mediavault.core.failures import AgeRestricted, AgeRestrictedToStrangers, LoginRequired, SessionExpired
from mediavault.core.platform import Matching, Platform, SignIn
from mediavault.core.sessions import account_of, belongs_to, is_signed_in, judge_session, wall_failure
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
    matching=Matching(hosts=("www.site.test", "m.site.test"), host_suffixes=(".site-regional.test",)),
    sign_in=SignIn(url="https://accounts.company.test/login", session_cookies=("sid", "user")),
)


def cookie(name: str, domain: str = "site.test", *, ends_in: timedelta | None = HOUR) -> Cookie:
    return Cookie(name, "v", domain, host_only=False, expires_at=START + ends_in if ends_in else None)


@pytest.mark.parametrize(
    "domain",
    [
        "site.test",  # above its hosts
        "www.site.test",
        "static.www.site.test",  # below one of them
        "fr.site-regional.test",
        "company.test",  # of the login page
    ],
)
def test_a_cookie_that_the_sites_hosts_or_its_login_page_get_is_the_sites(domain: str) -> None:
    assert belongs_to(SITE, domain)


@pytest.mark.parametrize("domain", ["evilsite.test", "site.test.evil.test", "test", "other.test", ""])
def test_a_cookie_of_another_domain_is_not_the_sites(domain: str) -> None:
    assert not belongs_to(SITE, domain)


def test_only_all_needed_cookies_together_are_a_sign_in() -> None:
    assert is_signed_in(SITE, [cookie("sid"), cookie("user")], now=START)
    assert not is_signed_in(SITE, [cookie("sid")], now=START)


def test_a_cookie_that_has_run_out_counts_as_missing() -> None:
    assert not is_signed_in(SITE, [cookie("sid"), cookie("user", ends_in=-HOUR)], now=START)


def test_a_needed_cookie_of_another_site_does_not_count() -> None:
    assert not is_signed_in(SITE, [cookie("sid"), cookie("user", "other.test")], now=START)


def test_the_first_needed_cookie_that_runs_out_ends_the_sign_in() -> None:
    jar = [cookie("sid", ends_in=3 * HOUR), cookie("user", ends_in=2 * HOUR), cookie("theme", ends_in=HOUR)]

    assert judge_session(SITE, jar, now=START).expires_at == START + 2 * HOUR


def test_of_two_cookies_of_one_name_the_one_that_lasts_longer_counts() -> None:
    jar = [cookie("sid", ends_in=HOUR), cookie("sid", "www.site.test", ends_in=9 * HOUR), cookie("user", ends_in=None)]

    assert judge_session(SITE, jar, now=START).expires_at == START + 9 * HOUR


def test_a_sessions_cookies_have_no_end() -> None:
    jar = [cookie("sid", ends_in=None), cookie("user", ends_in=None)]
    state = judge_session(SITE, jar, now=START)

    assert (state.signed_in, state.expires_at) == (True, None)


def test_a_site_whose_cookies_are_not_known_is_neither_signed_in_nor_out() -> None:
    unknown = Platform(
        name="u", title="U", matching=Matching(hosts=("u.test",)), sign_in=SignIn(url="https://u.test/in")
    )

    assert judge_session(unknown, [cookie("any", "u.test")], now=START).signed_in is None


def test_a_wall_without_a_session_wants_a_sign_in() -> None:
    wall = LoginRequired("Site shows this post only to signed-in visitors.")

    assert wall_failure(wall, SITE, [cookie("sid")], now=START) is wall


def test_a_wall_in_spite_of_a_session_says_that_it_has_ended() -> None:
    wall = LoginRequired("Site wants a sign-in (HTTP 401).", http_status=401)
    failure = wall_failure(wall, SITE, [cookie("sid"), cookie("user")], now=START)

    assert isinstance(failure, SessionExpired)
    assert failure.http_status == 401


def test_a_site_that_asks_a_signed_in_person_for_an_age_as_a_stranger_has_ended_the_sign_in() -> None:
    wall = AgeRestrictedToStrangers("Site requires age verification for this post.")

    assert isinstance(wall_failure(wall, SITE, [cookie("sid"), cookie("user")], now=START), SessionExpired)
    assert isinstance(wall_failure(wall, SITE, [cookie("sid")], now=START), AgeRestricted)


def jwt(claims: str) -> str:
    return "head." + base64.urlsafe_b64encode(claims.encode()).decode().rstrip("=") + ".signature"


@pytest.mark.parametrize(
    ("platform", "name", "value", "said"),
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
def test_who_is_signed_in_is_read_of_the_cookie_that_names_it(
    platform: Platform, name: str, value: str, said: str | None
) -> None:
    assert account_of(platform, [Cookie(name, value, platform.matching.hosts[0])]) == said


def test_a_name_that_the_sites_pages_used_goes_before_a_number_and_nobody_is_named_when_signed_out() -> None:
    cookies = [Cookie(name, "u%3D1", "x.com") for name in ("twid", "auth_token", "ct0")]

    assert judge_session(X, cookies, now=START).signed_in_as == "user 1"
    assert judge_session(X, cookies, now=START, name="jane").signed_in_as == "jane"
    assert judge_session(X, cookies[:1], now=START, name="jane").signed_in_as is None
