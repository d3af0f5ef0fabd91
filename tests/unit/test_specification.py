"""docs/specification.md maps the specification's names to names that exist."""

from __future__ import annotations

import re
from functools import reduce
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = (ROOT / "docs" / "specification.md").read_text(encoding="utf-8")
NAMES = dict(re.findall(r"^\| `([\w.-]+)` \| `([\w.]+:[\w.]+)` \|", DOCUMENT, re.MULTILINE))
EVENTS = dict(re.findall(r"^\| `([\w.]+)` \| event `(\w+)` \|", DOCUMENT, re.MULTILINE))
SPECIFIED = {
    "attemptCount", "buildTargetPath", "claimNextQueuedJob", "completedAt",
    "createPlaywrightPageFactory", "deriveAccountProfile", "downloadDirect",
    "downloadDirectWithBrowserNavigation", "downloadDirectWithPlaywrightSession", "downloadMedia",
    "extractedUrl", "extractFromTweet", "EXTRACTION_TIMEOUT_MS", "failedAt", "findOneAndUpdate",
    "inferExtensionFromUrl", "isHttpUrl", "isSignedUrlExpired", "isTickRunning", "JOB_STATUSES",
    "jobId", "maxAgeMs", "normalizePathForApi", "outputPath", "platformNeeds403Refresh",
    "processOneCycle", "productionExtractor", "progressPct", "recoverStaleJobs", "routeJobByDomain",
    "sanitizeAccountSlug", "setInterval", "SOURCE_TYPES", "start-worker-runtime", "startedAt",
    "startQueueWorker", "stopQueueWorker", "telemetryContext", "traceId", "tweetUrl", "withTimeout",
    "WorkerHeartbeat",
}  # fmt: skip


def test_every_name_of_the_specification_has_a_row() -> None:
    assert NAMES.keys() == SPECIFIED
    assert EVENTS.keys() == {"worker.job.processing_started"}


@pytest.mark.parametrize(("specified", "ours"), NAMES.items())
def test_our_name_for_it_exists(specified: str, ours: str) -> None:
    module, _, name = ours.partition(":")
    owner, _, last = name.rpartition(".")
    parent = (
        reduce(getattr, owner.split("."), import_module(module)) if owner else import_module(module)
    )

    # a field of a record without a default, or of a pydantic model, is not an attribute of its
    # class
    assert hasattr(parent, last) or last in getattr(parent, "__annotations__", {}), specified


@pytest.mark.parametrize("event", EVENTS.values())
def test_our_log_event_for_it_is_written(event: str) -> None:
    worker = ROOT / "src" / "mediavault" / "worker"

    assert any(f'"{event}"' in path.read_text(encoding="utf-8") for path in worker.rglob("*.py"))
