"""Hooks of the build: the pages' files and catalogues (scripts/assets.py), and what a package index
shows.

An index has no folder next to the README, so its pictures and links need the project's address. It
comes from ``MEDIAVAULT_PROJECT_URL``, which the release sets; without it the pictures are left out.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.plugin.interface import MetadataHookInterface

_PICTURES = re.compile(r"<p>\s*(?:<img[^>]*>\s*)+</p>\s*")
_PICTURE = re.compile(r'(<img src=")(?!https?:)')
_LINK = re.compile(r"(\]\()(?!https?:|#|mailto:)")


class AssetsHook(BuildHookInterface[Any]):
    """Makes the files before a wheel is built or linked,
    so that the pages have them in every installation.
    """

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        del version, build_data
        subprocess.run([sys.executable, str(Path(self.root, "scripts", "assets.py"))], check=True)


class IndexHook(MetadataHookInterface):
    """Fills in the long description and the project's addresses."""

    def update(self, metadata: dict[str, Any]) -> None:
        address = os.environ.get("MEDIAVAULT_PROJECT_URL", "").rstrip("/")
        text = Path(self.root, "README.md").read_text("utf-8")
        metadata["readme"] = {
            "content-type": "text/markdown",
            "text": readme_for_index(text, address),
        }
        metadata["urls"] = urls(address) if address else {}


def urls(address: str) -> dict[str, str]:
    return {
        "Homepage": address,
        "Documentation": f"{address}/tree/HEAD/docs",
        "Changelog": f"{address}/blob/HEAD/CHANGELOG.md",
        "Issues": f"{address}/issues",
    }


def readme_for_index(text: str, address: str) -> str:
    """Return the README with absolute pictures and links; without an ``address``,
    without pictures.
    """
    if not address:
        return _PICTURES.sub("", text)
    return _LINK.sub(rf"\1{address}/blob/HEAD/", _PICTURE.sub(rf"\1{address}/raw/HEAD/", text))
