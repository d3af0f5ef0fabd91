"""Extracts addresses from text that a user pasted, dropped or shared. Pure.

Users paste lists, chat messages, captions, shortcuts and pieces of Markdown. Words around a link are ignored; a word
that looks like an attempt at an address is passed on unchanged, so that it is refused with a reason rather than lost.
"""

from __future__ import annotations

import re

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_LINK = re.compile(r"https?://", re.IGNORECASE)
_BARE = re.compile(r"(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}/\S+")  # x.com/jane/status/1, as phones show addresses
_OPENING = "<([{\"'\u201c\u201e\u00ab"
_CLOSING = ">)]}\"'\u201d\u201c\u00bb,;.!\u2026"


def addresses_in(text: str) -> list[str]:
    """Return the addresses in order, each once; the lines themselves when there is no address.

    A line of one word counts as an attempt at an address: ``nonsense`` is passed on, ``look at this`` only when the
    text contains no link.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    parsed = [(line, _links(line)) for line in lines]
    if not any(links for _, links in parsed):
        return list(dict.fromkeys(lines))
    addresses: list[str] = []
    for line, links in parsed:
        addresses += links or ([line] if len(line.split()) == 1 else [])
    return list(dict.fromkeys(addresses))


def _links(line: str) -> list[str]:
    return [link for word in line.split() if (link := _link(word)) is not None]


def _link(word: str) -> str | None:
    """Return the address in a word; None when there is none."""
    word = word.lstrip(_OPENING)
    start = _LINK.search(word)
    if start and not _SCHEME.match(
        word[: start.start()]
    ):  # "[a film](https://…" and "URL=https://…", not "view-source:"
        return _without_tail(word[start.start() :])
    if "://" in word:
        return word
    return f"https://{_without_tail(word)}" if _BARE.fullmatch(word) else None


def _without_tail(link: str) -> str:
    """Remove the sentence's punctuation; a closing bracket stays when the address contains an opening one."""
    while link and link[-1] in _CLOSING and not (link[-1] == ")" and "(" in link):
        link = link[:-1]
    return link
