"""The players of a saved page, in the form in which a visit would have seen them. Pure.

Sizes on the screen are not saved: all players count as equal, and as large enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mediavault.browser.port import PageCapture, SeenVideo
from mediavault.core.media import Ownership
from mediavault.core.platform import Platform
from mediavault.extraction.candidates import NamedBy, Sighting, network_media, with_written_size
from mediavault.extraction.media_urls import identity
from mediavault.extraction.page_data.html_page import HtmlPage, HtmlPlayer
from mediavault.extraction.players import player_sightings

_WIDTH, _HEIGHT = 640, 360


def sightings(page: HtmlPage, written: Sequence[HtmlPlayer], platform: Platform) -> list[Sighting]:
    """Return what the players of a saved page play, with the sizes that are written with their files."""
    capture = as_capture(page, written)
    sizes = {page.absolute(source.address): source for player in written for source in player.sources}
    return [
        replace(seen, candidates=tuple(with_written_size(c, sizes.get(c.url)) for c in seen.candidates))
        for seen in player_sightings(capture, network_media((), platform), platform)
    ]


def by_script(page: HtmlPage, players: Sequence[Sighting], platform: Platform) -> list[Sighting]:
    """Return the videos that only scripts play and no written player, each once.

    There are none on platforms that always send their data.
    """
    if platform.reader.always_sent:
        return []
    held = {identity(c.url) for sighting in players for c in sighting.candidates}
    scripted: list[Sighting] = []
    for seen in sightings(page, page.set_up, platform):
        new = tuple(c for c in seen.candidates if identity(c.url) not in held)
        held |= {identity(c.url) for c in new}
        scripted += (
            [replace(seen, candidates=new, player=None, named_by=NamedBy.SETUP, names=_names_of(seen))] if new else []
        )
    return scripted


def _names_of(seen: Sighting) -> str:
    return seen.player.names if seen.player else ""


def by_article(players: Sequence[Sighting], linked: frozenset[str]) -> tuple[list[Sighting], list[Sighting]]:
    """Split the players into those that may be the post's and those of other posts.

    Where an article links to the post, only its own players may be the post's.
    """
    own = [s for s in players if not linked or s.player is None or s.player.container in linked]
    unsure = [replace(c, ownership=Ownership.UNKNOWN) for s in players if s not in own for c in s.candidates]
    return own, [Sighting((candidate,)) for candidate in unsure]


def as_capture(page: HtmlPage, players: Sequence[HtmlPlayer]) -> PageCapture:
    """Return a visit that saw only these players."""
    return PageCapture(
        url=page.url,
        final_url=page.url,
        status=None,
        html="",
        title="",
        visible_text="",
        responses=(),
        videos=tuple(_as_seen(page, player) for player in players),
        drm_requested=False,
        user_agent="",
    )


def _as_seen(page: HtmlPage, player: HtmlPlayer) -> SeenVideo:
    sources: Sequence[str] = [url for source in player.sources if (url := page.absolute(source.address))]
    return SeenVideo(
        current_src=sources[0] if sources else "",
        sources=tuple(dict.fromkeys(sources)),
        poster=page.absolute(player.poster),
        duration_s=None,
        width=_WIDTH,
        height=_HEIGHT,
        video_width=0,
        video_height=0,
        visible=True,
        muted_loop=player.muted_loop,
        frame_url=page.url,
        container=player.container,
        names=player.names,
    )
