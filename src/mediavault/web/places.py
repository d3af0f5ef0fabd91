"""The places of the page: the five of its bar, and those below *You*."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from mediavault.core.users import OWNER
from mediavault.presentation.labels import SETTING_LABELS, USER_ROLE_LABELS
from mediavault.presentation.preferences import current
from mediavault.presentation.translation import N_
from mediavault.presentation.translation import gettext as _
from mediavault.server.authentication import current_principal, may


class Place(NamedTuple):
    """A page with a name. ``icon`` is one of ``static/icons.svg``."""

    name: str
    address: str
    icon: str
    label: str


class SettingsSection(NamedTuple):
    """A part of the settings, with its ``fields``."""

    icon: str
    label: str
    fields: tuple[str, ...]


def sections() -> list[Place]:
    """Return the places of the bar that the caller may see, in order.

    A template sets ``section`` to its place's name.
    """
    return _reachable(
        Place("home", "/", "home", _("Home")),
        Place("library", "/library", "library", _("Library")),
        Place("new", "/sources/inbox", "inbox", _("New")),
        Place("collections", "/collections", "list", _("Collections")),
        Place("you", "/you", "person", _("You")),
    )


def your_places() -> dict[str, list[Place]]:
    """Return the places below *You* that the caller may see, in groups under their headings.

    A template sets ``place`` to its place's name.
    """
    groups = {
        _("You"): _reachable(
            Place("look", "/you", "settings", _("Look and language")),
            Place("notifications", "/notifications", "bell", _("Notifications")),
            Place("phone", "/access/phone", "phone", _("Phone and browser")),
        ),
        _("Saving"): _reachable(
            Place("settings", "/settings", "download", _("Settings")),
            Place("profiles", "/profiles", "filter", _("Profiles")),
            Place("sites", "/sites", "globe", _("Sites and sign-ins")),
            Place("following", "/sources", "feed", _("Following")),
        ),
        _("Vault"): _reachable(
            Place("access", "/access", "people", _("People and access")),
            Place("links", "/access/links", "link", _("Shared links")),
            Place("feeds", "/access/feeds", "rss", _("RSS feeds")),
            Place("retention", "/retention", "clock", _("Clean-up")),
            Place("trash", "/trash", "trash", _("Trash")),
            Place("health", "/doctor", "pulse", _("Health")),
        ),
    }
    return {heading: places for heading, places in groups.items() if places}


SECTIONS: Mapping[str, SettingsSection] = {
    "downloads": SettingsSection(
        "download",
        N_("Downloads"),
        ("concurrency", "max_attempts", "profile", "retention_days", "trash_days"),
    ),
    "speed": SettingsSection(
        "speed", N_("Speed and hours"), ("bandwidth", "quiet_hours", "daily_volume_gb")
    ),
    "sites": SettingsSection(
        "globe",
        N_("Individual sites"),
        ("pace", "site_profiles", "site_bandwidth", "first_player_sites"),
    ),
    "files": SettingsSection(
        "folder", N_("Files and names"), ("name_template", "layout", "nfo", "media_server")
    ),
    "checks": SettingsSection("check", N_("Checks"), ("verify_days", "verify_mb_s")),
    "connection": SettingsSection("shield", N_("Proxy and environment"), ("proxy", "environment")),
}
# Shown among the settings, but set where the vault is started
_SHOWN_ONLY: Mapping[str, str] = {
    "media_server": N_("Server to notify"),
    "proxy": N_("Proxy"),
    "environment": N_("Set by the environment"),
}


def section_of(setting: str) -> str:
    """Return the section that has a setting. Raises KeyError for an unknown one."""
    return _SECTION_OF[setting]


_SECTION_OF = {field: name for name, section in SECTIONS.items() for field in section.fields}


def settings_sections() -> dict[str, tuple[Place, dict[str, str]]]:
    """Return the sections of the settings by name: the page of each, and what is set on it, by
    field, in the reader's language.
    """
    words = setting_words()
    return {
        name: (
            Place(name, f"/settings/{name}", section.icon, _(section.label)),
            {field: words[field] for field in section.fields},
        )
        for name, section in SECTIONS.items()
    }


def who() -> tuple[str, str]:
    """Return the caller's name and role in words, for the head of the places."""
    caller = current_principal()
    if caller is None or caller.user == OWNER:
        return (caller.called if caller else "") or _("Owner"), ""
    return caller.user, _(USER_ROLE_LABELS[caller.role])


def palette_places() -> list[Place]:
    """Return the pages that the command palette goes to."""
    return [
        *sections(),
        *_reachable(
            Place("accounts", "/accounts", "people", _("Accounts")),
            Place("sign-ins", "/sessions", "key", _("Sign-ins")),
        ),
        *(place for places in your_places().values() for place in places if place.name != "look"),
    ]


class PaletteCommand(NamedTuple):
    """Something that the palette does: a form with one field at most."""

    name: str
    address: str
    icon: str
    label: str
    field: str = ""
    value: str = ""


def palette_commands() -> list[PaletteCommand]:
    """Return what the caller can do from the command palette."""
    theme = current().theme
    commands = (
        PaletteCommand("pause", "/queue/pause", "pause", _("Pause all downloads")),
        PaletteCommand("resume", "/queue/resume", "play", _("Resume all downloads")),
        *(
            PaletteCommand(f"theme-{value}", "/appearance", "settings", label, "theme", value)
            for value, label in (
                ("dark", _("Use dark colours")),
                ("light", _("Use light colours")),
                ("auto", _("Use this device's colours")),
            )
            if value != theme
        ),
    )
    return [command for command in commands if may("POST", command.address)]


def setting_words() -> dict[str, str]:
    """Return the names of the settings, by field, in the reader's language."""
    return {field: _(label) for field, label in {**SETTING_LABELS, **_SHOWN_ONLY}.items()}


def _reachable(*places: Place) -> list[Place]:
    return [place for place in places if may("GET", place.address)]
