"""Sound alone: whether it is whole, and files of it with cover, title and chapters,
made by copying.
"""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import av
import pytest

from mediavault.core.clock import SystemClock
from mediavault.core.failures import BadFile, StorageFailure
from mediavault.core.media import (
    Chapter,
    DownloadedFile,
    Expected,
    ItemType,
    ProbeReport,
    ProblemKind,
)
from mediavault.media.arrival import open_helpers
from mediavault.media.probe import FfmpegProbe
from mediavault.media.remux import Joiner
from mediavault.sandbox.standing import ChildPool
from tests import media

ADTS_BYTES = 7
TAGS = {
    "title": "A walk ☃",
    "artist": "Jane",
    "date": "2026-11-01",
    "comment": "https://videos.example/watch/1",
}
CHAPTERS = (Chapter(0.0, "One"), Chapter(1.5, "Zwei\u2028<b>"), Chapter(99.0, "behind the end"))
SOURCES: Mapping[str, tuple[bytes, str, str]] = {  # file, codec, suffix
    "MP4 with pictures": (media.mp4(3.0), "aac", ".m4a"),
    "transport stream": (media.ts(3.0), "aac", ".m4a"),
    "WebM with pictures": (media.webm(3.0), "opus", ".opus"),
    "Matroska with pictures": (media.mkv(3.0), "aac", ".m4a"),
    "M4A": (media.sound(), "aac", ".m4a"),
    "ADTS": (media.sound("adts"), "aac", ".m4a"),
    "MP3": (media.sound("mp3", "libmp3lame"), "mp3", ".mp3"),
    "Ogg Opus": (media.sound("ogg", "libopus"), "opus", ".opus"),
    "WebM": (media.sound("webm", "libopus"), "opus", ".opus"),
    "FLAC": (media.sound("flac", "flac"), "flac", ".flac"),
}


@pytest.fixture
async def helpers() -> AsyncIterator[ChildPool]:
    async with open_helpers(SystemClock(), count=1) as opened:
        yield opened


async def listened(helpers: ChildPool, path: Path, *, seconds: float | None = None) -> ProbeReport:
    size = path.stat().st_size
    file = DownloadedFile(
        path, "", size, None, Expected(duration_s=seconds, audio=True), type=ItemType.AUDIO
    )
    return await FfmpegProbe(helpers).examine(file)


async def extracted(
    helpers: ChildPool, folder: Path, source: bytes, *, cover: bytes | None = None, **facts: Any
) -> Path:
    (folder / "source").write_bytes(source)
    picture = folder / "cover.jpg"
    if cover is not None:
        picture.write_bytes(cover)
    given = {
        "tags": TAGS,
        "chapters": CHAPTERS,
        "cover": picture if cover is not None else None,
        **facts,
    }
    return await Joiner(helpers).to_sound(folder / "source", folder / "sound", **given)


def what_is_in(
    path: Path,
) -> tuple[dict[str, str], list[tuple[float, float, str]], list[str], bytes | None]:
    """Return the tags, the chapters, the types of streams, and the cover, as FFmpeg reads them."""
    with av.open(str(path)) as opened:
        tags = {
            name.lower(): text
            for name, text in {**opened.streams.audio[0].metadata, **opened.metadata}.items()
        }
        chapters = [
            (
                float(c["start"] * (c["time_base"] or 0)),
                float(c["end"] * (c["time_base"] or 0)),
                c["metadata"].get("title", ""),
            )
            for c in opened.chapters()
        ]
        pictures = [stream for stream in opened.streams.video if stream.codec_context is not None]
        cover = bytes(next(opened.demux(pictures[0]))) if pictures else None
        return (
            tags,
            chapters,
            [s.type for s in opened.streams if s.type in ("audio", "video")],
            cover,
        )


