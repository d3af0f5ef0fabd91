"""Check B: a container's own lengths must lead exactly to its end."""

from __future__ import annotations

import io

import pytest

from mediavault.core.media import ProblemKind
from mediavault.media.boxes import walk
from mediavault.media.packets import has_hole, nal_length_bytes, units_fill
from mediavault.media.sniff import sniff
from mediavault.media.structure import Structure
from tests import media

WHOLE = {
    "faststart": media.mp4(),
    "moov last": media.mp4(layout="moov_last"),
    "fragmented": media.mp4(layout="fragmented"),
    "mov": media.mov(),
    "webm": media.webm(),
    "live webm": media.live_webm(),
    "mkv": media.mkv(),
    "ts": media.ts(),
    "flv": media.flv(),
    "avi": media.avi(),
}


def structure(body: bytes) -> Structure:
    return walk(io.BytesIO(body), len(body), sniff(body))


def kinds(body: bytes) -> list[ProblemKind]:
    return [problem.kind for problem in structure(body).problems]


@pytest.mark.parametrize("name", WHOLE)
def test_a_whole_file_has_no_problems(name: str) -> None:
    assert structure(WHOLE[name]).problems == ()


@pytest.mark.parametrize("name", WHOLE)
def test_a_single_missing_byte_at_the_end_is_noticed(name: str) -> None:
    assert kinds(WHOLE[name][:-1]) != []


@pytest.mark.parametrize("name", WHOLE)
def test_bytes_lost_in_the_middle_are_noticed(name: str) -> None:
    body = WHOLE[name]

    assert kinds(body[:60_000] + body[92_003:]) != []


