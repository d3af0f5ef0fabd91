"""The page about notifications: who is notified of what, tests, and what was delivered. For admins only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response

from mediavault.api.dependencies import Services
from mediavault.api.notifications import known, repeat
from mediavault.core.failures import BadInput
from mediavault.notifications.deliveries import all_deliveries
from mediavault.notifications.events import PLURALS, TEST
from mediavault.notifications.targets import (
    MAX_NAME_CHARS,
    EventKind,
    NotificationTarget,
    add_target,
    all_targets,
    change_target,
    events_of,
    paused,
    remove_target,
    resumed,
    rotate_secret,
)
from mediavault.notifications.views import notifications_view
from mediavault.presentation.preferences import current
from mediavault.presentation.schemas import MAX_TARGET_URL_CHARS
from mediavault.presentation.translation import N_, gettext
from mediavault.server.own_address import address_for_others
from mediavault.server.services import ApiServices
from mediavault.web.pages.frame import error_view, frame, read_fields, see_other
from mediavault.web.render import render

router = APIRouter(include_in_schema=False)

PAGE = "/notifications"
MAX_FIELDS = 20
MOST_SHOWN = 50  # deliveries
EVENT_WORDS: Mapping[EventKind, str] = {
    EventKind.SAVED: N_("A post was saved"),
    EventKind.FAILED: N_("A post failed for good"),
    EventKind.NEEDS_YOU: N_("A post needs you"),
    EventKind.DAMAGED: N_("A saved file was found damaged"),
    EventKind.SIGN_IN_NEEDED: N_("A site asks you to sign in"),
    EventKind.DISK_LOW: N_("The disk is nearly full"),
    EventKind.RETENTION_DELETED: N_("Retention rules deleted posts"),
}
TYPE_WORDS: Mapping[str, str] = {
    **{kind.value: words for kind, words in EVENT_WORDS.items()},
    PLURALS[EventKind.SAVED]: N_("Posts were saved"),
    PLURALS[EventKind.FAILED]: N_("Posts failed for good"),
    PLURALS[EventKind.NEEDS_YOU]: N_("Posts need you"),
    PLURALS[EventKind.DAMAGED]: N_("Saved files were found damaged"),
    TEST: N_("Test"),
}


@router.get(PAGE)
async def index(request: Request, services: Services, tried: Annotated[str, Query(max_length=64)] = "") -> Response:
    """Show the page; ``tried`` is the delivery whose outcome it shows."""
    return await _page(request, services, tried=tried)


@router.post("/notifications/targets")
async def target_form(request: Request, services: Services) -> Response:
    """Add a target. The response shows the webhook's secret, this once."""
    fields = await read_fields(request, most=MAX_FIELDS)
    sent = {name: values[0] for name, values in fields.items()}
    try:
        target = await add_target(
            services.store.records,
            services.clock,
            services.notifier.sender,
            url=sent.get("url", ""),
            name=sent.get("name", ""),
            events=events_of(fields.get("event", [])),
            private="private" in sent,
            vault=sent.get("vault", ""),
            language=current().locale,
        )
    except BadInput as exc:
        return await _page(request, services, error=exc, sent=sent, chosen=fields.get("event", []))
    if not target.secrets:
        return see_other(f"{PAGE}#target-{target.id}")
    return await _page(request, services, fresh=target)


@router.post("/notifications/targets/{target_id}/test")
async def test_form(target_id: str, services: Services) -> Response:
    return _tried((await services.notifier.test(known(target_id))).id)


@router.post("/notifications/targets/{target_id}/pause")
async def pause_form(target_id: str, services: Services) -> Response:
    await change_target(services.store.records, known(target_id), paused)
    return see_other(f"{PAGE}#target-{target_id}")


@router.post("/notifications/targets/{target_id}/resume")
async def resume_form(target_id: str, services: Services) -> Response:
    await change_target(services.store.records, known(target_id), resumed)
    return see_other(f"{PAGE}#target-{target_id}")


@router.post("/notifications/targets/{target_id}/events")
async def events_form(request: Request, target_id: str, services: Services) -> Response:
    """Change which events the target is notified of."""
    try:
        events = events_of((await read_fields(request, most=MAX_FIELDS)).get("event", []))
    except BadInput as exc:
        return await _page(request, services, error=exc)
    await change_target(services.store.records, known(target_id), lambda target: replace(target, events=events))
    return see_other(f"{PAGE}#target-{target_id}")


@router.post("/notifications/targets/{target_id}/secret")
async def secret_form(request: Request, target_id: str, services: Services) -> Response:
    """Give a webhook a new secret. The response shows it, this once."""
    return await _page(
        request, services, fresh=await rotate_secret(services.store.records, services.clock, known(target_id))
    )


@router.post("/notifications/targets/{target_id}/remove")
async def remove_form(target_id: str, services: Services) -> Response:
    await remove_target(services.store.records, known(target_id))
    return see_other(PAGE)


@router.post("/notifications/deliveries/{delivery_id}/send")
async def send_form(delivery_id: str, services: Services) -> Response:
    return _tried((await repeat(services, delivery_id)).id)


def _tried(delivery_id: str) -> Response:
    return see_other(f"{PAGE}?{urlencode({'tried': delivery_id})}")


async def _page(
    request: Request,
    services: ApiServices,
    *,
    error: BadInput | None = None,
    sent: Mapping[str, str] | None = None,
    chosen: list[str] | None = None,
    fresh: NotificationTarget | None = None,
    tried: str = "",
) -> Response:
    targets = await all_targets(services.store.records)
    view = notifications_view(targets, await all_deliveries(services.store.records), services.clock.now())
    titles = {target.id: target.name or target.service or target.masked_url for target in targets}
    return render(
        "notifications.html",
        status=200 if error is None else 422,
        error=None if error is None else error_view(error),
        targets=view.targets,
        deliveries=[each for each in view.deliveries if each.target in titles][:MOST_SHOWN],
        titles=titles,
        tried=next((each for each in view.deliveries if each.id == tried), None),
        fresh=fresh,
        events={kind.value: gettext(words) for kind, words in EVENT_WORDS.items()},
        types={kind: gettext(words) for kind, words in TYPE_WORDS.items()},
        sent=_sent(sent, address_for_others(request, services.settings)),
        chosen=[kind.value for kind in EventKind] if chosen is None else chosen,
        max_url=MAX_TARGET_URL_CHARS,
        max_name=MAX_NAME_CHARS,
        **await frame(services),
    )


def _sent(sent: Mapping[str, str] | None, vault: str) -> dict[str, Any]:
    """Return what the fields of the new target show: what was refused, or nothing but the vault's address."""
    if sent is None:
        return {"url": "", "name": "", "vault": vault.rstrip("/"), "private": False}
    return {
        "url": sent.get("url", "")[:MAX_TARGET_URL_CHARS],
        "name": sent.get("name", "")[:MAX_NAME_CHARS],
        "vault": sent.get("vault", "")[:MAX_TARGET_URL_CHARS],
        "private": "private" in sent,
    }
