"""The child that asks yt-dlp about one address. Run as ``python -m``: one JSON request in, one JSON answer out.

The only importer of yt_dlp. It is handed an empty folder, a proxy and a scoped copy of cookies, confines itself before
it imports anything of yt-dlp, and downloads nothing: what it answers is read with suspicion by ``ytdlp_formats``.
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
PROGRAMS = frozenset({"deno", "deno.exe"})  # all that yt-dlp may start: it solves the puzzles in YouTube's player
PROXY_HEADER = "Mediavault-Egress"  # services.egress.proxy sets it on answers of its own

# What is passed on of yt-dlp's answer; nothing else is read, and fragments stay here.
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
    """Answer the request on standard input. Whatever else is printed here goes nowhere."""
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
    _move_behind_the_door(request["door"], port)
    sys.addaudithook(_watch(port))


def _move_behind_the_door(door: int, port: int | None) -> None:
    """Leave the network and let the parent carry what we send to the proxy's port. Where the kernel refuses, the hook
    below and the proxy that all of yt-dlp's ways of asking use have to do."""
    with socket.socket(fileno=door) as way:
        if leave_network():
            raise_loopback()
            with socket.socket() as listener:
                listener.bind(("127.0.0.1", port))
                listener.listen(128)
                socket.send_fds(way, [b"."], [listener.fileno()])


def _watch(port: int | None) -> Callable[[str, tuple[Any, ...]], None]:
    """An audit hook (PEP 578): connections lead to the proxy only, no name is looked up, no program but deno starts."""

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
        """Where several entries are read, one that fails must not hide the others: errors are kept, not raised."""

        def trouble(self, message: str | None = None, tb: str | None = None, is_error: bool = True) -> None:  # noqa: FBT001, FBT002, ARG002
            if is_error and len(errors) < MAX_ERRORS:
                errors.append(_error_facts(sys.exc_info()[1], message))

    with Asker(_options(request, logger)) as asker:
        info = asker.sanitize_info(asker.extract_info(request["url"], download=False))
    return {
        "version": yt_dlp.version.__version__,
        "info": _slim(info),
        "errors": errors,
        "warnings": logger.said,
    }


def _options(request: Mapping[str, Any], logger: _Warnings) -> dict[str, Any]:
    """No configuration files, plug-ins, cache, netrc, external programs, local files; nothing is downloaded or tested,
    and nobody's address is made up to get around a border."""
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
    """yt-dlp's logger: keeps the warnings, which tell of missing parts."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def warning(self, message: str, *_: object, **__: object) -> None:
        if len(self.said) < MAX_WARNINGS:
            self.said.append(str(message)[:1_000])

    def debug(self, *_: object, **__: object) -> None:
        return None

    info = error = debug


# --- the answer ------------------------------------------------------------------------------------------------


def _slim(info: Any) -> dict[str, Any] | None:
    if not isinstance(info, dict):
        return None
    kept: dict[str, Any] = {name: _cut(info[name]) for name in _OF_INFO if info.get(name) is not None}
    formats = info.get("formats") or ([info] if info.get("url") else [])  # a single one is in the video itself
    kept["formats"] = [_slim_format(one) for one in formats[-MAX_FORMATS:]]  # the best are last
    if info.get("_type", "video") != "video":
        kept["entries"] = [_slim(entry) for entry in (info.get("entries") or [])[:MAX_ENTRIES]]
    return kept


def _slim_format(one: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: _cut(one[name]) for name in _OF_FORMAT if one.get(name) is not None}
    headers = one.get("http_headers") or {}
    kept["http_headers"] = {name: str(value) for name, value in headers.items() if name.lower() in _HEADERS}
    return kept


def _cut(value: Any) -> Any:
    return value[:MAX_TEXT_CHARS] if isinstance(value, str) else value


def _error_facts(error: BaseException | None, message: str | None) -> dict[str, Any]:
    """What an error says about itself and about what caused it; ``ytdlp_failures`` makes sense of it."""
    chain = list(_chain(error))
    answered = next((one for one in chain if getattr(one, "status", None) and hasattr(one, "response")), None)
    headers = getattr(getattr(answered, "response", None), "headers", {})
    return {
        "kind": type(error).__name__ if error else None,
        "message": str(getattr(error, "orig_msg", None) or error or message or "")[:1_000],
        "expected": bool(getattr(error, "expected", False)),
        "extractor": getattr(error, "ie", None),
        "countries": list(getattr(error, "countries", None) or [])[:50],
        "causes": [{"kind": type(one).__name__, "message": str(one)[:300]} for one in chain[1:]],
        "http_status": getattr(answered, "status", None),
        "headers": {name.lower(): str(value)[:100] for name, value in _waiting_fields(headers)},
        "proxy": headers.get(PROXY_HEADER) if headers else None,
    }


def _waiting_fields(headers: Mapping[str, Any] | None) -> Iterator[tuple[str, Any]]:
    """What of an answer's header tells for how long to stay away."""
    for name, value in (headers or {}).items():
        if name.lower() == "date" or FIELDS.fullmatch(name):
            yield name, value


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and its causes, each once: yt-dlp has its own ``cause`` in addition to Python's."""
    waiting: list[Any] = [error]
    seen: set[int] = set()
    while waiting and len(seen) < 12:
        one = waiting.pop(0)
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        reported = getattr(one, "exc_info", None) or (None, None)
        waiting += [getattr(one, "cause", None), one.__cause__, one.__context__, reported[1]]


if __name__ == "__main__":
    sys.exit(main())
