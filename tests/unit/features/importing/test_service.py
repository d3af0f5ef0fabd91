"""Importing a folder that another program wrote. The probe is a stub;
tests/component imports real media.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from mediavault.core.failures import BadInput, ErrorCode
from mediavault.core.job import JobStatus, Stage
from mediavault.core.marks import Mark, tag
from mediavault.core.media import Chapter, ProbeReport, Problem, ProblemKind
from mediavault.core.records import RecordKind
from mediavault.core.settings import ChangeableSettings
from mediavault.core.shows import Layout
from mediavault.features.importing import reading, service
from mediavault.features.importing.model import ImportedFile, ImportMode, ImportOutcome
from mediavault.features.importing.service import (
    FolderImport,
    checked_source,
    count_media,
)
from mediavault.library.companion_files import read_comments
from mediavault.library.local_library import LocalLibrary
from mediavault.library.port import Library
from mediavault.maintenance.arranging import Arrangement
from mediavault.maintenance.rebuilding import Rebuild
from mediavault.maintenance.verifying import Verification
from mediavault.store import trash
from mediavault.store.port import JobQuery, Store, StoredJob
from tests import vaults
from tests.contract.stores import LEASE, numbered_job
from tests.contract.vaults import memory_vault
from tests.fakes import FakeClock
from tests.memory_store import MemoryJobStore

ID = "dQw4w9WgXcQ"
WATCH = f"https://www.youtube.com/watch?v={ID}"
JPEG = b"\xff\xd8\xff picture"
INFO = {
    "id": ID,
    "webpage_url": WATCH,
    "title": "A film",
    "uploader": "Jane",
    "uploader_id": "@jane",
}

SETTINGS = ChangeableSettings(nfo=False)


@dataclass
class StubProbe:
    """Takes a file for a video, for sound by its name, and for broken when it begins so."""

    tags_of: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    checked_at: list[str] = field(default_factory=list)

    async def check_unknown(self, path: Path) -> ProbeReport:
        self.checked_at.append(path.name)
        body = path.read_bytes()
        if not body or body.startswith(b"broken"):
            problem = Problem(ProblemKind.DAMAGED, "it is damaged")
            return ProbeReport(None, None, None, None, None, None, problems=(problem,))
        if body.startswith(b"short"):
            length = Problem(ProblemKind.DOUBTFUL, "its sound ends early")
            return ProbeReport("mp4", "h264", "aac", 2.0, 320, 180, problems=(length,))
        if path.suffix in (".m4a", ".wav"):
            return ProbeReport(None, None, "aac", 3.0, None, None)
        return ProbeReport(
            "matroska" if path.suffix == ".mkv" else "mp4", "h264", "aac", 2.0, 320, 180
        )

    async def tags(self, path: Path) -> Mapping[str, str]:
        return self.tags_of.get(path.name, {})

    async def still(self, video: Path, *, into: Path, at_s: float) -> Path | None:
        into.write_bytes(JPEG)
        return into


class Vault:
    """A vault and a folder to import, on one disk."""

    def __init__(self, tmp_path: Path) -> None:
        self.folder, self.root = tmp_path / "in", tmp_path / "library"
        self.folder.mkdir()
        self.root.mkdir()
        self.clock, self.probe = FakeClock(), StubProbe()
        self.store, self.library = MemoryJobStore(self.clock), LocalLibrary(self.root)

    def put(
        self,
        relative: str,
        body: bytes | str | Mapping[str, Any] = b"a video",
        *,
        at: Path | None = None,
    ) -> Path:
        path = (at or self.folder) / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(body) if isinstance(body, Mapping) else body
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    async def run(
        self,
        how: ImportMode = ImportMode.COPY,
        *,
        apply: bool = True,
        folder: Path | None = None,
        store: Store | None = None,
        library: Library | None = None,
    ) -> list[ImportedFile]:
        source = checked_source(folder or self.folder, how, self.root, apply=apply)
        library = library or self.library
        await library.prepare()
        work = FolderImport(
            store or self.store, library, self.probe, self.clock, source, settings=SETTINGS
        )
        self.done = work.done
        return [result async for result in work.run()]

    async def jobs(self) -> Sequence[StoredJob]:
        return await vaults.all_of(self.store)

    def videos(self) -> list[str]:
        return [path for path in self.files() if path.endswith(".mp4")]

    async def arranged(self, layout: Layout) -> list[str]:
        """Return the videos once the library is in this layout."""
        settings = ChangeableSettings(layout=layout, nfo=True)
        async for _ in Arrangement(self.store, self.library, settings, can_move=True).run():
            pass
        return self.videos()

    def files(self, root: Path | None = None) -> list[str]:
        """Return the files that are not hidden."""
        root = root or self.root
        paths = (path.relative_to(root) for path in root.rglob("*") if path.is_file())
        return sorted(str(path) for path in paths if not str(path).startswith("."))


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault(tmp_path)


def outcomes(results: list[ImportedFile]) -> dict[str, ImportOutcome]:
    return {result.file: result.outcome for result in results}


# --- what comes in --------------------------------------------------------------------------------


async def test_without_apply_nothing_is_changed(vault: Vault) -> None:
    vault.put(f"A film [{ID}].mp4")
    vault.put("Another.mp4", b"another")
    results = await vault.run(apply=False)

    assert [(result.outcome, result.url) for result in results] == [
        (ImportOutcome.IMPORTED, WATCH),
        (ImportOutcome.IMPORTED, None),
    ]
    assert (vault.done.files, vault.done.without_url, vault.done.problems) == (2, 1, 0)
    assert (await vault.jobs(), vault.files()) == ([], [])


async def test_a_post_comes_with_its_facts_picture_and_subtitles(vault: Vault) -> None:
    vault.put("A film.mp4")
    vault.put("A film.info.json", {**INFO, "upload_date": "20200102", "description": "Text"})
    vault.put("A film.webp", JPEG)  # its suffix lies
    vault.put("A film.en.vtt", "WEBVTT")
    await vault.run()
    [stored] = await vault.jobs()
    job = stored.job

    assert (job.status, job.canonical_url, job.platform, job.version) == (
        JobStatus.COMPLETED,
        WATCH,
        "youtube",
        1,
    )
    assert (job.metadata["title"], job.metadata["text"], job.metadata["post_id"]) == (
        "A film",
        "Text",
        ID,
    )
    assert job.metadata["published_at"] == "2020-01-02T00:00:00+00:00"
    assert (job.created_at, job.completed_at, stored.marks) == (
        vault.clock.now(),
        vault.clock.now(),
        (),
    )
    assert [(record.stage, record.detail) for record in stored.history] == [
        (Stage.COMPLETE, "imported from A film.mp4")
    ]
    assert vault.files() == [
        f"youtube-jane/2020-01-02 A film [{ID}]{suffix}"
        for suffix in (".en.vtt", ".info.json", ".jpg", ".mp4")
    ]
    assert [
        finding async for finding in Verification(vault.store, vault.library, read_data=True).run()
    ] == []


async def test_what_is_said_in_an_imported_video_is_found_at_once(vault: Vault) -> None:
    vault.put("A film.mp4")
    vault.put("A film.en.vtt", "WEBVTT\n\n00:01.000 --> 00:02.000\nA locomotive\n")
    await vault.run()

    page = await vault.store.catalogue.jobs(JobQuery(text="locomotive"))
    assert [job.metadata["title"] for job in page.jobs] == ["A film"]


TALK = {
    "comments": [
        {
            "id": "1",
            "parent": "root",
            "author": "@ann",
            "text": "A locomotive",
            "timestamp": 1_577_836_800,
        },
        {"id": "2", "parent": "1", "author": "@bob", "text": "Yes"},
        "no comment",
    ],
    "chapters": [
        {"start_time": 0.0, "title": "Start"},
        {"start_time": 1.5, "end_time": 2.0, "title": "End"},
    ],
}


@pytest.mark.parametrize("how", [ImportMode.COPY, ImportMode.IN_PLACE])
async def test_comments_and_chapters_of_the_info_json_come_along(
    vault: Vault, how: ImportMode
) -> None:
    folder = vault.root / "tube" if how is ImportMode.IN_PLACE else vault.folder
    vault.put("A film.mp4", at=folder)
    vault.put("A film.info.json", {**INFO, **TALK}, at=folder)
    await vault.run(how, folder=folder)
    [stored] = await vault.jobs()
    [item] = stored.job.items
    [path] = [path for path in vault.files() if path.endswith(".comments.jsonl")]

    assert item.item.chapters == (Chapter(0.0, "Start"), Chapter(1.5, "End"))
    assert item.saved is not None
    assert ".comments.jsonl" in item.saved.beside
    comments = [(one.author, one.parent) for one in await read_comments(vault.library, path)]
    assert comments == [("@ann", None), ("@bob", "1")]
    assert len((await vault.store.catalogue.jobs(JobQuery(text="locomotive"))).jobs) == 1
    assert [
        finding async for finding in Verification(vault.store, vault.library, read_data=True).run()
    ] == []


async def test_a_file_without_a_url_is_known_by_its_hash(vault: Vault) -> None:
    vault.put("My title.mp4")
    vault.put("copies/The same.mp4")
    results = await vault.run()
    again = await vault.run()
    [stored] = await vault.jobs()

    assert outcomes(results) == {
        "My title.mp4": ImportOutcome.IMPORTED,
        "copies/The same.mp4": ImportOutcome.KNOWN_FILE,
    }
    assert set(outcomes(again).values()) == {ImportOutcome.KNOWN_FILE}
    assert stored.job.canonical_url == f"sha256:{stored.job.sha256}"
    assert stored.job.metadata["title"] == "My title"


async def test_of_two_identical_files_the_one_with_a_url_is_imported(vault: Vault) -> None:
    vault.put("A copy.mp4")
    vault.put(f"B/A film [{ID}].mp4")
    results = await vault.run()
    [stored] = await vault.jobs()

    assert outcomes(results) == {
        f"B/A film [{ID}].mp4": ImportOutcome.IMPORTED,
        "A copy.mp4": ImportOutcome.KNOWN_FILE,
    }
    assert (stored.job.canonical_url, vault.done.files) == (WATCH, 2)


async def test_what_was_imported_can_be_rebuilt_from_the_library(vault: Vault) -> None:
    vault.put("My title.mp4")
    vault.put(f"A film [{ID}].mp4", b"another")
    await vault.run()
    again = MemoryJobStore(vault.clock)
    refused = [refused async for refused in Rebuild(again, vault.library, read_data=True).run()]

    assert refused == []
    before = [stored.job for stored in await vault.jobs()]
    assert [stored.job.canonical_url for stored in await vaults.all_of(again)] == [
        job.canonical_url for job in before
    ]
    assert [stored.job.items for stored in await vaults.all_of(again)] == [
        job.items for job in before
    ]


async def test_a_file_without_a_url_has_the_same_name_when_the_library_is_arranged(
    vault: Vault,
) -> None:
    """Its date is the file's, its id the beginning of its hash,
    its folder that of posts without an account.
    """
    os.utime(vault.put("Holidays.mp4"), (1_565_000_000, 1_565_000_000))
    await vault.run()
    [name] = vault.videos()
    assert (name.partition("/")[0], Path(name).name[:20]) == ("imported", "2019-08-05 Holidays ")

    assert [path.rpartition("/")[0] for path in await vault.arranged(Layout.SHOWS)] == [
        "imported/Season 2019"
    ]
    assert await vault.arranged(Layout.ACCOUNTS) == [name]
    vault.store = MemoryJobStore(vault.clock)
    assert [
        refused async for refused in Rebuild(vault.store, vault.library, read_data=True).run()
    ] == []
    await vault.arranged(Layout.SHOWS)
    assert await vault.arranged(Layout.ACCOUNTS) == [name]


async def test_no_file_next_to_a_video_shows_its_hash_as_a_url(vault: Vault) -> None:
    os.utime(vault.put("Holidays.mp4"), (1_565_000_000, 1_565_000_000))
    await vault.run()
    await vault.arranged(Layout.SHOWS)
    [nfo] = [
        path
        for path in vault.files()
        if path.endswith(".nfo") and not path.endswith(("tvshow.nfo", "season.nfo"))
    ]
    [sidecar] = [path for path in vault.files() if path.endswith(".info.json")]

    assert "sha256:" not in (vault.root / nfo).read_text()
    assert "<aired>2019-08-05</aired>" in (vault.root / nfo).read_text()
    assert (
        not {"webpage_url", "original_url"} & json.loads((vault.root / sidecar).read_text()).keys()
    )


async def test_tags_are_read_where_nothing_else_names_the_post(vault: Vault) -> None:
    vault.put("My title.mp4")
    vault.probe.tags_of = {"My title.mp4": {"purl": WATCH}}

    assert [result.url for result in await vault.run(apply=False)] == [WATCH]


async def test_an_nfo_gives_the_url_and_the_date(vault: Vault) -> None:
    """As Pinchflat's, which has no other place for them."""
    vault.put("Film.mp4")
    nfo = f"""<?xml version="1.0" encoding="UTF-8" standalone="yes" ?>
        <episodedetails><title>A film</title><showtitle>Jane</showtitle>
        <uniqueid type="youtube" default="true">{ID}</uniqueid><plot>Text</plot><aired>2020-01-02</aired></episodedetails>"""  # noqa: E501
    vault.put("Film.nfo", nfo)
    await vault.run()
    [stored] = await vault.jobs()

    assert stored.job.canonical_url == WATCH
    assert stored.job.metadata["published_at"] == "2020-01-02T00:00:00+00:00"
    assert vault.videos() == [f"youtube-jane/2020-01-02 A film [{ID}].mp4"]


