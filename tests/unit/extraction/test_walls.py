"""Pages that are shown instead of a post."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from mediavault.core.failures import (
    AccessRefused,
    AccountSuspended,
    AccountWarning,
    AgeRestricted,
    Challenge,
    Deleted,
    Failure,
    HttpError,
    IpBlocked,
    LoginRequired,
    Private,
    RateLimited,
    RegionLocked,
    SeemsDeleted,
    SiteClosed,
)
from mediavault.extraction.page_data.html_page import read_page
from mediavault.extraction.page_data.html_scan import scan
from mediavault.extraction.walls import hard_wall, soft_wall
from mediavault.platforms.facebook import FACEBOOK
from mediavault.platforms.generic import GENERIC
from mediavault.platforms.instagram import INSTAGRAM
from mediavault.platforms.tiktok import TIKTOK
from mediavault.platforms.x import X
from mediavault.platforms.youtube import YOUTUBE
from tests.unit.extraction.samples import PAGE, capture, player, response


def document(**headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return response(
        PAGE,
        mime="text/html",
        resource_type="document",
        headers=named,
        status=int(headers.get("status", 200)),
    )


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (404, Deleted),
        (410, Deleted),
        (401, LoginRequired),
        (451, RegionLocked),
        (429, RateLimited),
        (500, HttpError),
        (403, AccessRefused),
        (418, AccessRefused),
        (503, HttpError),
    ],
)
def test_an_http_status_has_its_failure(status: int, kind: type[Failure]) -> None:
    failure = hard_wall(capture(status=status), GENERIC)

    assert type(failure) is kind
    assert failure.http_status == status


def test_a_known_sites_refusal_means_that_this_machine_is_blocked() -> None:
    assert type(hard_wall(capture(status=403), INSTAGRAM)) is IpBlocked
    assert type(hard_wall(capture(status=999), GENERIC)) is IpBlocked


def test_the_wait_that_the_site_names_is_read() -> None:
    failure = hard_wall(
        capture(status=429, responses=[document(status="429", retry_after="30")]), GENERIC
    )

    assert failure is not None
    assert failure.retry_after == timedelta(seconds=30)


@pytest.mark.parametrize(
    "path", ["/login?next=/posts/kite", "/accounts/sign-in/", "/users/sign_in", "/authwall"]
)
def test_being_sent_to_a_login_page_is_a_login_wall(path: str) -> None:
    assert type(hard_wall(capture(final_url=f"https://site.test{path}"), GENERIC)) is LoginRequired


def test_a_post_about_logging_in_is_not_a_login_wall() -> None:
    url = "https://site.test/login/a-story"

    assert hard_wall(capture(url=url, final_url=url), GENERIC) is None


def test_a_platforms_own_login_page_is_recognised() -> None:
    assert type(hard_wall(capture(final_url="https://x.com/i/flow/login?x=1"), X)) is LoginRequired


@pytest.mark.parametrize(
    "facts",
    [
        {"title": "Just a moment..."},
        {"html": "<script>window._cf_chl_opt={}</script>"},
        {"responses": [document(cf_mitigated="challenge")]},
        {"final_url": "https://site.test/checkpoint/123"},
    ],
)
def test_a_challenge_is_recognised_by_its_marks(facts: dict[str, Any]) -> None:
    assert type(hard_wall(capture(**facts), GENERIC)) is Challenge


def test_a_page_that_only_carries_a_challenges_script_is_not_a_challenge() -> None:
    assert (
        hard_wall(capture(player(), html="<script src='https://captcha-delivery.com/x'>"), GENERIC)
        is None
    )


@pytest.mark.parametrize(
    ("facts", "kind"),
    [
        ({"visible_text": "Log in to see this post."}, LoginRequired),
        ({"html": "<form><input type=password></form>", "visible_text": ""}, LoginRequired),
        ({"visible_text": "This account is private"}, Private),
        (
            {
                "html": "<form><input type=password></form>",
                "visible_text": "This content is password protected.",
            },
            Private,
        ),
        ({"visible_text": "Sorry. This post has been deleted."}, Deleted),
        ({"title": "Page not found", "visible_text": ""}, Deleted),
        ({"visible_text": "This content isn’t available in your country."}, RegionLocked),
        ({"visible_text": "Sign in to confirm your age"}, AgeRestricted),
        ({"title": "Account suspended", "visible_text": "It broke the rules."}, AccountSuspended),
        ({"visible_text": "Your account has been suspended."}, AccountWarning),
        ({"visible_text": "Pictures from the allotment"}, type(None)),
    ],
)
def test_words_and_forms_decide_where_no_video_was_found(facts: dict[str, Any], kind: type) -> None:
    seen = capture(**facts)
    failure = soft_wall(seen, read_page(list(scan(seen.html)), PAGE), GENERIC)

    assert type(failure) is kind


def test_what_the_page_says_of_a_country_is_repeated() -> None:
    seen = capture(
        visible_text="Films\n  This film is not available in your country.  \nMore films"
    )
    failure = soft_wall(seen, read_page(list(scan(seen.html)), PAGE), GENERIC)

    assert failure is not None
    assert failure.message == "The site says: This film is not available in your country."


def test_a_site_that_is_closed_says_until_when() -> None:
    failure = hard_wall(
        capture(status=503, responses=(document(status="503", retry_after="7200"),)), GENERIC
    )

    assert isinstance(failure, SiteClosed)
    assert failure.retry_after == timedelta(hours=2)


def test_a_long_page_may_say_such_words_without_being_a_wall() -> None:
    seen = capture(visible_text="has been deleted " + "and so on " * 400)

    assert soft_wall(seen, read_page([], PAGE), GENERIC) is None


def test_a_platforms_own_words_count_however_their_quotes_are_written() -> None:
    seen = capture(visible_text="Hmm...this page doesn't exist. " + "Try searching " * 200)

    assert type(soft_wall(seen, read_page([], PAGE), X)) is SeemsDeleted


def test_a_wall_that_asks_for_an_age_is_not_a_plain_login_wall() -> None:
    seen = capture(
        visible_text="This video may be inappropriate for some users. Sign in to confirm your age"
    )

    assert type(soft_wall(seen, read_page([], PAGE), YOUTUBE)) is AgeRestricted


def test_googles_form_for_humans_is_a_challenge() -> None:
    seen = capture(html='<form action="/das_captcha?fw=1" method="POST">', videos=())

    assert type(hard_wall(seen, YOUTUBE)) is Challenge


def test_a_locked_account_is_neither_a_challenge_nor_a_login_wall() -> None:
    locked = hard_wall(
        capture(url="https://x.com/jane/status/1", final_url="https://x.com/account/access"), X
    )
    assert type(locked) is AccountWarning

    seen = capture(
        title="X",
        visible_text="We suspect automated behavior on your account. Confirm that it is you.",
    )
    assert type(soft_wall(seen, read_page(list(scan("")), PAGE), INSTAGRAM)) is AccountWarning


@pytest.mark.parametrize(
    ("path", "kind"),
    [("checkpoint/?next=x", Challenge), ("checkpoint/1501092823525282/?next=x", AccountWarning)],
)
def test_facebooks_checkpoint_is_a_challenge_and_a_numbered_one_is_a_locked_account(
    path: str, kind: type
) -> None:
    assert type(hard_wall(capture(final_url=f"https://www.facebook.com/{path}"), FACEBOOK)) is kind


def test_a_platforms_own_challenge_is_recognised_by_its_address() -> None:
    seen = capture(url=PAGE, final_url="https://www.instagram.com/challenge/?next=/p/Cabc/")

    assert type(hard_wall(seen, INSTAGRAM)) is Challenge


def test_a_platforms_own_challenge_is_recognised_by_its_element() -> None:
    wall, plain = (f'<div class="{name}">x</div>' for name in ("tiktok-captcha-box", "tiktok-box"))

    assert (
        type(soft_wall(capture(html=wall, visible_text="x"), read_page([], PAGE), TIKTOK))
        is Challenge
    )
    assert soft_wall(capture(html=plain, visible_text="x"), read_page([], PAGE), TIKTOK) is None
    assert soft_wall(capture(html=wall, visible_text="x"), read_page([], PAGE), X) is None


@pytest.mark.parametrize(
    ("words", "kind"),
    [("", SeemsDeleted), ("Video currently unavailable", Deleted), ("Page not found", Deleted)],
)
def test_a_known_sites_404_is_believed_where_the_page_says_so_too(words: str, kind: type) -> None:
    assert type(hard_wall(capture(status=404, visible_text=words), TIKTOK)) is kind
