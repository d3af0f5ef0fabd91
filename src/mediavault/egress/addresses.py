"""The addresses, names and ports that posts may lead to, by our own tables and
MEDIAVAULT_ALLOW_PRIVATE. Pure.

``ipaddress.is_global`` calls multicast, NAT64, 6to4, ``fec0::/10`` and ``3fff::/20`` global on
Python 3.11, and its answers change between Python releases. The rows follow IANA's special-purpose
registries (https://www.iana.org/assignments/iana-ipv4-special-registry, iana-ipv6-special-registry;
checked 2026-11-24) and the metadata addresses that cloud providers document outside of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from mediavault.core.failures import BadSetting, BadUrl
from mediavault.core.messages import Message
from mediavault.core.settings import check_allow_rule
from mediavault.core.urls import parse_http_url

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

SETTING = "MEDIAVAULT_ALLOW_PRIVATE"


@dataclass(frozen=True, slots=True)
class AddressRefusal:
    """Why an address is not public, in two or three words.

    With ``exact_only``, only a rule with exactly this host:port opens it: no CIDR and no bare host
    does.
    """

    reason: str
    exact_only: bool = False


def judge(address: Address) -> AddressRefusal | None:
    """Return why an address is refused; None for a public one.

    IPv6 forms that carry an IPv4 address are judged by it: NAT64 (``64:ff9b::/96``), 6to4, Teredo
    (server and client), IPv4-mapped, IPv4-translated (SIIT) and IPv4-compatible. So NAT64 to a
    public address is public.
    """
    if isinstance(address, IPv4Address):
        return _first_row(_IPV4, address)
    if address.scope_id is not None:
        return AddressRefusal(Message("an address with a zone"), exact_only=True)
    if refusal := _first_row(_IPV6_JUDGED_FIRST, address):
        return refusal
    inner = list(_inner_ipv4(address))
    for carried in inner:
        if refusal := judge(carried):
            return AddressRefusal(
                Message("%(reason)s, as IPv6", reason=refusal.reason), refusal.exact_only
            )
    if inner:
        return None
    if refusal := _first_row(_IPV6, address):
        return refusal
    return (
        None if address in _GLOBAL_UNICAST else AddressRefusal(Message("not a global IPv6 address"))
    )


def _first_row(
    table: tuple[tuple[Network, AddressRefusal], ...], address: Address
) -> AddressRefusal | None:
    return next((refusal for network, refusal in table if address in network), None)


def _inner_ipv4(address: IPv6Address) -> Iterator[IPv4Address]:
    number = int(address)
    for network, shift in _CARRIES_IPV4:
        if address in network:
            yield IPv4Address((number >> shift) & 0xFFFF_FFFF)
    if address in _TEREDO:
        yield IPv4Address((number >> 64) & 0xFFFF_FFFF)  # the server
        # the client, written inverted (RFC 4380, section 4)
        yield IPv4Address(~number & 0xFFFF_FFFF)


def _table(
    *rows: tuple[str, str] | tuple[str, str, bool],
) -> tuple[tuple[Network, AddressRefusal], ...]:
    return tuple((ip_network(row[0]), AddressRefusal(*row[1:])) for row in rows)


_EXACT = True

_IPV4 = _table(
    ("0.0.0.0/8", Message("this machine"), _EXACT),
    ("127.0.0.0/8", "loopback", _EXACT),
    ("169.254.0.0/16", Message("link-local, cloud metadata"), _EXACT),
    ("100.100.100.200/32", Message("cloud metadata"), _EXACT),  # Alibaba
    ("168.63.129.16/32", Message("cloud metadata"), _EXACT),  # Azure; public by the registry
    ("192.0.0.192/32", Message("cloud metadata"), _EXACT),  # Oracle
    ("10.0.0.0/8", Message("inside a home network")),
    ("172.16.0.0/12", Message("inside a home network")),
    ("192.168.0.0/16", Message("inside a home network")),
    ("100.64.0.0/10", Message("shared by a provider or a VPN")),  # RFC 6598; Tailscale
    ("192.0.0.0/24", Message("reserved for protocols")),
    ("192.0.2.0/24", Message("documentation")),
    ("198.51.100.0/24", Message("documentation")),
    ("203.0.113.0/24", Message("documentation")),
    ("192.31.196.0/24", Message("reserved for DNS sinks")),  # AS112
    ("192.175.48.0/24", Message("reserved for DNS sinks")),
    ("192.52.193.0/24", Message("reserved for multicast tunnels")),  # AMT
    ("192.88.99.0/24", Message("a 6to4 relay")),
    ("198.18.0.0/15", Message("for benchmarks, used by fake-IP proxies")),
    ("224.0.0.0/4", "multicast", _EXACT),
    ("255.255.255.255/32", Message("broadcast"), _EXACT),
    ("240.0.0.0/4", Message("reserved")),
)

_IPV6_JUDGED_FIRST = _table(
    ("::/128", Message("this machine"), _EXACT), ("::1/128", "loopback", _EXACT)
)

_CARRIES_IPV4: tuple[tuple[IPv6Network, int], ...] = (
    (IPv6Network("::/96"), 0),  # IPv4-compatible
    (IPv6Network("::ffff:0:0/96"), 0),  # IPv4-mapped
    (IPv6Network("::ffff:0:0:0/96"), 0),  # IPv4-translated (SIIT, RFC 2765)
    (IPv6Network("64:ff9b::/96"), 0),  # NAT64, well-known prefix (RFC 6052)
    (IPv6Network("2002::/16"), 80),  # 6to4 (RFC 3056)
)
_TEREDO = IPv6Network("2001::/32")

_IPV6 = _table(
    ("fe80::/10", "link-local", _EXACT),
    ("ff00::/8", "multicast", _EXACT),
    # Amazon: fd00:ec2::254 and its neighbours
    ("fd00:ec2::/32", Message("cloud metadata"), _EXACT),
    ("fd00:42::42/128", Message("cloud metadata"), _EXACT),  # Scaleway
    ("fd20:ce::254/128", Message("cloud metadata"), _EXACT),  # Google
    ("fc00::/7", Message("private")),
    ("fec0::/10", Message("private, site-local")),
    (
        "64:ff9b:1::/48",
        Message("a local NAT64"),
    ),  # RFC 8215: the position of the IPv4 address in it is not public
    # benchmarks, ORCHID and others; Teredo was judged before
    ("2001::/23", Message("reserved for protocols")),
    ("2001:db8::/32", Message("documentation")),
    ("3fff::/20", Message("documentation")),
    ("2620:4f:8000::/48", Message("reserved for DNS sinks")),  # AS112
    ("5f00::/16", Message("for segment routing")),
    ("100::/64", Message("discarded")),
    ("100:0:0:1::/64", Message("reserved")),
)
_GLOBAL_UNICAST = IPv6Network("2000::/3")


# --- names and ports, and the user's exemptions ---------------------------------------------------

_LOW_PORTS = frozenset({80, 443})  # below 1024; 8080 and 8443 are above it
# Ports of services that are not web servers and may act on what they receive: databases, remote
# desktops, control channels, and the ports that browsers themselves refuse
# (https://fetch.spec.whatwg.org/#port-blocking).
_DENIED_PORTS = frozenset(
    {
        1433,
        1434,
        1521,
        1719,
        1720,
        1723,
        1883,
        2049,
        2181,
        2375,
        2376,
        2379,
        2380,
        3260,
        3268,
        3269,
        3306,
        3389,
        3659,
    }
    | {
        4045,
        4190,
        4369,
        5060,
        5061,
        5432,
        5433,
        5671,
        5672,
        5900,
        5901,
        5984,
        5985,
        5986,
        6000,
        6379,
        6380,
        6443,
    }
    | {
        6566,
        6665,
        6666,
        6667,
        6668,
        6669,
        6679,
        6697,
        7199,
        7474,
        7687,
        9042,
        9092,
        9100,
        9160,
        9200,
        9222,
        9229,
    }
    | {
        9300,
        9418,
        10080,
        10250,
        10255,
        11211,
        15672,
        26257,
        26379,
        27017,
        27018,
        27019,
        28015,
        28017,
        33060,
    }
)

_REFUSED_NAMES = frozenset(
    {
        "localhost",
        "localhost.localdomain",
        "localhost6",
        "localhost6.localdomain6",
        "ip6-localhost",
        "ip6-loopback",
    }
    | {
        "metadata",
        "metadata.google.internal",
        "metadata.goog",
        "instance-data",
        "instance-data.ec2.internal",
    }
)


def port_is_served(port: int) -> bool:
    """Return whether posts and media are fetched from this port: 80, 443,
    and from 1024 on all but the deny list.
    """
    return port in _LOW_PORTS or (1_024 <= port <= 65_535 and port not in _DENIED_PORTS)


def is_loopback_name(host: str) -> bool:
    """Return whether this is ``localhost`` or below it:
    browsers never look these up (RFC 6761, section 6.3).
    """
    return host == "localhost" or host.endswith(".localhost")


def name_refusal(host: str) -> str | None:
    """Return why a name is refused before it is looked up;
    None for an ordinary name or a literal.
    """
    if is_loopback_name(host):
        return "loopback"
    return (
        Message("a name of this machine or of its cloud's metadata")
        if host in _REFUSED_NAMES
        else None
    )


def literal(host: str) -> Address | None:
    """Parse ``host`` (of an HttpUrl) as an address; None for a name."""
    try:
        return ip_address(host)
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class AllowRules:
    """The user's exemptions in MEDIAVAULT_ALLOW_PRIVATE: exact hosts, exact (host,
    port) pairs, narrow networks.
    """

    hosts: frozenset[str] = frozenset()
    pairs: frozenset[tuple[str, int]] = frozenset()
    networks: tuple[Network, ...] = ()

    @classmethod
    def parse(cls, rules: Sequence[str]) -> AllowRules:
        """Parse rules. Raises :class:`BadSetting` for one that core.settings.check_allow_rule does
        not accept.
        """
        hosts, pairs, networks = set(), set(), []
        for rule in rules:
            try:
                check_allow_rule(rule)
                if "/" in rule:
                    networks.append(ip_network(rule, strict=False))
                    continue
                host, port = _host_and_port(rule)
            except (ValueError, BadUrl) as exc:
                raise BadSetting(
                    Message("%(setting)s: %(problem)s", setting=SETTING, problem=exc)
                ) from exc
            if port is None:
                hosts.add(host)
            else:
                pairs.add((host, port))
        return cls(frozenset(hosts), frozenset(pairs), tuple(networks))

    def __bool__(self) -> bool:
        return bool(self.hosts or self.pairs or self.networks)

    def names_exactly(self, host: str, port: int) -> bool:
        """Return whether a rule names exactly this host:port, which opens any address,
        on any port.
        """
        return (host, port) in self.pairs

    def allows_host(self, host: str, port: int) -> bool:
        """Return whether a rule names the host, with this port or without a port."""
        return host in self.hosts or self.names_exactly(host, port)

    def covers(self, address: Address) -> bool:
        """Return whether a network rule contains the address."""
        return any(address in network for network in self.networks)

    def allows_address(
        self, host: str, port: int, address: Address, refusal: AddressRefusal, *, by_network: bool
    ) -> bool:
        """Return whether a rule opens ``host`` at the refused ``address``;
        ``by_network=False`` ignores CIDRs.
        """
        if self.names_exactly(host, port):
            return True
        if refusal.exact_only:
            return False
        return host in self.hosts or (by_network and self.covers(address))


_WITH_PORT = re.compile(r"(?P<host>\[[^\]]*\]|[^:\[\]]*):(?P<port>[0-9]+)")


def _host_and_port(rule: str) -> tuple[str, int | None]:
    """Split a rule into its host, in the normal form of HttpUrl, and its port;
    None without a port.
    """
    match = _WITH_PORT.fullmatch(rule)
    host, port = (match["host"], int(match["port"])) if match else (rule, None)
    if ":" in host and not host.startswith("["):
        host = f"[{host}]"
    return parse_http_url(f"http://{host}/").host, port
