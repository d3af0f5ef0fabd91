"""Facebook's mobile and basic sites: which player is the video of which story.

An element states its story in ``data-ft``: two numbers of the story (``mf_story_key``, ``top_level_post_id``), its account
(``content_owner_id_new``), what it shares (``original_content_id``), and of one attachment its form
(``story_attachment_style``) and its number (``photo_id``, of a video too). Players are in elements below it, and so are those
of comments. Checked 2026-11-30 against a recorded page of 2021 and published scrapers.
"""

from __future__ import annotations

from collections.abc import Sequence

from mediavault.core.media import Post
from mediavault.extraction.page_data import values
from mediavault.extraction.page_data.values import Node

_NUMBERS = ("mf_story_key", "top_level_post_id")


def player_in(element: Node) -> Node:
    """Return the player that an element holds, an empty object for any other."""
    store = values.obj(element, "attributes", "data-store")
    return store if "videoID" in store and "src" in store else {}


def own_players(post: Post, documents: Sequence[object]) -> list[Node]:
    """Return the elements of the one video of the post's story; [] where the story is not there, or names none of several."""
    elements = [element for document in documents if (element := values.obj(document)).get("story")]
    stories = {str(element["story"].get("top_level_post_id")) for element in elements}
    own = [
        element
        for element in elements
        if player_in(element) and (is_of(element, post) or (len(stories) == 1 and _may_be_of(element["story"], post)))
    ]
    named = [element for element in own if str(player_in(element)["videoID"]) in _named_by(element["story"])]
    named = named or [element for element in own if _may_show_a_video(element["story"])]
    return named if len({str(player_in(element)["videoID"]) for element in named}) == 1 else []


def is_of(element: Node, post: Post) -> bool:
    """Whether an element is in the post's own story."""
    return post.post_id in {str(element["story"].get(name)) for name in _NUMBERS}


def shares(element: Node) -> bool:
    """Whether an element is in a story that shows another one's video."""
    return bool(element["story"].get("original_content_id"))


def _named_by(story: Node) -> set[str]:
    return {str(story[name]) for name in (*_NUMBERS, "photo_id") if story.get(name)}


def _may_show_a_video(story: Node) -> bool:
    """Whether a story that names no attachment says nothing against a video; the basic site states no forms."""
    styles = (story.get(name) for name in ("story_attachment_style", "attached_story_attachment_style"))
    return "photo_id" not in story and all(str(style).startswith("video") for style in styles if style)


def _may_be_of(story: Node, post: Post) -> bool:
    """Whether a story may be the post's where the post's URL has the newer form, which cannot be computed."""
    owner, handle = str(story.get("content_owner_id_new")), post.handle or ""
    is_newer = (post.post_id or "").startswith("pfbid")
    return is_newer and (owner == handle or not handle.isdigit())
