"""The only importer of pymongo: the client, collections, the server's clock,
and the translation of its errors.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import bson.errors
from bson import Int64
from pymongo import AsyncMongoClient, ReplaceOne, ReturnDocument, UpdateOne, errors, uri_parser
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.read_concern import ReadConcern

from mediavault.core.clock import to_micros
from mediavault.core.failures import StoreError
from mediavault.core.messages import Message
from mediavault.store.calls import ConnectionLost
from mediavault.store.mongodb.facts import ServerFacts

Document = dict[str, Any]
Filter = Mapping[str, Any]
Update = Mapping[str, Any] | Sequence[Mapping[str, Any]]
Sort = Sequence[tuple[str, int]]

DEFAULT_DATABASE = "mediavault"
APPLICATION = "mediavault"
CONNECT_TIMEOUT_MS = 5_000
SELECTION_TIMEOUT_MS = 3_000  # callers that may wait longer repeat the call
ANSWER_TIMEOUT_MS = 30_000
# shorter than ANSWER_TIMEOUT_MS, so that a lost majority is reported and not guessed
MAJORITY_TIMEOUT_MS = 20_000
URL_HELP = Message(
    "It looks like mongodb://user:password@host/database. Characters of the password such as / # @"
    " : ? must be percent-encoded."
)
# What a job's document holds besides the job.
LEFT_OUT = {"history": 0, "words": 0, "line": 0, "further": 0}
DUPLICATE_KEY = 11000
UPSERT_TRIES = 5
AFTER = ReturnDocument.AFTER
# an int64 like every time: servers that are only compatible with MongoDB keep the types apart
FIRST_MOMENT = Int64(0)

# The server did not do the operation, or may not have, and it can be repeated: shutting down or
# stepping down (MongoDB's error codes 91, 189, 10107, 11600, 11602, 13435, 13436), a write conflict
# (112), out of time (50).
_PASSING = frozenset({50, 91, 112, 189, 10107, 11600, 11602, 13435, 13436})

_NO_SUCH_COLLECTION, _NO_SUCH_INDEX = 26, 27


class Documents:
    """One collection. A change returns when a majority has acknowledged it in their journals."""

    def __init__(self, collection: AsyncCollection[Document]) -> None:
        self._collection = collection
        self._latest = collection.with_options(read_concern=ReadConcern("local"))

    async def find(
        self,
        where: Filter,
        *,
        fields: Mapping[str, int] | None = None,
        sort: Sort = (),
        limit: int = 0,
    ) -> list[Document]:
        """Return the matching documents; ``limit`` 0 means no limit."""
        with translate_errors():
            cursor = self._collection.find(where, fields, sort=list(sort) or None, limit=limit)
            return await cursor.to_list()

    async def one(
        self, where: Filter, *, fields: Mapping[str, int] | None = None
    ) -> Document | None:
        """Return a matching document as the majority has it, or None."""
        with translate_errors():
            return await self._collection.find_one(where, fields)

    async def latest(
        self, where: Filter, *, fields: Mapping[str, int] | None = None
    ) -> Document | None:
        """Return a matching document as the primary has it now, or None.

        For a check, if the write that follows it names what was checked.
        """
        with translate_errors():
            return await self._latest.find_one(where, fields)

    async def latest_with(self, where: Filter, added: Mapping[str, Any]) -> list[Document]:
        """As :meth:`latest`, for all matching documents, with fields that the server computes,
        such as its time.
        """
        with translate_errors():
            cursor = await self._latest.aggregate([{"$match": where}, {"$set": added}])
            return await cursor.to_list()

    async def change(self, where: Filter, update: Update) -> Document | None:
        """Change one document and return it as it is then, without its history and words;
        None when none matches.
        """
        with translate_errors():
            return await self._collection.find_one_and_update(
                where, update, projection=LEFT_OUT, return_document=AFTER
            )

    async def change_all(self, where: Filter, update: Update) -> int:
        """Change all matching documents, each separately; returns how many matched."""
        with translate_errors():
            return (await self._collection.update_many(where, update)).matched_count

    async def put(self, where: Filter, update: Update) -> Document:
        """Change one document, or create it if there is none; returns it as it is then. ``update``
        may be done twice.

        Of several calls that find none at the same moment one creates it. The server may answer the
        others with a duplicate key or with nothing; when repeated, they find the document.
        """
        for _ in range(UPSERT_TRIES):
            with translate_errors(), suppress(errors.DuplicateKeyError):
                document = await self._collection.find_one_and_update(
                    where, update, upsert=True, return_document=AFTER
                )
                if document is not None:
                    return document
        raise ConnectionLost("MongoDB has not answered with the document that it stored.")

    async def put_all(self, documents: Sequence[Document]) -> None:
        """Store each document, replacing the one with its ``_id``."""
        with translate_errors():
            if not documents:
                return
            await self._collection.bulk_write(
                [
                    ReplaceOne({"_id": document["_id"]}, document, upsert=True)
                    for document in documents
                ],
                ordered=False,
            )

    async def change_each(self, changes: Mapping[str, Mapping[str, Any]], *, insert: bool) -> None:
        """Change the documents with these ``_id``, each in its way, in one command;
        with ``insert`` create those that lack.
        """
        with translate_errors():
            if changes:
                await self._collection.bulk_write(
                    [
                        UpdateOne({"_id": key}, change, upsert=insert)
                        for key, change in changes.items()
                    ],
                    ordered=False,
                )

    async def insert(self, documents: Sequence[Document]) -> dict[int, bool]:
        """Insert each separately; return which existed already, by index,
        and whether by their ``_id``.
        """
        with translate_errors():
            try:
                if documents:
                    await self._collection.insert_many(documents, ordered=False)
            except errors.BulkWriteError as exc:
                return _conflicts(exc)
        return {}

    async def take(self, where: Filter) -> Document | None:
        """Delete one document; returns it as it was, without its history and words, or None."""
        with translate_errors():
            return await self._collection.find_one_and_delete(where, projection=LEFT_OUT)

    async def delete(self, where: Filter) -> int:
        with translate_errors():
            return (await self._collection.delete_many(where)).deleted_count

    async def distinct(self, name: str, where: Filter) -> list[Any]:
        with translate_errors():
            return await self._collection.distinct(name, where)

    async def count(self, where: Filter) -> int:
        with translate_errors():
            return await self._collection.count_documents(where)

    async def aggregate(self, stages: Sequence[Mapping[str, Any]]) -> list[Document]:
        with translate_errors():
            return await (await self._collection.aggregate(stages)).to_list()

    async def count_by(self, name: str, where: Filter) -> dict[Any, int]:
        with translate_errors():
            stages: list[Mapping[str, Any]] = [
                {"$match": where},
                {"$group": {"_id": f"${name}", "count": {"$sum": 1}}},
            ]
            cursor = await self._collection.aggregate(stages)
            return {row["_id"]: row["count"] async for row in cursor}

    async def index(
        self, name: str, keys: Sort, *, unique: bool = False, where: Filter | None = None
    ) -> None:
        """Create an index, unless it exists."""
        partial: dict[str, Any] = {} if where is None else {"partialFilterExpression": where}
        with translate_errors():
            await self._collection.create_index(list(keys), name=name, unique=unique, **partial)

    async def drop_index(self, name: str) -> None:
        """Remove an index, if it exists."""
        with translate_errors():
            try:
                await self._collection.drop_index(name)
            except errors.OperationFailure as exc:
                if exc.code not in (_NO_SUCH_COLLECTION, _NO_SUCH_INDEX):
                    raise

    async def drop(self) -> None:
        """Remove the collection, if it exists."""
        with translate_errors():
            await self._collection.drop()


class MongoDatabase:
    """The database that ``url`` names, ``mediavault`` where it names none."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._client: AsyncMongoClient[Document] | None = None
        self._database: AsyncDatabase[Document] | None = None
        self._documents: dict[str, Documents] = {}
        self.facts = ServerFacts()

    async def open(self) -> None:
        """Connect.

        Raises ConnectionLost when no server answers, StoreError when it refuses us or the URL is
        invalid.
        """
        name = self.name  # refuses a bad URL, without the password that the driver would quote
        chosen: dict[str, Any] = {
            "appname": APPLICATION,
            "w": "majority",
            "journal": True,
            "wTimeoutMS": MAJORITY_TIMEOUT_MS,
            "readConcernLevel": "majority",
            "readPreference": "primary",
            "connectTimeoutMS": CONNECT_TIMEOUT_MS,
            "serverSelectionTimeoutMS": SELECTION_TIMEOUT_MS,
            "socketTimeoutMS": ANSWER_TIMEOUT_MS,
        }
        self._documents.clear()
        with translate_errors():
            self._client = AsyncMongoClient(self.url, **chosen)
            self._database = self._client.get_database(name)
            try:
                hello = await self._client.admin.command("hello")
                build = await self._client.admin.command("buildInfo")
            except BaseException:
                await self.close()
                raise
        self.facts = ServerFacts(
            build.get("version", ""), hello.get("setName"), hello.get("msg") == "isdbgrid"
        )

    @property
    def name(self) -> str:
        return options_of(self.url)["database"] or DEFAULT_DATABASE

    async def close(self) -> None:
        client, self._client, self._database = self._client, None, None
        if client is not None:
            await client.close()

    async def now(self, *, within_s: float | None = None) -> int:
        """Return the server's time in microseconds, to the millisecond.

        Raises ConnectionLost, also when ``within_s`` has passed.
        """
        try:
            async with asyncio.timeout(within_s):
                with translate_errors():
                    server_time: datetime = (await self._opened().client.admin.command("hello"))[
                        "localTime"
                    ]
        except TimeoutError as exc:
            raise ConnectionLost(
                Message(
                    "MongoDB has not answered for %(within_s)s seconds.", within_s=f"{within_s:g}"
                )
            ) from exc
        return to_micros(server_time.replace(tzinfo=UTC))

    def documents(self, name: str) -> Documents:
        """Return the collection ``mediavault.NAME``:
        a database may be shared with other programs.
        """
        if name not in self._documents:
            self._documents[name] = Documents(self._opened()[f"{APPLICATION}.{name}"])
        return self._documents[name]

    async def has_any(self, names: Collection[str]) -> bool:
        """Return whether one of these collections exists."""
        with translate_errors():
            existing = await self._opened().list_collection_names()
        return not {f"{APPLICATION}.{name}" for name in names}.isdisjoint(existing)

    async def changes(
        self, stages: Sequence[Mapping[str, Any]], on_begin: Callable[[], None]
    ) -> AsyncGenerator[Document, None]:
        """Yield what ``stages`` leave of each change, until the stream breaks.
        Needs a replica set.
        """
        with translate_errors():
            async with await self._opened().watch(stages) as stream:
                on_begin()
                async for change in stream:
                    yield dict(change)

    def _opened(self) -> AsyncDatabase[Document]:
        if self._database is None:
            raise StoreError("The job store is not open.")
        return self._database


