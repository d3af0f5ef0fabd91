"""Checks a sealed copy without a network: its form, every hash, and the timestamp. The file is
untrusted.

Our writer stores its files one after the other, uncompressed. Whatever else a zip can be
(compressed, encrypted, with links, with two files of a name, with bytes between the files) is
refused before any of them is read, so that nothing can unpack to more than the file's own size, or
be hidden from this check and shown by another program.
"""

from __future__ import annotations

import hashlib
import itertools
import re
import stat
import struct
import unicodedata
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO

from mediavault.core.failures import BadInput
from mediavault.core.messages import Message
from mediavault.core.names import reserved_name
from mediavault.features.sealing.bag import (
    BAG_INFO,
    BAGIT,
    BAGIT_TEXT,
    CERTIFICATES,
    INSTRUCTIONS,
    MANIFEST,
    PAYLOAD,
    TAG_FILES,
    TAG_MANIFEST,
    TOKEN,
)
from mediavault.features.sealing.timestamps import (
    BadTimestamp,
    Certificate,
    Timestamp,
    check_timestamp,
    read_certificates,
)

MAX_FILES = 20_000
MAX_TEXT_BYTES = 8 << 20  # of a manifest
CHUNK_BYTES = 1 << 20
_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END, _END64 = struct.Struct("<4s4H2IH"), struct.Struct("<4sQ2H2I4Q")
_MAX_END_BYTES = 200
_ENCRYPTED, _STREAMED, _UTF8 = 0x1, 0x8, 0x800  # streamed: its size is in a descriptor behind it
_DESCRIPTOR = b"PK\x07\x08"
_ZIP64, _MANY = 0xFFFFFFFF, 0xFFFF  # what says that ZIP64 has the value
_BYTES_OF_NO_FILE = Message("The zip has bytes that belong to no file.")
_DESCRIBED_TWICE = Message("The zip describes a file twice, in different ways.")
_DESCRIPTORS = re.compile(re.escape(_DESCRIPTOR))
_LONGEST_END_BYTES = 4 + 20 + 2  # a descriptor, and the first bytes of what follows it
_LINE = re.compile(r"([0-9a-f]{64})  ([^\r\n]+)")
_MAX_VERSION = 45  # of a program that can unpack it: ZIP64. Others pass over a file that wants more
_MAX_PARTS = 3  # of a path: the folder, data/ and a name
_MAX_PART_BYTES = 255  # what disks take of a name
# what Windows has no place for, and what is encoded in manifests
_ODD = re.compile(r'[<>:"\\|?*%]')
# some disks and programs leave these out of names
_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_VERSION = re.compile(r";[0-9]*\Z")  # of VMS, which Info-ZIP drops at a name's end


class CopyProblemKind(StrEnum):
    """What is wrong with a copy. ``seal --check`` prints them for scripts: never renamed,
    only added.
    """

    CHANGED = "changed"
    MISSING = "missing"
    EXTRA = "extra"
    OXUM = "oxum"
    MANIFEST = "manifest"
    TIMESTAMP = "timestamp"
    FOREIGN = "foreign"  # outside the payload, and not what a version of mediavault writes there


@dataclass(frozen=True, slots=True)
class CopyProblem:
    """One thing that is wrong; ``path`` is inside the bag."""

    kind: CopyProblemKind
    path: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class CheckedCopy:
    """The result of a check. ``info`` is what ``bag-info.txt`` says, by label.
    Without a timestamp, ``timestamp`` is None.
    """

    files: int
    bytes: int
    info: Mapping[str, str]
    timestamp: Timestamp | None
    problems: tuple[CopyProblem, ...]


class NoSealedCopy(BadInput):
    """The file is not a zip as mediavault seals it, or has a part that is refused unread."""

    help = "Use a file exactly as `mediavault seal` wrote it. Repacked files are not accepted."


