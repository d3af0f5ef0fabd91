"""Pages with the players that sites really use: the extraction of each, with a real Chromium."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from mediavault.core.failures import Drm
from mediavault.core.media import NoVideo, Ownership, SourceType
from tests.acceptance.players.streams import POST_S, SHORT_S, folder
from tests.acceptance.players.world import NEEDS, World, a_world, chosen, names

pytestmark = NEEDS


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with a_world(tmp_path_factory.mktemp("p")) as shared:
        yield shared


HLS, DASH, FILE = SourceType.HLS, SourceType.DASH, SourceType.DIRECT


@pytest.mark.parametrize(
    ("page", "address", "kind"),
    [
        ("hls.js-ts", "media/ts/index.m3u8", HLS),
        ("hls.js-fmp4", "media/fmp4/index.m3u8", HLS),
        ("hls.js-split", "media/split/index.m3u8", HLS),
        ("hls.js-aes", "media/aes/index.m3u8", HLS),
        ("hls.js-no-worker", "media/ts/index.m3u8", HLS),
        ("video.js-ts", "media/ts/index.m3u8", HLS),
        ("video.js-fmp4", "media/fmp4/index.m3u8", HLS),
        ("video.js-native", "media/ts/index.m3u8", HLS),
        ("video.js-dash", "media/dash/index.mpd", DASH),
        ("video.js-mp4", "media/file/video.mp4", FILE),
        ("shaka-dash", "media/dash/index.mpd", DASH),
        ("shaka-dash-file", "media/dash-file/index.mpd", DASH),
        ("shaka-fmp4", "media/split/index.m3u8", HLS),
        ("shaka-ts", "media/ts/index.m3u8", HLS),
        ("shaka-mp4", "media/file/video.mp4", FILE),
        ("dash.js-dash", "media/dash/index.mpd", DASH),
        ("dash.js-dash-file", "media/dash-file/index.mpd", DASH),
        ("plyr-mp4", "media/file/video.mp4", FILE),
        ("plyr-hls", "media/ts/index.m3u8", HLS),
        ("mediaelement-mp4", "media/file/video.mp4", FILE),
        ("mediaelement-hls", "media/ts/index.m3u8", HLS),
        ("native-hls", "media/fmp4/index.m3u8", HLS),
        ("native-hls-unnamed", "list/split", HLS),
        ("worker", "media/fmp4/index.m3u8", HLS),
        ("click", "media/ts/index.m3u8", HLS),
        ("framed-worker", "media/fmp4/index.m3u8", HLS),
        ("framed-twice", "media/dash/index.mpd", DASH),
        ("untyped-hls", "stream/ts/hls", HLS),
        ("untyped-dash", "stream/dash/dash", DASH),
        ("json-mpd-blob", "data:application/dash+xml;", DASH),
        ("json-mpd-data", "data:application/dash+xml;", DASH),
        ("json-hls-blob", "data:application/vnd.apple", HLS),
        ("hls.js-progressive", "media/fmp4/index.m3u8", HLS),
        ("hls.js-cmcd", "media/ts/index.m3u8", HLS),
        ("dash.js-cmcd", "media/dash/index.mpd", DASH),
        ("shadow", "media/ts/index.m3u8", HLS),
        ("late", "media/ts/index.m3u8", HLS),
        ("sandboxed", "media/ts/index.m3u8", HLS),
        ("source-in-worker", "media/fmp4/index.m3u8", HLS),
        ("blob-fetched", "media/file/video.mp4", FILE),
        ("blob-made", "media/file/video.mp4", FILE),
    ],
)
async def test_the_players_stream_is_the_only_candidate_and_its_segments_are_not(
    world: World, page: str, address: str, kind: SourceType
) -> None:
    result = await world.extraction(page)
    choice = chosen(result)

    assert names(result) == [address]
    assert (choice.source_type, choice.ownership) == (kind, Ownership.PLAYER)
    assert choice.duration_s == pytest.approx(POST_S, abs=0.2)
    assert choice.height == 180
    assert world.pages_open() == 0


@pytest.mark.parametrize(
    ("page", "address"), [("framed", "media/ts/index.m3u8"), ("moved", "stream/ts/hls")]
)
async def test_another_hosts_stream_that_agrees_with_nothing_is_asked_about(
    world: World, page: str, address: str
) -> None:
    result = await world.extraction(page)

    assert result.items == ()
    assert names(result) == [address]


async def test_a_playlist_in_a_data_url_of_the_player_is_found_although_chromium_does_not_play_it(
    world: World,
) -> None:
    result = await world.extraction("native-hls-data")

    assert names(result) == ["data:application/vnd.apple"]
    assert chosen(result).duration_s == POST_S


async def test_a_service_worker_cannot_intercept_the_requests_of_the_player(world: World) -> None:
    assert (
        chosen(await world.extraction("service-worker")).url
        == f"{world.site.origin}/media/ts/index.m3u8"
    )
    assert "/post/service-worker.js" not in world.site.asked


async def test_protected_data_in_the_posts_player_make_the_post_drm(world: World) -> None:
    with pytest.raises(Drm):
        await world.extraction("protected")


@pytest.mark.parametrize("page", ["advert-labelled", "advert-unlabelled", "twin"])
async def test_of_two_players_fed_by_scripts_the_posts_own_is_chosen(
    world: World, page: str
) -> None:
    result = await world.extraction(page)

    assert chosen(result).url == f"{world.site.origin}/media/ts/index.m3u8"
    assert chosen(result).ownership is Ownership.PLAYER
    assert [c.ownership for c in result.others] == [Ownership.UNKNOWN]


async def test_two_dash_players_are_distinguished(world: World) -> None:
    assert (
        chosen(await world.extraction("advert-dash")).url
        == f"{world.site.origin}/media/dash/index.mpd"
    )


async def test_a_prefetched_stream_is_not_the_posts(world: World) -> None:
    """Feeds load the next video while the current one plays."""
    result = await world.extraction("next-is-fetched")

    assert chosen(result).url == f"{world.site.origin}/media/ts/index.m3u8"
    assert len(result.others) == 1


async def test_each_player_of_a_carousel_is_an_item_with_its_own_stream(world: World) -> None:
    result = await world.extraction("carousel")

    assert [[c.url.rpartition("/media/")[2] for c in item.candidates] for item in result.items] == [
        ["ts/index.m3u8"],
        ["short/index.m3u8"],
    ]
    assert [item.expected.duration_s for item in result.items] == pytest.approx(
        [POST_S, SHORT_S], abs=0.2
    )


async def test_segments_of_a_stream_without_a_playlist_are_not_saved(world: World) -> None:
    with pytest.raises(NoVideo):
        await world.extraction("pieces")


@pytest.mark.parametrize("kind", ["mp4", "webm"])
async def test_a_silent_file_is_paired_with_the_sound_that_feeds_the_same_player(
    world: World, kind: str
) -> None:
    result = await world.extraction(f"tracks-{kind}")
    choice = chosen(result)

    assert names(result) == [f"media/tracks/picture.{kind}"]
    assert choice.audio_url == f"{world.site.origin}/media/tracks/sound.{kind}"
    assert (choice.has_audio, choice.size) == (False, len(folder("tracks")[f"picture.{kind}"]))


async def test_a_byte_range_in_the_query_is_removed_from_the_url(world: World) -> None:
    result = await world.extraction("range-query")

    assert names(result) == ["media/tracks/picture.mp4?sig=1"]
    assert chosen(result).audio_url == f"{world.site.origin}/media/tracks/sound.mp4?sig=1"


async def test_a_file_that_a_script_loads_alone_is_whole(world: World) -> None:
    choice = chosen(await world.extraction("file-by-ranges"))

    assert (choice.source_type, choice.audio_url) == (FILE, None)
    assert choice.size == len(folder("tracks")["picture.mp4"])


async def test_a_plain_file_knows_its_size(world: World) -> None:
    assert chosen(await world.extraction("plyr-mp4")).size == len(folder("file")["video.mp4"])
