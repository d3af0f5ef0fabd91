"""axe finds nothing on any page; ``make ui`` checks each in every state, both themes,
on a phone and on a desktop.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page

from tests.npm import PackagesMissing, node_modules
from tests.ui.browsing import SIZES, Pages, Size, combinations
from tests.ui.conftest import VaultOf
from tests.ui.pages import CASES, Case

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_RUN = """async ([tags, part]) => {
  const found = await axe.run(part, { runOnly: tags, resultTypes: ["violations"] });
  return found.violations.map((each) => [each.id, each.help,
    each.nodes.slice(0, 4).map((node) => `${node.html.slice(0, 160)} | ${node.failureSummary}`)]);
}"""


@pytest.fixture(scope="session")
def axe() -> str:
    """Return the source of the script."""
    try:
        return (node_modules(Path(__file__).parent / "axe") / "axe-core" / "axe.min.js").read_text(
            "utf-8"
        )
    except PackagesMissing as exc:
        pytest.fail(str(exc))


async def violations(page: Page, axe: str, part: str = "html") -> list[Any]:
    """Return the id, description and elements of each rule that is violated."""
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(axe)
    broken: list[Any] = await page.evaluate(_RUN, [TAGS, part])
    return broken


Appearance = tuple[str, Size]
ALL = tuple(combinations())
SOME = (ALL[0], ALL[3])  # each theme and each size in half of the routes


def appearances_of(case: Case) -> Sequence[Appearance]:
    """Return in which appearances the case is always checked; the others are for ``make ui``.

    The first case of a route has one, in turn. Its other states differ from it in a few elements,
    and have none.
    """
    if case != next(other for other in CASES if other.route == case.route):
        return ()
    routes = list(dict.fromkeys(other.route for other in CASES))
    return (SOME[routes.index(case.route) % 2],)


async def findings(page: Page, axe: str, part: str, appearances: Sequence[Appearance]) -> list[str]:
    """Return what axe finds in each of these looks; the page keeps the last one."""
    found = []
    for theme, size in appearances:
        await page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
        width, height = SIZES[size]
        await page.set_viewport_size({"width": width, "height": height})
        found += [f"{theme} {size}: {violation}" for violation in await violations(page, axe, part)]
    return found


@pytest.mark.long
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_axe_finds_nothing(case: Case, pages: Pages, vault_of: VaultOf, axe: str) -> None:
    page = await pages.at(case, await vault_of(case.whose))

    assert (
        await findings(
            page, axe, case.part, [each for each in ALL if each not in appearances_of(case)]
        )
        == []
    )
