"""Decides which of the sources that one player had in turn is the page's own video, and which were
adverts. Pure.

A player often shows an advert in the same element as the video: before it, in its middle, or in a
second element on top of it. What an ad server named is never the page's. Otherwise what the page
says decides, then the order of the plays; where that does not help, all are returned as unsure, and
the user is asked.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import combinations

from mediavault.browser.hooks import KEY_CHARS
from mediavault.browser.port import Play, SeenVideo
from mediavault.extraction.candidates import NetworkMedia
from mediavault.extraction.media_urls import identity

SAME_LENGTH_S = 0.5  # between plays of one video in two forms
ANNOUNCED_WITHIN_S = 1.0  # between a player's length and the one that the page announces
MAX_ADVERT_S = 91.0
MIN_SHORTFALL_S = 5.0  # of a play against the announced length: less is rounding
MIN_OVERLAP = 0.5  # of the smaller of two players
_AD_NAME = re.compile(
    r"(?:^|[^a-z])(?:ads?|adverts?|commercials?|prerolls?|sponsors?|bumpers?)(?:[^a-z]|$)", re.I
)


def without_adverts(
    videos: Sequence[SeenVideo],
    network: NetworkMedia,
    *,
    named: Collection[str],
    announced_s: float | None,
) -> tuple[SeenVideo, ...]:
    """Return the players as if each had shown only the page's video.

    Where it is unknown which play that is, there is one entry per play. ``named`` are the
    identities of what the page's metadata and setups name; ``announced_s`` is the length they
    state.
    """
    judged = [_Judge(network, named, announced_s).of(video) for video in videos]
    known = [entries[0] for entries in judged if len(entries) == 1]
    stacked = [pair for pair in combinations(known, 2) if _hides(*pair)]
    doubted = [id(video) for pair in stacked for video in pair]
    return tuple(
        replace(v, unsure=True) if id(v) in doubted else v for entries in judged for v in entries
    )


class _Judge:
    """Judges the players of one page; holds what the page says about its video."""

    def __init__(
        self, network: NetworkMedia, named: Collection[str], announced_s: float | None
    ) -> None:
        self._network = network
        self._named = named
        self._announced_s = announced_s

    def of(self, video: SeenVideo) -> list[SeenVideo]:
        plays = _on_one_page(_plays_of(video))
        own = [play for play in plays if not self._is_spot(play)]
        if not own:
            return [self._without_spots(video) if plays else video]
        # the last play of each source represents it
        by_key = {self._key(play): play for play in own}
        labelled = {self._key(play) for play in own if play.labelled}
        if labelled and len(labelled) < len(by_key):
            by_key = {key: play for key, play in by_key.items() if key not in labelled}
        elif labelled and len(by_key) == 1 and len(own) == len(plays):
            return [replace(video, advert=True)]
        left = self._decide(by_key, [self._key(play) for play in own])
        if len(left) == 1 and not self._falls_short(left[0]):
            return [_showing(video, left[0])]
        return [replace(_showing(video, play), unsure=True) for play in left]

    def _decide(self, by_key: dict[str, Play], sequence: Sequence[str]) -> list[Play]:
        """Return the one play that the surest sign leaves;
        all of them where no sign leaves exactly one.
        """
        plays = list(by_key.values())
        returned_to = {
            key for index, key in enumerate(sequence) if key in sequence[: max(index - 1, 0)]
        }
        for left in (
            [play for key, play in by_key.items() if key in self._named],
            plays,
            [play for play in plays if self._is_as_long_as_announced(play)],
            [play for key, play in by_key.items() if key in returned_to],
            [play for key, play in by_key.items() if not _AD_NAME.search(_tail(key))],
            _last_after_unfinished(plays),
        ):
            if len(left) == 1 or (left and _are_one_video(left)):
                return [left[-1]]
        return plays

    def _is_spot(self, play: Play) -> bool:
        if play.src.startswith(("http://", "https://")):
            return self._network.is_spot(play.src)
        fed = [url for feed in play.feeds for url in feed.urls]
        return bool(fed) and all(
            self._network.is_spot(self._network.streams.root_of(url) or url) for url in fed
        )

    def _key(self, play: Play) -> str:
        if play.src.startswith(("http://", "https://")):
            return identity(play.src)
        made = self._network.names.get(play.src[:KEY_CHARS])
        fed = (url for feed in play.feeds for url in feed.urls)
        first = made or next((self._network.streams.root_of(url) or url for url in fed), play.src)
        return identity(first)

    def _is_as_long_as_announced(self, play: Play) -> bool:
        announced = self._announced_s
        return (
            announced is not None
            and play.duration_s is not None
            and abs(play.duration_s - announced) <= ANNOUNCED_WITHIN_S
        )

    def _falls_short(self, play: Play) -> bool:
        """Whether the play is as long as an advert,
        and far shorter than what the page announces.
        """
        announced, length = self._announced_s, play.duration_s
        if announced is None or length is None or self._key(play) in self._named:
            return False
        return (
            length <= MAX_ADVERT_S
            and length < announced / 2
            and announced - length > MIN_SHORTFALL_S
        )

    def _without_spots(self, video: SeenVideo) -> SeenVideo:
        """Return a player that showed nothing but adverts with only the other sources that it
        holds.
        """
        sources = tuple(
            url
            for url in video.sources
            if url.startswith("http") and not self._network.is_spot(url)
        )
        return replace(
            video,
            current_src="",
            sources=sources,
            duration_s=None,
            video_width=0,
            video_height=0,
            has_audio=None,
            feeds=(),
            advert=not sources,
        )


def _plays_of(video: SeenVideo) -> list[Play]:
    """Return the plays, ending with what the player holds now, even if it has not begun."""
    now = Play(
        video.current_src,
        duration_s=video.duration_s,
        video_width=video.video_width,
        video_height=video.video_height,
        feeds=video.feeds,
    )
    plays = list(video.plays)
    if video.current_src and (not plays or plays[-1].src != video.current_src):
        plays.append(replace(now, page=plays[-1].page if plays else ""))
    return plays


def _on_one_page(plays: Sequence[Play]) -> list[Play]:
    """Return the plays from before the page navigated automatically:
    later ones belong to the new page.
    """
    pages = [play.page.partition("#")[0] for play in plays]
    return [play for play, page in zip(plays, pages, strict=True) if page == pages[0] or not page]


def _are_one_video(plays: Sequence[Play]) -> bool:
    """Whether these are one video in several forms: a plain file before the stream,
    one quality in place of another.
    """
    known = [play.duration_s for play in plays if play.duration_s is not None]
    if len(known) < len(plays) or any(play.ended for play in plays[:-1]):
        return False
    return max(known) - min(known) <= SAME_LENGTH_S


def _last_after_unfinished(plays: Sequence[Play]) -> list[Play]:
    """Return the last play, if those before (teasers,
    placeholders) were not played to the end and none was longer.
    """
    *before, last = plays
    if any(play.ended for play in before) or last.duration_s is None:
        return []
    return [last] if all((play.duration_s or 0.0) <= last.duration_s for play in before) else []


def _showing(video: SeenVideo, play: Play) -> SeenVideo:
    if play.src == video.current_src:
        return video
    return replace(
        video,
        current_src=play.src,
        sources=(),
        duration_s=play.duration_s,
        video_width=play.video_width,
        video_height=play.video_height,
        has_audio=None,
        feeds=play.feeds,
    )


def _hides(below: SeenVideo, above: SeenVideo) -> bool:
    """Whether ``above``, later in the document, plays something else on top of ``below``."""
    if (
        below.frame_url != above.frame_url
        or not above.current_src
        or below.current_src == above.current_src
    ):
        return False
    if any(
        v.left is None or v.top is None or v.advert or v.muted_loop or not v.visible
        for v in (below, above)
    ):
        return False
    return _shared_area(below, above) > MIN_OVERLAP * min(
        below.width * below.height, above.width * above.height
    )


def _shared_area(first: SeenVideo, second: SeenVideo) -> int:
    lefts, tops = (first.left or 0, second.left or 0), (first.top or 0, second.top or 0)
    width = min(lefts[0] + first.width, lefts[1] + second.width) - max(lefts)
    height = min(tops[0] + first.height, tops[1] + second.height) - max(tops)
    return max(width, 0) * max(height, 0)


def _tail(url: str) -> str:
    return "/".join(url.partition("?")[0].split("/")[-2:])
