"""The page about notifications: who is notified of what, tests, and what was delivered.
For admins only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request, Response

from mediavault.api.dependencies import Services
from mediavault.core.failures import BadInput
from mediavault.features.notifications.events import PLURALS, TEST
from mediavault.features.notifications.model import (
    MAX_NAME_CHARS,
    MAX_URL_CHARS,
    EventKind,
    NotificationTarget,
    events_of,
)
from mediavault.features.notifications.service import Notifications
from mediavault.presentation.translation import N_, gettext
from mediavault.server.own_address import address_for_others
from mediavault.web.pages.frame import error_view, frame, read_fields, see_other
from mediavault.web.render import render

router = APIRouter(include_in_schema=False)

PAGE = "/notifications"
MAX_FIELDS = 20
MOST_SHOWN = 50  # deliveries
EVENT_WORDS: Mapping[EventKind, str] = {
    EventKind.SAVED: N_("A post was saved"),
    EventKind.FAILED: N_("A post can't be saved"),
    EventKind.NEEDS_YOU: N_("A post needs you"),
    EventKind.DAMAGED: N_("A saved file was found damaged"),
    EventKind.SIGN_IN_NEEDED: N_("A site asks you to sign in"),
    EventKind.DISK_LOW: N_("The disk is nearly full"),
    EventKind.RETENTION_DELETED: N_("Retention rules deleted posts"),
}
TYPE_WORDS: Mapping[str, str] = {
    **{kind.value: words for kind, words in EVENT_WORDS.items()},
    PLURALS[EventKind.SAVED]: N_("Posts were saved"),
    PLURALS[EventKind.FAILED]: N_("Posts can't be saved"),
    PLURALS[EventKind.NEEDS_YOU]: N_("Posts need you"),
    PLURALS[EventKind.DAMAGED]: N_("Saved files were found damaged"),
    TEST: N_("Test"),
}


class _Page:
    """What each of the page's routes needs: the request, the vault,
    and what users do with its notifications.
    """

    def __init__(self, request: Request, services: Services) -> None:
        self.request = request
        self._services = services
        self.notifications = Notifications(
            services.store, services.clock, services.notification_sender
        )

    async def show(
        self,
        *,
        error: BadInput | None = None,
        sent: Mapping[str, str] | None = None,
        chosen: list[str] | None = None,
        fresh: NotificationTarget | None = None,
        tried: str = "",
    ) -> Response:
        """Return the page, with what was refused, a fresh secret, or what became of a delivery."""
        view = await self.notifications.view()
        titles = {target.id: target.name or target.service or target.url for target in view.targets}
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
            sent=_sent(sent, address_for_others(self.request, self._services.settings)),
            chosen=[kind.value for kind in EventKind] if chosen is None else chosen,
            max_url=MAX_URL_CHARS,
            max_name=MAX_NAME_CHARS,
            **await frame(self._services),
        )


Page = Annotated[_Page, Depends()]


@router.get(PAGE)
async def index(page: Page, tried: Annotated[str, Query(max_length=64)] = "") -> Response:
    """Show the page; ``tried`` is the delivery whose outcome it shows."""
    return await page.show(tried=tried)


@router.post("/notifications/targets")
async def target_form(page: Page) -> Response:
    """Add a target. The response shows the webhook's secret, this once."""
    fields = await read_fields(page.request, most=MAX_FIELDS)
    sent = {name: values[0] for name, values in fields.items()}
    chosen = fields.get("event", [])
    values = {
        "name": sent.get("name", ""),
        "events": chosen,
        "private": "private" in sent,
        "vault": sent.get("vault", ""),
    }
    try:
        target = await page.notifications.add(sent.get("url", ""), values)
    except BadInput as exc:
        return await page.show(error=exc, sent=sent, chosen=chosen)
    return await page.show(fresh=target) if target.secrets else _to(target.id)


@router.post("/notifications/targets/{target_id}/test")
async def test_form(target_id: str, page: Page) -> Response:
    return _tried((await page.notifications.test(target_id)).id)


@router.post("/notifications/targets/{target_id}/pause")
async def pause_form(target_id: str, page: Page) -> Response:
    await page.notifications.change(target_id, {"paused": True})
    return _to(target_id)


@router.post("/notifications/targets/{target_id}/resume")
async def resume_form(target_id: str, page: Page) -> Response:
    await page.notifications.change(target_id, {"paused": False})
    return _to(target_id)


@router.post("/notifications/targets/{target_id}/events")
async def events_form(target_id: str, page: Page) -> Response:
    """Change which events the target is notified of."""
    try:
        events = events_of((await read_fields(page.request, most=MAX_FIELDS)).get("event", []))
    except BadInput as exc:
        return await page.show(error=exc)
    await page.notifications.change(target_id, {"events": events})
    return _to(target_id)


@router.post("/notifications/targets/{target_id}/secret")
async def secret_form(target_id: str, page: Page) -> Response:
    """Give a webhook a new secret. The response shows it, this once."""
    return await page.show(fresh=await page.notifications.rotate_secret(target_id))


@router.post("/notifications/targets/{target_id}/remove")
async def remove_form(target_id: str, page: Page) -> Response:
    await page.notifications.remove(target_id)
    return see_other(PAGE)


@router.post("/notifications/deliveries/{delivery_id}/send")
async def send_form(delivery_id: str, page: Page) -> Response:
    return _tried((await page.notifications.send_again(delivery_id)).id)


def _to(target_id: str) -> Response:
    return see_other(f"{PAGE}#target-{target_id}")


def _tried(delivery_id: str) -> Response:
    return see_other(f"{PAGE}?{urlencode({'tried': delivery_id})}")


def _sent(sent: Mapping[str, str] | None, vault: str) -> dict[str, Any]:
    """Return what the fields of the new target show: what was refused,
    or nothing but the vault's address.
    """
    if sent is None:
        return {"url": "", "name": "", "vault": vault.rstrip("/"), "private": False}
    return {
        "url": sent.get("url", "")[:MAX_URL_CHARS],
        "name": sent.get("name", "")[:MAX_NAME_CHARS],
        "vault": sent.get("vault", "")[:MAX_URL_CHARS],
        "private": "private" in sent,
    }
