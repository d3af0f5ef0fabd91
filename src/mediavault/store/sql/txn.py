"""What an operation works with: statements by their names, on any engine."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from mediavault.core.job import HistoryRecord
from mediavault.store.queries import AccountQuery, JobQuery, SortKey
from mediavault.store.search_words import Term
from mediavault.store.transitions import MoveNote

T = TypeVar("T")
Row = Sequence[Any]
Built = tuple[str, Mapping[str, Any]]
Terms = Sequence[Term] | None  # of a search; None where nothing is searched for


class SqlTxn(Protocol):
    """A transaction, or a snapshot that is only read. Lists in ``values`` become arrays, or JSON
    where there are none.

    ``now`` is added to the values: the moment of the transaction in microseconds, or None for the
    database's own clock.
    """

    async def rows(self, name: str, values: Mapping[str, Any] | None = None) -> Sequence[Row]:
        """Run the statement of this name and return all of its rows."""

    async def query(self, sql: str, values: Mapping[str, Any]) -> Sequence[Row]:
        """Run a statement that was built, with the tokens of ``dialects``,
        and return all of its rows.
        """

    async def query_many(self, sql: str, values: Sequence[Mapping[str, Any]]) -> None:
        """As :meth:`query`, once for each of the values."""

    async def many(self, name: str, values: Sequence[Mapping[str, Any]]) -> None:
        """Run the statement once for each of the values."""

    async def move(
        self, name: str, values: Mapping[str, Any], note: MoveNote, *, wake: bool = False
    ) -> Sequence[Row]:
        """As :meth:`rows`, for a statement that ends with ``RETURNING … {moved}``: appends ``note``
        to the history of each job.

        With ``wake``, and if there is such a job, :meth:`wake` the workers.
        """

    async def append(self, seq: int, records: Sequence[HistoryRecord]) -> None:
        """Append to the history of the job with this internal key."""

    async def settle(self) -> None:
        """Write now what the transaction would write before it is committed."""

    @property
    def pages(self) -> Pages:
        """What this engine builds of the library's pages."""

    def words(self, line: str) -> str:
        """Return a line of words as the search index of this engine stores it."""

    async def wake(self) -> None:
        """Wake the workers once the transaction is committed: jobs may be claimable."""

    async def stop(self, asked: str) -> None:
        """Notify the worker of this job, or of this id, that it should stop,
        once the transaction is committed.
        """


class Pages(Protocol):
    """Builds the statements of the library's pages. Each is returned with its values."""

    async def jobs(
        self, txn: SqlTxn, query: JobQuery, terms: Terms, start: SortKey | None, *, descending: bool
    ) -> Built:
        """Return what selects the jobs after ``start``;
        its value ``limit`` is added by the caller.
        """

    async def count(self, txn: SqlTxn, query: JobQuery, terms: Terms) -> Built:
        """Return what counts the query's jobs."""

    def accounts(self, query: AccountQuery, terms: Terms) -> Built:
        """Return what selects a page of accounts."""


def run(operation: Coroutine[Any, Any, T]) -> T:
    """Return what an operation returns that never waits, as on an engine whose calls block.
    Takes about 0.5 µs.
    """
    try:
        operation.send(None)
    except StopIteration as ended:
        result: T = ended.value
        return result
    operation.close()
    raise RuntimeError("an operation has waited for something else than its transaction")
