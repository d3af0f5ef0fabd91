"""Why a host was not reached, in the same words for our own client, the browser and its proxy."""

from __future__ import annotations

from mediavault.core.failures import (
    CertificateInvalid,
    RedirectLoop,
    SiteNotFound,
    SiteUnreachable,
    TookTooLong,
)
from mediavault.core.messages import Message


def no_such_site(host: str) -> SiteNotFound:
    """The name does not exist, says the DNS."""
    return SiteNotFound(Message("There is no site named %(host)s.", host=host))


def refused(host: str) -> SiteUnreachable:
    """Nothing listens there."""
    return SiteUnreachable(Message("%(host)s does not accept connections.", host=host))


def hung_up(host: str, *, received: int = 0) -> SiteUnreachable:
    """The connection was reset or closed instead of an answer; ``received`` bytes had come."""
    message = Message("%(host)s closed the connection without an answer.", host=host)
    return SiteUnreachable(message, bytes_received=received)


def not_http(host: str, *, received: int = 0) -> SiteUnreachable:
    """What came is not HTTP."""
    return SiteUnreachable(
        Message("%(host)s sent an answer that is not HTTP.", host=host), bytes_received=received
    )


def not_https(host: str) -> SiteUnreachable:
    """What came is not TLS."""
    return SiteUnreachable(Message("%(host)s sent an answer that is not HTTPS.", host=host))


def bad_certificate(host: str) -> CertificateInvalid:
    """The certificate is expired, for another name, or not signed by a trusted authority."""
    return CertificateInvalid(Message("The certificate of %(host)s is not valid.", host=host))


def circle(host: str, *, http_status: int | None = None) -> RedirectLoop:
    """Too many redirects."""
    return RedirectLoop(
        Message("%(host)s sends visitors in a circle.", host=host), http_status=http_status
    )


def too_slow(host: str | None, *, received: int = 0) -> TookTooLong:
    """No answer in time, or no end of it."""
    return TookTooLong(
        Message("%(host)s took too long to answer.", host=host), bytes_received=received
    )