def check_copy(
    file: Path, *, roots: Sequence[Certificate] = (), system_roots: Sequence[Certificate] = ()
) -> CheckedCopy:
    """Check a sealed copy from end to end. Raises NoSealedCopy for a file that is refused
    unread.
    """
    with _opened(file) as (archive, entries):
        tags = {
            name: _text(archive, entries[name])
            for name in (BAGIT, BAG_INFO, MANIFEST, TAG_MANIFEST)
            if name in entries
        }
        if tags.get(BAGIT) != BAGIT_TEXT:
            raise NoSealedCopy(Message("%(file)s is not a sealed copy.", file=file.name))
        problems = [
            CopyProblem(CopyProblemKind.MISSING, name)
            for name in (BAG_INFO, MANIFEST, TAG_MANIFEST)
            if name not in tags
        ]
        payload = {name for name in entries if name.startswith(PAYLOAD)}
        others = set(entries) - payload - {TAG_MANIFEST}
        for name, expected in ((MANIFEST, payload), (TAG_MANIFEST, others)):
            problems += _compare(archive, entries, name, tags.get(name, b""), expected)
        named = {problem.path for problem in problems}
        problems += _foreign(archive, {name: entries[name] for name in sorted(others - named)})
        info = _info(tags.get(BAG_INFO, b""))
        size = sum(entries[name].file_size for name in payload)
        if info.get("Payload-Oxum") != f"{size}.{len(payload)}":
            problems.append(CopyProblem(CopyProblemKind.OXUM, BAG_INFO))
        timestamp = None
        try:
            timestamp = _timestamp(archive, entries, tags.get(MANIFEST, b""), roots, system_roots)
        except BadTimestamp as exc:
            problems.append(CopyProblem(CopyProblemKind.TIMESTAMP, TOKEN, exc.message))
    return CheckedCopy(len(payload), size, info, timestamp, tuple(problems))


# --- the zip's form -------------------------------------------------------------------------------


@contextmanager
def _opened(file: Path) -> Iterator[tuple[zipfile.ZipFile, dict[str, zipfile.ZipInfo]]]:
    """Open a zip of the form that our writer gives it,
    with its files by their path inside the bag.
    """
    try:
        with file.open("rb") as stream, zipfile.ZipFile(stream) as archive:
            infos = archive.infolist()
            _check_heads(infos)
            _check_layout(stream, archive, infos)
            yield archive, _inside(infos)
    except OSError as exc:
        raise BadInput(
            Message("%(file)s cannot be read: %(error)s.", file=file, error=exc.strerror or exc)
        ) from exc
    except (
        zipfile.BadZipFile,
        NotImplementedError,
        RuntimeError,
        UnicodeError,
        struct.error,
        EOFError,
    ) as exc:
        raise NoSealedCopy(Message("%(file)s is not a complete zip file.", file=file.name)) from exc


def _check_heads(infos: Sequence[zipfile.ZipInfo]) -> None:
    if not infos or len(infos) > MAX_FILES:
        raise NoSealedCopy("The zip has no files, or too many.")
    for info in infos:
        mode = info.external_attr >> 16
        if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
            raise NoSealedCopy("The zip has compressed files; a sealed copy has none.")
        if info.flag_bits & _ENCRYPTED:
            raise NoSealedCopy("The zip has encrypted files; a sealed copy has none.")
        if info.flag_bits & ~(_STREAMED | _UTF8):
            raise NoSealedCopy("The zip has files of a kind that a sealed copy does not have.")
        if info.is_dir() or (mode and not stat.S_ISREG(mode) and stat.S_IFMT(mode)):
            raise NoSealedCopy("The zip has links or folders; a sealed copy has files only.")
        is_other_kind = info.external_attr & 0xFFFF or mode & ~(stat.S_IFREG | 0o666)
        if is_other_kind or info.extract_version > _MAX_VERSION:
            raise NoSealedCopy("The zip has files of a kind that a sealed copy does not have.")
        if not _is_plain(info):
            raise NoSealedCopy(
                "The zip has a file whose name leads outside its folder, or is not plain."
            )


def _is_plain(info: zipfile.ZipInfo) -> bool:
    """Whether all programs and disks take the name as it is:
    our writer makes no other (``zip_stream.Names``).
    """
    name = info.orig_filename
    if (
        name != info.filename
        or _ODD.search(name)
        or any(unicodedata.category(c) in _UNPRINTABLE for c in name)
    ):
        return False
    parts = name.split("/")
    return (
        len(parts) <= _MAX_PARTS and all(map(_is_plain_part, parts)) and not _VERSION.search(name)
    )


def _is_plain_part(part: str) -> bool:
    """Whether it is a name that is not empty and leads nowhere; Windows drops dots and spaces at
    its end, jar what is before dots.
    """
    is_kept = part != "" and not part.endswith((".", " ")) and not reserved_name(part)
    return is_kept and len(part.encode("utf-8", "surrogatepass")) <= _MAX_PART_BYTES


