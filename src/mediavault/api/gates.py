"""The sites' gates: which are closed and why, and a person's word that one may open."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path

from mediavault.api.dependencies import Services, errors
from mediavault.api.errors import HttpRefusal
from mediavault.api.schemas import GateView
from mediavault.api.services import ApiServices
from mediavault.api.views import gate_view
from mediavault.core.errors import ErrorCode

router = APIRouter(prefix="/api/gates", tags=["gates"])


@router.get("", response_model=list[GateView], responses=errors(401, 503))
async def index(services: Services) -> list[GateView]:
    """The sites that are left alone just now."""
    return await closed_gates(services)


@router.post("/{platform}/open", response_model=list[GateView], responses=errors(401, 403, 404, 503))
async def open_gate(
    platform: Annotated[str, Path(max_length=64, description="A site's name, as jobs carry it.")], services: Services
) -> list[GateView]:
    """Ask the site again at once; answers the gates that are still closed."""
    if all(gate.platform != platform for gate in await services.store.gates()):
        raise HttpRefusal(404, ErrorCode.NOT_FOUND, "No site of this name has a gate.")
    await services.store.open_gate(platform)
    return await closed_gates(services)


async def closed_gates(services: ApiServices) -> list[GateView]:
    now = services.clock.now()
    return [gate_view(gate) for gate in await services.store.gates() if gate.is_closed(now)]
