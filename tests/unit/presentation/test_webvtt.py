"""Subtitles as WebVTT: every character of a text is shown, and none is markup or ends its cue."""

from __future__ import annotations

import pytest

from mediavault.core.media import Cue
from mediavault.presentation.webvtt import to_webvtt


def test_cues_are_written_by_their_start() -> None:
    cues = (Cue(3_661.5, 3_662.0, "later"), Cue(0.25, 1.0, "first\nsecond line"))

    assert to_webvtt(cues) == (
        "WEBVTT\n\n00:00:00.250 --> 00:00:01.000\nfirst\nsecond line\n\n01:01:01.500 --> 01:01:02.000\nlater\n"
    )


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("<b>bold</b> & <script>x</script>", "&lt;b&gt;bold&lt;/b&gt; &amp; &lt;script&gt;x&lt;/script&gt;"),
        ("one\n\n00:00:09.000 --> 00:00:10.000\ntwo", "one\n00:00:09.000 --&gt; 00:00:10.000\ntwo"),
        ("one\r\n \r\ntwo\u2028three\0", "one\ntwo\nthree"),
        ("half \ud800 pair", "half   pair"),
    ],
)
def test_a_text_can_neither_end_its_cue_nor_be_markup(text: str, written: str) -> None:
    assert to_webvtt([Cue(0, 1, text)]) == f"WEBVTT\n\n00:00:00.000 --> 00:00:01.000\n{written}\n"


@pytest.mark.parametrize("cue", [Cue(2, 2, "x"), Cue(-2, -1, "x"), Cue(0, 1, " \n "), Cue(400_000, 500_000, "x")])
def test_a_cue_that_shows_nothing_is_left_out(cue: Cue) -> None:
    assert to_webvtt([cue]) == "WEBVTT\n"
