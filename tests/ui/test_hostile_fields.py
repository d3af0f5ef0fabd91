"""Each untrusted text is on the pages where it belongs,
and does not change the direction of the words next to it.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.ui.browsing import Pages
from tests.ui.hostile import (
    DOCTOR,
    FEED,
    HOW_MANY_STATES,
    LIBRARY,
    POST,
    PREVIEW,
    SETTINGS,
    SHOWN,
    SOURCE,
    mark_of,
    post_id,
)
from tests.ui.hostile_vault import STRAYS, HostileVault, preview_id_of, source_id_of
from tests.ui.hostile_walk import NO_FILE, examine, look, signed_in

# Marks in texts, fields and links; and marked texts that would change the direction of the words
# next to them.
_MARKED = r"""() => {
  const all = document.documentElement.outerHTML + [...document.querySelectorAll("input, textarea")].map((one) => one.value);
  const bare = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const { data, parentElement } = texts.currentNode;
    if (/zq\d\dz/.test(data) && !parentElement.closest("bdi, output, option, textarea, [dir=auto], code")) bare.push(data.trim().slice(0, 80));
  }
  return { marks: [...new Set(all.match(/zq\d\dz/g) ?? [])], bare };
}"""  # noqa: E501
ROUTES = sorted({route for shown in SHOWN.values() for route in shown})


def places_of(route: str) -> Sequence[str]:
    """Return the URLs where the page of this route shows all its fields."""
    if route == POST:
        return [
            f"/jobs/{post_id(first + state)}"
            for first in (0, STRAYS)
            for state in range(HOW_MANY_STATES)
        ]
    if route == LIBRARY:
        return ["/library?state=all"]
    if route == SETTINGS:
        return ["/settings/files"]
    if route == SOURCE:
        return [f"/sources/{source_id_of(0)}"]
    if route == PREVIEW:
        return [f"/sources/preview/{preview_id_of(0)}"]
    site, account = (
        mark_of("Job.platform"),
        f"{mark_of('Account.platform')}/{mark_of('Account.slug')}",
    )
    return [route.replace("{platform}/{slug}", account).replace("{platform}", site)]


@pytest.mark.parametrize("route", ROUTES)
async def test_a_page_shows_its_fields_and_each_keeps_its_direction_to_itself(
    marks: HostileVault, pages: Pages, route: str
) -> None:
    context = await signed_in(pages, marks)
    pages.allow.append(NO_FILE)
    page, shown, wrong = await context.new_page(), set[str](), list[str]()
    if route == DOCTOR:
        await examine(page, marks.vault.base)
    for path in places_of(route):
        wrong += (await look(page, marks.vault.base, path))[0]
        if route == FEED:
            await page.locator(
                "[data-state]"
            ).first.wait_for()  # from then on it has only the clips around the shown one
        seen = await page.evaluate(_MARKED)
        shown |= set(seen["marks"])
        wrong += [f"{path} does not keep apart: {fragment}" for fragment in seen["bare"]]

    assert not wrong, "\n".join(dict.fromkeys(wrong))
    assert {field for field in SHOWN if mark_of(field) in shown} == {
        field for field in SHOWN if route in SHOWN[field]
    }
