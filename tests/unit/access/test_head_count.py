"""So many from one address at the same time."""

from __future__ import annotations

from mediavault.access.head_count import HeadCount


def test_so_many_of_a_place_are_let_in_and_who_leaves_makes_room() -> None:
    count = HeadCount(2)
    first = [count.come("a") for _ in range(4)]
    count.leave("a")

    assert first == [True, True, False, False]
    assert [count.come("a"), count.come("a")] == [True, False]


def test_places_are_counted_by_themselves() -> None:
    count = HeadCount(1)
    count.come("a")

    assert count.come("b")


def test_nobody_is_remembered_who_is_not_there() -> None:
    """However many come and go, and however often they are turned away."""
    count = HeadCount(1)
    for n in range(1_000):
        count.come(str(n))
        count.come(str(n))
        assert count.leave(str(n))

    assert not count._there


def test_it_tells_who_was_the_last() -> None:
    count = HeadCount(2)
    count.come("a")
    count.come("a")

    assert [count.leave("a"), count.leave("a")] == [False, True]