@pytest.mark.parametrize("name", list(SOURCES))
async def test_the_sound_of_a_file_is_copied_into_one_of_its_own_and_is_whole(
    name: str, helpers: ChildPool, tmp_path: Path
) -> None:
    source, codec, suffix = SOURCES[name]
    path = await extracted(helpers, tmp_path, source, cover=media.jpeg())
    report = await listened(helpers, path, seconds=3.0)
    tags, chapters, kinds, cover = what_is_in(path)

    assert (path.suffix, report.audio_codec, report.problems) == (suffix, codec, ())
    assert report.duration_s == pytest.approx(3.0, abs=0.1)
    assert TAGS.items() <= tags.items()
    assert kinds.count("audio") == 1
    assert (cover or b"").startswith(b"\xff\xd8")
    if suffix != ".flac":  # which holds none
        assert [(start, title) for start, _, title in chapters] == [
            (0.0, "One"),
            (1.5, "Zwei\u2028<b>"),
        ]
        assert chapters[-1][1] == pytest.approx(3.0, abs=0.1)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["cover.jpg", path.name, "source"]


@pytest.mark.parametrize("name", list(SOURCES))
async def test_the_copied_sound_is_the_same_sound(
    name: str, helpers: ChildPool, tmp_path: Path
) -> None:
    def packets(path: Path) -> list[bytes]:
        with av.open(str(path)) as opened:
            return [
                bytes(packet) for packet in opened.demux(opened.streams.audio[0]) if packet.size
            ]

    path = await extracted(helpers, tmp_path, SOURCES[name][0])
    before, after = packets(tmp_path / "source"), packets(path)

    assert len(before) == len(after)
    # AAC of a stream has a header of seven bytes in front of each piece (ADTS), which MP4 has once
    assert all(old in (new, old[:ADTS_BYTES] + new) for old, new in zip(before, after, strict=True))


@pytest.mark.parametrize(
    ("name", "codec", "suffix"),
    [
        ("WebM", "aac", ".m4a"),
        ("Ogg Opus", "mp3", ".mp3"),
        ("MP4 with pictures", "opus", ".opus"),
        ("FLAC", "mp3", ".mp3"),
    ],
)
async def test_sound_of_another_codec_than_the_chosen_one_is_converted_and_is_whole(
    name: str, codec: str, suffix: str, helpers: ChildPool, tmp_path: Path
) -> None:
    path = await extracted(helpers, tmp_path, SOURCES[name][0], cover=media.jpeg(), codec=codec)
    report = await listened(helpers, path, seconds=3.0)
    tags, chapters, _, cover = what_is_in(path)

    assert (path.suffix, report.audio_codec, report.problems) == (suffix, codec, ())
    assert report.duration_s == pytest.approx(3.0, abs=0.1)
    assert TAGS.items() <= tags.items()
    assert (len(chapters), (cover or b"")[:2]) == (2, b"\xff\xd8")


@pytest.mark.parametrize("name", ["MP4 with pictures", "MP3"])  # an Ogg file has a random number
async def test_sound_that_has_the_chosen_codec_is_copied(
    name: str, helpers: ChildPool, tmp_path: Path
) -> None:
    source, codec, _ = SOURCES[name]
    plain = (await extracted(helpers, tmp_path, source)).read_bytes()

    assert (await extracted(helpers, tmp_path, source, codec=codec)).read_bytes() == plain


@pytest.mark.parametrize(("form", "depth"), [("pcm_s16le", "s16"), ("pcm_s24le", "s32")])
async def test_pcm_is_saved_as_flac_without_a_loss(
    form: str, depth: str, helpers: ChildPool, tmp_path: Path
) -> None:
    def samples(path: Path) -> bytes:
        with av.open(str(path)) as opened:
            sound = opened.streams.audio[0]
            frames = list(opened.decode(sound))
            return b"".join(
                bytes(frame.planes[0])[: frame.samples * frame.format.bytes * sound.channels]
                for frame in frames
            )

    path = await extracted(helpers, tmp_path, media.sound("wav", form))
    assert (path.suffix, (await listened(helpers, path)).problems) == (".flac", ())
    with av.open(str(path)) as opened:
        assert opened.streams.audio[0].format.name == depth
    assert samples(path) == samples(tmp_path / "source")


