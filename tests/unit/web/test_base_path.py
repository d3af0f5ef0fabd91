"""The vault below a path of a reverse proxy's host."""

from __future__ import annotations

import re

import pytest

from mediavault.core.failures import BadSetting
from mediavault.core.settings import load_settings
from tests.http_vault import ApiVault, MakeVault

BASE = "/media/vault"
PAGES = (
    "/",
    "/library",
    "/library/feed",
    "/accounts",
    "/sites",
    "/settings",
    "/doctor",
    "/sessions",
    "/jobs/{job}",
    "/no-such-page",
)
ADDRESS = re.compile(r'\s(?:href|src|action|formaction|poster|hx-get|hx-post)="(/[^"]*)"')


@pytest.fixture
def vault(make_vault: MakeVault) -> ApiVault:
    return make_vault(base_path=BASE)


@pytest.mark.parametrize("path", PAGES)
async def test_every_address_of_a_page_begins_with_the_path(vault: ApiVault, path: str) -> None:
    job = await vault.add_saved()
    page = (await vault.client.get(BASE + path.format(job=job.id), accept="text/html")).text
    addresses = ADDRESS.findall(page)

    assert addresses
    assert [each for each in addresses if not each.startswith(f"{BASE}/")] == []
    assert [each for each in addresses if each.startswith(f"{BASE}{BASE}")] == []
    assert f'data-base="{BASE}"' in page
    assert path != "/library" or f"{BASE}/jobs/{job.id}" in page


async def test_the_api_and_the_files_are_below_the_path_and_at_the_root(vault: ApiVault) -> None:
    job = await vault.add_saved()

    for prefix in (BASE, ""):
        assert (await vault.client.get(f"{prefix}/healthz")).status == 200
        assert (await vault.client.get(f"{prefix}/api/jobs/{job.id}")).json()["id"] == job.id
        assert (await vault.client.get(f"{prefix}/files/{job.id}/video")).status == 200


async def test_redirects_stay_below_the_path(vault: ApiVault) -> None:
    bare = await vault.client.get(BASE)
    chosen = await vault.client.submit(f"{BASE}/appearance", {"language": "de", "back": "/library"})

    assert (bare.status, bare.headers["location"]) == (308, f"{BASE}/")
    assert (chosen.status, chosen.headers["location"]) == (303, f"{BASE}/library")


async def test_a_path_that_only_begins_like_it_is_another(vault: ApiVault) -> None:
    assert (await vault.client.get(f"{BASE}s/library")).status == 404


async def test_modules_import_each_other_wherever_they_are_served(vault: ApiVault) -> None:
    home = (await vault.client.get(f"{BASE}/static/home.js")).text

    assert re.findall(r'from "([^"]*)"', home)
    assert all(address.startswith("./") for address in re.findall(r'from "([^"]*)"', home))


@pytest.mark.parametrize(
    ("given", "kept"), [("", ""), ("/", ""), ("/vault/", "/vault"), ("/a/b-c_d", "/a/b-c_d")]
)
def test_the_path_is_kept_without_its_last_slash(
    given: str, kept: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDIAVAULT_BASE_PATH", given)

    assert load_settings().base_path == kept


@pytest.mark.parametrize(
    "given", ["vault", "//evil.example", "/a/../b", "/ä", '/a"b', "/a b", "https://x.example/a"]
)
def test_anything_but_a_plain_path_is_refused(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDIAVAULT_BASE_PATH", given)

    with pytest.raises(BadSetting, match="MEDIAVAULT_BASE_PATH"):
        load_settings()
