"""What a person pasted, dropped or shared, as the addresses that are meant. Pure.

People paste lists, chat messages, captions, shortcuts and pieces of Markdown. Words round a link are passed over; what
looks like an attempt at an address is handed on as it is, so that it is refused with a reason rather than lost.
"""

from __future__ import annotations

import re

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_LINK = re.compile(r"https?://", re.IGNORECASE)
_BARE = re.compile(r"(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}/\S+")  # x.com/jane/status/1, as phones show addresses
_OPENING = "<([{\"'\u201c\u201e\u00ab"
_CLOSING = ">)]}\"'\u201d\u201c\u00bb,;.!\u2026"


def addresses_in(text: str) -> list[str]:
    """The addresses in their order, each once; where there is none, the lines themselves.

    A line that is one word counts as an attempt at an address. ``nonsense`` is handed on, ``look at this`` only where
    nothing else in the text is a link.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    read = [(line, _links(line)) for line in lines]
    if not any(links for _, links in read):
        return list(dict.fromkeys(lines))
    found: list[str] = []
    for line, links in read:
        found += links or ([line] if len(line.split()) == 1 else [])
    return list(dict.fromkeys(found))


def _links(line: str) -> list[str]:
    return [link for word in line.split() if (link := _link(word)) is not None]


def _link(word: str) -> str | None:
    """The address in a word; None where it is only a word."""
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
    """Without the punctuation of the sentence round it; a closing bracket stays where the address opens one."""
    while link and link[-1] in _CLOSING and not (link[-1] == ")" and "(" in link):
        link = link[:-1]
    return link
