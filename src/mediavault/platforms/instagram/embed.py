"""Instagram's embed of a post as it is sent: who posted it, a picture and the kind of post. A script adds the player.

Checked 2026-11-25 against published readers of embeds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from mediavault.core.media import Item, ItemType, Post
from mediavault.core.platform import PageData
from mediavault.extraction.page_data import values
from mediavault.extraction.page_data.values import Node
from mediavault.platforms.reading import meta_media

_ACCOUNT = re.compile(
    r"^https?://(?:www\.)?instagram\.com/(?!p/|reel/|tv/|explore/)(?P<handle>[\w.]{1,30})/?(?:[?#]|$)"
)


def read_embed(post: Post, documents: Sequence[object]) -> PageData | None:
    """Return what an embed of ``post`` says; None where the documents hold none.

    Only a picture's embed is ``found``: it certainly has no video.
    """
    elements = list(_elements(documents))
    frame = next((attributes for names, attributes in elements if "Embed" in names), None)
    if frame is None or not post.post_id:
        return None
    number = str(frame.get("data-media-id") or "").partition("_")[0]
    if number and number != meta_media.number_of(post.post_id):
        return None
    pictures = (values.url(attributes.get("src")) for names, attributes in elements if "EmbeddedMediaImage" in names)
    picture = next(filter(None, pictures), None)
    links = (_ACCOUNT.match(str(attributes.get("href", ""))) for names, attributes in elements if names & _AUTHOR)
    is_picture = frame.get("data-media-type") == "GraphImage"
    return PageData(
        items=(Item(type=ItemType.IMAGE if is_picture else ItemType.VIDEO, thumbnail_url=picture),),
        handle=next((link["handle"] for link in links if link), None),
        thumbnail_url=picture,
        image_urls=(picture,) if picture and is_picture else (),
        found=is_picture,
    )


_AUTHOR = frozenset({"ViewProfileButton", "CaptionUsername", "Username", "UsernameText"})


def _elements(documents: Sequence[object]) -> Iterator[tuple[frozenset[str], Node]]:
    for document in documents:
        attributes = values.obj(document, "attributes")
        if names := frozenset(str(attributes.get("class", "")).split()):
            yield names, attributes
