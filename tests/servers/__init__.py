"""Servers for the tests, each started once per process, or named by the environment."""

import atexit
import os
import tempfile
from contextlib import ExitStack
from pathlib import Path

# What ends this process's servers. `tests/conftest.py` closes it when the tests are over, because a
# process of pytest-xdist leaves without its exit handlers; other programs, such as the benchmarks,
# close it when they exit.
AT_END = ExitStack()
atexit.register(AT_END.close)


def folder_for(server: str) -> Path:
    """Create a folder for its data where pytest's folders are: in memory, if ``conftest`` can."""
    root = os.environ.get("PYTEST_DEBUG_TEMPROOT")
    return Path(tempfile.mkdtemp(prefix=f"mediavault-{server}-", dir=root))
