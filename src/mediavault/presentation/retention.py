"""Retention as the API, the pages and the command line show it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from mediavault.core.job import Job, JobId
from mediavault.core.retention import NOTICE, WHOLE_VAULT, Proposal, RetentionPlan, RetentionRule
from mediavault.presentation.schemas import ProposalView, RetentionRuleView, RetentionView
from mediavault.presentation.views import job_view


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
    rules: Mapping[str, RetentionRule], plan: RetentionPlan | None, jobs: Mapping[JobId, Job], *, today: str
) -> RetentionView:
    """Return rules and plan; ``jobs`` are those of the proposals that are shown. The vault's rule comes first."""
    ordered = sorted(rules.items(), key=lambda item: (item[0] != WHOLE_VAULT, item[0]))
    is_made = plan is not None and plan.made_by is None
    return RetentionView(
        rules=[rule_view(key, rule) for key, rule in ordered],
        made_at=plan.made_at if plan and is_made else None,
        count=plan.count if plan else 0,
        bytes=plan.bytes if plan else 0,
        posts=[proposal_view(one, jobs[one.job_id]) for one in plan.listed if one.job_id in jobs] if plan else [],
        doubtful=list(plan.doubtful) if plan else [],
        moved_today=plan.moved_today(today) if plan else 0,
    )