async def test_sound_without_chapters_and_cover_is_copied_too(
    helpers: ChildPool, tmp_path: Path
) -> None:
    path = await extracted(helpers, tmp_path, media.sound(), chapters=(), tags={})

    assert what_is_in(path)[1:] == ([], ["audio"], None)


async def test_a_cover_that_is_no_picture_is_left_out(helpers: ChildPool, tmp_path: Path) -> None:
    path = await extracted(helpers, tmp_path, media.sound(), cover=b"\xff\xd8 no picture")

    assert what_is_in(path)[3] is None
    assert (await listened(helpers, path)).problems == ()


async def test_a_cover_of_another_form_becomes_a_jpeg(helpers: ChildPool, tmp_path: Path) -> None:
    path = await extracted(helpers, tmp_path, media.sound("ogg", "libopus"), cover=media.png())
    with av.open(str(path)) as opened:
        block = base64.b64decode(opened.streams.audio[0].metadata.get("METADATA_BLOCK_PICTURE", ""))
    cover = what_is_in(path)[3]

    assert (cover or b"").startswith(b"\xff\xd8")
    assert not block or b"image/jpeg" in block


@pytest.mark.parametrize(
    "source",
    [media.mp4(sound=False), media.sound("matroska", "mp2"), b"<html>no sound</html>" * 99],
    ids=len,
)
async def test_what_has_no_sound_that_a_file_can_hold_is_refused(
    source: bytes, helpers: ChildPool, tmp_path: Path
) -> None:
    with pytest.raises(BadFile) as caught:
        await extracted(helpers, tmp_path, source)

    assert "ValueError" not in caught.value.message
    assert caught.value.message.startswith("The audio cannot be saved as its own file: ")


async def test_a_source_that_is_gone_is_the_disks_failure(
    helpers: ChildPool, tmp_path: Path
) -> None:
    with pytest.raises((StorageFailure, FileNotFoundError)):
        await Joiner(helpers).to_sound(
            tmp_path / "no", tmp_path / "sound", tags={}, chapters=(), cover=None
        )


# --- whether it is whole


