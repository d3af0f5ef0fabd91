"""What a site answers instead of the post, by its HTTP status or its page: gone, private, login
walls, challenges. Pure.

A *hard* wall is recognised by status, URL or a challenge's own marks, and is checked before
anything else. A *soft* one is recognised by words and forms only, which many good pages have too:
it counts only where no video was found.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from urllib.parse import urlsplit

from mediavault.browser.port import PageCapture, SeenResponse
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
from mediavault.core.messages import Message
from mediavault.core.platform import Platform
from mediavault.core.retry_after import parse_retry_after
from mediavault.extraction.page_data.elements import has_element
from mediavault.extraction.page_data.html_page import HtmlPage

_IN = re.compile(r"\bin (?:about )?(an?|\d{1,4}) (minute|hour|day|week|month)s?\b", re.IGNORECASE)
_SPANS = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
    "month": timedelta(days=30),
}


def announced_wait(sentence: str) -> timedelta | None:
    """Return how long ``sentence`` says to wait: ``Premieres in 3 hours`` is three hours. None
    where it does not say.

    Sites round down.
    """
    match = _IN.search(sentence)
    if match is None:
        return None
    count = int(match[1]) if match[1].isdigit() else 1
    return count * _SPANS[match[2].lower()]


_REFUSALS = frozenset({402, 403, 406, 418, 423})


def failure_of_status(
    status: int | None,
    platform: Platform,
    *,
    refused: bool,
    what: str,
    retry_after: timedelta | None,
    sure: bool = False,
    closed: bool = False,
) -> Failure | None:
    """Return the failure of an HTTP status; None below 400 and without a status.

    ``refused``: the status is about this machine, which was refused ``what``. ``sure``: something
    else also says that the post is gone. For an unknown site the status alone is believed; the
    known ones also answer 404 to clients that they take for bots. ``closed``: the response is that
    of an API that may be closed to anonymous clients, which says nothing about the post.
    """
    if status is None or status < 400:
        return None
    site = site_name(platform)
    if status in (404, 410):
        kind = Deleted if sure or platform.name == "generic" else SeemsDeleted
        return kind(
            Message(
                "%(site)s says that this post is gone (HTTP %(status)s).", site=site, status=status
            ),
            http_status=status,
        )
    if status == 401 and not closed:
        return LoginRequired(
            Message("%(site)s requires a sign-in (HTTP 401).", site=site), http_status=status
        )
    if status == 429:
        return RateLimited(
            Message("%(site)s asked us to slow down.", site=site),
            http_status=status,
            retry_after=retry_after,
        )
    if status == 451 and not closed:
        return RegionLocked(
            Message("%(site)s withholds the post for legal reasons (HTTP 451).", site=site),
            http_status=status,
        )
    if status == 503 and retry_after is not None:
        return SiteClosed(
            Message("%(site)s is closed for now.", site=site),
            http_status=status,
            retry_after=retry_after,
        )
    if refused:
        return IpBlocked(
            Message(
                "%(site)s refused %(what)s (HTTP %(status)s).", site=site, what=what, status=status
            ),
            http_status=status,
        )
    if status in _REFUSALS and not closed:
        return AccessRefused(
            Message("%(site)s refused us (HTTP %(status)s).", site=site, status=status),
            http_status=status,
        )
    return HttpError(
        Message("%(site)s answered with HTTP %(status)s.", site=site, status=status),
        http_status=status,
    )


def site_name(platform: Platform) -> str:
    """Return the site's name for the beginning of a sentence."""
    return Message("The site") if platform.name == "generic" else platform.title


_LOGIN_PATH = re.compile(
    r"/(?:log-?in|sign-?in|sign-?up|authwall|accounts/login|users/sign_in|auth/login|session/new|flow/login)(?:[/.?]|$)",
    re.IGNORECASE,
)
_CHALLENGE_PATH = re.compile(
    r"/(?:challenge|checkpoint|captcha|recaptcha|verify-human)(?:[/.?]|$)", re.IGNORECASE
)
# What sites show to an account that they have warned or locked: continuing could cost the account.
_WARNING_PATH = re.compile(
    # numbers: Facebook's
    r"^/(?:account/access|accounts/suspended|checkpoint/(?:block|disabled|\d{6,}))(?:[/.?]|$)"
)
_WARNING = (
    "your account is temporarily locked",
    "your account has been temporarily locked",
    "your account has been locked",
    "we suspect automated behavior",
    "automated behavior on your account",
    "we noticed suspicious activity on your account",
    "your account has been suspended",
    "your account is suspended",
)
_CHALLENGE_MARKS = (
    "_cf_chl_opt",
    "/ddos-guard/js-challenge/",
    'action="/das_captcha',
    'action="https://consent.youtube.com/s',  # asks about cookies before anything is shown
    "captcha-delivery.com/",
    "px-captcha",
    "arkoselabs.com/",
)
_CHALLENGE_TITLES = (
    "just a moment",
    "attention required",
    "are you a robot",
    "ddos-guard",
    "security check",
)

