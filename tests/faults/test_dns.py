"""Name servers that deny, fail, are silent or change their answers: the job says so,
is retried and succeeds.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mediavault.core.clock import SystemClock
from mediavault.core.failures import ErrorCode
from mediavault.core.job import HistoryRecord, Job, JobStatus, Stage
from tests.faults.dns_worker import POST
from tests.faults.vault_on_disk import VaultOnDisk, all_completed, end
from tests.stubs import new_job

QUICK, USUAL = "options timeout:1 attempts:1", "options timeout:5 attempts:2"

# As root in its own network and mount namespace: this machine's resolver is not touched.
_ALONE = 'ip link set lo up && mount --bind "$1" /etc/resolv.conf && shift && exec "$@"'


@contextmanager
def worker(vault: VaultOnDisk, options: str = QUICK) -> Iterator[None]:
    resolv_conf = vault.root / "resolv.conf"
    resolv_conf.write_text(f"nameserver 127.0.0.1\n{options}\n")
    command = [
        sys.executable,
        "-m",
        "tests.faults.dns_worker",
        vault.store_url,
        str(vault.state),
        str(vault.downloads),
    ]
    with vault.log.open("ab") as log:
        process = subprocess.Popen(
            ["unshare", "--net", "--mount", "sh", "-c", _ALONE, "sh", str(resolv_conf), *command],
            stderr=log,
        )
    try:
        yield
    finally:
        end(process)


@pytest.fixture
def vault(tmp_path: Path) -> VaultOnDisk:
    return VaultOnDisk(tmp_path)


def name_server(vault: VaultOnDisk, mode: str) -> None:
    draft = vault.state / "dns.draft"
    draft.write_text(mode)
    draft.replace(vault.state / "dns")


async def accept(vault: VaultOnDisk) -> None:
    async with vault.store() as store:
        await store.queue.enqueue([new_job(POST, clock=SystemClock())])


async def history(vault: VaultOnDisk) -> list[HistoryRecord]:
    (job,) = await vault.jobs()
    async with vault.store() as store:
        return list(await store.catalogue.history(job.id))


def failed_and_tried_again(jobs: list[Job]) -> bool:
    return jobs[0].status is JobStatus.FAILED and jobs[0].retry_at is not None


async def comes_through(vault: VaultOnDisk, mode: str, *, options: str, within_s: float) -> None:
    name_server(vault, mode)
    await accept(vault)
    with worker(vault, options):
        (failed,) = await vault.until(failed_and_tried_again, within_s=within_s)
        name_server(vault, "answers")
        jobs = await vault.until(all_completed, within_s=30)
        await vault.until_swept()
    records = await history(vault)
    ends = [
        (record.stage, record.error_code)
        for record in records
        if record.stage in (Stage.FAIL, Stage.COMPLETE)
    ]

    assert failed.error_code is ErrorCode.NETWORK
    assert "videos.test" in str([record.detail for record in records])
    assert ends == [*[(Stage.FAIL, ErrorCode.NETWORK)] * (len(ends) - 1), (Stage.COMPLETE, None)]
    assert jobs[0].attempt_count == len(ends) <= jobs[0].max_attempts
    assert vault.complaints(jobs, accepted=1) == []


@pytest.mark.fault("F38", "DNS that fails", by="a stub name server in a network namespace")
@pytest.mark.parametrize("mode", ["nxdomain", "servfail", "silent", "ipv6 without a route"])
async def test_a_name_that_does_not_resolve_is_a_network_failure_until_it_does(
    vault: VaultOnDisk, mode: str
) -> None:
    await comes_through(vault, mode, options=QUICK, within_s=30)


@pytest.mark.fault(
    "F38", "DNS that is silent for 10 s", by="a stub name server, the resolver's own patience"
)
@pytest.mark.long
async def test_a_name_server_that_does_not_answer_for_ten_seconds_is_a_network_failure(
    vault: VaultOnDisk,
) -> None:
    await comes_through(vault, "silent", options=USUAL, within_s=110)


@pytest.mark.fault(
    "F38", "DNS that flaps; a name with IPv6 alone", by="a stub name server in a network namespace"
)
@pytest.mark.parametrize("mode", ["flapping", "ipv6"])
async def test_a_name_that_resolves_only_at_times_or_only_to_ipv6_is_enough(
    vault: VaultOnDisk, mode: str
) -> None:
    name_server(vault, mode)
    await accept(vault)
    with worker(vault):
        jobs = await vault.until(all_completed, within_s=60)
        await vault.until_swept()

    fails = {record.error_code for record in await history(vault) if record.stage is Stage.FAIL}
    assert fails <= {ErrorCode.NETWORK}
    assert vault.complaints(jobs, accepted=1) == []
