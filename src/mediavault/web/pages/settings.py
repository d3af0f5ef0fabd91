"""The settings that can be changed while the vault runs,
and the language and theme of the user's browser.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response

from mediavault.api.dependencies import Services
from mediavault.core.bandwidth import parse_bandwidth, rate_in_words
from mediavault.core.clock import local
from mediavault.core.failures import BadSetting, NotFound
from mediavault.core.job import JobStatus
from mediavault.core.name_template import PLACES, NamedPost, check_template, folder_of, stem_of
from mediavault.core.settings import ChangeableSettings, validate_setting, variable
from mediavault.core.shows import Layout
from mediavault.core.site_limits import MANY_SITES
from mediavault.features.media_servers.records import last_call
from mediavault.presentation.preferences import COOKIE_LIFE_S, LANGUAGE_COOKIE, THEME_COOKIE, THEMES
from mediavault.presentation.translation import N_, gettext, locales, translated
from mediavault.presentation.views import title
from mediavault.server.services import ApiServices
from mediavault.store.holds import volume_of_today
from mediavault.store.live_settings import Change, LiveSettings
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


@router.get("/you")
async def you(services: Services) -> Response:
    """Show the places below *You*, and this browser's language and colours."""
    return render("look.html", **await frame(services))


@router.post("/appearance")
async def appearance_form(request: Request) -> Response:
    """Set language and theme, and redirect to the form's page. What the form lacks stays as it is;
    an empty or unknown choice means the browser's own.
    """
    form = await read_form(request)
    response = see_other(own_path(form.get("back", "")))
    for cookie, name, known in (
        (LANGUAGE_COOKIE, "language", locales()),
        (THEME_COOKIE, "theme", frozenset(THEMES)),
    ):
        if (value := form.get(name)) is None:
            continue
        if value in known:
            response.set_cookie(cookie, value, max_age=COOKIE_LIFE_S, samesite="strict")
        else:
            response.delete_cookie(cookie, samesite="strict")
    return response


# --- setting fields -------------------------------------------------------------------------------
# The changeable settings as fields of a form: each with its value, its source,
# and the error of a submitted value.

# Settings with a field for each site, and how those fields' names begin, as in pace.tiktok
OF_SITES: Mapping[str, str] = {
    "pace": "pace.",
    "site_bandwidth": "bandwidth.",
    "site_profiles": "profile.",
}
_DECIMALS = ("daily_volume_gb",)

# The message for an invalid value. A name template, hours and a bandwidth have their own messages.
_ERRORS: Mapping[str, str] = {
    "concurrency": N_("Enter a whole number from 1 to 64."),
    "max_attempts": N_("Enter a whole number from 1 to 100."),
    "profile": N_("Choose one of these."),
    "site_profiles": N_("Choose one of these."),
    "layout": N_("Choose one of these."),
    "nfo": N_("Choose one of these."),
    "pace": N_("Enter a number from 1 to 20."),
    "site_bandwidth": N_("Enter a speed, such as 1 MB/s."),
    "daily_volume_gb": N_("Enter a number, such as 50 or 1.5; 0 for no limit."),
    "retention_days": N_("Enter a whole number from 0 to 3650."),
    "trash_days": N_("Enter a whole number from 1 to 3650."),
    "verify_days": N_("Enter a whole number from 0 to 3650."),
    "verify_mb_s": N_("Enter a whole number from 1 to 10000."),
}


@dataclass(frozen=True, slots=True)
class SettingField:
    """A field of the form. ``variable`` is the environment variable that fixes the setting,
    "" when none does.
    """

    name: str
    value: Any
    default: Any
    variable: str
    change: Change | None
    error: str = ""


def fields_of(
    now: ChangeableSettings,
    live: LiveSettings,
    changes: Mapping[str, Change],
    *,
    sent: Mapping[str, Any] | None = None,
    wrong: Mapping[str, str] | None = None,
) -> dict[str, SettingField]:
    """Return the form's fields by setting. ``sent`` are the values of a refused form,
    ``wrong`` its errors.
    """
    return {
        name: SettingField(
            name=name,
            value=(sent or {}).get(name, getattr(now, name)),
            default=live.unchanged(name),
            variable=variable(name) if name in live.fixed else "",
            change=changes.get(name),
            error=(wrong or {}).get(name, ""),
        )
        for name in ChangeableSettings.model_fields
    }


def read_submitted(form: Mapping[str, str], live: LiveSettings) -> dict[str, Any]:
    """Return a form's values of the settings that it may change, as typed;
    those of sites as one mapping each.
    """
    names = [name for name in ChangeableSettings.model_fields if name not in live.fixed]
    sent: dict[str, Any] = {
        name: form[name].strip() for name in names if name in form and name not in OF_SITES
    }
    for name, begin in OF_SITES.items():
        values = {
            field.removeprefix(begin): value.strip()
            for field, value in form.items()
            if field.startswith(begin)
        }
        if values and name in names:
            sent[name] = values
    if "pace" in sent:
        sent["pace"] = {
            site: factor.replace(",", ".") or "1" for site, factor in sent["pace"].items()
        }
    sent |= {name: sent[name].replace(",", ".") or "0" for name in _DECIMALS if name in sent}
    return sent


def validate(
    sent: Mapping[str, Any], *, sites: Collection[str], profiles: Collection[str]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the valid values as they would be stored, and the errors, by field;
    for these sites and profiles only.
    """
    good: dict[str, Any] = {}
    wrong: dict[str, str] = {}
    for name, text in sent.items():
        try:
            good[name] = validate_setting(name, text)
        except BadSetting as exc:
            wrong[name] = gettext(_ERRORS[name]) if name in _ERRORS else translated(exc.message)
    wrong |= {
        name: gettext(_ERRORS[name])
        for name in OF_SITES
        if not set(good.get(name, ())) <= set(sites)
    }
    for name, named in (
        ("profile", {good.get("profile")}),
        ("site_profiles", set(good.get("site_profiles", {}).values())),
    ):
        if not named <= {None, *profiles}:
            wrong[name] = gettext(_ERRORS[name])
    return good, wrong


def example_name(template: str, post: NamedPost) -> tuple[str, str]:
    """Return a video's file name, with the folders that the template names, and "";
    or "" and the template's error.
    """
    try:
        template = check_template(template)
        return "/".join(
            filter(None, (folder_of(post, template, ""), f"{stem_of(post, template)}.mp4"))
        ), ""
    except ValueError as exc:
        return "", translated(exc.args[0])


def example_post(
    title: str | None, post_id: str | None, site: str, account: str, published: datetime
) -> NamedPost:
    """Return a post to demonstrate a template with;
    made-up values replace a missing id and title.
    """
    return NamedPost(
        post_id or "7571863205253778710", published, title or gettext("First frost"), site, account
    )


LAYOUTS: Mapping[Layout, tuple[str, str]] = {
    Layout.ACCOUNTS: (
        N_("A folder for each account"),
        N_("For home videos, and for everyone who opens the folders."),
    ),
    Layout.SHOWS: (
        N_("A show for each account"),
        N_(
            "With a season for each year, for the shows of media servers. The file name above does"
            " not apply."
        ),
    ),
}
