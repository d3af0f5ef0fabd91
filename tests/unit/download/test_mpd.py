"""Reading DASH manifests: which segments they have, what is chosen, and what is refused."""

from __future__ import annotations

import pytest

from mediavault.core.failures import Drm, Failure, Incomplete, NotAVideo, Unsupported
from mediavault.core.media import LiveNow
from mediavault.download.manifest import MAX_SEGMENTS, Init, MediaPlaylist, Span
from mediavault.download.mpd import read_mpd, subtitles_of
from mediavault.download.mpd_document import read_document
from mediavault.download.mpd_segments import MAX_DEPTH, MAX_ELEMENTS, fill, rate_of, seconds_of

URL = "https://cdn.example/a/b/manifest.mpd?token=1"
BASE = "https://cdn.example/a/b/"
VIDEO = 'mimeType="video/mp4" codecs="avc1.64001f"'
AUDIO = 'mimeType="audio/mp4" codecs="mp4a.40.2"'


def mpd(body: str, attributes: str = 'mediaPresentationDuration="PT10S"') -> str:
    return f'<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" {attributes}>{body}</MPD>'


def level(
    body: str = "",
    *,
    id: str = "v",  # noqa: A002
    height: int = 720,
    bandwidth: int = 1_000,
    kind: str = VIDEO,
) -> str:
    size = f'width="{height * 16 // 9}" height="{height}"' if kind == VIDEO else ""
    return (
        f'<Representation id="{id}" bandwidth="{bandwidth}" {size} {kind}>{body}</Representation>'
    )


def group(*inside: str, attributes: str = "") -> str:
    return f"<AdaptationSet {attributes}>{''.join(inside)}</AdaptationSet>"


def only(*inside: str, **options: str) -> MediaPlaylist:
    """Return the only track of a manifest with one period and one adaptation set."""
    (track,) = read_mpd(mpd(f"<Period>{group(*inside)}</Period>", **options), URL)
    return track


def names(track: MediaPlaylist) -> list[str]:
    return [segment.url.removeprefix(BASE) for segment in track.segments]


# --- values ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("PT1H2M3.5S", 3_723.5),
        ("PT6S", 6.0),
        ("PT.5S", 0.5),
        ("P1DT1S", 86_401.0),
        ("P0Y0M0DT0H0M16S", 16.0),
        ("PT0S", 0.0),
        ("P", None),
        ("PT", None),
        ("6", None),
        ("-PT6S", None),
        ("", None),
    ],
)
def test_durations_are_read(text: str, seconds: float | None) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize(
    ("template", "address"),
    [
        ("$RepresentationID$/$Number$.m4s", "v1/7.m4s"),
        ("$Number%05d$", "00007"),
        ("$Time%02d$-$Bandwidth$", "90000-500"),
        ("$$Number$$", "$Number$"),
        ("a$$b", "a$b"),
        ("$Number", "$Number"),
        ("$Unknown$", "$Unknown$"),
        ("$SubNumber$", "$SubNumber$"),
        ("$Number%99d$", "7".zfill(32)),
    ],
)
def test_templates_are_filled(template: str, address: str) -> None:
    assert (
        fill(template, {"RepresentationID": "v1", "Number": 7, "Time": 90_000, "Bandwidth": 500})
        == address
    )


@pytest.mark.parametrize(
    ("text", "rate"), [("25", 25.0), ("30000/1001", 30_000 / 1_001), ("25/0", 25.0), ("x", 0.0)]
)
def test_frame_rates_are_read(text: str, rate: float) -> None:
    assert rate_of(text) == rate


# --- segments -------------------------------------------------------------------------------------


def test_even_segments_fill_the_period() -> None:
    track = only(
        level(
            '<SegmentTemplate media="$Number$.m4s" initialization="i.mp4" duration="4000"'
            ' timescale="1000"/>'
        )
    )

    assert names(track) == ["1.m4s", "2.m4s", "3.m4s"]
    assert [segment.duration_s for segment in track.segments] == [4.0, 4.0, 2.0]
    assert {segment.init for segment in track.segments} == {Init(f"{BASE}i.mp4", None, None)}
    assert track.duration_s == 10.0


@pytest.mark.parametrize(
    ("attributes", "listed"),
    [
        ('startNumber="0"', ["0", "1", "2"]),
        ('startNumber="5"', ["5", "6", "7"]),
        ('startNumber="5" endNumber="6"', ["5", "6"]),
    ],
)
def test_numbers_begin_at_start_number_and_end_at_end_number(
    attributes: str, listed: list[str]
) -> None:
    assert (
        names(only(level(f'<SegmentTemplate media="$Number$" duration="4" {attributes}/>')))
        == listed
    )


