"""What users do with shared links: share a video, see what they shared, and revoke it. And what a
link opens for others.

A link is made by a user, with an end, a password where wanted, and can be revoked. Its key is
random and only its digest is stored, so it can be shown once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from mediavault.auth.errors import TooManyTries, WrongSecret
from mediavault.auth.grants import Grant, Grants
from mediavault.auth.keys import bound, new_key, same
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

MOST = 500  # links of a vault
MAX_PASSWORD_CHARS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedLink(Grant):
    """A link's record. It shows the video number ``item`` of the post."""

    kind = RecordKind.SHARED_LINK

    job_id: JobId
    item: int
    password: str | None  # its hash


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
        self, store: Store, clock: Clock, *, on_ended: Callable[[], None] = lambda: None
    ) -> None:
        super().__init__(store.records, clock, on_ended=on_ended)
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
        """Create a link to a video of the post; return its key, which is possible only now,
        and its record. Raises BadInput.
        """
        if item not in saved_files(job):
            raise BadInput("There is no such video in this post.", help="Load the page again.")
        if len(password) > MAX_PASSWORD_CHARS:
            raise BadInput(
                Message("A password can have at most %(most)s characters.", most=MAX_PASSWORD_CHARS)
            )
        if len(await self.all()) >= MOST:
            raise BadInput(
                Message("There are already %(most)s shared links.", most=MOST),
                help="Revoke some of them.",
            )
        key = new_key()
        hashed = await self._hashes.make(password) if password else None
        return key, await self._add(
            key, lives=lives, job_id=job.id, item=item, password=hashed, user=user
        )

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
            raise NotFound(
                "This link is no longer valid.", help="Ask the person who sent it for a new one."
            )
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
