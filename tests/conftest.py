"""For all tests."""

from __future__ import annotations

import coverage
import pytest

# Of a process that runs a share of the tests: it ends its database servers, then writes what was covered.
EXIT_TIMEOUT_S = 60


def pytest_configure(config: pytest.Config) -> None:
    """After ten seconds it would be killed: its servers stay behind, and what its share covered is lost."""
    if config.pluginmanager.hasplugin("dsession"):
        from xdist.workermanage import NodeManager

        NodeManager.EXIT_TIMEOUT = EXIT_TIMEOUT_S


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish() -> None:
    """Write what was covered now, and not only at the process's end: one that is killed on its way out loses it all."""
    measuring = coverage.Coverage.current()
    if measuring is not None:
        measuring.save()