@pytest.mark.parametrize(
    ("length", "count"),
    [("PT10S", 5), ("PT10.0004S", 5), ("PT10.1S", 6), ("PT9.9999S", 5), ("PT1S", 1)],
)
def test_a_rounded_duration_adds_no_segment(length: str, count: int) -> None:
    track = only(
        level('<SegmentTemplate media="$Number$" duration="2"/>'),
        attributes=f'mediaPresentationDuration="{length}"',
    )

    assert len(track.segments) == count


@pytest.mark.parametrize(
    ("length", "uncertain"), [("PT10.1S", True), ("PT11.5S", False), ("PT10S", False)]
)
def test_only_a_short_last_segment_that_is_not_listed_is_uncertain(
    length: str, uncertain: bool
) -> None:
    track = only(
        level('<SegmentTemplate media="$Number$" duration="2"/>'),
        attributes=f'mediaPresentationDuration="{length}"',
    )

    assert [segment.uncertain for segment in track.segments][:-1] == [False] * (
        len(track.segments) - 1
    )
    assert track.segments[-1].uncertain is uncertain


@pytest.mark.parametrize(
    ("entries", "times"),
    [
        ('<S t="0" d="20" r="2"/><S d="10"/>', ["0", "20", "40", "60"]),
        ('<S d="50" r="-1"/>', ["0", "50"]),
        ('<S t="0" d="40" r="-1"/>', ["0", "40", "80"]),
        ('<S t="0" d="30" r="-1"/><S t="90" d="10"/>', ["0", "30", "60", "90"]),
        ('<S t="0" d="20"/><S t="50" d="20"/>', ["0", "50"]),
        ('<S t="7" d="20"/>', ["7"]),
    ],
    ids=["repeats", "to the end", "past the end", "until the next", "a gap", "a late start"],
)
def test_a_timeline_says_when_each_segment_plays(entries: str, times: list[str]) -> None:
    template = (
        '<SegmentTemplate media="$Time$"'
        f' timescale="10"><SegmentTimeline>{entries}</SegmentTimeline></SegmentTemplate>'
    )

    assert names(only(level(template))) == times


def test_a_timeline_with_its_own_clock_ends_with_the_period() -> None:
    template = (
        '<SegmentTemplate media="$Time$" timescale="10" presentationTimeOffset="1000">'
        '<SegmentTimeline><S t="1000" d="50" r="-1"/></SegmentTimeline></SegmentTemplate>'
    )
    track = only(level(template))

    assert names(track) == ["1000", "1050"]
    assert {segment.origin_s for segment in track.segments} == {100.0}


def test_a_whole_number_may_be_written_as_a_decimal() -> None:
    track = only(level('<SegmentTemplate media="$Number$" duration="2000.0" timescale="1000.0"/>'))

    assert len(track.segments) == 5


def test_a_period_start_left_from_the_live_stream_does_not_shorten_the_video() -> None:
    text = mpd(f'<Period start="PT12M34S">{group(level(TEMPLATE.format(2)))}</Period>')

    assert len(read_mpd(text, URL)[0].segments) == 5


def test_a_list_names_its_segments_and_their_ranges() -> None:
    track = only(
        level(
            '<BaseURL>all.mp4</BaseURL><SegmentList duration="5"><Initialization range="0-99"/>'
            '<SegmentURL mediaRange="100-199"/><SegmentURL media="other.mp4"'
            ' mediaRange="0-9"/></SegmentList>'
        )
    )

    assert names(track) == ["all.mp4", "other.mp4"]
    assert [segment.span for segment in track.segments] == [Span(100, 100), Span(0, 10)]
    assert track.segments[0].init == Init(f"{BASE}all.mp4", Span(0, 100), None)


@pytest.mark.parametrize("body", ["<SegmentBase/>", ""])
def test_a_representation_without_segments_is_one_file(body: str) -> None:
    track = only(level(f"<BaseURL>v.mp4</BaseURL>{body}"))

    assert (names(track), track.whole_file) == (["v.mp4"], True)