def options_of(url: str) -> dict[str, Any]:
    """Return the database that ``url`` names and its options, by the driver's names in lower case;
    no server is asked.

    Raises StoreError for a URL that cannot be read, or that asks for less than a majority having it
    on disk.
    """
    is_srv = url.startswith("mongodb+srv://")
    try:  # the hosts of a +srv URL are looked up when the client opens, not here
        parsed = uri_parser.parse_uri(url.replace("mongodb+srv://", "mongodb://", 1), warn=False)
    except (errors.ConfigurationError, ValueError):
        # The text quotes what should be a port, and may be the rest of a password.
        raise StoreError("MEDIAVAULT_DATABASE_URL cannot be read.", help=URL_HELP) from None
    options = {name.lower(): value for name, value in parsed["options"].items()}
    if options.get("w", "majority") != "majority" or options.get("journal", True) is not True:
        raise StoreError(
            "MEDIAVAULT_DATABASE_URL lets MongoDB acknowledge writes that may still be lost.",
            help=(
                "Leave out w and journal: mediavault waits until a majority has written it to its"
                " journal."
            ),
        )
    return {
        "tls": is_srv,
        **options,
        "database": parsed["database"],
        "hosts": [host for host, _ in parsed["nodelist"]],
        "username": parsed["username"],
    }


