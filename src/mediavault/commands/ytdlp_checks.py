"""The doctor's look at yt-dlp: which version, how old, and which of its parts are missing for which sites."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from mediavault.commands.verdicts import Check, Verdict
from mediavault.core.words import counted
from mediavault.services.extraction.ytdlp_home import Installed

OLD_AFTER = timedelta(days=45)  # by then several sites have changed
UPGRADE = "Run `mediavault doctor --upgrade-ytdlp`."
INSTALL = f"Run `{sys.executable} -m pip install yt-dlp`."
INSTALL_PARTS = f"Run `{sys.executable} -m pip install 'yt-dlp[curl-cffi,deno]' yt-dlp-ejs` (the extra `youtube`)."


@dataclass(frozen=True, slots=True)
class Part:
    """``without`` completes the sentence "Without it …"."""

    name: str
    without: str


PARTS: Sequence[Part] = (
    Part("deno", "YouTube's player cannot be read, so most of its videos fail"),
    Part("yt-dlp-ejs", "YouTube's player cannot be read, so most of its videos fail"),
    Part("curl_cffi", "Instagram without a sign-in, TikTok, Vimeo and Dailymotion often refuse to answer"),
)


def check_ytdlp(found: Installed, *, today: date) -> Check:
    """Whether there is one, and whether it is young enough to know today's sites."""
    if found.version is None:
        return Check("yt-dlp", Verdict.WARNING, "not installed: YouTube and several other sites will fail", INSTALL)
    where = "upgraded on its own" if found.library else "as installed"
    if found.released is None:
        return Check("yt-dlp", Verdict.WARNING, f"{found.version}, of unknown age", UPGRADE)
    age = today - found.released
    detail = f"{found.version} ({where}), {counted(max(age.days, 0), 'day')} old"
    return Check("yt-dlp", Verdict.WARNING, detail, UPGRADE) if age > OLD_AFTER else Check("yt-dlp", Verdict.OK, detail)


def check_parts(there: Mapping[str, bool]) -> Check:
    """``there`` says of each part of PARTS whether it was found."""
    missing = [part for part in PARTS if not there[part.name]]
    if not missing:
        return Check("yt-dlp's parts", Verdict.OK, f"{', '.join(part.name for part in PARTS)} are there")
    told = "; ".join(
        f"without {' and '.join(part.name for part in missing if part.without == words)} {words}"
        for words in dict.fromkeys(part.without for part in missing)
    )
    return Check("yt-dlp's parts", Verdict.WARNING, told, INSTALL_PARTS)
