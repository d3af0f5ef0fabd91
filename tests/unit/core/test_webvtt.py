"""Subtitles as WebVTT: every character of a text is shown, and none is markup or ends its cue."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediavault.core.media import Cue
from mediavault.core.webvtt import MAX_CUE_CHARS, MAX_SCROLLED, read_subtitles, to_webvtt


def test_cues_are_written_by_their_start() -> None:
    cues = (Cue(3_661.5, 3_662.0, "later"), Cue(0.25, 1.0, "first\nsecond line"))

    assert to_webvtt(cues) == (
        "WEBVTT\n\n00:00:00.250 --> 00:00:01.000\nfirst\nsecond line\n\n"
        "01:01:01.500 --> 01:01:02.000\nlater\n"
    )


@pytest.mark.parametrize(
    ("text", "written"),
    [
        (
            "<b>bold</b> & <script>x</script>",
            "&lt;b&gt;bold&lt;/b&gt; &amp; &lt;script&gt;x&lt;/script&gt;",
        ),
        ("one\n\n00:00:09.000 --> 00:00:10.000\ntwo", "one\n00:00:09.000 --&gt; 00:00:10.000\ntwo"),
        ("one\r\n \r\ntwo\u2028three\0", "one\ntwo\nthree"),
        ("half \ud800 pair", "half   pair"),
    ],
)
def test_a_text_can_neither_end_its_cue_nor_be_markup(text: str, written: str) -> None:
    assert to_webvtt([Cue(0, 1, text)]) == f"WEBVTT\n\n00:00:00.000 --> 00:00:01.000\n{written}\n"


@pytest.mark.parametrize(
    "cue", [Cue(2, 2, "x"), Cue(-2, -1, "x"), Cue(0, 1, " \n "), Cue(400_000, 500_000, "x")]
)
def test_a_cue_that_shows_nothing_is_left_out(cue: Cue) -> None:
    assert to_webvtt([cue]) == "WEBVTT\n"


# --- reading


VTT = """WEBVTT - made by somebody
Kind: captions

STYLE
::cue { color: red }

NOTE a remark
00:00 --> is not a time

first
00:01.000 --> 00:02.500 align:start position:0%
<v Jane>Hello <b>there</b> &amp; <00:01.500><c.yellow>you</c>

01:00:03.000 --> 01:00:04.000
two
lines
"""
SRT = """1
00:00:01,000 --> 00:00:02,500
{\\an8}<i>Hello</i>

2
00:00:03,000 --> 00:00:04,000
Goodbye
"""
JSON3 = json.dumps(
    {
        "events": [
            {"tStartMs": 0, "dDurationMs": 9_000, "id": 1},
            {
                "tStartMs": 1_000,
                "dDurationMs": 1_500,
                "segs": [{"utf8": "Hello"}, {"utf8": " <you>", "tOffsetMs": 200}],
            },
            {"tStartMs": 2_000, "dDurationMs": 1_500, "aAppend": 1, "segs": [{"utf8": "\n"}]},
            {"tStartMs": "soon", "dDurationMs": 1, "segs": [{"utf8": "no time"}]},
            {
                "tStartMs": 3_000,
                "dDurationMs": 1_000,
                "segs": [{"utf8": "Goodbye"}, {"no": 1}, "rubbish"],
            },
            "rubbish",
        ]
    }
)


@pytest.mark.parametrize(
    ("text", "cues"),
    [
        (VTT, [Cue(1.0, 2.5, "Hello there & you"), Cue(3603.0, 3604.0, "two\nlines")]),
        (f"\ufeff{SRT}", [Cue(1.0, 2.5, "Hello"), Cue(3.0, 4.0, "Goodbye")]),
        (SRT.replace("\n", "\r\n"), [Cue(1.0, 2.5, "Hello"), Cue(3.0, 4.0, "Goodbye")]),
        (JSON3, [Cue(1.0, 2.5, "Hello <you>"), Cue(3.0, 4.0, "Goodbye")]),
    ],
    ids=["WebVTT", "SubRip", "SubRip of Windows", "json3"],
)
def test_the_usual_forms_are_read_without_their_markup(text: str, cues: list[Cue]) -> None:
    assert list(read_subtitles(text)) == cues


def test_lines_that_scroll_up_are_read_once() -> None:
    text = """WEBVTT

00:00:00.000 --> 00:00:02.000
we went

00:00:02.000 --> 00:00:02.010
we went

00:00:02.010 --> 00:00:04.000
we went
to the sea

00:00:04.000 --> 00:00:06.000
to the sea
and back
"""
    assert [cue.text for cue in read_subtitles(text)] == ["we went", "to the sea", "and back"]


def test_the_same_words_said_again_later_stay() -> None:
    text = "WEBVTT\n\n00:01.000 --> 00:02.000\nNo.\n\n00:09.000 --> 00:10.000\nNo.\n"

    assert len(read_subtitles(text)) == 2


@pytest.mark.parametrize(
    "text",
    [
        "",
        "WEBVTT\n",
        "<!doctype html><p>Sign in</p>",
        '{"error": "no"}',
        '{"events": 7}',
        "{" * 10_000,
        "99:99:99:99 --> 1\nx",
        "00:02.000 --> 00:01.000\nbackwards",
        "00:01.000 --> 999999:00:00.000\nfor ever",
        "00:01.000 --> 00:02.000\n<b></b>\n",
    ],
)
def test_what_has_no_cue_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        read_subtitles(text)


def test_a_long_file_and_a_long_cue_are_cut() -> None:
    many = "WEBVTT\n\n" + "\n\n".join(
        f"{n // 60:02}:{n % 60:02}.000 --> {n // 60:02}:{n % 60:02}.900\nword {n}"
        for n in range(5_900)
    )

    assert len(read_subtitles(many)) == 5_900
    assert len(read_subtitles(f"00:01.000 --> 00:02.000\n{'x' * 100_000}")[0].text) <= MAX_CUE_CHARS


@given(st.text(max_size=400))
def test_no_text_breaks_the_reader_and_what_was_read_is_written_and_read_the_same(
    text: str,
) -> None:
    for attempt in (text, f"00:01.000 --> 00:02.000\n{text}"):
        with contextlib.suppress(ValueError):
            cues = read_subtitles(attempt)
            assert read_subtitles(to_webvtt(cues)) == cues


def test_more_lines_than_captions_scroll_are_no_repetition() -> None:
    """Comparing every number of lines of two long cues would take seconds."""
    lines = [str(number) for number in range(MAX_SCROLLED + 1)]
    text = "WEBVTT\n\n00:01.000 --> 00:02.000\n{}\n\n00:02.000 --> 00:03.000\n{}\nnew\n"

    assert [
        cue.text.count("\n")
        for cue in read_subtitles(text.format("\n".join(lines), "\n".join(lines)))
    ] == [10, 11]
    assert [
        cue.text for cue in read_subtitles(text.format("\n".join(lines[1:]), "\n".join(lines[1:])))
    ][1] == "new"
