"""How long every regular expression and reader of strangers' texts takes, and how that grows: ``python -m tests.growth_table``."""

from __future__ import annotations

from collections.abc import Callable

from tests.growth import Growth, growth_of
from tests.pumps import Pump, patterns, pumps_of
from tests.text_readers import pumps, readers

SHOWN = 40


def main() -> None:
    """The slowest pump of each, the slowest first."""
    given: list[tuple[str, Callable[[str], object], list[Pump]]] = [
        *((one.place, one, pumps_of(one.pattern)) for one in patterns()),
        *((name, read, pumps()) for name, read in readers().items()),
    ]
    slowest = [(name, *_slowest(read, some)) for name, read, some in given]
    slowest.sort(key=lambda row: row[2].seconds, reverse=True)
    print(
        f"{len(patterns())} regular expressions, {len(readers())} readers, {sum(len(some) for *_, some in given)} texts"
    )
    print("   ms  twice the text  repeated")
    for name, pump, growth in slowest[:SHOWN]:
        factor = f"{growth.factor:.1f} times" if growth.factor else "too short to tell"
        print(
            f"{growth.seconds * 1000:5.1f}  {factor:>17}  {growth.size} times {pump.part!r} after {pump.head!r}: {name}"
        )


def _slowest(read: Callable[[str], object], some: list[Pump]) -> tuple[Pump, Growth]:
    judged = [(pump, growth_of(read, pump.text)) for pump in some]
    return max(judged, key=lambda one: (one[1].is_above_linear, one[1].seconds))


if __name__ == "__main__":
    main()
