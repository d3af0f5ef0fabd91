"""Players that scripts and attributes set up."""

from __future__ import annotations

import json

import pytest

from mediavault.extraction.page_data.elements import attribute_setups
from mediavault.extraction.page_data.player_setups import (
    MAX_SETUPS,
    setups_in_script,
    setups_of,
    source_of,
    variables_in_script,
)

FILE = "https://cdn.example/kite.mp4"
LIST = "https://cdn.example/kite.m3u8"


def addresses(script: str) -> list[list[str]]:
    return [[source.address for source in setup.sources] for setup in setups_in_script(script)]


@pytest.mark.parametrize(
    "script",
    [
        f'jwplayer("p").setup({{file: "{FILE}", image: "/p.jpg"}});',
        (
            f"var player = jwplayer('p'); player.setup({{'playlist': [{{'sources': [{{'file':"
            f" '{FILE}', 'label': '720p'}}]}}]}});"
        ),
        (
            f'jwplayer("p").setup({{file: "{FILE}", events: {{onReady: function() {{ start(); }}'
            f" }}, image: picture}});"
        ),
        f'flowplayer("#p", {{clip: {{sources: [{{type: "video/mp4", src: "{FILE}"}}]}}}})',
        f'videojs("v", {{sources: [{{src: "{FILE}", type: "video/mp4"}}]}});',
        f'videojs("v").src({{src: "{FILE}", type: "video/mp4"}});',
        (
            f'new DPlayer({{container: document.getElementById("d"), video: {{url: "{FILE}", pic:'
            f' "/p.jpg"}}}});'
        ),
        f'new Plyr("#p", {{source: {{type: "video", sources: [{{src: "{FILE}", size: 720}}]}}}});',
        f'const hls = new Hls(); hls.loadSource("{FILE}");',
    ],
)
def test_the_file_that_a_script_hands_to_a_player_is_found(script: str) -> None:
    assert addresses(script) == [[FILE]]


def test_adverts_captions_and_pictures_of_a_setup_are_not_its_files() -> None:
    script = (
        f'jwplayer("p").setup({{file: "{FILE}", image: "/p.jpg", tracks: [{{file: "/t.vtt", kind:'
        f' "captions"}}], '
        'advertising: {client: "vast", schedule: [{tag: "https://ads.example/spot.mp4"}]}});'
    )

    assert addresses(script) == [[FILE]]


def test_each_entry_of_a_playlist_is_a_separate_video() -> None:
    entries = [{"file": f"https://cdn.example/{n}.mp4"} for n in range(3)]

    assert addresses(f'jwplayer("p").setup({json.dumps({"playlist": entries})})') == [
        [entry["file"]] for entry in entries
    ]


@pytest.mark.parametrize(
    "script",
    [
        f'var teaser = "{FILE}";',  # not passed to a player
        'picture.src("https://cdn.example/p.jpg"); list.load("https://news.example/more");',
        'jwplayer("p").setup({file: "https://cdn.example/talk.mp3"});',
        'jwplayer("p").setup({file: "https://www.youtube.com/watch?v=abcdefghijk"});',
        'jwplayer("p").setup({playlist: "https://cdn.jwplayer.com/v2/media/AbCdEfGh"});',
        'jwplayer("p").setup({file: ',
    ],
)
def test_addresses_that_are_not_a_players_file_are_passed_over(script: str) -> None:
    assert addresses(script) == []


@pytest.mark.parametrize(
    ("script", "found"),
    [
        (f'var video_asset_url = "{FILE}";', [FILE]),
        (f"const iOSSrc='{LIST}', poster='/p.jpg';", [LIST]),
        (f'{{"streamUrl": "{FILE}"}}'.replace("/", "\\/"), [FILE]),
        (f'var teaserVideo = "{FILE}"; var previewSrc = "{FILE}";', []),
        (f'var greeting = "{FILE}";', []),
        ('var videoPage = "https://cdn.example/watch";', []),
    ],
)
def test_a_file_in_a_variable_that_is_named_like_a_videos_is_found(
    script: str, found: list[str]
) -> None:
    assert [setup.sources[0].address for setup in variables_in_script(script)] == found


def test_the_sizes_next_to_a_source_are_read() -> None:
    labels = [{"file": FILE, "label": "720p HD"}, {"src": LIST, "height": 1080, "width": 1920}]

    (setup,) = setups_of({"sources": labels})

    assert [(source.width, source.height) for source in setup.sources] == [
        (None, 720),
        (1920, 1080),
    ]


def test_players_let_a_source_state_its_height_in_several_ways() -> None:
    ways = (
        {"size": "1080"},
        {"label": "1080p"},
        {"data-height": "1080"},
        {"res": "1080"},
        {"title": "1080p60"},
    )

    assert [source.height for way in ways if (source := source_of({"src": FILE, **way}))] == [
        1080
    ] * 5


def test_an_attribute_that_holds_a_file_or_a_configuration_sets_up_a_player() -> None:
    config = json.dumps({"sources": [{"type": "video/mp4", "src": FILE}]})
    html = f"<div class=flowplayer data-item='{config}'></div><div data-video-src=\"{LIST}\"></div>"

    assert [setup.sources[0].address for setup in attribute_setups(html)] == [FILE, LIST]


@pytest.mark.parametrize(
    "html",
    [
        f'<a data-file="{FILE}">Download</a>',
        f'<div data-preview="{FILE}"></div>',
        f'<a href="/next"><h3>Next</h3><div data-video-src="{FILE}"></div></a>',
        f"<script>var x = '{FILE}';</script>",
        f"text {FILE} ",
        f'<div data-src="{FILE}',
        '<input type="file" accept=".jpg,.mp4,.ogv">',
        f'<div data-ga4-event-suggested-video="{FILE}"></div>',
        '<div data-audiofile="https://cdn.example/article.m4a/playlist.m3u8"></div>',
        f'<button data-text2speech-src="{FILE}"></button>',
        f'<div data-label="Watch {FILE} now"></div>',
        f'<div data-files="{FILE},{FILE}"></div>',
        '<div data-name="kite.mp4"></div>',
    ],
)
def test_links_previews_and_text_set_up_no_player(html: str) -> None:
    assert attribute_setups(html) == []


def test_the_number_of_setups_is_bounded() -> None:
    many = "".join(
        f'jwplayer("p").setup({{file: "https://cdn.example/{n}.mp4"}});'
        for n in range(MAX_SETUPS * 2)
    )

    assert len(setups_in_script(many)) == MAX_SETUPS


def test_a_script_of_broken_calls_is_read_in_linear_time() -> None:
    assert setups_in_script('x.setup({"a":' * 5_000) == []
