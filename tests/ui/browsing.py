"""Pages in a real Chromium that record everything that goes wrong in them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urljoin

from playwright.async_api import Browser, BrowserContext, Dialog, Page, Response

from tests.patience import patient
from tests.ui.pages import Case
from tests.ui.vault import Vault

Size = Literal["phone", "tablet", "desktop", "half", "zoomed"]
SIZES: dict[str, tuple[int, int]] = {
    "phone": (390, 844),
    "tablet": (820, 1180),
    "desktop": (1440, 900),
    "half": (720, 450),
    "zoomed": (320, 640),  # 1280 wide at 400 %: WCAG 1.4.10
}
LANGUAGES = {"en": "en-GB", "de": "de-DE", "fr": "fr-FR"}
THEMES = ("light", "dark")

# As root, Chromium has no sandbox. The other flags: it must connect to nothing but the vault.
FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_WATCH_POLICY = """
document.addEventListener("securitypolicyviolation", (event) =>
  mediavaultTestReport(`CSP: ${event.effectiveDirective} blocked ${event.blockedURI} at ${event.sourceFile}:${event.lineNumber}`));
"""  # noqa: E501
_NO_WORKER = "Service Worker registration blocked by Playwright"
_OVERFLOW = """() => {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return [];
  const wide = [...document.body.querySelectorAll("*")].filter((one) => {
    const box = one.getBoundingClientRect();
    return box.width > 0 && (box.right > width + 1 || box.left < -1);
  });
  return [`${document.documentElement.scrollWidth} px of ${width}`,
    ...wide.slice(0, 5).map((one) => `${one.tagName.toLowerCase()}.${one.className} ${one.textContent.trim().slice(0, 40)}`)];
}"""  # noqa: E501


def flags() -> Sequence[str]:
    return ("--no-sandbox", *FLAGS) if os.geteuid() == 0 else FLAGS


@dataclass
class Pages:
    """Opens pages of one vault. ``troubles`` are the errors in any of them: the fixture fails the
    test on them.

    Chromium reports a response with an error status as an error of the console; ``allow`` lists, as
    regular expressions, the errors that a test expects.
    """

    browser: Browser
    base: str
    troubles: list[str] = field(default_factory=list)
    allow: list[str] = field(default_factory=list)
    _contexts: list[BrowserContext] = field(default_factory=list)

    async def __call__(
        self,
        path: str = "/",
        *,
        theme: str = "light",
        size: Size = "desktop",
        language: str = "en",
        javascript: bool = True,
        base: str | None = None,
        answer: Literal["accept", "dismiss"] | None = None,
        motion: Literal["reduce", "no-preference"] = "reduce",
    ) -> Page:
        """Open ``path`` in a separate browser (cookies, cache). Without ``answer``,
        dialogs are errors.
        """
        context = await self.context(
            theme=theme,
            size=size,
            language=language,
            javascript=javascript,
            answer=answer,
            motion=motion,
        )
        page = await context.new_page()
        await page.goto(urljoin(base or self.base, path))
        return page

    async def at(self, case: Case, vault: Vault, **look: Any) -> Page:
        """Open the page of a case of ``pages.py``, in its state."""
        self.allow.extend(case.allow)
        page = await self(await case.address(vault), base=vault.base, **look)
        if case.then is not None:
            await case.then(page)
        return page

    async def context(
        self,
        *,
        theme: str = "light",
        size: Size = "desktop",
        language: str = "en",
        javascript: bool = True,
        answer: Literal["accept", "dismiss"] | None = None,
        motion: Literal["reduce", "no-preference"] = "reduce",
        worker: bool = False,
    ) -> BrowserContext:
        """Return a separate, watched browser without a page yet. ``worker``:
        with a service worker.
        """
        width, height = SIZES[size]
        context = await self.browser.new_context(
            viewport={"width": width, "height": height},
            has_touch=size == "phone",
            color_scheme="dark" if theme == "dark" else "light",
            reduced_motion=motion,
            locale=LANGUAGES[language],
            timezone_id="Europe/Berlin",
            java_script_enabled=javascript,
            service_workers="allow" if worker else "block",
        )
        context.set_default_timeout(patient(30_000))
        self._contexts.append(context)
        await context.expose_function("mediavaultTestReport", self._on_report)
        await context.add_init_script(_WATCH_POLICY)
        context.on("page", lambda page: self._watch(page, answer))
        return context

    def _watch(self, page: Page, answer: str | None) -> None:
        async def on_dialog(dialog: Dialog) -> None:
            if answer is None:
                self.troubles.append(f"dialog: {dialog.message}")
            await (dialog.accept() if answer == "accept" else dialog.dismiss())

        page.on("dialog", on_dialog)
        page.on("pageerror", lambda error: self.troubles.append(f"script: {error}"))
        page.on(
            "console",
            lambda message: self._on_console(
                message.type, message.text, message.location.get("url", "")
            ),
        )
        page.on("response", self._on_response)

    def _on_report(self, trouble: str) -> None:
        self.troubles.append(trouble)

    def _on_console(self, kind: str, text: str, url: str) -> None:
        if kind in ("error", "warning") and text != _NO_WORKER:
            self.troubles.append(f"console {kind}: {text} ({url})")

    def _on_response(self, response: Response) -> None:
        if not response.url.startswith(
            ("http://127.0.0.1:", "http://localhost:", "data:", "blob:")
        ):
            self.troubles.append(f"reached out to {response.url}")

    def unexpected(self) -> list[str]:
        """Return the errors that no test allowed."""
        return [
            trouble
            for trouble in self.troubles
            if not any(re.search(allowed, trouble) for allowed in self.allow)
        ]

    async def aclose(self) -> None:
        for context in self._contexts:
            await context.close()


async def overflow(page: Page) -> list[str]:
    """Return what overflows horizontally; empty if the page fits its window."""
    overflowing: list[str] = await page.evaluate(_OVERFLOW)
    return overflowing


# A page is the same document at each size, so that what works without a script is tested at one of
# them: the narrow one.
SIZES_AND_SCRIPTS = [("desktop", True), ("phone", True), ("phone", False)]


def combinations() -> Iterator[tuple[str, Size]]:
    """Yield both themes at phone and desktop size."""
    for theme in THEMES:
        yield theme, "phone"
        yield theme, "desktop"
