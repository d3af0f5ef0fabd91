"""A URL is read as Chromium reads it, or refused."""

from __future__ import annotations

import ipaddress
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediavault.core.failures import BadUrl
from mediavault.core.urls import (
    MAX_MEDIA_URL_CHARS,
    EgressScope,
    HttpUrl,
    canonical_generic,
    parse_http_url,
    resolve_reference,
)
from tests.patience import patient

LONG = 65_536
LIMIT_S = 5.0  # of processor time; it takes a few hundredths


@pytest.mark.parametrize(
    ("listed_by", "may_be_exempt"),
    [
        (None, True),  # a user asked for it
        ("http://nas.test:8080", True),
        ("https://nas.test:8080", True),
        ("http://nas.test", False),
        ("http://nas.test:80801", False),
        ("http://a.nas.test:8080", False),
        ("http://feed.test", False),
        ("", False),  # of an earlier version: the list is not known
    ],
)
def test_exemptions_hold_for_what_a_user_names_and_for_what_a_list_names_on_its_own_server(
    listed_by: str | None, may_be_exempt: bool
) -> None:
    scope = EgressScope("http://NAS.test:8080/video", listed_by)

    assert (scope.exemptible is not None) is may_be_exempt
    assert scope.page.host == "nas.test"


# The host as ``new URL()`` returns it in Chromium 156.
@pytest.mark.parametrize(
    ("written", "host"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("127.0.0.1.", "127.0.0.1"),
        ("127.1", "127.0.0.1"),
        ("127.0.1", "127.0.0.1"),
        ("0", "0.0.0.0"),
        ("2130706433", "127.0.0.1"),
        ("4294967295", "255.255.255.255"),
        ("0x7f000001", "127.0.0.1"),
        ("0x7f.1", "127.0.0.1"),
        ("0X7F.1", "127.0.0.1"),
        ("0x", "0.0.0.0"),
        ("0177.0.0.1", "127.0.0.1"),
        ("017700000001", "127.0.0.1"),
        ("1.2.3", "1.2.0.3"),
        ("①②⑦.0.0.1", "127.0.0.1"),
        ("127。0。0。1", "127.0.0.1"),
        ("127．0．0．1", "127.0.0.1"),
        ("１２７.0.0.1", "127.0.0.1"),
        ("ⅼocalhost", "localhost"),
        ("ｌｏｃａｌｈｏｓｔ", "localhost"),
        ("LOCALHOST.", "localhost"),
        ("Example.COM", "example.com"),
        ("faß.de", "xn--fa-hia.de"),
        ("BÜCHER.example", "xn--bcher-kva.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("日本。jp", "xn--wgv71a.jp"),
        ("r3---sn-4g5e6nzz.googlevideo.com", "r3---sn-4g5e6nzz.googlevideo.com"),
        ("a_b.example", "a_b.example"),
        ("[::1]", "::1"),
        ("[0:0:0:0:0:0:0:1]", "::1"),
        ("[::]", "::"),
        ("[FE80::00A1]", "fe80::a1"),
        ("[1:0:0:2:0:0:0:3]", "1:0:0:2::3"),
        ("[10:0:0:0:0:0:0:0]", "10::"),
        ("[1:0:2:0:3:0:4:0]", "1:0:2:0:3:0:4:0"),
        ("[::ffff:127.0.0.1]", "::ffff:7f00:1"),
        ("[::ffff:169.254.169.254]", "::ffff:a9fe:a9fe"),
    ],
)
def test_a_host_is_read_as_browsers_read_it(written: str, host: str) -> None:
    assert parse_http_url(f"http://{written}/").host == host


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "   ",
            "example.com",
            "//example.com/",
            "/watch",
            "http:",
            "http://",
            "http:///",
            "https://?q",
            "http://#",
        ),
        *(
            "http:127.0.0.1",
            "http:/127.0.0.1",
            "http:///127.0.0.1",
            "http:\\\\127.0.0.1",
            "http:/\\127.0.0.1",
        ),
        # user names and what looks like them
        *(
            "http://good.test@127.0.0.1/",
            "http://a:b@good.test/",
            "http://@good.test/",
            "http://good.test:80@evil.test",
        ),
        "http://1.1.1.1 &@2.2.2.2# @3.3.3.3/",
        *(
            "http://127.0.0.1\\@good.test/",
            "http://good.test\\evil.test/",
            "http://good.test/a\\b",
            "http://h/?a\\b",
        ),
        # blanks, control and invisible characters
        *(
            "http://ho st/",
            "http://h/a b",
            "ht\ntp://h/",
            "http://h/a\nb",
            "http://h\t/",
            "http://h/\ra",
            "http://h/\x00",
        ),
        *(
            "http://h/\x1b[2J",
            "http://h/\x7f",
            "http://h/\x85",
            "http://h/\u00a0",
            "http://h/\u202e4pm",
            "http://h\u200b/",
        ),
        *("http://h/\ufeffa", "http://h/\u2028", "http://exa\u00admple.com/", "http://h/\ud800"),
        # hosts
        *(
            "http://%31%32%37.0.0.1/",
            "http://h%00/",
            "http://h%2fx/",
            "http://a..b/",
            "http://.a/",
            "http://./",
        ),
        *("http://a|b/", "http://a^b/", "http://a<b/", "http://a!b/", "http://a,b/", "http://a~b/"),
        *(
            "http://a／b/",
            "http://a℀b/",
            "http://a＠b/",
            "http://a％b/",
            "http://xn--a/",
            "http://xn--/",
            "http://ö..de/",
        ),
        *(f"http://{'a' * 64}.test/", f"http://{'a.' * 127}test/", "http://i❤.example/"),
        *(
            "http://256.256.256.256/",
            "http://1.2.3.4.5/",
            "http://4294967296/",
            "http://a.09/",
            "http://foo.0x/",
        ),
        *("http://1.2.3.0x100/", "http://09/", "http://127.0.0.256/", f"http://{'9' * 64}/"),
        *(
            "http://[example.com]/",
            "http://[::1/",
            "http://::1/",
            "http://[::1%25lo]/",
            "http://[fe80::1%eth0]/",
        ),
        *(
            "http://[1:2:3]/",
            "http://[::1]x/",
            "http://[]/",
            "http://[::ffff:1.2.3.400]/",
            "http://[v1.a]/",
        ),
        # ports
        *(
            "http://h:0/",
            "http://h:65536/",
            "http://h:80:80/",
            "http://h:/",
            "http://h:8O/",
            "http://h:-1/",
        ),
        *("http://h:٨٠/", "http://h:+80/", "http://h:000080/"),
        *("http://h/%00", "http://h/a%0d%0ab", "http://h/%0A", "http://h/?%00"),
    ],
)
def test_an_odd_address_is_refused(text: str) -> None:
    with pytest.raises(BadUrl):
        parse_http_url(text)