async def test_the_json_of_gallery_dl_gives_the_url_and_the_date(vault: Vault) -> None:
    vault.put("12_1.mp4")
    known = {"category": "reddit", "subcategory": "submission", "id": "abc123", "title": "A film"}
    vault.put("12_1.mp4.json", {**known, "date": "2020-01-02 03:04:05"})
    vault.put("other.mp4", "other")
    vault.put("other.mp4.json", "[]")
    results = await vault.run()
    [_, stored] = sorted(
        await vault.jobs(), key=lambda stored: stored.job.canonical_url, reverse=True
    )

    assert stored.job.canonical_url == "https://www.reddit.com/comments/abc123/"
    assert (stored.job.metadata["title"], stored.job.metadata["published_at"]) == (
        "A film",
        "2020-01-02T03:04:05+00:00",
    )
    assert (
        results[-1].detail == "its .json cannot be read, or is not a JSON object: it was not used"
    )


async def test_the_archive_of_ytdl_sub_names_the_files_below_it(vault: Vault) -> None:
    vault.put("Jane/Season 2020/s2020.e010201 - A film.mp4")
    vault.put("Jane/Season 2020/s2020.e010301 - Part 1.mp4", "1")
    vault.put("Jane/Season 2020/s2020.e010301 - Part 2.mp4", "2")
    vault.put("Joe/broken.mp4", "joe")
    film = [
        "Season 2020/s2020.e010201 - A film.mp4",
        "Season 2020/s2020.e010201 - A film-thumb.jpg",
    ]
    parts = [f"Season 2020/s2020.e010301 - Part {number}.mp4" for number in (1, 2)]
    archive = {
        ID: {"upload_date": "2020-01-02", "extractor": "youtube", "file_names": film},
        "aqz-KE-bpKQ": {"upload_date": "2020-01-03", "extractor": "youtube", "file_names": parts},
        "other": [],
    }
    vault.put("Jane/.ytdl-sub-Jane-download-archive.json", archive)
    vault.put("Joe/.ytdl-sub-Joe-download-archive.json", "no JSON")
    results = await vault.run()

    assert set(outcomes(results).values()) == {ImportOutcome.IMPORTED}
    dates = {
        one.job.metadata["title"]: (one.job.metadata["published_at"] or "")[:10]
        for one in await vault.jobs()
    }
    assert {result.title: (result.url, dates[result.title]) for result in results} == {
        "s2020.e010201 - A film": (WATCH, "2020-01-02"),
        "s2020.e010301 - Part 1": (None, "2020-01-03"),
        "s2020.e010301 - Part 2": (None, "2020-01-03"),
        "broken": (None, ""),
    }