def test_outer_elements_apply_to_inner_ones_unless_overridden() -> None:
    text = mpd(
        '<BaseURL>one/</BaseURL><Period><BaseURL>two/</BaseURL><SegmentTemplate timescale="10"'
        ' startNumber="3" '
        'initialization="$RepresentationID$-i"><SegmentTimeline><S d="50"'
        ' r="1"/></SegmentTimeline></SegmentTemplate>'
        '<AdaptationSet><BaseURL>three/</BaseURL><SegmentTemplate media="$Number$-$Time$"/>'
        + level('<BaseURL>four/</BaseURL><SegmentTemplate startNumber="8"/>')
        + "</AdaptationSet></Period>"
    )
    (track,) = read_mpd(text, URL)

    assert names(track) == ["one/two/three/four/8-0", "one/two/three/four/9-50"]
    assert track.segments[0].init == Init(f"{BASE}one/two/three/four/v-i", None, None)


def test_the_innermost_kind_of_addressing_applies() -> None:
    inside = level("<BaseURL>v.mp4</BaseURL><SegmentBase/>")

    assert names(only('<SegmentTemplate media="$Number$" duration="2"/>', inside)) == ["v.mp4"]


def test_periods_follow_each_other_and_may_restart_their_clocks() -> None:
    template = '<SegmentTemplate media="p{}-$Number$" duration="5"/>'
    periods = "".join(
        f'<Period duration="PT{length}S">{group(level(template.format(n)))}</Period>'
        for n, length in enumerate((10, 5))
    )
    (track,) = read_mpd(mpd(periods, ""), URL)

    assert names(track) == ["p0-1", "p0-2", "p1-1"]
    assert [segment.part for segment in track.segments] == [0, 0, 1]
    assert track.duration_s == 15.0


def test_a_period_ends_where_the_next_begins() -> None:
    template = '<SegmentTemplate media="$Number$" duration="2"/>'
    periods = (
        f"<Period>{group(level(template))}</Period><Period"
        f" start='PT4S'>{group(level(template))}</Period>"
    )
    (track,) = read_mpd(mpd(periods), URL)

    assert [segment.part for segment in track.segments] == [0, 0, 1, 1, 1]


def test_addresses_carry_the_query_of_the_manifest_where_it_says_so() -> None:
    rule = (
        '<EssentialProperty schemeIdUri="urn:mpeg:dash:urlparam:2014">'
        '<UrlQueryInfo queryTemplate="$querypart$" useMPDUrlQuery="true"/></EssentialProperty>'
    )
    inside = level('<SegmentTemplate media="$Number$.m4s?x=1" duration="10"/>')

    assert names(only(rule, inside)) == ["1.m4s?x=1&token=1"]
    assert names(only(inside)) == ["1.m4s?x=1"]


# --- the choice -----------------------------------------------------------------------------------


def whole(name: str) -> str:
    return f"<BaseURL>{name}</BaseURL>"


def chosen(*sets: str) -> list[str]:
    return [names(track)[0] for track in read_mpd(mpd(f"<Period>{''.join(sets)}</Period>"), URL)]


def test_the_tallest_then_the_richest_pictures_are_taken() -> None:
    levels = [
        level(whole("rich"), height=360, bandwidth=9_000),
        level(whole("tall"), height=720, bandwidth=1_000),
        level(whole("best"), height=720, bandwidth=2_000),
    ]

    assert chosen(group(*levels)) == ["best"]


def test_the_richest_sound_of_the_main_programme_is_taken() -> None:
    described = '<Role schemeIdUri="urn:mpeg:dash:role:2011" value="description"/>'

    assert chosen(
        group(
            described, level(whole("outcome"), kind=AUDIO, bandwidth=99_000), attributes='lang="en"'
        ),
        group(
            level(whole("en-low"), kind=AUDIO),
            level(whole("en"), kind=AUDIO, bandwidth=2_000),
            attributes='lang="en"',
        ),
        group(level(whole("es"), kind=AUDIO, bandwidth=9_000), attributes='lang="es"'),
        group(level(whole("v"))),
    ) == ["v", "en"]


def test_surround_sound_that_browsers_cannot_play_is_the_last_choice() -> None:
    surround = 'mimeType="audio/mp4" codecs="ec-3"'

    assert chosen(
        group(level(whole("v"))),
        group(level(whole("5.1"), kind=surround)),
        group(level(whole("2.0"), kind=AUDIO)),
    ) == ["v", "2.0"]


