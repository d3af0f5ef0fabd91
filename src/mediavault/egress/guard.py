"""The egress guard: decides, by address, where posts may lead this machine.

A post can point anywhere, and so can what it points at, so nothing is fetched because its *name*
looks public. Code that connects calls :meth:`EgressGuard.resolve`, which looks the name up once,
checks every answer and returns addresses; the connection goes to one of these, never to the name
again (DNS rebinding).
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from ipaddress import IPv4Address, ip_address
from pathlib import Path
from typing import Protocol

from mediavault.core import unreached
from mediavault.core.failures import AddressRefused, NetworkFailure, SiteNotFound
from mediavault.core.messages import Message
from mediavault.core.upstream_proxies import UpstreamProxies, UpstreamProxy
from mediavault.core.urls import HttpUrl, is_exemptible
from mediavault.egress.addresses import (
    SETTING,
    Address,
    AllowRules,
    is_loopback_name,
    judge,
    literal,
    name_refusal,
    port_is_served,
)

MAX_PUBLIC_NAMES = 100_000  # about 10 MB of memory; only with a network rule


class PublicNames:
    """The names known so far. Without a ``file`` they are forgotten with the process."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._names: set[str] | None = None  # until the file is needed

    def __contains__(self, name: str) -> bool:
        return name in self._known

    @property
    def is_full(self) -> bool:
        """Whether there are too many to remember: it is no longer known which names were public."""
        return len(self._known) >= MAX_PUBLIC_NAMES

    def add(self, name: str) -> None:
        """Remember a name. One that cannot be written is remembered for as long as the process
        lives.
        """
        if name in self._known or self.is_full:
            return
        self._known.add(name)
        if self._file is not None:
            with suppress(OSError), self._file.open("a", encoding="utf-8") as lines:
                lines.write(f"{name}\n")

    @property
    def _known(self) -> set[str]:
        if self._names is None:
            self._names = set()
            if self._file is not None:
                with (
                    suppress(OSError),
                    self._file.open(encoding="utf-8", errors="replace") as lines,
                ):
                    for line in lines:
                        if len(self._names) >= MAX_PUBLIC_NAMES:
                            break
                        self._names.add(line.strip())
        return self._names


SockAddress = tuple[str, int] | tuple[str, int, int, int]
Endpoint = tuple[socket.AddressFamily, SockAddress]

MAX_ENDPOINTS = 16  # of a longer answer, all are checked and the first are used
# a dead DNS server holds a thread for 10 to 30 s; the loop's default threads write files
LOOKUPS_AT_ONCE = 16

_LOOPBACK = (IPv4Address("127.0.0.1"), ip_address("::1"))


class Resolver(Protocol):
    """Looks up a name once."""

    async def __call__(self, host: str) -> Sequence[str]:
        """Return all addresses of ``host`` as text, best first.
        Raises NetworkFailure when there is no such name.
        """


