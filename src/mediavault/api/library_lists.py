"""The library over HTTP besides its jobs: ``GET /api/accounts`` and ``GET /api/totals``."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from mediavault.api.dependencies import Services, errors
from mediavault.api.schemas import AccountListRequest, AccountPageView, TotalsView
from mediavault.api.views import account_page_view, totals_view
from mediavault.store.port import AccountQuery

router = APIRouter(prefix="/api", tags=["library"])


@router.get("/accounts", response_model=AccountPageView, responses=errors(401, 503))
async def accounts(query: Annotated[AccountListRequest, Query()], services: Services) -> AccountPageView:
    """The accounts that jobs belong to, whose newest job is the newest first. ``q`` is looked for in handle and display name."""
    asked = AccountQuery(query.platform or None, query.q or None, query.cursor or None, query.limit)
    return account_page_view(await services.store.accounts(asked))


@router.get("/totals", response_model=TotalsView, responses=errors(401, 503))
async def totals(services: Services) -> TotalsView:
    """How many jobs stand in each state and what is kept, of each platform and of all."""
    return totals_view(await services.store.library_totals())
