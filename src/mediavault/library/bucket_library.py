"""The library in a bucket: S3, Google Cloud Storage, Azure, and compatible servers.
Staging stays on this machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import mimetypes
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from mediavault.core.companions import SIDECAR_SUFFIX, sibling
from mediavault.core.failures import NoSpace, StorageFailure
from mediavault.core.logs import get_logger
from mediavault.core.messages import Message
from mediavault.library import disk, layout
from mediavault.library.bucket import Bucket, ObjectFacts
from mediavault.library.disk import Digest, is_inside
from mediavault.library.layout import MARKER, names_in_turn, no_free_name
from mediavault.library.port import FoundFile, OpenedFile
from mediavault.library.sidecars import SIDECAR_LIMIT_BYTES, parse_sidecar
from mediavault.library.staging import Staging

log = get_logger(__name__)


class BucketLibrary:
    """A ``Library`` in ``bucket``; attempts work below ``staging_root``,
    a folder of this machine.
    """

    def __init__(self, bucket: Bucket, staging_root: Path) -> None:
        self._bucket = bucket
        self._claims = NameClaims(bucket)
        self._expected: str | None = None
        self._in_doubt = False  # after an error another bucket may answer at this address
        self.staging = Staging(staging_root)

    async def prepare(self) -> None:
        await self.staging.prepare()
        await self._prove()

    # --- which library it is ----------------------------------------------------------------------

    async def identity(self) -> str | None:
        marker = await self._bucket.head(MARKER)
        text = marker and await self._bucket.read(
            MARKER, 0, min(marker.size, 100), etag=marker.etag
        )
        return (
            layout.id_in(
                text,
                Message("%(marker)s in %(address)s", marker=MARKER, address=self._bucket.address),
            )
            if text
            else None
        )

    async def write_identity(self, identity: str) -> None:
        await self._bucket.create(MARKER, f"{identity}\n".encode(), "text/plain", {})

    async def require_identity(self, identity: str) -> None:
        self._expected, self._in_doubt = identity, True
        carried = await self.identity()
        if carried != identity:
            advice = Message(
                (
                    "Name its bucket in MEDIAVAULT_VAULT_URL. If this is the library all the same,"
                    " put"
                    " %(identity)s into %(marker)s."
                ),
                identity=identity,
                marker=MARKER,
            )
            raise layout.not_there(str(self._bucket.address), carried, advice)
        self._in_doubt = False

    async def check_identity(self) -> None:
        """Make no request except after an error: a bucket that returns may be another one,
        or a new empty one.
        """
        if self._in_doubt and self._expected is not None:
            await self.require_identity(self._expected)

    @contextlib.asynccontextmanager
    async def _confirmed(self) -> AsyncIterator[None]:
        """Confirm the library before the block, which changes it; doubt it after an error."""
        await self.check_identity()
        try:
            yield
        except StorageFailure:
            self._in_doubt = True
            raise

    # --- saving -----------------------------------------------------------------------------------

    async def free_name(self, folder: str, stem: str, suffix: str) -> str:
        async with self._confirmed():
            for relative in names_in_turn(folder, stem, suffix):
                key = _must_be_key(relative)
                if await self._is_free(key):
                    return relative
        raise no_free_name(folder, stem)

    async def _is_free(self, key: str) -> bool:
        """Return whether the name is free. Every video has a sidecar,
        which a video of another container would share.
        """
        for name in (key, sibling(key, SIDECAR_SUFFIX)):
            if await self._bucket.head(name) is not None:
                return False
        return not await self._claims.is_claimed(key)

    async def place(self, staged: Path, relative: str) -> bool:
        job = self.staging.job_of(staged) or uuid.uuid4().hex
        async with self._confirmed():
            return await place(self._bucket, self._claims, staged, _must_be_key(relative), job=job)

    async def place_json(self, value: Mapping[str, Any], relative: str, *, via: Path) -> None:  # noqa: ARG002 - one request
        async with self._confirmed():
            await self._bucket.put(
                _must_be_key(relative), disk.json_bytes(value), "application/json", {}
            )

    async def place_bytes(
        self,
        body: bytes,
        relative: str,
        *,
        via: Path,  # noqa: ARG002 - one request
        unless: Sequence[str] = (),
    ) -> bool:
        kind = mimetypes.guess_type(relative)[0] or "application/octet-stream"
        async with self._confirmed():
            for name in unless:
                if await self._bucket.head(_must_be_key(name)) is not None:
                    return False
            return await self._bucket.create(_must_be_key(relative), body, kind, {})

    async def holds(self, relative: str, *, size: int, sha256: str) -> bool:
        """Compare with the hash that was recorded at the upload,
        which the storage took whole or not at all.
        """
        key = _key(relative)
        async with self._confirmed():
            facts = None if key is None else await self._bucket.head(key)
        if key is None or facts is None or facts.size != size:
            return False
        recorded = facts.record.get(SHA256)
        if recorded is None:  # not one of our uploads
            digest = await self.digest(relative)
            recorded = digest.sha256 if digest else None
        if recorded != sha256:
            return False
        await self._claims.release(key)  # left by the crash that this call recovers from
        return True

    def trash_path(self, job_id: str, relative: str) -> str:  # noqa: ARG002 - it stays where it is
        return relative

    async def move(self, source: str, target: str) -> bool:
        if source != target:
            raise StorageFailure("Files in a bucket are not moved.")
        key = _key(source)
        return key is not None and await self._bucket.head(key) is not None

    async def trashed(self) -> AsyncIterator[FoundFile]:
        """Yield nothing: deleted jobs' files stay where they are."""
        nothing: tuple[FoundFile, ...] = ()
        for file in nothing:
            yield file

    async def remove(self, *relatives: str) -> None:
        async with self._confirmed():
            for key in map(_key, relatives):
                if key is not None:
                    await self._bucket.remove(key)

    async def tidy(self, folder: str) -> None:
        """Leave them: listing a folder for each post costs more than they do."""

    # --- reading ----------------------------------------------------------------------------------

    async def open(self, relative: str) -> OpenedFile | None:
        key = _key(relative)
        facts = None if key is None else await self._bucket.head(key)
        return (
            None
            if key is None or facts is None
            else ObjectFile(self._bucket, key, facts.size, facts.etag)
        )

    async def local_path(self, relative: str, *, into: Path) -> Path | None:
        path = into / f"from-library{PurePosixPath(relative).suffix}"
        pieces = await self._stream(relative)
        if pieces is None:
            return None
        with disk.translate_errors(path.parent), path.open("wb") as file:
            async for piece in pieces:
                await asyncio.to_thread(file.write, piece)
        return path

    async def walk(self) -> AsyncIterator[FoundFile]:
        """Yield the files in the order of their names' bytes."""
        async for key, size in self._bucket.walk():
            if not any(part.startswith(".") for part in key.split("/")):
                yield FoundFile(key, size)

    async def digest(self, relative: str) -> Digest | None:
        pieces = await self._stream(relative)
        if pieces is None:
            return None
        size, digest = 0, hashlib.sha256()
        async for piece in pieces:
            size += len(piece)
            await asyncio.to_thread(digest.update, piece)
        return Digest(size, digest.hexdigest())

    async def read_json(self, relative: str) -> Mapping[str, Any] | None:
        key = _key(relative)
        facts = None if key is None else await self._bucket.head(key)
        if key is None or facts is None or not 0 < facts.size <= SIDECAR_LIMIT_BYTES:
            return None
        text = await self._bucket.read(key, 0, facts.size, etag=facts.etag)
        return None if text is None else parse_sidecar(text)

    async def _stream(self, relative: str) -> AsyncIterator[bytes] | None:
        key = _key(relative)
        return None if key is None else await self._bucket.stream(key)

    # --- checked when a process starts ------------------------------------------------------------

    async def _prove(self) -> None:
        """Prove that files can be saved: look, put, put again, remove. "If-None-Match:
        *" must be respected.
        """
        key = f".probe-{uuid.uuid4().hex}"
        # without the right to list, S3 answers "forbidden" for a missing object
        await self._bucket.head(key)
        try:
            await self._bucket.create(key, b"mediavault", "text/plain", {})
            replaced = await self._bucket.create(key, b"mediavault, again", "text/plain", {})
        finally:
            with contextlib.suppress(StorageFailure):
                await self._bucket.remove(key)
        if replaced:
            raise StorageFailure(
                Message(
                    "%(address)s replaces objects although asked not to (If-None-Match: *).",
                    address=self._bucket.address,
                ),
                help=(
                    "Upgrade that server. Or add create=check to MEDIAVAULT_VAULT_URL: then workers"
                    " look before they write, which two that write the same name in the same moment"
                    " can get past."
                ),
            )
        if self._bucket.address.checks_first:
            log.warning("library_checks_before_it_writes", library=str(self._bucket.address))


