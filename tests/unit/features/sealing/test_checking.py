"""The check of sealed copies that somebody has tampered with: each in one way."""

from __future__ import annotations

import hashlib
import shutil
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from mediavault.core.failures import BadInput
from mediavault.features.sealing import checking
from mediavault.features.sealing.bag import (
    BAGIT_TEXT,
    CERTIFICATES,
    INSTRUCTIONS,
    MANIFEST,
    README_TEXT,
    SCRIPT_TEXT,
    TAG_MANIFEST,
    TOKEN,
)
from mediavault.features.sealing.checking import (
    CopyProblem,
    CopyProblemKind,
    NoSealedCopy,
    check_copy,
)
from mediavault.features.sealing.timestamps import Trust
from tests.authority import Authority, make_authority, needs_openssl
from tests.sealing import SealingVault

Files = dict[str, bytes]  # by their path inside the bag, in order
PAGE = "data/page.txt"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
async def sealed(tmp_path: Path) -> Path:
    vault = SealingVault(tmp_path / "vault")
    return (await vault.seal(await vault.fill()))[1]


@pytest.fixture
async def stamped(tmp_path: Path, authority: Authority) -> Path:
    vault = SealingVault(tmp_path / "stamped")
    return (await vault.seal(await vault.fill(), vault.sealer(authority)))[1]


def files_of(file: Path) -> Files:
    with zipfile.ZipFile(file) as archive:
        return {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}


def written(
    files: Files, target: Path, *, folder: str = "bag", compression: int = zipfile.ZIP_STORED
) -> Path:
    with zipfile.ZipFile(target, "w", compression) as archive:
        for path, content in files.items():
            archive.writestr(f"{folder}/{path}", content)
    return target


def manifest(files: Files, paths: Iterator[str]) -> bytes:
    return "".join(
        f"{hashlib.sha256(files[path]).hexdigest()}  {path}\n" for path in sorted(paths)
    ).encode()


def resealed(files: Files) -> Files:
    """Return the files with manifests that fit them, as a forger writes them."""
    files = {
        path: content for path, content in files.items() if path not in (MANIFEST, TAG_MANIFEST)
    }
    files[MANIFEST] = manifest(files, (path for path in files if path.startswith("data/")))
    files[TAG_MANIFEST] = manifest(files, (path for path in files if not path.startswith("data/")))
    return files


def problems(file: Path) -> list[tuple[CopyProblemKind, str]]:
    return [(problem.kind, problem.path) for problem in check_copy(file).problems]


def test_an_untouched_copy_is_intact_also_when_another_program_wrote_the_same_files(
    sealed: Path, tmp_path: Path
) -> None:
    again = written(files_of(sealed), tmp_path / "again.zip")

    assert check_copy(sealed) == check_copy(again)
    assert problems(sealed) == []
    assert check_copy(sealed).timestamp is None


@pytest.mark.parametrize(
    ("tamper", "expected"),
    [
        (lambda files: files | {PAGE: b"Other words"},
         {(CopyProblemKind.CHANGED, PAGE), (CopyProblemKind.OXUM, "bag-info.txt")}),
        (lambda files: files | {PAGE: files[PAGE][::-1]}, {(CopyProblemKind.CHANGED, PAGE)}),
        (lambda files: files | {"data/more.txt": b""},
         {(CopyProblemKind.EXTRA, "data/more.txt"), (CopyProblemKind.OXUM, "bag-info.txt")}),
        (lambda files: files | {"more.txt": b""}, {(CopyProblemKind.EXTRA, "more.txt")}),
        (lambda files: files | {"README.txt": b"Believe me."},
         {(CopyProblemKind.CHANGED, "README.txt")}),
        (lambda files: files | {"bag-info.txt": b""},
         {(CopyProblemKind.CHANGED, "bag-info.txt"), (CopyProblemKind.OXUM, "bag-info.txt")}),
        (lambda files: files | {MANIFEST: files[MANIFEST] + b"abc  data/x\n"},
         {(CopyProblemKind.CHANGED, MANIFEST), (CopyProblemKind.MANIFEST, MANIFEST)}),
        (lambda files: files | {MANIFEST: files[MANIFEST] * 2},
         {(CopyProblemKind.CHANGED, MANIFEST), (CopyProblemKind.MANIFEST, MANIFEST)}),
        (lambda files: files | {MANIFEST: files[MANIFEST][:-1]},
         {(CopyProblemKind.CHANGED, MANIFEST), (CopyProblemKind.MANIFEST, MANIFEST)}),
    ],
)  # fmt: skip
def test_whatever_was_changed_or_added_is_named(
    sealed: Path,
    tmp_path: Path,
    tamper: Callable[[Files], Files],
    expected: set[tuple[CopyProblemKind, str]],
) -> None:
    found = problems(written(tamper(files_of(sealed)), tmp_path / "a.zip"))

    assert expected <= set(found)
    if MANIFEST not in {path for _, path in expected}:
        assert set(found) == expected


