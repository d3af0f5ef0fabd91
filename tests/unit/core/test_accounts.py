"""The account that published a post."""

from __future__ import annotations

import pytest

from mediavault.core.media import account


@pytest.mark.parametrize(
    "name",
    [
        "P.S.V.",
        "ZUBY:",
        "Radio Free Europe/Radio Liberty",
        "Dennis | wen?",
        "SM Kelly 🇺🇸🏳️\u200d🌈",  # joined by U+200D
        # a flag made of tags
        "Jane 🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
        "می\u200cخواهم",
        "cafe\u0301",
    ],
)
def test_a_display_name_stays_as_its_site_gave_it(name: str) -> None:
    """It is only displayed; file names use the slug."""
    assert account("x", "jane", name).display_name == name


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("  Jane\n\t Doe \u2028", "Jane Doe"),
        ("evil\u202egpj", "evilgpj"),
        ("a\u2066b\u2069\x00\x1b[1mc", "ab [1mc"),
        ("Jane\ud800", "Jane"),
        ("\u200b \n", None),
        ("x" * 300, "x" * 200),
    ],
)
def test_a_display_name_is_one_line_that_cannot_reorder_the_text_next_to_it(
    name: str, shown: str | None
) -> None:
    assert account("x", "jane", name).display_name == shown


def test_the_folder_of_an_account_is_safe_whatever_its_name() -> None:
    assert account("x", None, "../P.S.V./🏳️\u200d🌈").slug == "x-p.s.v"
