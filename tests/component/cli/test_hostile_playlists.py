"""Playlists made to be slow to read are answered within seconds."""

from __future__ import annotations

import time

from mediavault.core.failures import BadInput
from mediavault.download.manifest import MAX_PLAYLIST_BYTES
from tests.patience import patient
from tests.unit.cli.test_playlist_inspection import look, mpd


def test_a_hostile_playlist_is_answered_within_seconds() -> None:
    """Each playlist has the maximum length."""
    room = MAX_PLAYLIST_BYTES - 100
    began = time.process_time()
    for text in (
        "#EXTM3U\n#EXT-X-KEY:" + "A=" * (room // 2),
        "#EXTM3U\n#EXT-X-KEY:" + '"' * room,
        "#EXTM3U\n#EXT-X-KEY:" + "A" * room,
        "#EXTM3U\n#EXT-X-KEY:" + 'A="' * (room // 3),
        "#EXTM3U\n#EXT-X-KEY:A" + " " * room,
        "#EXTM3U\n#EXTINF:" + "1" * room,
        "#EXTM3U\n#EXT-X-MEDIA:" + "TYPE=AUDIO," * (room // 11),
        '#EXTM3U\n#EXT-X-DEFINE:NAME="a",VALUE="b"\n' + "{$a" * (room // 3 - 50),
        f'#EXTM3U\n#EXT-X-DEFINE:NAME="a",VALUE="{"b" * 30_000}"\n' + "{$a}" * (room // 4 - 8_000),
        "#EXTM3U\n" + "#EXT-X-KEY:METHOD=NONE\n" * (room // 23),
        "<?xml " + "?" * room,
        "<!--" + "-" * room,
        "<!---->" * (room // 7) + "x",
        "<MPD>" + "<a>" * (room // 3),
        mpd().replace("PT6S", "PT40000S") + " " * 10,
        "<MPD>"
        + (period := mpd().partition("\n")[2].partition("</MPD>")[0].replace("PT6S", "PT40000S"))
        * (room // len(period)),
    ):
        try:
            look(text)
        except BadInput:
            continue

    assert time.process_time() - began < patient(60)  # it takes a second or two
