"""Showing what a look at a post has found."""

from __future__ import annotations

from typing import Any

from rich.table import Table
from rich.text import Text

from mediavault.api.views import candidate_view
from mediavault.api.words import help_for, one_line, size_words
from mediavault.commands.house import Inspection
from mediavault.commands.output import err, out
from mediavault.core.media import Candidate, Extraction


def as_dict(found: Inspection) -> dict[str, Any]:
    """The inspection as JSON values."""
    extraction, error = found.extraction, found.error
    return {
        "post": _post(extraction) if extraction else None,
        "candidates": [candidate_view(each) for each in extraction.candidates] if extraction else [],
        "choice": candidate_view(found.choice) if found.choice else None,
        "reason": found.reason,
        "error": {"code": error.code, "message": error.message, "help": error.help} if error else None,
    }


def print_inspection(found: Inspection) -> None:
    console = out()
    if found.extraction is not None:
        _print_post(found.extraction)
        console.print(_candidates(found.extraction, found.choice))
    if found.choice is not None:
        console.print(f"Chosen because {found.reason}", markup=False)
        return
    complaints = err()
    complaints.print(one_line(found.error.message if found.error else found.reason), markup=False)
    if advice := (found.error.help or help_for(found.error.code)) if found.error else "":
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
        "duration_s": next((item.expected.duration_s for item in extraction.videos), None),
        "extractor": extraction.extractor,
    }


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
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("", "Owned by", "Kind", "Picture", "Size", "Seen in", "Address"):
        table.add_column(name, overflow="fold", no_wrap=name != "Address")  # only the address gives way
    for each in extraction.candidates:
        table.add_row(
            "→" if choice is not None and each.url == choice.url else "",
            each.ownership.name.lower(),
            each.source_type,
            f"{each.width}×{each.height}" if each.width and each.height else "",
            size_words(each.size),
            each.found_in,
            Text(one_line(each.url)),
        )
    return table
