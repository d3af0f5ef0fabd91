"""Which videos are the post's own, before the best is chosen."""

from __future__ import annotations

from typing import Any

import pytest

from mediavault.core.media import FoundIn, Ownership, SourceType
from mediavault.extraction.candidates import NamedBy, Sighting
from mediavault.extraction.evidence import PageFacts
from mediavault.extraction.ownership import OwnershipResult, assign_ownership
from tests.stubs import candidate
from tests.unit.extraction.samples import CDN, player


def shown(name: str, **facts: Any) -> Sighting:
    url = f"{CDN}{name}.mp4"
    return Sighting((candidate(url, ownership=Ownership.UNKNOWN),), player(url, **facts))


def declared(*names: str) -> Sighting:
    return Sighting(
        tuple(
            candidate(f"{CDN}{n}.mp4", found_in=FoundIn.META, ownership=Ownership.UNKNOWN)
            for n in names
        ),
        named_by=NamedBy.OBJECT,
    )


def loose(name: str) -> Sighting:
    return Sighting(
        (candidate(f"{CDN}{name}.mp4", found_in=FoundIn.NETWORK, ownership=Ownership.UNKNOWN),)
    )


def names(owned: OwnershipResult) -> list[list[str]]:
    return [
        [c.url.removeprefix(CDN).removesuffix(".mp4") for c in item.candidates]
        for item in owned.items
    ]


def levels(owned: OwnershipResult) -> set[Ownership]:
    return {c.ownership for item in owned.items for c in item.candidates}


def test_the_only_player_is_the_posts() -> None:
    owned = assign_ownership([shown("post")], [], [])

    assert (names(owned), levels(owned)) == ([["post"]], {Ownership.PLAYER})


def test_an_advert_next_to_the_posts_player_is_not_the_posts() -> None:
    owned = assign_ownership(
        [shown("spot", advert=True), shown("post", container="article:0")], [], []
    )

    assert names(owned) == [["post"]]
    assert [c.ownership for s in owned.others for c in s.candidates] == [Ownership.UNKNOWN]


def test_an_advert_of_the_same_size_in_the_same_place_is_not_the_posts() -> None:
    owned = assign_ownership([shown("spot", advert=True), shown("post")], [], [])

    assert (names(owned), levels(owned)) == ([["post"]], {Ownership.PLAYER})


def test_decoration_and_small_previews_are_not_the_posts() -> None:
    players = [
        shown("banner", muted_loop=True, width=1280),
        shown("hover", height=80),
        shown("post"),
    ]

    assert names(assign_ownership(players, [], [])) == [["post"]]


def test_a_silent_loop_is_the_posts_when_there_is_nothing_else() -> None:
    assert names(assign_ownership([shown("gif", muted_loop=True)], [], [])) == [["gif"]]


def test_the_clearly_larger_player_is_the_posts() -> None:
    players = [
        shown("related", width=320, height=180),
        shown("post"),
        shown("next", width=320, height=180),
    ]

    assert names(assign_ownership(players, [], [])) == [["post"]]


def test_the_article_with_the_pages_own_link_is_the_posts() -> None:
    players = [
        shown("first", container="article:0"),
        shown("post", container="article:1", holds_permalink=True),
        shown("third", container="article:2"),
    ]

    assert names(assign_ownership(players, [], [])) == [["post"]]


def test_equal_players_in_one_article_are_a_carousel_in_order() -> None:
    players = [shown(name, container="article:0") for name in ("one", "two", "three")]
    owned = assign_ownership(players, [], [])

    assert names(owned) == [["one"], ["two"], ["three"]]
    assert levels(owned) == {Ownership.PLAYER}


def test_equal_players_that_share_nothing_are_not_owned() -> None:
    for container in ("", "main"):
        owned = assign_ownership(
            [shown("one", container=container), shown("two", container=container)], [], []
        )

        assert owned.items == ()
        assert len(owned.others) == 2


