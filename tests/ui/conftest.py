"""Fixtures for the tests in a browser: a served vault, a Chromium, and pages whose errors fail the
test.

    async def test_a_post_can_be_cancelled(pages: Pages, fresh_vault: Vault) -> None:
        page = await pages("/", size="phone", base=fresh_vault.base)

``pages`` opens pages of ``vault``, which all tests share and none may change, unless ``base`` names
another. Everything runs in one event loop, the server too: a test must await, never block.
Give ``wait_for_function`` a function: the pages' policy forbids an expression, from its second
evaluation on.
"""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright, expect

from mediavault.browser.discovery import find_browser
from tests.patience import patient
from tests.ui import odd
from tests.ui.browsing import Pages, flags
from tests.ui.hostile import marked
from tests.ui.hostile_vault import HostileVault, hostile_vault
from tests.ui.pages import Whose
from tests.ui.vault import TOKEN, Vault, add_users, sample_vault

HERE = Path(__file__).parent
_BROWSER = find_browser()
# The same Chromium without its own windows: pages take little more than half the processor time.
# Where it is missing, and for what only a whole browser has, such as extensions and installed apps,
# it is the one that the vault uses.
_SHELL = shutil.which("chromium-headless-shell") or _BROWSER.path
expect.set_options(timeout=patient(15_000))  # Playwright's own limit is missed on a busy machine


_SETTINGS: Mapping[Whose, Mapping[str, object]] = {
    "guarded": {"token": TOKEN, "host_names": ("vault.example",)},
    "new": {"setup": True},
    "several": {"oidc_issuer": "https://auth.example", "oidc_client_id": "x", "oidc_name": "Home"},
}
MakeVault = Callable[..., Awaitable[Vault]]
VaultOf = Callable[[Whose], Awaitable[Vault]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if not item.path.is_relative_to(HERE):
            continue
        item.add_marker(pytest.mark.browser)
        item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
        if _BROWSER.path is None:
            item.add_marker(pytest.mark.skip(reason=_BROWSER.advice))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def vault(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Vault]:
    """A vault with sixty saved posts and every kind of failure, for all tests of the session:
    don't change it.
    """
    async with sample_vault(tmp_path_factory.mktemp("vault")) as opened:
        yield opened


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def vault_of(
    vault: Vault, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[VaultOf]:
    """The vaults that the cases of ``pages.py`` belong to, for all tests: don't change them."""
    async with AsyncExitStack() as stack:
        opened: dict[Whose, Vault] = {"full": vault}

        async def find(whose: Whose) -> Vault:
            if whose not in opened:
                root, settings = tmp_path_factory.mktemp(whose), _SETTINGS.get(whose, {})
                posts = 6 if whose == "several" else 0
                made = await stack.enter_async_context(
                    sample_vault(root, posts=posts, worker=False, **settings)
                )
                if whose == "several":
                    await add_users(made)
                if whose == "odd":
                    await odd.fill(made)
                if whose == "broken":
                    odd.break_(made)
                opened[whose] = made
            return opened[whose]

        yield find


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def marks(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[HostileVault]:
    """A vault with its own text in each field, for all tests: they add posts and reopen sites,
    and count neither.
    """
    async with hostile_vault(tmp_path_factory.mktemp("marked"), [marked]) as house:
        yield house


@pytest_asyncio.fixture(loop_scope="session")
async def make_vault(tmp_path: Path) -> AsyncIterator[MakeVault]:
    """Makes vaults for this test only: ``await make_vault(posts=0, worker=False,
    token="...")``, settings by name.
    """
    async with AsyncExitStack() as stack:
        made = 0

        async def make(**own: object) -> Vault:
            nonlocal made
            made += 1
            vault = sample_vault(tmp_path / str(made), **{"posts": 6, **own})  # type: ignore[arg-type]
            return await stack.enter_async_context(vault)

        yield make


@pytest_asyncio.fixture(loop_scope="session")
async def fresh_vault(make_vault: MakeVault) -> Vault:
    """A small vault for this test only: six saved posts and every kind of failure."""
    return await make_vault()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=_SHELL, args=list(flags()))
        yield chromium
        await chromium.close()


@pytest_asyncio.fixture(loop_scope="session")
async def pages(browser: Browser, vault: Vault, make_vault: MakeVault) -> AsyncIterator[Pages]:
    """Pages that are closed before the vaults of ``make_vault``:
    an open page would report the loss of its vault.
    """
    opened = Pages(browser, vault.base)
    yield opened
    await opened.aclose()
    assert opened.unexpected() == []
