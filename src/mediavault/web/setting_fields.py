"""The settings that can be changed, as fields of a form: the value, where it comes from, and what is wrong with a submitted one."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mediavault.core.failures import BadSetting
from mediavault.core.media import Preference
from mediavault.core.name_template import NamedPost, check_template, stem_of
from mediavault.core.settings import ENV_PREFIX, Changeable, checked
from mediavault.presentation.translation import N_, gettext, translated
from mediavault.store.live_settings import Change, LiveSettings

PACE = "pace."  # the form has a field for each site: pace.tiktok

# What a person reads where the value cannot be taken. A name template has sentences of its own.
_WRONG: Mapping[str, str] = {
    "concurrency": N_("Enter a whole number from 1 to 64."),
    "max_attempts": N_("Enter a whole number from 1 to 100."),
    "prefer": N_("Choose one of the two."),
    "pace": N_("Enter a number from 1 to 20."),
    "forget_after_days": N_("Enter a whole number from 0 to 3650."),
}


@dataclass(frozen=True, slots=True)
class SettingField:
    """``value`` and ``default`` as the form has them. ``variable`` is the one that says the setting, "" where none does."""

    name: str
    value: Any
    default: Any
    variable: str
    change: Change | None
    error: str = ""


def fields_of(
    now: Changeable,
    live: LiveSettings,
    changes: Mapping[str, Change],
    *,
    sent: Mapping[str, Any] | None = None,
    wrong: Mapping[str, str] | None = None,
) -> dict[str, SettingField]:
    """``sent`` are the values of a form that was refused, ``wrong`` its errors."""
    return {
        name: SettingField(
            name=name,
            value=(sent or {}).get(name, getattr(now, name)),
            default=live.unchanged(name),
            variable=f"{ENV_PREFIX}{name.upper()}" if name in live.fixed else "",
            change=changes.get(name),
            error=(wrong or {}).get(name, ""),
        )
        for name in Changeable.model_fields
    }


def read_sent(form: Mapping[str, str], live: LiveSettings) -> dict[str, Any]:
    """What a form says of the settings that it may change, as it was typed; the sites' paces as one."""
    names = [name for name in Changeable.model_fields if name != "pace" and name not in live.fixed and name in form]
    sent: dict[str, Any] = {name: form[name].strip() for name in names}
    paces = {name.removeprefix(PACE): value.strip() for name, value in form.items() if name.startswith(PACE)}
    if paces and "pace" not in live.fixed:
        sent["pace"] = {site: factor.replace(",", ".") or "1" for site, factor in paces.items()}
    return sent


def judge(sent: Mapping[str, Any], *, sites: Collection[str]) -> tuple[dict[str, Any], dict[str, str]]:
    """The values as they would be kept, and what is wrong with the others, by field. ``sites``: those that have a pace."""
    good: dict[str, Any] = {}
    wrong: dict[str, str] = {}
    for name, text in sent.items():
        try:
            good[name] = checked(name, text)
        except BadSetting as exc:
            wrong[name] = gettext(_WRONG[name]) if name in _WRONG else translated(exc.message)
    if not set(good.get("pace", ())) <= set(sites):
        wrong["pace"] = gettext(_WRONG["pace"])
    return good, wrong


def example_name(template: str, post: NamedPost) -> tuple[str, str]:
    """How a video would be called, and "" - or "" and what is wrong with the template."""
    try:
        return f"{stem_of(post, check_template(template))}.mp4", ""
    except ValueError as exc:
        return "", translated(exc.args[0])


def example_post(title: str | None, post_id: str | None, site: str, account: str, published: datetime) -> NamedPost:
    """To show a template by: a post of the vault, or one that might be."""
    return NamedPost(post_id or "7571863205253778710", published, title or gettext("First frost"), site, account)


PREFERENCES: Mapping[Preference, tuple[str, str]] = {
    Preference.BEST: (N_("Best available"), N_("By resolution, frame rate and bit rate.")),
    Preference.COMPATIBLE: (
        N_("Most compatible"),
        N_("H.264 first, which old TVs and browsers can play."),
    ),
}
