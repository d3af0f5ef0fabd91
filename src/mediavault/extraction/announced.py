"""How long a sentence says to wait for what it announces. Pure."""

from __future__ import annotations

import re
from datetime import timedelta

_IN = re.compile(r"\bin (?:about )?(an?|\d{1,4}) (minute|hour|day|week|month)s?\b", re.IGNORECASE)
_SPANS = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
    "month": timedelta(days=30),
}


def announced_wait(sentence: str) -> timedelta | None:
    """Return how long ``sentence`` says to wait: ``Premieres in 3 hours`` is three hours. None where it does not say.

    Sites round down.
    """
    match = _IN.search(sentence)
    if match is None:
        return None
    count = int(match[1]) if match[1].isdigit() else 1
    return count * _SPANS[match[2].lower()]
