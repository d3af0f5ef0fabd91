"""The name of the signed-in user on a page."""

from __future__ import annotations

import pytest

from mediavault.extraction.page_data.readers import viewer_of
from mediavault.platforms.facebook import FACEBOOK
from mediavault.platforms.instagram import INSTAGRAM
from mediavault.platforms.tiktok import TIKTOK


def meta(*definition: object) -> object:
    return {
        "require": [
            [
                "HasteSupportData",
                "handle",
                None,
                [{"__bbox": {"define": [["Other", [], {}, 1], [*definition]]}}],
            ]
        ]
    }


@pytest.mark.parametrize(
    ("path", "document", "name"),
    [
        (
            INSTAGRAM.reader.viewer,
            meta("PolarisViewer", [], {"data": {"username": "jane.doe"}, "id": "1"}, 7365),
            "jane.doe",
        ),
        (
            INSTAGRAM.reader.viewer,
            meta("PolarisViewer", [], {"data": None, "id": None}, 7365),
            None,
        ),
        (INSTAGRAM.reader.viewer, {"data": {"username": "somebody_else"}}, None),
        (
            FACEBOOK.reader.viewer,
            meta("CurrentUserInitialData", [], {"USER_ID": "1", "NAME": "Jane Doe"}, 270),
            "Jane Doe",
        ),
        (
            FACEBOOK.reader.viewer,
            meta("CurrentUserInitialData", [], {"USER_ID": "0", "NAME": ""}, 270),
            None,
        ),
        (
            TIKTOK.reader.viewer,
            {"__DEFAULT_SCOPE__": {"webapp.app-context": {"user": {"uniqueId": "jane"}}}},
            "jane",
        ),
        (TIKTOK.reader.viewer, {"__DEFAULT_SCOPE__": {"webapp.app-context": {"wid": "7"}}}, None),
        (TIKTOK.reader.viewer, {"webapp.app-context": {"user": {"uniqueId": ["jane"]}}}, None),
    ],
)
def test_the_viewer_is_named_where_the_page_names_one(
    path: tuple[str, ...], document: object, name: str | None
) -> None:
    assert viewer_of(path, [{"x": 1}, document]) == name
