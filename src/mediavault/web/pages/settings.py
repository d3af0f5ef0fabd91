"""The settings that can be changed while the vault runs, in sections,
and the language and theme of the user's browser.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response

from mediavault.api.dependencies import Services
from mediavault.core.bandwidth import UNLIMITED, parse_bandwidth, rate_in_words
from mediavault.core.clock import local
from mediavault.core.failures import BadSetting, NotFound
from mediavault.core.hours import parse_quiet_hours
from mediavault.core.job import JobStatus
from mediavault.core.name_template import PLACES, NamedPost, check_template, folder_of, stem_of
from mediavault.core.redaction import redact_text
from mediavault.core.settings import (
    SECRETS,
    ChangeableSettings,
    Settings,
    validate_setting,
    variable,
)
from mediavault.core.shows import Layout
from mediavault.core.site_limits import MANY_SITES
from mediavault.core.upstream_proxies import parse_choice
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
    read_fields,
    read_form,
    see_other,
)
from mediavault.web.places import SECTIONS, section_of
from mediavault.web.render import render
from mediavault.web.schedules import (
    Rule,
    day_choices,
    minute_of_day,
    picked,
    schedules_of,
    speed_choices,
    speeds_today,
    starts_today,
    time_choices,
)

MAX_FIELDS = 320  # three for each site, four for each row of a schedule, and the others
MASK = "•••"

router = APIRouter(include_in_schema=False)

TemplateText = Annotated[str, Query(max_length=1_000)]


@router.get("/settings")
async def index(services: Services) -> Response:
    """Show the sections, and what is set in each."""
    return render("settings.html", part="", **await frame(services))


@router.post("/settings")
async def save_form(request: Request, services: Services) -> Response:
    """Save the fields that were sent, a single one or a section: if there are errors,
    they are shown at their fields and nothing is saved.

    Fields with the value that the page had (``shown``) are left alone: somebody else may have
    changed them since.
    """
    form = await read_fields(request, most=MAX_FIELDS)
    sent = read_submitted(form, services.live)
    profiles = await all_profiles(services.store.records)
    good, wrong = validate(
        sent, sites={platform.name for platform in services.platforms}, profiles=profiles
    )
    first = next(iter([*wrong, *sent]), "")
    section = section_of(first) if first else form.get("section", [""])[0]
    if wrong:
        return await _page(services, section, sent=sent, wrong=wrong)
    await _save(services.live, good, by=changed_by(request))
    return _saved(section if section in SECTIONS else next(iter(SECTIONS)), first)


async def _save(live: LiveSettings, good: Mapping[str, Any], *, by: str) -> None:
    changes, now = await live.changes(), await live.current()
    single = {name: value for name, value in good.items() if name not in OF_SITES}
    usual = {name for name, value in single.items() if value == live.unchanged(name)}
    changed = {
        name: value
        for name, value in single.items()
        if name not in usual and value != getattr(now, name)
    }
    if changed or usual & changes.keys():
        await live.save(changed, resets=usual & changes.keys(), by=by)
    for name in good.keys() & OF_SITES.keys():
        if any(getattr(now, name).get(site) != value for site, value in good[name].items()):
            await live.merge(name, good[name], by=by)


def _saved(section: str, field: str) -> Response:
    return see_other(f"/settings/{section}?saved=true{f'#field-{field}' if field else ''}")


@router.post("/settings/{name}/reset")
async def reset_form(name: Annotated[str, Path(max_length=64)], services: Services) -> Response:
    """Reset a setting to the value that the vault was started with."""
    if name not in ChangeableSettings.model_fields:
        raise NotFound("Unknown setting.", help="The settings page lists the available ones.")
    await services.live.reset(name)
    return _saved(section_of(name), name)


@router.get("/settings/name")
async def name_preview(services: Services, name_template: TemplateText = "") -> Response:
    """Return the page's part with an example file name, which it requests while the user types."""
    name, complaint = example_name(name_template, await _example(services))
    return render("name_preview.html", name=name, complaint=complaint)


@router.get("/settings/{section}")
async def show_section(
    section: Annotated[str, Path(max_length=64)], services: Services, *, saved: bool = False
) -> Response:
    """Show a section with its fields."""
    return await _page(services, section, saved=saved)


