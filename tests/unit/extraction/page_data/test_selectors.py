"""Selectors in the platforms' facts, and the elements that they match."""

from __future__ import annotations

import pytest

from mediavault.extraction.page_data.elements import has_element
from mediavault.platforms.registry import all_platforms

PAGE = (
    '<body><div id="main" class="box captcha-wall" data-x=\'1\'><SPAN'
    " hidden>a</SPAN><p>b</p></div></body>"
)


@pytest.mark.parametrize(
    "selector",
    [
        *("div", "#main", ".box", "span[hidden]", "div#main.box[data-x=1]", "video, p"),
        *("[class*=captcha]", '[class*="captcha"]', "[class^=box]", "[class$=wall]"),
    ],
)
def test_an_element_that_fits_is_found(selector: str) -> None:
    assert has_element(PAGE, selector)


@pytest.mark.parametrize(
    "selector", ["video", "#box", ".captcha", "p[hidden]", "[class=box]", "[data-x=2]", "span#main"]
)
def test_what_does_not_fit_is_not_found(selector: str) -> None:
    assert not has_element(PAGE, selector)


@pytest.mark.parametrize(
    "hide", ["<script>{}</script>", "<!-- {} -->", "<template>{}</template>", "<style>{}</style>"]
)
def test_hidden_elements_do_not_count(hide: str) -> None:
    assert not has_element(hide.format('<i class="captcha">'), ".captcha")
    assert has_element(hide.format("") + '<i class="captcha">', ".captcha")


@pytest.mark.parametrize("selector", ["", "a > b", "a b", "a:hover", ","])
def test_a_selector_of_another_form_is_refused(selector: str) -> None:
    with pytest.raises(ValueError, match="not read"):
        has_element(PAGE, selector)


@pytest.mark.parametrize("known", all_platforms(), ids=lambda known: known.name)
def test_every_platforms_selector_can_be_read(known: object) -> None:
    selector = getattr(known, "challenge_css", "")

    assert not (selector and has_element("", selector))


def test_a_hostile_page_takes_no_time() -> None:
    assert not has_element("<div " * 400_000, ".captcha")
    assert not has_element("<style>" * 200_000, ".captcha")
