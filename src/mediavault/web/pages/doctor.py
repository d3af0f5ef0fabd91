"""The doctor's page: the vault's health checks, and yt-dlp's age and upgrade."""

from __future__ import annotations

from fastapi import APIRouter, Response

from mediavault.api.dependencies import Services
from mediavault.presentation.doctor_report import YTDLP_OLD_AFTER, DoctorVerdict
from mediavault.web.pages.frame import frame, see_other
from mediavault.web.render import render

router = APIRouter(include_in_schema=False)


@router.get("/doctor")
async def index(services: Services) -> Response:
    """Show the last report; requesting the page runs no check."""
    return render(
        "doctor.html",
        found=services.doctor.last,
        verdicts=DoctorVerdict,
        ytdlp=services.ytdlp.state(),
        old_after=YTDLP_OLD_AFTER,
        **await frame(services),
    )


@router.post("/doctor")
async def examine_form(services: Services) -> Response:
    await services.doctor.run()
    return see_other("/doctor")


@router.get("/doctor/ytdlp")
async def ytdlp_part(services: Services) -> Response:
    """Return the page's part about yt-dlp, which the page requests while an upgrade is under
    way.
    """
    return render("ytdlp.html", ytdlp=services.ytdlp.state(), old_after=YTDLP_OLD_AFTER)


@router.post("/doctor/ytdlp")
async def upgrade_form(services: Services) -> Response:
    services.ytdlp.start_upgrade()
    return see_other("/doctor#ytdlp")


@router.post("/doctor/ytdlp/former")
async def step_back_form(services: Services) -> Response:
    services.ytdlp.step_back()
    return see_other("/doctor#ytdlp")
