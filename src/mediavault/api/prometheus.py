"""A vault in numbers, in the text format that Prometheus reads (version 0.0.4). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from mediavault import __version__
from mediavault.core.gates import Gate, GateState
from mediavault.core.job import WorkerBeat
from mediavault.store.port import StoreReport

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_ESCAPED = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})

Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Metric:
    """``kind``: gauge or counter. Without a sample it is not told."""

    name: str
    kind: str
    help: str
    samples: Sequence[tuple[Labels, float]] = field(default_factory=list)


def exposition(metrics: Iterable[Metric]) -> str:
    return "".join(f"{line}\n" for metric in metrics if metric.samples for line in _lines(metric))


def _lines(metric: Metric) -> Iterator[str]:
    yield f"# HELP {metric.name} {metric.help}"
    yield f"# TYPE {metric.name} {metric.kind}"
    for labels, value in metric.samples:
        told = ",".join(f'{name}="{text.translate(_ESCAPED)}"' for name, text in labels.items())
        yield f"{metric.name}{{{told}}} {value:.17g}" if told else f"{metric.name} {value:.17g}"


def metrics_of(
    report: StoreReport, workers: Sequence[WorkerBeat], gates: Sequence[Gate], free: Mapping[str, int], now: datetime
) -> Iterator[Metric]:
    """``workers``: those alive. ``free``: bytes by what lies on that disk. ``now``: as gates tell the time."""
    oldest = report.oldest_queued_at
    age_s = 0.0 if oldest is None else max(0.0, (report.at - oldest).total_seconds())
    leaving = sum(one.draining for one in workers)
    yield Metric("mediavault_info", "gauge", "This vault.", [({"version": __version__, "store": report.engine}, 1)])
    yield Metric("mediavault_jobs", "gauge", "Jobs by state.", [({"status": s}, n) for s, n in report.counts.items()])
    waiting = [({"platform": name}, count) for name, count in sorted(report.waiting.items())]
    yield Metric("mediavault_jobs_waiting", "gauge", "Jobs that are queued or wait for their next try.", waiting)
    yield Metric("mediavault_queue_age_seconds", "gauge", "Age of the oldest queued job, 0 without one.", [({}, age_s)])
    states = [({"state": "working"}, len(workers) - leaving), ({"state": "leaving"}, leaving)]
    yield Metric("mediavault_workers", "gauge", "Workers seen within 90 seconds.", states)
    yield from _of_workers(workers)
    closed = [({"platform": gate.platform}, gate.state(now) is not GateState.OPEN) for gate in gates]
    yield Metric("mediavault_gate_closed", "gauge", "1 while a site is left alone.", closed)
    yield Metric("mediavault_disk_free_bytes", "gauge", "Free space.", [({"folder": f}, n) for f, n in free.items()])


def _of_workers(workers: Sequence[WorkerBeat]) -> Iterator[Metric]:
    """Each counts since it began and is told under its own id, so that no counter ever shrinks."""
    named = [(one, {"host": one.host, "worker": str(one.worker)}) for one in workers]
    yield Metric("mediavault_running_attempts", "gauge", "Attempts under way.", [(n, w.running_jobs) for w, n in named])
    for counted, name, told in (
        ("claimed", "mediavault_claims_total", "Jobs that a worker took."),
        ("completed", "mediavault_completions_total", "Attempts that kept all of their post."),
        ("given_back", "mediavault_releases_total", "Attempts that gave their job back without a verdict."),
    ):
        yield Metric(name, "counter", told, [(labels, one.tally.get(counted, 0)) for one, labels in named])
    failures = [
        ({**labels, "code": counted.removeprefix("failed:")}, count)
        for one, labels in named
        for counted, count in sorted(one.tally.items())
        if counted.startswith("failed:")
    ]
    yield Metric("mediavault_failures_total", "counter", "Attempts that failed, by what happened.", failures)
