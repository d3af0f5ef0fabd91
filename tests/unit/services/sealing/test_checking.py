"""The check of sealed copies that somebody has tampered with: each in one way."""

from __future__ import annotations

import hashlib
import shutil
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mediavault.core.failures import BadInput
from mediavault.services.sealing import checking
from mediavault.services.sealing.bag import CERTIFICATES, MANIFEST, TAG_MANIFEST, TOKEN
from mediavault.services.sealing.checking import CopyProblem, CopyProblemKind, NoSealedCopy, check_copy
from mediavault.services.sealing.timestamps import Trust
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


def written(files: Files, target: Path, *, folder: str = "bag", compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(target, "w", compression) as archive:
        for path, content in files.items():
            archive.writestr(f"{folder}/{path}", content)
    return target


def manifest(files: Files, paths: Iterator[str]) -> bytes:
    return "".join(f"{hashlib.sha256(files[path]).hexdigest()}  {path}\n" for path in sorted(paths)).encode()


def resealed(files: Files) -> Files:
    """Return the files with manifests that fit them, as a forger writes them."""
    files = {path: content for path, content in files.items() if path not in (MANIFEST, TAG_MANIFEST)}
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
        (lambda files: files | {PAGE: b"Other words"}, {(CopyProblemKind.CHANGED, PAGE), (CopyProblemKind.OXUM, "bag-info.txt")}),
        (lambda files: files | {PAGE: files[PAGE][::-1]}, {(CopyProblemKind.CHANGED, PAGE)}),
        (lambda files: files | {"data/more.txt": b""}, {(CopyProblemKind.EXTRA, "data/more.txt"), (CopyProblemKind.OXUM, "bag-info.txt")}),
        (lambda files: files | {"more.txt": b""}, {(CopyProblemKind.EXTRA, "more.txt")}),
        (lambda files: files | {"README.txt": b"Believe me."}, {(CopyProblemKind.CHANGED, "README.txt")}),
        (lambda files: files | {"bag-info.txt": b""}, {(CopyProblemKind.CHANGED, "bag-info.txt"), (CopyProblemKind.OXUM, "bag-info.txt")}),
        (lambda files: files | {MANIFEST: files[MANIFEST] + b"abc  data/x\n"}, {(CopyProblemKind.CHANGED, MANIFEST), (CopyProblemKind.MANIFEST, MANIFEST)}),
        (lambda files: files | {MANIFEST: files[MANIFEST] * 2}, {(CopyProblemKind.CHANGED, MANIFEST), (CopyProblemKind.MANIFEST, MANIFEST)}),
        (lambda files: files | {MANIFEST: files[MANIFEST][:-1]}, {(CopyProblemKind.CHANGED, MANIFEST), (CopyProblemKind.MANIFEST, MANIFEST)}),
    ],
)  # fmt: skip
def test_whatever_was_changed_or_added_is_named(
    sealed: Path, tmp_path: Path, tamper: Callable[[Files], Files], expected: set[tuple[CopyProblemKind, str]]
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


def test_a_byte_that_flipped_inside_the_zip_is_found(sealed: Path) -> None:
    """Even the zip's own checksum differs then."""
    data = bytearray(sealed.read_bytes())
    data[data.index(b"A film about geese")] ^= 1
    sealed.write_bytes(data)

    assert (CopyProblemKind.CHANGED, PAGE) in problems(sealed)


# --- what is refused unread --------------------------------------------------------------------------------------------


def test_a_compressed_zip_is_refused_before_it_is_unpacked(sealed: Path, tmp_path: Path) -> None:
    """So that no zip bomb unpacks: a gigabyte of zeros takes a megabyte."""
    bomb = files_of(sealed) | {"data/zeros": bytes(1 << 20)}

    with pytest.raises(NoSealedCopy, match="compressed"):
        check_copy(written(bomb, tmp_path / "a.zip", compression=zipfile.ZIP_DEFLATED))


@pytest.mark.parametrize(
    "path", ["../x", "data/../../x", "/etc/passwd", "data//x", "./x", "C:x", "data\\x", "data/x\ny", "data/x%2Fy", "data/"]
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


def test_a_second_folder_is_refused(sealed: Path, tmp_path: Path) -> None:
    file = written(files_of(sealed), tmp_path / "a.zip")
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("other/verify.sh", b"")

    with pytest.raises(NoSealedCopy, match="exactly one folder"):
        check_copy(file)


def test_a_name_that_differs_in_the_directory_is_refused(sealed: Path) -> None:
    """A program that reads the zip from its beginning would show other names than one that reads its directory."""
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


def test_too_many_files_and_too_large_manifests_are_refused(sealed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(checking, "MAX_FILES", 5)
        with pytest.raises(NoSealedCopy, match="too many"):
            check_copy(sealed)
    monkeypatch.setattr(checking, "MAX_TEXT_BYTES", 60)
    with pytest.raises(NoSealedCopy, match="too large"):
        check_copy(sealed)


@pytest.mark.parametrize("content", [b"", b"PK\x05\x06" + bytes(18), b"a film", b"PK\x03\x04" + bytes(60)])
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
    """But for what says nothing about its files: their dates, permissions, and which program wrote the zip."""
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


# --- the timestamp -----------------------------------------------------------------------------------------------------


@needs_openssl
def test_a_forger_can_reseal_the_hashes_but_not_the_timestamp(
    stamped: Path, tmp_path: Path, authority: Authority
) -> None:
    files = files_of(stamped)
    forged = written(resealed(files | {PAGE: files[PAGE][::-1]}), tmp_path / "a.zip")

    assert check_copy(forged).problems == (CopyProblem(CopyProblemKind.TIMESTAMP, TOKEN, "it is for other data"),)
    assert check_copy(forged).timestamp is None


@needs_openssl
def test_a_timestamp_of_the_forgers_own_is_told_by_its_root(
    stamped: Path, tmp_path: Path, authority: Authority
) -> None:
    """It is valid, and of an unknown authority; with the root that one trusts it is refused."""
    from mediavault.services.sealing.timestamps import certificates_of, timestamp_request

    own = make_authority(tmp_path / "own", name="Forger")
    files = resealed(files_of(stamped) | {PAGE: b"I was here" + bytes(8)})
    answer = own.answer(timestamp_request(files[MANIFEST], 1))
    forged = written(
        resealed(files | {TOKEN: answer, CERTIFICATES: certificates_of(answer, [own.root])}), tmp_path / "a.zip"
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
    files = {path: content for path, content in files_of(stamped).items() if path not in (TOKEN, CERTIFICATES)}
    bare = written(resealed(files), tmp_path / "a.zip")

    assert check_copy(bare).problems == ()
    assert check_copy(bare, roots=[authority.root]).problems == (
        CopyProblem(CopyProblemKind.TIMESTAMP, TOKEN, "there is none"),
    )


@needs_openssl
def test_broken_certificates_next_to_the_timestamp_are_a_problem(stamped: Path, tmp_path: Path) -> None:
    broken = written(resealed(files_of(stamped) | {CERTIFICATES: b"none"}), tmp_path / "a.zip")

    assert [problem.kind for problem in check_copy(broken).problems] == [CopyProblemKind.TIMESTAMP]
    assert shutil.which("openssl")


async def test_a_copy_whose_files_need_zip64_is_read_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As with a video of more than two gigabytes."""
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 1_000)
    vault = SealingVault(tmp_path / "vault")
    copy, file = await vault.seal(await vault.fill())
    [video] = [file for file in copy.files if file.path.endswith(".mp4")]

    assert video.size > 1_000
    assert check_copy(file).problems == ()
    assert check_copy(file).files == len([file for file in copy.files if file.path.startswith("data/")])
