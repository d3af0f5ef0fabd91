"""How a library handles an object storage that refuses, is busy, disconnects,
loses answers or lies.
"""

from __future__ import annotations

import asyncio
import hashlib
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mediavault.core.failures import MediavaultError, NoSpace, StorageFailure
from mediavault.library import disk
from mediavault.library.bucket import Bucket, open_bucket
from mediavault.library.bucket_address import parse_bucket_address
from mediavault.library.bucket_library import BucketLibrary
from mediavault.library.disk import Digest
from mediavault.library.layout import MARKER
from tests.contract.vaults import QUICK
from tests.servers import s3
from tests.servers.s3_faults import Answer, Cut, FaultyS3, faulty_s3

SMALL, LARGE = b"small" * 3000, b"large" * (4 << 20)  # 20 MiB: three parts
NAME = "jane/a clip.mp4"


class Rig:
    def __init__(self, faulty: FaultyS3, folder: Path) -> None:
        self.s3, self.direct = faulty, s3.new_bucket()
        self.bucket = open_bucket(parse_bucket_address(faulty.address(self.direct)), QUICK)
        self.library = BucketLibrary(self.bucket, folder / "staging")

    async def keep(self, body: bytes, name: str = NAME, *, job: str = "job") -> bool:
        async with self.library.staging.folder(job, 1) as folder:
            path = folder / "media.part"
            path.write_bytes(body)
            return await self.library.place(path, name)

    async def is_stored(self, body: bytes) -> bool:
        self.s3.rule = lambda method, target: None
        return await self.library.holds(
            NAME, size=len(body), sha256=hashlib.sha256(body).hexdigest()
        )

    async def leftovers(self) -> list[str]:
        """Return the claims and parts that nothing will ever remove."""
        self.s3.rule = lambda method, target: None
        parts = ["parts"] * s3.unfinished_uploads(self.direct)
        return parts + [key async for key, _ in self.bucket.walk() if key.startswith(".")]


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with faulty_s3() as faulty:
        rig = Rig(faulty, tmp_path)
        await rig.library.prepare()
        faulty.seen.clear()
        yield rig


REFUSALS: dict[str, tuple[Answer | Cut, type[MediavaultError], str, str]] = {
    "forbidden": (Answer(403, "AccessDenied"), StorageFailure, (
        "refuses this vault's credentials (AccessDenied)"
    ), "AWS_ACCESS_KEY_ID"),
    "unknown key": (Answer(403, "InvalidAccessKeyId"), StorageFailure, "(InvalidAccessKeyId)",
                    "list the bucket"),
    "unauthorized": (Answer(401), StorageFailure, "refuses this vault's credentials",
                     "AWS_SECRET_ACCESS_KEY"),
    "skewed": (Answer(403, "RequestTimeTooSkewed"), StorageFailure, "clock wrong", "NTP"),
    "no bucket": (Answer(404, "NoSuchBucket"), StorageFailure, "There is no bucket",
                  "MEDIAVAULT_VAULT_URL"),
    "no words": (Answer(404), StorageFailure, "no such bucket or object", "exists"),
    "elsewhere": (Answer(301, "PermanentRedirect"), StorageFailure, "another region", "?region="),
    "slow down": (Answer(503, "SlowDown"), StorageFailure, "asks us to slow down",
                  "Retrying automatically"),
    "too many": (Answer(429, "TooManyRequests"), StorageFailure, "asks us to slow down",
                 "Retrying automatically"),
    "broken": (Answer(500, "InternalError"), StorageFailure, "answered 500 (InternalError)",
               "Retrying automatically"),
    "full": (Answer(507, "XMinioStorageFull"), NoSpace, "no room left", "quota"),
    "cut": (Cut(), StorageFailure, "cannot be reached", "network"),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(REFUSALS))
async def test_a_refusal_says_what_happened_and_what_helps(rig: Rig, name: str) -> None:
    fault, kind, says, helps = REFUSALS[name]
    rig.s3.rule = lambda method, target: fault if method == "PUT" else None
    with pytest.raises(kind) as caught:
        await rig.keep(SMALL)

    assert isinstance(caught.value, MediavaultError)
    assert says in caught.value.message
    assert helps in caught.value.help
    assert not await rig.is_stored(SMALL)
    assert await rig.leftovers() == []


async def test_an_unreachable_endpoint_is_reported_at_the_start(tmp_path: Path) -> None:
    address = parse_bucket_address("s3://vault?endpoint=http://127.0.0.1:9&region=us-east-1")
    with pytest.raises(StorageFailure, match="cannot be reached"):
        await BucketLibrary(open_bucket(address, QUICK), tmp_path).prepare()


async def test_a_missing_bucket_is_reported_at_the_start(tmp_path: Path) -> None:
    address = parse_bucket_address(f"s3://missing-bucket?endpoint={s3.endpoint()}&region=us-east-1")
    with pytest.raises(StorageFailure, match="There is no bucket 'missing-bucket'"):
        await BucketLibrary(open_bucket(address, QUICK), tmp_path).prepare()