_GONE = (
    "no longer available",
    "has been deleted",
    "has been removed",
    "was deleted",
    "was removed",
    "may have been removed",
    "does not exist",
    "doesn't exist",
    "page not found",
    "404 not found",
    "error 404",
    "post not found",
    "video unavailable",
    "content isn't available",
)
_PRIVATE = (
    "this video is private",
    "this post is private",
    "this account is private",
    "only approved followers",
)
_PASSWORD = (
    "password protected",
    "password-protected",
    "password required",
    "protected by a password",
)  # WordPress, Vimeo
_REGION = (
    "not available in your country",
    "not available in your region",
    "not available in your location",
    "not available in your area",
    "n't available in your country",
    "n't available in your region",
    "unavailable in your country",
    "blocked in your country",
)
_AGE = (
    "confirm your age",
    "verify your age",
    "age-restricted",
    "age restricted",
    "you must be 18",
    "you must be at least 18",
    "must be 18 or older",
    "must be over 18",
    "are you over 18",
    "are you 18",
)
_SUSPENDED = (
    "account suspended",
    "account has been suspended",
    "account is suspended",
    "user has been suspended",
    "channel has been suspended",
)
_LOGIN = (
    "log in to see",
    "log in to view",
    "log in to continue",
    "sign in to see",
    "sign in to view",
    "sign in to continue",
    "you must log in",
    "you must be logged in",
    "you need to log in",
    "please log in",
    "please sign in",
)
_HEAD_CHARS = 4_000  # of the visible text: a wall says what it is at the top
_LINE_CHARS = 200  # of a line that is repeated to the user
_SHORT_PAGE_CHARS = 1_500  # a page with more words than that has something else to say


def hard_wall(capture: PageCapture, platform: Platform) -> Failure | None:
    """Return the failure that the status, the final URL or a challenge's marks show;
    None where there is no wall.
    """
    if _is_challenge(capture):
        return Challenge(Message("%(site)s shows a CAPTCHA.", site=site_name(platform)))
    moved = urlsplit(capture.final_url).path != urlsplit(capture.url).path
    if moved and _WARNING_PATH.search(urlsplit(capture.final_url).path):
        return _warning(platform)
    if platform.walls.challenge_url is not None and platform.walls.challenge_url.search(
        capture.final_url
    ):
        return Challenge(Message("%(site)s shows a CAPTCHA.", site=site_name(platform)))
    if _is_own_login_page(capture.final_url, platform) or (
        moved and is_login_page(capture.final_url, platform)
    ):
        return LoginRequired(
            Message(
                "%(site)s shows this only to people who are signed in.", site=site_name(platform)
            )
        )
    if moved and _CHALLENGE_PATH.search(urlsplit(capture.final_url).path):
        return Challenge(Message("%(site)s shows a CAPTCHA.", site=site_name(platform)))
    return _by_status(capture, platform)


def is_login_page(url: str, platform: Platform) -> bool:
    """Whether a URL that was not requested is that of a login page."""
    return _is_own_login_page(url, platform) or _LOGIN_PATH.search(urlsplit(url).path) is not None


def _is_own_login_page(url: str, platform: Platform) -> bool:
    return platform.walls.login_url is not None and platform.walls.login_url.search(url) is not None


def soft_wall(capture: PageCapture, page: HtmlPage, platform: Platform) -> Failure | None:
    """Return the failure that words and forms show, for a page on which no video was found;
    None where they do not.
    """
    head = _head(capture, page)
    site = site_name(platform)
    if _says(head, _WARNING):
        return _warning(platform)
    if _says(head, platform.walls.challenge_text) or _shows_challenge(capture, platform):
        return Challenge(Message("%(site)s shows a CAPTCHA.", site=site))
    if _says(head, platform.walls.private_text):
        return Private(Message("%(site)s shows this post only to approved followers.", site=site))
    if _says(head, platform.walls.gone_text):
        return _gone(platform)
    if _says(head, platform.walls.age_text):
        return AgeRestricted(
            Message("%(site)s requires age verification for this post.", site=site)
        )
    if _says(head, platform.walls.login_text):
        return LoginRequired(
            Message("%(site)s shows this post only to signed-in visitors.", site=site)
        )
    if page.has_password_field and _says(head, _PASSWORD):
        return Private(
            Message("%(site)s shows this post only to those who know its password.", site=site)
        )
    return (
        _wall_of_short_page(capture, page, platform)
        if len(capture.visible_text) <= _SHORT_PAGE_CHARS
        else None
    )


