"""The ports by which features take part in an attempt. The composition root provides them; the worker knows no feature."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from mediavault.core.job import Job
from mediavault.core.media import Extraction


async def _nothing(*_: object) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Hooks:
    """What features do at these moments of an attempt; without them nothing happens.

    ``on_read``: the post has been read; raises LeaseLost if nobody wants it now. ``on_saved``: a video is in the library; never
    raises a failure.
    """

    on_read: Callable[[Job, Extraction], Awaitable[None]] = _nothing
    on_saved: Callable[[], Awaitable[None]] = _nothing
