"""Runs scripts/assets.py before a wheel is built or linked, so that the pages have their files in every installation."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class AssetsHook(BuildHookInterface[Any]):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        del version, build_data
        subprocess.run([sys.executable, str(Path(self.root, "scripts", "assets.py"))], check=True)
