"""How SQLite means to run each statement; a plan that changes is a queue that gets slow with its size."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import apsw
import pytest

from mediavault.core.clock import to_micros
from mediavault.core.gates import Gate
from mediavault.core.job import JobStatus, WorkerId
from mediavault.store import paging
from mediavault.store.clock_guard import ClockGuard
from mediavault.store.port import AccountQuery, JobOrder, JobQuery
from mediavault.store.rows import gate_values
from mediavault.store.sqlite import ops
from mediavault.store.sqlite.engine import Connection, fetch_all
from mediavault.store.sqlite.library import accounts_statement, statement
from mediavault.store.sqlite.ops import SQL
from mediavault.store.sqlite.schema import open_database
from mediavault.store.sqlite.writer import Txn
from tests.fakes import START, FakeClock

ROWS = 300

BY_ID = ["SEARCH jobs USING INDEX jobs_id (id=?)"]
BY_KEY = "SEARCH jobs USING INTEGER PRIMARY KEY (rowid=?)"
BY_PLACE = "SEARCH shelf USING INTEGER PRIMARY KEY (rowid=?)"
BY_POST = "SEARCH jobs USING COVERING INDEX jobs_post (canonical_url=?)"
# Statement -> what it does with the tables, in order. A SCAN of a partial index reads the few jobs that are in it.
PLANS: dict[str, list[str]] = {
    "enqueue": [BY_POST],
    "enqueue_version": [BY_POST],
    "newest_of_post": ["SEARCH jobs USING INDEX jobs_post (canonical_url=?)"],
    # The SCAN stops at the first row: from one platform to the next, and what is queued for each is not read.
    "queued_platforms": [
        "SCAN jobs USING COVERING INDEX jobs_turns",
        "SEARCH jobs USING COVERING INDEX jobs_turns (platform>?)",
        "SEARCH gates USING PRIMARY KEY (platform=?) LEFT-JOIN",
    ],
    "oldest_queued": ["SEARCH jobs USING COVERING INDEX jobs_turns (platform=? AND needs_session=?)"],
    "claim": [BY_KEY],
    "renew": [BY_KEY, *BY_ID],
    "checkpoint": BY_ID,
    "progress": BY_ID,
    "save_items": BY_ID,
    "begin_commit": BY_ID,
    "complete": BY_ID,
    "fail": BY_ID,
    "release": BY_ID,
    "drop_need_of_session": ["SEARCH jobs USING INDEX jobs_turns (platform=? AND needs_session=?)"],
    "recover": ["SCAN jobs USING INDEX jobs_running"],
    "expire_leases": ["SEARCH jobs USING COVERING INDEX jobs_running (claimed_by=?)"],
    "promote_due": [BY_KEY, "SEARCH jobs USING COVERING INDEX jobs_due (retry_at>? AND retry_at<?)"],
    "not_understood": [
        "SEARCH jobs USING COVERING INDEX jobs_not_understood (failed_at>?)",
        "USE TEMP B-TREE FOR GROUP BY",  # of some twenty names
    ],
    "next_due": ["SEARCH jobs USING COVERING INDEX jobs_due (retry_at>?)"],
    "cancel": BY_ID,
    "retry": BY_ID,
    "remove": BY_ID,
    "remove_history": ["SEARCH history USING COVERING INDEX history_job (job=?)"],
    "append_history": [],
    "adopt": [],
    "adopt_gate": [],
    "agree_on": [],
    "put_record": [],
    "add_record": [],
    "replace_record": ["SEARCH records USING PRIMARY KEY (kind=? AND key=?)"],
    "get_record": ["SEARCH records USING PRIMARY KEY (kind=? AND key=?)"],
    "records": ["SEARCH records USING PRIMARY KEY (kind=?)"],
    "remove_record": ["SEARCH records USING PRIMARY KEY (kind=? AND key=?)"],
    "remove_records": ["SEARCH records USING PRIMARY KEY (kind=?)"],
    "prune_records": ["SEARCH records USING INDEX records_expiring (expires_at<?)"],
    "seq_of": ["SEARCH jobs USING COVERING INDEX jobs_id (id=?)"],
    "get": BY_ID,
    "changed_since": ["SEARCH jobs USING INDEX jobs_updated (updated_at>?)"],
    "history": [
        "SEARCH jobs USING COVERING INDEX jobs_id (id=?)",
        "SEARCH h USING INDEX history_job (job=?) LEFT-JOIN",
    ],
    "gate": ["SEARCH gates USING PRIMARY KEY (platform=?)"],
    # The newest keys of jobs and history, and a table that is empty as a rule.
    "shelf_ends": ["SEARCH jobs", "SEARCH history", "SCAN shelf_stale"],
    "shelf_before": ["SCAN shelf_mark"],
    "shelf_stale": ["SCAN shelf_stale"],
    "shelf_new": ["SEARCH jobs USING INTEGER PRIMARY KEY (rowid>?)"],
    "shelf_moved": ["SEARCH history USING INTEGER PRIMARY KEY (rowid>?)"],
    "shelf_facts": [BY_KEY],
    "shelf_entries": ["SEARCH shelf USING INDEX shelf_seq (seq=?)"],
    "shelf_place": ["SEARCH shelf USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"],
    "shelf_put": [],
    "shelf_change": [BY_PLACE],
    "shelf_take": [BY_PLACE],
    "shelf_put_words": [],
    "shelf_take_words": ["SCAN shelf_words VIRTUAL TABLE INDEX 0:="],
    "shelf_add_total": [],
    "shelf_add_account": [],
    "shelf_newest_of_account": [
        "SEARCH shelf USING COVERING INDEX shelf_account (account=?)",
        "SEARCH jobs USING INDEX jobs_id (id=?)",
    ],
    "shelf_name_account": ["SEARCH shelf_accounts USING PRIMARY KEY (key=?)"],
    "shelf_drop_account": ["SEARCH shelf_accounts USING PRIMARY KEY (key=?)"],
    "shelf_fresh": ["SEARCH shelf_stale USING INTEGER PRIMARY KEY (rowid=?)"],
    "shelf_set_mark": ["SCAN shelf_mark"],  # one row
    "account": ["SEARCH shelf_accounts USING PRIMARY KEY (key=?)"],
    # A row for each platform and state.
    "totals": ["SCAN shelf_totals", "SEARCH shelf USING COVERING INDEX shelf_platform (platform=?)"],
    "failure_groups": ["SCAN jobs USING INDEX jobs_failed", "USE TEMP B-TREE FOR GROUP BY"],
    "failure_examples": [
        BY_KEY,
        "SCAN jobs USING INDEX jobs_failed",
        "USE TEMP B-TREE FOR ORDER BY",
        "USE TEMP B-TREE FOR ORDER BY",
    ],
    "put_gate": [],
    "beat": [],
    "forget_worker": ["SEARCH workers USING PRIMARY KEY (worker=?)"],
}
FEW_ROWS = {
    "ask_to_leave",
    "workers",
    "gates",
    "agreed",
    "counts",
    "waiting",
}  # a handful of rows; counts of whole indexes


@pytest.fixture(scope="module", params=["as it grew", "after ANALYZE with every row queued"])
def db(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    db = open_database(tmp_path_factory.mktemp("plans") / "jobs.db")
    fetch_all(
        db,
        "INSERT INTO jobs (id, trace_id, post_url, canonical_url, platform, created_at, updated_at, max_attempts, search_text)"
        " SELECT 'id-' || value, '', '', 'url-' || value, 'generic', value, value, 5, ''"
        f" FROM json_each('{json.dumps(list(range(ROWS)))}')",
    )
    if "ANALYZE" in request.param:
        db.execute("ANALYZE")
    yield db
    db.close()


def plan(db: Connection, sql: str) -> list[str]:
    """The steps that touch a table of ours or sort."""
    named = dict.fromkeys(re.findall(r":(\w+)", sql))
    values: Any = named or (None,) * sql.count("?") or None
    steps = [row[3] for row in fetch_all(db, f"EXPLAIN QUERY PLAN {sql}", values)]
    return [
        step
        for step in steps
        if re.search(r"\b(jobs|history|h|workers|gates|records|shelf|shelf_\w+|w)\b|TEMP B-TREE", step)
    ]


@pytest.mark.parametrize("name", sorted(SQL.keys() - FEW_ROWS))
def test_a_statement_reads_what_it_needs_by_an_index_and_sorts_nothing(db: Connection, name: str) -> None:
    assert plan(db, SQL[name]) == PLANS[name]


@pytest.mark.parametrize("name", sorted(SQL.keys() - FEW_ROWS))
def test_the_indexes_of_a_plan_are_pinned(name: str) -> None:
    """A plan that is right today and not pinned may be another one with other statistics, or another SQLite."""
    used = set(re.findall(r"USING (?:COVERING )?INDEX (\w+)", " ".join(PLANS[name])))

    assert {index for index in used if f"INDEXED BY {index}" not in SQL[name]} == set()


@pytest.mark.parametrize(
    "name", ["claim", "renew", "checkpoint", "progress", "begin_commit", "complete", "fail", "release"]
)
def test_no_move_of_a_job_reads_or_writes_anything_of_the_shelf(db: Connection, name: str) -> None:
    """The library follows the queue: a drain does not pay for it."""
    of_the_shelf = fetch_all(db, "SELECT rootpage FROM sqlite_schema WHERE tbl_name LIKE 'shelf%' AND rootpage")
    values = dict.fromkeys(re.findall(r":(\w+)", SQL[name]))
    opened = {row[3] for row in fetch_all(db, f"EXPLAIN {SQL[name]}", values) if row[1] in {"OpenRead", "OpenWrite"}}
    triggers = [row for row in fetch_all(db, f"EXPLAIN {SQL[name]}", values) if row[1] == "Program"]

    assert opened
    assert opened.isdisjoint(row[0] for row in of_the_shelf)
    assert triggers == []


def test_no_statement_escapes_this_test() -> None:
    assert SQL.keys() == PLANS.keys() | FEW_ROWS


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (JobQuery(), "jobs_created"),
        (JobQuery(since=START, until=START), "jobs_created"),
        (JobQuery(order=JobOrder.OLDEST, cursor="oldest~5.id-5"), "jobs_created"),
        (JobQuery(statuses=[JobStatus.QUEUED], platform="x"), "jobs_ready"),
        (JobQuery(statuses=[JobStatus.FAILED], cursor="5.id-5"), "jobs_failed"),
        (JobQuery(statuses=[JobStatus.CANCELLED], order=JobOrder.OLDEST), "jobs_cancelled"),
    ],
)
def test_a_page_of_the_queue_is_read_in_the_order_of_an_index(db: Connection, query: JobQuery, index: str) -> None:
    [step] = page_plan(db, query)

    assert f"USING INDEX {index}" in step


def test_what_is_running_is_read_from_its_index_and_sorted_since_it_is_little(db: Connection) -> None:
    steps = page_plan(db, JobQuery(statuses=[JobStatus.RUNNING]))

    assert steps == ["SCAN jobs USING INDEX jobs_running", "USE TEMP B-TREE FOR ORDER BY"]


BY_FOUND_ID = "SEARCH jobs USING INDEX jobs_id (id=?)"
SORTED_PAGE = "USE TEMP B-TREE FOR ORDER BY"  # of the page's own jobs


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (JobQuery(statuses=[JobStatus.COMPLETED]), "shelf_created"),
        (JobQuery(statuses=[JobStatus.QUEUED, JobStatus.RUNNING], cursor="5.id-5"), "shelf_created"),
        (JobQuery(shortest_s=3, longest_s=4, since=START, until=START), "shelf_created"),
        (JobQuery(platform="x"), "shelf_platform (platform=?)"),
        (JobQuery(platform="x", cursor="5.id-5"), "shelf_platform (platform=? AND (created_at,id)<(?,?))"),
        (JobQuery(account="x/jane", statuses=[JobStatus.FAILED]), "shelf_account (account=?)"),
        (JobQuery(order=JobOrder.LONGEST, platform="x"), "shelf_longest"),
        (
            JobQuery(order=JobOrder.LONGEST, cursor="longest~2.5~5.id-5"),
            "shelf_longest ((duration_s,created_at,id)<(?,?,?))",
        ),
        (JobQuery(order=JobOrder.LARGEST, longest_s=4), "shelf_largest"),
    ],
)
def test_a_page_of_the_library_is_read_in_the_order_of_an_index_that_holds_all_that_is_asked(
    db: Connection, query: JobQuery, index: str
) -> None:
    first, *rest = page_plan(db, query)

    assert f"shelf USING COVERING INDEX {index}" in first
    assert rest == [BY_FOUND_ID, *rest[1:]]
    assert set(rest[1:]) <= {SORTED_PAGE}


def test_the_longest_of_an_account_are_sorted_from_its_own_index(db: Connection) -> None:
    steps = page_plan(db, JobQuery(account="x/jane", order=JobOrder.LARGEST, platform="x"))

    assert steps[0] == "SEARCH shelf USING COVERING INDEX shelf_account (account=?)"


@pytest.mark.parametrize("order", JobOrder)
def test_a_search_reads_the_index_of_words_and_the_shelf_by_its_places(db: Connection, order: JobOrder) -> None:
    """In the order of age from the newest place on: the sort is of the page and of one moment."""
    steps = page_plan(db, JobQuery(text="fox 東京", order=order, platform="x"))

    words = [step for step in steps if "VIRTUAL TABLE" in step]
    shelf = [step for step in steps if re.search(r" shelf ", step)]
    assert set(shelf) == {"SEARCH shelf USING INTEGER PRIMARY KEY (rowid=?)"}
    assert len(words) == len(shelf) == (2 if order in {JobOrder.NEWEST, JobOrder.OLDEST} else 1)


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (AccountQuery(), "shelf_accounts_latest"),
        (AccountQuery(text="jane", cursor="5~x/jane"), "shelf_accounts_latest"),
        (AccountQuery(platform="x"), "shelf_accounts_of_platform"),
    ],
)
def test_a_page_of_accounts_is_read_in_the_order_of_an_index(db: Connection, query: AccountQuery, index: str) -> None:
    asked = accounts_statement(query)
    assert asked is not None
    [step] = plan(db, asked[0])

    assert f"USING INDEX {index}" in step


def page_plan(db: Connection, query: JobQuery) -> list[str]:
    asked = statement(query, paging.after(query), query.limit)
    assert asked is not None
    return plan(db, asked[0])


@pytest.mark.parametrize("platform", ["all may start", "none may start"])
def test_the_work_of_a_claim_does_not_grow_with_the_queue(tmp_path: Path, platform: str) -> None:
    """In steps of SQLite's virtual machine. What is passed over stands at the head, and costs nothing either."""
    costs = [steps_of_a_claim(tmp_path, ready=platform == "all may start", crowd=crowd) for crowd in (20, 2_000)]

    assert costs[1] <= costs[0] + 50