@pytest.mark.parametrize("path", [PAGE, "README.txt", MANIFEST, TAG_MANIFEST, "bag-info.txt"])
def test_whatever_was_left_out_is_named(sealed: Path, tmp_path: Path, path: str) -> None:
    files = files_of(sealed)
    del files[path]

    assert (CopyProblemKind.MISSING, path) in problems(written(files, tmp_path / "a.zip"))


def test_a_manifest_that_is_not_utf_8_is_a_problem(sealed: Path, tmp_path: Path) -> None:
    """Other programs would look for another name."""
    files = resealed(files_of(sealed) | {"data/\ufffd.txt": b"a"})
    files[MANIFEST] = files[MANIFEST].replace("\ufffd".encode(), b"\xff")
    files[TAG_MANIFEST] = manifest(
        files, (p for p in files if not p.startswith("data/") and p != TAG_MANIFEST)
    )

    assert (CopyProblemKind.MANIFEST, MANIFEST) in problems(written(files, tmp_path / "a.zip"))


def test_a_byte_that_flipped_inside_the_zip_is_found(sealed: Path) -> None:
    """Even the zip's own checksum differs then."""
    data = bytearray(sealed.read_bytes())
    data[data.index(b"A film about geese")] ^= 1
    sealed.write_bytes(data)

    assert (CopyProblemKind.CHANGED, PAGE) in problems(sealed)


# --- what is refused unread -----------------------------------------------------------------------


def test_a_compressed_zip_is_refused_before_it_is_unpacked(sealed: Path, tmp_path: Path) -> None:
    """So that no zip bomb unpacks: a gigabyte of zeros takes a megabyte."""
    bomb = files_of(sealed) | {"data/zeros": bytes(1 << 20)}

    with pytest.raises(NoSealedCopy, match="compressed"):
        check_copy(written(bomb, tmp_path / "a.zip", compression=zipfile.ZIP_DEFLATED))


@pytest.mark.parametrize(
    "path",
    ["../x", "data/../../x", "/etc/passwd", "data//x", "./x", "C:x", "data\\x", "data/x\ny",
     "data/x%2Fy", "data/"]
)  # fmt: skip
def test_paths_that_lead_elsewhere_are_refused(sealed: Path, tmp_path: Path, path: str) -> None:
    with pytest.raises(NoSealedCopy, match=r"name leads outside|links or folders"):
        check_copy(written(files_of(sealed) | {path: b""}, tmp_path / "a.zip"))


def test_a_name_with_a_hidden_end_is_refused(sealed: Path, tmp_path: Path) -> None:
    """Some programs end a name at its first NUL byte, others do not."""
    file = written(files_of(sealed) | {"data/xZy": b""}, tmp_path / "a.zip")
    file.write_bytes(file.read_bytes().replace(b"data/xZy", b"data/x\0y"))

    with pytest.raises(NoSealedCopy):
        check_copy(file)


