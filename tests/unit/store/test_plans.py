"""How SQLite plans to run each statement; with a changed plan the queue may get slower as it
grows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import apsw
import pytest

from mediavault.core.clock import to_micros
from mediavault.core.job import JobStatus, WorkerId
from mediavault.core.site_limits import SiteLimit
from mediavault.store import queries, search_words
from mediavault.store.port import AccountQuery, JobOrder, JobQuery
from mediavault.store.rows import limit_values
from mediavault.store.sql import tables
from mediavault.store.sql.dialects import in_dialect
from mediavault.store.sql.txn import Row, run
from mediavault.store.sqlite import claims
from mediavault.store.sqlite.engine import Connection, fetch_all
from mediavault.store.sqlite.schema import open_database
from mediavault.store.sqlite.sql import SQL, SqlitePages, count_statement, found_by, statement
from mediavault.store.sqlite.writer import Txn
from mediavault.store.tables import (
    DEFERRED_WORK,
    SOURCE_ENTRIES,
    SOURCE_STATES,
    SOURCES,
    TRASH,
    Range,
    Table,
    Where,
)
from tests.fakes import START, FakeClock

ROWS = 300

RECORDS_UNDER = "SEARCH records USING PRIMARY KEY (kind=? AND key>? AND key<?)"
BY_ID = ["SEARCH jobs USING INDEX jobs_id (id=?)"]
BY_KEY = "SEARCH jobs USING INTEGER PRIMARY KEY (rowid=?)"
MARKS_OF_NAME = "SEARCH marks USING PRIMARY KEY (name=?)"
MARKS_BY_PLACE = "SEARCH marks USING COVERING INDEX marks_place (name=?)"
BY_POST = "SEARCH jobs USING COVERING INDEX jobs_post (canonical_url=?)"
SORTS_WHAT_WAS_GIVEN = "USE TEMP B-TREE FOR ORDER BY"
# Statement -> what it does with the tables, in order. A SCAN of a partial index reads the few jobs
# that are in it.
PLANS: dict[str, list[str]] = {
    "enqueue": [BY_POST.replace("jobs", "known", 1), SORTS_WHAT_WAS_GIVEN],
    "newest_of_posts": ["SEARCH jobs USING INDEX jobs_post (canonical_url=?)"],
    # The SCAN stops at the first row: from one platform to the next, and what is queued for each is
    # not read.
    "queued_platforms": [
        "SCAN jobs USING COVERING INDEX jobs_claimable",
        "SEARCH jobs USING COVERING INDEX jobs_claimable (platform>?)",
        "SEARCH site_limits USING PRIMARY KEY (platform=?) LEFT-JOIN",
    ],
    "first_queued": [
        (
            "SEARCH jobs USING COVERING INDEX jobs_claimable (platform=? AND needs_session=? AND"
            " priority<?)"
        )
    ],
    "paused": ["SEARCH records USING PRIMARY KEY (kind=?)"],
    "of_seqs": [BY_KEY],
    "claim": [BY_KEY],
    "renew": [BY_KEY, *BY_ID],
    "checkpoint": BY_ID,
    "progress": BY_ID,
    "save_items": BY_ID,
    "begin_commit": BY_ID,
    "complete": BY_ID,
    "fail": BY_ID,
    "release": BY_ID,
    "release_session_jobs": [
        "SEARCH jobs USING INDEX jobs_claimable (platform=? AND needs_session=?)"
    ],
    "recover": [BY_KEY, "SCAN jobs USING INDEX jobs_running"],
    "expire_leases": ["SEARCH jobs USING COVERING INDEX jobs_running (claimed_by=?)"],
    "promote_due": [
        BY_KEY,
        "SEARCH jobs USING COVERING INDEX jobs_due (retry_at>? AND retry_at<?)",
    ],
    "count_unparsed": [
        "SEARCH jobs USING COVERING INDEX jobs_not_understood (failed_at>?)",
        "USE TEMP B-TREE FOR GROUP BY",  # of some twenty names
    ],
    "next_due": ["SEARCH jobs USING COVERING INDEX jobs_due (retry_at>?)"],
    "cancel": BY_ID,
    "retry": BY_ID,
    "set_priority": BY_ID,
    "adopt": BY_ID,
    "remove": BY_ID,
    "relocate": BY_ID,
    "remove_history": ["SEARCH history USING INDEX history_job (job=?)"],
    "unsorted": ["SEARCH jobs USING INTEGER PRIMARY KEY (rowid>?)"],
    "put_sort_values": [BY_KEY],
    "append_history": [],
    "locked": BY_ID,
    "remove_marks_of_job": ["SEARCH marks USING INDEX marks_job (job=?)"],
    "put_marks": ["SEARCH jobs USING COVERING INDEX jobs_id (id=?)", SORTS_WHAT_WAS_GIVEN],
    "remove_marks": [MARKS_OF_NAME, "SEARCH jobs USING COVERING INDEX jobs_id (id=?)"],
    "take_marks": [MARKS_OF_NAME],
    "give_marks": [SORTS_WHAT_WAS_GIVEN],
    "text_of_marks": [MARKS_OF_NAME],
    "marks_of_jobs": [
        "SEARCH jobs USING COVERING INDEX jobs_id (id=?)",
        "SEARCH marks USING INDEX marks_job (job=?)",
        "USE TEMP B-TREE FOR ORDER BY",  # of a page's marks
    ],
    # Only marks of the same place are sorted.
    "marked": [
        "SEARCH marks USING INDEX marks_place (name=? AND place>?)",
        BY_KEY,
        "USE TEMP B-TREE FOR LAST TERM OF ORDER BY",
    ],
    "marked_newest_first": [
        "SEARCH marks USING INDEX marks_place (name=? AND place<?)",
        BY_KEY,
        "USE TEMP B-TREE FOR LAST TERM OF ORDER BY",
    ],
    "mark_names": ["SEARCH marks USING PRIMARY KEY (name>? AND name<?)"],
    "import_job": [],
    "import_site_limit": [],
    "set_once": [],
    "put_record": [],
    "add_record": [],
    "replace_record": ["SEARCH records USING PRIMARY KEY (kind=? AND key=?)"],
    "get_record": ["SEARCH records USING PRIMARY KEY (kind=? AND key=?)"],
    "records": ["SEARCH records USING PRIMARY KEY (kind=?)"],
    "some_records": ["SEARCH records USING PRIMARY KEY (kind=? AND key=?)"],
    "records_under": [RECORDS_UNDER],
    "count_records_under": [RECORDS_UNDER],
    "remove_records_under": [RECORDS_UNDER],
    "remove_record": ["SEARCH records USING PRIMARY KEY (kind=? AND key=?)"],
    "remove_records": ["SEARCH records USING PRIMARY KEY (kind=?)"],
    "prune_records": ["SEARCH records USING INDEX records_expiring (expires_at<?)"],
    "seq_of": ["SEARCH jobs USING COVERING INDEX jobs_id (id=?)"],
    "get": BY_ID,
    "ids_beginning": [
        "SEARCH jobs USING COVERING INDEX jobs_id (id>? AND id<?)",
        "USE TEMP B-TREE FOR DISTINCT",  # which is in order then
    ],
    "changed_since": ["SEARCH jobs USING INDEX jobs_updated (updated_at>?)"],
    "history": [
        "SEARCH jobs USING COVERING INDEX jobs_id (id=?)",
        "SEARCH h USING INDEX history_job (job=?) LEFT-JOIN",
    ],
    "make_site_limit": [],
    "locked_site_limit": ["SEARCH site_limits USING PRIMARY KEY (platform=?)"],
    "account_key_of": BY_ID,
    "put_words": [],
    "entry": BY_ID,
    "further_words": ["SEARCH job_words USING PRIMARY KEY (job=?)"],
    "further_words_of_jobs": [
        "SEARCH jobs USING COVERING INDEX jobs_id (id=?)",
        "SEARCH job_words USING PRIMARY KEY (job=?)",
    ],
    "put_further_words": [],
    "remove_further_words": ["SEARCH job_words USING PRIMARY KEY (job=? AND source=?)"],
    "remove_words": ["SCAN library_words VIRTUAL TABLE INDEX 0:="],
    "add_totals": [],
    "add_account": [],
    "newest_of_accounts": [
        BY_KEY,
        "SEARCH newest USING COVERING INDEX jobs_account (account_key=?)",
    ],
    "name_account": ["SEARCH library_accounts USING PRIMARY KEY (key=?)"],
    "drop_accounts": ["SEARCH library_accounts USING PRIMARY KEY (key=?)"],
    "account": ["SEARCH library_accounts USING PRIMARY KEY (key=?)"],
    "failure_groups": ["SCAN jobs USING INDEX jobs_failed", "USE TEMP B-TREE FOR GROUP BY"],
    "failure_examples": [
        BY_KEY,
        "SCAN jobs USING INDEX jobs_failed",
        "USE TEMP B-TREE FOR ORDER BY",
        "USE TEMP B-TREE FOR ORDER BY",
    ],
    "put_site_limit": ["SEARCH site_limits USING PRIMARY KEY (platform=?)"],
    "heartbeat": [],
    "forget_worker": ["SEARCH workers USING PRIMARY KEY (worker=?)"],
}
FEW_ROWS = {
    "request_drain",
    "workers",
    "site_limits",
    "constants",
    "counts",
    "waiting",
    "totals",
}  # a handful of rows; counts of whole indexes


@pytest.fixture(scope="module", params=["as it grew", "after ANALYZE with every row queued"])
def db(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Connection]:
    db = open_database(tmp_path_factory.mktemp("plans") / "jobs.db")
    fetch_all(
        db,
        "INSERT INTO jobs (id, trace_id, post_url, canonical_url, platform, created_at, updated_at,"
        " max_attempts)"
        " SELECT 'id-' || value, '', '', 'url-' || value, 'generic', value, value, 5"
        f" FROM json_each('{json.dumps(list(range(ROWS)))}')",
    )
    if "ANALYZE" in request.param:
        db.execute("ANALYZE")
    yield db
    db.close()


def plan(db: Connection, sql: str) -> list[str]:
    """Return the steps that touch one of our tables or sort."""
    named = dict.fromkeys(re.findall(r":(\w+)", sql))
    values: Any = named or (None,) * sql.count("?") or None
    steps = [row[3] for row in fetch_all(db, f"EXPLAIN QUERY PLAN {sql}", values)]
    return [
        step
        for step in steps
        if re.search(
            (
                r"\b(jobs|known|newest|history|h|workers|site_limits|records|marks|job_words|"
                r"library_\w+|source\w*|deferred_work|trash\w*)\b|TEMP B-TREE"
            ),
            step,
        )
    ]


@pytest.mark.parametrize("name", sorted(SQL.keys() - FEW_ROWS))
def test_a_statement_reads_what_it_needs_by_an_index_and_sorts_nothing(
    db: Connection, name: str
) -> None:
    assert plan(db, SQL[name]) == PLANS[name]


@pytest.mark.parametrize("name", sorted(SQL.keys() - FEW_ROWS))
def test_the_indexes_of_a_plan_are_pinned(name: str) -> None:
    """A plan that is right today but not pinned may change with other statistics or another
    SQLite.
    """
    used = set(re.findall(r"USING (?:COVERING )?INDEX (\w+)", " ".join(PLANS[name])))

    assert {index for index in used if f"INDEXED BY {index}" not in SQL[name]} == set()


def test_no_statement_escapes_this_test() -> None:
    assert SQL.keys() == PLANS.keys() | FEW_ROWS


# the page's own jobs, once they are found
READ_BY_KEY = "SEARCH jobs USING INTEGER PRIMARY KEY (rowid=?)"
SORTED_PAGE = "USE TEMP B-TREE FOR ORDER BY"


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (JobQuery(), "jobs_created"),
        (JobQuery(since=START, until=START), "jobs_created (created_at>? AND created_at<?)"),
        (
            JobQuery(order=JobOrder.OLDEST, cursor="oldest~5.id-5"),
            "jobs_created ((created_at,id)>(?,?))",
        ),
        (JobQuery(statuses=[JobStatus.QUEUED], platform="x"), "jobs_ready"),
        (
            JobQuery(statuses=[JobStatus.FAILED], cursor="5.id-5"),
            "jobs_failed ((created_at,id)<(?,?))",
        ),
        (JobQuery(statuses=[JobStatus.CANCELLED], order=JobOrder.OLDEST), "jobs_cancelled"),
        (JobQuery(statuses=[JobStatus.COMPLETED]), "jobs_created"),
        (JobQuery(statuses=[JobStatus.QUEUED, JobStatus.RUNNING], cursor="5.id-5"), "jobs_created"),
        (JobQuery(shortest_s=3, longest_s=4, since=START, until=START), "jobs_created"),
        (JobQuery(platform="x"), "jobs_platform (platform=?)"),
        (
            JobQuery(platform="x", cursor="5.id-5"),
            "jobs_platform (platform=? AND (created_at,id)<(?,?))",
        ),
        (JobQuery(account="x/jane", statuses=[JobStatus.FAILED]), "jobs_account (account_key=?)"),
        (JobQuery(order=JobOrder.PUBLISHED, statuses=[JobStatus.COMPLETED]), "jobs_posted"),
        (JobQuery(order=JobOrder.PUBLISHED, platform="x", shortest_s=3), "jobs_posted"),
        (
            JobQuery(order=JobOrder.PUBLISHED, cursor="published~2~5.id-5"),
            "jobs_posted (posted_at<?)",
        ),
        (
            JobQuery(order=JobOrder.EARLIEST, cursor="earliest~2~5.id-5"),
            "jobs_posted (posted_at>?)",
        ),
        (JobQuery(order=JobOrder.TITLE, platform="x", longest_s=3), "jobs_titled"),
        (
            JobQuery(order=JobOrder.TITLE, cursor="title~61~5.id-5"),
            "jobs_titled (title_key>?)",
        ),
        (JobQuery(order=JobOrder.LONGEST, platform="x"), "jobs_longest"),
        (JobQuery(order=JobOrder.LONGEST, cursor="longest~2.5~5.id-5"), "jobs_longest (<expr><?)"),
        (JobQuery(order=JobOrder.LARGEST, longest_s=4), "jobs_largest"),
    ],
)
def test_a_page_is_read_in_the_order_of_an_index_that_covers_the_whole_query(
    db: Connection, query: JobQuery, index: str
) -> None:
    first, *rest = page_plan(db, query)

    assert f"jobs USING COVERING INDEX {index}" in first
    assert rest == [READ_BY_KEY, *rest[1:]]
    assert set(rest[1:]) <= {SORTED_PAGE}


def test_running_jobs_are_read_from_their_index_and_sorted_since_they_are_few(
    db: Connection,
) -> None:
    steps = page_plan(db, JobQuery(statuses=[JobStatus.RUNNING]))

    assert steps == ["SCAN jobs USING INDEX jobs_running", SORTED_PAGE, READ_BY_KEY, SORTED_PAGE]


@pytest.mark.parametrize("order", [JobOrder.LARGEST, JobOrder.PUBLISHED, JobOrder.TITLE])
def test_the_jobs_of_an_account_are_sorted_from_its_own_index(
    db: Connection, order: JobOrder
) -> None:
    steps = page_plan(db, JobQuery(account="x/jane", order=order, platform="x"))

    assert steps[0] == "SEARCH jobs USING COVERING INDEX jobs_account (account_key=?)"


@pytest.mark.parametrize("order", [order for order in JobOrder if order is not JobOrder.WATCHED])
def test_a_search_that_finds_few_jobs_reads_only_these(db: Connection, order: JobOrder) -> None:
    steps = page_plan(db, JobQuery(text="fox 東京", order=order, platform="x"), finds_few=True)

    assert steps[:4] == [
        "SCAN library_words VIRTUAL TABLE INDEX 0:M1",
        READ_BY_KEY,
        SORTED_PAGE,
        READ_BY_KEY,
    ]
    assert set(steps[4:]) <= {SORTED_PAGE}


@pytest.mark.parametrize(
    ("order", "index"),
    [(JobOrder.NEWEST, "jobs_platform (platform=?)"), (JobOrder.LONGEST, "jobs_longest")],
)
def test_a_search_that_finds_many_jobs_reads_the_orders_index(
    db: Connection, order: JobOrder, index: str
) -> None:
    steps = page_plan(db, JobQuery(text="fox", order=order, platform="x"))

    assert f"jobs USING COVERING INDEX {index}" in steps[0]
    assert steps[1:3] == ["SCAN library_words VIRTUAL TABLE INDEX 0:M1", READ_BY_KEY]


def test_marks_that_few_jobs_have_are_read_before_the_jobs(db: Connection) -> None:
    steps = page_plan(db, JobQuery(marks=["tag/cats", "tag/dogs"], platform="x"), finds_few=True)

    assert steps[:3] == [MARKS_OF_NAME, MARKS_OF_NAME, READ_BY_KEY]


def test_what_a_user_has_watched_is_found_by_the_users_marks_alone(db: Connection) -> None:
    query = JobQuery(order=JobOrder.WATCHED, statuses=[JobStatus.COMPLETED])

    steps = page_plan(db, query, finds_few=True)

    assert steps[0] == MARKS_BY_PLACE
    assert steps[1:3] == ["USE TEMP B-TREE FOR DISTINCT", READ_BY_KEY]
    assert not any(step.startswith("SCAN jobs") for step in steps)


@pytest.mark.parametrize("query", [JobQuery(marks=["tag/cats"]), JobQuery(without=["tag/cats"])])
def test_marks_that_many_jobs_have_are_looked_up_from_the_orders_index(
    db: Connection, query: JobQuery
) -> None:
    steps = page_plan(db, query)

    assert steps[:2] == [
        "SCAN jobs USING COVERING INDEX jobs_created",
        MARKS_BY_PLACE,
    ]


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (
            JobQuery(statuses=[JobStatus.COMPLETED], order=JobOrder.LARGEST, cursor="no cursor"),
            "jobs_created",
        ),
        (
            JobQuery(since=START, until=START, longest_s=60),
            "jobs_created (created_at>? AND created_at<?)",
        ),
        (JobQuery(platform="x", shortest_s=3), "jobs_platform (platform=?)"),
        (
            JobQuery(account="x/jane", statuses=[JobStatus.COMPLETED]),
            "jobs_account (account_key=?)",
        ),
        (JobQuery(statuses=[JobStatus.FAILED], platform="x"), "jobs_failed"),
        (JobQuery(text="fox", statuses=[JobStatus.COMPLETED]), "jobs_created"),
        (JobQuery(marks=["tag/cats"], without=["tag/dogs"]), "jobs_created"),
    ],
)
def test_jobs_are_counted_in_an_index_alone(db: Connection, query: JobQuery, index: str) -> None:
    found, _ = found_by(query, search_words.parse_search(query.text))
    first, *rest = plan(db, count_statement(query, found, finds_few=False)[0])

    assert f"jobs USING COVERING INDEX {index}" in first
    assert set(rest) <= {
        "SCAN library_words VIRTUAL TABLE INDEX 0:M1",
        MARKS_BY_PLACE,
        MARKS_OF_NAME,
    }


def test_all_jobs_are_counted_in_an_index_too(db: Connection) -> None:
    [step] = plan(db, count_statement(JobQuery(), "", finds_few=False)[0])

    assert step.startswith("SCAN jobs USING COVERING INDEX")


def test_a_count_of_few_found_jobs_reads_only_these(db: Connection) -> None:
    query = JobQuery(text="fox", platform="x")
    found, _ = found_by(query, search_words.parse_search(query.text))

    steps = plan(db, count_statement(query, found, finds_few=True)[0])
    assert steps == ["SCAN library_words VIRTUAL TABLE INDEX 0:M1", READ_BY_KEY]


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (AccountQuery(), "library_accounts_latest"),
        (AccountQuery(text="jane", cursor="5~x/jane"), "library_accounts_latest"),
        (AccountQuery(platform="x"), "library_accounts_platform"),
    ],
)
def test_a_page_of_accounts_is_read_in_the_order_of_an_index(
    db: Connection, query: AccountQuery, index: str
) -> None:
    sql, _ = SqlitePages().accounts(query, search_words.parse_search(query.text))
    [step] = plan(db, sql)

    assert f"USING INDEX {index}" in step


def page_plan(db: Connection, query: JobQuery, *, finds_few: bool = False) -> list[str]:
    terms = search_words.parse_search(query.text)
    descending = queries.is_descending(query.order)
    found, _ = found_by(query, terms)
    sql, _ = statement(
        query, found, queries.after(query), descending=descending, finds_few=finds_few
    )
    return plan(db, sql)


class Asked:
    """Notes the statements that are built, and runs none."""

    def __init__(self) -> None:
        self.sql: list[str] = []

    async def query(self, sql: str, values: Mapping[str, Any]) -> Sequence[Row]:
        self.sql.append(in_dialect("sqlite", sql))
        return [(0,)] if sql.startswith(("SELECT count", "SELECT coalesce")) else []


@pytest.mark.parametrize(
    ("table", "where", "order", "index"),
    [
        (SOURCES, {"url": "u"}, [], "sources_url (url=?)"),
        (SOURCE_STATES, {"due_at": Range(at_most=5)}, ["due_at"], "source_states_due (due_at<?)"),
        (
            SOURCE_STATES,
            {"waiting": Range(at_least=1)},
            ["waiting"],
            "source_states_waiting (waiting>?)",
        ),
        (
            SOURCE_ENTRIES,
            {"source": "s", "place": Range()},
            ["place"],
            "source_entries_waiting (source=? AND place>?)",
        ),
        (
            SOURCE_ENTRIES,
            {"source": "s", "listed_at": Range()},
            [],
            "source_entries_listed (source=? AND listed_at>?)",
        ),
        (
            SOURCE_ENTRIES,
            {"source": "s", "unlisted_at": Range()},
            ["unlisted_at"],
            "source_entries_unlisted (source=? AND unlisted_at>?)",
        ),
        (
            DEFERRED_WORK,
            {"work": "w", "due_at": Range(at_most=5)},
            ["due_at"],
            "deferred_work_due (work=? AND due_at<?)",
        ),
        (TRASH, {"deleted_at": Range(at_most=5)}, ["deleted_at"], "trash_deleted (deleted_at<?)"),
        (
            TRASH,
            {"deleted_at": Range(4, 5)},
            ["deleted_at"],
            "trash_deleted (deleted_at>? AND deleted_at<?)",
        ),
        (TRASH, {"batch": "b"}, ["deleted_at"], "trash_batch (batch=?)"),
        (TRASH, {"unmoved": Range()}, [], "trash_unmoved (unmoved>?)"),
    ],
)
def test_rows_of_a_table_are_found_by_an_index(
    db: Connection, table: Table, where: Where, order: Sequence[str], index: str
) -> None:
    asked: Any = Asked()
    if order:
        run(tables.select(asked, table, where, order=order, limit=9))
    run(tables.keys(asked, table, where))
    run(tables.count(asked, table, where))
    run(tables.remove(asked, table, where))

    for sql in asked.sql:
        assert index in plan(db, sql)[0]
    if order:
        assert len(plan(db, asked.sql[0])) == 1  # and are not sorted


def test_the_trash_is_listed_and_added_up_by_an_index(db: Connection) -> None:
    asked: Any = Asked()
    run(tables.select(asked, TRASH, {}, order=["deleted_at"], descending=True, limit=9))
    run(tables.count(asked, TRASH, {}))
    run(tables.total(asked, TRASH, "bytes"))

    listed, counted, added_up = (plan(db, sql) for sql in asked.sql)
    assert listed == ["SCAN trash USING INDEX trash_deleted"]
    assert [step.partition("INDEX")[0] for step in counted] == ["SCAN trash USING COVERING "]
    assert added_up == ["SCAN trash USING COVERING INDEX trash_deleted"]


def test_rows_with_certain_keys_are_found_by_these(db: Connection) -> None:
    asked: Any = Asked()
    run(tables.some(asked, SOURCE_ENTRIES, [("s", "p")]))

    [step] = plan(db, asked.sql[0])
    assert step == (
        "SEARCH source_entries USING INDEX sqlite_autoindex_source_entries_1 (source=? AND post=?)"
    )


@pytest.mark.parametrize("platform", ["all may start", "none may start"])
def test_the_work_of_a_claim_does_not_grow_with_the_queue(tmp_path: Path, platform: str) -> None:
    """Measured in steps of SQLite's virtual machine.
    Skipped jobs at the head of the queue cost nothing either.
    """
    costs = [
        steps_of_a_claim(tmp_path, ready=platform == "all may start", crowd=crowd)
        for crowd in (20, 2_000)
    ]

    assert costs[1] <= costs[0] + 50


def steps_of_a_claim(folder: Path, *, ready: bool, crowd: int) -> int:
    """Count the steps with ``crowd`` jobs of one site at the head of the queue and a job of another
    behind them.
    """
    db, clock = open_database(folder / f"{crowd}.db"), FakeClock()
    now = to_micros(clock.now())
    jobs = [*(("instagram", number) for number in range(crowd)), ("reddit", crowd)]
    fetch_all(
        db,
        "INSERT INTO jobs (id, trace_id, post_url, canonical_url, platform, created_at, updated_at,"
        " max_attempts)"
        " SELECT value ->> 1, '', '', value ->> 1, value ->> 0, value ->> 1, 0, 5"
        f" FROM json_each('{json.dumps(jobs)}')",
    )
    txn = Txn(db, clock.now(), now, clock.monotonic())
    if not ready:
        limit = SiteLimit("instagram", next_permit_at=clock.now() + timedelta(minutes=1))
        db.execute(SQL["import_site_limit"], limit_values(limit))
    steps = 0

    def count() -> bool:
        nonlocal steps
        steps += 1
        return False

    db.set_progress_handler(count, 1)
    taken = claims.claim(txn, WorkerId("w-1"), limit=3, lease=timedelta(seconds=90))
    db.set_progress_handler(None)
    db.close()
    assert [claim.job.platform for claim in taken] == (["instagram"] * 3 if ready else ["reddit"])
    return steps


def test_a_plan_does_not_depend_on_bound_values(db: Connection) -> None:
    """Otherwise SQLite prepares a claim again at every call, because of the value of its LIMIT."""
    assert db.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, -1) == 1