async def test_an_nfo_that_cannot_be_used_is_remarked(vault: Vault) -> None:
    for name, body in {
        "a": "no XML",
        "b": "<!DOCTYPE movie><movie/>",
        "c": f"<movie>{' ' * (2 << 20)}</movie>",
    }.items():
        vault.put(f"{name}.mp4", name)
        vault.put(f"{name}.nfo", body)

    assert {(result.outcome, result.detail) for result in await vault.run()} == {
        (ImportOutcome.IMPORTED, "its .nfo cannot be read, or is not valid XML: it was not used")
    }


async def test_sound_comes_in_under_its_own_suffix(vault: Vault) -> None:
    vault.put("Song.m4a")
    vault.put("Song.wav")

    assert outcomes(await vault.run()) == {
        "Song.m4a": ImportOutcome.IMPORTED,
        "Song.wav": ImportOutcome.KNOWN_FILE,
    }
    assert [Path(name).suffix for name in vault.files()] == [".json", ".m4a"]


async def test_an_account_of_the_post_is_the_vault_s_own(vault: Vault) -> None:
    vault.put("UCuAXFkgsw1L7xaCfnd5JJOw/" + ID + ".mp4")
    await vault.run()
    [stored] = await vault.jobs()

    assert stored.job.account is not None
    assert stored.job.account.slug == "youtube-ucuaxfkgsw1l7xacfnd5jjow"


