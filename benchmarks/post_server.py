"""Serves plain pages with one video of 300 KB each, and feeds of them, on every address of the
loopback network.

A feed has one post more at every request.

python -m benchmarks.post_server PORT FOLDER
"""

from __future__ import annotations

import argparse
import struct
from collections import Counter
from pathlib import Path

from aiohttp import web

from mediavault.demo.media import ClipSpec, make_clips

FILE_BYTES = 300_000
PAGE = """<!doctype html><html lang="en"><head><title>Post {number}</title>
<meta property="og:title" content="Post {number}"></head>
<body><h1>Post {number}</h1><p>A post with one video,
  and with as many words as people write below one.</p>
{player}</body></html>"""
PLAYER = '<video controls src="/media/{number}.mp4"></video>'
BY_SCRIPT = """<div id="player"></div><script>
const video = document.createElement("video");
video.controls = true;
video.src = ["", "media", {number}].join("/") + ".mp4";
document.getElementById("player").append(video);
</script>"""
FEED = """<?xml version="1.0"?><rss version="2.0"><channel><title>Feed {number}</title><link>/feeds/{number}</link>{items}
</channel></rss>"""  # noqa: E501
ITEM = (
    "<item><title>Post {post}</title><link>{base}/posts/{post}</link><guid"
    ' isPermaLink="false">{post}</guid></item>'
)
# posts of a feed have numbers of their own; of each feed a million
FIRST_OF_FEED, ITEMS = 10_000_000, 15
PLAYERS = {"posts": PLAYER, "scripted": BY_SCRIPT}  # by the first part of the page's path


def padded(film: bytes, number: int, size: int = FILE_BYTES) -> bytes:
    """Return the film as a file of ``size`` bytes that no other number has:
    an MP4 may end with a ``free`` box.
    """
    space = size - len(film)
    return film + struct.pack(">I4sI", space, b"free", number) + bytes(space - 12)


def short_film(folder: Path) -> bytes:
    look = ClipSpec("post", 1, seconds=2)
    return make_clips([look], folder)[look.name].files["video.mp4"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    film = short_film(options.folder)

    async def page(request: web.Request) -> web.Response:
        number = request.match_info["number"]
        player = PLAYERS[request.match_info["kind"]].replace("{number}", number)
        return web.Response(
            text=PAGE.format(number=number, player=player), content_type="text/html"
        )

    requests: Counter[int] = Counter()

    async def feed(request: web.Request) -> web.Response:
        number = int(request.match_info["number"])
        requests[number] += 1
        newest = FIRST_OF_FEED + number * 1_000_000 + requests[number]
        base = f"http://{request.host}"
        items = "".join(
            ITEM.format(post=newest - n, base=base) for n in range(min(ITEMS, requests[number]))
        )
        return web.Response(
            text=FEED.format(number=number, items=items), content_type="application/rss+xml"
        )

    async def video(request: web.Request) -> web.Response:
        return web.Response(
            body=padded(film, int(request.match_info["number"])), content_type="video/mp4"
        )

    app = web.Application()
    app.add_routes(
        [
            web.get("/{kind:posts|scripted}/{number}", page),
            web.get("/media/{number}.mp4", video),
            web.get("/feeds/{number}", feed),
        ]
    )
    web.run_app(
        app, host="0.0.0.0", port=options.port, print=lambda _: print("listening", flush=True)
    )


if __name__ == "__main__":
    main()
