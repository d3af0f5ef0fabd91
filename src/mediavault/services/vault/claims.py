"""Which attempt may write a name of an object library: a small object that only one can put.

An upload in parts replaces whatever stands under its name when it ends: obstore cannot make its last request say "only if
nothing is there". So a name is claimed first, by a small request that does say so; looked at after that; and let go once
the file stands. Who comes later either meets the claim or sees the file.

A claim that a crash left names its job and the file's hash: the job's next attempt goes on under it, others pass on to
the next name.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from mediavault.core.failures import NoSpace, StorageFailure
from mediavault.services.vault.bucket import Bucket
from mediavault.services.vault.sidecars import parse_sidecar

CLAIMS_FOLDER = ".claims"
_CLAIM_LIMIT_BYTES = 4096


class Claims:
    """The claims on names of one bucket."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    async def is_claimed(self, key: str) -> bool:
        return await self._bucket.look(_claim_of(key)) is not None

    @asynccontextmanager
    async def claimed(self, key: str, *, job: str, sha256: str) -> AsyncIterator[bool]:
        """Whether the name is ours while the block runs; it is let go afterwards, whatever happened."""
        ours = await self._take(key, {"job": job, "sha256": sha256})
        try:
            yield ours
        finally:
            if ours:
                await self.let_go(key)

    async def let_go(self, key: str) -> None:
        """What cannot be let go now stays its job's claim."""
        with contextlib.suppress(StorageFailure, NoSpace):
            await self._bucket.remove(_claim_of(key))

    async def _take(self, key: str, claim: dict[str, str]) -> bool:
        claim_key, body = _claim_of(key), json.dumps(claim, sort_keys=True).encode()
        try:
            if await self._bucket.create(claim_key, body, "application/json", {}):
                return True
        except StorageFailure:
            if await self._holder(claim_key) != claim:  # its answer may have been lost
                raise
            return True
        return await self._holder(claim_key) == claim

    async def _holder(self, claim_key: str) -> object:
        found = await self._bucket.read(claim_key, 0, _CLAIM_LIMIT_BYTES, etag="")
        return None if found is None else parse_sidecar(found)


def _claim_of(key: str) -> str:
    return f"{CLAIMS_FOLDER}/{key}.json"
