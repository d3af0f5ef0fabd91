"""What a frame told of its players, as records. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mediavault.services.browser.port import Feed, Play, SeenVideo


def seen_video(facts: Mapping[str, Any], frame_url: str, place: Mapping[str, Any] | None) -> SeenVideo:
    """``facts`` is a player in the answer of ``scripts.PLAYERS``; ``place`` where its frame stands, None for the main one."""
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
        holds_permalink=around["holds_permalink"],
        advert=bool(facts["advert"] or around["advert"]),
        has_audio=facts["has_audio"],
        protected=facts["protected"],
        feeds=tuple(_feed(each) for each in facts["fed"]),
        plays=tuple(_play(each) for each in facts["plays"]),
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
        feeds=tuple(_feed(each) for each in facts["fed"]),
    )


def _feed(facts: Mapping[str, Any]) -> Feed:
    urls = tuple(each["url"] for each in facts["urls"])
    return Feed(facts["mime"], urls, tuple(each["url"] for each in facts["urls"] if each["whole"]))