@pytest.mark.parametrize(
    "scheme",
    [
        *(
            "file",
            "ftp",
            "gopher",
            "data",
            "blob",
            "filesystem",
            "javascript",
            "view-source",
            "chrome",
            "about",
        ),
        *("ws", "wss", "jar", "dict", "smb", "httpx", "view-source:http", "\\\\host\\share"),
    ],
)
@pytest.mark.parametrize("rest", ["://h.test/", ":h.test", ":"])
def test_only_http_and_https_are_accepted(scheme: str, rest: str) -> None:
    with pytest.raises(BadUrl):
        parse_http_url(scheme + rest)


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("HTTP://H.test", "http://h.test/"),
        (" https://h.test/ \n", "https://h.test/"),
        ("http://h.test:80/", "http://h.test/"),
        ("https://h.test:443", "https://h.test/"),
        ("https://h.test:80/", "https://h.test:80/"),
        ("http://h.test:08080/", "http://h.test:8080/"),
        ("http://h.test?q", "http://h.test/?q"),
        ("http://h.test#f", "http://h.test/#f"),
        ("http://h.test/?", "http://h.test/"),
        ("http://h.test/a/./b/../c", "http://h.test/a/c"),
        ("http://h.test/a/b/..", "http://h.test/a/"),
        ("http://h.test/a/.", "http://h.test/a/"),
        ("http://h.test/../../x", "http://h.test/x"),
        ("http://h.test/a/%2E%2e/b/.%2e/%2e", "http://h.test/"),
        ("http://h.test/a//../b", "http://h.test/a/b"),
        ("http://h.test/...", "http://h.test/..."),
        ("http://h.test/é?é#é", "http://h.test/%C3%A9?%C3%A9#%C3%A9"),
        ("http://h.test/<\">`{}^|'", "http://h.test/%3C%22%3E%60%7B%7D%5E%7C'"),
        ("http://h.test/?<\">`{}^|'", "http://h.test/?%3C%22%3E`{}^|%27"),
        ("http://h.test/a%2Fb%zz%", "http://h.test/a%2Fb%zz%"),
        ("http://h.test/;v=1,2/@x:y/~a!$&()*+=[]", "http://h.test/;v=1,2/@x:y/~a!$&()*+=[]"),
        ("http://h.test/?a=b&sig=Ab%2B%0A/==", "http://h.test/?a=b&sig=Ab%2B%0A/=="),
        ("http://good.test#@127.0.0.1/", "http://good.test/#@127.0.0.1/"),
        ("http://good.test/@127.0.0.1:80/", "http://good.test/@127.0.0.1:80/"),
    ],
)
def test_an_address_is_normalized(written: str, normal: str) -> None:
    assert str(parse_http_url(written)) == normal


