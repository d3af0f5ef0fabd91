"""``/api/notifications``: who is notified of what, tests, and what was delivered."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from mediavault.api.dependencies import Services, errors
from mediavault.core.failures import NotFound
from mediavault.notifications.deliveries import NotificationDelivery, all_deliveries
from mediavault.notifications.targets import (
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
    target_name,
)
from mediavault.notifications.views import delivery_view, notifications_view, target_view, with_secret
from mediavault.presentation.preferences import current
from mediavault.presentation.schemas import (
    DeliveryView,
    NotificationsView,
    TargetChange,
    TargetRequest,
    TargetView,
    TargetWithSecretView,
)
from mediavault.server.own_address import address_for_others
from mediavault.server.services import ApiServices

router = APIRouter(prefix="/api/notifications", tags=["notifications"])

TargetPath = Annotated[str, Path(max_length=64, description="A target's id.")]
DeliveryPath = Annotated[str, Path(max_length=64, description="A delivery's id.")]
CHANGES = errors(401, 403, 404, 415, 503)


@router.get("", response_model=NotificationsView, responses=errors(401, 503))
async def index(services: Services) -> NotificationsView:
    """List the targets and the deliveries of the last week."""
    targets = await all_targets(services.store.records)
    return notifications_view(targets, await all_deliveries(services.store.records), services.clock.now())


@router.post("/targets", status_code=201, response_model=TargetWithSecretView, responses=errors(401, 403, 415, 503))
async def add(request: Request, body: TargetRequest, services: Services) -> TargetWithSecretView:
    """Add a webhook or an Apprise URL. The response has the webhook's secret, which is shown only once. Nothing is sent."""
    target = await add_target(
        services.store.records,
        services.clock,
        services.notifier.sender,
        url=body.url,
        name=body.name,
        events=events_of(body.events) if body.events is not None else tuple(EventKind),
        private=body.private,
        vault=address_for_others(request, services.settings) if body.vault is None else body.vault,
        language=current().locale,
    )
    return with_secret(await view_of(services, target), target)


@router.patch("/targets/{target_id}", response_model=TargetView, responses=CHANGES)
async def change(target_id: TargetPath, body: TargetChange, services: Services) -> TargetView:
    """Change a target's name or events, pause or resume it."""
    name = None if body.name is None else target_name(body.name)
    events = None if body.events is None else events_of(body.events)

    def changed(target: NotificationTarget) -> NotificationTarget:
        target = replace(target, name=target.name if name is None else name, events=events or target.events)
        return target if body.paused is None else paused(target) if body.paused else resumed(target)

    return await view_of(services, await change_target(services.store.records, known(target_id), changed))


@router.delete("/targets/{target_id}", status_code=204, response_class=Response, responses=CHANGES)
async def remove(target_id: TargetPath, services: Services) -> None:
    """Remove a target and its deliveries."""
    await remove_target(services.store.records, known(target_id))


@router.post("/targets/{target_id}/secret", response_model=TargetWithSecretView, responses=CHANGES)
async def rotate(target_id: TargetPath, services: Services) -> TargetWithSecretView:
    """Give a webhook a new secret, which is shown only once. Deliveries are signed with both for 24 hours."""
    target = await rotate_secret(services.store.records, services.clock, known(target_id))
    return with_secret(await view_of(services, target), target)


@router.post("/targets/{target_id}/test", response_model=DeliveryView, responses=CHANGES)
async def send_test(target_id: TargetPath, services: Services) -> DeliveryView:
    """Send a test now, without retries, and return the result. Takes up to 45 seconds."""
    return delivery_view(await services.notifier.test(known(target_id)))


@router.post("/deliveries/{delivery_id}/send", response_model=DeliveryView, responses=CHANGES)
async def send_again(delivery_id: DeliveryPath, services: Services) -> DeliveryView:
    """Send a delivery again now, under the same id, and return the result."""
    return delivery_view(await repeat(services, delivery_id))


async def repeat(services: ApiServices, delivery_id: str) -> NotificationDelivery:
    """Send the delivery again. Raises NotFound."""
    return await services.notifier.send_again(known(delivery_id))


async def view_of(services: ApiServices, target: NotificationTarget) -> TargetView:
    """Return the target's view as of now."""
    return target_view(target, await all_deliveries(services.store.records), services.clock.now())


def known(text: str) -> str:
    """Return an id that can be one of ours. Raises NotFound for any other text, which never reaches a store."""
    if not text.isascii() or not text.replace("_", "").isalnum():
        raise NotFound("Unknown id.", help="It may have been removed.")
    return text
