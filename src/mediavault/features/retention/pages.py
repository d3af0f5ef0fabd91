"""The retention page: the posts that can be deleted,
and the rules of the vault and its sources. For admins only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response

from mediavault.api.dependencies import RetentionDep, Services
from mediavault.core.failures import MediavaultError
from mediavault.features.following.records import followed
from mediavault.features.retention.model import REASONS, WHOLE_VAULT, RetentionRule
from mediavault.features.retention.records import retention_rules
from mediavault.features.retention.service import RetentionRules
from mediavault.server.services import ApiServices
from mediavault.web.pages.frame import error_view, frame, read_form, see_other
from mediavault.web.record_form import form_of, form_values
from mediavault.web.render import render

PAGE = "/retention"
SHOWN, SHOWN_AT_LENGTH = 20, 200

router = APIRouter(include_in_schema=False)

SourceQuery = Annotated[str, Query(max_length=64)]


@router.get(PAGE)
async def index(
    services: Services, rules: RetentionDep, source: SourceQuery = "", *, long: bool = False
) -> Response:
    """Show the posts that can be deleted, and the rules. ``source``: the source whose rule is in
    the form. ``long``: a longer list.
    """
    return await _page(services, rules, key=source or WHOLE_VAULT, is_long=long)


@router.post(PAGE)
async def change_form(request: Request, services: Services, rules: RetentionDep) -> Response:
    """Set or remove the rule that the form names."""
    form = await read_form(request)
    key = form.get("key", WHOLE_VAULT)
    try:
        if form.get("do") == "remove":
            await rules.remove(key)
        else:
            await rules.set(
                key, form_values(RetentionRule, {name: [text] for name, text in form.items()})
            )
    except MediavaultError as exc:
        return await _page(services, rules, key=key, sent=form, error=exc)
    return see_other(PAGE)


@router.post(f"{PAGE}/check")
async def check_form(rules: RetentionDep) -> Response:
    """Let a worker update the list."""
    await rules.check()
    return see_other(PAGE)


async def _page(
    services: ApiServices,
    rules: RetentionRules,
    *,
    key: str,
    sent: Mapping[str, str] | None = None,
    error: MediavaultError | None = None,
    is_long: bool = False,
) -> Response:
    stored = await retention_rules(services.store.records)
    names = {one.source.id: one.name for one in await followed(services.store.tables)}
    key = key if key in names else WHOLE_VAULT
    empty = form_of(RetentionRule())
    return render(
        "retention.html",
        status=422 if error else 200,
        error=error_view(error) if error else None,
        view=await rules.view(limit=SHOWN_AT_LENGTH if is_long else SHOWN),
        has_rules=any(not rule.is_empty for rule in stored.values()),
        names=names,
        key=key,
        form=form_of(stored.get(key, RetentionRule()))
        if sent is None
        else {**dict.fromkeys(empty, ""), **sent},
        has_rule=key in stored,
        is_long=is_long,
        reasons=REASONS,
        title_of=services.title_of,
        to_source=lambda source: f"{PAGE}?{urlencode({'source': source})}#rule",
        **await frame(services),
    )
