"""Pictures and sound of a stream must each reach the end that their own playlist announces."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from mediavault.core.failures import Incomplete
from mediavault.core.media import DownloadedFile, Expected, Preference, SourceType
from mediavault.media import library as media_library
from tests import media
from tests.component.download import dash_streams as dash
from tests.component.download.conftest import Fetch
from tests.fault_server import FaultServer, serve

media_library.quiet()
pytestmark = pytest.mark.usefixtures("joined_here")

SECONDS, SEGMENT_S = 8.0, 2.0
PICTURES, SOUND = 0, 1  # in the order in which FFmpeg's muxers number them
WHOLE_SOUND = '<BaseURL>sound.mp4</BaseURL><SegmentBase indexRange="0-99"/>'


async def save(fetch: Fetch, path: str = "/index.m3u8", **options: Any) -> DownloadedFile:
    source_type = SourceType.DASH if path.endswith(".mpd") else SourceType.HLS
    return await fetch(path, source_type=source_type, **options)


def ends_s(file: DownloadedFile) -> dict[str, float]:
    """Return where the pictures and the sound of a file end."""
    ends: dict[str, float] = {}
    with media_library.open_input(file.path, "mov") as opened:
        for packet in opened.demux():
            if packet.pts is not None and packet.duration is not None:
                end_s = float((packet.pts + packet.duration) * packet.time_base)
                ends[packet.stream.type] = max(ends.get(packet.stream.type, 0.0), end_s)
    return ends


def without(segment: bytes, track: int) -> bytes:
    """Return a segment of TS or fragmented MP4 without the packets of one of its tracks."""
    if segment[:1] == b"\x47":
        packets = [segment[at : at + 188] for at in range(0, len(segment), 188)]
        return b"".join(
            packet for packet in packets if (packet[1] & 0x1F) << 8 | packet[2] != 0x100 + track
        )
    body, at = bytearray(segment), -1
    while (at := segment.find(b"traf", at + 1)) >= 0:
        if (
            segment[at + 8 : at + 12] == b"tfhd"
            and int.from_bytes(segment[at + 16 : at + 20]) == 1 + track
        ):
            body[at : at + 4] = b"free"
    return bytes(body)


def muxed(kind: str, *, lacking: Mapping[int, int], repeated: bool = False) -> dict[str, bytes]:
    """Return a stream of pictures with sound in four segments of 2 s; ``lacking`` says which
    segments lack which track.

    ``repeated``: a discontinuity follows, and the whole stream once more.
    """
    files = dict(media.hls(kind, seconds=SECONDS, segment_s=SEGMENT_S))
    whole = {f"whole-{name}": body for name, body in files.items() if name.startswith("seg")}
    for number, track in lacking.items():
        name = next(name for name in files if name.startswith(f"seg{number:03}"))
        files[name] = without(files[name], track)
    if repeated:
        listed = files["index.m3u8"].replace(b"#EXT-X-ENDLIST", b"#EXT-X-DISCONTINUITY")
        again = files["index.m3u8"][files["index.m3u8"].index(b"#EXTINF") :].replace(
            b"seg0", b"whole-seg0"
        )
        files |= {"index.m3u8": listed + again, **whole}
    return files


def numbers(track: int, segments: Iterable[int]) -> Mapping[int, int]:
    return dict.fromkeys(segments, track)


def split(*, pictures: str = "", sound: str = "") -> dict[str, bytes]:
    """Return a stream of pictures and separate sound of 6 s;
    a given listing replaces a playlist's segments.
    """
    files = dict(media.hls_split())
    for folder, listing in (("high", pictures), ("sound", sound)):
        name = f"{folder}/index.m3u8"
        if listing:
            head = files[name][: files[name].index(b"#EXTINF")]
            files[name] = head + f"{listing}\n#EXT-X-ENDLIST\n".encode()
    return files


def shown_late(seconds: float) -> dict[str, bytes]:
    """Return a stream of 6 s of sound whose pictures are of its last seconds only."""
    late = {"output_ts_offset": f"{6 - seconds}"}
    parts = {"output_ts_offset": "0"}
    pictures = media.encode("mpegts", seconds, sound=False, options=late)
    sound = media.encode("mpegts", 6.0, video=None, options=parts)
    listing = "#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:6.0,\n{}.ts\n#EXT-X-ENDLIST\n"
    return {
        "index.m3u8": b'#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="s",NAME="en",DEFAULT=YES,'
        b'URI="sound.m3u8"\n'
        b'#EXT-X-STREAM-INF:BANDWIDTH=400000,RESOLUTION=320x180,AUDIO="s"\npictures.m3u8\n',
        "pictures.m3u8": listing.format("pictures").encode(),
        "sound.m3u8": listing.format("sound").encode(),
        "pictures.ts": pictures,
        "sound.ts": sound,
    }


# --- separate playlists ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        (
            split(pictures="#EXTINF:6.0,\nseg000.m4s"),
            r"pictures end at 2\.0 s, their playlist announced 6\.0 s",
        ),
        (
            split(sound="#EXTINF:6.0,\nseg000.m4s"),
            r"sound ends at 2\.0 s, its playlist announced 6\.0 s",
        ),
    ],
    ids=["pictures", "sound"],
)
async def test_a_track_that_ends_before_its_playlist_does_is_refused(
    files: Mapping[str, bytes], reason: str, server: FaultServer, fetch: Fetch, tmp_path: Any
) -> None:
    server.files(files)

    with pytest.raises(Incomplete, match=reason):
        await save(fetch)
    assert not list(tmp_path.glob("media.*"))


async def test_a_sound_playlist_that_is_shorter_than_the_pictures_is_saved_as_announced(
    server: FaultServer, fetch: Fetch
) -> None:
    """Whether sound of 2 s is enough for pictures of 6 s is a question about the film,
    not about the download.
    """
    server.files(split(sound="#EXTINF:2.0,\nseg000.m4s"))

    assert ends_s(await save(fetch)) == pytest.approx({"video": 6.0, "audio": 2.0}, abs=0.1)


async def test_the_sound_alone_must_reach_the_end_of_its_playlist_too(
    server: FaultServer, fetch: Fetch
) -> None:
    server.files(split(sound="#EXTINF:6.0,\nseg000.m4s"))

    with pytest.raises(Incomplete, match="announced"):
        await save(fetch, prefer=Preference(sound_only=True))


async def test_a_sound_playlist_of_whole_seconds_may_announce_more_than_there_is(
    server: FaultServer, fetch: Fetch
) -> None:
    server.files(
        split(sound="#EXTINF:2,\nseg000.m4s\n#EXTINF:3,\nseg001.m4s\n#EXTINF:2,\nseg002.m4s")
    )

    assert ends_s(await save(fetch)) == pytest.approx({"video": 6.0, "audio": 6.0}, abs=0.1)


@pytest.mark.parametrize("begins_s", [0.5, 1.5])
async def test_pictures_may_begin_later_than_the_sound(
    begins_s: float, server: FaultServer, fetch: Fetch
) -> None:
    server.files(shown_late(6.0 - begins_s))

    assert ends_s(await save(fetch)) == pytest.approx({"video": 6.0, "audio": 6.0}, abs=0.1)


# --- DASH -----------------------------------------------------------------------------------------

ONE_SEGMENT = dash.NUMBERED.replace('duration="2"', 'duration="6"')


@pytest.mark.parametrize(
    ("video", "audio", "reason"),
    [
        (ONE_SEGMENT, dash.NUMBERED, "pictures end at 2"),
        (dash.NUMBERED, ONE_SEGMENT, "sound ends at 2"),
        (dash.NUMBERED, WHOLE_SOUND, "sound ends at 4"),
    ],
    ids=["pictures", "sound", "sound in one file"],
)
async def test_a_track_that_ends_before_its_representation_does_is_refused(
    video: str, audio: str, reason: str, server: FaultServer, fetch: Fetch, tmp_path: Any
) -> None:
    server.files({**dash.files(), "sound.mp4": media.encode("mp4", 4.0, video=None)})
    server.on("/v.mpd", serve(dash.mpd(dash.period(video, audio))))

    with pytest.raises(Incomplete, match=reason):
        await save(fetch, "/v.mpd")
    assert not list(tmp_path.glob("media.*"))


@pytest.mark.parametrize("seconds", [5.5, 6.5])
async def test_sound_in_one_file_may_end_a_little_before_or_after_the_pictures(
    seconds: float, server: FaultServer, fetch: Fetch
) -> None:
    server.files({**dash.files(), "sound.mp4": media.encode("mp4", seconds, video=None)})
    server.on("/v.mpd", serve(dash.mpd(dash.period(dash.NUMBERED, WHOLE_SOUND))))

    assert ends_s(await save(fetch, "/v.mpd")) == pytest.approx(
        {"video": 6.0, "audio": seconds}, abs=0.1
    )


async def test_a_presentation_is_as_long_as_its_longest_track(
    server: FaultServer, fetch: Fetch
) -> None:
    """Thirty seconds of sound for pictures of 28 s:
    their files are announced by the length of both alone.
    """
    film = {
        "pictures.mp4": media.encode("mp4", 28.0, sound=False, bit_rate=60_000),
        "sound.mp4": media.encode("mp4", 30.0, video=None),
    }
    pictures = WHOLE_SOUND.replace("sound", "pictures")
    length = 'type="static" mediaPresentationDuration="PT30S"'
    server.files(film)
    server.on("/v.mpd", serve(dash.mpd(dash.period(pictures, WHOLE_SOUND), attributes=length)))

    assert ends_s(await save(fetch, "/v.mpd")) == pytest.approx(
        {"video": 28.0, "audio": 30.0}, abs=0.1
    )


# --- pictures and sound in one playlist -----------------------------------------------------------


@pytest.mark.parametrize("kind", ["ts", "fmp4"])
@pytest.mark.parametrize(
    ("lacking", "repeated", "reason"),
    [
        (
            numbers(PICTURES, (2, 3)),
            False,
            r"pictures end at 4\.\d s, their playlist announced 8\.0 s",
        ),
        (numbers(PICTURES, (3,)), False, r"pictures end at 6\.\d s"),
        (numbers(PICTURES, (0,)), False, r"pictures are missing from 0\.0 s to 2\.\d s"),
        (numbers(PICTURES, (1, 2)), False, r"pictures jump by 4\.\d s"),
        (numbers(SOUND, (1, 2)), False, r"sound jumps by 4\.\d s"),
        (numbers(PICTURES, (2, 3)), True, r"pictures are missing from 4\.\d s to 8\.\d s"),
        (numbers(SOUND, (2, 3)), True, r"sound is missing from 4\.\d s to 8\.\d s"),
    ],
    ids=[
        "end",
        "last segment",
        "first segment",
        "middle",
        "sound in the middle",
        "end of a part",
        "sound at the end of a part",
    ],
)
async def test_a_stream_with_segments_that_lack_a_track_is_refused(
    lacking: Mapping[int, int],
    repeated: bool,
    reason: str,
    kind: str,
    server: FaultServer,
    fetch: Fetch,
    tmp_path: Any,
) -> None:
    server.files(muxed(kind, lacking=lacking, repeated=repeated))

    with pytest.raises(Incomplete, match=reason):
        await save(fetch)
    assert not list(tmp_path.glob("media.*"))


@pytest.mark.parametrize("kind", ["ts", "fmp4"])
async def test_the_sound_of_a_playlist_with_pictures_may_end_before_them(
    kind: str, server: FaultServer, fetch: Fetch
) -> None:
    """The playlist does not say how long its sound is: films with silent credits, and films whose
    site removed the sound of some segments, look the same. The verdict on the file asks the user.
    """
    server.files(muxed(kind, lacking=numbers(SOUND, (2, 3))))

    assert ends_s(await save(fetch)) == pytest.approx({"video": 8.0, "audio": 4.0}, abs=0.2)


@pytest.mark.parametrize("kind", ["ts", "fmp4"])
async def test_parts_are_compared_each_on_its_own(
    kind: str, server: FaultServer, fetch: Fetch
) -> None:
    server.files(muxed(kind, lacking={}, repeated=True))

    assert ends_s(await save(fetch)) == pytest.approx({"video": 16.0, "audio": 16.0}, abs=0.2)


async def test_a_slide_show_may_end_a_picture_before_its_sound(
    server: FaultServer, fetch: Fetch
) -> None:
    """One picture every five seconds, the last one at 15 of 20 s."""
    files = media.slide_show_ts(20.0, every_s=5.0)
    listing = "#EXTM3U\n#EXT-X-TARGETDURATION:20\n#EXTINF:20.0,\nshow.ts\n#EXT-X-ENDLIST\n"
    server.files({"show.ts": files, "index.m3u8": listing.encode()})

    assert ends_s(await save(fetch))["audio"] == pytest.approx(20.0, abs=0.1)


# --- announced sound ------------------------------------------------------------------------------


def silent(codecs: str, *, group: bool = False) -> dict[str, bytes]:
    """Return a master playlist of one silent variant that is declared with these codecs,
    or with sound inside.
    """
    files = {f"v/{name}": body for name, body in media.one_track_hls("video").items()}
    sound = '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="en",DEFAULT=YES\n' if group else ""
    info = "BANDWIDTH=400000,RESOLUTION=320x180" + (f',CODECS="{codecs}"' if codecs else "")
    info += ',AUDIO="a"' if group else ""
    return files | {
        "index.m3u8": f"#EXTM3U\n{sound}#EXT-X-STREAM-INF:{info}\nv/index.m3u8\n".encode()
    }


@pytest.mark.parametrize(
    ("files", "announced"),
    [
        (silent("avc1.42c01e,mp4a.40.2"), True),
        (silent("avc1.42c01e,ac-3"), True),
        (silent("avc1.42c01e,opus"), True),
        (silent("avc1.42c01e", group=True), True),
        (silent("avc1.42c01e"), None),
        (silent(""), None),
    ],
    ids=["aac", "ac-3", "opus", "group", "pictures only", "nothing"],
)
async def test_sound_that_the_master_playlist_announces_is_expected_of_the_file(
    files: Mapping[str, bytes], announced: bool | None, server: FaultServer, fetch: Fetch
) -> None:
    server.files(files)

    assert (await save(fetch)).expected.audio is announced


async def test_a_post_that_announces_a_silent_video_knows_better_than_its_playlist(
    server: FaultServer, fetch: Fetch
) -> None:
    """Sites package all their videos alike, GIFs too."""
    server.files(silent("avc1.42c01e,mp4a.40.2"))

    assert (await save(fetch, expected=Expected(audio=False))).expected.audio is False


@pytest.mark.parametrize(
    ("codecs", "announced"),
    [("avc1.42c01e,mp4a.40.2", True), ("avc1.42c01e", None)],
    ids=["sound", "pictures only"],
)
async def test_sound_that_a_manifest_announces_is_expected_of_the_file(
    codecs: str, announced: bool | None, server: FaultServer, fetch: Fetch
) -> None:
    server.files(dash.files())
    manifest = dash.mpd(dash.period(dash.NUMBERED)).replace(b"avc1.42c01e", codecs.encode())
    server.on("/v.mpd", serve(manifest))

    assert (await save(fetch, "/v.mpd")).expected.audio is announced


async def test_a_separate_sound_track_is_expected_of_the_file(
    server: FaultServer, fetch: Fetch
) -> None:
    server.files(dash.files())
    server.on("/v.mpd", serve(dash.mpd(dash.period(*dash.FORMS["numbered"]))))

    assert (await save(fetch, "/v.mpd")).expected.audio is True


async def test_a_sound_track_without_sound_is_a_failure(
    server: FaultServer, fetch: Fetch, tmp_path: Any
) -> None:
    files = dict(media.hls_split())
    files |= {
        name.replace("low/", "sound/"): body
        for name, body in files.items()
        if name.startswith("low/")
    }
    server.files(files)

    with pytest.raises(Incomplete, match="holds no sound"):
        await save(fetch)
    assert not list(tmp_path.glob("media.*"))


async def test_a_variant_with_a_size_that_has_no_pictures_is_a_failure(
    server: FaultServer, fetch: Fetch
) -> None:
    files = {f"v/{name}": body for name, body in media.one_track_hls("audio").items()}
    info = 'BANDWIDTH=400000,RESOLUTION=320x180,CODECS="avc1.42c01e,mp4a.40.2"'
    server.files(
        files | {"index.m3u8": f"#EXTM3U\n#EXT-X-STREAM-INF:{info}\nv/index.m3u8\n".encode()}
    )

    with pytest.raises(Incomplete, match="it has no pictures"):
        await save(fetch)
