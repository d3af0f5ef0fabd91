"""The check whether helper processes have no network access on this machine."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mediavault.sandbox.isolation import NoNetwork, check_isolation, find_isolation

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")


async def test_helpers_have_no_network_here() -> None:
    assert await find_isolation() is NoNetwork.NAMESPACE


def test_a_process_that_was_not_confined_says_so() -> None:
    ours = Path("/proc/self/ns/net").stat().st_ino

    assert check_isolation({"namespace": ours}) == {"by": NoNetwork.NOTHING}
    assert check_isolation({"namespace": ours + 1}) == {"by": NoNetwork.NAMESPACE}
