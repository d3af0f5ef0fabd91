"""Which article of a page is the post's own."""

from __future__ import annotations

import pytest

from mediavault.extraction.page_data.page_identity import articles_linking

OWN = '<article><a href="/jane/status/7?s=1">now</a></article>'
OTHER = '<article><a href="/bob/status/77">then</a></article>'


def test_only_the_article_that_links_to_the_post_is_its_own() -> None:
    assert articles_linking(OTHER + OWN + OTHER, "7") == {"article:1"}


@pytest.mark.parametrize(
    "named",
    ['href="/watch/?v=7&ref=x"', "href=https://www.facebook.com/watch?v=7",
     'data-activity-urn="urn:li:activity:7"',
     'href="/feed/update/urn%3Ali%3Aactivity%3A7"'],
)  # fmt: skip
def test_a_post_can_be_named_in_the_query_or_by_its_urn(named: str) -> None:
    assert articles_linking(f"{OTHER}<article {named}>w</article>", "7") == {"article:1"}


def test_articles_inside_scripts_and_comments_do_not_count() -> None:
    assert articles_linking(f"<!-- {OTHER} --><script>'{OTHER}'</script>{OWN}", "7") == {
        "article:0"
    }


@pytest.mark.parametrize(
    ("html", "post_id"), [(OWN, None), (OTHER, "7"), ("", "7"), ("<p>7</p>", "7")]
)
def test_without_such_a_link_no_article_is_the_posts(html: str, post_id: str | None) -> None:
    assert articles_linking(html, post_id) == frozenset()


def test_a_page_of_opening_tags_only_is_read_once() -> None:
    assert articles_linking("<article>7" * 100_000, "7") == frozenset()
