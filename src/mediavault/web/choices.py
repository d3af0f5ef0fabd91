"""The videos from which a user chooses the post's, as the post's page shows them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from mediavault.core.evidence import in_words, is_players
from mediavault.core.job import Job
from mediavault.core.media import Candidate
from mediavault.core.settings import site_host
from mediavault.presentation.labels import format_duration, format_size, one_line
from mediavault.presentation.translation import gettext, translated
from mediavault.presentation.views import frame_path, is_choosing

MAX_ADDRESS_CHARS = 300
_DATA = "data:"


@dataclass(frozen=True, slots=True)
class Choice:
    """One candidate. ``number`` is its index; ``length`` and ``evidence`` are "" and ``frame`` None where not known."""

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
    """Return the site of a post whose first player could be saved, while a user is to choose; "" where there is none."""
    has_player = is_choosing(job) and any(is_players(candidate.evidence) for candidate in job.candidates)
    return site_host(job.canonical_url) if has_player else ""


def seen_candidates(candidates: Sequence[Candidate]) -> str:
    """Return a short text that changes when the candidates do: a form's numbers mean nothing for others."""
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
    """Return where a candidate comes from: its host, or the page itself for a manifest that is part of it."""
    if url.startswith(_DATA):
        return gettext("from the page itself")
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
