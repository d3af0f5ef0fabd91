"""The library's grid in a real browser: density, months, shapes, hosts, causes,
keys without focus, and the way back.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import av
import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from mediavault.core.job import ItemStatus, Job, JobId, JobItem
from mediavault.core.media import Item, SavedFile
from mediavault.store.port import StoredJob
from mediavault.web.pages.library import PAGE
from tests.ui.browsing import Pages, Size, overflow
from tests.ui.conftest import MakeVault
from tests.ui.test_library import SHIFTS
from tests.ui.vault import Vault

MIDDAY = datetime(2026, 3, 15, 12, tzinfo=UTC)
# 2026-03 on
MONTHS = [
    datetime(2026 - number // 12, 12 - number % 12, 15, 12, tzinfo=UTC) for number in range(9, 21)
]


@pytest_asyncio.fixture(loop_scope="session")
async def months_vault(make_vault: MakeVault) -> Vault:
    """Return a vault with ten posts in each of twelve months, from 2026-03 back to 2025-04."""
    vault = await make_vault(posts=1)
    model = vault.saved[0]
    times = [month - timedelta(hours=number) for month in MONTHS for number in range(10)]
    await vault.store.catalogue.remove(model.id)
    await vault.store.catalogue.import_jobs(
        [StoredJob(_post(model, number, at)) for number, at in enumerate(times)]
    )
    return vault


def _post(model: Job, number: int, at: datetime, **facts: Any) -> Job:
    own = {
        "id": JobId(f"00000000-0000-4000-8000-{number:012x}"),
        "created_at": at,
        "metadata": {"title": f"{number}"},
    }
    url = facts.pop("url", f"https://months.example/{number}")
    return replace(model, **{**own, "post_url": url, "canonical_url": url, **facts})


async def columns(page: Page) -> int:
    return int(await page.evaluate("getComputedStyle(tiles).gridTemplateColumns.split(' ').length"))


async def slide(page: Page, value: int) -> None:
    await page.locator(".density input").evaluate(
        (
            "(slider, value) => { slider.value = value; slider.dispatchEvent(new Event('input', {"
            " bubbles: true })); }"
        ),
        value,
    )


async def headings(page: Page) -> list[str]:
    return await page.locator(".month h2").all_inner_texts()


# --- density


@pytest.mark.parametrize(
    ("size", "usual", "least", "most"), [("phone", 2, 1, 3), ("desktop", 5, 2, 9)]
)
async def test_the_slider_sets_the_videos_in_a_row_and_the_browser_remembers(
    pages: Pages, size: Size, usual: int, least: int, most: int
) -> None:
    page = await pages("/library?order=longest", size=size)
    await page.locator(".found summary").click()
    slider = page.get_by_role("slider", name="Videos per row")
    assert [await slider.get_attribute(name) for name in ("name", "min", "max")] == [
        "density",
        str(least),
        str(most),
    ]
    assert await columns(page) == usual == int(await slider.input_value())

    for value in (least, most):
        await slide(page, value)
        assert await columns(page) == value
        assert await overflow(page) == []
    await page.locator("#states a:has-text('All')").click()
    await page.wait_for_url("**state=all*")

    assert await columns(page) == most
    assert await page.locator(".density input").input_value() == str(most)


async def test_the_slider_follows_the_width_of_the_window(pages: Pages) -> None:
    page = await pages("/library?order=longest")
    await slide(page, 6)
    await page.set_viewport_size({"width": 390, "height": 844})

    await expect(page.locator(".density input")).to_have_attribute("max", "3")
    assert await columns(page) == 3  # one more than usual there
    await page.set_viewport_size({"width": 1920, "height": 1080})
    await expect(page.locator(".density input")).to_have_attribute("max", "12")
    assert await columns(page) == 7


async def test_the_arrow_keys_move_the_slider_and_not_the_tiles(pages: Pages) -> None:
    page = await pages("/library?order=longest")
    await page.locator(".found summary").click()
    await page.locator(".density input").focus()
    await page.keyboard.press("ArrowRight")

    assert await columns(page) == 6
    await expect(page.locator(".density input")).to_be_focused()


async def test_a_search_keeps_the_density(pages: Pages) -> None:
    # by age there may be months at the side, which a search has not
    page = await pages("/library?order=longest")
    await slide(page, 7)
    await page.locator("#q").fill("night train")
    await page.wait_for_url("**q=night*")
    await page.locator("#results:not(.htmx-request)").wait_for()

    assert await page.locator(".density input").input_value() == "7"
    assert await columns(page) == 7


async def test_without_javascript_there_is_the_grid_and_no_slider(pages: Pages) -> None:
    page = await pages("/library?order=longest", javascript=False)

    await expect(page.locator(".density")).to_be_hidden()
    assert await page.locator(".tile").count() == PAGE


async def test_the_grid_fills_a_wide_window(pages: Pages) -> None:
    page = await pages("/library?order=longest")
    await page.set_viewport_size({"width": 1920, "height": 1080})
    width = await page.evaluate("tiles.getBoundingClientRect().width")

    assert width > 1_800
    assert await columns(page) == 6


async def test_a_video_plays_silently_while_the_mouse_rests_on_its_picture(pages: Pages) -> None:
    page = await pages("/library", motion="no-preference")
    picture, video = page.locator("[data-preview]").first, page.locator(".tile video")
    await picture.hover()
    await expect(video).to_have_class("is-shown")
    assert await video.evaluate("video => video.muted && !video.paused && video.currentTime > 0")
    await page.locator("#q").hover()
    await expect(video).to_have_count(0)


# --- months


@pytest.mark.parametrize("size", ["phone", "desktop"])
async def test_each_month_has_one_heading_however_its_tiles_are_loaded(
    pages: Pages, months_vault: Vault, size: Size
) -> None:
    page = await pages("/library", base=months_vault.base, size=size)
    await page.evaluate(SHIFTS)
    assert (await headings(page))[:2] == ["March 2026", "February 2026"]
    while await page.locator(".more").count():
        await page.mouse.wheel(0, 300)
        await page.wait_for_timeout(50)

    assert await page.locator(".tile").count() == 120
    assert await headings(page) == [f"{month:%B %Y}" for month in MONTHS]
    assert await page.evaluate("window.shifts") < 0.01
    assert await overflow(page) == []


async def test_months_are_in_the_order_and_the_language_of_the_page(
    pages: Pages, months_vault: Vault
) -> None:
    page = await pages("/library?order=oldest", base=months_vault.base, language="de")
    assert (await headings(page))[:2] == ["April 2025", "Mai 2025"]

    by_length = await pages("/library?order=longest", base=months_vault.base)
    assert await headings(by_length) == []
    await expect(by_length.locator(".months")).to_have_count(0)


async def test_a_month_at_the_side_leads_to_its_first_tile(
    pages: Pages, months_vault: Vault
) -> None:
    page = await pages("/library", base=months_vault.base)
    months = page.get_by_role("navigation", name="Months").get_by_role("link")
    assert await months.count() == len(MONTHS)
    await expect(months.first).to_have_attribute("aria-current", "true")

    await months.nth(2).click()  # January is loaded
    await expect(page.locator("#month-2026-01 + .tile .name")).to_be_focused()
    await expect(page.locator("#month-2026-01")).to_be_in_viewport()
    await expect(months.nth(2)).to_have_attribute("aria-current", "true")
    await expect(page.locator(".months [aria-current]")).to_have_count(1)
    assert "cursor" not in page.url

    await months.nth(10).click()  # May is not
    await page.wait_for_url("**cursor=*")
    assert (await headings(page))[0] == "May 2025"
    assert await page.locator(".tile .name").first.inner_text() == "100"
    await expect(page.locator(".found [data-found]")).to_have_text("120 videos")


async def test_a_phone_shows_videos_at_once_and_selects_by_a_long_press(
    pages: Pages, months_vault: Vault
) -> None:
    page = await pages("/library", base=months_vault.base, size="phone")
    await expect(page.locator(".months")).to_be_hidden()
    pictures, chosen = page.locator(".tile .picture"), page.locator(".pick input:checked")
    box = await pictures.nth(2).bounding_box()
    assert box
    assert (await page.evaluate("tiles.querySelector('.tile').getBoundingClientRect().top")) <= 200
    browser = await page.context.new_cdp_session(page)
    touch = {"x": box["x"] + 20, "y": box["y"] + 20}
    await browser.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [touch]})
    await expect(chosen).to_have_count(1)
    await browser.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    await expect(page.locator(".sections")).to_be_hidden()

    await pictures.nth(1).tap()
    await expect(chosen).to_have_count(2)
    await page.locator("[data-do=clear]").tap()
    await expect(page.locator(".sections")).to_be_visible()
    await pictures.nth(1).tap()
    await page.wait_for_url("**/jobs/*")


async def test_the_heading_of_a_month_goes_with_its_last_tile(
    pages: Pages, make_vault: MakeVault
) -> None:
    vault = await make_vault(posts=1)
    [model] = vault.saved
    await vault.store.catalogue.remove(model.id)
    posts = [_post(model, number, MIDDAY - timedelta(days=40 * number)) for number in range(3)]
    await vault.store.catalogue.import_jobs([StoredJob(post) for post in posts])
    page = await pages("/library", base=vault.base)
    await page.locator("body[data-stream=open]").wait_for()
    assert await headings(page) == ["March 2026", "February 2026", "December 2025"]
    await page.locator(f"#job-{posts[1].id} .name").focus()
    await page.request.delete(f"{vault.base}/api/jobs/{posts[1].id}")

    await expect(page.locator(".month")).to_have_count(2)
    assert await headings(page) == ["March 2026", "December 2025"]
    await expect(page.locator(f"#job-{posts[2].id} .name")).to_be_focused()


async def test_the_arrow_keys_cross_the_headings(pages: Pages, months_vault: Vault) -> None:
    page = await pages("/library", base=months_vault.base)
    names = page.locator(".tile .name")
    in_a_row = await columns(page)
    assert in_a_row == 4  # next to the months
    await names.nth(7).focus()  # above the two last ones of March
    await page.keyboard.press("ArrowDown")
    await expect(names.nth(9)).to_be_focused()
    await page.keyboard.press("ArrowDown")
    await expect(names.nth(11)).to_be_focused()
    await page.keyboard.press("ArrowUp")
    await expect(names.nth(9)).to_be_focused()


# --- tiles


def portrait() -> bytes:
    """Return a JPEG of 180 x 320 pixels."""
    frame = av.VideoFrame(180, 320, "yuvj420p")
    for plane in frame.planes:
        plane.update(bytes([200]) * plane.buffer_size)
    context: Any = av.CodecContext.create("mjpeg", "w")
    context.width, context.height, context.pix_fmt, context.time_base = (
        180,
        320,
        "yuvj420p",
        Fraction(1, 25),
    )
    return b"".join(bytes(packet) for packet in (*context.encode(frame), *context.encode(None)))


@pytest.mark.parametrize("size", ["phone", "desktop"])
async def test_a_portrait_clip_keeps_its_shape_in_a_tile_of_the_usual_height(
    pages: Pages, make_vault: MakeVault, size: Size
) -> None:
    vault = await make_vault(posts=2)
    model, wide = vault.saved
    (vault.downloads / str(model.thumbnail_path)).write_bytes(portrait())
    saved = SavedFile(
        str(model.output_path), model.thumbnail_path, 1_000, str(model.sha256), 4.0, 180, 320
    )
    tall = replace(model, width=180, height=320, items=(JobItem(Item(), ItemStatus.SAVED, saved),))
    await vault.store.catalogue.remove(model.id)
    await vault.store.catalogue.import_jobs([StoredJob(tall)])
    page = await pages("/library", base=vault.base, size=size)
    fits = "all => all.map(each => getComputedStyle(each).objectFit)"

    assert await page.locator(".tile img").evaluate_all(fits) == ["contain", "cover"]
    heights = [await page.locator(f"#job-{job.id} .picture").bounding_box() for job in (tall, wide)]
    assert len({round(box["height"]) for box in heights if box}) == 1


@pytest.mark.parametrize("size", ["phone", "desktop"])
async def test_a_post_of_another_site_names_its_host(
    pages: Pages, make_vault: MakeVault, size: Size
) -> None:
    vault = await make_vault(posts=1)
    [model] = vault.saved
    url = "https://www.xn--mnchen-3ya.example/film"
    other = _post(model, 1, MIDDAY, url=url, platform="generic", account=None)
    await vault.store.catalogue.remove(model.id)
    await vault.store.catalogue.import_jobs([StoredJob(other)])
    page = await pages("/library", base=vault.base, size=size)

    await expect(page.locator(".tile .who bdi")).to_have_text("xn--mnchen-3ya.example")
    assert "Other sites" in str(await page.locator("#platform").text_content())
    await page.goto(vault.base)
    await expect(page.locator(".saved .by bdi")).to_have_text("xn--mnchen-3ya.example")
    assert await overflow(page) == []


@pytest.mark.parametrize("size", ["phone", "desktop"])
async def test_the_tile_of_a_failure_says_why_in_one_line(
    pages: Pages, vault: Vault, size: Size
) -> None:
    page = await pages("/library?state=failed", size=size)
    causes = page.locator(".tile .why")

    assert await causes.count() == await page.locator(".tile").count()
    await expect(causes.first).to_have_text("The site asks you to sign in.")
    boxes = [await cause.bounding_box() for cause in await causes.all()]
    assert all(box and box["height"] < 30 for box in boxes)
    assert await overflow(page) == []


# --- keys that begin without the focus


@pytest.mark.parametrize("key", ["ArrowDown", "ArrowRight", "x"])
async def test_a_key_of_the_tiles_begins_at_the_first_tile_in_sight(pages: Pages, key: str) -> None:
    page = await pages("/library?order=longest")
    await page.evaluate("scrollTo(0, 1000)")
    above = await page.evaluate(
        "[...document.querySelectorAll('.tile')].filter(each => each.getBoundingClientRect().top <"
        " 54).length"
    )
    assert above > 0
    await page.keyboard.press(key)

    await expect(page.locator(".tile .name").nth(above)).to_be_focused()
    assert await page.locator(".pick input:checked").count() == (1 if key == "x" else 0)


async def test_keys_that_begin_leave_fields_menus_and_dialogs_alone(pages: Pages) -> None:
    page = await pages("/library")
    nobody = "document.activeElement.closest('.tile') === null"
    await page.locator("#q").focus()
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("x")
    assert await page.evaluate(nobody)
    await page.locator("#q").fill("")

    await page.evaluate("document.activeElement.blur()")
    await page.locator(".found summary").click()
    await page.evaluate("document.activeElement.blur()")
    await page.keyboard.press("ArrowDown")
    assert await page.evaluate(nobody)
    await page.keyboard.press("Escape")

    await page.keyboard.press("Control+k")
    await page.locator("#palette[open]").wait_for()
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("/")
    assert await page.evaluate("document.activeElement.id") == "palette-text"
    await page.keyboard.press("Escape")
    await page.keyboard.press("Escape")
    await expect(page.locator("#palette")).to_be_hidden()

    await page.evaluate("document.activeElement.blur()")
    await page.keyboard.press("?")
    await page.keyboard.press("x")
    assert await page.locator(".pick input:checked").count() == 0


async def test_x_begins_nowhere_without_single_keys(pages: Pages) -> None:
    page = await pages("/library")
    await page.evaluate("localStorage.setItem('mediavault_single_keys', 'off')")
    await page.reload()
    await page.keyboard.press("x")

    assert await page.locator(".pick input:checked").count() == 0


# --- back from a post


@pytest.mark.parametrize("size", ["phone", "desktop"])
async def test_a_posts_link_to_the_library_returns_to_the_same_place(
    pages: Pages, months_vault: Vault, size: Size
) -> None:
    page = await pages("/library", base=months_vault.base, size=size)
    while await page.locator(".tile").count() < 2 * PAGE:
        await page.mouse.wheel(0, 3_000)
        await page.wait_for_timeout(50)
    await page.locator(".tile .name").nth(PAGE + 5).scroll_into_view_if_needed()
    await page.wait_for_function("() => !document.querySelector('.htmx-request')")
    before, count = await page.evaluate("scrollY"), await page.locator(".tile").count()
    await page.locator(".tile .name").nth(PAGE + 5).press("Enter")
    await page.wait_for_url("**/jobs/*")
    await page.locator(".back a").click()
    await page.wait_for_url("**/library")

    await page.wait_for_function(f"() => Math.abs(scrollY - {before}) < 3")
    assert await page.locator(".tile").count() == count


async def test_the_way_back_keeps_the_month_that_the_page_began_at(
    pages: Pages, months_vault: Vault
) -> None:
    page = await pages("/library", base=months_vault.base)
    await page.locator(".months a").nth(10).click()
    await page.wait_for_url("**cursor=*")
    began = page.url
    await page.locator(".tile .name").first.click()
    await page.wait_for_url("**/jobs/*")
    await page.locator(".back a").click()

    await page.wait_for_url(began)
    await expect(page.locator(".month h2").first).to_have_text("May 2025")


async def test_the_library_of_the_bar_begins_at_the_top(pages: Pages, months_vault: Vault) -> None:
    page = await pages("/library", base=months_vault.base)
    await page.evaluate("scrollTo(0, 900)")
    await page.locator(".tile .name").nth(9).click()
    await page.wait_for_url("**/jobs/*")
    await page.locator(".sections a[href='/library']").click()
    await page.wait_for_url("**/library")
    await page.wait_for_timeout(300)

    assert await page.evaluate("scrollY") == 0
