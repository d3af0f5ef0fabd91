"""Which process is ended when the browser uses too much memory."""

from __future__ import annotations

import pytest

from mediavault.browser import processes
from mediavault.browser.processes import GIB, ProcessMemory, default_limit, over_limit

BROWSER, LIGHT, HEAVY = (
    ProcessMemory(1, 300, False),
    ProcessMemory(2, 100, True),
    ProcessMemory(3, 500, True),
)


def test_the_heaviest_process_is_ended_only_above_the_limit() -> None:
    assert over_limit([BROWSER, HEAVY, LIGHT], 900) is None
    assert over_limit([BROWSER, HEAVY, LIGHT], 899) == HEAVY
    assert over_limit([BROWSER, LIGHT], 300) == BROWSER
    assert over_limit([], 0) is None


@pytest.mark.parametrize(
    ("machine", "limit"), [(1 * GIB, 1 * GIB), (6 * GIB, 3 * GIB), (64 * GIB, 4 * GIB)]
)
def test_without_a_setting_the_browser_may_use_half_of_the_memory(
    machine: int, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "_machine_memory", lambda: machine)

    assert default_limit() == limit
