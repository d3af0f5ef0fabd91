"""Times of regular expressions and readers of untrusted texts, and their growth:
``python -m tests.growth_table``.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.growth import Growth, growth_of
from tests.pumps import Pump, patterns, pumps_of
from tests.text_readers import pumps, readers

SHOWN = 40


def main() -> None:
    """Print the slowest pump of each, the slowest first."""
    measured: list[tuple[str, Callable[[str], object], list[Pump]]] = [
        *((found.place, found, pumps_of(found.pattern)) for found in patterns()),
        *((name, read, pumps()) for name, read in readers().items()),
    ]
    slowest = [(name, *_slowest(read, texts)) for name, read, texts in measured]
    slowest.sort(key=lambda row: row[2].seconds, reverse=True)
    print(
        f"{len(patterns())} regular expressions, {len(readers())} readers, "
        f"{sum(len(texts) for *_, texts in measured)} texts"
    )
    print("   ms  4 times the text  repeated")
    for name, pump, growth in slowest[:SHOWN]:
        factor = f"{growth.factor:.1f} times" if growth.factor else "too short to tell"
        print(
            f"{growth.seconds * 1000:5.1f}  {factor:>19}  {growth.size} times {pump.part!r} after"
            f" {pump.head!r}: {name}"
        )


def _slowest(read: Callable[[str], object], texts: list[Pump]) -> tuple[Pump, Growth]:
    judged = [(pump, growth_of(read, pump.text)) for pump in texts]
    return max(judged, key=lambda judgement: (judgement[1].is_above_linear, judgement[1].seconds))


if __name__ == "__main__":
    main()
