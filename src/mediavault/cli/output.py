"""Output of commands: one JSON value or tables on standard output, errors on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mediavault.core.clock import local, moment_or_none
from mediavault.core.job import JobStatus, Priority
from mediavault.core.marks import MarkCount
from mediavault.core.media import in_words
from mediavault.core.names import readable_name
from mediavault.core.site_limits import SiteState
from mediavault.presentation.labels import (
    ITEM_LABELS,
    ROLE_LABELS,
    SITE_STATE_LABELS,
    STAGE_LABELS,
    STRATEGY_LABELS,
    format_duration,
    format_size,
    hold_label,
    one_line,
)
from mediavault.presentation.schemas import (
    HistoryView,
    HoldView,
    JobView,
    MarksView,
    SiteLimitView,
    WorkerView,
)

Json = BaseModel | Mapping[str, Any] | Sequence[BaseModel]

_COLOURS: Mapping[JobStatus, str] = {
    JobStatus.QUEUED: "",
    JobStatus.RUNNING: "yellow",
    JobStatus.COMPLETED: "green",
    JobStatus.FAILED: "red",
    JobStatus.CANCELLED: "dim",
}


def out() -> Console:
    return Console(highlight=False)


def err() -> Console:
    return Console(stderr=True, highlight=False)


def print_json(value: Json) -> None:
    json.dump(
        _plain(value),
        sys.stdout,
        ensure_ascii=not _speaks_utf8(),
        indent=2 if sys.stdout.isatty() else None,
    )
    sys.stdout.write("\n")
    sys.stdout.flush()


def print_json_line(value: Json) -> None:
    """Print one of several values, each on its own line."""
    json.dump(_plain(value), sys.stdout, ensure_ascii=not _speaks_utf8())
    sys.stdout.write("\n")


def print_jobs(jobs: Sequence[JobView], short: Mapping[str, str]) -> None:
    """Print a table of jobs, with the columns for which the terminal is wide enough.
    ``short`` has the ids to show.
    """
    if not jobs:
        out().print("No jobs.")
        return
    console, states = out(), [_state(job) for job in jobs]
    ids = [Text(short[job.id]) for job in jobs]
    room = console.width - _MIN_POST_CHARS - _width_of("Job", ids) - _width_of("State", states)
    columns = {"Job": ids, "State": states}
    for name, value_of in _MORE_COLUMNS.items():
        values = [Text(value_of(job)) for job in jobs]
        room -= _width_of(name, values)
        if room >= 0:
            columns[name] = values
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in columns:
        table.add_column(name, no_wrap=True, justify="right" if name == "Size" else "left")
    table.add_column("Post", overflow="fold")
    for job, *values in zip(jobs, *columns.values(), strict=True):
        post = Text(one_line(job.display.title))
        if job.display.detail:
            post.append(f"\n{job.display.detail}", style="dim")
        table.add_row(*values, post)
    console.print(table)


_MIN_POST_CHARS = 30


def _width_of(name: str, values: Sequence[Text]) -> int:
    """Return the width of a column with its gap."""
    return max(len(name), *(value.cell_len for value in values)) + 1


def _day_of(job: JobView) -> str:
    """Return the day on which the post was published; where that is not known, the day on which it
    was saved or submitted.
    """
    published = moment_or_none(job.metadata.get("published_at"))
    if published is not None:
        return f"{published:%Y-%m-%d}"
    return f"{local(job.completed_at or job.created_at):%Y-%m-%d}"


# by their importance: the last ones are left out first
_MORE_COLUMNS: Mapping[str, Callable[[JobView], str]] = {
    "Date": _day_of,
    "Size": lambda job: format_size(job.bytes),
    "Site": lambda job: job.platform,
}


def print_holds(holds: Sequence[HoldView], *, silent: bool = False) -> None:
    """Print what holds jobs back, one line each; ``silent`` prints nothing where nothing does."""
    for hold in holds:
        out().print(f"{_held(hold, hold.site or '')}. Running jobs go on.", markup=False)
    if not holds and not silent:
        out().print("Nothing is paused.")


def _held(hold: HoldView, site: str) -> str:
    """Return why jobs are held back, and until when."""
    until = f", waiting until {local(hold.until):%H:%M}" if hold.until else ""
    return f"{hold_label(hold, site)}{until}"


def print_limits(all_limits: Sequence[SiteLimitView]) -> None:
    if not all_limits:
        out().print("Every site is open, and no job waits.")
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("Site", no_wrap=True)
    table.add_column("State", overflow="fold")
    for name in ("Next request", "Account, 24 h", "Waiting", "Not understood, 7 days"):
        table.add_column(name, no_wrap=True)
    for limits in all_limits:
        account = (
            "" if limits.account_cap is None else f"{limits.account_posts} of {limits.account_cap}"
        )
        next_request = moment_words(limits.next_permit_at) or "now"
        unread = str(limits.not_understood or "")
        table.add_row(
            limits.platform, _state_text(limits), next_request, account, str(limits.waiting), unread
        )
    out().print(table)


def print_workers(workers: Sequence[WorkerView]) -> None:
    """Print a table of at least one worker."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in (
        "Machine",
        "Process",
        "Version",
        "Sites",
        "Signed in to",
        "Jobs",
        "Seen",
        "Missed beats",
    ):
        table.add_column(name, overflow="fold")
    for worker in workers:
        table.add_row(
            Text(worker.host),
            f"{worker.pid}{' (stopping)' if worker.draining else ''}",
            worker.version,
            ", ".join(worker.platforms) or "all",
            ", ".join(worker.signed_in),
            str(worker.running_jobs),
            f"{worker.seen_s:.0f} s ago",
            str(worker.missed_beats),
        )
    out().print(table)