class SystemResolver:
    """``getaddrinfo`` on its own threads."""

    def __init__(self) -> None:
        self._threads: ThreadPoolExecutor | None = None

    async def __call__(self, host: str) -> Sequence[str]:
        if self._threads is None:
            self._threads = ThreadPoolExecutor(LOOKUPS_AT_ONCE, thread_name_prefix="dns")
        addresses = await asyncio.get_running_loop().run_in_executor(self._threads, _lookup, host)
        return list(dict.fromkeys(addresses))

    def close(self) -> None:
        """Drop lookups that have not begun. The resolver can be used again afterwards."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
            self._threads = None


class EgressGuard:
    """One per process, shared by the HTTP client and the proxy.

    ``allow_private`` are the rules of MEDIAVAULT_ALLOW_PRIVATE. An exemption holds only for the
    fetches of a post whose own host is exempt (its *scope*): a public page or redirect never
    inherits it.
    """

    def __init__(
        self,
        allow_private: Sequence[str] = (),
        *,
        own_ports: Iterable[int] = (),
        resolver: Resolver | None = None,
        proxies: UpstreamProxies | None = None,
        public_names: PublicNames | None = None,
    ) -> None:
        """``proxies`` say which way a connection leaves;
        where it may lead does not depend on them.
        """
        self.proxies = proxies or UpstreamProxies()
        self._rules = AllowRules.parse(allow_private)
        self._own_ports = set(own_ports)
        self._resolver = resolver or SystemResolver()
        self._public_names = public_names or PublicNames()

    def claim_port(self, port: int) -> None:
        """Mark a port of this machine as mediavault's own: no rule opens it."""
        self._own_ports.add(port)

    def check_url(self, url: HttpUrl, *, scope: HttpUrl | None) -> None:
        """Judge what can be judged without the network: port, literal address, names of this
        machine.

        Ordinary names pass; they are judged when they are looked up. Raises
        :class:`AddressRefused`.
        """
        self.check(url, exempt=scope is not None and self.opens_by_name(scope))

    def check_submitted(self, url: HttpUrl, listed_by: str | None) -> None:
        """Judge as :meth:`check_url` a URL that a user has submitted,
        or the list of the origin ``listed_by`` has named.
        """
        self.check_url(url, scope=url if is_exemptible(url, listed_by) else None)

    def check(self, url: HttpUrl, *, exempt: bool) -> None:
        """Judge as :meth:`check_url`, for a scope that :meth:`exempts` has judged."""
        self._check_name_and_port(url.host, url.port, exempt=exempt)
        if address := literal(url.host):
            self.check_address(url.host, url.port, address, exempt=exempt)

    def opens_by_name(self, scope: HttpUrl) -> bool:
        """Return whether the rules' exemptions hold for the post at ``scope``,
        whatever its name resolves to.
        """
        if self._rules.allows_host(scope.host, scope.port):
            return True
        address = literal(scope.host)
        return address is not None and self._opened_by_network(scope.host, scope.port, address)

    async def exempts(self, scope: HttpUrl | None) -> bool:
        """Return whether the rules' exemptions hold for fetches of the post at ``scope``.

        A name that only a network rule covers is looked up. Once it has answered with a public
        address it is never exempt again: its owner could point it at the local network while its
        page is open, or at any later time.
        """
        if scope is None or not self._rules:
            return False
        if self.opens_by_name(scope):
            return True
        if not self._rules.networks or literal(scope.host):
            return False
        try:
            addresses = await self._addresses(scope.host)
        except NetworkFailure:
            return False
        return bool(addresses) and all(
            self._opened_by_network(scope.host, scope.port, address) for address in addresses
        )

    async def resolve(self, host: str, port: int, *, scope: HttpUrl | None) -> list[Endpoint]:
        """Return the addresses to connect to, all checked; never connect to anything else. ``host``
        as in an HttpUrl.

        One refused address refuses them all. Raises AddressRefused; NetworkFailure when there is no
        such name.
        """
        return await self.resolve_under(host, port, exempt=await self.exempts(scope))

    async def resolve_under(self, host: str, port: int, *, exempt: bool) -> list[Endpoint]:
        """Resolve as :meth:`resolve`, for a scope that :meth:`exempts` has judged."""
        self._check_name_and_port(host, port, exempt=exempt)
        addresses = await self._addresses(host)
        if not addresses:
            raise SiteNotFound(Message("The name %(host)s has no address.", host=host))
        for address in addresses:
            self.check_address(host, port, address, exempt=exempt)
        return [endpoint_of(address, port) for address in addresses[:MAX_ENDPOINTS]]

    async def resolve_proxy(self, proxy: UpstreamProxy) -> list[Endpoint]:
        """Return the addresses of a proxy that the settings name, which may be private. Posts
        cannot reach them.

        Raises NetworkFailure when there is no such name, AddressRefused for mediavault's own ports.
        """
        addresses = await self._addresses(proxy.host)
        if not addresses:
            raise NetworkFailure(Message("The name %(host)s has no address.", host=proxy.host))
        for address in addresses:
            self._check_not_own(proxy.host, proxy.port, address)
        return [endpoint_of(address, proxy.port) for address in addresses[:MAX_ENDPOINTS]]

    def check_address(self, host: str, port: int, address: Address, *, exempt: bool) -> None:
        """Judge one address of ``host``. Raises :class:`AddressRefused`."""
        self._check_not_own(host, port, address)
        refusal = judge(address)
        if refusal is None:
            return
        opened = self._rules.allows_address(
            host, port, address, refusal, by_network=self._network_rules_hold(host)
        )
        if not (exempt and opened):
            target = (
                host
                if host == str(address)
                else Message("%(host)s, which is %(address)s", host=host, address=address)
            )
            raise AddressRefused(
                _blocked(
                    Message("%(place)s (%(reason)s)", place=target, reason=refusal.reason),
                    opened=opened,
                )
            )

    def _check_not_own(self, host: str, port: int, address: Address) -> None:
        if port in self._own_ports and _is_own_address(address):
            raise AddressRefused(
                Message(
                    "blocked: port %(port)s of %(host)s is mediavault's own; %(setting)s cannot"
                    " open it.",
                    port=port,
                    host=host,
                    setting=SETTING,
                )
            )

    def is_public(self, endpoint: Endpoint) -> bool:
        """Return whether :meth:`resolve` returns this endpoint for every post, exempt or not."""
        address, port = endpoint[1][0], endpoint[1][1]
        return port_is_served(port) and judge(ip_address(address)) is None

    def close(self) -> None:
        """Release the resolver's threads."""
        if isinstance(self._resolver, SystemResolver):
            self._resolver.close()

    async def _addresses(self, host: str) -> list[Address]:
        """Return the addresses of ``host``: itself, loopback,
        or those that the resolver returns.
        """
        if address := literal(host):
            return [address]
        if is_loopback_name(host):
            return list(_LOOPBACK)
        addresses = [ip_address(answer) for answer in await self._resolver(host)]
        if self._rules.networks and any(judge(address) is None for address in addresses):
            self._public_names.add(host)
        return addresses

    def _network_rules_hold(self, host: str) -> bool:
        # with the set full it is no longer known which names were public, so only exact rules hold
        return host not in self._public_names and not self._public_names.is_full

    def _opened_by_network(self, host: str, port: int, address: Address) -> bool:
        refusal = judge(address)
        return refusal is not None and self._rules.allows_address(
            host, port, address, refusal, by_network=self._network_rules_hold(host)
        )

    def _check_name_and_port(self, host: str, port: int, *, exempt: bool) -> None:
        named = self._rules.names_exactly(host, port)
        if exempt and named:
            return
        if reason := name_refusal(host):
            raise AddressRefused(
                _blocked(Message("%(host)s (%(reason)s)", host=host, reason=reason), opened=named)
            )
        if not port_is_served(port):
            raise AddressRefused(
                _blocked(
                    Message(
                        "port %(port)s of %(host)s (not a web server port)", port=port, host=host
                    ),
                    opened=named,
                )
            )


