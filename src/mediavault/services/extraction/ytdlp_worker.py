"""The child that asks yt-dlp about one URL. Run as ``python -m``: one JSON request in, one JSON answer out.

The only importer of yt_dlp. It gets an empty folder, a proxy and a scoped copy of cookies, confines itself before it
imports anything of yt-dlp, and downloads nothing. ``ytdlp_formats`` does not trust its answer.
"""

from __future__ import annotations

import io
import json
import os
import resource
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePath
from typing import Any
from urllib.parse import urlsplit

from mediavault.core.retry_after import FIELDS
from mediavault.services.sandbox.guard import MAX_REQUEST_BYTES, die_with, leave_network, limit, raise_loopback

MAX_ENTRIES = 20  # of a carousel or a series
MAX_ERRORS = 40
MAX_WARNINGS = 40
MAX_TEXT_CHARS = 20_000
MAX_FORMATS = 400
SOCKET_S = 20.0
DATA_BYTES = 3 << 30  # address space cannot be limited: deno reserves far more than it ever touches
OPEN_FILES = 256
PROGRAMS = frozenset({"deno"})  # all that yt-dlp may start: it solves the puzzles in YouTube's player
PROXY_HEADER = "Mediavault-Egress"  # services.egress.proxy sets it on answers of its own

# The fields of yt-dlp's answer that are passed on; nothing else is read, and fragments stay here.
_OF_INFO = (
    "_type", "id", "display_id", "title", "description", "extractor", "extractor_key", "webpage_url", "duration",
    "timestamp", "release_timestamp", "upload_date", "uploader", "uploader_id", "channel", "thumbnail", "is_live",
    "live_status", "availability", "playlist_count", "_has_drm",
)  # fmt: skip
_OF_FORMAT = (
    "url", "manifest_url", "protocol", "format_id", "format_note", "ext", "vcodec", "acodec", "width", "height", "fps",
    "tbr", "vbr", "abr", "filesize", "has_drm", "language_preference", "preference", "duration", "cookies",
)  # fmt: skip
_HEADERS = frozenset({"referer", "origin", "user-agent"})


def main() -> int:
    """Answer the request on standard input. Anything else that is printed here is discarded."""
    request = json.loads(sys.stdin.buffer.read(MAX_REQUEST_BYTES))
    out = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    _confine(request)
    answer = json.dumps(_answer(request)).encode("ascii")
    with open(out, "wb") as stream:  # noqa: PTH123 - a descriptor
        stream.write(answer)
    return 0


# --- confinement -----------------------------------------------------------------------------------------------


def _confine(request: Mapping[str, Any]) -> None:
    limits = request["limits"]
    limit(
        {
            resource.RLIMIT_CPU: limits["cpu"],
            resource.RLIMIT_FSIZE: limits["file"],
            resource.RLIMIT_NOFILE: OPEN_FILES,
            resource.RLIMIT_DATA: DATA_BYTES,
        }
    )
    die_with(request["parent"])
    port = urlsplit(request["proxy"]).port
    _connect_through_parent(request["door"], port)
    sys.addaudithook(_watch(port))


def _connect_through_parent(door: int, port: int | None) -> None:
    """Leave the network and let the parent carry what we send to the proxy's port.

    Where the kernel refuses, the hook below, and the proxy that all of yt-dlp's requests use, must suffice.
    """
    with socket.socket(fileno=door) as channel:
        if leave_network():
            raise_loopback()
            with socket.socket() as listener:
                listener.bind(("127.0.0.1", port))
                listener.listen(128)
                socket.send_fds(channel, [b"."], [listener.fileno()])


def _watch(port: int | None) -> Callable[[str, tuple[Any, ...]], None]:
    """Return an audit hook (PEP 578): connections only to the proxy, no name lookups, no program but deno."""

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "socket.connect" and arguments[1] != ("127.0.0.1", port):
            raise PermissionError("only the proxy may be reached")
        if event in ("socket.getaddrinfo", "socket.gethostbyname") and arguments[0] not in ("127.0.0.1", None):
            raise PermissionError("names are looked up by the proxy")
        if event == "subprocess.Popen" and PurePath(os.fspath(arguments[0])).name not in PROGRAMS:
            raise PermissionError("no other program is started")
        if event in ("os.system", "os.exec", "os.posix_spawn", "socket.sendto", "socket.sendmsg"):
            raise PermissionError("not here")

    return hook


