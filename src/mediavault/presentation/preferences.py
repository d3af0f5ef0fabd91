"""The reader's language, theme and time zone. Stored in cookies, not in an account.

A request's appearance is set once, by the middleware, and read by the code that produces texts.
Outside a request (the command line, the worker) it is the default: English, UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import tzinfo
from typing import Literal, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

Theme = Literal["auto", "light", "dark"]
THEMES: tuple[Theme, ...] = get_args(Theme)

LANGUAGE_COOKIE = "mediavault_language"
THEME_COOKIE = "mediavault_theme"
# written by the page's script: only the browser knows the user's time zone
ZONE_COOKIE = "mediavault_zone"
COOKIE_LIFE_S = 400 * 24 * 3600  # the most that browsers allow


@dataclass(frozen=True, slots=True)
class Appearance:
    """How a page looks to its reader. ``locale`` is one of ``translation.locales``; ``zone`` is
    None for UTC.

    ``with_secrets``: addresses are shown whole, also those that open a private feed or a signed
    medium to everyone who has them.
    """

    locale: str = "en"
    theme: Theme = "auto"
    zone: tzinfo | None = None
    with_secrets: bool = False


_current: ContextVar[Appearance] = ContextVar("appearance", default=Appearance())  # noqa: B039 - frozen


def current() -> Appearance:
    return _current.get()


def use(appearance: Appearance) -> None:
    """Set the appearance for the rest of this task, and the tasks that it starts."""
    _current.set(appearance)


def read(
    cookies: Mapping[str, str], accept_language: str | None, locales: frozenset[str]
) -> Appearance:
    """Return the appearance that a request asks for. Unreadable values are ignored."""
    chosen = cookies.get(LANGUAGE_COOKIE, "")
    theme = cookies.get(THEME_COOKIE, "")
    return Appearance(
        locale=chosen if chosen in locales else best_locale(accept_language, locales),
        theme=theme if theme in THEMES else "auto",
        zone=zone_named(cookies.get(ZONE_COOKIE, "")),
    )


def best_locale(accept_language: str | None, locales: frozenset[str]) -> str:
    """Return the preferred available language of an Accept-Language header (RFC 9110,
    section 12.5.4), else English.
    """
    accepted: list[tuple[float, str]] = []
    for part in (accept_language or "")[:500].split(","):
        tag, _, weight = part.strip().partition(";")
        quality = _quality(weight)
        name = tag.strip().partition("-")[0].lower()
        if quality > 0 and name in locales:
            accepted.append((-quality, name))
    accepted.sort(key=lambda entry: entry[0])  # stable: among equals, the first in the header
    return accepted[0][1] if accepted else "en"


def _quality(weight: str) -> float:
    name, _, value = weight.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0


def zone_named(name: str) -> tzinfo | None:
    """Return the time zone with this name; None for none, or one that is not known."""
    if not name or len(name) > 64:
        return None
    try:
        return ZoneInfo(name.replace("%2F", "/"))
    except (ZoneInfoNotFoundError, ValueError, OSError):  # also a name that would be a path
        return None
