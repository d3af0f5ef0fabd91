"""What is said in a video: its words for the library's search, and the passages in which a search finds it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from mediavault.core.job import JobId
from mediavault.core.media import Cue
from mediavault.store.port import JobCatalogue
from mediavault.store.search_words import Term, WordSource, distinct_line, is_in, line_of, words_of

AROUND_S = 10.0  # a neighbouring cue is shown with a passage if it is no further away
PASSAGE_CHARS = 140
BEFORE_CHARS = 24  # of these before the word that was searched for: it should be seen where a passage is cut


@dataclass(frozen=True, slots=True)
class Passage:
    """Where something is said: the second, and the words around it in one line. ``text`` is untrusted."""

    start_s: float
    text: str


async def put_texts(catalogue: JobCatalogue, job_id: JobId, source: WordSource, texts: Sequence[str]) -> None:
    """Let searches find a job by all of ``texts``, in any language, instead of by those that this source had before."""
    await catalogue.put_words(job_id, source, await asyncio.to_thread(distinct_line, texts))


def find_passages(cues: Sequence[Cue], terms: Sequence[Term]) -> tuple[int, list[Passage]]:
    """Return how many of the terms the best passages have, and these passages, in order.

    A passage is a cue, or two that follow each other, since a sentence rarely ends with its cue. Where no passage has all
    terms, those with the most are returned.
    """
    best, places = 0, list[int]()
    lines = (line_of([cue.text]) for cue in cues)
    found = [{term for term in terms if is_in(line, [term])} for line in lines]
    for index, own in enumerate(found):
        follows = index + 1 < len(cues) and _is_near(cues[index], cues[index + 1])
        # The second cue counts only together with something in the first: otherwise it is a passage of its own.
        score = len(own | found[index + 1]) if own and follows else len(own)
        if score > best:
            best, places = score, []
        if score and score == best:
            places.append(index)
    return best, [_passage(cues, index, terms) for index in places]


def _is_near(cue: Cue, after: Cue) -> bool:
    return after.start_s - cue.end_s <= AROUND_S


def _passage(cues: Sequence[Cue], index: int, terms: Sequence[Term]) -> Passage:
    """Return a cue with the words before and after it, shortened around the first word that was searched for."""
    cue = cues[index]
    before = cues[index - 1].text if index and _is_near(cues[index - 1], cue) else ""
    after = cues[index + 1].text if index + 1 < len(cues) and _is_near(cue, cues[index + 1]) else ""
    words = [*before.split(), *cue.text.split(), *after.split()]
    at = len(before.split())
    is_hit = (number for number in range(at, len(words)) if _begins(words[number], terms))
    return Passage(cue.start_s, _shortened(words, next(is_hit, at)))


def _begins(text: str, terms: Sequence[Term]) -> bool:
    return any(word.startswith(term[0]) for word in words_of(text) for term in terms)


def _shortened(words: Sequence[str], at: int) -> str:
    """Return the words around the one at ``at``, PASSAGE_CHARS long or less, with "…" where some are left out."""
    first = last = at
    size = len(words[at][:PASSAGE_CHARS])
    before = BEFORE_CHARS
    while first > 0 and len(words[first - 1]) < min(before, PASSAGE_CHARS - size):
        first -= 1
        before -= len(words[first]) + 1
        size += len(words[first]) + 1
    while last + 1 < len(words) and size + len(words[last + 1]) < PASSAGE_CHARS:
        last += 1
        size += len(words[last]) + 1
    text = " ".join(word[:PASSAGE_CHARS] for word in words[first : last + 1])
    return f"{'… ' if first else ''}{text}{' …' if last + 1 < len(words) else ''}"
