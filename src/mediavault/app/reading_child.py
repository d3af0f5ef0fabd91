"""The process in which untrusted documents are read. Run as ``python -m``, JSON lines in and out.

It has no secrets and no network: it receives what was already fetched, and responds with a record.
"""

from __future__ import annotations

import contextlib
import sys
import traceback
from collections.abc import Mapping
from typing import Any

from mediavault.browser.port import PageCapture
from mediavault.core.failures import Failure
from mediavault.core.listings import ListCheck, Listing, ListPage
from mediavault.core.media import Extraction, Post
from mediavault.core.platform import Platform
from mediavault.core.typed_records import from_json, to_json
from mediavault.download.manifest_reading import ManifestContents, ManifestText, read_manifest
from mediavault.extraction.api_extractor import read_answer
from mediavault.extraction.browser_extractor import read_visit
from mediavault.extraction.feed_documents import read_feed
from mediavault.extraction.plain_page import read_plain_page
from mediavault.extraction.port import ApiAnswer, PageAnswer, VisitReading
from mediavault.extraction.profile_pages import read_profile
from mediavault.platforms import registry
from mediavault.sandbox.guard import error_text, serve_lines

MAX_REQUEST_BYTES = 256 << 20  # the bodies of the largest visit in base64, and its page
MAX_TRACE_CHARS = 8_000  # its end names the location


def main() -> int:
    _warm_up()
    return serve_lines(answer, max_request_bytes=MAX_REQUEST_BYTES)


def _warm_up() -> None:
    """Read a page of our own, so that what is built at the first use (6 ms) is not built again in
    every fork.
    """
    page = PageAnswer(
        "http://page.invalid/1",
        200,
        {},
        b"<!doctype html><p>A video</p><video src='/v.mp4'></video>",
    )
    post = from_json(Post, to_json(Post, Post(page.url, page.url, "generic")))
    with contextlib.suppress(Failure):
        found = read_plain_page(
            post, registry.platform("generic"), from_json(PageAnswer, to_json(PageAnswer, page))
        )
        to_json(Extraction, found)


def answer(request: Mapping[str, Any]) -> Mapping[str, Any]:
    """Handle ``{"task", "subject", "platform", "given"}``, and for a visit ``"with_viewer"``; for a
    ``manifest`` only ``{"task", "given"}``.

    The subject of a ``visit``, an ``answer`` and a ``page`` is a post, that of a ``feed`` and a
    ``profile`` a look at a source. Returns ``{"read"}``, ``{"failure"}`` or ``{"bug", "trace"}``.
    """
    try:
        if request["task"] == "manifest":
            return {
                "read": to_json(
                    ManifestContents, read_manifest(from_json(ManifestText, request["given"]))
                )
            }
        platform = registry.platform(request["platform"])
        if platform.name != request["platform"]:  # a package that loads only in the worker
            raise LookupError(f"there is no platform {request['platform']} in the confined process")
        if request["task"] in {"feed", "profile"}:
            return {"read": _read_list(request, platform)}
        post = from_json(Post, request["subject"])
        if request["task"] == "visit":
            capture = from_json(PageCapture, request["given"])
            reading = read_visit(post, platform, capture, with_viewer=request["with_viewer"])
            return {"read": to_json(VisitReading, reading)}
        if request["task"] == "page":
            extraction = read_plain_page(post, platform, from_json(PageAnswer, request["given"]))
        else:
            extraction = read_answer(post, platform, from_json(ApiAnswer, request["given"]))
        return {"read": to_json(Extraction, extraction)}
    except Failure as exc:
        return {"failure": to_json(Failure, exc)}
    except MemoryError:
        raise  # the document is the cause, and there may be too little memory left to report it
    except Exception as exc:  # noqa: BLE001 - whatever it is, the traceback has to reach the process that logs
        return {"bug": error_text(exc), "trace": traceback.format_exc()[-MAX_TRACE_CHARS:]}


def _read_list(request: Mapping[str, Any], platform: Platform) -> object:
    check = from_json(ListCheck, request["subject"])
    if request["task"] == "feed":
        return to_json(
            ListPage, read_feed(check, platform, from_json(PageAnswer, request["given"]))
        )
    return to_json(Listing, read_profile(check, platform, from_json(PageCapture, request["given"])))


if __name__ == "__main__":
    sys.exit(main())