@contextmanager
def translate_errors() -> Iterator[None]:
    try:
        yield
    except (errors.WTimeoutError, errors.WriteConcernError) as exc:
        raise ConnectionLost(
            Message(
                "MongoDB could not get a majority to acknowledge the write: %(error)s", error=exc
            )
        ) from exc
    except errors.ConnectionFailure as exc:  # also: no server found, not primary, network timeout
        raise ConnectionLost(
            Message("MongoDB cannot be reached: %(error)s", error=_brief(exc))
        ) from exc
    except errors.OperationFailure as exc:
        passing = exc.code in _PASSING or exc.has_error_label("RetryableWriteError")
        raise (ConnectionLost if passing else StoreError)(
            Message("MongoDB refused: %(error)s", error=_brief(exc))
        ) from exc
    except errors.ConfigurationError as exc:
        raise StoreError(
            Message("MEDIAVAULT_DATABASE_URL cannot be read: %(error)s", error=_brief(exc)),
            help=URL_HELP,
        ) from exc
    except (errors.PyMongoError, bson.errors.BSONError, OverflowError, ValueError) as exc:
        raise StoreError(
            Message("MongoDB cannot store this: %(error)s", error=_brief(exc))
        ) from exc


def _brief(exc: BaseException) -> str:
    """Return the error's text without the whole response and the topology,
    which the driver adds.
    """
    return str(exc).split(", full error:")[0].split(", Timeout:")[0]


def _conflicts(exc: errors.BulkWriteError) -> dict[int, bool]:
    details: Mapping[str, Any] = exc.details or {}
    if details.get("writeConcernErrors"):
        raise ConnectionLost(
            Message(
                "MongoDB has no majority that has written it: %(details)s",
                details=details["writeConcernErrors"],
            )
        ) from exc
    refused = details.get("writeErrors", [])
    if other := [error for error in refused if error["code"] != DUPLICATE_KEY]:
        raise StoreError(
            Message("MongoDB refused: %(other)s", other=other[0].get("errmsg"))
        ) from exc
    return {error["index"]: " index: _id_ " in error.get("errmsg", "") for error in refused}
