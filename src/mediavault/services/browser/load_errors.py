"""What it means that Chromium could not load a page or a file. Pure.

Its codes are for programmers: https://chromium.googlesource.com/chromium/src/+/main/net/base/net_error_list.h.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from mediavault.core.failures import (
    CertificateInvalid,
    Failure,
    NetworkFailure,
    RedirectLoop,
    SiteNotFound,
    SiteUnreachable,
    TookTooLong,
)
from mediavault.core.messages import Message

_CODE = re.compile(r"net::ERR_(\w+)")
_CLOSED = frozenset({"CONNECTION_RESET", "CONNECTION_CLOSED", "CONNECTION_ABORTED", "EMPTY_RESPONSE"})
_NOT_HTTP = frozenset({"INVALID_HTTP_RESPONSE", "INVALID_RESPONSE", "UNEXPECTED", "HTTP2_PROTOCOL_ERROR"})


def failure_of_load(error: str, url: str) -> Failure:
    """Return the failure of loading ``url``; ``error`` is Playwright's text, which names Chromium's code."""
    match, host = _CODE.search(error), urlsplit(url).hostname or ""
    code = match[1] if match else ""
    if code == "NAME_NOT_RESOLVED":
        return SiteNotFound(Message("There is no site named %(host)s.", host=host))
    if code.startswith("CERT_"):
        return CertificateInvalid(Message("The certificate of %(host)s is not valid.", host=host))
    if code == "TOO_MANY_REDIRECTS":
        return RedirectLoop(Message("%(host)s sends visitors in a circle.", host=host))
    if code in ("TIMED_OUT", "CONNECTION_TIMED_OUT"):
        return TookTooLong(Message("%(host)s took too long to answer.", host=host))
    if code == "CONNECTION_REFUSED":
        return SiteUnreachable(Message("%(host)s does not accept connections.", host=host))
    if code in _CLOSED:
        return SiteUnreachable(Message("%(host)s closed the connection without an answer.", host=host))
    if code in _NOT_HTTP:
        return SiteUnreachable(Message("%(host)s sent an answer that is not HTTP.", host=host))
    if code.startswith("SSL_"):
        return SiteUnreachable(Message("%(host)s sent an answer that is not HTTPS.", host=host))
    return NetworkFailure(Message("%(host)s could not be loaded.", host=host))