def test_pictures_that_include_sound_need_no_separate_sound() -> None:
    both = 'mimeType="video/mp4" codecs="avc1.64001f,mp4a.40.2"'

    assert chosen(group(level(whole("both"), kind=both)), group(level(whole("a"), kind=AUDIO))) == [
        "both"
    ]


@pytest.mark.parametrize(
    "scheme",
    ["http://dashif.org/guidelines/trickmode", "http://dashif.org/guidelines/thumbnail_tile"],
)
def test_pictures_for_seeking_are_not_taken(scheme: str) -> None:
    trick = group(
        f'<EssentialProperty schemeIdUri="{scheme}" value="1"/>',
        level(whole("trick"), height=2_160),
    )

    assert chosen(trick, group(level(whole("film")))) == ["film"]


def test_subtitles_and_thumbnails_are_neither_pictures_nor_sound() -> None:
    assert chosen(
        group(level(whole("text"), kind='mimeType="application/mp4" codecs="stpp"')),
        group(level(whole("tiles"), kind='mimeType="image/jpeg" width="1600" height="9000"')),
        group(level(whole("v"))),
    ) == ["v"]


def test_later_periods_use_the_quality_chosen_in_the_first() -> None:
    other = 'mimeType="video/mp4" codecs="hvc1.1.6.L93"'
    first = f'<Period duration="PT5S">{group(level(whole("a"), id="1", height=720))}</Period>'
    second = (
        f'<Period duration="PT5S">{group(level(whole("b-hevc"), id="1", height=720, kind=other))}'
        f"{group(level(whole('b-low'), height=360), level(whole('b'), height=720))}</Period>"
    )
    (track,) = read_mpd(mpd(first + second), URL)

    assert names(track) == ["a", "b"]


def test_a_quality_without_drm_is_preferred_to_one_with_drm() -> None:
    locked = level("<ContentProtection/>" + whole("locked"), height=2_160)

    assert chosen(group(locked, level(whole("free"), height=480))) == ["free"]


# --- what is refused ------------------------------------------------------------------------------

TEMPLATE = '<SegmentTemplate media="$Number$" duration="{}"/>'
TIMELINE = '<SegmentTemplate media="$Time$"><SegmentTimeline>{}</SegmentTimeline></SegmentTemplate>'
ENDLESS, TIMELESS = TIMELINE.format('<S d="1" r="999999999"/>'), TIMELINE.format('<S d="0" r="9"/>')
BACKWARDS = '<SegmentList duration="1"><SegmentURL mediaRange="9-1"/></SegmentList>'


@pytest.mark.parametrize(
    ("text", "failure"),
    [
        (mpd(f"<Period>{group(level(whole('v')))}</Period>", 'type="dynamic"'), LiveNow),
        (mpd(f"<Period>{group(level('<ContentProtection/>'))}</Period>"), Drm),
        (mpd(f"<Period>{group('<ContentProtection/>', level())}</Period>"), Drm),
        (mpd(f"<Period><ContentProtection/>{group(level())}</Period>"), Drm),
        (mpd('<Period xlink:href="https://a.example/p.xml"/>'), Unsupported),
        (mpd(f'<Period>{group(level())}<AdaptationSet xlink:href="x"/></Period>'), Unsupported),
        (mpd(""), Incomplete),
        (mpd(f"<Period>{group(level(kind=AUDIO))}</Period>"), NotAVideo),
        (mpd(f"<Period>{group(level(TEMPLATE.format(2)))}</Period>", ""), Incomplete),
        (mpd(f"<Period>{group(level(TEMPLATE.format(1)))}</Period>",
             'mediaPresentationDuration="PT30000S"'), NotAVideo),
        (mpd(f"<Period>{group(level(ENDLESS))}</Period>"), NotAVideo),
        (mpd(f"<Period>{group(level(TIMELESS))}</Period>"), NotAVideo),
        (mpd(f"<Period>{group(level(BACKWARDS))}</Period>"), NotAVideo),
        (mpd(f"<Period>{group(level(whole('data:video/mp4;base64,AAAA')))}</Period>"), NotAVideo),
        (mpd(f"<Period>{group(level(whole('http://u:p@a.example/v.mp4')))}</Period>"), NotAVideo),
        ("<MPD><Period></MPD>", NotAVideo),
        ("<!DOCTYPE MPD [<!ENTITY a 'x'>]><MPD>&a;</MPD>", NotAVideo),
        ("<!DOCTYPE MPD SYSTEM 'file:///etc/passwd'><MPD/>", NotAVideo),
        ("<MPD>" + "<Period>" * MAX_DEPTH + "</Period>" * MAX_DEPTH + "</MPD>", NotAVideo),
        ("<MPD>" + "<a/>" * MAX_ELEMENTS + "</MPD>", NotAVideo),
        ("<rss/>", Failure),
        ("", NotAVideo),
    ],
)  # fmt: skip
def test_what_cannot_or_must_not_be_fetched_is_refused(text: str, failure: type[Failure]) -> None:
    with pytest.raises(failure):
        read_mpd(text, URL)


