"""Shows the result of inspecting a post."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from rich.table import Table
from rich.text import Text

from mediavault.cli.output import err, out
from mediavault.core.failures import MediavaultError
from mediavault.core.media import Candidate, Extraction, Item, Post
from mediavault.extraction.page_data.page_identity import id_in
from mediavault.extraction.ranking import choose_candidate
from mediavault.presentation.labels import format_size, help_for, one_line
from mediavault.presentation.views import candidate_view

if TYPE_CHECKING:
    from mediavault.cli.saved_page import SavedInspection


class InspectionView(Protocol):
    """The result of inspecting a post, with the network or without.

    Without ``choice``, ``reason`` says why; without ``extraction``, ``error`` does.
    """

    @property
    def extraction(self) -> Extraction | None: ...
    @property
    def choice(self) -> Candidate | None: ...
    @property
    def reason(self) -> str: ...
    @property
    def error(self) -> MediavaultError | None: ...


def as_dict(inspection: InspectionView) -> dict[str, Any]:
    """Return the inspection as JSON values."""
    extraction = inspection.extraction
    return {
        "post": _post(extraction) if extraction else None,
        "items": items_of(extraction) if extraction else [],
        "candidates": [candidate_view(candidate) for candidate in extraction.candidates]
        if extraction
        else [],
        "choice": candidate_view(inspection.choice) if inspection.choice else None,
        "reason": inspection.reason,
        "error": _error(inspection.error),
    }


def saved_as_dict(inspection: SavedInspection) -> dict[str, Any]:
    """Return a saved page's result as JSON values: the outcome in one word, account, post,
    items and the choice.
    """
    extraction = inspection.extraction
    post, account = (extraction.post, extraction.account) if extraction else (inspection.post, None)
    return {
        # a name need not be valid text
        "file": inspection.file.encode("utf-8", "backslashreplace").decode(),
        "url": inspection.url or None,
        "outcome": inspection.outcome,
        "platform": post.platform if post else None,
        "post_id": (post.post_id or _id_in(post)) if post else None,
        "handle": account.handle if account else None,
        "display_name": account.display_name if account else None,
        "thumbnail": extraction.thumbnail_url if extraction else None,
        "title": extraction.title if extraction else None,
        "canonical_url": (post.canonical_url if post else None) or None,
        "duration_s": _duration(extraction) if extraction else None,
        "items": items_of(extraction) if extraction else [],
        "others": [candidate_view(candidate) for candidate in extraction.others]
        if extraction
        else [],
        "choice": candidate_view(inspection.choice) if inspection.choice else None,
        "reason": inspection.reason,
        "error": _error(inspection.error),
    }


def _id_in(post: Post) -> str | None:
    return id_in(post.url) if post.platform == "generic" else None


def items_of(extraction: Extraction) -> list[dict[str, Any]]:
    """Return the post's items as JSON values, those first that would be saved.

    ``chosen`` is the URL that would be saved; None for items that are not saved: pictures, and the
    media of quoted and reposted posts.
    """
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
        "candidates": [candidate_view(candidate) for candidate in item.candidates],
    }


def _choice(item: Item) -> Candidate | None:
    try:
        return choose_candidate(item)
    except MediavaultError:
        return None


def _error(error: MediavaultError | None) -> dict[str, Any] | None:
    return {"code": error.code, "message": error.message, "help": _advice(error)} if error else None


def _advice(error: MediavaultError) -> str:
    """Return the advice for a single inspection: what a job's next attempt would do does not help
    here.
    """
    usual = help_for(error.code)
    return help_for(error.code, over=True) if error.help in ("", usual) else error.help


def print_inspection(inspection: InspectionView) -> None:
    console = out()
    if inspection.extraction is not None:
        _print_post(inspection.extraction)
        console.print(_candidates(inspection.extraction, inspection.choice))
    if inspection.choice is not None:
        console.print(f"Chosen because {inspection.reason}", markup=False)
        return
    errors = err()
    errors.print(
        one_line(inspection.error.message if inspection.error else inspection.reason), markup=False
    )
    if advice := _advice(inspection.error) if inspection.error else "":
        errors.print(advice, markup=False)


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
    """Return a table of all candidates, item by item, with the item's number, role and type."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in (
        "",
        "Item",
        "Owned by",
        "Evidence",
        "Kind",
        "Picture",
        "Size",
        "Seen in",
        "Address",
    ):
        table.add_column(name, overflow="fold", no_wrap=name not in ("Evidence", "Address"))
    for number, item in enumerate(extraction.items, 1):
        words = f"{number} {item.role}" + (f" {item.type}" if item.type != "video" else "")
        for candidate in item.candidates:
            table.add_row(*_row(candidate, choice, words))
        if not item.candidates:
            table.add_row(
                "", words, "", "", "", "", "", "", Text(one_line(item.thumbnail_url or ""))
            )
    for candidate in extraction.others:
        table.add_row(*_row(candidate, choice, ""))
    return table


def _row(candidate: Candidate, choice: Candidate | None, item: str) -> tuple[str | Text, ...]:
    return (
        "→" if choice is not None and candidate.url == choice.url else "",
        item,
        candidate.ownership.name.lower(),
        " ".join(candidate.evidence),
        candidate.source_type,
        f"{candidate.width}×{candidate.height}" if candidate.width and candidate.height else "",
        format_size(candidate.size),
        candidate.found_in,
        Text(one_line(candidate.url)),
    )
