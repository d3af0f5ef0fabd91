"""Who posted: platform, handle, display name, and the folder slug made of them."""

from __future__ import annotations

from mediavault.core.media import Account
from mediavault.core.names import safe_text, shown_text, slug

MAX_NAME_CHARS = 200


def account(platform: str, handle: str | None, display_name: str | None, *, fallback: str | None = None) -> Account:
    """An account whose ``slug`` is ``<platform>-<handle>``, or of ``fallback`` (a host, say) where no handle is known.

    The display name stays as its site gave it, but for what would break its line or the direction of the text around it.
    """
    handle = (handle or "").strip().lstrip("@") or None
    name = shown_text(display_name or "")[:MAX_NAME_CHARS].strip() or None
    return Account(
        platform=platform,
        handle=handle,
        display_name=name,
        slug=slug(f"{platform}-{handle or fallback or safe_text(name or '') or 'unknown'}", fallback=platform),
    )


def key_of(account: Account) -> str:
    """What an account is known by in addresses and queries: ``<platform>/<slug>``, in safe characters alone."""
    return f"{account.platform}/{account.slug}"
