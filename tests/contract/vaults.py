"""The libraries that the contract is run against. To add one, add an entry to ``VAULTS``.

``MEDIAVAULT_TEST_VAULT_URL`` names an additional bucket to run it against: an emulator's, or one of
your own. Each test works in a new folder of that bucket and leaves it behind.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from obstore.store import MemoryStore

from mediavault.library.bucket import Bucket, BucketRetries, open_bucket
from mediavault.library.bucket_address import BucketAddress, Provider, parse_bucket_address
from mediavault.library.bucket_library import BucketLibrary
from mediavault.library.local_library import LocalLibrary
from mediavault.library.port import Library
from tests.servers import s3

NAMED_BY = "MEDIAVAULT_TEST_VAULT_URL"
QUICK = BucketRetries(
    connect_s=30, stall_s=30, request_s=120, retries=3, first_wait_s=0.02, retry_within_s=30
)


@dataclass(frozen=True, slots=True)
class Subject:
    """A library, and a function by which another program puts a file into it: any path,
    including hidden ones.
    """

    vault: Library
    put: Callable[[str, bytes], Awaitable[None]]


def local(folder: Path) -> Subject:
    async def put(relative: str, body: bytes) -> None:
        path = folder / "library" / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)

    return Subject(LocalLibrary(folder / "library"), put)


def in_bucket(bucket: Bucket, folder: Path) -> Subject:
    async def put(relative: str, body: bytes) -> None:
        await bucket.put(relative, body, "application/octet-stream", {})

    return Subject(BucketLibrary(bucket, folder / "staging"), put)


def s3_vault(folder: Path) -> Subject:
    return in_bucket(open_bucket(parse_bucket_address(s3.new_bucket()), QUICK), folder)


def memory_vault(folder: Path) -> Subject:
    """obstore's own in-memory store: unlike S3, it reports when a deleted object did not exist."""
    store = MemoryStore()
    return in_bucket(Bucket(BucketAddress(Provider.GOOGLE, "memory"), store, store), folder)


def named_vault(folder: Path) -> Subject:
    address = parse_bucket_address(os.environ[NAMED_BY])
    mine = "/".join(filter(None, (address.prefix, uuid.uuid4().hex)))
    return in_bucket(open_bucket(replace(address, prefix=mine), QUICK), folder)


VAULTS: Mapping[str, Callable[[Path], Subject]] = {
    "local": local,
    "objects-in-memory": memory_vault,
    "s3": s3_vault,
    **({"named": named_vault} if os.environ.get(NAMED_BY) else {}),
}
