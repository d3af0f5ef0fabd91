"""No page is left out of the tests that go through all of them."""

from __future__ import annotations

from fastapi.routing import APIRoute

from mediavault.web import pages
from tests.ui.pages import CASES, NO_PAGES


def test_every_page_is_in_the_list_of_tested_pages() -> None:
    """Add a new page, and each state of it, to tests/ui/pages.py; the tests with axe,
    hostile text and narrow windows use it.
    """
    routes = {
        route.path
        for router in pages.ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute) and "GET" in (route.methods or ())
    }

    assert routes - set(NO_PAGES) == {case.route for case in CASES} - {""}
    assert set(NO_PAGES) <= routes


def test_every_case_has_its_own_name() -> None:
    assert len({case.name for case in CASES}) == len(CASES)
