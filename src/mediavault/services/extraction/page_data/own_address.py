"""Which post a JSON document is about, where nobody said: the address that its own data state, or that follows from them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from mediavault.services.extraction.page_data import activity, microformats, values
from mediavault.services.extraction.page_data.json_walk import Node, walk

_POST_URI = re.compile(r"^at://(?P<repo>[^/]+)/app\.bsky\.feed\.post/(?P<id>[\w-]+)$")
_MAX_NODES = 200  # the post itself stands near the root


def addresses_in(document: object) -> Iterator[str]:
    """The addresses that ``document`` states as its own post's, surest first."""
    for entries in (activity.objects_in(document), microformats.entries_in(document)):
        if len(entries) == 1:
            yield from (activity if "properties" not in entries[0] else microformats).addresses_of(entries[0])
    for number, node in enumerate(walk(document)):
        if number > _MAX_NODES:
            return
        if (address := _of_node(node)) is not None:
            yield address
            return


def _of_node(node: Node) -> str | None:
    """The address of a node that is a post on one of the sites that we know."""
    if "media_attachments" in node and "account" in node:
        return values.text(node.get("url")) or values.text(node.get("uri"))
    if uri := _POST_URI.match(str(node.get("uri", ""))):
        author = values.text(values.obj(node, "author").get("handle")) or uri["repo"]
        return f"https://bsky.app/profile/{author}/post/{uri['id']}"
    if node.get("rest_id") and "full_text" in values.obj(node, "legacy"):
        return f"https://x.com/i/status/{node['rest_id']}"
    if node.get("id_str") and "user" in node and ("full_text" in node or "mediaDetails" in node):
        return f"https://x.com/i/status/{node['id_str']}"
    author = values.obj(node, "author")
    if author.get("uniqueId") and ("video" in node or "imagePost" in node):
        return f"https://www.tiktok.com/@{author['uniqueId']}/video/{node.get('id')}"
    if node.get("shortcode") and ("display_url" in node or "owner" in node):
        return f"https://www.instagram.com/p/{node['shortcode']}/"
    if node.get("permalink") and "subreddit" in node:
        return f"https://www.reddit.com{node['permalink']}"
    return None


_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_ID = re.compile(r"(?=[\w-]*\d)[\w]{4,64}|(?=\w*[a-z])(?=\w*[A-Z])\w{4,64}")


def id_in(url: str) -> str | None:
    """The id that an address of an unknown site seems to name: the end of its last part, if it looks like one."""
    last = urlsplit(url).path.rstrip("/").rpartition("/")[2].partition(".")[0]
    if _UUID.fullmatch(last):
        return last
    end = last.rpartition("-")[2]
    return end if _ID.fullmatch(end) else None