def _wall_of_short_page(capture: PageCapture, page: HtmlPage, platform: Platform) -> Failure | None:
    head, site = _head(capture, page), site_name(platform)
    if said := _line_that_says(capture, page, _REGION):
        return RegionLocked(Message("%(site)s says: %(words)s", site=site, words=said))
    if said := _line_that_says(capture, page, _AGE):
        return AgeRestricted(Message("%(site)s says: %(words)s", site=site, words=said))
    if said := _line_that_says(capture, page, _SUSPENDED):
        return AccountSuspended(Message("%(site)s says: %(words)s", site=site, words=said))
    if _says(head, _PRIVATE):
        return Private(Message("%(site)s shows this post only to approved followers.", site=site))
    if page.has_password_field or _says(head, _LOGIN):
        return LoginRequired(
            Message("%(site)s shows this post only to signed-in visitors.", site=site)
        )
    return _gone(platform) if _says(head, _GONE) else None


def _line_that_says(capture: PageCapture, page: HtmlPage, phrases: Iterable[str]) -> str | None:
    """Return the first line of the page's top with one of the phrases, shortened;
    None where none has one.
    """
    lines = [capture.title, page.heading or "", *capture.visible_text[:_HEAD_CHARS].splitlines()]
    found = next((line for line in lines if _says(_plain(line), phrases)), None)
    return None if found is None else " ".join(found.split())[:_LINE_CHARS]


def _gone(platform: Platform) -> Failure:
    """Return the failure of a page whose words alone say that the post is gone.

    Known sites write them on their walls too; an unknown one that also shows no video is believed.
    """
    kind = Deleted if platform.name == "generic" else SeemsDeleted
    return kind(Message("%(site)s says that the post is gone.", site=site_name(platform)))


def _head(capture: PageCapture, page: HtmlPage | None = None) -> str:
    heading = page.heading if page else ""
    return _plain(f"{capture.title}\n{heading}\n{capture.visible_text[:_HEAD_CHARS]}")


def _shows_challenge(capture: PageCapture, platform: Platform) -> bool:
    return bool(platform.walls.challenge_css) and has_element(
        capture.html, platform.walls.challenge_css
    )


def _warning(platform: Platform) -> AccountWarning:
    return AccountWarning(
        Message("%(site)s has warned or locked your account.", site=site_name(platform))
    )


def _by_status(capture: PageCapture, platform: Platform) -> Failure | None:
    status = capture.status
    refused = status == 999 or (status == 403 and platform.name != "generic")  # 999: LinkedIn's own
    document = _document(capture)
    pause = parse_retry_after(document.headers) if document is not None else None
    says_so_too = _says(_head(capture), (*platform.walls.gone_text, *_GONE))
    return failure_of_status(
        status,
        platform,
        refused=refused,
        what=Message("the page"),
        retry_after=pause,
        sure=says_so_too,
    )


def _is_challenge(capture: PageCapture) -> bool:
    document = next(
        (
            r
            for r in reversed(capture.responses)
            if r.resource_type == "document" and r.url == capture.final_url
        ),
        None,
    )
    if document is not None and document.headers.get("cf-mitigated") == "challenge":
        return True
    title = capture.title.strip().lower()
    if any(title.startswith(mark) for mark in _CHALLENGE_TITLES):
        return True
    # a challenge page is short and shows no video; ordinary pages load the same scripts for later
    # use
    return (
        not capture.videos
        and len(capture.visible_text) < _SHORT_PAGE_CHARS
        and any(mark in capture.html[:200_000] for mark in _CHALLENGE_MARKS)
    )


def _document(capture: PageCapture) -> SeenResponse | None:
    """Return the last response that was a page and had the visit's status;
    frames' documents come after it.
    """
    seen = (
        r
        for r in reversed(capture.responses)
        if r.resource_type == "document" and r.status == capture.status
    )
    return next(seen, None)


def _says(text: str, phrases: Iterable[str]) -> bool:
    return any(_plain(phrase) in text for phrase in phrases)


_QUOTES: Mapping[int, str] = {ord("’"): "'", ord("‘"): "'", 0xA0: " "}


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", text.translate(_QUOTES)).lower()
