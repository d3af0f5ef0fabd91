"""The screenshots of README and docs, from the sample vault: ``make screenshots`` writes
docs/images/*.png.

Each is reduced to 256 colours, which more than halves its size and is visible on these pages only
in the photographs.
"""

from __future__ import annotations

import asyncio
import io
import subprocess
import tempfile
from pathlib import Path
from typing import Any, cast

import av
import av.filter
from playwright.async_api import async_playwright

from mediavault.browser.discovery import find_browser
from mediavault.core.job import JobStatus
from tests.ui.browsing import Pages, Size, flags
from tests.ui.pages import at, job_in
from tests.ui.vault import Vault, sample_vault

IMAGES = Path(__file__).parents[2] / "docs" / "images"
SEEN_WITHIN_MS = 700  # for pictures that load late and the first events of the stream

FONTS = {
    "ja": "fonts-droid-fallback",
    "und-zsye": "fonts-noto-color-emoji",
}  # a language of fontconfig: Debian's package

SUBJECTS = {
    "home": at("/"),
    "library": at("/library"),
    "video": job_in(JobStatus.COMPLETED),
    "sites": at("/sites"),
    "settings": at("/settings/speed"),
    "notifications": at("/notifications"),
}
VARIANTS: tuple[tuple[str, Size], ...] = (("light", "desktop"), ("dark", "phone"))


async def main() -> None:
    found = find_browser()
    if found.path is None:
        raise SystemExit(found.advice)
    if missing := [package for language, package in FONTS.items() if not has_font(language)]:
        raise SystemExit(f"The posts would have boxes for letters. Install: {' '.join(missing)}")
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        async with sample_vault(Path(folder)) as vault, async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=found.path, args=list(flags())
            )
            pages = Pages(browser, vault.base)
            await _take_all(pages, vault)
            await browser.close()


def has_font(language: str) -> bool:
    return bool(
        subprocess.run(["fc-list", f":lang={language}"], check=True, capture_output=True).stdout
    )


async def _take_all(pages: Pages, vault: Vault) -> None:
    for theme, size in VARIANTS:
        for name, address in SUBJECTS.items():
            page = await pages(await address(vault), theme=theme, size=size)
            await page.wait_for_function(
                "() => [...document.querySelectorAll('video')].every((each) => each.readyState >="
                " 2)"
            )
            await page.wait_for_timeout(SEEN_WITHIN_MS)
            picture = fewer_colours(await page.screenshot())
            path = IMAGES / f"{name}-{size}-{theme}.png"
            path.write_bytes(picture)
            print(f"{path.name}: {len(picture) // 1_000} kB")
            await page.close()


def fewer_colours(png: bytes) -> bytes:
    """Return the same picture with its own palette."""
    with av.open(io.BytesIO(png), "r") as container:
        frame = next(container.decode(video=0))
    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base
    )
    split, palette = graph.add("split"), graph.add("palettegen", "stats_mode=full")
    use, sink = graph.add("paletteuse", "dither=none"), graph.add("buffersink")
    source.link_to(split)
    split.link_to(palette, 0, 0)
    split.link_to(use, 1, 0)
    palette.link_to(use, 0, 1)
    use.link_to(sink)
    graph.configure()
    graph.push(frame)
    graph.push(None)
    reduced = cast("av.VideoFrame", graph.pull())
    encoder: Any = av.CodecContext.create("png", "w")
    encoder.width, encoder.height, encoder.pix_fmt = frame.width, frame.height, "pal8"
    encoder.time_base, encoder.options = (
        frame.time_base,
        {"compression_level": "9", "pred": "mixed"},
    )
    return b"".join(bytes(packet) for packet in (*encoder.encode(reduced), *encoder.encode(None)))


if __name__ == "__main__":
    asyncio.run(main())
