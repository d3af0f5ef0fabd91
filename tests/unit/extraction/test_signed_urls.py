"""The expiry of every form of signed address, to the second,
and addresses that only look signed.
"""

from __future__ import annotations

import base64
import csv
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mediavault.core.urls import MAX_MEDIA_URL_CHARS
from mediavault.extraction.signed_urls import is_signed, signed_url_expiry

AT = 1_767_268_921  # 2026-01-01T12:02:01Z
EARLIER = 1_767_268_000
HEX = f"{AT:X}"
SHARED = Path(__file__).parents[4] / "shared" / "fixtures" / "media_urls.tsv"


def _base64(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value, separators=(",", ":")).encode()).decode()


def _cloudfront(value: object) -> str:
    return (
        _base64(value)
        .replace("-", "+")
        .replace("_", "/")
        .replace("+", "-")
        .replace("=", "_")
        .replace("/", "~")
    )


POLICY = {
    "Statement": [
        {"Resource": "https://a.example/*", "Condition": {"DateLessThan": {"AWS:EpochTime": AT}}}
    ]
}
JWT = (
    f"{_base64({'alg': 'HS256'}).rstrip('=')}.{_base64({'sub': 'clip', 'exp': AT}).rstrip('=')}"
    ".c2ln"
)

FASTLY = base64.b64encode(f"{HEX.lower()}_{'0a' * 32}".encode()).decode()

