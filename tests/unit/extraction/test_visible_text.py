"""The visible text of a saved page."""

from __future__ import annotations

from mediavault.extraction.saved_page import MAX_CHARS, visible_text


def test_scripts_styles_comments_and_the_head_are_not_shown() -> None:
    page = (
        "<head><title>no</title></head><body>A <b>kite</b><script>no()</script><!-- no"
        " --><style>no</style> &amp; wind</body>"
    )

    assert visible_text(page) == "A kite & wind"


def test_an_element_without_an_end_hides_the_rest() -> None:
    assert visible_text("<p>A kite<script>var a = 1;") == "A kite"


def test_the_text_is_bounded_and_many_open_elements_cost_no_more_than_one() -> None:
    assert len(visible_text("<p>word</p>" * 100_000)) <= MAX_CHARS
    assert visible_text("<script>" * 200_000) == ""
