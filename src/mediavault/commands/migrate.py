"""``migrate``: bring the database up to this version's schema."""

from __future__ import annotations

import asyncio

from mediavault.commands.options import AsJson


def migrate(*, as_json: AsJson = False) -> None:
    """Apply pending migrations and say what the database is."""
    from mediavault.commands.house import house
    from mediavault.commands.jobs import quiet_settings
    from mediavault.commands.output import out, print_json
    from mediavault.store.port import StoreReport

    async def open_and_report() -> StoreReport:
        async with house().open_store(quiet_settings()) as store:  # opening migrates
            return await store.report()

    report = asyncio.run(open_and_report())
    if as_json:
        print_json({"engine": report.engine, "schema_version": report.schema_version, "counts": dict(report.counts)})
    else:
        out().print(f"{report.engine}: schema {report.schema_version}, {sum(report.counts.values())} jobs.")
