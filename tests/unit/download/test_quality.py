"""Which quality is taken from masters and manifests that offer several codecs and several kinds of
sound.
"""

from __future__ import annotations

import pytest

from mediavault.core import media
from mediavault.download.manifest import Master, QualityLevel, Wanted, plays_everywhere
from mediavault.download.mpd import read_mpd
from mediavault.download.playlist import read_playlist

BASE = "https://cdn.example/"
BEST, COMPATIBLE = Wanted(), Wanted(media.COMPATIBLE)

AVC, HEVC, AV1, VP9, VVC = (
    "avc1.640028",
    "hvc1.1.6.L120.90",
    "av01.0.08M.08",
    "vp09.00.41.08",
    "vvc1.1.L67",
)
AAC, OPUS, AC3, EC3 = "mp4a.40.2", "opus", "ac-3", "ec-3"


def hls(*variants: tuple[str, int, str], groups: str = "") -> Master:
    """Return a master of variants (name, height, codecs);
    one named ``v/g`` has its sound in the AUDIO group ``g``.
    """
    sound_of = '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="{0}",NAME="en",DEFAULT=YES,URI="sound-{0}.m3u8"'
    lines = ["#EXTM3U", *map(sound_of.format, groups.split())]
    for name, height, codecs in variants:
        group = name.partition("/")[2]
        sound = f',AUDIO="{group}"' if group else ""
        named = f',CODECS="{codecs}"' if codecs else ""
        size = f"RESOLUTION={height * 16 // 9}x{height}"
        lines += [
            f"#EXT-X-STREAM-INF:BANDWIDTH={height * 1_000},{size}{named}{sound}",
            f"{name.replace('/', '-')}.m3u8",
        ]
    read = read_playlist("\n".join(lines), BASE)
    assert isinstance(read, Master)
    return read


def taken(master: Master, wanted: Wanted) -> str:
    return master.best(wanted).url.removeprefix(BASE).removesuffix(".m3u8")


MIXED = hls(
    ("av1", 2160, f"{AV1},{AAC}"),
    ("vp9", 2160, f"{VP9},{AAC}"),
    ("hevc", 1440, f"{HEVC},{AAC}"),
    ("avc", 1080, f"{AVC},{AAC}"),
    ("avc-low", 360, f"{AVC},{AAC}"),
)


def test_the_largest_picture_is_the_best_whatever_its_codec() -> None:
    assert taken(MIXED, BEST) in ("av1", "vp9")


def test_h264_with_aac_is_taken_before_anything_larger_where_compatible_is_preferred() -> None:
    assert taken(MIXED, COMPATIBLE) == "avc"


def test_without_a_compatible_variant_the_largest_is_taken() -> None:
    assert (
        taken(hls(("vp9", 720, f"{VP9},{OPUS}"), ("hevc", 1080, f"{HEVC},{AAC}")), COMPATIBLE)
        == "hevc"
    )


def test_separate_sound_counts_with_its_pictures() -> None:
    master = hls(
        ("hevc/ac3", 2160, f"{HEVC},{AC3}"),
        ("avc/ec3", 1080, f"{AVC},{EC3}"),
        ("avc/opus", 1080, f"{AVC},{OPUS}"),
        ("avc/aac", 720, f"{AVC},{AAC}"),
        groups="aac opus ac3 ec3",
    )

    assert taken(master, COMPATIBLE) == "avc-aac"
    assert master.best(COMPATIBLE).audio_url == f"{BASE}sound-aac.m3u8"
    assert taken(master, BEST) == "hevc-ac3"


def test_what_cannot_be_decoded_is_the_last_choice() -> None:
    master = hls(("vvc", 2160, f"{VVC},{AAC}"), ("avc", 720, f"{AVC},{AAC}"))

    assert [taken(master, wanted) for wanted in (BEST, COMPATIBLE)] == ["avc", "avc"]


@pytest.mark.parametrize("sound", [True, None])
def test_a_silent_variant_is_not_taken_where_another_has_sound(sound: bool | None) -> None:
    master = hls(
        ("silent", 1080, AVC), ("full", 720, f"{AVC},{AAC}"), ("beside/g", 480, AVC), groups="g"
    )

    assert taken(master, Wanted(sound=sound)) == "full"
    assert taken(master, Wanted(media.COMPATIBLE, sound=sound)) == "full"


