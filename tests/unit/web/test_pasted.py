"""Pasted texts, and the URLs in them."""

from __future__ import annotations

import pytest

from mediavault.web.pages.home import addresses_in

A = "https://x.com/jane/status/1"
B = "https://www.tiktok.com/@jane/video/2"


@pytest.mark.parametrize(
    ("text", "urls"),
    [
        ("", []),
        (" \n\t ", []),
        (A, [A]),
        (f"{A}\n{B}\n", [A, B]),
        (f"{A} {B}", [A, B]),
        (f"{A}\n{A}", [A]),
        (f"Look at this: {A}!", [A]),
        (f"Caption of the day\n\n{A}\nsent from my phone", [A]),
        (f"([a film]({A}), <{B}>)", [A, B]),
        (f"„{A}“ und «{B}»", [A, B]),
        (f"[InternetShortcut]\nURL={A}\n", ["[InternetShortcut]", A]),
        ("x.com/jane/status/1", [A]),
        ("HTTPS://X.COM/jane/status/1", ["HTTPS://X.COM/jane/status/1"]),
        (
            "https://en.wikipedia.org/wiki/Frost_(film)",
            ["https://en.wikipedia.org/wiki/Frost_(film)"],
        ),
        (f"https://web.archive.org/web/{A}", [f"https://web.archive.org/web/{A}"]),
    ],
)
def test_links_are_extracted_from_the_text_around_them(text: str, urls: list[str]) -> None:
    assert addresses_in(text) == urls


@pytest.mark.parametrize(
    ("text", "urls"),
    [
        ("nonsense", ["nonsense"]),
        ("two words", ["two words"]),
        (f"{A}\nhtps:/typo", [A, "htps:/typo"]),
        (f"{A} ftp://files.example/x", [A, "ftp://files.example/x"]),
        (f"view-source:{A}", [f"view-source:{A}"]),
        ("javascript:alert(1)", ["javascript:alert(1)"]),
    ],
)
def test_a_malformed_url_is_passed_on_to_be_refused(text: str, urls: list[str]) -> None:
    assert addresses_in(text) == urls
