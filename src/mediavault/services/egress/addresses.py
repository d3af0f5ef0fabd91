"""Which addresses are public, by a table of our own.

``ipaddress.is_global`` calls multicast, NAT64, 6to4, ``fec0::/10`` and ``3fff::/20`` global on Python 3.11, and what it
says changes between Python releases. The rows follow IANA's special-purpose registries
(https://www.iana.org/assignments/iana-ipv4-special-registry, iana-ipv6-special-registry; checked 2026-11-24) and the
metadata addresses that cloud providers document outside of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an address is not public, in two or three words. ``exact_only``: no CIDR and no bare host opens it, only an exact host:port."""

    reason: str
    exact_only: bool = False


def judge(address: Address) -> Refusal | None:
    """The refusal of an address; None for a public one.

    IPv6 forms that carry an IPv4 address are judged by it: NAT64 (``64:ff9b::/96``), 6to4, Teredo (server and client),
    IPv4-mapped, IPv4-translated (SIIT) and IPv4-compatible. So NAT64 to a public address is public.
    """
    if isinstance(address, IPv4Address):
        return _first_row(_IPV4, address)
    if address.scope_id is not None:
        return Refusal("an address with a zone", exact_only=True)
    if refusal := _first_row(_IPV6_ALONE, address):
        return refusal
    inner = list(_inner_ipv4(address))
    for carried in inner:
        if refusal := judge(carried):
            return Refusal(f"{refusal.reason}, as IPv6", refusal.exact_only)
    if inner:
        return None
    if refusal := _first_row(_IPV6, address):
        return refusal
    return None if address in _GLOBAL_UNICAST else Refusal("not a global IPv6 address")


def _first_row(table: tuple[tuple[Network, Refusal], ...], address: Address) -> Refusal | None:
    return next((refusal for network, refusal in table if address in network), None)


def _inner_ipv4(address: IPv6Address) -> Iterator[IPv4Address]:
    number = int(address)
    for network, shift in _CARRIES_IPV4:
        if address in network:
            yield IPv4Address((number >> shift) & 0xFFFF_FFFF)
    if address in _TEREDO:
        yield IPv4Address((number >> 64) & 0xFFFF_FFFF)  # the server
        yield IPv4Address(~number & 0xFFFF_FFFF)  # the client, written inverted (RFC 4380, section 4)


def _table(*rows: tuple[str, str] | tuple[str, str, bool]) -> tuple[tuple[Network, Refusal], ...]:
    return tuple((ip_network(row[0]), Refusal(*row[1:])) for row in rows)


_EXACT = True

_IPV4 = _table(
    ("0.0.0.0/8", "this machine", _EXACT),
    ("127.0.0.0/8", "loopback", _EXACT),
    ("169.254.0.0/16", "link-local, cloud metadata", _EXACT),
    ("100.100.100.200/32", "cloud metadata", _EXACT),  # Alibaba
    ("168.63.129.16/32", "cloud metadata", _EXACT),  # Azure; public by the registry
    ("192.0.0.192/32", "cloud metadata", _EXACT),  # Oracle
    ("10.0.0.0/8", "private"),
    ("172.16.0.0/12", "private"),
    ("192.168.0.0/16", "private"),
    ("100.64.0.0/10", "shared by a provider or a VPN"),  # RFC 6598; Tailscale
    ("192.0.0.0/24", "reserved for protocols"),
    ("192.0.2.0/24", "documentation"),
    ("198.51.100.0/24", "documentation"),
    ("203.0.113.0/24", "documentation"),
    ("192.31.196.0/24", "reserved for DNS sinks"),  # AS112
    ("192.175.48.0/24", "reserved for DNS sinks"),
    ("192.52.193.0/24", "reserved for multicast tunnels"),  # AMT
    ("192.88.99.0/24", "a 6to4 relay"),
    ("198.18.0.0/15", "for benchmarks, used by fake-IP proxies"),
    ("224.0.0.0/4", "multicast", _EXACT),
    ("255.255.255.255/32", "broadcast", _EXACT),
    ("240.0.0.0/4", "reserved"),
)

_IPV6_ALONE = _table(
    ("::/128", "this machine", _EXACT),
    ("::1/128", "loopback", _EXACT),
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
    ("fd00:ec2::/32", "cloud metadata", _EXACT),  # Amazon: fd00:ec2::254 and its neighbours
    ("fd00:42::42/128", "cloud metadata", _EXACT),  # Scaleway
    ("fd20:ce::254/128", "cloud metadata", _EXACT),  # Google
    ("fc00::/7", "private"),
    ("fec0::/10", "private, site-local"),
    ("64:ff9b:1::/48", "a local NAT64"),  # RFC 8215: where the IPv4 address stands in it is the network's secret
    ("2001::/23", "reserved for protocols"),  # benchmarks, ORCHID and others; Teredo was judged before
    ("2001:db8::/32", "documentation"),
    ("3fff::/20", "documentation"),
    ("2620:4f:8000::/48", "reserved for DNS sinks"),  # AS112
    ("5f00::/16", "for segment routing"),
    ("100::/64", "discarded"),
    ("100:0:0:1::/64", "reserved"),
)
_GLOBAL_UNICAST = IPv6Network("2000::/3")
