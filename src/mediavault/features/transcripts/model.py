"""What is said in a video: the passages in which a search finds it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mediavault.core.media import Cue
from mediavault.store.search_words import Term, is_in, line_of, words_of

AROUND_S = 10.0  # a neighbouring cue is shown with a passage if it is no further away
MAX_PASSAGES = 200
PASSAGE_CHARS = 140
# of these before the word that was searched for: it should be seen where a passage is cut
BEFORE_CHARS = 24


@dataclass(frozen=True, slots=True)
class SpokenText:
    """What is said in an item of a post, by a subtitle file in this language.
    The texts of its cues are untrusted.
    """

    item: int
    language: str
    cues: Sequence[Cue]


@dataclass(frozen=True, slots=True)
class Passage:
    """A passage of a video's subtitles: the item's index, the second at which it begins, its words
    in one line.

    ``text`` is untrusted, ``language`` is that of the subtitles' file.
    """

    item: int
    start_s: float
    text: str
    language: str


def find_passages(texts: Iterable[SpokenText], terms: Sequence[Term]) -> list[Passage]:
    """Return the passages of all texts that have the most of the terms, by item and time;
    at most MAX_PASSAGES.
    """
    found = [(text, *find_cues(text.cues, terms)) for text in texts]
    best = max((score for _, score, _ in found), default=0)
    passages = [
        Passage(text.item, text.cues[index].start_s, _words(text.cues, index, terms), text.language)
        for text, score, places in found
        for index in places
        if score == best
    ]
    return sorted(passages, key=lambda one: (one.item, one.start_s, one.language))[:MAX_PASSAGES]


def find_cues(cues: Sequence[Cue], terms: Sequence[Term]) -> tuple[int, list[int]]:
    """Return how many of the terms the best passages have, and the index of the cue at which each
    of these begins.

    A passage is a cue, or two that follow each other, since a sentence rarely ends with its cue.
    """
    best, places = 0, list[int]()
    lines = (line_of([cue.text]) for cue in cues)
    found = [{term for term in terms if is_in(line, [term])} for line in lines]
    for index, own in enumerate(found):
        follows = index + 1 < len(cues) and _is_near(cues[index], cues[index + 1])
        # The second cue counts only together with something in the first: otherwise it is a
        # separate passage.
        score = len(own | found[index + 1]) if own and follows else len(own)
        if score > best:
            best, places = score, []
        if score and score == best:
            places.append(index)
    return best, places


def _is_near(cue: Cue, after: Cue) -> bool:
    return after.start_s - cue.end_s <= AROUND_S


def _words(cues: Sequence[Cue], index: int, terms: Sequence[Term]) -> str:
    """Return a cue with the words before and after it,
    shortened around the first word that was searched for.
    """
    cue = cues[index]
    before = cues[index - 1].text if index and _is_near(cues[index - 1], cue) else ""
    after = cues[index + 1].text if index + 1 < len(cues) and _is_near(cue, cues[index + 1]) else ""
    words = [*before.split(), *cue.text.split(), *after.split()]
    at = len(before.split())
    is_hit = (number for number in range(at, len(words)) if _begins(words[number], terms))
    return _shortened(words, next(is_hit, at))


def _begins(text: str, terms: Sequence[Term]) -> bool:
    return any(word.startswith(term[0]) for word in words_of(text) for term in terms)


def _shortened(words: Sequence[str], at: int) -> str:
    """Return the words around the one at ``at``, PASSAGE_CHARS long or less,
    with "…" where some are left out.
    """
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