async def test_files_are_laid_out_for_media_servers_where_that_is_set(vault: Vault) -> None:
    vault.put("A film.mp4")
    vault.put("A film.info.json", {**INFO, "upload_date": "20200102"})
    source = checked_source(vault.folder, ImportMode.COPY, vault.root, apply=True)
    await vault.library.prepare()
    settings = ChangeableSettings(layout=Layout.SHOWS, nfo=True)
    work = FolderImport(
        vault.store, vault.library, vault.probe, vault.clock, source, settings=settings
    )
    assert [result.outcome async for result in work.run()] == [ImportOutcome.IMPORTED]

    [video] = [name for name in vault.files() if name.endswith(".mp4")]
    assert "/Season 2020/" in video
    assert video.replace(".mp4", ".nfo") in vault.files()
    assert [
        finding async for finding in Verification(vault.store, vault.library, read_data=True).run()
    ] == []


# --- what the vault has already -------------------------------------------------------------------


async def test_a_known_post_is_reported_and_not_read(vault: Vault) -> None:
    vault.put(f"A film [{ID}].mp4")
    await vault.run()
    vault.put(f"A film [{ID}].mkv", b"in another form")
    vault.probe.checked_at.clear()

    assert set(outcomes(await vault.run()).values()) == {ImportOutcome.KNOWN_POST}
    assert vault.probe.checked_at == []
    assert len(await vault.jobs()) == 1


