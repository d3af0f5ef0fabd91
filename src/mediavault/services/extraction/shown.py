"""What a page, or an answer, shows besides the videos that were found in it: the evidence for its outcome. Pure."""

from __future__ import annotations

from mediavault.core.media import Post
from mediavault.core.platform import PageData, Platform
from mediavault.services.extraction.assembly import PageSource
from mediavault.services.extraction.outcome import Shown
from mediavault.services.extraction.page_data.articles import articles_linking
from mediavault.services.extraction.page_data.foreign import names_other_videos
from mediavault.services.extraction.page_data.html_page import Page
from mediavault.services.extraction.page_data.metadata import announces_video, names_others, shows_adverts
from mediavault.services.extraction.page_data.page_identity import is_another_post, is_no_post
from mediavault.services.extraction.page_data.timelines import listing

_MIN_WORDS = 15  # of a page that has something to show; an app's empty shell has fewer


def shown_by(
    post: Post,
    platform: Platform,
    source: PageSource,
    data: PageData | None,
    *,
    html: str,
    words: str,
    names_foreign: bool = False,
) -> Shown:
    """``html`` is "" for an answer in JSON; ``words`` are those that the page shows. ``names_foreign``: some of the videos
    that were found surely are another post's. ``data`` that tell of the post without its media leave it open."""
    page, linked = source.page, articles_linking(html, post.post_id)
    own_data = data is not None and data.found
    another = names_foreign or is_another_post(post, platform, page)
    return Shown(
        own_data=own_data,
        a_video=not another and (announces_video(page, linked) or data is not None),
        words=bool(html) and not another and not is_no_post(platform, page) and _shows_something(page, words),
        posts=0 if html else listing(source.documents).posts,
        others_only=bool(linked) or another,
        others_videos=not own_data
        and any((shows_adverts(page), names_others(page), names_other_videos(post, platform, source.documents))),
    )


def _shows_something(page: Page, words: str) -> bool:
    """Whether a video that is not there is missing for good. A rendered page has words; a shell has none, but can say that
    the post is a picture. An answer in which the post's own data were not found says nothing of its media."""
    if "image" in (page.meta("medium") or "") or "photo" in (page.meta("og:type", "twitter:card") or ""):
        return True
    fewest = _MIN_WORDS if page.meta("og:title", "og:type", "twitter:card") else 1  # nothing but words: no shell
    return len(words.split()) >= fewest