def _blocked(what: str, *, opened: bool) -> str:
    if opened:
        return Message(
            (
                "blocked: %(what)s; %(setting)s opens it only for posts that are on an allowed"
                " host themselves."
            ),
            what=what,
            setting=SETTING,
        )
    return Message("mediavault does not connect to %(what)s.", what=what)


def endpoint_of(address: Address, port: int) -> Endpoint:
    """Return what a socket connects to."""
    if isinstance(address, IPv4Address):
        return socket.AF_INET, (str(address), port)
    return socket.AF_INET6, (str(address), port, 0, 0)


def _is_own_address(address: Address) -> bool:
    """Return whether one of this machine's interfaces has the address:
    only then can a socket be bound to it.
    """
    family, sockaddr = endpoint_of(address, 0)
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind(sockaddr)
    except OSError:
        return False
    return True


# EAI_NODATA: the name exists, and has no address; not every system has the code
_NO_SUCH_NAME = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}


def _lookup(host: str) -> list[str]:
    try:
        answers = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    except (OSError, UnicodeError) as exc:  # UnicodeError: a label that is not a DNS label
        if isinstance(exc, UnicodeError) or (
            isinstance(exc, socket.gaierror) and exc.errno in _NO_SUCH_NAME
        ):
            raise unreached.no_such_site(host) from exc
        raise NetworkFailure(
            Message("The name %(host)s could not be resolved.", host=host)
        ) from exc
    return [str(sockaddr[0]) for *_, sockaddr in answers]
