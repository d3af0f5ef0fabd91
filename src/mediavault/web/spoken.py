"""What is said in videos, as pages show it: the passage that a search found below a tile, and a post's transcript."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from mediavault.api.spoken import SpokenFile, SpokenHit, find_hits, spoken_files, spoken_texts
from mediavault.core.failures import StorageFailure
from mediavault.core.job import Job, JobId
from mediavault.core.media import Cue
from mediavault.presentation.labels import format_duration, one_line
from mediavault.presentation.preferences import current
from mediavault.server.services import ApiServices
from mediavault.store.search_words import is_in, job_line, parse_search
from mediavault.store.spoken import Passage

MAX_POSTS = 24  # of a page, whose subtitles are read for a search
PATIENCE_S = 1.0  # after which no further post's are: an hour of speech takes 50 to 150 ms
MAX_LINES = 3_000  # of a transcript; an hour of speech has about 1,000


@dataclass(frozen=True, slots=True)
class SpokenLine:
    """Something that is said. ``seconds`` is where a player should start, ``at`` the same as a clock shows it."""

    seconds: int
    at: str
    text: str
    language: str
    link: str


@dataclass(frozen=True, slots=True)
class Transcript:
    """What is said in a video, in one of its ``languages``, which are codes with links. ``query`` was searched for;
    ``left_out`` lines are not shown."""

    language: str
    languages: Sequence[tuple[str, str]]
    lines: Sequence[SpokenLine]
    left_out: int
    query: str
    hits: Sequence[SpokenLine]
    fields: Sequence[tuple[str, str]]  # hidden ones of the search's form


async def spoken_in(
    services: ApiServices, jobs: Iterable[Job], text: str | None, *, keep: str
) -> dict[JobId, SpokenLine]:
    """Return the first passage of each post that a search did not find by its own texts; ``keep`` is added to its link."""
    terms = parse_search(text)
    if not terms:
        return {}
    others = [
        job for job in jobs if not is_in(job_line(job.post_url, job.canonical_url, job.account, job.metadata), terms)
    ]
    found: dict[JobId, SpokenLine] = {}
    until = services.clock.monotonic() + PATIENCE_S
    for job in others[:MAX_POSTS]:
        if services.clock.monotonic() > until:
            break
        try:
            hits = await find_hits(await spoken_texts(services, await spoken_files(services, job)), terms)
        except StorageFailure:
            return found  # the library is away: its posts are shown without passages
        if hits:
            found[job.id] = _line(f"/jobs/{job.id}", hits[0], {"in": keep} if keep else {})
    return found


async def transcript(
    services: ApiServices, job: Job, item: int, *, language: str, query: str, keep: str | None
) -> Transcript | None:
    """Return what is said in a video; None if nobody knows. A language that it has not is replaced by the reader's.

    Only a search reads more than the language that is shown.
    """
    terms = parse_search(query)
    try:
        files = await spoken_files(services, job, item=item)
        texts = await spoken_texts(services, _by_preference(files, language), most=len(files) if terms else 1)
    except StorageFailure:
        return None
    if not texts:
        return None
    shown = texts[0]
    more = {"said": query} if query else {}
    more |= {"in": keep} if keep else {}
    hits = await find_hits(texts, terms) if terms else []
    lines = [_line("", SpokenHit(item, shown.language, _passage(cue)), more) for cue in shown.cues[:MAX_LINES]]
    return Transcript(
        language=shown.language,
        languages=[
            (code, f"?{urlencode({'item': item, 'subtitles': code, **more})}#spoken")
            for code in dict.fromkeys(file.language for file in files)
        ],
        lines=lines,
        left_out=len(shown.cues) - len(lines),
        query=query,
        hits=[_line("", hit, more) for hit in hits],
        fields=[("item", str(item)), ("subtitles", shown.language), *([("in", keep)] if keep else [])],
    )


def _by_preference(files: Sequence[SpokenFile], language: str) -> list[SpokenFile]:
    """Return the files in this language first, then those in the reader's, then the others."""
    wanted = [language, current().locale, current().locale.split("_")[0]]
    return sorted(files, key=lambda file: wanted.index(file.language) if file.language in wanted else len(wanted))


def _passage(cue: Cue) -> Passage:
    return Passage(cue.start_s, cue.text)


def _line(path: str, hit: SpokenHit, more: dict[str, str]) -> SpokenLine:
    seconds = int(hit.passage.start_s)
    params = {"t": seconds, "item": hit.item, "subtitles": hit.language, **more}
    return SpokenLine(
        seconds=seconds,
        at=format_duration(seconds) or "0:00",
        text=one_line(hit.passage.text),
        language=hit.language,
        link=f"{path}?{urlencode(params)}#media",
    )
