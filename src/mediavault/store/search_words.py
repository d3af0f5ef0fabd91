"""The words of a text and of a search: the same for every store, so that all find the same jobs
(pure).

A text becomes lower-case words without diacritics. Scripts that are written without spaces, and
pictures such as emoji, become single characters, so that any run of them can be found. A search
matches where each of its words is the beginning of a word, and each of its runs occurs unchanged.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from functools import lru_cache
from typing import Any

from mediavault.core.media import Account
from mediavault.core.redaction import redact_page, redact_pages

# Separates the fields of a job, so that no run of characters is found across two; no text has it as
# a word.
GAP = "\ue000"
MAX_WORD_CHARS = 64
MAX_WORDS = 4_000  # of a job; PostgreSQL counts positions up to 16,383
# of a source of further words; an hour of speech has about 2,000 different ones
MAX_SOURCE_WORDS = 8_000
MAX_SOURCE_CHARS = 60_000  # of its line; PostgreSQL allows 1 MB for all words of a job
MAX_LINE_WORDS = 16_000  # of a job with its further words
MAX_SEARCH_WORDS = 32  # words of a search; the rest is ignored

Term = tuple[str, ...]  # one word, or a run of single characters


class WordSource(StrEnum):
    """What a job is found by apart from its own texts. The values are stored: never rename one."""

    SUBTITLES = "subtitles"
    COMMENTS = "comments"


# the lines of a job's sources, each of :func:`distinct_line`
FurtherWords = Mapping[WordSource, str]

_PLAIN = re.compile(r"[a-z0-9]+")
_LETTERS = str.maketrans(
    {
        "ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h", "ı": "i", "þ": "th", "æ": "ae", "œ": "oe",
        "ŧ": "t",
        "\u0640": None,  # the Arabic lengthening stroke
    }
)  # fmt: skip
# Marks that turn the letter before into another one, as in kana and Indic scripts; all others are
# diacritics. canonical combining classes: not reordered, nukta, kana voicing, virama
_LETTER_MARKS = (0, 7, 8, 9)
_WITHOUT_SPACES = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3040-\u312f\u31a0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\uf900-\ufaff\U00020000-\U0003ffff]"
)
_BREAK, _LETTER, _ALONE = range(3)


def words_of(text: str) -> list[str]:
    """Return the words of a text, in order."""
    if text.isascii():
        return [word[:MAX_WORD_CHARS] for word in _PLAIN.findall(text.lower())]
    words: list[str] = []
    word = ""
    for char in _folded(text):
        kind = _kind(char)
        if kind is _LETTER:
            word += char
            continue
        if word:
            words.append(word[:MAX_WORD_CHARS])
            word = ""
        if kind is _ALONE:
            words.append(char)
    return [*words, word[:MAX_WORD_CHARS]] if word else words


def line_of(texts: Iterable[str | None]) -> str:
    """Return the words of all texts, each after a space, for :func:`is_in`."""
    words: list[str] = []
    for text in texts:
        if text and (text_words := words_of(text[: MAX_WORDS * MAX_WORD_CHARS])):
            words += [GAP, *text_words] if words else text_words
    return "".join(f" {word}" for word in words[:MAX_WORDS])


def job_line(
    post_url: str, canonical_url: str, account: Account | None, metadata: Mapping[str, Any]
) -> str:
    """Return the line that a job is found by: title, text, handle, display name and URL, without
    the URL's secrets.

    A search tells whether a word begins like this: letter by letter, that would be the whole
    secret.
    """
    texts_of_post = [metadata.get("title"), metadata.get("text")]
    texts = [text if isinstance(text, str) else None for text in texts_of_post]
    if account is not None:
        texts += [account.handle, account.display_name]
    return line_of([*texts, *map(redact_page, dict.fromkeys((post_url, canonical_url)))])


def account_line(handle: str | None, display_name: str | None) -> str:
    """Return the line that an account is found by."""
    return line_of([handle, display_name])


def distinct_line(texts: Iterable[str]) -> str:
    """Return the line of long texts: each word once, in no order, and each run of single characters
    as it is.

    It is bounded. A line's own parts, ``line.split(GAP)``, give the same line again, whoever wrote
    it.
    """
    words: dict[Term, None] = {}
    runs: dict[Term, None] = {}
    left, chars = MAX_SOURCE_WORDS, MAX_SOURCE_CHARS
    for term in (term for text in texts for term in _terms_of(words_of(text))):
        known = words if _kind(term[0][0]) is not _ALONE else runs
        size = sum(len(word) + 1 for word in term)
        if term in known:
            continue
        if (left := left - len(term) - (known is runs)) < 0 or (
            chars := chars - size - 2 * (known is runs)
        ) < 0:
            break
        known[term] = None
    return "".join([*map(needle, sorted(words)), *(f" {GAP}{needle(run)}" for run in runs)])


def full_line(line: str, further: FurtherWords) -> str:
    """Return a job's line with its further words."""
    parts = [line, *(further[source] for source in WordSource if further.get(source))]
    if len(parts) == 1:
        return line
    words = f" {GAP}".join(parts).split()
    return "".join(f" {word}" for word in words[:MAX_LINE_WORDS])


def further_words(rows: Iterable[tuple[str, str]]) -> dict[WordSource, str]:
    """Return the lines of stored sources; those of a later release are left out."""
    known = {source.value: source for source in WordSource}
    return {known[source]: line for source, line in rows if source in known}


def parse_search(text: str | None) -> tuple[Term, ...] | None:
    """Return a search's terms: None for no search (only spaces),
    empty if it finds nothing (only punctuation).
    """
    if not text or text.isspace():
        return None
    words = words_of(redact_pages(text[: MAX_SEARCH_WORDS * MAX_WORD_CHARS]))[:MAX_SEARCH_WORDS]
    return tuple(dict.fromkeys(_terms_of(words)))


def is_in(line: str, terms: Iterable[Term]) -> bool:
    """Return whether all terms occur in a line of :func:`line_of`."""
    return all(needle(term) in line for term in terms)


def needle(term: Term) -> str:
    """Return a term as it occurs in a line."""
    return "".join(f" {word}" for word in term)


def _terms_of(words: Iterable[str]) -> Iterator[Term]:
    """Yield the words one by one, and neighbouring single characters together."""
    run: list[str] = []
    for word in words:
        if _kind(word[0]) is _ALONE:
            run.append(word)
            continue
        if run:
            yield tuple(run)
            run = []
        yield (word,)
    if run:
        yield tuple(run)


def _folded(text: str) -> str:
    """Return the text without case, diacritics, joiners and direction marks;
    ligatures and wide forms spelt out.
    """
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return "".join(char for char in plain if not _is_dropped(char)).casefold().translate(_LETTERS)


@lru_cache(maxsize=8_192)
def _is_dropped(char: str) -> bool:
    if char.isascii():
        return False
    category = unicodedata.category(char)
    if category == "Mn":
        return unicodedata.combining(char) not in _LETTER_MARKS or "\ufe00" <= char <= "\ufe0f"
    return category in {"Cf", "Me"}


@lru_cache(maxsize=8_192)
def _kind(char: str) -> int:
    if char.isascii():
        return _LETTER if char.isalnum() else _BREAK
    category = unicodedata.category(char)
    if category[0] in "LNM":
        return _ALONE if _WITHOUT_SPACES.match(char) else _LETTER
    return _ALONE if category == "So" else _BREAK
