"""What every page for a person shows round its own content."""

from __future__ import annotations

from typing import Any

from mediavault.api.asking import asking
from mediavault.api.message_patterns import translated
from mediavault.api.schemas import ErrorView
from mediavault.api.services import ApiServices
from mediavault.api.words import help_for
from mediavault.core.failures import MediavaultError


def frame(services: ApiServices) -> dict[str, Any]:
    """The values that ``base.html`` and the shared parts read."""
    caller = asking()
    return {"browser": services.browser_status(), "can_sign_out": caller is not None and caller.session is not None}


def complaint(exc: MediavaultError) -> ErrorView:
    """What a page says of input that it can't take."""
    return ErrorView(code=exc.code, message=exc.message, help=translated(exc.help) or help_for(exc.code))
