"""Labels for statuses, stages, error codes, sizes and durations. No I/O.

Pages, the event stream and the command line all use this module, so that they use the same words.
The tables are in English; the functions return text in the reader's language.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from mediavault.core.failures import FAILURES, ErrorCode
from mediavault.core.holds import Hold, HoldReason
from mediavault.core.job import ItemStatus, JobStatus, Stage, StrategyName
from mediavault.core.media import ItemRole
from mediavault.core.messages import Message, clock_length
from mediavault.core.names import readable_name
from mediavault.core.profiles import ALL_LANGUAGES, BUILT_IN, Profile
from mediavault.core.records import CheckVerdict
from mediavault.core.site_limits import SiteState
from mediavault.core.users import Role
from mediavault.presentation.schemas import HoldView
from mediavault.presentation.translation import N_, decimal, gettext, translated

STATUS_LABELS: Mapping[JobStatus, str] = {
    JobStatus.QUEUED: N_("Waiting"),
    JobStatus.RUNNING: N_("In progress"),
    JobStatus.COMPLETED: N_("Saved"),
    JobStatus.FAILED: N_("Failed"),
    JobStatus.CANCELLED: N_("Cancelled"),
}

SITE_STATE_LABELS: Mapping[SiteState, str] = {
    SiteState.OPEN: N_("Open"),
    SiteState.CLOSED: N_("Paused"),
    SiteState.HALF_OPEN: N_("Trying again"),
}

STAGE_LABELS: Mapping[Stage, str] = {
    Stage.CLAIM: N_("Starting"),
    Stage.ROUTE: N_("Identifying the site"),
    Stage.EXTRACT: N_("Reading the post"),
    Stage.CHOOSE: N_("Choosing the video"),
    Stage.CHECKPOINT: N_("Video found"),
    Stage.DOWNLOAD: N_("Downloading"),
    Stage.RECORD: N_("Recording live"),
    Stage.VALIDATE: N_("Checking playback"),
    Stage.THUMBNAIL: N_("Making a thumbnail"),
    Stage.COMMITTING: N_("Adding to library"),
    Stage.COMPLETE: N_("Saved"),
    Stage.FAIL: N_("Failed"),
    Stage.RECOVER: N_("Found after a restart"),
    Stage.RELEASE: N_("Returned to the queue"),
    Stage.CANCEL: N_("Cancelled"),
    Stage.RETRY: N_("Retry requested"),
}

STRATEGY_LABELS: Mapping[StrategyName, str] = {
    StrategyName.PLAIN: N_("plain request"),
    StrategyName.SESSION: N_("with the browser's session"),
    StrategyName.NAVIGATION: N_("in the browser"),
    StrategyName.FRESH: N_("after reading the post again"),
}

BUILT_IN_WORDS: Mapping[str, str] = {
    "best": N_("the best quality that the post offers"),
    "compatible": N_("plays on old TVs and browsers"),
    "1080p": N_("nothing larger than Full HD"),
    "audio": N_("audio only"),
    "pictures": N_("the best quality, and the post's pictures"),
}
CODEC_NAMES: Mapping[str, str] = {
    "h264": "H.264", "hevc": "HEVC", "av1": "AV1", "vp9": "VP9", "vp8": "VP8",
    "mpeg4": "MPEG-4 Part 2", "mpeg2video": "MPEG-2", "theora": "Theora", "aac": "AAC",
    "mp3": "MP3", "opus": "Opus", "vorbis": "Vorbis", "flac": "FLAC", "ac3": "AC-3",
    "eac3": "E-AC-3",
}  # fmt: skip

# C0, C1, bidi
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def help_for(code: ErrorCode | None, *, over: bool = False) -> str:
    """Return what the user can do about a failure, in the reader's language; "" without a code.

    ``over``: the job is not retried automatically any more, so the text does not promise it.
    """
    if code is None:
        return ""
    spec = FAILURES[code]
    return gettext(spec.final_hint if over and spec.final_hint else spec.hint)


def failure_label(code: ErrorCode | None) -> str:
    """Return the label of a failed job's status, in the reader's language."""
    label = FAILURES[code].label if code is not None else ""
    return gettext(label or STATUS_LABELS[JobStatus.FAILED])


ITEM_LABELS: Mapping[ItemStatus, str] = {
    ItemStatus.WAITING: N_("Waiting"),
    ItemStatus.COMMITTING: N_("Adding to library"),
    ItemStatus.SAVED: N_("Saved"),
    ItemStatus.FAILED: N_("Failed"),
    ItemStatus.SKIPPED: N_("Not saved"),
}

# The settings that the page changes, in its order.
SETTING_LABELS: Mapping[str, str] = {
    "concurrency": N_("Downloads at once"),
    "max_attempts": N_("Attempts per post"),
    "profile": N_("Profile"),
    "site_profiles": N_("Profile for individual sites"),
    "first_player_sites": N_("Sites whose first player is saved"),
    "name_template": N_("File name"),
    "layout": N_("Folders"),
    "nfo": N_("Files for Jellyfin and Kodi"),
    "pace": N_("Slow down a site"),
    "bandwidth": N_("Speed limit for all downloads"),
    "site_bandwidth": N_("Speed limit for individual sites"),
    "quiet_hours": N_("Quiet hours"),
    "daily_volume_gb": N_("Stop after … GB a day"),
    "retention_days": N_("Remove failed posts after … days"),
    "trash_days": N_("Empty the trash after … days"),
    "verify_days": N_("Re-check every file each … days"),
    "verify_mb_s": N_("Checking speed"),
}
USER_ROLE_LABELS: Mapping[Role, str] = {
    Role.VIEWER: N_("Viewer"),
    Role.MEMBER: N_("Member"),
    Role.ADMIN: N_("Admin"),
}
ROLE_LABELS: Mapping[ItemRole, str] = {
    ItemRole.MAIN: N_("of the post"),
    ItemRole.QUOTED: N_("of the quoted post"),
    ItemRole.REPOSTED: N_("of the reposted post"),
    ItemRole.CARD: N_("of a link in the post"),
}


HOLD_LABELS: Mapping[HoldReason, str] = {
    HoldReason.QUIET_HOURS: N_("Quiet hours"),
    HoldReason.DAILY_VOLUME: N_("The daily volume is used up"),
}
VERDICT_LABELS: Mapping[CheckVerdict, str] = {
    CheckVerdict.WHOLE: N_("Complete"),
    CheckVerdict.CHANGED: N_("Changed"),
    CheckVerdict.MISSING: N_("Missing"),
    CheckVerdict.UNREADABLE: N_("Unreadable"),
    CheckVerdict.DAMAGED: N_("Damaged"),
}


def hold_label(hold: Hold | HoldView, site_title: str = "") -> str:
    """Return why jobs are held back, such as ``TikTok is paused``;
    ``site_title`` is needed where the hold has a site.
    """
    return translated(hold_message(hold, site_title))


def hold_message(hold: Hold | HoldView, site_title: str = "") -> Message:
    if (label := HOLD_LABELS.get(hold.why)) is not None:
        return Message(label)
    return (
        Message("%(site)s is paused", site=site_title)
        if hold.site
        else Message("The queue is paused")
    )


def one_line(text: str) -> str:
    """Return untrusted text as one line, without control characters,
    terminal escapes and bidi overrides.
    """
    return " ".join(_CONTROLS.sub(" ", readable_name(text)).split())


def format_size(count: int | None) -> str:
    """Format a size as in ``1.5 MB``, in the decimal units of file managers and providers;
    "" for None.
    """
    if count is None:
        return ""
    if count < 1_000:
        return f"{count} B"
    value = float(count)
    for unit in ("kB", "MB", "GB", "TB"):
        value /= 1_000
        if value < 999.95 or unit == "TB":
            break
    return f"{decimal(value, 1)} {unit}"


def format_duration(seconds: float | None) -> str:
    """Format a duration as in ``1:02:03`` or ``0:07``; "" for None."""
    return "" if seconds is None else clock_length(seconds)


def format_length(seconds: float) -> str:
    """Format a sum of durations as in ``3 h 12 min``, ``12 min`` or ``40 s``."""
    minutes, last = divmod(round(seconds), 60)
    hours, rest = divmod(minutes, 60)
    if hours:
        return f"{hours} h {rest} min" if rest else f"{hours} h"
    return f"{minutes} min" if minutes else f"{last} s"


def format_span(milliseconds: float) -> str:
    """Format an elapsed time as in ``210 ms``, ``13.4 s``, ``2 min 5 s`` or ``1 h 20 min``."""
    if milliseconds < 1_000:
        return f"{round(milliseconds)} ms"
    seconds = milliseconds / 1_000
    if seconds < 59.95:
        return f"{decimal(seconds, 1)} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def format_progress(done: int, total: int | None) -> str:
    """Format progress as in ``3.1 MB of 8.0 MB``, or only the bytes done when the total is
    unknown.
    """
    if not total:
        return format_size(done)
    return gettext("%(done)s of %(total)s") % {
        "done": format_size(done),
        "total": format_size(total),
    }


def format_recorded(seconds: float | None, done: int) -> str:
    """Format how much of a running stream is recorded, as in ``12:30 · 81 MB``."""
    return f"{format_duration(seconds or 0)} · {format_size(done)}"


def profile_words(profile: Profile) -> str:
    """Describe a profile in a few words, as in "at most 720 lines; H.264 first"."""
    if profile.name in BUILT_IN:
        return gettext(BUILT_IN_WORDS[profile.name])
    codecs = ", ".join(CODEC_NAMES.get(codec, codec) for codec in profile.codecs)
    words = [
        _sound_words(profile),
        gettext("with pictures") if profile.pictures else "",
        gettext("at most %(lines)s lines") % {"lines": profile.max_height}
        if profile.max_height
        else "",
        gettext("prefers %(codecs)s") % {"codecs": codecs} if codecs else "",
        _subtitle_words(profile),
        gettext("with SponsorBlock segments") if profile.sponsorblock else "",
        gettext("with comments") if profile.comments else "",
        gettext("records live streams") if profile.record_live else "",
        gettext("added to the collection %(title)s") % {"title": profile.collection}
        if profile.collection
        else "",
        gettext("file name %(template)s") % {"template": profile.name_template}
        if profile.name_template
        else "",
    ]
    return "; ".join(filter(None, words)) or gettext(BUILT_IN_WORDS["best"])


def _sound_words(profile: Profile) -> str:
    if profile.sound_codec:
        return gettext("audio only, as %(codec)s") % {"codec": CODEC_NAMES[profile.sound_codec]}
    return gettext("audio only") if profile.sound_only else ""


def _subtitle_words(profile: Profile) -> str:
    if not profile.subtitles:
        return ""
    if ALL_LANGUAGES in profile.subtitles:
        return gettext("with all subtitles")
    return gettext("with subtitles: %(languages)s") % {"languages": ", ".join(profile.subtitles)}