@pytest.mark.parametrize(
    "name", ["fragmented", "moov last", "mov", "mkv", "webm", "flv", "ts", "avi"]
)
def test_a_zeroed_end_is_noticed_where_the_structure_reaches_there(name: str) -> None:
    body = WHOLE[name]

    assert kinds(body[: -len(body) // 20] + bytes(len(body) // 20)) != []


def test_a_zeroed_index_after_the_last_fragment_is_noticed() -> None:
    body = WHOLE["fragmented"]

    assert kinds(body[:-20] + bytes(20)) == [ProblemKind.DAMAGED]


def test_two_files_glued_together_are_noticed() -> None:
    body = WHOLE["faststart"]

    assert kinds(body + body) == [ProblemKind.DAMAGED]


@pytest.mark.parametrize("name", ["faststart", "moov last", "mkv", "avi"])
@pytest.mark.parametrize("tail", [bytes(3_000), media.html()], ids=["zeros", "a page"])
def test_padding_or_text_after_a_whole_video_is_only_noted(name: str, tail: bytes) -> None:
    walked = structure(WHOLE[name] + tail)

    assert walked.problems == ()
    assert walked.notes == (f"{len(tail):,} bytes of padding or text follow its end",)


def test_anything_after_a_fragmented_video_is_a_problem() -> None:
    assert kinds(WHOLE["fragmented"] + bytes(3_000)) == [ProblemKind.INCOMPLETE]


def test_a_containers_own_padding_after_the_video_is_not_a_problem() -> None:
    """Void elements may appear at any level of EBML,
    and RIFF's JUNK chunks anywhere between chunks.
    """
    assert kinds(WHOLE["mkv"] + b"\xec\x8a" + bytes(10) + b"\xec\x80") == []
    assert kinds(WHOLE["avi"] + b"JUNK\x0a\0\0\0" + b"left over ") == []
    assert kinds(WHOLE["avi"] + b"JUNK\x0b\0\0\0" + b"\xffleft over") == [ProblemKind.DAMAGED]


def test_a_fragments_table_that_is_shorter_than_it_says_is_noticed() -> None:
    """A browser stops playing at such a fragment."""
    body = WHOLE["fragmented"]
    at = body.index(b"trun") + 8
    longer = (
        body[:at]
        + (int.from_bytes(body[at : at + 4], "big") + 1).to_bytes(4, "big")
        + body[at + 4 :]
    )

    assert kinds(longer) == [ProblemKind.DAMAGED]


def test_other_bytes_after_the_last_sample_are_noted() -> None:
    assert structure(WHOLE["faststart"] + bytes(range(200, 256)) * 10).notes != ()


def test_a_wrong_length_after_the_last_sample_is_tolerated() -> None:
    """Some recorders write an mdat that claims more than there is;
    a missing byte of a sample is still a problem.
    """
    body = WHOLE["faststart"]
    at = body.index(b"mdat") - 4
    claim = int.from_bytes(body[at : at + 4], "big") + 5_000
    longer = body[:at] + claim.to_bytes(4, "big") + body[at + 4 :]

    assert kinds(longer) == []
    assert kinds(longer[:-1]) == [ProblemKind.INCOMPLETE]


def test_nothing_is_tolerated_where_tables_contradict_each_other() -> None:
    body = WHOLE["faststart"]
    at = body.index(b"stsz") + 12
    fewer = (int.from_bytes(body[at : at + 4], "big") - 1).to_bytes(4, "big")

    assert kinds(body[:at] + fewer + body[at + 4 :] + bytes(range(200, 256))) == [
        ProblemKind.INCOMPLETE
    ]


def test_a_segment_index_that_reaches_beyond_the_file_is_noticed() -> None:
    """ISO/IEC 14496-12, 8.16.3: one reference to more bytes than the file has."""
    fields = (1, 1_000, 0, 0, 1, 5_000, 1_000, 0)
    sidx = (
        (12 + 4 * len(fields)).to_bytes(4, "big")
        + b"sidx"
        + bytes(4)
        + b"".join(n.to_bytes(4, "big") for n in fields)
    )
    body = WHOLE["fragmented"]
    at = body.index(b"moof") - 4

    assert kinds(body) == []
    assert kinds(body[:at] + sidx + body[at:]) == []
    beyond = sidx.replace((5_000).to_bytes(4, "big"), (len(body) + 1).to_bytes(4, "big"))
    assert kinds(body[:at] + beyond + body[at:]) == [ProblemKind.INCOMPLETE]


def test_a_header_without_pictures_is_incomplete() -> None:
    assert kinds(media.hls("fmp4")["init.mp4"]) == [ProblemKind.INCOMPLETE]


def test_a_segment_without_its_header_is_incomplete() -> None:
    assert kinds(media.hls("fmp4")["seg000.m4s"]) == [ProblemKind.INCOMPLETE]


def test_common_encryption_is_seen_in_the_sample_description() -> None:
    assert kinds(media.cenc_mp4()) == [ProblemKind.PROTECTED]


def test_an_encrypted_matroska_track_is_seen() -> None:
    """ContentEncodings > ContentEncoding > ContentEncryption,
    put into the first track of a whole file.
    """
    body = media.live_webm()
    # Tracks itself; its ID also appears in the index before it
    at = body.rindex(b"\x16\x54\xae\x6b")
    size_bytes = 9 - body[at + 4].bit_length()
    tracks = body[at + 4 + size_bytes :]
    length = int.from_bytes(body[at + 4 : at + 4 + size_bytes], "big") & ((1 << 7 * size_bytes) - 1)
    encryption = b"\x6d\x80\x87" + b"\x62\x40\x84" + b"\x50\x35\x81\x00"
    track = b"\xae" + bytes([0x80 | len(encryption)]) + encryption
    grown = (length + len(track) | 1 << 56).to_bytes(8, "big")

    assert kinds(body[: at + 4] + grown + track + tracks) == [ProblemKind.PROTECTED]


def test_a_live_recording_is_open_ended() -> None:
    assert structure(media.live_webm()).open_ended
    assert not structure(media.webm()).open_ended


def test_a_lost_packet_rhythm_is_noticed() -> None:
    body = bytearray(media.ts())
    body[188 * 77] = 0

    assert kinds(bytes(body)) == [ProblemKind.DAMAGED]


def test_boxes_that_claim_impossible_sizes_are_incomplete() -> None:
    """Sizes are untrusted: they may be 64-bit, smaller than the header itself,
    or reach past the end.
    """
    huge = b"\0\0\0\x18ftypisom\0\0\0\0isom\0\0\0\0" + b"\0\0\0\1mdat" + b"\xff" * 8
    tiny = b"\0\0\0\x18ftypisom\0\0\0\0isom\0\0\0\0" + b"\0\0\0\3mdat"

    assert ProblemKind.INCOMPLETE in kinds(huge)
    assert ProblemKind.INCOMPLETE in kinds(tiny)


def test_nal_lengths_must_lead_to_the_packets_end() -> None:
    packet = b"\0\0\0\2ab\0\0\0\3cde"

    assert units_fill(memoryview(packet), 4)
    assert not units_fill(memoryview(packet[:-1]), 4)
    assert not units_fill(memoryview(packet + b"x"), 4)


def test_the_length_fields_size_is_read_from_the_decoder_configuration() -> None:
    assert nal_length_bytes("h264", b"\x01\x42\xc0\x1e\xff\xe1\0") == 4
    assert nal_length_bytes("hevc", b"\x01" + bytes(20) + b"\xff\0") == 4
    assert nal_length_bytes("h264", b"\0\0\0\1\x67\x42\xc0") is None
    assert nal_length_bytes("vp9", b"") is None


@pytest.mark.parametrize(
    ("packet", "hole"),
    [
        (b"a" + bytes(8) + b"b", True),
        (b"a" + bytes(7) + b"b", False),
        (b"a" + bytes(80), False),  # padding after the picture
        (b"a" + bytes(8) + b"b" + bytes(80), True),
        (b"", False),
    ],
)
def test_zeros_followed_by_other_bytes_are_a_hole(packet: bytes, hole: bool) -> None:
    assert has_hole(packet, 8) is hole


def test_a_flipped_bit_in_a_part_with_a_checksum_is_noticed() -> None:
    """FFmpeg and others write the CRC-32 of each cluster into Matroska files."""
    body = bytearray(WHOLE["mkv"])
    body[len(body) // 2] ^= 1

    assert kinds(bytes(body)) == [ProblemKind.DAMAGED]
