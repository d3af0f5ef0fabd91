"""The doctor's checks for posts that stopped or froze a worker, and for crashes in native code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mediavault.app.watchdog import NATIVE_CRASH_FILE
from mediavault.core.failures import CAUSES
from mediavault.core.job import JobId
from mediavault.presentation.doctor_report import Check, DoctorVerdict
from mediavault.presentation.translation import gettext, grouped, ngettext
from mediavault.store.port import FailureGroup
from mediavault.worker.freezes import FreezeReport

SHOWN_FOR = timedelta(days=30)  # freezes after which the job continued


def check_crashes(failures: Iterable[FailureGroup], reports: Sequence[FreezeReport], *, now: datetime) -> Check:
    """Check for crashes and freezes. ``failures`` are the store's, ``reports`` those of this machine's workers."""
    codes = CAUSES["worker_died"].codes
    groups = [group for group in failures if group.error_code in codes]
    failed = {job.id: job.failed_at for group in groups for job in group.examples if job.error_code in codes}
    recent = [report for report in reports if report.at > now - SHOWN_FOR and report.job_id not in failed]
    if not groups and not recent:
        return Check("Crashes", DoctorVerdict.OK, gettext("no post has stopped or frozen a worker"))
    parts = [_failed(failed, sum(group.jobs for group in groups))] if groups else []
    parts += [_frozen(report) for report in recent]
    advice = gettext("Upgrade mediavault, then `mediavault retry ID`. After a power cut or a restart simply try again.")
    return Check("Crashes", DoctorVerdict.WARNING, "; ".join(parts), advice)


def check_native_crashes(state_dir: Path) -> list[Check]:
    """Return at most one check: the newest crash that Python's fault handler has recorded."""
    path = state_dir / NATIVE_CRASH_FILE
    try:
        lines = path.read_text("utf-8", "replace").splitlines()
        at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError:
        return []
    fatal = [line for line in lines if line.startswith("Fatal Python error")]
    if not fatal:
        return []
    facts = {"at": f"{at:%Y-%m-%d %H:%M} UTC", "error": fatal[-1]}
    advice = gettext("Report it with the file %(path)s, then remove the file.") % {"path": path}
    return [
        Check("Native crashes", DoctorVerdict.WARNING, gettext("the last one at %(at)s: %(error)s") % facts, advice)
    ]


def _failed(failed: Mapping[JobId, datetime | None], count: int) -> str:
    named = ", ".join(f"{job_id} ({at:%Y-%m-%d %H:%M} UTC)" if at else job_id for job_id, at in failed.items())
    words = ngettext("%(count)s post failed: %(jobs)s", "%(count)s posts failed: %(jobs)s", count)
    return words % {"count": grouped(count), "jobs": named + (", …" if count > len(failed) else "")}


def _frozen(report: FreezeReport) -> str:
    at = f"{report.at:%Y-%m-%d %H:%M} UTC"
    if report.job_id is None:
        return gettext("a worker froze at %(at)s, not because of a post") % {"at": at}
    return gettext("a worker froze at %(at)s because of %(job)s") % {"at": at, "job": report.job_id}
