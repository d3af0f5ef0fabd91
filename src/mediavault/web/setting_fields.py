"""The changeable settings as fields of a form: each with its value, its source,
and the error of a submitted value.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mediavault.core.failures import BadSetting
from mediavault.core.name_template import NamedPost, check_template, folder_of, stem_of
from mediavault.core.settings import ChangeableSettings, validate_setting, variable
from mediavault.core.shows import Layout
from mediavault.presentation.translation import N_, gettext, translated
from mediavault.store.live_settings import Change, LiveSettings

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