def steps_of_a_claim(folder: Path, *, ready: bool, crowd: int) -> int:
    """With ``crowd`` jobs of a site at the head of the queue, and one job of another site behind them."""
    db, clock = open_database(folder / f"{crowd}.db"), FakeClock()
    now = to_micros(clock.now())
    jobs = [*(("instagram", number) for number in range(crowd)), ("reddit", crowd)]
    fetch_all(
        db,
        "INSERT INTO jobs (id, trace_id, post_url, canonical_url, platform, created_at, updated_at, max_attempts, search_text)"
        " SELECT value ->> 1, '', '', value ->> 1, value ->> 0, value ->> 1, 0, 5, ''"
        f" FROM json_each('{json.dumps(jobs)}')",
    )
    txn = Txn(db, clock.now(), now, clock.monotonic())
    if not ready:
        gate = Gate("instagram", next_turn_at=clock.now() + timedelta(minutes=1))
        db.execute(SQL["put_gate"], gate_values(gate))
    steps = 0

    def count() -> bool:
        nonlocal steps
        steps += 1
        return False

    db.set_progress_handler(count, 1)
    claims = ops.claim(txn, WorkerId("w-1"), 3, timedelta(seconds=90), ClockGuard())
    db.set_progress_handler(None)
    db.close()
    assert [claim.job.platform for claim in claims] == (["instagram"] * 3 if ready else ["reddit"])
    return steps


def test_a_plan_does_not_depend_on_bound_values(db: Connection) -> None:
    """Else SQLite prepares a claim anew at every call, because of the value of its LIMIT."""
    assert db.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, -1) == 1
