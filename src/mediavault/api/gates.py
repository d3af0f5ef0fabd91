"""The sites' gates: how each stands and why, and a person's word that one may open."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Path

from mediavault.api.dependencies import Services, errors
from mediavault.api.errors import HttpRefusal
from mediavault.api.schemas import GateView
from mediavault.api.services import ApiServices
from mediavault.api.views import gate_views, is_left_alone
from mediavault.core.failures import ErrorCode
from mediavault.core.gates import NOT_UNDERSTOOD_WITHIN

router = APIRouter(prefix="/api/gates", tags=["gates"])


@router.get("", response_model=list[GateView], responses=errors(401, 503))
async def index(services: Services) -> list[GateView]:
    """Each site's gate: open, closed or half open, until when and why; its next turn, its account's day, its jobs, and the posts
    that no extractor understands."""
    return await all_gates(services)


@router.post("/{platform}/open", response_model=list[GateView], responses=errors(401, 403, 404, 415, 503))
async def open_gate(
    platform: Annotated[str, Path(max_length=64, description="A site's name, as jobs carry it.")], services: Services
) -> list[GateView]:
    """Ask the site again at once; answers all gates as they are then."""
    if all(gate.platform != platform for gate in await services.store.gates()):
        raise HttpRefusal(
            404, ErrorCode.NOT_FOUND, "No site of this name has a gate.", help="GET /api/gates lists those that have."
        )
    await services.store.open_gate(platform)
    return await all_gates(services)


async def all_gates(services: ApiServices) -> list[GateView]:
    store = services.store
    waiting, unread = (await store.report()).waiting, await store.not_understood(within=NOT_UNDERSTOOD_WITHIN)
    return gate_views(await store.gates(), waiting, services.clock.now(), not_understood=unread)


async def closed_gates(services: ApiServices, waiting: Mapping[str, int]) -> list[GateView]:
    """Those of sites that are left alone just now; health asks often, so nothing is counted for it."""
    views = gate_views(await services.store.gates(), waiting, services.clock.now())
    return [view for view in views if is_left_alone(view)]
