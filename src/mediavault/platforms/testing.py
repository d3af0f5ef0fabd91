"""Checks for a site's tests: that its URLs are matched, and that a saved document is read.

For the sites of this tree and for those of other packages: CONTRIBUTING.md, "Add a site in one
file".
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mediavault.core.media import Extraction, Post
from mediavault.core.platform import AddressKind, Platform
from mediavault.core.post_urls import is_named_host, read_page, read_post
from mediavault.core.urls import canonical_generic, parse_http_url
from mediavault.extraction.saved_page import open_saved, read_saved_post


@dataclass(frozen=True, slots=True)
class UrlCase:
    """A URL of a site and what it names. ``post_id``,
    ``handle`` and ``canonical`` are compared where they are given.
    """

    url: str
    kind: AddressKind = AddressKind.POST
    post_id: str | None = None
    handle: str | None = None
    canonical: str | None = None


def check_urls(platform: Platform, cases: Iterable[UrlCase]) -> None:
    """Raise AssertionError that lists every case that the site's patterns read differently."""
    wrong = [
        f"{case.url}: {problem}"
        for case in cases
        if (problem := _problem(platform, case)) is not None
    ]
    assert not wrong, "\n".join(wrong)


def _problem(platform: Platform, case: UrlCase) -> str | None:
    """Return what is wrong with how ``case`` is read; None if nothing is."""
    url = parse_http_url(case.url)
    if not is_named_host(platform, url):
        return "its host is not one of the site's"
    page, match = read_page(platform, url), read_post(platform, url)
    actual = {
        "kind": page.kind if page else None,
        "post_id": page.post_id if page else None,
        "handle": page.handle if page else None,
        "canonical": match.canonical_url if match else None,
    }
    expected = {name: value for name in actual if (value := getattr(case, name)) is not None}
    differs = {name: actual[name] for name in expected if actual[name] != expected[name]}
    return f"expected {expected}, got {differs}" if differs else None


def read_document(platform: Platform, url: str, document: str | bytes) -> Extraction:
    """Read a saved page or JSON answer as a visit to the post ``url`` would have been.

    Returns what was found; its ``videos`` are empty where there is none. Raises the Failure that
    the document reports, and BadInput where it is neither a page nor JSON.
    """
    parsed = parse_http_url(url)
    match = read_post(platform, parsed)
    canonical = match.canonical_url if match else canonical_generic(parsed)
    post = Post(
        url,
        canonical,
        platform.name,
        match.post_id if match else None,
        match.handle if match else None,
    )
    text = document.encode() if isinstance(document, str) else document
    look = read_saved_post(platform, post, open_saved(text, url))
    if look.error is not None:
        raise look.error
    assert look.extraction is not None
    return look.extraction