def test_the_segments_of_all_periods_are_counted_together() -> None:
    """Each period alone is within the limit; hundreds of them must not be expanded."""
    period = f'<Period duration="PT{MAX_SEGMENTS}S">{group(level(TEMPLATE.format(1)))}</Period>'

    with pytest.raises(NotAVideo, match="segments"):
        read_mpd(mpd(period * 500, ""), URL)


def test_a_period_that_resolves_to_zero_is_left_out() -> None:
    text = mpd(
        '<Period xlink:href="urn:mpeg:dash:resolve-to-zero:2013"/>'
        f"<Period>{group(level(whole('v')))}</Period>"
    )

    assert names(read_mpd(text, URL)[0]) == ["v"]


def test_namespace_prefixes_make_no_difference() -> None:
    text = (
        '<dash:MPD xmlns:dash="urn:mpeg:dash:schema:mpd:2011"'
        ' mediaPresentationDuration="PT2S"><dash:Period>'
        "<dash:AdaptationSet><dash:Representation"
        f" {VIDEO}><dash:BaseURL>v</dash:BaseURL></dash:Representation>"
        "</dash:AdaptationSet></dash:Period></dash:MPD>"
    )

    assert names(read_mpd(text, URL)[0]) == ["v"]


def test_a_manifest_with_the_maximum_number_of_segments_is_read() -> None:
    text = mpd(
        f"<Period>{group(level(TEMPLATE.format(1)))}</Period>",
        f'mediaPresentationDuration="PT{MAX_SEGMENTS}S"',
    )

    assert len(read_mpd(text, URL)[0].segments) == MAX_SEGMENTS


def test_a_live_manifest_can_be_inspected() -> None:
    document = read_document(
        mpd(f"<Period>{group(level(TEMPLATE.format(2)))}</Period>", 'type="dynamic"'), URL
    )

    assert (document.live, document.variants, document.duration_s) == (True, 1, None)


# --- subtitles


TEXT_SET = """<AdaptationSet contentType="text" lang="{}" mimeType="{}">{}
<Representation id="t" bandwidth="1">{}</Representation></AdaptationSet>"""


def with_texts(*sets: str) -> str:
    video = (
        '<AdaptationSet mimeType="video/mp4"><Representation id="v" codecs="avc1.42c01e" width="2"'
        ' height="2"><BaseURL>v.mp4</BaseURL></Representation></AdaptationSet>'
    )
    return (
        f'<MPD type="static" mediaPresentationDuration="PT4S"><Period>{video}{"".join(sets)}'
        "</Period></MPD>"
    )


def test_subtitles_that_are_files_are_named_with_their_languages() -> None:
    text = with_texts(
        TEXT_SET.format("en", "text/vtt", "", "<BaseURL>en.vtt</BaseURL>"),
        TEXT_SET.format(
            "de", "TEXT/VTT", "", "<BaseURL>https://texts.example/de.vtt?a=1</BaseURL>"
        ),
        TEXT_SET.format("fr", "application/ttml+xml", "", "<BaseURL>fr.ttml</BaseURL>"),
        TEXT_SET.format(
            "es",
            "text/vtt",
            '<SegmentTemplate media="$Number$.vtt" duration="1"/>',
            "<BaseURL>es/</BaseURL>",
        ),
        TEXT_SET.format("it", "text/vtt", "", ""),
    )

    assert [(one.language, one.url) for one in subtitles_of(text, "https://v.example/a/m.mpd")] == [
        ("en", "https://v.example/a/en.vtt"),
        ("de", "https://texts.example/de.vtt?a=1"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "text/vtt",
        "<MPD>text/vtt",
        with_texts(TEXT_SET.format("en", "text/vtt", "", "<BaseURL>javascript:1</BaseURL>")),
    ],
)
def test_a_manifest_that_cannot_be_read_names_no_subtitles(text: str) -> None:
    assert subtitles_of(text, "https://v.example/m.mpd") == ()