@pytest.mark.parametrize("name", list(SOURCES))
async def test_whole_sound_passes(name: str, helpers: ChildPool, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(SOURCES[name][0])
    report = await listened(helpers, tmp_path / "file", seconds=3.0)

    assert (report.problems, report.audio_codec, report.video_codec) == ((), SOURCES[name][1], None)


@pytest.mark.parametrize("name", list(SOURCES))
async def test_sound_that_ends_early_is_refused(
    name: str, helpers: ChildPool, tmp_path: Path
) -> None:
    source = SOURCES[name][0]
    (tmp_path / "file").write_bytes(source[: len(source) // 2])
    report = await listened(helpers, tmp_path / "file", seconds=3.0)

    assert report.problems


# MP3 and Opus decode what is damaged without an error
@pytest.mark.parametrize("name", ["M4A", "ADTS", "FLAC"])
async def test_sound_that_does_not_decode_is_refused(
    name: str, helpers: ChildPool, tmp_path: Path
) -> None:
    source = bytearray(SOURCES[name][0])
    middle = len(source) // 2
    source[middle : middle + 3_000] = bytes(byte ^ 0x5A for byte in source[middle : middle + 3_000])
    (tmp_path / "file").write_bytes(source)

    assert (await listened(helpers, tmp_path / "file", seconds=3.0)).problems


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", ProblemKind.EMPTY),
        (b"<!doctype html><title>Sign in</title>" * 99, ProblemKind.NOT_A_VIDEO),
        (media.mp4(sound=False), ProblemKind.NOT_A_VIDEO),
        (media.jpeg(), ProblemKind.NOT_A_VIDEO),
    ],
)
async def test_what_is_no_sound_is_refused(
    content: bytes, kind: ProblemKind, helpers: ChildPool, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(content)
    report = await listened(helpers, tmp_path / "file")

    assert report.problems[0].kind is kind


async def test_sound_of_another_length_than_announced_is_refused(
    helpers: ChildPool, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(media.sound())

    assert (await listened(helpers, tmp_path / "file", seconds=30.0)).problems[
        0
    ].kind is ProblemKind.DOUBTFUL


async def test_a_saved_file_of_sound_is_examined_as_sound(
    helpers: ChildPool, tmp_path: Path
) -> None:
    path = tmp_path / "song.m4a"
    path.write_bytes(media.sound())

    assert (await FfmpegProbe(helpers).check_unknown(path)).problems == ()


# --- MP3 as it is on the web ----------------------------------------------------------------------

MP3 = media.sound("mp3", "libmp3lame", 20.0)
HALF = MP3.index(b"\xff\xfb", len(MP3) // 2)  # where a frame begins
ID3 = b"ID3\x04\0\0\0\0\x0f\x50" + bytes(2_000)
APE = (
    b"APETAGEX\xd0\x07\0\0"
    + (2_032).to_bytes(4, "little")
    + b"\0\0\0\0"
    + (1 << 29).to_bytes(4, "little")
)
APE += bytes(2_040)


@pytest.mark.parametrize(
    "film",
    [
        MP3 + b"\r\n\n",
        MP3 + bytes(300),
        MP3 + b"TAG" + bytes(125),
        MP3[:HALF] + ID3 + MP3[HALF:],
        MP3[:HALF] + b"TAG" + bytes(125) + ID3 + MP3[HALF:],
        MP3[:HALF] + APE + MP3[HALF:],
        MP3 + APE + b"TAG" + bytes(125),
        ID3 + ID3 + MP3 + ID3 + MP3,
    ],
    ids=[
        "line breaks",
        "zeros",
        "ID3v1",
        "a tag",
        "two tags",
        "an APE tag",
        "both at the end",
        "joined episodes",
    ],
)
async def test_tags_and_padding_between_the_frames_of_an_mp3_are_no_damage(
    film: bytes, helpers: ChildPool, tmp_path: Path
) -> None:
    """Joined episodes have them, and every player skips them (ID3v2.4.0, section 5)."""
    path = tmp_path / "episode.mp3"
    path.write_bytes(film)

    assert (await listened(helpers, path)).problems == ()


@pytest.mark.parametrize(
    "film",
    [
        MP3[:HALF] + bytes(417) + MP3[HALF + 417 :],
        MP3[:HALF] + bytes(number * 37 % 251 for number in range(400)) + MP3[HALF:],
        MP3[:HALF] + ID3 + bytes(number * 37 % 251 for number in range(400)) + MP3[HALF:],
        MP3[:HALF] + ID3[:-500] + bytes(417) + MP3[HALF:],
    ],
    ids=["zeros", "noise", "noise behind a tag", "zeros behind a tag"],
)
async def test_anything_else_between_the_frames_of_an_mp3_is_damage(
    film: bytes, helpers: ChildPool, tmp_path: Path
) -> None:
    path = tmp_path / "episode.mp3"
    path.write_bytes(film)

    assert {problem.kind for problem in (await listened(helpers, path)).problems} == {
        ProblemKind.DAMAGED
    }


EPISODE = MP3 * 27  # nine minutes
SPLICE = len(EPISODE) // 2 + 123  # in the middle of a frame


async def test_advertisements_that_are_put_into_an_episode_at_any_byte_are_no_damage(
    helpers: ChildPool, tmp_path: Path
) -> None:
    """The frames on both sides lose their ends; players go on with the next ones."""
    path = tmp_path / "episode.mp3"
    path.write_bytes(EPISODE[:SPLICE] + ID3 + MP3 + EPISODE[SPLICE:])

    assert (await listened(helpers, path)).problems == ()


@pytest.mark.parametrize(
    "hole",
    [bytes(3_000), bytes(number * 37 % 251 for number in range(30_000))],
    ids=["zeros", "noise"],
)
async def test_more_than_the_ends_of_frames_is_damage_in_an_episode(
    hole: bytes, helpers: ChildPool, tmp_path: Path
) -> None:
    path = tmp_path / "episode.mp3"
    path.write_bytes(EPISODE[:SPLICE] + hole + EPISODE[SPLICE + len(hole) :])

    assert ProblemKind.DAMAGED in {
        problem.kind for problem in (await listened(helpers, path)).problems
    }
