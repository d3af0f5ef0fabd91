"""The doctor's checks of sites: posts that are no longer understood, and packages that add a site."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mediavault.core.site_limits import UNPARSED_WINDOW
from mediavault.platforms.registry import BrokenPackage
from mediavault.presentation.doctor_report import Check, DoctorVerdict
from mediavault.presentation.translation import N_, gettext, grouped, ngettext

ENOUGH = 3  # posts of one site: one or two may be unusual themselves
UPGRADE = N_("Run `mediavault doctor --upgrade-ytdlp`, and upgrade mediavault. These posts are tried again daily.")


def check_sites(counts: Mapping[str, int]) -> Check:
    """Check which sites are no longer understood. ``counts`` are from the store's ``count_unparsed``."""
    many = sorted((name, count) for name, count in counts.items() if count >= ENOUGH)
    if not many:
        return Check("Sites", DoctorVerdict.OK, gettext("all readable"))
    named = ", ".join(f"{name} ({_posts(count)})" for name, count in many)
    facts = {"days": UNPARSED_WINDOW.days, "sites": named}
    words = gettext("posts that could not be read within %(days)s days: %(sites)s") % facts
    return Check("Sites", DoctorVerdict.WARNING, words, gettext(UPGRADE))


def _posts(count: int) -> str:
    return ngettext("%(count)s post", "%(count)s posts", count) % {"count": grouped(count)}


def check_site_packages(broken: Iterable[BrokenPackage]) -> list[Check]:
    """Return one check for each package whose site could not be used."""
    advice = gettext("Upgrade the package or uninstall it. Its site is treated as an unknown one.")
    return [
        Check("Sites", DoctorVerdict.WARNING, f"{package.entry_point}: {package.reason}", advice) for package in broken
    ]