async def test_a_post_that_waits_is_left_to_its_worker(vault: Vault) -> None:
    await vault.store.queue.enqueue([numbered_job(1, WATCH)])
    vault.put(f"A film [{ID}].mp4")

    assert set(outcomes(await vault.run()).values()) == {ImportOutcome.KNOWN_POST}


async def test_a_failed_job_is_completed_by_the_file_and_keeps_its_history_and_marks(
    vault: Vault,
) -> None:
    [enqueued] = await vault.store.queue.enqueue([numbered_job(1, WATCH)])
    [claim] = await vault.store.queue.claim(vaults.ANN, limit=1, lease=LEASE)
    await vault.store.queue.fail(claim, error_code=ErrorCode.DELETED, error="Gone.", retry_in=None)
    await vault.store.marks.put([Mark(enqueued.job.id, tag("cats"), "cats")])
    vault.put(f"A film [{ID}].mp4")
    results = await vault.run()
    [stored] = await vault.jobs()

    assert outcomes(results) == {f"A film [{ID}].mp4": ImportOutcome.IMPORTED}
    assert (stored.job.id, stored.job.status) == (enqueued.job.id, JobStatus.COMPLETED)
    assert [record.stage for record in stored.history][-2:] == [Stage.FAIL, Stage.COMPLETE]
    marks = await vault.store.marks.of_jobs([enqueued.job.id])
    assert [mark.text for mark in marks[enqueued.job.id]] == ["cats"]


async def test_a_deleted_post_stays_in_the_trash(vault: Vault) -> None:
    vault.put("My title.mp4")
    await vault.run()
    [stored] = await vault.jobs()
    await trash.move_to_trash(
        vault.store,
        vault.library,
        vault.clock,
        stored.job.id,
        trash.no_paths,
        batch=trash.new_batch(),
    )

    assert outcomes(await vault.run()) == {"My title.mp4": ImportOutcome.IN_TRASH}


async def test_a_post_that_another_process_saves_meanwhile_is_taken_back(vault: Vault) -> None:
    vault.put(f"A film [{ID}].mp4")
    place = vault.library.place

    async def enqueue_and_place(staged: Path, relative: str) -> bool:
        await vault.store.queue.enqueue([numbered_job(1, WATCH)])
        return await place(staged, relative)

    vault.library.place = enqueue_and_place  # type: ignore[method-assign]

    assert set(outcomes(await vault.run(ImportMode.MOVE)).values()) == {ImportOutcome.KNOWN_POST}
    assert (vault.files(), vault.files(vault.folder)) == ([], [f"A film [{ID}].mp4"])
    assert await vault.store.records.all(RecordKind.IMPORT) == []


# --- how files come in ----------------------------------------------------------------------------


async def test_a_copy_leaves_the_original(vault: Vault) -> None:
    original = vault.put("My title.mp4")
    await vault.run()
    [name] = [name for name in vault.files() if name.endswith(".mp4")]

    assert original.read_bytes() == (vault.root / name).read_bytes()
    assert original.stat().st_nlink == 1


async def test_a_link_is_a_second_name_for_the_same_file(vault: Vault) -> None:
    original = vault.put("My title.mp4")
    await vault.run(ImportMode.LINK)
    [name] = [name for name in vault.files() if name.endswith(".mp4")]

    assert original.samefile(vault.root / name)


