"""Decides when a visit starts a page's players, when it clicks, and when it stops. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from mediavault.browser.port import PageFeed, Play, SeenVideo

QUIET_S = 1.0  # a player asks for its next part within this time
KNOWN_QUIET_S = 0.4  # the same where every player plays and all sources are known
SETTLE_S = 0.3  # after the document has arrived, before its players are touched
BETWEEN_ACTIONS_S = 1.5
BEFORE_FIRST_CLICK_S = 0.6  # where there is no player yet: the click may create it
BETWEEN_SKIPS_S = 0.4
ADVERT_S = 45.0  # two unskippable spots of fifteen seconds, and what surrounds them
MAX_CLICKS = 3
# a page that shows no player by then, and requests nothing more, will show none
NOTHING_THERE_S = 3.0
IDLE_S = 2.0  # how long nothing at all has come from the network
NOTHING_AT_LAST_S = 12.0  # as NOTHING_THERE_S, for a page that keeps sending requests
LIST_IDLE_S = 4.0  # as IDLE_S, for a list of posts, which comes late and in parts
STUBBORN_PLAYER_S = 25.0  # from the document to the first owned candidate
# how long a platform's own data is waited for before the players are asked instead
PAGE_DATA_S = 12.0


class VisitStep(Enum):
    WAIT = "wait"
    PRIME = "prime"
    CLICK = "click"
    SKIP = "skip"  # what plays is, or may be, an advert before the video
    STOP = "stop"


@dataclass(slots=True)
class VisitProgress:
    """The state of a visit. Times are seconds since the document arrived,
    unless noted otherwise.
    """

    elapsed_s: float = 0.0
    left_s: float = 0.0  # until the visit must end
    quiet_s: float = 0.0  # since the network showed something worth waiting for
    idle_s: float = 0.0  # since it showed anything at all
    since_action_s: float = 0.0
    # the page lists posts: it is read, and nothing on it is started or pressed
    is_list: bool = False
    refused: bool = False  # the page itself is an error page
    video_named: bool = False  # the network showed a video's or a manifest's address
    wants_page_data: bool = False
    page_data_seen: bool = False
    unresponsive: bool = False
    primed: bool = False
    clicks: int = 0
    nothing_to_click: bool = False
    players: int = 0  # that a user would take for a video
    started: int = 0  # of these, with something to play
    known: int = 0  # of these, with a known URL: a file's or a segment's
    failed: int = 0  # players that could not load their source
    adverts: int = 0  # players that show what is, or may be, an advert before the video
    advert_s: float = 0.0  # how long adverts were waited for


def next_step(now: VisitProgress) -> VisitStep:
    """Return what to do next. Called every few hundred milliseconds until it returns STOP."""
    if now.left_s <= 0 or now.unresponsive:
        return VisitStep.STOP
    if now.refused and now.elapsed_s >= SETTLE_S:
        return VisitStep.STOP
    if now.is_list:
        return VisitStep.STOP if _has_all_to_show(now, LIST_IDLE_S) else VisitStep.WAIT
    all_known = now.video_named and 0 < now.players == now.known
    quiet = now.quiet_s >= (KNOWN_QUIET_S if all_known else QUIET_S)
    if now.wants_page_data:
        if now.page_data_seen:
            return VisitStep.STOP if quiet else VisitStep.WAIT
        if now.elapsed_s < PAGE_DATA_S:
            return VisitStep.WAIT
    if not now.primed:
        return VisitStep.PRIME if now.elapsed_s >= SETTLE_S else VisitStep.WAIT
    if now.adverts and not now.started and now.advert_s < ADVERT_S:
        return VisitStep.SKIP if now.since_action_s >= BETWEEN_SKIPS_S else VisitStep.WAIT
    if (now.started and now.video_named) or (
        now.failed and now.started + now.failed >= now.players
    ):
        return VisitStep.STOP if quiet else VisitStep.WAIT
    absent = not now.players and not now.clicks
    if now.since_action_s < (BEFORE_FIRST_CLICK_S if absent else BETWEEN_ACTIONS_S):
        return VisitStep.WAIT
    if not now.started and not now.adverts and now.clicks < MAX_CLICKS and not now.nothing_to_click:
        return VisitStep.CLICK
    return _give_up_or_continue(now, quiet=quiet)


def _give_up_or_continue(now: VisitProgress, *, quiet: bool) -> VisitStep:
    if now.players or now.video_named:
        done = quiet and (now.video_named or now.elapsed_s >= STUBBORN_PLAYER_S)
    else:
        done = _has_all_to_show(now, IDLE_S)
    if done:
        return VisitStep.STOP
    return VisitStep.PRIME  # a player may have appeared, or be ready by now


def _has_all_to_show(now: VisitProgress, idle_s: float) -> bool:
    """Whether a page is complete, as far as the network says: nothing came for ``idle_s``,
    or something always does.
    """
    return now.elapsed_s >= NOTHING_AT_LAST_S or (
        now.elapsed_s >= NOTHING_THERE_S and now.idle_s >= idle_s
    )


# Of a frame that does not answer: its players count as part of the page's content.
UNKNOWN_POSITION: Mapping[str, Any] = {
    "container": "frame", "names": "", "holds_permalink": False, "advert": False, "visible": True
}  # fmt: skip


def within_frame(position: Mapping[str, Any], around: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the position in the page of a frame inside another frame,
    whose own position is ``around``.
    """
    return {
        **position,
        "container": around["container"],
        "names": f"{around['names']} {position['names']}",
        "holds_permalink": around["holds_permalink"],
        "advert": position["advert"] or around["advert"],
        "visible": position["visible"] and around["visible"],
    }


def seen_video(
    facts: Mapping[str, Any], frame_url: str, place: Mapping[str, Any] | None
) -> SeenVideo:
    """Build the record of a player from its ``facts`` in the result of ``scripts.PLAYERS``.

    ``place`` is the position of its frame; None for the main frame.
    """
    around = place or facts
    return SeenVideo(
        current_src=facts["current_src"],
        sources=tuple(facts["sources"]),
        poster=facts["poster"] or None,
        duration_s=facts["duration_s"],
        width=facts["width"],
        height=facts["height"],
        video_width=facts["video_width"],
        video_height=facts["video_height"],
        visible=bool(facts["visible"] and around.get("visible", True)),
        muted_loop=facts["muted_loop"],
        frame_url=frame_url,
        container=around["container"],
        names=f"{place['names']} {facts['names']}" if place else facts["names"],
        holds_permalink=around["holds_permalink"],
        advert=bool(facts["advert"] or around["advert"]),
        has_audio=facts["has_audio"],
        protected=facts["protected"],
        feeds=tuple(_feed(buffer) for buffer in facts["fed"]),
        plays=tuple(_play(play) for play in facts["plays"]),
        left=facts["left"],
        top=facts["top"],
    )


def _play(facts: Mapping[str, Any]) -> Play:
    return Play(
        src=facts["src"],
        page=facts["page"],
        duration_s=facts["duration_s"],
        video_width=facts["video_width"],
        video_height=facts["video_height"],
        ended=facts["ended"],
        labelled=facts["labelled"],
        feeds=tuple(_feed(buffer) for buffer in facts["fed"]),
    )


def _feed(facts: Mapping[str, Any]) -> PageFeed:
    parts = facts["urls"]
    files = tuple(part["url"] for part in parts if part["whole"])
    return PageFeed(facts["mime"], tuple(part["url"] for part in parts), files)
