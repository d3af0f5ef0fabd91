"""The errors of authentication."""

from __future__ import annotations

import math

from mediavault.core.failures import BadInput, ErrorCode


class TooManyTries(BadInput):
    """Too many tries: the secret was not checked. The next try is allowed in ``wait_s`` seconds."""

    code = ErrorCode.TOO_MANY

    def __init__(self, wait_s: float) -> None:
        self.wait_s = max(1, math.ceil(wait_s))
        super().__init__(
            "Too many tries.", help=f"Wait {self.wait_s} seconds, and try again. Who is signed in stays signed in."
        )


class WrongSecret(BadInput):
    """A wrong password, token or set-up token."""

    code = ErrorCode.UNAUTHORIZED
