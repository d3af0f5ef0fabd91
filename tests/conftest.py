"""Settings for all tests: time limits that grow with the machine's load, folders in memory,
a seed that is printed.
"""

from __future__ import annotations

import gc
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import coverage
import hypothesis
import pytest

from mediavault.auth import passwords
from tests import patience
from tests.patience import patient
from tests.servers import AT_END

# For a process that runs a share of the tests: it stops its database servers, then writes its
# coverage data.
EXIT_TIMEOUT_S = 60

# Tests write and sync thousands of small files, and wait for the disk longer than for the
# processor. In memory a sync takes no time. No test needs a disk: those of power cuts and full
# disks make their own.
IN_MEMORY = Path("/dev/shm")
NEEDED_BYTES = 3 << 30

# No deadline: how long an example takes depends on the machine. Every run uses new examples, so
# that further runs can find further bugs; the header shows the seed, and --hypothesis-seed repeats
# it.
hypothesis.settings.register_profile(
    "mediavault",
    deadline=None,
    print_blob=True,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("mediavault")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Runs before Hypothesis reads its seed. Processes of pytest-xdist inherit seed and slowness
    from the first one.
    """
    patience.measure()
    if is_usable(IN_MEMORY):
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(IN_MEMORY))
    # A run keeps millions of objects: modules, tests, syntax trees. Looking at them again and again
    # takes a tenth of its time.
    gc.set_threshold(50_000, 20, 50)
    if config.option.hypothesis_seed is None:
        config.option.hypothesis_seed = str(secrets.randbelow(1 << 32))
    if config.pluginmanager.hasplugin("dsession"):
        from xdist.workermanage import NodeManager

        # After ten seconds it would be killed: its servers would be left running, and its coverage
        # data lost.
        NodeManager.EXIT_TIMEOUT = patient(EXIT_TIMEOUT_S)


def is_usable(folder: Path) -> bool:
    """Return whether it has room for the tests and programs may run from it,
    which Docker forbids for its own one.
    """
    if not folder.is_dir() or os.statvfs(folder).f_flag & os.ST_NOEXEC:
        return False
    return shutil.disk_usage(folder).free >= NEEDED_BYTES


def pytest_collection_finish() -> None:
    """Let the garbage collector leave alone what was collected:
    modules and tests stay until the end.
    """
    gc.freeze()


def pytest_report_header(config: pytest.Config) -> str:
    return f"limits: x{patience.slowness():.1f}; --hypothesis-seed={config.option.hypothesis_seed}"


@pytest.hookimpl(tryfirst=True)
def pytest_timeout_set_timer(item: pytest.Item, settings: Any) -> object:
    """Scale pytest-timeout's limit like every other."""
    plugin: Any = item.config.pluginmanager.getplugin("timeout")
    return plugin.pytest_timeout_set_timer(
        item, settings._replace(timeout=patient(settings.timeout))
    )


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, exitstatus: pytest.ExitCode, config: pytest.Config
) -> None:
    if exitstatus:
        terminalreporter.write_line(
            f"Property tests are repeated by --hypothesis-seed={config.option.hypothesis_seed}"
        )


@pytest.fixture
def cheap_hashing(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Hash passwords with little memory, so that a hash takes a millisecond."""
    monkeypatch.setattr(passwords, "MEMORY_KIB", 64)
    passwords._hasher.cache_clear()
    yield
    passwords._hasher.cache_clear()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish() -> None:
    """End the servers, and write the coverage data:
    a process that is killed on its way out would do neither.
    """
    AT_END.close()
    measuring = coverage.Coverage.current()
    if measuring is not None:
        measuring.save()
