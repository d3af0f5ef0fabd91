"""``follow add --preview``: waits until a worker has read the list,
and prints what would be saved.
"""

from __future__ import annotations

from datetime import timedelta

from rich.table import Table
from rich.text import Text

from mediavault.app import composition
from mediavault.cli.output import err, moment_words, out
from mediavault.core.failures import BadInput, TookTooLong
from mediavault.core.messages import Message
from mediavault.core.settings import Settings
from mediavault.features.following.filters import REASONS
from mediavault.features.following.model import SettingValues
from mediavault.features.following.preview_views import SourcePreviewView, outcome_label
from mediavault.features.following.service import Following
from mediavault.features.following.views import fill_words
from mediavault.presentation.labels import format_duration, one_line

CHECK_EVERY_S = 0.5
WAIT_AT_MOST_S = 300.0
ENTRIES_SHOWN = 200

_AGAIN = "Once it has been read, the list is kept for an hour. Run the command again."


async def preview_and_wait(
    settings: Settings, sources: Following, url: str, values: SettingValues
) -> SourcePreviewView:
    """Return what would be saved, or why the list can't be read, once a worker has read it.

    Raises BadInput when the source can't be followed, when no worker is running, and while its site
    is paused; TookTooLong after five minutes.
    """
    preview_id, clock = await sources.preview(url, values), sources.clock
    ends_s = clock.monotonic() + WAIT_AT_MOST_S
    while True:
        view = await sources.find_preview(preview_id)
        if view.finished:
            return view
        if not await composition.living_workers(settings, sources.store.workers):
            raise BadInput(
                "No worker is running to read the list.",
                help=(
                    "Start one with `mediavault serve` or `mediavault worker`, then run the command"
                    " again."
                ),
            )
        if view.held:
            raise BadInput(
                Message("%(why)s, so the list is not read.", why=view.held),
                help="Resume it, then try again.",
            )
        if clock.monotonic() >= ends_s:
            raise TookTooLong("No worker has read the list yet.", help=_AGAIN)
        await clock.sleep(CHECK_EVERY_S)


def print_preview(view: SourcePreviewView) -> None:
    """Print how many entries have each outcome, then the first of them in a table;
    or why the list can't be read.
    """
    if view.error is not None:
        err().print(f"{view.error} {view.help or ''}".rstrip(), markup=False, soft_wrap=True)
        return
    counts = view.counts
    name = one_line(view.source.name)
    later = f"{counts.undecided:,} would be decided once the post is read"
    lines = [
        f"{name}: {counts.saved:,} would be saved, {later}, {counts.skipped:,} would be skipped."
    ]
    if counts.in_turn:
        lines.append(
            f"Saved later, in turn: {fill_words(counts.in_turn, timedelta(seconds=view.fill_s))}."
        )
    if not view.is_whole:
        lines.append(f"First {len(view.entries):,} posts; there may be more.")
    lines += [f"{REASONS[reason]}: {count:,}" for reason, count in counts.skipped_for.items()]
    for line in lines:
        out().print(line, markup=False, soft_wrap=True)
    if view.entries:
        _print_entries(view)


def _print_entries(view: SourcePreviewView) -> None:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("Outcome", "Why", "Published", "Length"):
        table.add_column(name, no_wrap=name != "Why")
    table.add_column("Post", overflow="fold")
    for entry in view.entries[:ENTRIES_SHOWN]:
        length = format_duration(entry.duration_s) if entry.duration_s else ""
        published = moment_words(entry.published_at) if entry.published_at else ""
        title = Text(one_line(entry.title or entry.url))
        table.add_row(entry.outcome, outcome_label(entry), published, length, title)
    out().print(table)
    if len(view.entries) > ENTRIES_SHOWN:
        out().print(f"and {len(view.entries) - ENTRIES_SHOWN:,} more: `--json` has all of them")