def _check_layout(
    stream: IO[bytes], archive: zipfile.ZipFile, infos: Sequence[zipfile.ZipInfo]
) -> None:
    """Require that the files lie one after the other, each described in its own head as in the
    directory, and nothing else.

    Programs differ in which of the descriptions they read, and in which kinds of extra fields they
    know.
    """
    at = 0
    for info in sorted(infos, key=lambda info: info.header_offset):
        if info.header_offset != at:
            raise NoSealedCopy(_BYTES_OF_NO_FILE)
        stream.seek(at)
        head = _LOCAL.unpack(stream.read(_LOCAL.size))
        name, extra = stream.read(head[9]), stream.read(head[10])
        is_streamed = bool(info.flag_bits & _STREAMED)
        if (
            (head[0], head[2], head[3]) != (b"PK\x03\x04", info.flag_bits, info.compress_type)
            or head[1] > _MAX_VERSION
            or (head[4], head[5]) != _dos_time(info)
            or name != _encoded(info)
            or not _are_facts_of(info, head[6], (head[8], head[7]), extra, is_streamed=is_streamed)
        ):
            raise NoSealedCopy(_DESCRIBED_TWICE)
        at += _LOCAL.size + len(name) + len(extra) + info.file_size
        if is_streamed:
            stream.seek(at)
            sizes = "<4sI2Q" if extra else "<4s3I"
            descriptor = struct.pack(sizes, _DESCRIPTOR, info.CRC, info.file_size, info.file_size)
            if stream.read(len(descriptor)) != descriptor:
                raise NoSealedCopy(_DESCRIBED_TWICE)
            at += len(descriptor)
    if archive.start_dir != at:
        raise NoSealedCopy(_BYTES_OF_NO_FILE)
    _check_directory(stream, at, infos)


def _are_facts_of(
    info: zipfile.ZipInfo, crc: int, sizes: tuple[int, int], extra: bytes, *, is_streamed: bool
) -> bool:
    """Whether a local head says what the directory does; that of a streamed file says nothing."""
    size = 0 if is_streamed else info.file_size
    if crc != (0 if is_streamed else info.CRC):
        return False
    if not extra:
        return sizes == (size, size)
    # zeros: Python before 3.11.4
    saturated = {(_ZIP64, _ZIP64)} | ({(0, 0)} if is_streamed else set())
    return (
        info.file_size > zipfile.ZIP64_LIMIT
        and sizes in saturated
        and extra == struct.pack("<2H2Q", 1, 16, size, size)
    )


def _check_directory(stream: IO[bytes], start: int, infos: Sequence[zipfile.ZipInfo]) -> None:
    """Require that the directory begins at ``start``, has nothing but these files,
    and that the file ends with it.
    """
    stream.seek(start)
    for info in infos:
        head = _CENTRAL.unpack(stream.read(_CENTRAL.size))
        name, extra = stream.read(head[10]), stream.read(head[11])
        stated, values = (
            (head[9], head[8], head[16]),
            (info.file_size, info.file_size, info.header_offset),
        )
        pairs = list(zip(stated, values, strict=True))
        wide = [value for field, value in pairs if _is_wide(field, value)]
        fits = all(field == value or _is_wide(field, value) for field, value in pairs)
        fields = struct.pack(f"<2H{len(wide)}Q", 1, 8 * len(wide), *wide) if wide else b""
        if (
            not fits or (name, extra) != (_encoded(info), fields) or any(head[12:15])
        ):  # comment, disk, internal attributes
            raise NoSealedCopy(_DESCRIBED_TWICE)
    size = stream.tell() - start
    if stream.read(_MAX_END_BYTES) not in _possible_ends(len(infos), size, start):
        raise NoSealedCopy(_BYTES_OF_NO_FILE)


def _is_wide(field: int, value: int) -> bool:
    """Whether a field of the directory leaves a value to the extra field,
    which only one that it could not hold may do.
    """
    return field == _ZIP64 and value > zipfile.ZIP64_LIMIT


def _possible_ends(count: int, size: int, start: int) -> Iterator[bytes]:
    """Yield the ends that a zip of this directory may have: as it is, or in ZIP64's three parts."""
    if count < _MANY and size < _ZIP64 and start < _ZIP64:
        yield _END.pack(b"PK\x05\x06", 0, 0, count, count, size, start, 0)
    wide = _END64.pack(b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, size, start)
    wide += struct.pack("<4sIQI", b"PK\x06\x07", 0, start + size, 1)
    for values in itertools.product(
        {min(count, _MANY), _MANY}, {min(size, _ZIP64), _ZIP64}, {min(start, _ZIP64), _ZIP64}
    ):
        yield wide + _END.pack(b"PK\x05\x06", 0, 0, values[0], *values, 0)


def _encoded(info: zipfile.ZipInfo) -> bytes:
    return info.orig_filename.encode("utf-8" if info.flag_bits & _UTF8 else "ascii")


def _dos_time(info: zipfile.ZipInfo) -> tuple[int, int]:
    year, month, day, hour, minute, second = info.date_time
    return hour << 11 | minute << 5 | second // 2, (year - 1980) << 9 | month << 5 | day


