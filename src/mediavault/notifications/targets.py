"""Who is notified: webhooks and URLs of Apprise's services, each a record with its secrets.

The secrets are stored as they are, since every delivery is signed with them; pages, logs and the API show neither them
nor more of a URL than :attr:`NotificationTarget.masked_url`.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from mediavault.core.clock import Clock
from mediavault.core.failures import BadInput, BadUrl, NotFound
from mediavault.core.logs import get_logger
from mediavault.core.messages import Message
from mediavault.core.names import label_or_none
from mediavault.core.records import Record, RecordKind
from mediavault.core.urls import parse_http_url
from mediavault.notifications.deliveries import all_deliveries, remove_delivery
from mediavault.notifications.port import NotificationSender
from mediavault.notifications.signing import new_secret
from mediavault.presentation.schemas import MAX_TARGET_URL_CHARS
from mediavault.store.port import Records

MOST = 20
MAX_NAME_CHARS = 80
OLD_SECRET_LIVES = timedelta(hours=24)  # how long deliveries are signed with the former secret too
_KIND = RecordKind.NOTIFY_TARGET
_APPRISE_URL = re.compile(r"([a-z][a-z0-9]{0,30})://[\x21-\x7e]+", re.IGNORECASE)

log = get_logger(__name__)


class EventKind(StrEnum):
    """What a target can be notified of. The values are stored, and are the types of single messages: never rename one."""

    SAVED = "job.saved"
    FAILED = "job.failed"
    NEEDS_YOU = "job.needs_you"
    DAMAGED = "job.damaged"
    SIGN_IN_NEEDED = "session.sign_in_needed"
    DISK_LOW = "disk.low"
    RETENTION_DELETED = "retention.deleted"


class TargetKind(StrEnum):
    """How a target is notified. The values are stored."""

    WEBHOOK = "webhook"
    APPRISE = "apprise"


class OffReason(StrEnum):
    """Why a target is no longer notified. The values are stored."""

    GONE = "gone"  # it answered 410
    GIVEN_UP = "given_up"  # the last attempt at a delivery failed, and nothing else was delivered in the meantime


@dataclass(frozen=True, slots=True)
class NotificationTarget:
    """A target. ``vault`` is the address of the vault in links; ``language`` is that of its texts.

    ``private``: its host may be in a private network. ``secrets`` are a webhook's, the newest first; the second one ends
    at ``old_secret_until``. ``service`` is the name of an Apprise service.
    """

    id: str
    kind: TargetKind
    url: str
    name: str
    events: tuple[EventKind, ...]
    made_at: datetime
    private: bool = False
    vault: str = ""
    language: str = "en"
    service: str = ""
    secrets: tuple[str, ...] = ()
    old_secret_until: datetime | None = None
    paused: bool = False
    off: OffReason | None = None

    @property
    def is_active(self) -> bool:
        """Whether anything is sent to it."""
        return not self.paused and self.off is None

    @property
    def masked_url(self) -> str:
        """The URL without what may be a secret: of a webhook its host, of a service only the scheme."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}/…" if self.kind is TargetKind.WEBHOOK else f"{parts.scheme}://…"

    def secrets_at(self, now: datetime) -> tuple[str, ...]:
        """Return the secrets to sign with now."""
        is_rotating = self.old_secret_until is not None and now < self.old_secret_until
        return self.secrets if is_rotating else self.secrets[:1]


async def all_targets(records: Records) -> list[NotificationTarget]:
    """Return the targets, the oldest first."""
    found = (_read(record) for record in await records.all(_KIND))
    return sorted((target for target in found if target is not None), key=lambda each: (each.made_at, each.id))


async def find_target(records: Records, target_id: str) -> NotificationTarget:
    """Return the target. Raises NotFound."""
    record = await records.get(_KIND, target_id)
    target = None if record is None else _read(record)
    if target is None:
        raise NotFound("Unknown target.", help="It may have been removed.")
    return target


async def add_target(
    records: Records,
    clock: Clock,
    sender: NotificationSender,
    *,
    url: str,
    name: str = "",
    events: tuple[EventKind, ...] = tuple(EventKind),
    private: bool = False,
    vault: str = "",
    language: str = "en",
) -> NotificationTarget:
    """Store a new target; the webhook's secret is in it. Raises BadInput. Nothing is sent."""
    if len(await all_targets(records)) >= MOST:
        raise BadInput(Message("There are already %(most)s targets.", most=MOST), help="Remove one first.")
    url, service = url.strip(), ""
    if re.match(r"https?://", url, re.IGNORECASE):
        kind = TargetKind.WEBHOOK
        url = parse_http_url(url, max_chars=MAX_TARGET_URL_CHARS).without_fragment
        sender.check(url, private=private)
    else:
        kind = TargetKind.APPRISE
        if len(url) > MAX_TARGET_URL_CHARS or not _APPRISE_URL.fullmatch(url):
            raise BadInput(
                "This is neither a webhook URL nor an Apprise URL.",
                help="A webhook URL starts with https://, an Apprise URL with its service, such as ntfy://example.com/videos.",
            )
        service = await sender.identify(url)
    target = NotificationTarget(
        id=secrets.token_hex(8),
        kind=kind,
        url=url,
        name=target_name(name),
        events=_some(events),
        made_at=clock.now(),
        private=private,
        vault=vault_address(vault),
        language=language,
        service=service,
        secrets=(new_secret(),) if kind is TargetKind.WEBHOOK else (),
    )
    await records.put(_KIND, target.id, _value(target))
    log.info("notification_target_added", target=target.id, kind=kind, service=service or None)
    return target


