"""The vault's metrics, as Prometheus reads them."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from prometheus_client import generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from mediavault.api.health import FRESH_FOR_S, MetricsSnapshot
from mediavault.core.failures import ErrorCode
from mediavault.store.port import StoreReport
from tests.http_vault import ApiVault

SAMPLE = re.compile(r"([a-z_]+)(?:\{(.*)\})? (\S+)")


async def numbers(vault: ApiVault) -> dict[str, float]:
    """Return each sample's value by its name and labels as written."""
    answer = await vault.client.get("/metrics")
    assert (answer.status, answer.headers["content-type"]) == (
        200,
        "text/plain; version=0.0.4; charset=utf-8",
    )
    lines = [line for line in answer.text.splitlines() if not line.startswith("# ")]
    assert all(SAMPLE.fullmatch(line) for line in lines)
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}


async def test_a_scrape_reports_jobs_workers_site_limits_and_disks(vault: ApiVault) -> None:
    await vault.add_saved("https://www.reddit.com/comments/abc/")
    await vault.add()
    await vault.add_failed("https://www.reddit.com/comments/def/")
    await vault.store.site_limits.pause_site(
        "x", duration=timedelta(hours=1), code=ErrorCode.RATE_LIMITED, reason="slow down"
    )
    await vault.beat(
        running_jobs=2, tally={"claimed": 9, "completed": 4, "failed:NETWORK": 3, "given_back": 1}
    )
    vault.clock.advance(30)
    metrics = await numbers(vault)

    worker = 'host="host",worker="w-1"'
    expected = {
        'mediavault_jobs{status="queued"}': 1,
        'mediavault_jobs{status="failed"}': 1,
        'mediavault_jobs{status="completed"}': 1,
        "mediavault_queue_age_seconds": 30,
        "mediavault_damaged_posts": 0,
        "mediavault_undecoded_posts": 1,
        'mediavault_workers{state="working"}': 1,
        'mediavault_workers{state="leaving"}': 0,
        'mediavault_site_closed{platform="x"}': 1,
        f"mediavault_running_attempts{{{worker}}}": 2,
        f"mediavault_claims_total{{{worker}}}": 9,
        f"mediavault_completions_total{{{worker}}}": 4,
        f"mediavault_releases_total{{{worker}}}": 1,
        f'mediavault_failures_total{{code="NETWORK",{worker}}}': 3,
    }
    assert {name: metrics.get(name) for name in expected} == expected
    assert metrics['mediavault_disk_free_bytes{folder="downloads"}'] > 0


async def test_the_store_is_queried_at_most_every_ten_seconds(
    vault: ApiVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    queries, report = [], vault.store.catalogue.report

    async def counted() -> StoreReport:
        queries.append(vault.clock.now())
        return await report()

    monkeypatch.setattr(vault.store.catalogue, "report", counted)
    for _ in range(5):
        await vault.client.get("/metrics")
    before = len(queries)
    vault.clock.advance(FRESH_FOR_S)
    await vault.client.get("/metrics")

    assert (before, len(queries)) == (1, 2)


async def test_metrics_need_the_token(make_vault: object) -> None:
    vault: ApiVault = make_vault(token="a-long-secret-token")  # type: ignore[operator]
    without = await vault.client.get("/metrics")
    with_it = await vault.client.get("/metrics", authorization="Bearer a-long-secret-token")

    assert (without.status, with_it.status) == (401, 200)


async def test_openmetrics_is_written_on_request(vault: ApiVault) -> None:
    await vault.beat(tally={"claimed": 9})
    answer = await vault.client.get("/metrics", accept="application/openmetrics-text;version=none")
    families = {family.name: family for family in text_string_to_metric_families(answer.text)}  # type: ignore[no-untyped-call]

    assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert [(sample.name, sample.value) for sample in families["mediavault_claims"].samples] == [
        ("mediavault_claims_total", 9.0)
    ]


async def test_the_names_and_types_of_metrics_do_not_change(vault: ApiVault) -> None:
    """Dashboards and alerts refer to them."""
    await vault.add()
    await vault.store.site_limits.pause_site(
        "x", duration=timedelta(hours=1), code=ErrorCode.RATE_LIMITED, reason="slow down"
    )
    await vault.beat(tally={"failed:NETWORK": 1})
    lines = (await vault.client.get("/metrics")).text.splitlines()

    assert {tuple(line.split()[2:]) for line in lines if line.startswith("# TYPE")} == {
        ("mediavault_info", "gauge"),
        ("mediavault_jobs", "gauge"),
        ("mediavault_jobs_waiting", "gauge"),
        ("mediavault_queue_age_seconds", "gauge"),
        ("mediavault_workers", "gauge"),
        ("mediavault_running_attempts", "gauge"),
        ("mediavault_claims_total", "counter"),
        ("mediavault_completions_total", "counter"),
        ("mediavault_releases_total", "counter"),
        ("mediavault_failures_total", "counter"),
        ("mediavault_site_closed", "gauge"),
        ("mediavault_damaged_posts", "gauge"),
        ("mediavault_undecoded_posts", "gauge"),
        ("mediavault_disk_free_bytes", "gauge"),
    }


def test_a_label_is_escaped_and_a_metric_without_a_sample_is_left_out() -> None:
    odd = CounterMetricFamily("a", "Odd.", labels=["host"])
    odd.add_metric(['a"b\\c\nd'], 1.5)

    assert generate_latest(MetricsSnapshot([odd, GaugeMetricFamily("b", "Nothing.")])).decode() == (
        '# HELP a_total Odd.\n# TYPE a_total counter\na_total{host="a\\"b\\\\c\\nd"} 1.5\n'
    )
