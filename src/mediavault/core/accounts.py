"""Who posted: platform, handle, display name, and the folder slug made of them."""

from __future__ import annotations

from mediavault.core.media import Account
from mediavault.core.names import safe_text, slug


def account(platform: str, handle: str | None, display_name: str | None, *, fallback: str | None = None) -> Account:
    """An account whose ``slug`` is ``<platform>-<handle>``, or of ``fallback`` (a host, say) where no handle is known."""
    handle = (handle or "").strip().lstrip("@") or None
    name = safe_text(display_name or "")[:200] or None
    return Account(
        platform=platform,
        handle=handle,
        display_name=name,
        slug=slug(f"{platform}-{handle or fallback or name or 'unknown'}", fallback=platform),
    )
