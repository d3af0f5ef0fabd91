"""The contenders, each with its tasks; each task of a contender runs in its own process.

``python -m benchmarks.contenders CONTENDER TASK --jobs N --folder DIR`` prints the cost as JSON.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks import (
    peer_dramatiq,
    peer_huey,
    peer_mediavault,
    peer_pgqueuer,
    peer_procrastinate,
    peer_raw,
    peer_saq,
    peer_sqlalchemy,
)
from benchmarks.subjects import Task

SINGLE, BULK, DRAIN = "enqueue", "bulk", "drain"


@dataclass(frozen=True, slots=True)
class Contender:
    # Which commits have reached the disk when the call returns: SQLite's ``synchronous``, or the
    # server's setting.
    durability: str
    tasks: Mapping[str, Task]


CONTENDERS: Mapping[str, Contender] = {
    "mediavault": Contender(
        "FULL; claim NORMAL",
        {
            SINGLE: peer_mediavault.enqueue,
            BULK: peer_mediavault.enqueue_in_bulk,
            DRAIN: peer_mediavault.drain,
        },
    ),
    "raw sqlite3 NORMAL": Contender(
        "NORMAL",
        {
            SINGLE: peer_raw.enqueue("NORMAL"),
            BULK: peer_raw.enqueue_in_bulk("NORMAL"),
            DRAIN: peer_raw.drain("NORMAL"),
        },
    ),
    "raw sqlite3 FULL": Contender(
        "FULL",
        {
            SINGLE: peer_raw.enqueue("FULL"),
            BULK: peer_raw.enqueue_in_bulk("FULL"),
            DRAIN: peer_raw.drain("FULL"),
        },
    ),
    "raw sqlite3 fused": Contender("FULL", {DRAIN: peer_raw.drain_fused("FULL")}),
    "huey": Contender("FULL", {SINGLE: peer_huey.enqueue, DRAIN: peer_huey.drain}),
    "SQLAlchemy aiosqlite": Contender(
        "NORMAL",
        {
            SINGLE: peer_sqlalchemy.enqueue,
            BULK: peer_sqlalchemy.enqueue_in_bulk,
            DRAIN: peer_sqlalchemy.drain,
        },
    ),
    "mediavault PostgreSQL": Contender(
        "every commit",
        {
            SINGLE: peer_mediavault.enqueue_on_postgres,
            BULK: peer_mediavault.enqueue_in_bulk_on_postgres,
            DRAIN: peer_mediavault.drain_on_postgres,
        },
    ),
    "procrastinate": Contender(
        "every commit", {SINGLE: peer_procrastinate.enqueue, DRAIN: peer_procrastinate.drain}
    ),
    "PgQueuer": Contender(
        "every commit", {SINGLE: peer_pgqueuer.enqueue, DRAIN: peer_pgqueuer.drain}
    ),
    "SAQ (Redis)": Contender("every second", {SINGLE: peer_saq.enqueue, DRAIN: peer_saq.drain}),
    "Dramatiq (Redis)": Contender(
        "every second", {SINGLE: peer_dramatiq.enqueue, DRAIN: peer_dramatiq.drain}
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.contenders")
    parser.add_argument("contender", choices=CONTENDERS)
    parser.add_argument("task", choices=(SINGLE, BULK, DRAIN))
    parser.add_argument("--jobs", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    options = parser.parse_args()
    cost = CONTENDERS[options.contender].tasks[options.task](options.folder, options.jobs)
    print(json.dumps(asdict(cost)))


if __name__ == "__main__":
    main()
