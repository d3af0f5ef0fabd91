"""No page is left out by the tests that look at all of them."""

from __future__ import annotations

from fastapi.routing import APIRoute

from mediavault.web import pages
from tests.ui.pages import CASES, NO_PAGES


def test_every_page_is_in_the_list_of_those_that_are_looked_at() -> None:
    """Add a new page, and each state of it, to tests/ui/pages.py; axe, hostile text and narrow windows come by it."""
    routes = {
        route.path
        for router in pages.ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute) and "GET" in (route.methods or ())
    }

    assert routes - set(NO_PAGES) == {case.route for case in CASES} - {""}
    assert set(NO_PAGES) <= routes


def test_every_case_has_a_name_of_its_own() -> None:
    assert len({case.name for case in CASES}) == len(CASES)
