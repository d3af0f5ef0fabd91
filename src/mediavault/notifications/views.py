"""Targets and deliveries in the shapes that the API, the pages and the command line show. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal

from mediavault.notifications.deliveries import DeliveryState, NotificationDelivery
from mediavault.notifications.targets import NotificationTarget, OffReason
from mediavault.presentation.schemas import DeliveryView, NotificationsView, TargetView, TargetWithSecretView
from mediavault.presentation.translation import translated

State = Literal["new", "working", "failing", "paused", "gone", "given_up"]


def notifications_view(
    targets: Iterable[NotificationTarget], deliveries: Sequence[NotificationDelivery], now: datetime
) -> NotificationsView:
    """Return all targets and the deliveries, the newest first."""
    return NotificationsView(
        targets=[target_view(target, deliveries, now) for target in targets],
        deliveries=[delivery_view(delivery) for delivery in deliveries],
    )


def target_view(target: NotificationTarget, deliveries: Iterable[NotificationDelivery], now: datetime) -> TargetView:
    """Return a target's view; ``deliveries`` may be those of all targets."""
    own = [each for each in deliveries if each.target == target.id]
    waiting = [each for each in own if each.state is DeliveryState.WAITING]
    failing = [each for each in waiting if each.failing_since is not None]
    state = _state(target, own)
    is_failing = state == "failing"
    return TargetView(
        id=target.id,
        kind=target.kind.value,
        name=target.name,
        url=target.masked_url,
        service=target.service,
        events=[event.value for event in target.events],
        private=target.private,
        vault=target.vault,
        made_at=target.made_at,
        state=state,
        failing_since=min((each.failing_since for each in failing if each.failing_since), default=None)
        if is_failing
        else None,
        next_try_at=min((each.due_at for each in failing), default=None) if is_failing else None,
        problem=translated(last.problem) if (last := _last_tried(own)) and state not in ("new", "working") else "",
        waiting=len(waiting),
        two_secrets_until=target.old_secret_until if len(target.secrets_at(now)) > 1 else None,
    )


def with_secret(view: TargetView, target: NotificationTarget) -> TargetWithSecretView:
    """Return the view with the newest secret, for the one response that shows it."""
    return TargetWithSecretView(**view.model_dump(), secret=next(iter(target.secrets), None))


def delivery_view(delivery: NotificationDelivery) -> DeliveryView:
    """Return a delivery's view."""
    is_waiting = delivery.state is DeliveryState.WAITING
    return DeliveryView(
        id=delivery.id,
        target=delivery.target,
        type=delivery.type,
        made_at=delivery.made_at,
        state=delivery.state.value,
        attempts=delivery.attempts,
        tried_at=delivery.tried_at,
        next_try_at=delivery.due_at if is_waiting else None,
        status=delivery.status,
        problem=translated(delivery.problem),
    )


def _state(target: NotificationTarget, own: Sequence[NotificationDelivery]) -> State:
    if target.paused:
        return "paused"
    if target.off is not None:
        return "gone" if target.off is OffReason.GONE else "given_up"
    last = _last_tried(own)
    if last is None:
        return "new"
    return "working" if last.state is DeliveryState.DELIVERED else "failing"


def _last_tried(own: Iterable[NotificationDelivery]) -> NotificationDelivery | None:
    tried = [
        each for each in own if each.tried_at is not None and (each.problem or each.state is DeliveryState.DELIVERED)
    ]
    return max(tried, key=lambda each: (each.tried_at, each.made_at), default=None)
