"""The child that asks yt-dlp about one post or one list. Run as ``python -m``: one JSON request in,
one JSON answer out.

The only importer of yt_dlp. It gets an empty folder, a proxy and a scoped copy of cookies, confines
itself before it imports anything of yt-dlp, and downloads nothing. ``ytdlp_formats`` does not trust
its answer.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from mediavault.core.clock import SystemClock
from mediavault.core.retry_after import FIELDS
from mediavault.extraction.ytdlp_listing import ListReader
from mediavault.sandbox.door import serve_through_parent

MAX_ENTRIES = 20  # of a carousel or a series
MAX_ERRORS = 40
MAX_WARNINGS = 40
MAX_TEXT_CHARS = 20_000
MAX_FORMATS = 400
MAX_LISTED = 1_000  # chapters, or comments
MAX_LANGUAGES = 100  # of subtitles
READABLE_TEXTS = frozenset({"vtt", "srt", "json3"})  # forms of subtitles that core.webvtt reads
SOCKET_S = 20.0
DATA_BYTES = 3 << 30  # address space cannot be limited: deno reserves far more than it ever touches
OPEN_FILES = 256
# all that yt-dlp may start: it solves the puzzles in YouTube's player
PROGRAMS = frozenset({"deno"})
PROXY_HEADER = "Mediavault-Egress"  # egress.proxy sets it on answers of its own

# The fields of yt-dlp's answer that are passed on; nothing else is read, and fragments stay here.
_OF_INFO = (
    "_type", "id", "display_id", "title", "description", "extractor", "extractor_key",
    "webpage_url", "duration", "timestamp", "release_timestamp", "upload_date", "uploader",
    "uploader_id", "channel", "thumbnail", "is_live", "live_status", "availability",
    "playlist_count", "_has_drm", "language",
)  # fmt: skip
_OF_FORMAT = (
    "url", "manifest_url", "protocol", "format_id", "format_note", "ext", "vcodec", "acodec",
    "width", "height", "fps", "tbr", "vbr", "abr", "filesize", "has_drm", "language",
    "language_preference", "preference", "duration", "cookies",
)  # fmt: skip
_OF_COMMENT = (
    "id",
    "parent",
    "author",
    "text",
    "timestamp",
    "like_count",
    "is_pinned",
    "author_is_uploader",
)
_HEADERS = frozenset({"referer", "origin", "user-agent"})


def main() -> int:
    """Answer the request on standard input."""
    return serve_through_parent(
        _answer, open_files=OPEN_FILES, data_bytes=DATA_BYTES, programs=PROGRAMS
    )


# --- asking ---------------------------------------------------------------------------------------


def _answer(request: Mapping[str, Any]) -> dict[str, Any]:
    if request.get("library"):
        sys.path.insert(0, request["library"])
    try:
        import yt_dlp
    except ImportError:
        return {"missing": True}

    errors: list[dict[str, Any]] = []
    logger = _Warnings()

    class Asker(yt_dlp.YoutubeDL):  # type: ignore[misc, name-defined, unused-ignore]
        """Collects errors instead of raising them: of several entries,
        one that fails must not hide the others.
        """

        def trouble(
            self,
            message: str | None = None,
            tb: str | None = None,  # noqa: ARG002
            is_error: bool = True,  # noqa: FBT001, FBT002
        ) -> None:
            if is_error and len(errors) < MAX_ERRORS:
                errors.append(_error_facts(sys.exc_info()[1], message))

    if "try" in request:
        with Asker(_options({**request, "extractors": request["try"]}, logger)) as asker:
            answer = _try_out(asker, request["try"])
    elif "list" in request:
        with Asker(_options_for_list(request, logger)) as asker:
            answer = _read_list(asker, request, errors, logger)
    else:
        with Asker(_options(request, logger)) as asker:
            answer = {
                "info": _slim(
                    asker.sanitize_info(asker.extract_info(request["url"], download=False))
                )
            }
    return {
        "version": yt_dlp.version.__version__,
        **answer,
        "errors": errors,
        "warnings": logger.lines,
    }


def _try_out(asker: Any, patterns: list[str]) -> dict[str, Any]:
    """Load the extractors that ``patterns`` name, and take a made-up post through what follows a
    site's answer.
    """
    from yt_dlp.extractor import gen_extractor_classes

    named = {each.IE_NAME: each.ie_key() for each in gen_extractor_classes()}
    keys = {
        pattern: [key for name, key in named.items() if _matches(pattern, name)]
        for pattern in patterns
    }
    for key in {key for matching in keys.values() for key in matching}:
        asker.get_info_extractor(key)  # imports it: until then yt-dlp has a stand-in
    found = asker.process_ie_result(json.loads(json.dumps(_MADE_UP)), download=False)
    slim = _slim(asker.sanitize_info(found)) or {}
    return {
        "lost": [pattern for pattern in patterns if not keys[pattern]],
        "formats": len(slim.get("formats", [])),
    }


def _matches(pattern: str, name: str) -> bool:
    """Whether a name is one of those that a pattern allows,
    as yt-dlp itself reads its option ``allowed_extractors``.
    """
    from yt_dlp.utils import orderedSet_from_options

    return bool(orderedSet_from_options([pattern], {"all": [name]}, use_regex=True))


_MADE_UP: Mapping[str, Any] = {
    "id": "1",
    "title": "A kite",
    "extractor": "generic",
    "extractor_key": "Generic",
    "webpage_url": "https://post.example/1",
    "formats": [
        {"format_id": "low", "url": "https://post.example/low.mp4", "ext": "mp4", "height": 360},
        {"format_id": "high", "url": "https://post.example/high.mp4", "ext": "mp4", "height": 720},
    ],
}


def _read_list(
    asker: Any, request: Mapping[str, Any], errors: list[dict[str, Any]], logger: _Warnings
) -> dict[str, Any]:
    """Read a list. ``complete`` says that nothing went wrong:
    an extractor may end a list early with a warning only.
    """
    from yt_dlp.extractor import get_info_extractor

    def lists(key: str) -> bool:
        try:
            name = get_info_extractor(key).IE_NAME
        except (KeyError, AttributeError):
            return False
        return any(_matches(pattern, name) for pattern in request["extractors"])

    def extract(url: str, key: str | None) -> Any:
        before = logger.count
        found = asker.extract_info(url, download=False, ie_key=key, process=False)
        # of the beginning, and not of pages that are missing
        logger.excused += logger.count - before
        return found

    def report(error: Exception) -> None:
        if len(errors) < MAX_ERRORS:
            errors.append(_error_facts(error, None))

    clock = SystemClock()
    ends_s = clock.monotonic() + request["within_s"]
    reader = ListReader(
        request,
        extract=extract,
        lists=lists,
        report=report,
        is_late=lambda: clock.monotonic() >= ends_s,
    )
    answer = reader.read()
    complete = (
        reader.ended in {"end", "limit", "known"} and not errors and logger.count == logger.excused
    )
    return {**answer, "complete": complete}


def _options_for_list(request: Mapping[str, Any], logger: _Warnings) -> dict[str, Any]:
    """Return the options for a list: those for a post,
    of which none says how much of the list is read.
    """
    options = _options(request, logger)
    del options["playlist_items"]
    return options | {
        "noplaylist": False,
        "extract_flat": True,
        "lazy_playlist": True,
        "sleep_interval_requests": request["pause_s"],
        # from "3 weeks ago": right to the unit shown
        "extractor_args": {"youtubetab": {"approximate_date": [""]}},
        # another request for each playlist, for what cannot be saved
        "compat_opts": {"no-youtube-unavailable-videos"},
    }


def _options(request: Mapping[str, Any], logger: _Warnings) -> dict[str, Any]:
    """Return yt-dlp's options: no configuration files, plug-ins, cache, netrc, external programs or
    local files.

    Nothing is downloaded or tested, and no IP address is made up to get around a region lock.
    """
    options: dict[str, Any] = {
        "quiet": True,
        "noprogress": True,
        "color": "never",
        "logger": logger,
        "ignoreerrors": True,
        "skip_download": True,
        "format": "all",
        "check_formats": False,
        "noplaylist": True,
        "playlist_items": f"1:{MAX_ENTRIES}",
        "allowed_extractors": request["extractors"],
        "cachedir": False,
        "proxy": request["proxy"],
        "socket_timeout": SOCKET_S,
        "retries": 2,
        "extractor_retries": 1,
        "geo_bypass": False,
        "enable_file_urls": False,
        "allow_unplayable_formats": False,
        "usenetrc": False,
        "js_runtimes": {"deno": {}},
        "remote_components": (),
    }
    if request.get("cookies"):
        # a stream: yt-dlp writes it back when it closes
        options["cookiefile"] = io.StringIO(request["cookies"])
    if (extras := request.get("extras")) is not None:  # which cost further requests at most sites
        options |= {"writesubtitles": True, "writeautomaticsub": True}
        if most := extras["comments"]:
            options |= {
                "getcomments": True,
                "extractor_args": {
                    "youtube": {"max_comments": [f"{most},all,{most},10"], "comment_sort": ["top"]}
                },
            }
    if request.get("user_agent"):
        options["http_headers"] = {"User-Agent": request["user_agent"]}
    return options


class _Warnings:
    """yt-dlp's logger: collects the warnings, which report missing parts."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.count = 0  # also of those that are too many
        self.excused = 0  # of them, those that say nothing about the entries of a list

    def warning(self, message: str, *_: object, **__: object) -> None:
        self.count += 1
        if len(self.lines) < MAX_WARNINGS:
            self.lines.append(str(message)[:1_000])

    def debug(self, *_: object, **__: object) -> None:
        return None

    info = error = debug


