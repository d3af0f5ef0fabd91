"""What users do with retention: see what can be deleted, set and remove rules. API,
pages and command line call this.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from mediavault.core.clock import Clock, local
from mediavault.core.job import Job, JobId
from mediavault.features.retention.model import (
    NOTICE,
    WHOLE_VAULT,
    Proposal,
    RetentionPlan,
    RetentionRule,
    Why,
)
from mediavault.features.retention.records import (
    digest_of,
    make_plan,
    make_plan_soon,
    may_go_still,
    read_plan,
    retention_rules,
    set_rule,
)
from mediavault.presentation.record_models import changes_of, view_of
from mediavault.presentation.schemas import JobView
from mediavault.presentation.views import job_view
from mediavault.store.port import Store


class RetentionRuleRequest(changes_of(RetentionRule)):  # type: ignore[misc]
    """When posts can be deleted: see :class:`~mediavault.features.retention.model.RetentionRule`.
    Without conditions everything is kept.
    """


class RetentionRuleView(view_of(RetentionRule)):  # type: ignore[misc]
    """A rule. ``key`` is the source to whose posts it applies, or "vault"."""

    key: str


class ProposalView(BaseModel):
    """A post that can be deleted, and why. ``rules`` are the rules that list it, ``since`` when it
    was first listed. ``moves_at``: the earliest time at which it is moved to the trash; null while
    a rule is not switched on.
    """

    job: JobView
    why: Why
    rules: list[str]
    bytes: int
    since: datetime
    moves_at: datetime | None


class RetentionView(BaseModel):
    """The retention rules and what can be deleted: ``posts`` are the first of ``count`` posts with
    ``bytes`` in all.

    ``made_at`` is null until a worker has listed them for these rules. No posts of the ``doubtful``
    sources are deleted, since their last answer can't be trusted. ``moved_today`` is how many posts
    were moved to the trash today.
    """

    rules: list[RetentionRuleView]
    made_at: datetime | None
    count: int
    bytes: int
    posts: list[ProposalView]
    doubtful: list[str]
    moved_today: int


@dataclass(frozen=True, slots=True)
class RetentionRules:
    """The retention rules of a vault. ``key`` is a source's id or ``vault``;
    an unknown one raises NotFound.
    """

    store: Store
    clock: Clock

    async def view(self, *, limit: int) -> RetentionView:
        """Return the rules and what a worker has listed,
        with the first ``limit`` posts that can still be deleted.
        """
        rules, stored = (
            await retention_rules(self.store.records),
            await read_plan(self.store.records),
        )
        plan = stored.plan
        is_of_these = plan is not None and plan.rules == digest_of(rules)
        return await self._view(rules, plan if is_of_these else None, limit)

    async def view_now(self, free_bytes: int | None, *, limit: int) -> RetentionView:
        """Return the same, listed now instead of by a worker.
        ``free_bytes`` are those of the library's disk.
        """
        rules, before = (
            await retention_rules(self.store.records),
            (await read_plan(self.store.records)).plan,
        )
        plan = await make_plan(self.store, rules, self.clock, free_bytes, before=before)
        return await self._view(rules, plan, limit)

    async def set(self, key: str, settings: Mapping[str, Any]) -> RetentionRuleView:
        """Set the rule of a source, or of the vault. ``settings`` are its fields by name.
        Raises BadInput for a bad value.
        """
        rule = RetentionRule(**settings)
        await set_rule(self.store, key, rule)
        return rule_view(key, rule)

    async def remove(self, key: str) -> None:
        """Remove the rule of a source, whose posts then follow the vault's rule,
        or the rule of the vault.
        """
        await set_rule(self.store, key, None)

    async def check(self) -> None:
        """Let a worker update the list."""
        await make_plan_soon(self.store.records)

    async def proposal_of(self, job_id: JobId) -> ProposalView | None:
        """Return why a post can be deleted; None if no rule lists it, or it stays after all."""
        plan = (await read_plan(self.store.records)).plan
        proposal = (
            next((entry for entry in plan.listed if entry.job_id == job_id), None) if plan else None
        )
        if proposal is None:
            return None
        still = await may_go_still(self.store, [proposal], self.clock.now())
        return proposal_view(proposal, still[job_id]) if job_id in still else None

    async def _view(
        self, rules: Mapping[str, RetentionRule], plan: RetentionPlan | None, limit: int
    ) -> RetentionView:
        now = self.clock.now()
        jobs = await may_go_still(self.store, plan.listed[:limit], now) if plan else {}
        return retention_view(rules, plan, jobs, today=local(now).date().isoformat())


def rule_view(key: str, rule: RetentionRule) -> RetentionRuleView:
    return RetentionRuleView(key=key, **asdict(rule))


def proposal_view(proposal: Proposal, job: Job) -> ProposalView:
    return ProposalView(
        job=job_view(job),
        why=proposal.why,
        rules=list(proposal.rules),
        bytes=proposal.bytes,
        since=proposal.since,
        moves_at=proposal.since + NOTICE if proposal.is_on else None,
    )


def retention_view(
    rules: Mapping[str, RetentionRule],
    plan: RetentionPlan | None,
    jobs: Mapping[JobId, Job],
    *,
    today: str,
) -> RetentionView:
    """Return rules and plan; ``jobs`` are those of the proposals that are shown.
    The vault's rule comes first.
    """
    ordered = sorted(rules.items(), key=lambda item: (item[0] != WHOLE_VAULT, item[0]))
    return RetentionView(
        rules=[rule_view(key, rule) for key, rule in ordered],
        made_at=plan.made_at if plan else None,
        count=plan.count if plan else 0,
        bytes=plan.bytes if plan else 0,
        posts=[
            proposal_view(entry, jobs[entry.job_id])
            for entry in plan.listed
            if entry.job_id in jobs
        ]
        if plan
        else [],
        doubtful=list(plan.doubtful) if plan else [],
        moved_today=plan.moved_today(today) if plan else 0,
    )