PIECES = st.sampled_from(
    [
        "a",
        "B.c",
        "%2e",
        "..",
        ".",
        "/",
        "//",
        "?",
        "#",
        "'",
        '"',
        "<",
        "|",
        "^",
        "`",
        "{",
        "[",
        "%",
        "%41",
        "é",
        "漢",
        "😀",
        ":",
        "@",
        "~",
        "xn--",
        "0x",
        "255",
        "1",
        "-",
        "_",
        "ａ",
        "。",
        "①",
        "ß",
        "́",
        ":81",
        "[::1]",
        ".com",
    ]
)


@given(st.lists(PIECES, max_size=10).map("".join))
@settings(max_examples=300)
def test_a_normalized_address_is_read_as_the_same_address(pieces: str) -> None:
    for text in (f"http://{pieces}", f"https://h.test{pieces}", f"http://h.test/{pieces}"):
        try:
            url = parse_http_url(text)
        except BadUrl:
            continue

        assert parse_http_url(str(url)) == url
        assert str(url).isascii()


@given(st.text(max_size=60), st.text(max_size=40))
@settings(max_examples=200)
def test_any_text_is_an_address_or_a_bad_url(host: str, rest: str) -> None:
    for text in (host, f"http://{host}/{rest}", f"http://h.test/{rest}"):
        try:
            url = parse_http_url(text)
        except BadUrl:
            continue

        assert url.host
        assert url.path.startswith("/")


@given(st.integers(0, 2**128 - 1))
@settings(max_examples=200)
def test_an_ipv6_host_keeps_its_address(number: int) -> None:
    address = ipaddress.IPv6Address(number)

    assert ipaddress.ip_address(parse_http_url(f"http://[{address.exploded}]/").host) == address


@pytest.mark.parametrize(
    "text",
    [
        "http://" + "@" * 10_000,
        "http://h.test/" + "a" * LONG,
        "http://h.test/" + "../" * 20_000,
        "http://" + "a." * 30_000,
        "http://" + "ö" * LONG,
        " " * LONG,
        "http://h.test/?" + "%" * LONG,
    ],
)
def test_a_huge_address_is_refused_at_once(text: str) -> None:
    began = process_time()

    with pytest.raises(BadUrl):
        parse_http_url(text)
    assert process_time() - began < patient(LIMIT_S)


