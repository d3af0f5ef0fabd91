"""New files appear whole or not at all, and replace nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from mediavault.core.failures import BadInput
from mediavault.library.disk import new_file


async def test_a_new_file_gets_its_name_at_the_end(tmp_path: Path) -> None:
    file = tmp_path / "backups" / "a.db"
    async with new_file(file) as draft:
        draft.write_bytes(b"content")
        assert not file.exists()

    assert file.read_bytes() == b"content"
    assert list(file.parent.iterdir()) == [file]


async def test_a_file_that_appears_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    file = tmp_path / "a.db"

    async def write() -> None:
        async with new_file(file) as draft:
            draft.write_bytes(b"content")
            file.write_bytes(b"of somebody else")

    with pytest.raises(BadInput, match="exists already"):
        await write()
    assert file.read_bytes() == b"of somebody else"
    assert list(tmp_path.iterdir()) == [file]


async def test_a_name_that_is_taken_by_a_link_to_nothing_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.db").symlink_to(tmp_path / "missing")

    with pytest.raises(BadInput, match="exists already"):
        async with new_file(tmp_path / "a.db"):
            pytest.fail("It began to write.")


async def test_after_an_error_nothing_is_left(tmp_path: Path) -> None:
    async def write() -> None:
        async with new_file(tmp_path / "a.db") as draft:
            draft.write_bytes(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await write()
    assert list(tmp_path.iterdir()) == []
