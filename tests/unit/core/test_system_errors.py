"""The failures that an errno of the local machine stands for."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from mediavault.core.failures import ErrorCode, NoSpace, StorageFailure
from mediavault.core.system_errors import (
    failure_of_disk,
    is_of_the_machine,
    translate_machine_errors,
)

FOLDER = Path("/library/.staging/1.1")


def error(code: int, path: Path | None = None) -> OSError:
    return OSError(code, os.strerror(code), str(path)) if path else OSError(code, os.strerror(code))


@pytest.mark.parametrize(
    ("code", "kind", "advice"),
    [
        (errno.ENOSPC, ErrorCode.NO_SPACE, "Free some space"),
        (errno.EDQUOT, ErrorCode.NO_SPACE, "quota"),
        (errno.EIO, ErrorCode.STORAGE, "dmesg"),
        (errno.EROFS, ErrorCode.STORAGE, "Mount it for writing"),
        (errno.ESTALE, ErrorCode.STORAGE, "mount it again"),
        (errno.EMFILE, ErrorCode.STORAGE, "ulimit -n"),
        (errno.EACCES, ErrorCode.STORAGE, "user that runs mediavault"),
        (errno.ENOENT, ErrorCode.STORAGE, "no longer exists"),
    ],
)
def test_the_message_names_the_folder_and_a_remedy(code: int, kind: ErrorCode, advice: str) -> None:
    failure = failure_of_disk(error(code), FOLDER)

    assert failure.code is kind
    assert failure.message.startswith(f"{FOLDER} cannot be written: {os.strerror(code)}. ")
    assert advice in failure.message


def test_an_unknown_error_still_names_the_folder() -> None:
    assert failure_of_disk(error(errno.ELIBBAD), FOLDER).message.startswith(
        f"{FOLDER} cannot be written: "
    )


@pytest.mark.parametrize(
    "code", [errno.ENOENT, errno.EACCES, errno.ENOTCONN, errno.ETIMEDOUT], ids=errno.errorcode.get
)
def test_an_error_that_sockets_also_raise_is_a_storage_failure_only_with_a_file_name(
    code: int,
) -> None:
    with pytest.raises(OSError, match=os.strerror(code)), translate_machine_errors():
        raise error(code)

    with pytest.raises(StorageFailure, match=str(FOLDER)), translate_machine_errors():
        raise error(code, FOLDER / "media.part")


def test_a_full_disk_is_recognised_without_a_file_name() -> None:
    with pytest.raises(NoSpace, match="This machine"), translate_machine_errors():
        raise error(errno.ENOSPC)


def test_an_error_without_errno_is_not_a_machine_error() -> None:
    assert not is_of_the_machine(None, of_a_file=True)