# --- asking ----------------------------------------------------------------------------------------------------


def _answer(request: Mapping[str, Any]) -> dict[str, Any]:
    if request.get("library"):
        sys.path.insert(0, request["library"])
    try:
        import yt_dlp
    except ImportError:
        return {"missing": True}
    if request.get("url") is None:
        return {"version": yt_dlp.version.__version__}

    errors: list[dict[str, Any]] = []
    logger = _Warnings()

    class Asker(yt_dlp.YoutubeDL):  # type: ignore[misc, name-defined, unused-ignore]
        """Collects errors instead of raising them: of several entries, one that fails must not hide the others."""

        def trouble(self, message: str | None = None, tb: str | None = None, is_error: bool = True) -> None:  # noqa: FBT001, FBT002, ARG002
            if is_error and len(errors) < MAX_ERRORS:
                errors.append(_error_facts(sys.exc_info()[1], message))

    with Asker(_options(request, logger)) as asker:
        info = asker.sanitize_info(asker.extract_info(request["url"], download=False))
    return {
        "version": yt_dlp.version.__version__,
        "info": _slim(info),
        "errors": errors,
        "warnings": logger.lines,
    }


def _options(request: Mapping[str, Any], logger: _Warnings) -> dict[str, Any]:
    """Return yt-dlp's options: no configuration files, plug-ins, cache, netrc, external programs or local files.

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
        options["cookiefile"] = io.StringIO(request["cookies"])  # a stream: yt-dlp writes it back when it closes
    if request.get("user_agent"):
        options["http_headers"] = {"User-Agent": request["user_agent"]}
    return options


class _Warnings:
    """yt-dlp's logger: collects the warnings, which report missing parts."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def warning(self, message: str, *_: object, **__: object) -> None:
        if len(self.lines) < MAX_WARNINGS:
            self.lines.append(str(message)[:1_000])

    def debug(self, *_: object, **__: object) -> None:
        return None

    info = error = debug


# --- the answer ------------------------------------------------------------------------------------------------


def _slim(info: Any) -> dict[str, Any] | None:
    if not isinstance(info, dict):
        return None
    fields: dict[str, Any] = {name: _cut(info[name]) for name in _OF_INFO if info.get(name) is not None}
    formats = info.get("formats") or ([info] if info.get("url") else [])  # a single one is in the video itself
    fields["formats"] = [_slim_format(fmt) for fmt in formats[-MAX_FORMATS:]]  # the best are last
    if info.get("_type", "video") != "video":
        fields["entries"] = [_slim(entry) for entry in (info.get("entries") or [])[:MAX_ENTRIES]]
    return fields


def _slim_format(fmt: Mapping[str, Any]) -> dict[str, Any]:
    fields = {name: _cut(fmt[name]) for name in _OF_FORMAT if fmt.get(name) is not None}
    headers = fmt.get("http_headers") or {}
    fields["http_headers"] = {name: str(value) for name, value in headers.items() if name.lower() in _HEADERS}
    return fields


def _cut(value: Any) -> Any:
    return value[:MAX_TEXT_CHARS] if isinstance(value, str) else value


def _error_facts(error: BaseException | None, message: str | None) -> dict[str, Any]:
    """Return what an error says about itself and about its causes; ``ytdlp_failures`` interprets it."""
    chain = list(_chain(error))
    answered = next((cause for cause in chain if getattr(cause, "status", None) and hasattr(cause, "response")), None)
    headers = getattr(getattr(answered, "response", None), "headers", {})
    return {
        "kind": type(error).__name__ if error else None,
        "message": str(getattr(error, "orig_msg", None) or error or message or "")[:1_000],
        "expected": bool(getattr(error, "expected", False)),
        "extractor": getattr(error, "ie", None),
        "countries": list(getattr(error, "countries", None) or [])[:50],
        "causes": [{"kind": type(cause).__name__, "message": str(cause)[:300]} for cause in chain[1:]],
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
    """Yield an error and its causes, each once: yt-dlp has its own ``cause`` in addition to Python's."""
    waiting: list[Any] = [error]
    seen: set[int] = set()
    while waiting and len(seen) < 12:
        current = waiting.pop(0)
        if not isinstance(current, BaseException) or id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        reported = getattr(current, "exc_info", None) or (None, None)
        waiting += [getattr(current, "cause", None), current.__cause__, current.__context__, reported[1]]


if __name__ == "__main__":
    sys.exit(main())
