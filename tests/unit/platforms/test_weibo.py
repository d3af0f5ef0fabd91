"""Weibo's statuses."""

from __future__ import annotations

from typing import Any

import pytest

from mediavault.core.failures import Deleted
from tests.unit.extraction.page_data.reading import best, read, read_known

URL = "https://weibo.com/2427303621/MxojLlLgQ"
CDN = "https://f.video.weibocdn.com/"


def level(height: int, codec: str = "avc1.64001f") -> dict[str, Any]:
    info = {
        "url": f"{CDN}{height}{codec[:4]}.mp4?Expires=1700000000&ssig=a",
        "mime": "video/mp4",
        "width": height * 16 // 9,
        "height": height,
        "video_codecs": codec,
        "audio_codecs": "mp4a.40.2",
        "fps": 30,
        "bitrate": height * 2,
    }
    return {"meta": {"label": f"mp4_{height}p"}, "play_info": info}


def page_info(**media: Any) -> dict[str, Any]:
    return {
        "type": "video",
        "object_id": "1034:1",
        "page_pic": "https://wx1.sinaimg.cn/p.jpg",
        "media_info": media,
    }


def status(**facts: Any) -> dict[str, Any]:
    return {
        "id": 4970000000000001,
        "mblogid": "MxojLlLgQ",
        "user": {"id": 2427303621, "idstr": "2427303621", "screen_name": "Jane"},
        "text_raw": "A kite",
        "created_at": "Mon Nov 20 16:52:26 +0800 2023",
        **facts,
    }


def test_the_largest_level_of_the_list_is_taken() -> None:
    data = read_known(
        URL,
        status(
            page_info=page_info(
                playback_list=[level(1080), level(480)], duration=4.5, stream_url=f"{CDN}old.mp4"
            )
        ),
    )

    assert best(data) == [f"{CDN}1080avc1.mp4?Expires=1700000000&ssig=a"]
    assert (data.handle, data.display_name, data.text) == ("2427303621", "Jane", "A kite")
    assert (data.items[0].expected.duration_s, data.thumbnail_url) == (
        4.5,
        "https://wx1.sinaimg.cn/p.jpg",
    )


def test_older_answers_name_their_files() -> None:
    info = page_info(mp4_sd_url=f"{CDN}sd.mp4", mp4_hd_url=f"{CDN}hd.mp4") | {
        "urls": {"mp4_720p_mp4": f"{CDN}720.mp4"}
    }

    assert best(read_known(URL, status(page_info=info))) == [f"{CDN}720.mp4"]


def test_mixed_media_are_items_in_their_order() -> None:
    items = [
        {"type": "pic", "data": {"largest": {"url": "https://wx1.sinaimg.cn/1.jpg"}}},
        {"type": "video", "data": page_info(playback_list=[level(720)])},
    ]
    data = read_known(URL, status(mix_media_info={"items": items}))

    assert ([item.type for item in data.items], len(best(data))) == (["image", "video"], 1)


def test_a_repost_shows_the_other_statuss_video() -> None:
    other = status(id=7, mblogid="Other1234", page_info=page_info(playback_list=[level(720)]))
    data = read_known(URL, status(retweeted_status=other))

    assert (len(best(data)), data.metadata["reposted_from"]) == (1, "7")


def test_other_statuses_of_a_list_are_ignored() -> None:
    assert (
        read(
            URL,
            {
                "statuses": [
                    status(
                        id=7, mblogid="Other1234", page_info=page_info(playback_list=[level(720)])
                    )
                ]
            },
        )
        is None
    )


def test_a_missing_status_counts_as_deleted() -> None:
    with pytest.raises(Deleted):
        read(URL, {"ok": 0, "error_code": 20101})


def test_a_videos_own_page_names_its_levels_by_labels() -> None:
    play = {
        "oid": "1034:4800000000000001",
        "author": "Jane",
        "user": {"id": 1},
        "urls": {
            "高清 1080P": "//f.video.weibocdn.com/1080.mp4",
            "高清 720P": "//f.video.weibocdn.com/720.mp4",
        },
        "stream_url": "https://f.video.weibocdn.com/sd.mp4",
    }

    data = read_known(
        "https://weibo.com/tv/show/1034:4800000000000001",
        {"data": {"Component_Play_Playinfo": play}},
    )

    assert best(data) == ["https://f.video.weibocdn.com/1080.mp4"]
