"""What sends notifications: an HTTP client and Apprise's child,
each behind an egress guard of the target's own.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

from mediavault.app.clients import vault_proxies
from mediavault.apprise.process import ask_apprise
from mediavault.core.clock import Clock
from mediavault.core.failures import AddressRefused, BadInput, BadUrl, Failure
from mediavault.core.installation import command_to_install
from mediavault.core.logs import get_logger
from mediavault.core.messages import Message
from mediavault.core.retry_after import parse_retry_after
from mediavault.core.settings import LOW_SPACE_FACTOR, Settings
from mediavault.core.urls import EgressScope, HttpUrl, parse_http_url
from mediavault.egress.client import AiohttpClient
from mediavault.egress.guard import EgressGuard, SystemResolver
from mediavault.egress.port import Timeouts
from mediavault.egress.proxy import EgressProxy
from mediavault.features.notifications.notifier import Notifier
from mediavault.library.disk import free_bytes
from mediavault.sandbox.process import ChildFailed
from mediavault.server.services import SendResult
from mediavault.store.port import Store

LIMITS = Timeouts(connect_s=10.0, read_s=15.0, total_s=15.0)  # the convention asks for 15 to 30 s
# the scope of a service that has no host of the home network
NO_HOST = "https://notifications.invalid/"
MIB = 1 << 20

log = get_logger(__name__)


@asynccontextmanager
async def open_notifier(settings: Settings, store: Store, clock: Clock) -> AsyncIterator[Notifier]:
    """Provide the notifications of this process. Nothing is connected before something is sent."""
    sender = GuardedSender(settings, clock)
    notifier = Notifier(store, clock, sender, low_disk=lambda: low_disk(settings))
    try:
        yield notifier
    finally:
        await notifier.aclose()
        sender.close()


class GuardedSender:
    """The ``NotificationSender`` that reaches the internet,
    and of private networks only the target's own host.
    """

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._resolver = SystemResolver()

    def close(self) -> None:
        """Release the resolver's threads."""
        self._resolver.close()

    def check(self, url: str, *, private: bool) -> None:
        """See the port."""
        address = parse_http_url(url)
        try:
            self._guard(address.host, private=private).check_url(address, scope=address)
        except AddressRefused as exc:
            raise BadInput(_refused(private=private), help=_how_to_allow(private=private)) from exc

    async def post(
        self, url: str, body: bytes, headers: Mapping[str, str], *, private: bool
    ) -> SendResult:
        """See the port."""
        client = AiohttpClient(
            self._guard(parse_http_url(url).host, private=private), clock=self._clock
        )
        try:
            async with client.post(
                url, body, scope=EgressScope(url), headers=headers, timeouts=LIMITS
            ) as response:
                return self._judged(response.status, response.headers)
        except AddressRefused:
            return SendResult(None, _refused(private=private))
        except (BadUrl, Failure) as exc:
            return SendResult(None, exc.message)
        finally:
            await client.close()

    async def notify(
        self, url: str, title: str, text: str, *, tone: str, private: bool
    ) -> SendResult:
        """See the port."""
        message = {"url": url, "title": title, "text": text, "tone": tone}
        try:
            answer, was_refused = await self._ask(message, url, private=private)
        except (ChildFailed, OSError) as exc:
            log.warning("apprise_failed", error=str(exc))
            return SendResult(None, Message("It was not delivered."))
        status = answer.get("status")
        if answer.get("sent"):
            return SendResult(None)
        if was_refused:
            return SendResult(None, _refused(private=private))
        if "missing" in answer:
            return SendResult(None, Message("Apprise is not installed."))
        if "unknown" in answer:
            return SendResult(
                None, Message("Apprise does not support this service, or it can't be used here.")
            )
        if isinstance(status, int):
            return SendResult(status, Message("The service answered %(status)s.", status=status))
        return SendResult(
            None, Message("The service could not be reached, or refused the message.")
        )

    async def identify(self, url: str) -> str:
        """See the port."""
        try:
            answer, _ = await self._ask({"url": url}, url, private=False)
        except (ChildFailed, OSError) as exc:
            log.warning("apprise_failed", error=str(exc))
            raise BadInput("Apprise cannot read this URL.") from exc
        if "missing" in answer:
            raise BadInput(
                "Apprise is not installed.",
                help=Message("Run: %(install)s", install=command_to_install("notify")),
            )
        if not isinstance(answer.get("service"), str):
            raise BadInput(
                "Apprise does not support this service, or it can't be used here.",
                help=(
                    "Only services that are reached over HTTP can be used; e-mail cannot. Check"
                    " that the URL is complete."
                ),
            )
        return str(answer["service"])

    async def _ask(
        self, request: Mapping[str, Any], url: str, *, private: bool
    ) -> tuple[Mapping[str, Any], bool]:
        """Return the child's answer, and whether the guard refused it a connection.

        The URL's host is the scope only where it is one for sure: of other services the token would
        be looked up.
        """
        own = _own_host(url)
        guard = self._guard(own.host if own else None, private=private)
        is_host = own is not None and (private or guard.opens_by_name(own))
        proxy = EgressProxy(guard)
        await proxy.start()
        try:
            with proxy.pass_for(EgressScope(str(own) if is_host else NO_HOST)) as address:
                answer = await ask_apprise(
                    request, proxy=address, state_dir=self._settings.state_dir
                )
                return answer, proxy.refused > 0
        finally:
            await proxy.close()

    def _guard(self, host: str | None, *, private: bool) -> EgressGuard:
        """Return a guard that opens private networks for this host alone, and what the settings
        allow.

        A rule without a port opens neither loopback nor link-local addresses, where services trust
        everyone who can reach them: for these the machine's administrator names host and port in
        the settings.
        """
        rule = f"[{host}]" if host and ":" in host else host
        rules = (
            *self._settings.allow_private,
            *([rule] if private and rule and _may_be_opened(rule) else ()),
        )
        port = self._settings.port
        return EgressGuard(
            rules,
            own_ports=(port,) if port else (),
            resolver=self._resolver,
            proxies=vault_proxies(self._settings),
        )

    def _judged(self, status: int, headers: Mapping[str, str]) -> SendResult:
        if 200 <= status < 300:
            return SendResult(status)
        wait = parse_retry_after(headers, now=self._clock.now())
        if 300 <= status < 400:
            return SendResult(
                status,
                Message(
                    "It answered with a redirect (%(status)s), which is not followed.",
                    status=status,
                ),
            )
        return SendResult(status, Message("It answered %(status)s.", status=status), wait)


