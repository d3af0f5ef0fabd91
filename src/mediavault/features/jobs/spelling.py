"""Corrects the typing mistakes of a search that found nothing, by the words of the library."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from difflib import get_close_matches

from mediavault.store.port import JobCatalogue, JobQuery
from mediavault.store.search_words import job_line, words_of

LEAST_CHARS = 4  # of a word; shorter ones are like too many others
MOST_WORDS = 3  # of a search that are looked at
LOOKED_AT = 100  # posts with a word that begins alike
CLOSE = 0.78  # of difflib: "trian" is as close to "train" as 0.8


async def corrected(catalogue: JobCatalogue, query: JobQuery, text: str) -> str | None:
    """Return ``text`` with each word that the query's jobs don't have replaced by the most similar
    one that they have, if a search for that finds something.

    ``text`` is what was searched for, with tags; ``query`` is its query. Words are compared with
    those of titles, texts and accounts, not with what is said.
    """
    parts = text.split()
    if len(parts) > MOST_WORDS:
        return None
    found = [await _spelt(catalogue, query, part) for part in parts]
    if found == parts or None in found:
        return None
    better = " ".join(map(str, found))
    plain = " ".join(str(part) for part in found if ":" not in str(part))
    is_found = await catalogue.jobs(replace(query, text=plain, limit=1))
    return better if is_found.jobs else None


async def _spelt(catalogue: JobCatalogue, query: JobQuery, part: str) -> str | None:
    """Return a word as it is if jobs have it, else the one most like it, else None."""
    words = words_of(part)
    if ":" in part or len(words) != 1 or len(words[0]) < LEAST_CHARS:
        return part
    [word] = words
    if (await catalogue.jobs(replace(query, text=word, limit=1))).jobs:
        return part
    for beginning in _beginnings(word):
        page = await catalogue.jobs(replace(query, text=beginning, limit=LOOKED_AT))
        known = {
            one
            for job in page.jobs
            for one in job_line(job.post_url, job.canonical_url, job.account, job.metadata).split()
        }
        # a search finds the beginnings of words as well
        begun = {one[: len(word) + more] for one in known for more in (-1, 0, 1)}
        for spellings in (known, begun):
            if close := get_close_matches(word, sorted(spellings), n=1, cutoff=CLOSE):
                return close[0]
    return None


def _beginnings(word: str) -> Collection[str]:
    """Return how the right word may begin: as this one; with its first letters swapped; without
    the first one.
    """
    swapped = word[1] + word[0] + word[2:]
    return dict.fromkeys((word[:4], word[:3], swapped[:3], word[1:4], word[:2]))
