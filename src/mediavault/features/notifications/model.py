"""Who is notified of what, and the messages to each: webhooks, and URLs of Apprise's services.
Pure.

The secrets are stored as they are, since every delivery is signed with them; pages, logs and the
API show neither them nor more of a URL than :attr:`NotificationTarget.masked_url`. Webhooks are
signed and tried again as the Standard Webhooks specification (version 1.0.0) proposes: ten attempts
within about 76 hours.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from mediavault.core.failures import BadInput, BadUrl
from mediavault.core.fields import about
from mediavault.core.messages import Message, Translatable
from mediavault.core.names import label_or_none
from mediavault.core.urls import parse_http_url

if TYPE_CHECKING:
    from mediavault.server.services import SendResult

MAX_NAME_CHARS = 80
MAX_URL_CHARS = 2_000
OLD_SECRET_LIVES = timedelta(hours=24)  # how long deliveries are signed with the former secret too
SECRET_PREFIX = "whsec_"  # noqa: S105
SECRET_BYTES = 32
# after the first failed attempt, the second, and so on
SCHEDULE = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
SPREAD = 0.1  # of a wait: receivers that were away are not asked by all at once
# at least, where a receiver is overloaded and does not say for how long
SLOWER = timedelta(minutes=1)
OVERLOADED = frozenset({429, 502, 503, 504})
HELD_FOR = timedelta(minutes=2)  # longer than an attempt may take: after this its worker has died
WAITS_AT_MOST = timedelta(days=14)  # since its last attempt, of a target that is paused
_APPRISE_URL = re.compile(r"([a-z][a-z0-9]{0,30})://[\x21-\x7e]+", re.IGNORECASE)


class EventKind(StrEnum):
    """What a target can be notified of. The values are stored,
    and are the types of single messages: never rename one.
    """

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
    # the last attempt at a delivery failed, and nothing else was delivered in the meantime
    GIVEN_UP = "given_up"


TargetValues = Mapping[str, Any]  # of a target's settings, by name: those that are given


def events_of(names: Sequence[str]) -> tuple[EventKind, ...]:
    """Return the events of these names, in the order of :class:`EventKind`.
    Raises BadInput for none or unknown ones.
    """
    known = {kind.value for kind in EventKind}
    if not known.issuperset(names):
        raise BadInput(
            "Unknown event.",
            help=Message("Valid events: %(events)s.", events=", ".join(sorted(known))),
        )
    if not names:
        raise BadInput("A target needs at least one event.", help="Choose at least one.")
    return tuple(kind for kind in EventKind if kind.value in names)


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetSettings:
    """What users set of a target: what the API takes and returns,
    and the options of ``notify add``.
    """

    name: str = field(default="", metadata=about("The name shown on the page."))
    events: tuple[EventKind, ...] = field(
        default=tuple(EventKind),
        metadata=about(
            "job.saved, job.failed, job.needs_you, job.damaged, session.sign_in_needed, disk.low or"
            " retention.deleted; may be repeated."
            " Default: all.",
            metavar="EVENT",
            option="--event",
            read=lambda _, names: names,
        ),
    )
    private: bool = field(
        default=False,
        metadata=about(
            "Allow a private address for its host, if it is on your own network.",
            option="--private",
        ),
    )
    vault: str = field(
        default="", metadata=about("The vault's address in links.", metavar="ADDRESS")
    )
    paused: bool = field(default=False, metadata=about("Whether nothing is sent to it.", option=""))


def checked(values: TargetValues) -> dict[str, Any]:
    """Return settings as they are stored. Raises BadInput for those that can't be used."""
    checks = {"name": _name, "events": events_of, "vault": vault_address}
    return {
        name: checks[name](value) if name in checks else value for name, value in values.items()
    }


def _name(text: str) -> str:
    name = label_or_none(text, MAX_NAME_CHARS)
    if name is None:
        raise BadInput(Message("A name can have at most %(most)s characters.", most=MAX_NAME_CHARS))
    return name


def vault_address(text: str) -> str:
    """Return the vault's address for links, without a slash at its end; "" for none.
    Raises BadUrl.
    """
    if not text.strip():
        return ""
    try:
        url = parse_http_url(text)
    except BadUrl as exc:
        raise BadUrl(exc.message, help="Give the address at which you open the vault.") from exc
    return f"{url.origin}{url.path}".rstrip("/")


@dataclass(frozen=True, slots=True)
class NotificationTarget(TargetSettings):
    """A target. ``vault`` is the address of the vault in links; ``language`` is that of its texts.

    ``private``: its host may be in a private network. ``secrets`` are a webhook's, the newest
    first; the second one ends at ``old_secret_until``. ``service`` is the name of an Apprise
    service.
    """

    id: str
    kind: TargetKind
    url: str
    made_at: datetime
    language: str = "en"
    service: str = ""
    secrets: tuple[str, ...] = ()
    old_secret_until: datetime | None = None
    off: OffReason | None = None

    @property
    def is_active(self) -> bool:
        """Whether anything is sent to it."""
        return not self.paused and self.off is None

    @property
    def masked_url(self) -> str:
        """The URL without what may be a secret: of a webhook its host,
        of a service only the scheme.
        """
        parts = urlsplit(self.url)
        return (
            f"{parts.scheme}://{parts.netloc}/…"
            if self.kind is TargetKind.WEBHOOK
            else f"{parts.scheme}://…"
        )

    def secrets_at(self, now: datetime) -> tuple[str, ...]:
        """Return the secrets to sign with now."""
        is_rotating = self.old_secret_until is not None and now < self.old_secret_until
        return self.secrets if is_rotating else self.secrets[:1]