@pytest.mark.parametrize("fault", [Answer(500, "InternalError"), Answer(503, "SlowDown")])
@pytest.mark.parametrize(
    ("method", "having"),
    [("PUT", "partNumber"), ("POST", "uploads"), ("POST", "uploadId"), ("PUT", ".claims")],
)
async def test_a_request_to_a_briefly_busy_storage_is_retried(
    rig: Rig, fault: Answer, method: str, having: str
) -> None:
    rig.s3.times(fault, 2, method=method, having=having)

    assert await rig.keep(LARGE)
    assert await rig.is_stored(LARGE)
    assert await rig.leftovers() == []


@pytest.mark.parametrize("body", [SMALL, LARGE], ids=["one request", "in parts"])
@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE", "HEAD"])
async def test_the_outcome_of_any_lost_answer_is_looked_up(
    rig: Rig, body: bytes, method: str
) -> None:
    """Each kind of request in turn reaches the storage, and its answer is lost,
    three times in a row.
    """
    rig.s3.times(Cut("after"), 3, method=method)
    try:
        placed = await rig.keep(body)
    except StorageFailure:
        assert not await rig.is_stored(body)
        rig.s3.rule = lambda method, target: None
        placed = await rig.keep(body)

    assert placed
    assert await rig.is_stored(body)


@pytest.mark.parametrize("body", [SMALL, LARGE], ids=["one request", "in parts"])
async def test_a_lost_answer_to_the_last_request_is_not_a_failure(rig: Rig, body: bytes) -> None:
    last = ("POST", "uploadId") if body is LARGE else ("PUT", "a%20clip.mp4")
    lost = []

    def rule(method: str, target: str) -> Cut | None:
        if (method, last[1] in target) == (last[0], True) and ".claims" not in target:
            lost.append(target)
            return Cut("after")
        return None

    rig.s3.rule = rule

    assert await rig.keep(body)
    assert lost
    assert await rig.is_stored(body)
    assert await rig.leftovers() == []


async def test_a_cancelled_upload_leaves_no_parts_no_claim_and_no_file(rig: Rig) -> None:
    task = asyncio.create_task(rig.keep(b"large" * (16 << 20)))
    while not any("partNumber" in target for _, target in rig.s3.seen):
        await asyncio.sleep(0.005)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert [file async for file in rig.library.walk()] == []
    assert await rig.leftovers() == []


