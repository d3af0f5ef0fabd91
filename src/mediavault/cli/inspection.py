"""Showing what a look at a post has found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from rich.table import Table
from rich.text import Text

from mediavault.cli.output import err, out
from mediavault.core.failures import MediavaultError
from mediavault.core.media import Candidate, Extraction, Item, Post
from mediavault.presentation.labels import format_size, help_for, one_line
from mediavault.presentation.views import candidate_view
from mediavault.services.extraction.page_data.page_identity import id_in
from mediavault.services.extraction.ranking import choose

if TYPE_CHECKING:
    from mediavault.cli.saved_page import SavedInspection


class InspectionView(Protocol):
    """What a look at a post found, made with the network or without. Without ``choice``, ``reason`` says why; without
    ``extraction``, ``error`` does."""

    @property
    def extraction(self) -> Extraction | None: ...
    @property
    def choice(self) -> Candidate | None: ...
    @property
    def reason(self) -> str: ...
    @property
    def error(self) -> MediavaultError | None: ...


def as_dict(found: InspectionView) -> dict[str, Any]:
    """The inspection as JSON values."""
    extraction = found.extraction
    return {
        "post": _post(extraction) if extraction else None,
        "items": items_of(extraction) if extraction else [],
        "candidates": [candidate_view(each) for each in extraction.candidates] if extraction else [],
        "choice": candidate_view(found.choice) if found.choice else None,
        "reason": found.reason,
        "error": _error(found.error),
    }


def saved_as_dict(found: SavedInspection) -> dict[str, Any]:
    """A saved page's answer as JSON values: the outcome in one word, who and what, and the items with what is chosen."""
    extraction = found.extraction
    post, account = (extraction.post, extraction.account) if extraction else (found.post, None)
    return {
        "file": found.file.encode("utf-8", "backslashreplace").decode(),  # names need not be text
        "url": found.url or None,
        "outcome": found.outcome,
        "platform": post.platform if post else None,
        "post_id": (post.post_id or _id_in(post)) if post else None,
        "handle": account.handle if account else None,
        "display_name": account.display_name if account else None,
        "thumbnail": extraction.thumbnail_url if extraction else None,
        "title": extraction.title if extraction else None,
        "canonical_url": (post.canonical_url if post else None) or None,
        "duration_s": _duration(extraction) if extraction else None,
        "items": items_of(extraction) if extraction else [],
        "others": [candidate_view(each) for each in extraction.others] if extraction else [],
        "choice": candidate_view(found.choice) if found.choice else None,
        "reason": found.reason,
        "error": _error(found.error),
    }


def _id_in(post: Post) -> str | None:
    return id_in(post.url) if post.platform == "generic" else None


def items_of(extraction: Extraction) -> list[dict[str, Any]]:
    """The post's items, those first that would be saved. ``chosen`` is the address that would be; None for what is not
    saved: pictures, and the media of quoted and reposted posts."""
    saved = [item for item in extraction.videos if item.candidates]
    ordered = [*saved, *(item for item in extraction.items if item not in saved)]
    return [_item(item, chosen=_choice(item) if item in saved else None) for item in ordered]


def _item(item: Item, *, chosen: Candidate | None) -> dict[str, Any]:
    return {
        "role": item.role,
        "type": item.type,
        "chosen": chosen.url if chosen else None,
        "audio_url": chosen.audio_url if chosen else None,
        "media_id": item.media_id,
        "thumbnail": item.thumbnail_url,
        "duration_s": item.expected.duration_s,
        "post": item.label,
        "candidates": [candidate_view(each) for each in item.candidates],
    }


def _choice(item: Item) -> Candidate | None:
    try:
        return choose(item)
    except MediavaultError:
        return None


def _error(error: MediavaultError | None) -> dict[str, Any] | None:
    return {"code": error.code, "message": error.message, "help": _advice(error)} if error else None


def _advice(error: MediavaultError) -> str:
    """Of one look: what a job's next try would do is no help here."""
    usual = help_for(error.code)
    return help_for(error.code, over=True) if error.help in ("", usual) else error.help


def print_inspection(found: InspectionView) -> None:
    console = out()
    if found.extraction is not None:
        _print_post(found.extraction)
        console.print(_candidates(found.extraction, found.choice))
    if found.choice is not None:
        console.print(f"Chosen because {found.reason}", markup=False)
        return
    complaints = err()
    complaints.print(one_line(found.error.message if found.error else found.reason), markup=False)
    if advice := _advice(found.error) if found.error else "":
        complaints.print(advice, markup=False)


def _post(extraction: Extraction) -> dict[str, Any]:
    post, account = extraction.post, extraction.account
    return {
        "url": post.url,
        "canonical_url": post.canonical_url,
        "platform": post.platform,
        "post_id": post.post_id,
        "final_url": extraction.final_url,
        "title": extraction.title,
        "text": extraction.text,
        "published_at": extraction.published_at.isoformat() if extraction.published_at else None,
        "account_handle": account.handle,
        "account_display_name": account.display_name,
        "account_slug": account.slug,
        "thumbnail_url": extraction.thumbnail_url,
        "image_urls": list(extraction.image_urls),
        "duration_s": _duration(extraction),
        "extractor": extraction.extractor,
    }


def _duration(extraction: Extraction) -> float | None:
    return next((item.expected.duration_s for item in extraction.videos), None)


def _print_post(extraction: Extraction) -> None:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for label, name in (
        ("Site", "platform"),
        ("Post", "canonical_url"),
        ("Account", "account_handle"),
        ("Title", "title"),
    ):
        if value := _post(extraction)[name]:
            grid.add_row(label, Text(one_line(str(value))))
    out().print(grid)


def _candidates(extraction: Extraction, choice: Candidate | None) -> Table:
    """All candidates, item by item; the first column has the item's number, role and type."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("", "Item", "Owned by", "Kind", "Picture", "Size", "Seen in", "Address"):
        table.add_column(name, overflow="fold", no_wrap=name != "Address")  # only the address gives way
    for number, item in enumerate(extraction.items, 1):
        words = f"{number} {item.role}" + (f" {item.type}" if item.type != "video" else "")
        for each in item.candidates:
            table.add_row(*_row(each, choice, words))
        if not item.candidates:
            table.add_row("", words, "", "", "", "", "", Text(one_line(item.thumbnail_url or "")))
    for each in extraction.others:
        table.add_row(*_row(each, choice, ""))
    return table


def _row(each: Candidate, choice: Candidate | None, item: str) -> tuple[str | Text, ...]:
    return (
        "→" if choice is not None and each.url == choice.url else "",
        item,
        each.ownership.name.lower(),
        each.source_type,
        f"{each.width}×{each.height}" if each.width and each.height else "",
        format_size(each.size),
        each.found_in,
        Text(one_line(each.url)),
    )