async def _page(
    services: ApiServices,
    section: str,
    *,
    sent: dict[str, Any] | None = None,
    wrong: dict[str, str] | None = None,
    saved: bool = False,
) -> Response:
    if section not in SECTIONS:
        raise NotFound("Unknown setting.", help="The settings page lists the available ones.")
    live = services.live
    changes, current = await live.changes(), await live.current()
    stored = fields_of(current, live, changes)
    fields = fields_of(current, live, changes, sent=sent, wrong=wrong) if wrong else stored
    own = [name for name in SECTIONS[section].fields if name in stored]
    return render(
        "settings.html",
        status=422 if wrong else 200,
        part=section,
        fields=fields,
        shown=json.dumps(_texts({name: stored[name] for name in own})),
        saved=saved,
        speed_choices=speed_choices,
        **await _of_section(services, section, current, fields),
        **await frame(services),
    )


async def _of_section(
    services: ApiServices,
    section: str,
    current: ChangeableSettings,
    fields: Mapping[str, SettingField],
) -> dict[str, Any]:
    """Return what only this section shows."""
    records, settings = services.store.records, services.settings
    match section:
        case "downloads":
            return {"profiles": await profiles_in_words(records)}
        case "speed":
            return await _speed(services, current)
        case "sites":
            return {"profiles": await profiles_in_words(records), **await _sites(services)}
        case "files":
            name, complaint = example_name(
                str(fields["name_template"].text), await _example(services)
            )
            return {
                "places": PLACES,
                "name": name,
                "complaint": complaint,
                "layouts": LAYOUTS,
                "server": settings.media_server,
                "server_url": settings.media_server_url,
                "server_call": await last_call(records) if settings.media_server else None,
            }
        case "connection":
            return {"proxies": proxies_in_words(services), "elsewhere": set_elsewhere(settings)}
    return {}


async def _speed(services: ApiServices, current: ChangeableSettings) -> dict[str, Any]:
    now = services.clock.now()
    bandwidth, quiet = parse_bandwidth(current.bandwidth), parse_quiet_hours(current.quiet_hours)
    rate = bandwidth.at(now)
    return {
        "schedules": schedules_of(current.bandwidth, current.quiet_hours),
        "new_rules": {"bandwidth": Rule(speed=UNLIMITED), "quiet_hours": Rule()},
        "today": {
            "bandwidth": speeds_today(bandwidth, now),
            "quiet_hours": starts_today(quiet, now),
        },
        "minute": minute_of_day(now),
        "limit": ("" if rate is None else rate_in_words(rate), bandwidth.changes_at(now)),
        "day_choices": day_choices,
        "time_choices": time_choices,
        "local_time": f"{local(now):%H:%M}",
        "volume": await volume_of_today(services.store.records, now),
    }


async def _sites(services: ApiServices) -> dict[str, Any]:
    in_use = {
        totals.platform for totals in (await services.store.catalogue.library_totals()).platforms
    }
    sites = sorted(services.platforms, key=lambda platform: platform.title.lower())
    paced = [platform for platform in sites if platform.name not in MANY_SITES]
    return {
        "all_sites": sites,
        "used": [platform for platform in paced if platform.name in in_use],
        "unused": [platform for platform in paced if platform.name not in in_use],
    }


def proxies_in_words(services: ApiServices) -> list[tuple[str, str]]:
    """Return the proxies by whom they are for, "" for all other sites, with masked passwords;
    an empty address means a direct connection.
    """
    settings = services.settings
    chosen = {name: parse_choice(one.get_secret_value()) for name, one in settings.proxies.items()}
    vault = parse_choice(settings.proxy.get_secret_value()) if settings.proxy else None
    return [
        (name and services.title_of(name), str(proxy).replace("***", MASK) if proxy else "")
        for name, proxy in [("", vault), *sorted(chosen.items())]
    ]


def set_elsewhere(settings: Settings) -> dict[str, str]:
    """Return what else the vault was started with, by variable, without secrets."""
    names = (
        settings.model_fields_set - ChangeableSettings.model_fields.keys() - {"proxy", "proxies"}
    )
    return {variable(name): _shown(name, getattr(settings, name)) for name in sorted(names)}


def _shown(name: str, value: object) -> str:
    if name in SECRETS:
        return MASK if value else ""
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {one}" for key, one in value.items())
    return redact_text(", ".join(map(str, value)) if isinstance(value, tuple) else str(value))


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

