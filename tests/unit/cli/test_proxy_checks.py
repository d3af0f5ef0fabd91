"""The doctor tries each proxy, and says which site goes which way."""

from __future__ import annotations

import json

import pytest

from mediavault.app.doctor.proxy_checks import try_proxies
from mediavault.core.upstream_proxies import UpstreamProxies
from mediavault.egress.guard import EgressGuard
from mediavault.presentation.doctor_report import Check, DoctorVerdict
from tests.unit.cli.conftest import Run
from tests.unit.egress.servers import Names, trapping
from tests.upstream_stubs import TRIAL, stub_proxy

YOUTUBE = "93.184.216.35"
HOSTS = ("youtube.com", "www.youtube.com")


async def checks(proxies: UpstreamProxies) -> list[Check]:
    return await try_proxies(EgressGuard(resolver=Names(**{host: [YOUTUBE] for host in HOSTS}), proxies=proxies))


async def test_each_proxy_is_tried_with_a_site_that_takes_it_and_without_showing_its_password() -> None:
    async with (
        trapping() as anything,
        stub_proxy("http", {TRIAL: anything.port}) as vault,
        stub_proxy("socks5 with a password", {YOUTUBE: anything.port}) as own,
    ):
        sites = {"youtube": own.proxy, "x": None, "generic": own.proxy}
        found = await checks(UpstreamProxies(vault.proxy, sites))

    assert [(check.name, check.verdict, check.detail) for check in found] == [
        ("Proxy", "ok", f"unknown sites, YouTube: through socks5://***@127.0.0.1:{own.port}, which works"),
        ("Proxy", "ok", "X: direct connection"),
        ("Proxy", "ok", f"all other sites, and notifications: through {vault.proxy}, which works"),
    ]
    assert (vault.asked, own.asked) == ([TRIAL], [f"{YOUTUBE}:443"])


async def test_a_proxy_that_fails_is_reported_with_what_helps() -> None:
    async with stub_proxy("http with a password") as stub:
        stub.answers[""] = 503
        [check] = await checks(UpstreamProxies(stub.proxy))

    assert check.verdict is DoctorVerdict.BROKEN
    assert check.detail == f"everything: The proxy {stub.proxy} cannot be used: it answered with HTTP 503."
    assert "MEDIAVAULT_PROXY" in check.help


async def test_a_site_that_a_working_proxy_does_not_reach_is_a_warning() -> None:
    async with trapping() as anything, stub_proxy("socks5", {TRIAL: anything.port}) as stub:
        found = await checks(UpstreamProxies(None, {"youtube": stub.proxy}))

    assert [check.verdict for check in found] == [DoctorVerdict.WARNING, DoctorVerdict.OK]
    assert found[1].detail == "all other sites, and notifications: direct connection"


def test_without_a_proxy_there_is_no_check_and_a_wrong_name_is_reported(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Proxy" not in {check["name"] for check in run("doctor", "--json").json()["checks"]}
    monkeypatch.setenv("MEDIAVAULT_PROXIES", json.dumps({"youtub": "http://user:canary@gluetun:8888"}))
    ended = run("doctor", "--json")
    [check] = [check for check in ended.json()["checks"] if check["name"] == "Proxy"]

    assert (ended.code, check["verdict"]) == (1, "broken")
    assert "youtub" in check["detail"]
    assert "canary" not in ended.out
