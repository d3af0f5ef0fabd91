"""Players that show an advert before, in or above the post's video, with a real Chromium."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from mediavault.core.failures import Ambiguous, Failure
from mediavault.core.media import Ownership
from mediavault.extraction.ranking import items_to_save
from tests.acceptance.players.streams import LONG_S, POST_S
from tests.acceptance.players.world import NEEDS, World, a_world, chosen, names

pytestmark = NEEDS

FILE, STREAM, LONG, SPOT = (
    "media/file/video.mp4",
    "media/ts/index.m3u8",
    "media/long/video.mp4",
    "media/spot/one.mp4",
)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with a_world(tmp_path_factory.mktemp("r")) as shared:
        yield shared


@pytest.mark.parametrize(
    ("page", "address", "length_s"),
    [
        ("preroll-named", FILE, POST_S),
        ("preroll-announced", LONG, LONG_S),
        ("preroll-in-words", FILE, POST_S),
        ("preroll-vast", FILE, POST_S),
        ("preroll-vast-json", FILE, POST_S),
        ("preroll-unskippable", FILE, POST_S),
        ("preroll-hls", STREAM, POST_S),
        ("preroll-video.js", STREAM, POST_S),
        ("midroll", FILE, POST_S),
        ("midroll-at-once", FILE, POST_S),
        ("above-vast", FILE, POST_S),
        ("above-idle", FILE, POST_S),
        ("goes-on", FILE, POST_S),
    ],
)
async def test_the_posts_video_is_chosen_and_not_the_adverts_around_it(
    world: World, page: str, address: str, length_s: float
) -> None:
    result = await world.extraction(page)
    choice = chosen(result)

    assert choice.url == f"{world.site.origin}/{address}"
    assert choice.ownership in (Ownership.PLAYER, Ownership.LONE)
    assert choice.duration_s in (None, pytest.approx(length_s, abs=0.2))


@pytest.mark.parametrize("page", ["preroll-vast", "preroll-hls", "midroll", "above-vast"])
async def test_files_named_by_an_ad_server_are_not_candidates(world: World, page: str) -> None:
    assert not [name for name in names(await world.extraction(page)) if "spot" in name]


@pytest.mark.parametrize("page", ["preroll-unmarked", "above-unmarked"])
async def test_the_user_is_asked_where_advert_and_video_cannot_be_distinguished(
    world: World, page: str
) -> None:
    result = await world.extraction(page)

    assert sorted(names(result)) == sorted([FILE, SPOT])
    with pytest.raises(Ambiguous):
        items_to_save(result)


async def test_a_video_without_signs_of_an_advert_is_not_seeked(world: World) -> None:
    """No time is spent without a sign of an advert,
    and a URL of another quality in the page's script is not a sign.
    """
    assert chosen(await world.extraction("no-advert")).url == f"{world.site.origin}/{FILE}"
    assert "/post/moved-by-us" not in world.site.asked


async def test_an_advert_without_a_following_video_is_not_saved(world: World) -> None:
    with pytest.raises(Failure):
        items_to_save(await world.extraction("preroll-alone"))
