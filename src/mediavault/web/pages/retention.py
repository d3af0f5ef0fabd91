"""The retention page: the posts that can be deleted, and the rules of the vault and its sources. For admins only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response

from mediavault.api.dependencies import Services
from mediavault.api.retention import current_retention
from mediavault.core.failures import BadInput, MediavaultError
from mediavault.core.messages import Message
from mediavault.core.retention import MOST_A_DAY, REASONS, WHOLE_VAULT, RetentionRule
from mediavault.features.following.records import followed
from mediavault.server.services import ApiServices
from mediavault.store.retention import make_plan_soon, retention_rules, set_rule
from mediavault.web.pages.frame import error_view, frame, read_form, see_other
from mediavault.web.render import render

PAGE = "/retention"
SHOWN, SHOWN_AT_LENGTH = 20, 200
_MOST_DIGITS = 9
FIELDS = ("days", "newest", "watched_days", "free_gb", "is_on", "most_a_day")

router = APIRouter(include_in_schema=False)

SourceQuery = Annotated[str, Query(max_length=64)]


@router.get(PAGE)
async def index(services: Services, source: SourceQuery = "", *, long: bool = False) -> Response:
    """Show the posts that can be deleted, and the rules. ``source``: the source whose rule is in the form. ``long``: a longer list."""
    return await _page(services, key=source or WHOLE_VAULT, is_long=long)


@router.post(PAGE)
async def change_form(request: Request, services: Services) -> Response:
    """Set or remove the rule that the form names."""
    form = await read_form(request)
    key = form.get("key", WHOLE_VAULT)
    try:
        await set_rule(services.store, key, None if form.get("do") == "remove" else _rule(form))
    except MediavaultError as exc:
        return await _page(services, key=key, sent=form, error=exc)
    return see_other(PAGE)


@router.post(f"{PAGE}/check")
async def check_form(services: Services) -> Response:
    """Let a worker update the list."""
    await make_plan_soon(services.store.records)
    return see_other(PAGE)


async def _page(
    services: ApiServices,
    *,
    key: str,
    sent: Mapping[str, str] | None = None,
    error: MediavaultError | None = None,
    is_long: bool = False,
) -> Response:
    view = await current_retention(services, limit=SHOWN_AT_LENGTH if is_long else SHOWN)
    rules = await retention_rules(services.store.records)
    names = {one.source.id: one.name for one in await followed(services.store.tables)}
    key = key if key in names else WHOLE_VAULT
    return render(
        "retention.html",
        status=422 if error else 200,
        error=error_view(error) if error else None,
        view=view,
        has_rules=any(not rule.is_empty for rule in rules.values()),
        names=names,
        key=key,
        form=_form_of(rules.get(key)) if sent is None else {**dict.fromkeys(FIELDS, ""), **sent},
        has_rule=key in rules,
        is_long=is_long,
        reasons=REASONS,
        title_of=services.title_of,
        to_source=lambda source: f"{PAGE}?{urlencode({'source': source})}#rule",
        **await frame(services),
    )


def _form_of(rule: RetentionRule | None) -> dict[str, str]:
    shown = rule or RetentionRule()
    return {
        "days": _text(shown.days),
        "newest": _text(shown.newest),
        "watched_days": _text(shown.watched_days),
        "free_gb": "" if shown.free_gb is None else f"{shown.free_gb:g}",
        "is_on": "on" if shown.is_on else "",
        "most_a_day": str(shown.most_a_day),
    }


def _rule(form: Mapping[str, str]) -> RetentionRule:
    """Return the rule of a form, not checked yet. Raises BadInput for anything that is not a number."""
    return RetentionRule(
        days=_number(form.get("days", "")),
        newest=_number(form.get("newest", "")),
        watched_days=_number(form.get("watched_days", "")),
        free_gb=_gigabytes(form.get("free_gb", "")),
        is_on=form.get("is_on") == "on",
        most_a_day=_number(form.get("most_a_day", "")) or MOST_A_DAY,
    )


def _number(text: str) -> int | None:
    text = text.strip()
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS):
        raise BadInput(Message("%(text)s is not a number.", text=repr(text[:40])), help="Enter it in digits.")
    return int(text)


def _gigabytes(text: str) -> float | None:
    try:
        return float(text.strip().replace(",", ".")) if text.strip() else None
    except ValueError:
        raise BadInput("This is not a valid amount of free space.", help="Enter it in gigabytes, such as 50.") from None


def _text(number: int | None) -> str:
    return "" if number is None else str(number)
