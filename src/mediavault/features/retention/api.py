"""``/api/retention``: the rules for deleting saved posts, and the posts that they list."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from mediavault.api.dependencies import RetentionDep, errors
from mediavault.features.retention.service import (
    RetentionRuleRequest,
    RetentionRuleView,
    RetentionView,
)
from mediavault.presentation.record_models import given

MOST_SHOWN = 200

router = APIRouter(prefix="/api/retention", tags=["retention"])

RuleKey = Annotated[str, Path(max_length=64, description="A source's id, or `vault`.")]
Limit = Annotated[int, Query(ge=0, le=MOST_SHOWN, description="At most this many posts.")]
CHANGES = errors(401, 403, 404, 415, 503)


@router.get("", response_model=RetentionView, responses=errors(401, 403, 503))
async def index(rules: RetentionDep, limit: Limit = 50) -> RetentionView:
    """Return the rules, and the posts that can be deleted under them, in the order in which they
    were saved. Changes nothing.
    """
    return await rules.view(limit=limit)


@router.put("/rules/{key}", response_model=RetentionRuleView, responses=CHANGES)
async def put(key: RuleKey, body: RetentionRuleRequest, rules: RetentionDep) -> RetentionRuleView:
    """Set the rule of a source, or of the vault. It only lists posts unless ``is_on``."""
    return await rules.set(key, given(body))


@router.delete("/rules/{key}", status_code=204, responses=CHANGES)
async def remove(key: RuleKey, rules: RetentionDep) -> None:
    """Remove the rule of a source, whose posts then follow the vault's rule,
    or the rule of the vault.
    """
    await rules.remove(key)


@router.post("/check", response_model=RetentionView, responses=errors(401, 403, 415, 503))
async def check(rules: RetentionDep) -> RetentionView:
    """Let a worker update the list. It also does so when a rule changes, and every six hours."""
    await rules.check()
    return await rules.view(limit=0)
