"""Opens what the settings name by a URL: the store with the jobs, and the library with the files.

A driver is loaded only when a URL needs it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from mediavault.core.clock import Clock, SystemClock
from mediavault.core.failures import BadSetting, StorageFailure, StoreError
from mediavault.core.installation import command_to_install
from mediavault.core.messages import Message
from mediavault.core.settings import Settings
from mediavault.library.disk import free_bytes
from mediavault.library.port import Library
from mediavault.library.staging import STAGING_FOLDER
from mediavault.store.patience import DatabaseWait
from mediavault.store.port import Store

if TYPE_CHECKING:
    from mediavault.features.importing.model import ImportSource
    from mediavault.features.importing.service import FolderImport
    from mediavault.maintenance.examining import FileExaminer
    from mediavault.store.postgres.server import PostgresFacts  # its driver may not be installed

POSTGRES_SCHEMES = ("postgresql", "postgres")


_FIND_IT = Message(
    "Check that the disk of the state folder is mounted and that MEDIAVAULT_STATE_DIR names the"
    " right folder. If the"
    " database is lost, run `mediavault restore FILE` where you have a backup, and `mediavault"
    " rebuild`."
)

# --- stores ---------------------------------------------------------------------------------------


@asynccontextmanager
async def open_store(
    settings: Settings,
    clock: Clock | None = None,
    patience: DatabaseWait | None = None,
    *,
    may_replace: bool = False,
) -> AsyncIterator[Store]:
    """Open and migrate the store that ``database_url`` names. With ``patience`` an unavailable
    database is waited for.

    Where a library is left of a database that is missing, a new one is created only if
    ``may_replace``. Raises BadSetting, SchemaTooNew, StoreError.
    """
    if not may_replace:
        await _refuse_second(settings)
    async with _opened(make_store(settings, clock or SystemClock()), patience) as store:
        yield store


async def _refuse_second(settings: Settings) -> None:
    """Raise StoreError if the database is missing and the library has the id that it shared with
    one.
    """
    path = sqlite_path(settings.effective_database_url)
    if path is None or path.exists():
        return
    # a library that cannot be read does not say whether there was a database
    with suppress(StorageFailure):
        if await make_library(settings).identity() is not None:
            raise StoreError(
                Message(
                    "The database %(path)s is missing, but the library at %(library)s was used"
                    " with one.",
                    path=path,
                    library=settings.vault_url or settings.download_dir,
                ),
                help=_FIND_IT,
            )


def open_store_at(
    url: str, *, allow_unprotected: bool = False
) -> AbstractAsyncContextManager[Store]:
    """Open and migrate the store that ``url`` names. Raises what :func:`open_store` raises."""
    return _opened(store_at(url, SystemClock(), allow_unprotected=allow_unprotected))


@asynccontextmanager
async def open_backup(settings: Settings, file: Path) -> AsyncIterator[tuple[Store, int]]:
    """Yield a backup as a store, and the size of its largest row in bytes. A copy is opened: the
    file stays as it is.

    Raises BadInput, SchemaTooNew, StoreError.
    """
    from mediavault.maintenance.backups import private_copy

    async with (
        private_copy(file, settings.state_dir) as (copy, largest_row),
        _opened(sqlite_store(copy, SystemClock())) as store,
    ):
        yield store, largest_row


@asynccontextmanager
async def open_temporary_store(settings: Settings, clock: Clock) -> AsyncIterator[Store]:
    """Open a new store of this process alone, which is removed afterwards. Raises StoreError."""
    from mediavault.maintenance.backups import temporary_folder

    with temporary_folder(settings.state_dir) as folder:
        async with _opened(sqlite_store(folder / "jobs.db", clock)) as store:
            yield store


@asynccontextmanager
async def _opened(store: Store, patience: DatabaseWait | None = None) -> AsyncIterator[Store]:
    await wait_for_database(patience, store.open)
    try:
        yield store
    finally:
        await store.close()


async def wait_for_database(
    patience: DatabaseWait | None, call: Callable[[], Awaitable[None]]
) -> None:
    """Await ``call``; with ``patience``, again until the database is available."""
    await (call() if patience is None else patience.wait_for(call))


def make_store(settings: Settings, clock: Clock) -> Store:
    """Return the store that the settings name, not open yet.
    Raises what :func:`store_at` raises.
    """
    return store_at(
        settings.effective_database_url,
        clock,
        allow_unprotected=settings.allow_unprotected_database,
    )


def is_new(settings: Settings) -> bool:
    """Whether there is no database file yet; a server's database counts as existing."""
    path = sqlite_path(settings.effective_database_url)
    return path is not None and not path.exists()


def store_at(url: str, clock: Clock, *, allow_unprotected: bool = False) -> Store:
    """Return the store that ``url`` names, not open yet.

    URLs are ``sqlite:///path``, ``postgresql://…`` or ``mongodb://…``. ``clock`` is for engines
    without their own. Raises BadSetting for any other URL, StoreError for a MongoDB that is reached
    without protection.
    """
    scheme = url.partition(":")[0].lower()
    if (path := sqlite_path(url)) is not None:
        return sqlite_store(path, clock)
    if scheme in POSTGRES_SCHEMES:
        with _requires_driver("PostgreSQL", "postgresql"):
            from mediavault.store.postgres.store import PostgresJobStore

            return PostgresJobStore(url)
    if scheme in ("mongodb", "mongodb+srv"):
        with _requires_driver("MongoDB", "mongodb"):
            from mediavault.store.mongodb.engine import options_of
            from mediavault.store.mongodb.facts import refuse_unprotected
            from mediavault.store.mongodb.store import MongoJobStore
        if not allow_unprotected:
            refuse_unprotected(options_of(url))
        return MongoJobStore(url)
    raise BadSetting(
        Message(
            "MEDIAVAULT_DATABASE_URL: %(scheme)s is not a database that this version knows.",
            scheme=f"{scheme or url!r}",
        ),
        help=(
            "Use sqlite:////path/to/mediavault.db, postgresql://user:password@host/database or"
            " mongodb://user:password@host/database, or leave it unset."
        ),
    )