@pytest.mark.parametrize("mode", [0o120777, 0o040755, 0o020666, 0o010644])
def test_links_folders_and_devices_are_refused(sealed: Path, tmp_path: Path, mode: int) -> None:
    file = written(files_of(sealed), tmp_path / "a.zip")
    link = zipfile.ZipInfo("bag/data/link")
    link.external_attr = mode << 16
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr(link, "/etc/passwd")

    with pytest.raises(NoSealedCopy, match="links or folders"):
        check_copy(file)


@pytest.mark.parametrize("second", [PAGE, "data/PAGE.txt", "DATA/page.txt"])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_files_of_one_name_are_refused(sealed: Path, tmp_path: Path, second: str) -> None:
    """One program shows the first, another the last; on some disks one replaces the other."""
    file = written(files_of(sealed), tmp_path / "a.zip")
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr(f"bag/{second}", b"Other words")

    with pytest.raises(NoSealedCopy, match="two files with the same name"):
        check_copy(file)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_names_that_look_the_same_are_refused(sealed: Path, tmp_path: Path) -> None:
    more = {"data/caf\u00e9.txt": b"a", "data/cafe\u0301.txt": b"b"}

    with pytest.raises(NoSealedCopy, match="two files with the same name"):
        check_copy(written(resealed(files_of(sealed) | more), tmp_path / "a.zip"))


@pytest.mark.parametrize(
    "path",
    [
        "data/.../bag/verify.sh",  # jar drops what is before it, and so replaces ours
        "data/page.txt;1",  # unzip drops a version of VMS
        "data/page.txt;",
        "data/page.txt.",
        "data/page.txt ",
        "data/.. /x",
        "data/page.txt/x",  # the name of a file
        "data/folder/x",
        "data/NUL.txt",
        "data/page?txt",
        "data/pa\u200dge.txt",
        "data/page.txt\x85",
        "data/" + "a" * 256,
    ],
)
def test_names_that_programs_or_disks_change_are_refused(
    sealed: Path, tmp_path: Path, path: str
) -> None:
    with pytest.raises(NoSealedCopy, match="name leads outside"):
        check_copy(written(resealed(files_of(sealed) | {path: b"Other words"}), tmp_path / "a.zip"))


def test_a_folder_whose_name_programs_drop_is_refused(sealed: Path, tmp_path: Path) -> None:
    with pytest.raises(NoSealedCopy, match="name leads outside"):
        check_copy(written(files_of(sealed), tmp_path / "a.zip", folder="..."))


def test_two_names_that_differ_in_the_case_of_a_composed_letter_are_refused(
    sealed: Path, tmp_path: Path
) -> None:
    more = {"data/\u0390": b"a", "data/\u03aa\u0301": b"b"}

    with pytest.raises(NoSealedCopy, match="two files with the same name"):
        check_copy(written(resealed(files_of(sealed) | more), tmp_path / "a.zip"))


def test_a_second_folder_is_refused(sealed: Path, tmp_path: Path) -> None:
    file = written(files_of(sealed), tmp_path / "a.zip")
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("other/verify.sh", b"")

    with pytest.raises(NoSealedCopy, match="exactly one folder"):
        check_copy(file)


def test_a_name_that_differs_in_the_directory_is_refused(sealed: Path) -> None:
    """A program that reads the zip from its beginning would show other names than one that reads
    its directory.
    """
    data = sealed.read_bytes()
    sealed.write_bytes(data.replace(PAGE.encode(), b"data/pAge.txt", 1))

    with pytest.raises(NoSealedCopy, match="describes a file twice"):
        check_copy(sealed)


@pytest.mark.parametrize(("offset", "bit"), [(6, 1), (8, 8)])  # encrypted; deflated
def test_a_file_that_is_compressed_or_encrypted_only_by_its_own_head_is_refused(
    sealed: Path, offset: int, bit: int
) -> None:
    """Programs that read the zip from its beginning would show something else than was checked."""
    data = bytearray(sealed.read_bytes())
    data[data.index(b"PK\x03\x04", 1) + offset] ^= bit
    sealed.write_bytes(data)

    with pytest.raises(NoSealedCopy, match="describes a file twice"):
        check_copy(sealed)


