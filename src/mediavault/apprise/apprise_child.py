"""The child that sends one message by Apprise. Run as ``python -m``: one JSON request in, one JSON
answer out.

The only importer of apprise. It confines itself before it imports anything of it: no network but
the proxy, no other programs, and no files but those of the installed packages, so that no parameter
of a URL can attach or read one. Only services that are reached by HTTP are used: those of this
machine (D-Bus, syslog, a USB light) have nothing to talk to here, and what speaks another protocol
would not get through the proxy.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import sysconfig
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from mediavault.sandbox.door import serve_through_parent

OPEN_FILES = 64
DATA_BYTES = 512 << 20
# Refused whatever they import: they act on this machine, read files or speak another protocol than
# HTTP.
FORBIDDEN = frozenset(
    {"aprs", "blink1", "dbus", "glib", "gio", "gnome", "growl", "irc", "ircs", "kde", "macosx",
     "mailto", "mailtos", "mqtt", "mqtts", "qt", "rsyslog", "smpp", "smpps", "syslog", "vapid",
     "windows", "xmpp", "xmpps", "fcm", "deltachat"}
)  # fmt: skip
_MARKUP = re.compile(r"(?<![\w/])@|\](?=\()|<(?=[!@#&:a-zA-Z])")
_STATUS = re.compile(r"\berror=(\d{3})\b")


def main() -> int:
    """Answer the request on standard input."""
    return serve_through_parent(
        _answer,
        open_files=OPEN_FILES,
        data_bytes=DATA_BYTES,
        hooks=[only_installed_files(_installed())],
    )


def only_installed_files(folders: Iterable[str]) -> Callable[[str, tuple[Any, ...]], None]:
    """Return an audit hook that lets files be opened in these folders only,
    and only for reading.
    """
    allowed = tuple(os.path.realpath(folder) + os.sep for folder in folders)
    reading = {None, "r", "rb", "rt"}
    writes = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event != "open" or isinstance(arguments[0], int):
            return
        path, mode, flags = os.fsdecode(arguments[0]), arguments[1], arguments[2]
        is_reading = mode in reading if mode is not None else not (flags or 0) & writes
        if path == os.devnull or (
            is_reading and (os.path.realpath(path) + os.sep).startswith(allowed)
        ):
            return
        raise PermissionError("no files are read or written here")

    return hook


def _installed() -> Iterator[str]:
    """Yield the folders of Python and of the installed packages,
    and those of time zones and certificates.
    """
    paths = sysconfig.get_paths()
    yield from {paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    yield from ("/usr/share/zoneinfo", "/etc/ssl", "/usr/lib/ssl")
    yield from (entry for entry in sys.path if entry)


def _answer(request: Mapping[str, Any]) -> dict[str, Any]:
    try:
        import apprise
        import requests
    except ImportError:
        return {"missing": True}
    requests.Session.resolve_redirects = _no_redirects  # type: ignore[method-assign, assignment, unused-ignore]
    notices = _Notices()
    for name in ("apprise", "apprise.plugins"):
        logging.getLogger(name).addHandler(notices)
    asset = apprise.AppriseAsset(
        async_mode=False, secure_logging=True, http_redirects=False, language="en"
    )
    service = _service(apprise, request["url"], asset)
    if service is None:
        return {"unknown": True}
    answer: dict[str, Any] = {"service": str(service.service_name)[:80]}
    if "title" in request:
        # which escapes plain text for services that show HTML
        messenger = apprise.Apprise(service, asset=asset)
        answer["sent"] = bool(
            messenger.notify(
                body=without_markup(request["text"]),
                title=without_markup(request["title"]),
                notify_type=apprise.NotifyType(request["tone"]),
                body_format=apprise.NotifyFormat.TEXT,
            )
        )
        answer["status"] = notices.status
    return answer


def without_markup(text: str) -> str:
    """Return the text with a word joiner where a chat would read a mention, or a link whose text is
    not its address.

    Titles are written by strangers. An @ inside an address stays.
    """
    return _MARKUP.sub(lambda found: f"{found[0][0]}\N{WORD JOINER}{found[0][1:]}", text)


def _service(apprise: Any, url: str, asset: Any) -> Any:
    """Return the service of the URL; None for an unknown, incomplete or forbidden one."""
    schema = url.partition("://")[0].lower()
    if schema in FORBIDDEN:
        return None
    try:
        service = apprise.Apprise.instantiate(url, asset=asset)
    except (TypeError, ValueError, PermissionError):
        return None
    return service if service is not None and _speaks_http(service) else None


def _speaks_http(service: Any) -> bool:
    """Whether one of the service's own modules uses requests,
    which Apprise does for all that is reached by HTTP.
    """
    modules = {
        kind.__module__
        for kind in type(service).__mro__
        if kind.__module__.startswith("apprise.plugins.")
    }
    return any(
        hasattr(sys.modules.get(name), "requests") for name in modules - {"apprise.plugins.base"}
    )


def _no_redirects(*_: object, **__: object) -> Iterator[Any]:
    return iter(())


class _Notices(logging.Handler):
    """Takes the HTTP status from what Apprise logs, and nothing else:
    its lines may have parts of the URL.
    """

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.status: int | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Note the status that the line names, if it names one."""
        if match := _STATUS.search(record.getMessage()):
            self.status = int(match[1])


if __name__ == "__main__":
    sys.exit(main())
