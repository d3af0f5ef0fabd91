"""oEmbed answers (https://oembed.com): they name provider, author and picture, never the file;
and URLs of players.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from mediavault.extraction.page_data import values
from mediavault.extraction.page_data.values import Node

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
      | player\.bilibili\.com/player | ok\.ru/videoembed/ | rutube\.ru/play/embed/
      | vk\.com/video_ext
      | archive\.org/embed/ | (?:www\.)?redgifs\.com/ifr/
      | [\w.-]+/videos/embed/[\w-]{8,}  # PeerTube, on any host
    )""",
    re.VERBOSE | re.IGNORECASE,
)


def is_hosted(url: str) -> bool:
    """Whether ``url`` is the page or the player of one video on a video site, and so not a file."""
    return _HOSTED.match(url) is not None


MAX_DOCUMENTS = 20

NAME_AND_HANDLE = re.compile(
    r"^(?P<name>.{1,100}?) \(@(?P<handle>[\w.-]{1,50})(?:@[\w.-]{1,100})?\)"
)


@dataclass(frozen=True, slots=True)
class Story:
    """Who posted what and when, as far as a page's metadata say."""

    title: str | None = None
    text: str | None = None
    handle: str | None = None
    post_id: str | None = None
    display_name: str | None = None
    site_name: str | None = None
    published_at: datetime | None = None
    thumbnail_url: str | None = None
    image_urls: tuple[str, ...] = ()
    own_pictures: tuple[str, ...] = ()  # that the data of a posting name as its contents


def story(documents: Sequence[object]) -> Story | None:
    """Return who posted what, from the first oEmbed answer among the documents."""
    for answer in (values.obj(document) for document in documents[:MAX_DOCUMENTS]):
        if (
            answer.get("version")
            and answer.get("provider_name")
            and answer.get("type") in ("video", "photo", "rich", "link")
        ):
            return Story(
                title=values.text(answer.get("title")),
                handle=values.text(answer.get("author_unique_id"))
                or _handle_in(answer)
                or _reddit_name(answer),
                display_name=_without_handle(values.text(answer.get("author_name"))),
                site_name=values.text(answer.get("provider_name")),
                thumbnail_url=values.url(answer.get("thumbnail_url")),
            )
    return None


_ACCOUNT_PATH = re.compile(r"^/(?:@|user/|users/|profile/|people/|photos/|c/)?([\w.-]{1,50})$")


def _handle_in(answer: Node) -> str | None:
    """Return the account's name from the author's URL: the last part of its path,
    or Tumblr's subdomain.
    """
    address = urlsplit(values.url(answer.get("author_url")) or "")
    if (address.hostname or "").endswith(".tumblr.com") and address.path.strip("/") == "":
        return (address.hostname or "").removesuffix(".tumblr.com")
    match = _ACCOUNT_PATH.match(address.path.rstrip("/"))
    return match[1] if match else None


def _reddit_name(answer: Node) -> str | None:
    """Return the author's name as the handle on Reddit: accounts have no other name,
    and answers no URL of theirs.
    """
    return (
        values.text(answer.get("author_name"))
        if str(answer["provider_name"]).lower() == "reddit"
        else None
    )


def _without_handle(name: str | None) -> str | None:
    """Return the name alone, since Bluesky writes both: "Jane (@jane.example)"."""
    match = NAME_AND_HANDLE.match(name or "")
    return match["name"] if match else name
