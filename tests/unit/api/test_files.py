"""The saved files over HTTP."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import structlog
from structlog.testing import capture_logs

from mediavault.core.failures import StorageFailure
from mediavault.core.media import SavedFile
from mediavault.library.disk import open_below
from mediavault.server.services import StagedFiles
from mediavault.web.app import create_app
from tests.asgi_client import AsgiClient
from tests.http_vault import SHA256, VIDEO, ApiVault

ETAG = f'"{SHA256}"'


async def test_a_video_is_sent_whole_with_its_hash_as_its_tag(vault: ApiVault) -> None:
    job = await vault.add_saved()
    answer = await vault.client.get(f"/files/{job.id}/video")

    assert (answer.status, answer.body) == (200, VIDEO)
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.headers["etag"] == ETAG
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["content-length"] == str(len(VIDEO))


async def test_a_file_is_sent_sandboxed(vault: ApiVault) -> None:
    job = await vault.add_saved()
    headers = (await vault.client.get(f"/files/{job.id}/video")).headers

    assert headers["content-security-policy"].startswith(
        "sandbox allow-same-origin; default-src 'none'"
    )
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["content-disposition"].startswith("inline; ")


@pytest.mark.parametrize(
    ("range_header", "start", "end"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=-1", 25_599, 25_599),
        ("bytes=5-", 5, 25_599),
        ("bytes=100-199", 100, 199),
    ],
)
async def test_a_range_is_206_with_its_content_range(
    vault: ApiVault, range_header: str, start: int, end: int
) -> None:
    job = await vault.add_saved()
    answer = await vault.client.get(f"/files/{job.id}/video", range=range_header)

    assert (answer.status, answer.body) == (206, VIDEO[start : end + 1])
    assert answer.headers["content-range"] == f"bytes {start}-{end}/{len(VIDEO)}"
    assert answer.headers["content-length"] == str(end - start + 1)


@pytest.mark.parametrize("range_header", ["bytes=9-5", "bytes=99999999-"])
async def test_an_unsatisfiable_range_is_416_with_the_size(
    vault: ApiVault, range_header: str
) -> None:
    job = await vault.add_saved()
    answer = await vault.client.get(f"/files/{job.id}/video", range=range_header)

    assert (answer.status, answer.json()["code"]) == (416, "BAD_REQUEST")
    assert answer.headers["content-range"] == f"bytes */{len(VIDEO)}"


async def test_several_ranges_get_the_whole_file(vault: ApiVault) -> None:
    job = await vault.add_saved()

    assert (await vault.client.get(f"/files/{job.id}/video", range="bytes=0-1,5-6")).status == 200


@pytest.mark.parametrize(
    ("if_range", "status"), [(ETAG, 206), ('"other"', 200), (f"W/{ETAG}", 200)]
)
async def test_a_conditional_range_needs_the_same_file(
    vault: ApiVault, if_range: str, status: int
) -> None:
    job = await vault.add_saved()
    answer = await vault.client.get(f"/files/{job.id}/video", range="bytes=0-9", if_range=if_range)

    assert answer.status == status


async def test_a_known_file_is_not_sent_again(vault: ApiVault) -> None:
    job = await vault.add_saved()
    answer = await vault.client.get(f"/files/{job.id}/video", if_none_match=ETAG)

    assert (answer.status, answer.body) == (304, b"")


async def test_head_reports_the_size_and_sends_no_body(vault: ApiVault) -> None:
    job = await vault.add_saved()
    answer = await vault.client.request(
        "HEAD", f"/files/{job.id}/video", headers={"range": "bytes=0-9"}
    )

    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["content-length"] == str(len(VIDEO))


async def test_a_download_carries_its_name_in_both_forms(vault: ApiVault) -> None:
    job = await vault.add_saved(name='jane/Ein "Film" – ü [1].mp4')
    named = (await vault.client.get(f"/files/{job.id}/video?download=1")).headers[
        "content-disposition"
    ]

    assert named.startswith('attachment; filename="Ein-Film-')
    assert "filename*=UTF-8''Ein%20%22Film%22%20%E2%80%93%20%C3%BC%20%5B1%5D.mp4" in named


@pytest.mark.parametrize(
    ("suffix", "kind", "shown"),
    [
        ("webm", "video/webm", "inline"),
        ("mkv", "video/x-matroska", "inline"),
        ("mov", "video/quicktime", "inline"),
        ("ts", "video/mp2t", "inline"),
        ("html", "application/octet-stream", "attachment"),
        ("svg", "application/octet-stream", "attachment"),
    ],
)
async def test_the_type_comes_from_our_own_table(
    vault: ApiVault, suffix: str, kind: str, shown: str
) -> None:
    job = await vault.add_saved(name=f"jane/x.{suffix}")
    headers = (await vault.client.get(f"/files/{job.id}/video")).headers

    assert headers["content-type"] == kind
    assert headers["content-disposition"].startswith(shown)


async def test_the_thumbnail_is_a_jpeg_with_its_own_tag(vault: ApiVault) -> None:
    job = await vault.add_saved()
    answer = await vault.client.get(f"/files/{job.id}/thumbnail")

    assert (answer.status, answer.headers["content-type"]) == (200, "image/jpeg")
    assert answer.headers["etag"] not in (ETAG, "")


async def test_a_file_whose_size_changed_loses_the_hash_as_its_tag(vault: ApiVault) -> None:
    job = await vault.add_saved()
    (vault.downloads / str(job.output_path)).write_bytes(b"short")

    assert (await vault.client.get(f"/files/{job.id}/video")).headers["etag"] != ETAG


async def test_the_file_of_a_job_without_files_is_404(vault: ApiVault) -> None:
    job = await vault.add()
    answer = await vault.client.get(f"/files/{job.id}/video")

    assert (answer.status, answer.json()["code"]) == (404, "NOT_FOUND")


async def test_a_file_that_is_being_committed_is_not_served(vault: ApiVault) -> None:
    """The row names it, but it is not yet known to be complete."""
    (vault.downloads / "half.mp4").write_bytes(b"half")
    await vault.add()
    claim = await vault.claim()
    await vault.store.queue.begin_commit(
        claim, SavedFile("half.mp4", None, 4, SHA256, None, None, None)
    )

    assert (await vault.client.get(f"/files/{claim.id}/video")).status == 404


async def test_a_missing_file_is_404(vault: ApiVault) -> None:
    job = await vault.add_saved()
    (vault.downloads / str(job.output_path)).unlink()

    assert (await vault.client.get(f"/files/{job.id}/video")).status == 404


async def test_a_symlink_in_the_library_is_not_followed(vault: ApiVault, tmp_path: Path) -> None:
    job = await vault.add_saved()
    outside = tmp_path / "outside.mp4"
    outside.write_bytes(b"secret")
    path = vault.downloads / str(job.output_path)
    path.unlink()
    path.symlink_to(outside)

    assert (await vault.client.get(f"/files/{job.id}/video")).status == 404


@pytest.mark.parametrize(
    "path",
    [
        "..%5c..%5cetc%5cpasswd",
        "%2e%2e%2f",
        "..%00/",
        "../../etc/passwd",
        "/etc/passwd",
        "....//",
        ".",
    ],
)
async def test_no_request_path_becomes_a_file_path(vault: ApiVault, path: str) -> None:
    for kind in ("video", "thumbnail"):
        assert (await vault.client.get(f"/files/{path}/{kind}")).status == 404
    assert (await vault.client.get(f"/static/{path}")).status == 404


async def test_no_response_leaves_its_file_open(vault: ApiVault) -> None:
    job = await vault.add_saved()
    before = _open_files()
    for headers in ({}, {"range": "bytes=0-9"}, {"range": "bytes=9-5"}, {"if_none_match": ETAG}):
        await vault.client.get(f"/files/{job.id}/video", **headers)

    assert _open_files() == before


async def test_a_file_is_not_read_to_its_end_after_the_client_disconnects(vault: ApiVault) -> None:
    job = await vault.add_saved(video=VIDEO * 200)
    async with vault.client.open(f"/files/{job.id}/video") as connection:
        await connection.chunk()

    assert len(connection.answer().body) < len(VIDEO * 200)


def test_a_folder_replaced_by_a_symlink_is_not_entered(tmp_path: Path) -> None:
    root, elsewhere = tmp_path / "root", tmp_path / "elsewhere"
    for folder in (root, elsewhere):
        folder.mkdir()
    (elsewhere / "x.mp4").write_bytes(b"secret")
    (root / "jane").symlink_to(elsewhere)

    assert open_below(root, "jane/x.mp4") is None


@pytest.mark.parametrize(
    "relative", ["", "/etc/passwd", "../x", "a/../../x", "a\0b", "jane", "pipe", "missing/x"]
)
def test_only_regular_files_below_the_root_are_opened(tmp_path: Path, relative: str) -> None:
    (tmp_path / "root" / "jane").mkdir(parents=True)
    os.mkfifo(tmp_path / "root" / "pipe")
    (tmp_path / "x").write_bytes(b"secret")

    assert open_below(tmp_path / "root", relative) is None


async def test_the_thumbnail_of_a_post_that_is_being_saved_is_sent(vault: ApiVault) -> None:
    await vault.add()
    claim = await vault.claim()
    path = f"/files/{claim.id}/thumbnail"
    assert (await vault.client.get(path)).status == 404

    folder = vault.downloads / ".staging" / f"{claim.id}.{claim.fence}"
    folder.mkdir(parents=True)
    (folder / "thumbnail.webp").write_bytes(b"RIFF    WEBP")
    answer = await vault.client.get(path)

    assert (answer.status, answer.body, answer.headers["content-type"]) == (
        200,
        b"RIFF    WEBP",
        "image/webp",
    )
    assert answer.headers["content-security-policy"].startswith("sandbox")
    assert (await vault.client.get(path.replace("thumbnail", "video"))).status == 404


def _open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@dataclass
class BreakingLibrary:
    """A remote library whose connection fails: when a file is opened, or while it is read."""

    in_the_middle: bool
    size: int = len(VIDEO)
    version: str = "1"

    @property
    def staging(self) -> StagedFiles:
        raise NotImplementedError

    async def open(self, relative: str) -> BreakingLibrary:
        if not self.in_the_middle:
            raise StorageFailure("s3://vault cannot be reached.")
        return self

    async def chunks(self, start: int, end: int) -> AsyncIterator[bytes]:
        yield VIDEO[:1000]
        raise StorageFailure("s3://vault cannot be reached.")

    async def close(self) -> None: ...
    async def tidy(self, folder: str) -> None: ...
    async def remove(self, *relatives: str) -> None: ...
    def trash_path(self, job_id: str, relative: str) -> str:
        raise NotImplementedError

    async def move(self, source: str, target: str) -> bool:
        raise NotImplementedError

    async def free_name(self, folder: str, stem: str, suffix: str) -> str:
        raise NotImplementedError


async def test_an_unreachable_library_is_reported_and_one_that_fails_midway_ends_the_response(
    vault: ApiVault,
) -> None:
    job = await vault.add_saved()
    answers = []
    for in_the_middle in (False, True):
        app = create_app(replace(vault.services, library=BreakingLibrary(in_the_middle)))
        with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
            answers.append(await AsgiClient(app).get(f"/files/{job.id}/video"))
        await app.state.feed.aclose()
    at_once, later = answers

    assert (at_once.status, at_once.json()["message"]) == (507, "s3://vault cannot be reached.")
    assert at_once.headers["retry-after"] == "5"
    assert (later.status, later.body) == (200, VIDEO[:1000])
    assert later.headers["content-length"] == str(len(VIDEO))
    [line] = [line for line in lines if line["event"] == "file_broke_off"]
    assert (line["job_id"], line["trace_id"]) == (job.id, job.trace_id)
