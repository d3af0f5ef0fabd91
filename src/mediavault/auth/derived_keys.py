"""Keys that can be shown again: each follows from the id of its grant and a secret file in the
state folder.

The database and its backups still hold only digests, which open nothing. A machine without the file
serves the grants, and can't show their addresses.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import os
import secrets
from pathlib import Path

from mediavault.auth.keys import KEY_BYTES, digest_of, same
from mediavault.core.system_errors import translate_machine_errors


class DerivedKeys:
    """The keys of one kind of grants; ``path`` is its file, which is made when it is needed."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def make(self, uid: str) -> str:
        """Return the key for this id: 43 characters of base64url. Raises StorageFailure."""
        secret = await asyncio.to_thread(_secret_in, self._path)
        digest = hmac.new(secret, uid.encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")

    async def of(self, uid: str, digest: str) -> str | None:
        """Return the key for this id; None unless it has that digest: another file made it.
        Raises StorageFailure.
        """
        key = await self.make(uid)
        return key if same(digest_of(key), digest) else None


def _secret_in(path: Path) -> bytes:
    """Return the secret in this file, which is made if there is none. Raises StorageFailure."""
    with translate_machine_errors():
        if not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _make_secret(path)
        return path.read_bytes()


def _make_secret(path: Path) -> None:
    """Write a new secret. Of two processes that do so at once, one wins,
    and no one sees half a secret.
    """
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    except FileExistsError:
        return
    finally:
        draft.unlink()
