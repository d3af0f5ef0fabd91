"""The changeable settings as fields of a form: each with its value, its source, and the error of a submitted value."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mediavault.core.failures import BadSetting
from mediavault.core.media import Preference
from mediavault.core.name_template import NamedPost, check_template, folder_of, stem_of
from mediavault.core.settings import ChangeableSettings, validate_setting, variable
from mediavault.presentation.translation import N_, gettext, translated
from mediavault.store.live_settings import Change, LiveSettings

PACE = "pace."  # the form has a field for each site: pace.tiktok

# The message for an invalid value. A name template has its own messages.
_ERRORS: Mapping[str, str] = {
    "concurrency": N_("Enter a whole number from 1 to 64."),
    "max_attempts": N_("Enter a whole number from 1 to 100."),
    "prefer": N_("Choose one of the two."),
    "pace": N_("Enter a number from 1 to 20."),
    "retention_days": N_("Enter a whole number from 0 to 3650."),
    "trash_days": N_("Enter a whole number from 1 to 3650."),
    "verify_days": N_("Enter a whole number from 0 to 3650."),
    "verify_mb_s": N_("Enter a whole number from 1 to 10000."),
}


@dataclass(frozen=True, slots=True)
class SettingField:
    """A field of the form. ``variable`` is the environment variable that fixes the setting, "" when none does."""

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
    """Return the form's fields by setting. ``sent`` are the values of a refused form, ``wrong`` its errors."""
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
    """Return a form's values of the settings that it may change, as typed; the sites' paces as one mapping."""
    names = [
        name for name in ChangeableSettings.model_fields if name != "pace" and name not in live.fixed and name in form
    ]
    sent: dict[str, Any] = {name: form[name].strip() for name in names}
    paces = {name.removeprefix(PACE): value.strip() for name, value in form.items() if name.startswith(PACE)}
    if paces and "pace" not in live.fixed:
        sent["pace"] = {site: factor.replace(",", ".") or "1" for site, factor in paces.items()}
    return sent


def validate(sent: Mapping[str, Any], *, sites: Collection[str]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the valid values as they would be stored, and the errors, by field. ``sites`` are those with a pace."""
    good: dict[str, Any] = {}
    wrong: dict[str, str] = {}
    for name, text in sent.items():
        try:
            good[name] = validate_setting(name, text)
        except BadSetting as exc:
            wrong[name] = gettext(_ERRORS[name]) if name in _ERRORS else translated(exc.message)
    if not set(good.get("pace", ())) <= set(sites):
        wrong["pace"] = gettext(_ERRORS["pace"])
    return good, wrong


def example_name(template: str, post: NamedPost) -> tuple[str, str]:
    """Return a video's file name, with the folders that the template names, and ""; or "" and the template's error."""
    try:
        template = check_template(template)
        return "/".join(filter(None, (folder_of(post, template, ""), f"{stem_of(post, template)}.mp4"))), ""
    except ValueError as exc:
        return "", translated(exc.args[0])


def example_post(title: str | None, post_id: str | None, site: str, account: str, published: datetime) -> NamedPost:
    """Return a post to demonstrate a template with; made-up values replace a missing id and title."""
    return NamedPost(post_id or "7571863205253778710", published, title or gettext("First frost"), site, account)


PREFERENCES: Mapping[Preference, tuple[str, str]] = {
    Preference.BEST: (N_("Best available"), N_("By resolution, frame rate and bit rate.")),
    Preference.COMPATIBLE: (
        N_("Most compatible"),
        N_("H.264 first, which old TVs and browsers can play."),
    ),
}
