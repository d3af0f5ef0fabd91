"""The contents of a post's page, built from its job and facts about its files. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from urllib.parse import quote, urlsplit

from mediavault.core.failures import JobNotFound
from mediavault.core.job import Job, JobId, JobStatus, saved_files
from mediavault.core.marks import MarkKind
from mediavault.core.media import (
    SOUND_SUFFIXES,
    Candidate,
    ItemType,
    ProbeReport,
    SavedFile,
    in_words,
    is_players,
)
from mediavault.core.post_urls import has_url
from mediavault.core.records import FileCheck
from mediavault.core.settings import site_host
from mediavault.presentation.labels import CODEC_NAMES, format_duration, format_size, one_line
from mediavault.presentation.translation import gettext, translated
from mediavault.presentation.views import frame_path, is_choosing, published_at, title
from mediavault.server.services import ApiServices
from mediavault.store.file_checks import decoded_at, read_position
from mediavault.store.holds import all_holds

LONG_TEXT_CHARS = 900  # a longer one is folded
_LINK = re.compile(r"https?://[^\s<>\"']+", re.IGNORECASE)
_AFTER_A_LINK = ".,;:!?)]}'\"»”"

# Files that browsers can play; for all others the page offers the download without waiting for the
# player to fail.
_PLAYABLE = frozenset({".mp4", ".m4v", ".mov", ".webm", *SOUND_SUFFIXES})

CONTAINER_NAMES: Mapping[str, str] = {
    "mp4": "MP4", "mov": "QuickTime", "webm": "WebM", "matroska": "Matroska", "mpegts": "MPEG-TS",
    "flv": "Flash Video", "avi": "AVI", "ogg": "Ogg",  "asf": "Windows Media", "mpeg": "MPEG-PS",
    "jpg": "JPEG", "png": "PNG", "webp": "WebP", "gif": "GIF", "avif": "AVIF",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Video:
    """A saved video, sound or picture on the page. ``number`` counts the saved files from 1; ``at``
    is the base address of its files.
    """

    place: int
    number: int
    saved: SavedFile
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
        if self.saved.is_picture:
            return gettext("Picture")
        return gettext("Sound") if self.saved.is_sound else gettext("Video")

    @property
    def is_film(self) -> bool:
        """Whether it has moving pictures: neither sound alone nor a picture."""
        return not (self.saved.is_picture or self.saved.is_sound)

    @property
    def is_opened_by_browsers(self) -> bool:
        return PurePosixPath(self.saved.output_path).suffix.lower() in _PLAYABLE

    @property
    def thumbnail(self) -> str | None:
        return f"{self.at}/thumbnail" if self.saved.thumbnail_path else None

    @property
    def form(self) -> str:
        """The names of container and codecs; "" while they have not been read."""
        report = self.report
        if report is None or report.container is None:
            return ""
        codecs = [
            CODEC_NAMES.get(codec, codec)
            for codec in (report.video_codec, report.audio_codec)
            if codec
        ]
        container = CONTAINER_NAMES.get(report.container, report.container)
        if self.saved.is_sound:
            container = PurePosixPath(self.saved.output_path).suffix[1:].upper()
        return f"{container}: {', '.join(codecs)}" if codecs else container


@dataclass(frozen=True, slots=True)
class PostText:
    """The post's text, without what the title already contains,
    as pieces with the address of each link.
    """

    title: str
    pieces: Sequence[tuple[str, str | None]]
    is_long: bool
    published: datetime | None
    author: str
    handle: str
    account_address: str | None


def videos(
    job: Job, checks: Mapping[int, FileCheck], reports: Mapping[int, ProbeReport | None]
) -> list[Video]:
    """Return the saved videos in the post's order."""
    return [
        Video(
            place=index,
            number=number,
            saved=saved,
            at=f"/files/{job.id}/items/{index}",
            loops=index < len(job.items) and job.items[index].item.type is ItemType.GIF,
            check=checks.get(index),
            report=reports.get(index),
        )
        for number, (index, saved) in enumerate(saved_files(job).items(), start=1)
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
        published=published_at(job),
        author=(one_line(account.display_name or "") or handle) if account else "",
        handle=handle,
        account_address=(
            f"/accounts/{quote(account.platform, safe='')}/{quote(account.slug, safe='')}"
        )
        if account
        else None,
    )


def pieces(text: str) -> Iterator[tuple[str, str | None]]:
    """Yield the pieces of the text in order, each with its target:
    the address itself for a link, else None.
    """
    end = 0
    for match in _LINK.finditer(text):
        address = match[0].rstrip(_AFTER_A_LINK)
        if match.start() > end:
            yield text[end : match.start()], None
        yield address, address
        end = match.start() + len(address)
    if end < len(text):
        yield text[end:], None


MAX_ADDRESS_CHARS = 300
_DATA = "data:"


