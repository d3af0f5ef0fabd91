"""``stop``: ends recordings, directly on the store, whether a server runs or not."""

from __future__ import annotations

from mediavault.cli.jobs import for_each
from mediavault.cli.options import AsJson, JobIds


def stop(job_ids: JobIds, *, as_json: AsJson = False) -> None:
    """End recordings of running streams, and save what they have."""
    from mediavault.features.recording.service import stop_recording

    for_each(
        job_ids,
        lambda jobs, job_id: stop_recording(jobs.store, job_id, jobs.clock),
        as_json=as_json,
    )
