"""The doctor's look at sites whose posts are not understood any more."""

from __future__ import annotations

from datetime import timedelta

from mediavault.commands.site_checks import check_sites, failed_jobs, not_understood
from mediavault.commands.verdicts import Verdict
from mediavault.core.errors import ErrorCode
from mediavault.core.job import WorkerId
from mediavault.store.memory import MemoryJobStore
from tests.fakes import FakeClock
from tests.stubs import new_job


async def test_posts_of_a_site_that_could_not_be_read_lately_are_counted() -> None:
    clock = FakeClock()
    store = MemoryJobStore(clock)
    await store.open()
    codes = [ErrorCode.EXTRACTOR_BROKEN] * 3 + [ErrorCode.NETWORK, ErrorCode.EXTRACTOR_BROKEN]
    sites = ["generic"] * 4 + ["mastodon"]
    await store.enqueue([new_job(f"https://v.example/{n}", clock=clock, platform=site) for n, site in enumerate(sites)])
    claims = await store.claim(WorkerId("w-1"), limit=5, lease=timedelta(seconds=90))
    for claim, code in zip(claims, codes, strict=True):
        await store.fail(claim, error_code=code, error="", retry_in=None)
    jobs = await failed_jobs(store)

    assert not_understood(jobs, now=clock.now()) == {"generic": 3, "mastodon": 1}
    assert not_understood(jobs, now=clock.now() + timedelta(days=8)) == {}


def test_three_posts_of_a_site_suggest_an_upgrade_and_two_do_not() -> None:
    many = check_sites({"x": 2, "vimeo": 3})

    assert (many.verdict, "vimeo (3 posts)" in many.detail, "x (2" in many.detail) == (Verdict.WARNING, True, False)
    assert "--upgrade-ytdlp" in many.help
    assert check_sites({"x": 2}).verdict is Verdict.OK
