"""Answers and pages of sites without a reader of their own,
whose forms the general readers know.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.extraction.saved_reading import read_saved, script_page

# --- media.ccc.de ---------------------------------------------------------------------------------

TALK = "https://media.ccc.de/v/35c3-9999-a_kite_over_the_harbour"
EVENT = "https://api.media.ccc.de/public/events/f5e1a1e5-1111-4222-8333-aaaaaaaaaaaa"
CDN = "https://cdn.media.ccc.de/congress/2018"
KITE = f"{CDN}/h264-hd/35c3-9999-eng-A_kite.mp4"


def recording(
    url: str, mime: str, height: int | None = None, language: str = "eng"
) -> dict[str, Any]:
    facts = {
        "recording_url": url,
        "mime_type": mime,
        "height": height,
        "language": language,
        "length": 1800,
    }
    return facts | {
        "width": height and height * 16 // 9,
        "size": 300,
        "url": "https://api.media.ccc.de/public/recordings/76552",
    }


def event(link: str = TALK, address: str = EVENT, kite: str = KITE) -> dict[str, Any]:
    recordings = [
        recording(f"{CDN}/mp3/35c3-9999-eng-A_kite.mp3", "audio/mpeg"),
        recording(f"{CDN}/h264-hd/35c3-9999-deu-A_kite.mp4", "video/mp4", 1080, "deu"),
        recording(kite.replace("h264-hd", "h264-sd"), "video/mp4", 576),
        recording(kite, "video/mp4", 1080),
        recording(f"{CDN}/35c3-9999.en.srt", "application/x-subrip"),
    ]
    return {
        "guid": address.rpartition("/")[2],
        "title": "A kite over the harbour",
        "slug": link.rpartition("/")[2],
        "link": "https://fahrplan.events.ccc.de/35c3/events/9999.html",
        "original_language": "eng",
        "poster_url": "https://static.media.ccc.de/media/p.jpg",
        "frontend_link": link,
        "url": address,
        "conference_url": "https://api.media.ccc.de/public/conferences/35c3",
        "related": [{"event_guid": "1", "weight": 2}],
        "recordings": recordings,
    }


OTHER = event(f"{TALK}_2", EVENT.replace("aaaa", "bbbb"), f"{CDN}/h264-hd/35c3-1-eng-Bread.mp4")


@pytest.mark.parametrize("url", [TALK, EVENT])
@pytest.mark.parametrize("answer", [event(), {"acronym": "35c3", "events": [OTHER, event()]}])
def test_a_talk_has_the_recordings_of_its_own_language(url: str, answer: dict[str, Any]) -> None:
    facts = read_saved(url, answer)

    assert (facts.outcome, facts.best) == ("video", KITE)


def test_another_talks_recordings_are_not_saved() -> None:
    assert read_saved(TALK, OTHER).outcome != "video"


# --- TED ------------------------------------------------------------------------------------------

TED = "https://www.ted.com/talks/jane_doe_a_kite_over_the_harbour"
STREAM = "https://hls.ted.com/project_masters/1735/manifest.m3u8?intro_master_id=9294"
FALLBACK = "https://py.tedcdn.com/consus/jane-fallback-1200k.mp4"
HEAD = (
    f'<link rel="canonical" href="{TED}"><meta property="og:title" content="A kite over the'
    ' harbour">'
)


def player_data(stream: str = STREAM, canonical: str = TED) -> dict[str, Any]:
    hls = {
        "adUrl": "https://ads.test/a.mp4",
        "stream": stream,
        "metadata": "https://hls.ted.com/metadata.json",
    }
    files = [{"bitrate": 1200, "file": FALLBACK}]
    return {
        "id": "2013",
        "resources": {"h264": files, "hls": hls},
        "title": "A kite over the harbour",
        "canonical": canonical,
    }


def talk(**more: Any) -> dict[str, Any]:
    related = {
        "title": "Bread",
        "canonicalUrl": f"{TED}_2",
        "playerData": json.dumps(player_data("https://hls.ted.com/2/manifest.m3u8", f"{TED}_2")),
    }
    own = {
        "id": "2013",
        "title": "A kite over the harbour",
        "canonicalUrl": TED,
        "relatedVideos": [related],
    }
    return own | {"playerData": json.dumps(player_data())} | more


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"nativeDownloads": None},
        {"nativeDownloads": {"low": "https://download.ted.com/talks/jane-light.mp4"}},
    ],
)
def test_a_talks_files_are_in_the_json_text_of_its_record(more: dict[str, Any]) -> None:
    html = script_page(
        {"props": {"pageProps": {"videoData": talk(**more)}}}, "__NEXT_DATA__"
    ).replace("<body>", f"<head>{HEAD}</head><body>")
    facts = read_saved(TED, html)

    assert (facts.outcome, facts.best) == ("video", FALLBACK)


def test_what_a_record_offers_for_download_is_its_video_where_it_has_nothing_else() -> None:
    download = "https://download.ted.com/talks/jane-480p.mp4"

    assert (
        read_saved(TED, talk(playerData=None, nativeDownloads={"high": download})).best == download
    )


# --- Rumble ---------------------------------------------------------------------------------------

WATCH, EMBED = (
    "https://rumble.com/vdmum1-a-kite-over-the-harbour.html",
    "https://rumble.com/embed/vb294t/",
)
BEST = "https://sp.rmbl.ws/s8/2/c/q/N/e/cqNeg.haa.mp4"
RECORD = {
    "fps": 30,
    "u": {"mp4": {"url": (
        "https://sp.rmbl.ws/s8/2/c/q/N/e/cqNeg.caa.mp4"
    ), "meta": {"w": 854, "h": 480}}},
    "ua": {
        "mp4": {
            "360": {"url": "https://sp.rmbl.ws/s8/2/c/q/N/e/cqNeg.baa.mp4",
                    "meta": {"bitrate": 633, "w": 640, "h": 360}},
            "1080": {"url": BEST, "meta": {"bitrate": 2698, "w": 1920, "h": 1080}},
        }
    },
    "i": "https://sp.rmbl.ws/s8/6/c/q/N/e/cqNeg.jpg",
    "l": "/vdmum1-a-kite-over-the-harbour.html",
    "title": "A kite over the harbour",
    "author": {"name": "Jane", "url": "https://rumble.com/user/jane"},
    "duration": 455,
    "vid": 97479462,
}  # fmt: skip


def test_the_only_record_of_a_player_is_its_video() -> None:
    script = (
        f"!function(s,d){{function a(){{return 1}}var"
        f' b={{F:0}};b.f={{}};b.f["vb294t"]={json.dumps(RECORD)[:-1]},loaded:a()}};'
        f"if(!b.k){{}}}}();"
    )
    html = (
        "<html><head><title>A kite over the"
        f" harbour</title></head><body><script>{script}</script></body></html>"
    )

    assert (read_saved(EMBED, html).outcome, read_saved(EMBED, html).best) == ("video", BEST)
    assert read_saved(EMBED, RECORD).best == BEST
    assert (
        read_saved("https://rumble.com/embedJS/u3/?request=video&ver=2&v=vb294t", RECORD).best
        == BEST
    )


def test_a_record_whose_link_is_the_pages_is_its_video() -> None:
    assert read_saved(WATCH, RECORD).best == BEST
    assert read_saved(WATCH.replace("vdmum1", "vdmum2"), RECORD).outcome != "video"


# --- Douyin ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "https://www.iesdouyin.com/share/video/7491823749182374918/",
        "https://www.douyin.com/video/7491823749182374918",
    ],
)
def test_the_item_of_douyins_shared_page_is_read(url: str) -> None:
    file = "https://aweme.snssdk.com/aweme/v1/playwm/?video_id=v0200fg10000abc&ratio=720p&line=0"
    item = {
        "aweme_id": "7491823749182374918",
        "desc": "A kite",
        "video": {"play_addr": {"uri": "v0200", "url_list": [file, f"{file}&x=1"]}},
    }
    state = {
        "loaderData": {
            "video_(id)/page": {"videoInfoRes": {"status_code": 0, "item_list": [item]}},
            "video_layout": None,
        }
    }
    html = (
        "<html><head><title>A kite</title></head><body><script>window._ROUTER_DATA ="
        f" {json.dumps(state)}</script></body></html>"
    )

    assert (read_saved(url, html).outcome, read_saved(url, html).best) == ("video", file)