# --- the answer -----------------------------------------------------------------------------------


def _slim(info: Any) -> dict[str, Any] | None:
    if not isinstance(info, dict):
        return None
    fields: dict[str, Any] = {
        name: _cut(info[name]) for name in _OF_INFO if info.get(name) is not None
    }
    # a single one is in the video itself
    formats = info.get("formats") or ([info] if info.get("url") else [])
    fields["formats"] = [_slim_format(fmt) for fmt in formats[-MAX_FORMATS:]]  # the best are last
    fields |= {name: value for name, value in _slim_texts(info).items() if value}
    if info.get("_type", "video") != "video":
        fields["entries"] = [_slim(entry) for entry in (info.get("entries") or [])[:MAX_ENTRIES]]
    return fields


def _slim_texts(info: Mapping[str, Any]) -> dict[str, Any]:
    """Return chapters, subtitles and comments, each in what is read of it."""
    return {
        "chapters": [
            {name: _cut(one.get(name)) for name in ("start_time", "title")}
            for one in _objects(info, "chapters")
        ],
        "subtitles": _slim_subtitles(info.get("subtitles")),
        "automatic_captions": _slim_subtitles(_in_own_language(info)),
        "comments": [
            {name: _cut(one.get(name)) for name in _OF_COMMENT}
            for one in _objects(info, "comments")
        ],
    }


