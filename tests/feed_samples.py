"""Small feeds and API answers in the documented forms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

CHANNEL = "UCabcdefghijklmnopqrstuv"
BLOG = "https://blog.example/feed"
LIST_CHECKS = {  # a source of each site with feeds
    "youtube": f"https://www.youtube.com/channel/{CHANNEL}",
    "mastodon": "https://mastodon.social/@jane",
    "bluesky": "https://bsky.app/profile/jane.example",
    "dailymotion": "https://www.dailymotion.com/jane",
    "reddit": "https://www.reddit.com/user/jane",
    "vimeo": "https://vimeo.com/jane",
    "tumblr": "https://jane.tumblr.com/",
    "generic": BLOG,
}


def rss(*items: str, head: str = "", link: str = "https://blog.example/") -> bytes:
    """Return an RSS 2.0 feed with the name spaces of podcasts and of Media RSS."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<rss version="2.0" xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd"'
        ' xmlns:media="http://search.yahoo.com/mrss/"><channel>'
        f"<title>Kites</title><link>{link}</link><description>All about kites</description>{head}"
        f"{''.join(items)}</channel></rss>"
    ).encode()


def item(number: int, *, link: str | None = None, more: str = "", day: int | None = None) -> str:
    """Return an item whose page is ``/<number>``; ``link`` "" leaves the link out."""
    address = f"https://blog.example/{number}" if link is None else link
    shown = f"<link>{escape(address)}</link>" if address else ""
    date = f"<pubDate>{_date(day if day is not None else 28 - number)}</pubDate>"
    return (
        f"<item><title>Kite {number}</title>{shown}{date}<description>Wind &amp;"
        f" kites</description>{more}</item>"
    )


def _date(day: int) -> str:
    return f"{day:02} Nov 2026 10:00:00 GMT"


def enclosure(url: str, kind: str = "audio/mpeg") -> str:
    return f'<enclosure url="{url}" type="{kind}" length="100"/>'


def youtube(*videos: tuple[str, str], title: str = "Jane") -> bytes:
    """Return a channel's Atom feed of videos, each an id and the part of the path before it,
    newest first.
    """
    entries = "".join(
        f"<entry><id>yt:video:{key}</id><yt:videoId>{key}</yt:videoId><yt:channelId>{CHANNEL}</yt:channelId>"
        f'<title>Kite {key}</title><link rel="alternate" href="https://www.youtube.com/{path}{key}"/>'
        f"<published>2026-11-{28 - number:02}T10:00:00+00:00</published>"
        "<updated>2026-11-29T10:00:00+00:00</updated>"
        f"<media:group><media:title>Kite</media:title><media:description>Wind</media:description>"
        f'<media:thumbnail url="https://i.ytimg.com/vi/{key}/hq.jpg" width="480"'
        ' height="360"/></media:group></entry>'
        for number, (key, path) in enumerate(videos)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><feed xmlns:yt="http://www.youtube.com/xml/schemas/2015"'
        ' xmlns:media="http://search.yahoo.com/mrss/" xmlns="http://www.w3.org/2005/Atom">'
        f"<title>{title}</title><author><name>Jane</name></author>{entries}</feed>"
    ).encode()


def reddit(*posts: tuple[str, str]) -> bytes:
    """Return an Atom feed of posts, each an id and what its ``[link]`` leads to."""
    entries = "".join(
        f'<entry><author><name>/u/jane</name></author><id>t3_{key}</id><content type="html">'
        + escape(
            f'<span><a href="{target}">[link]</a></span> <span><a'
            f' href="{_comments(key)}">[comments]</a></span>'
        )
        + f'</content><link href="{_comments(key)}"/><published>2026-11-28T10:00:00+00:00'
        "</published>"
        f"<title>Kite {key}</title></entry>"
        for key, target in posts
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><feed xmlns="http://www.w3.org/2005/Atom">'
        f"<title>submitted by jane</title>{entries}</feed>"
    ).encode()


def _comments(key: str) -> str:
    return f"https://www.reddit.com/r/kites/comments/{key}/a_kite/"


# --- APIs -----------------------------------------------------------------------------------------


def account(number: str = "12") -> dict[str, Any]:
    return {
        "id": number,
        "username": "jane",
        "acct": "jane",
        "display_name": "Jane",
        "avatar": "https://files.example/jane.png",
    }


def status(number: int, *kinds: str, **facts: Any) -> dict[str, Any]:
    """Return a status with attachments of these kinds."""
    return {
        "id": str(number),
        "created_at": f"2026-11-24T12:{number % 60:02}:00.000Z",
        "url": f"https://mastodon.social/@jane/{number}",
        "uri": f"https://mastodon.social/users/jane/statuses/{number}",
        "content": "<p>A kite</p>",
        "language": "en",
        "in_reply_to_id": None,
        "account": account(),
        "media_attachments": [
            {
                "id": "1",
                "type": kind,
                "url": "https://files.example/1",
                "meta": {"original": {"duration": 4.0}},
            }
            for kind in kinds
        ],
        **facts,
    }


def bluesky_post(key: str, *, video: bool = True, **view: Any) -> dict[str, Any]:
    images = {
        "$type": "app.bsky.embed.images#view",
        "images": [{"fullsize": "https://cdn.bsky.app/1.jpg"}],
    }
    clip = {
        "$type": "app.bsky.embed.video#view",
        "cid": "baf",
        "thumbnail": "https://video.bsky.app/1.jpg",
    }
    return {
        "post": {
            "uri": f"at://did:plc:jane/app.bsky.feed.post/{key}",
            "author": {"did": "did:plc:jane", "handle": "jane.example", "displayName": "Jane"},
            "record": {"text": "A kite", "createdAt": "2026-11-24T12:00:00.000Z", "langs": ["en"]},
            "embed": clip if video else images,
        },
        **view,
    }


def dailymotion(
    *videos: Mapping[str, Any], page: int = 1, has_more: bool = False
) -> dict[str, Any]:
    owner = {"owner.id": "x1abc", "owner.screenname": "Jane", "owner.username": "jane"}
    return {
        "page": page,
        "limit": 50,
        "has_more": has_more,
        "list": [{**owner, **video} for video in videos],
    }


def json_feed(*items: Mapping[str, Any], **facts: Any) -> dict[str, Any]:
    return {
        "version": "https://jsonfeed.org/version/1.1",
        "title": "Kites",
        "home_page_url": "https://blog.example/",
        "items": list(items),
        **facts,
    }


def page_with_links(*links: Sequence[str]) -> bytes:
    """Return a page whose head links to feeds: a type, an address and a title each."""
    written = "".join(
        f'<link rel="alternate" type="{kind}" href="{url}" title="{title}">'
        for kind, url, title in links
    )
    return (
        f"<!doctype html><html><head><title>Kites</title>{written}</head><body><p>Words</p></body>"
        "</html>"
    ).encode()
