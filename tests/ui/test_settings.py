"""The settings in a browser: saving, resetting, and a preview of the file name while its template
is typed.
"""

from __future__ import annotations

from playwright.async_api import expect

from tests.patience import patient
from tests.ui.browsing import Pages
from tests.ui.vault import Vault


async def test_a_setting_is_changed_and_reset(pages: Pages, fresh_vault: Vault) -> None:
    page = await pages("/settings", base=fresh_vault.base)
    await page.get_by_label("Downloads at once", exact=True).fill("6")
    await page.get_by_role("radio", name="compatible").check()
    await page.get_by_role("button", name="Save").click()

    await expect(page.locator(".notice.good", has_text="Saved.")).to_be_visible()
    await expect(page.get_by_label("Downloads at once", exact=True)).to_have_value("6")
    assert (await fresh_vault.opened.live.current()).concurrency == 6

    await page.get_by_role("button", name="Reset: Downloads at once").click()
    await expect(page.get_by_label("Downloads at once", exact=True)).to_have_value("3")
    await expect(page.get_by_role("radio", name="compatible")).to_be_checked()


async def test_an_example_name_is_shown_while_its_template_is_typed(
    pages: Pages, fresh_vault: Vault
) -> None:
    page = await pages("/settings", base=fresh_vault.base)
    field, preview = page.get_by_label("File name", exact=True), page.locator("#name-preview")
    await field.fill("{site} {id}")
    await expect(preview).to_contain_text(".mp4")
    await expect(preview).not_to_contain_text("[")
    await field.fill("{title}")

    await expect(preview).to_contain_text("Add {id} to the file's name, so that names stay unique")


async def test_an_invalid_value_is_reported_next_to_its_field(
    pages: Pages, fresh_vault: Vault
) -> None:
    page = await pages("/settings", base=fresh_vault.base)
    await page.get_by_label("File name", exact=True).fill("{title}")
    pages.allow.append("422")
    await page.get_by_role("button", name="Save").click()

    await expect(page.get_by_role("alert")).to_contain_text("Not saved.")
    await expect(page.get_by_label("File name", exact=True)).to_have_attribute(
        "aria-invalid", "true"
    )
    await expect(page.get_by_label("File name", exact=True)).to_have_value("{title}")
    await expect(page.get_by_label("File name", exact=True)).to_be_focused()


async def test_the_bar_with_the_save_button_covers_no_field_that_is_being_edited(
    pages: Pages, fresh_vault: Vault
) -> None:
    for size in ("desktop", "phone"):
        page = await pages("/settings", base=fresh_vault.base, size=size)
        for name in (
            "Downloads at once",
            "File name",
            "Remove failed posts after (days)",
            "Checking speed (MB per second)",
        ):
            field = page.get_by_label(name, exact=True)
            await field.focus()
            box, bar = await field.bounding_box(), await page.locator(".save").bounding_box()
            assert box is not None
            assert bar is not None
            assert box["y"] + box["height"] <= bar["y"], f"{name} on a {size}"


async def test_settings_are_saved_without_javascript(pages: Pages, fresh_vault: Vault) -> None:
    page = await pages("/settings", base=fresh_vault.base, javascript=False)
    await page.get_by_label("Remove failed posts after (days)", exact=True).fill("90")
    await page.get_by_role("button", name="Save").click()

    await expect(page.get_by_label("Remove failed posts after (days)", exact=True)).to_have_value(
        "90"
    )


async def test_the_health_check_runs_and_gives_advice(pages: Pages, fresh_vault: Vault) -> None:
    page = await pages("/settings", base=fresh_vault.base)
    await page.get_by_role("link", name="Health").click()
    await page.get_by_role("button", name="Run a health check").click()

    await expect(page.locator("#found")).to_contain_text("OK", timeout=patient(60_000))
    await expect(page.get_by_role("heading", name="This machine")).to_be_visible()
    await expect(page.locator("[data-verdict]").first).to_contain_text("Python")