def _objects(info: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    listed = info.get(name)
    return (
        [entry for entry in listed[:MAX_LISTED] if isinstance(entry, dict)]
        if isinstance(listed, list)
        else []
    )


def _in_own_language(info: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the captions that a machine wrote, without its translations into a hundred other
    languages.
    """
    captions = info.get("automatic_captions") or {}
    own = {
        name: texts
        for name, texts in captions.items()
        if name.endswith("-orig") or name == info.get("language")
    }
    return own or (captions if len(captions) == 1 else {})


def _slim_subtitles(languages: Mapping[str, Any] | None) -> dict[str, list[dict[str, Any]]]:
    found = {}
    for name, offered in list((languages or {}).items())[:MAX_LANGUAGES]:
        readable = [
            {"ext": text["ext"], "url": _cut(text["url"])}
            for text in offered or ()
            if text.get("ext") in READABLE_TEXTS and text.get("url")
        ]
        if readable:
            found[str(name)[:50]] = readable
    return found


def _slim_format(fmt: Mapping[str, Any]) -> dict[str, Any]:
    fields = {name: _cut(fmt[name]) for name in _OF_FORMAT if fmt.get(name) is not None}
    headers = fmt.get("http_headers") or {}
    fields["http_headers"] = {
        name: str(value) for name, value in headers.items() if name.lower() in _HEADERS
    }
    return fields


def _cut(value: Any) -> Any:
    return value[:MAX_TEXT_CHARS] if isinstance(value, str) else value


def _error_facts(error: BaseException | None, message: str | None) -> dict[str, Any]:
    """Return what an error says about itself and about its causes;
    ``ytdlp_failures`` interprets it.
    """
    chain = list(_chain(error))
    answered = next(
        (cause for cause in chain if getattr(cause, "status", None) and hasattr(cause, "response")),
        None,
    )
    headers = getattr(getattr(answered, "response", None), "headers", {})
    return {
        "kind": type(error).__name__ if error else None,
        "message": str(getattr(error, "orig_msg", None) or error or message or "")[:1_000],
        "expected": bool(getattr(error, "expected", False)),
        "extractor": getattr(error, "ie", None),
        "countries": list(getattr(error, "countries", None) or [])[:50],
        "causes": [
            {"kind": type(cause).__name__, "message": str(cause)[:300]} for cause in chain[1:]
        ],
        "http_status": getattr(answered, "status", None),
        "headers": {name.lower(): str(value)[:100] for name, value in _waiting_fields(headers)},
        "proxy": headers.get(PROXY_HEADER) if headers else None,
    }


def _waiting_fields(headers: Mapping[str, Any] | None) -> Iterator[tuple[str, Any]]:
    """Yield the fields of a response's header that say how long to wait."""
    for name, value in (headers or {}).items():
        if name.lower() == "date" or FIELDS.fullmatch(name):
            yield name, value


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and its causes, each once: yt-dlp has its own ``cause`` in addition to
    Python's.
    """
    waiting: list[Any] = [error]
    seen: set[int] = set()
    while waiting and len(seen) < 12:
        current = waiting.pop(0)
        if not isinstance(current, BaseException) or id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        reported = getattr(current, "exc_info", None) or (None, None)
        waiting += [
            getattr(current, "cause", None),
            current.__cause__,
            current.__context__,
            reported[1],
        ]


if __name__ == "__main__":
    sys.exit(main())