def sqlite_path(url: str) -> Path | None:
    """Return the file that ``url`` names; None when it is not a SQLite database."""
    scheme, path = url.partition(":")[0].lower(), url.removeprefix("sqlite://")
    if scheme != "sqlite" or not path.startswith("/") or len(path) == 1:
        return None
    # sqlite:///relative and sqlite:////absolute, as SQLAlchemy reads them; the default is always
    # absolute
    return Path(path[1:]) if path.startswith("//") else Path(path)


def sqlite_store(path: Path, clock: Clock) -> Store:
    """Return the store in this file, not open yet."""
    from mediavault.store.sqlite.store import SqliteJobStore

    return SqliteJobStore(path, clock)


async def inspect_postgres(settings: Settings) -> PostgresFacts | None:
    """Return what the server reports about itself, without changing anything;
    None when the settings name no server.
    """
    url = settings.effective_database_url
    if url.partition(":")[0].lower() not in POSTGRES_SCHEMES:
        return None
    with _requires_driver("PostgreSQL", "postgresql"):
        from mediavault.store.postgres.server import query_facts
    return await query_facts(url, SystemClock())


# --- libraries ------------------------------------------------------------------------------------


def make_library(settings: Settings) -> Library:
    """Return the library that ``vault_url`` names, else the download folder;
    no request is made. Raises BadSetting.
    """
    if settings.vault_url is None:
        from mediavault.library.local_library import LocalLibrary

        return LocalLibrary(settings.download_dir)
    from mediavault.library.bucket_address import parse_bucket_address

    address = parse_bucket_address(settings.vault_url)
    with _requires_driver(Message("Object storage"), "objects"):
        from mediavault.library.bucket import open_bucket
        from mediavault.library.bucket_library import BucketLibrary

        return BucketLibrary(open_bucket(address), settings.download_dir / STAGING_FOLDER)


async def open_library(settings: Settings, store: Store) -> Library:
    """Return the library for reading; nothing is written to it.
    Raises StorageFailure when it is not the store's.
    """
    from mediavault.worker.library_watch import check_library

    library = make_library(settings)
    await check_library(store, library)
    return library


async def prepare_library(settings: Settings, store: Store) -> Library:
    """Return the library for writing, with the id that it shares with the store. Raises
    StorageFailure when it is another's.
    """
    from mediavault.worker.library_watch import ensure_library_id

    library = make_library(settings)
    await ensure_library_id(store, library)
    await library.prepare()
    return library


@asynccontextmanager
async def open_examiner(
    settings: Settings, library: Library, clock: Clock, *, helpers: int = 1
) -> AsyncIterator[FileExaminer | None]:
    """Provide what examines saved files, in at most ``helpers`` processes; None for a bucket,
    which would send each whole file.
    """
    from mediavault.maintenance.examining import FileExaminer
    from mediavault.media.probe import open_probe

    if settings.vault_url is not None:
        yield None
        return

    async def path_of(relative: str) -> Path | None:
        return await library.local_path(relative, into=settings.state_dir)

    async with open_probe(clock, helpers=helpers, later=True) as probe:
        yield FileExaminer(probe, path_of)


async def try_library(settings: Settings) -> None:
    """Create, write, rename and delete in the library, as saving a video does.

    Raises StorageFailure, also when the library is not the store's.
    """
    from mediavault.worker.library_watch import check_library

    library = make_library(settings)
    with suppress(StoreError):  # without the store it cannot be known whose library it is
        async with open_store(settings) as store:
            await check_library(store, library)
    await library.prepare()


@contextmanager
def _requires_driver(what: str, extra: str) -> Iterator[None]:
    try:
        yield
    except ImportError as exc:
        raise BadSetting(
            Message(
                "%(what)s needs a driver that is not installed (%(error)s).",
                what=what,
                error=exc.name,
            ),
            help=Message("Run: %(install)s", install=command_to_install(extra)),
        ) from exc


async def free_for_videos(settings: Settings) -> int | None:
    """Return the free bytes of the library's disk; None for an object storage,
    and where it is unknown.
    """
    return (
        None if settings.vault_url else await asyncio.to_thread(free_bytes, settings.download_dir)
    )


@asynccontextmanager
async def open_import(
    settings: Settings, source: ImportSource, on_files: Callable[[int], None]
) -> AsyncIterator[FolderImport]:
    """Provide one import of a folder. Raises StorageFailure when the library is not the store's,
    StoreError.
    """
    from mediavault.features.importing.service import FolderImport
    from mediavault.media.probe import open_probe
    from mediavault.store.live_settings import LiveSettings

    clock = SystemClock()
    async with open_store(settings, clock) as store, open_probe(clock) as probe:
        library = await (prepare_library if source.apply else open_library)(settings, store)
        now = await LiveSettings(settings, store.records, clock).current()
        yield FolderImport(store, library, probe, clock, source, settings=now, on_files=on_files)
