"""The table of addresses that posts may not reach."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediavault.egress.addresses import judge

REFUSED = [
    # this machine, private, link-local, metadata
    *(
        "0.0.0.0",
        "0.1.2.3",
        "127.0.0.1",
        "127.255.255.254",
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
    ),
    *(
        "169.254.169.254",
        "169.254.170.2",
        "169.254.0.1",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
    ),
    # special purposes
    *(
        "100.64.0.1",
        "100.127.255.255",
        "192.0.0.8",
        "192.88.99.1",
        "192.0.2.1",
        "198.51.100.1",
        "203.0.113.1",
    ),
    *("198.18.0.1", "198.19.255.255", "192.31.196.1", "192.52.193.1", "192.175.48.1"),
    *("224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255"),
    # IPv6
    *(
        "::",
        "::1",
        "fe80::1",
        "fe80::1%lo",
        "2606:4700::1111%eth0",
        "fec0::1",
        "fc00::1",
        "fd00:ec2::254",
        "fd12:3456::1",
        "ff02::1",
    ),
    *(
        "2001:db8::1",
        "3fff::1",
        "5f00::1",
        "100::1",
        "100:0:0:1::1",
        "2001:2::1",
        "2001:10::1",
        "2001:20::1",
    ),
    *(
        "2620:4f:8000::1",
        "4000::1",
        "8000::1",
        "e000::1",
        "64:ff9b:1::7f00:1",
        "64:ff9b:1::808:808",
    ),
    # IPv4 in IPv6
    *(
        "::127.0.0.1",
        "::10.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:7f00:1",
        "::ffff:169.254.169.254",
        "::ffff:10.0.0.1",
    ),
    *("::ffff:0:127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b::192.168.0.1"),
    *("2002:7f00:1::", "2002:a9fe:a9fe::", "2002:c0a8:101::1"),
    *("2001:0:7f00:1::", "2001:0:808:808::f5ff:fffe", "2001:0:a00:1:0:0:f7f7:f7f7"),
]
PUBLIC = [
    *(
        "1.1.1.1",
        "8.8.8.8",
        "93.184.216.34",
        "100.63.255.255",
        "100.128.0.1",
        "172.15.0.1",
        "172.32.0.1",
        "192.0.1.1",
    ),
    *(
        "11.0.0.1",
        "126.255.255.255",
        "128.0.0.1",
        "169.253.1.1",
        "198.17.0.1",
        "198.20.0.1",
        "223.255.255.255",
    ),
    *("2606:4700::1111", "2a00:1450:4001::1", "2001:4860:4860::8888", "2400::1", "3ffe:ffff::1"),
    *("64:ff9b::808:808", "2002:808:808::1", "::ffff:8.8.8.8", "2001:0:808:808::f7f7:f7f7"),
]


@pytest.mark.parametrize("text", REFUSED)
def test_an_address_that_is_not_public_is_refused_with_a_reason(text: str) -> None:
    refusal = judge(ip_address(text))

    assert refusal is not None
    assert refusal.reason


@pytest.mark.parametrize("text", PUBLIC)
def test_a_public_address_passes(text: str) -> None:
    assert judge(ip_address(text)) is None


@pytest.mark.parametrize(
    "text",
    [
        *(
            "127.0.0.1",
            "::1",
            "0.0.0.0",
            "::",
            "169.254.1.1",
            "fe80::1",
            "224.0.0.1",
            "ff02::1",
            "255.255.255.255",
        ),
        *(
            "169.254.169.254",
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
            "fd00:ec2::254",
            "::ffff:127.0.0.1",
        ),
        *("64:ff9b::7f00:1", "2002:a9fe:a9fe::"),
    ],
)
def test_loopback_link_local_multicast_and_metadata_are_opened_only_exactly(text: str) -> None:
    refusal = judge(ip_address(text))

    assert refusal is not None
    assert refusal.exact_only


@pytest.mark.parametrize(
    "text", ["10.0.0.1", "192.168.1.1", "100.64.0.1", "198.18.0.1", "fd12::1", "::ffff:10.0.0.1"]
)
def test_a_home_network_can_be_opened_by_a_network_rule(text: str) -> None:
    refusal = judge(ip_address(text))

    assert refusal is not None
    assert not refusal.exact_only


@given(st.integers(0, 2**32 - 1).map(IPv4Address))
def test_an_ipv6_address_that_carries_an_ipv4_address_is_judged_by_it(inner: IPv4Address) -> None:
    number = int(inner)
    carriers = [number | 0xFFFF << 32, number | 0x64FF9B << 96, 0x2002 << 112 | number << 80 | 1]

    for carrier in map(IPv6Address, carriers):
        assert (judge(carrier) is None) == (judge(inner) is None)


@given(st.integers(0, 2**32 - 1).map(IPv4Address))
def test_what_the_standard_library_calls_private_is_never_public(address: IPv4Address) -> None:
    if address.is_private or address.is_multicast or address.is_reserved:
        assert judge(address)


@given(st.integers(0, 2**128 - 1).map(IPv6Address))
def test_outside_global_unicast_only_nat64_and_mapped_addresses_are_public(
    address: IPv6Address,
) -> None:
    if judge(address) is None:
        assert int(address) >> 125 == 1 or int(address) >> 32 in {
            0,
            0xFFFF,
            0xFFFF_0000,
            0x64FF9B << 64,
        }
