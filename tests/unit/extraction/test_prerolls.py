"""Which of a player's sources is the page's own video."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from mediavault.browser.port import PageFeed, Play, SeenResponse, SeenVideo
from mediavault.core.failures import Ambiguous
from mediavault.extraction.candidates import network_media
from mediavault.extraction.prerolls import without_adverts
from mediavault.extraction.ranking import items_to_save
from mediavault.platforms.generic import GENERIC
from tests.unit.extraction.both_ways import read_capture
from tests.unit.extraction.samples import CDN, PAGE, capture, page_post, player, response

HLS = "application/vnd.apple.mpegurl"


def play(name: str, length_s: float | None = 60.0, **facts: object) -> Play:
    return Play(f"{CDN}{name}", PAGE, length_s, **facts)  # type: ignore[arg-type]


def played(*plays: Play, **facts: object) -> SeenVideo:
    """A player that is showing the last of its plays."""
    last = plays[-1]
    return player(last.src, duration_s=last.duration_s, feeds=last.feeds, plays=plays, **facts)


def own(
    *videos: SeenVideo,
    seen: Collection[SeenResponse] = (),
    adverts: Collection[str] = (),
    named: Collection[str] = (),
    announced_s: float | None = None,
) -> list[str]:
    """The remaining address of each player, with a ``?`` where it is unsure and a ``!`` where it is
    an advert.
    """
    network = network_media(list(seen), GENERIC, adverts=[CDN + name for name in adverts])
    left = without_adverts(
        videos, network, named=[CDN + name for name in named], announced_s=announced_s
    )
    return [v.current_src.removeprefix(CDN) + "?" * v.unsure + "!" * v.advert for v in left]


def test_one_play_is_the_pages() -> None:
    assert own(played(play("a.mp4"))) == ["a.mp4"]
    assert own(player(f"{CDN}a.mp4")) == ["a.mp4"]


@pytest.mark.parametrize(
    "order", [("one.mp4", "two.mp4"), ("two.mp4", "one.mp4"), ("two.mp4", "one.mp4", "two.mp4")]
)
def test_what_an_ad_server_named_is_never_the_pages_in_any_order(order: tuple[str, ...]) -> None:
    assert own(played(*(play(name, ended=True) for name in order)), adverts=["one.mp4"]) == [
        "two.mp4"
    ]


def test_an_advert_is_recognised_behind_the_redirect_that_counts_it() -> None:
    moved = response(f"{CDN}count", status=302, headers={"location": f"{CDN}one.mp4"})

    assert own(played(play("one.mp4", 15.0), play("two.mp4")), seen=[moved], adverts=["count"]) == [
        "two.mp4"
    ]


def test_an_advert_that_a_script_feeds_is_recognised_by_its_playlist() -> None:
    seen = [
        response(
            f"{CDN}{n}.m3u8",
            mime=HLS,
            body=f"#EXTM3U\n#EXTINF:4,\n{n}-1.ts\n#EXT-X-ENDLIST\n".encode(),
        )
        for n in ("spot", "post")
    ]
    spot, post = (
        Play(
            f"blob:https://site.test/{n}",
            PAGE,
            4.0,
            feeds=(PageFeed("video/mp4", (f"{CDN}{n}-1.ts",)),),
            ended=True,
        )
        for n in ("spot", "post")
    )

    assert own(played(spot, post), seen=seen, adverts=["spot.m3u8"]) == [
        "blob:https://site.test/post"
    ]
    assert own(played(post, spot), seen=seen, adverts=["spot.m3u8"]) == [
        "blob:https://site.test/post"
    ]


def test_a_player_that_shows_only_adverts_has_no_video_except_its_other_sources() -> None:
    spot = play("spot.mp4", 15.0)

    assert own(played(spot), adverts=["spot.mp4"]) == ["!"]
    (left,) = without_adverts(
        [played(spot, sources=(f"{CDN}spot.mp4", f"{CDN}post.mp4"))],
        network_media([], GENERIC, adverts=[f"{CDN}spot.mp4"]),
        named=(),
        announced_s=None,
    )
    assert (left.sources, left.advert, left.duration_s) == ((f"{CDN}post.mp4",), False, None)


def test_the_label_over_the_player_marks_the_advert() -> None:
    assert own(played(play("one.mp4", ended=True, labelled=True), play("two.mp4"))) == ["two.mp4"]
    assert own(played(play("one.mp4", labelled=True))) == ["one.mp4!"]


def test_what_the_page_names_is_its_own() -> None:
    assert own(played(play("one.mp4", ended=True), play("two.mp4")), named=["one.mp4"]) == [
        "one.mp4"
    ]


def test_what_is_as_long_as_announced_is_its_own() -> None:
    assert own(
        played(play("one.mp4", 15.0, ended=True), play("two.mp4", 60.4)), announced_s=60.0
    ) == ["two.mp4"]


def test_a_play_that_is_returned_to_is_the_pages_own() -> None:
    first = play("one.mp4")

    assert own(played(first, play("two.mp4", 15.0, ended=True), first)) == ["one.mp4"]


def test_a_name_decides_only_between_several() -> None:
    assert own(played(play("v/ad.mp4", 15.0, ended=True), play("v/two.mp4"))) == ["v/two.mp4"]
    assert own(played(play("v/ad.mp4", 15.0, ended=True))) == ["v/ad.mp4"]


def test_two_plays_that_nothing_distinguishes_are_unsure() -> None:
    assert own(played(play("one.mp4", 15.0, ended=True), play("two.mp4"))) == [
        "one.mp4?",
        "two.mp4?",
    ]


def test_a_short_play_that_interrupted_a_longer_one_is_not_taken_for_the_video() -> None:
    assert own(played(play("one.mp4", 600.0), play("two.mp4", 15.0))) == ["one.mp4?", "two.mp4?"]


def test_a_placeholder_that_gave_way_to_the_video_is_not_an_advert() -> None:
    assert own(played(play("one.mp4", 3.0), play("two.mp4"))) == ["two.mp4"]


def test_one_video_in_two_forms_is_one() -> None:
    assert own(played(play("low.mp4", 60.0), play("high.mp4", 60.2))) == ["high.mp4"]


def test_a_short_video_that_follows_an_advert_of_its_length_is_not_an_advert() -> None:
    assert own(played(play("one.mp4", 15.0, ended=True), play("two.mp4", 15.0))) == [
        "one.mp4?",
        "two.mp4?",
    ]


def test_what_began_after_the_page_had_moved_on_is_another_posts() -> None:
    after = Play(f"{CDN}two.mp4", "https://site.test/posts/next", 60.0)

    assert own(played(play("one.mp4", ended=True), after)) == ["one.mp4"]


def test_a_play_that_is_far_shorter_than_announced_is_unsure_unless_the_page_names_it() -> None:
    assert own(played(play("one.mp4", 15.0)), announced_s=600.0) == ["one.mp4?"]
    assert own(played(play("one.mp4", 15.0)), announced_s=600.0, named=["one.mp4"]) == ["one.mp4"]
    assert own(played(play("one.mp4", 59.0)), announced_s=60.0) == ["one.mp4"]


def test_a_player_that_lies_over_another_makes_both_unsure() -> None:
    below, above = (played(play(name), left=0, top=0) for name in ("one.mp4", "two.mp4"))

    assert own(below, above) == ["one.mp4?", "two.mp4?"]
    assert own(below, above, adverts=["two.mp4"]) == ["one.mp4", "!"]


def test_players_side_by_side_and_idle_ones_hide_nothing() -> None:
    above, below = played(play("one.mp4"), left=0, top=0), played(play("two.mp4"), left=0, top=400)

    assert own(above, below) == ["one.mp4", "two.mp4"]
    assert own(above, player("", left=0, top=0)) == ["one.mp4", ""]


def test_the_user_is_asked_which_of_two_unsure_plays_it_is() -> None:
    video = played(play("one.mp4", 15.0, ended=True), play("two.mp4"))
    extraction = read_capture(page_post(), GENERIC, capture(video))

    with pytest.raises(Ambiguous):
        items_to_save(extraction)
    assert [c.url.removeprefix(CDN) for c in extraction.others] == ["one.mp4", "two.mp4"]


def test_the_pages_word_helps_where_its_player_is_unsure() -> None:
    video = played(play("one.mp4", 15.0, ended=True), play("two.mp4"))
    html = (
        f'<meta property="og:video" content="{CDN}post.mp4"><meta property="og:video:type"'
        ' content="video/mp4">'
    )
    extraction = read_capture(page_post(), GENERIC, capture(video, html=html))

    assert [[c.url.removeprefix(CDN) for c in item.candidates] for item in extraction.items] == [
        ["post.mp4"]
    ]