FORMS = {
    "expire": f"https://a.example/videoplayback?expire={AT}&sig=x",
    "expires": f"https://a.example/v.mp4?md5=abc&expires={AT}",
    "Expires": f"https://a.example//v.mp4?Expires={AT}&Key-Pair-Id=K1&Signature=s~s-s_",
    "milliseconds": f"https://a.example/v.mp4?expires={AT}999",
    "expires as a date": "https://a.example/v.mp4?expires=2026-01-01T12:02:01Z",
    "x-expires": f"https://a.example/p.image?x-expires={AT}&x-signature=x%3D",
    "VExpiration": f"https://a.example/video/tos/x/?VExpiration={AT}&VSignature=6zUXZPIMKUCt4E8mHA6mIw&a=1",
    "any name that says so": f"https://a.example/v.mp4?link_expiry_time={AT}",
    "exp": f"https://a.example/v.mp4?exp={AT}&token=1",
    "deadline": f"https://a.example/upgcxcode/1.m4s?deadline={AT}&upsig=1",
    "validto": f"https://a.example/v.mp4?validfrom=1&validto={AT}",
    "oe": f"https://a.example/v/t50/v.mp4?oh=00_A&oe={HEX}",
    "oe in small letters": f"https://a.example/v/t50/v.mp4?oh=00_A&oe={HEX.lower()}",
    "ex": f"https://a.example/v.mp4?ex={HEX.lower()}&is=1&hm=abc",
    "nginx's hash and end in the path": f"https://a.example/s/2e7_aAXuLLrYXkrWDm7F9g/{AT}/v.mp4",
    "e next to a signature": f"https://a.example/playlist/vid/x?e={AT}&v=beta&t=sig",
    "X-Amz": "https://a.example/v?X-Amz-Date=20260101T110201Z&X-Amz-Expires=3600&X-Amz-Signature=1",
    "x-amz": "https://a.example/v?x-amz-expires=3600&x-amz-date=20260101T110201Z",
    "X-Goog": "https://a.example/v?X-Goog-Date=20260101T110201Z&X-Goog-Expires=3600&X-Goog-Signature=1",
    "GoogleAccessId": f"https://a.example/v?GoogleAccessId=me&Expires={AT}&Signature=s",
    "Azure": "https://a.example/v?sv=2024-11-04&se=2026-01-01T12%3A02%3A01Z&sr=b&sig=x",
    "Azure with a zone": "https://a.example/v?se=2026-01-01T13:02:01%2B01:00&sig=x",
    "Policy": f"https://a.example/v.m3u8?Policy={_cloudfront(POLICY)}&Key-Pair-Id=K1",
    "Akamai in the path": f"https://a.example/exp={AT}~acl=%2Fx%2F%2A~hmac=00ff/x/master.mpd",
    "Akamai in the query": f"https://a.example/x.m3u8?hdnts=st=1~exp={AT}~acl=/*~hmac=00ff",
    "Akamai under another name": f"https://a.example/x.m3u8?tok=exp%3D{AT}~acl%3D%2F%2A~hmac%3D00",
    "Akamai's older token": f"https://a.example/x.mp4?__gda__={AT}_0011223344556677",
    "edge-cache-token": f"https://a.example/edge-cache-token=URLPrefix=aHR0~Expires={AT}~KeyName=k~Signature=s/x.m3u8",
    "token in JSON": f"https://a.example/1.mp4?sig=1&token=%7B%22expires%22%3A{AT}%2C%22version%22%3A2%7D",
    "token as a JWT": f"https://a.example/1.m3u8?token={JWT}",
    "reddit": f"https://a.example/x/DASHPlaylist.mpd?a={AT}%2CNmQy%3D%3D&v=1",
    "Dailymotion": f"https://a.example/v.m3u8?auth={AT}-2688-abc",
    "Akamai in token": f"https://a.example/x.m3u8?token=exp={AT}~acl=/*~hmac=00ff",
    "Akamai behind a name in the path": f"https://a.example/hdntl=exp={AT}~acl=/*~hmac=00ff/x.m3u8",
    "a fraction of a second": f"https://a.example/v.mp4?expires={AT}.75&sig=1",
    "packaged": f"https://a.example/x/pb/m2-res_720p.mp4?m=DASHPlaylist.mpd&v=1&e={AT}&s=786f",
    "secure_link": f"https://a.example/v.mp4?st=h0Uh5zFc3yUf5hJ8HY2nmA&e={AT}",
    "JWT under another name": f"https://a.example/1.m3u8?bcov_auth={JWT}",
    "JWT in the path": f"https://a.example/{JWT}/manifest/video.m3u8",
    "token in JSON, in milliseconds": f"https://a.example/1.mp4?token=%7B%22expires%22%3A{AT}123%7D",
    "token with its epoch first": f"https://a.example/1.mp4?token={AT}_00ff",
    "Brightcove": f"https://a.example/master.m3u8?fastly_token={FASTLY}",
    "Alibaba": f"https://a.example/v.mp4?auth_key={AT}-0-0-23bf85053008f5c0e791667a313e28ce",
    "Cloudflare": f"https://a.example/v.mp4?verify={AT}-IaLGSmELTvlh",
    "CDN77": f"https://a.example/v.mp4?secure=DMF1ucDxtHCxwYQ==%2C{AT}",
    "CDN77 in the path": f"https://a.example/h0Uh5zFc3yUf5hJ8HY2nmA,{AT}/v.mp4",
    "Tencent's CDN": f"https://a.example/v.mp4?txSecret=1&txTime={HEX}",
    "Tencent's video service": f"https://a.example/v.mp4?t={HEX.lower()}&us=1&sign={'0a' * 16}",
    "Tencent's COS": f"https://a.example/v?q-sign-time={EARLIER};{AT}&q-signature=1",
    "Wangsu": f"https://a.example/v.flv?wsSecret=1&wsTime={HEX.lower()}",
    "Wowza": f"https://a.example/v.m3u8?wowzatokenendtime={AT}&wowzatokenhash=1",
    "UPYUN": f"https://a.example/v.mp4?_upt=0011aabb{AT}",
    "BunnyCDN": f"https://a.example/v.mp4?token=abc&token_path=%2Fv%2F&expires={AT}",
    "BunnyCDN in the path": f"https://a.example/bcdn_token=abc&expires={AT}&token_path=%2Fv%2F/v/playlist.m3u8",
    "from a page's source": f"https://a.example/v.mp4?x=1&amp;expires={AT}&amp;sig=1",
    "SHA-256 and hexadecimal in the path": (
        f"https://a.example/disk/{'0a' * 32}/{HEX.lower()}/v.mp4"
    ),
    "Flickr": (
        "https://a.example/video/1/0a/"
        f"1080p.mp4?s={_base64({'i': 1, 'e': AT, 's': 'x', 'v': 1}).rstrip('=')}"
    ),
    "a redirect to a signed file": f"https://a.example/video_redirect/?src=https%3A%2F%2Fb.example%2Fv.mp4%3Foe%3D{HEX}",
    "expire in the path": f"https://a.example/api/manifest/hls_variant/expire/{AT}/ei/x/file/index.m3u8",
    "hexadecimal in the path": f"https://a.example/{'0a' * 16}/{HEX.lower()}/video/tos/x/",
}


