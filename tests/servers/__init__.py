"""Servers for the tests, each started once per process, or named by the environment."""

import atexit
from contextlib import ExitStack

# What ends this process's servers. `tests/conftest.py` closes it when the tests are over, because a
# process of pytest-xdist leaves without its exit handlers; other programs, such as the benchmarks,
# close it when they exit.
AT_END = ExitStack()
atexit.register(AT_END.close)
