"""PeerTube's feeds, of servers that cannot be listed in advance: tried where a page of one of these forms links to no feed.

Source: https://docs.joinpeertube.org/api-rest-reference.html (video feeds); checked 2026-11-29.
"""

from __future__ import annotations

import re

from mediavault.core.platform import AddressPattern, FeedRules

_REST = r"(?:/(?:videos|video-channels|about|video-playlists))?/?$"

PEERTUBE_FEEDS = (
    FeedRules(
        pages=(AddressPattern(re.compile(rf"^/(?:c|video-channels)/(?P<handle>[\w.-]+(?:@[\w.-]+)?){_REST}")),),
        feed="{origin}/feeds/videos.xml?videoChannelName={handle}",
    ),
    FeedRules(
        pages=(AddressPattern(re.compile(rf"^/(?:a|accounts)/(?P<handle>[\w.-]+(?:@[\w.-]+)?){_REST}")),),
        feed="{origin}/feeds/videos.xml?accountName={handle}",
    ),
)
