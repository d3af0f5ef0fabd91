"""The doctor's look at sites whose posts are not understood any more."""

from __future__ import annotations

from collections.abc import Mapping

from mediavault.commands.verdicts import Check, Verdict
from mediavault.core.gates import NOT_UNDERSTOOD_WITHIN
from mediavault.core.words import counted

ENOUGH = 3  # posts of one site: one or two may be odd themselves
UPGRADE = "Run `mediavault doctor --upgrade-ytdlp`, and upgrade mediavault. These posts are tried again daily."


def check_sites(counts: Mapping[str, int]) -> Check:
    """``counts`` as the store's ``not_understood`` answers."""
    many = sorted((name, count) for name, count in counts.items() if count >= ENOUGH)
    if not many:
        return Check("Sites", Verdict.OK, "none has changed so that several posts could not be read")
    named = ", ".join(f"{name} ({counted(count, 'post')})" for name, count in many)
    return Check(
        "Sites",
        Verdict.WARNING,
        f"posts that could not be read within {NOT_UNDERSTOOD_WITHIN.days} days: {named}",
        UPGRADE,
    )
