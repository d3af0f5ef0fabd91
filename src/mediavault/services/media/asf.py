"""Check B for ASF (``.wmv``, ``.asf``): Microsoft's Advanced Systems Format specification 01.20.06, sections 2 to 6."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO
from uuid import UUID

from mediavault.core.media import Problem, ProblemKind
from mediavault.services.media.facts import Structure
from mediavault.services.media.tail import follows, harmless_tail

HEADER = UUID("75b22630-668e-11cf-a6d9-00aa0062ce6c").bytes_le
DATA = UUID("75b22636-668e-11cf-a6d9-00aa0062ce6c").bytes_le
_FILE_PROPERTIES = UUID("8cabdca1-a947-11cf-8ee4-00c00c205365").bytes_le
_PROTECTED = frozenset(
    {
        UUID("2211b3fb-bd23-11d2-b4b7-00a0c955fc6e").bytes_le,  # content encryption
        UUID("298ae614-2622-4c17-b935-dae07ee9289c").bytes_le,  # extended content encryption
    }
)
_BROADCAST = 1
_HEAD_BYTES = 24
_HEADER_HEAD_BYTES = 30
_DATA_HEAD_BYTES = 50
_MAX_LOOKS = 10_000


@dataclass(frozen=True, slots=True)
class _Packets:
    count: int
    size: int

    @property
    def end(self) -> int:
        return _DATA_HEAD_BYTES + self.count * self.size

    def first_lost(self, file: BinaryIO, data: int) -> int | None:
        """Where a packet does not begin with the flags that the first one has (section 5.2.1); of a long file, samples."""
        file.seek(data + _DATA_HEAD_BYTES)
        flags = file.read(1)
        for number in range(0, self.count, max(1, self.count // _MAX_LOOKS)):
            at = data + _DATA_HEAD_BYTES + number * self.size
            file.seek(at)
            if file.read(1) != flags:
                return at
        return None


def walk_asf(file: BinaryIO, size: int) -> Structure:
    """A header, the data and indexes fill the file; the data holds as many packets as the header says."""
    header_end, packets, problem = _read_header(file, size)
    if problem is not None:
        return Structure((problem,))
    at, has_data = header_end, False
    while at < size:
        file.seek(at)
        head = file.read(_HEAD_BYTES)
        length = int.from_bytes(head[16:24], "little")
        if len(head) < _HEAD_BYTES or (length < _HEAD_BYTES and head[:16] != DATA):
            return _foreign(file, at, size, has_data=has_data)
        end = at + length if length >= _HEAD_BYTES else size
        if end > size:
            return Structure((_incomplete(f"its last part should reach to byte {end:,}, but it ends at {size:,}"),))
        if head[:16] == HEADER:
            return Structure((Problem(ProblemKind.DAMAGED, "two films are glued together in it"),))
        if head[:16] == DATA:
            has_data = True
            if packets is not None and at + packets.end > end:
                return Structure((_incomplete("its data holds fewer packets than its header says"),))
            if packets is not None and (lost := packets.first_lost(file, at)) is not None:
                return Structure((Problem(ProblemKind.DAMAGED, f"its packets lose their rhythm at byte {lost:,}"),))
        at = end
    if not has_data:
        return Structure((_incomplete("it holds a header, but no pictures"),))
    return Structure(open_ended=packets is None)


def _read_header(file: BinaryIO, size: int) -> tuple[int, _Packets | None, Problem | None]:
    """(end of the header, the packets or None when it was broadcast, what is wrong)."""
    file.seek(0)
    end = int.from_bytes(file.read(_HEADER_HEAD_BYTES)[16:24], "little")
    if end > size or end < _HEADER_HEAD_BYTES:
        return 0, None, _incomplete("its header breaks off")
    at, packets = _HEADER_HEAD_BYTES, None
    while at + _HEAD_BYTES <= end:
        file.seek(at)
        head = file.read(_HEAD_BYTES)
        length = int.from_bytes(head[16:24], "little")
        if length < _HEAD_BYTES or at + length > end:
            return 0, None, Problem(ProblemKind.DAMAGED, "its header is broken")
        if head[:16] in _PROTECTED:
            return 0, None, Problem(ProblemKind.PROTECTED, "its pictures or sound are encrypted (copy protection)")
        if head[:16] == _FILE_PROPERTIES:
            packets = _packets(file.read(80))
        at += length
    return end, packets, None


def _packets(properties: bytes) -> _Packets | None:
    count = int.from_bytes(properties[32:40], "little")
    flags = int.from_bytes(properties[64:68], "little")
    size = int.from_bytes(properties[68:72], "little")
    return None if flags & _BROADCAST or not size else _Packets(count, size)


def _foreign(file: BinaryIO, at: int, size: int, *, has_data: bool) -> Structure:
    if has_data and harmless_tail(file, at, size):
        return Structure(notes=(follows(size - at),))
    return Structure((Problem(ProblemKind.DAMAGED, f"its structure breaks off at byte {at:,} of {size:,}"),))


def _incomplete(reason: str) -> Problem:
    return Problem(ProblemKind.INCOMPLETE, reason)
