"""Check F: damage that only a decoder notices, and the time limit of decoding."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable
from pathlib import Path

import av
import pytest

from mediavault.media import library as media_library
from mediavault.media.decode import decode, decode_part
from mediavault.media.sniff import DEMUXERS, sniff
from tests import media

media_library.quiet()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "clip"


def damaged(body: bytes) -> bytes:
    """Return ``body`` with some bytes inside a picture changed; lengths and tables stay correct."""
    at = len(body) // 2
    return body[:at] + bytes(byte ^ 0x55 for byte in body[at : at + 40]) + body[at + 40 :]


def test_all_pictures_and_sounds_of_a_whole_clip_decode(path: Path) -> None:
    path.write_bytes(media.mp4(2.0))
    report = decode(path, "mov", needed_px=50)

    assert (report.whole, report.fed, report.pictures, report.damaged, report.lost) == (
        True,
        50,
        50,
        0,
        0,
    )
    assert report.sounds > 90
    assert (report.sound_refused, report.error) == (0, None)


def test_damage_inside_a_picture_is_noticed_by_what_the_decoder_conceals(path: Path) -> None:
    path.write_bytes(damaged(media.mp4(2.0, sound=False)))
    report = decode(path, "mov", needed_px=50)

    assert report.damaged > 0


def sound_replaced(body: bytes, until_s: float = 99.0) -> bytes:
    """Return ``body`` with its sound before ``until_s`` overwritten;
    lengths and tables stay correct.
    """
    content = bytearray(body)
    with av.open(io.BytesIO(body), "r") as opened:
        for packet in opened.demux(opened.streams.audio[0]):
            if (
                packet.pos is not None
                and packet.size
                and (packet.pts or 0) * packet.time_base < until_s
            ):
                content[packet.pos : packet.pos + packet.size] = b"\xe5" * packet.size
    return bytes(content)


def test_sound_that_begins_with_garbage_is_refused_in_part(path: Path) -> None:
    path.write_bytes(sound_replaced(media.mp4(2.0), until_s=1.0))
    report = decode(path, "mov", needed_px=50)

    assert report.sounds > 40
    assert report.sound_refused > 40


def test_a_stream_may_begin_in_the_middle_of_an_audio_frame(path: Path) -> None:
    body = media.encode("vob", 2.0, video="mpeg2video", audio="mp2")
    pack = body.index(b"\0\0\1\xba", len(body) // 10)
    path.write_bytes(body[pack:])
    report = decode(path, "mpeg", needed_px=50)

    assert report.sounds > 40
    assert report.sound_refused == 0


def test_an_empty_audio_packet_is_silence(path: Path) -> None:
    body = media.reordered_mp4()
    size = body.rindex(b"stsz") + 16 + 4 * 20
    path.write_bytes(body[:size] + bytes(4) + body[size + 4 :])
    report = decode(path, "mov", needed_px=50)

    assert (report.pictures, report.sound_refused) == (50, 0)


def test_undecodable_sound_is_refused(path: Path) -> None:
    path.write_bytes(sound_replaced(media.mp4(2.0)))
    report = decode(path, "mov", needed_px=50)

    assert report.sounds == 0
    assert report.sound_refused > 80


def test_sound_with_a_correct_clock_is_neither_fast_nor_slow(path: Path) -> None:
    path.write_bytes(media.mp4(2.0))
    report = decode(path, "mov", needed_px=50)

    assert (report.sound_fast, report.sound_slow) == (0, 0)


@pytest.mark.parametrize(("times", "pace"), [(2.0, "sound_fast"), (0.5, "sound_slow")])
def test_a_wrong_sound_clock_is_noticed(times: float, pace: str, path: Path) -> None:
    body = media.mp4(2.0)
    at = body.rindex(b"mdhd") + 16  # the ticks per second of its last track
    ticks = int(int.from_bytes(body[at : at + 4], "big") * times)
    path.write_bytes(body[:at] + ticks.to_bytes(4, "big") + body[at + 4 :])
    report = decode(path, "mov", needed_px=50)

    assert getattr(report, pace) > 0.9 * report.sounds > 0


def test_a_damaged_motion_jpeg_is_noticed_by_its_log(path: Path) -> None:
    body = media.encode("mov", 1.0, video="mjpeg", sound=False, speed={"strict": "unofficial"})
    spoiled = bytearray(body)
    with av.open(io.BytesIO(body), "r") as opened:
        for packet in opened.demux(video=0):
            if packet.pos is not None and packet.size:
                spoiled[packet.pos + packet.size // 2 : packet.pos + packet.size // 2 + 100] = (
                    b"\xfd" * 100
                )
    path.write_bytes(bytes(spoiled))

    assert decode(path, "mov", needed_px=50).marked > 0


def test_of_a_film_beyond_the_budget_every_key_frame_and_all_sound_is_decoded(path: Path) -> None:
    path.write_bytes(media.mp4(4.0))
    report = decode(path, "mov", needed_px=100, budget_px=0)

    assert (report.whole, report.fed, report.pictures, report.damaged) == (False, 4, 4, 0)
    assert report.sounds > 180


def test_all_pictures_are_decoded_where_key_frames_are_rare(path: Path) -> None:
    path.write_bytes(media.mp4(12.0, sound=False, gop=11 * media.RATE))
    report = decode(path, "mov", needed_px=300, budget_px=0)

    assert (report.fed, report.pictures) == (276, 276)  # of the second group only its key frame


def test_open_groups_of_pictures_lose_none(path: Path) -> None:
    path.write_bytes(media.reordered_mp4())

    for budget_px in (0, 10**9):
        report = decode(path, "mov", needed_px=50, budget_px=budget_px)
        assert (report.pictures, report.damaged, report.lost) == (report.fed, 0, 0)


@pytest.mark.parametrize("budget_px", [0, 10**9])
def test_no_picture_is_lost_where_the_sound_is_the_first_stream(budget_px: int, path: Path) -> None:
    """The marks that a stream has ended are all said to be of the first stream;
    the decoder still holds pictures there.
    """
    path.write_bytes(media.reordered_mp4())
    as_stored = decode(path, "mov", needed_px=50, budget_px=budget_px)
    path.write_bytes(sound_first(media.reordered_mp4()))

    assert decode(path, "mov", needed_px=50, budget_px=budget_px) == as_stored


def sound_first(body: bytes) -> bytes:
    """Return an MP4 with the same streams, the sound before the pictures."""
    with tempfile.NamedTemporaryFile(suffix=".mp4") as turned:
        options = {"movflags": "+faststart"}
        with (
            av.open(io.BytesIO(body), "r") as source,
            av.open(turned.name, "w", options=options) as out,
        ):
            streams = {
                stream.index: out.add_stream_from_template(stream)
                for stream in reversed(source.streams)
            }
            for packet in source.demux():
                if packet.dts is not None:
                    packet.stream = streams[packet.stream_index]
                    out.mux(packet)
        return Path(turned.name).read_bytes()


def damaged_at(body: bytes, number: int) -> bytes:
    """Return ``body`` with the picture of one packet overwritten, except for its beginning."""
    content = bytearray(body)
    with av.open(io.BytesIO(body), "r") as opened:
        places = [(packet.pos or 0, packet.size) for packet in opened.demux(video=0) if packet.size]
    at, size = places[number]
    content[at + 40 : at + size] = bytes(byte ^ 0x55 for byte in content[at + 40 : at + size])
    return bytes(content)


def test_a_damaged_key_frame_lets_the_whole_film_be_decoded(path: Path) -> None:
    path.write_bytes(damaged_at(media.mp4(4.0, sound=False), 50))
    report = decode(path, "mov", needed_px=100, budget_px=0)

    assert report.whole
    assert report.damaged > 0
    assert report.bad_at_s == pytest.approx(2.0, abs=0.2)


@pytest.mark.parametrize("make", [media.mp4, media.reordered_mp4, media.ts, media.webm, media.avi])
def test_the_parts_of_a_film_together_are_all_of_its_pictures(
    make: Callable[[], bytes], path: Path
) -> None:
    path.write_bytes(make())
    demuxer = DEMUXERS[sniff(make())]
    starts: list[int] = []
    start: int | None = 0
    fed = 0
    while start is not None:
        part = decode_part(path, demuxer, start=start, budget_px=320 * 180 * 20)
        assert (part.damaged, part.lost) == (0, 0)
        starts.append(start)
        fed += part.fed
        start = part.next

    assert starts == sorted(set(starts))
    assert fed >= 50 + len(starts) - 1  # a key frame between two parts is decoded twice


def test_a_part_finds_the_damage_in_it_and_no_other(path: Path) -> None:
    path.write_bytes(damaged_at(media.mp4(4.0, sound=False), 60))
    middle = 320 * 180 * 50
    parts = [
        decode_part(path, "mov", start=0, budget_px=middle // 2),
        decode_part(path, "mov", start=25, budget_px=middle),
        decode_part(path, "mov", start=75),
    ]

    assert [part.next for part in parts] == [25, 75, None]
    assert [part.damaged > 0 for part in parts] == [False, True, False]


def test_a_stream_that_begins_between_key_frames_does_not_count_as_damaged(path: Path) -> None:
    body = media.ts(3.0)
    packets = [body[at : at + 188] for at in range(0, len(body), 188)]
    # its tables, then from the middle on
    path.write_bytes(b"".join([*packets[:3], *packets[len(packets) // 4 :]]))
    report = decode(path, "mpegts", needed_px=75)

    assert report.pictures > 40
    assert report.refused == 0


def test_rotated_pictures_are_reported(path: Path) -> None:
    path.write_bytes(media.rotated_mp4())

    assert decode(path, "mov", needed_px=50).turned


def test_a_file_that_cannot_be_opened_has_no_pictures_and_an_error(path: Path) -> None:
    path.write_bytes(b"no film")
    report = decode(path, "mov", needed_px=50)

    assert (report.whole, report.pictures) == (False, 0)
    assert report.error
