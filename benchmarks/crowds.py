"""How much slower claims, pages and responses are with a crowd:
``python -m benchmarks.crowds [--jobs 100000]``.

The ratios are to the same figures without the crowd, in the same run. A missed aim is reported; the
exit code stays 0.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.component.server import test_slow_clients as slow_clients
from tests.faults import test_crowds as queued
from tests.faults import test_listeners as listening
from tests.faults.api_process import api_of
from tests.faults.vault_on_disk import VaultOnDisk

STARTS = 3
CALM_S = 5.0
LISTENERS, STALLED, NEWS_EVERY_S = 150, 30, 0.1
AIMS = {"claim": 1.5, "page": 3.0, "start": 1.2, "slow clients": 5.0, "listeners": 5.0}


def report(kind: str, what: str, ratio: float) -> None:
    verdict = "" if ratio <= AIMS[kind] else "  missed"
    print(f"{what:<78} {ratio:6.2f} x   aim {AIMS[kind]:.1f} x{verdict}", flush=True)


async def starts_s(vaults: Sequence[VaultOnDisk]) -> list[float]:
    """Return the seconds that the API of each vault takes until it listens:
    the shortest of a few, measured in turn.
    """
    took: list[list[float]] = [[] for _ in vaults]
    for _ in range(STARTS):
        for vault, times in zip(vaults, took, strict=True):
            began = time.monotonic()
            async with api_of(vault):
                times.append(time.monotonic() - began)
    return [min(times) for times in took]


async def among_queued_jobs(root: Path, store: str, jobs: int) -> None:
    vaults, costs = [], []
    for count in (queued.FEW, jobs):
        folder = root / str(count)
        folder.mkdir(parents=True)
        vaults.append(VaultOnDisk(folder, store_url=queued.STORES[store](folder)))
        await queued.queue_up(vaults[-1], count)
        costs.append(await queued.costs_s(vaults[-1]))
    few, many = costs
    for what, cost in few.items():
        report(
            "claim" if what == "claim" else "page",
            f"{store}, {what} among {jobs:,} queued jobs",
            many[what] / cost,
        )
    few_s, many_s = await starts_s(vaults)
    report("start", f"{store}, the API's start", many_s / few_s)


async def among_slow_clients(root: Path) -> None:
    for way, pieces in slow_clients.WAYS.items():
        async with slow_clients.vault(root / way) as address:
            alone = await slow_clients.answers(address, lambda _: None)
            crowd = [
                asyncio.create_task(slow_clients.be_slow(address, *pieces))
                for _ in range(slow_clients.SLOW_ONES)
            ]
            await asyncio.sleep(slow_clients.AGAIN_S)
            crowded = await slow_clients.answers(address, lambda _: None)
            for client in crowd:
                client.cancel()
            await asyncio.gather(*crowd, return_exceptions=True)
        report(
            "slow clients",
            f"an answer among {slow_clients.SLOW_ONES} slow clients: {way}",
            crowded / alone,
        )


async def among_listeners(root: Path) -> None:
    vault = VaultOnDisk(root)
    async with vault.store() as store, api_of(vault) as api:
        alone = await listening.ask_until(asyncio.ensure_future(asyncio.sleep(CALM_S)), api)
        async with listening.crowd(api, LISTENERS, STALLED) as listeners:
            await listening.read_report(listeners)
            news = asyncio.create_task(listening.make_news(store, NEWS_EVERY_S))
            crowded = await listening.ask_until(news, api)
            await news
    report(
        "listeners",
        f"an answer among {LISTENERS} listeners, {STALLED} of them stalled",
        crowded / alone,
    )


async def main(jobs: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        for store in ("sqlite", "postgres"):
            await among_queued_jobs(root / store, store, jobs)
        await among_slow_clients(root / "slow")
        await among_listeners(root / "listeners")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=100_000)
    asyncio.run(main(parser.parse_args().jobs))
