"""Lists the posts that can be deleted under the retention rules, and moves them to the trash if a
rule is switched on.

One worker makes the list and one moves a post at a time: each step first replaces the stored plan,
which fails when another was faster. A kill between that and the move leaves the post in the
library, and the next plan lists it again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from mediavault.core.clock import Clock, local
from mediavault.core.failures import JobNotFound
from mediavault.core.logs import get_logger
from mediavault.features.retention.model import WHOLE_VAULT, RetentionPlan, RetentionRule, to_move
from mediavault.features.retention.records import (
    StoredPlan,
    digest_of,
    forget_plan,
    make_plan,
    may_go_still,
    put_plan,
    read_plan,
    retention_rules,
)
from mediavault.library.port import Library
from mediavault.store.port import Store
from mediavault.store.trash import PathsOf, move_to_trash, retention_batch

ROUND_S = 15.0
EVERY = timedelta(hours=6)
MADE_WITHIN = timedelta(minutes=15)

log = get_logger(__name__)

FreeBytes = Callable[[], Awaitable[int | None]]


@dataclass(frozen=True, slots=True)
class Retention:
    """The retention of one worker.

    ``paths_of`` names the files of a post. ``free_bytes`` tells the free space of the library's
    disk, None where it has none.
    """

    store: Store
    library: Library
    clock: Clock
    paths_of: PathsOf
    free_bytes: FreeBytes

    async def round(self) -> None:
        """Make the plan if it is due, then move the posts that are due.
        Raises StoreError, StorageFailure.
        """
        records, now = self.store.records, self.clock.now()
        rules, stored = await retention_rules(records), await read_plan(records)
        if all(rule.is_empty for rule in rules.values()):
            if stored.value is not None:
                await forget_plan(records)
            return
        plan = stored.plan
        if plan is not None and plan.made_by is not None and plan.made_by > now:
            return  # another worker makes the next one
        if plan is None or plan.rules != digest_of(rules) or now - plan.made_at >= EVERY:
            begun = replace(plan or RetentionPlan(made_at=now), made_by=now + MADE_WITHIN)
            if (held := await put_plan(records, begun, before=stored)) is None:
                return
            made = await make_plan(
                self.store, rules, self.clock, await self.free_bytes(), before=plan
            )
            if (renewed := await put_plan(records, made, before=held)) is None:
                return
            stored = renewed
        await self._move(stored)

    async def _move(self, stored: StoredPlan) -> None:
        now, plan = self.clock.now(), stored.plan
        # again: making the plan may have taken minutes
        rules = await retention_rules(self.store.records)
        if plan is None or plan.rules != digest_of(rules):
            return
        most = rules.get(WHOLE_VAULT, RetentionRule()).most_a_day
        today = local(now).date().isoformat()
        due = to_move(plan, most_a_day=most, today=today, now=now)
        if not due:
            return
        await self.library.check_identity()
        still = await may_go_still(self.store, due, now)
        batch = retention_batch()
        for proposal in due:
            assert stored.plan is not None
            if (
                taken := await put_plan(
                    self.store.records, stored.plan.without(proposal, today), before=stored
                )
            ) is None:
                return
            stored = taken
            if proposal.job_id not in still:
                continue
            try:
                job = await move_to_trash(
                    self.store,
                    self.library,
                    self.clock,
                    proposal.job_id,
                    self.paths_of,
                    batch=batch,
                )
            except JobNotFound:
                continue
            log.info(
                "retention_moved",
                job_id=job.id,
                trace_id=job.trace_id,
                why=proposal.why,
                rules=list(proposal.rules),
            )
