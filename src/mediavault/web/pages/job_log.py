"""``GET /jobs/{id}/log``: everything known about a job, as text for a request for help.
In English, redacted.
"""

from __future__ import annotations

import platform as machine
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version

from fastapi import APIRouter, Response

from mediavault import __version__
from mediavault.api.dependencies import JobIdPath, Services, errors
from mediavault.core.job import HistoryRecord, Job, saved_files
from mediavault.core.records import FileCheck
from mediavault.core.redaction import redact_address, redact_page, redact_text
from mediavault.presentation.labels import one_line
from mediavault.presentation.views import display
from mediavault.store.file_checks import read_checks

router = APIRouter(include_in_schema=False)

_REPORTED_PACKAGES = ("yt-dlp", "av", "playwright", "aiohttp", "apsw")


@router.get("/jobs/{job_id}/log", response_class=Response, responses=errors(401, 404, 503))
async def log_of_job(job_id: JobIdPath, services: Services) -> Response:
    job = await services.store.catalogue.get(job_id)
    report = await services.store.catalogue.report()
    versions = {"store": f"{report.engine}, schema {report.schema_version}", **_versions()}
    text = job_log(
        job,
        await services.store.catalogue.history(job_id),
        checks=await read_checks(services.store.records, job),
        versions=versions,
        at=report.at,
    )
    headers = {
        "Content-Type": "text/plain; charset=utf-8",
        "Content-Disposition": f'attachment; filename="mediavault-job-{job.id}.txt"',
        "Cache-Control": "no-store",
    }
    return Response(text, headers=headers)


def job_log(
    job: Job,
    history: Sequence[HistoryRecord],
    *,
    checks: Mapping[int, FileCheck],
    versions: Mapping[str, str],
    at: datetime,
) -> str:
    """Return the log as plain text. Every value is redacted;
    third-party texts are one line each.
    """
    sections = {
        "Job": _facts(job),
        "Files": _files(job, checks),
        "Media of the post": _items(job),
        "Videos found": _candidates(job),
        "History": map(_record, history),
        "Versions": (f"{name}: {value}" for name, value in versions.items()),
    }
    lines = [
        f"mediavault: log of job {job.id}, written {at:%Y-%m-%d %H:%M:%S} UTC",
        "Cookies, tokens and signed values are left out.",
    ]
    for heading, content in sections.items():
        lines += ["", f"== {heading}", *(list(content) or ["none"])]
    return "\n".join(lines) + "\n"


def _facts(job: Job) -> Iterator[str]:
    shown = display(job)
    account = job.account
    facts: dict[str, object] = {
        "id": job.id,
        "trace": job.trace_id,
        "site": job.platform,
        "post": _line(redact_page(job.post_url)),
        "canonical": _line(redact_page(job.canonical_url)),
        "title": _line(shown.title),
        "account": _line(f"{account.handle or account.display_name or ''} ({account.slug})")
        if account
        else None,
        "status": job.status,
        "stage": job.stage,
        "version": job.version,
        "attempts": f"{job.attempt_count} of {job.max_attempts}",
        "progress": (
            f"{job.progress_pct} %, {job.bytes_done} of {job.bytes_total or 'unknown'} bytes"
        ),
        "error": f"{job.error_code}: {_line(job.error or '')}" if job.error_code else None,
        "needs a session": job.needs_session or None,
        "chosen by a person": ", ".join(map(redact_address, job.chosen_urls)) or None,
        "media address": redact_address(job.extracted_url) if job.extracted_url else None,
        "worker": job.claimed_by,
        "created": _moment(job.created_at),
        "started": _moment(job.started_at),
        "completed": _moment(job.completed_at),
        "failed": _moment(job.failed_at),
        "next try": _moment(job.retry_at),
    }
    return (f"{name}: {value}" for name, value in facts.items() if value is not None)


def _files(job: Job, checks: Mapping[int, FileCheck]) -> Iterator[str]:
    for index, saved in saved_files(job).items():
        yield f"{index}: {_line(saved.output_path)}"
        yield (
            f"   {saved.bytes} bytes, {saved.width} x {saved.height}, {saved.duration_s} s, SHA-256"
            f" {saved.sha256}"
        )
        if (check := checks.get(index)) is not None:
            yield f"   checked {_moment(check.at)}: {check.verdict} {_line(check.detail)}".rstrip()


def _items(job: Job) -> Iterator[str]:
    for index, item in enumerate(job.items):
        reason = f" {item.error_code}: {_line(item.error or '')}" if item.error_code else ""
        yield f"{index}: {item.item.type}, {item.item.role}: {item.status}{reason}"


def _candidates(job: Job) -> Iterator[str]:
    for number, candidate in enumerate(job.candidates):
        facts = (
            candidate.source_type,
            candidate.container,
            candidate.video_codec,
            candidate.audio_codec,
        )
        form = ", ".join(str(fact) for fact in facts if fact)
        size = (
            f", {candidate.width} x {candidate.height}"
            if candidate.width and candidate.height
            else ""
        )
        address = (
            "an inline manifest"
            if candidate.url.startswith("data:")
            else redact_address(candidate.url)
        )
        origin = f"seen in {candidate.found_in}, {candidate.ownership.name.lower()}"
        yield f"{number}: {_line(form)}{size}, {origin}: {_line(address)}"


def _record(record: HistoryRecord) -> str:
    step = f"{record.stage}" + (f"/{record.strategy}" if record.strategy else "")
    size, duration = f"{record.bytes} bytes", f"{record.duration_ms} ms"
    numbers = (size if record.bytes else "", duration if record.duration_ms else "")
    parts = (f"{record.error_code}" if record.error_code else "", *numbers, _line(record.detail))
    return (
        f"{_moment(record.at)}  attempt {record.attempt}  {step:<20} {record.outcome:<8} "
        + "  ".join(part for part in parts if part)
    )


def _versions() -> dict[str, str]:
    versions = {
        "mediavault": __version__,
        "python": machine.python_version(),
        "system": machine.system(),
    }
    for name in _REPORTED_PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "not installed"
    return versions


def _moment(moment: datetime | None) -> str | None:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}" if moment else None


def _line(text: str) -> str:
    return one_line(redact_text(text))
