"""``GET /jobs/{id}/log``: all that is known of a job, as a text to send to somebody who is to help. In English, redacted."""

from __future__ import annotations

import platform as machine
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version

from fastapi import APIRouter, Response

from mediavault import __version__
from mediavault.api.dependencies import JobIdPath, Services, errors
from mediavault.api.file_facts import checks_of
from mediavault.core.job import HistoryRecord, Job
from mediavault.core.records import FileCheck
from mediavault.presentation.labels import one_line
from mediavault.presentation.views import display, kept_files
from mediavault.web.redaction import redact_address, redact_page, redact_text

router = APIRouter(include_in_schema=False)

_TOLD_VERSIONS = ("yt-dlp", "av", "playwright", "aiohttp", "apsw")


@router.get("/jobs/{job_id}/log", response_class=Response, responses=errors(401, 404, 503))
async def log_of_job(job_id: JobIdPath, services: Services) -> Response:
    job = await services.store.catalogue.get(job_id)
    report = await services.store.catalogue.report()
    versions = {"store": f"{report.engine}, schema {report.schema_version}", **_versions()}
    text = job_log(
        job,
        await services.store.catalogue.history(job_id),
        checks=await checks_of(services.store.records, job),
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
    """Plain text. Every value has gone through the redaction; texts of strangers are one line each."""
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
        "post": redact_page(job.post_url),
        "canonical": redact_page(job.canonical_url),
        "title": _line(shown.title),
        "account": _line(f"{account.handle or account.display_name or ''} ({account.slug})") if account else None,
        "status": job.status,
        "stage": job.stage,
        "version": job.version,
        "attempts": f"{job.attempt_count} of {job.max_attempts}",
        "progress": f"{job.progress_pct} %, {job.bytes_done} of {job.bytes_total or 'unknown'} bytes",
        "error": f"{job.error_code}: {_line(job.error or '')}" if job.error_code else None,
        "needs a session": job.needs_session or None,
        "chosen by a person": redact_address(job.chosen_url) if job.chosen_url else None,
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
    for place, kept in kept_files(job).items():
        yield f"{place}: {_line(kept.output_path)}"
        yield f"   {kept.bytes} bytes, {kept.width} x {kept.height}, {kept.duration_s} s, SHA-256 {kept.sha256}"
        if (check := checks.get(place)) is not None:
            yield f"   checked {_moment(check.at)}: {check.verdict} {_line(check.detail)}".rstrip()


def _items(job: Job) -> Iterator[str]:
    for place, one in enumerate(job.items):
        why = f" {one.error_code}: {_line(one.error or '')}" if one.error_code else ""
        yield f"{place}: {one.item.type}, {one.item.role}: {one.status}{why}"


def _candidates(job: Job) -> Iterator[str]:
    for number, one in enumerate(job.candidates):
        form = ", ".join(
            str(fact) for fact in (one.source_type, one.container, one.video_codec, one.audio_codec) if fact
        )
        size = f", {one.width} x {one.height}" if one.width and one.height else ""
        address = "an inline manifest" if one.url.startswith("data:") else redact_address(one.url)
        yield f"{number}: {_line(form)}{size}, seen in {one.found_in}, {one.ownership.name.lower()}: {_line(address)}"


def _record(one: HistoryRecord) -> str:
    what = f"{one.stage}" + (f"/{one.rung}" if one.rung else "")
    numbers = (f"{one.bytes} bytes" if one.bytes else "", f"{one.duration_ms} ms" if one.duration_ms else "")
    parts = (f"{one.error_code}" if one.error_code else "", *numbers, _line(one.detail))
    return f"{_moment(one.at)}  attempt {one.attempt}  {what:<20} {one.outcome:<8} " + "  ".join(
        part for part in parts if part
    )


def _versions() -> dict[str, str]:
    found = {"mediavault": __version__, "python": machine.python_version(), "system": machine.system()}
    for name in _TOLD_VERSIONS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def _moment(moment: datetime | None) -> str | None:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}" if moment else None


def _line(text: str) -> str:
    return one_line(redact_text(text))
