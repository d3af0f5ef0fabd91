"""QR codes. The only importer of segno."""

from __future__ import annotations

from dataclasses import dataclass

import segno

QUIET = 4  # modules of empty space on each side, as readers need it


@dataclass(frozen=True, slots=True)
class QrCode:
    """A QR code as a path of an SVG, in a square of ``size`` units with its margin."""

    size: int
    path: str


def qr_code(text: str) -> QrCode:
    """Return the QR code of a text of at most 1,000 characters."""
    matrix = segno.make_qr(text, error="m").matrix
    runs = "".join(
        f"M{column + QUIET} {row + QUIET}h1v1h-1z"
        for row, modules in enumerate(matrix)
        for column, is_dark in enumerate(modules)
        if is_dark
    )
    return QrCode(len(matrix) + 2 * QUIET, runs)