async def test_a_file_that_changes_during_the_upload_is_never_completed(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with a disk that returns wrong data."""
    digest = disk.digest

    def flipped(path: Path) -> Digest:
        before, content = digest(path), bytearray(path.read_bytes())
        content[-5] ^= 1
        path.write_bytes(content)
        return before

    monkeypatch.setattr(disk, "digest", flipped)
    for body in (SMALL, LARGE):
        with pytest.raises(StorageFailure, match="changed while it was sent"):
            await rig.keep(body)

    assert [file async for file in rig.library.walk()] == []
    assert await rig.leftovers() == []


async def test_another_program_that_puts_a_file_during_our_upload_keeps_the_name(rig: Rig) -> None:
    """The other program knows nothing about claims."""
    other = open_bucket(parse_bucket_address(rig.direct), QUICK)
    put = asyncio.Event()

    async def put_when_the_first_part_is_sent() -> None:
        while not any("partNumber" in target for _, target in rig.s3.seen):
            await asyncio.sleep(0.005)
        await other.put(NAME, b"theirs", "video/mp4", {})
        put.set()

    putting = asyncio.create_task(put_when_the_first_part_is_sent())
    placed = await rig.keep(b"large" * (16 << 20))
    await putting

    assert put.is_set()
    assert not placed
    assert await other.read(NAME, 0, 100, etag="") == b"theirs"
    assert await rig.leftovers() == []


async def test_another_program_that_puts_a_file_just_before_us_keeps_the_name_even_at_the_same_size(
    rig: Rig,
) -> None:
    theirs = b"x" * len(SMALL)
    put_there = (
        f"{s3.endpoint()}/{rig.direct.removeprefix('s3://').partition('?')[0]}/jane/a%20clip.mp4"
    )

    def rule(method: str, target: str) -> None:
        if method == "PUT" and target.endswith("library/jane/a%20clip.mp4"):
            headers = {"Content-Type": "video/mp4"}
            urllib.request.urlopen(
                urllib.request.Request(put_there, theirs, headers, method="PUT")
            ).close()

    rig.s3.rule = rule

    assert not await rig.keep(SMALL)
    assert await rig.bucket.read(NAME, 0, 1 << 20, etag="") == theirs


async def test_a_name_that_is_taken_costs_no_upload(rig: Rig) -> None:
    await rig.bucket.put(NAME, b"theirs", "video/mp4", {})

    assert not await rig.keep(LARGE)
    assert not any("partNumber" in target for _, target in rig.s3.seen)


async def test_a_claim_left_by_a_crash_belongs_to_its_job_alone(rig: Rig) -> None:
    sha256 = hashlib.sha256(SMALL).hexdigest()
    claim = f'{{"job": "crashed", "sha256": "{sha256}"}}'.encode()
    await rig.bucket.put(f".claims/{NAME}.json", claim, "application/json", {})

    assert await rig.library.free_name("jane", "a clip", ".mp4") == "jane/a clip (2).mp4"
    assert not await rig.keep(SMALL, job="another")
    assert await rig.keep(SMALL, job="crashed")
    assert await rig.leftovers() == []


async def test_an_endpoint_that_replaces_files_is_refused_unless_that_is_accepted(
    rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """s3rver and older servers do this: they ignore If-None-Match."""
    create = Bucket.create

    async def heedless(self: Bucket, key: str, *rest: object) -> bool:
        if self.address.checks_first:
            return await create(self, key, *rest)  # type: ignore[arg-type]
        await self.put(key, *rest)  # type: ignore[arg-type]
        return True

    monkeypatch.setattr(Bucket, "create", heedless)
    with pytest.raises(StorageFailure, match="replaces objects") as caught:
        await rig.library.prepare()
    assert "create=check" in caught.value.help
    accepting = BucketLibrary(
        open_bucket(parse_bucket_address(f"{rig.direct}&create=check"), QUICK), tmp_path / "other"
    )
    await accepting.prepare()
    async with accepting.staging.folder("job", 1) as folder:
        for expected in (True, False):
            (folder / "media.part").write_bytes(SMALL)
            assert await accepting.place(folder / "media.part", NAME) is expected


async def test_an_unreachable_library_does_not_count_as_one_without_the_file(rig: Rig) -> None:
    assert await rig.keep(SMALL)
    rig.s3.rule = lambda method, target: Answer(503, "SlowDown")

    with pytest.raises(StorageFailure, match="slow down"):
        await rig.library.holds(NAME, size=len(SMALL), sha256=hashlib.sha256(SMALL).hexdigest())
    with pytest.raises(StorageFailure, match="slow down"):
        await rig.library.open(NAME)


async def test_reading_resumes_when_a_connection_breaks_in_the_middle(rig: Rig) -> None:
    assert await rig.keep(LARGE)
    rig.s3.times(Cut("within"), 3, method="GET")
    file = await rig.library.open(NAME)
    assert file is not None
    body = b"".join([chunk async for chunk in file.chunks(0, file.size)])
    await file.close()
    rig.s3.times(Cut("within"), 2, method="GET")
    digest = await rig.library.digest(NAME)

    assert body == LARGE
    assert digest is not None
    assert digest.sha256 == hashlib.sha256(LARGE).hexdigest()


async def test_two_versions_of_a_file_are_never_mixed(rig: Rig) -> None:
    assert await rig.keep(LARGE)
    file = await rig.library.open(NAME)
    assert file is not None
    got = b""
    async for chunk in file.chunks(0, file.size):
        if not got:
            await rig.bucket.put(NAME, b"X" * len(LARGE), "video/mp4", {})
        got += chunk
    await file.close()

    assert len(got) < len(LARGE)
    assert LARGE.startswith(got)


async def test_a_reader_that_stops_ends_the_requests_in_progress(rig: Rig) -> None:
    assert await rig.keep(LARGE)
    rig.s3.seen.clear()
    file = await rig.library.open(NAME)
    assert file is not None
    async for _ in file.chunks(0, file.size):
        break
    await file.close()

    assert len([method for method, _ in rig.s3.seen if method == "GET"]) <= 2


# --- which bucket it is ---------------------------------------------------------------------------


async def test_after_an_error_nothing_is_written_before_the_bucket_is_known_to_be_the_same(
    rig: Rig,
) -> None:
    """An address may lead to another bucket when it answers again;
    without an error this is not checked.
    """
    await rig.library.write_identity("first-library")
    await rig.library.require_identity("first-library")
    rig.s3.seen.clear()
    await rig.keep(SMALL)
    unneeded_checks = [seen for seen in rig.s3.seen if MARKER in str(seen)]
    rig.s3.rule = lambda method, target: Answer(403, "AccessDenied") if method == "PUT" else None
    with pytest.raises(StorageFailure, match="credentials"):
        await rig.keep(SMALL, "jane/2.mp4")
    rig.s3.rule = lambda method, target: None
    await rig.bucket.put(MARKER, b"other-library\n", "text/plain", {})

    for wrong in (
        rig.library.check_identity(),
        rig.keep(SMALL, "jane/2.mp4"),
        rig.library.remove(NAME),
    ):
        with pytest.raises(StorageFailure, match="another library"):
            await wrong
    paths = [file.path async for file in rig.library.walk()]
    await rig.bucket.put(MARKER, b"first-library\n", "text/plain", {})
    placed = await rig.keep(SMALL, "jane/2.mp4")

    assert unneeded_checks == []
    assert paths == [NAME]
    assert placed