def test_a_feed_of_equal_articles_is_not_owned() -> None:
    assert (
        assign_ownership([shown(str(n), container=f"article:{n}") for n in range(3)], [], []).items
        == ()
    )


def test_equal_players_that_the_page_lists_as_its_own_are_a_carousel() -> None:
    players = [shown("one"), shown("two")]

    assert names(assign_ownership(players, [declared("one"), declared("two")], [])) == [
        ["one"],
        ["two"],
    ]


def test_the_player_that_the_metadata_name_is_the_posts() -> None:
    players = [shown("other"), shown("post")]

    assert names(assign_ownership(players, [declared("post")], [])) == [["post"]]


def test_a_file_that_only_the_metadata_name_is_a_second_choice_after_the_player() -> None:
    (item,) = assign_ownership([shown("stream")], [declared("file")], []).items

    assert [c.ownership for c in item.candidates] == [Ownership.PLAYER, Ownership.LONE]


def test_without_a_player_the_metadata_are_believed() -> None:
    owned = assign_ownership([], [declared("file", "small")], [loose("other")])

    assert (names(owned), levels(owned)) == ([["file", "small"]], {Ownership.LONE})


def test_a_lone_address_of_the_network_is_the_posts_and_two_are_not() -> None:
    assert names(assign_ownership([], [], [loose("one")])) == [["one"]]
    assert assign_ownership([], [], [loose("one"), loose("two")]).items == ()


def test_a_player_without_an_address_does_not_make_other_videos_its_own() -> None:
    empty = Sighting((), player("blob:x"))

    assert assign_ownership([empty], [], [loose("one"), loose("two")]).items == ()


def test_every_sighting_is_returned() -> None:
    owned = assign_ownership([shown("post"), shown("spot", advert=True)], [], [loose("x")])

    assert len(owned.items) + len(owned.others) == 3
    assert SourceType.DIRECT in {c.source_type for s in owned.others for c in s.candidates}


# --- evidence -------------------------------------------------------------------------------------

MARKED = PageFacts(marks_main=True)
ABOUT_VIDEO = PageFacts(marks_main=True, is_about_video=True)


def others(owned: OwnershipResult) -> list[str]:
    return [
        c.url.removeprefix(CDN).removesuffix(".mp4") for s in owned.others for c in s.candidates
    ]


@pytest.mark.parametrize("evidence", [PageFacts(), MARKED, ABOUT_VIDEO])
def test_a_clip_in_a_sidebar_is_not_the_posts_even_where_it_is_alone(evidence: PageFacts) -> None:
    owned = assign_ownership([shown("widget", container="aside")], [], [], evidence)

    assert (owned.items, others(owned)) == ((), ["widget"])


def test_a_clip_in_a_sidebar_is_no_rival_of_the_articles_player() -> None:
    players = [shown("widget", container="aside"), shown("post", container="article:0")]

    assert names(assign_ownership(players, [], [], MARKED)) == [["post"]]


def test_a_player_outside_the_main_content_is_not_the_posts() -> None:
    owned = assign_ownership([shown("live channel")], [], [loose("advert")], MARKED)

    assert (owned.items, others(owned)) == ((), ["live channel", "advert"])


@pytest.mark.parametrize("container", ["main", "article:0"])
def test_a_player_in_the_main_content_is_the_posts(container: str) -> None:
    assert names(assign_ownership([shown("post", container=container)], [], [], MARKED)) == [
        ["post"]
    ]


def test_a_player_outside_the_main_content_counts_where_the_page_announces_a_video() -> None:
    assert names(assign_ownership([shown("hero")], [], [], ABOUT_VIDEO)) == [["hero"]]


def test_a_player_outside_the_main_content_is_the_posts_where_the_metadata_name_its_file() -> None:
    owned = assign_ownership(
        [shown("post"), shown("widget", container="aside")], [declared("post")], [], MARKED
    )

    assert (names(owned), others(owned)) == ([["post"]], ["widget"])


def test_without_main_content_the_only_player_is_the_posts() -> None:
    assert names(assign_ownership([shown("post")], [], [])) == [["post"]]
