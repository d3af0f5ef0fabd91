"""Lists of posts: how many a document holds, and whose. A timeline is not a post, whatever videos are in it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mediavault.extraction.page_data import activity, blog_posts, microformats, values
from mediavault.extraction.page_data.json_walk import Node, walk

_POST_URI = re.compile(r"^at://[^/]+/app\.bsky\.feed\.post/")


@dataclass(frozen=True, slots=True)
class TimelineListing:
    """A list of ``posts`` different posts; the account is set only where all of them are one account's."""

    posts: int = 0
    handle: str | None = None
    display_name: str | None = None


def read_timeline(documents: Sequence[object]) -> TimelineListing:
    """Return how many posts the documents list, and whose they are."""
    ids: set[str] = set()
    authors: dict[str, str | None] = {}
    for document in documents:
        ids |= {f"object {number}" for number, _ in enumerate(activity.objects_in(document))}
        ids |= {f"entry {number}" for number, _ in enumerate(microformats.entries_in(document))}
        for node in walk(document):
            if post_id := _post_id(node):
                ids.add(post_id)
                authors |= dict(_authors(node))
    handle = next(iter(authors)) if len(authors) == 1 else None
    return TimelineListing(len(ids), handle, authors[handle] if handle else None)


def _post_id(node: Node) -> str | None:
    """Return the id of a node that is a post on one of the sites that we know."""
    if "shortcode" in node and ("edge_media_to_caption" in node or "display_url" in node or "owner" in node):
        return values.text(node.get("shortcode"))
    if "code" in node and "media_type" in node and "user" in node:
        return values.text(node.get("code"))
    if "rest_id" in node and "full_text" in values.obj(node, "legacy"):
        return values.text(node.get("rest_id"))
    if "full_text" in node and "user" in node:
        return values.text(node.get("id_str"))
    if "desc" in node and "author" in node and ("video" in node or "imagePost" in node):
        return str(node.get("id") or node.get("aweme_id"))
    if "record" in node and "author" in node and _POST_URI.match(str(node.get("uri", ""))):
        return str(node["uri"])
    if "media_attachments" in node and "account" in node:
        return str(node.get("id"))
    if "updateMetadata" in node and "actor" in node:
        return values.text(values.obj(node, "updateMetadata").get("urn"))
    if node.get("kind") == "t3":
        return str(values.obj(node, "data").get("id"))
    return _permalink(node)


def _permalink(node: Node) -> str | None:
    """Return the URL, or the id, of a post in an answer of Meta's Graph API or of Tumblr's API."""
    if "permalink" in node and isinstance(node.get("media_type"), str):
        return values.text(node.get("permalink"))
    if "id" in node and "source" in node and ("permalink_url" in node or "embed_html" in node):
        return str(node["id"])
    return blog_posts.address_of(node)


def _authors(node: Node) -> Iterator[tuple[str, str | None]]:
    accounts = (
        values.obj(node, "owner"),
        values.obj(node, "user"),
        values.obj(node, "author"),
        values.obj(node, "account"),
        values.obj(node, "core", "user_results", "result", "legacy"),
        values.obj(node, "core", "user_results", "result", "core"),
    )
    for account in accounts:
        handle = next(
            filter(
                None,
                (
                    values.text(account.get(n))
                    for n in ("username", "uniqueId", "unique_id", "screen_name", "acct", "handle")
                ),
            ),
            None,
        )
        if handle:
            names = ("full_name", "nickname", "name", "display_name", "displayName")
            yield handle, next(filter(None, (values.text(account.get(n)) for n in names)), None)