async def test_a_file_system_without_links_is_named(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault.put("My title.mp4")
    monkeypatch.setattr(os, "link", _refuse_link)

    with pytest.raises(BadInput, match="can't be linked"):
        await vault.run(ImportMode.LINK)
    assert vault.files() == []


@pytest.mark.parametrize("has_links", [True, False])
async def test_a_move_removes_the_original_at_the_end(
    vault: Vault, monkeypatch: pytest.MonkeyPatch, *, has_links: bool
) -> None:
    vault.put("sub/My title.mp4")
    vault.put("sub/My title.en.vtt", "WEBVTT")
    vault.put("sub/My title.info.json", {"title": "Mine"})
    if not has_links:
        monkeypatch.setattr(os, "link", _refuse_link)
    await vault.run(ImportMode.MOVE)

    # what the library does not have stays
    assert vault.files(vault.folder) == ["sub/My title.info.json"]
    assert sorted(Path(name).suffix for name in vault.files()) == [".jpg", ".json", ".mp4", ".vtt"]


async def test_a_move_keeps_an_original_that_the_library_does_not_hold(vault: Vault) -> None:
    vault.put("My title.mp4")

    async def lose(relative: str, *, size: int, sha256: str) -> bool:
        return False

    vault.library.holds = lose  # type: ignore[method-assign]
    await vault.run(ImportMode.MOVE)

    assert vault.files(vault.folder) == ["My title.mp4"]


async def test_in_place_files_stay_and_yt_dlp_s_facts_with_them(vault: Vault) -> None:
    vault.put("tube/A film.mp4", at=vault.root)
    vault.put("tube/A film.info.json", INFO, at=vault.root)
    vault.put("tube/A film.jpg", JPEG, at=vault.root)
    results = await vault.run(ImportMode.IN_PLACE, folder=vault.root / "tube")
    again = await vault.run(ImportMode.IN_PLACE, folder=vault.root)
    [stored] = await vault.jobs()

    assert outcomes(results) == {"A film.mp4": ImportOutcome.IMPORTED}
    assert outcomes(again) == {"tube/A film.mp4": ImportOutcome.KNOWN_FILE}
    assert (stored.job.output_path, stored.job.thumbnail_path) == (
        "tube/A film.mp4",
        "tube/A film.jpg",
    )
    assert stored.history[-1].detail == "imported from A film.mp4"
    assert vault.files() == [
        f"tube/A film{suffix}" for suffix in (".info.json", ".jpg", ".mp4", ".yt-dlp.json")
    ]
    assert json.loads((vault.root / "tube/A film.yt-dlp.json").read_text()) == INFO
    assert [
        finding async for finding in Verification(vault.store, vault.library, read_data=True).run()
    ] == []
    refused = [
        refused
        async for refused in Rebuild(
            MemoryJobStore(vault.clock), vault.library, read_data=True
        ).run()
    ]
    assert refused == []


async def test_in_place_a_name_that_the_library_cannot_use_is_refused(vault: Vault) -> None:
    vault.put("A.MP4", at=vault.root)
    vault.put("B.mp4", b"b", at=vault.root)
    vault.put("B.mkv", b"c", at=vault.root)
    vault.put("C\nD.mp4", b"d", at=vault.root)

    assert outcomes(await vault.run(ImportMode.IN_PLACE, folder=vault.root)) == {
        "A.MP4": ImportOutcome.WRONG_SUFFIX,
        "B.mkv": ImportOutcome.NAME_TAKEN,
        "B.mp4": ImportOutcome.NAME_TAKEN,
        "C\nD.mp4": ImportOutcome.BAD_NAME,
    }
    assert vault.done.problems == 4


async def test_in_place_a_sidecar_of_the_vault_is_left_to_rebuild(vault: Vault) -> None:
    await vaults.fill(vault.store, vault.root, vault.clock, jobs=1)
    vault.store = MemoryJobStore(vault.clock)

    assert set(outcomes(await vault.run(ImportMode.IN_PLACE, folder=vault.root)).values()) == {
        ImportOutcome.HAS_SIDECAR
    }


def test_a_folder_that_cannot_come_in_this_way_is_refused(vault: Vault) -> None:
    inside, hidden = vault.root / "inside", vault.root / ".trash"
    inside.mkdir()
    hidden.mkdir()
    (vault.folder.parent / "link").symlink_to(inside)
    refused = [
        (vault.folder / "none", ImportMode.COPY, vault.root),
        (vault.root, ImportMode.COPY, vault.root),
        (inside, ImportMode.MOVE, vault.root),
        (vault.folder.parent / "link", ImportMode.MOVE, vault.root),
        (vault.folder, ImportMode.IN_PLACE, vault.root),
        (hidden, ImportMode.IN_PLACE, vault.root),
        (vault.folder, ImportMode.LINK, None),
        (vault.folder, ImportMode.IN_PLACE, None),
    ]
    for folder, how, library in refused:
        with pytest.raises(BadInput):
            checked_source(folder, how, library, apply=True)


async def test_the_library_below_the_folder_is_left_out(vault: Vault) -> None:
    vault.put("My title.mp4")
    vault.put("other.mp4", b"other", at=vault.root)

    assert outcomes(await vault.run(folder=vault.folder.parent)) == {
        "in/My title.mp4": ImportOutcome.IMPORTED
    }


@pytest.mark.parametrize("how", [ImportMode.COPY, ImportMode.MOVE])
async def test_a_bucket_gets_the_files_as_well(
    vault: Vault, tmp_path: Path, how: ImportMode
) -> None:
    bucket = memory_vault(tmp_path / "bucket").vault
    await bucket.prepare()
    vault.put("My title.mp4")
    vault.put("My title.en.vtt", "WEBVTT")
    source = checked_source(vault.folder, how, None, apply=True)
    work = FolderImport(vault.store, bucket, vault.probe, vault.clock, source, settings=SETTINGS)
    results = [result async for result in work.run()]

    assert outcomes(results) == {"My title.mp4": ImportOutcome.IMPORTED}
    assert vault.files(vault.folder) == (
        ["My title.en.vtt", "My title.mp4"] if how is ImportMode.COPY else []
    )
    assert [
        finding async for finding in Verification(vault.store, bucket, read_data=True).run()
    ] == []


# --- hostile input --------------------------------------------------------------------------------


async def test_what_is_broken_or_no_file_is_reported_and_left_alone(vault: Vault) -> None:
    outside = vault.put("outside.mp4", b"secret", at=vault.folder.parent)
    vault.put("broken.mp4", b"broken bytes")
    vault.put("empty.mp4", b"")
    vault.put("A.f137.mp4")
    vault.put(".hidden.mp4")
    vault.put("notes.txt")
    vault.put("Song.wav", b"wave")
    (vault.folder / "link.mp4").symlink_to(outside)
    (vault.folder / "folder").symlink_to(vault.folder.parent)
    os.mkfifo(vault.folder / "pipe.mp4")
    results = await vault.run(ImportMode.MOVE)

    assert outcomes(results) == {
        "link.mp4": ImportOutcome.LINK,
        "A.f137.mp4": ImportOutcome.UNFINISHED,
        "Song.wav": ImportOutcome.UNKNOWN_FORM,
        "broken.mp4": ImportOutcome.BROKEN,
        "empty.mp4": ImportOutcome.BROKEN,
    }
    assert vault.done.problems == 3
    assert (outside.exists(), vault.files(), await vault.jobs()) == (True, [], [])


async def test_names_of_any_bytes_do_no_harm(vault: Vault) -> None:
    vault.put("line\nbreak \x1b[31m.mp4", b"one")
    (vault.folder / os.fsdecode(b"\xff.mp4")).write_bytes(b"two")
    vault.put("-rf [x].mp4", b"three")
    results = {result.file: result for result in await vault.run()}

    assert results[os.fsdecode(b"\xff.mp4")].outcome is ImportOutcome.BAD_NAME
    assert results["line\nbreak \x1b[31m.mp4"].title == "line break [31m"
    assert all(name.isprintable() for name in vault.files())
    assert len(await vault.jobs()) == 2


async def test_an_info_json_that_cannot_be_used_is_remarked(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "INFO_LIMIT_BYTES", 1_000)
    secret = vault.put("secret.json", {"title": "secret"}, at=vault.folder.parent)
    vault.put("large.mp4", b"one")
    vault.put("large.info.json", {"title": "x" * 2_000})
    vault.put("text.mp4", b"two")
    vault.put("text.info.json", b"[" * 900)
    vault.put("link.mp4", b"three")
    (vault.folder / "link.info.json").symlink_to(secret)
    vault.put("script.mp4", b"four")
    vault.put("script.info.json", {"webpage_url": "javascript:alert(1)", "title": "<script>"})
    results = {result.file: result for result in await vault.run()}

    assert {result.outcome for result in results.values()} == {ImportOutcome.IMPORTED}
    assert {name: bool(result.detail) for name, result in results.items()} == {
        "large.mp4": True, "text.mp4": True, "link.mp4": False, "script.mp4": False,
    }  # fmt: skip
    assert {result.url for result in results.values()} == {None}
    assert {result.title for result in results.values()} == {"large", "text", "link", "<script>"}


async def test_subtitles_that_cannot_come_along_are_not_named(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "SUBTITLES_LIMIT_BYTES", 10)
    vault.put("My title.mp4")
    vault.put("My title.en.vtt", "WEBVTT")
    vault.put("My title.de.vtt", "WEBVTT and more than that")
    await vault.run(ImportMode.MOVE)
    [stored] = await vault.jobs()

    assert [item.saved.beside for item in stored.job.items if item.saved] == [(".en.vtt",)]
    assert vault.files(vault.folder) == ["My title.de.vtt"]
    assert [
        finding async for finding in Verification(vault.store, vault.library, read_data=True).run()
    ] == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
async def test_a_folder_that_may_not_be_read_is_reported(vault: Vault) -> None:
    (vault.folder / "closed").mkdir(mode=0)

    assert outcomes(await vault.run()) == {"closed": ImportOutcome.UNREADABLE}


async def test_a_folder_that_vanishes_is_reported(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault.put("sub/My title.mp4")
    scandir = os.scandir

    def refuse(path: Path) -> object:
        if Path(path).name == "sub":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)

    assert outcomes(await vault.run()) == {"sub": ImportOutcome.UNREADABLE}


async def test_a_file_that_changes_while_it_is_imported_is_left_alone(vault: Vault) -> None:
    original = vault.put("My title.mp4")
    check = vault.probe.check_unknown

    async def check_and_change(path: Path) -> ProbeReport:
        report = await check(path)
        original.write_bytes(b"other bytes")
        return report

    vault.probe.check_unknown = check_and_change  # type: ignore[method-assign]
    for how in (ImportMode.COPY, ImportMode.LINK, ImportMode.MOVE):
        original.write_bytes(b"a video")
        assert outcomes(await vault.run(how)) == {"My title.mp4": ImportOutcome.CHANGED}
    assert (original.read_bytes(), vault.files()) == (b"other bytes", [])


async def test_two_imports_do_not_run_at_once(vault: Vault) -> None:
    vault.put("My title.mp4")
    source = checked_source(vault.folder, ImportMode.COPY, vault.root, apply=True)
    await vault.library.prepare()
    first, second = (
        FolderImport(
            vault.store, vault.library, vault.probe, vault.clock, source, settings=SETTINGS
        )
        for _ in range(2)
    )
    async for _ in first.run():
        with pytest.raises(BadInput, match="Another import"):
            await anext(second.run())


async def test_the_media_files_are_counted(vault: Vault) -> None:
    for name in ("a.mp4", "b/c.mkv", "b/d/e.opus", "b/notes.txt"):
        vault.put(name)
    source = checked_source(vault.folder, ImportMode.COPY, vault.root, apply=False)

    assert await count_media(source) == 3


# --- kills ----------------------------------------------------------------------------------------


class Killed(BaseException):
    """The process ends here."""


class Deadline:
    """Ends the "process" before or after its call number ``number``, counted from 0."""

    def __init__(self, number: int, *, after: bool) -> None:
        self._left, self._after = number, after

    async def run(self, call: Callable[[], Any]) -> Any:
        self._left -= 1
        if self._left == -1 and not self._after:
            raise Killed
        result = await call()
        if self._left == -1:
            raise Killed
        return result


class Mortal:
    """Stands for an object whose writes count as calls."""

    WRITES = ("place", "place_bytes", "place_json", "move", "remove", "put", "import_jobs")

    def __init__(self, inner: object, deadline: Deadline) -> None:
        self._inner, self._deadline = inner, deadline

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._inner, name)
        if name in ("records", "catalogue"):
            return Mortal(value, self._deadline)
        if name not in self.WRITES:
            return value
        return lambda *args, **kwargs: self._deadline.run(lambda: value(*args, **kwargs))


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("how", list(ImportMode))
async def test_a_kill_at_any_write_loses_nothing_and_duplicates_nothing(
    tmp_path: Path, how: ImportMode, *, after: bool
) -> None:
    """The import is killed at its first write, at its second and so on;
    each time another run finishes.
    """
    number, finished = 0, False
    while not finished:
        (tmp_path / str(number)).mkdir()
        vault = Vault(tmp_path / str(number))
        folder = vault.root / "tube" if how is ImportMode.IN_PLACE else vault.folder
        for name in ("A", "B"):
            vault.put(f"{name}.mp4", name, at=folder)
            vault.put(
                f"{name}.info.json",
                {**INFO, **TALK, "webpage_url": f"https://videos.example/{name}"},
                at=folder,
            )
            vault.put(f"{name}.en.vtt", f"WEBVTT {name}", at=folder)
            vault.put(f"{name}.jpg", JPEG, at=folder)
        deadline = Deadline(number, after=after)
        store: Any = Mortal(vault.store, deadline)
        library: Any = Mortal(vault.library, deadline)
        try:
            await vault.run(how, folder=folder, store=store, library=library)
            finished = True
        except Killed:
            pass
        await vault.run(how, folder=folder)
        await _require_both(vault, how, folder)
        number += 1
    assert number > 8


