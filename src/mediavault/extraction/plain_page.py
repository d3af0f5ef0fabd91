"""Reads a page's source, and judges whether it alone proves which video is the post's. Pure; no
network.

Where it leaves a doubt, the browser visits the page: scripts may show another video, or a better
one.
"""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlsplit

from mediavault.core.failures import BadInput, Failure, Unsupported
from mediavault.core.media import Extraction, Item, Ownership, Post
from mediavault.core.messages import Message
from mediavault.core.platform import Platform
from mediavault.core.post_urls import find_post
from mediavault.core.retry_after import parse_retry_after
from mediavault.extraction.assembly import declared_sightings
from mediavault.extraction.media_urls import identity
from mediavault.extraction.page_data.html_page import HtmlPage, HtmlPlayer
from mediavault.extraction.page_data.page_identity import is_another_post
from mediavault.extraction.port import PageAnswer
from mediavault.extraction.saved_page import capture_of, open_saved, read_saved_post
from mediavault.extraction.walls import failure_of_status, hard_wall

# Frames that measure visitors: they show nothing.
_INVISIBLE_FRAMES = ("www.googletagmanager.com", "www.facebook.com/tr")


def read_plain_page(post: Post, platform: Platform, answer: PageAnswer) -> Extraction:
    """Return the post's video as the page's source names it.

    Raises the failure that the response reports, and Unsupported where the source leaves a doubt.
    """
    failure = failure_of_status(
        answer.status,
        platform,
        refused=False,
        what=Message("the page"),
        retry_after=parse_retry_after(answer.headers),
    )
    if failure is not None:
        raise failure
    try:
        saved = open_saved(answer.body, answer.url)
    except BadInput as exc:
        raise doubt(Message("the response is not a page")) from exc
    visit = replace(capture_of(saved), url=post.url, status=answer.status)
    if (wall := hard_wall(visit, platform)) is not None:
        raise wall
    reading = read_saved_post(platform, post, saved)
    if reading.error is not None and isinstance(reading.error, Failure):
        raise reading.error
    if reading.extraction is None:
        raise doubt(Message("it names no video"))
    if why := doubt_about(post, platform, saved.source.page, reading.extraction):
        raise doubt(why)
    return reading.extraction


def doubt_about(
    post: Post, platform: Platform, page: HtmlPage, extraction: Extraction
) -> str | None:
    """Return why the source does not prove which videos are the post's, and all of them;
    None where it does.
    """
    videos = extraction.videos
    if not videos or any(item.is_video and not item.candidates for item in extraction.items):
        return Message("it names no video")
    if any(candidate.drm for item in videos for candidate in item.candidates):
        return Message("its video may be copy-protected")
    if all(_is_proven_by_data(item) for item in videos):
        return None  # the site's own record of the post names them
    if platform.matching.posts and not _is_own_page(post, platform, page):
        return Message("it lacks the site's own data about the post")
    if not _is_about(page, post) or is_another_post(post, platform, page):
        return Message("it says that it is another page")
    if len(videos) > 1 or extraction.others or page.previews:
        return Message("it names several videos")
    if page.hosted or any(map(_may_show_something, page.frames)):
        return Message("it shows other pages in frames, which may have a player")
    declared = {identity(c.url) for s in declared_sightings(page, platform) for c in s.candidates}
    played = [_addresses(page, player) for player in (*page.players, *page.set_up)]
    if not all(played):
        return Message("it has a player that scripts fill")
    if any(declared and not addresses & declared for addresses in played):
        return Message("its player and its metadata name different videos")
    if not declared and not played:
        return Message("it names no player of the video")
    is_decoration = not declared and any(player.muted_loop for player in page.players)
    return Message("its video may be decoration") if is_decoration else None


def _is_proven_by_data(item: Item) -> bool:
    return (
        bool(item.candidates) and min(c.ownership for c in item.candidates) <= Ownership.KEY_MATCH
    )


def _is_own_page(post: Post, platform: Platform, page: HtmlPage) -> bool:
    """Whether a known site's page is the post's, of a site that does not surely send its own
    data.
    """
    match = find_post(platform, page.url)
    return (
        match is not None
        and match.post_id == post.post_id is not None
        and not platform.reader.always_sent
    )


def _is_about(page: HtmlPage, post: Post) -> bool:
    """Whether the URL that the page states as its own, if any, is the one that was requested or
    that answered.

    A post that is gone is often answered with the front page, and with the video that this one
    shows.
    """
    requested = {_place(post.url), _place(page.url)}
    stated = {_place(url) for url in (page.canonical, page.absolute(page.meta("og:url"))) if url}
    moved_to_front = _place(page.url)[1] == "" and _place(post.url)[1] != ""
    return not moved_to_front and (not stated or bool(stated & requested))


def _place(url: str) -> tuple[str, str]:
    """Return host and path of a URL, without what sites vary."""
    parts = urlsplit(url)
    host = (parts.hostname or "").removeprefix("www.").removeprefix("m.")
    return host, parts.path.rstrip("/").lower()


def _may_show_something(frame: str) -> bool:
    return not frame.partition("://")[2].startswith(_INVISIBLE_FRAMES)


def _addresses(page: HtmlPage, player: HtmlPlayer) -> set[str]:
    return {identity(url) for source in player.sources if (url := page.absolute(source.address))}


def doubt(why: str) -> Unsupported:
    """Return the failure of a page whose source is not enough."""
    return Unsupported(Message("The page's source is not enough: %(why)s.", why=why))
