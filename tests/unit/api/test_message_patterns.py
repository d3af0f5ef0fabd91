"""A message that was said in English is shown in the reader's language, with the values that stand in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mediavault.api.appearance import Appearance, use
from mediavault.api.message_patterns import MAX_CHARS, Pattern, translated
from tests.ui.sample import TROUBLES


@pytest.fixture(autouse=True)
def german() -> Iterator[None]:
    use(Appearance(locale="de"))
    yield
    use(Appearance())


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("TikTok asked us to slow down.", "TikTok bittet um weniger Anfragen."),
        ("There is no job 01J.", "Einen Auftrag 01J gibt es nicht."),
        ("The site has no such part of the stream (416).", "Der Dienst hat diesen Teil des Streams nicht (416)."),
        ("a person asked again", "jemand hat es noch einmal angestoßen"),
        ("yt-dlp: 3 candidates", "yt-dlp: 3 Kandidaten"),
        ("PostgreSQL 13 at db:5432 is too old", "PostgreSQL 13 auf db:5432 ist zu alt"),
    ],
)
def test_a_message_is_found_by_its_pattern(said: str, shown: str) -> None:
    assert translated(said) == shown


@pytest.mark.parametrize("error", sorted({trouble.error for trouble in TROUBLES}))
def test_the_sample_vault_says_what_the_vault_says(error: str) -> None:
    """Else its pictures would show what nobody meets, half of it in another language."""
    assert translated(error) != error


def test_a_value_that_is_itself_a_message_or_a_word_of_ours_is_translated_too() -> None:
    assert translated("The job is running; it cannot be tried again.") == (
        "Der Auftrag ist in Arbeit; er kann nicht noch einmal versucht werden."
    )
    assert translated("Your X sign-in has ended: X shows this post only to signed-in people.") == (
        "Die Anmeldung bei X ist abgelaufen: X zeigt diesen Beitrag nur Angemeldeten."
    )


def test_messages_in_a_row_are_translated_one_by_one() -> None:
    assert translated("The stream is incomplete: its pictures are missing; its sound has 2 broken packets.") == (
        "Der Stream ist unvollständig: seine Bilder fehlen; sein Ton hat 2 kaputte Pakete."
    )
    assert translated("it is what the post's own player plays: an HLS stream, 1280×720, h264, with sound") == (
        "es ist das, was der Player des Beitrags selbst abspielt: ein HLS-Stream, 1280×720, h264, mit Ton"
    )


def test_what_a_site_said_stays_behind_our_own_sentence() -> None:
    assert translated("YouTube says that the video is gone: This video has been removed") == (
        "YouTube sagt, dass es das Video nicht mehr gibt: This video has been removed"
    )
    assert (
        translated("Facebook wants to see a human (Checkpoint).") == "Facebook will einen Menschen sehen (Checkpoint)."
    )


def test_numbers_are_written_as_the_reader_writes_them() -> None:
    assert translated("The file has 1,234,567 bytes; at most 1,000 are allowed.") == (
        "Die Datei hat 1.234.567 Bytes; höchstens 1.000 sind erlaubt."
    )
    assert translated("it lasts only 0.13 s") == "sie dauert nur 0,13 s"
    assert translated("The file has many bytes; at most 1,000 are allowed.") == (
        "The file has many bytes; at most 1,000 are allowed."
    )


@pytest.mark.parametrize(
    "value", ["%(error)s", "%s %d %%", "%(site)", "{0} {site}", "<b>&amp;</b>", "\\1 \\g<0>", "`rm -rf`", "\u202etxt"]
)
def test_nothing_of_a_value_is_interpreted(value: str) -> None:
    assert translated(f"The browser did not start: {value}") == f"Der Browser ist nicht gestartet: {value}"


def test_what_stands_as_code_stays_as_it_is() -> None:
    """``read`` is a word of ours in other sentences."""
    assert translated("This token's scope is `read` only.") == "Dieses Token reicht nur für `read`."


@pytest.mark.parametrize(
    "text", ["", "Sunset over the lake", "This is live", "An error occurred: please wait", "read-only"]
)
def test_what_nobody_here_said_stays_as_it_is(text: str) -> None:
    assert translated(text) == text


def test_an_english_reader_gets_every_message_as_it_was_said() -> None:
    use(Appearance())

    assert translated("The file has 1,234 bytes; at most 1,000 are allowed.") == (
        "The file has 1,234 bytes; at most 1,000 are allowed."
    )


@pytest.mark.parametrize("filling", ["x", ". ", "; ", ": ", ", ", " and ", "it is ", "%(", "The site answered 4.; "])
def test_a_message_without_end_is_read_once_and_left(filling: str) -> None:
    for length in (MAX_CHARS, 10_000):
        text = ("The database " + filling * length)[:length]

        assert len(translated(text)) >= length // 2


def test_a_pattern_finds_the_shortest_values_without_going_back() -> None:
    pattern = Pattern.of("%(host)s sent %(count)d of 100%% (%(why)s).")

    assert pattern.values("a sent b sent 12 of 100% (x).") is None  # the first "sent" ends the host
    assert pattern.values("a sent 12 of 100% (it (all) broke).") == {
        "host": "a",
        "count": "12",
        "why": "it (all) broke",
    }
    assert pattern.values("a sent 12 of 100%") is None


def test_a_pattern_needs_its_beginning_and_its_end_apart() -> None:
    assert Pattern.of("aba%(value)saba").values("ababa") is None
    assert Pattern.of("aba%(value)saba").values("abaaba") == {"value": ""}
