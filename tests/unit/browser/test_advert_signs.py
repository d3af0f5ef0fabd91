"""Which files an ad server's answer names."""

from __future__ import annotations

import json

import pytest

from mediavault.browser.network_log import NetworkLog
from mediavault.browser.url_signs import MAX_ADVERT_FILES, advert_media, is_ad_answer, on_ad_host

SPOT = "https://cdn.test/a.mp4?x=1&y=2"
VAST = f"""<?xml version="1.0"?><VAST version="4.2"><Ad><InLine><Creatives><Creative><Linear><MediaFiles>
<MediaFile type="video/mp4" width="640"> <![CDATA[ {SPOT} ]]> </MediaFile>
<MediaFile type="application/x-mpegURL">https://cdn.test/a.m3u8?x=1&amp;y=2</MediaFile>
<Mezzanine type="video/mp4"><![CDATA[//cdn.test/a.mov]]></Mezzanine>
</MediaFiles><VideoClicks><ClickThrough><![CDATA[https://shop.test/]]></ClickThrough></VideoClicks>
</Linear></Creative></Creatives></InLine></Ad></VAST>"""  # noqa: E501
FILES = (SPOT, "https://cdn.test/a.m3u8?x=1&y=2", "https://cdn.test/a.mov")
VMAP = f"""<vmap:VMAP xmlns:vmap="http://www.iab.net/videosuite/vmap" version="1.0"><vmap:AdBreak timeOffset="start">
<vmap:AdSource><vmap:VASTAdData>{VAST.partition("?>")[2]}</vmap:VASTAdData></vmap:AdSource></vmap:AdBreak></vmap:VMAP>"""  # noqa: E501


@pytest.mark.parametrize(
    "text", [VAST, VMAP, json.dumps({"ads": [VAST]}), f"<html><script>var ad = `{VAST}`</script>"]
)
def test_the_files_of_an_advert_are_read_wherever_its_answer_is(text: str) -> None:
    assert advert_media(text.encode()) == FILES


def test_json_may_escape_slashes_and_brackets() -> None:
    text = (
        json.dumps({"ad": VAST}).replace("/", "\\/").replace("<", "\\u003c").replace(">", "\\u003E")
    )

    assert advert_media(text.encode()) == FILES


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "<VASTLY>",
        "<MediaFile>https://cdn.test/a.mp4</MediaFile>",
        "<VAST><MediaFile>a.mp4</MediaFile>",
    ],
)
def test_other_text_names_no_advert(text: str) -> None:
    assert advert_media(text.encode()) == ()


def test_an_ad_answer_is_recognised_by_its_beginning() -> None:
    assert is_ad_answer(VAST.encode())
    assert is_ad_answer(b"\xef\xbb\xbf\n" + VMAP.encode())
    assert not is_ad_answer(b"<MPD/>")
    assert not is_ad_answer(b'{"ads": "<VAST "}')


def test_an_answer_that_is_all_brackets_costs_no_time() -> None:
    assert advert_media(b"<VAST>" + b"<MediaFile " * 200_000) == ()


def test_an_answer_names_no_more_than_can_be_real() -> None:
    files = "".join(f"<MediaFile>https://cdn.test/{n}.mp4</MediaFile>" for n in range(1_000))

    assert len(advert_media(f"<VAST>{files}</VAST>".encode())) == MAX_ADVERT_FILES


def test_a_visit_remembers_what_ad_servers_named() -> None:
    log = NetworkLog(lambda: 0.0)
    log.body("https://ads.test/1", VAST.encode())
    log.body("https://a.test/data", b'{"a": 1}')

    assert tuple(log.adverts) == FILES


def test_an_ad_host_counts_with_its_subdomains() -> None:
    assert on_ad_host("https://pubads.g.doubleclick.net/x")
    assert not on_ad_host("https://notdoubleclick.net/x")
    assert not on_ad_host("https://[bad")
