"""A site from an external package: the example of CONTRIBUTING.md,
installed into a folder as pip would.
"""

from __future__ import annotations

import re
from pathlib import Path

GUIDE = Path(__file__).resolve().parents[1] / "CONTRIBUTING.md"
_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def guide_blocks() -> list[str]:
    """Return the Python code blocks of the guide in order: the site, then its test."""
    return _BLOCK.findall(GUIDE.read_text("utf-8"))


def install(folder: Path, source: str) -> None:
    """Write the module ``mediavault_films`` and the metadata that declare its site."""
    (folder / "mediavault_films.py").write_text(source, "utf-8")
    metadata = folder / "mediavault_films-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: mediavault-films\nVersion: 1.0\n"
    )
    (metadata / "entry_points.txt").write_text(
        "[mediavault.platforms]\nfilms = mediavault_films:FILMS\n"
    )
