"""What users do with shared links: share a video, see what they shared, and revoke it. And what a
link opens for others.

A link is made by a user, with an end, a password where wanted, and can be revoked. Only the digest
of its key is stored. The key follows from the link's id and a key in the state folder, so that its
maker sees the same link again.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from mediavault.auth.derived_keys import DerivedKeys
from mediavault.auth.errors import TooManyTries, WrongSecret
from mediavault.auth.grants import Grant, Grants
from mediavault.auth.keys import bound, same
from mediavault.auth.login_throttle import LoginThrottle
from mediavault.auth.passwords import PasswordHashes
from mediavault.core.clock import Clock
from mediavault.core.failures import BadInput, JobNotFound, NotFound
from mediavault.core.job import Job, JobId, saved_files
from mediavault.core.media import SavedFile
from mediavault.core.messages import Message
from mediavault.core.records import RecordKind
from mediavault.core.users import OWNER
from mediavault.presentation.views import title
from mediavault.store.bulk import existing_jobs
from mediavault.store.port import Store

KEY_FILE = "links.key"
LIFE = timedelta(days=7)  # of a link whose maker has not said anything else
MOST = 500  # links of a vault
MAX_PASSWORD_CHARS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedLink(Grant):
    """A link's record. It shows the video number ``item`` of the post."""

    kind = RecordKind.SHARED_LINK

    job_id: JobId
    item: int
    password: str | None  # its hash
    uid: str = ""  # its key follows from it; those of older versions have random keys


@dataclass(frozen=True, slots=True)
class Shared:
    """What a link shows."""

    link: SharedLink
    job: Job
    saved: SavedFile
    is_unlocked: bool  # else only its password is asked for


class SharedLinks(Grants[SharedLink]):
    of = SharedLink

    def __init__(
        self,
        store: Store,
        clock: Clock,
        state_dir: Path,
        *,
        on_ended: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(store.records, clock, on_ended=on_ended)
        self._keys = DerivedKeys(state_dir / KEY_FILE)
        self._catalogue = store.catalogue
        self._hashes = PasswordHashes()
        self._tries = LoginThrottle(clock)

    async def add(
        self,
        job: Job,
        item: int,
        *,
        lives: timedelta | None = None,
        password: str = "",
        user: str = OWNER,
    ) -> tuple[str, SharedLink]:
        """Create a link to a video of the post; return its key and its record.
        Raises BadInput, StorageFailure.
        """
        if item not in saved_files(job):
            raise BadInput("There is no such video in this post.", help="Load the page again.")
        if len(await self.all()) >= MOST:
            raise BadInput(
                Message("There are already %(most)s shared links.", most=MOST),
                help="Revoke some of them.",
            )
        hashed = await self.hashed(password)
        uid = str(uuid.uuid4())
        key = await self._keys.make(uid)
        return key, await self._add(
            key, lives=lives, job_id=job.id, item=item, password=hashed, uid=uid, user=user
        )

    async def own(self, job: Job, item: int, user: str) -> tuple[str, SharedLink]:
        """Return the key and the record of the user's newest link to this video; where there is
        none, or none whose key this machine has, make one. Raises as ``add``.
        """
        now = self._clock.now()
        for link in await self.all(user):
            is_over = link.expires_at is not None and link.expires_at <= now
            if is_over or not link.uid or (link.job_id, link.item) != (job.id, item):
                continue
            if item in saved_files(job) and (key := await self._keys.of(link.uid, link.key)):
                return key, link
        return await self.add(job, item, lives=LIFE, user=user)

    async def last(self, link: SharedLink, lives: timedelta | None) -> SharedLink:
        """Let a link work for this long from now, or until it is revoked; return its record.
        Raises NotFound.
        """
        expires_at = None if lives is None else self._clock.now() + lives
        return await self._change(link, replace(link, expires_at=expires_at))

    async def lock(self, link: SharedLink, hashed: str | None) -> SharedLink:
        """Give a link the password with this hash, or none; return its record. Raises NotFound."""
        return await self._change(link, replace(link, password=hashed))

    async def hashed(self, password: str) -> str | None:
        """Return what is stored of a link's password; None of "". Raises BadInput."""
        if len(password) > MAX_PASSWORD_CHARS:
            raise BadInput(
                Message("A password can have at most %(most)s characters.", most=MAX_PASSWORD_CHARS)
            )
        return await self._hashes.make(password) if password else None

    async def titled(self, user: str | None) -> list[tuple[SharedLink, str]]:
        """Return the user's links, or those of all, with their posts' titles;
        of a lost post its id.
        """
        links = await self.all(user)
        jobs = existing_jobs(self._catalogue, {link.job_id for link in links})
        titles = {job.id: title(job) async for job in jobs}
        return [(link, titles.get(link.job_id, link.job_id)) for link in links]

    async def shown(self, key: str, proof: str) -> Shared:
        """Return what the link with this key shows, to someone with a ``proof`` of its password.

        Raises NotFound, with the same words whatever is missing.
        """
        link = await self.find(key)
        try:
            job = None if link is None else await self._catalogue.get(link.job_id)
        except JobNotFound:
            job = None
        saved = None if job is None or link is None else saved_files(job).get(link.item)
        if link is None or job is None or saved is None:
            raise NotFound("This link has expired.", help="Ask for a new one.")
        is_unlocked = link.password is None or same(proof, bound(key, link.password))
        return Shared(link, job, saved, is_unlocked)

    async def unlock(self, link: SharedLink, key: str, password: str, address: str) -> str:
        """Return what proves to :meth:`shown` that this password opened the link. ``address``: the
        client's.

        Raises WrongSecret, TooManyTries.
        """
        if (wait_s := self._tries.begin(address, link.key)) is not None:
            raise TooManyTries(wait_s)
        if link.password is None or not await self._hashes.holds(
            link.password, password[: MAX_PASSWORD_CHARS + 1]
        ):
            raise WrongSecret("Wrong password.")
        self._tries.succeeded(address, link.key)
        return bound(key, link.password)
