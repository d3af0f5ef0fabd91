"""Targets and deliveries as the API, the pages and the command line show and accept them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal

from pydantic import BaseModel

from mediavault.features.notifications.model import (
    DeliveryState,
    NotificationDelivery,
    NotificationTarget,
    OffReason,
    TargetSettings,
)
from mediavault.presentation.record_models import changes_of, shown, view_of
from mediavault.presentation.translation import translated

State = Literal["new", "working", "failing", "paused", "gone", "given_up"]
# No other field of a record is shown: secrets, and what the URL and the body of a message have.
_OF_TARGET = ("id", "kind", "name", "service", "events", "private", "vault", "made_at")
_OF_DELIVERY = ("id", "target", "type", "made_at", "state", "attempts", "tried_at", "status")


class TargetRequest(changes_of(TargetSettings, without=("paused",))):  # type: ignore[misc]
    """A new target. ``events``: all of them if left out. ``private``: its host may be in a private
    network.

    ``vault``: the vault's address in links, by default the one that the request was sent to, if
    others can open it.
    """

    url: str


class TargetChange(changes_of(TargetSettings, without=("private", "vault"))):  # type: ignore[misc]
    """What to change about a target; what is left out stays.
    ``paused`` false also ends a switch-off.
    """


class TargetView(view_of(NotificationTarget, only=_OF_TARGET)):  # type: ignore[misc]
    """A target. ``url`` shows no secret. ``state``: new, working, failing, paused, gone or
    given_up.

    ``failing_since``, ``next_try_at`` and ``problem`` are those of its oldest waiting delivery that
    failed; ``two_secrets_until`` is when the former secret ends.
    """

    url: str
    state: State
    failing_since: datetime | None
    next_try_at: datetime | None
    problem: str
    waiting: int
    two_secrets_until: datetime | None


class TargetWithSecretView(TargetView):
    """A target with the secret of its webhook, which is shown only here;
    null for an Apprise URL.
    """

    secret: str | None


class DeliveryView(view_of(NotificationDelivery, only=_OF_DELIVERY)):  # type: ignore[misc]
    """A message to a target. ``id`` is its ``webhook-id``.
    ``status`` and ``problem`` are of the last attempt.
    """

    next_try_at: datetime | None
    problem: str


class NotificationsView(BaseModel):
    """The targets, and the deliveries of the last week, the newest first."""

    targets: list[TargetView]
    deliveries: list[DeliveryView]


def notifications_view(
    targets: Iterable[NotificationTarget], deliveries: Sequence[NotificationDelivery], now: datetime
) -> NotificationsView:
    """Return all targets and the deliveries, the newest first."""
    return NotificationsView(
        targets=[target_view(target, deliveries, now) for target in targets],
        deliveries=[delivery_view(delivery) for delivery in deliveries],
    )


def target_view(
    target: NotificationTarget, deliveries: Iterable[NotificationDelivery], now: datetime
) -> TargetView:
    """Return a target's view; ``deliveries`` may be those of all targets."""
    own = [each for each in deliveries if each.target == target.id]
    waiting = [each for each in own if each.state is DeliveryState.WAITING]
    state, last = _state(target, own), _last_tried(own)
    failing = (
        [each for each in waiting if each.failing_since is not None] if state == "failing" else []
    )
    return TargetView(
        **shown(target, _OF_TARGET),
        url=target.masked_url,
        state=state,
        failing_since=min(
            (each.failing_since for each in failing if each.failing_since), default=None
        ),
        next_try_at=min((each.due_at for each in failing), default=None),
        problem=translated(last.problem) if last and state not in ("new", "working") else "",
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
        **shown(delivery, _OF_DELIVERY),
        next_try_at=delivery.due_at if is_waiting else None,
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
        each
        for each in own
        if each.tried_at is not None and (each.problem or each.state is DeliveryState.DELIVERED)
    ]
    return max(tried, key=lambda each: (each.tried_at, each.made_at), default=None)
