"""Sealed copies in a real browser: made from a post's page, followed, and downloaded."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import expect

from mediavault.features.sealing.checking import check_copy
from tests.patience import patient
from tests.ui.browsing import Pages, Size, overflow
from tests.ui.vault import Vault

both = pytest.mark.parametrize("size", ["phone", "desktop"])


@both
async def test_a_copy_is_made_while_the_page_is_used_and_then_downloaded(
    pages: Pages, fresh_vault: Vault, size: Size, tmp_path: Path
) -> None:
    """The site of a sample post does not exist: the copy is made without its page,
    and the page says so.
    """
    page = await pages(f"/jobs/{fresh_vault.saved[0].id}", size=size, base=fresh_vault.base)
    await page.evaluate("window.stayed = true")
    await page.locator(".remove summary").click()
    await page.get_by_role("button", name="Sealed copy").click()
    sealed = page.locator("#sealed")
    await expect(sealed).to_contain_text("Making a sealed copy …")
    await expect(page.locator("form[data-does='seal'] button")).to_be_disabled()
    await expect(sealed).to_contain_text(
        "The sealed copy is available for an hour.", timeout=patient(60_000)
    )
    await expect(page.locator("form[data-does='seal'] button")).to_be_enabled()
    await sealed.get_by_text("1 part is missing.").click()
    await expect(sealed).to_contain_text("the page:")
    assert await overflow(page) == []
    async with page.expect_download() as begun:
        await sealed.get_by_role("link", name="Download the sealed copy").click()
    await (await begun.value).save_as(tmp_path / "copy.zip")
    checked = check_copy(tmp_path / "copy.zip")

    assert await page.evaluate("window.stayed")
    assert (await begun.value).suggested_filename.startswith(
        f"mediavault-{fresh_vault.saved[0].id}"
    )
    assert checked.problems == ()
    assert checked.info["External-Identifier"] == fresh_vault.saved[0].post_url


@both
async def test_a_damaged_file_is_refused_with_a_sentence(
    pages: Pages, fresh_vault: Vault, size: Size
) -> None:
    job = fresh_vault.saved[1]
    (fresh_vault.downloads / str(job.output_path)).write_bytes(b"other bytes")
    page = await pages(f"/jobs/{job.id}", size=size, base=fresh_vault.base)
    await page.locator(".remove summary").click()
    await page.get_by_role("button", name="Sealed copy").click()

    await expect(page.locator("#sealed")).to_contain_text("There is no sealed copy.")
    await expect(page.locator("#sealed")).to_contain_text(
        "is missing, or is not the file that was saved"
    )
    assert await overflow(page) == []
