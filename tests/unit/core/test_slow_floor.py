"""When a transfer is too slow."""

from __future__ import annotations

from mediavault.core.bandwidth_limiter import SlowTransferDetector


def test_a_byte_every_ten_seconds_is_too_slow_after_a_minute() -> None:
    floor = SlowTransferDetector(1_024, 60.0)

    assert [floor.is_too_slow(count=1, waited_s=10.0) for _ in range(6)] == [False] * 5 + [True]


def test_a_slow_but_steady_server_is_tolerated() -> None:
    floor = SlowTransferDetector(1_024, 60.0)

    assert not any(floor.is_too_slow(count=20_000, waited_s=10.0) for _ in range(100))


def test_a_burst_long_ago_does_not_excuse_dripping_now() -> None:
    floor = SlowTransferDetector(1_024, 60.0)
    floor.is_too_slow(count=100_000_000, waited_s=60.0)

    assert any(floor.is_too_slow(count=1, waited_s=10.0) for _ in range(6))
