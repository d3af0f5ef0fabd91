"""The trash as it is sent and shown."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from mediavault.presentation.schemas import JobView


class TrashedView(BaseModel):
    """A post in the trash. ``bytes``: of its files there; ``until``: when they are removed for good."""

    model_config = ConfigDict(extra="forbid")

    job: JobView
    deleted_at: datetime
    until: datetime
    bytes: int
    batch: str


class TrashView(BaseModel):
    """The trash, the latest first. ``bytes``: of all files in it."""

    model_config = ConfigDict(extra="forbid")

    posts: list[TrashedView]
    bytes: int