@pytest.mark.parametrize("place", ["before", "between", "after", "comment"])
def test_bytes_that_belong_to_no_file_are_refused(sealed: Path, tmp_path: Path, place: str) -> None:
    """Such as another zip, or a program."""
    data = sealed.read_bytes()
    hidden = b"hidden" * 20
    if place == "before":
        sealed.write_bytes(hidden + data)
    elif place == "after":
        sealed.write_bytes(data + hidden)
    elif place == "comment":
        with zipfile.ZipFile(sealed, "a") as archive:
            archive.comment = hidden
    else:
        with zipfile.ZipFile(sealed, "a") as archive:
            archive.writestr("bag/gone", hidden)
            archive.filelist.pop()
    with pytest.raises(NoSealedCopy, match=r"belong to no file|not a complete zip"):
        check_copy(sealed)


def test_overlapping_files_are_refused(sealed: Path, tmp_path: Path) -> None:
    """As in bombs whose files share their bytes."""
    data = bytearray(sealed.read_bytes())
    with zipfile.ZipFile(sealed) as archive:
        first, second = archive.infolist()[:2]
    at = data.rindex(struct.pack("<L", second.header_offset) + second.orig_filename.encode())
    data[at : at + 4] = struct.pack("<L", first.header_offset)
    sealed.write_bytes(data)

    with pytest.raises(NoSealedCopy):
        check_copy(sealed)


def test_an_encrypted_file_is_refused(sealed: Path) -> None:
    data = bytearray(sealed.read_bytes())
    at = data.rindex(b"PK\x01\x02")
    data[at + 8] |= 1
    sealed.write_bytes(data)

    with pytest.raises(NoSealedCopy, match="encrypted"):
        check_copy(sealed)


# --- what other programs would unpack differently -------------------------------------------------

VIDEO, REPORT = "bag/data/video.mp4", "bag/data/report.json"
UNIX = 3
ZIP64 = 0xFFFFFFFF


@dataclass
class RawFile:
    """A file of a zip that the test writes byte by byte. ``None``: as it should be."""

    name: str
    content: bytes
    flags: int = 0
    local_flags: int | None = None
    local_extra: bytes = b""
    extra: bytes = b""
    local_crc: int | None = None
    local_size: int | None = None
    local_time: int = 0
    attributes: int = 0o644 << 16
    internal: int = 0
    system: int = UNIX
    needs: int = 20  # the version of a program that can unpack it
    descriptor: bytes = b""
    sizes: tuple[int, int] | None = None
    offset: int | None = None

    def local(self) -> bytes:
        size = len(self.content) if self.local_size is None else self.local_size
        crc = zlib.crc32(self.content) if self.local_crc is None else self.local_crc
        flags = self.flags if self.local_flags is None else self.local_flags
        name = self.name.encode()
        head = struct.pack(
            "<4s5H3I2H",
            b"PK\3\4",
            self.needs,
            flags,
            0,
            self.local_time,
            33,
            crc,
            size,
            size,
            len(name),
            len(self.local_extra),
        )
        return head + name + self.local_extra + self.content + self.descriptor

    def central(self, offset: int) -> bytes:
        name, (packed, size) = (
            self.name.encode(),
            self.sizes or (len(self.content), len(self.content)),
        )
        crc, at = zlib.crc32(self.content), offset if self.offset is None else self.offset
        head = (
            b"PK\1\2",
            20,
            self.system,
            self.needs,
            self.flags,
            0,
            0,
            33,
            crc,
            packed,
            size,
            len(name),
            len(self.extra),
            0,
            0,
        )
        return (
            struct.pack("<4sBB5H3I5H2I", *head, self.internal, self.attributes, at)
            + name
            + self.extra
        )


