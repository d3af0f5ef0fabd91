"""When a visit starts players, clicks, and stops."""

from __future__ import annotations

import pytest

from mediavault.services.browser.watching import Progress, Step, next_step


def progress(**facts: float | bool | int) -> Progress:
    """A primed visit in the middle of its time, to which nothing has happened for a while."""
    now = Progress(elapsed_s=4.0, left_s=60.0, quiet_s=5.0, idle_s=5.0, since_action_s=5.0, primed=True)
    for name, value in facts.items():
        setattr(now, name, value)
    return now


@pytest.mark.parametrize(
    ("now", "step"),
    [
        (progress(left_s=0.0), Step.STOP),
        (progress(unresponsive=True), Step.STOP),
        (progress(refused=True, primed=False), Step.STOP),
        (progress(primed=False, elapsed_s=0.2), Step.WAIT),
        (progress(primed=False), Step.PRIME),
        (progress(players=1, started=1, video_named=True, quiet_s=0.2), Step.WAIT),
        (progress(players=1, started=1, video_named=True), Step.STOP),
        (progress(players=2, started=2, known=2, video_named=True, quiet_s=0.5), Step.STOP),
        (progress(players=2, started=2, known=1, video_named=True, quiet_s=0.5), Step.WAIT),
        (progress(players=2, started=1, known=1, video_named=True, quiet_s=0.5), Step.WAIT),
        (progress(players=1, failed=1), Step.STOP),
        (progress(players=0, since_action_s=0.8), Step.CLICK),
        (progress(players=0, since_action_s=0.8, clicks=1), Step.WAIT),
        (progress(players=1), Step.CLICK),
        (progress(players=1, since_action_s=0.1), Step.WAIT),
        (progress(players=1, clicks=3), Step.PRIME),
        (progress(players=1, clicks=3, elapsed_s=30.0), Step.STOP),
        (progress(nothing_to_click=True), Step.STOP),
        (progress(players=1, adverts=1, video_named=True), Step.SKIP),
        (progress(players=1, adverts=1, video_named=True, since_action_s=0.1), Step.WAIT),
        (progress(players=1, adverts=1, video_named=True, advert_s=50.0), Step.STOP),
        (progress(players=2, started=1, adverts=1, video_named=True), Step.STOP),
        (progress(nothing_to_click=True, idle_s=0.5), Step.PRIME),
        (progress(nothing_to_click=True, idle_s=0.5, elapsed_s=13.0), Step.STOP),
        (progress(nothing_to_click=True, video_named=True, quiet_s=0.1), Step.PRIME),
    ],
)
def test_the_next_step(now: Progress, step: Step) -> None:
    assert next_step(now) is step


def test_a_platform_that_tells_everything_itself_is_not_touched() -> None:
    assert next_step(progress(wants_page_data=True, primed=False, elapsed_s=3.0)) is Step.WAIT
    assert next_step(progress(wants_page_data=True, primed=False, page_data_seen=True)) is Step.STOP


def test_a_platform_that_stays_silent_is_looked_at_like_any_page() -> None:
    assert next_step(progress(wants_page_data=True, primed=False, elapsed_s=15.0)) is Step.PRIME


def test_an_advert_that_plays_by_itself_does_not_end_the_visit_before_the_post_was_clicked() -> None:
    """The network has shown a video, but no player that a person would take for the post's has started."""
    assert next_step(progress(video_named=True, players=0, started=0)) is Step.CLICK