async def _require_both(vault: Vault, how: ImportMode, folder: Path) -> None:
    stored = await vault.jobs()
    assert sorted(one.job.canonical_url for one in stored) == [
        "https://videos.example/A",
        "https://videos.example/B",
    ]
    findings = [
        finding async for finding in Verification(vault.store, vault.library, read_data=True).run()
    ]
    assert findings == []
    names = vault.files()
    assert [
        sum(name.endswith(suffix) for name in names)
        for suffix in (".mp4", ".info.json", ".jpg", ".vtt", ".comments.jsonl")
    ] == [2] * 5
    originals = [name for name in vault.files(folder) if name.endswith(".mp4")]
    assert len(originals) == (0 if how is ImportMode.MOVE else 2)
    assert await vault.store.records.all(RecordKind.IMPORT) == []
    assert sorted(path.name for path in (vault.root / ".staging/import").iterdir()) == []
    jobs = (await vault.store.catalogue.jobs(JobQuery())).jobs
    assert all(job.thumbnail_path for job in jobs)


def _refuse_link(*_: object, **__: object) -> None:
    raise OSError(18, "Invalid cross-device link")


async def test_a_file_whose_length_is_in_question_is_imported_with_a_remark(vault: Vault) -> None:
    vault.put("film.mp4", b"short film")
    [result] = await vault.run()

    assert (result.outcome, result.detail) == (ImportOutcome.IMPORTED, "its sound ends early")
