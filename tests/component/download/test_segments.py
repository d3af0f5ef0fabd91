"""HLS streams from a loopback server become a whole file or a specific failure,
never a file with missing parts.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mediavault.core.cookies import Cookie
from mediavault.core.failures import (
    AddressRefused,
    Drm,
    Failure,
    HttpError,
    Incomplete,
    LinkExpired,
    NoSpace,
    NotAVideo,
    RateLimited,
    TooLarge,
)
from mediavault.core.media import (
    COMPATIBLE,
    DownloadedFile,
    Expected,
    LiveNow,
    Preference,
    SourceType,
)
from mediavault.core.urls import EgressScope
from mediavault.download import track
from mediavault.download.port import MediaRequest
from mediavault.download.stream_source import StreamSource
from mediavault.media import library as media_library
from mediavault.media import probe_child as media_probe_child
from mediavault.media import sound_child
from mediavault.media.judgement import problems, problems_of_sound
from tests import media
from tests.component.download.conftest import LIMITS, Fetch
from tests.fakes import FakeClock
from tests.fault_server import FaultServer, Script, changed, cut, reply, serve
from tests.stubs import IN_PROCESS

media_library.quiet()

SEGMENTS = ("/seg000.ts", "/seg001.ts", "/seg002.ts")


pytestmark = pytest.mark.usefixtures("joined_here")


async def hls(fetch: Fetch, path: str = "/index.m3u8", **options: Any) -> DownloadedFile:
    return await fetch(path, source_type=SourceType.HLS, **options)


def faults(file: DownloadedFile, duration_s: float = 6.0) -> tuple[object, ...]:
    return problems(
        media_probe_child.examine(file.path), Expected(duration_s=duration_s, audio=True)
    )


@pytest.mark.parametrize(
    "files",
    [
        media.hls("ts"),
        media.hls("fmp4"),
        media.hls_aes(),
        media.hls_aes(with_iv=True),
        media.hls_split(),
    ],
    ids=["ts", "fmp4", "aes", "aes with iv", "separate sound"],
)
async def test_a_stream_becomes_one_whole_file(
    files: Mapping[str, bytes], server: FaultServer, fetch: Fetch, tmp_path: Path
) -> None:
    server.files(files)
    file = await hls(fetch)

    assert faults(file) == ()
    assert (file.path.name, file.segmented, file.content_type) == ("media.mp4", True, "video/mp4")
    assert file.bytes == file.path.stat().st_size
    assert file.expected.duration_s == pytest.approx(6.0, abs=0.05)
    assert [path.name for path in tmp_path.iterdir()] == ["media.mp4"]


async def test_only_the_best_variant_is_fetched(server: FaultServer, fetch: Fetch) -> None:
    server.files(media.hls_split())
    await hls(fetch)

    assert server.asked("/high/seg000.m4s")
    assert not server.asked("/low/index.m3u8")


async def test_byte_ranges_of_one_resource_are_fetched_one_by_one(
    server: FaultServer, fetch: Fetch
) -> None:
    files = media.hls("ts")
    parts = [files[name[1:]] for name in SEGMENTS]
    listed = "".join(
        f"#EXTINF:2.0,\n#EXT-X-BYTERANGE:{len(part)}\nall.ts\n" for part in parts
    ).replace("\nall", "@0\nall", 1)
    server.on("/all.ts", serve(b"".join(parts)))
    server.on(
        "/index.m3u8", serve(f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n{listed}#EXT-X-ENDLIST".encode())
    )

    assert faults(await hls(fetch)) == ()
    assert len(server.asked("/all.ts")) == 3


async def test_a_server_that_ignores_byte_ranges_is_refused(
    server: FaultServer, fetch: Fetch
) -> None:
    part = media.hls("ts")["seg000.ts"]
    text = (
        f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2.0,\n#EXT-X-BYTERANGE:{len(part)}@188\n"
        "all.ts\n#EXT-X-ENDLIST"
    )
    server.on("/index.m3u8", serve(text.encode()))
    server.on("/all.ts", serve(part * 2, ranges=False))

    with pytest.raises(Incomplete):
        await hls(fetch)


async def test_a_short_byte_range_is_refused(server: FaultServer, fetch: Fetch) -> None:
    """The header names the requested range; the body is shorter, and announces its own length."""
    part = media.hls("ts")["seg000.ts"]
    text = (
        f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2.0,\n#EXT-X-BYTERANGE:{len(part)}@0\nall.ts\n"
        "#EXT-X-ENDLIST"
    )
    server.on("/index.m3u8", serve(text.encode()))
    server.on("/all.ts", changed(serve(part * 2), body=part[: 188 * 300]))

    with pytest.raises(Incomplete, match="instead of"):
        await hls(fetch)


async def test_time_continues_over_a_discontinuity(server: FaultServer, fetch: Fetch) -> None:
    server.files(media.hls("ts"))
    lines = [f"#EXTINF:2.0,\n{name[1:]}" for name in SEGMENTS]
    text = "\n".join(
        [
            "#EXTM3U",
            "#EXT-X-TARGETDURATION:2",
            *lines,
            "#EXT-X-DISCONTINUITY",
            *lines,
            "#EXT-X-ENDLIST",
        ]
    )
    server.on("/index.m3u8", serve(text.encode()))

    assert faults(await hls(fetch), 12.0) == ()


async def test_the_duration_that_the_post_states_takes_precedence(
    server: FaultServer, fetch: Fetch
) -> None:
    server.files(media.hls("ts"))

    assert (await hls(fetch, expected=Expected(duration_s=6.2))).expected == Expected(
        duration_s=6.2
    )


async def test_whole_seconds_in_a_playlist_count_as_approximate(
    server: FaultServer, fetch: Fetch
) -> None:
    """Three segments "of 3 s" may last 7.5 s together; they last 6.04."""
    files = dict(media.hls("ts"))
    files["index.m3u8"] = files["index.m3u8"].replace(b"#EXTINF:2.000000", b"#EXTINF:2", 3)
    server.files(files)

    assert (await hls(fetch)).expected.duration_s is None


# --- segment k of n is missing, broken, short, empty, a page: for every k -------------------------

BODY = media.hls("ts")["seg001.ts"]
FAULTS: Mapping[str, tuple[Any, type[Failure]]] = {
    "404": (lambda script: reply(404), Incomplete),
    "500": (lambda script: reply(500), Incomplete),
    "empty": (lambda script: reply(200, b""), Incomplete),
    "204": (lambda script: reply(204), Failure),
    "cut": (lambda script: cut(script, at=50_000), Incomplete),
    "reset": (lambda script: cut(script, at=50_000, reset=True), Failure),
    "short and sure of it": (
        lambda script: changed(script, cut_at=None, body=BODY[:20_001]),
        Incomplete,
    ),
    "short at a packet": (lambda script: changed(script, body=BODY[: 188 * 300]), Incomplete),
    "another's bytes": (lambda script: changed(script, body=bytes(range(256)) * 100), Incomplete),
    "zeros": (lambda script: changed(script, body=bytes(18_800)), Incomplete),
    "a page": (lambda script: reply(200, media.html()), NotAVideo),
    "compressed": (
        lambda script: changed(script, headers={"Content-Encoding": "gzip"}),
        Incomplete,
    ),
    "403": (lambda script: reply(403), LinkExpired),
    "429": (lambda script: reply(429, Retry_After="120"), RateLimited),
}


@pytest.mark.parametrize("which", SEGMENTS)
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_stream_with_a_segment_that_stays_faulty_is_never_saved(
    fault: str, which: str, server: FaultServer, fetch: Fetch, tmp_path: Path
) -> None:
    server.files(media.hls("ts"))
    spoil, failure = FAULTS[fault]
    server.on(which, spoil(serve(media.hls("ts")[which[1:]])))

    with pytest.raises(failure):
        await hls(fetch)
    assert not list(tmp_path.glob("media.*"))


@pytest.mark.parametrize(
    "fault", ["404", "500", "empty", "cut", "reset", "short and sure of it", "zeros"]
)
async def test_a_segment_that_arrives_whole_at_the_third_try_is_accepted(
    fault: str, server: FaultServer, fetch: Fetch, clock: FakeClock
) -> None:
    server.files(media.hls("ts"))
    good = serve(BODY)
    spoiled = FAULTS[fault][0](good)
    server.on("/seg001.ts", spoiled, spoiled, good)

    assert faults(await hls(fetch)) == ()
    assert clock.slept == [0.5, 1.0]


async def test_without_resumes_a_segment_is_requested_once(
    server: FaultServer, fetch: Fetch, clock: FakeClock
) -> None:
    server.files(media.hls("ts"))
    server.on("/seg001.ts", cut(serve(BODY), at=1_000))

    with pytest.raises(Incomplete):
        await hls(fetch, limits=replace(LIMITS, resumes=0))
    assert clock.slept == []


async def test_a_missing_segment_is_named(server: FaultServer, fetch: Fetch) -> None:
    server.files(media.hls("ts"))
    server.on("/seg001.ts", reply(404))

    with pytest.raises(
        Incomplete, match=r"Segment 2 of 3 \(video\) could not be downloaded: The site answered 404"
    ) as refused:
        await hls(fetch)
    assert refused.value.http_status == 404


async def test_a_request_for_a_short_wait_is_respected(
    server: FaultServer, fetch: Fetch, clock: FakeClock
) -> None:
    server.files(media.hls("ts"))
    server.on("/seg001.ts", reply(429, Retry_After="7"), serve(BODY))

    assert faults(await hls(fetch)) == ()
    assert clock.slept == [7.0]


# --- F37: playlists and keys ----------------------------------------------------------------------


def listing(*names: str, extra: str = "") -> bytes:
    lines = [f"#EXTINF:2.0,\n{name}" for name in names]
    return "\n".join(
        ["#EXTM3U", "#EXT-X-TARGETDURATION:2", extra, *lines, "#EXT-X-ENDLIST"]
    ).encode()


@pytest.mark.parametrize(
    "names",
    [
        ("seg000.ts", "seg002.ts"),
        ("seg000.ts", "seg001.ts", "seg001.ts", "seg002.ts"),
        ("seg001.ts", "seg000.ts", "seg002.ts"),
    ],
    ids=["missing", "doubled", "swapped"],
)
async def test_a_playlist_with_a_faulty_order_is_refused(
    names: tuple[str, ...], server: FaultServer, fetch: Fetch, tmp_path: Path
) -> None:
    server.files(media.hls("ts"))
    server.on("/index.m3u8", serve(listing(*names)))

    with pytest.raises(Incomplete):
        await hls(fetch)
    assert not list(tmp_path.glob("media.*"))


async def test_a_stream_shorter_than_its_playlist_says_is_refused(
    server: FaultServer, fetch: Fetch
) -> None:
    files = dict(media.hls("ts"))
    files["index.m3u8"] = files["index.m3u8"].replace(
        b"#EXTINF:2.000000,\nseg002", b"#EXTINF:9.5,\nseg002"
    )
    server.files(files)

    with pytest.raises(Incomplete, match="its playlist announced"):
        await hls(fetch)


@pytest.mark.parametrize(
    ("script", "failure"),
    [
        (serve(listing("seg000.ts").replace(b"#EXT-X-ENDLIST", b"")), LiveNow),
        (serve(listing("seg000.ts", extra='#EXT-X-KEY:METHOD=SAMPLE-AES,URI="skd://k"')), Drm),
        (serve(listing("file:///etc/passwd")), NotAVideo),
        (serve(listing("http://127.0.0.1:1/x.ts")), AddressRefused),
        (serve(listing("http://169.254.169.254/x.ts")), AddressRefused),
        (serve(listing("s.ts", extra=(
            '#EXT-X-KEY:METHOD=AES-128,URI="http://127.0.0.1:1/k"'
        ))), AddressRefused),
        (serve(listing("s.ts", extra='#EXT-X-MAP:URI="http://127.0.0.1:1/init.mp4"')), Failure),
        (serve(b"#EXTM3U\n" + b"#\n" * 2_600_000), NotAVideo),
        (serve(b"#EXTM3U\n\xff\xfe\xff"), NotAVideo),
        (serve(media.html()), NotAVideo),
        (serve(media.mp4()), NotAVideo),
        (serve(b"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nindex.m3u8\n"), NotAVideo),
        (reply(403), LinkExpired),
        (reply(404), HttpError),
        (reply(503, Retry_After="600"), RateLimited),
    ],
    ids=["live", "drm", "file", "loopback", "metadata", "key", "map", "endless", "bytes", "page",
         "mp4", "loop", "403",
         "404", "503"],
)  # fmt: skip
async def test_a_playlist_that_cannot_be_saved_raises_a_specific_failure(
    script: Script, failure: type[Failure], server: FaultServer, fetch: Fetch
) -> None:
    server.files(media.hls("ts"))
    server.on("/index.m3u8", script)

    with pytest.raises(failure):
        await hls(fetch)


@pytest.mark.parametrize(
    ("script", "failure"),
    [
        (reply(200, b"short"), Incomplete),
        (reply(200, bytes(17)), Incomplete),
        (reply(200, bytes(16)), Incomplete),
        (reply(200, bytes(5_000)), Failure),
        (reply(404), Incomplete),
        (reply(403), LinkExpired),
    ],
    ids=["short", "long", "another one", "huge", "404", "403"],
)
async def test_a_wrong_or_missing_key_is_a_failure(
    script: Script, failure: type[Failure], server: FaultServer, fetch: Fetch, tmp_path: Path
) -> None:
    server.files(media.hls_aes())
    server.on("/key.bin", script)

    with pytest.raises(failure):
        await hls(fetch)
    assert not list(tmp_path.glob("media.*"))


async def test_the_key_is_fetched_once(server: FaultServer, fetch: Fetch) -> None:
    server.files(media.hls_aes())
    await hls(fetch)

    assert len(server.asked("/key.bin")) == 1


async def test_an_encrypted_initialisation_section_is_decrypted(
    server: FaultServer, fetch: Fetch
) -> None:
    from Crypto.Cipher import AES
    from Crypto.Util.Padding import pad

    files = dict(media.hls("fmp4"))
    iv = b"\x09" * 16
    for name in [name for name in files if name.endswith((".m4s", ".mp4"))]:
        files[name] = AES.new(media.AES_KEY, AES.MODE_CBC, iv).encrypt(pad(files[name], 16))
    tag = b'#EXT-X-KEY:METHOD=AES-128,URI="key.bin",IV=0x' + b"09" * 16
    files["index.m3u8"] = files["index.m3u8"].replace(b"#EXT-X-MAP", tag + b"\n#EXT-X-MAP")
    files["key.bin"] = media.AES_KEY
    server.files(files)

    assert faults(await hls(fetch)) == ()


async def test_a_broken_initialisation_section_is_a_failure(
    server: FaultServer, fetch: Fetch
) -> None:
    server.files(media.hls("fmp4"))
    server.on("/init.mp4", reply(200, b"garbage"))

    with pytest.raises(Incomplete):
        await hls(fetch)


async def test_a_missing_sound_segment_is_a_failure_too(
    server: FaultServer, fetch: Fetch, tmp_path: Path
) -> None:
    server.files(media.hls_split())
    server.on("/sound/seg001.m4s", reply(404))

    with pytest.raises(Incomplete, match="audio"):
        await hls(fetch)
    assert not list(tmp_path.glob("media.*"))


# --- headers, limits, order -----------------------------------------------------------------------


async def test_every_request_carries_the_headers_and_the_cookies_of_its_scope(
    server: FaultServer, fetch: Fetch
) -> None:
    server.files(media.hls_aes())
    cookies = (Cookie("here", "1", "127.0.0.1"), Cookie("there", "1", "other.example"))
    await hls(fetch, headers={"Referer": "http://a.example/"}, cookies=cookies)

    assert {request.headers.get("cookie") for request in server.requests} == {"here=1"}
    assert {request.headers.get("referer") for request in server.requests} == {"http://a.example/"}


async def test_segments_are_requested_uncompressed(server: FaultServer, fetch: Fetch) -> None:
    server.files(media.hls("ts"))
    await hls(fetch)

    assert {
        request.headers["accept-encoding"] for request in server.requests if "seg" in request.path
    } == {"identity"}


async def test_segments_larger_than_their_buffer_are_still_written_in_order(
    server: FaultServer, fetch: Fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(track, "SEGMENT_BUFFER_BYTES", 10_000)
    server.files(media.hls("ts"))
    server.on("/seg001.ts", cut(serve(BODY), at=60_000), serve(BODY))

    assert faults(await hls(fetch)) == ()


async def test_a_stream_without_end_is_cut_off_at_the_limit(
    server: FaultServer, fetch: Fetch
) -> None:
    server.files(media.hls("ts"))

    with pytest.raises(TooLarge):
        await hls(fetch, limits=replace(LIMITS, max_bytes=200_000))


async def test_joining_needs_free_space_as_well(
    server: FaultServer, fetch: Fetch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=200_000))
    server.files(media.hls("ts"))

    with pytest.raises(NoSpace):
        await hls(fetch)


async def test_progress_is_reported_in_bytes(server: FaultServer, fetch: Fetch) -> None:
    heard: list[int] = []
    server.files(media.hls("ts"))
    await hls(fetch, on_progress=lambda done, total: heard.append(done))

    assert heard == sorted(heard)
    assert heard[-1] == sum(len(media.hls("ts")[name[1:]]) for name in SEGMENTS)


async def test_a_cancelled_stream_leaves_no_task_behind(server: FaultServer, fetch: Fetch) -> None:
    server.files(media.hls("ts"))
    server.on("/seg001.ts", changed(serve(BODY), cut_at=10, hang=True))
    call = asyncio.create_task(hls(fetch))
    while not server.asked("/seg001.ts"):
        await asyncio.sleep(0)
    call.cancel()

    with pytest.raises(asyncio.CancelledError):
        await call
    assert [task for task in asyncio.all_tasks() if "TrackFetch" in repr(task)] == []


# --- which quality is taken -----------------------------------------------------------------------


@pytest.mark.parametrize(("prefer", "taken"), [(Preference(), "high"), (COMPATIBLE, "low")])
async def test_only_the_preferred_quality_is_fetched(
    prefer: Preference, taken: str, server: FaultServer, fetch: Fetch
) -> None:
    files = dict(media.hls_split())
    server.files(files)
    size = "RESOLUTION={}x{}"
    lines = [
        '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="s",NAME="en",DEFAULT=YES,URI="sound/index.m3u8"',
        (
            f"#EXT-X-STREAM-INF:BANDWIDTH=9000000,{size.format(1920, 1080)},"
            'CODECS="hvc1.1.6.L120.90,mp4a.40.2",AUDIO="s"'
        ),
        "high/index.m3u8",
        (
            f'#EXT-X-STREAM-INF:BANDWIDTH=900000,{size.format(640, 360)},CODECS="avc1.42c01e,'
            'mp4a.40.2",AUDIO="s"'
        ),
        "low/index.m3u8",
    ]
    server.on("/index.m3u8", serve("\n".join(["#EXTM3U", *lines]).encode()))
    server.on("/low/index.m3u8", serve(files["high/index.m3u8"]))
    server.files(
        {
            f"low/{name.removeprefix('high/')}": body
            for name, body in files.items()
            if "high/" in name
        }
    )

    assert faults(await hls(fetch, prefer=prefer)) == ()
    others = {"high", "low"} - {taken}
    assert server.asked(f"/{taken}/index.m3u8")
    assert not [request for other in others for request in server.asked(f"/{other}/index.m3u8")]


SOUND_ONLY = Preference(sound_only=True)


def sound_faults(file: DownloadedFile) -> tuple[object, ...]:
    facts = sound_child.examine(file.path)
    return (
        *problems_of_sound(facts, Expected(duration_s=6.0, audio=True)),
        *([facts.video] if facts.video else []),
    )


async def test_of_a_stream_with_separate_sound_that_alone_is_fetched(
    server: FaultServer, fetch: Fetch
) -> None:
    server.files(media.hls_split())
    file = await hls(fetch, prefer=SOUND_ONLY)

    assert sound_faults(file) == ()
    assert server.asked("/sound/seg000.m4s")
    assert not [path for path in ("/high/index.m3u8", "/low/index.m3u8") if server.asked(path)]


async def test_a_stream_of_sound_alone_is_saved_for_its_sound_only(
    server: FaultServer, fetch: Fetch
) -> None:
    files = media.hls_split()
    server.files(files)
    master = '#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=64000,CODECS="mp4a.40.2"\nsound/index.m3u8\n'
    server.on("/index.m3u8", serve(master.encode()))

    assert sound_faults(await hls(fetch, prefer=SOUND_ONLY)) == ()
    with pytest.raises(NotAVideo):
        await hls(fetch)


async def test_a_stream_without_separate_sound_is_fetched_as_it_is(
    server: FaultServer, fetch: Fetch
) -> None:
    server.files(media.hls("ts"))

    assert sound_faults(await hls(fetch, prefer=SOUND_ONLY)) == ()


async def test_a_missing_segment_of_the_sound_alone_makes_it_incomplete(
    server: FaultServer, fetch: Fetch
) -> None:
    files = dict(media.hls_split())
    del files["sound/seg001.m4s"]
    server.files(files)

    with pytest.raises(Failure):
        await hls(fetch, prefer=SOUND_ONLY)


async def test_a_site_that_asks_to_slow_down_gets_no_other_requests_in_the_meantime(
    clock: FakeClock,
) -> None:
    """Otherwise the other segments in progress would continue with requests,
    which gets addresses blocked.
    """
    statuses = iter([429, 200])

    @asynccontextmanager
    async def get(url: str, **_: Any) -> AsyncIterator[Any]:
        answered = {"status": next(statuses), "headers": {"retry-after": "20"}, "url": url}
        yield type("Answer", (), answered)()

    client: Any = type("Client", (), {"get": staticmethod(get)})()
    source = StreamSource(
        client,
        clock,
        MediaRequest("http://a.example/v", SourceType.HLS, EgressScope("https://a.example")),
        LIMITS,
        IN_PROCESS,
    )
    with pytest.raises(RateLimited):
        async with source.open("http://a.example/1.ts"):
            pass
    async with source.open("http://a.example/2.ts"):
        pass

    assert clock.slept == [20.0]
