"""Builds the browser extension into dist/, a zip for Chromium and one for Firefox (``make extension``).

Everything in extension/ is packed as it is, but for two things: a browser's manifest is ``manifest.json`` together with
``manifest.<browser>.json`` and this package's version, and the icons are drawn here from the pages' own icon.svg, so
that no binary is committed. The same source gives the same bytes.
"""

from __future__ import annotations

import json
import re
import struct
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from mediavault import __version__

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "extension"
ICON = ROOT / "src" / "mediavault" / "web" / "static" / "icon.svg"
BROWSERS = ("chromium", "firefox")
ICON_SIZES = (16, 32, 48, 128)
_SAMPLES = 4  # a pixel's colour is the mean of 4 x 4 points
_DATE = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can tell, else no two builds would be equal

Colour = tuple[int, int, int]
Shape = tuple[Callable[[float, float], bool], Colour]  # whether a point lies in it


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
    """Return the files of the extension by name. ``granted`` are match patterns that a test has no prompt for."""
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
    parts = [json.loads((SOURCE / f"manifest{part}.json").read_text("utf-8")) for part in ("", f".{browser}")]
    manifest: dict[str, Any] = {**parts[0], **parts[1], "version": manifest_version(__version__)}
    if browser == "chromium":
        manifest["version_name"] = __version__
    return manifest


def manifest_version(version: str) -> str:
    """Return a version as browsers accept it: numbers only. A build between two releases has a fourth one."""
    release, _, build = version.partition("+")[0].partition(".dev")
    numbers = [*re.findall(r"\d+", release), "0", "0"][:3]
    return ".".join([*numbers, build] if build else numbers)


# --- icons


@cache
def icons() -> Mapping[str, bytes]:
    """Return the icon in every size, by its name in the extension."""
    shapes = shapes_of(ICON.read_text("utf-8"))
    return {f"icons/{size}.png": png(shapes, size) for size in ICON_SIZES}


def shapes_of(svg: str) -> list[Shape]:
    """Read the shapes of the icon, in a square with sides of 1: rect, circle, and a path of straight lines."""
    (side,) = (float(text) for text in re.findall(r'viewBox="0 0 (\d+) \1"', svg))
    drawn = [
        (name, dict(re.findall(r'([\w-]+)="([^"]*)"', text))) for name, text in re.findall(r"<(\w+)([^>]*)/>", svg)
    ]
    kinds: Mapping[str, Callable[[Mapping[str, str], float], Shape]] = {
        "rect": _rect,
        "circle": _ring,
        "path": _polygon,
    }
    return [kinds[name](attributes, side) for name, attributes in drawn]


def _rect(of: Mapping[str, str], side: float) -> Shape:
    width, height, radius = (float(of[name]) / side for name in ("width", "height", "rx"))

    def contains(x: float, y: float) -> bool:
        from_x, from_y = max(radius - x, x - width + radius, 0), max(radius - y, y - height + radius, 0)
        return from_x**2 + from_y**2 <= radius**2

    return contains, _colour(of["fill"])


def _ring(of: Mapping[str, str], side: float) -> Shape:
    cx, cy, radius, half = (float(of[name]) / side for name in ("cx", "cy", "r", "stroke-width"))
    half /= 2

    def contains(x: float, y: float) -> bool:
        return (radius - half) ** 2 <= (x - cx) ** 2 + (y - cy) ** 2 <= (radius + half) ** 2

    return contains, _colour(of["stroke"])


def _polygon(of: Mapping[str, str], side: float) -> Shape:
    corners = [(x / side, y / side) for x, y in _corners(of["d"])]
    edges = list(zip(corners, [*corners[1:], corners[0]], strict=True))

    def contains(x: float, y: float) -> bool:
        crossed = [(x1, y1, x2, y2) for (x1, y1), (x2, y2) in edges if (y1 > y) != (y2 > y)]
        return sum(x < x1 + (y - y1) * (x2 - x1) / (y2 - y1) for x1, y1, x2, y2 in crossed) % 2 == 1

    return contains, _colour(of["fill"])


def _corners(path: str) -> Iterator[tuple[float, float]]:
    x = y = 0.0
    for command, text in re.findall(r"([A-Za-z])([^A-Za-z]*)", path):
        numbers = [float(number) for number in re.findall(r"-?[\d.]+", text)]
        if command == "M":
            x, y = numbers
        elif command == "l":
            x, y = x + numbers[0], y + numbers[1]
        elif command == "v":
            y += numbers[0]
        elif command == "z":
            return
        else:
            sys.exit(f"{ICON.name}: scripts/extension.py does not draw the path command {command}.")
        yield x, y


def _colour(text: str) -> Colour:
    red, green, blue = bytes.fromhex(text.removeprefix("#"))
    return red, green, blue


def png(shapes: Sequence[Shape], size: int) -> bytes:
    """Draw the shapes, one above the other, as a PNG with transparency."""
    rows = (b"\0" + b"".join(bytes(_pixel(shapes, column, row, size)) for column in range(size)) for row in range(size))
    header = struct.pack(">IIBBBBB", size, size, 8, 6, 0, 0, 0)  # 8 bits for each of red, green, blue and opacity
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(b"".join(rows), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )


def _pixel(shapes: Sequence[Shape], column: int, row: int, size: int) -> tuple[int, int, int, int]:
    steps = [(place + 0.5) / _SAMPLES for place in range(_SAMPLES)]
    points = [((column + dx) / size, (row + dy) / size) for dy in steps for dx in steps]
    seen = [colour for x, y in points if (colour := _colour_at(shapes, x, y)) is not None]
    if not seen:
        return 0, 0, 0, 0
    red, green, blue = (sum(values) // len(seen) for values in zip(*seen, strict=True))
    return red, green, blue, 255 * len(seen) // len(points)


def _colour_at(shapes: Sequence[Shape], x: float, y: float) -> Colour | None:
    return next((colour for contains, colour in reversed(shapes) if contains(x, y)), None)


if __name__ == "__main__":
    main()
