"""The errors of authentication."""

from __future__ import annotations

import math

from mediavault.core.failures import BadInput, ErrorCode
from mediavault.core.messages import Message


class TooManyTries(BadInput):
    """Too many tries: the secret was not checked. The next try is allowed in ``wait_s`` seconds."""

    code = ErrorCode.TOO_MANY

    def __init__(self, wait_s: float) -> None:
        self.wait_s = max(1, math.ceil(wait_s))
        super().__init__(
            Message("Too many tries."),
            help=Message(
                "Wait %(wait_s)s seconds, and try again. Existing sign-ins stay valid.",
                wait_s=self.wait_s,
            ),
        )


class WrongSecret(BadInput):
    """A wrong password, token or set-up token."""

    code = ErrorCode.UNAUTHORIZED
