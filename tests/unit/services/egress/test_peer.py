"""Whose connection it is, from the kernel's table."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from mediavault.services.egress import peer
from mediavault.services.egress.peer import is_of_our_user, owner_of
from tests.patience import patient

TABLE = """  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 11 1 0 100 0 0 10 0
   1: 0100007F:C350 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1001        0 12 1 0 20 4 30 10 -1
   2: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 13 1 0 20 4 30 10 -1
"""


def test_the_other_ends_owner_is_found_by_both_ends() -> None:
    assert owner_of(TABLE, ("127.0.0.1", 50_000), ("127.0.0.1", 8_080)) == 1001


def test_a_connection_that_is_not_in_the_table_has_no_owner() -> None:
    assert owner_of(TABLE, ("127.0.0.1", 50_001), ("127.0.0.1", 8_080)) is None


@pytest.mark.parametrize("has_table", [True, False])
async def test_our_own_connection_is_let_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, has_table: bool) -> None:
    if not has_table:
        monkeypatch.setattr(peer, "TABLE", tmp_path / "none")
    judged: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    async def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        judged.set_result(is_of_our_user(writer))
        writer.close()

    async with await asyncio.start_server(accept, "127.0.0.1", 0) as server:
        _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        assert await asyncio.wait_for(judged, patient(30))
        writer.close()
        await writer.wait_closed()


async def test_another_users_connection_is_not(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "tcp").write_text(TABLE)
    monkeypatch.setattr(peer, "TABLE", tmp_path / "tcp")

    class Writer:
        def get_extra_info(self, name: str) -> tuple[str, int]:
            return {"peername": ("127.0.0.1", 50_000), "sockname": ("127.0.0.1", 8_080)}[name]

    monkeypatch.setattr("os.getuid", lambda: 1000)
    assert not is_of_our_user(Writer())  # type: ignore[arg-type]
