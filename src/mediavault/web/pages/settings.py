"""The settings that can be changed while the vault runs,
and the language and theme of the user's browser.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response

from mediavault.api.dependencies import Services
from mediavault.core.bandwidth import parse_bandwidth, rate_in_words
from mediavault.core.clock import local
from mediavault.core.failures import NotFound
from mediavault.core.job import JobStatus
from mediavault.core.name_template import PLACES, NamedPost
from mediavault.core.settings import ChangeableSettings
from mediavault.core.site_limits import MANY_SITES
from mediavault.features.media_servers.records import last_call
from mediavault.presentation.preferences import COOKIE_LIFE_S, LANGUAGE_COOKIE, THEME_COOKIE, THEMES
from mediavault.presentation.translation import gettext, locales
from mediavault.presentation.views import title
from mediavault.server.services import ApiServices
from mediavault.store.holds import volume_of_today
from mediavault.store.port import JobQuery
from mediavault.store.profiles import all_profiles
from mediavault.web.pages.frame import (
    changed_by,
    frame,
    own_path,
    profiles_in_words,
    read_form,
    see_other,
)
from mediavault.web.render import render
from mediavault.web.setting_fields import (
    LAYOUTS,
    example_name,
    example_post,
    fields_of,
    read_submitted,
    validate,
)

MAX_FIELDS = 220  # three for each site, and the others

router = APIRouter(include_in_schema=False)

TemplateText = Annotated[str, Query(max_length=1_000)]


@router.get("/settings")
async def index(services: Services, saved: bool = False) -> Response:
    return await _page(services, saved=saved)


@router.post("/settings")
async def save_form(request: Request, services: Services) -> Response:
    """Save the settings, all or nothing: if there are errors,
    they are shown at their fields and nothing is saved.
    """
    sent = read_submitted(await read_form(request, max_fields=MAX_FIELDS), services.live)
    profiles = await all_profiles(services.store.records)
    good, wrong = validate(
        sent, sites={platform.name for platform in services.platforms}, profiles=profiles
    )
    if wrong:
        return await _page(services, sent=sent, wrong=wrong)
    changes = await services.live.changes()
    now = await services.live.current()
    usual = {name for name, value in good.items() if value == services.live.unchanged(name)}
    changed = {
        name: value
        for name, value in good.items()
        if name not in usual and value != getattr(now, name)
    }
    await services.live.save(changed, resets=usual & changes.keys(), by=changed_by(request))
    return see_other("/settings?saved=true")


@router.post("/settings/{name}/reset")
async def reset_form(name: Annotated[str, Path(max_length=64)], services: Services) -> Response:
    """Reset a setting to the value that the vault was started with."""
    if name not in ChangeableSettings.model_fields:
        raise NotFound("Unknown setting.", help="The settings page lists the available ones.")
    await services.live.reset(name)
    return see_other("/settings?saved=true")


@router.get("/settings/name")
async def name_preview(services: Services, name_template: TemplateText = "") -> Response:
    """Return the page's part with an example file name, which it requests while the user types."""
    name, complaint = example_name(name_template, await _example(services))
    return render("name_preview.html", name=name, complaint=complaint)


async def _page(
    services: ApiServices,
    *,
    sent: dict[str, Any] | None = None,
    wrong: dict[str, str] | None = None,
    saved: bool = False,
) -> Response:
    live = services.live
    changes = await live.changes()
    fields = fields_of(await live.current(), live, changes, sent=sent, wrong=wrong)
    name, complaint = example_name(str(fields["name_template"].value), await _example(services))
    in_use = {
        totals.platform for totals in (await services.store.catalogue.library_totals()).platforms
    }
    with_pace = (platform for platform in services.platforms if platform.name not in MANY_SITES)
    paced = sorted(with_pace, key=lambda platform: platform.title.lower())
    return render(
        "settings.html",
        status=422 if wrong else 200,
        fields=fields,
        profiles=await profiles_in_words(services.store.records),
        layouts=LAYOUTS,
        server=services.settings.media_server,
        server_url=services.settings.media_server_url,
        server_call=await last_call(services.store.records)
        if services.settings.media_server
        else None,
        places=PLACES,
        name=name,
        complaint=complaint,
        all_sites=sorted(services.platforms, key=lambda platform: platform.title.lower()),
        used=[platform for platform in paced if platform.name in in_use],
        unused=[platform for platform in paced if platform.name not in in_use],
        limit=await _limit(services),
        volume=await volume_of_today(services.store.records, services.clock.now()),
        local_time=f"{local(services.clock.now()):%H:%M}",
        saved=saved,
        **await frame(services),
    )


async def _limit(services: ApiServices) -> tuple[str, datetime | None]:
    """Return the bandwidth limit in force, "" for none, and when it changes."""
    bandwidth = parse_bandwidth((await services.live.current()).bandwidth)
    now = services.clock.now()
    rate = bandwidth.at(now)
    return "" if rate is None else rate_in_words(rate), bandwidth.changes_at(now)


async def _example(services: ApiServices) -> NamedPost:
    """Return the newest saved post, or a made-up one."""
    page = await services.store.catalogue.jobs(JobQuery(statuses=(JobStatus.COMPLETED,), limit=1))
    job = next(iter(page.jobs), None)
    if job is None:
        return example_post(None, None, "tiktok", gettext("jane_doe"), services.clock.now())
    account = job.account
    return example_post(
        title(job),
        str(job.metadata.get("post_id") or "") or job.id,
        job.platform,
        (account.handle or account.slug) if account else "",
        job.created_at,
    )


@router.post("/appearance")
async def appearance_form(request: Request) -> Response:
    """Set language and theme, and redirect to the form's page.
    An empty or unknown choice means the browser's own.
    """
    form = await read_form(request)
    response = see_other(own_path(form.get("back", "")))
    for cookie, value, known in (
        (LANGUAGE_COOKIE, form.get("language", ""), locales()),
        (THEME_COOKIE, form.get("theme", ""), frozenset(THEMES)),
    ):
        if value in known:
            response.set_cookie(cookie, value, max_age=COOKIE_LIFE_S, samesite="strict")
        else:
            response.delete_cookie(cookie, samesite="strict")
    return response
