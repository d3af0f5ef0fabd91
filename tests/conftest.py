"""For all tests: limits that grow with the machine's load, and property tests whose seed is printed."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

import coverage
import hypothesis
import pytest

from mediavault.auth import hashing
from tests import patience
from tests.patience import patient

# Of a process that runs a share of the tests: it ends its database servers, then writes what was covered.
EXIT_TIMEOUT_S = 60

# No deadline: how long an example takes is the machine's affair. Examples are new ones in every run, so that runs go on
# finding things; the header names the seed, and --hypothesis-seed repeats it.
hypothesis.settings.register_profile(
    "mediavault", deadline=None, print_blob=True, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("mediavault")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Runs before Hypothesis reads its seed. The processes of pytest-xdist inherit seed and slowness from the first one."""
    patience.measure()
    if config.option.hypothesis_seed is None:
        config.option.hypothesis_seed = str(secrets.randbelow(1 << 32))
    if config.pluginmanager.hasplugin("dsession"):
        from xdist.workermanage import NodeManager

        # After ten seconds it would be killed: its servers stay behind, and what its share covered is lost.
        NodeManager.EXIT_TIMEOUT = patient(EXIT_TIMEOUT_S)


def pytest_report_header(config: pytest.Config) -> str:
    return f"limits: x{patience.slowness():.1f}; --hypothesis-seed={config.option.hypothesis_seed}"


@pytest.hookimpl(tryfirst=True)
def pytest_timeout_set_timer(item: pytest.Item, settings: Any) -> object:
    """Scale pytest-timeout's limit as every other."""
    plugin: Any = item.config.pluginmanager.getplugin("timeout")
    return plugin.pytest_timeout_set_timer(item, settings._replace(timeout=patient(settings.timeout)))


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, exitstatus: pytest.ExitCode, config: pytest.Config
) -> None:
    if exitstatus:
        terminalreporter.write_line(f"Property tests are repeated by --hypothesis-seed={config.option.hypothesis_seed}")


@pytest.fixture
def cheap_hashing(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Hash passwords with little memory, so that it takes a millisecond."""
    monkeypatch.setattr(hashing, "MEMORY_KIB", 64)
    hashing._hasher.cache_clear()
    yield
    hashing._hasher.cache_clear()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish() -> None:
    """Write what was covered now, and not only at the process's end: one that is killed on its way out loses it all."""
    measuring = coverage.Coverage.current()
    if measuring is not None:
        measuring.save()
