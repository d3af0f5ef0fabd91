"""What scrolling through the feed costs the browser: 2,000 clips in a phone's window, in Chromium.

    .venv/bin/python -m benchmarks.feed [--posts 2000] [--swipes 40]

First the key for the next clip is held down until every clip was shown once, then a finger swipes
back. Frames are counted while the feed moves; a task is long from 50 ms on. Exits with 1 if one of
the page's scripts took that long. The numbers depend on the machine, so an empty page is measured
too: what is late there is not the feed's. In a Chromium without a graphics card the processor draws
the frames as well.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
from pathlib import Path

from playwright.async_api import Page, async_playwright
from tests.ui.browsing import Pages, flags
from tests.ui.vault import sample_vault

from mediavault.browser.discovery import find_browser

POSTS, SWIPES = 2_000, 40
LONG_MS = 50.0
NOTHING_S = 20
REPEATS = 20  # presses of a key that is held down, 30 a second, without a look at how far they led
FINGER_X, FINGER_Y, SWIPE_PX, STEPS = 195, 250, 520, 12

_WATCH = """() => {
  window.tasks = [];
  window.scripts = [];
  window.frames = [];
  const watch = (type, take) => new PerformanceObserver((list) =>
    list.getEntries().forEach(take)).observe({ type });
  watch("longtask", (task) => tasks.push(task.duration));
  watch("long-animation-frame", (frame) => scripts.push(...frame.scripts.map((script) =>
    script.duration)));
  const scroller = document.getElementById("feed") ?? { scrollTop: NaN };
  let last = 0, top = 0;
  const count = (now) => {
    if (scroller.scrollTop !== top && last) frames.push(now - last);
    [last, top] = [now, scroller.scrollTop];
    requestAnimationFrame(count);
  };
  requestAnimationFrame(count);
}"""
_STATE = """() => window.feed && {
  at: Math.round(feed.scrollTop / feed.clientHeight) + 1,
  clips: Number(feed.style.getPropertyValue("--clips")),
  nodes: document.querySelectorAll("*").length,
  articles: feed.childElementCount,
  sources: document.querySelectorAll("video[src]").length,
  heap: Math.round(performance.memory.usedJSHeapSize / 2 ** 20),
}"""


async def measure(page: Page, posts: int, swipes: int) -> bool:
    """Print what scrolling cost, and return whether no script was long."""
    await page.wait_for_selector("[data-state=plays]")
    await page.evaluate(_WATCH)
    while (await page.evaluate(_STATE))["at"] < posts:
        for _ in range(REPEATS):
            await page.keyboard.press("ArrowDown")
            await asyncio.sleep(1 / 30)
    is_smooth = await _report(page, f"down through {posts} clips")
    cdp = await page.context.new_cdp_session(page)
    for _ in range(swipes):
        for step in range(STEPS + 1):
            point = {"x": FINGER_X, "y": FINGER_Y + SWIPE_PX * step / STEPS}
            kind = "touchMove" if step else "touchStart"
            await cdp.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [point]})
            await asyncio.sleep(1 / 60)
        await cdp.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        await page.wait_for_timeout(600)
    return await _report(page, f"{swipes} swipes back") and is_smooth


async def _report(page: Page, name: str) -> bool:
    """Print what happened since the last report, and return whether no script was long."""
    frames, tasks, scripts = await page.evaluate(
        "[frames.splice(0), tasks.splice(0), scripts.splice(0)]"
    )
    print(
        f"{name}: {len(tasks)} long tasks, up to {max(tasks, default=0):.0f} ms; scripts"
        f" {max(scripts, default=0):.0f}"
    )
    if frames:
        late, rate = (
            sum(frame > 1.5 * 1000 / 60 for frame in frames),
            1000 / statistics.mean(frames),
        )
        print(
            f"  {len(frames)} frames, {rate:.0f} a second, {late} late, median"
            f" {statistics.median(frames):.1f} ms"
        )
    if state := await page.evaluate(_STATE):
        print(
            (
                "  clip {at} of {clips}; {nodes} elements, {articles} clips, {sources} sources,"
                " {heap} MB"
            ).format(**state)
        )
    return max(scripts, default=0) < LONG_MS


async def measure_nothing(page: Page) -> None:
    await page.evaluate(_WATCH)
    await page.wait_for_timeout(NOTHING_S * 1000)
    await _report(page, f"an empty page for {NOTHING_S} s")


async def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, default=POSTS)
    parser.add_argument("--swipes", type=int, default=SWIPES)
    options = parser.parse_args()
    found = find_browser()
    if found.path is None:
        sys.exit(found.advice)
    with tempfile.TemporaryDirectory() as folder:
        async with (
            sample_vault(Path(folder), posts=options.posts) as vault,
            async_playwright() as playwright,
        ):
            browser = await playwright.chromium.launch(
                executable_path=found.path, args=list(flags())
            )
            pages = Pages(browser, vault.base)
            page = await pages("/library/feed", size="phone", motion="no-preference")
            await measure_nothing(await pages("/static/icon.svg"))
            is_smooth = await measure(page, options.posts, options.swipes)
            await browser.close()
    return 0 if is_smooth else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
