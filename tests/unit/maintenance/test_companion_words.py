"""Subtitles and comments of older releases, imports and hands are found by searches too:
once a day, and by a rebuild.
"""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path

import pytest

from mediavault.core.comments import comments_to_lines
from mediavault.core.failures import StorageFailure
from mediavault.core.job import JobId
from mediavault.core.media import Comment
from mediavault.library.companion_files import MAX_BYTES
from mediavault.library.local_library import LocalLibrary
from mediavault.maintenance.companion_words import EVERY, index_if_due, index_words
from mediavault.maintenance.moving import compare, copy_jobs
from mediavault.maintenance.rebuilding import Rebuild
from mediavault.store.port import JobQuery, Store
from mediavault.store.search_words import WordSource
from tests import vaults
from tests.fakes import FakeClock
from tests.memory_store import MemoryJobStore


class Environment:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.clock = FakeClock()
        self.store = MemoryJobStore(self.clock)
        self.library = LocalLibrary(root)

    def write(self, name: str, text: str | bytes) -> None:
        body = (
            text
            if isinstance(text, bytes)
            else f"WEBVTT\n\n00:01.000 --> 00:02.000\n{text}\n".encode()
        )
        (self.root / name).write_bytes(body)

    async def due(self) -> int:
        return await index_if_due(self.store, self.library, self.clock)


async def found(store: Store, text: str) -> list[JobId]:
    return [job.id for job in (await store.catalogue.jobs(JobQuery(text=text))).jobs]


@pytest.fixture
async def vault(root: Path) -> Environment:
    environment = Environment(root)
    await environment.library.write_identity(str(uuid.UUID(int=1)))
    await vaults.fill(environment.store, root, environment.clock, jobs=2, videos=2)
    environment.write("ann1/000001-0.en.vtt", "The blue sea")
    environment.write("ann1/000001-2.de.vtt", "Das blaue Meer")
    environment.write("ann1/of-nothing.de.vtt", "unrelated")
    return environment


async def test_once_a_day_posts_with_companion_files_get_their_words(vault: Environment) -> None:
    assert await vault.due() == 1
    [job] = await found(vault.store, "blue meer")
    assert await found(vault.store, "unrelated") == []

    vault.write("ann2/000002-0.en.vtt", "The green sea")
    assert await vault.due() == 0
    vault.clock.advance(EVERY.total_seconds())
    assert await vault.due() == 1
    assert len(await found(vault.store, "sea")) == 2
    assert await found(vault.store, "blue") == [job]


async def test_comments_next_to_a_video_are_words_of_a_source_of_their_own(
    vault: Environment,
) -> None:
    comments = [
        Comment("1", None, "Mum", "What a lovely puffin"),
        Comment("2", "1", "Dad", "Indeed"),
    ]
    vault.write("ann1/000001-0.comments.jsonl", comments_to_lines(comments))
    await vault.due()
    [job] = await found(vault.store, "puffin")
    assert await found(vault.store, "puffin sea") == [job]

    (vault.root / "ann1/000001-0.comments.jsonl").unlink()
    await index_words(vault.store, vault.library, again=True)
    assert await found(vault.store, "puffin") == []
    assert await found(vault.store, "sea") == [job]


async def test_a_library_that_is_not_there_takes_no_words_and_is_looked_at_again(
    vault: Environment,
) -> None:
    away = vault.root.with_name("away")
    vault.root.rename(away)
    with pytest.raises(StorageFailure):
        await vault.due()
    shutil.move(away, vault.root)

    assert await vault.due() == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x00\xff" * 500,
        b"{",
        b"x" * (MAX_BYTES + 1),
        b"WEBVTT\n\n00:02.000 --> 00:01.000\nback\n",
    ],
)
async def test_a_file_that_is_no_subtitles_gives_no_words(vault: Environment, body: bytes) -> None:
    for name in ("ann1/000001-0.en.vtt", "ann1/000001-2.de.vtt"):
        vault.write(name, body)
    await vault.due()

    assert (
        await vault.store.catalogue.words_of(
            [job.id for job in (await vault.store.catalogue.jobs(JobQuery())).jobs]
        )
        == {}
    )


async def test_a_link_that_leads_out_of_the_library_is_not_read(
    vault: Environment, tmp_path: Path
) -> None:
    (tmp_path / "secret.vtt").write_text("WEBVTT\n\n00:01.000 --> 00:02.000\nsecret\n")
    (vault.root / "ann2/000002-0.en.vtt").symlink_to(tmp_path / "secret.vtt")
    await vault.due()

    assert await found(vault.store, "secret") == []


async def test_a_rebuild_reads_all_companion_files_again(vault: Environment) -> None:
    await vault.due()
    vault.write("ann1/000001-0.en.vtt", "The red sea")
    again = MemoryJobStore(vault.clock)
    for store in (vault.store, again):
        async for refused in Rebuild(store, vault.library, read_data=False).run():
            raise AssertionError(refused)
        assert len(await found(store, "red meer")) == 1
        assert await found(store, "blue") == []

    for path in vault.root.rglob("*.vtt"):
        path.unlink()
    await index_words(again, vault.library, again=True)
    assert await found(again, "red") == []


async def test_words_are_copied_to_another_store_and_missed_there(vault: Environment) -> None:
    await vault.due()
    target = MemoryJobStore(vault.clock)
    await copy_jobs(vault.store, target)
    [job] = await found(target, "blue meer")
    assert (await compare(vault.store, target)).is_whole

    await target.catalogue.put_words(job, WordSource.SUBTITLES, "")
    comparison = await compare(vault.store, target)
    assert [difference.what for difference in comparison.named] == ["words"]
    await copy_jobs(vault.store, target)
    assert await found(target, "blue meer") == [job]