def test_a_video_that_has_no_sound_needs_none() -> None:
    master = hls(("silent", 1080, AVC), ("full", 720, f"{AVC},{AAC}"))

    assert taken(master, Wanted(sound=False)) == "silent"


def test_variants_that_name_no_codecs_count_as_compatible() -> None:
    master = hls(("named", 720, f"{AVC},{AAC}"), ("unnamed", 1080, ""))

    assert [taken(master, wanted) for wanted in (BEST, COMPATIBLE)] == ["unnamed", "unnamed"]


@pytest.mark.parametrize(
    ("codecs", "everywhere"),
    [
        ("", True),
        ("avc1.42c01e", True),
        ("avc3.640028,mp4a.40.2", True),
        ("avc1.640028, mp4a.40.5, wvtt", True),
        ("avc1.640028,mp4a.40.34", True),
        ("avc1.640028,mp4a.6B", True),
        ("avc1.640028,mp4a.40.42", False),
        ("avc1.640028,mp4a.a6", False),
        ("avc1.640028,ac-3", False),
        ("avc1.640028,opus", False),
        ("hvc1.2.4.L153,mp4a.40.2", False),
        ("av01.0.05M.08", False),
        ("vp09.00.10.08", False),
        ("dvh1.05.06", False),
    ],
)
def test_what_plays_everywhere(codecs: str, everywhere: bool) -> None:
    assert plays_everywhere(codecs) is everywhere


def test_a_quality_levels_height_is_its_shorter_side() -> None:
    assert (
        QualityLevel(1080, 1920).shorter_side
        == QualityLevel(1920, 1080).shorter_side
        == QualityLevel(height=1080).shorter_side
        == 1080
    )


# --- DASH -----------------------------------------------------------------------------------------


def dash(*sets: str) -> str:
    return (
        '<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" mediaPresentationDuration="PT10S"><Period>'
        f"{''.join(sets)}</Period></MPD>"
    )


def pictures(name: str, height: int, codecs: str, kind: str = "mp4") -> str:
    return (
        f'<AdaptationSet mimeType="video/{kind}"><Representation id="{name}"'
        f' bandwidth="{height * 1_000}" '
        f'width="{height * 16 // 9}" height="{height}"'
        f' codecs="{codecs}"><BaseURL>{name}</BaseURL></Representation>'
        "</AdaptationSet>"
    )


def sound(name: str, codecs: str, rate: int, kind: str = "mp4") -> str:
    return (
        f'<AdaptationSet mimeType="audio/{kind}"><Representation id="{name}" bandwidth="{rate}"'
        f' codecs="{codecs}">'
        f"<BaseURL>{name}</BaseURL></Representation></AdaptationSet>"
    )


MANIFEST = dash(
    pictures("av1", 2160, AV1),
    pictures("vp9", 2160, VP9, "webm"),
    pictures("hevc", 1440, HEVC),
    pictures("avc", 1080, AVC),
    sound("opus", OPUS, 160_000, "webm"),
    sound("ac3", AC3, 640_000),
    sound("aac", AAC, 128_000),
)


def tracks(text: str, wanted: Wanted) -> list[str]:
    return [track.segments[0].url.removeprefix(BASE) for track in read_mpd(text, BASE, wanted)]


def test_a_manifests_largest_picture_goes_with_the_first_sound_that_browsers_play() -> None:
    assert tracks(MANIFEST, BEST) == ["av1", "opus"]


def test_h264_and_aac_are_taken_from_a_manifest_where_compatible_is_preferred() -> None:
    assert tracks(MANIFEST, COMPATIBLE) == ["avc", "aac"]


def test_without_aac_in_a_manifest_the_sound_that_a_player_would_start_with_is_taken() -> None:
    text = dash(
        pictures("avc", 1080, AVC), sound("ac3", AC3, 640_000), sound("opus", OPUS, 160_000)
    )

    assert tracks(text, COMPATIBLE) == ["avc", "opus"]


def test_what_cannot_be_decoded_is_the_last_choice_in_a_manifest_too() -> None:
    text = dash(pictures("vvc", 2160, VVC), pictures("avc", 720, AVC), sound("aac", AAC, 128_000))

    assert tracks(text, BEST) == ["avc", "aac"]


def test_silent_pictures_in_a_manifest_are_not_taken_where_others_include_sound() -> None:
    text = dash(pictures("silent", 1080, AVC), pictures("full", 720, f"{AVC},{AAC}"))

    assert tracks(text, BEST) == ["full"]
    assert tracks(text, Wanted(sound=False)) == ["silent"]
