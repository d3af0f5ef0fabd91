"""The doctor's check of the saved files: what verifying them found, and how far the present reading is."""

from __future__ import annotations

from datetime import datetime, timedelta

from mediavault.maintenance.scheduled_checks import ReadingPosition
from mediavault.presentation.doctor_report import Check, DoctorVerdict
from mediavault.presentation.translation import gettext, ngettext

NAME = "Saved files"
LATE = 1.1  # times the days


def check_files(damaged: int, position: ReadingPosition | None, *, undecoded: int, days: int, now: datetime) -> Check:
    """Report the posts with damaged files, and how many are still to be decoded: ``undecoded``.

    ``position`` is None before the first check; ``days`` is the setting.
    """
    if damaged:
        fact = ngettext("%(count)s post has a damaged file", "%(count)s posts have damaged files", damaged)
        advice = gettext(
            "The home page names them. Restore the file from a backup and verify it on the post's page, or save the post again "
            "and delete the damaged version. A post that was saved damaged is saved again automatically, once."
        )
        return Check(NAME, DoctorVerdict.WARNING, fact % {"count": damaged}, advice)
    left = ngettext(
        "%(count)s post is still to be decoded in the background",
        "%(count)s posts are still to be decoded in the background",
        undecoded,
    ) % {"count": f"{undecoded:,}"}
    rest = f"; {left}" if undecoded else ""
    if not days:
        return Check(NAME, DoctorVerdict.OK, gettext("not verified on a schedule") + rest)
    fact = gettext("each is to be verified within %(days)s days") % {"days": days} + rest
    if position is None or position.began_at > now or not position.passed:
        return Check(NAME, DoctorVerdict.OK, fact)
    words = ngettext("%(count)s post since %(day)s", "%(count)s posts since %(day)s", position.passed)
    fact += "; " + words % {"count": position.passed, "day": f"{position.began_at:%Y-%m-%d}"}
    if now > position.began_at + LATE * timedelta(days=days):
        advice = gettext("It takes longer: raise MEDIAVAULT_VERIFY_MB_S, or let a worker run for more of the day.")
        return Check(NAME, DoctorVerdict.WARNING, fact, advice)
    return Check(NAME, DoctorVerdict.OK, fact)