@pytest.mark.parametrize("form", FORMS)
def test_the_end_of_a_signed_address_is_read_to_the_second(form: str) -> None:
    assert signed_url_expiry(FORMS[form]) == datetime.fromtimestamp(AT, UTC)
    assert is_signed(FORMS[form])


UNSIGNED = {
    "nothing": "https://a.example/v.mp4",
    "a counter": "https://a.example/v.mp4?expires=3600",
    "letters": "https://a.example/v.mp4?expire=tomorrow",
    "a far future": "https://a.example/v.mp4?expires=9999999999",
    "not hexadecimal": "https://a.example/v.mp4?oe=notatime",
    "a short hexadecimal": "https://a.example/v.mp4?oe=6102",
    "a channel number": "https://a.example/v.mp4?a=1988",
    "e alone": f"https://a.example/v.mp4?e={AT}",
    "se alone": "https://a.example/v.mp4?se=2026-01-01T12:02:01Z",
    "a policy that is a number": "https://a.example/v.mp4?policy=2",
    "broken base64": "https://a.example/v.mp4?Policy=%%%",
    "a token that is a word": "https://a.example/v.mp4?token=abc.def.ghi",
    "a truncated JSON token": "https://a.example/v.mp4?token=%7B%22expires%22%3A17",
    "the year 2286": "https://a.example/v.mp4?expires=10000000000",
    "the year 2004": "https://a.example/v.mp4?expires=1104537599",
    "a negative number": f"https://a.example/v.mp4?expires=-{AT}",
    "too many digits": f"https://a.example/v.mp4?expires={AT}{AT}",
    "digits of another script": "https://a.example/v.mp4?expires=١٧٦٧٢٦٨٩٢١",
    "a JWT that never ends": (
        f"https://a.example/v.mp4?token={_base64({})}.{_base64({'sub': 1})}.c2ln"
    ),
    "a number too large for a float": "https://a.example/v.mp4?token=%7B%22expires%22%3A1e999%7D",
    "t next to a short sign": f"https://a.example/v.mp4?t={HEX}&sign=1",
    "a signature without an end": "https://a.example/p.jpg?auto=webp&s=e203bc06dc84a5622bc33c0e28a1a927c82bc859",
    "an opaque token": "https://a.example/v.m3u8?sec=FvfvbV7Z0_Vl_VNAf60C1K8PVYZ9",
    "a redirect to itself": "https://a.example/video_redirect/?src=https://a.example/video_redirect/",
    "a list in a token": "https://a.example/v.mp4?token=%7B%22expires%22%3A%5B1%5D%7D",
    "a time in the file's name": f"https://a.example/{AT}/v.mp4",
    "an upload's time behind a hash": f"https://a.example/{'0a' * 16}/{AT}/v.mp4",
    "an invalid date": "https://a.example/v?X-Amz-Date=20261301T000000Z&X-Amz-Expires=3600",
    "half a pair": "https://a.example/v?X-Amz-Expires=3600",
    "not an address": "http://[broken/?x",
    "an empty text": "",
}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-01-01", 1_767_225_600),
        ("2026-01-01T12:02Z", 1_767_268_920),
        ("2026-01-01T12:02:01.0000000Z", AT),
        ("20260101T120201Z", AT),
        ("2026-01-01T12:02:01", AT),
        ("2026-01-01T07:02:01-05:00", AT),
        ("2026", None),
        ("2026-13-01", None),
        ("0001-01-01T00:00:00+23:59", None),
        ("9999-12-31T23:59:59-23:59", None),
    ],
)
def test_azure_may_leave_out_everything_after_the_date(text: str, seconds: int | None) -> None:
    expiry = signed_url_expiry(f"https://a.example/v?se={text.replace('+', '%2B')}&sig=x")

    assert expiry == (datetime.fromtimestamp(seconds, UTC) if seconds else None)


