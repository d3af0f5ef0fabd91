"""Searches that a user saved under a name: records,
each with its name and the filter of the library's page.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mediavault.core.failures import BadInput, NotFound
from mediavault.core.marks import MAX_TAG_CHARS, tag_text
from mediavault.core.messages import Message
from mediavault.core.records import RecordKind
from mediavault.store.port import Records

MOST = 100  # of a user
_KIND = RecordKind.SAVED_SEARCH


@dataclass(frozen=True, slots=True)
class SavedSearch:
    """A search: ``filter`` is what the library page's address has behind its question mark."""

    name: str
    filter: str


async def saved_searches(records: Records, user: str) -> list[SavedSearch]:
    """Return the user's searches by name, regardless of case."""
    found = [record for record in await records.all(_KIND) if record.key.startswith(f"{user}/")]
    return [_search(record.value) for record in found]


async def save_search(records: Records, user: str, name: str, filter_: str) -> SavedSearch:
    """Save a search, replacing one of the same name. Raises BadInput for no name,
    or the hundred and first search.
    """
    search = SavedSearch(_name(name), filter_)
    key = _key(user, search.name)
    keys = {record.key for record in await records.all(_KIND) if record.key.startswith(f"{user}/")}
    if key not in keys and len(keys) >= MOST:
        raise BadInput(
            Message("There are %(most)s saved searches already.", most=MOST),
            help="Remove one first.",
        )
    await records.put(_KIND, key, {"name": search.name, "filter": search.filter})
    return search


async def remove_search(records: Records, user: str, name: str) -> None:
    """Remove a search. Raises NotFound if there is none of this name."""
    if not await records.remove(_KIND, _key(user, _name(name))):
        raise NotFound("No saved search has this name.")


async def remove_searches(records: Records, user: str) -> None:
    """Remove all searches of a user."""
    for record in await records.all(_KIND):
        if record.key.startswith(f"{user}/"):
            await records.remove(_KIND, record.key)


def _name(text: str) -> str:
    try:
        return tag_text(text)  # the same rules: one short line
    except BadInput:
        raise BadInput(
            "This can't be the name of a search.",
            help=Message(
                "Use 1 to %(most)s characters, without quotation marks.", most=MAX_TAG_CHARS
            ),
        ) from None


def _key(user: str, name: str) -> str:
    return f"{user}/{name.casefold()}"


def _search(value: Mapping[str, Any]) -> SavedSearch:
    return SavedSearch(str(value.get("name")), str(value.get("filter", "")))