def _state_text(limits: SiteLimitView) -> Text:
    state = Text(SITE_STATE_LABELS[limits.state])
    if until := limits.closed_until or limits.probing_until:
        state.append(f" until {moment_words(until)}")
    if limits.state is not SiteState.OPEN and limits.reason:
        state.append(f"\n{one_line(limits.reason)}", style="dim")
    return state


def print_names(names: Sequence[MarkCount]) -> None:
    """Print tags or collections with the numbers of their posts."""
    if not names:
        out().print("There are none.")
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("Name", overflow="fold")
    table.add_column("Posts", justify="right")
    for count in names:
        table.add_row(Text(one_line(count.text)), str(count.jobs))
    out().print(table)


def print_job(job: JobView, history: Sequence[HistoryView]) -> None:
    console = out()
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for label, value in _facts(job):
        if value:
            grid.add_row(label, value if isinstance(value, Text) else Text(one_line(value)))
    console.print(grid)
    if len(job.items) > 1:
        console.print()
        console.print(_items_table(job))
    if job.candidates and not job.links.video:
        console.print()
        console.print(_candidates_table(job))
    if history:
        console.print()
        console.print(_history_table(history))


def moment_words(moment: datetime | None) -> str:
    """Format a time in the local time zone, to the second."""
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S") if moment else ""


def _marks(marks: MarksView | None) -> list[tuple[str, str | Text]]:
    if marks is None:
        return []
    own = (
        "Favourite" if marks.favourite else "",
        "Watched" if marks.watched else "",
        "Pinned" if marks.pinned else "",
    )
    position = (
        f"{format_duration(marks.position.at)} of {format_duration(marks.position.of)}"
        if marks.position
        else ""
    )
    return [
        ("Noted", ", ".join(word for word in own if word)),
        ("Stopped at", position),
        ("Tags", ", ".join(marks.tags)),
        ("Collections", ", ".join(marks.collections)),
        ("Note", marks.note),
    ]


def _facts(job: JobView) -> list[tuple[str, str | Text]]:
    picture = f"{job.width} × {job.height}" if job.width and job.height else ""
    return [
        ("Job", job.id),
        ("State", _state(job)),
        ("Error", f"{job.error_code}: {job.error}" if job.error_code else ""),
        ("What helps", job.help),
        ("Next try", moment_words(job.retry_at)),
        ("Title", job.display.title),
        ("Post", job.post_url),
        ("Account", job.account_display_name or job.account_handle or ""),
        ("File", job.output_path or ""),
        ("Size", format_size(job.bytes)),
        ("Length", format_duration(job.duration_s)),
        ("Picture", picture),
        ("SHA-256", job.sha256 or ""),
        *_marks(job.marks),
        ("Attempts", f"{job.attempt_count} of {job.max_attempts}"),
        ("Priority", "" if job.priority is Priority.NORMAL else job.priority.value),
        ("Submitted", moment_words(job.created_at)),
    ]


def _items_table(job: JobView) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("Item", "What", "State", "Size", "File"):
        table.add_column(name, overflow="fold")
    for item in job.items:
        result = item.output_path or item.error or ""
        table.add_row(
            str(item.index + 1),
            f"{item.type} {ROLE_LABELS[item.role]}",
            ITEM_LABELS[item.status],
            format_size(item.bytes),
            Text(one_line(result)),
        )
    return table


def _candidates_table(job: JobView) -> Table:
    """Return a table of the candidates, numbered as for ``retry --choose``."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("Candidate", "Kind", "Picture", "Length", "Evidence", "Address"):
        table.add_column(name, overflow="fold")
    for number, candidate in enumerate(job.candidates, 1):
        picture = (
            f"{candidate.width} × {candidate.height}"
            if candidate.width and candidate.height
            else ""
        )
        table.add_row(
            str(number),
            candidate.source_type,
            picture,
            format_duration(candidate.duration_s),
            in_words(candidate.evidence),
            Text(one_line(candidate.url)),
        )
    return table


def _history_table(history: Sequence[HistoryView]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("At", "Try", "What", "Outcome", "Bytes", "Took", "Said"):
        is_number = name in ("Try", "Bytes", "Took")
        table.add_column(
            name, justify="right" if is_number else "left", no_wrap=name not in ("What", "Said")
        )
    for record in history:
        what = STAGE_LABELS[record.stage] + (
            f", {STRATEGY_LABELS[record.strategy]}" if record.strategy else ""
        )
        table.add_row(
            record.at.astimezone().strftime("%m-%d %H:%M:%S"),
            str(record.attempt or ""),
            what,
            str(record.error_code or record.outcome),
            format_size(record.bytes) if record.bytes else "",
            f"{record.duration_ms} ms" if record.duration_ms else "",
            Text(one_line(record.detail)),
        )
    return table


def _state(job: JobView) -> Text:
    held = f" ({_held(job.hold, job.platform)})" if job.hold else ""
    return Text(f"{job.display.state}{held}", style=_COLOURS[job.status])


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, Mapping):
        return {name: _plain(member) for name, member in value.items()}
    if isinstance(value, str):
        return readable_name(value)
    return [_plain(element) for element in value] if isinstance(value, list | tuple) else value


def _speaks_utf8() -> bool:
    return (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