@pytest.mark.parametrize("form", UNSIGNED)
def test_what_only_looks_like_an_end_counts_as_absent(form: str) -> None:
    assert signed_url_expiry(UNSIGNED[form]) is None
    assert not is_signed(UNSIGNED[form])


def test_the_earlier_of_two_expiries_counts() -> None:
    url = f"https://a.example/exp={EARLIER}~acl=%2F%2A~hmac=0/v.mp4?expires={AT}"

    assert signed_url_expiry(url) == datetime.fromtimestamp(EARLIER, UTC)


def test_an_address_that_is_signed_for_ever_has_no_end() -> None:
    url = "https://a.example/playlist/vid/x?e=2147483647&v=beta&t=sig"

    assert is_signed(url)
    assert signed_url_expiry(url) is None


@pytest.mark.parametrize(
    "query",
    [
        "X-Amz-Date=yesterday&X-Amz-Expires=3600&X-Amz-Signature=1",
        "X-Amz-Date=99991231T235959Z&X-Amz-Expires=3600&X-Amz-Signature=1",
        "Expires=9999999999&Key-Pair-Id=K1&Signature=s",
        "expire=0&sig=AOq0",
        "oe=zzzzzzzz&oh=00_A",
        "se=tomorrow&sig=x",
        "expires=-1&md5=abc",
        "hdnts=exp=1~acl=/*~hmac=00ff",
        "tok=exp=1~acl=/*~hmac=00ff",
        "auth_key=0-0-0-abc",
    ],
)
def test_a_signature_whose_end_cannot_be_read_is_still_a_signature(query: str) -> None:
    url = f"https://a.example/v?{query}"

    assert is_signed(url)
    assert signed_url_expiry(url) is None


def test_a_policy_of_several_statements_ends_with_the_first_that_has_an_end() -> None:
    policy = {"Statement": [{"Resource": "*"}, *POLICY["Statement"]]}
    url = f"https://a.example/v.m3u8?Policy={_cloudfront(policy)}&Key-Pair-Id=K1"

    assert signed_url_expiry(url) == datetime.fromtimestamp(AT, UTC)


def test_a_token_nested_too_deep_counts_as_absent() -> None:
    assert signed_url_expiry(f"https://a.example/v.mp4?token={'{%22a%22:' * 3_000}") is None


def test_an_expiry_in_an_address_too_long_to_be_fetched_counts_as_absent() -> None:
    url = f"https://a.example/v.mp4?x={'0' * MAX_MEDIA_URL_CHARS}&expires={AT}&sig=1"

    assert signed_url_expiry(url) is None
    assert not is_signed(url)


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.exists(), reason="needs ../shared")
def test_recorded_addresses_are_read_as_recorded() -> None:
    with SHARED.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    read = [(signed_url_expiry(row["url"]), is_signed(row["url"])) for row in rows]

    assert len(rows) > 100
    assert [str(int(end.timestamp())) if end else "" for end, _ in read] == [
        row["expiry_epoch"] for row in rows
    ]
    assert [signed for _, signed in read] == [row["signed"] == "yes" for row in rows]
