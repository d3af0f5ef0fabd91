"""What a page or answer is wrapped in when it is saved another way: a browser's archive (MHTML), the view of a source, a browser's
view of JSON, text that was escaped on the way. Pure, and linear in time.

Sources: RFC 2557 (MHTML); Chromium's and Firefox's views as saved on 2026-11-24.
"""

from __future__ import annotations

import base64
import binascii
import json
import quopri
import re
from html import unescape

_MAX_WRAPPINGS = 3  # an archive of a view of a source
_MAX_PARTS = 200


def unwrapped(text: str) -> str:
    """The page or answer inside ``text``; ``text`` itself where it is not wrapped."""
    for _ in range(_MAX_WRAPPINGS):
        inner = _archived(text) or _source_view(text) or _json_view(text) or _escaped(text)
        if inner is None:
            return text
        text = inner
    return text


# --- archives --------------------------------------------------------------------------------------------------

_ARCHIVE = re.compile(r"(?:[\w-]+:[^\n]*+\n(?:[ \t][^\n]*+\n)*+)*?content-type:\s*multipart/related", re.IGNORECASE)
_BOUNDARY = re.compile(r"boundary=\"?([^\"\r\n;]{1,200})", re.IGNORECASE)


def _archived(text: str) -> str | None:
    """The first page of an MHTML archive: the one that was saved; pages in frames follow."""
    head = text[:8_000].lstrip()
    boundary = _BOUNDARY.search(head) if _ARCHIVE.match(head) else None
    if boundary is None:
        return None
    for part in text.split(f"--{boundary[1]}", _MAX_PARTS)[1:]:
        headers, _, body = part.lstrip("\r\n").partition("\r\n\r\n" if "\r\n\r\n" in part[:4_000] else "\n\n")
        if re.search(r"content-type:\s*(?:text/html|application/(?:[\w.]+\+)?json)", headers, re.IGNORECASE):
            return _transferred(headers, body)
    return None


def _transferred(headers: str, body: str) -> str:
    if re.search(r"transfer-encoding:\s*quoted-printable", headers, re.IGNORECASE):
        return quopri.decodestring(body.encode("utf-8", "replace")).decode("utf-8", "replace")
    if re.search(r"transfer-encoding:\s*base64", headers, re.IGNORECASE):
        try:
            return base64.b64decode(body).decode("utf-8", "replace")
        except (binascii.Error, ValueError):
            return ""
    return body


# --- recordings ------------------------------------------------------------------------------------------------

_MAX_RECORDED = 500


def recorded(document: object) -> list[str]:
    """The answers in a recording of traffic: a browser's (HAR 1.2), or a test's cassette (VCR, Betamax). [] of any other."""
    root = document if isinstance(document, dict) else {}
    log = root.get("log")
    entries = log.get("entries") if isinstance(log, dict) else root.get("http_interactions") or root.get("interactions")
    found = [_answer(one) for one in entries[:_MAX_RECORDED]] if isinstance(entries, list) else []
    return [text for text in found if text]


def _answer(entry: object) -> str | None:
    response = entry.get("response") if isinstance(entry, dict) else None
    held = (response.get("content") or response.get("body")) if isinstance(response, dict) else None
    text = (held.get("text") or held.get("string")) if isinstance(held, dict) else held
    if not isinstance(text, str):
        return None
    is_base64 = isinstance(held, dict) and held.get("encoding") == "base64"
    return _transferred("transfer-encoding: base64", text) if is_base64 else text


# --- views -----------------------------------------------------------------------------------------------------

_LINE = '<td class="line-content">'
_TAG = re.compile(r"<[^<>]*+>")
_VIEW = re.compile(
    r"\s*+(?:<!doctype html>\s*+)?<html[^>]*+>\s*+<head>(?:[^<]|<(?!/head>|script|pre))*+</head>\s*+<body[^>]*+>\s*+<pre[^>]*+>",
    re.IGNORECASE,
)


def _source_view(text: str) -> str | None:
    """Chromium shows a source as a table of lines, in which the source itself is escaped."""
    if _LINE not in text[:20_000]:
        return None
    lines = (part.partition("</td>")[0] for part in text.split(_LINE)[1:])
    return "\n".join(unescape(_TAG.sub("", line)) for line in lines)


def _json_view(text: str) -> str | None:
    """Browsers show an answer in a page that has nothing but one ``<pre>``."""
    view = _VIEW.match(text[:4_000])
    inner = text[view.end() :].partition("</pre>")[0] if view else ""
    return unescape(inner) if inner.lstrip()[:1] in ("{", "[") else None


def _escaped(text: str) -> str | None:
    """JSON whose quotes were written as entities, or that stands in a JSON string."""
    start = text[:200].lstrip("\ufeff \t\r\n")
    if re.match(r"[\[{][\s\[{]*&(?:quot|#34|#x22);", start):
        return unescape(text)
    if re.match(r"\"\s*(?:[{\[]|<)", start):
        try:
            inner = json.loads(text)
        except (ValueError, RecursionError):
            return None
        return inner if isinstance(inner, str) else None
    return None
