"""What a package index shows of the package."""

from __future__ import annotations

import re
from pathlib import Path

import hatch_build

README = Path(hatch_build.__file__).with_name("README.md").read_text("utf-8")
ADDRESS = "https://forge.example/us/mediavault"


def test_pictures_and_links_of_the_readme_are_absolute() -> None:
    text = hatch_build.readme_for_index(README, ADDRESS)

    targets = re.findall(r'<img src="([^"]*)"|\]\(([^)]*)\)', text)
    assert targets
    assert {
        kind
        for picture, link in targets
        if not (kind := picture or link).startswith(("https://", "#"))
    } == set()
    assert f'src="{ADDRESS}/raw/HEAD/docs/images/home-desktop-light.png"' in text
    assert f"]({ADDRESS}/blob/HEAD/docs/object-storage.md)" in text


def test_without_an_address_the_readme_has_no_pictures() -> None:
    text = hatch_build.readme_for_index(README, "")

    assert "<img" not in text
    assert text.startswith("# mediavault")


def test_the_readme_is_read_in_a_few_minutes() -> None:
    assert len(README.splitlines()) <= 80
