"""Rare forms of HLS become a whole, synchronised file or a failure,
never a video with missing parts.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from Crypto.Cipher import AES
from Crypto.Util.Padding import pad

from mediavault.core.failures import Incomplete
from mediavault.core.media import DownloadedFile, Expected, SourceType
from mediavault.media import library as media_library
from mediavault.media import probe_child
from mediavault.media.judgement import problems
from tests import media
from tests.component.download.conftest import Fetch
from tests.fault_server import FaultServer, reply, serve

media_library.quiet()
pytestmark = pytest.mark.usefixtures("joined_here")

TS = ("seg000.ts", "seg001.ts", "seg002.ts")
FMP4 = ("seg000.m4s", "seg001.m4s", "seg002.m4s")
KEYS = {"a.key": b"a" * 16, "b.key": b"b" * 16}
IV = bytes(range(16))


async def save(fetch: Fetch, **options: Any) -> DownloadedFile:
    return await fetch("/index.m3u8", source_type=SourceType.HLS, **options)


def playlist(*lines: str) -> bytes:
    return "\n".join(["#EXTM3U", "#EXT-X-TARGETDURATION:2", *lines, "#EXT-X-ENDLIST"]).encode()


def assert_whole_and_in_step(file: DownloadedFile, duration_s: float) -> None:
    facts = probe_child.examine(file.path)
    ends = {"video": 0.0, "audio": 0.0}
    with media_library.open_input(file.path, "mov") as opened:
        for packet in opened.demux(opened.streams.video[0], opened.streams.audio[0]):
            if packet.pts is not None and packet.duration is not None:
                end_s = float((packet.pts + packet.duration) * packet.time_base)
                ends[packet.stream.type] = max(ends[packet.stream.type], end_s)

    assert problems(facts, Expected(duration_s=duration_s, audio=True)) == ()
    assert ends["video"] == pytest.approx(ends["audio"], abs=0.1)


def encrypted(body: bytes, key: str, iv: bytes) -> bytes:
    return bytes(AES.new(KEYS[key], AES.MODE_CBC, iv).encrypt(pad(body, 16)))


def one_file() -> tuple[bytes, bytes]:
    """Return (a file of an initialisation section and its segments,
    a playlist that refers to them by ranges).
    """
    files = media.hls("fmp4")
    whole, lines = (
        files["init.mp4"],
        [f'#EXT-X-MAP:URI="all.mp4",BYTERANGE="{len(files["init.mp4"])}@0"'],
    )
    for name in FMP4:
        lines += ["#EXTINF:2.0,", f"#EXT-X-BYTERANGE:{len(files[name])}@{len(whole)}", "all.mp4"]
        whole += files[name]
    return whole, playlist(*lines)


async def test_an_initialisation_section_and_its_segments_may_be_ranges_of_one_file(
    server: FaultServer, fetch: Fetch
) -> None:
    whole, listed = one_file()
    server.on("/all.mp4", serve(whole))
    server.on("/index.m3u8", serve(listed))

    assert_whole_and_in_step(await save(fetch), 6.0)


async def test_a_file_that_ends_before_its_last_range_is_refused(
    server: FaultServer, fetch: Fetch, tmp_path: Path
) -> None:
    whole, listed = one_file()
    server.on("/all.mp4", serve(whole[:-1_000]))
    server.on("/index.m3u8", serve(listed))

    with pytest.raises(Incomplete):
        await save(fetch)
    assert not list(tmp_path.glob("media.*"))


def rotated() -> dict[str, bytes]:
    """Segments 7, 8 and 9: one with its own IV, one whose IV is its number,
    the last unencrypted.
    """
    files = media.hls("ts")
    return {
        **KEYS,
        "0.ts": encrypted(files[TS[0]], "a.key", IV),
        "1.ts": encrypted(files[TS[1]], "b.key", (8).to_bytes(16, "big")),
        "2.ts": files[TS[2]],
        "index.m3u8": playlist(
            "#EXT-X-MEDIA-SEQUENCE:7",
            f'#EXT-X-KEY:METHOD=AES-128,URI="a.key",IV=0X{IV.hex()}', "#EXTINF:2.0,", "0.ts",
            '#EXT-X-KEY:METHOD=AES-128,URI="b.key"', "#EXTINF:2.0,", "1.ts",
            "#EXT-X-KEY:METHOD=NONE", "#EXTINF:2.0,", "2.ts",
        ),
    }  # fmt: skip


async def test_keys_may_change_from_segment_to_segment(server: FaultServer, fetch: Fetch) -> None:
    server.files(rotated())

    assert_whole_and_in_step(await save(fetch), 6.0)


async def test_a_previous_key_never_decrypts_a_later_segment(
    server: FaultServer, fetch: Fetch, tmp_path: Path
) -> None:
    server.files({**rotated(), "b.key": KEYS["a.key"]})

    with pytest.raises(Incomplete):
        await save(fetch)
    assert not list(tmp_path.glob("media.*"))


def spliced() -> dict[str, bytes]:
    """Two recordings, each with its own initialisation section: different packet sizes,
    both clocks begin at zero.
    """
    first, second = media.hls("fmp4"), media.hls("fmp4", seconds=4.0, bit_rate=150_000)
    files: dict[str, bytes] = {}
    lines: list[str] = []
    for folder, take in (("a", first), ("b", second)):
        names = sorted(name for name in take if name.endswith(".m4s"))
        lines += ["#EXT-X-DISCONTINUITY"] * bool(lines) + [f'#EXT-X-MAP:URI="{folder}/init.mp4"']
        for name in names:
            lines += ["#EXTINF:2.0,", f"{folder}/{name}"]
        files |= {f"{folder}/{name}": take[name] for name in ("init.mp4", *names)}
    return files | {"index.m3u8": playlist(*lines)}


async def test_a_discontinuity_may_bring_its_own_initialisation_section(
    server: FaultServer, fetch: Fetch
) -> None:
    server.files(spliced())

    assert_whole_and_in_step(await save(fetch), 10.0)
    assert len(server.asked("/b/init.mp4")) == 1


def unequal() -> Mapping[str, bytes]:
    """Pictures in three segments, their sound in six."""
    split = dict(media.hls_split())
    sound = media.one_track_hls("audio", segment_s=1.0)
    pictures = {name: body for name, body in split.items() if not name.startswith("sound/")}
    return pictures | {f"sound/{name}": body for name, body in sound.items()}


async def test_sound_may_be_cut_into_other_segments_than_its_pictures(
    server: FaultServer, fetch: Fetch
) -> None:
    server.files(unequal())

    assert_whole_and_in_step(await save(fetch), 6.0)
    assert server.asked("/sound/seg005.m4s")


@pytest.mark.parametrize(
    ("files", "missing"),
    [(rotated(), "/1.ts"), (rotated(), "/b.key"), (spliced(), "/b/init.mp4"),
     (spliced(), "/b/seg001.m4s"), (unequal(), "/sound/seg005.m4s"),
     (unequal(), "/high/seg002.m4s")],
    ids=["rotated", "key", "second section", "second take", "last sound", "last pictures"],
)  # fmt: skip
async def test_a_missing_part_of_a_rare_form_is_a_failure(
    files: Mapping[str, bytes], missing: str, server: FaultServer, fetch: Fetch, tmp_path: Path
) -> None:
    server.files(files)
    server.on(missing, reply(404))

    with pytest.raises(Incomplete):
        await save(fetch)
    assert not list(tmp_path.glob("media.*"))
