"""What users do with notifications: add, change, test and remove targets, and send deliveries
again.

API, pages and command line call this.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from secrets import token_hex

from mediavault.core.clock import Clock
from mediavault.core.failures import BadInput, NotFound
from mediavault.core.logs import get_logger
from mediavault.core.messages import Message
from mediavault.features.notifications import records
from mediavault.features.notifications.model import (
    NotificationDelivery,
    NotificationTarget,
    TargetKind,
    TargetValues,
    changed,
    checked,
    kind_of,
    new_secret,
    with_new_secret,
)
from mediavault.features.notifications.notifier import Notifier
from mediavault.features.notifications.views import (
    NotificationsView,
    TargetView,
    notifications_view,
    target_view,
)
from mediavault.presentation.preferences import current
from mediavault.server.services import NotificationSender
from mediavault.store.port import Store

MOST = 20

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Notifications:
    """The targets of a vault and their deliveries, for one who may see them.
    Nothing but a test and a repetition sends.
    """

    store: Store
    clock: Clock
    sender: NotificationSender

    async def view(self) -> NotificationsView:
        """Return all targets, and the deliveries of the last week."""
        targets = await records.all_targets(self.store.records)
        return notifications_view(
            targets, await records.all_deliveries(self.store.records), self.clock.now()
        )

    async def view_of(self, target: NotificationTarget) -> TargetView:
        """Return the target's view as of now."""
        return target_view(
            target, await records.all_deliveries(self.store.records), self.clock.now()
        )

    async def add(self, url: str, values: TargetValues) -> NotificationTarget:
        """Store a new target, with the texts in the user's language; the webhook's secret is in it.
        Raises BadInput.

        Nothing is sent.
        """
        if len(await records.all_targets(self.store.records)) >= MOST:
            raise BadInput(
                Message("There are already %(most)s targets.", most=MOST), help="Remove one first."
            )
        kind, url = kind_of(url.strip())
        target = NotificationTarget(
            token_hex(8), kind, url, self.clock.now(), language=current().locale, **checked(values)
        )
        if kind is TargetKind.WEBHOOK:
            self.sender.check(url, private=target.private)
            target = replace(target, secrets=(new_secret(),))
        else:
            target = replace(target, service=await self.sender.identify(url))
        await records.put_target(self.store.records, target)
        log.info(
            "notification_target_added", target=target.id, kind=kind, service=target.service or None
        )
        return target

    async def change(self, target_id: str, values: TargetValues) -> NotificationTarget:
        """Change a target's settings, pause or resume it. Raises NotFound, BadInput."""
        new = checked(values)
        return await records.change_target(
            self.store.records, _known(target_id), lambda target: changed(target, new)
        )

    async def rotate_secret(self, target_id: str) -> NotificationTarget:
        """Give a webhook a new secret, and sign with both for a day. Raises NotFound,
        BadInput for an Apprise URL.
        """
        now = self.clock.now()
        rotated = await records.change_target(
            self.store.records, _known(target_id), lambda target: with_new_secret(target, now)
        )
        log.info("notification_secret_rotated", target=target_id)
        return rotated

    async def remove(self, target_id: str) -> None:
        """Remove a target and its deliveries. Raises NotFound."""
        await records.remove_target(self.store.records, _known(target_id))
        log.info("notification_target_removed", target=target_id)

    async def test(self, target_id: str) -> NotificationDelivery:
        """Send the target a test now, and return what became of it. Raises NotFound, StoreError."""
        return await self._notifier.test(_known(target_id))

    async def send_again(self, delivery_id: str) -> NotificationDelivery:
        """Send a delivery again now, under its id, and return what became of it.
        Raises NotFound, StoreError.
        """
        return await self._notifier.send_again(_known(delivery_id))

    @property
    def _notifier(self) -> Notifier:
        return Notifier(self.store, self.clock, self.sender)


def _known(text: str) -> str:
    """Return an id that can be one of ours. Raises NotFound for any other text,
    which never reaches a store.
    """
    if not text.isascii() or not text.replace("_", "").isalnum():
        raise NotFound("Unknown id.", help="It may have been removed.")
    return text
