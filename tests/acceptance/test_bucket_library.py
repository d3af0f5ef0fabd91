"""``mediavault serve`` with its library in a bucket: a real post is saved in it,
played from it and removed from it.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from mediavault.core.clock import SystemClock
from mediavault.demo.media import Clip
from mediavault.demo.site import PracticeSite, practice_site
from mediavault.library.bucket import open_bucket
from mediavault.library.bucket_address import parse_bucket_address
from mediavault.library.layout import MARKER
from tests.acceptance.test_serve import served
from tests.patience import patient
from tests.servers import s3


@pytest.fixture
async def site(tmp_path: Path, clips: Mapping[str, Clip]) -> AsyncIterator[PracticeSite]:
    async with practice_site(tmp_path / "practice", clips=clips, clock=SystemClock()) as site:
        yield site


@pytest.mark.browser
async def test_a_post_is_saved_in_the_bucket_and_played_from_it(
    tmp_path: Path, site: PracticeSite
) -> None:
    url = s3.new_bucket()
    bucket = open_bucket(parse_bucket_address(url))
    async with served(tmp_path, site, MEDIAVAULT_VAULT_URL=url) as vault:
        _, job = await vault.call("POST", "/api/jobs", {"post_url": vault.url("plain")})
        saved = await vault.until(job["id"], "completed", "failed")
        assert saved["status"] == "completed", saved
        path = f"/files/{job['id']}/video"
        _, whole = await vault.call("GET", path)
        _, picture = await vault.call("GET", f"/files/{job['id']}/thumbnail")
        part = await asyncio.to_thread(ranged, vault.base + path, "bytes=1000-200999")
        seen = [key async for key, _ in bucket.walk() if key != MARKER]
        removed, _ = await vault.call("DELETE", f"/api/jobs/{job['id']}?files=true")
        in_trash = [
            key async for key, _ in bucket.walk() if key != MARKER
        ]  # nothing is copied: the files stay in place
        emptied, _ = await vault.call("DELETE", "/api/trash")
        left = [key async for key, _ in bucket.walk() if key != MARKER]

    assert hashlib.sha256(whole).hexdigest() == saved["sha256"]
    assert picture.startswith(b"\xff\xd8")
    assert part == (206, f"bytes 1000-200999/{len(whole)}", whole[1000:201_000])
    assert saved["output_path"] in seen
    assert (len(seen), removed, in_trash, emptied, left) == (3, 200, seen, 200, [])
    assert [path for path in (tmp_path / "downloads").rglob("*") if path.is_file()] == []


def ranged(url: str, byte_range: str) -> tuple[int, str, bytes]:
    with urllib.request.urlopen(
        urllib.request.Request(url, headers={"Range": byte_range}), timeout=patient(30)
    ) as answer:
        return answer.status, answer.headers["Content-Range"], answer.read()


def test_the_doctor_says_whether_the_bucket_can_be_used(tmp_path: Path) -> None:
    good = s3.new_bucket()
    checks = {name: library_check(tmp_path, url) for name, url in {
        "good": good, "accepted": f"{good}&create=check",
        "missing": good.replace("s3://vault-", "s3://gone-"), "bad": "ftp://x",
    }.items()}  # fmt: skip

    assert (checks["good"]["verdict"], "none is replaced" in checks["good"]["detail"]) == (
        "ok",
        True,
    )
    assert (checks["accepted"]["verdict"], "looked at" in checks["accepted"]["detail"]) == (
        "warning",
        True,
    )
    assert (checks["missing"]["verdict"], "There is no bucket" in checks["missing"]["detail"]) == (
        "broken",
        True,
    )
    assert (checks["bad"]["verdict"], "MEDIAVAULT_VAULT_URL" in checks["bad"]["detail"]) == (
        "broken",
        True,
    )


def library_check(root: Path, url: str) -> dict[str, str]:
    env = {**os.environ, "MEDIAVAULT_VAULT_URL": url, "MEDIAVAULT_STATE_DIR": str(root / "state"),
           "MEDIAVAULT_DOWNLOAD_DIR": str(root / "downloads")}  # fmt: skip
    command = [sys.executable, "-m", "mediavault", "doctor", "--json"]
    output = subprocess.run(
        command, env=env, capture_output=True, timeout=patient(60), check=False
    ).stdout
    return next(check for check in json.loads(output)["checks"] if check["name"] == "Library")
