"""What monitors read: whether the vault works, and Prometheus's metrics."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector

from mediavault import __version__
from mediavault.api.dependencies import Services, errors
from mediavault.core.failures import ErrorCode
from mediavault.core.fleet import ALIVE_WITHIN
from mediavault.core.job import WorkerHeartbeat
from mediavault.core.records import RecordKind
from mediavault.core.site_limits import SiteLimit, SiteState
from mediavault.features.sites.service import closed_limits
from mediavault.presentation.schemas import HealthView, WorkerHealthView
from mediavault.presentation.views import concern_view, fleet_view, hold_view
from mediavault.server.errors import HttpRefusal
from mediavault.server.services import ApiServices
from mediavault.store.file_checks import LEFT
from mediavault.store.port import StoreReport

router = APIRouter(tags=["health"])

STORE_DEADLINE_S = 2.0  # a store slower than this cannot accept a job in time either


@router.get("/healthz", response_model=HealthView, responses=errors(503))
async def healthz(services: Services) -> HealthView:
    """Return 200 when a job can be accepted, 503 while the store does not answer or is known to be
    damaged.

    Public: reveals nothing else.
    """
    if services.store.damage is not None:
        raise HttpRefusal(503, ErrorCode.STORE_UNAVAILABLE, "The database is damaged.")
    try:
        async with asyncio.timeout(STORE_DEADLINE_S):
            await services.store.catalogue.next_due()  # one index lookup
    except TimeoutError as exc:
        raise HttpRefusal(
            503, ErrorCode.STORE_UNAVAILABLE, "The job store does not answer."
        ) from exc
    return HealthView(status="ok")


@router.get(
    "/api/worker/health",
    response_model=WorkerHealthView,
    responses=errors(401) | {503: {"model": WorkerHealthView}},
)
async def worker_health(services: Services, response: Response) -> WorkerHealthView:
    """Return 200 with the workers whose heartbeat is less than 90 seconds old,
    503 when there is none.
    """
    workers = await services.store.workers.alive(seen_within=ALIVE_WITHIN)
    report = await services.store.catalogue.report()
    if not workers:
        response.status_code = 503
    return WorkerHealthView(
        status="ok" if workers else "no_worker",
        **dict(fleet_view(report, workers)),
        counts=dict(report.counts),
        site_limits=await closed_limits(services.store, services.clock, report.waiting),
        holds=[hold_view(hold) for hold in await services.holds()],
        browser=services.browser_status(),
        concerns=[concern_view(concern) for concern in await services.concerns()],
    )


# Every number is read from the store, so any API process reports the whole fleet and no registry of
# this process is used.
FRESH_FOR_S = 10.0  # counting reads whole indexes, so the store is read at most this often
OPENMETRICS = "application/openmetrics-text"

Samples = list[tuple[Mapping[str, str], float]]  # labels, value


class Measurements:
    """Takes snapshots of the metrics, and caches the last one."""

    def __init__(self, services: ApiServices) -> None:
        self._services = services
        self._lock = asyncio.Lock()
        self._snapshot, self._fresh_until = MetricsSnapshot([]), float("-inf")

    async def snapshot(self) -> MetricsSnapshot:
        """Return numbers that are at most FRESH_FOR_S old. Raises StoreError."""
        async with self._lock:
            now = self._services.clock.monotonic()
            if now >= self._fresh_until:
                self._snapshot, self._fresh_until = await self._measure(), now + FRESH_FOR_S
            return self._snapshot

    async def _measure(self) -> MetricsSnapshot:
        store, settings = self._services.store, self._services.settings
        report, workers = (
            await store.catalogue.report(),
            await store.workers.alive(seen_within=ALIVE_WITHIN),
        )
        folders = {"state": settings.state_dir, "downloads": settings.download_dir}
        free = await asyncio.to_thread(_free_bytes, folders)
        limits, damaged = (
            await store.site_limits.all_limits(),
            len(await store.records.all(RecordKind.DAMAGED)),
        )
        undecoded, now = await store.catalogue.count(LEFT), self._services.clock.now()
        return MetricsSnapshot(
            list(metrics_of(report, workers, limits, free, damaged, undecoded, now))
        )


class MetricsSnapshot(Collector):
    """The metrics of one moment; those without a sample are left out."""

    def __init__(self, metrics: Sequence[Metric]) -> None:
        self._metrics = [metric for metric in metrics if metric.samples]

    def collect(self) -> Sequence[Metric]:
        return self._metrics


def metrics_of(
    report: StoreReport,
    workers: Sequence[WorkerHeartbeat],
    all_limits: Sequence[SiteLimit],
    free: Mapping[str, int],
    damaged: int,
    undecoded: int,
    now: datetime,
) -> Iterator[Metric]:
    """Yield all metrics.

    ``workers`` are those alive, ``free`` the free bytes by folder, ``damaged`` counts the posts
    with damaged files, ``undecoded`` those that are still to be decoded, ``now`` is the time on the
    clock of the site limits.
    """
    oldest = report.oldest_queued_at
    age_s = 0.0 if oldest is None else max(0.0, (report.at - oldest).total_seconds())
    leaving = sum(worker.draining for worker in workers)
    yield _gauge("info", "This vault.", [({"version": __version__, "store": report.engine}, 1)])
    yield _gauge("jobs", "Jobs by state.", [({"status": s}, n) for s, n in report.counts.items()])
    waiting: Samples = [
        ({"platform": name}, count) for name, count in sorted(report.waiting.items())
    ]
    yield _gauge("jobs_waiting", "Jobs that are queued or wait for their next try.", waiting)
    yield _gauge("queue_age_seconds", "Age of the oldest queued job, 0 without one.", [({}, age_s)])
    states: Samples = [
        ({"state": "working"}, len(workers) - leaving),
        ({"state": "leaving"}, leaving),
    ]
    yield _gauge("workers", "Workers seen within 90 seconds.", states)
    yield from _worker_metrics(workers)
    closed: Samples = [
        ({"platform": limits.platform}, limits.state(now) is not SiteState.OPEN)
        for limits in all_limits
    ]
    yield _gauge("site_closed", "1 while a site is left alone.", closed)
    yield _gauge(
        "damaged_posts", "Posts with a file that a check found damaged or missing.", [({}, damaged)]
    )
    text = "Saved posts of which not every picture has been decoded yet."
    yield _gauge("undecoded_posts", text, [({}, undecoded)])
    yield _gauge(
        "disk_free_bytes", "Free space.", [({"folder": folder}, n) for folder, n in free.items()]
    )


def _worker_metrics(workers: Sequence[WorkerHeartbeat]) -> Iterator[Metric]:
    """Each worker counts since it started and is reported under its id,
    so that no counter ever decreases.
    """
    labelled = [(worker, {"host": worker.host, "worker": str(worker.worker)}) for worker in workers]
    running: Samples = [(labels, worker.running_jobs) for worker, labels in labelled]
    yield _gauge("running_attempts", "Attempts under way.", running)
    for counted, name, text in (
        ("claimed", "claims", "Jobs that a worker took."),
        ("completed", "completions", "Attempts that saved all of their post."),
        ("given_back", "releases", "Attempts that gave their job back without a result."),
    ):
        yield _counter(
            name, text, [(labels, worker.tally.get(counted, 0)) for worker, labels in labelled]
        )
    failures: Samples = [
        ({**labels, "code": counted.removeprefix("failed:")}, count)
        for worker, labels in labelled
        for counted, count in sorted(worker.tally.items())
        if counted.startswith("failed:")
    ]
    yield _counter("failures", "Attempts that failed, by code.", failures)


def _gauge(name: str, text: str, samples: Samples) -> Metric:
    return _filled(GaugeMetricFamily(f"mediavault_{name}", text), f"mediavault_{name}", samples)


def _counter(name: str, text: str, samples: Samples) -> Metric:
    return _filled(
        CounterMetricFamily(f"mediavault_{name}", text), f"mediavault_{name}_total", samples
    )


def _filled(metric: Metric, sample_name: str, samples: Samples) -> Metric:
    for labels, value in samples:
        metric.add_sample(sample_name, dict(labels), value)
    return metric


def _free_bytes(folders: Mapping[str, Path]) -> dict[str, int]:
    """Return the free bytes of each folder's disk; folders that do not exist are left out."""
    free = {}
    for name, folder in folders.items():
        with suppress(OSError):
            free[name] = shutil.disk_usage(folder).free
    return free


@router.get("/metrics", response_class=PlainTextResponse, responses=errors(401, 503))
async def metrics(request: Request) -> Response:
    """Return jobs by state, queue age, workers and their counters, site limits, free space;
    at most ten seconds old.
    """
    measurements: Measurements = request.app.state.measurements
    snapshot = await measurements.snapshot()
    # not prometheus_client's choose_encoder: it raises TypeError for a version that is not a number
    if OPENMETRICS in request.headers.get("accept", ""):
        text: bytes = openmetrics.generate_latest(snapshot)  # type: ignore[no-untyped-call]
        return Response(text, media_type=openmetrics.CONTENT_TYPE_LATEST)
    return Response(generate_latest(snapshot), media_type=CONTENT_TYPE_PLAIN_0_0_4)
