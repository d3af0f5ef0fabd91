"""When a visit starts players, clicks, and stops."""

from __future__ import annotations

from typing import Any

import pytest

from mediavault.browser.watching import VisitProgress, VisitStep, next_step, within_frame


def progress(**facts: float | bool | int) -> VisitProgress:
    """A primed visit in the middle of its time, without news for a while."""
    now = VisitProgress(
        elapsed_s=4.0, left_s=60.0, quiet_s=5.0, idle_s=5.0, since_action_s=5.0, primed=True
    )
    for name, value in facts.items():
        setattr(now, name, value)
    return now


@pytest.mark.parametrize(
    ("now", "step"),
    [
        (progress(left_s=0.0), VisitStep.STOP),
        (progress(unresponsive=True), VisitStep.STOP),
        (progress(refused=True, primed=False), VisitStep.STOP),
        (progress(primed=False, elapsed_s=0.2), VisitStep.WAIT),
        (progress(primed=False), VisitStep.PRIME),
        (progress(players=1, started=1, video_named=True, quiet_s=0.2), VisitStep.WAIT),
        (progress(players=1, started=1, video_named=True), VisitStep.STOP),
        (progress(players=2, started=2, known=2, video_named=True, quiet_s=0.5), VisitStep.STOP),
        (progress(players=2, started=2, known=1, video_named=True, quiet_s=0.5), VisitStep.WAIT),
        (progress(players=2, started=1, known=1, video_named=True, quiet_s=0.5), VisitStep.WAIT),
        (progress(players=1, failed=1), VisitStep.STOP),
        (progress(players=0, since_action_s=0.8), VisitStep.CLICK),
        (progress(players=0, since_action_s=0.8, clicks=1), VisitStep.WAIT),
        (progress(players=1), VisitStep.CLICK),
        (progress(players=1, since_action_s=0.1), VisitStep.WAIT),
        (progress(players=1, clicks=3), VisitStep.PRIME),
        (progress(players=1, clicks=3, elapsed_s=30.0), VisitStep.STOP),
        (progress(nothing_to_click=True), VisitStep.STOP),
        (progress(players=1, adverts=1, video_named=True), VisitStep.SKIP),
        (progress(players=1, adverts=1, video_named=True, since_action_s=0.1), VisitStep.WAIT),
        (progress(players=1, adverts=1, video_named=True, advert_s=50.0), VisitStep.STOP),
        (progress(players=2, started=1, adverts=1, video_named=True), VisitStep.STOP),
        (progress(nothing_to_click=True, idle_s=0.5), VisitStep.PRIME),
        (progress(nothing_to_click=True, idle_s=0.5, elapsed_s=13.0), VisitStep.STOP),
        (progress(nothing_to_click=True, video_named=True, quiet_s=0.1), VisitStep.PRIME),
    ],
)
def test_the_next_step(now: VisitProgress, step: VisitStep) -> None:
    assert next_step(now) is step


def test_a_page_whose_platform_sends_everything_itself_is_not_touched() -> None:
    assert next_step(progress(wants_page_data=True, primed=False, elapsed_s=3.0)) is VisitStep.WAIT
    assert (
        next_step(progress(wants_page_data=True, primed=False, page_data_seen=True))
        is VisitStep.STOP
    )


def test_the_page_of_a_platform_that_stays_silent_is_visited_like_any_page() -> None:
    assert (
        next_step(progress(wants_page_data=True, primed=False, elapsed_s=15.0)) is VisitStep.PRIME
    )


@pytest.mark.parametrize(
    ("state", "step"),
    [
        ({"elapsed_s": 1.0, "idle_s": 1.0}, VisitStep.WAIT),
        ({"elapsed_s": 9.0, "idle_s": 3.0}, VisitStep.WAIT),
        ({"elapsed_s": 9.0, "idle_s": 4.0}, VisitStep.STOP),
        ({"elapsed_s": 12.0, "idle_s": 0.1}, VisitStep.STOP),
        ({"elapsed_s": 1.0, "left_s": 0.0}, VisitStep.STOP),
        (
            {"elapsed_s": 5.0, "idle_s": 1.0, "players": 1, "started": 1, "video_named": True},
            VisitStep.WAIT,
        ),
        (
            {"elapsed_s": 5.0, "idle_s": 1.0, "adverts": 1, "since_action_s": 9.0, "primed": True},
            VisitStep.WAIT,
        ),
    ],
)
def test_a_list_of_posts_is_waited_for_and_nothing_on_its_page_is_started_or_pressed(
    state: dict[str, Any], step: VisitStep
) -> None:
    assert next_step(VisitProgress(is_list=True, **{"left_s": 60.0, **state})) is step


def test_an_advert_that_plays_by_itself_does_not_end_the_visit_before_the_click() -> None:
    """The network has shown a video, but no player that a user would take for the post's has
    started.
    """
    assert next_step(progress(video_named=True, players=0, started=0)) is VisitStep.CLICK


# --- where a player is ----------------------------------------------------------------------------

INNER = {
    "container": "",
    "names": "film",
    "holds_permalink": False,
    "advert": False,
    "visible": True,
    "width": 680,
    "height": 420,
}


def test_a_frame_in_a_frame_is_where_the_outer_one_is() -> None:
    outer = {
        **INNER,
        "container": "article:0",
        "names": "box",
        "holds_permalink": True,
        "width": 700,
    }
    position = within_frame(INNER, outer)

    assert (position["container"], position["names"], position["holds_permalink"],
            position["width"]) == (
        "article:0", "box film", True, 680,
    )  # fmt: skip


@pytest.mark.parametrize("of", ["inner", "outer"])
def test_a_frame_is_an_advert_or_invisible_where_it_or_the_one_around_it_is(of: str) -> None:
    spot = {**INNER, "advert": True, "visible": False}
    position = within_frame(spot, INNER) if of == "inner" else within_frame(INNER, spot)

    assert (position["advert"], position["visible"]) == (True, False)
