"""The practice site's pages: plain HTML with the metadata that real sites carry.
Strings in, strings out.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from html import escape
from typing import Any

from mediavault.demo.media import HEIGHT, WIDTH, ClipSpec
from mediavault.demo.posts import ADVERT, Author, PracticePost, Shows

SITE_NAME = "Practice"
GONE_SENTENCE = "This post has been deleted."

_FIRST_DAY = date(2026, 5, 1)
_ARTICLES = frozenset({Shows.PHOTOS, Shows.SEVERAL})  # their metadata name no video


@dataclass(frozen=True, slots=True)
class PostAddress:
    """The address of a page. ``link_query`` is what a visit adds to its video URLs: a signature,
    or nothing.
    """

    origin: str
    link_query: Mapping[str, str]  # media path -> "?…"

    def video(self, post: PracticePost, spec: ClipSpec, file: str = "video.mp4") -> str:
        path = media_path(post, spec, file)
        return path + self.link_query.get(path, "")

    def poster(self, post: PracticePost, spec: ClipSpec) -> str:
        return media_path(post, spec, "poster.jpg")

    def absolute(self, path: str) -> str:
        return self.origin + path


def media_path(post: PracticePost, spec: ClipSpec, file: str = "video.mp4") -> str:
    """Return ``/media/<post>/<number of the video in the post>/<file>``;
    adverts have their own path.
    """
    return (
        f"/ads/spot/{file}"
        if spec is ADVERT
        else f"/media/{post.slug}/{post.specs.index(spec) + 1}/{file}"
    )


def post_page(post: PracticePost, address: PostAddress) -> str:
    body = {
        Shows.VIDEO: _video_post,
        Shows.CLICK: _click_post,
        Shows.MSE: _mse_post,
        Shows.PLAYLIST: _playlist_post,
        Shows.CAROUSEL: _carousel_post,
        Shows.SEVERAL: _several_post,
        Shows.BESIDE_ADVERT: _post_beside_advert,
        Shows.PHOTOS: _photo_post,
    }[post.shows]
    return _document(post.title, body(post, address), head=_post_head(post, address))


def index_page(posts: Iterable[PracticePost], *, heading: str = "Posts") -> str:
    rows = "".join(
        f'<li><a href="{post.path}">{escape(post.title)}</a> '
        f'<span class="by">by {escape(post.author.name)} · {escape(post.tests)}</span></li>'
        for post in posts
    )
    return _document(heading, f'<h1>{escape(heading)}</h1><ul class="posts">{rows}</ul>')


def tombstone_page() -> str:
    return _document("Not found", f"<article><h1>Not found</h1><p>{GONE_SENTENCE}</p></article>")


def missing_page() -> str:
    return _document(
        "Not found", "<article><h1>Not found</h1><p>There is no such page.</p></article>"
    )


def login_page() -> str:
    form = (
        '<form method="post" action="/login"><h1>Log in</h1><p>Log in to see this post.</p>'
        '<label>Name <input name="name" autocomplete="username"></label>'
        '<label>Password <input name="password" type="password"'
        ' autocomplete="current-password"></label>'
        '<button type="submit">Log in</button></form>'
    )
    return _document("Log in", form)


def _document(title: str, body: str, *, head: str = "") -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)} · {SITE_NAME}</title>{head}"
        '<link rel="icon" href="data:,"><link rel="stylesheet"'
        ' href="/static/site.css"></head><body>'
        f'<header class="site"><a href="/">{SITE_NAME}</a><span class="by">posts with every kind of'
        " trouble</span></header>"
        f"<main>{body}</main></body></html>\n"
    )


# --- head -----------------------------------------------------------------------------------------


def _post_head(post: PracticePost, address: PostAddress) -> str:
    own = post.specs[0]
    tags = [
        _meta("name", "author", post.author.name),
        _meta("name", "description", _text(post)),
        _meta("name", "twitter:creator", f"@{post.author.handle}"),
        _meta("property", "og:site_name", SITE_NAME),
        _meta("property", "og:type", "article" if post.shows in _ARTICLES else "video.other"),
        _meta("property", "og:title", post.title),
        _meta("property", "og:description", _text(post)),
        _meta("property", "og:url", address.absolute(post.path)),
        _meta("property", "og:image", address.absolute(address.poster(post, own))),
        f'<link rel="canonical" href="{address.absolute(post.path)}">',
    ]
    if names_its_file(post):
        tags += [
            _meta("property", "og:video", address.absolute(address.video(post, own))),
            _meta("property", "og:video:type", "video/mp4"),
            _meta("property", "og:video:width", str(WIDTH)),
            _meta("property", "og:video:height", str(HEIGHT)),
        ]
    return "".join(tags) + _json_ld(_linked_data(post, address))


def names_its_file(post: PracticePost) -> bool:
    """Whether the page's metadata contains the video's URL; otherwise only the player knows it."""
    return post.shows in {Shows.VIDEO, Shows.CAROUSEL, Shows.BESIDE_ADVERT}


def _linked_data(post: PracticePost, address: PostAddress) -> dict[str, Any] | list[dict[str, Any]]:
    """Return a VideoObject for each of the post's own videos (a list for several),
    or a posting with pictures.
    """
    if post.shows in _ARTICLES:
        pictures = [address.absolute(address.poster(post, spec)) for spec in post.specs]
        return {
            "@context": "https://schema.org",
            "@type": "SocialMediaPosting",
            "headline": post.title,
            "articleBody": _text(post),
            "datePublished": _day(post.specs[0]),
            "author": _person(post.author, address),
            "image": pictures,
        }
    videos = [_video_object(post, spec, address) for spec in post.specs if spec is not ADVERT]
    return videos if len(videos) > 1 else videos[0]


def _video_object(post: PracticePost, spec: ClipSpec, address: PostAddress) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "@context": "https://schema.org",
        "@type": "VideoObject",
        "name": post.title
        if spec is post.specs[0]
        else f"{post.title} ({post.specs.index(spec) + 1})",
        "description": _text(post),
        "uploadDate": _day(spec),
        "duration": f"PT{spec.seconds}S",
        "thumbnailUrl": [address.absolute(address.poster(post, spec))],
        "author": _person(post.author, address),
        "url": address.absolute(post.path),
    }
    if names_its_file(post):
        facts |= {
            "contentUrl": address.absolute(address.video(post, spec)),
            "encodingFormat": "video/mp4",
        }
    return facts


def _person(author: Author, address: PostAddress) -> dict[str, str]:
    return {
        "@type": "Person",
        "name": author.name,
        "alternateName": f"@{author.handle}",
        "url": address.absolute(f"/@{author.handle}"),
    }


def _json_ld(facts: object) -> str:
    # "<" is escaped, so that no text can end the script element
    text = json.dumps(facts, ensure_ascii=False).replace("<", "\\u003c")
    return f'<script type="application/ld+json">{text}</script>'


def _meta(kind: str, name: str, content: str) -> str:
    return f'<meta {kind}="{name}" content="{escape(content)}">'


def _text(post: PracticePost) -> str:
    return f"{post.title}. A practice post: {post.tests}."


def _day(spec: ClipSpec) -> str:
    return (_FIRST_DAY + timedelta(days=spec.number)).isoformat()


# --- body -----------------------------------------------------------------------------------------


def _article(post: PracticePost, inner: str) -> str:
    author = post.author
    return (
        f"<article><h1>{escape(post.title)}</h1>"
        f'<p class="by">by <a rel="author" href="/@{author.handle}">{escape(author.name)}'
        f" (@{author.handle})</a></p>"
        f'{inner}<p class="note">{escape(post.tests[0].upper() + post.tests[1:])}.</p></article>'
    )


def _video(
    post: PracticePost,
    spec: ClipSpec,
    address: PostAddress,
    *,
    file: str = "video.mp4",
    attributes: str = "controls",
    has_poster: bool = True,
) -> str:
    poster = f'poster="{address.poster(post, spec)}" ' if has_poster else ""
    return (
        f'<video {attributes} playsinline preload="metadata" width="{WIDTH}" height="{HEIGHT}"'
        f" {poster}"
        f'src="{escape(address.video(post, spec, file))}"></video>'
    )


def _video_post(post: PracticePost, address: PostAddress) -> str:
    return _article(post, f'<div class="player">{_video(post, post.specs[0], address)}</div>')


def _playlist_post(post: PracticePost, address: PostAddress) -> str:
    return _article(
        post,
        f'<div class="player">{_video(post, post.specs[0], address, file="ts/index.m3u8")}</div>',
    )


def _click_post(post: PracticePost, address: PostAddress) -> str:
    poster = address.poster(post, post.specs[0])
    player = (
        f'<div class="player"><video playsinline preload="none" width="{WIDTH}" height="{HEIGHT}"'
        f' poster="{poster}"></video>'
        f'<button type="button" aria-label="Play" data-ask="/api/play/{post.slug}">▶</button></div>'
        '<script src="/static/click_player.js"></script>'
    )
    return _article(post, player)


def _mse_post(post: PracticePost, address: PostAddress) -> str:
    own = post.specs[0]
    player = (
        f'<div class="player"><video controls muted playsinline width="{WIDTH}" height="{HEIGHT}" '
        f'poster="{address.poster(post, own)}"'
        f' data-playlist="{media_path(post, own, "master.m3u8")}"></video></div>'
    )
    return _article(post, player) + '<script src="/static/mse_player.js"></script>'


def _carousel_post(post: PracticePost, address: PostAddress) -> str:
    videos = "".join(
        f'<div class="player">{_video(post, spec, address)}</div>' for spec in post.specs
    )
    return _article(post, f'<div class="strip">{videos}</div>')


def _several_post(post: PracticePost, address: PostAddress) -> str:
    """Show a file with a poster, a file without one, and a stream without one,
    below the post rather than in it.
    """
    first, second, third = post.specs
    videos = (
        _video(post, first, address),
        _video(post, second, address, has_poster=False),
        _video(post, third, address, file="ts/index.m3u8", has_poster=False),
    )
    return _article(post, "") + "".join(f'<div class="player">{video}</div>' for video in videos)


def _post_beside_advert(post: PracticePost, address: PostAddress) -> str:
    spot = _video(post, ADVERT, address, attributes="autoplay muted loop")
    advert = f'<aside aria-label="Advertisement"><p class="by">Advertisement</p>{spot}</aside>'
    return advert + _video_post(post, address)


def _photo_post(post: PracticePost, address: PostAddress) -> str:
    pictures = "".join(
        f'<figure><img src="{address.poster(post, spec)}" width="{WIDTH}" height="{HEIGHT}" '
        'alt="Beds and beans"></figure>'
        for spec in post.specs
    )
    return _article(post, f"<p>The beans are up, and the shed has a roof again.</p>{pictures}")
