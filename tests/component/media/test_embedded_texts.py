"""Subtitles and chapters inside a file: copied in without re-encoding,
and read back as they were.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

import av
import pytest

from mediavault.core.clock import SystemClock
from mediavault.core.failures import BadFile
from mediavault.core.media import Chapter, Cue, DownloadedFile, Expected
from mediavault.media.arrival import open_helpers
from mediavault.media.extras_child import answer as read_tracks
from mediavault.media.probe import FfmpegProbe
from mediavault.media.remux import Joiner
from mediavault.sandbox.standing import ChildPool
from tests import media

ENGLISH = (Cue(0.5, 1.5, "Hello you & me"), Cue(2.0, 3.5, "two\nlines ☃"))
GERMAN = (Cue(0.75, 1.25, "Hallo"),)
CHAPTERS = (Chapter(0.0, "Start"), Chapter(2.0, "Ende"))


@pytest.fixture
async def helpers() -> AsyncIterator[ChildPool]:
    async with open_helpers(SystemClock(), count=1) as opened:
        yield opened


async def embedded(
    helpers: ChildPool,
    folder: Path,
    source: bytes,
    *,
    texts: Mapping[str, Sequence[Cue]],
    chapters: Sequence[Chapter] = CHAPTERS,
) -> Path:
    (folder / "source").write_bytes(source)
    into = folder / "with-texts"
    await Joiner(helpers).embed(folder / "source", into, texts=texts, chapters=chapters)
    return into


def packets(path: Path, kind: str) -> list[bytes]:
    with av.open(str(path)) as opened:
        streams = [stream for stream in opened.streams if stream.type == kind]
        return [bytes(packet) for packet in opened.demux(*streams) if packet.size]


@pytest.mark.parametrize("source", [media.mp4(4.0), media.mkv(4.0)], ids=["MP4", "Matroska"])
async def test_subtitles_and_chapters_come_back_as_they_were_put_in(
    source: bytes, helpers: ChildPool, tmp_path: Path
) -> None:
    path = await embedded(helpers, tmp_path, source, texts={"en": ENGLISH, "de": GERMAN})
    tracks = read_tracks({"task": "tracks", "path": str(path)})["tracks"]
    file = DownloadedFile(path, "", path.stat().st_size, None, Expected(duration_s=4.0, audio=True))

    assert (await FfmpegProbe(helpers).examine(file)).problems == ()
    assert [[tuple(chapter) for chapter in tracks[0]]] == [[(0.0, "Start"), (2.0, "Ende")]]
    read = [[(start_s, end_s, text) for start_s, end_s, text in cues] for _, _, cues in tracks[1]]
    assert read == [
        [(c.start_s, c.end_s, c.text) for c in ENGLISH],
        [(c.start_s, c.end_s, c.text) for c in GERMAN],
    ]
    assert [packets(path, kind) for kind in ("video", "audio")] == [
        packets(tmp_path / "source", kind) for kind in ("video", "audio")
    ]


async def test_pictures_in_av1_are_copied(helpers: ChildPool, tmp_path: Path) -> None:
    path = await embedded(helpers, tmp_path, media.av1_mp4(), texts={"en": ENGLISH})

    assert packets(path, "video") == packets(tmp_path / "source", "video")


@pytest.mark.parametrize(
    ("source", "shown"),
    [(media.mp4(2.0), "<b>x"), (media.mkv(2.0), "‹b›x")],
    ids=["MP4", "Matroska"],
)
async def test_signs_of_markup_are_shown(
    source: bytes, shown: str, helpers: ChildPool, tmp_path: Path
) -> None:
    path = await embedded(helpers, tmp_path, source, texts={"en": [Cue(0.5, 1.5, "<b>x")]})

    assert read_tracks({"task": "tracks", "path": str(path)})["tracks"][1][0][2][0][2] == shown


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        (media.mp4(2.0), [("eng", ""), ("deu", ""), ("por", "pt-BR"), ("fil", "")]),
        (media.mkv(2.0), [("en", ""), ("de", ""), ("pt-BR", ""), ("fil", "")]),
    ],
    ids=["MP4", "Matroska"],
)
async def test_subtitles_keep_their_language(
    source: bytes, shown: list[tuple[str, str]], helpers: ChildPool, tmp_path: Path
) -> None:
    wanted = dict.fromkeys(("en", "de", "pt-BR", "fil"), ENGLISH)
    path = await embedded(helpers, tmp_path, source, texts=wanted)

    assert [
        (language, title)
        for language, title, _ in read_tracks({"task": "tracks", "path": str(path)})["tracks"][1]
    ] == shown


@pytest.mark.parametrize("container", ["mp4", "matroska"])
async def test_the_subtitles_that_a_file_has_stay(
    container: str, helpers: ChildPool, tmp_path: Path
) -> None:
    source = media.subtitled(container, language="fra", title="Dialogue")
    path = await embedded(helpers, tmp_path, source, texts={"en": ENGLISH})
    own = read_tracks({"task": "tracks", "path": str(tmp_path / "source")})["tracks"][1]
    tracks = read_tracks({"task": "tracks", "path": str(path)})["tracks"][1]

    assert [(language, title) for language, title, _ in own] == [("fra", "Dialogue")]
    assert tracks[:1] == own
    assert [[text for _, _, text in cues] for _, _, cues in tracks[1:]] == [
        [cue.text for cue in ENGLISH]
    ]
    assert (await FfmpegProbe(helpers).check_unknown(path)).problems == ()


async def test_subtitles_that_the_new_file_cannot_hold_are_left_out(
    helpers: ChildPool, tmp_path: Path
) -> None:
    path = await embedded(helpers, tmp_path, media.subtitled("mov"), texts={"en": ENGLISH})
    tracks = read_tracks({"task": "tracks", "path": str(path)})["tracks"][1]

    assert [(language, len(cues)) for language, _, cues in tracks] == [("eng", len(ENGLISH))]


async def test_the_chapters_that_a_file_has_stay(helpers: ChildPool, tmp_path: Path) -> None:
    path = await embedded(
        helpers, tmp_path, media.subtitled("mp4"), texts={"en": ENGLISH}, chapters=()
    )

    assert [
        title for _, title in read_tracks({"task": "tracks", "path": str(path)})["tracks"][0]
    ] == ["Start", "End"]


@pytest.mark.parametrize(
    "source", [media.ts(2.0), media.webm(2.0), b"no video" * 200], ids=["TS", "WebM", "text"]
)
async def test_a_container_that_holds_no_texts_is_refused(
    source: bytes, helpers: ChildPool, tmp_path: Path
) -> None:
    with pytest.raises(BadFile):
        await embedded(helpers, tmp_path, source, texts={"en": ENGLISH})
