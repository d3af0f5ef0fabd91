"""What it means that Chromium could not load a page or a file. Pure.

Its codes are for programmers: https://chromium.googlesource.com/chromium/src/+/main/net/base/net_error_list.h.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from mediavault.core import unreached
from mediavault.core.failures import Failure, NetworkFailure
from mediavault.core.messages import Message

_CODE = re.compile(r"net::ERR_(\w+)")
_CLOSED = frozenset({"CONNECTION_RESET", "CONNECTION_CLOSED", "CONNECTION_ABORTED", "EMPTY_RESPONSE"})
_NOT_HTTP = frozenset({"INVALID_HTTP_RESPONSE", "INVALID_RESPONSE", "UNEXPECTED", "HTTP2_PROTOCOL_ERROR"})


def failure_of_load(error: str, url: str) -> Failure:
    """Return the failure of loading ``url``; ``error`` is Playwright's text, which names Chromium's code."""
    match, host = _CODE.search(error), urlsplit(url).hostname or ""
    code = match[1] if match else ""
    if code == "NAME_NOT_RESOLVED":
        return unreached.no_such_site(host)
    if code.startswith("CERT_"):
        return unreached.bad_certificate(host)
    if code == "TOO_MANY_REDIRECTS":
        return unreached.circle(host)
    if code in ("TIMED_OUT", "CONNECTION_TIMED_OUT"):
        return unreached.too_slow(host)
    if code == "CONNECTION_REFUSED":
        return unreached.refused(host)
    if code in _CLOSED:
        return unreached.hung_up(host)
    if code in _NOT_HTTP:
        return unreached.not_http(host)
    if code.startswith("SSL_"):
        return unreached.not_https(host)
    return NetworkFailure(Message("%(host)s could not be loaded.", host=host))
