"""URLs of pages and players of video sites: a page that names one shows its video, but does not contain the file."""

from __future__ import annotations

import re

_HOSTED = re.compile(
    r"""^https?://(?:
        (?:www\.|m\.)?youtube(?:-nocookie)?\.com/(?:embed/(?!videoseries)[\w-]{6,}|v/[\w-]{6,}|shorts/|watch\?)
      | youtu\.be/[\w-]{6,}
      | player\.vimeo\.com/video/ | (?:www\.)?vimeo\.com/(?:\w+/)*\d{5,}
      | (?:www\.|geo\.)?dailymotion\.com/(?:embed/|(?:crawler/)?video/|player) | dai\.ly/
      | players\.brightcove\.net/[^#]*videoId= | bcove\.video/
      | [\w.-]*kaltura\.com/[^#]*entry_id
      | fast\.wistia\.(?:net|com)/embed/
      | (?:cdn\.jwplayer|content\.jwplatform)\.com/(?:players|v2/media)/
      | clips\.twitch\.tv/ | player\.twitch\.tv/\?[^#]*video=
      | (?:www\.)?facebook\.com/(?:plugins/video|watch|[^/]+/videos/)
      | (?:www\.)?tiktok\.com/(?:embed/|player/|@[^/]+/video/)
      | streamable\.com/(?:[eos]/)?\w{4,}$
      | (?:embed\.ted|www\.ted)\.com/talks/
      | (?:video\.wordpress|videopress)\.com/(?:embed|v)/
      | rumble\.com/embed/ | (?:www\.)?loom\.com/embed/ | (?:www\.)?bitchute\.com/(?:embed|video)/
      | player\.bilibili\.com/player | ok\.ru/videoembed/ | rutube\.ru/play/embed/ | vk\.com/video_ext
      | archive\.org/embed/ | (?:www\.)?redgifs\.com/ifr/
      | [\w.-]+/videos/embed/[\w-]{8,}  # PeerTube, on any host
    )""",
    re.VERBOSE | re.IGNORECASE,
)


def is_hosted(url: str) -> bool:
    """Whether ``url`` is the page or the player of one video on a video site, and so not a file."""
    return _HOSTED.match(url) is not None
