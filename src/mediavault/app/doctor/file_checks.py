"""The doctor's check of the saved files: what the last reading of the library found, and how far the present one is."""

from __future__ import annotations

from datetime import datetime

from mediavault.maintenance.scheduled_checks import Position
from mediavault.presentation.doctor_report import Check, DoctorVerdict
from mediavault.presentation.translation import gettext, ngettext

NAME = "Saved files"


def check_files(damaged: int, position: Position | None, *, days: int, now: datetime) -> Check:
    """Report the posts with damaged files. ``position`` is None before the first check; ``days`` is the setting."""
    if damaged:
        fact = ngettext("%(count)s post has a damaged file", "%(count)s posts have damaged files", damaged)
        advice = gettext(
            "The home page names them. Restore the files from a backup, or open each post and save it again."
        )
        return Check(NAME, DoctorVerdict.WARNING, fact % {"count": damaged}, advice)
    if not days:
        return Check(NAME, DoctorVerdict.OK, gettext("never verified: MEDIAVAULT_VERIFY_DAYS is 0"))
    fact = gettext("each is verified within %(days)s days") % {"days": days}
    if position is not None and position.passed and position.began_at <= now:
        words = ngettext("%(count)s post since %(day)s", "%(count)s posts since %(day)s", position.passed)
        fact += "; " + words % {"count": position.passed, "day": f"{position.began_at:%Y-%m-%d}"}
    return Check(NAME, DoctorVerdict.OK, fact)
