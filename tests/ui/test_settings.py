"""The settings in a browser: each is saved as soon as it is changed, schedules are picked, and a
file's name is shown while its template is typed.
"""

from __future__ import annotations

from playwright.async_api import expect

from tests.patience import patient
from tests.ui.browsing import Pages
from tests.ui.vault import Vault


async def test_a_setting_is_saved_when_it_is_changed_and_reset_beside_its_field(
    pages: Pages, fresh_vault: Vault
) -> None:
    page = await pages("/settings/downloads", base=fresh_vault.base)
    field = page.locator("#field-concurrency")
    await field.get_by_role("spinbutton").fill("6")
    await field.get_by_role("spinbutton").blur()

    await expect(field.get_by_role("status")).to_have_text("✓ Saved")
    assert (await fresh_vault.opened.live.current()).concurrency == 6
    await field.get_by_role("button", name="Reset: Downloads at once").click()
    await expect(field.get_by_role("spinbutton")).to_have_value("3")
    await expect(page.locator(".said-by")).to_have_count(0)


async def test_a_refused_value_stays_in_its_field_with_the_reason(
    pages: Pages, fresh_vault: Vault
) -> None:
    page = await pages("/settings/files", base=fresh_vault.base)
    field = page.get_by_role("textbox", name="File name")
    preview = page.locator("#name-preview")
    await field.fill("{site} {id}")
    await expect(preview).to_contain_text(".mp4")
    await expect(preview).not_to_contain_text("[")
    await field.fill("{title}")
    await expect(preview).to_contain_text("Add {id} to the file's name, so that names stay unique")
    pages.allow.append("422")
    await field.blur()

    await expect(page.locator("#name_template-error")).to_contain_text("Add {id}")
    await expect(field).to_have_attribute("aria-invalid", "true")
    await expect(field).to_have_value("{title}")


async def test_hours_are_picked_and_one_reads_what_they_mean_today(
    pages: Pages, fresh_vault: Vault
) -> None:
    page = await pages("/settings/speed", base=fresh_vault.base, size="phone")
    field = page.locator("#field-bandwidth")
    await field.get_by_role("button", name="Add hours").click()
    await field.get_by_label("From").select_option("08:00")
    await field.get_by_label("Until").select_option("22:00")
    await field.get_by_label("Speed", exact=True).select_option("2 MB/s")
    await field.get_by_label("Usual speed").select_option("unlimited")
    await expect(field.get_by_role("img")).to_have_attribute(
        "aria-label", "00:00–08:00 no limit, 08:00–22:00 2 MB/s, 22:00–24:00 no limit"
    )

    stored = await fresh_vault.opened.live.current()
    assert stored.bandwidth == "08:00-22:00 2 MB/s"
    await field.get_by_role("button", name="Remove these hours").click()
    await expect(field.get_by_role("img")).to_have_count(0)
    assert (await fresh_vault.opened.live.current()).bandwidth == ""


async def test_a_section_is_saved_without_javascript(pages: Pages, fresh_vault: Vault) -> None:
    page = await pages("/settings/downloads", base=fresh_vault.base, javascript=False)
    field = page.get_by_label("Remove failed posts after … days", exact=True)
    await field.fill("90")
    await page.get_by_role("button", name="Save").click()

    await expect(field).to_have_value("90")
    await expect(page.get_by_text("✓ Saved")).to_be_visible()


async def test_the_health_check_runs_and_gives_advice(pages: Pages, fresh_vault: Vault) -> None:
    page = await pages("/settings", base=fresh_vault.base)
    await page.get_by_role("link", name="Health").click()
    await page.get_by_role("button", name="Run a health check").click()

    await expect(page.locator("#found")).to_contain_text("OK", timeout=patient(60_000))
    await expect(page.get_by_role("heading", name="This machine")).to_be_visible()
    await expect(page.locator("[data-verdict]").first).to_contain_text("Python")
