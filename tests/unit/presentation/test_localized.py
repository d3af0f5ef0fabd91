"""Stored messages are English, and shown in the reader's language. Where no catalogue has a
message, the translated sentence of its error code is shown, and the message after it.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mediavault.core.failures import ErrorCode
from mediavault.presentation.preferences import Appearance, use
from mediavault.presentation.translation import LocalizedMessage, direction, localize
from mediavault.presentation.views import display
from tests.http_vault import ApiVault

STORED = "The post was deleted."


@pytest.fixture(autouse=True)
def english_again() -> Iterator[None]:
    yield
    use(Appearance())


def test_an_english_reader_gets_the_message_as_it_was_stored() -> None:
    assert localize(ErrorCode.HTTP_ERROR, "Odd weather at the site.") == LocalizedMessage(
        "Odd weather at the site."
    )


def test_another_reader_gets_the_error_codes_sentence_and_the_message_after_it() -> None:
    use(Appearance(locale="de"))

    assert localize(ErrorCode.HTTP_ERROR, "Odd weather at the site.") == LocalizedMessage(
        "Der Dienst hat mit einem Fehler geantwortet.", "Odd weather at the site."
    )


def test_a_message_that_a_catalogue_has_needs_no_original() -> None:
    use(Appearance(locale="de"))

    assert localize(ErrorCode.DELETED, STORED) == LocalizedMessage("Der Beitrag wurde gelöscht.")


def test_an_empty_message_stays_empty() -> None:
    use(Appearance(locale="de"))

    assert localize(ErrorCode.DELETED, "") == LocalizedMessage("")


async def test_a_failed_job_shows_both(vault: ApiVault) -> None:
    job = await vault.add_failed()
    use(Appearance(locale="de"))

    assert (display(job).detail, display(job).original) == ("Der Beitrag wurde gelöscht.", "")


async def test_an_api_error_is_in_the_requested_language(vault: ApiVault) -> None:
    answer = (await vault.client.get("/api/jobs/no-id", accept_language="de")).json()

    assert answer["message"] == "Kein Auftrag hat diese Kennung."
    assert answer["help"].startswith("Die Kennung steht")


async def test_an_error_with_values_in_it_is_translated_with_them(vault: ApiVault) -> None:
    job = await vault.add_saved()
    answer = (await vault.client.post(f"/api/jobs/{job.id}/cancel", accept_language="de")).json()

    assert answer["message"] == "Der Auftrag ist gespeichert; er kann nicht abgebrochen werden."


def test_a_page_is_right_to_left_where_its_language_is() -> None:
    assert (direction("ar"), direction("de")) == ("rtl", "ltr")
