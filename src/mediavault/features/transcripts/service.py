"""What users do with subtitles and comments: search and read them. API and pages call this."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from mediavault.core.companions import COMMENTS_SUFFIX, language_of, sibling
from mediavault.core.failures import StorageFailure
from mediavault.core.job import Job, JobId, saved_files
from mediavault.core.media import Comment
from mediavault.features.transcripts.model import Passage, SpokenText, find_passages
from mediavault.library.companion_files import read_comments, read_cues
from mediavault.presentation.labels import format_duration, one_line
from mediavault.presentation.preferences import current
from mediavault.server.services import ApiServices
from mediavault.store.search_words import is_in, job_line, parse_search

MAX_FILES = 10  # of a post that one request reads
MAX_POSTS = 24  # of a page, whose subtitles are read for a search
PATIENCE_S = 1.0  # after which no further post's are: an hour of speech takes 50 to 150 ms
MAX_LINES = 3_000  # of a transcript; an hour of speech has about 1,000


@dataclass(frozen=True, order=True, slots=True)
class SpokenFile:
    """A subtitle file of an item."""

    item: int
    language: str
    path: str


@dataclass(frozen=True, slots=True)
class SpokenLine:
    """Something that is said. ``seconds`` is where a player should start,
    ``at`` the same as a clock shows it.
    """

    seconds: int
    at: str
    text: str
    language: str
    link: str


@dataclass(frozen=True, slots=True)
class Transcript:
    """What is said in a video, in one of its ``languages``, which are codes with links. ``query``
    was searched for; ``left_out`` lines are not shown.
    """

    language: str
    languages: Sequence[tuple[str, str]]
    lines: Sequence[SpokenLine]
    left_out: int
    query: str
    hits: Sequence[SpokenLine]
    fields: Sequence[tuple[str, str]]  # hidden ones of the search's form


async def search_post(services: ApiServices, job: Job, text: str | None) -> list[Passage]:
    """Return the passages of a post's videos that have the most of the words.
    Raises StorageFailure.
    """
    terms = parse_search(text)
    if not terms:
        return []
    texts = await _texts(services, await _files(services, job))
    return await asyncio.to_thread(find_passages, texts, terms)


async def spoken_in(
    services: ApiServices, jobs: Iterable[Job], text: str | None, *, keep: str
) -> dict[JobId, SpokenLine]:
    """Return the first passage of each post that a search did not find by its own texts;
    ``keep`` is added to its link.
    """
    terms = parse_search(text)
    if not terms:
        return {}
    others = [
        job
        for job in jobs
        if not is_in(job_line(job.post_url, job.canonical_url, job.account, job.metadata), terms)
    ]
    found: dict[JobId, SpokenLine] = {}
    until = services.clock.monotonic() + PATIENCE_S
    for job in others[:MAX_POSTS]:
        if services.clock.monotonic() > until:
            break
        try:
            passages = await search_post(services, job, text)
        except StorageFailure:
            return found  # the library is away: its posts are shown without passages
        if passages:
            found[job.id] = _line(f"/jobs/{job.id}", passages[0], {"in": keep} if keep else {})
    return found


async def transcript(
    services: ApiServices, job: Job, item: int, *, language: str, query: str, keep: str | None
) -> Transcript | None:
    """Return a video's transcript, None if it has none; in the reader's language where ``language``
    is missing.

    Only a search reads more than the language that is shown.
    """
    terms = parse_search(query)
    try:
        files = await _files(services, job, item=item)
        texts = await _texts(
            services, _by_preference(files, language), most=len(files) if terms else 1
        )
    except StorageFailure:
        return None
    if not texts:
        return None
    shown = texts[0]
    more = {"said": query} if query else {}
    more |= {"in": keep} if keep is not None else {}
    passages = await asyncio.to_thread(find_passages, texts, terms) if terms else []
    return Transcript(
        language=shown.language,
        languages=[
            (code, f"?{urlencode({'item': item, 'subtitles': code, **more})}#spoken")
            for code in dict.fromkeys(file.language for file in files)
        ],
        lines=[
            _line("", Passage(item, cue.start_s, cue.text, shown.language), more)
            for cue in shown.cues[:MAX_LINES]
        ],
        left_out=max(0, len(shown.cues) - MAX_LINES),
        query=query,
        hits=[_line("", passage, more) for passage in passages],
        fields=[
            ("item", str(item)),
            ("subtitles", shown.language),
            *([("in", keep)] if keep is not None else []),
        ],
    )


async def saved_comments(services: ApiServices, job: Job) -> Sequence[Comment]:
    """Return the comments that were saved with a post; none where none were saved.
    Raises StorageFailure.
    """
    for saved in saved_files(job).values():
        if COMMENTS_SUFFIX in saved.beside:
            return await read_comments(
                services.library, sibling(saved.output_path, COMMENTS_SUFFIX)
            )
    return ()


async def _files(services: ApiServices, job: Job, *, item: int | None = None) -> list[SpokenFile]:
    """Return the subtitle files of a post's videos, or of one of them, by item and language; at
    most MAX_FILES.

    They are those on this disk, or that the video's row names; none is read. Raises StorageFailure.
    """
    files: list[SpokenFile] = []
    for place, saved in saved_files(job).items():
        if item in (None, place):
            known = {
                sibling(saved.output_path, suffix): language_of(suffix) for suffix in saved.beside
            }
            known |= {file.path: file.language for file in await services.extras.beside(saved)}
            files += [
                SpokenFile(place, language, path) for path, language in known.items() if language
            ]
    return sorted(files)[:MAX_FILES]


async def _texts(
    services: ApiServices, files: Iterable[SpokenFile], *, most: int = MAX_FILES
) -> list[SpokenText]:
    """Read what is said from these files, in order, until ``most`` of them had something.
    Raises StorageFailure.
    """
    texts: list[SpokenText] = []
    for file in files:
        if cues := await read_cues(services.library, file.path):
            texts.append(SpokenText(file.item, file.language, cues))
            if len(texts) == most:
                break
    return texts


def _by_preference(files: Sequence[SpokenFile], language: str) -> list[SpokenFile]:
    """Return the files in this language first, then those in the reader's, then the others."""
    wanted = [language, current().locale, current().locale.split("_")[0]]
    return sorted(
        files,
        key=lambda file: wanted.index(file.language) if file.language in wanted else len(wanted),
    )


def _line(path: str, passage: Passage, more: dict[str, str]) -> SpokenLine:
    seconds = int(passage.start_s)
    params = {"t": seconds, "item": passage.item, "subtitles": passage.language, **more}
    return SpokenLine(
        seconds=seconds,
        at=format_duration(seconds) or "0:00",
        text=one_line(passage.text),
        language=passage.language,
        link=f"{path}?{urlencode(params)}#media",
    )
