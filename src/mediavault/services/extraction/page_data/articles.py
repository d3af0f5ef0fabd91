"""Which ``<article>`` of a page is the post's own: the one that links to it. Linear in time."""

from __future__ import annotations

import re

from mediavault.services.extraction.page_data.html_scan import MAX_HTML_CHARS

_MAX_ARTICLES = 500
_EDGE = re.compile(r"<(?=[!/A-Za-z])(?:(/?)article(?=[\s>])|!--|(script|style|textarea|title)(?=[\s>]))", re.IGNORECASE)
_END = re.compile(r"-->|</(?:script|style|textarea|title)(?=[\s>])", re.IGNORECASE)


def articles_linking(html: str, post_id: str | None) -> frozenset[str]:
    """The containers (``article:0`` …, as ``html_page`` names them) that hold a link to the post, or its urn; none without
    an id.

    An answer to the post stands in an article of its own and links to itself.
    """
    if not post_id or post_id not in html:
        return frozenset()
    named = rf"""[^"'\s<>]*(?:[/=:]|%3A){re.escape(post_id)}(?=[/?#&"'\s>])"""
    link = re.compile(rf"""\s(?:href|data-(?:activity-)?urn)\s*=\s*["']?{named}""")
    return frozenset(name for name, text in _articles(html[:MAX_HTML_CHARS]) if link.search(text))


def _articles(html: str) -> list[tuple[str, str]]:
    """The articles in order, each with its markup up to the next one inside it or to its end."""
    found: list[tuple[str, str]] = []
    position, count = 0, 0
    opened: tuple[str, int] | None = None
    while count < _MAX_ARTICLES and (edge := _EDGE.search(html, position)):
        position = edge.end()
        if edge[0] == "<!--" or edge[2]:
            end = _END.search(html, position)
            position = end.end() if end else len(html)
            continue
        if opened is not None:
            found.append((opened[0], html[opened[1] : edge.start()]))
        opened = None if edge[1] else (f"article:{count}", edge.start())
        count += not edge[1]
    return [*found, (opened[0], html[opened[1] :])] if opened else found
