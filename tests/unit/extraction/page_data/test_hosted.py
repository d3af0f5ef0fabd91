"""Pages and players of video sites."""

from __future__ import annotations

import pytest

from mediavault.extraction.page_data.oembed import is_hosted


@pytest.mark.parametrize(
    "url",
    [
        "https://www.youtube.com/embed/abcdefghijk?rel=0",
        "https://www.youtube-nocookie.com/embed/abcdefghijk",
        "https://youtu.be/abcdefghijk",
        "https://player.vimeo.com/video/12345678?h=abc",
        "https://www.dailymotion.com/embed/video/x8abcde",
        "https://cdnapisec.kaltura.com/p/1/sp/100/embedIframeJs/uiconf_id/2/partner_id/1?entry_id=1_abcd",
        "https://players.brightcove.net/1/default_default/index.html?videoId=612345",
        "https://cdn.jwplayer.com/v2/media/AbCdEfGh",
        "https://www.dailymotion.com/crawler/video/x8abcde",
        "https://tube.example/videos/embed/9c9de5e8-0a1e-484a-b099-e80766180a6d",
    ],
)
def test_the_player_of_one_video_is_recognised(url: str) -> None:
    assert is_hosted(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://www.youtube.com/embed/videoseries?list=PL1",
        "https://www.youtube.com/@jane",
        "https://www.googletagmanager.com/ns.html?id=GTM-1",
        "https://news.example/widgets/weather",
        "https://cdn.example/videos/kite.mp4",
        "https://cdn.jwplayer.com/videos/AbCdEfGh-IjKlMnOp.mp4",
        "https://cdn-cf-east.streamable.com/video/mp4/abc123.mp4",
    ],
)
def test_lists_widgets_and_files_are_not_players_of_one_video(url: str) -> None:
    assert not is_hosted(url)
