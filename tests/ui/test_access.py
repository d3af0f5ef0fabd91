"""Access to the vault as a user has it in a browser: setting up, signing in and out, tokens."""

from __future__ import annotations

from playwright.async_api import Page

from tests.ui.browsing import Pages, overflow
from tests.ui.conftest import MakeVault

PASSWORD = "seven grey herons"


async def set_up(page: Page) -> None:
    # For the manifest too: a vault that gets its password while that is read withholds it.
    await page.wait_for_load_state("networkidle")
    await page.locator("#password").fill(PASSWORD)
    await page.locator("#again").fill(PASSWORD)
    await page.locator("form[action='/setup'] button").click()
    await page.wait_for_url("**/access*")


async def sign_in(page: Page) -> None:
    await page.locator("#password").fill(PASSWORD)
    await page.locator("form[action='/login'] button").click()
    await page.locator(".sections").wait_for()


async def test_everything_works_without_javascript(pages: Pages, make_vault: MakeVault) -> None:
    vault = await make_vault(posts=0, worker=False)
    page = await pages("/access", base=vault.base, javascript=False)
    await page.locator("a[href='/setup']").click()
    await set_up(page)
    await page.goto(f"{vault.base}/access")
    await page.locator("#name").fill("Phone")
    await page.locator("input[name='scope'][value='read']").check()
    await page.locator("#days").select_option("30")
    await page.locator("form[action='/access/tokens'] button").click()
    token = await page.locator("#fresh-token").text_content()
    assert token is not None
    assert token.startswith("mv_")

    answer = await page.request.get(
        f"{vault.base}/api/jobs", headers={"authorization": f"Bearer {token}"}
    )
    assert answer.ok
    await page.locator("form[action^='/access/tokens/'][action$='/revoke'] button").click()
    await page.locator("#tokens").get_by_text("No token yet.").wait_for()
    await page.goto(f"{vault.base}/you")
    await page.locator("form[action='/logout'] button").click()
    await page.locator("form[action='/login']").wait_for()
    await page.goto(f"{vault.base}/access")
    assert page.url == f"{vault.base}/login?next=%2Faccess"


async def test_a_new_token_is_copied(pages: Pages, make_vault: MakeVault) -> None:
    vault = await make_vault(posts=0, worker=False)
    page = await pages("/setup", base=vault.base)
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=vault.base)
    await set_up(page)
    await page.goto(f"{vault.base}/access")
    await page.locator("#name").fill("Phone")
    await page.locator("form[action='/access/tokens'] button").click()
    await page.locator("#copy").click()
    await page.locator("#copy").get_by_text("Copied").wait_for()

    assert (
        await page.evaluate("navigator.clipboard.readText()")
        == await page.locator("#fresh-token").text_content()
    )


async def test_signing_out_everywhere_affects_the_other_browser_at_once(
    pages: Pages, make_vault: MakeVault
) -> None:
    vault = await make_vault(posts=0, worker=False)
    first = await pages("/setup", base=vault.base)
    await set_up(first)
    second = await pages("/login", base=vault.base)
    await sign_in(second)
    await first.goto(f"{vault.base}/access")
    assert await first.locator("#sessions li").count() == 2
    await first.locator("form[action='/access/sign-out-everywhere'] button").click()
    await first.locator("form[action='/login']").wait_for()

    await second.goto(f"{vault.base}/library")
    assert second.url == f"{vault.base}/login?next=%2Flibrary"
    await sign_in(second)
    assert second.url == f"{vault.base}/library"


async def test_the_pages_fit_a_narrow_screen_in_german(pages: Pages, make_vault: MakeVault) -> None:
    """The longest words, on the narrowest screen that is supported (WCAG 1.4.10)."""
    vault = await make_vault(posts=0, worker=False)
    page = await pages("/setup", base=vault.base, language="de", size="zoomed")
    assert await overflow(page) == []
    await set_up(page)
    await page.goto(f"{vault.base}/access")
    await page.locator("#name").fill("W" * 80)
    await page.locator("form[action='/access/tokens'] button").click()
    await page.get_by_text("Bitte jetzt kopieren").wait_for()

    assert await overflow(page) == []


async def test_the_whole_bar_fits_on_a_tablet(pages: Pages, make_vault: MakeVault) -> None:
    """Sections, access and sign-out in the longer language."""
    vault = await make_vault(posts=0, worker=False)
    page = await pages("/setup", base=vault.base, language="de", size="tablet")
    await set_up(page)
    for width in (737, 820, 990, 1024):
        await page.set_viewport_size({"width": width, "height": 900})
        assert await overflow(page) == [], width
