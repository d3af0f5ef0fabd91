"""Our URL parser against the WHATWG standard, as ada implements it: both read a URL that both
accept in the same way.

The deliberate differences:

- We refuse more: user names and passwords, port 0, ``http:host`` without slashes, blanks,
  backslashes, control and invisible characters, encoded NULs and line breaks in a path, host names
  with characters other than letters, digits, ``-`` and ``_``, and what is longer than the limits.
- A host's final dot is dropped, so that one site has one host.
- An empty query and an empty fragment are dropped with their ``?`` and ``#``.
- ``|`` in a path is written ``%7C``, as Chromium writes it.
"""

from __future__ import annotations

import ada_url
from hypothesis import given
from hypothesis import strategies as st

from mediavault.core.failures import BadUrl
from mediavault.core.urls import parse_http_url, resolve_reference

# fmt: off
HOSTS = st.sampled_from([
    "example.com", "h.test.", "127.1", "0x7f.1", "0177.1", "2130706433", "256", "1e2", "0x", "09",
    "a..b", "-a", "r3---sn", "[::1]", "[::ffff:1.2.3.4]", "[1:0:0:2::]", "bücher", "xn--bcher-kva",
    "xn--", "xn--a", "faß", "①②⑦.0.0.1", "日本。jp", "Ｅxample", "K.test", "ſ.test", "a\u00adb",
    "a_b", "a b", "a%41", "u:p@h.test", "h.test:80", "h.test:443", "h.test:0", "h.test:8443",
    "h.test:00080", "h.test:99999", "", ".",
]) | st.text("ab.-0１。é%:[]", max_size=8)
PIECES = st.lists(st.sampled_from([
    "a", "b.c", "..", ".", "%2e", "%2E.", "/", "//", "?", "#", "%20", "%", "%zz", "|", "'", '"',
    "<", ">", "`", "^", "~", "é", "☃", "😀", "&", "=", "+", ";", ",", "!", "$", "(", "*", ":", "@",
    "[", "]", "{", "}", "\\", "\t", " ", "\x7f", "%00", "%0a", "\u200b", "\ud800",
]), max_size=7).map("".join)
# fmt: on
BASE = "https://h.test:8443/a/b;c/d?q=1#f"


def whatwg(text: str, base: str | None = None) -> str | None:
    """The URL as ada writes it, with our four differences in writing applied;
    None where ada refuses it.
    """
    try:
        url = ada_url.URL(text, base)
    except (ValueError, UnicodeEncodeError):
        return None
    url.hostname = url.hostname.removesuffix(".")
    path, search, fragment = url.pathname.replace("|", "%7C"), url.search, url.hash
    return (
        f"{url.protocol}//{url.host}{path}{search if search != '?' else ''}"
        f"{fragment if fragment != '#' else ''}"
    )


@given(
    st.sampled_from(["http://", "https://", "HTTP://"]),
    HOSTS,
    st.sampled_from(["", "/", "?", "#"]),
    PIECES,
)
def test_an_address_that_we_accept_is_read_as_the_standard_says(
    scheme: str, host: str, separator: str, rest: str
) -> None:
    text = f"{scheme}{host}{separator}{rest}"
    try:
        url = parse_http_url(text)
    except BadUrl:
        return

    assert str(url) == whatwg(text)
    assert whatwg(str(url)) == str(url)


@given(
    st.sampled_from(["", "/", "//", "//h.test/", "?", "#", "http:", "https://h.test/", "mailto:"]),
    PIECES,
)
def test_a_reference_that_we_accept_is_resolved_as_the_standard_says(start: str, rest: str) -> None:
    try:
        url = resolve_reference(parse_http_url(BASE), start + rest)
    except BadUrl:
        return

    assert str(url) == whatwg(start + rest, BASE)


@given(st.text("abcxyz019-", min_size=1, max_size=9), PIECES)
def test_an_ordinary_url_is_accepted(name: str, rest: str) -> None:
    """Otherwise the comparison above might compare nothing."""
    ordinary = "".join(
        char for char in rest if char.isascii() and char.isprintable() and char not in "\\ %"
    )

    assert str(parse_http_url(f"https://a{name}a.test/{ordinary}")) == whatwg(
        f"https://a{name}a.test/{ordinary}"
    )
