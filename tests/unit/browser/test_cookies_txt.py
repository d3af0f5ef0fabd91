"""The Netscape cookies.txt format, with the variants of exporting tools."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediavault.browser.cookies_txt import MAX_LINES, read_cookies_txt
from mediavault.core.failures import BadInput

HEAD = "# Netscape HTTP Cookie File\n\n"


def line(**changed: str) -> str:
    columns = {
        "domain": ".site.test",
        "below": "TRUE",
        "path": "/",
        "secure": "TRUE",
        "expires": "1900000000",
        "name": "sid",
        "value": "a=b",
    }
    return "\t".join((columns | changed).values())


def test_a_line_is_a_cookie_with_its_scope_and_its_end() -> None:
    (cookie,) = read_cookies_txt(HEAD + line() + "\n")

    assert (cookie.name, cookie.value, cookie.domain, cookie.path) == (
        "sid",
        "a=b",
        "site.test",
        "/",
    )
    assert (cookie.secure, cookie.host_only, cookie.http_only) == (True, False, False)
    assert cookie.expires_at == datetime.fromtimestamp(1_900_000_000, UTC)


def test_a_mark_before_the_domain_hides_the_cookie_from_scripts() -> None:
    (cookie,) = read_cookies_txt("#HttpOnly_" + line(domain="site.test", below="FALSE"))

    assert (cookie.http_only, cookie.host_only, cookie.domain) == (True, True, "site.test")


def test_an_end_of_zero_is_a_sessions_cookie() -> None:
    assert read_cookies_txt(line(expires="0"))[0].expires_at is None


@pytest.mark.parametrize("expires", ["1900000000000", "1900000000000000", "1900000000.25"])
def test_tools_that_count_in_other_units_are_understood(expires: str) -> None:
    end = read_cookies_txt(line(expires=expires))[0].expires_at

    assert end is not None
    assert end.year == 2030


def test_an_expiry_beyond_the_calendar_is_a_distant_date() -> None:
    end = read_cookies_txt(line(expires="99999999999"))[0].expires_at

    assert end is not None
    assert end.year > 2100


def test_windows_line_ends_a_byte_order_mark_and_an_empty_value_are_accepted() -> None:
    text = "\ufeff" + HEAD.replace("\n", "\r\n") + line(value="").rstrip("\t") + "\r\n"

    assert read_cookies_txt(text)[0].value == ""


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ("sid=1; path=/", "7 columns"),
        (line(domain="not a domain"), "not a domain"),
        (line(below="YES"), "TRUE or FALSE"),
        (line(path="C:\\"), "not a path"),
        (line(expires="tomorrow"), "epoch seconds"),
        (line(name=""), "name or value"),
        (line(value="a;b"), "name or value"),
        (line(value="x" * 5_000), "name or value"),
    ],
)
def test_a_line_that_is_not_a_cookie_is_reported_without_its_content(bad: str, why: str) -> None:
    with pytest.raises(BadInput) as refused:
        read_cookies_txt(HEAD + line() + "\n" + bad)

    assert refused.value.message.startswith("Line 4 is not a cookie")
    assert why in refused.value.message
    assert "sid=1" not in refused.value.message


@pytest.mark.parametrize("text", ["", HEAD, "\n\n"])
def test_a_file_without_cookies_says_so(text: str) -> None:
    with pytest.raises(BadInput, match="No cookies found in the file"):
        read_cookies_txt(text)


def test_a_file_without_end_is_refused() -> None:
    with pytest.raises(BadInput, match="lines"):
        read_cookies_txt("\n" * (MAX_LINES + 1))


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=200))
def test_whatever_is_pasted_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(BadInput):
        assert read_cookies_txt(text)
