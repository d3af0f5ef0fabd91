"""Builds the browser extension into dist/, a zip for Chromium and one for Firefox
(``make extension``).

Everything in extension/ is packed as it is, but for two things: a browser's manifest is
``manifest.json`` together with ``manifest.<browser>.json`` and this package's version, and the
icons are drawn as those of phones are. The same source gives the same bytes.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from mediavault import __version__
from mediavault.web.icon_pictures import IconPicture, draw

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "extension"
BROWSERS = ("chromium", "firefox")
ICON_SIZES = (16, 32, 48, 128)
_DATE = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can tell, else no two builds would be equal


def main() -> None:
    for last in (ROOT / "dist").glob("mediavault-extension-*.zip"):
        last.unlink()
    for browser in BROWSERS:
        print(write_zip(ROOT / "dist", browser).relative_to(ROOT))  # noqa: T201


def write_zip(folder: Path, browser: str) -> Path:
    """Write the extension for a browser into ``folder`` and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"mediavault-extension-{manifest_version(__version__)}-{browser}.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in sorted(files(browser).items()):
            archive.writestr(_entry(name), data, zipfile.ZIP_DEFLATED, 9)
    return path


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _DATE)
    entry.create_system, entry.external_attr = 3, 0o644 << 16
    return entry


def files(browser: str, *, granted: Sequence[str] = ()) -> dict[str, bytes]:
    """Return the files of the extension by name. ``granted`` are match patterns that a test has no
    prompt for.
    """
    packed = {
        path.relative_to(SOURCE).as_posix(): path.read_bytes()
        for path in SOURCE.rglob("*")
        if path.is_file() and not path.name.startswith("manifest.")
    }
    manifest = manifest_of(browser)
    if granted:
        manifest["host_permissions"] = list(granted)
        manifest["permissions"] += manifest.pop("optional_permissions")
    packed["manifest.json"] = (json.dumps(manifest, indent=2, ensure_ascii=False) + "\n").encode()
    return {**packed, **icons()}


def manifest_of(browser: str) -> dict[str, Any]:
    """Return a browser's manifest: what both have in common, what it alone has, and the version."""
    parts = [
        json.loads((SOURCE / f"manifest{part}.json").read_text("utf-8"))
        for part in ("", f".{browser}")
    ]
    manifest: dict[str, Any] = {**parts[0], **parts[1], "version": manifest_version(__version__)}
    if browser == "chromium":
        manifest["version_name"] = __version__
    return manifest


def manifest_version(version: str) -> str:
    """Return a version as browsers accept it: numbers only.
    A build between two releases has a fourth one.
    """
    release, _, build = version.partition("+")[0].partition(".dev")
    numbers = [*re.findall(r"\d+", release), "0", "0"][:3]
    return ".".join([*numbers, build] if build else numbers)


@cache
def icons() -> Mapping[str, bytes]:
    """Return the icon in every size, by its name in the extension."""
    return {f"icons/{size}.png": draw(IconPicture(size)) for size in ICON_SIZES}


if __name__ == "__main__":
    main()
