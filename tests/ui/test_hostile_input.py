"""Hostile texts in every parameter of a URL, in every field of a form, and in what a script shows
immediately: no script runs, all are shown as text. The parameters and fields are listed in
``hostile.py``.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Sequence
from urllib.parse import quote, urlencode, urljoin

import pytest
from playwright.async_api import Page

from mediavault.presentation.labels import one_line
from tests.ui.browsing import Pages
from tests.ui.hostile import FORMS, LIBRARY, PARAMETERS, POST, post_id
from tests.ui.hostile_texts import payloads
from tests.ui.hostile_vault import HostileVault
from tests.ui.hostile_walk import (
    NO_FILE,
    REFUSED,
    Links,
    every_text_or_some,
    look,
    signed_in,
    troubles,
    walk,
)

pytestmark = pytest.mark.timeout(1_800)

_SEND = """([path, fields]) => {
  const form = Object.assign(document.createElement("form"), {
    method: "post", action: path, hidden: true });
  for (const [name, value] of Object.entries(fields)) form.append(Object.assign(document.createElement("textarea"), { name, value }));
  document.body.append(form);
  form.submit();
}"""  # noqa: E501


def some_of(texts: Sequence[str], every: int) -> Sequence[str]:
    """Return all texts, or a few: for behaviour that is the same for all texts,
    a few are enough.
    """
    return texts if every == 1 else texts[:: every * 4]


def addresses(text: str) -> Iterator[str]:
    """Yield every page that takes texts, with this one in all its parameters."""
    short = text[:200]
    yield f"/?{_query(url=text[:2_000], text=text[:2_000], post=short, taken=1, known=1)}"
    yield f"{LIBRARY}?{_query(q=short, platform=short, account=short, outcome=short, state='all')}"
    yield f"{_post_path()}?{_query(**{'in': urlencode({'q': short, 'account': short}, errors='replace')})}"  # noqa: E501
    yield f"/accounts?{_query(q=short, platform=text[:64])}"
    yield f"/accounts/{quote(short, safe='')}/{quote(short, safe='')}"
    yield f"/sites/{quote(text[:64], safe='')}"
    yield f"/settings/name?{_query(name_template=text[:1_000])}"
    # below a folder: two slashes at the beginning would name another host
    yield f"/nowhere/{quote(short)}"


def single(texts: Sequence[str]) -> Iterator[str]:
    """Yield every parameter of every page on its own: an invalid value is refused with a page."""
    places = [
        (route, name)
        for route, names in PARAMETERS.items()
        for name in names
        if "{platform}" not in route
    ]
    for turn in range(max(len(places), len(texts))):
        route, name = places[turn % len(places)]
        yield (
            f"{route.replace('{job_id}', post_id(0))}"
            f"?{_query(**{name: texts[turn % len(texts)][:200]})}"
        )


def _query(**values: object) -> str:
    return urlencode(values, errors="replace")


def _post_path() -> str:
    return POST.replace("{job_id}", post_id(0))


@every_text_or_some
async def test_url_parameters_are_shown_as_text(
    marks: HostileVault, pages: Pages, every: int
) -> None:
    context = await signed_in(pages, marks)
    pages.allow += [NO_FILE, REFUSED]
    texts, base = some_of(payloads(), every), marks.vault.base
    starts = dict.fromkeys((*(path for text in texts for path in addresses(text)), *single(texts)))

    async def visit(page: Page, path: str) -> tuple[list[str], Links]:
        return (await look(page, base, path))[0], ()

    wrong = await walk(context, starts, visit)
    assert not wrong, "\n".join(wrong[:40])


def sent(text: str, path: str) -> dict[str, str]:
    """Return the fields of a form. A deletion names a post that does not exist."""
    fields = dict.fromkeys(FORMS[path], text)
    if path == "/library/remove":
        return {"q": text[:200], "state": "all", "id": str(uuid.UUID(int=1))}
    return {"scope": "read", "days": ""} | fields if path == "/access/tokens" else fields


@every_text_or_some
async def test_form_input_is_shown_as_text(marks: HostileVault, pages: Pages, every: int) -> None:
    """Forms that show their input again get every text, all others get some."""
    context = await signed_in(pages, marks)
    # a word in a field of a number or a date
    pages.allow += [
        NO_FILE,
        REFUSED,
        "cannot be parsed, or is out of range",
        "does not conform to the required format",
    ]
    texts = some_of(payloads(), every)
    echoing = ("/submit", "/settings", "/access/tokens", "/library/remove")
    no_pages = ("/library/zip", "/library/export", "/submit/check")
    others = [path for path in FORMS if path not in (*echoing, *no_pages)]
    turns = [(path, text) for text in texts for path in echoing]
    turns += [(path, texts[turn % len(texts)]) for turn, path in enumerate(others)]
    page, wrong = await context.new_page(), list[str]()
    for path, text in turns:
        where = re.sub(r"\{\w+\}", quote(text[:60], safe=""), path.replace("{job_id}", post_id(0)))
        await page.goto(urljoin(marks.vault.base, "/settings/name"))
        async with page.expect_navigation(wait_until="load"):
            await page.evaluate(_SEND, [where, sent(text[:10_000], path)])
        wrong += [f"{path} {text[:60]!r}: {trouble}" for trouble in (await troubles(page))[0]]

    assert not wrong, "\n".join(wrong[:40])


# --- text from scripts ----------------------------------------------------------------------------


@every_text_or_some
async def test_scripts_show_input_as_text(marks: HostileVault, pages: Pages, every: int) -> None:
    """Text typed into the search and the name template, pasted into the box,
    and the name of a dropped file.
    """
    context = await signed_in(pages, marks)
    pages.allow += [NO_FILE, REFUSED]
    page, wrong = await context.new_page(), list[str]()

    async def judge(label: str, text: str) -> None:
        wrong.extend(f"{label} {text[:60]!r}: {trouble}" for trouble in (await troubles(page))[0])

    for text in some_of(payloads(), every):
        await page.goto(urljoin(marks.vault.base, "/library?state=all"))
        async with page.expect_response(
            lambda answer: "/library?" in answer.url and "q=" in answer.url
        ):
            await page.locator("#q").fill(one_line(text)[:40].strip() or "x")
        await page.locator("#results:not(.htmx-request)").wait_for()
        await judge("search", text)
        await page.goto(urljoin(marks.vault.base, "/settings/files"))
        async with page.expect_response(lambda answer: "/settings/name" in answer.url):
            await page.locator("#name_template").fill(text[:190] + "x")
        await judge("template", text)
        await page.goto(marks.vault.base)
        async with page.expect_response("**/submit"):
            await page.locator("#post_urls").fill(text[:1_000] + "x")
            await page.locator("#paste button:not([type=button])").click()
        await page.locator("#paste:not(.is-busy)").wait_for()
        await judge("paste", text)
        await page.evaluate(_DROP, text[:200])
        await page.locator("#messages .complaint").wait_for()
        await judge("dropped file", text)

    assert not wrong, "\n".join(wrong[:40])


_DROP = """(name) => {
  const data = new DataTransfer();
  data.items.add(new File(["\\0"], name));
  document.querySelector("main").dispatchEvent(new DragEvent("drop", {
    dataTransfer: data, bubbles: true, cancelable: true }));
}"""
