"""Checks a sealed copy without a network: its form, every hash, and the timestamp. The file may be anybody's.

Our writer stores its files one after the other, uncompressed. Whatever else a zip can be (compressed, encrypted, with
links, with two files of a name, with bytes between the files) is refused before any of them is read, so that nothing can
unpack to more than the file's own size, or be hidden from this check and shown by another program.
"""

from __future__ import annotations

import hashlib
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
from mediavault.services.sealing.bag import (
    BAG_INFO,
    BAGIT,
    BAGIT_TEXT,
    CERTIFICATES,
    MANIFEST,
    PAYLOAD,
    TAG_MANIFEST,
    TOKEN,
)
from mediavault.services.sealing.timestamps import (
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
_DESCRIPTOR_BYTES = (0, 12, 16, 20, 24)  # after a file whose size was not known before it was written
_ENCRYPTED, _UTF8 = 0x1, 0x800
_LINE = re.compile(r"([0-9a-f]{64})  ([^\r\n]+)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class CopyProblemKind(StrEnum):
    """What is wrong with a copy. ``seal --check`` prints them for scripts: never renamed, only added."""

    CHANGED = "changed"
    MISSING = "missing"
    EXTRA = "extra"
    OXUM = "oxum"
    MANIFEST = "manifest"
    TIMESTAMP = "timestamp"


@dataclass(frozen=True, slots=True)
class CopyProblem:
    """One thing that is wrong; ``path`` is inside the bag."""

    kind: CopyProblemKind
    path: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class CheckedCopy:
    """The result of a check. ``info`` is what ``bag-info.txt`` says, by label. Without a timestamp, ``timestamp`` is None."""

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
    """Check a sealed copy from end to end. Raises NoSealedCopy for a file that is refused unread."""
    with _opened(file) as (archive, entries):
        tags = {
            name: _text(archive, entries[name]) for name in (BAGIT, BAG_INFO, MANIFEST, TAG_MANIFEST) if name in entries
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


# --- the zip's form ---------------------------------------------------------------------------------------------------


@contextmanager
def _opened(file: Path) -> Iterator[tuple[zipfile.ZipFile, dict[str, zipfile.ZipInfo]]]:
    """Open a zip of the form that our writer gives it, with its files by their path inside the bag."""
    try:
        with file.open("rb") as stream, zipfile.ZipFile(stream) as archive:
            infos = archive.infolist()
            _check_heads(infos)
            _check_layout(stream, archive, infos)
            yield archive, _inside(infos)
    except OSError as exc:
        raise BadInput(Message("%(file)s cannot be read: %(error)s.", file=file, error=exc.strerror or exc)) from exc
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, UnicodeDecodeError, struct.error, EOFError) as exc:
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
        if info.is_dir() or (mode and not stat.S_ISREG(mode) and stat.S_IFMT(mode)):
            raise NoSealedCopy("The zip has links or folders; a sealed copy has files only.")
        if not _is_plain(info):
            raise NoSealedCopy("The zip has a file whose name leads outside its folder, or is not plain.")


def _is_plain(info: zipfile.ZipInfo) -> bool:
    name = info.orig_filename
    if name != info.filename or _CONTROL.search(name) or "\\" in name or ":" in name or "%" in name:
        return False
    return all(part not in ("", ".", "..") for part in name.split("/"))


def _check_layout(stream: IO[bytes], archive: zipfile.ZipFile, infos: Sequence[zipfile.ZipInfo]) -> None:
    """Require that the files lie one after the other, described as in the directory, and nothing between."""
    at = 0
    for number, info in enumerate(sorted(infos, key=lambda info: info.header_offset)):
        gap = info.header_offset - at
        if gap < 0 or (gap not in _DESCRIPTOR_BYTES if number else gap):
            raise NoSealedCopy("The zip has bytes that belong to no file.")
        stream.seek(info.header_offset)
        head = _LOCAL.unpack(stream.read(_LOCAL.size))
        name = stream.read(head[9])
        if (
            head[0] != b"PK\x03\x04"
            or (head[2], head[3]) != (info.flag_bits, info.compress_type)
            or name.decode("utf-8" if info.flag_bits & _UTF8 else "cp437") != info.orig_filename
        ):
            raise NoSealedCopy("The zip describes a file twice, in different ways.")
        at = info.header_offset + _LOCAL.size + head[9] + head[10] + info.file_size
    if archive.start_dir - at not in _DESCRIPTOR_BYTES or archive.comment:
        raise NoSealedCopy("The zip has bytes that belong to no file.")
    stream.seek(archive.start_dir)
    if not _is_bare_directory(stream, infos):
        raise NoSealedCopy("The zip has bytes that belong to no file.")


def _is_bare_directory(stream: IO[bytes], infos: Sequence[zipfile.ZipInfo]) -> bool:
    """Whether only the directory of these files and the zip's end follow."""
    if any(info.comment for info in infos):
        return False
    size = sum(46 + len(info.orig_filename.encode("utf-8")) + len(info.extra) for info in infos)
    rest = len(stream.read(size + 200)) - size
    return rest in (22, 22 + 20 + 56)  # the end, or ZIP64's three parts of it


def _inside(infos: Sequence[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
    """Return the files by their path below the bag's folder. No two may differ in case or composition alone."""
    entries: dict[str, zipfile.ZipInfo] = {}
    folders, folded = set(), set()
    for info in infos:
        folder, slash, path = info.filename.partition("/")
        folders.add(folder if slash else "")
        folded.add(unicodedata.normalize("NFC", info.filename).casefold())
        entries[path] = info
    if len(folders) != 1 or "" in folders:
        raise NoSealedCopy("The zip does not contain exactly one folder.")
    if len(folded) != len(infos):
        raise NoSealedCopy("The zip has two files with the same name.")
    return entries


def _text(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    if info.file_size > MAX_TEXT_BYTES:
        raise NoSealedCopy("A manifest of the zip is too large.")
    return archive.read(info)


# --- the bag ----------------------------------------------------------------------------------------------------------


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
    if text and not text.endswith(b"\n"):
        yield CopyProblem(CopyProblemKind.MANIFEST, name)
    for path in sorted(listed.keys() - expected):
        yield CopyProblem(CopyProblemKind.MISSING, path)
    for path in sorted(expected):
        if path not in listed:
            yield CopyProblem(CopyProblemKind.EXTRA, path)
        elif _sha256(archive, entries[path]) != listed[path]:
            yield CopyProblem(CopyProblemKind.CHANGED, path)


def _sha256(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> str | None:
    """Return the file's hash; None where even the zip's own checksum differs."""
    digest = hashlib.sha256()
    try:
        with archive.open(info) as file:
            while chunk := file.read(CHUNK_BYTES):
                digest.update(chunk)
    except zipfile.BadZipFile:
        return None
    return digest.hexdigest()


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
        extra = read_certificates(_text(archive, entries[CERTIFICATES])) if CERTIFICATES in entries else []
    except zipfile.BadZipFile:
        raise BadTimestamp("it was changed") from None
    return check_timestamp(answer, manifest, extra=extra, roots=roots, system_roots=system_roots)