@pytest.mark.parametrize("unit", ["../", "ä", "a.", "[", ":", "%2e/", "0x1."])
def test_the_longest_media_address_is_read_quickly(unit: str) -> None:
    texts = [
        f"http://{prefix}{unit * (16_000 // len(unit))}" for prefix in ("", "h.test/", "h.test/?")
    ]
    began = process_time()

    for text in texts:
        try:
            parse_http_url(text, max_chars=MAX_MEDIA_URL_CHARS)
        except BadUrl:
            continue
    assert process_time() - began < patient(LIMIT_S)


def test_an_address_that_exceeds_the_limit_when_encoded_is_refused() -> None:
    with pytest.raises(BadUrl, match="written out"):
        parse_http_url("http://h.test/" + "漢" * 1_000)


BASE = parse_http_url("https://h.test:8443/a/b/index.m3u8?q=1#top")


@pytest.mark.parametrize(
    ("reference", "resolved"),
    [
        ("", "https://h.test:8443/a/b/index.m3u8?q=1"),
        ("#x", "https://h.test:8443/a/b/index.m3u8?q=1#x"),
        ("?r=2", "https://h.test:8443/a/b/index.m3u8?r=2"),
        ("seg 1.ts", "https://h.test:8443/a/b/seg%201.ts"),
        (" ../c/é.ts?x#y\n", "https://h.test:8443/a/c/%C3%A9.ts?x#y"),
        ("./", "https://h.test:8443/a/b/"),
        ("/root.mp4", "https://h.test:8443/root.mp4"),
        ("//cdn.test/x", "https://cdn.test/x"),
        ("http://cdn.test:81/x", "http://cdn.test:81/x"),
        ("HTTPS://CDN.test", "https://cdn.test/"),
        ("a?b=http://c/../d", "https://h.test:8443/a/b/a?b=http://c/../d"),
        ("\udcff.ts", "https://h.test:8443/a/b/%FF.ts"),
        ("zero\u200cwidth.ts", "https://h.test:8443/a/b/zero%E2%80%8Cwidth.ts"),
    ],
)
def test_a_reference_is_resolved_as_browsers_do(reference: str, resolved: str) -> None:
    assert str(resolve_reference(BASE, reference)) == resolved


@pytest.mark.parametrize(
    "reference",
    [
        *(
            "file:///etc/passwd",
            "ftp://h/",
            "data:text/html,x",
            "javascript:alert(1)",
            "blob:https://h/1",
            "about:blank",
        ),
        *("concat:a.ts|b.ts", "crypto:x", "video:1.ts", "ws://h/"),
        *(
            "\\\\host\\share",
            "/\\evil.test",
            "..\\..\\x",
            "a\nb",
            "a\x00b",
            "a%00b",
            "seg%0a--option.ts",
            "a\tb",
        ),
        *(
            "https:evil.test",
            "https:/evil.test",
            "http://",
            "///evil.test/x",
            "//",
            "//user@h/",
            "//h:0/",
            "//[::1%25lo]/",
        ),
        *("//ho st/", "//h\u200b.test/", "\ud800.ts", "x" * (MAX_MEDIA_URL_CHARS + 1)),
    ],
)
def test_an_odd_reference_is_refused(reference: str) -> None:
    with pytest.raises(BadUrl):
        resolve_reference(BASE, reference)


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("https://h.test/p?id=1&utm_source=x&si=2#t", "https://h.test/p?id=1"),
        ("https://h.test/p?utm_source=x", "https://h.test/p"),
        ("https://h.test/p?b=%20&fbclid=1&a=+", "https://h.test/p?b=%20&a=+"),
        ("https://h.test/p?a&a=&a=1", "https://h.test/p?a&a=&a=1"),
    ],
)
def test_a_generic_key_drops_tracking_and_keeps_the_rest_as_it_is(url: str, key: str) -> None:
    assert canonical_generic(parse_http_url(url)) == key


def test_the_origin_names_only_a_non_default_port() -> None:
    assert HttpUrl("http", "::1", 80, "/").origin == "http://[::1]"
    assert HttpUrl("https", "h.test", 80, "/").origin == "https://h.test:80"
