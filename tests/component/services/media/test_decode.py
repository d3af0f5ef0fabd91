"""Check F: damage that only a decoder notices, and the time limit of decoding."""

from __future__ import annotations

import io
from pathlib import Path

import av
import pytest

from mediavault.services.media import library as media_library
from mediavault.services.media.decode import decode_all
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
    report = decode_all(path, "mov")

    assert (report.complete, report.pictures, report.refused, report.corrupt, report.concealed) == (True, 50, 0, 0, 0)
    assert report.sounds > 90
    assert (report.sound_refused, report.error) == (0, None)


def test_damage_inside_a_picture_is_noticed_by_what_the_decoder_conceals(path: Path) -> None:
    path.write_bytes(damaged(media.mp4(2.0, sound=False)))
    report = decode_all(path, "mov")

    assert report.concealed + report.refused > 0


def sound_replaced(body: bytes, until_s: float = 99.0) -> bytes:
    """Return ``body`` with its sound before ``until_s`` overwritten; lengths and tables stay correct."""
    content = bytearray(body)
    with av.open(io.BytesIO(body), "r") as opened:
        for packet in opened.demux(opened.streams.audio[0]):
            if packet.pos is not None and packet.size and (packet.pts or 0) * packet.time_base < until_s:
                content[packet.pos : packet.pos + packet.size] = b"\xe5" * packet.size
    return bytes(content)


def test_sound_that_begins_with_garbage_is_refused_in_part(path: Path) -> None:
    path.write_bytes(sound_replaced(media.mp4(2.0), until_s=1.0))
    report = decode_all(path, "mov")

    assert report.sounds > 40
    assert report.sound_refused > 40


def test_a_stream_may_begin_in_the_middle_of_an_audio_frame(path: Path) -> None:
    body = media.encode("vob", 2.0, video="mpeg2video", audio="mp2")
    pack = body.index(b"\0\0\1\xba", len(body) // 10)
    path.write_bytes(body[pack:])
    report = decode_all(path, "mpeg")

    assert report.sounds > 40
    assert report.sound_refused == 0


def test_an_empty_audio_packet_is_silence(path: Path) -> None:
    body = media.reordered_mp4()
    size = body.rindex(b"stsz") + 16 + 4 * 20
    path.write_bytes(body[:size] + bytes(4) + body[size + 4 :])
    report = decode_all(path, "mov")

    assert (report.pictures, report.sound_refused) == (50, 0)


def test_undecodable_sound_is_refused(path: Path) -> None:
    path.write_bytes(sound_replaced(media.mp4(2.0)))
    report = decode_all(path, "mov")

    assert report.sounds == 0
    assert report.sound_refused > 80


def test_sound_with_a_correct_clock_is_neither_fast_nor_slow(path: Path) -> None:
    path.write_bytes(media.mp4(2.0))
    report = decode_all(path, "mov")

    assert (report.sound_fast, report.sound_slow) == (0, 0)


@pytest.mark.parametrize(("times", "pace"), [(2.0, "sound_fast"), (0.5, "sound_slow")])
def test_a_wrong_sound_clock_is_noticed(times: float, pace: str, path: Path) -> None:
    body = media.mp4(2.0)
    at = body.rindex(b"mdhd") + 16  # the ticks per second of its last track
    ticks = int(int.from_bytes(body[at : at + 4], "big") * times)
    path.write_bytes(body[:at] + ticks.to_bytes(4, "big") + body[at + 4 :])
    report = decode_all(path, "mov")

    assert getattr(report, pace) > 0.9 * report.sounds > 0


def test_a_damaged_motion_jpeg_is_noticed_by_its_log(path: Path) -> None:
    body = media.encode("mov", 1.0, video="mjpeg", sound=False, speed={"strict": "unofficial"})
    spoiled = bytearray(body)
    with av.open(io.BytesIO(body), "r") as opened:
        for packet in opened.demux(video=0):
            if packet.pos is not None and packet.size:
                spoiled[packet.pos + packet.size // 2 : packet.pos + packet.size // 2 + 100] = b"\xfd" * 100
    path.write_bytes(bytes(spoiled))

    assert decode_all(path, "mov").concealed > 0


def test_decoding_stops_when_its_time_is_used_up(path: Path) -> None:
    path.write_bytes(media.mp4(2.0))

    assert not decode_all(path, "mov", cpu_s=0.0).complete


def test_a_stream_that_begins_between_key_frames_does_not_count_as_damaged(path: Path) -> None:
    body = media.ts(3.0)
    packets = [body[at : at + 188] for at in range(0, len(body), 188)]
    path.write_bytes(b"".join([*packets[:3], *packets[len(packets) // 4 :]]))  # its tables, then from the middle on
    report = decode_all(path, "mpegts")

    assert report.pictures > 40
    assert report.refused == 0


def test_rotated_pictures_are_reported(path: Path) -> None:
    path.write_bytes(media.rotated_mp4())

    assert decode_all(path, "mov").turned


def test_a_file_that_cannot_be_opened_has_no_pictures_and_an_error(path: Path) -> None:
    path.write_bytes(b"no film")
    report = decode_all(path, "mov")

    assert (report.complete, report.pictures) == (False, 0)
    assert report.error
