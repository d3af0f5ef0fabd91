"""The doctor's checks of yt-dlp: its version and age, and the missing parts that some sites need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from mediavault.core.installation import command_to_install
from mediavault.core.messages import Message
from mediavault.extraction.port import UpgradeRecord
from mediavault.extraction.ytdlp_home import YtdlpInstallation
from mediavault.presentation.doctor_report import Check, DoctorVerdict
from mediavault.presentation.translation import N_, gettext, ngettext, translated

OLD_AFTER = timedelta(days=45)  # by then several sites have changed
_WAIT = N_("The next version is tried again. To upgrade now: `mediavault doctor --upgrade-ytdlp`.")
UPGRADE = N_("Run `mediavault doctor --upgrade-ytdlp`, or upgrade it on the system check page.")


@dataclass(frozen=True, slots=True)
class Part:
    """A part of yt-dlp. ``without`` completes the sentence "Without it …"."""

    name: str
    without: str


PARTS: Sequence[Part] = (
    Part("deno", N_("YouTube's player cannot be read, so most of its videos fail")),
    Part("yt-dlp-ejs", N_("YouTube's player cannot be read, so most of its videos fail")),
    Part("curl_cffi", N_("Instagram without a sign-in, TikTok, Vimeo and Dailymotion often refuse to answer")),
)


def check_ytdlp(installation: YtdlpInstallation, *, today: date, record: UpgradeRecord | None = None) -> Check:
    """Check that yt-dlp is installed, recent enough to know today's sites, and not one that it had to go back to."""
    if installation.version is None:
        return Check(
            "yt-dlp",
            DoctorVerdict.WARNING,
            gettext("not installed: YouTube and several other sites will fail"),
            _install(),
        )
    where = gettext("upgraded separately") if installation.library else gettext("as installed")
    if installation.released is None:
        words = gettext("%(version)s, of unknown age") % {"version": installation.version}
        return Check("yt-dlp", DoctorVerdict.WARNING, words, gettext(UPGRADE))
    age = today - installation.released
    words = ngettext(
        "%(version)s (%(where)s), %(days)s day old", "%(version)s (%(where)s), %(days)s days old", age.days
    )
    detail = words % {"version": installation.version, "where": where, "days": max(age.days, 0)}
    if record and record.refused:
        given_up = gettext("%(version)s was given up: %(why)s.") % {
            "version": record.refused,
            "why": translated(record.why),
        }
        return Check("yt-dlp", DoctorVerdict.WARNING, f"{detail}; {given_up}", gettext(_WAIT))
    is_old = age > OLD_AFTER
    return Check(
        "yt-dlp", DoctorVerdict.WARNING if is_old else DoctorVerdict.OK, detail, gettext(UPGRADE) if is_old else ""
    )


def check_parts(present: Mapping[str, bool]) -> Check:
    """Check that all parts are installed. ``present``: whether each part of PARTS was found."""
    missing = [part for part in PARTS if not present[part.name]]
    if not missing:
        return Check(
            "yt-dlp's parts",
            DoctorVerdict.OK,
            gettext("%(names)s are there") % {"names": ", ".join(part.name for part in PARTS)},
        )
    sentence = "; ".join(
        gettext("without %(names)s: %(what)s")
        % {"names": ", ".join(part.name for part in missing if part.without == words), "what": gettext(words)}
        for words in dict.fromkeys(part.without for part in missing)
    )
    return Check("yt-dlp's parts", DoctorVerdict.WARNING, sentence, _install())


def _install() -> Message:
    return Message("Run `%(command)s`.", command=command_to_install("youtube"))