async def change_target(
    records: Records, target_id: str, change: Callable[[NotificationTarget], NotificationTarget]
) -> NotificationTarget:
    """Store what ``change`` makes of the target, and return it. Raises NotFound, and what ``change`` raises."""
    while True:
        record = await records.get(_KIND, target_id)
        if record is None or (target := _read(record)) is None:
            raise NotFound("Unknown target.", help="It may have been removed.")
        changed = change(target)
        if await records.replace(_KIND, target_id, _value(changed), if_value=record.value):
            return changed


async def rotate_secret(records: Records, clock: Clock, target_id: str) -> NotificationTarget:
    """Give a webhook a new secret, and sign with both for a day. Raises NotFound, BadInput for an Apprise URL."""

    def rotated(target: NotificationTarget) -> NotificationTarget:
        if target.kind is not TargetKind.WEBHOOK:
            raise BadInput("An Apprise URL has no secret of its own.")
        both = (new_secret(), target.secrets[0])
        return replace(target, secrets=both, old_secret_until=clock.now() + OLD_SECRET_LIVES)

    changed = await change_target(records, target_id, rotated)
    log.info("notification_secret_rotated", target=target_id)
    return changed


async def remove_target(records: Records, target_id: str) -> None:
    """Remove the target with its deliveries. Raises NotFound. What a round keeps for it meanwhile is removed by a later
    round, or expires."""
    if not await records.remove(_KIND, target_id):
        raise NotFound("Unknown target.", help="It may have been removed.")
    for delivery in await all_deliveries(records):
        if delivery.target == target_id:
            await remove_delivery(records, delivery.id)
    log.info("notification_target_removed", target=target_id)


def paused(target: NotificationTarget) -> NotificationTarget:
    """Return the target as one that is not notified until it is resumed."""
    return replace(target, paused=True)


def resumed(target: NotificationTarget) -> NotificationTarget:
    """Return the target as one that is notified again, whatever had stopped it."""
    return replace(target, paused=False, off=None)


def target_name(text: str) -> str:
    """Return the name as it is stored, "" for none. Raises BadInput."""
    name = label_or_none(text, MAX_NAME_CHARS)
    if name is None:
        raise BadInput(Message("A name can have at most %(most)s characters.", most=MAX_NAME_CHARS))
    return name


def vault_address(text: str) -> str:
    """Return the vault's address for links, without a slash at its end; "" for none. Raises BadUrl."""
    if not text.strip():
        return ""
    try:
        url = parse_http_url(text)
    except BadUrl as exc:
        raise BadUrl(exc.message, help="Give the address at which you open the vault.") from exc
    return f"{url.origin}{url.path}".rstrip("/")


def events_of(names: Sequence[str]) -> tuple[EventKind, ...]:
    """Return the events of these names, in the order of :class:`EventKind`. Raises BadInput for none or unknown ones."""
    known = {kind.value for kind in EventKind}
    if not known.issuperset(names):
        raise BadInput("Unknown event.", help=Message("Valid events: %(events)s.", events=", ".join(sorted(known))))
    return _some(tuple(kind for kind in EventKind if kind.value in names))


def _some(events: tuple[EventKind, ...]) -> tuple[EventKind, ...]:
    if not events:
        raise BadInput("A target needs at least one event.", help="Choose at least one.")
    return events


def _value(target: NotificationTarget) -> Mapping[str, Any]:
    return {
        "kind": target.kind,
        "url": target.url,
        "name": target.name,
        "events": list(target.events),
        "made_at": target.made_at.isoformat(),
        "private": target.private,
        "vault": target.vault,
        "language": target.language,
        "service": target.service,
        "secrets": list(target.secrets),
        "old_secret_until": target.old_secret_until and target.old_secret_until.isoformat(),
        "paused": target.paused,
        "off": target.off,
    }


def _read(record: Record) -> NotificationTarget | None:
    """Return the target in a record; None for one of another version, which is left alone."""
    value = record.value
    known = {kind.value for kind in EventKind}
    try:
        until = value.get("old_secret_until")
        return NotificationTarget(
            id=record.key,
            kind=TargetKind(value["kind"]),
            url=str(value["url"]),
            name=str(value["name"]),
            events=tuple(EventKind(name) for name in value["events"] if name in known),
            made_at=datetime.fromisoformat(value["made_at"]),
            private=bool(value["private"]),
            vault=str(value["vault"]),
            language=str(value["language"]),
            service=str(value["service"]),
            secrets=tuple(value["secrets"]),
            old_secret_until=datetime.fromisoformat(until) if until else None,
            paused=bool(value["paused"]),
            off=OffReason(value["off"]) if value["off"] else None,
        )
    except (LookupError, TypeError, ValueError):
        log.warning("notification_target_unreadable", target=record.key)
        return None
