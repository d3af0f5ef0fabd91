"""Users: who uses the vault, and what each may do."""

from __future__ import annotations

import re
from enum import StrEnum

from mediavault.core.failures import BadInput

OWNER = "owner"  # the user whose password sets the vault up, and the only one of most vaults
MAX_USER_CHARS = 64

_NAME = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,63}")


class Role(StrEnum):
    """What a user may do; each includes what the one before it may. The values are stored:
    never rename one.
    """

    VIEWER = "viewer"  # watch everything, and keep favourites and positions of their own
    MEMBER = "member"  # add posts, delete and restore them, change tags, share a video
    ADMIN = "admin"  # everything: sign-ins at sites, settings, users

    @property
    def rank(self) -> int:
        return list(Role).index(self)


def user_name(text: str) -> str:
    """Return the name of a user as it is stored: in lower case.
    Raises BadInput for what can't be one.
    """
    name = text.strip().lower()
    if not is_user_name(name):
        raise BadInput(
            "This can't be the name of a user.",
            help=(
                "Use at most 64 letters from a to z, digits, and . _ - + @; begin with a letter or"
                " a digit."
            ),
        )
    return name


def is_user_name(text: str) -> bool:
    """Whether the text is a user's name as it is stored."""
    return _NAME.fullmatch(text) is not None
