"""The browser extension in a real Chromium, with a sample vault on loopback.

Nobody can accept a browser's prompt here, so the extension is packed with the host permissions that
its users are asked for (``files(granted=…)``); all else is as it is released. The prompts
themselves are not tested, the list of permissions is (tests/unit/test_extension.py), and one test
loads the extension as it is.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, Page, Worker, async_playwright, expect
from scripts.extension import files

from mediavault.auth.credentials import ApiTokens
from mediavault.auth.permissions import Scope
from mediavault.browser.discovery import find_browser
from mediavault.core.clock import SystemClock
from mediavault.core.job import Job
from mediavault.store.port import JobQuery
from tests.patience import patient
from tests.servers.tcp_proxy import TcpProxy
from tests.ui.browsing import THEMES, flags, overflow
from tests.ui.conftest import MakeVault
from tests.ui.test_axe import axe, violations
from tests.ui.vault import TOKEN, Vault

__all__ = ["axe"]  # the fixture

A, B = "https://videos.example/watch/a", "https://videos.example/watch/b"
GRANTED = ("http://127.0.0.1/*", "http://*.x.com/*", "https://*.x.com/*", "https://*.reddit.com/*")


@dataclass
class Extension:
    """The extension in its own browser. ``worker`` is its background script;
    ``troubles`` are errors in its pages.
    """

    context: BrowserContext
    worker: Worker
    troubles: list[str]

    async def page(self, name: str, *, tab: str = "", script: str = "") -> Page:
        """Open a page of the extension; ``tab`` is the address of the tab that its button was
        clicked on, ``script`` runs before its own.
        """
        page = await self.context.new_page()
        page.on("pageerror", lambda error: self.troubles.append(str(error)))
        if tab:
            await page.add_init_script(
                f"chrome.tabs.query = async () => [{{ id: 1, url: {tab!r} }}]"
            )
        if script:
            await page.add_init_script(script)
        await page.goto(self.worker.url.replace("background.js", name))
        return page

    async def set_up(self, address: str, token: str = TOKEN) -> None:
        await self.worker.evaluate(
            "(values) => chrome.storage.local.set(values)", {"address": address, "token": token}
        )

    async def click_menu(self, **info: str) -> None:
        await self.worker.evaluate(
            "(info) => chrome.contextMenus.onClicked.dispatch(info, { id: 1 })", info
        )

    async def badge(self) -> str:
        text: str = await self.worker.evaluate("chrome.action.getBadgeText({})")
        return text

    async def outbox(self) -> list[dict[str, Any]]:
        stored: dict[str, Any] = await self.worker.evaluate(
            "chrome.storage.local.get({ outbox: [] })"
        )
        return list(stored["outbox"])

    async def wait_for_badge(self, text: str) -> None:
        async with asyncio.timeout(patient(20)):
            while await self.badge() != text:
                await asyncio.sleep(0.05)


@asynccontextmanager
async def loaded(folder: Path, granted: Sequence[str]) -> AsyncIterator[Extension]:
    unpacked = folder / "extension"
    for name, data in files("chromium", granted=granted).items():
        (unpacked / name).parent.mkdir(parents=True, exist_ok=True)
        (unpacked / name).write_bytes(data)
    async with async_playwright() as playwright:
        context = await playwright.chromium.launch_persistent_context(
            folder / "profile",
            headless=False,  # Playwright's own way to be headless has no extensions
            executable_path=find_browser().path,
            args=[
                "--headless=new",
                *flags(),
                f"--load-extension={unpacked}",
                f"--disable-extensions-except={unpacked}",
            ],
            locale="en-GB",
        )
        context.set_default_timeout(patient(20_000))
        worker = next(iter(context.service_workers), None) or await context.wait_for_event(
            "serviceworker"
        )
        await _installed(worker)
        yield Extension(context, worker, [])
        await context.close()


async def _installed(worker: Worker) -> None:
    """Wait for the page of settings that opens at first, so that no test meets it."""
    while not await worker.evaluate(
        "chrome.tabs.query({ url: chrome.runtime.getURL('options.html') }).then((tabs) =>"
        " tabs.length)"
    ):
        await asyncio.sleep(0.05)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def browser_with_extension(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Extension]:
    async with loaded(tmp_path_factory.mktemp("extension"), GRANTED) as extension:
        yield extension


@pytest_asyncio.fixture(loop_scope="session")
async def extension(browser_with_extension: Extension) -> AsyncIterator[Extension]:
    """The extension as after its installation. Errors of its scripts fail the test."""
    extension = browser_with_extension
    await extension.worker.evaluate(
        "Promise.all([chrome.storage.local.clear(), chrome.storage.session.clear(),"
        " chrome.alarms.clearAll(),"
        " chrome.action.setBadgeText({ text: '' })])"
    )
    yield extension
    for page in extension.context.pages[1:]:
        await page.close()
    await extension.context.clear_cookies()
    troubles = extension.troubles[:]
    extension.troubles.clear()
    assert troubles == []


@pytest_asyncio.fixture(loop_scope="session")
async def guarded(make_vault: MakeVault) -> Vault:
    """A vault with a password, three saved posts and every kind of failure."""
    return await make_vault(posts=3, token=TOKEN)


async def token_for(vault: Vault, scope: Scope) -> str:
    token, _ = await ApiTokens(vault.store.records, SystemClock()).add(scope, scope)
    return token


async def jobs_of(vault: Vault, url: str) -> list[Job]:
    return [
        job
        for job in (await vault.store.catalogue.jobs(JobQuery(limit=100))).jobs
        if job.post_url == url
    ]


# --- settings


async def test_settings_are_saved_and_tested(extension: Extension, guarded: Vault) -> None:
    """A token that may only add links is enough."""
    page = await extension.page("options.html")
    await page.locator("#address").fill(f"{guarded.base}/")
    await page.locator("#token").fill(await token_for(guarded, Scope.SUBMIT))
    await page.locator("#save").click()

    await expect(page.locator("#outcome")).to_contain_text(
        "It works: the vault answers, and links can be added."
    )
    await expect(page.locator("#outcome")).to_contain_text("Settings saved.")
    await page.reload()
    await expect(page.locator("#address")).to_have_value(guarded.base)


_READ_LATER = """
const read = chrome.storage.local.get.bind(chrome.storage.local);
const released = new Promise((resolve) => { window.release = resolve; });
chrome.storage.local.get = (...asked) => released.then(() => read(...asked));
"""


async def test_what_is_typed_before_the_stored_settings_were_read_stays(
    extension: Extension,
) -> None:
    await extension.set_up("http://old.example", "mv_old")
    page = await extension.page("options.html", script=_READ_LATER)
    await page.locator("#address").fill("http://new.example")
    await page.evaluate("window.release()")

    await expect(page.locator("#token")).to_have_value("mv_old")
    await expect(page.locator("#address")).to_have_value("http://new.example")


@pytest.mark.parametrize(
    ("token", "outcome"),
    [
        ("mv_wrong", "The vault doesn't accept this token."),
        ("", "The vault needs a token."),
        (
            Scope.READ,
            "This token may not add links. The vault says: This token's scope is read only.",
        ),
    ],
)
async def test_a_token_that_does_not_fit_is_named(
    extension: Extension, guarded: Vault, token: str, outcome: str
) -> None:
    page = await extension.page("options.html")
    await page.locator("#address").fill(guarded.base)
    await page.locator("#token").fill(
        await token_for(guarded, token) if isinstance(token, Scope) else token
    )
    await page.locator("#test").click()

    await expect(page.locator("#outcome .bad")).to_contain_text(outcome)
    assert (await jobs_of(guarded, "")) == []
    assert await extension.worker.evaluate("chrome.storage.local.get('token')") == {}


async def test_an_address_without_a_vault_is_named(extension: Extension) -> None:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5\r\n"
            b"Connection: close\r\n\r\nhello"
        )
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    page = await extension.page("options.html")
    await page.locator("#address").fill(address)
    await page.locator("#test").click()
    await expect(page.locator("#outcome .bad")).to_have_text(
        f"Something answers at {address}, but it isn't a vault."
    )

    server.close()
    await server.wait_closed()
    await page.locator("#test").click()
    await expect(page.locator("#outcome .bad")).to_contain_text(f"No answer from {address}.")
    await page.locator("#address").fill("file:///etc/passwd")
    await page.locator("#test").click()
    await expect(page.locator("#outcome .bad")).to_have_text("This is not a valid address.")


async def test_a_vault_without_a_password_needs_no_token(
    extension: Extension, make_vault: MakeVault
) -> None:
    vault = await make_vault(posts=0)
    page = await extension.page("options.html")
    await page.locator("#address").fill(vault.base)
    await page.locator("#save").click()

    await expect(page.locator("#outcome")).to_contain_text("It works")


# --- saving


async def test_the_popup_saves_the_page_and_leads_to_it_in_the_vault(
    extension: Extension, guarded: Vault
) -> None:
    await extension.set_up(guarded.base)
    page = await extension.page("popup.html", tab=A)

    await expect(page.locator(".result")).to_contain_text("Added.")
    (job,) = await jobs_of(guarded, A)
    await expect(page.locator(".result a")).to_have_attribute(
        "href", f"{guarded.base}/jobs/{job.id}"
    )
    await page.reload()
    await expect(page.locator(".result")).to_contain_text(
        "Already in the vault, but not saved yet."
    )
    assert len(await jobs_of(guarded, A)) == 1
    assert await extension.outbox() == []


async def test_the_popup_says_what_is_saved_already(extension: Extension, guarded: Vault) -> None:
    await extension.set_up(guarded.base)
    page = await extension.page("popup.html", tab=guarded.saved[0].post_url)

    await expect(page.locator(".result")).to_contain_text("Already saved.")


async def test_a_refusal_is_shown_in_the_vaults_own_words(
    extension: Extension, guarded: Vault
) -> None:
    await extension.set_up(guarded.base)
    page = await extension.page("popup.html", tab="http://169.254.169.254/<b>x</b>")

    await expect(page.locator(".result[data-state=refused]")).to_contain_text(
        "does not connect to 169.254.169.254"
    )
    await expect(page.locator(".result bdi[lang=en]").first).to_be_visible()
    assert await extension.outbox() == []


async def test_only_web_pages_are_saved_and_a_new_extension_leads_to_its_settings(
    extension: Extension, guarded: Vault
) -> None:
    page = await extension.page("popup.html", tab=A)
    await expect(page.locator(".result")).to_have_text(
        "First enter the address of your vault in the settings."
    )
    await expect(page.locator("#set-up")).to_be_visible()

    await extension.set_up(guarded.base)
    page = await extension.page("popup.html", tab="file:///home/jane/diary.txt")
    await expect(page.locator(".result")).to_have_text(
        "This page has no web address that could be saved."
    )


async def test_the_button_itself_opens_the_popup_and_saves_the_page_of_its_tab(
    extension: Extension, guarded: Vault
) -> None:
    """The vault refuses its own page, which is the only page on the web here."""
    await extension.set_up(guarded.base)
    page = await extension.context.new_page()
    await page.goto(f"{guarded.base}/login")
    await page.bring_to_front()
    await extension.worker.evaluate("chrome.action.openPopup()")

    async with asyncio.timeout(patient(20)):
        while not (
            saved := (
                await extension.worker.evaluate("chrome.storage.session.get({ results: [] })")
            )["results"]
        ):
            await asyncio.sleep(0.05)
    assert (saved[0]["url"], saved[0]["state"]) == (f"{guarded.base}/login", "refused")


@pytest.mark.parametrize(
    "info",
    [
        {"menuItemId": "link", "linkUrl": A, "pageUrl": B},
        {"menuItemId": "page", "pageUrl": A},
        {"menuItemId": "video", "pageUrl": A, "srcUrl": "blob:x"},
        {"menuItemId": "video", "pageUrl": B, "frameUrl": A, "srcUrl": "blob:x"},
    ],
)
async def test_a_menu_saves_and_the_button_shows_it_until_the_popup_is_opened(
    extension: Extension, guarded: Vault, info: dict[str, str]
) -> None:
    """What the user opens the popup for is the answer, so it saves no other page then."""
    await extension.set_up(guarded.base)
    await extension.click_menu(**info)
    await extension.wait_for_badge("✓")
    assert len(await jobs_of(guarded, A)) == 1

    page = await extension.page("popup.html", tab=B)
    await expect(page.locator(".result")).to_contain_text("Added.")
    await extension.wait_for_badge("")
    assert await jobs_of(guarded, B) == []
    await page.locator("#save").click()
    await expect(page.locator(".result[data-state=added]")).to_contain_text(B)
    assert len(await jobs_of(guarded, B)) == 1


async def test_the_menus_are_there_in_the_browser(extension: Extension) -> None:
    """Creating one that exists fails, which is how to see it."""
    errors = await extension.worker.evaluate("""() => Promise.all(["page", "link", "video", "sign-in"].map((id) =>
      new Promise((done) => chrome.contextMenus.create({ id, title: id }, () => done(chrome.runtime.lastError?.message ?? "new")))))""")  # noqa: E501

    assert all("duplicate id" in error for error in errors), errors


# --- the outbox


@pytest_asyncio.fixture(loop_scope="session")
async def line(guarded: Vault) -> AsyncIterator[TcpProxy]:
    """The line to the vault."""
    proxy = TcpProxy("127.0.0.1", urlsplit(guarded.base).port or 0)
    await proxy.start()
    yield proxy
    await proxy.close()


async def test_links_wait_while_the_vault_is_away_and_are_sent_later(
    extension: Extension, guarded: Vault, line: TcpProxy
) -> None:
    line.refusing = True
    await extension.set_up(f"http://127.0.0.1:{line.port}")
    await extension.click_menu(menuItemId="link", linkUrl=A)
    await extension.wait_for_badge("…")
    page = await extension.page("popup.html", tab=B)
    await expect(page.locator(".result")).to_contain_text(
        "It will be sent automatically. No answer from"
    )
    await page.locator("#save").click()
    await expect(page.locator("#waiting")).to_contain_text("2 links are waiting to be sent.")
    assert [entry["url"] for entry in await extension.outbox()] == [A, B]
    assert (await extension.worker.evaluate("chrome.alarms.get('outbox')"))["scheduledTime"] > 0

    line.refusing = False
    await extension.worker.evaluate("chrome.alarms.onAlarm.dispatch({ name: 'outbox' })")
    await extension.wait_for_badge("✓")
    assert [len(await jobs_of(guarded, url)) for url in (A, B)] == [1, 1]
    assert await extension.outbox() == []
    assert not await extension.worker.evaluate("chrome.alarms.get('outbox')")


async def test_a_link_whose_answer_is_lost_is_sent_again_and_becomes_one_post(
    extension: Extension, guarded: Vault, line: TcpProxy
) -> None:
    line.losing_answers = True
    await extension.set_up(f"http://127.0.0.1:{line.port}")
    page = await extension.page("popup.html", tab=A)
    async with asyncio.timeout(patient(20)):
        while not await jobs_of(guarded, A):
            await asyncio.sleep(0.05)
    line.cut()
    await expect(page.locator("#waiting")).to_contain_text("1 link is waiting to be sent.")

    line.losing_answers = False
    await page.locator("#send").click()
    # the same key gets the same answer
    await expect(page.locator(".result")).to_contain_text("Added.")
    assert len(await jobs_of(guarded, A)) == 1
    await expect(page.locator("#waiting")).to_be_hidden()


async def test_every_attempt_of_a_link_carries_the_same_key(extension: Extension) -> None:
    """So that a vault can tell an attempt from a second wish."""
    keys: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        keys.extend(re.findall(r"(?i)^idempotency-key: (\S+)", head, re.MULTILINE))
        writer.write(b"HTTP/1.1 503 Busy\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        await extension.set_up(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        page = await extension.page("popup.html", tab=A)
        await expect(page.locator("#waiting")).to_be_visible()
        await page.locator("#send").click()
        async with asyncio.timeout(patient(20)):
            while len(keys) < 2:
                await asyncio.sleep(0.05)

    assert len(set(keys)) == 1
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", keys[0])


async def test_a_link_waits_for_a_token_that_fits_and_is_sent_when_the_settings_change(
    extension: Extension, guarded: Vault
) -> None:
    await extension.set_up(guarded.base, "mv_revoked")
    await extension.click_menu(menuItemId="link", linkUrl=A)
    await extension.wait_for_badge("…")

    await extension.set_up(guarded.base)
    await extension.wait_for_badge("✓")
    assert len(await jobs_of(guarded, A)) == 1


async def test_a_try_that_changes_no_link_leaves_the_list_alone(
    extension: Extension, guarded: Vault
) -> None:
    """A click on a button that is replaced meanwhile would be lost."""
    await extension.set_up(guarded.base, "mv_revoked")
    await extension.click_menu(menuItemId="link", linkUrl=A)
    await extension.wait_for_badge("…")
    page = await extension.page("options.html")
    await page.evaluate("document.querySelector('#links li').dataset.mine = 'yes'")
    before = (await extension.outbox())[0]["tries"]
    await page.locator("#send").click()
    async with asyncio.timeout(patient(20)):
        while (await extension.outbox())[0]["tries"] == before:
            await asyncio.sleep(0.05)

    await expect(page.locator("#links li[data-mine]")).to_have_count(1)


async def test_the_end_of_an_earlier_result_does_not_take_a_newer_one_away(
    extension: Extension, guarded: Vault
) -> None:
    await extension.set_up(guarded.base)
    await extension.worker.evaluate("""() => {
      const [set, clear] = (globalThis.real = [setTimeout, clearTimeout]);
      globalThis.waits = new Map();
      globalThis.setTimeout = (run, ms) => (ms < 5000 ?
        set(run, ms) : waits.set(waits.size + 1, run).size);
      globalThis.clearTimeout = (id) => (waits.has(id) ? waits.set(id, () => {}) : clear(id));
    }""")
    for number, url in enumerate((A, B), 1):
        await extension.click_menu(menuItemId="link", linkUrl=url)
        async with asyncio.timeout(patient(20)):
            while await extension.worker.evaluate("waits.size") < number:
                await asyncio.sleep(0.05)
    await extension.worker.evaluate("Promise.resolve(waits.get(1)())")
    saved = await extension.badge()
    await extension.worker.evaluate(
        "() => { [globalThis.setTimeout, globalThis.clearTimeout] = real; }"
    )

    assert saved == "✓"


async def test_a_link_that_waits_can_be_discarded(extension: Extension, guarded: Vault) -> None:
    await extension.set_up(guarded.base, "mv_revoked")
    for url in (A, B, A):
        await extension.click_menu(menuItemId="link", linkUrl=url)
    await extension.wait_for_badge("…")
    page = await extension.page("options.html")
    await expect(page.locator("#links li")).to_have_count(2)
    await page.get_by_role("button", name="Discard").first.click()

    # a list: one item, not two
    await expect(page.locator("#links li")).to_have_text([re.compile(re.escape(B))])
    assert [entry["url"] for entry in await extension.outbox()] == [B]


# --- sign-ins


async def test_the_cookies_of_one_site_are_handed_over_after_an_explanation(
    extension: Extension, guarded: Vault
) -> None:
    await extension.set_up(guarded.base, await token_for(guarded, Scope.COOKIES))
    scope = {"path": "/", "secure": True, "expires": 4_000_000_000}
    cookies: Any = [
        {**scope, "name": "auth_token", "value": "secret", "domain": ".x.com", "httpOnly": True},
        {**scope, "name": "ct0", "value": "csrf", "domain": ".x.com"},
        {**scope, "name": "other", "value": "elsewhere", "domain": ".reddit.com"},
    ]
    await extension.context.add_cookies(cookies)
    page = await extension.page("sign-in.html?host=www.x.com&tab=1")
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.post_data or ""))
    await expect(page.locator("#what")).to_contain_text(
        f"The vault at {guarded.base} gets all cookies"
    )
    await page.locator("#hand-over").click()

    await expect(page.locator("#outcome .good")).to_contain_text(
        "Cookies of X that the vault took: 2."
    )
    (body,) = [data for data in sent if data]
    assert re.search(r"#HttpOnly_\.x\.com\\tTRUE\\t/\\tTRUE\\t\d{10}\\tauth_token\\tsecret", body)
    assert "elsewhere" not in body
    await expect(page.locator("#about")).to_be_hidden()


async def test_a_token_that_may_only_add_links_hands_nothing_over(
    extension: Extension, guarded: Vault
) -> None:
    await extension.set_up(guarded.base, await token_for(guarded, Scope.SUBMIT))
    page = await extension.page("sign-in.html?host=x.com")

    await expect(page.locator("#outcome .bad")).to_contain_text(
        "a token with the permission “Add links and sign-ins”"
    )
    await expect(page.locator("#about")).to_be_hidden()


async def test_a_site_that_cannot_be_signed_in_to_is_named(
    extension: Extension, guarded: Vault
) -> None:
    await extension.set_up(guarded.base)
    page = await extension.page("sign-in.html?host=notx.com")

    await expect(page.locator("#outcome .bad")).to_contain_text(
        "The vault takes no sign-in for notx.com."
    )


# --- the modules without a browser's interface


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        ("http://127.0.0.1:8420/", "http://127.0.0.1:8420"),
        (" home.example/vault// ", "http://home.example/vault"),
        ("https://[::1]:8420", "https://[::1]:8420"),
        ("https://videos.example/?token=x#y", "https://videos.example"),
        ("https://jane:secret@videos.example", None),
        ("javascript:alert(1)", None),
        ("ftp://videos.example", None),
        ("http://", None),
        ("", None),
    ],
)
async def test_the_address_of_a_vault_is_read_as_typed(
    extension: Extension, typed: str, address: str | None
) -> None:
    assert await ask(extension, "address.js", "vaultAddress", typed) == address


@pytest.mark.parametrize(
    ("address", "is_exposed"),
    [
        ("http://192.168.1.5:8420", True),
        ("http://127.0.0.1.example", True),
        ("http://127.0.0.1:8420", False),
        ("http://localhost", False),
        ("http://[::1]", False),
        ("https://192.168.1.5", False),
    ],
)
async def test_a_token_on_an_open_line_is_warned_of(
    extension: Extension, address: str, is_exposed: bool
) -> None:
    assert await ask(extension, "address.js", "isExposed", address) is is_exposed


@pytest.mark.parametrize(
    ("host", "found"),
    [
        ("www.x.com", ["x", "x.com"]),
        ("x.com", ["x", "x.com"]),
        ("m.twitter.com", ["x", "twitter.com"]),
        ("notx.com", None),
    ],
)
async def test_a_site_is_found_by_a_host_with_its_shortest_domain(
    extension: Extension, host: str, found: list[str] | None
) -> None:
    sites = [
        {"platform": "y", "domains": []},
        {"platform": "x", "domains": ["www.x.com", "x.com", "twitter.com"]},
    ]
    answer = await ask(extension, "address.js", "siteOf", host, sites)

    assert (answer and [answer["site"]["platform"], answer["domain"]]) == found


async def test_cookies_become_lines_that_the_vault_reads(extension: Extension) -> None:
    cookie = {"path": "/", "secure": False, "httpOnly": False, "value": "v"}
    cookies = [
        {**cookie, "name": "a", "domain": "x.com", "hostOnly": True},
        {
            **cookie,
            "name": "b",
            "domain": ".x.com",
            "hostOnly": False,
            "expirationDate": 1.9e9 + 0.5,
            "secure": True,
        },
        {**cookie, "name": "c\td", "domain": "x.com", "hostOnly": True},
    ]

    assert (await ask(extension, "cookies-txt.js", "cookiesTxt", cookies)).splitlines()[1:] == [
        "x.com\tFALSE\t/\tFALSE\t0\ta\tv",
        ".x.com\tTRUE\t/\tTRUE\t1900000000\tb\tv",
    ]


async def ask(extension: Extension, module: str, function: str, *values: object) -> Any:
    """Call a function of a module of the extension, in one of its pages."""
    page = next(
        (page for page in extension.context.pages if page.url.endswith("options.html")), None
    )
    page = page or await extension.page("options.html")
    call = "async ([module, name, values]) => (await import(`./${module}`))[name](...values)"
    return await page.evaluate(call, [module, function, list(values)])


# --- how it looks, and what it is allowed


@pytest.mark.parametrize("theme", THEMES)
async def test_axe_finds_nothing_in_the_extensions_pages(
    extension: Extension, guarded: Vault, axe: str, theme: str
) -> None:
    await extension.set_up(guarded.base, "mv_wrong")
    await extension.click_menu(menuItemId="link", linkUrl=A)
    await extension.wait_for_badge("…")
    broken: list[Any] = []
    for name, ready in (
        ("options.html", "#links li"),
        ("popup.html", ".result"),
        ("sign-in.html?host=x.com", ".notice"),
    ):
        page = await extension.page(name, tab=A)
        await page.set_viewport_size({"width": 360, "height": 640})
        await page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
        await page.locator(ready).first.wait_for()
        broken += await violations(page, axe)
        broken += await overflow(page)

    assert broken == []


async def test_the_extension_as_it_is_released_may_do_nothing_until_it_is_allowed(
    tmp_path: Path, guarded: Vault
) -> None:
    async with loaded(tmp_path, ()) as extension:
        held = await extension.worker.evaluate("chrome.permissions.getAll()")
        assert held == {
            "origins": [],
            "permissions": ["activeTab", "alarms", "contextMenus", "storage"],
        }

        await extension.set_up(guarded.base)
        page = await extension.page("popup.html", tab=A)
        await expect(page.locator(".result")).to_contain_text(
            "The browser doesn't allow the extension to talk to"
        )
        assert [entry["url"] for entry in await extension.outbox()] == [A]
        assert await jobs_of(guarded, A) == []
        assert extension.troubles == []