# Settings with a field for each site: how those fields' names begin, as in pace.tiktok, and what
# an empty one means
OF_SITES: Mapping[str, tuple[str, str]] = {
    "pace": ("pace.", "1"),
    "site_bandwidth": ("bandwidth.", ""),
    "site_profiles": ("profile.", ""),
}
# Numbers of which 0 means never: their fields are empty then
NEVER = ("daily_volume_gb", "retention_days", "verify_days")
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
    "daily_volume_gb": N_("Enter a number, such as 50 or 1.5; empty for no limit."),
    "retention_days": N_("Enter a whole number from 0 to 3650."),
    "trash_days": N_("Enter a whole number from 1 to 3650."),
    "verify_days": N_("Enter a whole number from 0 to 3650."),
    "verify_mb_s": N_("Enter a whole number from 1 to 10000."),
}


@dataclass(frozen=True, slots=True)
class SettingField:
    """A field of the form. ``text`` is what its control has, by site where it has one for each.
    ``variable`` is the environment variable that fixes the setting, "" when none does.
    """

    name: str
    text: Any
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
            text=_typed(_text(name, getattr(now, name)), (sent or {}).get(name)),
            default=live.unchanged(name),
            variable=variable(name) if name in live.fixed else "",
            change=changes.get(name) if getattr(now, name) != live.unchanged(name) else None,
            error=(wrong or {}).get(name, ""),
        )
        for name in ChangeableSettings.model_fields
    }


def _typed(stored: Any, sent: Any) -> Any:
    if sent is None:
        return stored
    return {**stored, **sent} if isinstance(stored, dict) else sent


def _text(name: str, value: Any) -> Any:
    """Return a value as its control has it."""
    if isinstance(value, Mapping):
        return {site: _text("", one) for site, one in value.items()}
    if isinstance(value, tuple):
        return ", ".join(value)
    if isinstance(value, bool):
        return str(value).lower()
    if name in NEVER and not value:
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)


def _texts(fields: Mapping[str, SettingField]) -> dict[str, str]:
    """Return the texts of all controls by their names."""
    texts: dict[str, str] = {}
    for name, field in fields.items():
        if name in OF_SITES:
            texts |= {f"{OF_SITES[name][0]}{site}": text for site, text in field.text.items()}
        else:
            texts[name] = field.text
    return texts


def read_submitted(form: Mapping[str, Sequence[str]], live: LiveSettings) -> dict[str, Any]:
    """Return a form's values of the settings that it may change, as typed or picked, unless they
    are those that it was shown with; those of sites as one mapping each.
    """
    texts = {name: values[0].strip() for name, values in form.items()} | picked(form)
    shown = _read_shown(texts.get("shown", ""))
    sent: dict[str, Any] = {}
    for name in ChangeableSettings.model_fields:
        if name in live.fixed:
            continue
        begin, empty = OF_SITES.get(name, (name, ""))
        values = {
            control.removeprefix(begin): text
            for control, text in texts.items()
            if (control.startswith(begin) if name in OF_SITES else control == name)
            and not (shown is not None and shown.get(control, empty) == text)
        }
        if values:
            sent[name] = values if name in OF_SITES else texts[name]
    if "pace" in sent:
        sent["pace"] = {
            site: factor.replace(",", ".") or "1" for site, factor in sent["pace"].items()
        }
    sent |= {name: sent[name].replace(",", ".") for name in _DECIMALS if name in sent}
    return sent


def _read_shown(text: str) -> Mapping[str, Any] | None:
    """Return the texts that a page had; None for a form that says nothing about them."""
    try:
        shown = json.loads(text) if text else None
    except (ValueError, RecursionError):
        return None
    return shown if isinstance(shown, dict) else None


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
            good[name] = validate_setting(name, "0" if name in NEVER and not text else text)
        except BadSetting as exc:
            wrong[name] = gettext(_ERRORS[name]) if name in _ERRORS else translated(exc.message)
    for name, (_, empty) in OF_SITES.items():
        if not set(sent.get(name, ())) <= set(sites):
            wrong[name] = gettext(_ERRORS[name])
        elif name in good:  # with those that are as usual again, which a stored value leaves out
            good[name] = {site: good[name].get(site, _usual(empty)) for site in sent[name]}
    for name, named in (
        ("profile", {good.get("profile")}),
        ("site_profiles", set(good.get("site_profiles", {}).values()) - {""}),
    ):
        if not named <= {None, *profiles}:
            wrong[name] = gettext(_ERRORS[name])
    return good, wrong


def _usual(empty: str) -> str | float:
    return float(empty) if empty else ""


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