def _key(relative: str) -> str | None:
    """Return the object's key; None for a path outside of the library or a hidden one."""
    if not is_inside(relative):
        return None
    parts = PurePosixPath(relative).parts
    return None if parts[0].startswith(".") else "/".join(parts)


def _must_be_key(relative: str) -> str:
    key = _key(relative)
    if key is None:
        raise StorageFailure(
            Message("%(relative)s is not a path in a library.", relative=f"{relative!r}")
        )
    return key


# --- reading an object in pieces ------------------------------------------------------------------

FIRST_PIECE = 512 << 10  # a player often requests a whole file and reads its beginning
LARGEST_PIECE = 4 << 20
HANDED_OUT = 256 << 10


@dataclass(slots=True)
class ObjectFile:
    """One version of an object, read in pieces; the next is fetched while the last is used.
    Versions are never mixed.
    """

    bucket: Bucket
    key: str
    size: int
    etag: str
    _ahead: asyncio.Task[bytes | None] | None = None

    @property
    def version(self) -> str:
        return (
            "".join(letter for letter in self.etag if letter.isalnum() or letter in "-_")
            or f"{self.size:x}"
        )

    async def chunks(self, start: int, end: int) -> AsyncIterator[bytes]:
        spans = spans_of(start, min(end, self.size))
        self._fetch(next(spans, None))
        while self._ahead is not None:
            piece = await self._ahead
            if piece is None:
                return
            self._fetch(next(spans, None))
            for at in range(0, len(piece), HANDED_OUT):
                yield piece[at : at + HANDED_OUT]

    async def close(self) -> None:
        """Cancel the piece that is being fetched."""
        if self._ahead is not None:
            self._ahead.cancel()
            await asyncio.gather(self._ahead, return_exceptions=True)
            self._ahead = None

    def _fetch(self, span: tuple[int, int] | None) -> None:
        self._ahead = None
        if span is not None:
            self._ahead = asyncio.ensure_future(self.bucket.read(self.key, *span, etag=self.etag))


def spans_of(start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the spans from ``start`` to ``end``, each twice as long as the one before,
    up to 4 MiB.
    """
    length = FIRST_PIECE
    while start < end:
        stop = min(start + length, end)
        yield start, stop
        start, length = stop, min(length * 2, LARGEST_PIECE)


# --- placing --------------------------------------------------------------------------------------
# Puts a sealed file into a bucket: once, whole, without replacing anything.
#
# An upload in parts replaces any object of its name when it ends: obstore cannot send
# "If-None-Match: *" with its last request. So the name is claimed first, by a small object put with
# that condition; then checked; and released once the file is there. A second process finds either
# the claim or the file.
#
# A claim left by a crash names its job and the file's hash: the job's next attempt continues under
# it, others take the next name.

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
