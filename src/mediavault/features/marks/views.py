"""Marks, tags, collections and saved searches as the API takes and shows them."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from mediavault.presentation.record_models import STRICT, changes_of
from mediavault.presentation.schemas import DEFAULT_PAGE, MAX_FILTER_CHARS, MAX_PAGE
from mediavault.store.noting import MarkChange

MAX_MARKED = 1_000  # jobs whose marks one request changes
MAX_SECONDS = 10_000_000.0


class MarkRequest(changes_of(MarkChange)):  # type: ignore[misc]
    """A change of marks: what is left out stays as it is. An empty ``note`` removes the note.

    ``add_to`` and ``remove_from`` are titles of collections.
    """


class ManyMarksRequest(MarkRequest):
    """A change of the marks of several jobs."""

    ids: Annotated[list[str], Field(min_length=1, max_length=MAX_MARKED)]


class PositionRequest(BaseModel):
    """Where the user stopped watching: ``at`` of ``of`` seconds of the post's video number ``item``, from 0."""

    model_config = STRICT

    at: Annotated[float, Field(ge=0, le=MAX_SECONDS, allow_inf_nan=False)]
    of: Annotated[float, Field(ge=0, le=MAX_SECONDS, allow_inf_nan=False)]
    item: Annotated[int, Field(ge=0, le=10_000)] = 0


class NameRequest(BaseModel):
    """A new name for a tag or a collection."""

    model_config = STRICT

    name: Annotated[str, Field(max_length=1_000)]


class OrderRequest(BaseModel):
    """The order of a collection: these jobs come first, the others stay behind them."""

    model_config = STRICT

    ids: Annotated[list[str], Field(min_length=1, max_length=MAX_MARKED)]


class SearchRequest(BaseModel):
    """A saved search. ``filter`` is what the library page's address has behind its question mark."""

    model_config = STRICT

    filter: Annotated[str, Field(max_length=MAX_FILTER_CHARS)]


class CollectionRequest(BaseModel):
    """The query of a collection's page. An empty value counts as absent."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cursor: Annotated[str | None, Field(max_length=500)] = None
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = DEFAULT_PAGE


class NameCountView(BaseModel):
    """A tag or a collection, and how many jobs have it."""

    name: str
    jobs: int


class NamesView(BaseModel):
    names: list[NameCountView]


class SearchView(BaseModel):
    """A saved search. ``filter`` is what the library page's address has behind its question mark."""

    name: str
    filter: str


class SearchesView(BaseModel):
    searches: list[SearchView]
