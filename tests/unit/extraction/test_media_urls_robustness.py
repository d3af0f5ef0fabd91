"""Any text is classified quickly: nothing that a page may put in an address raises or takes
long.
"""

from __future__ import annotations

import re
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediavault.core.platform import MediaRules, Platform
from mediavault.extraction.media_urls import MediaKind, identity, media_facts
from mediavault.extraction.signed_urls import is_signed, signed_url_expiry
from tests.patience import patient

LENGTH = 100_000
LIMIT_S = 10.0  # of processor time; a quadratic parser takes minutes
SITES = [
    Platform(
        name=name,
        title=name,
        media=MediaRules(path=re.compile(r"/v/t\d+[^?]*\.mp4"), watermark_no=re.compile(".")),
    )
    for name in (
        "x",
        "tiktok",
        "reddit",
        "youtube",
        "facebook",
        "instagram",
        "pinterest",
        "twitch",
        "generic",
    )
]
KINDS = set(MediaKind) - {MediaKind.SEGMENT}
NAMES = [
    "expire", "expires", "x-expires", "exp", "oe", "e", "t", "se", "sig", "sign", "a", "ex", "hm",
    "token", "Policy", "efg", "itag", "clen", "dur", "mime", "bt", "template", "fastly_token",
    "q-sign-time", "_upt", "X-Amz-Date", "X-Amz-Expires", "hdnts", "secure", "range", "bytestart",
]  # fmt: skip
NUMBERS = st.integers(-(10**20), 10**20).map(str) | st.integers(0, 2**40).map(
    lambda number: f"{number:x}"
)
VALUES = (
    st.text(max_size=40)
    | NUMBERS
    | st.sampled_from(["{", "eyJ.eyJ.x", "exp=~hmac=0", "2026-13-45T99:99", "1e999"])
)
PAIRS = st.lists(st.tuples(st.sampled_from(NAMES), VALUES), max_size=6)
PATHS = st.lists(
    st.text(max_size=12) | st.sampled_from(["videoplayback", "expire", "9" * 10, "a" * 32]),
    max_size=6,
)


@st.composite
def addresses(draw: st.DrawFn) -> str:
    query = "&".join(f"{name}={value}" for name, value in draw(PAIRS))
    return (
        f"https://{draw(st.sampled_from(['a.example', '[::1]', '[', 'a.example:99999', '']))}/"
        + ("/".join(draw(PATHS)) + draw(st.sampled_from(["", ".mp4", ".m3u8", "/"])) + f"?{query}")
    )


@settings(max_examples=300)
@given(url=st.text(max_size=200) | addresses(), site=st.sampled_from(SITES))
def test_any_text_gives_an_answer_that_agrees_with_itself(url: str, site: Platform) -> None:
    facts = media_facts(url, site)
    expiry = signed_url_expiry(url)

    assert facts.kind in KINDS
    assert facts.expires_at == (int(expiry.timestamp()) if expiry else None)
    assert facts.signed or facts.expires_at is None
    assert expiry is None or 2005 <= expiry.year <= 2100
    assert all(
        number is None or number >= 0 for number in (facts.width, facts.height, facts.bitrate)
    )
    assert identity(identity(url)) == identity(url)


@given(
    moment=st.integers(1_104_537_600, 4_133_980_799).filter(lambda moment: moment != 2_147_483_647)
)
def test_every_second_from_2005_to_2100_is_read_as_that_second(moment: int) -> None:
    for query in (
        f"expires={moment}",
        f"expires={moment}999",
        f"oe={moment:08X}",
        f"hdnts=exp={moment}~hmac=0",
    ):
        expiry = signed_url_expiry(f"https://a.example/v.mp4?{query}")

        assert expiry is not None
        assert int(expiry.timestamp()) == moment


@pytest.mark.parametrize(
    "unit",
    [
        "/v/t1", "init-", "-seg1", "~exp=", "/exp=1", "a=1&", "%7E", "eyJa.", "/tos-a-v-b/",
        "/thumb", "_1x1", "efg=eyJ2&", "=", '{"a":', "0", "/expire/", ";", "bytestart=1&", "//",
        ".",
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "start", ["https://a.example/", "https://a.example/x.mp4?", "https://a.example/?token="]
)
def test_an_address_of_a_hundred_thousand_characters_is_read_in_time(start: str, unit: str) -> None:
    url = start + unit * (LENGTH // len(unit))

    began = process_time()
    for site in SITES[:5]:
        media_facts(url, site)
    is_signed(url)
    assert process_time() - began < patient(LIMIT_S)
