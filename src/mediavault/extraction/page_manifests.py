"""Manifests that a page makes itself or embeds, as responses with a ``data:`` URL (RFC 2397). Pure.

A player that is given one as a ``blob:`` or ``data:`` URL, or from JSON, never requests it from the
network. Relative URLs in it are made absolute, so that the ``data:`` URL alone is enough to fetch
the stream.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import urljoin
from xml.sax.saxutils import escape

from mediavault.browser.port import SeenManifest, SeenResponse
from mediavault.download.hls_text import looks_like_hls
from mediavault.download.mpd_document import looks_like_dash
from mediavault.extraction.page_data.document import parse_json
from mediavault.extraction.page_data.values import walk

MAX_MANIFESTS = 20
MAX_MANIFEST_CHARS = 2_000_000
_MAX_NESTING = 3  # JSON within a string of JSON
_HLS, _DASH = "application/vnd.apple.mpegurl", "application/dash+xml"

_URI_ATTRIBUTE = re.compile(r'((?:^|[:,])URI=")([^"\r\n]*)(")')
_HAS_SCHEME = re.compile(r"[A-Za-z][\w+.-]*:")
# "<" ends a tag and a text: otherwise each tag that never closes would be read to the end of the
# document
_MPD_TAG = re.compile(r"<((?:[\w.-]++:)?+)MPD(?:\s[^<>]*+)?+>")
_BASE_URL = re.compile(r"(<(?:[\w.-]++:)?+BaseURL(?:\s[^<>]*+)?+>)([^<]*+)(</)")


def page_manifests(
    seen: Sequence[SeenManifest], documents: Iterable[object], page_url: str
) -> tuple[tuple[SeenResponse, ...], dict[str, str]]:
    """Return the manifests as responses, and a mapping of the page's own URLs for them to the
    ``data:`` URLs.

    ``seen`` was recorded in the page, ``documents`` is its JSON. A manifest that refers to further
    ``blob:`` URLs is of no use outside the page, and is left out.
    """
    manifests = [*seen, *(SeenManifest("", text, page_url) for text in _in_documents(documents))]
    responses: dict[str, SeenResponse] = {}
    names: dict[str, str] = {}
    for manifest in manifests:
        if len(responses) >= MAX_MANIFESTS:
            break
        response = _as_response(
            manifest, manifest.frame_url if manifest.frame_url.startswith("http") else page_url
        )
        if response is not None:
            responses.setdefault(response.url, response)
            names[manifest.url] = response.url
    return tuple(responses.values()), names


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
    """Return the manifest with ``base`` as its BaseURL: a first relative one is completed,
    a missing one inserted.
    """
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
    """Return ``uri`` as absolute, unless it begins with a variable (RFC 8216bis,
    4.3) or cannot be read as a URL.
    """
    if _HAS_SCHEME.match(uri) or uri.startswith("{$"):
        return uri
    try:
        return urljoin(base, uri)
    except ValueError:
        return uri


def _in_documents(documents: Iterable[object], nesting: int = 0) -> Iterator[str]:
    """Yield the strings of JSON that are manifests, also those inside JSON in a string."""
    for document in documents:
        for node in walk(document):
            for value in node.values():
                if not isinstance(value, str) or not (
                    "#EXTM3U" in value or ("<" in value and "MPD" in value)
                ):
                    continue
                text = value.lstrip("\ufeff \t\r\n")
                if text.startswith(("#", "<")):
                    yield text
                elif text.startswith(("{", "[")) and nesting < _MAX_NESTING:
                    yield from _in_documents(parse_json(text), nesting + 1)
