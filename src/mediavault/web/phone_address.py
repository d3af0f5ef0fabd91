"""The address at which a phone can open the vault, and its QR code."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import Request

from mediavault.core.settings import Settings
from mediavault.server.own_address import address_elsewhere, address_here
from mediavault.web.qr import QrCode, qr_code


@dataclass(frozen=True, slots=True)
class PhoneView:
    """``here`` is the vault as this browser opened it; ``address`` the one for a phone, None if none is known."""

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
