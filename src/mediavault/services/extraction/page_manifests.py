"""Manifests that a page makes or carries itself, as responses with a ``data:`` address (RFC 2397). Pure.

A player that is given one as a ``blob:`` or ``data:`` address, or out of JSON, never asks the network for it. What they
name relatively is made absolute, so that the address alone is enough to fetch the stream.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import urljoin
from xml.sax.saxutils import escape

from mediavault.services.browser.port import SeenManifest, SeenResponse
from mediavault.services.download.hls_text import looks_like_hls
from mediavault.services.download.mpd_document import looks_like_dash
from mediavault.services.extraction.page_data.document import parse_json
from mediavault.services.extraction.page_data.json_walk import walk

MAX_MANIFESTS = 20
MAX_MANIFEST_CHARS = 2_000_000
_MAX_NESTING = 3  # JSON within a string of JSON
_HLS, _DASH = "application/vnd.apple.mpegurl", "application/dash+xml"

_URI_ATTRIBUTE = re.compile(r'((?:^|[:,])URI=")([^"\r\n]*)(")')
_HAS_SCHEME = re.compile(r"[A-Za-z][\w+.-]*:")
# "<" ends what is read of a tag and of a text: tags that never close must not be read to the end of the document each
_MPD_TAG = re.compile(r"<((?:[\w.-]++:)?+)MPD(?:\s[^<>]*+)?+>")
_BASE_URL = re.compile(r"(<(?:[\w.-]++:)?+BaseURL(?:\s[^<>]*+)?+>)([^<]*+)(</)")


def page_manifests(
    seen: Sequence[SeenManifest], documents: Iterable[object], page_url: str
) -> tuple[tuple[SeenResponse, ...], dict[str, str]]:
    """(the manifests as responses, the page's own addresses for them -> the ``data:`` address).

    ``seen`` was noted in the page, ``documents`` is its JSON. A manifest that leads to more ``blob:`` addresses leads
    nowhere from outside, and is left out.
    """
    texts = [*seen, *(SeenManifest("", text, page_url) for text in _in_documents(documents))]
    found: dict[str, SeenResponse] = {}
    names: dict[str, str] = {}
    for each in texts:
        if len(found) >= MAX_MANIFESTS:
            break
        response = _as_response(each, each.frame_url if each.frame_url.startswith("http") else page_url)
        if response is not None:
            found.setdefault(response.url, response)
            names[each.url] = response.url
    return tuple(found.values()), names


def _as_response(manifest: SeenManifest, base: str) -> SeenResponse | None:
    text = manifest.text.lstrip("\ufeff \t\r\n")
    if len(text) > MAX_MANIFEST_CHARS:
        return None
    if looks_like_hls(text):
        mime, text = _HLS, _absolute_hls(text, base)
    elif looks_like_dash(text):
        mime, text = _DASH, _absolute_dash(text, base)
    else:
        return None
    if re.search(r"(?:^|[\"'>])blob:", text, re.MULTILINE):
        return None
    body = text.encode("utf-8", "ignore")
    return SeenResponse(
        url=f"data:{mime};base64,{base64.b64encode(body).decode('ascii')}",
        status=200,
        mime=mime,
        resource_type="manifest",
        frame_url=manifest.frame_url,
        request_headers={"referer": base},
        body=body,
    )


def _absolute_hls(text: str, base: str) -> str:
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if line.startswith("#"):
            lines[number] = _URI_ATTRIBUTE.sub(lambda m: m[1] + _joined(base, m[2]) + m[3], line)
        elif line.strip():
            lines[number] = _joined(base, line.strip())
    return "\n".join(lines) + "\n"


def _absolute_dash(text: str, base: str) -> str:
    """The base as the manifest's own BaseURL: a first relative one is completed, a missing one put in."""
    opened = _MPD_TAG.search(text)
    if opened is None or opened[0].endswith("/>"):
        return text
    head, rest = text[: opened.end()], text[opened.end() :]
    before_periods = re.search(r"<(?:[\w.-]+:)?Period[\s>]", rest)
    own = _BASE_URL.search(rest, 0, before_periods.start() if before_periods else len(rest))
    if own is None:
        tag = f"{opened[1]}BaseURL"
        return f"{head}<{tag}>{escape(base)}</{tag}>{rest}"
    completed = own[1] + _joined(escape(base), own[2].strip()) + own[3]
    return head + rest[: own.start()] + completed + rest[own.end() :]


def _joined(base: str, uri: str) -> str:
    """Absolute, unless it begins with a variable (RFC 8216bis, 4.3) or cannot be read as an address."""
    if _HAS_SCHEME.match(uri) or uri.startswith("{$"):
        return uri
    try:
        return urljoin(base, uri)
    except ValueError:
        return uri


def _in_documents(documents: Iterable[object], nesting: int = 0) -> Iterator[str]:
    """Strings of JSON that are manifests, also inside JSON in a string."""
    for document in documents:
        for node in walk(document):
            for value in node.values():
                if not isinstance(value, str) or not ("#EXTM3U" in value or ("<" in value and "MPD" in value)):
                    continue
                text = value.lstrip("\ufeff \t\r\n")
                if text.startswith(("#", "<")):
                    yield text
                elif text.startswith(("{", "[")) and nesting < _MAX_NESTING:
                    yield from _in_documents(parse_json(text), nesting + 1)
