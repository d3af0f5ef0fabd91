"""The contents of a post's page, built from its job and facts about its files. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath
from urllib.parse import quote

from mediavault.core.job import Job, saved_files
from mediavault.core.media import SOUND_SUFFIXES, ItemType, ProbeReport, SavedFile
from mediavault.core.records import FileCheck
from mediavault.presentation.labels import CODEC_NAMES, one_line
from mediavault.presentation.translation import gettext
from mediavault.presentation.views import title

LONG_TEXT_CHARS = 900  # a longer one is folded
_LINK = re.compile(r"https?://[^\s<>\"']+", re.IGNORECASE)
_AFTER_A_LINK = ".,;:!?)]}'\"»”"

# Files that browsers can play; for all others the page offers the download without waiting for the player to fail.
_PLAYABLE = frozenset({".mp4", ".m4v", ".mov", ".webm", *SOUND_SUFFIXES})

CONTAINER_NAMES: Mapping[str, str] = {
    "mp4": "MP4", "mov": "QuickTime", "webm": "WebM", "matroska": "Matroska", "mpegts": "MPEG-TS", "flv": "Flash Video",
    "avi": "AVI", "ogg": "Ogg",  "asf": "Windows Media", "mpeg": "MPEG-PS",
    "jpg": "JPEG", "png": "PNG", "webp": "WebP", "gif": "GIF", "avif": "AVIF",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Video:
    """A saved video, sound or picture on the page. ``number`` counts the saved files from 1; ``at`` is the base address of its files."""

    place: int
    number: int
    kept: SavedFile
    at: str
    loops: bool
    check: FileCheck | None
    report: ProbeReport | None

    @property
    def source(self) -> str:
        return f"{self.at}/video"

    @property
    def name(self) -> str:
        """The name shown on the page."""
        if self.kept.is_picture:
            return gettext("Picture")
        return gettext("Sound") if self.kept.is_sound else gettext("Video")

    @property
    def is_film(self) -> bool:
        """Whether it has moving pictures: neither sound alone nor a picture."""
        return not (self.kept.is_picture or self.kept.is_sound)

    @property
    def is_opened_by_browsers(self) -> bool:
        return PurePosixPath(self.kept.output_path).suffix.lower() in _PLAYABLE

    @property
    def thumbnail(self) -> str | None:
        return f"{self.at}/thumbnail" if self.kept.thumbnail_path else None

    @property
    def form(self) -> str:
        """The names of container and codecs; "" while they have not been read."""
        report = self.report
        if report is None or report.container is None:
            return ""
        codecs = [CODEC_NAMES.get(codec, codec) for codec in (report.video_codec, report.audio_codec) if codec]
        container = CONTAINER_NAMES.get(report.container, report.container)
        if self.kept.is_sound:
            container = PurePosixPath(self.kept.output_path).suffix[1:].upper()
        return f"{container}: {', '.join(codecs)}" if codecs else container


@dataclass(frozen=True, slots=True)
class PostText:
    """The post's text, without what the title already contains, as pieces with the address of each link."""

    title: str
    pieces: Sequence[tuple[str, str | None]]
    is_long: bool
    published: datetime | None
    author: str
    handle: str
    account_address: str | None


def videos(job: Job, checks: Mapping[int, FileCheck], reports: Mapping[int, ProbeReport | None]) -> list[Video]:
    """Return the saved videos in the post's order."""
    return [
        Video(
            place=index,
            number=number,
            kept=kept,
            at=f"/files/{job.id}/items/{index}",
            loops=index < len(job.items) and job.items[index].item.type is ItemType.GIF,
            check=checks.get(index),
            report=reports.get(index),
        )
        for number, (index, kept) in enumerate(saved_files(job).items(), start=1)
    ]


def post_text(job: Job) -> PostText:
    heading, account = title(job), job.account
    text = job.metadata.get("text")
    text = text.strip() if isinstance(text, str) else ""
    if " ".join(text.split()) == heading:
        text = ""
    handle = f"@{one_line(account.handle)}" if account and account.handle else ""
    return PostText(
        title=heading,
        pieces=list(pieces(text)),
        is_long=len(text) > LONG_TEXT_CHARS or text.count("\n") > 14,
        published=_moment(job.metadata.get("published_at")),
        author=(one_line(account.display_name or "") or handle) if account else "",
        handle=handle,
        account_address=f"/accounts/{quote(account.platform, safe='')}/{quote(account.slug, safe='')}"
        if account
        else None,
    )


def pieces(text: str) -> Iterator[tuple[str, str | None]]:
    """Yield the pieces of the text in order, each with its target: the address itself for a link, else None."""
    end = 0
    for match in _LINK.finditer(text):
        address = match[0].rstrip(_AFTER_A_LINK)
        if match.start() > end:
            yield text[end : match.start()], None
        yield address, address
        end = match.start() + len(address)
    if end < len(text):
        yield text[end:], None


def _moment(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