def raw_zip(
    files: Sequence[RawFile], *, end: Callable[[int, int, int], bytes] | None = None
) -> bytes:
    """Return the zip; ``end`` makes its end from the number of files,
    and the directory's size and place.
    """
    body, directory = b"", b""
    for file in files:
        directory += file.central(len(body))
        body += file.local()
    last = end or (lambda n, size, at: struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, n, n, size, at, 0))
    return body + directory + last(len(files), len(directory), len(body))


def raw_copy(change: Callable[[dict[str, RawFile]], object] = lambda _: None) -> list[RawFile]:
    """Return the files of a small copy, with its manifests in order,
    after ``change`` of them by their names.
    """
    content = {
        "bagit.txt": BAGIT_TEXT,
        "data/video.mp4": b"the video that was saved",
        "data/report.json": b"a report that was written",
    }
    content["bag-info.txt"] = (
        f"Payload-Oxum: {sum(map(len, list(content.values())[1:]))}.2\n".encode()
    )
    content |= {"README.txt": README_TEXT.encode(), "verify.sh": SCRIPT_TEXT.encode()}
    files = {
        f"bag/{path}": RawFile(f"bag/{path}", text) for path, text in resealed(content).items()
    }
    change(files)
    return list(files.values())


def with_facts(name: str, **facts: Any) -> list[RawFile]:
    def change(files: dict[str, RawFile]) -> None:
        files[name] = replace(files[name], **facts)

    return raw_copy(change)


def early_end(*, signed: bool = True, wide: bool = False) -> bytes:
    """Return a video in whose bytes a reader without the directory sees its end,
    and another one after it.
    """
    first = b"the video that other programs show"
    sizes = struct.pack("<IQQ" if wide else "<3I", zlib.crc32(first), len(first), len(first))
    return (
        first
        + (b"PK\x07\x08" if signed else b"")
        + sizes
        + RawFile(VIDEO, b"more").local()
        + b"the rest"
    )


def streamed(content: bytes, **facts: Any) -> list[RawFile]:
    """Return a copy whose video says its size only behind it, as our own writer does."""
    size = len(content)
    descriptor = struct.pack("<4s3I", b"PK\x07\x08", zlib.crc32(content), size, size)

    def change(files: dict[str, RawFile]) -> None:
        files[VIDEO] = replace(
            RawFile(VIDEO, content, flags=8, local_crc=0, local_size=0, descriptor=descriptor),
            **facts,
        )

    return raw_copy(change)


def unicode_path(name: str, instead_of: str) -> bytes:
    """Return Info-ZIP's extra field with the name to use in place of the one in the header."""
    body = b"\1" + struct.pack("<I", zlib.crc32(instead_of.encode())) + name.encode()
    return struct.pack("<HH", 0x7075, len(body)) + body


def test_a_zip_that_was_written_byte_by_byte_is_accepted_if_it_is_as_it_should_be(
    tmp_path: Path,
) -> None:
    (tmp_path / "a.zip").write_bytes(raw_zip(raw_copy()))
    assert problems(tmp_path / "a.zip") == []
    (tmp_path / "a.zip").write_bytes(raw_zip(streamed(b"a video whose manifest is not adapted")))
    assert set(problems(tmp_path / "a.zip")) == {
        (CopyProblemKind.CHANGED, "data/video.mp4"),
        (CopyProblemKind.OXUM, "bag-info.txt"),
    }


