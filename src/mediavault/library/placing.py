"""Puts a sealed file into a bucket: once, whole, without replacing anything.

An upload in parts replaces any object of its name when it ends: obstore cannot send "If-None-Match:
*" with its last request. So the name is claimed first, by a small object put with that condition;
then checked; and released once the file is there. A second process finds either the claim or the
file.

A claim left by a crash names its job and the file's hash: the job's next attempt continues under
it, others take the next name.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import mimetypes
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from mediavault.core.failures import NoSpace, StorageFailure
from mediavault.core.messages import Message
from mediavault.library import disk
from mediavault.library.bucket import Bucket, ObjectFacts
from mediavault.library.disk import Digest
from mediavault.library.sidecars import parse_sidecar

CLAIMS_FOLDER = ".claims"
_CLAIM_LIMIT_BYTES = 4096


class NameClaims:
    """The claims on names in one bucket."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    async def is_claimed(self, key: str) -> bool:
        return await self._bucket.head(_claim_of(key)) is not None

    @asynccontextmanager
    async def claimed(self, key: str, *, job: str, sha256: str) -> AsyncIterator[bool]:
        """Claim the name while the block runs; yields whether that succeeded.
        It is released afterwards in any case.
        """
        ours = await self._take(key, {"job": job, "sha256": sha256})
        try:
            yield ours
        finally:
            if ours:
                await self.release(key)

    async def release(self, key: str) -> None:
        """Release the name. A claim that cannot be removed now remains its job's."""
        with contextlib.suppress(StorageFailure, NoSpace):
            await self._bucket.remove(_claim_of(key))

    async def _take(self, key: str, claim: dict[str, str]) -> bool:
        claim_key, body = _claim_of(key), json.dumps(claim, sort_keys=True).encode()
        try:
            if await self._bucket.create(claim_key, body, "application/json", {}):
                return True
        except StorageFailure:
            if await self._holder(claim_key) != claim:  # the answer may have been lost
                raise
            return True
        return await self._holder(claim_key) == claim

    async def _holder(self, claim_key: str) -> object:
        body = await self._bucket.read(claim_key, 0, _CLAIM_LIMIT_BYTES, etag="")
        return None if body is None else parse_sidecar(body)


def _claim_of(key: str) -> str:
    return f"{CLAIMS_FOLDER}/{key}.json"


# --- sending a file -------------------------------------------------------------------------------

MIB = 1 << 20
SMALLEST_PART = 8 * MIB
MOST_PARTS = 9_000  # S3 takes 10,000 (docs: Amazon S3 multipart upload limits)
IN_FLIGHT_BYTES = 48 * MIB
MOST_AT_ONCE = 4
PIECE_BYTES = 2 * MIB
# Letters only: Azure accepts nothing else in such names, and proxies drop those with underscores.
SHA256, UPLOAD = "vaultsha256", "vaultupload"


@dataclass(frozen=True, slots=True)
class Sent:
    """A file that is being uploaded. ``upload`` distinguishes it from other uploads of the same
    bytes.
    """

    path: Path
    digest: Digest
    upload: str

    @property
    def record(self) -> Mapping[str, str]:
        return {SHA256: self.digest.sha256, UPLOAD: self.upload}


class _NameTaken(Exception):
    """Another program put a file under the name during our upload."""


async def place(bucket: Bucket, claims: NameClaims, staged: Path, key: str, *, job: str) -> bool:
    """Implement ``Library.place``; the staged file is removed once it is in the library."""
    with disk.translate_errors(staged.parent):
        digest = await asyncio.to_thread(disk.digest, staged)
    sent = Sent(staged, digest, uuid.uuid4().hex)
    async with claims.claimed(key, job=job, sha256=digest.sha256) as ours:
        if not ours or await bucket.head(key) is not None:
            return False
        placed = await _send_and_verify(bucket, sent, key)
    if placed:
        await asyncio.to_thread(staged.unlink, missing_ok=True)
    return placed


async def _send_and_verify(bucket: Bucket, sent: Sent, key: str) -> bool:
    """Upload the file; False when another program took the name.

    The outcome is read from the bucket: a response may be lost, and a server may confirm too early.
    """
    failure = None
    try:
        await _send(bucket, sent, key)
    except _NameTaken:
        return False
    except (StorageFailure, NoSpace) as exc:
        failure = exc
    try:
        stored = await bucket.head(key)
    except (StorageFailure, NoSpace) as exc:
        raise failure or exc from exc
    if is_ours(stored, sent):
        if stored is not None and stored.size == sent.digest.bytes:
            return True
        await bucket.remove(key)
        raise StorageFailure(
            Message(
                "%(address)s kept %(key)s with another length than was sent.",
                address=bucket.address,
                key=key,
            )
        )
    if failure is not None:
        raise failure
    if stored is None:
        raise StorageFailure(
            Message(
                "%(address)s took %(key)s and does not have it.", address=bucket.address, key=key
            )
        )
    return False


def is_ours(found: ObjectFacts | None, sent: Sent) -> bool:
    """Return whether this very upload made the object."""
    return found is not None and found.record.get(UPLOAD) == sent.upload


async def _send(bucket: Bucket, sent: Sent, key: str) -> None:
    kind = mimetypes.guess_type(key)[0] or "application/octet-stream"
    size = sent.digest.bytes
    if size <= SMALLEST_PART:
        with disk.translate_errors(sent.path.parent):
            body = await asyncio.to_thread(sent.path.read_bytes)
        _must_be_sealed(hashlib.sha256(body).hexdigest(), sent)
        await bucket.create(key, body, kind, sent.record)
        return
    part = part_bytes(size)
    pieces = _body(bucket, sent, key)
    await bucket.upload(key, pieces, kind, sent.record, part=part, at_once=parts_at_once(part))


async def _body(bucket: Bucket, sent: Sent, key: str) -> AsyncIterator[bytes]:
    """Yield the file's bytes. An error in here aborts the upload,
    so that only what was sealed is ever completed.
    """
    digest = hashlib.sha256()
    with disk.translate_errors(sent.path.parent), sent.path.open("rb") as file:
        while piece := await asyncio.to_thread(file.read, PIECE_BYTES):
            await asyncio.to_thread(digest.update, piece)
            yield piece
    _must_be_sealed(digest.hexdigest(), sent)
    # other programs, which know nothing of claims, may write there too
    if await bucket.head(key) is not None:
        raise _NameTaken


def _must_be_sealed(sha256: str, sent: Sent) -> None:
    if sha256 != sent.digest.sha256:
        raise StorageFailure(
            Message("%(path)s changed while it was sent.", path=sent.path.name),
            help="Check the disk that staging is on.",
        )


def part_bytes(size: int) -> int:
    """Return the smallest part size that the limit on their number allows, in whole MiB:
    a lost part is sent again.
    """
    least = -(-size // MOST_PARTS)
    return max(SMALLEST_PART, -(-least // MIB) * MIB)


def parts_at_once(part: int) -> int:
    """Return how many parts to send at once, so that at most a few dozen MiB are in flight."""
    return max(1, min(MOST_AT_ONCE, IN_FLIGHT_BYTES // part))
