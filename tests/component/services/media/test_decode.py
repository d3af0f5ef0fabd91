"""Check F: what only a decoder can notice, and how long it may look."""

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


def scratched(body: bytes) -> bytes:
    """With some bytes inside a picture turned over; lengths and tables stay right."""
    at = len(body) // 2
    return body[:at] + bytes(byte ^ 0x55 for byte in body[at : at + 40]) + body[at + 40 :]


def test_all_pictures_and_sounds_of_a_whole_clip_decode(path: Path) -> None:
    path.write_bytes(media.mp4(2.0))
    found = decode_all(path, "mov")

    assert (found.complete, found.pictures, found.refused, found.corrupt, found.concealed) == (True, 50, 0, 0, 0)
    assert found.sounds > 90
    assert (found.sound_refused, found.error) == (0, None)


def test_a_scratch_inside_a_picture_is_seen_by_what_the_decoder_conceals(path: Path) -> None:
    path.write_bytes(scratched(media.mp4(2.0, sound=False)))
    found = decode_all(path, "mov")

    assert found.concealed + found.refused > 0


def sound_replaced(body: bytes, until_s: float = 99.0) -> bytes:
    """With every piece of its sound before ``until_s`` overwritten; lengths and tables stay right."""
    found = bytearray(body)
    with av.open(io.BytesIO(body), "r") as opened:
        for packet in opened.demux(opened.streams.audio[0]):
            if packet.pos is not None and packet.size and (packet.pts or 0) * packet.time_base < until_s:
                found[packet.pos : packet.pos + packet.size] = b"\xe5" * packet.size
    return bytes(found)


def test_a_film_whose_sound_begins_with_rubbish_has_lost_some(path: Path) -> None:
    path.write_bytes(sound_replaced(media.mp4(2.0), until_s=1.0))
    found = decode_all(path, "mov")

    assert found.sounds > 40
    assert found.sound_refused > 40


def test_a_stream_may_be_joined_in_the_middle_of_a_piece_of_sound(path: Path) -> None:
    body = media.encode("vob", 2.0, video="mpeg2video", audio="mp2")
    pack = body.index(b"\0\0\1\xba", len(body) // 10)
    path.write_bytes(body[pack:])
    found = decode_all(path, "mpeg")

    assert found.sounds > 40
    assert found.sound_refused == 0


def test_an_empty_piece_of_sound_is_silence(path: Path) -> None:
    body = media.reordered_mp4()
    size = body.rindex(b"stsz") + 16 + 4 * 20
    path.write_bytes(body[:size] + bytes(4) + body[size + 4 :])
    found = decode_all(path, "mov")

    assert (found.pictures, found.sound_refused) == (50, 0)


def test_sound_of_which_nothing_decodes_is_refused_sound(path: Path) -> None:
    path.write_bytes(sound_replaced(media.mp4(2.0)))
    found = decode_all(path, "mov")

    assert found.sounds == 0
    assert found.sound_refused > 80


def test_sound_that_plays_at_its_own_pace_is_on_time(path: Path) -> None:
    path.write_bytes(media.mp4(2.0))
    found = decode_all(path, "mov")

    assert (found.sound_fast, found.sound_slow) == (0, 0)


@pytest.mark.parametrize(("times", "pace"), [(2.0, "sound_fast"), (0.5, "sound_slow")])
def test_a_wrong_clock_of_the_sound_is_noticed(times: float, pace: str, path: Path) -> None:
    body = media.mp4(2.0)
    at = body.rindex(b"mdhd") + 16  # the ticks in a second of its last track
    ticks = int(int.from_bytes(body[at : at + 4], "big") * times)
    path.write_bytes(body[:at] + ticks.to_bytes(4, "big") + body[at + 4 :])
    found = decode_all(path, "mov")

    assert getattr(found, pace) > 0.9 * found.sounds > 0


def test_a_scratched_motion_jpeg_is_seen_by_its_log(path: Path) -> None:
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


def test_a_stream_joined_between_key_frames_is_not_damaged_for_that(path: Path) -> None:
    body = media.ts(3.0)
    packets = [body[at : at + 188] for at in range(0, len(body), 188)]
    path.write_bytes(b"".join([*packets[:3], *packets[len(packets) // 4 :]]))  # its tables, then from the middle on
    found = decode_all(path, "mpegts")

    assert found.pictures > 40
    assert found.refused == 0


def test_pictures_that_lie_on_their_side_are_told(path: Path) -> None:
    path.write_bytes(media.rotated_mp4())

    assert decode_all(path, "mov").turned


def test_what_cannot_be_opened_has_no_pictures_and_an_error(path: Path) -> None:
    path.write_bytes(b"no film")
    found = decode_all(path, "mov")

    assert (found.complete, found.pictures) == (False, 0)
    assert found.error
