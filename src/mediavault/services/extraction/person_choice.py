"""A person's word on which of several videos is the post's. Pure."""

from __future__ import annotations

from dataclasses import replace

from mediavault.core.media import Candidate, Extraction, Item, Ownership
from mediavault.services.extraction.media_identity import identity


def with_choice(extraction: Extraction, chosen_url: str | None) -> Extraction:
    """The extraction with a person's choice as the post's only video; unchanged where the choice is not among it."""
    if chosen_url is None:
        return extraction
    wanted = identity(chosen_url)
    chosen = next((c for c in extraction.candidates if identity(c.url) == wanted), None)
    if chosen is None:
        return extraction
    same = [c for c in extraction.candidates if c is chosen or _is_same_video(c, chosen)]
    owned = tuple(replace(c, ownership=Ownership.CHOSEN, item=None) for c in same)
    return replace(extraction, items=(Item(owned, media_id=chosen.media_key),), others=(), selected=None)


def _is_same_video(one: Candidate, other: Candidate) -> bool:
    return one.media_key is not None and one.media_key == other.media_key
