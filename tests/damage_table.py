"""Which damaged films are refused, as Markdown:
``python -m tests.damage_table [--megabytes 1] [--film HEVC]``.

The verdict is that of the source on the path. The whole table takes about an hour and 3 GB in the
temporary folder.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tests.damage import Form
from tests.damage_matrix import Outcome, Row, every_row, limit_of, outcome_of, write_damaged
from tests.films import SIZES, Film


def main() -> int:
    """Print a table for each size, and below it what was not refused.
    Returns 1 when that includes what must be.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--megabytes", type=int, choices=list(SIZES), help="only films of this size"
    )
    parser.add_argument("--film", default="", help="only films with this in their name")
    asked = parser.parse_args()
    rows = [
        row
        for row in every_row()
        if asked.megabytes in (None, row.film.megabytes) and asked.film in row.film.name
    ]
    with tempfile.TemporaryDirectory(prefix="damaged-films-") as folder:
        outcomes = dict(_outcomes(rows, Path(folder)))
    for megabytes, size in SIZES.items():
        if any(row.film.megabytes == megabytes for row in outcomes):
            print(f"\n### {megabytes} MB: {size.seconds} s, {size.width}x{size.height}\n")
            _print_table(
                {row: what for row, what in outcomes.items() if row.film.megabytes == megabytes}
            )
    counts = Counter(outcomes.values())
    print(
        f"\n{len(outcomes)} damaged films: "
        + ", ".join(f"{counts[each]} {each}" for each in Outcome if counts[each])
    )
    return int(
        any(what is not Outcome.REFUSED and limit_of(row) is None for row, what in outcomes.items())
    )


def _outcomes(rows: Sequence[Row], folder: Path) -> Iterable[tuple[Row, Outcome]]:
    for number, row in enumerate(rows, 1):
        print(f"\r{number} of {len(rows)}", end="", file=sys.stderr, flush=True)
        yield row, outcome_of(write_damaged(row, folder))


def _print_table(outcomes: Mapping[Row, Outcome]) -> None:
    films: Mapping[Film, None] = dict.fromkeys(row.film for row in outcomes)
    print("| refused of all | " + " | ".join(Form) + " |\n|---|" + "--:|" * len(Form))
    for film in films:
        cells = []
        for form in Form:
            found = [
                what
                for row, what in outcomes.items()
                if (row.film, row.damage.form) == (film, form)
            ]
            cells.append(f"{found.count(Outcome.REFUSED)}/{len(found)}")
        print(f"| {film.name} | " + " | ".join(cells) + " |")
    for heading, has_limit in (
        ("Not refused, and must be", False),
        ("Not refused, since no file shows it", True),
    ):
        passed = {
            row: what
            for row, what in outcomes.items()
            if what is not Outcome.REFUSED and (limit_of(row) is not None) == has_limit
        }
        print(f"\n{heading}: {len(passed) or 'none'}\n")
        for film in dict.fromkeys(row.film for row in passed):
            kinds: dict[str, list[str]] = defaultdict(list)
            for row, what in passed.items():
                if row.film == film:
                    kinds[f"{row.damage.form}, {row.damage.scope} ({what})"].append(
                        row.damage.place
                    )
            print(
                f"- {film.name}: "
                + "; ".join(f"{kind} at {', '.join(at)}" for kind, at in kinds.items())
            )


if __name__ == "__main__":
    sys.exit(main())
