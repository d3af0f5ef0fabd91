"""Which addresses the guard lets posts reach."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from mediavault.core.failures import AddressRefused, BadSetting, NetworkFailure
from mediavault.core.urls import HttpUrl, parse_http_url
from mediavault.egress.guard import MAX_ENDPOINTS, EgressGuard, PublicNames, SystemResolver
from tests.unit.egress.servers import Names

PUBLIC = parse_http_url("https://site.test/post/1")
NAS = parse_http_url("http://nas.lan:8096/watch")


def guard(*rules: str, names: Names | None = None, own_ports: tuple[int, ...] = ()) -> EgressGuard:
    return EgressGuard(rules, own_ports=own_ports, resolver=names or Names())


def submit(text: str, *rules: str) -> None:
    url = parse_http_url(text)
    guard(*rules).check_url(url, scope=url)


# --- submission -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    [
        *(
            "127.0.0.1",
            "localhost",
            "LOCALHOST.",
            "foo.localhost",
            "0.0.0.0",
            "0",
            "127.1",
            "127.0.1",
            "127.0.0.1.",
        ),
        *(
            "[::]",
            "[::1]",
            "[0:0:0:0:0:0:0:1]",
            "2130706433",
            "0x7f000001",
            "0x7f.1",
            "0177.0.0.1",
            "017700000001",
        ),
        *(
            "①②⑦.0.0.1",
            "127。0。0。1",
            "ⅼocalhost",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.0.1",
            "169.254.169.254",
        ),
        *("169.254.170.2", "100.100.100.200", "168.63.129.16", "192.0.0.192", "[fd00:ec2::254]"),
        *(
            "metadata.google.internal",
            "METADATA.google.internal.",
            "instance-data",
            "metadata",
            "ip6-localhost",
        ),
        *(
            "[::ffff:7f00:1]",
            "[::FFFF:169.254.169.254]",
            "[::ffff:0:127.0.0.1]",
            "[64:ff9b::7f00:1]",
            "[2002:7f00:1::]",
        ),
        *("[2001:0:7f00:1::]", "100.64.0.1", "224.0.0.1", "[ff02::1]", "[fe80::1]"),
    ],
)
def test_a_private_literal_or_name_of_this_machine_is_refused_at_submission(host: str) -> None:
    with pytest.raises(AddressRefused):
        submit(f"http://{host}/")


@pytest.mark.parametrize(
    "text",
    [
        "https://site.test/x",
        "http://1.1.1.1/",
        "http://nas.lan/",
        "http://[2606:4700::1111]:8443/",
        "http://h:9000/",
    ],
)
def test_public_literals_and_ordinary_names_pass_at_submission(text: str) -> None:
    submit(text)


@pytest.mark.parametrize(
    "port", [1, 22, 25, 53, 81, 110, 445, 1023, 3306, 5432, 6379, 9200, 9222, 11211, 27017]
)
def test_a_port_where_no_web_server_lives_is_refused(port: int) -> None:
    with pytest.raises(AddressRefused, match=f"port {port}"):
        submit(f"http://site.test:{port}/")


@pytest.mark.parametrize("port", [80, 443, 8080, 8443, 1024, 3000, 8096, 65535])
def test_a_web_servers_port_passes(port: int) -> None:
    submit(f"http://site.test:{port}/")


# --- names ----------------------------------------------------------------------------------------


async def test_a_name_is_looked_up_once_and_gives_the_addresses_to_connect_to() -> None:
    names = Names(site_test=["93.184.216.34", "2606:2800:220:1::1"])

    endpoints = await guard(names=names).resolve("site.test", 443, scope=PUBLIC)

    assert endpoints == [
        (socket.AF_INET, ("93.184.216.34", 443)),
        (socket.AF_INET6, ("2606:2800:220:1::1", 443, 0, 0)),
    ]
    assert names.asked == ["site.test"]


@pytest.mark.parametrize(
    "answers",
    [
        ["10.0.0.1"],
        ["93.184.216.34", "10.0.0.1"],
        ["::1", "93.184.216.34"],
        ["93.184.216.34"] * 299 + ["169.254.169.254"],
        ["fe80::1%eth0"],
        ["64:ff9b::7f00:1"],
    ],
)
async def test_one_bad_answer_refuses_all(answers: list[str]) -> None:
    with pytest.raises(AddressRefused):
        await guard(names=Names(site_test=answers)).resolve("site.test", 443, scope=PUBLIC)


async def test_a_long_answer_is_checked_whole_and_used_in_part() -> None:
    names = Names(site_test=[f"93.184.216.{last}" for last in range(200)])

    assert len(await guard(names=names).resolve("site.test", 443, scope=PUBLIC)) == MAX_ENDPOINTS


async def test_an_empty_or_failing_look_up_is_a_network_failure() -> None:
    for names in (Names(site_test=[]), Names()):
        with pytest.raises(NetworkFailure):
            await guard(names=names).resolve("site.test", 443, scope=PUBLIC)


async def test_a_name_that_turns_inwards_is_refused_the_second_time() -> None:
    """DNS rebinding: each connection has its own look-up,
    and connects only to the addresses it returned.
    """
    rebinding = guard(names=Names(evil_test=[["93.184.216.34"], ["127.0.0.1"]]))

    first = await rebinding.resolve("evil.test", 80, scope=PUBLIC)

    assert first == [(socket.AF_INET, ("93.184.216.34", 80))]
    with pytest.raises(AddressRefused):
        await rebinding.resolve("evil.test", 80, scope=PUBLIC)


async def test_names_of_this_machine_and_odd_ports_are_refused_without_a_look_up() -> None:
    names = Names()

    for host, port in (
        ("localhost", 80),
        ("a.b.localhost", 80),
        ("metadata.google.internal", 80),
        ("site.test", 22),
    ):
        with pytest.raises(AddressRefused):
            await guard(names=names).resolve(host, port, scope=PUBLIC)
    assert names.asked == []


async def test_a_literal_is_judged_without_a_look_up() -> None:
    names = Names()

    assert await guard(names=names).resolve("1.1.1.1", 80, scope=PUBLIC) == [
        (socket.AF_INET, ("1.1.1.1", 80))
    ]
    with pytest.raises(AddressRefused):
        await guard(names=names).resolve("192.168.0.1", 80, scope=PUBLIC)
    assert names.asked == []


async def test_the_systems_resolver_knows_this_machine_and_says_when_it_knows_nothing() -> None:
    resolver = SystemResolver()

    assert "127.0.0.1" in await resolver("127.0.0.1")
    with pytest.raises(NetworkFailure):
        await resolver("a" * 64 + ".test")
    resolver.close()
    resolver.close()


# --- exemptions -----------------------------------------------------------------------------------


def reached(*rules: str, names: Names | None = None) -> EgressGuard:
    return guard(
        *rules, names=names or Names(nas_lan=["192.168.1.10"], site_test=["93.184.216.34"])
    )


async def allowed(egress: EgressGuard, host: str, port: int, scope: HttpUrl | None) -> bool:
    try:
        await egress.resolve(host, port, scope=scope)
    except AddressRefused:
        return False
    return True


@pytest.mark.parametrize(
    "rule",
    ["nas.lan", "NAS.lan", "nas.lan:8096", "192.168.1.0/24", "192.168.0.0/16", "192.168.1.10/32"],
)
async def test_a_rule_opens_a_private_server_to_a_post_on_it(rule: str) -> None:
    assert await allowed(reached(rule), "nas.lan", 8096, NAS)


@pytest.mark.parametrize("rule", ["nas.lan", "nas.lan:8096", "192.168.1.0/24"])
@pytest.mark.parametrize("scope", [PUBLIC, None])
async def test_a_public_post_never_inherits_an_exemption(rule: str, scope: HttpUrl | None) -> None:
    assert not await allowed(reached(rule), "nas.lan", 8096, scope)


@pytest.mark.parametrize(
    "rule", ["nas.lan:8097", "other.lan", "lan", "192.168.2.0/24", "192.168.1.10"]
)
async def test_a_rule_opens_only_what_it_names(rule: str) -> None:
    assert not await allowed(reached(rule), "nas.lan", 8096, NAS)


async def test_an_exempt_post_reaches_other_exempt_hosts_and_public_ones_but_nothing_else() -> None:
    names = Names(
        nas_lan=["192.168.1.10"],
        cdn_lan=["192.168.1.11"],
        router_lan=["192.168.1.1"],
        site_test=["93.184.216.34"],
    )
    egress = guard("nas.lan:8096", "cdn.lan", names=names)

    assert await allowed(egress, "cdn.lan", 8080, NAS)
    assert await allowed(egress, "site.test", 443, NAS)
    assert not await allowed(egress, "router.lan", 80, NAS)
    assert not await allowed(egress, "192.168.1.11", 80, NAS)


async def test_another_port_of_the_posts_host_is_not_exempt_by_an_exact_rule() -> None:
    egress = reached("nas.lan:8096")

    assert not await allowed(egress, "nas.lan", 8097, NAS)
    assert not await allowed(egress, "nas.lan", 8096, parse_http_url("http://nas.lan:8097/"))


@pytest.mark.parametrize(
    ("rule", "url"),
    [
        ("127.0.0.1:8096", "http://127.0.0.1:8096/"),
        ("localhost:8096", "http://localhost:8096/"),
        ("cdn.localhost:8096", "http://cdn.localhost:8096/"),
        ("[::1]:8096", "http://[::1]:8096/"),
        ("169.254.10.1:80", "http://169.254.10.1/"),
        ("192.168.1.10:81", "http://192.168.1.10:81/"),
        ("192.168.1.10", "http://192.168.1.10:8096/"),
        ("fd12::1", "http://[fd12::1]/"),
        ("[FD12:0::1]:81", "http://[fd12::1]:81/"),
        ("192.168.0.0/16", "http://192.168.7.7/"),
        ("fd12:3456::/32", "http://[fd12:3456::1]/"),
    ],
)
async def test_an_exempt_literal_is_taken_at_submission_and_reached(rule: str, url: str) -> None:
    submit(url, rule)
    post = parse_http_url(url)

    assert await guard(rule).resolve(post.host, post.port, scope=post)


@pytest.mark.parametrize(
    ("rule", "host"),
    [
        ("100.64.0.0/10", "100.100.100.200"),
        ("fd00:ec2::/32", "[fd00:ec2::254]"),
        ("168.63.0.0/16", "168.63.129.16"),
        ("0:0:0:0:0:ffff::/96", "[::ffff:127.0.0.1]"),
        ("64:ff9b::/96", "[64:ff9b::127.0.0.1]"),
        ("168.63.129.16", "168.63.129.16"),
    ],
)
def test_metadata_and_loopback_are_never_opened_by_a_network_or_a_bare_host(
    rule: str, host: str
) -> None:
    with pytest.raises(AddressRefused):
        submit(f"http://{host}/", rule)


async def test_a_bare_name_that_leads_to_loopback_is_not_opened() -> None:
    """Only an exact host:port opens a server on loopback."""
    names = Names(nas_lan=["127.0.0.1"])

    assert not await allowed(guard("nas.lan", names=names), "nas.lan", 8096, NAS)
    assert await allowed(guard("nas.lan:8096", names=names), "nas.lan", 8096, NAS)


async def test_a_denied_port_is_opened_only_by_naming_it() -> None:
    egress = reached("nas.lan", "nas.lan:81")
    post = parse_http_url("http://nas.lan/")

    assert await allowed(egress, "nas.lan", 81, post)
    assert not await allowed(egress, "nas.lan", 82, post)


async def test_a_public_post_does_not_inherit_a_named_port_or_loopback_name() -> None:
    egress = reached("site.test:81", "localhost:8096")

    assert not await allowed(egress, "site.test", 81, PUBLIC)
    assert not await allowed(egress, "localhost", 8096, PUBLIC)


async def test_all_names_may_lead_into_an_opened_fake_ip_network() -> None:
    names = Names(site_test=["198.18.0.7"], cdn_test=["198.18.0.8"])
    egress = guard("198.18.0.0/15", names=names)

    assert await allowed(egress, "site.test", 443, PUBLIC)
    assert await allowed(egress, "cdn.test", 443, PUBLIC)


async def test_a_name_that_was_public_once_gets_no_networks_exemption() -> None:
    """Otherwise an open page could point its own name at a private address and read the answer as
    same-origin.
    """
    egress = guard(
        "192.168.0.0/16",
        names=Names(evil_test=[["93.184.216.34"], ["93.184.216.34"], ["192.168.1.10"]]),
    )
    post = parse_http_url("http://evil.test/")

    assert await allowed(egress, "evil.test", 80, post)
    assert not await allowed(egress, "evil.test", 80, post)


async def test_a_name_that_was_public_before_a_restart_gets_no_networks_exemption(
    tmp_path: Path,
) -> None:
    file, post = tmp_path / "public-names", parse_http_url("http://evil.test/")

    def started(*answers: str) -> EgressGuard:
        return EgressGuard(
            ("192.168.0.0/16",),
            resolver=Names(evil_test=list(answers)),
            public_names=PublicNames(file),
        )

    assert await allowed(started("93.184.216.34"), "evil.test", 80, post)
    assert not await allowed(started("192.168.1.10"), "evil.test", 80, post)
    file.write_bytes(b"\xff")
    assert await allowed(started("192.168.1.10"), "evil.test", 80, post)


async def test_when_too_many_names_were_public_no_name_gets_a_networks_exemption(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mediavault.egress.guard.MAX_PUBLIC_NAMES", 1)
    egress = reached("192.168.1.0/24", "nas.lan:80")
    assert await allowed(egress, "nas.lan", 8096, NAS)
    await egress.resolve("site.test", 443, scope=NAS)

    assert not await allowed(egress, "nas.lan", 8096, NAS)
    assert await allowed(egress, "nas.lan", 80, parse_http_url("http://nas.lan/"))


def test_closing_a_guard_that_never_looked_anything_up_is_harmless() -> None:
    EgressGuard().close()


async def test_an_unresolvable_post_is_not_exempt() -> None:
    assert not await guard("192.168.0.0/16").exempts(parse_http_url("http://gone.lan/"))


@pytest.mark.parametrize("rule", ["127.0.0.1:8420", "localhost:8420"])
async def test_mediavaults_own_port_is_refused_whatever_the_rules_say(rule: str) -> None:
    egress = guard(rule)
    egress.claim_port(8420)
    post = parse_http_url(f"http://{rule}/")

    with pytest.raises(AddressRefused, match="own"):
        await egress.resolve(post.host, post.port, scope=post)


async def test_another_machines_port_of_the_same_number_is_not_ours() -> None:
    egress = guard(
        "192.168.255.253:8420", names=Names(site_test=["93.184.216.34"]), own_ports=(8420, 443)
    )
    post = parse_http_url("http://192.168.255.253:8420/")

    assert await allowed(egress, "site.test", 443, PUBLIC)
    assert await allowed(egress, "192.168.255.253", 8420, post)


@pytest.mark.parametrize(
    "rule",
    [
        "0.0.0.0/0",
        "*",
        ".",
        "",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "127.0.0.1",
        "localhost",
        "10.0.0.0/4",
        "a:b",
    ],
)
def test_a_rule_that_opens_too_much_is_refused_at_the_start(rule: str) -> None:
    with pytest.raises(BadSetting, match="MEDIAVAULT_ALLOW_PRIVATE"):
        guard(rule)


# --- words ----------------------------------------------------------------------------------------


async def test_the_refusal_names_host_address_and_reason_in_words() -> None:
    with pytest.raises(AddressRefused) as caught:
        await reached().resolve("nas.lan", 8096, scope=NAS)

    assert (
        str(caught.value)
        == "mediavault does not connect to nas.lan, which is 192.168.1.10 (inside a home network)."
    )


async def test_the_refusal_of_an_opened_host_says_for_whom_it_is_open() -> None:
    with pytest.raises(AddressRefused, match="only for posts that are on an allowed host"):
        await reached("nas.lan").resolve("nas.lan", 8096, scope=PUBLIC)


async def test_the_guard_distinguishes_public_endpoints_from_exempt_ones() -> None:
    egress = reached("nas.lan", "site.test:81")

    [private] = await egress.resolve("nas.lan", 8096, scope=NAS)
    [public] = await egress.resolve("site.test", 443, scope=NAS)

    assert egress.is_public(public)
    assert not egress.is_public(private)
