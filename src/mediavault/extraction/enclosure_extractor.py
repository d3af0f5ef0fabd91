"""Extractor for posts whose file a feed encloses: the feed has said everything, so nothing is requested."""

from __future__ import annotations

from mediavault.core.failures import Unsupported
from mediavault.core.media import (
    Candidate,
    EnclosedFile,
    Extraction,
    FoundIn,
    Item,
    ItemType,
    Ownership,
    Post,
    SourceType,
    account,
)
from mediavault.core.messages import Message
from mediavault.core.platform import ENCLOSURE, Platform
from mediavault.core.urls import parse_http_url

_MANIFESTS = (("mpegurl", SourceType.HLS), ("dash+xml", SourceType.DASH))


class EnclosureExtractor:
    """The extractor ``enclosure``: returns the file that a feed encloses."""

    name = ENCLOSURE
    signed_in = False

    async def extract(self, post: Post, platform: Platform, *, within_s: float) -> Extraction:  # noqa: ARG002 - the port's
        """See the port. Raises Unsupported for a post that no feed has named with its file."""
        if post.enclosed is None:
            raise Unsupported(Message("No feed encloses a file of this post."))
        return enclosed_extraction(post, platform, post.enclosed)


def enclosed_extraction(post: Post, platform: Platform, file: EnclosedFile) -> Extraction:
    """Return the extraction of a post whose file is ``file``. Whether it is what its media type says, the download shows."""
    source_type = next((kind for name, kind in _MANIFESTS if name in file.media_type), SourceType.DIRECT)
    candidate = Candidate(
        file.url,
        source_type,
        FoundIn.PAGE_DATA,
        ownership=Ownership.ID_MATCH,
        mime=file.media_type,
        has_video=False if file.is_sound else None,
        has_audio=True if file.is_sound else None,
    )
    item = Item(
        (candidate,), type=ItemType.AUDIO if file.is_sound else ItemType.VIDEO, thumbnail_url=file.thumbnail_url
    )
    return Extraction(
        post=post,
        final_url=post.url,
        account=account(platform.name, post.handle, None, fallback=parse_http_url(post.url).host),
        items=(item,),
        title=file.title,
        text=file.text,
        published_at=file.published_at,
        thumbnail_url=file.thumbnail_url,
        extractor=ENCLOSURE,
    )