@dataclass(frozen=True, slots=True)
class Choice:
    """One candidate. ``number`` is its index; ``length`` and ``evidence`` are "" and ``frame`` None
    where not known.
    """

    number: int
    length: str
    facts: tuple[str, ...]
    evidence: str
    address: str
    frame: str | None
    is_portrait: bool


def choices_of(job: Job) -> list[Choice]:
    """Return the job's candidates while a user is to choose among them, else none."""
    if not is_choosing(job):
        return []
    return [_choice(job, number, candidate) for number, candidate in enumerate(job.candidates)]


def first_player_site(job: Job) -> str:
    """Return the site of a post whose first player could be saved, while a user is to choose;
    "" where there is none.
    """
    has_player = is_choosing(job) and any(
        is_players(candidate.evidence) for candidate in job.candidates
    )
    return site_host(job.canonical_url) if has_player else ""


def seen_candidates(candidates: Sequence[Candidate]) -> str:
    """Return a short text that changes when the candidates do:
    a form's numbers mean nothing for others.
    """
    urls = "\n".join(candidate.url for candidate in candidates)
    return hashlib.sha256(urls.encode("utf-8", "replace")).hexdigest()[:16]


def _choice(job: Job, number: int, candidate: Candidate) -> Choice:
    width, height = candidate.width, candidate.height
    facts = (
        f"{width} × {height}" if width and height else "",
        format_size(candidate.size) if candidate.size else "",
        candidate.video_codec or "",
        candidate.source_type.value,
        _origin(candidate.url),
    )
    return Choice(
        number,
        format_duration(candidate.duration_s) if candidate.duration_s else "",
        tuple(one_line(fact) for fact in facts if fact),
        translated(in_words(candidate.evidence)),
        "" if candidate.url.startswith(_DATA) else candidate.url[:MAX_ADDRESS_CHARS],
        frame_path(job, number),
        bool(width and height and height > width),
    )


def _origin(url: str) -> str:
    """Return where a candidate comes from: its host,
    or the page itself for a manifest that is part of it.
    """
    if url.startswith(_DATA):
        return gettext("from the page itself")
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


@dataclass(frozen=True, slots=True)
class DecodingState:
    """``at``: when all of each file had been decoded. ``words`` say what is still to be done about
    the file that is shown.

    ``replacing`` says whether a damaged post is saved again, ``new_version`` is the job that does
    so.
    """

    at: datetime | None
    words: str
    replacing: str
    new_version: JobId | None


async def decoding_state(services: ApiServices, job: Job, video: Video) -> DecodingState:
    """Return the state of a post with files, of which ``video`` is shown."""
    at = await decoded_at(services.store.marks, job.id)
    _, position = await read_position(services.store.records, job.id)
    is_in_folder = services.settings.vault_url is None
    replacing, new_version = await _replacing(services, job)
    words = (
        "" if at else _words(is_examined=video.place in position.starts, is_in_folder=is_in_folder)
    )
    return DecodingState(at, words, replacing, new_version)


def _words(*, is_examined: bool, is_in_folder: bool) -> str:
    if is_in_folder and is_examined:
        return gettext(
            "All packets read, all sound and every key frame decoded; the other pictures follow in"
            " the background."
        )
    if is_in_folder:
        return gettext("It will be examined again in the background, and every picture decoded.")
    if is_examined:
        return gettext(
            "All packets read, all sound and every key frame decoded when it was saved. The other"
            " pictures are not decoded: the object storage would have to send the whole file again."
        )
    return ""


async def _replacing(services: ApiServices, job: Job) -> tuple[str, JobId | None]:
    store = services.store
    marks = (await store.marks.of_jobs([job.id])).get(job.id, ())
    replaced = next((mark for mark in marks if mark.name == MarkKind.REPLACED), None)
    if replaced is not None and not replaced.text:
        return gettext(
            "It was itself saved in place of a damaged one, and is not saved again automatically."
        ), None
    if replaced is not None:
        try:
            new = await store.catalogue.get(JobId(replaced.text))
        except JobNotFound:
            return gettext("It was saved again automatically; that version was deleted."), None
        if new.status is JobStatus.COMPLETED:
            return gettext(
                "It was saved again automatically. This version stays until you delete it."
            ), new.id
        return gettext(
            "It is being saved again automatically. This version stays until you delete it."
        ), new.id
    newest = (await store.catalogue.of_posts([job.canonical_url])).get(job.canonical_url)
    if (
        not has_url(job.canonical_url)
        or job.status is not JobStatus.COMPLETED
        or newest is None
        or newest.id != job.id
    ):
        return "", None
    if {None, job.platform} & {hold.site for hold in await all_holds(store.records)}:
        return gettext("It will be saved again once the queue is resumed."), None
    return gettext("It will be saved again once, if it is still online."), None