def _inside(infos: Sequence[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
    """Return the files by their path below the bag's folder.
    No two may differ in case or composition alone.
    """
    entries: dict[str, zipfile.ZipInfo] = {}
    folders, folded = set(), set()
    for info in infos:
        folder, slash, path = info.filename.partition("/")
        folders.add(folder if slash else "")
        folded.add(_folded(info.filename))
        entries[path] = info
    if len(folders) != 1 or "" in folders:
        raise NoSealedCopy("The zip does not contain exactly one folder.")
    if len(folded) != len(infos):
        raise NoSealedCopy("The zip has two files with the same name.")
    return entries


def _folded(name: str) -> str:
    """Return what names have in common that a disk may take for the same (Unicode, 3.13, D145)."""
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", name).casefold())


def _text(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    if info.file_size > MAX_TEXT_BYTES:
        raise NoSealedCopy("A manifest of the zip is too large.")
    return b"".join(_chunks(archive, info))


def _chunks(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[bytes]:
    """Yield the file's content. Raises NoSealedCopy where a reader that does not know its size sees
    its end too early.

    Such a reader looks for the descriptor of a streamed file, and the file's maker can put one into
    it.
    """
    done, kept = 0, b""
    with archive.open(info) as file:
        while chunk := file.read(CHUNK_BYTES):
            if info.flag_bits & _STREAMED:
                kept += chunk
                if _ends_early(kept, done + len(chunk) - len(kept)):
                    raise NoSealedCopy(_DESCRIBED_TWICE)
                kept = kept[-_LONGEST_END_BYTES:]
            done += len(chunk)
            yield chunk


def _ends_early(content: bytes, at: int) -> bool:
    """Whether a descriptor in this part of a file, which begins at ``at``,
    fits what is before it, or a head follows it.
    """
    for found in _DESCRIPTORS.finditer(content):
        after = content[found.end() : found.start() + _LONGEST_END_BYTES]
        # also the beginning of one of 64 bits
        size = struct.pack("<I", at + found.start() & _ZIP64)
        if after[4:8] == size or b"PK" in (after[12:14], after[20:22]):
            return True
    return False


# --- the bag --------------------------------------------------------------------------------------


def _compare(
    archive: zipfile.ZipFile,
    entries: Mapping[str, zipfile.ZipInfo],
    name: str,
    text: bytes,
    expected: set[str],
) -> Iterator[CopyProblem]:
    """Yield where the files differ from what a manifest lists."""
    listed: dict[str, str] = {}
    for line in text.decode("utf-8", "replace").split("\n")[:-1]:
        match = _LINE.fullmatch(line)
        if match is None or match[2] in listed:
            yield CopyProblem(CopyProblemKind.MANIFEST, name, line[:200])
        else:
            listed[match[2]] = match[1]
    if not _is_utf8(text) or (text and not text.endswith(b"\n")):
        yield CopyProblem(CopyProblemKind.MANIFEST, name)
    for path in sorted(listed.keys() - expected):
        yield CopyProblem(CopyProblemKind.MISSING, path)
    for path in sorted(expected):
        if path not in listed:
            yield CopyProblem(CopyProblemKind.EXTRA, path)
        elif _sha256(archive, entries[path]) != listed[path]:
            yield CopyProblem(CopyProblemKind.CHANGED, path)


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def _sha256(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> str | None:
    """Return the file's hash; None where even the zip's own checksum differs."""
    digest = hashlib.sha256()
    try:
        for chunk in _chunks(archive, info):
            digest.update(chunk)
    except zipfile.BadZipFile:
        return None
    return digest.hexdigest()


def _foreign(
    archive: zipfile.ZipFile, entries: Mapping[str, zipfile.ZipInfo]
) -> Iterator[CopyProblem]:
    """Yield foreign files at the places where people look for our instructions:
    manifests vouch only for who made the copy.
    """
    for path, info in entries.items():
        known = INSTRUCTIONS.get(path)
        if path not in TAG_FILES or (known is not None and _sha256(archive, info) not in known):
            yield CopyProblem(CopyProblemKind.FOREIGN, path)


def _info(text: bytes) -> dict[str, str]:
    pairs = (line.partition(":") for line in text.decode("utf-8", "replace").splitlines())
    return {label: value.strip() for label, colon, value in pairs if colon}


def _timestamp(
    archive: zipfile.ZipFile,
    entries: Mapping[str, zipfile.ZipInfo],
    manifest: bytes,
    roots: Sequence[Certificate],
    system_roots: Sequence[Certificate],
) -> Timestamp | None:
    if TOKEN not in entries:
        if roots:
            raise BadTimestamp("there is none")
        return None
    try:
        answer = _text(archive, entries[TOKEN])
        extra = (
            read_certificates(_text(archive, entries[CERTIFICATES]))
            if CERTIFICATES in entries
            else []
        )
    except zipfile.BadZipFile:
        raise BadTimestamp("it was changed") from None
    return check_timestamp(answer, manifest, extra=extra, roots=roots, system_roots=system_roots)
