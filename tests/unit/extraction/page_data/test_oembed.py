"""oEmbed answers."""

from __future__ import annotations

import pytest

from mediavault.extraction.page_data.oembed import story

ANSWER = {
    "version": "1.0",
    "type": "rich",
    "provider_name": "Site",
    "author_name": "Jane D.",
    "title": "A kite",
}


@pytest.mark.parametrize(
    ("address", "handle"),
    [
        ("https://vimeo.com/jane", "jane"),
        ("https://www.youtube.com/@jane", "jane"),
        ("https://www.reddit.com/user/jane", "jane"),
        ("https://bsky.app/profile/jane.example", "jane.example"),
        ("https://jane.tumblr.com/", "jane"),
        ("https://www.youtube.com/channel/UC0123456789", None),
        ("https://site.test/", None),
        (None, None),
    ],
)
def test_the_handle_is_read_from_the_authors_address(
    address: str | None, handle: str | None
) -> None:
    author = story([{**ANSWER, "author_url": address}])

    assert author is not None
    assert (author.handle, author.display_name, author.title) == (handle, "Jane D.", "A kite")


def test_the_handle_is_removed_from_a_name_that_holds_it() -> None:
    author = story([{**ANSWER, "author_name": "Jane D. (@jane.example)"}])

    assert author is not None
    assert author.display_name == "Jane D."


@pytest.mark.parametrize(
    "document", [{}, [], {**ANSWER, "type": "other"}, {**ANSWER, "provider_name": None}]
)
def test_other_documents_have_no_story(document: object) -> None:
    assert story([document]) is None