def changed(target: NotificationTarget, values: TargetValues) -> NotificationTarget:
    """Return the target with these settings, as :func:`checked` returns them.
    To resume it ends a switch-off too.
    """
    return replace(target, **values, off=None if values.get("paused") is False else target.off)


def kind_of(url: str) -> tuple[TargetKind, str]:
    """Return how what a user has entered is notified, and its URL as it is stored.
    Raises BadInput.
    """
    if re.match(r"https?://", url, re.IGNORECASE):
        return TargetKind.WEBHOOK, parse_http_url(url, max_chars=MAX_URL_CHARS).without_fragment
    if len(url) > MAX_URL_CHARS or not _APPRISE_URL.fullmatch(url):
        raise BadInput(
            "This is neither a webhook URL nor an Apprise URL.",
            help="A webhook URL starts with https://, an Apprise URL with its service, such as ntfy://example.com/videos.",
        )
    return TargetKind.APPRISE, url


def with_new_secret(target: NotificationTarget, now: datetime) -> NotificationTarget:
    """Return a webhook with a new secret, which signs beside the former one for a day. Raises
    BadInput for an Apprise URL.
    """
    if target.kind is not TargetKind.WEBHOOK:
        raise BadInput("An Apprise URL has no secret of its own.")
    return replace(
        target, secrets=(new_secret(), target.secrets[0]), old_secret_until=now + OLD_SECRET_LIVES
    )


# --- deliveries -----------------------------------------------------------------------------------


class DeliveryState(StrEnum):
    """What became of a delivery so far. The values are stored."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class NotificationDelivery:
    """A message to a target. ``id`` is the ``webhook-id``, which all of its attempts share, as they
    do ``body``.

    ``attempts`` counts those that have begun. ``held_until``: a worker is sending it. ``problem``
    and ``status`` are of the last attempt, at ``tried_at``; ``failing_since`` is when the first one
    failed.
    """

    id: str
    target: str
    type: str
    body: str
    made_at: datetime
    due_at: datetime
    state: DeliveryState = DeliveryState.WAITING
    attempts: int = 0
    held_until: datetime | None = None
    tried_at: datetime | None = None
    failing_since: datetime | None = None
    status: int | None = None
    problem: Translatable = ""

    def is_due(self, now: datetime) -> bool:
        """Whether it is to be sent now, and no worker is sending it."""
        is_free = self.held_until is None or self.held_until <= now
        return self.state is DeliveryState.WAITING and self.due_at <= now and is_free


def claimed(delivery: NotificationDelivery, now: datetime) -> NotificationDelivery:
    """Return the delivery as a worker stores it before it sends it."""
    return replace(
        delivery, attempts=delivery.attempts + 1, held_until=now + HELD_FOR, tried_at=now
    )


def after_attempt(
    delivery: NotificationDelivery,
    result: SendResult,
    *,
    now: datetime,
    jitter: float,
    is_test: bool = False,
) -> NotificationDelivery:
    """Return the claimed delivery after its attempt: delivered, to be tried again, or failed.

    ``jitter`` is in [0, 1). A test is not tried again.
    """
    tried = replace(delivery, held_until=None, status=result.status, problem=result.problem)
    if result.is_delivered:
        return replace(tried, state=DeliveryState.DELIVERED, failing_since=None)
    tried = replace(tried, failing_since=delivery.failing_since or now)
    if delivery.attempts > len(SCHEDULE) or result.is_gone or is_test:
        return replace(tried, state=DeliveryState.FAILED)
    wait = SCHEDULE[delivery.attempts - 1] * (1 + SPREAD * jitter)
    if result.retry_after is not None:
        wait = max(wait, result.retry_after)
    elif result.status in OVERLOADED:
        wait = max(wait, SLOWER)
    return replace(tried, due_at=now + wait)


def again(delivery: NotificationDelivery, now: datetime) -> NotificationDelivery:
    """Return the delivery as one that a user wants to be sent again,
    with the whole schedule before it.
    """
    return replace(
        delivery,
        state=DeliveryState.WAITING,
        attempts=0,
        due_at=now,
        held_until=None,
        failing_since=None,
    )


# --- signatures -----------------------------------------------------------------------------------


def new_secret() -> str:
    """Return a random secret in the written form, ``whsec_`` and base64."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode("ascii")


def signed_headers(
    delivery_id: str, body: bytes, secrets_in_use: Sequence[str], *, now: datetime
) -> Mapping[str, str]:
    """Return the headers of an attempt, signed with each secret, the newest first."""
    timestamp = str(int(now.timestamp()))
    signed = b".".join((delivery_id.encode("ascii"), timestamp.encode("ascii"), body))
    return {
        "content-type": "application/json",
        "webhook-id": delivery_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(_signature(secret, signed) for secret in secrets_in_use),
    }


def _signature(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode("ascii")
