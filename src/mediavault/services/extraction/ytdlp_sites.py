"""What yt-dlp may do for which platform: its extractors by name, and how far their answers can be trusted.

Names and behaviour read in yt-dlp 2026.10.26. A known platform is never left to the generic extractor, which would
follow whatever the page shows; a platform without a row is one that yt-dlp does not know.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

WALL_S = 60.0
_WITH_PUZZLES_S = 120.0  # several clients are asked, and a player's script is run


@dataclass(frozen=True, slots=True)
class YtdlpSite:
    """``extractors`` are regular expressions over the names of yt-dlp's extractors.

    ``owns_list``: all entries of a list that it answers are the post's own. Elsewhere a list can hold the videos of a
    quoted or linked post, and nothing in it tells which. ``mixes_single``: even one lone video can be a quoted post's.
    ``by_id_only``: a quoted post's lone video is told by its own id, though yt-dlp gives it the asked post's address.
    ``handle`` is the field that holds what people write behind an @, "" where only a number stands in its place.
    """

    extractors: tuple[str, ...]
    owns_list: bool = False
    mixes_single: bool = False
    by_id_only: bool = False
    handle: str = "uploader_id"
    display_name: str = "uploader"
    wall_s: float = WALL_S


_SITES: Mapping[str, YtdlpSite] = {
    "generic": YtdlpSite(("default",), handle=""),
    "x": YtdlpSite(("twitter", "twitter:(?:amplify|card|broadcast)"), mixes_single=True),
    "tiktok": YtdlpSite(("tiktok", "vm.tiktok"), handle="uploader", display_name="channel"),
    "instagram": YtdlpSite(("instagram", "instagram:story"), owns_list=True, handle="channel"),
    "facebook": YtdlpSite(("facebook", "facebook:(?:reel|ads)", "facebookredirecturl"), handle=""),
    "reddit": YtdlpSite(("reddit",), owns_list=True, handle="uploader", display_name=""),
    "youtube": YtdlpSite(("youtube", "youtube:(?:clip|consent)", "youtubeytbe"), wall_s=_WITH_PUZZLES_S),
    "bluesky": YtdlpSite(("bluesky",), by_id_only=True),
    "vimeo": YtdlpSite(("vimeo", "vimeo:(?:review|event)")),
    "twitch": YtdlpSite(("twitch:clips", "twitch:vod")),
    "pinterest": YtdlpSite(("pinterest",), handle=""),
    "snapchat": YtdlpSite(("snapchatspotlight",), handle="uploader", display_name=""),
    "linkedin": YtdlpSite(("linkedin",), handle=""),
    "tumblr": YtdlpSite(("tumblr",)),
    "dailymotion": YtdlpSite(("dailymotion",), handle=""),
    "bilibili": YtdlpSite(("bilibili", "bilibilibangumi", "bilibilidynamic", "biliintl"), owns_list=True, handle=""),
    "weibo": YtdlpSite(("weibo", "weibovideo"), owns_list=True, handle=""),
}


def site_of(platform_name: str) -> YtdlpSite | None:
    """None for a platform that yt-dlp has no extractor for."""
    return _SITES.get(platform_name)
