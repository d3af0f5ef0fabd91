"""The units of systemd, judged by systemd itself."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.unit.test_deployment import UNIT, WORKER

MOST_EXPOSED = 25  # tenths; systemd calls that "OK", and a unit without any restriction has 96


@pytest.mark.parametrize("unit", [UNIT, WORKER], ids=lambda unit: unit.name)
def test_systemd_finds_a_unit_well_confined(unit: Path, tmp_path: Path) -> None:
    shutil.copy(unit, tmp_path)  # beside the sources it would look for drop-ins
    command = [
        "systemd-analyze",
        "security",
        "--offline=true",
        f"--threshold={MOST_EXPOSED}",
        str(tmp_path / unit.name),
    ]
    ran = subprocess.run(command, capture_output=True, text=True)

    assert ran.returncode == 0, ran.stdout[-500:] + ran.stderr
