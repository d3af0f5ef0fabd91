"""``/api/notifications``: who is notified of what, tests, and what was delivered."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response

from mediavault.api.dependencies import Services, errors
from mediavault.features.notifications.service import Notifications
from mediavault.features.notifications.views import (
    DeliveryView,
    NotificationsView,
    TargetChange,
    TargetRequest,
    TargetView,
    TargetWithSecretView,
    delivery_view,
    with_secret,
)
from mediavault.presentation.record_models import given
from mediavault.server.own_address import address_for_others

router = APIRouter(prefix="/api/notifications", tags=["notifications"])

TargetPath = Annotated[str, Path(max_length=64, description="A target's id.")]
DeliveryPath = Annotated[str, Path(max_length=64, description="A delivery's id.")]
CHANGES = errors(401, 403, 404, 415, 503)


def _notifications(services: Services) -> Notifications:
    return Notifications(services.store, services.clock, services.notification_sender)


Service = Annotated[Notifications, Depends(_notifications)]


@router.get("", response_model=NotificationsView, responses=errors(401, 503))
async def index(notifications: Service) -> NotificationsView:
    """List the targets and the deliveries of the last week."""
    return await notifications.view()


@router.post(
    "/targets",
    status_code=201,
    response_model=TargetWithSecretView,
    responses=errors(401, 403, 415, 503),
)
async def add(
    request: Request, body: TargetRequest, services: Services, notifications: Service
) -> TargetWithSecretView:
    """Add a webhook or an Apprise URL. The response has the webhook's secret,
    which is shown only once. Nothing is sent.
    """
    values = {"vault": address_for_others(request, services.settings), **given(body)}
    target = await notifications.add(values.pop("url"), values)
    return with_secret(await notifications.view_of(target), target)


@router.patch("/targets/{target_id}", response_model=TargetView, responses=CHANGES)
async def change(target_id: TargetPath, body: TargetChange, notifications: Service) -> TargetView:
    """Change a target's name or events, pause or resume it."""
    return await notifications.view_of(await notifications.change(target_id, given(body)))


@router.delete("/targets/{target_id}", status_code=204, response_class=Response, responses=CHANGES)
async def remove(target_id: TargetPath, notifications: Service) -> None:
    """Remove a target and its deliveries."""
    await notifications.remove(target_id)


@router.post("/targets/{target_id}/secret", response_model=TargetWithSecretView, responses=CHANGES)
async def rotate(target_id: TargetPath, notifications: Service) -> TargetWithSecretView:
    """Give a webhook a new secret, which is shown only once.
    Deliveries are signed with both for 24 hours.
    """
    target = await notifications.rotate_secret(target_id)
    return with_secret(await notifications.view_of(target), target)


@router.post("/targets/{target_id}/test", response_model=DeliveryView, responses=CHANGES)
async def send_test(target_id: TargetPath, notifications: Service) -> DeliveryView:
    """Send a test now, without retries, and return the result. Takes up to 45 seconds."""
    return delivery_view(await notifications.test(target_id))


@router.post("/deliveries/{delivery_id}/send", response_model=DeliveryView, responses=CHANGES)
async def send_again(delivery_id: DeliveryPath, notifications: Service) -> DeliveryView:
    """Send a delivery again now, under the same id, and return the result."""
    return delivery_view(await notifications.send_again(delivery_id))
