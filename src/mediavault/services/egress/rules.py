"""What may be reached beyond public addresses, and on which ports: pure judgements over MEDIAVAULT_ALLOW_PRIVATE."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from mediavault.core.errors import BadSetting, BadUrl
from mediavault.core.settings import check_allow_rule
from mediavault.core.urls import parse_http_url
from mediavault.services.egress.addresses import Address, Network, Refusal

SETTING = "MEDIAVAULT_ALLOW_PRIVATE"

_LOW_PORTS = frozenset({80, 443})  # below 1024; 8080 and 8443 are above it
# Ports on which something else than a web server answers and may obey: databases, remote desktops, control channels,
# and the ports that browsers themselves refuse (https://fetch.spec.whatwg.org/#port-blocking).
_DENIED_PORTS = frozenset(
    {1433, 1434, 1521, 1719, 1720, 1723, 1883, 2049, 2181, 2375, 2376, 2379, 2380, 3260, 3268, 3269, 3306, 3389, 3659}
    | {4045, 4190, 4369, 5060, 5061, 5432, 5433, 5671, 5672, 5900, 5901, 5984, 5985, 5986, 6000, 6379, 6380, 6443}
    | {6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 7199, 7474, 7687, 9042, 9092, 9100, 9160, 9200, 9222, 9229}
    | {9300, 9418, 10080, 10250, 10255, 11211, 15672, 26257, 26379, 27017, 27018, 27019, 28015, 28017, 33060}
)

_REFUSED_NAMES = frozenset(
    {"localhost", "localhost.localdomain", "localhost6", "localhost6.localdomain6", "ip6-localhost", "ip6-loopback"}
    | {"metadata", "metadata.google.internal", "metadata.goog", "instance-data", "instance-data.ec2.internal"}
)


def port_is_served(port: int) -> bool:
    """Whether posts and media are fetched from this port: 80, 443 and from 1024 on, minus the deny list."""
    return port in _LOW_PORTS or (1_024 <= port <= 65_535 and port not in _DENIED_PORTS)


def is_loopback_name(host: str) -> bool:
    """``localhost`` and everything below it, which browsers never ask a DNS server about (RFC 6761, section 6.3)."""
    return host == "localhost" or host.endswith(".localhost")


def name_refusal(host: str) -> str | None:
    """Why a name is refused before it is looked up; None for an ordinary name or a literal."""
    if is_loopback_name(host):
        return "loopback"
    return "a name of this machine or of its cloud's metadata" if host in _REFUSED_NAMES else None


def literal(host: str) -> Address | None:
    """The address that ``host`` (of an HttpUrl) is; None for a name."""
    try:
        return ip_address(host)
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class AllowRules:
    """The owner's exemptions: exact hosts, exact (host, port) pairs, narrow networks."""

    hosts: frozenset[str] = frozenset()
    pairs: frozenset[tuple[str, int]] = frozenset()
    networks: tuple[Network, ...] = ()

    @classmethod
    def parse(cls, rules: Sequence[str]) -> AllowRules:
        """Raises :class:`BadSetting` for a rule that core.settings.check_allow_rule does not take."""
        hosts, pairs, networks = set(), set(), []
        for rule in rules:
            try:
                check_allow_rule(rule)
                if "/" in rule:
                    networks.append(ip_network(rule, strict=False))
                    continue
                host, port = _host_and_port(rule)
            except (ValueError, BadUrl) as exc:
                raise BadSetting(f"{SETTING}: {exc}") from exc
            if port is None:
                hosts.add(host)
            else:
                pairs.add((host, port))
        return cls(frozenset(hosts), frozenset(pairs), tuple(networks))

    def __bool__(self) -> bool:
        return bool(self.hosts or self.pairs or self.networks)

    def name_exactly(self, host: str, port: int) -> bool:
        """Whether an exact host:port is given: it opens whatever stands there, on any port."""
        return (host, port) in self.pairs

    def open_host(self, host: str, port: int) -> bool:
        """Whether the host is named, with this port or without any."""
        return host in self.hosts or self.name_exactly(host, port)

    def cover(self, address: Address) -> bool:
        """Whether a network rule holds the address."""
        return any(address in network for network in self.networks)

    def open_address(self, host: str, port: int, address: Address, refusal: Refusal, *, by_network: bool) -> bool:
        """Whether ``host``, found at the refused ``address``, is opened; ``by_network=False`` leaves CIDRs out."""
        if self.name_exactly(host, port):
            return True
        if refusal.exact_only:
            return False
        return host in self.hosts or (by_network and self.cover(address))


_WITH_PORT = re.compile(r"(?P<host>\[[^\]]*\]|[^:\[\]]*):(?P<port>[0-9]+)")


def _host_and_port(rule: str) -> tuple[str, int | None]:
    """A rule's host in the normal form of HttpUrl."""
    match = _WITH_PORT.fullmatch(rule)
    host, port = (match["host"], int(match["port"])) if match else (rule, None)
    if ":" in host and not host.startswith("["):
        host = f"[{host}]"
    return parse_http_url(f"http://{host}/").host, port
