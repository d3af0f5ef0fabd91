"""Why somebody is not let in."""

from __future__ import annotations

import math

from mediavault.core.errors import BadInput, ErrorCode


class TooManyTries(BadInput):
    """The secret was tried too often; it was not even looked at. ``wait_s`` seconds until it may be again."""

    code = ErrorCode.TOO_MANY

    def __init__(self, wait_s: float) -> None:
        self.wait_s = max(1, math.ceil(wait_s))
        super().__init__(
            "Too many tries.", help=f"Wait {self.wait_s} seconds, and try again. Who is signed in stays signed in."
        )


class WrongSecret(BadInput):
    """A password, token or set-up token that is not the one."""

    code = ErrorCode.UNAUTHORIZED
