"""Chromium's codes as failures in words."""

from __future__ import annotations

import pytest

from mediavault.browser.navigation import failure_of_load
from mediavault.core.failures import ErrorCode


@pytest.mark.parametrize(
    ("code", "expected", "said"),
    [
        ("NAME_NOT_RESOLVED", ErrorCode.SITE_NOT_FOUND, "There is no site named a.test."),
        ("CONNECTION_REFUSED", ErrorCode.SITE_UNREACHABLE, "a.test does not accept connections."),
        (
            "EMPTY_RESPONSE",
            ErrorCode.SITE_UNREACHABLE,
            "a.test closed the connection without an answer.",
        ),
        (
            "INVALID_HTTP_RESPONSE",
            ErrorCode.SITE_UNREACHABLE,
            "a.test sent an answer that is not HTTP.",
        ),
        (
            "SSL_PROTOCOL_ERROR",
            ErrorCode.SITE_UNREACHABLE,
            "a.test sent an answer that is not HTTPS.",
        ),
        (
            "CERT_AUTHORITY_INVALID",
            ErrorCode.CERTIFICATE_INVALID,
            "The certificate of a.test is not valid.",
        ),
        ("TOO_MANY_REDIRECTS", ErrorCode.REDIRECT_LOOP, "a.test sends visitors in a circle."),
        ("TIMED_OUT", ErrorCode.TIMEOUT, "a.test took too long to answer."),
        ("TUNNEL_CONNECTION_FAILED", ErrorCode.NETWORK, "a.test could not be loaded."),
    ],
)
def test_a_code_of_chromium_becomes_a_sentence(code: str, expected: ErrorCode, said: str) -> None:
    failure = failure_of_load(
        f"Page.goto: net::ERR_{code} at https://a.test/x\nCall log:", "https://a.test/x"
    )

    assert (failure.code, failure.message) == (expected, said)


def test_a_text_without_a_code_is_not_repeated() -> None:
    assert (
        failure_of_load("Page.goto: odd", "https://a.test/").message
        == "a.test could not be loaded."
    )
