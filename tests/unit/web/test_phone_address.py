"""What the page about phones says: the vault's address, as far as it can be known,
and its QR code.
"""

from __future__ import annotations

import re
from typing import Any

import pytest

from mediavault.core.settings import Settings
from mediavault.server import own_address
from mediavault.server.own_address import address_of
from mediavault.web.qr import QUIET, qr_code
from tests.http_vault import TOKEN, MakeVault

LAN = "192.168.1.20"


@pytest.mark.parametrize(
    ("settings", "address"),
    [
        ({}, None),
        ({"host": "0.0.0.0"}, f"http://{LAN}:8420/"),
        ({"host": "::"}, f"http://{LAN}:8420/"),
        (
            {"host": "192.168.7.7", "port": 9000, "base_path": "/vault"},
            "http://192.168.7.7:9000/vault/",
        ),
        ({"host": "fd00::7"}, "http://[fd00::7]:8420/"),
        ({"host": "0.0.0.0", "host_names": ("nas.local",)}, "http://nas.local:8420/"),
        ({"host_names": ("vault.tail.ts.net",)}, "https://vault.tail.ts.net/"),
        (
            {
                "host": "0.0.0.0",
                "host_names": ("vault.example",),
                "trusted_proxies": ("10.0.0.2",),
                "base_path": "/vault",
            },
            "https://vault.example/vault/",
        ),
    ],
)
def test_the_address_follows_from_the_settings(
    settings: dict[str, Any], address: str | None
) -> None:
    assert address_of(Settings(**settings), LAN) == address


def test_a_machine_without_a_network_and_a_container_have_no_address_of_their_own() -> None:
    assert address_of(Settings(host="0.0.0.0"), None) is None


async def page_of(make_vault: MakeVault, host: str, **headers: str) -> str:
    vault = make_vault(host="0.0.0.0", token=TOKEN, host_names=("vault.example",))
    return (
        await vault.client.get(
            "/access/phone", authorization=f"Bearer {TOKEN}", host=host, **headers
        )
    ).text


async def test_the_address_that_the_page_was_opened_at_is_the_one_for_the_phone(
    make_vault: MakeVault,
) -> None:
    plain = await page_of(make_vault, f"{LAN}:8420")
    secure = await page_of(make_vault, "vault.example", **{"sec-fetch-site": "none"})

    assert f'<a class="address" href="http://{LAN}:8420/">' in plain
    assert "needs HTTPS" in plain
    assert "tailscale serve" in plain
    assert '<a class="address" href="https://vault.example/">' in secure
    assert "Install app" in secure
    assert "tailscale serve" not in secure
    assert "https://vault.example/api/jobs" in secure


async def test_a_page_opened_on_the_vaults_own_machine_shows_its_address_in_the_network(
    make_vault: MakeVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_address, "lan_host", lambda: LAN)
    vault = make_vault(host="0.0.0.0", token=TOKEN)
    page = (await vault.client.get("/access/phone", authorization=f"Bearer {TOKEN}")).text

    assert f"http://{LAN}:8420/" in page
    assert "javascript:void open('http://127.0.0.1:8420/?url='" in page


async def test_a_vault_that_no_phone_can_open_says_what_to_set(make_vault: MakeVault) -> None:
    guarded = await make_vault(token=TOKEN).client.get(
        "/access/phone", authorization=f"Bearer {TOKEN}"
    )
    unguarded = await make_vault().client.get("/access/phone")

    for page in (guarded.text, unguarded.text):
        assert "MEDIAVAULT_HOST=0.0.0.0" in page
        assert 'class="code"' not in page
    assert "Without a password, the vault listens on this computer only" in unguarded.text
    assert "The vault knows no address" in guarded.text


async def test_the_addresses_are_below_the_path_of_the_vault(make_vault: MakeVault) -> None:
    vault = make_vault(host="0.0.0.0", token=TOKEN, base_path="/media/vault")
    page = await vault.client.get(
        "/media/vault/access/phone", authorization=f"Bearer {TOKEN}", host=f"{LAN}:8420"
    )

    assert f'href="http://{LAN}:8420/media/vault/"' in page.text
    assert f"open('http://{LAN}:8420/media/vault/?url='" in page.text


def test_a_qr_code_has_its_three_corners_and_its_margin() -> None:
    code = qr_code("https://vault.example/mediavault/")
    dark = {
        (int(x) - QUIET, int(y) - QUIET) for x, y in re.findall(r"M(\d+) (\d+)h1v1h-1z", code.path)
    }
    modules = code.size - 2 * QUIET
    middle = {(x, y) for x in range(2, 5) for y in range(2, 5)}
    ring = {(x, y) for x in range(7) for y in range(7)} - {
        (x, y) for x in range(1, 6) for y in range(1, 6)
    }

    assert (modules - 17) % 4 == 0
    for left, top in ((0, 0), (modules - 7, 0), (0, modules - 7)):
        found = {(x - left, y - top) for x, y in dark if 0 <= x - left < 7 and 0 <= y - top < 7}
        assert found == ring | middle
