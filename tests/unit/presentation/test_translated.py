"""Messages translated into the reader's language."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mediavault.core.messages import Message, counted, join
from mediavault.presentation.preferences import Appearance, use
from mediavault.presentation.translation import translated


@pytest.fixture(autouse=True)
def german() -> Iterator[None]:
    use(Appearance(locale="de"))
    yield
    use(Appearance())


def test_values_are_put_into_the_translated_template() -> None:
    assert translated(Message("%(site)s shows a CAPTCHA.", site="X")) == "X zeigt ein Captcha."


def test_numbers_have_the_form_of_the_language() -> None:
    message = Message(
        "The download stopped at %(done)d of %(total)d bytes.", done=1200, total=1234567
    )

    assert translated(message) == "Der Download hat bei 1.200 von 1.234.567 Bytes aufgehört."


def test_a_count_has_its_form() -> None:
    assert [translated(counted(count, "picture")) for count in (1, 2)] == ["1 Bild", "2 Bilder"]


def test_messages_inside_a_message_are_translated_too() -> None:
    inner = Message("The post has %(pictures)s, but no video.", pictures=counted(3, "picture"))
    outer = join(" ", [Message("File %(number)d: %(error)s", number=2, error=inner), "As it is."])

    assert translated(outer) == "Datei 2: Der Beitrag hat 3 Bilder, aber kein Video. As it is."


def test_untrusted_text_inside_a_message_stays_as_it_is() -> None:
    error = "The post was deleted."

    assert translated(
        Message("%(what)s: %(said)s", what=Message("The disk is full"), said=error)
    ).endswith(f": {error}")
    assert "%(site)s" in translated(Message("%(what)s: %(said)s", what="%(site)s", said="%(said)s"))


def test_text_that_no_catalogue_has_is_shown_as_it_is() -> None:
    assert translated("Odd weather at %(site)s.") == "Odd weather at %(site)s."
    assert translated("") == ""


def test_a_sentence_that_an_older_version_stored_is_translated_where_it_has_no_values() -> None:
    assert translated("The disk is full.") == "Der Datenträger ist voll."


def test_an_english_reader_gets_the_text_itself() -> None:
    use(Appearance())

    assert translated(counted(1200, "picture")) == "1,200 pictures"
