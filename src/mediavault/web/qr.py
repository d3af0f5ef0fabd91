"""QR codes. The only importer of segno."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import Request

from mediavault.core.settings import Settings
from mediavault.server.own_address import address_elsewhere, address_here

QUIET = 4  # modules of empty space on each side, as readers need it


@dataclass(frozen=True, slots=True)
class QrCode:
    """A QR code as a path of an SVG, in a square of ``size`` units with its margin."""

    size: int
    path: str


def qr_code(text: str) -> QrCode:
    """Return the QR code of a text of at most 1,000 characters."""
    import segno  # 4 MB, and most pages have no code

    matrix = segno.make_qr(text, error="m").matrix
    runs = "".join(
        f"M{column + QUIET} {row + QUIET}h1v1h-1z"
        for row, modules in enumerate(matrix)
        for column, is_dark in enumerate(modules)
        if is_dark
    )
    return QrCode(len(matrix) + 2 * QUIET, runs)


@dataclass(frozen=True, slots=True)
class PhoneView:
    """``here`` is the vault as this browser opened it; ``address`` the one for a phone,
    None if none is known.
    """

    here: str
    address: str | None
    code: QrCode | None

    @property
    def is_secure(self) -> bool:
        """Whether browsers install pages from the address, and share links to it."""
        return self.address is not None and self.address.startswith("https://")


def phone_view(request: Request, settings: Settings) -> PhoneView:
    """Return what the access page says about phones."""
    address = address_elsewhere(request, settings)
    return PhoneView(address_here(request), address, qr_code(address) if address else None)