SWAPPED = (unicode_path(REPORT, VIDEO), unicode_path("bag/../../pwn", VIDEO))
FORMS: dict[str, list[RawFile]] = {
    "the local size ends the file early": with_facts(VIDEO, local_size=3),
    "the local size is larger": with_facts(VIDEO, local_size=900),
    "the local size is zero without a descriptor": with_facts(VIDEO, local_size=0),
    "the local checksum differs": with_facts(VIDEO, local_crc=1),
    "the local time differs": with_facts(VIDEO, local_time=5),
    "a Unicode path in both heads": with_facts(VIDEO, local_extra=SWAPPED[0], extra=SWAPPED[0]),
    "a Unicode path in the local head": with_facts(VIDEO, local_extra=SWAPPED[0]),
    "a Unicode path in the directory": with_facts(VIDEO, extra=SWAPPED[0]),
    "a Unicode path that leads out": with_facts(VIDEO, local_extra=SWAPPED[1], extra=SWAPPED[1]),
    "times of Info-ZIP": with_facts(VIDEO, local_extra=struct.pack("<HHBI", 0x5455, 5, 1, 0)),
    "ZIP64 where it is not needed": with_facts(VIDEO, extra=struct.pack("<HHQ", 1, 8, 24),
                                               sizes=(24, ZIP64)),
    "ZIP64 that says something else": with_facts(VIDEO,
                                                 local_extra=struct.pack("<HHQQ", 1, 16, 3, 3),
                                                 local_size=ZIP64),
    "bytes that are no extra field": with_facts(VIDEO, local_extra=b"\0\0\0"),
    "the attribute of a folder": with_facts(VIDEO, attributes=0o644 << 16 | 0x10),
    "the attribute of a hidden file": with_facts(VIDEO, attributes=0o644 << 16 | 0x02),
    "a program": with_facts(VIDEO, attributes=0o755 << 16),
    "set user id": with_facts(VIDEO, attributes=0o4644 << 16),
    "a text by its internal attribute": with_facts(VIDEO, internal=1),
    "a version that other programs pass over": with_facts(VIDEO, needs=63),
    "masked heads": with_facts(VIDEO, flags=0x2000),
    "a patch": with_facts(VIDEO, flags=0x20),
    "a flag of the local head alone": with_facts(VIDEO, local_flags=0x800),
    "a name in an unknown encoding": raw_copy(
        lambda files: files.update({"x": RawFile("bag/data/caf\u00e9", b"")})
    ),
    "a streamed file with sizes in its local head": streamed(b"a video", local_size=7),
    "a streamed file with a checksum in its local head": streamed(b"a video", local_crc=7),
    "a streamed file without a descriptor": streamed(b"a video", descriptor=b""),
    "a descriptor without a signature": streamed(b"a video",
                                                 descriptor=struct.pack("<3I", zlib.crc32(b"a video"), 7, 7)),  # noqa: E501
    "a descriptor with another size": streamed(b"a video",
                                               descriptor=struct.pack("<4s3I", b"PK\x07\x08", 1, 3, 3)),  # noqa: E501
    "a descriptor that is wide without ZIP64": streamed(
        b"a video", descriptor=struct.pack("<4sI2Q", b"PK\x07\x08", zlib.crc32(b"a video"), 7, 7)
    ),
    "a descriptor behind a file that has its sizes": with_facts(
        VIDEO,
        descriptor=struct.pack("<4s3I", b"PK\x07\x08", zlib.crc32(b"the video that was saved"), 24,
                               24)
    ),
    "an early end inside a streamed file": streamed(early_end()),
    "an early end, in 64 bits": streamed(early_end(wide=True)),
    "an offset that other programs read": with_facts(REPORT, offset=0),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_what_other_programs_unpack_differently_is_refused(tmp_path: Path, form: str) -> None:
    """A reader that goes through the file from its beginning,
    or one that knows more kinds of fields, would show another.
    """
    (tmp_path / "a.zip").write_bytes(raw_zip(FORMS[form]))

    with pytest.raises(NoSealedCopy):
        check_copy(tmp_path / "a.zip")


@pytest.mark.parametrize(
    ("disk", "files", "size", "at"),
    [(1, 0, 0, 0), (0, -1, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, -1, 0), (0, 0, 0, 7)],
)
def test_an_end_that_other_programs_read_differently_is_refused(
    tmp_path: Path, disk: int, files: int, size: int, at: int
) -> None:
    """Python looks for the directory from the end, others where the end says that it is."""

    def end(count: int, length: int, place: int) -> bytes:
        numbers = (disk, disk, count + files, count + files, length + size, place + at, 0)
        return struct.pack("<4s4H2IH", b"PK\5\6", *numbers)

    shifted = [replace(file) for file in raw_copy()]
    place = 0
    for file in shifted:
        file.offset, place = place + at, place + len(file.local())
    (tmp_path / "a.zip").write_bytes(raw_zip(shifted, end=end))

    with pytest.raises(NoSealedCopy):
        check_copy(tmp_path / "a.zip")


# --- what a stranger's copy tells people to run ---------------------------------------------------


@pytest.mark.parametrize("path", ["verify.sh", "README.txt"])
def test_instructions_that_are_not_ours_are_a_problem(
    sealed: Path, tmp_path: Path, path: str
) -> None:
    """Whoever made the copy wrote its manifests too: only we can say what these two files are."""
    files = files_of(sealed)
    forged = resealed(files | {path: files[path] + b"echo pwned\n"})

    assert problems(written(forged, tmp_path / "a.zip")) == [(CopyProblemKind.FOREIGN, path)]


def test_other_programs_outside_the_payload_are_a_problem(sealed: Path, tmp_path: Path) -> None:
    forged = resealed(files_of(sealed) | {"VERIFY": b"#!/bin/sh\n", "setup.exe": b"MZ"})

    assert problems(written(forged, tmp_path / "a.zip")) == [
        (CopyProblemKind.FOREIGN, "VERIFY"),
        (CopyProblemKind.FOREIGN, "setup.exe"),
    ]


@pytest.mark.parametrize("path", ["verify.sh", "README.txt"])
def test_the_instructions_of_each_version_are_known(path: str) -> None:
    """Its copies stay valid: a text that changes is kept as its hash."""
    current = {"verify.sh": SCRIPT_TEXT, "README.txt": README_TEXT}[path]

    assert hashlib.sha256(current.encode()).hexdigest() in INSTRUCTIONS[path]
    assert FIRST_INSTRUCTIONS[path] in INSTRUCTIONS[path]


FIRST_INSTRUCTIONS = {
    "README.txt": "6ddd1dc2dd0eee3bcb8d447905ab4da1b12903a09490817fa90dfa400cfe1067",
    "verify.sh": "8d6fdba36a38ec82de871182cf13ce2b23325a31072f7f8e2b2d2ab8910d3e4e",
}


def test_the_instructions_tell_nobody_to_run_a_script_of_the_copy() -> None:
    assert "sh verify.sh" not in README_TEXT
    assert README_TEXT.count("sha256sum -c") == 2
    assert README_TEXT.count("openssl ts") == 2


def test_too_many_files_and_too_large_manifests_are_refused(
    sealed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(checking, "MAX_FILES", 5)
        with pytest.raises(NoSealedCopy, match="too many"):
            check_copy(sealed)
    monkeypatch.setattr(checking, "MAX_TEXT_BYTES", 60)
    with pytest.raises(NoSealedCopy, match="too large"):
        check_copy(sealed)


@pytest.mark.parametrize(
    "content", [b"", b"PK\x05\x06" + bytes(18), b"a film", b"PK\x03\x04" + bytes(60)]
)
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.zip").write_bytes(content)

    with pytest.raises(NoSealedCopy):
        check_copy(tmp_path / "a.zip")


def test_another_zip_is_no_sealed_copy(tmp_path: Path) -> None:
    with pytest.raises(NoSealedCopy, match="is not a sealed copy"):
        check_copy(written({"a.txt": b"a"}, tmp_path / "a.zip"))


def test_a_file_that_is_not_there_is_reported(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        check_copy(tmp_path / "a.zip")


def test_no_truncated_copy_is_intact(sealed: Path, tmp_path: Path) -> None:
    data = sealed.read_bytes()
    for size in range(0, len(data), 97):
        (tmp_path / "cut.zip").write_bytes(data[:size])
        with pytest.raises(NoSealedCopy):
            check_copy(tmp_path / "cut.zip")


def test_no_changed_byte_leaves_a_copy_intact(sealed: Path, tmp_path: Path) -> None:
    """But for what says nothing about its files: their dates, permissions,
    and which program wrote the zip.
    """
    data, untouched = sealed.read_bytes(), check_copy(sealed)
    files = files_of(sealed)
    for place in range(0, len(data), 7):
        changed = bytearray(data)
        changed[place] ^= 0x10
        (tmp_path / "changed.zip").write_bytes(changed)
        try:
            checked = check_copy(tmp_path / "changed.zip")
        except BadInput:
            continue
        if not checked.problems:
            assert checked == untouched
            assert files_of(tmp_path / "changed.zip") == files


# --- the timestamp --------------------------------------------------------------------------------


@needs_openssl
def test_a_forger_can_reseal_the_hashes_but_not_the_timestamp(
    stamped: Path, tmp_path: Path, authority: Authority
) -> None:
    files = files_of(stamped)
    forged = written(resealed(files | {PAGE: files[PAGE][::-1]}), tmp_path / "a.zip")

    assert check_copy(forged).problems == (
        CopyProblem(CopyProblemKind.TIMESTAMP, TOKEN, "it is for other data"),
    )
    assert check_copy(forged).timestamp is None


@needs_openssl
def test_a_timestamp_of_the_forgers_own_is_told_by_its_root(
    stamped: Path, tmp_path: Path, authority: Authority
) -> None:
    """It is valid, and of an unknown authority; with the root that one trusts it is refused."""
    from mediavault.features.sealing.timestamps import certificates_of, timestamp_request

    own = make_authority(tmp_path / "own", name="Forger")
    files = resealed(files_of(stamped) | {PAGE: b"I was here" + bytes(8)})
    answer = own.answer(timestamp_request(files[MANIFEST], 1))
    forged = written(
        resealed(files | {TOKEN: answer, CERTIFICATES: certificates_of(answer, [own.root])}),
        tmp_path / "a.zip",
    )
    checked = check_copy(forged)

    assert checked.timestamp is not None
    assert (checked.timestamp.authority, checked.timestamp.root) == ("Forger Signer", "Forger Root")
    assert (checked.timestamp.trust, checked.problems) == (Trust.UNKNOWN, ())
    [problem] = check_copy(forged, roots=[authority.root]).problems
    assert (problem.kind, problem.detail) == (
        CopyProblemKind.TIMESTAMP,
        "its certificates do not lead to the root that was named",
    )


@needs_openssl
def test_a_timestamp_that_was_taken_out_is_missed_with_a_root(
    stamped: Path, tmp_path: Path, authority: Authority
) -> None:
    files = {
        path: content
        for path, content in files_of(stamped).items()
        if path not in (TOKEN, CERTIFICATES)
    }
    bare = written(resealed(files), tmp_path / "a.zip")

    assert check_copy(bare).problems == ()
    assert check_copy(bare, roots=[authority.root]).problems == (
        CopyProblem(CopyProblemKind.TIMESTAMP, TOKEN, "there is none"),
    )


@needs_openssl
def test_broken_certificates_next_to_the_timestamp_are_a_problem(
    stamped: Path, tmp_path: Path
) -> None:
    broken = written(resealed(files_of(stamped) | {CERTIFICATES: b"none"}), tmp_path / "a.zip")

    assert [problem.kind for problem in check_copy(broken).problems] == [CopyProblemKind.TIMESTAMP]
    assert shutil.which("openssl")


async def test_a_copy_whose_files_need_zip64_is_read_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with a video of more than two gigabytes."""
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 1_000)
    vault = SealingVault(tmp_path / "vault")
    copy, file = await vault.seal(await vault.fill())
    [video] = [file for file in copy.files if file.path.endswith(".mp4")]

    assert video.size > 1_000
    assert check_copy(file).problems == ()
    assert check_copy(file).files == len(
        [file for file in copy.files if file.path.startswith("data/")]
    )