def _own_host(url: str) -> HttpUrl | None:
    """Return the host of an Apprise URL as a web address; None where it names none, such as in tgram://TOKEN/CHAT."""
    try:
        parts = urlsplit(url)
        host = f"[{parts.hostname}]" if parts.hostname and ":" in parts.hostname else parts.hostname
        return parse_http_url(f"http://{host}:{parts.port or 80}/")
    except (BadUrl, ValueError):
        return None


def _may_be_opened(rule: str) -> bool:
    try:
        EgressGuard((rule,))
    except BadInput:  # loopback and its like
        return False
    return True


def _refused(*, private: bool) -> str:
    if private:
        return Message("The address belongs to this machine, or is reserved.")
    return Message("The address is private or reserved.")


def _how_to_allow(*, private: bool) -> str:
    if private:
        return Message("Add it to MEDIAVAULT_ALLOW_PRIVATE, with its port (host:port).")
    return Message("If it is on your own network, allow that when you add the target.")


async def low_disk(settings: Settings) -> int | None:
    """Return the free bytes of the download folder's disk where these are few; None otherwise,
    or if unknown.
    """
    free = await asyncio.to_thread(free_bytes, settings.download_dir)
    return (
        free if free is not None and free < LOW_SPACE_FACTOR * settings.reserve_mb * MIB else None
    )
