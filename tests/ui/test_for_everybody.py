"""Every page satisfies axe, fits a narrow window in both directions, shows its focus,
moves nothing, needs no script.
"""

from __future__ import annotations

import pytest
from playwright.async_api import Page

from mediavault.core.job import JobStatus
from mediavault.store.port import JobQuery
from tests.ui.browsing import SIZES, Pages, Size, overflow
from tests.ui.conftest import VaultOf
from tests.ui.pages import CASES, Case
from tests.ui.test_axe import appearances_of, findings
from tests.ui.test_axe import axe as axe  # the fixture
from tests.ui.vault import Vault

TABS = 25  # the number of elements that are focused on a page
_FOCUS = """() => {
  const one = document.activeElement;
  if (!one || one === document.body) return null;
  const seen = (element) => {
    const style = getComputedStyle(element);
    return (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2) ||
      style.boxShadow !== "none";
  };
  const box = one.getBoundingClientRect();
  const around = [one, one.closest("label"), one.closest(":focus-within"),
    one.parentElement].filter(Boolean);
  return { what: one.outerHTML.slice(0, 120), seen: around.some(seen), inside: box.width > 0 &&
    box.height > 0 };
}"""
_MOVING = """() => document.getAnimations()
  .filter((each) => each.playState === "running" &&
    each.effect.getComputedTiming().activeDuration > 20)
  .map((each) => each.effect.target?.outerHTML.slice(0, 100))"""

each_case = pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=case.name, marks=[pytest.mark.long] if case.is_rare else [])
        for case in CASES
    ],
)


async def resize(page: Page, size: Size) -> None:
    width, height = SIZES[size]
    await page.set_viewport_size({"width": width, "height": height})


async def troubles_of_fitting(page: Page) -> list[str]:
    """Return what overflows. 320 px are a desktop's 1280 at 400 % (WCAG 1.4.10),
    "half" its 1440 at 200 % (1.4.4).
    """
    wrong = []
    sizes: tuple[Size, ...] = ("zoomed", "phone", "half", "desktop")
    for size in sizes:
        await resize(page, size)
        for direction in ("ltr", "rtl"):
            await page.evaluate(f"document.documentElement.dir = '{direction}'")
            wrong += [f"{direction} {size}: {element}" for element in await overflow(page)]
    return wrong


async def unseen_by_keyboard(page: Page) -> list[str]:
    """Return which of the first ``TABS`` focused elements do not show it,
    except parts of players and dates.
    """
    unseen, last = [], ""
    for _ in range(TABS):
        await page.keyboard.press("Tab")
        focus = await page.evaluate(_FOCUS)
        if focus is None:
            break
        if focus["what"] != last and not (focus["seen"] and focus["inside"]):
            unseen.append(f"focus is not seen: {focus['what']}")
        last = focus["what"]
    return unseen


@each_case
async def test_a_page_satisfies_axe_shows_its_focus_moves_nothing_and_fits_every_window_size(
    case: Case, pages: Pages, vault_of: VaultOf, axe: str
) -> None:
    """Every window size is tested in both text directions, with reduced motion."""
    page = await pages.at(case, await vault_of(case.whose), motion="reduce")
    wrong = [f"it moves: {element}" for element in await page.evaluate(_MOVING)]
    wrong += await findings(page, axe, case.part, appearances_of(case))
    await resize(page, "desktop")
    wrong += await unseen_by_keyboard(page)
    wrong += await troubles_of_fitting(page)

    assert not wrong, "\n".join(wrong)


@each_case
async def test_a_page_can_be_read_without_javascript(
    case: Case, pages: Pages, vault_of: VaultOf
) -> None:
    vault = await vault_of(case.whose)
    pages.allow.extend(case.allow)
    page = await pages(await case.address(vault), javascript=False, base=vault.base, language="de")

    assert (await page.locator("main").inner_text()).strip()
    assert await page.locator("html").get_attribute("lang") == "de"


async def test_a_post_is_submitted_and_cancelled_without_javascript(
    pages: Pages, fresh_vault: Vault
) -> None:
    address = "https://videos.example/watch/without-a-script"
    page = await pages("/", javascript=False, base=fresh_vault.base)
    await page.locator("#post_urls").fill(address)
    await page.get_by_role("button", name="Save", exact=True).click()
    await page.get_by_text("Added 1 link").wait_for()
    jobs = (await fresh_vault.store.catalogue.jobs(JobQuery(statuses=(JobStatus.QUEUED,)))).jobs
    job = next(job for job in jobs if job.post_url == address)

    await page.goto(f"{fresh_vault.base}/jobs/{job.id}")
    await page.locator(f"form[action='/jobs/{job.id}/cancel'] button").click()
    await page.get_by_text("Cancelled").first.wait_for()
    assert (await fresh_vault.store.catalogue.get(job.id)).status is JobStatus.CANCELLED
