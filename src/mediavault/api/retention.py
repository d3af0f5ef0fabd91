"""``/api/retention``: the rules for deleting saved posts, and the posts that they list."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from mediavault.api.dependencies import Services, errors
from mediavault.core.clock import local
from mediavault.core.retention import RetentionRule
from mediavault.presentation.retention import retention_view, rule_view
from mediavault.presentation.schemas import RetentionRuleRequest, RetentionRuleView, RetentionView
from mediavault.server.services import ApiServices
from mediavault.store.retention import make_plan_soon, may_go_still, read_plan, retention_rules, set_rule

MOST_SHOWN = 200

router = APIRouter(prefix="/api/retention", tags=["retention"])

RuleKey = Annotated[str, Path(max_length=64, description="A source's id, or `vault`.")]
Limit = Annotated[int, Query(ge=0, le=MOST_SHOWN, description="At most this many posts.")]
CHANGES = errors(401, 403, 404, 415, 503)


@router.get("", response_model=RetentionView, responses=errors(401, 403, 503))
async def index(services: Services, limit: Limit = 50) -> RetentionView:
    """Return the rules, and the posts that can be deleted under them, in the order in which they were saved. Changes nothing."""
    return await current_retention(services, limit=limit)


@router.put("/rules/{key}", response_model=RetentionRuleView, responses=CHANGES)
async def put(key: RuleKey, body: RetentionRuleRequest, services: Services) -> RetentionRuleView:
    """Set the rule of a source, or of the vault. It only lists posts unless ``is_on``."""
    rule = RetentionRule(**body.model_dump())
    await set_rule(services.store, key, rule)
    return rule_view(key, rule)


@router.delete("/rules/{key}", status_code=204, responses=CHANGES)
async def remove(key: RuleKey, services: Services) -> None:
    """Remove the rule of a source, whose posts then follow the vault's rule, or the rule of the vault."""
    await set_rule(services.store, key, None)


@router.post("/check", response_model=RetentionView, responses=errors(401, 403, 415, 503))
async def check(services: Services) -> RetentionView:
    """Let a worker update the list. It also does so when a rule changes, and every six hours."""
    await make_plan_soon(services.store.records)
    return await current_retention(services, limit=0)


async def current_retention(services: ApiServices, *, limit: int) -> RetentionView:
    """Return the rules and the plan, with the first ``limit`` posts that can still be deleted."""
    records, now = services.store.records, services.clock.now()
    plan = (await read_plan(records)).plan
    jobs = await may_go_still(services.store, plan.listed[:limit], now) if plan else {}
    return retention_view(await retention_rules(records), plan, jobs, today=local(now).date().isoformat())
