"""What is said in a saved video: its subtitle files, the search in them, and the route that answers with the passages."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query

from mediavault.api.dependencies import JobIdPath, Services, errors
from mediavault.core.companions import language_of, sibling
from mediavault.core.job import Job, saved_files
from mediavault.core.media import Cue, SavedFile
from mediavault.core.names import shown_text
from mediavault.library.companion_files import read_cues
from mediavault.presentation.schemas import SpokenHitView, SpokenView
from mediavault.server.services import ApiServices
from mediavault.store.search_words import Term, parse_search
from mediavault.store.spoken import Passage, find_passages

MAX_HITS = 200
MAX_FILES = 10  # of a post that one request reads

router = APIRouter(tags=["jobs"])


@dataclass(frozen=True, slots=True)
class SpokenFile:
    """A subtitle file of an item."""

    item: int
    language: str
    path: str


@dataclass(frozen=True, slots=True)
class SpokenText:
    """The cues of a subtitle file of an item. The texts are untrusted."""

    item: int
    language: str
    cues: Sequence[Cue]


@dataclass(frozen=True, slots=True)
class SpokenHit:
    """A passage of an item, in a language."""

    item: int
    language: str
    passage: Passage


@router.get("/api/jobs/{job_id}/spoken", responses=errors(401, 404, 503))
async def spoken(
    job_id: JobIdPath,
    services: Services,
    q: Annotated[str, Query(min_length=1, max_length=500, description="Words; each may be the beginning of one.")],
) -> SpokenView:
    """Search what is said in the videos of a post: in the subtitle files next to them.

    Returns the passages with all of the words, or with the most of them; at most 200.
    """
    job, terms = await services.store.catalogue.get(job_id), parse_search(q)
    hits = await find_hits(await spoken_texts(services, await spoken_files(services, job)), terms) if terms else []
    return SpokenView(
        hits=[
            SpokenHitView(
                item=hit.item,
                start_s=hit.passage.start_s,
                text=shown_text(hit.passage.text),
                language=hit.language,
            )
            for hit in hits
        ]
    )


async def spoken_files(services: ApiServices, job: Job, *, item: int | None = None) -> list[SpokenFile]:
    """Return the subtitle files of a post's videos, or of one of them, by item and language; at most MAX_FILES. None is
    read. Raises StorageFailure."""
    files: list[SpokenFile] = []
    for place, kept in saved_files(job).items():
        if item in (None, place):
            files += [SpokenFile(place, language, path) for language, path in await _files(services, kept)]
    return files[:MAX_FILES]


async def spoken_texts(
    services: ApiServices, files: Iterable[SpokenFile], *, most: int = MAX_FILES
) -> list[SpokenText]:
    """Read what is said from these files, in their order, until ``most`` of them had something. Raises StorageFailure."""
    texts: list[SpokenText] = []
    for file in files:
        if cues := await read_cues(services.library, file.path):
            texts.append(SpokenText(file.item, file.language, cues))
            if len(texts) == most:
                break
    return texts


async def find_hits(texts: Sequence[SpokenText], terms: Sequence[Term]) -> list[SpokenHit]:
    """Return the passages of all texts that have the most of the terms, by item and time; at most MAX_HITS."""
    found = [(text, *await asyncio.to_thread(find_passages, text.cues, terms)) for text in texts]
    best = max((score for _, score, _ in found), default=0)
    hits = [
        SpokenHit(text.item, text.language, passage)
        for text, score, passages in found
        for passage in passages
        if score == best
    ]
    return sorted(hits, key=lambda hit: (hit.item, hit.passage.start_s, hit.language))[:MAX_HITS]


async def _files(services: ApiServices, kept: SavedFile) -> list[tuple[str, str]]:
    """Return the languages and paths of the subtitle files next to a video: those on this disk, or that its row names."""
    languages = {suffix: language_of(suffix) for suffix in kept.beside}
    files = {sibling(kept.output_path, suffix): language for suffix, language in languages.items() if language}
    files |= {file.path: file.language for file in await services.extras.beside(kept)}
    return sorted((language, path) for path, language in files.items())
