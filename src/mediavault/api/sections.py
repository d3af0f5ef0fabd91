"""The sections of the pages, as the navigation shows them, and the icons that stand for things."""

from __future__ import annotations

from markupsafe import Markup

from mediavault.api.assets import static_address
from mediavault.api.catalogue import gettext as _


def sections() -> list[tuple[str, str, str, str]]:
    """Name, address, icon and label of each, in order. A template says ``{% set section = "home" %}`` to be in one."""
    return [
        ("home", "/", "home", _("Home")),
        ("library", "/library", "library", _("Library")),
        ("accounts", "/accounts", "people", _("Accounts")),
        ("sites", "/sites", "globe", _("Sites")),
        ("settings", "/settings", "settings", _("Settings")),
    ]


def use_icon(name: str) -> Markup:
    """An icon of ``static/icons.svg``; decoration, so what it stands beside must say the same in words."""
    address = f"{static_address('icons.svg')}#{name}"
    return Markup('<svg class="icon" aria-hidden="true" focusable="false"><use href="{}"></use></svg>').format(address)
